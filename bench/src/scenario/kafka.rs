//! kafka: spread on librdkafka's mock of a Kafka, which has neither disk nor copies. Baseline: the same on RabbitMQ.
//! Absent: a comparison; nobody has wished for anything, both figures are told.

use super::{ACCOUNTS, SHOP, house::House};
use crate::{
    lab::{Deployment, Lab},
    report::Measured,
    rounds::Rounds,
};
use anyhow::Result;

const RABBITMQ: &str = "rabbitmq";

/// # Errors
/// When a measurement or the audit fails.
pub async fn run(lab: &Lab, clients: usize) -> Result<Measured> {
    let rabbitmq = House::open(lab, Deployment::Servers, ACCOUNTS).await?;
    let kafka = House::open(lab, Deployment::Kafka, ACCOUNTS).await?;
    let mut rounds = Rounds::default();
    for _ in 0..lab.rounds {
        rounds.add(RABBITMQ, lab.measuring(RABBITMQ, rabbitmq.saturate(&rabbitmq.placing, clients, lab.time)).await?);
        rounds.add(SHOP, lab.measuring(SHOP, kafka.saturate(&kafka.placing, clients, lab.time)).await?);
    }
    rabbitmq.close().await?;
    kafka.close().await?;
    Ok(Measured { rounds, comparisons: Vec::new() })
}
