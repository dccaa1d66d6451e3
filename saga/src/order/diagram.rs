//! The saga's table as a picture, for `ARCHITECTURE.md`: Mermaid's text of a state diagram, every cell of the table in it.
//! Absent: any knowledge of its own about what leads where; that is looked up.

use super::{CancelCause, DeclineReason, Effect, Event, Kind, START, State, TABLE, Then, look_up};
use std::fmt::Write;

/// The saga as a Mermaid `stateDiagram-v2`: the steps are arrows with their events and effects; what an event does that leads nowhere
/// stands in the state's note.
pub fn diagram() -> String {
    let mut lines = vec!["stateDiagram-v2".to_owned()];
    let kinds = || TABLE.into_iter().map(|(kind, _)| kind);
    lines.extend(kinds().map(|kind| format!("    state \"{}\" as {}", label(kind), name(kind))));
    lines.push(format!("    [*] --> {}: placed / {}", name(START.0.kind()), effects(START.1)));
    lines.extend(kinds().flat_map(arrows));
    lines.extend(kinds().filter(|kind| states(*kind).iter().all(|state| state.is_final())).map(end));
    lines.extend(kinds().flat_map(note));
    lines.iter().fold(String::new(), |mut text, line| {
        writeln!(text, "{line}").expect("a String takes every text");
        text
    })
}

/// One event of each column of the table.
const EVENTS: [Event; 5] = [
    Event::PaymentSucceeded,
    Event::PaymentDeclined(DeclineReason::InsufficientFunds),
    Event::PaymentCancelled(CancelCause::ByUser),
    Event::CancelRequested(CancelCause::ByUser),
    Event::AnswerOverdue,
];

fn arrows(kind: Kind) -> Vec<String> {
    let arrows = EVENTS.into_iter().filter_map(|event| match look_up(kind, event) {
        (goal, Then::Go(with) | Then::Again(with)) => {
            let goal = goal.map_or(kind, State::kind);
            Some(format!("    {} --> {}: {} / {}", name(kind), name(goal), heard(event), effects(with)))
        }
        (_, Then::Stay | Then::Repeat | Then::Contradict | Then::Refuse) => None,
    });
    arrows.collect()
}

fn end(kind: Kind) -> String {
    format!("    {} --> [*]", name(kind))
}

fn note(kind: Kind) -> Vec<String> {
    let still = EVENTS.into_iter().filter_map(|event| match look_up(kind, event).1 {
        Then::Go(_) | Then::Again(_) => None,
        Then::Stay => Some(format!("        {}: nothing", heard(event))),
        Then::Repeat => Some(format!("        {}: nothing, a contradiction if not as before", heard(event))),
        Then::Contradict => Some(format!("        {}: a contradiction", heard(event))),
        Then::Refuse => Some(format!("        {}: too late", heard(event))),
    });
    let mut lines: Vec<_> = still.collect();
    if !lines.is_empty() {
        lines.insert(0, format!("    note right of {}", name(kind)));
        lines.push("    end note".to_owned());
    }
    lines
}

/// What clients see of such a state, and the words that may stand beside it.
fn label(kind: Kind) -> String {
    let states = states(kind);
    let mut seen: Vec<_> = states.iter().map(|state| state.status().as_str()).collect();
    seen.dedup();
    let words = states.iter().filter_map(|state| match state {
        State::Cancelling(cause) => Some(cause.as_str()),
        other => other.reason(),
    });
    let words = words.collect::<Vec<_>>().join(" or ");
    match (kind, words.as_str()) {
        (_, "") => seen.join(", "),
        (Kind::Cancelling, words) => format!("{}, cancel requested: {words}", seen.join(", ")),
        (_, words) => format!("{}: {words}", seen.join(", ")),
    }
}

/// The states of a kind.
fn states(kind: Kind) -> Vec<State> {
    let causes = CancelCause::ALL.iter().copied();
    match kind {
        Kind::New => vec![State::New],
        Kind::Cancelling => causes.map(State::Cancelling).collect(),
        Kind::Finished => vec![State::Finished],
        Kind::Declined => DeclineReason::ALL.iter().copied().map(State::Declined).collect(),
        Kind::Cancelled => causes.map(State::Cancelled).collect(),
    }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::New => "New",
        Kind::Cancelling => "Cancelling",
        Kind::Finished => "Finished",
        Kind::Declined => "Declined",
        Kind::Cancelled => "Cancelled",
    }
}

const fn heard(event: Event) -> &'static str {
    match event {
        Event::PaymentSucceeded => "payment succeeded",
        Event::PaymentDeclined(_) => "payment declined",
        Event::PaymentCancelled(_) => "payment cancelled",
        Event::CancelRequested(_) => "cancel requested",
        Event::AnswerOverdue => "answer overdue",
    }
}

fn effects(effects: &[Effect]) -> String {
    let words = effects.iter().map(|effect| match effect {
        Effect::RequestPayment => "ask payments for the money",
        Effect::RequestCancel => "ask payments to cancel",
        Effect::AnnounceChange => "tell whoever watches",
    });
    words.collect::<Vec<_>>().join(", ")
}
