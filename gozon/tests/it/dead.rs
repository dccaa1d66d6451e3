//! `gozon dead` on the parking lots of both databases. Absent: the broker's queues (`dead_letters`).

use crate::shop::{Backend, Shop, TestResult, with_shop};
use gozon::dead::{self, Act, Done, Outcome, Places, What, Which};
use messaging::parking::{self, State};
use store::{Clock, Micros, Store};
use uuid::Uuid;

const NOW: Micros = Micros(1_000_000);

fn places(shop: &Shop) -> Places {
    Places { databases: shop.databases.clone(), broker: None, clock: Clock::from_fn(|| NOW) }
}

/// Sets a message aside and says by which id it goes.
async fn aside(store: &Store, body: &[u8], state: State) -> TestResult<String> {
    let before = parking::list(store, 100).await?;
    parking::save(store, "payments.requests", Some("msg".to_owned()), body, state, "it\nbroke", NOW).await?;
    let after = parking::list(store, 100).await?;
    let new = after.iter().find(|parked| !before.contains(parked)).ok_or("it was not saved")?;
    Ok(new.id.to_string())
}

pub async fn messages_of_both_databases_are_listed_and_shown(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        let of_orders = aside(&shop.databases.orders, b"not json\x1b[2J", State::Dead).await?;
        let of_payments = aside(&shop.databases.payments, br#"{"type":"t"}"#, State::Retrying).await?;
        let messages = places(&shop).list().await?;
        let seen: Vec<_> = messages.iter().map(|message| (message.id.as_str(), message.place, message.state)).collect();
        assert_eq!(seen, [(of_orders.as_str(), "orders", "dead"), (of_payments.as_str(), "payments", "retrying")]);

        let table = dead::list(&messages);
        let row = table.lines().nth(1).ok_or("a row")?.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = format!("{of_orders} orders payments.requests dead 1 1970-01-01T00:00:01.000000Z it\\nbroke");
        assert_eq!(row, expected, "{table}");
        let json: serde_json::Value = serde_json::from_str(&dead::list_json(&messages))?;
        assert_eq!((&json[1]["where"], &json[1]["since"]), (&"payments".into(), &"1970-01-01T00:00:01.000000Z".into()));

        let shown = places(&shop).show(&of_orders).await?;
        assert!(dead::show(&shown[0]).ends_with("\n\nnot json\\u{1b}[2J\n"), "{}", dead::show(&shown[0]));
        let shown = places(&shop).show(&of_payments).await?;
        assert!(dead::show(&shown[0]).ends_with("{\n  \"type\": \"t\"\n}\n"));
        assert_eq!(places(&shop).show(&Uuid::nil().to_string()).await?, []);
        Ok(())
    })
    .await
}

pub async fn a_replayed_message_is_retried_from_the_beginning(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        let id = aside(&shop.databases.payments, b"{}", State::Dead).await?;
        let done = |what| Outcome { done: vec![Done { id: id.clone(), place: "payments", what }], unknown: Vec::new() };
        let which = Which::These(vec![id.clone()]);
        assert_eq!(places(&shop).act(Act::Replay, &which).await?, done(What::Replayed));
        let message = &places(&shop).show(&id).await?[0];
        assert_eq!((message.state, message.attempts), ("retrying", Some(0)));
        assert_eq!(
            parking::due(&shop.databases.payments, "payments.requests", NOW, 9).await?.len(),
            1,
            "it is due now"
        );
        assert_eq!(places(&shop).act(Act::Replay, &which).await?, done(What::LeftAlone));
        Ok(())
    })
    .await
}

pub async fn a_discarded_message_is_gone_and_unknown_ids_are_told(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        let kept = aside(&shop.databases.orders, b"kept", State::Parked).await?;
        let gone = aside(&shop.databases.orders, b"gone", State::Parked).await?;
        let ids = vec![gone.clone(), "payments.requests#1".to_owned(), Uuid::nil().to_string()];
        let outcome = places(&shop).act(Act::Discard, &Which::These(ids.clone())).await?;
        assert_eq!(outcome.done, [Done { id: gone.clone(), place: "orders", what: What::Discarded }]);
        assert_eq!(outcome.unknown, ids[1..]);
        let left: Vec<_> = places(&shop).list().await?.into_iter().map(|message| message.id).collect();
        assert_eq!(left, [kept]);
        assert_eq!(places(&shop).act(Act::Discard, &Which::These(vec![gone.clone()])).await?.unknown, [gone]);
        Ok(())
    })
    .await
}

pub async fn all_means_those_that_wait_for_an_operator(backends: [Backend; 2]) -> TestResult {
    with_shop(backends, async |shop: Shop| {
        for act in [Act::Replay, Act::Discard] {
            let retrying = aside(&shop.databases.orders, b"r", State::Retrying).await?;
            let waiting = [
                aside(&shop.databases.orders, b"p", State::Parked).await?,
                aside(&shop.databases.orders, b"d", State::Dead).await?,
                aside(&shop.databases.payments, b"d", State::Dead).await?,
            ];
            let outcome = places(&shop).act(act, &Which::All).await?;
            let done: Vec<_> = outcome.done.iter().map(|done| done.id.clone()).collect();
            assert_eq!(done, waiting, "{act:?}");
            let states: Vec<_> =
                places(&shop).list().await?.into_iter().map(|message| (message.id, message.state)).collect();
            assert!(states.contains(&(retrying, "retrying")) && states.iter().all(|(_, state)| *state == "retrying"));
            assert_eq!(waiting.iter().any(|id| states.iter().any(|(there, _)| there == id)), act == Act::Replay);
            assert_eq!(places(&shop).act(act, &Which::All).await?, Outcome::default(), "nothing is left to do");
        }
        Ok(())
    })
    .await
}
