//! The laws that every broker keeps, each a function over a [`Harness`], and their instances: a test a law and a broker.

mod announcing;
mod delivery;
mod harness;
#[cfg(feature = "kafka")]
mod kafka;
mod memory;
mod publishing;
#[cfg(feature = "servers")]
mod rabbitmq;
mod settling;

#[cfg(any(feature = "servers", feature = "kafka"))]
pub use announcing::{announcement, hear};
pub use harness::{Harness, publish, take};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaHarness, Log, beside};
pub use memory::MemoryHarness;
#[cfg(feature = "servers")]
pub use rabbitmq::{RabbitHarness, Topology};

use crate::database::TestResult;

macro_rules! every_broker_keeps {
    ($($file:ident::$law:ident,)+) => {
        mod on_memory {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $law() -> TestResult {
                harness::judge::<memory::MemoryHarness, _>($file::$law).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_rabbitmq {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $law() -> TestResult {
                harness::judge::<rabbitmq::RabbitHarness, _>($file::$law).await
            })+
        }

        #[cfg(feature = "kafka")]
        mod on_kafka {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $law() -> TestResult {
                harness::judge::<kafka::KafkaHarness, _>($file::$law).await
            })+
        }
    };
}

every_broker_keeps! {
    publishing::a_published_message_is_delivered_byte_for_byte,
    publishing::a_message_published_before_its_consumer_existed_is_not_lost,
    publishing::a_confirmed_message_is_safe,
    publishing::an_unroutable_letter_is_named_and_costs_nobody_else_anything,
    publishing::an_empty_batch_has_no_answers,
    publishing::concurrent_batches_are_all_answered_and_delivered_once,
    delivery::what_was_returned_comes_again_and_says_so,
    delivery::what_a_dropped_consumer_had_comes_again,
    delivery::what_a_panicking_consumer_had_comes_again,
    delivery::what_is_done_never_comes_again,
    delivery::two_consumers_share_a_queue_and_each_message_goes_to_one,
    delivery::whoever_gives_up_waiting_and_asks_again_misses_nothing,
    delivery::queues_do_not_mix,
    settling::never_more_than_the_prefetch_is_unsettled,
    settling::settled_in_any_order_everything_is_acknowledged_exactly,
    settling::one_that_stays_open_holds_up_nobody_else,
    settling::poison_does_not_hold_up_those_behind_it,
    settling::closing_ends_everything,
    announcing::an_announcement_is_heard_by_everyone_who_listens_and_nobody_else,
    announcing::closing_ends_listening_and_an_announcement_afterwards_is_lost,
}
