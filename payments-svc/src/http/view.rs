//! Accounts and their entries as clients see them.
//! Absent: how they are stored.

use entities::payments::entry;
use saga::Money;
use serde::{Deserialize, Serialize};
use store::Micros;
use utoipa::ToSchema;

/// A new account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account, example = json!({
    "user_id": "user-1", "balance": "0.00", "currency": "RUB", "created_at": "2026-11-21T11:46:00.000001Z",
}))]
pub struct AccountView {
    /// Whose it is.
    pub user_id: String,
    /// What is on it, with two decimals.
    #[schema(pattern = r"^[0-9]+\.[0-9]{2}$")]
    pub balance: String,
    /// The shop's currency.
    pub currency: String,
    /// When it was created.
    #[schema(format = "date-time")]
    pub created_at: String,
}

/// A top-up that is on the account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToppedUp, example = json!({
    "user_id": "user-1", "balance": "100.00", "currency": "RUB", "transaction_id": "0198c1f0-7e3c-7a10-9f00-3c5a1b2d4e6f",
}))]
pub struct ToppedUpView {
    /// Whose account.
    pub user_id: String,
    /// What is on it after this top-up, with two decimals.
    #[schema(pattern = r"^[0-9]+\.[0-9]{2}$")]
    pub balance: String,
    /// The shop's currency.
    pub currency: String,
    /// The entry in the statement.
    #[schema(format = "uuid")]
    pub transaction_id: String,
}

/// A balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Balance, example = json!({"user_id": "user-1", "balance": "50.00", "currency": "RUB"}))]
pub struct BalanceView {
    /// Whose account.
    pub user_id: String,
    /// What is on it, with two decimals.
    #[schema(pattern = r"^[0-9]+\.[0-9]{2}$")]
    pub balance: String,
    /// The shop's currency.
    pub currency: String,
}

/// One entry of the statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transaction, example = json!({
    "id": "0198c1f0-7e3c-7a10-9f00-3c5a1b2d4e6f", "kind": "debit", "amount": "-50.00", "balance_after": "50.00",
    "order_id": "0198c1f0-7e3c-7a10-9f00-000000000001", "created_at": "2026-11-21T11:46:00.000001Z",
}))]
pub struct TransactionView {
    /// A UUID.
    #[schema(format = "uuid")]
    pub id: String,
    /// What it was.
    #[schema(schema_with = kind)]
    pub kind: String,
    /// What it added; negative for a debit.
    #[schema(pattern = r"^-?[0-9]+\.[0-9]{2}$")]
    pub amount: String,
    /// What was on the account then.
    #[schema(pattern = r"^[0-9]+\.[0-9]{2}$")]
    pub balance_after: String,
    /// The order that was paid or refunded; null for a top-up.
    #[schema(format = "uuid", required = true)]
    pub order_id: Option<String>,
    /// When.
    #[schema(format = "date-time")]
    pub created_at: String,
}

fn kind() -> utoipa::openapi::ObjectBuilder {
    use utoipa::openapi::{ObjectBuilder, Type};
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["topup", "debit", "refund"]))
}

impl From<entry::Model> for TransactionView {
    fn from(entry: entry::Model) -> Self {
        Self {
            id: entry.id.to_string(),
            kind: entry.kind,
            amount: Money::from_minor(entry.amount_minor).to_string(),
            balance_after: Money::from_minor(entry.balance_after).to_string(),
            order_id: entry.order_id.map(|id| id.to_string()),
            created_at: Micros(entry.created_at).to_string(),
        }
    }
}

/// One page of a statement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TransactionPage)]
pub struct TransactionPage {
    /// Newest first.
    pub transactions: Vec<TransactionView>,
    /// Leads to the next page; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// What a client sends to top up. Only for the documentation: the field is read strictly, without floats.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TopUp, example = json!({"amount": "100.00"}))]
pub struct TopUp {
    /// Greater than 0, at most 1000000000000.00, not more than two decimals; a string or a number.
    #[schema(schema_with = edge::openapi::amount)]
    #[expect(dead_code, reason = "only documents the request")]
    pub amount: String,
}

/// What a client may send to create an account: nothing, or an empty object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAccount, example = json!({}))]
pub struct NewAccount {}
