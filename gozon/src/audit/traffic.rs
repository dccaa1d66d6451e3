//! What is on its way: NEW orders, outbox rows, messages set aside. A violation when traffic should have stopped, else only told.
//! Absent: what lies in the broker; it cannot be read without taking it out.

use super::{
    Report, Snapshot, UnderWay,
    check::{Check, Id, check},
};
use crate::databases::DatabaseError;
use store::Sql;

static ORDERS: Sql = Sql::new("SELECT count(*) AS rows FROM orders");
static OUTBOX: Sql = Sql::new("SELECT count(*) AS rows FROM outbox");
static PARKED: Sql = Sql::new("SELECT count(*) AS rows FROM parked");

/// Something under way, and the check that there is none of it.
type Traffic = (&'static str, Check);

/// The messaging tables, which both databases have.
macro_rules! messages {
    ($database:literal) => {
        [
            (
                concat!("messages in ", $database, "' outbox"),
                check!(concat!($database, "-outbox"); concat!($database, "' outbox is empty"), of OUTBOX, Uuid
                    "SELECT id FROM outbox"),
            ),
            (
                concat!("messages ", $database, " is retrying"),
                check!(concat!($database, "-retrying"); concat!($database, " has no message to retry"), of PARKED, Uuid
                    "SELECT id FROM parked WHERE state = 'retrying'"),
            ),
            (
                concat!("messages ", $database, " has parked"),
                check!(concat!($database, "-parked"); concat!($database, " has parked no message"), of PARKED, Uuid
                    "SELECT id FROM parked WHERE state = 'parked'"),
            ),
            (
                concat!("dead messages of ", $database),
                check!(concat!($database, "-dead"); concat!($database, " has no dead message"), of PARKED, Uuid
                    "SELECT id FROM parked WHERE state = 'dead'"),
            ),
        ]
    };
}

static OPEN: [Traffic; 1] = [(
    "NEW orders",
    check!("none-new"; "no order stays NEW", of ORDERS, Uuid "SELECT id FROM orders WHERE status = 'NEW'"),
)];
static OF_ORDERS: [Traffic; 4] = messages!("orders");
static OF_PAYMENTS: [Traffic; 4] = messages!("payments");

pub(super) async fn look(orders: &Snapshot, payments: &Snapshot, report: &mut Report) -> Result<(), DatabaseError> {
    for (snapshot, traffic) in [(orders, &OPEN[..]), (orders, &OF_ORDERS), (payments, &OF_PAYMENTS)] {
        for (what, check) in traffic {
            let finding = check.prove(snapshot).await?;
            if report.settled {
                report.findings.push(finding);
            } else {
                report.under_way.push(UnderWay::new(what, finding.violations));
            }
        }
    }
    Ok(())
}
