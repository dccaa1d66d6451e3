//! The integration tests of the schema: each runs on SQLite and, with the feature `servers`, on PostgreSQL as well.
//!
//! The PostgreSQL half reads the address of a server, as its administrator, from `TEST_POSTGRES_URL`.

#[cfg(feature = "servers")]
#[path = "it/collation.rs"]
mod collation;
#[path = "it/database.rs"]
mod database;
#[path = "it/history.rs"]
mod history;
#[path = "it/models.rs"]
mod models;
#[path = "it/refusals.rs"]
mod refusals;

use database::{Backend, TestResult, with_database};
use refusals::words;

macro_rules! on_every_backend {
    ($($file:ident::$name:ident,)+) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                with_database(Backend::Sqlite, $file::$name).await
            })+
        }

        #[cfg(feature = "servers")]
        mod on_postgres {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() -> TestResult {
                with_database(Backend::Postgres, $file::$name).await
            })+
        }
    };
}

on_every_backend! {
    history::up_makes_exactly_the_tables_of_its_database,
    history::up_makes_the_indexes_and_those_over_optional_columns_are_partial,
    history::up_again_changes_nothing,
    history::down_leaves_only_an_empty_record_and_up_works_again,
    history::ten_concurrent_ups_migrate_once,
    history::an_up_that_fails_leaves_nothing_behind,
    history::the_two_histories_refuse_to_share_a_database,
    history::a_newer_schema_is_named_and_left_as_it_is,
    history::an_older_database_gets_the_identity_of_its_data,
    history::no_two_databases_have_one_identity_and_none_has_two_rows,
    refusals::orders_accept_and_refuse_what_they_should,
    refusals::accounts_accept_and_refuse_what_they_should,
    refusals::entries_accept_and_refuse_what_they_should,
    refusals::payments_accept_and_refuse_what_they_should,
    refusals::messaging_tables_accept_and_refuse_what_they_should,
    words::orders_accept_exactly_the_rows_that_the_saga_can_reach,
    words::payments_accept_exactly_the_verdicts_that_have_words,
    models::models_of_the_orders_database_match_its_tables,
    models::models_of_the_payments_database_match_its_tables,
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_unique_or_searched_compares_by_bytes() -> TestResult {
    with_database(Backend::Postgres, collation::what_is_unique_or_searched_compares_by_bytes).await
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn duplicates_that_a_wrong_index_let_in_are_named_and_nothing_is_changed() -> TestResult {
    with_database(Backend::Postgres, collation::duplicates_that_a_wrong_index_let_in_are_named_and_nothing_is_changed)
        .await
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_does_not_get_its_lock_says_who_has_it_and_leaves_the_queue() -> TestResult {
    with_database(
        Backend::Postgres,
        collation::a_migration_that_does_not_get_its_lock_says_who_has_it_and_leaves_the_queue,
    )
    .await
}

// What SQLite has no word for.
#[cfg(feature = "servers")]
#[tokio::test]
async fn tables_keep_room_for_hot_updates_and_the_outbox_is_vacuumed_early() -> TestResult {
    with_database(Backend::Postgres, history::tables_keep_room_for_hot_updates_and_the_outbox_is_vacuumed_early).await
}
