//! One trace an order, from the request to the push, as a receiver of OTLP sees it.
//! Absent: what single spans say in rare cases (the unit tests know that).

use anyhow::Context;
use e2e::{
    Collector, Result, Shop, Trace, User,
    socket::{Socket, all_of},
    until,
};
use std::{net::TcpListener, sync::Arc};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const RATIO: &str = "OTEL_TRACES_SAMPLER_ARG";

/// The context that a client brings.
const PARENT: &str = "00f067aa0ba902b7";

fn traceparent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{PARENT}-{flags}")
}

/// Places an order of 1.00 within a trace of the client's; gives its id.
async fn order_within(shop: &Shop, user: &User, traceparent: &str) -> Result<String> {
    let request = reqwest::Client::new().post(format!("{}/orders", shop.base()?)).header("x-user-id", &user.id);
    let request = request.header("traceparent", traceparent).json(&serde_json::json!({"amount": "1"}));
    let order: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
    Ok(order["id"].as_str().context("an order has an id")?.to_owned())
}

/// What an order that is paid leaves, told by the service in which it happens; `pushes` sockets hear of it on as many instances.
fn paid(orders: &str, payments: &str, parent: &str, pushes: usize) -> Vec<String> {
    let (asked, answered) = ("gozon:payment.requested", "gozon:payment.succeeded");
    let (pay, settle) =
        (format!("process {asked}:payments.requests"), format!("process {answered}:orders.payment-results"));
    let mut lines = vec![
        format!("POST /orders (SERVER, {orders}) < {parent}"),
        format!("create {asked} (PRODUCER, {orders}) < POST /orders"),
        format!("send {asked} (CLIENT, {orders}) < create {asked}"),
        format!("{pay} (CONSUMER, {payments}) < create {asked}"),
        format!("debit account (INTERNAL, {payments}) < {pay}"),
        format!("create {answered} (PRODUCER, {payments}) < {pay}"),
        format!("send {answered} (CLIENT, {payments}) < create {answered}"),
        format!("{settle} (CONSUMER, {orders}) < create {answered}"),
        format!("settle order (INTERNAL, {orders}) < {settle}"),
    ];
    lines.extend(vec![format!("push order (INTERNAL, {orders}) < {settle}"); pushes]);
    lines.sort_unstable();
    lines
}

/// What the spans say about the order, each in its place.
fn check_words(trace: &Trace, order: &str, system: &str) -> Result<()> {
    let asked = trace.span("create gozon:payment.requested")?;
    let pay = trace.span("process gozon:payment.requested:payments.requests")?;
    let (http, debit) = (trace.span("POST /orders")?, trace.span("debit account")?);
    for (span, key, value) in [
        (http, "http.route", "/orders"),
        (http, "http.response.status_code", "201"),
        (asked, "messaging.system", system),
        (asked, "messaging.operation.type", "create"),
        (pay, "messaging.destination.name", "gozon:payment.requested:payments.requests"),
        (pay, "messaging.message.id", &asked.attributes["messaging.message.id"]),
        (debit, "gozon.order.id", order),
        (debit, "gozon.payment.outcome", "succeeded"),
        (trace.span("settle order")?, "gozon.order.outcome", "changed"),
    ] {
        assert_eq!(span.attributes.get(key).map(String::as_str), Some(value), "{key} of {span:#?}");
    }
    for span in &trace.0 {
        assert!(span.time.0 <= span.time.1 && !span.attributes.contains_key("error.type"), "{span:#?}");
        assert!(
            ["service.instance.id", "service.version"].iter().all(|key| span.resource.contains_key(*key)),
            "{span:#?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_the_embedded_shop_continues_its_clients_trace_up_to_the_push() -> Result<()> {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let collector = Collector::start()?;
    let shop = Shop::embedded_with(&[(ENDPOINT, collector.endpoint())]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("5").await?;
        let mut socket = Socket::connect(shop.orders[0].address()?, &all_of(&user)).await?;
        socket.ready().await?;
        let order = order_within(shop, &user, &traceparent(TRACE, "01")).await?;
        let expected = paid("gozon", "gozon", "?", 1);
        let trace = collector.trace(("gozon.order.id", &order), expected.len()).await?;
        assert_eq!(trace.lines(), expected);
        let http = trace.span("POST /orders")?;
        assert_eq!((http.trace.as_str(), http.parent.as_str(), http.scope.as_str()), (TRACE, PARENT, "http"));
        let scopes = ["debit account", "settle order"].map(|name| trace.span(name).map(|span| span.scope.clone()));
        assert_eq!(scopes.map(Result::unwrap_or_default), ["payments-svc", "orders-svc"]);
        check_words(&trace, &order, "in_process")?;
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_client_wants_recorded_is_exported_when_no_new_trace_shall_be() -> Result<()> {
    let (unwanted, wanted) = ("0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319d");
    let collector = Collector::start()?;
    let shop = Shop::embedded_with(&[(ENDPOINT, collector.endpoint()), (RATIO, "0")]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let user = shop.client()?.user("ann").with_money("5").await?;
        user.outcome(&user.order("1").await?).await?;
        for (trace, flags) in [(unwanted, "00"), (wanted, "01")] {
            user.outcome(&order_within(shop, &user, &traceparent(trace, flags)).await?).await?;
        }
        // Stopping sends whatever there is to send.
        shop.stop().await?;
        assert_eq!(Vec::from_iter(collector.traces()), [wanted]);
        assert_eq!(Trace(collector.received(wanted)).lines(), paid("gozon", "gozon", "?", 0));
        shop.start().await?;
        Ok(Arc::default())
    })
    .await
}

/// Pays an order while traces go nowhere.
async fn check_unharmed(endpoint: &str) -> Result<()> {
    let shop = Shop::embedded_with(&[(ENDPOINT, endpoint)]).await?;
    shop.judged_after(async |shop: &mut Shop| {
        let client = shop.client()?;
        let user = client.user("ann").with_money("5").await?;
        assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
        let lost = async || Ok(client.counted("trace_spans_total", r#"outcome="lost""#).await? > 0);
        until("spans to be given up", lost).await?;
        assert_eq!(user.outcome(&user.order("1").await?).await?, "FINISHED");
        Ok(Arc::default())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_away_harms_nobody() -> Result<()> {
    let nobody = testbed::free_address()?;
    check_unharmed(&format!("http://{nobody}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_harms_nobody() -> Result<()> {
    // The kernel accepts for it.
    let mute = TcpListener::bind("127.0.0.1:0")?;
    check_unharmed(&format!("http://{}", mute.local_addr()?)).await
}

#[cfg(feature = "servers")]
mod on_servers {
    use super::*;
    use crate::private;
    use e2e::Plan;
    use std::collections::BTreeSet;
    use tokio::task::block_in_place;

    fn traced(plan: Plan, collector: &Collector) -> Plan {
        Plan { variables: vec![(ENDPOINT, collector.endpoint().to_owned())], ..plan }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_order_is_one_trace_through_both_services_up_to_the_pushes_on_two_instances() -> Result<()> {
        let collector = Collector::start()?;
        let shop = traced(Plan::of(2, 1), &collector).open().await?;
        shop.judged_after(async |shop: &mut Shop| {
            let user = shop.client()?.user("ann").with_money("5").await?;
            let mut sockets = Vec::new();
            for instance in &shop.orders {
                let mut socket = Socket::connect(instance.address()?, &all_of(&user)).await?;
                socket.ready().await?;
                sockets.push(socket);
            }
            // An instance that does not listen to the others yet tells its sockets what the database says, which knows of no trace.
            let first = user.order("1").await?;
            for socket in &mut sockets {
                socket.know_final(std::slice::from_ref(&first)).await?;
            }
            let order = user.order("1").await?;
            let expected = paid("orders-svc", "payments-svc", "-", sockets.len());
            let trace = collector.trace(("gozon.order.id", &order), expected.len()).await?;
            assert_eq!(trace.lines(), expected);
            check_words(&trace, &order, "rabbitmq")?;
            let pushes = trace.0.iter().filter(|span| span.name == "push order");
            let instances: BTreeSet<_> = pushes.map(|span| &span.resource["service.instance.id"]).collect();
            assert_eq!(instances.len(), 2, "each instance tells its own socket");
            Ok(Arc::default())
        })
        .await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_order_whose_request_another_process_sends_later_is_still_one_trace() -> Result<()> {
        let collector = Collector::start()?;
        let mut rabbitmq = private::rabbitmq().await?;
        block_in_place(|| rabbitmq.kill_9())?;
        let shop = traced(Plan { amqp_url: rabbitmq.url(), ..Plan::of(1, 1) }, &collector);
        let mut shop = shop.prepare().await?;
        for process in shop.processes() {
            process.start().await?;
        }
        shop.judged_after(async |shop: &mut Shop| {
            let user = shop.client()?.user("ann").with_money("5").await?;
            let order = user.order_surely("1", "one").await?;
            let placed = shop.orders[0].terminate().await?;
            assert!(placed.success());
            block_in_place(|| rabbitmq.start_again())?;
            shop.start().await?;
            let expected = paid("orders-svc", "payments-svc", "-", 0);
            let trace = collector.trace(("gozon.order.id", &order), expected.len()).await?;
            assert_eq!(trace.lines(), expected);
            let runs = ["create", "send"].map(|verb| trace.span(&format!("{verb} gozon:payment.requested")));
            let [created, sent] = runs.map(|span| span.map(|span| span.resource["service.instance.id"].clone()));
            assert_ne!(created?, sent?, "it was sent by another run of the service");
            Ok(Arc::default())
        })
        .await
    }
}
