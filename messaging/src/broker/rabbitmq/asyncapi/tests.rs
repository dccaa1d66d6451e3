//! The document is the file that is committed, and its schemas take and refuse what the code takes and refuses.
//! Absent: whether the file is AsyncAPI 3.0 as its authors understand it; their validator says that.

use super::document;
use crate::{Announcement, Event};
use saga::messages::{
    OrderStatusChanged, Payload, PaymentCancelRequested, PaymentCancelled, PaymentDeclined, PaymentRequested,
    PaymentSucceeded,
};
use serde_json::{Value, json};
use std::{error::Error, fs, path::Path};
use uuid::Uuid;

type TestResult = Result<(), Box<dyn Error>>;

#[expect(clippy::disallowed_methods, reason = "how a developer asks a test to write what it compares")]
fn refresh() -> bool {
    std::env::var("UPDATE_ASYNCAPI").is_ok()
}

#[test]
fn the_document_is_the_one_that_is_committed() -> TestResult {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/asyncapi.yaml");
    let text = serde_saphyr::to_string(&document())?;
    assert_eq!(serde_saphyr::from_str::<Value>(&text)?, serde_json::to_value(document())?, "YAML loses nothing");
    if refresh() {
        fs::write(&path, &text)?;
    }
    assert!(
        fs::read_to_string(&path)? == text,
        "docs/asyncapi.yaml is stale: run UPDATE_ASYNCAPI=1 cargo test -p messaging asyncapi"
    );
    Ok(())
}

/// What the code says to an event of the type that this one had before it was changed.
fn is_read(type_name: &str, event: &Value) -> bool {
    fn data<P: Payload>(body: &[u8]) -> bool {
        Event::parse(body).is_ok_and(|event| event.type_name == P::TYPE && event.data::<P>().is_ok())
    }
    let body = event.to_string().into_bytes();
    match type_name {
        PaymentRequested::TYPE => data::<PaymentRequested>(&body),
        PaymentSucceeded::TYPE => data::<PaymentSucceeded>(&body),
        PaymentDeclined::TYPE => data::<PaymentDeclined>(&body),
        PaymentCancelRequested::TYPE => data::<PaymentCancelRequested>(&body),
        PaymentCancelled::TYPE => data::<PaymentCancelled>(&body),
        OrderStatusChanged::TYPE => Announcement::read(&body).is_ok(),
        other => panic!("{other} is read nowhere"),
    }
}

/// A message of the document.
struct Message {
    /// The CloudEvents `type`.
    name: String,
    schema: jsonschema::Validator,
    example: Value,
}

fn messages() -> Result<Vec<Message>, Box<dyn Error>> {
    let document = serde_json::to_value(document())?;
    let messages = document["components"]["messages"].as_object().ok_or("messages")?;
    let messages = messages.values().map(|message| {
        let schema = json!({"$ref": message["payload"]["$ref"], "components": document["components"]});
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft7).should_validate_formats(true);
        let options = options.with_format("uuid", |text: &str| Uuid::parse_str(text).is_ok());
        let schema = options.build(&schema)?;
        let name = message["name"].as_str().ok_or("a name")?.to_owned();
        Ok(Message { name, schema, example: message["examples"][0]["payload"].clone() })
    });
    messages.collect()
}

#[test]
fn each_example_is_as_its_schema_says_and_is_read_also_when_it_has_grown() -> TestResult {
    let messages = messages()?;
    assert_eq!(messages.len(), 6);
    for Message { name, schema, example: mut event } in messages {
        for _ in 0..2 {
            assert_eq!(
                schema.iter_errors(&event).map(|error| error.to_string()).collect::<Vec<_>>(),
                [""; 0],
                "{name}"
            );
            assert!(is_read(&name, &event), "{name}: {event}");
            event["tenant"] = json!("x");
            event["data"]["added_later"] = json!({"any": "thing"});
        }
    }
    Ok(())
}

#[test]
fn what_the_code_refuses_the_schema_refuses_too() -> TestResult {
    let values = [json!(null), json!(""), json!("?"), json!(0), json!(-1), json!(1.5), json!([]), json!(i64::MAX)];
    let mut refused = 0;
    for Message { name, schema, example: event } in messages()? {
        let fields = event["data"].as_object().ok_or("data")?.keys().map(|field| format!("/data/{field}"));
        let changes = event.pointer("/data/changes/0").and_then(Value::as_object).into_iter().flatten();
        let changes = changes.map(|(field, _)| format!("/data/changes/0/{field}"));
        let attributes = ["/specversion", "/id", "/type", "/datacontenttype", "/data"].map(str::to_owned);
        for pointer in attributes.into_iter().chain(fields).chain(changes) {
            for value in &values {
                let mut broken = event.clone();
                *broken.pointer_mut(&pointer).ok_or("the place")? = value.clone();
                let read = is_read(&name, &broken);
                refused += usize::from(!read);
                assert!(read || !schema.is_valid(&broken), "{name} takes {value} as {pointer}");
            }
        }
    }
    assert!(refused > 200, "{refused}");
    Ok(())
}
