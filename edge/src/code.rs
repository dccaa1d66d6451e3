//! The stable codes of the contract's error table, each with its status and title.
//! Absent: details and fields; a [`Problem`](crate::Problem) has those.

use actix_web::http::StatusCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        /// What went wrong, as clients may rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code there is, in the order of the contract.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The status it is answered with.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// The stable text, the member `code` of the answer.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// One short sentence for people, the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

codes! {
    /// No `X-User-Id`.
    MissingUserId = BAD_REQUEST, "missing_user_id", "The X-User-Id header is missing";
    /// `X-User-Id` or `X-Expected-User-Id` is empty, too long, has other characters, or was sent twice.
    InvalidUserId = BAD_REQUEST, "invalid_user_id", "The user id is not valid";
    /// The body is not one JSON object.
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is not a JSON object";
    /// A cursor that this list never gave out.
    InvalidCursor = BAD_REQUEST, "invalid_cursor", "The cursor is not valid";
    /// `limit` is not a number from 1 to 100.
    InvalidLimit = BAD_REQUEST, "invalid_limit", "The limit is not valid";
    /// `status` is not a status.
    InvalidStatus = BAD_REQUEST, "invalid_status", "The status is not valid";
    /// The path's order id is not a UUID.
    InvalidOrderId = BAD_REQUEST, "invalid_order_id", "The order id is not valid";
    /// `Idempotency-Key` is empty, too long, has other characters, or was sent twice.
    InvalidIdempotencyKey = BAD_REQUEST, "invalid_idempotency_key", "The Idempotency-Key header is not valid";
    /// A WebSocket from a page of another origin.
    OriginNotAllowed = FORBIDDEN, "origin_not_allowed", "The origin is not allowed";
    /// No such route.
    NotFound = NOT_FOUND, "not_found", "There is nothing here";
    /// No such order, or not the caller's.
    OrderNotFound = NOT_FOUND, "order_not_found", "There is no such order";
    /// The caller has no account.
    AccountNotFound = NOT_FOUND, "account_not_found", "There is no such account";
    /// The route exists, but not with this method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here";
    /// The body is over the limit.
    PayloadTooLarge = PAYLOAD_TOO_LARGE, "payload_too_large", "The body is too large";
    /// The body is not said to be JSON.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The media type is not supported";
    /// A second account for the same user.
    AccountExists = CONFLICT, "account_exists", "The account exists already";
    /// The order's status does not change any more.
    OrderAlreadyFinal = CONFLICT, "order_already_final", "The order is final already";
    /// The client believes to speak for another user than the request's.
    UserMismatch = CONFLICT, "user_mismatch", "The request is another user's";
    /// The amount is not what the contract calls one.
    InvalidAmount = UNPROCESSABLE_ENTITY, "invalid_amount", "The amount is not valid";
    /// The description is not a short text.
    InvalidDescription = UNPROCESSABLE_ENTITY, "invalid_description", "The description is not valid";
    /// The balance would exceed what fits.
    BalanceLimitExceeded = UNPROCESSABLE_ENTITY, "balance_limit_exceeded", "The balance would be too large";
    /// The same key came with another body.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused", "The Idempotency-Key was used already";
    /// The body has a field that means nothing here.
    UnknownField = UNPROCESSABLE_ENTITY, "unknown_field", "The body has an unknown field";
    /// Too much work is waiting already.
    Overloaded = SERVICE_UNAVAILABLE, "overloaded", "Too many requests are waiting";
    /// Something that the answer depends on is down.
    Unavailable = SERVICE_UNAVAILABLE, "unavailable", "The service is not available";
    /// A defect of ours.
    Internal = INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side";
}
