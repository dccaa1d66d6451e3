//! Bodies of requests, through the same door as a client's: what is read is what another parser reads, and can be said again.
//! Absent: media types and sizes that only a connection can have.

use crate::{Verdict, problems};
use actix_web::{FromRequest, test::TestRequest, web};
use edge::{Code, Fields, Problem};
use saga::Amount;
use serde_json::{Value, json, value::RawValue};
use std::collections::BTreeMap;
use tokio::runtime::{Builder, Runtime};

/// The fields of an order.
const KNOWN: [&str; 2] = ["amount", "description"];

/// The longest description in characters, as the contract has it.
const MAX_DESCRIPTION: usize = 512;

/// The deepest nesting that is read.
const MAX_DEPTH: i32 = 32;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime without threads");
}

/// Reads a body as `POST /orders` does.
pub fn read(body: &[u8]) -> Result<Fields, Problem> {
    let request = TestRequest::post().insert_header(("content-type", "application/json"));
    let (request, mut payload) = request.set_payload(body.to_vec()).to_http_parts();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let payload = web::Payload::from_request(&request, &mut payload).await.expect("it is only handed on");
            Fields::read(&request, payload, &KNOWN).await
        })
    })
}

/// Any bytes as the body of an order.
pub fn body(data: &[u8]) -> Verdict {
    let fields = match read(data) {
        Ok(fields) => fields,
        Err(problem) => {
            problems::check(&problem, &[Code::MalformedJson, Code::PayloadTooLarge, Code::UnknownField]);
            assert!(reference(data).is_none(), "{problem}, but it is an object of known fields");
            return Verdict::Refused;
        }
    };
    let reference = reference(data).expect("no other parser takes this for an object of known fields");
    let amount = fields.amount().inspect_err(|problem| problems::check(problem, &[Code::InvalidAmount])).ok();
    let description = fields.description();
    let description = description.inspect_err(|problem| problems::check(problem, &[Code::InvalidDescription])).ok();
    check_description(description.as_ref().map(Option::as_deref), &reference);
    if let (Some(amount), Some(description)) = (amount, &description) {
        say_again(amount, description.as_deref());
    }
    Verdict::of(amount.is_some() && description.is_some())
}

/// What the standard parser makes of it, if that is an object of known fields, each once, that is not nested deeper than allowed.
fn reference(data: &[u8]) -> Option<BTreeMap<String, Box<RawValue>>> {
    let fields: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(data).ok()?;
    let once = fields.len() == count(data)?;
    let fits = data.len() <= edge::body::MAX_BODY && depth(std::str::from_utf8(data).ok()?) <= MAX_DEPTH;
    (once && fits && fields.keys().all(|name| KNOWN.contains(&name.as_str()))).then_some(fields)
}

/// How many fields an object has, repeated ones too.
fn count(data: &[u8]) -> Option<usize> {
    struct Count(usize);
    impl<'de> serde::Deserialize<'de> for Count {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Count(0))
        }
    }
    impl<'de> serde::de::Visitor<'de> for Count {
        type Value = Self;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
            while map.next_entry::<String, serde::de::IgnoredAny>()?.is_some() {
                self.0 += 1;
            }
            Ok(self)
        }
    }
    serde_json::from_slice::<Count>(data).ok().map(|count| count.0)
}

/// How deep brackets are nested, between the texts of what is known to be JSON.
fn depth(json: &str) -> i32 {
    let plain = json.replace(r"\\", "").replace(r#"\""#, "");
    let steps = plain.split('"').step_by(2).flat_map(str::chars).map(|sign| match sign {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    });
    let depths = steps.scan(0, |depth, step| {
        *depth += step;
        Some(*depth)
    });
    depths.max().unwrap_or(0)
}

/// What was read is what the standard parser has; what was refused is no short text.
fn check_description(read: Option<Option<&str>>, fields: &BTreeMap<String, Box<RawValue>>) {
    let value = fields.get("description").map(|raw| serde_json::from_str(raw.get()).unwrap_or(Value::Bool(false)));
    let expected = match &value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) if text.contains('\0') || text.chars().count() > MAX_DESCRIPTION => None,
        Some(Value::String(text)) => Some(Some(text.as_str())),
        Some(_) => None,
    };
    assert_eq!(read, expected);
}

/// An order as the shop shows it can be placed again, and is the same.
fn say_again(amount: Amount, description: Option<&str>) {
    let shown = json!({"amount": amount.to_string(), "description": description}).to_string();
    // A description of escapes may have grown beyond what a body may have.
    if shown.len() <= edge::body::MAX_BODY {
        let fields = read(shown.as_bytes()).expect("what was shown can be sent");
        assert_eq!((fields.amount().ok(), fields.description().ok().flatten().as_deref()), (Some(amount), description));
    }
}
