//! Orders as clients see them.
//! Absent: how they are stored.

use crate::{
    order::Order,
    timeline::{Moment, Timeline, What},
};
use saga::order::{CancelCause, DeclineReason, Status};
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order, example = json!({
    "id": "0198c1f0-7e3c-7a10-9f00-3c5a1b2d4e6f",
    "user_id": "user-1",
    "amount": "50.00",
    "currency": "RUB",
    "description": "Two tickets",
    "status": "NEW",
    "reason": null,
    "version": 1,
    "created_at": "2026-11-21T11:46:00.000001Z",
    "updated_at": "2026-11-21T11:46:00.000001Z",
    "pay_before": "2026-11-21T12:01:00.000001Z",
    "cancel_requested_at": null,
}))]
pub struct OrderView {
    /// A UUID.
    #[schema(format = "uuid")]
    pub id: String,
    /// Who placed it.
    pub user_id: String,
    /// What it costs, with two decimals.
    #[schema(pattern = r"^[0-9]+\.[0-9]{2}$")]
    pub amount: String,
    /// The shop's currency.
    pub currency: String,
    /// What it is, in the buyer's words.
    #[schema(required = true)]
    pub description: Option<String>,
    /// Where it stands; `FINISHED` and `CANCELLED` are final.
    #[schema(schema_with = status)]
    pub status: &'static str,
    /// Why it was cancelled.
    #[schema(schema_with = reason, required = true)]
    pub reason: Option<&'static str>,
    /// 1 at first, one more with each change.
    #[schema(minimum = 1)]
    pub version: i32,
    /// When it was placed.
    #[schema(format = "date-time")]
    pub created_at: String,
    /// When it changed last.
    #[schema(format = "date-time")]
    pub updated_at: String,
    /// Until when it has to be paid.
    #[schema(format = "date-time")]
    pub pay_before: String,
    /// When somebody asked to cancel it.
    #[schema(format = "date-time", required = true)]
    pub cancel_requested_at: Option<String>,
}

fn words<'a>(words: impl Iterator<Item = &'a str>, nullable: bool) -> utoipa::openapi::ObjectBuilder {
    use serde_json::json;
    use utoipa::openapi::{ObjectBuilder, Type, schema::SchemaType};
    let values = words.map(|word| json!(word)).chain(nullable.then_some(json!(null)));
    let schema_type = match nullable {
        true => SchemaType::Array(vec![Type::String, Type::Null]),
        false => SchemaType::Type(Type::String),
    };
    ObjectBuilder::new().schema_type(schema_type).enum_values(Some(values.collect::<Vec<_>>()))
}

/// The status words, also of the `status` filter.
pub fn status() -> utoipa::openapi::ObjectBuilder {
    words(Status::ALL.iter().map(|status| status.as_str()), false)
}

fn reason() -> utoipa::openapi::ObjectBuilder {
    let declined = DeclineReason::ALL.iter().map(|reason| reason.as_str());
    words(declined.chain(CancelCause::ALL.iter().map(|cause| cause.as_str())), true)
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        Self {
            id: order.id.to_string(),
            user_id: order.draft.user_id.into(),
            amount: order.draft.amount.to_string(),
            currency: order.currency.to_string(),
            description: order.draft.description,
            status: order.state.status().as_str(),
            reason: order.state.reason(),
            version: order.version,
            created_at: order.created_at.to_string(),
            updated_at: order.updated_at.to_string(),
            pay_before: order.pay_before.to_string(),
            cancel_requested_at: order.cancel_requested.map(|(time, _)| time.to_string()),
        }
    }
}

/// One page of orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub struct OrderPage {
    /// Newest first.
    pub orders: Vec<OrderView>,
    /// Leads to the next page; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// An order's way so far.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Timeline, example = json!({
    "order_id": "0198c1f0-7e3c-7a10-9f00-3c5a1b2d4e6f",
    "events": [
        {"at": "2026-11-21T11:46:00.000001Z", "what": "placed", "detail": "Order over 50.00 RUB, to be paid by 2026-11-21T12:01:00.000001Z."},
        {"at": "2026-11-21T11:46:00.000001Z", "what": "payment_requested", "detail": "The request for 50.00 RUB is stored with the order."},
    ],
    "waiting_for": "The message broker is unreachable: the request for the money is stored, and goes out once it is back.",
}))]
pub struct TimelineView {
    /// A UUID.
    #[schema(format = "uuid")]
    pub order_id: String,
    /// In the order of time.
    pub events: Vec<TimelineEvent>,
    /// What an order that is `NEW` waits for, in words.
    #[schema(required = true)]
    pub waiting_for: Option<String>,
}

/// A step of an order's way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimelineEvent)]
pub struct TimelineEvent {
    /// When it was made; `request_published`: until when at the latest.
    #[schema(format = "date-time")]
    pub at: String,
    /// Which step.
    #[schema(schema_with = step)]
    pub what: What,
    /// In words.
    pub detail: String,
}

/// By itself: `inline` below a field's description makes it a text and an object at once, which nothing is.
fn step() -> RefOr<Schema> {
    What::schema()
}

impl From<Timeline> for TimelineView {
    fn from(Timeline { order_id, moments, waiting_for }: Timeline) -> Self {
        let event = |Moment { at, what, detail }| TimelineEvent { at: at.to_string(), what, detail };
        Self { order_id: order_id.to_string(), events: moments.into_iter().map(event).collect(), waiting_for }
    }
}

/// What a client sends to place an order. Only for the documentation: the fields are read strictly, without floats.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOrder, example = json!({"amount": "50.00", "description": "Two tickets"}))]
pub struct NewOrder {
    /// Greater than 0, at most 1000000000000.00, not more than two decimals; a string or a number.
    #[schema(schema_with = edge::openapi::amount)]
    #[expect(dead_code, reason = "only documents the request")]
    pub amount: String,
    /// At most 512 characters, none of them NUL.
    #[schema(max_length = 512, pattern = r"^[^\u0000]*$", required = false)]
    #[expect(dead_code, reason = "only documents the request")]
    pub description: Option<String>,
}

/// Nothing: the call needs no body, and takes an empty object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NoFields, example = json!({}))]
pub struct NoFields {}
