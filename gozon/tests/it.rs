//! The integration tests of the command: each on SQLite and, with the feature `servers`, on PostgreSQL and on one of each.
//!
//! Absent: the services. The books under test are written here, row by row, so that they can be wrong. Only `interleavings` has
//! the services, to give them every chance to get the books wrong.

#[path = "it/book.rs"]
mod book;
#[path = "it/command.rs"]
mod command;
#[path = "it/dead.rs"]
mod dead;
#[cfg(feature = "servers")]
#[path = "it/dead_letters.rs"]
mod dead_letters;
#[path = "it/defects.rs"]
mod defects;
#[path = "it/documentation.rs"]
mod documentation;
#[path = "it/interleavings.rs"]
mod interleavings;
#[path = "it/planted.rs"]
mod planted;
#[path = "it/running.rs"]
mod running;
#[path = "it/shop.rs"]
mod shop;

use shop::{Backend, TestResult};

macro_rules! on_every_backend {
    ($($file:ident::$name:ident,)+) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                $file::$name([Backend::Sqlite, Backend::Sqlite]).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                $file::$name([Backend::Postgres, Backend::Postgres]).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_one_of_each {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                $file::$name([Backend::Postgres, Backend::Sqlite]).await
            })+
        }
    };
}

on_every_backend! {
    defects::healthy_books_are_in_order_and_every_check_had_rows_to_look_at,
    defects::every_check_has_a_defect_that_violates_it,
    defects::each_defect_of_the_ledger_is_named,
    defects::each_defect_of_a_payment_is_named,
    defects::each_defect_of_an_order_is_named,
    defects::what_one_row_can_show_the_databases_refuse_by_themselves,
    defects::each_thing_left_over_is_named_when_the_shop_should_have_settled,
    defects::sums_are_exact_beyond_what_a_float_can_hold,
    defects::many_violations_are_counted_and_a_few_named,
    running::orders_in_flight_are_no_violation,
    running::an_order_that_lives_its_whole_life_between_the_snapshots_is_no_violation,
    running::snapshots_in_the_wrong_order_would_accuse_healthy_books,
    running::a_payment_without_an_order_is_found_however_late_it_is_looked_for,
    running::the_shop_may_run_while_it_is_audited,
    running::more_orders_than_a_page_are_all_compared,
    dead::messages_of_both_databases_are_listed_and_shown,
    dead::a_replayed_message_is_retried_from_the_beginning,
    dead::a_discarded_message_is_gone_and_unknown_ids_are_told,
    dead::all_means_those_that_wait_for_an_operator,
}
