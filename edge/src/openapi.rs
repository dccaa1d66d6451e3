//! What every OpenAPI document of the shop has alike: the common headers and the problems that a call may answer.
//! Absent: the calls; each service describes its own.

use crate::{Code, Problem, caller, problem::MEDIA_TYPE};
use saga::UserId;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::openapi::{
    Content, HeaderBuilder, Object, ObjectBuilder, OneOfBuilder, OpenApi, Ref, RefOr, Required, Response,
    ResponseBuilder, Schema, Type,
    content::ContentBuilder,
    example::{Example, ExampleBuilder},
    link::Link,
    path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
};

/// The user of the examples.
const USER: &str = "user-1";

/// Adds to one call the headers that every call takes and gives, and an example for each problem that it may answer.
///
/// # Panics
/// When the document has no such call: the lists are constants, and a test builds every document.
pub fn describe(document: &mut OpenApi, method: HttpMethod, path: &str, problems: &[Code]) {
    let operation = call(document, &method, path);
    let parameters = operation.parameters.get_or_insert_default();
    parameters.insert(0, user_id().into());
    parameters.push(expected_user_id().into());
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
pub const ALWAYS: [Code; 7] = [
    Code::MissingUserId,
    Code::InvalidUserId,
    Code::UserMismatch,
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

/// Says that a call takes nothing as well as an empty object.
///
/// # Panics
/// As [`describe`].
pub fn needs_no_body(document: &mut OpenApi, method: HttpMethod, path: &str) {
    let Some(RefOr::T(body)) = &mut call(document, &method, path).request_body else { panic!("{path} has no body") };
    body.required = Some(Required::False);
}

/// Says which calls are about what this one has answered, and where their parameters are found.
///
/// # Panics
/// As [`describe`].
pub fn leads_to(
    document: &mut OpenApi,
    (method, path, status): (HttpMethod, &str, &str),
    calls: &[&str],
    found: Found<'_>,
) {
    let response = call(document, &method, path).responses.responses.get_mut(status);
    let Some(RefOr::T(response)) = response else { panic!("{path} has no answer {status}") };
    for operation in calls {
        let link = found.iter().fold(Link::builder().operation_id(*operation), |link, (parameter, place)| {
            link.parameter(*parameter, *place)
        });
        response.links.insert((*operation).to_owned(), RefOr::T(link.build()));
    }
}

/// Parameters of a call, and where in another one and its answer they are found.
pub type Found<'a> = &'a [(&'a str, &'a str)];

fn call<'a>(document: &'a mut OpenApi, method: &HttpMethod, path: &str) -> &'a mut Operation {
    let item = document.paths.paths.get_mut(path).expect("the document has this path");
    operation(item, method).expect("the document has this call")
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
    let problem = match code {
        Code::UserMismatch => Problem::user_mismatch(&UserId::parse(USER).expect("a user's id")),
        code => Problem::new(code, code.title()),
    };
    let value = serde_json::to_value(problem.body()).unwrap_or(json!(null));
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
    let description = "Who asks: 1 to 128 visible ASCII characters";
    user_header(caller::HEADER, Required::True, description).example(Some(json!(USER))).build()
}

/// Without an example: Swagger UI would fill it in, and then nobody but that user could try anything out.
fn expected_user_id() -> Parameter {
    let description =
        "Whom the client believes to speak for: unless that is who asks, nothing is done (`user_mismatch`)";
    user_header(caller::EXPECTED_HEADER, Required::False, description).build()
}

fn user_header(name: &str, required: Required, description: &str) -> ParameterBuilder {
    let schema = text(1, Some(128)).pattern(Some("^[\\x21-\\x7e]{1,128}$"));
    header(name, required, description).schema(Some(schema))
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

/// No rule in the schema: nobody is refused for it.
fn request_id() -> Parameter {
    let description =
        "Comes back on the answer and stands in the log; one that is not 1 to 128 visible ASCII characters is replaced";
    header("X-Request-Id", Required::False, description).schema(Some(Object::with_type(Type::String))).build()
}

/// No rule in the schema: nobody is refused for it.
fn trace_parent() -> Parameter {
    let description = "W3C trace context; goes with the order through every service, unless it is none";
    header("traceparent", Required::False, description).schema(Some(Object::with_type(Type::String))).build()
}

/// Exactly the texts that are an [`Amount`](saga::Amount): below 1, below the largest, the largest.
const AMOUNT: &str = r"^(0\.(0[1-9]|[1-9][0-9]?)|[1-9][0-9]{0,11}(\.[0-9]{1,2})?|1000000000000(\.00?)?)$";

/// The schema of an amount in a request: a decimal string, or a number that is never read as a float.
pub fn amount() -> Schema {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(AMOUNT));
    let number =
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0.01)).maximum(Some(1e12)).multiple_of(Some(0.01));
    OneOfBuilder::new().item(text.examples([json!("50.00")])).item(number.examples([json!(50.5)])).build().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use saga::Amount;

    /// Whether the document says that a client may send this.
    fn documented(amount: &serde_json::Value) -> bool {
        let schema = serde_json::to_value(super::amount()).expect("a schema is JSON");
        jsonschema::is_valid(&schema, amount)
    }

    proptest! {
        #[test]
        fn a_text_is_documented_as_an_amount_if_and_only_if_it_is_read_as_one(
            text in r"[0-9]{1,3}\.?[0-9]{0,3}|-?[0-9]{1,15}(\.[0-9]{0,3})?|100000000000[0-9](\.[0-9]{1,3})?|.{0,6}",
        ) {
            prop_assert_eq!(documented(&json!(text)), text.parse::<Amount>().is_ok());
        }
    }

    #[test]
    fn the_bounds_of_an_amount_are_documented() {
        for (good, bad) in [
            ("0.01", "0.00"),
            ("0.1", "0.0"),
            ("1", "0"),
            ("1000000000000.00", "1000000000000.01"),
            ("999999999999.99", "1000000000001"),
            ("1000000000000", "9999999999999"),
        ] {
            assert_eq!((documented(&json!(good)), documented(&json!(bad))), (true, false), "{good} {bad}");
        }
    }
}
