//! Every message of the contract: its schema, from the types that are sent, and an example, sealed as the services seal.
//! Absent: where it goes.

use crate::{
    Announcement, Ends, Letter,
    event::{DATA_CONTENT_TYPE, SPEC_VERSION, Sealed, SealedAnnouncement},
};
use saga::{
    Amount, Currency, OrderId, TransactionId, UserId,
    messages::{
        OrderStatusChanged, Payload, PaymentCancelRequested, PaymentCancelled, PaymentDeclined, PaymentRequested,
        PaymentSucceeded, StatusChange,
    },
    order::{CancelCause, DeclineReason, State},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};
use store::Micros;
use telemetry::TraceContext;
use uuid::Uuid;

/// When the examples happen: 2026-11-21, a quarter to twelve.
const TIME: Micros = Micros(1_795_261_500_000_000);
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// One message type.
pub(super) struct Message {
    /// The name of its Rust type.
    pub name: String,
    pub type_name: &'static str,
    pub source: &'static str,
    /// The name of the schema of the whole event.
    pub event: String,
    pub example: Value,
}

/// All of them, with the schemas that they share by name.
pub(super) fn all() -> (Vec<Message>, serde_json::Map<String, Value>) {
    let mut settings = SchemaSettings::draft07().for_serialize().with_transform(RecursiveTransform(plain));
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let messages = vec![
        letter(&mut generator, 1, &requested()),
        letter(&mut generator, 2, &succeeded()),
        letter(&mut generator, 3, &declined()),
        letter(&mut generator, 4, &cancel_requested()),
        letter(&mut generator, 5, &cancelled()),
        announcement(&mut generator, 6, &changed()),
    ];
    let mut schemas = generator.take_definitions(true);
    for message in &messages {
        let attributes = &mut schemas[&message.event]["properties"];
        for (attribute, word) in [
            ("specversion", SPEC_VERSION),
            ("source", message.source),
            ("type", message.type_name),
            ("datacontenttype", DATA_CONTENT_TYPE),
        ] {
            attributes[attribute]["const"] = json!(word);
        }
    }
    (messages, schemas)
}

/// Rust's links are none to readers of the document.
fn plain(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace("[`", "`").replace("`]", "`");
    }
}

fn letter<P: Payload + JsonSchema>(generator: &mut SchemaGenerator, n: u8, payload: &P) -> Message {
    generator.subschema_for::<Sealed<'_, P>>();
    let letter = Letter::seal_as(
        id(n),
        payload,
        TIME,
        Ends { origin: Some(id(7)), peer: Some(id(8)) },
        TraceContext::parse(TRACE),
    );
    Message {
        name: P::schema_name().into_owned(),
        type_name: P::TYPE,
        source: P::SOURCE,
        event: Sealed::<'_, P>::schema_name().into_owned(),
        example: serde_json::from_str(&letter.body).expect("it is JSON"),
    }
}

fn announcement(generator: &mut SchemaGenerator, n: u8, changed: &OrderStatusChanged) -> Message {
    generator.subschema_for::<SealedAnnouncement<OrderStatusChanged>>();
    let sealed = Announcement::seal_as(id(n), changed, id(9), Some(id(7)), TIME);
    Message {
        name: OrderStatusChanged::schema_name().into_owned(),
        type_name: OrderStatusChanged::TYPE,
        source: PaymentRequested::SOURCE,
        event: SealedAnnouncement::<OrderStatusChanged>::schema_name().into_owned(),
        example: serde_json::from_str(&sealed.body).expect("it is JSON"),
    }
}

/// A UUIDv7 of the examples' time.
fn id(n: u8) -> Uuid {
    Uuid::from_u128(0x0198_c1f0_7e3c_7a10_9f00_3c5a_1b2d_4e00 + u128::from(n))
}

fn order() -> (OrderId, UserId, Amount, Currency) {
    let user = UserId::parse("user-1").expect("valid");
    (OrderId::new(id(0x6f)), user, Amount::from_minor(5000).expect("valid"), Currency::RUB)
}

fn requested() -> PaymentRequested {
    let (order_id, user_id, amount_minor, currency) = order();
    PaymentRequested { order_id, user_id, amount_minor, currency }
}

fn succeeded() -> PaymentSucceeded {
    let (order_id, user_id, amount_minor, currency) = order();
    let transaction_id = TransactionId::new(id(0x70));
    PaymentSucceeded { order_id, user_id, amount_minor, currency, transaction_id }
}

fn declined() -> PaymentDeclined {
    let (order_id, user_id, amount_minor, currency) = order();
    PaymentDeclined { order_id, user_id, amount_minor, currency, reason: DeclineReason::InsufficientFunds }
}

fn cancel_requested() -> PaymentCancelRequested {
    let (order_id, user_id, amount_minor, currency) = order();
    PaymentCancelRequested { order_id, user_id, amount_minor, currency, cause: CancelCause::ByUser }
}

fn cancelled() -> PaymentCancelled {
    let (order_id, user_id, amount_minor, currency) = order();
    let refund_transaction_id = Some(TransactionId::new(id(0x71)));
    PaymentCancelled { order_id, user_id, amount_minor, currency, cause: CancelCause::ByUser, refund_transaction_id }
}

fn changed() -> OrderStatusChanged {
    let (order_id, user_id, amount_minor, currency) = order();
    let state = State::Cancelled(CancelCause::ByUser);
    let change = StatusChange {
        order_id,
        user_id,
        status: state.status().as_str().to_owned(),
        reason: state.reason().map(str::to_owned),
        amount_minor,
        currency,
        version: 3,
        updated_at: TIME.to_string(),
        traceparent: Some(TRACE.to_owned()),
    };
    OrderStatusChanged { changes: vec![change] }
}
