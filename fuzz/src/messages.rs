//! Messages between the services, as their consumers parse them: envelope first, then the data of the type that it names.
//! Absent: what follows from a message.

use crate::Verdict;
use messaging::{Event, Letter, Poison, event::MAX_MESSAGE_BYTES};
use saga::{
    Amount, UserId,
    messages::{
        Payload, PaymentCancelRequested, PaymentCancelled, PaymentDeclined, PaymentRequested, PaymentSucceeded,
    },
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{collections::BTreeMap, fmt::Debug};
use store::Micros;

/// A reason travels in a header of the dead letter, and all headers have to fit into one frame.
const MOST_REASON: usize = 64 * 1024;

/// Any bytes as a message.
pub fn message(data: &[u8]) -> Verdict {
    match Event::parse(data).and_then(|event| payload(&event, data)) {
        Ok(()) => Verdict::Accepted,
        Err(poison) => {
            check_reason(&poison);
            Verdict::Refused
        }
    }
}

/// As both consumers together dispatch.
fn payload(event: &Event, data: &[u8]) -> Result<(), Poison> {
    match event.type_name.as_str() {
        PaymentRequested::TYPE => check(event, data, &event.data::<PaymentRequested>()?),
        PaymentSucceeded::TYPE => check(event, data, &event.data::<PaymentSucceeded>()?),
        PaymentDeclined::TYPE => check(event, data, &event.data::<PaymentDeclined>()?),
        PaymentCancelRequested::TYPE => check(event, data, &event.data::<PaymentCancelRequested>()?),
        PaymentCancelled::TYPE => check(event, data, &event.data::<PaymentCancelled>()?),
        other => return Err(Poison::UnknownType(other.to_owned())),
    }
    Ok(())
}

/// Sealed again it is the same message, in a letter that may be sent; and it says what another parser reads.
fn check<P: Payload + PartialEq + Debug>(event: &Event, data: &[u8], payload: &P) {
    let letter = Letter::seal(payload, Micros(0), event.ends, event.trace);
    assert!(letter.body.len() <= MAX_MESSAGE_BYTES, "{} bytes", letter.body.len());
    let again = Event::parse(letter.body.as_bytes()).expect("what was sealed is read");
    assert_eq!(again.data::<P>().as_ref(), Ok(payload));
    assert_eq!((&again.type_name, again.trace, again.ends), (&event.type_name, event.trace, event.ends));
    assert_eq!(again.id.uuid(), letter.id);

    let said = said(data);
    let sealed = serde_json::to_value(payload).expect("it was sealed");
    let meant = sealed.as_object().expect("an object").iter().filter(|(name, _)| !name.ends_with("_id"));
    assert!(meant.clone().count() >= 2);
    for (name, value) in meant {
        assert_eq!(serde_json::from_str::<Value>(said[name].get()).as_ref().ok(), Some(value), "{name}");
    }
    check_values(&sealed, payload);
}

/// The fields of the data, each as it was written: one that is ignored need not mean anything.
fn said(data: &[u8]) -> BTreeMap<String, Box<RawValue>> {
    #[derive(Deserialize)]
    struct Said {
        data: BTreeMap<String, Box<RawValue>>,
    }
    let text = std::str::from_utf8(data).expect("JSON is UTF-8");
    serde_json::from_str::<Said>(text).expect("it was JSON a moment ago").data
}

/// Nothing gets in that the contract does not allow.
fn check_values<P: Payload>(sealed: &Value, payload: &P) {
    let amount = sealed["amount_minor"].as_i64().expect("a whole number");
    assert!((1..=Amount::MAX.minor()).contains(&amount), "{amount}");
    assert_eq!(UserId::parse(payload.user_id().as_str()).as_ref(), Ok(payload.user_id()));
    let currency = sealed["currency"].as_str().expect("a text");
    assert!(currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase()), "{currency}");
}

/// It says what is wrong, in what a dead letter can carry; of a known type it says which.
pub fn check_reason(poison: &Poison) {
    let reason = poison.to_string();
    assert!(!reason.is_empty() && reason.len() <= MOST_REASON, "{} bytes", reason.len());
    if let Poison::Data { type_name, why } = poison {
        assert!(reason.contains(type_name.as_str()) && !why.is_empty(), "{reason}");
    }
}
