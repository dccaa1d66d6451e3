//! Money as whole minor units: parsed from text, checked at every step, printed with two decimals.
//! Absent on purpose: floats, rounding, conversion between currencies.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Minor units in one major unit: 100 kopecks in a rouble. A currency with another exponent does not fit this type.
const MINOR_PER_MAJOR: i64 = 100;

/// A signed sum: a balance, or the change that a ledger entry makes. Minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From whole minor units.
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// Whole minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The sum, unless it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let minor = self.0.unsigned_abs();
        let per_major = MINOR_PER_MAJOR.unsigned_abs();
        write!(f, "{sign}{}.{:02}", minor / per_major, minor % per_major)
    }
}

/// What somebody asks to be moved: greater than zero, at most [`Amount::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minimum" = 1, "maximum" = Self::MAX.minor())))]
pub struct Amount(i64);

/// Why a text or a number of minor units is no [`Amount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// Not digits with an optional decimal point; exponents, signs other than one leading minus, and blanks are refused.
    #[error("must be a decimal number such as \"50.00\"")]
    NotDecimal,
    /// 0.001 is not 0.00: nothing is rounded.
    #[error("must have at most two decimals")]
    TooPrecise,
    /// Zero or below.
    #[error("must be greater than 0")]
    NotPositive,
    /// Over [`Amount::MAX`].
    #[error("must be at most {}", Amount::MAX)]
    TooLarge,
}

impl Amount {
    /// The largest amount, and also the largest balance: 1000000000000.00.
    pub const MAX: Self = Self(1_000_000_000_000 * MINOR_PER_MAJOR);

    /// From whole minor units.
    ///
    /// # Errors
    /// [`InvalidAmount`] when not within 1 and [`Amount::MAX`].
    pub fn from_minor(minor: i64) -> Result<Self, InvalidAmount> {
        match minor {
            ..=0 => Err(InvalidAmount::NotPositive),
            minor if minor > Self::MAX.0 => Err(InvalidAmount::TooLarge),
            minor => Ok(Self(minor)),
        }
    }

    /// Whole minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The same as a signed sum.
    pub const fn money(self) -> Money {
        Money(self.0)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.money().fmt(f)
    }
}

impl TryFrom<i64> for Amount {
    type Error = InvalidAmount;

    fn try_from(minor: i64) -> Result<Self, InvalidAmount> {
        Self::from_minor(minor)
    }
}

impl From<Amount> for i64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    /// Reads a JSON number's grammar without the exponent: `50`, `50.5`, `0.01`; not `.5`, `5.`, `+5`, `05`, `1e3`.
    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let negative = text.starts_with('-');
        let (whole, decimals) = split(text.strip_prefix('-').unwrap_or(text))?;
        if decimals.len() > 2 {
            return Err(InvalidAmount::TooPrecise);
        }
        if negative {
            return Err(InvalidAmount::NotPositive);
        }
        Self::from_minor(minor_units(whole, decimals).ok_or(InvalidAmount::TooLarge)?)
    }
}

/// The digits before and after the decimal point.
fn split(text: &str) -> Result<(&str, &str), InvalidAmount> {
    let (whole, decimals) = match text.split_once('.') {
        Some((_, "")) => return Err(InvalidAmount::NotDecimal),
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || leading_zero || !digits(whole) || !digits(decimals) {
        return Err(InvalidAmount::NotDecimal);
    }
    Ok((whole, decimals))
}

/// `None` when it does not fit. `decimals` are at most two digits.
fn minor_units(whole: &str, decimals: &str) -> Option<i64> {
    let major: i64 = whole.parse().ok()?;
    let cents = decimals.bytes().chain(*b"00").take(2).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    major.checked_mul(MINOR_PER_MAJOR)?.checked_add(cents)
}

/// An ISO 4217 code, such as `RUB`. The shop has one; it must have two decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("pattern" = "^[A-Z]{3}$")))]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an ISO 4217 code: three capital letters")]
pub struct InvalidCurrency;

impl Currency {
    /// The shop's currency unless it is configured.
    pub const RUB: Self = Self(*b"RUB");

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII capitals get in")
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        match text.as_bytes() {
            &[a, b, c] if text.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(Self([a, b, c])),
            _ => Err(InvalidCurrency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = InvalidCurrency;

    fn try_from(text: String) -> Result<Self, InvalidCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_read_to_the_letter_of_the_contract() {
        let good =
            [("50", 5000), ("50.5", 5050), ("50.00", 5000), ("0.01", 1), ("1000000000000.00", 100_000_000_000_000)];
        for (text, minor) in good {
            assert_eq!(text.parse::<Amount>().map(Amount::minor), Ok(minor), "{text}");
        }
        use InvalidAmount::{NotDecimal, NotPositive, TooLarge, TooPrecise};
        let bad = [
            ("0", NotPositive),
            ("0.00", NotPositive),
            ("-500", NotPositive),
            ("-0", NotPositive),
            ("0.001", TooPrecise),
            ("-0.001", TooPrecise),
            ("50.000", TooPrecise),
            ("1000000000000.01", TooLarge),
            ("99999999999999999999999", TooLarge),
            ("92233720368547758.08", TooLarge),
            ("1e16", NotDecimal),
            ("1e3", NotDecimal),
            ("1E3", NotDecimal),
            ("abc", NotDecimal),
            ("", NotDecimal),
            (" 1", NotDecimal),
            ("+1", NotDecimal),
            (".5", NotDecimal),
            ("5.", NotDecimal),
            ("05", NotDecimal),
            ("1,5", NotDecimal),
            ("--1", NotDecimal),
            ("-", NotDecimal),
            ("1.2.3", NotDecimal),
            ("٣", NotDecimal),
            ("NaN", NotDecimal),
            ("0x10", NotDecimal),
        ];
        for (text, why) in bad {
            assert_eq!(text.parse::<Amount>(), Err(why), "{text}");
        }
    }

    #[test]
    fn money_prints_two_decimals_and_keeps_the_sign() {
        let printed = [
            (0, "0.00"),
            (5, "0.05"),
            (-5, "-0.05"),
            (5000, "50.00"),
            (-5001, "-50.01"),
            (i64::MIN, "-92233720368547758.08"),
        ];
        for (minor, text) in printed {
            assert_eq!(Money::from_minor(minor).to_string(), text);
        }
    }

    #[test]
    fn sums_that_do_not_fit_are_refused_not_wrapped() {
        let most = Money::from_minor(i64::MAX);
        assert_eq!(most.checked_add(Money::from_minor(1)), None);
        assert_eq!(Money::from_minor(i64::MIN).checked_sub(Money::from_minor(1)), None);
    }

    #[test]
    fn a_currency_is_three_capitals() {
        assert_eq!("RUB".parse(), Ok(Currency::RUB));
        for bad in ["", "RU", "rub", "RUBL", "РУБ", "R1B"] {
            assert_eq!(bad.parse::<Currency>(), Err(InvalidCurrency), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_an_amount_prints_it_reads_again(minor in 1..=Amount::MAX.minor()) {
            let amount = Amount::from_minor(minor).expect("within range");
            prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        }

        #[test]
        fn any_text_is_read_or_refused_and_never_panics(text in ".{0,40}") {
            if let Ok(amount) = text.parse::<Amount>() {
                prop_assert!((1..=Amount::MAX.minor()).contains(&amount.minor()));
            }
        }

        #[test]
        fn adding_and_taking_away_again_changes_nothing(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (Money::from_minor(a), Money::from_minor(b));
            if let Some(sum) = a.checked_add(b) {
                prop_assert_eq!(sum.checked_sub(b), Some(a));
            }
        }
    }
}
