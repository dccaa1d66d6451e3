//! Panics in the actors, planted by failpoints at each side of each boundary: the actor is there again, and nothing is lost.
//! Absent: the failpoints themselves; they stand in the code, and only in builds for tests.

use e2e::{Result, Shop, Traffic, until};

/// Some work goes well first, so that the panic strikes a shop with something to lose.
const ACTION: &str = "4*off->1*panic";

/// The metric of a service's restarts.
fn restarts(service: &str) -> String {
    format!("{service}_actor_restarts_total")
}

/// Has the shop panic at this point under load, and sees the actor of one of the services restart.
async fn survives(point: &str, services: &[&str], actor: &str) -> Result<()> {
    let shop = Shop::embedded_with(&[("FAILPOINTS", &format!("{point}={ACTION}"))]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let client = &shop.client()?;
        let traffic = Traffic::start(client, 3, 8).await?;
        until(&format!("{actor} to restart (needs the feature failpoints in gozon)"), || async move {
            let mut counted = 0;
            for service in services {
                counted += client.counted(&restarts(service), &format!("actor=\"{actor}\"")).await?;
            }
            Ok(counted > 0)
        })
        .await?;
        traffic.goes_on(50).await?;
        assert!(client.ready().await?, "all actors are there");
        traffic.stop().await
    })
    .await
}

macro_rules! survive {
    ($($name:ident: $point:literal, $services:expr, $actor:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() -> Result<()> {
            survives($point, &$services, $actor).await
        })+
    };
}

survive! {
    placing_may_panic_before_its_commit: "placing::before-commit", ["orders"], "placing";
    placing_may_panic_after_its_commit: "placing::after-commit", ["orders"], "placing";
    the_ledger_may_panic_before_its_commit: "ledger::before-commit", ["payments"], "ledger";
    the_ledger_may_panic_after_its_commit: "ledger::after-commit", ["payments"], "ledger";
    an_account_may_panic_before_it_asks_the_ledger: "account::before-ledger", ["payments"], "account";
    settling_may_panic_before_its_commit: "settling::before-commit", ["orders"], "settling";
    settling_may_panic_after_its_commit: "settling::after-commit", ["orders"], "settling";
    the_relay_may_panic_before_it_publishes: "relay::before-publish", ["orders", "payments"], "outbox-relay";
    the_relay_may_panic_after_it_has_published: "relay::after-publish", ["orders", "payments"], "outbox-relay";
    the_relay_may_panic_after_it_has_deleted: "relay::after-delete", ["orders", "payments"], "outbox-relay";
    the_consumer_may_panic_before_it_acknowledges: "consumer::before-acknowledge", ["orders", "payments"], "inbox-consumer";
    the_consumer_may_panic_after_it_has_acknowledged: "consumer::after-acknowledge", ["orders", "payments"], "inbox-consumer";
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use e2e::Plan;

    /// What an instance does until each of its actors has panicked at each of its points.
    const ALL: &str = "placing::before-commit=6*off->1*panic;placing::after-commit=9*off->1*panic;\
        ledger::before-commit=6*off->1*panic;ledger::after-commit=9*off->1*panic;account::before-ledger=12*off->1*panic;\
        settling::before-commit=6*off->1*panic;settling::after-commit=9*off->1*panic;\
        relay::before-publish=6*off->1*panic;relay::after-publish=9*off->1*panic;relay::after-delete=12*off->1*panic;\
        consumer::before-acknowledge=20*off->1*panic;consumer::after-acknowledge=40*off->1*panic";

    #[tokio::test(flavor = "multi_thread")]
    async fn every_actor_of_every_instance_may_panic_at_every_point() -> Result<()> {
        let shop = Plan { variables: vec![("FAILPOINTS", ALL.to_owned())], ..Plan::of(2, 2) }.open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let client = &shop.client()?;
            let traffic = Traffic::start(client, 4, 12).await?;
            // Two instances, each with as many panics as it has points; the relay's lanes may panic together, which is one restart.
            let expected = [
                ("orders", "placing", 4),
                ("orders", "settling", 4),
                ("orders", "outbox-relay", 2),
                ("orders", "inbox-consumer", 4),
                ("payments", "ledger", 4),
                ("payments", "account", 2),
                ("payments", "outbox-relay", 2),
                ("payments", "inbox-consumer", 4),
            ];
            for (service, actor, panics) in expected {
                let label = &format!("actor=\"{actor}\"");
                let name = &restarts(service);
                until(&format!("{panics} restarts of {service}'s {actor}"), || async move {
                    Ok(client.counted(name, label).await? >= panics)
                })
                .await?;
            }
            traffic.goes_on(50).await?;
            traffic.stop().await
        })
        .await
    }
}
