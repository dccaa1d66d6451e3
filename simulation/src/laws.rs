//! What must hold at the end of a simulation, and what may never have been otherwise before.
//! Absent: the laws of the books by themselves (the audit has them).

use crate::{buyers::Memory, post::Taken};
use anyhow::{Result, bail, ensure};
use gozon::{
    audit::{Expectations, audit},
    databases::Urls,
};
use messaging::broker::DeadLetter;
use saga::{Amount, OrderId, UserId, messages::StatusChange};
use std::collections::{BTreeMap, BTreeSet};
use store::{Rows, Sql, Store};
use uuid::Uuid;

static ORDERS: Sql =
    Sql::new("SELECT id, user_id, amount_minor, status, reason, version, idempotency_key FROM orders ORDER BY id");
static TOP_UPS: Sql =
    Sql::new("SELECT user_id, idempotency_key, amount_minor FROM entries WHERE kind = 'topup' ORDER BY user_id, seq");
/// Orders that were paid and not given back in the same commit, whose only answer would be the refund.
static DEBITS: Sql = Sql::new(
    "SELECT order_id AS id FROM entries AS debit WHERE kind = 'debit' AND NOT EXISTS (SELECT 1 FROM entries AS refund
       WHERE refund.kind = 'refund' AND refund.order_id = debit.order_id AND refund.created_at = debit.created_at)",
);
static HANDLED: Sql = Sql::new("SELECT message_id AS id FROM inbox");
static OPEN: Sql = Sql::new(
    "SELECT (SELECT count(*) FROM orders WHERE status = 'NEW') + (SELECT count(*) FROM outbox) + (SELECT count(*) FROM parked) AS n",
);
static UNSENT: Sql = Sql::new("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM parked) AS n");

/// An order as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which.
    pub id: OrderId,
    /// Whose.
    pub user: UserId,
    /// What it costs.
    pub amount: Amount,
    /// `NEW`, `FINISHED` or `CANCELLED`.
    pub status: String,
    /// Why it was cancelled.
    pub reason: Option<String>,
    /// How often it changed.
    pub version: i32,
    /// Under which key it was placed.
    pub key: Option<String>,
}

/// All orders.
///
/// # Errors
/// When they cannot be read.
pub async fn orders(store: &Store) -> Result<Vec<Row>> {
    let mut orders = Vec::new();
    for row in ORDERS.query(store.connection(), Rows::new(), Vec::new()).await? {
        orders.push(Row {
            id: OrderId::new(row.try_get("", "id")?),
            user: UserId::parse(row.try_get::<String>("", "user_id")?)?,
            amount: Amount::from_minor(row.try_get("", "amount_minor")?)?,
            status: row.try_get("", "status")?,
            reason: row.try_get("", "reason")?,
            version: row.try_get("", "version")?,
            key: row.try_get("", "idempotency_key")?,
        });
    }
    Ok(orders)
}

/// Whether nothing is under way any more.
///
/// # Errors
/// When that cannot be read.
pub async fn settled(orders: &Store, payments: &Store) -> Result<bool> {
    let mut open = 0;
    for (store, sql) in [(orders, &OPEN), (payments, &UNSENT)] {
        let rows = sql.query(store.connection(), Rows::new(), Vec::new()).await?;
        for row in rows {
            open += row.try_get::<i64>("", "n")?;
        }
    }
    Ok(open == 0)
}

/// Who looks at the orders now and then, and remembers.
#[derive(Debug, Default)]
pub struct Witness(BTreeMap<OrderId, Row>);

impl Witness {
    /// Looks: no order has vanished, a final one is as it was, versions only grow.
    ///
    /// # Errors
    /// The order for which that is not so.
    pub fn look(&mut self, orders: Vec<Row>) -> Result<()> {
        let now: BTreeMap<_, _> = orders.into_iter().map(|order| (order.id, order)).collect();
        for (id, before) in &self.0 {
            let Some(after) = now.get(id) else { bail!("order {id} has vanished") };
            let grows = before.status == "NEW" && after.version > before.version;
            ensure!(after == before || grows, "order {id} was {before:?} and is {after:?}");
        }
        self.0 = now;
        Ok(())
    }
}

/// What the world has to show at its end.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// What buyers know.
    pub memory: &'a Memory,
    /// What has reached the broker.
    pub taken: &'a [Taken],
    /// What everybody was told.
    pub announced: &'a [StatusChange],
    /// What the consumers found to be poison.
    pub dead: &'a [DeadLetter],
    /// What was poison.
    pub poison: &'a [Vec<u8>],
    /// Whether the broker has lost what it had.
    pub emptied: bool,
}

/// The verdict, from databases that nobody uses any more.
///
/// # Errors
/// The law that was broken.
pub async fn judge(urls: &Urls, evidence: &Evidence<'_>) -> Result<()> {
    let (store, payments) = (crate::house::open(&urls.orders).await?, crate::house::open(&urls.payments).await?);
    let report = audit(&store, &payments, Expectations { settled: true }).await?;
    let rows = orders(&store).await?;
    let top_ups = top_ups(&payments).await?;
    let debits = ids(&payments, &DEBITS).await?;
    let handled: BTreeSet<_> = ids(&store, &HANDLED).await?.union(&ids(&payments, &HANDLED).await?).copied().collect();
    store.close().await?;
    payments.close().await?;
    let broken = report.findings.iter().filter(|finding| finding.violations > 0);
    let broken: Vec<_> =
        broken.map(|finding| format!("{}: {}: {:?}", finding.check, finding.law, finding.examples)).collect();
    ensure!(report.in_order, "the books are not in order: {}", broken.join("; "));
    ordered_once(&rows, evidence.memory)?;
    topped_up_once(&top_ups, evidence.memory)?;
    announced(&rows, evidence.announced)?;
    let placed = rows.iter().map(|order| order.id.uuid()).collect();
    published("payment.requested", &placed, evidence.taken)?;
    published("payment.succeeded", &debits, evidence.taken)?;
    if !evidence.emptied {
        let lost: Vec<_> = evidence.taken.iter().filter(|letter| !handled.contains(&letter.id)).collect();
        ensure!(lost.is_empty(), "the broker had it, and nobody has handled it: {lost:?}");
    }
    for order in rows.iter().filter(|order| evidence.memory.to_cancel.contains(&order.id)) {
        ensure!(order.status == "CANCELLED", "order {} was to be cancelled and is {order:?}", order.id);
    }
    poison(evidence)
}

/// Each key is one order, the one that was answered; nobody has an order that nobody asked for.
fn ordered_once(rows: &[Row], memory: &Memory) -> Result<()> {
    let mut there: BTreeMap<(String, String), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let key = row.key.clone().unwrap_or_default();
        there.entry((row.user.as_str().to_owned(), key)).or_default().push(row);
    }
    for (key, orders) in &there {
        let Some(ordered) = memory.orders.get(key) else { bail!("nobody placed {orders:?}") };
        let [order] = orders[..] else { bail!("duplicated: {key:?} is {orders:?}") };
        ensure!(order.amount.minor() == ordered.amount, "{key:?} was placed for {}: {order:?}", ordered.amount);
    }
    for (key, ordered) in &memory.orders {
        let is: BTreeSet<_> = there.get(key).into_iter().flatten().map(|order| order.id).collect();
        ensure!(ordered.answered.is_subset(&is), "lost: {key:?} was answered {:?} and is {is:?}", ordered.answered);
    }
    Ok(())
}

async fn top_ups(payments: &Store) -> Result<BTreeMap<(String, String), Vec<i64>>> {
    let mut top_ups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for row in TOP_UPS.query(payments.connection(), Rows::new(), Vec::new()).await? {
        let key: Option<String> = row.try_get("", "idempotency_key")?;
        let whose = (row.try_get::<String>("", "user_id")?, key.unwrap_or_default());
        top_ups.entry(whose).or_default().push(row.try_get("", "amount_minor")?);
    }
    Ok(top_ups)
}

fn topped_up_once(there: &BTreeMap<(String, String), Vec<i64>>, memory: &Memory) -> Result<()> {
    for (key, amounts) in there {
        let Some((amount, _)) = memory.top_ups.get(key) else { bail!("nobody put in {key:?} {amounts:?}") };
        ensure!(amounts == &[*amount], "{key:?} is {amount}, and in the ledger {amounts:?}");
    }
    let lost: Vec<_> = memory.top_ups.iter().filter(|(key, (_, told))| *told && !there.contains_key(*key)).collect();
    ensure!(lost.is_empty(), "lost top-ups: {lost:?}");
    Ok(())
}

/// What was decided has reached the broker, whatever became of it there.
fn published(routing_key: &str, orders: &BTreeSet<Uuid>, taken: &[Taken]) -> Result<()> {
    let taken: BTreeSet<_> =
        taken.iter().filter(|letter| letter.routing_key == routing_key).map(|one| one.order).collect();
    let never: Vec<_> = orders.difference(&taken).collect();
    ensure!(never.is_empty(), "{routing_key} of {never:?} was never published");
    Ok(())
}

async fn ids(store: &Store, sql: &'static Sql) -> Result<BTreeSet<Uuid>> {
    let rows = sql.query(store.connection(), Rows::new(), Vec::new()).await?;
    rows.iter().map(|row| Ok(row.try_get("", "id")?)).collect()
}

/// What was ever announced of an order is how it has ended.
fn announced(rows: &[Row], announced: &[StatusChange]) -> Result<()> {
    let orders: BTreeMap<_, _> = rows.iter().map(|order| (order.id, order)).collect();
    for change in announced {
        let told = orders.get(&change.order_id).is_some_and(|order| {
            (&change.status, &change.reason, change.version) == (&order.status, &order.reason, order.version)
        });
        ensure!(told, "{change:?} was announced of {:?}", orders.get(&change.order_id));
    }
    Ok(())
}

/// All poison was found, and nothing else.
fn poison(evidence: &Evidence<'_>) -> Result<()> {
    let dead: BTreeSet<_> = evidence.dead.iter().map(|letter| letter.body.as_slice()).collect();
    let poison: BTreeSet<_> = evidence.poison.iter().map(Vec::as_slice).collect();
    let text = |letters: &BTreeSet<&[u8]>| {
        letters.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect::<Vec<_>>()
    };
    ensure!(dead.is_subset(&poison), "no poison, and yet dead: {:?} of {:?}", text(&dead), text(&poison));
    ensure!(evidence.emptied || dead == poison, "poison that nobody found: {:?} of {:?}", text(&poison), text(&dead));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buyers::Ordered;
    use uuid::Uuid;

    fn row(id: u128, key: &str) -> Row {
        Row {
            id: OrderId::new(Uuid::from_u128(id)),
            user: UserId::parse("ann").unwrap(),
            amount: Amount::from_minor(100).unwrap(),
            status: "NEW".to_owned(),
            reason: None,
            version: 1,
            key: Some(key.to_owned()),
        }
    }

    fn whose(key: &str) -> (String, String) {
        ("ann".to_owned(), key.to_owned())
    }

    #[test]
    fn an_order_is_there_once_if_it_was_answered_and_at_most_once_if_not() {
        let answered = [row(1, "a").id].into();
        let mut memory = Memory::default();
        memory.orders.insert(whose("a"), Ordered { amount: 100, answered });
        memory.orders.insert(whose("b"), Ordered { amount: 100, ..Ordered::default() });
        for rows in [vec![row(1, "a")], vec![row(1, "a"), row(2, "b")]] {
            assert!(ordered_once(&rows, &memory).is_ok(), "{rows:?}");
        }
        let dear = Row { amount: Amount::from_minor(200).unwrap(), ..row(2, "b") };
        for rows in [
            vec![],
            vec![row(3, "a")],
            vec![row(1, "a"), row(3, "a")],
            vec![row(1, "a"), row(4, "c")],
            vec![row(1, "a"), dear],
        ] {
            assert!(ordered_once(&rows, &memory).is_err(), "{rows:?}");
        }
    }

    #[test]
    fn a_top_up_is_there_once_if_it_was_answered_and_at_most_once_if_not() {
        let mut memory = Memory::default();
        memory.top_ups.insert(whose("a"), (100, true));
        memory.top_ups.insert(whose("b"), (100, false));
        let there = |entries: &[(&str, &[i64])]| entries.iter().map(|(key, by)| (whose(key), by.to_vec())).collect();
        for entries in [&[("a", &[100][..])][..], &[("a", &[100]), ("b", &[100])]] {
            assert!(topped_up_once(&there(entries), &memory).is_ok(), "{entries:?}");
        }
        for entries in
            [&[][..], &[("a", &[100, 100][..])], &[("a", &[200])], &[("a", &[100]), ("c", &[100])], &[("b", &[100])]]
        {
            assert!(topped_up_once(&there(entries), &memory).is_err(), "{entries:?}");
        }
    }

    #[test]
    fn a_witness_notices_orders_that_vanish_go_back_or_are_final_no_more() {
        let last = Row { status: "FINISHED".to_owned(), version: 3, ..row(1, "a") };
        let mut witness = Witness::default();
        for seen in [row(1, "a"), Row { version: 2, ..row(1, "a") }, last.clone(), last.clone()] {
            assert!(witness.look(vec![seen.clone()]).is_ok(), "{seen:?}");
        }
        let other = Row { status: "CANCELLED".to_owned(), version: 4, ..row(1, "a") };
        for seen in [vec![], vec![other], vec![row(1, "a")]] {
            assert!(Witness([(last.id, last.clone())].into()).look(seen.clone()).is_err(), "{seen:?}");
        }
    }
}
