//! The OpenAPI document of the payments service.
//! Absent: descriptions of single calls; they stand above their handlers.

use super::{
    accounts,
    view::{AccountView, BalanceView, NewAccount, TopUp, ToppedUpView, TransactionPage, TransactionView},
};
use edge::{
    Code, FieldError, ProblemBody,
    openapi::{ALWAYS, WITH_BODY, describe, idempotency_key, leads_to, needs_no_body},
};
use utoipa::{
    OpenApi,
    openapi::{OpenApi as Document, path::HttpMethod},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gozon payments",
        description = "One account a user: create it, top it up, see its balance and statement. Orders are paid from it by themselves.",
        license(name = "MIT"),
    ),
    paths(accounts::create, accounts::top_up, accounts::balance, accounts::transactions),
    components(schemas(
        AccountView, ToppedUpView, BalanceView, TransactionView, TransactionPage, TopUp, NewAccount, ProblemBody, FieldError,
    )),
    tags((name = "accounts", description = "A user's account")),
)]
struct Api;

/// The complete document, OpenAPI 3.1.
pub fn document() -> Document {
    let mut document = Api::openapi();
    let create = [Code::AccountExists];
    describe(&mut document, HttpMethod::Post, "/accounts", &[&ALWAYS[..], &WITH_BODY, &create].concat());
    let top_up = [
        Code::InvalidIdempotencyKey,
        Code::AccountNotFound,
        Code::InvalidAmount,
        Code::BalanceLimitExceeded,
        Code::IdempotencyKeyReused,
    ];
    describe(&mut document, HttpMethod::Post, "/accounts/topup", &[&ALWAYS[..], &WITH_BODY, &top_up].concat());
    let balance = [Code::AccountNotFound];
    describe(&mut document, HttpMethod::Get, "/accounts/balance", &[&ALWAYS[..], &balance].concat());
    let transactions = [Code::AccountNotFound, Code::InvalidLimit, Code::InvalidCursor];
    describe(&mut document, HttpMethod::Get, "/accounts/transactions", &[&ALWAYS[..], &transactions].concat());
    if let Some(top_up) = document.paths.paths.get_mut("/accounts/topup").and_then(|item| item.post.as_mut()) {
        top_up.parameters.get_or_insert_default().push(idempotency_key().into());
    }
    needs_no_body(&mut document, HttpMethod::Post, "/accounts");
    let account = [("X-User-Id", "$response.body#/user_id")];
    leads_to(&mut document, (HttpMethod::Post, "/accounts", "201"), &["top_up", "balance", "transactions"], &account);
    leads_to(&mut document, (HttpMethod::Post, "/accounts/topup", "200"), &["balance", "transactions"], &account);
    document
}
