//! The calls about a user's account: create it, top it up, its balance, its statement.
//! Absent: checks of what is already parsed.

use super::{
    Handlers,
    view::{AccountView, BalanceView, NewAccount, TopUp, ToppedUpView, TransactionPage, TransactionView},
};
use crate::accounts::{
    account::{Command, Outcome},
    ledger::{ChangeError, Done, Task},
    statement,
};
use actix_web::{HttpRequest, HttpResponse, web};
use edge::{Caller, Code, Fields, IdempotencyKey, PageQuery, Problem, REPLAYED, next_link, open_cursor, seal_cursor};
use saga::{Money, TransactionId, UserId};
use store::chance;

/// The kind of the statement's cursors.
const CURSOR: &str = "transactions";

/// Create the account
///
/// Each user has one.
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = NewAccount, responses(
    (status = 201, description = "Created", body = AccountView),
))]
pub async fn create(
    Caller(user): Caller,
    request: HttpRequest,
    payload: web::Payload,
    handlers: web::Data<Handlers>,
) -> Result<HttpResponse, Problem> {
    Fields::read_optional(&request, payload, &[]).await?;
    let Done { outcome, at } = change(&handlers, &user, Command::Create).await?;
    match outcome {
        Outcome::Created => Ok(HttpResponse::Created().json(AccountView {
            user_id: user.into(),
            balance: Money::ZERO.to_string(),
            currency: handlers.currency.to_string(),
            created_at: at.to_string(),
        })),
        _ => Err(Problem::new(Code::AccountExists, "You have an account already.")),
    }
}

/// Top up the account
///
/// The money is there when this answers.
#[utoipa::path(post, path = "/accounts/topup", tag = "accounts", request_body = TopUp, responses(
    (status = 200, description = "Topped up, or topped up before under the same Idempotency-Key", body = ToppedUpView, headers(
        ("Idempotency-Replayed" = Option<String>, description = "`true` when an earlier request with the same key made the top-up"),
    )),
))]
pub async fn top_up(
    Caller(user): Caller,
    key: IdempotencyKey,
    request: HttpRequest,
    payload: web::Payload,
    handlers: web::Data<Handlers>,
) -> Result<HttpResponse, Problem> {
    let amount = Fields::read(&request, payload, &["amount"]).await?.amount()?;
    let transaction_id = TransactionId::new(chance::id());
    let command = Command::TopUp { amount, transaction_id, key: key.into_inner() };
    let (made, replayed) = match change(&handlers, &user, command).await?.outcome {
        Outcome::ToppedUp(made) => (made, false),
        Outcome::Replayed(made) => (made, true),
        Outcome::KeyReused => return Err(edge::idempotency::reused()),
        Outcome::LimitExceeded => {
            let detail = "The balance would exceed the largest amount.";
            return Err(Problem::new(Code::BalanceLimitExceeded, detail).field("amount", detail));
        }
        Outcome::NoAccount => return Err(no_account()),
        Outcome::Created | Outcome::AlreadyExists | Outcome::Decided(_) | Outcome::Mismatch => {
            return Err(not_an_answer());
        }
    };
    let mut response = HttpResponse::Ok();
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(ToppedUpView {
        user_id: user.into(),
        balance: made.balance_after.to_string(),
        currency: handlers.currency.to_string(),
        transaction_id: made.transaction_id.to_string(),
    }))
}

/// See the balance
#[utoipa::path(get, path = "/accounts/balance", tag = "accounts", responses(
    (status = 200, description = "The balance", body = BalanceView),
))]
pub async fn balance(Caller(user): Caller, handlers: web::Data<Handlers>) -> Result<HttpResponse, Problem> {
    let read = statement::account(&handlers.store, &user).await;
    let account = read.map_err(|error| Problem::database(&error))?.ok_or_else(no_account)?;
    Ok(HttpResponse::Ok().json(BalanceView {
        user_id: user.into(),
        balance: Money::from_minor(account.balance_minor).to_string(),
        currency: account.currency,
    }))
}

/// See the statement
///
/// The account's entries, newest first, page by page.
#[utoipa::path(get, path = "/accounts/transactions", tag = "accounts", params(
    ("limit" = Option<u32>, Query, description = "1 to 100, 50 by default", minimum = 1, maximum = 100),
    ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
), responses(
    (status = 200, description = "One page", body = TransactionPage, headers(
        ("Link" = Option<String>, description = "The next page, `rel=\"next\"`; absent on the last"),
    )),
))]
pub async fn transactions(
    Caller(user): Caller,
    page: PageQuery,
    request: HttpRequest,
    handlers: web::Data<Handlers>,
) -> Result<HttpResponse, Problem> {
    let before = page.cursor.as_deref().map(open).transpose()?;
    let read = statement::entries(&handlers.store, &user, before, u64::from(page.limit) + 1).await;
    let mut entries = read.map_err(|error| Problem::database(&error))?;
    if entries.is_empty() {
        let account = statement::account(&handlers.store, &user).await;
        account.map_err(|error| Problem::database(&error))?.ok_or_else(no_account)?;
    }
    let more = entries.len() > page.limit as usize;
    entries.truncate(page.limit as usize);
    let next_cursor = entries.last().filter(|_| more).map(|last| seal_cursor(CURSOR, &last.seq.to_string()));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        response.insert_header(next_link(&request, cursor));
    }
    let transactions = entries.into_iter().map(TransactionView::from).collect();
    Ok(response.json(TransactionPage { transactions, next_cursor }))
}

fn open(cursor: &str) -> Result<i64, Problem> {
    let not_ours = |_| Problem::new(Code::InvalidCursor, "The cursor is not one that this list gave out.");
    open_cursor(CURSOR, cursor)?.parse().map_err(not_ours)
}

async fn change(handlers: &Handlers, user: &UserId, command: Command) -> Result<Done, Problem> {
    Ok(handlers.accounts.change(user.clone(), Task { command, message: None }).await?)
}

fn no_account() -> Problem {
    Problem::new(Code::AccountNotFound, "You have no account.")
}

fn not_an_answer() -> Problem {
    tracing::error!("the ledger answered another question");
    Problem::new(Code::Internal, "The account could not be changed.")
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Overloaded => Self::new(Code::Overloaded, "Too many changes are under way."),
            ChangeError::Unavailable => Self::new(Code::Unavailable, "The change could not be stored."),
            ChangeError::Interrupted | ChangeError::Failed(_) => {
                tracing::error!(%error, "an account could not be changed");
                Self::new(Code::Internal, "The account could not be changed.")
            }
        }
    }
}
