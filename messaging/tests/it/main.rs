//! The integration tests of the machinery. Without a server: the memory broker and SQLite. With the feature `servers`: the same laws
//! on RabbitMQ and PostgreSQL as well, whose addresses are in `TEST_AMQP_URL` and `TEST_POSTGRES_URL`. With the feature `kafka`: on the
//! Kafka that `TEST_KAFKA_URL` names, or on librdkafka's mock cluster.

mod consumer;
mod database;
mod fake;
mod handler;
mod inbox;
#[cfg(feature = "kafka")]
mod kafka;
mod laws;
mod letters;
mod outbox;
mod pairs;
mod parking;
#[cfg(feature = "servers")]
mod rabbitmq;
mod relay;
mod relay_faults;
#[cfg(feature = "servers")]
mod sharing;
mod stage;
mod traces;
mod wait;

use database::{Kind, TestResult, with_database};

/// Each test on SQLite and, with the feature `servers`, on PostgreSQL.
macro_rules! on_every_database {
    ($($file:ident::$name:ident,)+) => {
        mod on_sqlite {
            use super::*;
            $(#[actix::test]
            async fn $name() -> TestResult {
                with_database(Kind::Sqlite, $file::$name).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            use super::*;
            $(#[actix::test]
            async fn $name() -> TestResult {
                with_database(Kind::Postgres, $file::$name).await
            })+
        }
    };
}

on_every_database! {
    pairs::the_first_to_be_answered_is_the_partner_and_whoever_comes_later_is_set_aside,
    pairs::another_instance_that_learned_the_partner_first_is_believed,
    pairs::a_database_that_is_not_meant_takes_nothing_from_the_broker,
    pairs::who_asks_learns_its_partner_from_an_answer_that_it_can_use,
    outbox::what_is_appended_shares_the_fate_of_its_transaction,
    outbox::a_claimed_row_is_nobody_elses_until_its_lease_is_over,
    outbox::looks_that_find_nothing_do_without_the_right_to_write,
    outbox::the_oldest_rows_are_claimed_first_and_bytes_survive,
    outbox::leases_end_when_they_are_released,
    outbox::depth_counts_the_rows_and_knows_the_oldest,
    inbox::a_key_is_written_once,
    inbox::of_many_that_remember_the_same_ids_at_once_one_wins_each,
    inbox::an_id_is_forgotten_with_the_transaction_that_remembered_it,
    inbox::cleaning_goes_in_steps_and_spares_the_young,
    parking::a_message_is_retried_after_1_4_16_64_and_256_seconds_and_then_parked,
    parking::what_is_due_is_given_to_one_of_many_only,
    parking::a_retry_whose_holder_died_comes_again,
    parking::replay_starts_over_and_discard_forgets,
    parking::dead_messages_are_kept_and_never_due,
    parking::an_error_with_a_nul_is_kept_all_the_same,
    relay::what_is_handed_over_is_published_and_deleted,
    relay::rows_of_an_outage_are_swept_when_it_ends_before_any_that_come_later,
    relay::the_lease_of_a_crashed_sender_runs_out_and_its_rows_are_swept,
    relay::a_row_that_its_sender_holds_is_not_swept,
    relay::draining_waits_for_what_is_held,
    relay::thousands_of_rows_are_swept_without_a_rest,
    relay::whoever_was_left_to_the_sweep_is_not_overtaken_by_all_who_come_later,
    relay_faults::a_refused_message_is_published_later_under_the_same_id,
    relay_faults::a_returned_message_does_not_stand_in_the_way_of_others,
    relay_faults::a_message_whose_confirm_was_lost_is_published_again_under_the_same_id,
    relay_faults::a_row_that_could_not_be_deleted_is_published_again_under_the_same_id,
    relay_faults::a_broker_that_panics_costs_a_restart_and_no_message,
    relay_faults::a_sweep_that_the_database_refuses_is_repeated,
    consumer::a_message_is_handled_and_acknowledged,
    consumer::what_is_under_way_is_in_hand_until_it_is_settled,
    consumer::an_unavailable_service_is_asked_until_it_works,
    consumer::an_interrupted_message_is_handled_at_the_second_try,
    consumer::a_failure_is_set_aside_and_recovered_by_a_retry,
    consumer::a_message_that_always_fails_is_parked_and_blocks_nobody,
    consumer::poison_is_kept_with_its_reason_and_blocks_nobody,
    consumer::a_handle_that_panics_is_restarted_and_nothing_is_lost,
    consumer::a_message_that_always_panics_is_set_aside_and_blocks_nobody,
    consumer::a_retry_that_panics_counts_as_a_failure,
    consumer::a_consumer_that_stops_lets_what_is_under_way_end,
    traces::a_message_is_made_below_the_work_that_decides_and_sent_below_its_making,
    traces::a_row_that_another_process_left_is_sent_below_its_making,
    traces::each_try_to_handle_a_message_is_recorded_below_its_making,
}

#[cfg(feature = "servers")]
mod on_postgres_only {
    use super::*;

    #[actix::test]
    async fn a_vacuum_gives_deleted_rows_room_to_others() -> TestResult {
        with_database(Kind::Postgres, outbox::a_vacuum_gives_deleted_rows_room_to_others).await
    }
}
