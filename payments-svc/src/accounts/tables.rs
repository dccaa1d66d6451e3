//! The ledger's statements: accounts, entries and payments, many rows at a time, on both databases.
//! Absent: what to write (the fold decides) and reads for clients.

use super::account::{Account, Change, EntryKind, TopUpMade, Verdict};
use messaging::{inbox, outbox};
use saga::{Amount, Currency, Money, OrderId, TransactionId, UserId, order::DeclineReason};
use sea_orm::{DbErr, QueryResult};
use std::collections::HashMap;
use store::{Micros, Part, Rows, Sql, Together, Tx};
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
static WRITE: Together<6> = Together::of([&CREATE, &UPDATE, &ENTRIES, &PAYMENTS, &inbox::REMEMBER, &outbox::APPEND]);

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
/// right is the check of `seq` in [`Writes::execute`].
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

/// What a transaction writes of the ledger's own. All of it goes to the database in one trip.
pub(super) struct Writes {
    /// How many accounts are created or changed.
    accounts: usize,
    created: Option<Part>,
    changed: Option<Part>,
    entries: Option<Part>,
    payments: Option<Part>,
}

impl Writes {
    /// The accounts, the entries and the new verdicts; an order has one, for ever.
    pub fn of(changes: &[AccountChange<'_>], payments: &[Payment], currency: Currency, now: Micros) -> Self {
        let of = |created: bool| changes.iter().filter(move |one| one.change.created == created && one.writes());
        // In the order of the keys on every instance: two of them wait for each other instead of locking each other out.
        let (mut new, old): (Vec<_>, Vec<_>) = (of(true).collect(), of(false).collect());
        new.sort_by_key(|one| one.user.as_str());
        Self {
            accounts: new.len() + old.len(),
            created: created(&new, currency, now),
            changed: changed(&old),
            entries: entries(changes, now),
            payments: verdict_rows(payments, currency, now),
        }
    }

    /// Writes it, with the inbox keys of the messages that wanted it and the answers. `false` when another instance was faster with one
    /// of the accounts: then nothing of the transaction may stay.
    pub async fn execute(self, tx: &Tx, keys: Option<Part>, letters: Option<Part>) -> Result<bool, DbErr> {
        let Self { accounts, created, changed, entries, payments } = self;
        let [created, changed, ..] = WRITE.execute(&**tx, [created, changed, entries, payments, keys, letters]).await?;
        Ok(created + changed == u64::try_from(accounts).unwrap_or(u64::MAX))
    }
}

impl AccountChange<'_> {
    fn after(&self) -> Account {
        self.change.account.unwrap_or(Account { balance: Money::ZERO, seq: 0 })
    }

    /// Whether there is anything to write of the account: it is new, or its chain has grown.
    fn writes(&self) -> bool {
        self.change.created || self.before.is_some_and(|before| before.seq != self.after().seq)
    }
}

fn created(new: &[&AccountChange<'_>], currency: Currency, now: Micros) -> Option<Part> {
    let rows = || {
        Rows::new()
            .texts(new.iter().map(|one| one.user.as_str()))
            .ints(new.iter().map(|one| one.after().balance.minor()))
            .ints(new.iter().map(|one| one.after().seq))
    };
    (!new.is_empty()).then(|| Part { rows: rows(), values: vec![currency.as_str().into(), now.0.into()] })
}

fn changed(old: &[&AccountChange<'_>]) -> Option<Part> {
    let rows = || {
        Rows::new()
            .texts(old.iter().map(|one| one.user.as_str()))
            .ints(old.iter().map(|one| one.before.map_or(0, |account| account.seq)))
            .ints(old.iter().map(|one| one.after().balance.minor()))
            .ints(old.iter().map(|one| one.after().seq))
    };
    (!old.is_empty()).then(|| Part { rows: rows(), values: Vec::new() })
}

fn entries(changes: &[AccountChange<'_>], now: Micros) -> Option<Part> {
    let all: Vec<_> = changes.iter().flat_map(|one| one.change.entries.iter().map(|entry| (one.user, entry))).collect();
    let kind = |kind: &EntryKind| if matches!(kind, EntryKind::TopUp(_)) { "topup" } else { "debit" };
    let order = |kind: &EntryKind| match kind {
        EntryKind::TopUp(_) => None,
        EntryKind::Debit(order_id) => Some(order_id.uuid()),
    };
    let key = |kind: &EntryKind| match kind {
        EntryKind::TopUp(key) => key.clone(),
        EntryKind::Debit(_) => None,
    };
    let rows = || {
        Rows::new()
            .texts(all.iter().map(|(user, _)| user.as_str()))
            .ints(all.iter().map(|(_, entry)| entry.seq))
            .uuids(all.iter().map(|(_, entry)| entry.id.uuid()))
            .texts(all.iter().map(|(_, entry)| kind(&entry.kind)))
            .ints(all.iter().map(|(_, entry)| entry.amount.minor()))
            .ints(all.iter().map(|(_, entry)| entry.balance_after.minor()))
            .opt_uuids(all.iter().map(|(_, entry)| order(&entry.kind)))
            .opt_texts(all.iter().map(|(_, entry)| key(&entry.kind)))
    };
    (!all.is_empty()).then(|| Part { rows: rows(), values: vec![now.0.into()] })
}

fn verdict_rows(payments: &[Payment], currency: Currency, now: Micros) -> Option<Part> {
    let words = |payment: &Payment| match payment.verdict {
        Verdict::Succeeded(id) => ("succeeded", None, Some(id.uuid())),
        Verdict::Declined(reason) => ("declined", Some(reason.as_str()), None),
    };
    let rows = || {
        Rows::new()
            .uuids(payments.iter().map(|payment| payment.order_id.uuid()))
            .texts(payments.iter().map(|payment| payment.user_id.as_str()))
            .ints(payments.iter().map(|payment| payment.amount.minor()))
            .texts(payments.iter().map(|payment| words(payment).0))
            .opt_texts(payments.iter().map(|payment| words(payment).1))
            .opt_uuids(payments.iter().map(|payment| words(payment).2))
    };
    (!payments.is_empty()).then(|| Part { rows: rows(), values: vec![currency.as_str().into(), now.0.into()] })
}
