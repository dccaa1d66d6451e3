//! What each session on PostgreSQL is told after it was connected. Told then and not while connecting, because poolers refuse or
//! ignore what they do not know there.
//! Absent: settings of the server, which are an operator's.

use crate::Plans;
use sea_orm::{
    SqlxError,
    sqlx::{AssertSqlSafe, Executor, PgConnection},
};

/// Of every session: a statement is given up after this, so that no lock is held by work that nobody waits for any more. The level is
/// the one that our statements are written for.
const FOR_ALL: [(&str, &str); 2] = [("statement_timeout", "20s"), ("default_transaction_isolation", "read committed")];
/// Planner settings that leave it only indexes, read in their order: a bitmap of all rows of a range, sorted afterwards, looks cheap as
/// long as nobody has analysed the table. Where there is no index it reckons with enormous costs and would compile the statement, for a
/// quarter of a second: not that either.
///
/// And PostgreSQL ends the session of a service that does nothing for so long in the middle of a transaction: it stands still, and whoever
/// waits for the rows that it holds shall have them before `statement_timeout` is over. The audit may read the other database meanwhile.
const FOR_SERVICES: [(&str, &str); 6] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("idle_in_transaction_session_timeout", "10s"),
];
/// An operator may have turned this off for a database or a role to make it quicker; then a crash loses what was answered. Whatever else
/// was chosen is kept as it is, also when the server's configuration is changed later.
const WAIT_FOR_THE_DISK: &str = "SELECT set_config('synchronous_commit', \
    CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)";

/// All settings of a session as one text of several statements.
pub(crate) fn settings(plans: Plans) -> String {
    let services: &[_] = if plans == Plans::ByIndex { &FOR_SERVICES } else { &[] };
    let set = |(name, value): &(&str, &str)| format!("SET {name} = '{value}'; ");
    FOR_ALL.iter().chain(services).map(set).chain([WAIT_FOR_THE_DISK.to_owned()]).collect()
}

/// Sets them, in one trip.
///
/// # Errors
/// The driver's; the connection is not used then.
pub(crate) async fn set(connection: &mut PgConnection, settings: String) -> Result<(), SqlxError> {
    connection.execute(AssertSqlSafe(settings)).await.map(drop)
}
