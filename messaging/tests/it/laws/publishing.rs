//! Laws of publishing: what is confirmed is safe, what is not safe is named.

use super::harness::{Harness, Verdict, publish, take, take_rest};
use crate::{
    letters::{bodies, request, requests, sealed, sorted},
    wait::within_limit,
};
use messaging::{
    Letter,
    broker::{PAYMENTS_REQUESTS, PublishError, Settlement},
};

pub fn a_published_message_is_delivered_byte_for_byte<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let broker = harness.broker();
        let mut letters = requests(3)?;
        letters.push(sealed("\u{feff}не JSON \" ' \\ \u{0} 😀\r\n"));
        letters.push(sealed(&"x".repeat(300_000)));
        letters.push(sealed(""));
        let publishing = publish(&broker, &letters);
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
        let mut came = Vec::new();
        for delivery in take(&mut subscription, letters.len()).await? {
            assert!(!delivery.redelivered);
            came.push(delivery.body);
            delivery.receipt.settle(Settlement::Done);
        }
        assert_eq!(sorted(came), sorted(bodies(&letters)));
        assert_eq!(within_limit("the answers", publishing).await?, vec![Ok(()); letters.len()]);
        Ok(())
    })
}

pub fn a_message_published_before_its_consumer_existed_is_not_lost<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letters) = (harness.broker(), requests(10)?);
        let mut publishing = publish(&broker, &letters);
        if harness.stores() {
            assert_eq!(within_limit("the answers", &mut publishing).await?, vec![Ok(()); 10]);
        } else {
            tokio::task::yield_now().await;
        }
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
        let came = take(&mut subscription, 10).await?.into_iter().map(|delivery| delivery.body);
        assert_eq!(sorted(came), sorted(bodies(&letters)));
        Ok(())
    })
}

/// Safe is in the quorum queue, or, in memory, handled: until then nobody may delete the outbox row.
pub fn a_confirmed_message_is_safe<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, letter) = (harness.broker(), request()?);
        let mut publishing = publish(&broker, std::slice::from_ref(&letter));
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 100);
        let mut took = take(&mut subscription, 1).await?;
        if harness.stores() {
            assert_eq!(within_limit("the answer", &mut publishing).await?, [Ok(())]);
            assert_eq!(harness.left(PAYMENTS_REQUESTS).await?, 1);
            return Ok(());
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!publishing.is_finished(), "confirmed before it was settled");
        took.remove(0).receipt.settle(Settlement::Done);
        assert_eq!(within_limit("the answer", publishing).await?, [Ok(())]);
        Ok(())
    })
}

pub fn an_unroutable_letter_is_named_and_costs_nobody_else_anything<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let broker = harness.broker();
        let mut reachable = broker.reachable();
        reachable.mark_unchanged();
        for round in 0..10 {
            let mut letters = requests(20)?;
            for stranger in [7, 8, 13 + round % 7] {
                letters[stranger] = Letter { routing_key: "payment.of-tomorrow".to_owned(), ..request()? };
            }
            let expected = letters.iter().map(|letter| match letter.routing_key.as_str() {
                "payment.of-tomorrow" => Err(PublishError::Unroutable),
                _ => Ok(()),
            });
            let expected: Vec<_> = expected.collect();
            let publishing = publish(&broker, &letters);
            let routed = expected.iter().filter(|answer| answer.is_ok()).count();
            assert_eq!(take_rest(harness, routed).await?.len(), routed);
            assert_eq!(within_limit("the answers", publishing).await?, expected);
        }
        assert!(!reachable.has_changed()?, "the connection was given up");
        Ok(())
    })
}

pub fn an_empty_batch_has_no_answers<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        assert_eq!(harness.broker().publish(&[]).await, []);
        Ok(())
    })
}

pub fn concurrent_batches_are_all_answered_and_delivered_once<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let (broker, mut letters) = (harness.broker(), requests(2_000)?);
        // In every third batch is one that nobody takes: it must be named in its own batch's answers and in no other's.
        let strange = |index: usize| (index / 100).is_multiple_of(3) && index % 100 == 50;
        for index in (0..letters.len()).filter(|index| strange(*index)) {
            letters[index] = Letter { routing_key: "payment.of-tomorrow".to_owned(), ..request()? };
        }
        let publishing: Vec<_> = letters.chunks(100).map(|batch| publish(&broker, batch)).collect();
        let routed: Vec<_> =
            (0..letters.len()).filter(|index| !strange(*index)).map(|index| letters[index].clone()).collect();
        let mut subscription = broker.subscribe(PAYMENTS_REQUESTS, 300);
        let mut came = Vec::new();
        while came.len() < routed.len() {
            for delivery in take(&mut subscription, 1).await? {
                came.push(delivery.body);
                delivery.receipt.settle(Settlement::Done);
            }
        }
        for (number, batch) in publishing.into_iter().enumerate() {
            let expected: Vec<_> = (number * 100..(number + 1) * 100)
                .map(|index| if strange(index) { Err(PublishError::Unroutable) } else { Ok(()) })
                .collect();
            assert_eq!(within_limit("the answers", batch).await?, expected, "batch {number}");
        }
        assert_eq!(sorted(came), sorted(bodies(&routed)));
        Ok(())
    })
}
