//! PURE: an order, what payments answered, what the ledger moved for it, and which laws the three break together.
//! Absent: databases and moments; the caller says from which snapshot each comes.

use super::{
    money::{self, sum_of},
    pages::{AboutOrder, Paged, paged},
};
use sea_orm::{DbErr, QueryResult};
use store::Sql;
use uuid::Uuid;

/// An order as orders has it.
#[derive(Debug)]
pub(super) struct Order {
    pub id: Uuid,
    pub user: String,
    pub amount: i64,
    pub currency: String,
    pub status: Status,
    pub reason: Option<String>,
    refund: Option<Uuid>,
}

/// Where an order stands. A word that is none of the three breaks order-shape; here it is as open as NEW.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Open,
    Finished,
    Cancelled,
}

/// A verdict as payments has it.
#[derive(Debug)]
pub(super) struct Payment {
    pub order: Uuid,
    user: String,
    amount: i64,
    currency: String,
    verdict: String,
    reason: Option<String>,
    refund: Option<Uuid>,
}

/// All entries of one order in the ledger, summed up.
#[derive(Debug)]
pub(super) struct Moved {
    pub order: Uuid,
    debits: i64,
    refunds: i64,
    /// On whose account; if on several, on one of them.
    user: String,
    /// Negative while more was taken than given back.
    pub net: i128,
}

/// What both databases together have to show for one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Law {
    FinalAnswered,
    FinishedDebited,
    CancelledFree,
    VerdictStatus,
    RefundTold,
    SameFacts,
}

/// The reasons for which an order that was paid may still be cancelled: its money goes back.
const REFUNDED: [&str; 2] = ["cancelled_by_user", "payment_deadline"];

impl Order {
    /// The laws that it breaks, if it was read before the payment and the ledger; an open order owes little.
    pub fn breaks(&self, payment: Option<&Payment>, moved: Option<&Moved>) -> Vec<Law> {
        let broken = [
            (Law::FinalAnswered, self.status != Status::Open && payment.is_none()),
            (Law::FinishedDebited, self.status == Status::Finished && !moved.is_some_and(|moved| moved.pays(self))),
            (Law::CancelledFree, self.status == Status::Cancelled && !moved.is_none_or(Moved::nothing)),
            (Law::VerdictStatus, payment.is_some_and(|payment| !self.follows(payment))),
            (Law::SameFacts, payment.is_some_and(|payment| !self.agrees(payment))),
            (
                Law::RefundTold,
                self.status != Status::Open && payment.is_some_and(|payment| payment.refund != self.refund),
            ),
        ];
        broken.into_iter().filter_map(|(law, broken)| broken.then_some(law)).collect()
    }

    /// The laws that hold also if the payment was read first: what was paid then may have been given back since.
    pub fn contradicts(&self, payment: &Payment) -> Vec<Law> {
        let refundable = self.reason.as_deref().is_some_and(|reason| REFUNDED.contains(&reason));
        let refunded_since = payment.paid() && self.status == Status::Cancelled && refundable;
        let broken =
            [(Law::VerdictStatus, !refunded_since && !self.follows(payment)), (Law::SameFacts, !self.agrees(payment))];
        broken.into_iter().filter_map(|(law, broken)| broken.then_some(law)).collect()
    }

    /// Whether it became, if it did, what the verdict makes of it.
    fn follows(&self, payment: &Payment) -> bool {
        match self.status {
            Status::Open => true,
            Status::Finished => payment.paid(),
            Status::Cancelled => !payment.paid() && self.reason == payment.reason,
        }
    }

    fn agrees(&self, payment: &Payment) -> bool {
        self.user == payment.user && self.amount == payment.amount && self.currency == payment.currency
    }
}

impl Payment {
    fn paid(&self) -> bool {
        self.verdict == "succeeded"
    }
}

impl Moved {
    /// Exactly one debit, of the order's amount, on its user's account, and nothing else.
    fn pays(&self, order: &Order) -> bool {
        (self.debits, self.refunds) == (1, 0) && self.net == -i128::from(order.amount) && self.user == order.user
    }

    /// No money was kept: nothing was taken, or one debit went back in one refund.
    fn nothing(&self) -> bool {
        self.debits == self.refunds && self.debits <= 1 && self.net == 0
    }
}

static ORDERS: Paged =
    paged!("SELECT id, user_id, amount_minor, currency, status, reason, refund_transaction_id FROM orders", "id", "");
static PAYMENTS: Paged = paged!(
    "SELECT order_id, user_id, amount_minor, currency, verdict, reason, refund_id FROM payments",
    "order_id",
    ""
);
static MOVED: Paged = paged!(
    concat!(
        "SELECT order_id, count(CASE kind WHEN 'debit' THEN 1 END) AS debits, count(CASE kind WHEN 'refund' THEN 1 END) AS refunds, ",
        "min(user_id) AS user_id, ",
        sum_of!("amount_minor"),
        " FROM entries"
    ),
    "order_id",
    "GROUP BY order_id"
);

impl AboutOrder for Order {
    const PAGED: &'static Paged = &ORDERS;

    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get("", "id")?,
            user: row.try_get("", "user_id")?,
            amount: row.try_get("", "amount_minor")?,
            currency: row.try_get("", "currency")?,
            status: match row.try_get::<String>("", "status")?.as_str() {
                "FINISHED" => Status::Finished,
                "CANCELLED" => Status::Cancelled,
                _ => Status::Open,
            },
            reason: row.try_get("", "reason")?,
            refund: row.try_get("", "refund_transaction_id")?,
        })
    }

    fn order_id(&self) -> Uuid {
        self.id
    }
}

impl AboutOrder for Payment {
    const PAGED: &'static Paged = &PAYMENTS;

    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            order: row.try_get("", "order_id")?,
            user: row.try_get("", "user_id")?,
            amount: row.try_get("", "amount_minor")?,
            currency: row.try_get("", "currency")?,
            verdict: row.try_get("", "verdict")?,
            reason: row.try_get("", "reason")?,
            refund: row.try_get("", "refund_id")?,
        })
    }

    fn order_id(&self) -> Uuid {
        self.order
    }
}

impl AboutOrder for Moved {
    const PAGED: &'static Paged = &MOVED;

    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            order: row.try_get("", "order_id")?,
            debits: row.try_get("", "debits")?,
            refunds: row.try_get("", "refunds")?,
            user: row.try_get("", "user_id")?,
            net: money::sum(row)?,
        })
    }

    fn order_id(&self) -> Uuid {
        self.order
    }
}
