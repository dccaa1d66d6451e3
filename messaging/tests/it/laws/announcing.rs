//! Laws of announcements: whoever listens hears them, nobody is promised anything, and a loss is said.

use super::harness::{Harness, Verdict};
use crate::{database::TestResult, wait::within_limit};
use messaging::{
    Announcement,
    broker::{Broker, Heard, Listener},
};
use saga::messages::OrderStatusChanged;
use std::sync::Arc;
use store::Micros;
use uuid::Uuid;

/// One that differs from every other by its instance.
pub fn announcement() -> Announcement {
    Announcement::new(&OrderStatusChanged { changes: Vec::new() }, Uuid::now_v7(), None, Micros(1))
}

pub async fn hear(listener: &mut Box<dyn Listener>) -> TestResult<Heard> {
    Ok(within_limit("something to hear", listener.next()).await.ok_or("the broker closed")?)
}

async fn listen(broker: &Arc<dyn Broker>) -> TestResult<Box<dyn Listener>> {
    within_limit("a voice", broker.audible().wait_for(|audible| *audible)).await?;
    let mut listener = broker.listen();
    assert_eq!(hear(&mut listener).await?, Heard::Back);
    Ok(listener)
}

pub fn an_announcement_is_heard_by_everyone_who_listens_and_nobody_else<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let broker = harness.broker();
        broker.announce(announcement()).await;
        let (mut one, mut two) = (listen(&broker).await?, listen(&broker).await?);
        let said: Vec<_> = (0..100).map(|_| announcement()).collect();
        for announcement in &said {
            broker.announce(announcement.clone()).await;
        }
        for listener in [&mut one, &mut two] {
            for announcement in &said {
                assert_eq!(hear(listener).await?, Heard::Message(announcement.body.clone().into_bytes()));
            }
        }
        Ok(())
    })
}

pub fn closing_ends_listening_and_an_announcement_afterwards_is_lost<H: Harness>(harness: &H) -> Verdict<'_> {
    Box::pin(async move {
        let broker = harness.broker();
        let mut listener = listen(&broker).await?;
        within_limit("the end", broker.close()).await;
        assert_eq!(within_limit("the listener's end", listener.next()).await, None);
        within_limit("nothing", broker.announce(announcement())).await;
        Ok(())
    })
}
