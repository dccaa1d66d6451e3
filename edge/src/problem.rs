//! An error as the client sees it: RFC 9457 `application/problem+json` with a stable code.
//! Absent on purpose: causes. What a client must not see is logged where it is turned into a problem.

use crate::Code;
use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, RETRY_AFTER},
    },
};
use saga::UserId;
use sea_orm::DbErr;
use serde::Serialize;
use std::fmt;
use store::Fault;
use utoipa::ToSchema;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What a 503 asks a client to wait, in seconds: a queue drains and a pool reconnects within one.
pub(crate) const RETRY_AFTER_SECONDS: &str = "1";

/// What a client is told when the fault is ours, and all it is told.
const INTERNAL_DETAIL: &str = "The request failed by a fault of ours. It has been logged.";

/// An answer that says what was wrong with the request, or that we could not serve it.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    user_id: Option<UserId>,
    allow: Option<String>,
}

/// One field at fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"field": "amount", "message": "must be greater than 0"}))]
pub struct FieldError {
    /// The field's name in the body.
    pub field: String,
    /// The rule that it breaks.
    pub message: String,
}

/// The body of every error: RFC 9457 with a stable `code`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "urn:gozon:problem:invalid_amount",
    "title": "The amount is not valid",
    "status": 422,
    "detail": "amount must be greater than 0",
    "code": "invalid_amount",
    "errors": [{"field": "amount", "message": "must be greater than 0"}],
}))]
pub struct ProblemBody {
    /// A stable URI reference of the kind of problem.
    pub r#type: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// This occurrence, for people.
    pub detail: String,
    /// The stable part: what programs decide by.
    pub code: String,
    /// The fields at fault; absent when no field is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// Of `user_mismatch` only: whose the request is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub user_id: Option<String>,
}

impl Problem {
    /// A problem of this kind; the detail is for people and must hold nothing internal.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), user_id: None, allow: None }
    }

    /// Names a field at fault and the rule that it breaks.
    #[must_use]
    pub fn field(mut self, field: &str, message: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.to_owned(), message: message.into() });
        self
    }

    /// The route exists, but only with these methods (the `Allow` header's text).
    pub fn method_not_allowed(allow: impl Into<String>) -> Self {
        let allow = allow.into();
        let detail = format!("This resource answers to {allow} only.");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// The client believes to speak for another user than this one, whose the request is.
    pub fn user_mismatch(user: &UserId) -> Self {
        let detail = "The request is another user's than X-Expected-User-Id says. Nothing was done.";
        Self { user_id: Some(user.clone()), ..Self::new(Code::UserMismatch, detail) }
    }

    /// What a failed query means to the client. The details go to the log and nowhere else.
    pub fn database(error: &DbErr) -> Self {
        match Fault::of(error) {
            Fault::Unavailable | Fault::Contention => {
                tracing::warn!(%error, "the database cannot serve a request now");
                Self::new(Code::Unavailable, "The service cannot reach its data at the moment. Try again.")
            }
            Fault::Constraint | Fault::Damaged | Fault::Defect => {
                tracing::error!(%error, "a query failed");
                Self::internal()
            }
        }
    }

    /// A fault of ours that says nothing about itself.
    pub(crate) fn internal() -> Self {
        Self::new(Code::Internal, INTERNAL_DETAIL)
    }

    /// The kind of problem.
    pub fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn body(&self) -> ProblemBody {
        ProblemBody {
            r#type: type_of(self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            code: self.code.as_str().to_owned(),
            errors: self.errors.clone(),
            user_id: self.user_id.as_ref().map(ToString::to_string),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.status_code() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((ALLOW, allow.as_str()));
        }
        response.content_type(MEDIA_TYPE).json(self.body())
    }
}

/// The problem for a bare status, as the framework answers where nobody wrote a [`Problem`].
pub(crate) fn of_status(status: StatusCode) -> HttpResponse {
    match code_of(status) {
        Some(code) => told(code).error_response(),
        None => HttpResponse::build(status).content_type(MEDIA_TYPE).json(body_of_status(status)),
    }
}

/// Its body alone. Of a status that the contract's table does not have, such as 408 or 426, the code is its name.
pub(crate) fn body_of_status(status: StatusCode) -> ProblemBody {
    if let Some(code) = code_of(status) {
        return told(code).body();
    }
    let title = status.canonical_reason().unwrap_or("Refused");
    let code = title.to_ascii_lowercase().replace([' ', '-'], "_");
    ProblemBody {
        r#type: type_of(&code),
        title: title.to_owned(),
        status: status.as_u16(),
        detail: "The request cannot be served as it was sent.".to_owned(),
        code,
        errors: Vec::new(),
        user_id: None,
    }
}

fn code_of(status: StatusCode) -> Option<Code> {
    match status {
        StatusCode::NOT_FOUND => Some(Code::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Some(Code::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Code::PayloadTooLarge),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Code::UnsupportedMediaType),
        StatusCode::SERVICE_UNAVAILABLE => Some(Code::Unavailable),
        status if status.is_server_error() => Some(Code::Internal),
        _ => None,
    }
}

fn told(code: Code) -> Problem {
    match code {
        Code::Internal => Problem::internal(),
        code => Problem::new(code, format!("{}.", code.title())),
    }
}

fn type_of(code: &str) -> String {
    format!("urn:gozon:problem:{code}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::RuntimeErr;
    use utoipa::PartialSchema;

    #[test]
    fn a_database_that_is_away_is_unavailable_and_any_other_fault_is_ours() {
        let cases = [
            (DbErr::Conn(RuntimeErr::Internal("refused".to_owned())), Code::Unavailable),
            (DbErr::Custom("what".to_owned()), Code::Internal),
            (DbErr::RecordNotInserted, Code::Internal),
        ];
        for (error, code) in cases {
            assert_eq!(Problem::database(&error).code(), code, "{error}");
        }
    }

    #[test]
    fn the_documents_schema_is_what_is_sent() -> Result<(), serde_json::Error> {
        let schema = serde_json::to_value(ProblemBody::schema())?;
        let sent = |problem: Problem| serde_json::to_value(problem.field("amount", "y").body());
        let amount = sent(Problem::new(Code::InvalidAmount, "x"))?;
        let everything = sent(Problem::user_mismatch(&UserId::parse("user-1").expect("a user's id")))?;
        let members = |value: &serde_json::Value| {
            let mut names: Vec<_> = value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(members(&schema["properties"]), members(&everything));
        assert_eq!(members(&schema["example"]), members(&amount));
        assert_eq!(schema["required"], serde_json::json!(["type", "title", "status", "detail", "code"]));
        Ok(())
    }

    #[test]
    fn a_status_outside_the_contract_is_called_by_its_name() {
        for (status, code) in [(400, "bad_request"), (426, "upgrade_required"), (502, "internal"), (404, "not_found")] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            assert_eq!(body_of_status(status).code, code);
        }
    }
}
