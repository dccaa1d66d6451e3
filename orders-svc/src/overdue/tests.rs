//! Silence about cancels, with a clock that goes when it is told to: when payments is asked again, and about which orders.
//! Absent: payments.

use super::*;
use crate::deadline::tests::Shop;
use fixtures::database::{Kind, TestResult, with_database};
use saga::order::CancelCause;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The look-out of one more instance, and whether it reaches the broker.
async fn instance(shop: &Shop) -> TestResult<(Overdue, watch::Sender<bool>)> {
    let (store, clock, settling) = shop.parts().await?;
    let (reachable, broker) = watch::channel(true);
    Ok((Overdue::new(store, clock, settling, broker), reachable))
}

/// An order that the clock wants cancelled, as of now.
async fn cancelling(shop: &Shop, overdue: &Overdue) -> TestResult<Uuid> {
    let order = *shop.place([(0, 900)]).await?.first().ok_or("an order")?;
    let wish = Wish {
        order_id: OrderId::new(order),
        user_id: UserId::parse("u")?,
        event: Event::CancelRequested(CancelCause::Deadline),
        version: None,
        trace: TraceContext::unsampled(),
    };
    overdue.settling.wish(wish).await?;
    Ok(order)
}

/// Looks until there is no more, and says how often payments was asked so far.
async fn looked(shop: &Shop, overdue: &mut Overdue) -> TestResult<usize> {
    while overdue.look().await? {}
    Ok(shop.asked().await?.len())
}

async fn payments_is_asked_again_less_and_less_often(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let (mut overdue, _broker) = instance(&shop).await?;
    let order = cancelling(&shop, &overdue).await?;
    let requested = shop.order(order).await?.cancel_requested_at;
    let second = Duration::from_secs(1);
    // The first silence of a minute, then always as long as it took so far: after 1, 2, 4 and 8 minutes.
    let mut asked = 1;
    for minutes in [1, 1, 2, 4] {
        shop.pass(SILENCE * minutes - second);
        assert_eq!(looked(&shop, &mut overdue).await?, asked, "{minutes}");
        shop.pass(second);
        asked += 1;
        assert_eq!(looked(&shop, &mut overdue).await?, asked, "{minutes}");
        assert_eq!(looked(&shop, &mut overdue).await?, asked, "and once is enough");
    }
    let row = shop.order(order).await?;
    assert_eq!((row.version, row.status.as_str(), row.cancel_requested_at), (6, "NEW", requested));
    assert_eq!(row.cancel_cause.as_deref(), Some("payment_deadline"));
    Ok(())
}

async fn nobody_is_asked_about_orders_that_are_decided_or_not_to_be_cancelled(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let (mut overdue, _broker) = instance(&shop).await?;
    shop.place([(3_000, 900)]).await?;
    let decided = cancelling(&shop, &overdue).await?;
    shop.change(decided, "status = 'CANCELLED', reason = 'payment_deadline'").await?;
    shop.pass(Duration::from_secs(1));
    let silent = cancelling(&shop, &overdue).await?;
    shop.pass(SILENCE);
    assert_eq!(looked(&shop, &mut overdue).await?, 3);
    let mut asked = shop.asked().await?;
    asked.retain(|order| *order == silent);
    assert_eq!(asked.len(), 2);
    assert_eq!(
        Some(overdue.decided_until.0),
        shop.order(silent).await?.cancel_requested_at,
        "the decided one is behind"
    );
    shop.change(silent, "status = 'CANCELLED', reason = 'payment_deadline'").await?;
    shop.pass(SILENCE * 5);
    assert_eq!(looked(&shop, &mut overdue).await?, 3);
    Ok(())
}

async fn an_instance_that_begins_later_and_one_that_looked_before_find_the_same(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let (mut first, _broker) = instance(&shop).await?;
    assert_eq!(looked(&shop, &mut first).await?, 0);
    cancelling(&shop, &first).await?;
    shop.pass(SILENCE);
    assert_eq!(looked(&shop, &mut first).await?, 2);
    shop.pass(SILENCE);
    let (mut second, _broker) = instance(&shop).await?;
    assert_eq!(looked(&shop, &mut second).await?, 3);
    Ok(())
}

async fn instances_that_look_at_once_ask_once(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let ((mut one, _), (mut two, _), (mut three, _)) =
        (instance(&shop).await?, instance(&shop).await?, instance(&shop).await?);
    for round in 1..6 {
        cancelling(&shop, &one).await?;
        shop.pass(SILENCE);
        let (one, two, three) = tokio::join!(one.look(), two.look(), three.look());
        assert_eq!((one?, two?, three?), (false, false, false));
        assert_eq!(shop.asked().await?.len(), round * 2);
        let decided = "UPDATE orders SET status = 'CANCELLED', reason = 'payment_deadline'";
        shop.store.connection().execute_unprepared(decided).await?;
    }
    Ok(())
}

async fn without_the_broker_or_the_database_it_is_put_off(url: String) -> TestResult {
    let shop = Shop::open(url).await?;
    let (mut overdue, broker) = instance(&shop).await?;
    cancelling(&shop, &overdue).await?;
    shop.pass(SILENCE);
    let stop = CancellationToken::new();
    broker.send(false)?;
    assert_eq!(overdue.step(&stop).await, Pause::For(EVERY));
    assert_eq!(shop.asked().await?.len(), 1);
    broker.send(true)?;
    shop.store.connection().execute_unprepared("ALTER TABLE orders RENAME TO elsewhere").await?;
    assert_eq!(overdue.step(&stop).await, Pause::For(EVERY));
    shop.store.connection().execute_unprepared("ALTER TABLE elsewhere RENAME TO orders").await?;
    while overdue.step(&stop).await == Pause::None {}
    assert_eq!(shop.asked().await?.len(), 2);
    Ok(())
}

crate::testing::on_every_database! {
    payments_is_asked_again_less_and_less_often,
    nobody_is_asked_about_orders_that_are_decided_or_not_to_be_cancelled,
    an_instance_that_begins_later_and_one_that_looked_before_find_the_same,
    instances_that_look_at_once_ask_once,
    without_the_broker_or_the_database_it_is_put_off,
}
