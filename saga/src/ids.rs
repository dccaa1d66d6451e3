//! Identifiers as types of their own, so that an order's id can never be passed for a message's.
//! Absent: making ids (that takes a clock and randomness; whoever creates the thing makes its id).

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID that is already known to be one of these.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The UUID itself, for storage.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id! {
    /// An order. A UUIDv7, so that ids sort by the time of placing.
    OrderId
}
uuid_id! {
    /// A message; also the id of its outbox row, and the key of the receiver's inbox.
    MessageId
}
uuid_id! {
    /// An entry in an account's ledger, as clients see it.
    TransactionId
}

/// The most characters a user id may have.
pub const USER_ID_MAX_LEN: usize = 128;

/// Who owns an account or an order: 1 to 128 visible ASCII characters, otherwise opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = "^[\\x21-\\x7e]{1,128}$")))]
pub struct UserId(String);

/// A text that is no user id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {USER_ID_MAX_LEN} visible ASCII characters")]
pub struct InvalidUserId;

impl UserId {
    /// Parses the text as it came.
    ///
    /// # Errors
    /// [`InvalidUserId`] when it is empty, too long, or holds anything but visible ASCII (no spaces either).
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidUserId> {
        let text = text.into();
        let fits = (1..=USER_ID_MAX_LEN).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(Self(text)) } else { Err(InvalidUserId) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: String) -> Result<Self, InvalidUserId> {
        Self::parse(text)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_is_one_to_128_visible_ascii_characters() {
        for good in ["1", "user-1", "0198c1f0-7e3c-7000-8000-000000000001", "~!@#", &"x".repeat(128)] {
            assert_eq!(UserId::parse(good).map(String::from), Ok(good.to_owned()));
        }
        for bad in ["", " ", "a b", "tab\t", "é", "\u{7f}", "new\nline", &"x".repeat(129)] {
            assert_eq!(UserId::parse(bad), Err(InvalidUserId), "{bad:?}");
        }
    }

    #[test]
    fn ids_are_plain_strings_in_json() -> Result<(), serde_json::Error> {
        let id = OrderId::new(Uuid::from_u128(7));
        assert_eq!(serde_json::to_string(&id)?, "\"00000000-0000-0000-0000-000000000007\"");
        assert!(serde_json::from_str::<UserId>("\"a b\"").is_err());
        Ok(())
    }
}
