//! The spans of messages: made once, sent and handled as often as it takes, all below the one context that the message carries.
//! Absent: what they say in detail, and their way to a receiver.

use crate::{
    database::{Database, TestResult},
    fake::{Hands, Published, confirms, reachable_broker, vitals},
    handler::{Handler, Will},
    letters::{payload, request},
    outbox::append,
    stage::Stage,
    wait::until,
};
use messaging::{Ends, Letter, Metrics, Pair, consumer::HandleError, relay::Relay};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SimpleSpanProcessor, SpanData, SpanExporter},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{Micros, Store};
use telemetry::{TraceContext, Tracer};

/// Keeps what is recorded. A cheap clone.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
        Ok(())
    }
}

impl Kept {
    fn tracer(&self) -> Tracer {
        Tracer::new(Arc::new(SimpleSpanProcessor::new(self.clone())), 0.0, "test")
    }

    fn relay(&self, store: &Store, hands: &Hands, published: &Published) -> Relay {
        let mut broker = reachable_broker();
        confirms(&mut broker, published);
        Relay::start(
            store.clone(),
            Arc::new(broker),
            hands.clock(),
            (Metrics::default(), self.tracer()),
            Pair::default(),
            &vitals(),
        )
    }

    /// Of each span the first word of its name, and the context that it is below.
    fn spans(&self) -> Vec<(String, String)> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let below = |span: &SpanData| format!("00-{}-{}-01", span.span_context.trace_id(), span.parent_span_id);
        let word = |span: &SpanData| span.name.split(' ').next().unwrap_or_default().to_owned();
        spans.iter().map(|span| (word(span), below(span))).collect()
    }

    fn errors(&self) -> Vec<bool> {
        let spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spans.iter().map(|span| span.attributes.iter().any(|one| one.key.as_str() == "error.type")).collect()
    }
}

/// The context that the message carries.
fn carried(letter: &Letter) -> String {
    let event: serde_json::Value = serde_json::from_str(&letter.body).expect("JSON");
    event["traceparent"].as_str().expect("a context").to_owned()
}

fn below(word: &str, context: impl ToString) -> (String, String) {
    (word.to_owned(), context.to_string())
}

pub async fn a_message_is_made_below_the_work_that_decides_and_sent_below_its_making(database: Database) -> TestResult {
    let (store, hands, kept, published) = (database.open().await?, Hands::new(), Kept::default(), Published::default());
    let relay = kept.relay(&store, &hands, &published);
    let (work, unrecorded) = (TraceContext::sampled(), TraceContext::unsampled());
    let letters =
        [Some(work), Some(unrecorded), None].map(|trace| payload().map(|one| relay.seal(&one, Micros(1), trace)));
    let letters: Vec<_> = letters.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(kept.spans(), [], "nothing was committed yet");
    let (made, lease) = (carried(&letters[0]), relay.lease(hands.now()));
    assert_eq!(carried(&letters[1]), unrecorded.to_string(), "the trace goes on, though nobody records it");
    relay.hand_over(letters, lease);
    until("all are published", || async { published.len() == 3 }).await;
    relay.drain().await;
    assert_eq!(kept.spans(), [below("create", work), below("send", made)]);
    Ok(())
}

pub async fn a_row_that_another_process_left_is_sent_below_its_making(database: Database) -> TestResult {
    let (store, hands, kept, published) = (database.open().await?, Hands::new(), Kept::default(), Published::default());
    let left = Letter::seal(&payload()?, Micros(1), Ends::default(), Some(TraceContext::sampled()));
    append(&store, std::slice::from_ref(&left)).await?;
    let relay = kept.relay(&store, &hands, &published);
    until("it is published", || async { published.len() == 1 }).await;
    relay.drain().await;
    assert_eq!(kept.spans(), [below("send", carried(&left))]);
    Ok(())
}

pub async fn each_try_to_handle_a_message_is_recorded_below_its_making(database: Database) -> TestResult {
    let kept = Kept::default();
    let mut stage = Stage::set(&database).await?;
    stage.tracer = kept.tracer();
    let luck = |tries| if tries == 1 { Will::Fail(HandleError::Failed("no luck".to_owned())) } else { Will::Handle };
    let handler = Handler::new(move |_, tries| luck(tries));
    let consumer = stage.consume(&handler);
    let letter = Letter::seal(&payload()?, Micros(1), Ends::default(), Some(TraceContext::sampled()));
    stage.publish(&[letter.clone(), request()?]).await;
    until("both are set aside", || async { stage.parked().await.len() == 2 }).await;
    stage.hands.advance(Duration::from_secs(1_000));
    until("both are recovered", || async { stage.parked().await.is_empty() }).await;
    consumer.stop().await;
    let below = below("process", carried(&letter));
    assert_eq!((kept.spans(), kept.errors()), (vec![below.clone(), below], vec![true, false]));
    let handled = handler.traces(&letter);
    assert!(handled.iter().all(|trace| trace.to_string() != carried(&letter)), "what follows is below the handling");
    assert_ne!(handled[0], handled[1]);
    stage.ends_clean().await
}
