//! Laws of delivery: at least once until it is settled, never after it is done.

use super::harness::{Harness, Verdict, publish, take, take_rest};
use crate::{
    letters::{bodies, request, requests, sorted},
    wait::within_limit,
};
use messaging::{
    Letter,
    broker::{ORDERS_PAYMENT_RESULTS, PAYMENTS_REQUESTS, Settlement},
};

pub fn what_was_returned_comes_again_and_says_so<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(3)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
        for round in 0..30 {
            for delivery in take(&mut subscription, 3).await? {
                assert_eq!(delivery.redelivered, round > 0);
                let what = if round < 29 { Settlement::Return } else { Settlement::Done };
                delivery.receipt.settle(what);
            }
        }
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 3]);
        assert_eq!(harness.left(PAYMENTS_REQUESTS).await?, 0);
        Ok(())
    })
}

pub fn what_a_dropped_consumer_had_comes_again<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(100)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 50);
        let took: Vec<_> = take(&mut subscription, 10).await?.into_iter().map(|delivery| delivery.body).collect();
        drop(subscription);
        let mut again = broker.subscribe(PAYMENTS_REQUESTS, 100);
        let came = take(&mut again, 100).await?;
        assert!(came.iter().all(|delivery| delivery.redelivered || !took.contains(&delivery.body)));
        assert_eq!(sorted(came.iter().map(|delivery| delivery.body.clone())), sorted(bodies(&letters)));
        came.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 100]);
        Ok(())
    })
}

pub fn what_a_panicking_consumer_had_comes_again<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(20)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
        let unlucky = tokio::spawn(async move {
            let mut took = take(&mut subscription, 20).await.expect("deliveries");
            took.remove(0).receipt.settle(Settlement::Done);
            panic!("with {} in hand", took.len());
        });
        assert!(unlucky.await.is_err_and(|error| error.is_panic()));
        let rest = take_rest(harness, 19).await?;
        assert_eq!(sorted(rest.clone()), sorted(rest.iter().cloned().collect::<std::collections::HashSet<_>>()));
        assert_eq!(rest.len(), 19);
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 20]);
        Ok(())
    })
}

pub fn what_is_done_never_comes_again<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(300)?);
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 200);
        let mut open = take(&mut subscription, 200).await?;
        open.drain(..100).for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        // Within the prefetch there is room for these only once the broker has let go of all those that are done.
        open.extend(take(&mut subscription, 100).await?);
        let expected = sorted(open.iter().map(|delivery| delivery.body.clone()));
        drop((subscription, open));
        let mut again = broker.subscribe(PAYMENTS_REQUESTS, 300);
        let last = request()?;
        let publishing_last = publish(&broker, std::slice::from_ref(&last));
        let came = take(&mut again, 201).await?;
        let others = came.iter().filter(|delivery| delivery.body != last.body.as_bytes());
        assert_eq!(sorted(others.map(|delivery| delivery.body.clone())), expected);
        came.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 300]);
        assert_eq!(within_limit("the answer", publishing_last).await?, [Ok(())]);
        Ok(())
    })
}

pub fn two_consumers_share_a_queue_and_each_message_goes_to_one<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(100)?);
        // Neither settles: where they share message by message, both get their half with a prefetch of a half.
        let prefetch = if harness.shares_partitions() { 100 } else { 50 };
        let mut consumers =
            [broker.subscribe(PAYMENTS_REQUESTS, prefetch), broker.subscribe(PAYMENTS_REQUESTS, prefetch)];
        let publishing = publish(&broker, &letters);
        let mut took = [Vec::new(), Vec::new()];
        while took[0].len() + took[1].len() < letters.len() {
            let [one, two] = &mut consumers;
            let (which, some) = tokio::select! {
                some = take(one, 1) => (0, some?),
                some = take(two, 1) => (1, some?),
            };
            took[which].extend(some);
        }
        assert!(took.iter().all(|one| !one.is_empty() && one.len() <= usize::from(prefetch)), "one has it all");
        let came = took.iter().flatten().map(|delivery| delivery.body.clone());
        assert_eq!(sorted(came), sorted(bodies(&letters)));
        took.into_iter().flatten().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 100]);
        Ok(())
    })
}

/// As a consumer does whose other messages are done meanwhile.
pub fn whoever_gives_up_waiting_and_asks_again_misses_nothing<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(100)?);
        let publishing = publish(&broker, &letters);
        let (mut subscription, mut took) = (broker.subscribe(PAYMENTS_REQUESTS, 100), Vec::new());
        while took.len() < letters.len() {
            tokio::select! {
                biased;
                some = take(&mut subscription, 1) => took.extend(some?),
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(sorted(took.iter().map(|delivery| delivery.body.clone())), sorted(bodies(&letters)));
        took.into_iter().for_each(|delivery| delivery.receipt.settle(Settlement::Done));
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); 100]);
        Ok(())
    })
}

pub fn queues_do_not_mix<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let broker = harness.broker();
        let (asked, answered) = (request()?, Letter { routing_key: "payment.declined".to_owned(), ..request()? });
        let publishing = publish(&broker, &[asked.clone(), answered.clone()]);
        for (queue, letter) in [(ORDERS_PAYMENT_RESULTS, answered), (PAYMENTS_REQUESTS, asked)] {
            let mut subscription = broker.subscribe(queue, 10);
            let mut took = take(&mut subscription, 1).await?;
            assert_eq!((took.len(), took[0].body.as_slice()), (1, letter.body.as_bytes()));
            took.remove(0).receipt.settle(Settlement::Done);
        }
        assert_eq!(within_limit("the answers", publishing).await?, [Ok(()), Ok(())]);
        Ok(())
    })
}
