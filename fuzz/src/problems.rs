//! What holds of every refusal that a client gets.
//! Absent: which refusal it is; a target knows that of its own.

use actix_web::{ResponseError, body::MessageBody};
use edge::{Code, Problem};
use serde::Deserialize;

#[derive(Deserialize)]
struct Told {
    status: u16,
    code: String,
    detail: String,
    #[serde(default)]
    errors: Vec<AtFault>,
}

#[derive(Deserialize)]
struct AtFault {
    field: String,
    message: String,
}

/// The refusal is one of these, is the client's fault, and says which rule is broken; where a field is at fault, by which field.
pub fn check(problem: &Problem, possible: &[Code]) {
    let code = problem.code();
    assert!(possible.contains(&code), "{problem}");
    let response = problem.error_response();
    assert!(response.status().is_client_error(), "{problem}");
    let body = response.into_body().try_into_bytes().unwrap_or_default();
    let told: Told = serde_json::from_slice(&body).expect("a problem is JSON");
    assert_eq!((told.status, told.code.as_str()), (code.status().as_u16(), code.as_str()));
    assert!(!told.detail.is_empty(), "{problem} without a rule");
    let about_fields = [Code::InvalidAmount, Code::InvalidDescription, Code::UnknownField].contains(&code);
    assert_eq!(about_fields, !told.errors.is_empty(), "{problem}");
    // A client may call a field "", so only the rule has to be something.
    assert!(told.errors.iter().all(|at_fault| !at_fault.message.is_empty()), "{problem}");
    let known = ["amount", "description"];
    let named = |at_fault: &AtFault| (code == Code::UnknownField) != known.contains(&at_fault.field.as_str());
    assert!(told.errors.iter().all(named), "{problem} names the wrong field");
}
