//! `gozon dead` on the dead-letter queues of a real RabbitMQ, each test with exchanges and queues of its own.

use crate::shop::{Backend, Shop, TestResult, with_shop};
use gozon::dead::{Act, Broker, Done, Message, Places, What, Which};
use messaging::{
    Letter,
    broker::{
        Broker as _, DeadLetter, PAYMENTS_REQUESTS, Settlement,
        rabbitmq::{Options, RabbitMq},
    },
};
use store::Clock;
use uuid::Uuid;

async fn broker(prefix: &str) -> TestResult<RabbitMq> {
    let options =
        Options { url: testbed::amqp_url(), prefix: prefix.to_owned(), connection_name: "gozon tests".to_owned() };
    let broker = RabbitMq::start(options)?;
    broker.reachable().wait_for(|reachable| *reachable).await?;
    Ok(broker)
}

/// Publishes a request and has its consumer dead-letter it.
async fn kill(broker: &RabbitMq, id: &str, body: &str) -> TestResult {
    let key = PAYMENTS_REQUESTS.routing_keys[0].to_owned();
    let letter = Letter {
        id: Uuid::new_v4(),
        routing_key: key,
        partition_key: "ann".to_owned(),
        body: body.to_owned(),
        span: None,
    };
    for answer in broker.publish(&[letter]).await {
        answer?;
    }
    let mut requests = broker.subscribe(PAYMENTS_REQUESTS, 1);
    let delivery = requests.next().await.and_then(|mut taken| taken.pop()).ok_or("no delivery")?;
    let dead = DeadLetter { id: id.to_owned(), reason: "poison".to_owned(), body: delivery.body };
    delivery.receipt.settle(Settlement::Dead(Box::new(dead)));
    Ok(())
}

/// Lists until this many messages are there.
async fn listed(places: &Places, count: usize) -> TestResult<Vec<Message>> {
    loop {
        let messages = places.list().await?;
        if messages.len() == count {
            return Ok(messages);
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_replayed_and_discarded() -> TestResult {
    with_shop([Backend::Sqlite, Backend::Sqlite], async |shop: Shop| {
        let prefix = format!("gozon-{}.", Uuid::new_v4().simple());
        let rabbit = broker(&prefix).await?;
        let clock = Clock::system();
        let places = Places {
            databases: shop.databases.clone(),
            broker: Some(Broker::start(&testbed::amqp_url(), &prefix)?),
            clock,
        };
        for (id, body) in [("one", "{}"), ("two", "not json"), ("three", "[]")] {
            kill(&rabbit, id, body).await?;
        }
        let messages = listed(&places, 3).await?;
        let two = messages.iter().find(|message| message.id == "two").ok_or("two is not listed")?;
        assert_eq!((two.place, two.queue.as_str(), two.error.as_str()), ("broker", "payments.requests", "poison"));
        assert_eq!((two.attempts, two.body.as_slice()), (None, &b"not json"[..]));

        let outcome = places.act(Act::Discard, &Which::These(vec!["two".to_owned(), "four".to_owned()])).await?;
        assert_eq!(outcome.done, [Done { id: "two".to_owned(), place: "broker", what: What::Discarded }]);
        assert_eq!(outcome.unknown, ["four"]);
        listed(&places, 2).await?;

        let outcome = places.act(Act::Replay, &Which::These(vec!["one".to_owned()])).await?;
        assert_eq!(outcome.done, [Done { id: "one".to_owned(), place: "broker", what: What::Replayed }]);
        let mut requests = rabbit.subscribe(PAYMENTS_REQUESTS, 1);
        let delivery = requests.next().await.and_then(|mut taken| taken.pop()).ok_or("it is not in its queue again")?;
        assert_eq!(delivery.body, b"{}");
        delivery.receipt.settle(Settlement::Done);

        let left = listed(&places, 1).await?;
        assert_eq!(left[0].id, "three");
        assert_eq!(places.act(Act::Discard, &Which::All).await?.done.len(), 1);
        listed(&places, 0).await?;
        rabbit.close().await;
        Ok(())
    })
    .await
}
