//! What instances of orders tell each other, from the broker's bytes to the texts that sockets are sent.
//! Absent: sockets.

use crate::{Verdict, messages::check_reason};
use messaging::Announcement;
use orders_svc::pushing::change::{Change, Note, open};
use saga::messages::StatusChange;
use serde_json::Value;
use store::Micros;

/// Any bytes as an announcement.
pub fn announcement(data: &[u8]) -> Verdict {
    let announced = match Announcement::read(data) {
        Ok(announced) => announced,
        Err(poison) => {
            check_reason(&poison);
            return Verdict::Refused;
        }
    };
    let again =
        Announcement::new(&announced.changed, announced.instance.unwrap_or_default(), announced.origin, Micros(0));
    let again = Announcement::read(again.body.as_bytes());
    // What came without a blank may be larger when it is said by us; it is never said by us.
    assert!(again.is_err() || again.map(|again| again.changed).as_ref() == Ok(&announced.changed));
    let told = announced.changed.changes.into_iter().map(check);
    // Every one is looked at, also behind one that means nothing.
    Verdict::of(told.fold(true, |all, one| all & one))
}

/// Whether it can be told to a socket; then what is told is what was said.
fn check(said: StatusChange) -> bool {
    let Ok(change) = Change::try_from(said.clone()) else { return false };
    check_note(&change.snapshot(), &change, &said);
    if let Some(note) = change.update() {
        check_note(&note, &change, &said);
    }
    true
}

fn check_note(note: &Note, change: &Change, said: &StatusChange) {
    let text: Value = serde_json::from_str(&note.text).expect("a note is JSON");
    assert_eq!(text["status"], said.status);
    assert_eq!(text["reason"].as_str(), change.state.reason());
    assert_eq!(text["amount"], said.amount_minor.to_string());
    assert_eq!((note.version, note.order_id), (said.version, said.order_id));
    let cursor = text["cursor"].as_str().expect("a note has a cursor");
    assert_eq!(open(cursor).ok(), Some(change.updated_at));
    assert_eq!(Micros::parse(&change.updated_at.to_string()), Some(change.updated_at));
}
