//! The orders service from outside: every call, every refusal, on SQLite and, with the feature `servers`, on PostgreSQL as well.
//! Absent: payments and crashes; the system tests have those.

mod answers;
mod calls;
mod cancels;
mod operation;
mod overload;
mod refusals;
mod service;
mod timelines;

use fixtures::database::{Kind, TestResult};
use service::with_service;

macro_rules! on_every_database {
    ($($file:ident::$name:ident,)+) => {
        mod on_sqlite {
            use super::*;
            $(#[actix_web::test]
            async fn $name() -> TestResult {
                with_service(Kind::Sqlite, $file::$name).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            use super::*;
            $(#[actix_web::test]
            async fn $name() -> TestResult {
                with_service(Kind::Postgres, $file::$name).await
            })+
        }
    };
}

on_every_database! {
    calls::a_placed_order_has_every_field_of_the_contract,
    calls::amounts_come_as_text_or_number_and_leave_with_two_decimals,
    calls::a_key_makes_one_order_however_many_copies_arrive_at_once,
    calls::a_key_belongs_to_one_body_and_to_one_user,
    calls::the_list_leads_through_all_orders_newest_first,
    calls::the_list_filters_by_status,
    calls::another_users_order_is_like_none,
    calls::health_readiness_and_metrics_are_there,
    refusals::bad_bodies_are_refused_and_nothing_is_written,
    refusals::bad_headers_are_refused_and_nothing_is_written,
    refusals::bad_paths_and_queries_are_refused,
    refusals::without_a_database_the_answer_is_unavailable,
    answers::a_paid_order_is_finished_and_nothing_but_status_and_version_changes,
    answers::a_declined_order_is_cancelled_and_says_why,
    answers::an_answer_that_comes_again_changes_nothing,
    answers::an_answer_that_contradicts_a_final_order_changes_nothing_and_is_counted,
    answers::answers_that_fit_no_order_are_set_aside_with_the_reason,
    answers::a_replayed_request_is_answered_as_the_first_time_though_the_order_is_final,
    cancels::a_cancel_is_recorded_asked_for_once_and_decided_by_payments,
    cancels::a_success_that_crosses_a_cancel_waits_for_payments_last_word,
    cancels::a_decline_ends_an_order_that_is_being_cancelled,
    cancels::only_ones_own_order_that_is_not_final_can_be_cancelled,
    timelines::an_order_that_nobody_took_from_the_broker_waits_for_its_confirmation,
    timelines::a_refunded_order_tells_all_of_its_way,
    timelines::a_request_that_the_broker_has_is_published,
    timelines::an_answer_that_cannot_be_settled_is_waited_for_by_its_next_attempt,
    timelines::nobody_sees_the_way_of_anothers_order,
    operation::the_documentation_is_served_with_its_document,
    operation::readiness_names_what_is_missing,
    overload::what_is_admitted_is_placed_and_the_rest_is_told_to_come_again,
}
