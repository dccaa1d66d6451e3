//! Healthy books of a shop that is running: whatever happens between and during the snapshots, nothing is accused.
//! Absent: the services; each step of an order's way is one transaction here as there.

use crate::{
    book,
    shop::{Backend, Shop, TestResult, id, with_shop},
};
use gozon::{
    audit::{Books, Expectations, Report, Snapshot},
    databases::Database,
};
use sea_orm::{DatabaseConnection, DbBackend};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

const RUNNING: Expectations = Expectations { settled: false };

fn under_way(report: &Report, what: &str) -> u64 {
    report.under_way.iter().filter(|row| row.what == what).map(|row| row.count).sum()
}

pub async fn orders_in_flight_are_no_violation(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        book::healthy(&shop).await?;
        book::in_flight(&shop).await?;
        let report = shop.audit(false).await?;
        assert!(report.in_order, "{report}");
        assert_eq!(under_way(&report, "NEW orders"), 3);
        assert_eq!(under_way(&report, "NEW orders that payments has answered"), 2);
        for what in ["messages in orders' outbox", "messages payments has parked", "dead messages of orders"] {
            assert_eq!(under_way(&report, what), 1, "{what}");
        }
        let settled = shop.audit(true).await?;
        let violated: BTreeSet<_> = settled.violated().map(|finding| (finding.check, finding.violations)).collect();
        let messages = ["outbox", "retrying", "parked", "dead"];
        let names: Vec<_> = ["orders", "payments"]
            .iter()
            .flat_map(|of| messages.iter().map(move |what| format!("{of}-{what}")))
            .collect();
        let expected: BTreeSet<_> = names.iter().map(|name| (name.as_str(), 1)).chain([("none-new", 3)]).collect();
        assert_eq!(violated, expected);
        Ok(())
    })
    .await
}

/// Places three orders and settles them; one is paid, one declined, one not answered yet.
async fn traffic(shop: &Shop, names: [&str; 3]) -> TestResult {
    let [paid, declined, open] = names;
    for order in names {
        book::place(shop, order, "ann", 10).await?;
    }
    book::pay(shop, paid, "ann", 10).await?;
    book::finish(shop, paid).await?;
    book::decline(shop, declined, "ann", 10).await?;
    book::cancel(shop, declined).await?;
    book::pay(shop, open, "ann", 10).await
}

/// Goes on with what was in flight.
async fn settle(shop: &Shop) -> TestResult {
    book::finish(shop, "N2").await?;
    book::cancel(shop, "N3").await?;
    book::pay(shop, "N1", "ann", 30).await?;
    book::finish(shop, "N1").await
}

pub async fn an_order_that_lives_its_whole_life_between_the_snapshots_is_no_violation(
    backends: [Backend; 2],
) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        book::healthy(&shop).await?;
        book::in_flight(&shop).await?;
        let orders = Snapshot::take(&shop.databases.orders, Database::Orders).await?;
        settle(&shop).await?;
        traffic(&shop, ["A1", "A2", "A3"]).await?;
        let payments = Snapshot::take(&shop.databases.payments, Database::Payments).await?;
        traffic(&shop, ["B1", "B2", "B3"]).await?;
        book::finish(&shop, "A3").await?;
        let report = Books::new(orders, payments, &shop.databases.orders).prove(RUNNING).await?;
        assert!(report.in_order, "{report}");
        assert_eq!(under_way(&report, "NEW orders"), 3, "orders is seen as it was first");
        assert_eq!(under_way(&report, "orders placed and answered while the audit began"), 3, "and B after both");
        assert!(shop.audit(false).await?.in_order);
        Ok(())
    })
    .await
}

pub async fn snapshots_in_the_wrong_order_would_accuse_healthy_books(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        book::healthy(&shop).await?;
        let payments = Snapshot::take(&shop.databases.payments, Database::Payments).await?;
        traffic(&shop, ["A1", "A2", "A3"]).await?;
        let orders = Snapshot::take(&shop.databases.orders, Database::Orders).await?;
        let report = Books::new(orders, payments, &shop.databases.orders).prove(RUNNING).await?;
        let violated: Vec<_> = report.violated().map(|finding| finding.check).collect();
        assert_eq!(violated, ["sums", "final-answered", "finished-debited"]);
        Ok(())
    })
    .await
}

pub async fn a_payment_without_an_order_is_found_however_late_it_is_looked_for(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        book::healthy(&shop).await?;
        let orders = Snapshot::take(&shop.databases.orders, Database::Orders).await?;
        traffic(&shop, ["A1", "A2", "A3"]).await?;
        book::pay(&shop, "X1", "ann", 10).await?;
        // Known by then, but not as payments has it.
        Shop::run(&shop.orders, "UPDATE orders SET amount_minor = 11 WHERE id = [A1]").await?;
        let payments = Snapshot::take(&shop.databases.payments, Database::Payments).await?;
        let report = Books::new(orders, payments, &shop.databases.orders).prove(RUNNING).await?;
        let violated: Vec<_> = report
            .violated()
            .filter(|finding| finding.check != "sums")
            .map(|finding| (finding.check, finding.examples.clone()))
            .collect();
        let [forged, changed] = ["X1", "A1"].map(|name| vec![id(name).to_string()]);
        assert_eq!(violated, [("same-facts", changed), ("payment-order", forged.clone()), ("money-order", forged)]);
        Ok(())
    })
    .await
}

pub async fn the_shop_may_run_while_it_is_audited(backends: [Backend; 2]) -> TestResult {
    const AUDITS: usize = 25;
    with_shop(backends, async |shop: Shop| {
        book::healthy(&shop).await?;
        Shop::run(
            &shop.payments,
            "BEGIN; UPDATE accounts SET balance_minor = balance_minor + 1000000, seq = seq + 1 WHERE user_id = 'ann';
            INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, created_at)
              VALUES ('ann', 5, [ta5], 'topup', 1000000, 1005000, 1); COMMIT",
        )
        .await?;
        let stop = Arc::new(AtomicBool::new(false));
        let buying = tokio::spawn(buy(shop.clone(), stop.clone()));
        let mut placed = 0;
        for _ in 0..AUDITS {
            let report = shop.audit(false).await?;
            assert!(report.in_order, "{report}");
            placed = report.findings.iter().find(|finding| finding.check == "sums").map_or(0, |finding| finding.rows);
        }
        stop.store(true, Ordering::Relaxed);
        let bought = buying.await??;
        assert!(bought > 0 && placed > 5, "there was traffic: {bought} bought, {placed} seen by the last audit");
        let report = shop.audit(true).await?;
        assert!(report.in_order, "{report}");
        Ok(())
    })
    .await
}

/// Places and settles orders, some in the order of placing and some not, until told to stop; says how many.
async fn buy(shop: Shop, stop: Arc<AtomicBool>) -> TestResult<u32> {
    let mut bought = 0;
    while !stop.load(Ordering::Relaxed) {
        let [first, second] = [0, 1].map(|more| format!("L{:06}", bought + more));
        book::place(&shop, &first, "ann", 7).await?;
        book::place(&shop, &second, "ann", 7).await?;
        book::pay(&shop, &second, "ann", 7).await?;
        book::finish(&shop, &second).await?;
        book::decline(&shop, &first, "ann", 7).await?;
        book::cancel(&shop, &first).await?;
        bought += 2;
    }
    Ok(bought)
}

/// The nth order, as SQL and as Rust have it; `n` may be an expression.
fn nth(database: &DatabaseConnection, n: &str) -> String {
    match database.get_database_backend() {
        DbBackend::Sqlite => format!("unhex(printf('%032x', {n}))"),
        _ => format!("CAST(lpad(to_hex({n}), 32, '0') AS uuid)"),
    }
}

/// Three pages of paid orders of one user.
async fn many(shop: &Shop) -> TestResult {
    const NUMBER: &str = "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 25000)";
    let order = nth(&shop.orders, "n");
    let orders = format!(
        "INSERT INTO orders (id, user_id, amount_minor, currency, status, version, created_at, updated_at, pay_before)
         {NUMBER} SELECT {order}, 'ann', 1, 'RUB', 'FINISHED', 2, 1, 1, 9 FROM number"
    );
    Shop::run(&shop.orders, &orders).await?;
    let (order, transaction) = (nth(&shop.payments, "n"), nth(&shop.payments, "n + 1000000"));
    let payments = format!(
        "INSERT INTO accounts (user_id, balance_minor, seq, currency, created_at) VALUES ('ann', 0, 25001, 'RUB', 1);
         INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, created_at)
           VALUES ('ann', 1, [t1], 'topup', 25000, 25000, 1);
         INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, order_id, created_at)
           {NUMBER} SELECT 'ann', n + 1, {transaction}, 'debit', -1, 25000 - n, {order}, 1 FROM number;
         INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, transaction_id, decided_at)
           {NUMBER} SELECT {order}, 'ann', 1, 'RUB', 'succeeded', {transaction}, 1 FROM number"
    );
    Shop::run(&shop.payments, &payments).await
}

pub async fn more_orders_than_a_page_are_all_compared(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        let before = Snapshot::take(&shop.databases.orders, Database::Orders).await?;
        many(&shop).await?;
        let after = Snapshot::take(&shop.databases.payments, Database::Payments).await?;
        let report = Books::new(before, after, &shop.databases.orders).prove(RUNNING).await?;
        assert!(report.in_order, "{report}");
        assert_eq!(under_way(&report, "orders placed and answered while the audit began"), 25_000);
        let report = shop.audit(true).await?;
        assert!(report.in_order, "{report}");

        // One wrong order at each edge of a page, and a payment of the smallest id that there is.
        for n in ["1", "9999", "10000", "10001", "25000"] {
            let wrong = format!("UPDATE orders SET currency = 'USD' WHERE id = {}", nth(&shop.orders, n));
            Shop::run(&shop.orders, &wrong).await?;
        }
        let nil = nth(&shop.payments, "0");
        let forged = format!(
            "INSERT INTO payments (order_id, user_id, amount_minor, currency, verdict, reason, decided_at)
             VALUES ({nil}, 'ann', 1, 'RUB', 'declined', 'insufficient_funds', 1)"
        );
        Shop::run(&shop.payments, &forged).await?;
        let report = shop.audit(true).await?;
        let violated: Vec<_> = report.violated().map(|finding| (finding.check, finding.examples.clone())).collect();
        let wrong = [1, 9999, 10_000, 10_001, 25_000].map(|n| Uuid::from_u128(n).to_string()).to_vec();
        assert_eq!(violated, [("same-facts", wrong), ("payment-order", vec![Uuid::nil().to_string()])]);
        Ok(())
    })
    .await
}
