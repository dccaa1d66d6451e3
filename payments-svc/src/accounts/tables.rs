//! The ledger's statements: accounts, entries and payments, many rows at a time, on both databases.
//! Absent: what to write (the fold decides) and reads for clients.

use super::account::{Account, Change, EntryKind, Payment, TopUpMade, Verdict};
use messaging::{inbox, outbox};
use saga::{Amount, Currency, Money, OrderId, TransactionId, UserId};
use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use std::collections::HashMap;
use store::{Micros, Part, Rows, Sql, Together, Tx};
use uuid::Uuid;

/// Accounts, which have a `seq`, and verdicts. The accounts are locked in the order of the key on every instance, so that two of them
/// wait for each other instead of locking each other out. Verdicts that an instance records while its lock is waited for are not seen
/// yet; whoever then writes their own is refused, by the key of `payments` or by the guard of `REFUND`, and looks again.
static RECORDED: Sql = Sql::over(
    "user_id text, order_id uuid?",
    "SELECT user_id, balance_minor AS minor, seq, NULL AS order_id, NULL AS verdict, NULL AS reason, NULL AS transaction_id, NULL AS refund_id
     FROM (SELECT user_id, balance_minor, seq FROM accounts WHERE user_id {any user_id} ORDER BY user_id {for update}) AS locked
     UNION ALL SELECT user_id, amount_minor, NULL, order_id, verdict, reason, transaction_id, refund_id
     FROM payments WHERE order_id {any order_id}",
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
    "order_id uuid, user_id text, amount int, verdict text, reason text?, transaction_id uuid?, refund_id uuid?",
    "INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, reason, transaction_id, refund_id, decided_at)
     SELECT order_id, user_id, amount, {1}, verdict, reason, transaction_id, refund_id, {2} FROM {rows}",
);
static REFUND: Sql = Sql::over(
    "order_id uuid, verdict text, reason text?, refund_id uuid?",
    "UPDATE payments SET verdict = rows.verdict, reason = rows.reason, refund_id = rows.refund_id FROM {rows}
     WHERE payments.order_id = rows.order_id AND payments.verdict = 'succeeded'",
);
static WRITE: Together<7> =
    Together::of([&CREATE, &UPDATE, &REFUND, &ENTRIES, &PAYMENTS, &inbox::REMEMBER, &outbox::APPEND]);

const SUCCEEDED: &str = "succeeded";
const DECLINED: &str = "declined";
const CANCELLED: &str = "cancelled";

/// The change of one account, with the state that it was folded from.
pub(super) struct AccountChange<'a> {
    pub user: &'a UserId,
    pub before: Option<Account>,
    pub change: Change,
}

/// What is known of accounts and orders before a transaction changes it.
pub(super) struct Recorded {
    /// By user.
    pub accounts: HashMap<String, Account>,
    /// Of the orders that have one.
    pub verdicts: HashMap<OrderId, Payment>,
}

/// Reads the accounts and verdicts of all whom it concerns and, on PostgreSQL, locks the accounts until the transaction ends. The lock
/// only spares a retry; what keeps a balance right is the check of `seq` in [`Writes::execute`].
pub(super) async fn recorded<'a, C: ConnectionTrait>(
    tx: &C,
    concerned: impl Iterator<Item = (&'a UserId, Option<OrderId>)> + Clone,
) -> Result<Recorded, DbErr> {
    let rows = Rows::new()
        .texts(concerned.clone().map(|(user, _)| user.as_str()))
        .opt_uuids(concerned.map(|(_, order)| order.map(OrderId::uuid)));
    let mut recorded = Recorded { accounts: HashMap::new(), verdicts: HashMap::new() };
    for row in RECORDED.query(tx, rows, Vec::new()).await? {
        if let Some(seq) = row.try_get("", "seq")? {
            let balance = Money::from_minor(row.try_get("", "minor")?);
            recorded.accounts.insert(row.try_get("", "user_id")?, Account { balance, seq });
        } else {
            let payment = payment(&row)?;
            recorded.verdicts.insert(payment.order_id, payment);
        }
    }
    Ok(recorded)
}

fn payment(row: &QueryResult) -> Result<Payment, DbErr> {
    let id = |column: &str| Ok::<_, DbErr>(row.try_get::<Option<Uuid>>("", column)?.map(TransactionId::new));
    let (word, reason) = (row.try_get::<String>("", "verdict")?, row.try_get::<Option<String>>("", "reason")?);
    let verdict = match (word.as_str(), reason, id("transaction_id")?, id("refund_id")?) {
        (SUCCEEDED, None, Some(debit), None) => Verdict::Succeeded(debit),
        (DECLINED, Some(reason), None, None) => Verdict::Declined(reason.parse().map_err(damaged)?),
        (CANCELLED, Some(cause), None, None) => Verdict::Fenced(cause.parse().map_err(damaged)?),
        (CANCELLED, Some(cause), Some(debit), Some(refund)) => {
            Verdict::Refunded { cause: cause.parse().map_err(damaged)?, debit, refund }
        }
        (word, ..) => return Err(damaged(word)),
    };
    Ok(Payment {
        order_id: OrderId::new(row.try_get("", "order_id")?),
        user_id: UserId::parse(row.try_get::<String>("", "user_id")?).map_err(damaged)?,
        amount: Amount::from_minor(row.try_get("", "minor")?).map_err(damaged)?,
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
    for row in TOP_UPS.query(tx, columns, Vec::new()).await? {
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
    /// How many rows are created or changed that another instance may have changed first.
    guarded: usize,
    created: Option<Part>,
    changed: Option<Part>,
    refunds: Option<Part>,
    entries: Option<Part>,
    payments: Option<Part>,
}

impl Writes {
    /// The accounts, the entries and the verdicts; an order has one, for ever.
    pub fn of(changes: &[AccountChange<'_>], currency: Currency, now: Micros) -> Self {
        let of = |created: bool| changes.iter().filter(move |one| one.change.created == created && one.writes());
        // In the order of the keys on every instance: two of them wait for each other instead of locking each other out.
        let (mut new, old): (Vec<_>, Vec<_>) = (of(true).collect(), of(false).collect());
        new.sort_by_key(|one| one.user.as_str());
        // Broken: a cancel that came before the request is answered and not recorded; the request, when it comes, is paid.
        let kept =
            |payment: &&Payment| !(matches!(payment.verdict, Verdict::Fenced(_)) && failpoints::broken("rule::fence"));
        let mut decided: Vec<_> = changes.iter().flat_map(|one| &one.change.payments).filter(kept).collect();
        decided.sort_by_key(|payment| payment.order_id.uuid());
        let given_back: Vec<_> = changes.iter().flat_map(|one| &one.change.refunds).collect();
        Self {
            guarded: new.len() + old.len() + given_back.len(),
            created: created(&new, currency, now),
            changed: changed(&old),
            refunds: refunds(&given_back),
            entries: entries(changes, now),
            payments: payments(&decided, currency, now),
        }
    }

    /// Writes it, with the inbox keys of the messages that wanted it and the answers. `false` when another instance was faster with one
    /// of the accounts or refunds: then nothing of the transaction may stay.
    pub async fn execute(self, tx: &Tx, keys: Option<Part>, letters: Option<Part>) -> Result<bool, DbErr> {
        let Self { guarded, created, changed, refunds, entries, payments } = self;
        let [created, changed, refunds, ..] =
            WRITE.execute(tx, [created, changed, refunds, entries, payments, keys, letters]).await?;
        Ok(created + changed + refunds == u64::try_from(guarded).unwrap_or(u64::MAX))
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
    let kind = |kind: &EntryKind| match kind {
        EntryKind::TopUp(_) => "topup",
        EntryKind::Debit(_) => "debit",
        EntryKind::Refund(_) => "refund",
    };
    let order = |kind: &EntryKind| match kind {
        EntryKind::TopUp(_) => None,
        EntryKind::Debit(order_id) | EntryKind::Refund(order_id) => Some(order_id.uuid()),
    };
    let key = |kind: &EntryKind| match kind {
        EntryKind::TopUp(key) => key.clone(),
        EntryKind::Debit(_) | EntryKind::Refund(_) => None,
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

/// A verdict as its columns: the word, the reason, the debit and the refund.
fn words(payment: &Payment) -> (&'static str, Option<&'static str>, Option<Uuid>, Option<Uuid>) {
    match payment.verdict {
        Verdict::Succeeded(debit) => (SUCCEEDED, None, Some(debit.uuid()), None),
        Verdict::Declined(reason) => (DECLINED, Some(reason.as_str()), None, None),
        Verdict::Fenced(cause) => (CANCELLED, Some(cause.as_str()), None, None),
        Verdict::Refunded { cause, debit, refund } => {
            (CANCELLED, Some(cause.as_str()), Some(debit.uuid()), Some(refund.uuid()))
        }
    }
}

fn payments(decided: &[&Payment], currency: Currency, now: Micros) -> Option<Part> {
    let rows = || {
        Rows::new()
            .uuids(decided.iter().map(|payment| payment.order_id.uuid()))
            .texts(decided.iter().map(|payment| payment.user_id.as_str()))
            .ints(decided.iter().map(|payment| payment.amount.minor()))
            .texts(decided.iter().map(|payment| words(payment).0))
            .opt_texts(decided.iter().map(|payment| words(payment).1))
            .opt_uuids(decided.iter().map(|payment| words(payment).2))
            .opt_uuids(decided.iter().map(|payment| words(payment).3))
    };
    (!decided.is_empty()).then(|| Part { rows: rows(), values: vec![currency.as_str().into(), now.0.into()] })
}

fn refunds(given_back: &[&Payment]) -> Option<Part> {
    let rows = || {
        Rows::new()
            .uuids(given_back.iter().map(|payment| payment.order_id.uuid()))
            .texts(given_back.iter().map(|payment| words(payment).0))
            .opt_texts(given_back.iter().map(|payment| words(payment).1))
            .opt_uuids(given_back.iter().map(|payment| words(payment).3))
    };
    (!given_back.is_empty()).then(|| Part { rows: rows(), values: Vec::new() })
}
