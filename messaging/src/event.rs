//! The CloudEvents envelope (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>) around each message.
//! Absent: the meaning of the data, and transport headers; the structured JSON is the whole message on every transport.

use crate::Ends;
use saga::{
    MessageId,
    messages::{OrderStatusChanged, Payload, routing_key},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Micros, chance};
use telemetry::{Started, TraceContext};
use uuid::Uuid;

/// The most bytes a message between the services may have, by contract.
pub const MAX_MESSAGE_BYTES: usize = 4096;
/// The media type of every message.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
pub(crate) const SPEC_VERSION: &str = "1.0";
pub(crate) const DATA_CONTENT_TYPE: &str = "application/json";

/// A sealed message: an outbox row in memory. What is published is `body`, byte for byte, however often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Also the id of the outbox row.
    pub id: Uuid,
    /// Where the broker routes it.
    pub routing_key: String,
    /// The user's id.
    pub partition_key: String,
    /// The CloudEvent as JSON.
    pub body: String,
    /// The span of its making, until that is recorded. Not in the row: whoever sweeps it did not make it.
    pub span: Option<Started>,
}

/// A CloudEvent 1.0 in structured JSON. Attributes may be added; whoever reads it ignores those that it does not know.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "{P}Event"))]
pub(crate) struct Sealed<'a, P> {
    /// The version of CloudEvents.
    specversion: &'static str,
    /// A UUIDv7: the outbox row's, and the key of the receiver's inbox. The same through every re-publication.
    id: Uuid,
    /// The service that says it.
    source: &'static str,
    /// The message type, with the major version at its end.
    #[serde(rename = "type")]
    type_name: &'static str,
    /// The order's id.
    subject: saga::OrderId,
    /// When it was sealed: RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    time: String,
    /// The media type of `data`.
    datacontenttype: &'static str,
    /// The user's id.
    #[cfg_attr(test, schemars(with = "saga::UserId"))]
    partitionkey: &'a str,
    /// The W3C trace context in which it was sealed, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "String", extend("pattern" = TRACE_PARENT)))]
    traceparent: Option<TraceContext>,
    /// The sender's database.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<Uuid>,
    /// The receiver's database, as soon as the sender knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<Uuid>,
    /// What it says.
    data: &'a P,
}

/// A `traceparent` of version 00, the only one that is sent.
#[cfg(test)]
const TRACE_PARENT: &str = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";

impl Letter {
    /// Seals a payload under a new id.
    pub fn seal<P: Payload>(payload: &P, time: Micros, ends: Ends, traceparent: Option<TraceContext>) -> Self {
        Self::seal_as(chance::id(), payload, time, ends, traceparent)
    }

    pub(crate) fn seal_as<P: Payload>(
        id: Uuid,
        payload: &P,
        time: Micros,
        ends: Ends,
        traceparent: Option<TraceContext>,
    ) -> Self {
        let sealed = Sealed {
            specversion: SPEC_VERSION,
            id,
            source: P::SOURCE,
            type_name: P::TYPE,
            subject: payload.order_id(),
            time: time.to_string(),
            datacontenttype: DATA_CONTENT_TYPE,
            partitionkey: payload.user_id().as_str(),
            traceparent,
            origin: ends.origin,
            peer: ends.peer,
            data: payload,
        };
        Self {
            id,
            routing_key: routing_key(P::TYPE).to_owned(),
            partition_key: payload.user_id().as_str().to_owned(),
            body: serde_json::to_string(&sealed).expect("strings and numbers always serialise"),
            span: None,
        }
    }

    /// The trace that the message belongs to, read from the message itself.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        Event::parse(self.body.as_bytes()).ok()?.trace
    }
}

/// The most bytes of an announcement, by contract.
pub const MAX_ANNOUNCEMENT_BYTES: usize = 256 * 1024;

/// What one orders instance tells all of them. Not a [`Letter`]: it is transient, and no outbox row stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The CloudEvent as JSON.
    pub body: String,
}

/// A CloudEvent 1.0 in structured JSON, as large as the changes of one commit.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "{D}Event"))]
pub(crate) struct SealedAnnouncement<D> {
    /// The version of CloudEvents.
    specversion: String,
    /// A UUIDv7.
    id: Uuid,
    /// The service that says it.
    source: String,
    /// The message type, with the major version at its end.
    #[serde(rename = "type")]
    type_name: String,
    /// The first change's order.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "saga::OrderId"))]
    subject: Option<String>,
    /// When it was sealed: RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    time: String,
    /// The media type of `data`.
    datacontenttype: String,
    /// The first change's user.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "saga::UserId"))]
    partitionkey: Option<String>,
    /// Which instance says it, so that it need not listen to itself: an extension attribute.
    #[serde(default)]
    instance: Option<Uuid>,
    /// The sender's database; what is of another one is none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<Uuid>,
    /// What it says.
    data: D,
}

/// An announcement that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// Who said it, if it says so.
    pub instance: Option<Uuid>,
    /// Of which database it is, if it says so.
    pub origin: Option<Uuid>,
    /// What became of which orders.
    pub changed: OrderStatusChanged,
}

impl Announcement {
    /// Seals changes of one commit. Subject and partition key are those of the first.
    pub fn new(changed: &OrderStatusChanged, instance: Uuid, origin: Option<Uuid>, time: Micros) -> Self {
        Self::seal_as(chance::id(), changed, instance, origin, time)
    }

    pub(crate) fn seal_as(
        id: Uuid,
        changed: &OrderStatusChanged,
        instance: Uuid,
        origin: Option<Uuid>,
        time: Micros,
    ) -> Self {
        let first = changed.changes.first();
        let sealed = SealedAnnouncement {
            specversion: SPEC_VERSION.to_owned(),
            id,
            source: "/orders".to_owned(),
            type_name: OrderStatusChanged::TYPE.to_owned(),
            subject: first.map(|change| change.order_id.to_string()),
            time: time.to_string(),
            datacontenttype: DATA_CONTENT_TYPE.to_owned(),
            partitionkey: first.map(|change| change.user_id.as_str().to_owned()),
            instance: Some(instance),
            origin,
            data: changed,
        };
        Self { body: serde_json::to_string(&sealed).expect("strings and numbers always serialise") }
    }

    /// Reads an announcement as it came from a broker.
    ///
    /// # Errors
    /// [`Poison`] when it is none.
    pub fn read(body: &[u8]) -> Result<Announced, Poison> {
        if body.len() > MAX_ANNOUNCEMENT_BYTES {
            return Err(Poison::TooLarge(body.len()));
        }
        let read: SealedAnnouncement<OrderStatusChanged> = envelope(body)?;
        if read.specversion != SPEC_VERSION || read.type_name != OrderStatusChanged::TYPE {
            return Err(Poison::UnknownType(read.type_name));
        }
        Ok(Announced { instance: read.instance, origin: read.origin, changed: read.data })
    }
}

/// A message that was received and is well-formed; its data is not looked at yet.
#[derive(Clone, Debug)]
pub struct Event {
    /// The key of the inbox.
    pub id: MessageId,
    /// The CloudEvents `type`.
    pub type_name: String,
    /// What belongs to its handling is recorded below this.
    pub trace: Option<TraceContext>,
    /// Between which databases it goes, as far as it says so.
    pub ends: Ends,
    data: Box<RawValue>,
}

/// Why a message can never be handled, however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Poison {
    /// More than [`MAX_MESSAGE_BYTES`], or [`MAX_ANNOUNCEMENT_BYTES`] for an announcement.
    #[error("{0} bytes are more than such a message may have")]
    TooLarge(usize),
    /// Not a CloudEvent in structured JSON.
    #[error("not a CloudEvent 1.0: {0}")]
    NotCloudEvent(String),
    /// A type that nobody here knows, or another major version of one.
    #[error("unknown message type {0:?}")]
    UnknownType(String),
    /// The type is known; its data breaks the contract.
    #[error("the data of {type_name} is not as agreed: {why}")]
    Data {
        /// The type.
        type_name: String,
        /// The parser's words.
        why: String,
    },
}

#[derive(Deserialize)]
struct Received {
    specversion: String,
    id: Uuid,
    source: String,
    #[serde(rename = "type")]
    type_name: String,
    #[serde(default)]
    datacontenttype: Option<String>,
    #[serde(default)]
    traceparent: Option<String>,
    #[serde(default)]
    origin: Option<Uuid>,
    #[serde(default)]
    peer: Option<Uuid>,
    data: Box<RawValue>,
}

impl Event {
    /// Reads a message as it came from a broker. Unknown attributes are ignored, an unreadable `traceparent` too.
    ///
    /// # Errors
    /// [`Poison`] when it is too large, not JSON, not UTF-8, or lacks what CloudEvents and the contract require.
    pub fn parse(body: &[u8]) -> Result<Self, Poison> {
        if body.len() > MAX_MESSAGE_BYTES {
            return Err(Poison::TooLarge(body.len()));
        }
        let received: Received = envelope(body)?;
        received.check().map_err(|why| Poison::NotCloudEvent(why.to_owned()))?;
        Ok(Self {
            id: MessageId::new(received.id),
            type_name: received.type_name,
            trace: received.traceparent.as_deref().and_then(TraceContext::parse),
            ends: Ends { origin: received.origin, peer: received.peer },
            data: received.data,
        })
    }

    /// Reads the data.
    ///
    /// # Errors
    /// [`Poison::Data`] when it is not what the type has agreed.
    pub fn data<P: Payload>(&self) -> Result<P, Poison> {
        serde_json::from_str(self.data.get())
            .map_err(|error| Poison::Data { type_name: self.type_name.clone(), why: error.to_string() })
    }
}

/// The parser takes any bytes inside of what it ignores, so the whole is looked at first.
fn envelope<'de, E: Deserialize<'de>>(body: &'de [u8]) -> Result<E, Poison> {
    let text = std::str::from_utf8(body).map_err(|error| Poison::NotCloudEvent(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| Poison::NotCloudEvent(error.to_string()))
}

impl Received {
    fn check(&self) -> Result<(), &'static str> {
        if self.specversion != SPEC_VERSION {
            return Err("specversion is not 1.0");
        }
        if self.source.is_empty() || self.type_name.is_empty() {
            return Err("source or type is empty");
        }
        match self.datacontenttype.as_deref() {
            None | Some(DATA_CONTENT_TYPE) => Ok(()),
            Some(_) => Err("datacontenttype is not application/json"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saga::{
        Amount, Currency, OrderId, UserId,
        messages::{MOST_CHANGES, PaymentRequested, PaymentSucceeded, StatusChange},
    };
    use serde_json::{Value, json};

    fn request() -> PaymentRequested {
        PaymentRequested {
            order_id: OrderId::new(Uuid::from_u128(1)),
            user_id: UserId::parse("user-1").expect("valid"),
            amount_minor: Amount::from_minor(5000).expect("valid"),
            currency: Currency::RUB,
        }
    }

    #[test]
    fn a_sealed_letter_is_the_cloud_event_of_the_contract() {
        let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").expect("valid");
        let letter = Letter::seal(&request(), Micros(0), Ends::default(), Some(trace));
        let sealed: Value = serde_json::from_str(&letter.body).expect("JSON");
        let expected = json!({
            "specversion": "1.0", "id": letter.id, "source": "/orders", "type": "gozon.payment.requested.v1",
            "subject": Uuid::from_u128(1), "time": "1970-01-01T00:00:00.000000Z", "datacontenttype": "application/json",
            "partitionkey": "user-1", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "data": {"order_id": Uuid::from_u128(1), "user_id": "user-1", "amount_minor": 5000, "currency": "RUB"},
        });
        assert_eq!(sealed, expected);
        assert_eq!((letter.routing_key.as_str(), letter.partition_key.as_str()), ("payment.requested", "user-1"));
        assert_eq!(letter.id.get_version_num(), 7);
        assert_eq!(letter.trace(), Some(trace));
    }

    #[test]
    fn what_was_sealed_is_read_again() {
        let letter = Letter::seal(&request(), Micros(7), Ends::default(), None);
        let event = Event::parse(letter.body.as_bytes()).expect("well-formed");
        assert_eq!((event.id.uuid(), event.type_name.as_str()), (letter.id, "gozon.payment.requested.v1"));
        assert_eq!(event.data(), Ok(request()));
        assert!(matches!(event.data::<PaymentSucceeded>(), Err(Poison::Data { .. })));
    }

    #[test]
    fn an_event_says_between_which_databases_it_goes_as_far_as_that_is_known() {
        let (own, partner) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for ends in
            [Ends::default(), Ends { origin: Some(own), peer: None }, Ends { origin: Some(own), peer: Some(partner) }]
        {
            let body = Letter::seal(&request(), Micros(7), ends, None).body;
            assert_eq!(Event::parse(body.as_bytes()).expect("well-formed").ends, ends);
            assert_eq!(body.contains("\"peer\""), ends.peer.is_some());
        }
        let garbled =
            Letter::seal(&request(), Micros(7), Ends::default(), None).body.replacen('{', "{\"origin\":\"us\",", 1);
        assert!(
            matches!(Event::parse(garbled.as_bytes()), Err(Poison::NotCloudEvent(_))),
            "not understood, not passed over"
        );
    }

    #[test]
    fn attributes_that_came_later_are_ignored_and_missing_ones_are_named() {
        let letter = Letter::seal(&request(), Micros(7), Ends::default(), None);
        let mut grown: Value = serde_json::from_str(&letter.body).expect("JSON");
        grown["tenant"] = json!("x");
        assert!(Event::parse(grown.to_string().as_bytes()).is_ok());
        for required in ["specversion", "id", "source", "type", "data"] {
            let mut without = grown.clone();
            without.as_object_mut().expect("an object").remove(required);
            let error = Event::parse(without.to_string().as_bytes()).expect_err(required);
            assert!(error.to_string().contains(required), "{error}");
        }
    }

    #[test]
    fn poison_is_told_from_messages() {
        let letter = Letter::seal(&request(), Micros(7), Ends::default(), None).body;
        let bad: [&[u8]; 7] = [
            b"",
            b"not json",
            b"[]",
            b"\xff\xfe{\x00",
            b"{}",
            &letter.replace("\"1.0\"", "\"0.3\"").into_bytes(),
            &letter.replace("application/json", "application/xml").into_bytes(),
        ];
        for body in bad {
            assert!(matches!(Event::parse(body), Err(Poison::NotCloudEvent(_))), "{:?}", String::from_utf8_lossy(body));
        }
        assert_eq!(Event::parse(&[b' '; 5000]).err(), Some(Poison::TooLarge(5000)));
    }

    #[test]
    fn bytes_that_are_no_text_are_poison_also_in_an_attribute_that_is_ignored() {
        let sealed = Letter::seal(&request(), Micros(7), Ends::default(), None).body;
        let said = Announcement::new(&OrderStatusChanged { changes: Vec::new() }, Uuid::nil(), None, Micros(7)).body;
        let with_bytes = |body: &str| [b"{\"tenant\": \"\xff\", ", &body.as_bytes()[1..]].concat();
        assert!(matches!(Event::parse(&with_bytes(&sealed)), Err(Poison::NotCloudEvent(why)) if why.contains("utf-8")));
        assert!(matches!(Announcement::read(&with_bytes(&said)), Err(Poison::NotCloudEvent(_))));
    }

    #[test]
    fn an_announcement_is_read_as_it_was_said_and_fits_its_bound_when_full() {
        let change = StatusChange {
            order_id: OrderId::new(Uuid::from_u128(1)),
            user_id: UserId::parse("u".repeat(128)).expect("valid"),
            status: "CANCELLED".to_owned(),
            reason: Some("insufficient_funds".to_owned()),
            amount_minor: Amount::MAX,
            currency: Currency::RUB,
            version: i32::MAX,
            updated_at: Micros(0).to_string(),
            traceparent: Some(TraceContext::sampled().to_string()),
        };
        let (changed, instance) = (OrderStatusChanged { changes: vec![change; MOST_CHANGES] }, Uuid::from_u128(7));
        let said = Announcement::new(&changed, instance, Some(Uuid::nil()), Micros(0));
        assert_eq!(
            Announcement::read(said.body.as_bytes()),
            Ok(Announced { instance: Some(instance), origin: Some(Uuid::nil()), changed })
        );
        let other = said.body.replace("status-changed.v1", "status-changed.v2");
        assert!(matches!(Announcement::read(other.as_bytes()), Err(Poison::UnknownType(_))));
    }
}
