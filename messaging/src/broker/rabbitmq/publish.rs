//! Publishing a batch: all messages at once, then all confirms, each message accounted for by its id.
//! Absent: retrying; what is not confirmed stays in the outbox.

use super::{ANSWER_TIMEOUT, link::Link, topology::Names};
use crate::{
    Letter,
    broker::{PublishError, QUEUES},
    event::CONTENT_TYPE,
};
use futures_util::{StreamExt, stream::FuturesOrdered};
use lapin::{BasicProperties, Channel, Confirmation, options::BasicPublishOptions};
use std::{collections::HashSet, future::Future};
use tokio::time::{error::Elapsed, timeout};

/// AMQP's `delivery_mode` for "write it to disk".
pub(super) const PERSISTENT: u8 = 2;

type Answer = Result<(), PublishError>;

/// Why a batch broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Lapin(#[from] lapin::Error),
    #[error("the broker answers nothing any more")]
    Silence(#[from] Elapsed),
}

/// Publishes and waits for every confirm. If that breaks off, the link is given up and nothing of the batch counts as safe: a
/// message that seemed confirmed may be one whose return was credited to a confirm that never came.
pub(super) async fn batch(link: &Link, names: &Names, letters: &[Letter]) -> Vec<Answer> {
    let unreachable = || vec![Err(PublishError::Unreachable); letters.len()];
    let channel = link.publisher().await;
    if link.is_broken() {
        return unreachable();
    }
    match publish(&channel, names, letters).await {
        Ok(answers) => {
            if letters
                .iter()
                .zip(&answers)
                .any(|(letter, answer)| *answer == Err(PublishError::Unroutable) && has_queue(letter))
            {
                // The queue is gone although the connection is there. The next link declares it again.
                link.give_up();
            }
            return answers;
        }
        Err(error) => tracing::warn!(%error, messages = letters.len(), "publishing broke off"),
    }
    link.give_up();
    unreachable()
}

/// Whether the contract has a queue for it. One without, such as from a version to come, must not cost everybody the connection.
fn has_queue(letter: &Letter) -> bool {
    QUEUES.iter().any(|queue| queue.routing_keys.contains(&letter.routing_key.as_str()))
}

async fn publish(channel: &Channel, names: &Names, letters: &[Letter]) -> Result<Vec<Answer>, Broken> {
    failpoints::point!("rabbitmq::before-publish", return Err(super::planted().into()));
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let publishing = letters.iter().map(|letter| {
        let (exchange, key) = (names.exchange.as_str().into(), letter.routing_key.as_str().into());
        channel.basic_publish(exchange, key, mandatory, letter.body.as_bytes(), properties(letter))
    });
    // Each comes back once it is written to the socket, by another thread: one after the other they would wait for that thread to
    // wake as often as there are letters.
    let confirms: Vec<_> = without_silence(publishing).await?.into_iter().collect::<lapin::Result<_>>()?;
    failpoints::point!("rabbitmq::after-publish", return Err(super::planted().into()));
    let (mut answers, mut returned) = (Vec::with_capacity(letters.len()), HashSet::new());
    for confirmation in without_silence(confirms).await? {
        let confirmation = confirmation?;
        answers.push(if confirmation.is_ack() { Ok(()) } else { Err(PublishError::Refused) });
        returned.extend(returned_id(confirmation));
    }
    take_back(letters, &returned, &mut answers);
    failpoints::point!("rabbitmq::after-confirm", return Err(super::planted().into()));
    Ok(answers)
}

/// Waits for all at once, as long as each comes within [`ANSWER_TIMEOUT`] of the one before it. A limit on the whole batch would make
/// a broker that is merely slow be given up, and then be given all of it once more.
async fn without_silence<T>(answers: impl IntoIterator<Item = impl Future<Output = T>>) -> Result<Vec<T>, Elapsed> {
    let mut answers: FuturesOrdered<_> = answers.into_iter().collect();
    let mut heard = Vec::with_capacity(answers.len());
    while let Some(answer) = timeout(ANSWER_TIMEOUT, answers.next()).await? {
        heard.push(answer);
    }
    Ok(heard)
}

fn properties(letter: &Letter) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(letter.id.hyphenated().to_string().into())
}

/// The id inside the returned message itself: with pipelined confirms lapin credits it to whichever confirm comes next.
fn returned_id(confirmation: Confirmation) -> Option<String> {
    let message = confirmation.take_message()?;
    message.delivery.properties.message_id().as_ref().map(ToString::to_string)
}

fn take_back(letters: &[Letter], returned: &HashSet<String>, answers: &mut [Answer]) {
    if returned.is_empty() {
        return;
    }
    for (letter, answer) in letters.iter().zip(answers) {
        if returned.contains(&letter.id.hyphenated().to_string()) {
            *answer = Err(PublishError::Unroutable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn a_slow_broker_is_waited_for_and_a_silent_one_is_not() {
        let after = |wait: Duration| async move { sleep(wait).await };
        let almost = ANSWER_TIMEOUT - Duration::from_millis(1);
        assert_eq!(without_silence([1, 2, 3, 4, 5].map(|turn| after(almost * turn))).await, Ok(vec![(); 5]));
        assert!(without_silence([almost, almost + ANSWER_TIMEOUT * 2].map(after)).await.is_err());
    }
}
