//! Consuming a topic as one of a group: a thread that fetches, commits and follows rebalances.
//! Absent: what is under way (`window`), how far that is settled (`watermark`), dead letters (`burying`).

use super::{Kafka, burying::Burying, settings::Settings, window::Window};
use crate::broker::{Delivery, Queue, Subscription};
use async_trait::async_trait;
use rdkafka::{
    client::ClientContext,
    config::FromClientConfigAndContext,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance},
    error::{KafkaError, KafkaResult},
    message::Message,
    topic_partition_list::{Offset, TopicPartitionList},
    types::RDKafkaErrorCode,
};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use supervision::{Vitals, panic_text};
use tokio::{sync::mpsc::unbounded_channel, time::timeout};
use tokio_util::sync::CancellationToken;

/// No actor, but counted among them: with the next subscription it is there again.
pub(super) const NAME: &str = "fetching";
/// How long the thread waits for a message before it looks whether there is something to commit, or nobody is left.
const TICK: Duration = Duration::from_millis(50);
/// How often positions are committed once more that may not have been.
const REPEAT_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for one of our own that is about to leave the group, and may still have something under way.
const LEAVING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last commit may take; after that the messages come again, and the inbox knows them.
const LAST_COMMIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A consumer's end of a topic. Fetching begins with the first call, and the topics are there then.
pub(super) struct KafkaSubscription {
    kafka: Kafka,
    queue: Queue,
    prefetch: u16,
    window: Option<Arc<Window>>,
}

impl KafkaSubscription {
    pub fn new(kafka: Kafka, queue: Queue, prefetch: u16) -> Self {
        Self { kafka, queue, prefetch, window: None }
    }

    /// Makes sure that somebody fetches; `None` once the broker is closed.
    async fn window(&mut self) -> Option<Arc<Window>> {
        if let Some(window) = &self.window {
            return Some(window.clone());
        }
        self.kafka.links.next().await?;
        let siblings = self.kafka.siblings(self.queue);
        timeout(LEAVING_TIMEOUT, siblings.all_left()).await.ok();
        let (dying, dead) = unbounded_channel();
        let window = Arc::new(Window::new(self.prefetch, siblings, dying));
        let fetching = Fetching {
            settings: self.kafka.settings.clone(),
            topic: self.kafka.names.topic(self.queue),
            group: self.kafka.names.group(self.queue),
            window: window.clone(),
            closing: self.kafka.links.closing().clone(),
            vitals: self.kafka.vitals.clone(),
        };
        self.kafka.links.threads().start("kafka-fetch", move || fetching.run_guarded());
        let burying = Burying { kafka: self.kafka.clone(), queue: self.queue, window: window.clone() };
        tokio::spawn(burying.run_guarded(dead));
        self.window = Some(window.clone());
        Some(window)
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next(&mut self) -> Option<Vec<Delivery>> {
        let closing = self.kafka.links.closing().clone();
        let window = self.window().await?;
        loop {
            if closing.is_cancelled() {
                return None;
            }
            match window.take() {
                Some(deliveries) if deliveries.is_empty() => {}
                answer => return answer,
            }
            tokio::select! {
                () = closing.cancelled() => return None,
                () = window.changed() => {}
            }
        }
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        if let Some(window) = &self.window {
            window.abandon();
        }
    }
}

/// What librdkafka tells of a group's member. It speaks on the thread that polls.
struct Member {
    window: Arc<Window>,
    /// Set once the member is being closed. librdkafka aborts the process when a commit is asked for between its last look and its end
    /// (`rd_kafka_cgrp_terminated: assert: !rd_kafka_assignment_in_progress`, 2.12).
    closing: AtomicBool,
}

impl ClientContext for Member {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka's consumer");
    }
}

impl ConsumerContext for Member {
    /// Before the partitions are given back, their positions are on the way to the coordinator: it gets them before it hears that we
    /// have let go. Nobody waits for the answer; a new owner that does not get them has some messages handled once more. A member that is
    /// being closed has committed what it could before.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(partitions) => {
                tracing::info!(partitions = ?numbers(partitions), lost = consumer.assignment_lost(), "partitions are given back");
                let positions = self.window.revoked(numbers(partitions));
                let closing = self.closing.load(Ordering::Relaxed);
                if !positions.is_empty() && !consumer.assignment_lost() && !closing {
                    let topic = partitions.elements().first().map_or_else(String::new, |one| one.topic().to_owned());
                    drop(ask(consumer, &list(&topic, &positions), CommitMode::Async));
                }
            }
            Rebalance::Assign(partitions) => {
                tracing::info!(partitions = ?numbers(partitions), "partitions are ours");
                self.window.assigned(numbers(partitions));
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalancing failed"),
        }
    }
}

/// Says on `Drop`, a panic included, that the member is being closed.
struct Closes<'a>(&'a Member);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.closing.store(true, Ordering::Relaxed);
    }
}

/// The thread that fetches.
struct Fetching {
    settings: Settings,
    topic: String,
    group: String,
    window: Arc<Window>,
    closing: CancellationToken,
    vitals: Arc<OnceLock<Vitals>>,
}

/// When positions were committed last.
struct Ticks {
    tick: Instant,
    again: Instant,
}

impl Default for Ticks {
    fn default() -> Self {
        let now = Instant::now();
        Self { tick: now, again: now }
    }
}

impl Ticks {
    fn tick(&mut self, every: Duration) -> bool {
        is_time(&mut self.tick, every)
    }

    fn again(&mut self, every: Duration) -> bool {
        is_time(&mut self.again, every)
    }
}

fn is_time(last: &mut Instant, every: Duration) -> bool {
    let now = Instant::now();
    let is = now.duration_since(*last) >= every;
    if is {
        *last = now;
    }
    is
}

/// Ends the window, also when the thread panics: whoever waits for messages then subscribes again.
struct Ends<'a>(&'a Window);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Fetching {
    fn run_guarded(self) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.run())) {
            let panic = panic_text(&*panic);
            tracing::error!(topic = self.topic, panic, "fetching panicked; it begins anew where it was committed last");
            self.vitals.get().inspect(|vitals| vitals.restarted(NAME));
        }
    }

    fn run(&self) {
        let _end = Ends(&self.window);
        while !self.is_over() {
            match self.live() {
                Ok(()) => {}
                // A new member is made at once: one that fails, fails slowly.
                Err(error) => tracing::warn!(%error, topic = self.topic, "consuming broke off"),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.closing.is_cancelled() || self.window.is_over()
    }

    fn member(&self) -> KafkaResult<BaseConsumer<Member>> {
        let member = Member { window: self.window.clone(), closing: AtomicBool::new(false) };
        let consumer = BaseConsumer::from_config_and_context(&self.settings.consumer(&self.group), member)?;
        consumer.subscribe(&[&self.topic])?;
        Ok(consumer)
    }

    fn live(&self) -> KafkaResult<()> {
        let consumer = self.member()?;
        let _closes = Closes(consumer.context());
        self.fetch(&consumer)
    }

    /// Fetches until the end. An error is one that this member does not recover from.
    fn fetch(&self, consumer: &BaseConsumer<Member>) -> KafkaResult<()> {
        let (mut paused, mut clock) = (false, Ticks::default());
        while !self.is_over() {
            match consumer.poll(TICK) {
                Some(Ok(message)) => {
                    let (key, body) = (message.key(), message.payload().unwrap_or_default());
                    self.window.fetched(message.partition(), message.offset(), key, body);
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                Some(Err(error)) => tracing::debug!(%error, topic = self.topic, "librdkafka tries again by itself"),
                None => {}
            }
            self.commit(consumer, &mut clock);
            self.hold(consumer, &mut paused)?;
        }
        self.commit_last(consumer);
        Ok(())
    }

    /// Asks the broker to note the positions, with what has changed since the last tick, and now and then once more. Nobody waits for
    /// the answer: rdkafka has none (librdkafka gives it only to a callback that rdkafka does not set).
    fn commit(&self, consumer: &BaseConsumer<Member>, clock: &mut Ticks) {
        if !clock.tick(TICK) {
            return;
        }
        let repeated = if clock.again(REPEAT_EVERY) { self.window.repeated() } else { Vec::new() };
        // What is new takes the place of what is repeated.
        let positions: BTreeMap<_, _> = repeated.into_iter().chain(self.window.news()).collect();
        if !positions.is_empty() {
            let positions: Vec<_> = positions.into_iter().collect();
            drop(ask(consumer, &list(&self.topic, &positions), CommitMode::Async));
        }
    }

    /// The last one is waited for: what was handled is not delivered again for nothing. While others come or go the coordinator takes
    /// none; then the rebalance is gone through first, as for any other error that passes.
    fn commit_last(&self, consumer: &BaseConsumer<Member>) {
        let since = Instant::now();
        while since.elapsed() < LAST_COMMIT_TIMEOUT {
            let positions = self.window.positions();
            if positions.is_empty() {
                return;
            }
            match last(consumer, &list(&self.topic, &positions)) {
                Ok(()) => return,
                Err(error) if is_over(&error) => return,
                // A message that comes now is not taken any more, and stays where it is.
                Err(_) => drop(consumer.poll(TICK)),
            }
        }
    }

    /// Stops or goes on fetching, as the window has room. Polling goes on: who does not poll is put out of the group.
    fn hold(&self, consumer: &BaseConsumer<Member>, paused: &mut bool) -> KafkaResult<()> {
        let assigned = self.window.take_assigned();
        if self.window.is_full() && (!*paused || assigned) {
            consumer.pause(&consumer.assignment()?)?;
            *paused = true;
        } else if *paused && self.window.has_room() {
            consumer.resume(&consumer.assignment()?)?;
            *paused = false;
        }
        Ok(())
    }
}

fn ask(consumer: &BaseConsumer<Member>, positions: &TopicPartitionList, mode: CommitMode) -> KafkaResult<()> {
    failpoints::thread_point!("kafka::before-commit", return Err(planted()));
    consumer
        .commit(positions, mode)
        .inspect_err(|error| tracing::debug!(%error, "positions could not be committed"))?;
    failpoints::thread_point!("kafka::after-commit", return Err(planted()));
    Ok(())
}

/// Asks, and waits for the answer.
fn last(consumer: &BaseConsumer<Member>, positions: &TopicPartitionList) -> KafkaResult<()> {
    failpoints::thread_point!("kafka::before-last-commit", return Err(planted()));
    ask(consumer, positions, CommitMode::Sync)?;
    failpoints::thread_point!("kafka::after-last-commit", return Err(planted()));
    Ok(())
}

/// What a test plants where positions are committed.
#[cfg(feature = "failpoints")]
fn planted() -> KafkaError {
    KafkaError::ConsumerCommit(RDKafkaErrorCode::RequestTimedOut)
}

/// Whether the coordinator has given our partitions to others already.
fn is_over(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId))
}

fn numbers(partitions: &TopicPartitionList) -> Vec<i32> {
    partitions.elements().iter().map(|one| one.partition()).collect()
}

fn list(topic: &str, positions: &[(i32, i64)]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for (partition, position) in positions {
        // An error says that the offset is none; ours are what Kafka has named, or one more.
        drop(list.add_partition_offset(topic, *partition, Offset::Offset(*position)));
    }
    list
}
