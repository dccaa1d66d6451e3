//! The ledger's statements: accounts, entries and payments, many rows at a time, on both databases.
//! Absent: what to write (the fold decides) and reads for clients.

use super::account::{Account, Change, EntryKind, TopUpMade, Verdict};
use saga::{Amount, Currency, Money, OrderId, TransactionId, UserId, order::DeclineReason};
use sea_orm::{DbErr, QueryResult};
use std::collections::HashMap;
use store::{Micros, Rows, Sql, Tx};
use uuid::Uuid;

// In the order of the key on every instance, so that two of them wait for each other instead of locking each other out.
static LOCK: Sql = Sql::over(
    "user_id text",
    "SELECT user_id, balance_minor, seq FROM accounts WHERE user_id IN (SELECT user_id FROM {rows}) ORDER BY user_id {for update}",
);
static VERDICTS: Sql = Sql::over(
    "order_id uuid",
    "SELECT order_id, user_id, amount_minor, verdict, reason, transaction_id FROM payments
     WHERE order_id IN (SELECT order_id FROM {rows})",
);
static TOP_UPS: Sql = Sql::over(
    "user_id text, key text",
    "SELECT entries.user_id, entries.idempotency_key, entries.amount_minor, entries.id, entries.balance_after
     FROM entries JOIN {rows} ON rows.user_id = entries.user_id AND rows.key = entries.idempotency_key
     WHERE entries.idempotency_key IS NOT NULL",
);
static CREATE: Sql = Sql::over(
    "user_id text, balance int, seq int",
    "INSERT INTO accounts (user_id, balance_minor, seq, currency, created_at)
     SELECT user_id, balance, seq, {1}, {2} FROM {rows} WHERE true ON CONFLICT (user_id) DO NOTHING",
);
static UPDATE: Sql = Sql::over(
    "user_id text, expected int, balance int, seq int",
    "UPDATE accounts SET balance_minor = rows.balance, seq = rows.seq FROM {rows}
     WHERE accounts.user_id = rows.user_id AND accounts.seq = rows.expected",
);
static ENTRIES: Sql = Sql::over(
    "user_id text, seq int, id uuid, kind text, amount int, balance_after int, order_id uuid?, key text?",
    "INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, order_id, idempotency_key, created_at)
     SELECT user_id, seq, id, kind, amount, balance_after, order_id, key, {1} FROM {rows}",
);
static PAYMENTS: Sql = Sql::over(
    "order_id uuid, user_id text, amount int, verdict text, reason text?, transaction_id uuid?",
    "INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, reason, transaction_id, decided_at)
     SELECT order_id, user_id, amount, {1}, verdict, reason, transaction_id, {2} FROM {rows}",
);

/// A verdict as it was recorded, with whom and what it was about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Payment {
    pub order_id: OrderId,
    pub user_id: UserId,
    pub amount: Amount,
    pub verdict: Verdict,
}

/// The change of one account, with the state that it was folded from.
pub(super) struct AccountChange<'a> {
    pub user: &'a UserId,
    pub before: Option<Account>,
    pub change: Change,
}

/// Reads the accounts and, on PostgreSQL, locks them until the transaction ends. The lock only spares a retry; what keeps a balance
/// right is the check of `seq` in [`save_accounts`].
pub(super) async fn lock(tx: &Tx, users: impl Iterator<Item = &UserId>) -> Result<HashMap<String, Account>, DbErr> {
    let rows = LOCK.query(&**tx, Rows::new().texts(users.map(UserId::as_str)), Vec::new()).await?;
    let account = |row: &QueryResult| {
        let balance = Money::from_minor(row.try_get("", "balance_minor")?);
        Ok((row.try_get("", "user_id")?, Account { balance, seq: row.try_get("", "seq")? }))
    };
    rows.iter().map(account).collect()
}

/// The recorded verdicts of these orders, as far as there are any.
pub(super) async fn verdicts(tx: &Tx, orders: Vec<Uuid>) -> Result<HashMap<OrderId, Payment>, DbErr> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = VERDICTS.query(&**tx, Rows::new().uuids(orders), Vec::new()).await?;
    rows.iter().map(|row| payment(row).map(|payment| (payment.order_id, payment))).collect()
}

fn payment(row: &QueryResult) -> Result<Payment, DbErr> {
    let transaction: Option<Uuid> = row.try_get("", "transaction_id")?;
    let reason: Option<String> = row.try_get("", "reason")?;
    let verdict = match (row.try_get::<String>("", "verdict")?.as_str(), transaction, reason) {
        ("succeeded", Some(id), None) => Verdict::Succeeded(TransactionId::new(id)),
        ("declined", None, Some(reason)) => Verdict::Declined(reason.parse::<DeclineReason>().map_err(damaged)?),
        (verdict, ..) => return Err(damaged(verdict)),
    };
    Ok(Payment {
        order_id: OrderId::new(row.try_get("", "order_id")?),
        user_id: UserId::parse(row.try_get::<String>("", "user_id")?).map_err(damaged)?,
        amount: Amount::from_minor(row.try_get("", "amount_minor")?).map_err(damaged)?,
        verdict,
    })
}

/// The top-ups made under these keys, by user and key.
pub(super) async fn top_ups(
    tx: &Tx,
    keys: Vec<(&UserId, &str)>,
) -> Result<HashMap<String, HashMap<String, TopUpMade>>, DbErr> {
    let mut by_user: HashMap<String, HashMap<String, TopUpMade>> = HashMap::new();
    if keys.is_empty() {
        return Ok(by_user);
    }
    let columns = Rows::new().texts(keys.iter().map(|(user, _)| user.as_str())).texts(keys.iter().map(|(_, key)| *key));
    for row in TOP_UPS.query(&**tx, columns, Vec::new()).await? {
        let made = TopUpMade {
            amount: Amount::from_minor(row.try_get("", "amount_minor")?).map_err(damaged)?,
            transaction_id: TransactionId::new(row.try_get("", "id")?),
            balance_after: Money::from_minor(row.try_get("", "balance_after")?),
        };
        by_user.entry(row.try_get("", "user_id")?).or_default().insert(row.try_get("", "idempotency_key")?, made);
    }
    Ok(by_user)
}

fn damaged(what: impl ToString) -> DbErr {
    DbErr::Type(what.to_string())
}

/// Writes the accounts that were created or changed. `false` when another instance was faster with one of them: then nothing of
/// this transaction may stay.
pub(super) async fn save_accounts(
    tx: &Tx,
    changes: &[AccountChange<'_>],
    currency: Currency,
    now: Micros,
) -> Result<bool, DbErr> {
    let after = |change: &AccountChange<'_>| change.change.account.unwrap_or(Account { balance: Money::ZERO, seq: 0 });
    let of =
        |created: bool| changes.iter().filter(move |one| one.change.created == created && after(one).seq_or_new(one));
    let (new, changed): (Vec<_>, Vec<_>) = (of(true).collect(), of(false).collect());
    let users = |some: &[&AccountChange<'_>]| some.iter().map(|one| one.user.as_str().to_owned()).collect::<Vec<_>>();
    let balances = |some: &[&AccountChange<'_>]| some.iter().map(|one| after(one).balance.minor()).collect::<Vec<_>>();
    let seqs = |some: &[&AccountChange<'_>]| some.iter().map(|one| after(one).seq).collect::<Vec<_>>();
    let mut written = 0;
    if !new.is_empty() {
        let rows = Rows::new().texts(users(&new)).ints(balances(&new)).ints(seqs(&new));
        written += CREATE.execute(&**tx, rows, vec![currency.as_str().into(), now.0.into()]).await?;
    }
    if !changed.is_empty() {
        let expected = changed.iter().map(|one| one.before.map_or(0, |account| account.seq));
        let rows = Rows::new().texts(users(&changed)).ints(expected).ints(balances(&changed)).ints(seqs(&changed));
        written += UPDATE.execute(&**tx, rows, Vec::new()).await?;
    }
    Ok(written == u64::try_from(new.len() + changed.len()).unwrap_or(u64::MAX))
}

impl Account {
    /// Whether there is anything to write: the account is new, or its chain has grown.
    fn seq_or_new(self, change: &AccountChange<'_>) -> bool {
        change.change.created || change.before.is_some_and(|before| before.seq != self.seq)
    }
}

/// Appends the entries of all changes.
pub(super) async fn append_entries(tx: &Tx, changes: &[AccountChange<'_>], now: Micros) -> Result<(), DbErr> {
    let all: Vec<_> = changes.iter().flat_map(|one| one.change.entries.iter().map(|entry| (one.user, entry))).collect();
    if all.is_empty() {
        return Ok(());
    }
    let kind = |kind: &EntryKind| if matches!(kind, EntryKind::TopUp(_)) { "topup" } else { "debit" };
    let order = |kind: &EntryKind| match kind {
        EntryKind::TopUp(_) => None,
        EntryKind::Debit(order_id) => Some(order_id.uuid()),
    };
    let key = |kind: &EntryKind| match kind {
        EntryKind::TopUp(key) => key.clone(),
        EntryKind::Debit(_) => None,
    };
    let rows = Rows::new()
        .texts(all.iter().map(|(user, _)| user.as_str()))
        .ints(all.iter().map(|(_, entry)| entry.seq))
        .uuids(all.iter().map(|(_, entry)| entry.id.uuid()))
        .texts(all.iter().map(|(_, entry)| kind(&entry.kind)))
        .ints(all.iter().map(|(_, entry)| entry.amount.minor()))
        .ints(all.iter().map(|(_, entry)| entry.balance_after.minor()))
        .opt_uuids(all.iter().map(|(_, entry)| order(&entry.kind)))
        .opt_texts(all.iter().map(|(_, entry)| key(&entry.kind)));
    ENTRIES.execute(&**tx, rows, vec![now.0.into()]).await.map(drop)
}

/// Records new verdicts; an order has one, for ever.
pub(super) async fn record(tx: &Tx, payments: &[Payment], currency: Currency, now: Micros) -> Result<(), DbErr> {
    if payments.is_empty() {
        return Ok(());
    }
    let words = |payment: &Payment| match payment.verdict {
        Verdict::Succeeded(id) => ("succeeded", None, Some(id.uuid())),
        Verdict::Declined(reason) => ("declined", Some(reason.as_str()), None),
    };
    let rows = Rows::new()
        .uuids(payments.iter().map(|payment| payment.order_id.uuid()))
        .texts(payments.iter().map(|payment| payment.user_id.as_str()))
        .ints(payments.iter().map(|payment| payment.amount.minor()))
        .texts(payments.iter().map(|payment| words(payment).0))
        .opt_texts(payments.iter().map(|payment| words(payment).1))
        .opt_uuids(payments.iter().map(|payment| words(payment).2));
    PAYMENTS.execute(&**tx, rows, vec![currency.as_str().into(), now.0.into()]).await.map(drop)
}
