//! Laws of settling: exactly, in any order, bounded by the prefetch, and poison blocks nobody.

use super::harness::{Harness, Verdict, publish, take};
use crate::{
    letters::{requests, sorted},
    wait::{until, within_limit},
};
use futures_util::FutureExt;
use messaging::broker::{DeadLetter, Delivery, PAYMENTS_REQUESTS, PublishError, Settlement};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{collections::HashSet, time::Duration};

/// How long to listen to make sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(200);

pub fn never_more_than_the_prefetch_is_unsettled<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        const PREFETCH: u16 = 10;
        let (broker, letters) = (harness.broker(), requests(100)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, PREFETCH);
        let mut random = StdRng::seed_from_u64(7);
        let mut held = take(&mut subscription, usize::from(PREFETCH)).await?;
        assert_eq!(held.len(), usize::from(PREFETCH));
        assert!(tokio::time::timeout(SILENCE, subscription.next()).await.is_err(), "more than the prefetch came");
        for settled in 1..=letters.len() {
            held.swap_remove(random.random_range(0..held.len())).receipt.settle(Settlement::Done);
            let missing = usize::from(held.is_empty() && settled < letters.len());
            held.extend(take(&mut subscription, missing).await?);
            held.extend(subscription.next().now_or_never().flatten().unwrap_or_default());
            assert!(held.len() <= usize::from(PREFETCH), "{} are unsettled", held.len());
        }
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 100]);
        Ok(())
    })
}

/// What the judge of the next law keeps of the deliveries.
#[derive(Default)]
struct Books {
    done: HashSet<Vec<u8>>,
    dead: HashSet<Vec<u8>>,
}

impl Books {
    fn take_done(&mut self, delivery: Delivery) {
        assert!(self.done.insert(delivery.body), "a settled message came again");
        delivery.receipt.settle(Settlement::Done);
    }

    fn settle(&mut self, delivery: Delivery, random: &mut StdRng) {
        let Delivery { body, receipt, .. } = delivery;
        assert!(!self.done.contains(&body) && !self.dead.contains(&body), "a settled message came again");
        match random.random_range(0..100) {
            0..20 => receipt.settle(Settlement::Return),
            20..30 => drop(receipt),
            30..32 => {
                self.dead.insert(body.clone());
                let (id, reason) = (format!("dead {}", self.dead.len()), "as the dice say".to_owned());
                receipt.settle(Settlement::Dead(Box::new(DeadLetter { id, reason, body })));
            }
            _ => {
                self.done.insert(body);
                receipt.settle(Settlement::Done);
            }
        }
    }
}

pub fn settled_in_any_order_everything_is_acknowledged_exactly<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        const PREFETCH: u16 = 700;
        let (broker, letters) = (harness.broker(), requests(5_000)?);
        let mut reachable = broker.reachable();
        reachable.mark_unchanged();
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, PREFETCH);
        let (mut random, mut books, mut held) = (StdRng::seed_from_u64(42), Books::default(), Vec::new());
        while books.done.len() + books.dead.len() < letters.len() {
            held.extend(take(&mut subscription, usize::from(held.is_empty())).await?);
            held.extend(subscription.next().now_or_never().flatten().unwrap_or_default());
            held.shuffle(&mut random);
            let some = random.random_range(1..=held.len());
            held.drain(..some).for_each(|delivery| books.settle(delivery, &mut random));
        }
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 5_000]);
        if broker.keeps_dead_letters() {
            until("the last dead letter is kept", || async {
                harness.dead(PAYMENTS_REQUESTS).await.is_ok_and(|dead| dead.len() == books.dead.len())
            })
            .await;
            let dead = harness.dead(PAYMENTS_REQUESTS).await?.into_iter().map(|letter| letter.body);
            assert_eq!(sorted(dead), sorted(books.dead.iter().cloned()));
        }
        // As many as the prefetch come at once only when not one of the others is still unacknowledged.
        let full = publish(&broker, &requests(usize::from(PREFETCH))?);
        let came = take(&mut subscription, usize::from(PREFETCH)).await?;
        came.into_iter().for_each(|delivery| books.take_done(delivery));
        assert!(within_limit("the answers", full).await?.iter().all(Result::is_ok));
        assert!(!reachable.has_changed()?, "the connection was given up");
        Ok(())
    })
}

pub fn one_that_stays_open_holds_up_nobody_else<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(2_000)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 400);
        let mut first = take(&mut subscription, 1).await?;
        let open = first.remove(0);
        let mut settled = first.len();
        first.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        while settled < letters.len() - 1 {
            for delivery in take(&mut subscription, 1).await? {
                settled += 1;
                delivery.receipt.settle(Settlement::Done);
            }
        }
        open.receipt.settle(Settlement::Done);
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 2_000]);
        Ok(())
    })
}

pub fn poison_does_not_hold_up_those_behind_it<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        // A broker takes more than a client of Kafka sends unless it is told to.
        let large = "x".repeat(1_020_000);
        let (broker, poison) = (harness.broker(), ["", "not JSON", "{\"id\": 7}", "\u{0}\u{1}\u{2}", &large]);
        for body in poison {
            harness.inject(PAYMENTS_REQUESTS, body.as_bytes()).await?;
        }
        let publishing = publish(&broker, &requests(10)?);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 5);
        for seen in 0..15 {
            let mut next = take(&mut subscription, 1).await?;
            assert!(seen + next.len() <= 15, "something came twice");
            let Delivery { body, receipt, .. } = next.remove(0);
            next.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Return));
            if poison.iter().any(|poison| poison.as_bytes() == body) {
                let (id, reason) = ("none".to_owned(), "it is poison: не JSON".to_owned());
                receipt.settle(Settlement::Dead(Box::new(DeadLetter { id, reason, body })));
            } else {
                receipt.settle(Settlement::Done);
            }
        }
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 10]);
        if broker.keeps_dead_letters() {
            until("the last is kept", || async {
                harness.dead(PAYMENTS_REQUESTS).await.is_ok_and(|dead| dead.len() == poison.len())
            })
            .await;
            let dead = harness.dead(PAYMENTS_REQUESTS).await?;
            assert!(dead.iter().all(|letter| letter.id == "none" && letter.reason == "it is poison: не JSON"));
            assert_eq!(
                sorted(dead.into_iter().map(|letter| letter.body)),
                sorted(poison.map(|body| body.as_bytes().to_vec()))
            );
        }
        Ok(())
    })
}

pub fn closing_ends_everything<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(10)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 5);
        let held = take(&mut subscription, 1).await?;
        let mut waiting = broker.subscribe(PAYMENTS_REQUESTS, 5);
        let waiting = tokio::spawn(async move { while waiting.next().await.is_some() {} });
        within_limit("the end", broker.close()).await;
        within_limit("the other subscription's end", waiting).await?;
        assert!(within_limit("the subscription's end", subscription.next()).await.is_none());
        assert!(within_limit("a new one's end", broker.subscribe(PAYMENTS_REQUESTS, 5).next()).await.is_none());
        let answers = within_limit("the answers", publishing).await?;
        assert!(harness.stores() || answers == vec![Err(PublishError::Unreachable); 10]);
        assert_eq!(within_limit("an answer", broker.publish(&letters)).await, vec![Err(PublishError::Unreachable); 10]);
        assert!(!*broker.reachable().borrow());
        held.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        within_limit("the second end", broker.close()).await;
        Ok(())
    })
}
