//! Every defect is named, by exactly the checks that it violates; healthy books are not accused.
//! Absent: the defects themselves (`planted`).

use crate::{
    book,
    planted::{self, Defect, FORBIDDEN, LEDGER, LEFT_OVER, ORDERS, PAYMENTS},
    shop::{Backend, Shop, TestResult, with_shop},
};
use gozon::audit::Report;
use std::collections::BTreeSet;

fn violated(report: &Report) -> BTreeSet<&str> {
    report.violated().map(|finding| finding.check).collect()
}

/// Plants one after the other, each in a fresh book, and says which were not named as they must be.
async fn each_is_named(backends: [Backend; 2], defects: &'static [Defect], settled: bool) -> TestResult {
    with_shop(backends, async move |shop: Shop| {
        for Defect { name, orders, payments, checks } in defects {
            shop.start_over().await?;
            book::healthy(&shop).await?;
            shop.lower_the_guard().await?;
            Shop::run(&shop.orders, &planted::expanded(orders)).await?;
            Shop::run(&shop.payments, &planted::expanded(payments)).await?;
            let report = shop.audit(settled).await?;
            assert_eq!(violated(&report), BTreeSet::from_iter(checks.iter().copied()), "{name}:\n{report}");
            for finding in report.violated() {
                assert!(!finding.examples.is_empty(), "{name}: {} names nobody", finding.check);
            }
            assert_eq!(shop.audit(false).await?.in_order, settled, "{name} is wrong at any time, or only at the end");
        }
        Ok(())
    })
    .await
}

pub async fn each_defect_of_the_ledger_is_named(backends: [Backend; 2]) -> TestResult {
    each_is_named(backends, &LEDGER, false).await
}

pub async fn each_defect_of_a_payment_is_named(backends: [Backend; 2]) -> TestResult {
    each_is_named(backends, &PAYMENTS, false).await
}

pub async fn each_defect_of_an_order_is_named(backends: [Backend; 2]) -> TestResult {
    each_is_named(backends, &ORDERS, false).await
}

/// What the databases refuse by themselves, the audit need never find.
pub async fn what_one_row_can_show_the_databases_refuse_by_themselves(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        book::healthy(&shop).await?;
        for Defect { name, orders, payments, checks } in &FORBIDDEN {
            let (database, statement) =
                if payments.is_empty() { (&shop.orders, orders) } else { (&shop.payments, payments) };
            let refusal = Shop::run(database, &planted::expanded(statement)).await.expect_err(name).to_string();
            assert!(checks.iter().any(|constraint| refusal.contains(constraint)), "{name}: {refusal}");
        }
        assert!(shop.audit(true).await?.in_order);
        Ok(())
    })
    .await
}

pub async fn each_thing_left_over_is_named_when_the_shop_should_have_settled(backends: [Backend; 2]) -> TestResult {
    each_is_named(backends, &LEFT_OVER, true).await
}

pub async fn healthy_books_are_in_order_and_every_check_had_rows_to_look_at(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        assert!(shop.audit(true).await?.in_order, "an empty shop is in order");
        book::healthy(&shop).await?;
        let report = shop.audit(true).await?;
        assert!(report.in_order, "{report}");
        // The messaging tables are empty, as they should be.
        let idle = report.findings.iter().filter(|finding| finding.rows == 0).map(|finding| finding.check);
        assert!(
            idle.clone()
                .all(|check| check.contains('-') && (check.starts_with("orders-") || check.starts_with("payments-"))),
            "{report}"
        );
        assert_eq!(report.money.balances, "54.00");
        Ok(())
    })
    .await
}

/// A check without a defect that violates it might be unable to fail.
pub async fn every_check_has_a_defect_that_violates_it(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        let report = shop.audit(true).await?;
        let all: BTreeSet<_> = report.findings.iter().map(|finding| finding.check).collect();
        let defects = LEDGER.iter().chain(&PAYMENTS).chain(&ORDERS).chain(&LEFT_OVER);
        let tried: BTreeSet<_> = defects.flat_map(|defect| defect.checks.iter().copied()).collect();
        assert_eq!(all, tried);
        Ok(())
    })
    .await
}

pub async fn sums_are_exact_beyond_what_a_float_can_hold(backends: [Backend; 2]) -> TestResult {
    // 2^53 + 1, which a float takes for 2^53; and the largest numbers there are.
    const AMOUNTS: [(i64, i64); 3] =
        [(9_007_199_254_740_993, 9_007_199_254_740_992), (i64::MAX, i64::MAX - 1), (i64::MAX, 1)];
    with_shop(backends, async |shop: Shop| {
        for (amount, balance) in AMOUNTS {
            shop.start_over().await?;
            shop.lower_the_guard().await?;
            let entry = format!(
                "INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, created_at)
                   VALUES ('ann', 1, [ta1], 'topup', {amount}, {amount}, 1), ('bob', 1, [tb1], 'topup', {amount}, {amount}, 1);
                 INSERT INTO accounts (user_id, balance_minor, seq, currency, created_at)
                   VALUES ('ann', {amount}, 1, 'RUB', 1), ('bob', {amount}, 1, 'RUB', 1)"
            );
            Shop::run(&shop.payments, &entry).await?;
            assert!(shop.audit(true).await?.in_order, "{amount} is {amount}");
            let wrong = format!("UPDATE accounts SET balance_minor = {balance} WHERE user_id = 'bob'");
            Shop::run(&shop.payments, &wrong).await?;
            let report = shop.audit(true).await?;
            assert_eq!(violated(&report), BTreeSet::from(["account-balance", "account-sum", "total"]), "{report}");
            // A chain that leaves 64 bits is a violation like any other, not a failed query.
            let more = "INSERT INTO entries (user_id, seq, id, kind, amount_minor, balance_after, created_at)
                          VALUES ('ann', 2, [ta2], 'topup', 9223372036854775807, 5, 1)";
            Shop::run(&shop.payments, more).await?;
            assert!(violated(&shop.audit(true).await?).contains("chain-balance"));
        }
        Ok(())
    })
    .await
}

pub async fn many_violations_are_counted_and_a_few_named(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        for order in 10..30 {
            book::place(&shop, &format!("N{order}"), "ann", 1).await?;
        }
        Shop::run(&shop.orders, "UPDATE orders SET status = 'FINISHED'").await?;
        let report = shop.audit(false).await?;
        let counts: Vec<_> =
            report.violated().map(|finding| (finding.check, finding.violations, finding.examples.len())).collect();
        assert_eq!(
            counts,
            [("order-version", 20, 5), ("sums", 1, 1), ("final-answered", 20, 5), ("finished-debited", 20, 5)]
        );
        assert_eq!(report.violations, 61);
        Ok(())
    })
    .await
}
