//! Amounts: what is read is within the contract's range, is what long division says, and shown and read again it is the same.
//! Absent: sums; those are checked where they are made.

use crate::{Verdict, bodies};
use saga::Amount;
use serde_json::Value;

/// In minor units: 1000000000000.00.
const MOST: u128 = 100_000_000_000_000;

/// Any text as an amount, by itself and in a body, as a text and as a number.
pub fn money(data: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(data) else { return Verdict::Refused };
    let read = text.parse::<Amount>();
    assert_eq!(read.ok().map(|amount| u128::try_from(amount.minor()).expect("positive")), reference(text), "{text:?}");
    check_in_a_body(text, read.ok());
    match read {
        Ok(amount) => check_shown(amount),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    Verdict::of(read.is_ok())
}

fn check_shown(amount: Amount) {
    let shown = amount.to_string();
    assert_eq!(shown.parse(), Ok(amount));
    assert_eq!(shown.split_once('.').map(|(_, decimals)| decimals.len()), Some(2), "{shown}");
    let wire = serde_json::to_string(&amount).expect("a number");
    assert_eq!(
        (wire.as_str(), serde_json::from_str::<Amount>(&wire).ok()),
        (&*amount.minor().to_string(), Some(amount))
    );
    assert_eq!(shown.replace('.', "").trim_start_matches('0'), wire);
}

/// As a text it reads the same. As a number too if it is an amount; what is refused by itself is accepted nowhere.
fn check_in_a_body(text: &str, amount: Option<Amount>) {
    let read = |value: &str| bodies::read(format!("{{\"amount\":{value}}}").as_bytes()).and_then(|body| body.amount());
    let quoted = Value::from(text).to_string();
    if quoted.len() < edge::body::MAX_BODY - 16 {
        assert_eq!(read(&quoted).ok(), amount, "{text:?} as a text");
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if is_number && text.len() < edge::body::MAX_BODY - 16 {
        assert_eq!(read(text).ok(), amount, "{text:?} as a number");
    }
}

/// An amount's minor units, told another way than the product does it: the digits as one whole number, shifted by the decimals.
fn reference(text: &str) -> Option<u128> {
    let (digits, decimals) = match text.find('.') {
        Some(point) => (text.replacen('.', "", 1), text.len() - point - 1),
        None => (text.to_owned(), 0),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('.') && !text.ends_with('.');
    let padded = text.len() > 1 && text.starts_with('0') && !text.starts_with("0.");
    let shift = [100, 10, 1].get(decimals)?;
    let minor = digits.parse::<u128>().ok().filter(|_| plain && !padded)?.checked_mul(*shift)?;
    (1..=MOST).contains(&minor).then_some(minor)
}
