//! The integration tests of the door to the databases: each runs on SQLite and, with the feature `servers`, on PostgreSQL as well.

mod begins;
mod database;
mod faults;
mod opening;
mod statements;
mod together;
mod units;

use database::{Kind, TestResult, with_database};

macro_rules! on_every_database {
    ($($file:ident::$name:ident,)+) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                with_database(Kind::Sqlite, $file::$name).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                with_database(Kind::Postgres, $file::$name).await
            })+
        }
    };
}

on_every_database! {
    statements::every_kind_of_cell_survives_the_trip,
    statements::an_empty_batch_changes_nothing,
    statements::five_thousand_rows_go_in_one_statement,
    statements::single_values_stand_beside_the_rows,
    statements::a_statement_without_rows_takes_values_and_locks,
    statements::any_is_one_of_the_batch_and_a_null_is_none,
    together::each_part_says_how_many_rows_it_changed,
    together::what_has_nothing_to_write_is_left_out,
    together::a_part_that_fails_fails_all,
    together::what_is_not_exact_is_not_written_at_all,
    units::what_is_committed_is_there_and_what_is_dropped_is_not,
    units::twenty_concurrent_units_of_work_queue_and_none_fails,
    units::a_unit_of_work_goes_on_after_a_statement_of_another_failed,
    units::a_closed_database_refuses_with_unavailable,
    begins::a_begin_that_is_cancelled_leaves_no_transaction_behind,
    faults::a_row_that_is_there_already_is_a_constraint_fault,
    faults::a_table_that_is_not_there_yet_is_unavailable,
    faults::a_statement_with_a_mistake_is_a_defect,
}
