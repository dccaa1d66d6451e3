//! What every OpenAPI document of the shop has alike: the common headers and the problems that a call may answer.
//! Absent: the calls; each service describes its own.

use crate::{Code, Problem, problem::MEDIA_TYPE};
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::{
    Content, HeaderBuilder, ObjectBuilder, OneOfBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
    Schema, Type,
    content::ContentBuilder,
    example::{Example, ExampleBuilder},
    path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
};

/// Adds to one call the headers that every call takes and gives, and an example for each problem that it may answer.
///
/// # Panics
/// When the document has no such call: the lists are constants, and a test builds every document.
pub fn describe(document: &mut OpenApi, method: HttpMethod, path: &str, problems: &[Code]) {
    let item = document.paths.paths.get_mut(path).expect("the document has this path");
    let operation = operation(item, &method).expect("the document has this call");
    let parameters = operation.parameters.get_or_insert_default();
    parameters.insert(0, user_id().into());
    parameters.push(request_id().into());
    parameters.push(trace_parent().into());
    for (status, codes) in by_status(problems) {
        operation.responses.responses.insert(status.to_string(), RefOr::T(problem(&codes)));
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response
                .headers
                .insert("X-Request-Id".to_owned(), RefOr::T(text_header("The id of the request, given or made")));
        }
    }
}

/// What any call may answer.
pub const ALWAYS: [Code; 6] = [
    Code::MissingUserId,
    Code::InvalidUserId,
    Code::MethodNotAllowed,
    Code::Overloaded,
    Code::Unavailable,
    Code::Internal,
];
/// What a call with a body may answer as well.
pub const WITH_BODY: [Code; 4] =
    [Code::MalformedJson, Code::PayloadTooLarge, Code::UnsupportedMediaType, Code::UnknownField];

fn operation<'a>(item: &'a mut PathItem, method: &HttpMethod) -> Option<&'a mut Operation> {
    match method {
        HttpMethod::Get => item.get.as_mut(),
        HttpMethod::Post => item.post.as_mut(),
        _ => None,
    }
}

fn by_status(codes: &[Code]) -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_u16()).or_default().push(*code);
    }
    by_status
}

fn problem(codes: &[Code]) -> Response {
    let words: Vec<_> = codes.iter().map(|code| format!("`{}`", code.as_str())).collect();
    let mut response = ResponseBuilder::new().description(words.join(", ")).content(MEDIA_TYPE, content(codes));
    if codes.iter().any(|code| code.status().as_u16() == 503) {
        response = response.header("Retry-After", text_header("Seconds to wait before another try"));
    }
    if codes.contains(&Code::MethodNotAllowed) {
        response = response.header("Allow", text_header("The methods that there are"));
    }
    response.build()
}

fn content(codes: &[Code]) -> Content {
    let examples = codes.iter().map(|code| (code.as_str(), example(*code)));
    let schema = RefOr::Ref(Ref::from_schema_name("ProblemBody"));
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}

fn example(code: Code) -> Example {
    let value = serde_json::to_value(Problem::new(code, code.title()).body()).unwrap_or(json!(null));
    ExampleBuilder::new().summary(code.title()).value(Some(value)).build()
}

fn text_header(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new().schema(Some(text(1, None))).description(Some(description)).build()
}

fn text(min: usize, max: Option<usize>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(min)).max_length(max)
}

fn header(name: &str, required: Required, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(description))
}

fn user_id() -> Parameter {
    let schema = text(1, Some(128)).pattern(Some("^[\\x21-\\x7e]{1,128}$"));
    header("X-User-Id", Required::True, "Who asks: 1 to 128 visible ASCII characters")
        .schema(Some(schema))
        .example(Some(json!("user-1")))
        .build()
}

/// The `Idempotency-Key` header of calls that make something.
pub fn idempotency_key() -> Parameter {
    let schema = text(1, Some(255)).pattern(Some("^[\\x21-\\x7e]{1,255}$"));
    let description = "Makes a repeated request answer the same again and do nothing else";
    header("Idempotency-Key", Required::False, description)
        .schema(Some(schema))
        .example(Some(json!("0198c1f0-7e3c")))
        .build()
}

fn request_id() -> Parameter {
    header("X-Request-Id", Required::False, "Comes back on the answer and stands in the log")
        .schema(Some(text(1, Some(128))))
        .build()
}

fn trace_parent() -> Parameter {
    header("traceparent", Required::False, "W3C trace context; goes with the order through every service")
        .schema(Some(text(1, None)))
        .build()
}

/// The schema of an amount in a request: a decimal string, or a number that is never read as a float.
pub fn amount() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^(0|[1-9][0-9]*)(\.[0-9]{1,2})?$"));
    let number =
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0.01)).maximum(Some(1e12)).multiple_of(Some(0.01));
    OneOfBuilder::new().item(text.examples([json!("50.00")])).item(number.examples([json!(50.5)])).build().into()
}
