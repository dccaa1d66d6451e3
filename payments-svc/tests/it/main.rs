//! The payments service from outside: every call, every refusal, on SQLite and, with the feature `servers`, on PostgreSQL as well.
//! Absent: orders and crashes; the system tests have those.

mod calls;
mod charges;
mod operation;
mod overload;
mod refusals;
mod requests;
mod service;

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
    calls::an_account_is_created_once,
    calls::a_top_up_is_on_the_account_when_it_answers,
    calls::a_key_tops_up_once_however_many_copies_arrive_at_once,
    calls::a_key_belongs_to_one_amount_and_to_one_user,
    calls::a_balance_stops_at_the_largest_amount,
    calls::the_statement_leads_through_all_entries_newest_first,
    calls::concurrent_top_ups_of_one_account_all_count,
    refusals::bad_amounts_are_refused_and_nothing_is_written,
    refusals::bad_headers_are_refused_and_nothing_is_written,
    refusals::bad_paths_and_queries_are_refused,
    refusals::without_an_account_there_is_nothing_to_see_or_top_up,
    charges::an_order_is_debited_once_however_often_it_is_asked_for,
    charges::an_accounts_actor_retires_and_comes_back,
    requests::what_can_be_paid_is_paid_and_answered_with_the_entry,
    requests::what_cannot_be_paid_is_declined_with_the_reason_and_costs_nothing,
    requests::a_request_that_comes_again_gets_the_same_answer_and_costs_nothing_more,
    requests::a_request_in_another_currency_is_set_aside_with_the_reason,
    requests::a_cancel_that_comes_first_fences_every_request,
    requests::a_cancel_gives_back_what_was_paid_once,
    requests::a_cancel_of_what_was_declined_is_answered_with_that,
    requests::requests_and_cancels_that_cross_end_in_one_outcome,
    requests::nobody_is_paid_back_what_somebody_else_paid,
    operation::the_documentation_is_served_with_its_document,
    operation::readiness_names_what_is_missing,
    overload::what_is_admitted_is_done_and_the_rest_is_told_to_come_again,
    overload::without_a_database_the_answer_is_unavailable,
}
