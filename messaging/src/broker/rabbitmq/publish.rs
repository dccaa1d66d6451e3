//! Publishing a batch: all messages at once, then all confirms, each message accounted for by its id.
//! Absent: retrying; what is not confirmed stays in the outbox.

use super::{ANSWER_TIMEOUT, link::Link, topology::Names};
use crate::{
    Letter,
    broker::{PublishError, QUEUES},
    event::CONTENT_TYPE,
};
use lapin::{BasicProperties, Channel, Confirmation, options::BasicPublishOptions};
use std::collections::HashSet;
use tokio::time::timeout;

/// AMQP's `delivery_mode` for "write it to disk".
const PERSISTENT: u8 = 2;

type Answer = Result<(), PublishError>;

/// Publishes and waits for every confirm. If that breaks off, the link is given up and nothing of the batch counts as safe: a
/// message that seemed confirmed may be one whose return was credited to a confirm that never came.
pub(super) async fn batch(link: &Link, names: &Names, letters: &[Letter]) -> Vec<Answer> {
    let unreachable = || vec![Err(PublishError::Unreachable); letters.len()];
    let channel = link.publisher.lock().await;
    if link.is_broken() {
        return unreachable();
    }
    match timeout(ANSWER_TIMEOUT, publish(&channel, names, letters)).await {
        Ok(Ok(answers)) => {
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
        Ok(Err(error)) => tracing::warn!(%error, "publishing broke off"),
        Err(_) => tracing::warn!(messages = letters.len(), "the broker did not confirm in time"),
    }
    link.give_up();
    unreachable()
}

/// Whether the contract has a queue for it. One without, such as from a version to come, must not cost everybody the connection.
fn has_queue(letter: &Letter) -> bool {
    QUEUES.iter().any(|queue| queue.routing_keys.contains(&letter.routing_key.as_str()))
}

async fn publish(channel: &Channel, names: &Names, letters: &[Letter]) -> lapin::Result<Vec<Answer>> {
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut confirms = Vec::with_capacity(letters.len());
    for letter in letters {
        let (exchange, key) = (names.exchange.as_str().into(), letter.routing_key.as_str().into());
        confirms
            .push(channel.basic_publish(exchange, key, mandatory, letter.body.as_bytes(), properties(letter)).await?);
    }
    let (mut answers, mut returned) = (Vec::with_capacity(letters.len()), HashSet::new());
    for confirm in confirms {
        let confirmation = confirm.await?;
        answers.push(if confirmation.is_ack() { Ok(()) } else { Err(PublishError::Refused) });
        returned.extend(returned_id(confirmation));
    }
    take_back(letters, &returned, &mut answers);
    Ok(answers)
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
