//! The in-process broker before the law.

use super::harness::{Harness, take_rest};
use crate::{database::TestResult, letters::sealed};
use async_trait::async_trait;
use messaging::broker::{Broker, DeadLetter, PAYMENTS_REQUESTS, Queue, memory::MemoryBroker};
use std::sync::Arc;

pub struct MemoryHarness(MemoryBroker);

#[async_trait]
impl Harness for MemoryHarness {
    async fn start() -> TestResult<Self> {
        Ok(Self(MemoryBroker::new()))
    }

    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.0.clone())
    }

    fn stores(&self) -> bool {
        false
    }

    /// Nobody but an outbox can reach it, so this goes through one more publisher.
    async fn inject(&self, queue: Queue, body: &[u8]) -> TestResult {
        assert_eq!(queue, PAYMENTS_REQUESTS);
        let (broker, letter) = (self.0.clone(), sealed(std::str::from_utf8(body)?));
        tokio::spawn(async move { broker.publish(&[letter]).await });
        Ok(())
    }

    async fn dead(&self, _: Queue) -> TestResult<Vec<DeadLetter>> {
        assert!(!self.0.keeps_dead_letters());
        Ok(Vec::new())
    }

    async fn left(&self, queue: Queue) -> TestResult<usize> {
        assert_eq!(queue, PAYMENTS_REQUESTS);
        let left = take_rest(self, 0).await?.len();
        self.0.close().await;
        Ok(left)
    }

    async fn end(self) -> TestResult {
        self.0.close().await;
        Ok(())
    }
}
