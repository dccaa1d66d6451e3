//! What a socket is told: the texts of snapshots, updates and the ready mark, and the cursors in them.
//! Absent: sockets, and who is told what.

use crate::order::Order;
use bytestring::ByteString;
use saga::{
    Amount, OrderId, UserId,
    messages::StatusChange,
    order::{State, UnknownWord},
};
use serde::Serialize;
use store::Micros;
use telemetry::TraceContext;

/// The kind of the push cursors.
const CURSOR: &str = "push";

/// A change of an order, as far as those who watch it need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it costs.
    pub amount: Amount,
    /// Where it stands now.
    pub state: State,
    /// Grows by one with each change.
    pub version: i32,
    /// When it changed.
    pub updated_at: Micros,
    /// Telling of it is recorded below this.
    pub trace: Option<TraceContext>,
}

impl From<&Order> for Change {
    fn from(order: &Order) -> Self {
        Self {
            order_id: order.id,
            user_id: order.draft.user_id.clone(),
            amount: order.draft.amount,
            state: order.state,
            version: order.version,
            updated_at: order.updated_at,
            trace: None,
        }
    }
}

impl TryFrom<StatusChange> for Change {
    type Error = UnknownWord;

    fn try_from(change: StatusChange) -> Result<Self, UnknownWord> {
        let time = change.updated_at;
        Ok(Self {
            order_id: change.order_id,
            user_id: change.user_id,
            amount: change.amount_minor,
            state: State::from_words(&change.status, change.reason.as_deref(), None)?,
            version: change.version,
            updated_at: Micros::parse(&time).ok_or(UnknownWord(time))?,
            trace: change.traceparent.as_deref().and_then(TraceContext::parse),
        })
    }
}

/// One message to a socket, with what its order needs to go only forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The order.
    pub order_id: OrderId,
    /// Its version.
    pub version: i32,
    /// The JSON text.
    pub text: ByteString,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    order_id: OrderId,
    status: &'static str,
    amount: String,
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_status: Option<&'static str>,
    version: i32,
    cursor: String,
}

impl Change {
    /// How it stood when somebody began to watch.
    pub fn snapshot(&self) -> Note {
        self.note("snapshot", None)
    }

    /// That it changed. `None` for a change that has no payment's outcome: the contract's update always tells one.
    pub fn update(&self) -> Option<Note> {
        let payment_status = match self.state {
            State::New | State::Cancelling(_) => return None,
            State::Finished => "succeeded",
            State::Declined(_) | State::Cancelled(_) => "failed",
        };
        Some(self.note("update", Some(payment_status)))
    }

    fn note(&self, kind: &'static str, payment_status: Option<&'static str>) -> Note {
        let wire = Wire {
            kind,
            order_id: self.order_id,
            status: self.state.status().as_str(),
            amount: self.amount.to_string(),
            reason: self.state.reason(),
            payment_status,
            version: self.version,
            cursor: seal(self.updated_at),
        };
        let text = serde_json::to_string(&wire).expect("strings and numbers always serialise");
        Note { order_id: self.order_id, version: self.version, text: text.into() }
    }
}

/// The mark that all snapshots of this user are sent and what follows is live.
pub fn ready(user: &UserId, at: Micros) -> String {
    serde_json::json!({"type": "ready", "user_id": user, "cursor": seal(at)}).to_string()
}

fn seal(at: Micros) -> String {
    edge::seal_cursor(CURSOR, &at.0.to_string())
}

/// The time in a cursor that a client brings back.
///
/// # Errors
/// `invalid_cursor` when it is none of ours.
pub fn open(cursor: &str) -> Result<Micros, edge::Problem> {
    let not_ours =
        |_| edge::Problem::new(edge::Code::InvalidCursor, "after must be a cursor of this connection's messages.");
    edge::open_cursor(CURSOR, cursor)?.parse().map(Micros).map_err(not_ours)
}
