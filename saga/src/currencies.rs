//! Which currencies a shop may have: those of ISO 4217 with two decimals. Absent: names, signs and other numbers of decimals.
//!
//! Source: ISO 4217 lists one (current) and three (historic), maintained by SIX, <https://www.six-group.com/en/products-services/financial-information/data-standards.html>,
//! as of January 2026. Codes of funds and precious metals are left out: nobody has them in a purse.

use crate::{Currency, InvalidCurrency};

/// In use, with two decimals.
const CURRENT: &str = "\
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD \
    EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL \
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR \
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";

/// Withdrawn since 2000, with two decimals: there are books that were kept in them.
const WITHDRAWN: &str = "\
    ANG AZM BGN BYB CSD CUC CYP EEK GHC HRK LTL LVL MRO MTL MZM ROL SDD SIT SKK SLL SRG STD TMM TRL VEB VEF XEU YUM ZMK ZWD ZWL ZWN ZWR";

impl Currency {
    /// Reads the code of a currency that a shop may have.
    ///
    /// # Errors
    /// [`NotForShops`] for what is no code, and for a currency that is not in the list or has another number of decimals than two.
    pub fn for_a_shop(text: &str) -> Result<Self, NotForShops> {
        let currency: Self = text.parse()?;
        if lists(CURRENT, currency) || currency.is_withdrawn() {
            Ok(currency)
        } else {
            Err(NotForShops::Unknown(currency))
        }
    }

    /// Whether it is out of use: only for data that has it already.
    pub fn is_withdrawn(self) -> bool {
        lists(WITHDRAWN, self)
    }
}

/// A text that names no currency that a shop may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForShops {
    /// No code at all.
    #[error(transparent)]
    Code(#[from] InvalidCurrency),
    /// A code of nothing that amounts with two decimals can be in.
    #[error("must be a currency of ISO 4217 with two decimals, and {0} is none")]
    Unknown(Currency),
}

fn lists(codes: &str, currency: Currency) -> bool {
    codes.split(' ').any(|code| code == currency.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_may_have_what_is_in_use_or_was_and_has_two_decimals() {
        for code in ["RUB", "USD", "EUR", "INR", "ZWG"] {
            let currency = Currency::for_a_shop(code).unwrap();
            assert_eq!((currency.as_str(), currency.is_withdrawn()), (code, false));
        }
        for code in ["HRK", "BGN", "EEK"] {
            assert!(Currency::for_a_shop(code).unwrap().is_withdrawn(), "{code}");
        }
    }

    #[test]
    fn other_decimals_metals_tests_and_inventions_are_refused() {
        // None, none, three, four, no currency, a test, gold, nobody's.
        for code in ["JPY", "CLP", "KWD", "CLF", "XXX", "XTS", "XAU", "ABC"] {
            assert_eq!(Currency::for_a_shop(code), Err(NotForShops::Unknown(code.parse().unwrap())), "{code}");
        }
        for text in ["", "rub", "RUBL", "RUB ", "AED AFN"] {
            assert_eq!(Currency::for_a_shop(text), Err(NotForShops::Code(InvalidCurrency)), "{text}");
        }
    }

    #[test]
    fn the_lists_are_codes_in_order_and_none_is_in_both() {
        for codes in [CURRENT, WITHDRAWN] {
            let codes: Vec<_> = codes.split(' ').collect();
            assert!(codes.is_sorted() && codes.iter().all(|code| code.parse::<Currency>().is_ok()), "{codes:?}");
        }
        assert!(WITHDRAWN.split(' ').all(|code| !CURRENT.split(' ').any(|current| current == code)));
    }
}
