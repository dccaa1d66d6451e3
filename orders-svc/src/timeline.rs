//! An order's way so far, and what it waits for, told from what the service keeps anyway: the order, its letters that are still in the
//! outbox, payments' answers that were set aside.
//! Absent: a history of its own. It would be one more write for every step of every order, for the few that somebody looks at.

use crate::{
    order::Order,
    reading::{self, first_id_at},
    settling::read,
};
use messaging::{Event, broker::ORDERS_PAYMENT_RESULTS, outbox, parking};
use saga::{
    OrderId, UserId,
    order::{CancelCause, State},
};
use sea_orm::DbErr;
use serde::Serialize;
use std::{ops::Range, time::Duration};
use store::{Clock, Micros, Store};
use tokio::sync::watch;
use utoipa::ToSchema;
use uuid::Uuid;

/// A letter is sealed that soon after the change it belongs to: the rest of a batch's transaction.
const SEALED_WITHIN: Duration = Duration::from_secs(10);
/// Set-aside answers that are looked through for one about the order.
const MOST_SET_ASIDE: u32 = 200;

/// A step of an order's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Step)]
pub enum What {
    /// The order is durable.
    Placed,
    /// Payments is to be asked: durable with the order.
    PaymentRequested,
    /// The broker has the request.
    RequestPublished,
    /// The buyer wants it cancelled: durable, with the request to payments.
    CancelRequested,
    /// It was not paid in time: the same.
    Deadline,
    /// Payments gave the money back.
    Refunded,
    /// Payments' answer made it final.
    Settled,
    /// Whoever watches was told.
    Pushed,
}

/// A step that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When, or until when at the latest.
    pub at: Micros,
    /// What.
    pub what: What,
    /// In words.
    pub detail: String,
}

/// An order's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Whose.
    pub order_id: OrderId,
    /// In the order of time.
    pub moments: Vec<Moment>,
    /// What an order that is NEW waits for, in words.
    pub waiting_for: Option<String>,
}

/// Reads timelines. A cheap clone.
#[derive(Clone, Debug)]
pub struct Timelines {
    /// The orders database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Whether this instance reaches the broker.
    pub broker: watch::Receiver<bool>,
}

/// What the order itself does not say.
#[derive(Clone, Debug, Default)]
struct Surroundings {
    now: Micros,
    broker_reachable: bool,
    /// Until when the request for the money is its sender's, if the broker has not confirmed it.
    request: Option<Micros>,
    /// The same of the request to cancel.
    cancel: Option<Micros>,
    /// An answer that could not be settled.
    set_aside: Option<SetAside>,
}

#[derive(Clone, Copy, Debug)]
struct SetAside {
    next_attempt_at: Option<Micros>,
}

impl Timelines {
    /// The timeline, if the order is this user's.
    ///
    /// # Errors
    /// The driver's.
    pub async fn of(&self, user: &UserId, id: OrderId) -> Result<Option<Timeline>, DbErr> {
        let Some(order) = reading::order(&self.store, user, id).await? else { return Ok(None) };
        let surroundings = self.surroundings(&order).await?;
        Ok(Some(tell(&order, &surroundings)))
    }

    async fn surroundings(&self, order: &Order) -> Result<Surroundings, DbErr> {
        let ids = sealed_at(order.created_at);
        let request = outbox::lease_of(&self.store, &order.payment_request(), ids).await?;
        let cancel = match order.cancel_requested {
            Some((at, cause)) => self.unsent_cancel(order, at, cause).await?,
            None => None,
        };
        let set_aside = if order.state.is_final() { None } else { self.set_aside(order).await? };
        let broker_reachable = *self.broker.borrow();
        Ok(Surroundings { now: self.clock.now(), broker_reachable, request, cancel, set_aside })
    }

    /// The request itself or, when payments was asked again, that one.
    async fn unsent_cancel(&self, order: &Order, at: Micros, cause: CancelCause) -> Result<Option<Micros>, DbErr> {
        let request = order.cancel_request(cause);
        Ok(match outbox::lease_of(&self.store, &request, sealed_at(at)).await? {
            None if order.updated_at > at => {
                outbox::lease_of(&self.store, &request, sealed_at(order.updated_at)).await?
            }
            lease => lease,
        })
    }

    async fn set_aside(&self, order: &Order) -> Result<Option<SetAside>, DbErr> {
        let queue = ORDERS_PAYMENT_RESULTS.name;
        let messages = parking::latest(&self.store, queue, order.created_at, MOST_SET_ASIDE).await?;
        let about_it = |body: &[u8]| {
            Event::parse(body).and_then(|event| read(&event)).is_ok_and(|happening| happening.order_id == order.id)
        };
        let found = messages.into_iter().find(|message| about_it(&message.body));
        Ok(found.map(|message| SetAside { next_attempt_at: message.next_attempt_at }))
    }
}

fn sealed_at(change: Micros) -> Range<Uuid> {
    first_id_at(change)..first_id_at(change.plus(SEALED_WITHIN))
}

/// Tells it.
fn tell(order: &Order, surroundings: &Surroundings) -> Timeline {
    let mut moments = Vec::from(begun(order));
    moments.extend(published(order, surroundings));
    moments.extend(cancelling(order));
    moments.extend(ended(order));
    // Stable: what happened in one transaction stays in this order.
    moments.sort_by_key(|moment| moment.at);
    Timeline { order_id: order.id, moments, waiting_for: waiting_for(order, surroundings) }
}

fn price(order: &Order) -> String {
    format!("{} {}", order.draft.amount, order.currency)
}

fn begun(order: &Order) -> [Moment; 2] {
    let price = price(order);
    let placed = format!("Order over {price}, to be paid by {}.", order.pay_before);
    let requested = format!("The request for {price} is stored with the order.");
    [
        Moment { at: order.created_at, what: What::Placed, detail: placed },
        Moment { at: order.created_at, what: What::PaymentRequested, detail: requested },
    ]
}

/// A confirmed row is deleted, so that it was confirmed is known, and when is not. An answer to the request can be here before the row is
/// gone, and says the same.
fn published(order: &Order, surroundings: &Surroundings) -> Option<Moment> {
    let at = if order.state.is_final() { order.updated_at } else { surroundings.now.max(order.updated_at) };
    let detail = "The message broker has the request, since this time at the latest.".to_owned();
    let published = surroundings.request.is_none() || was_answered(order);
    published.then_some(Moment { at, what: What::RequestPublished, detail })
}

/// Whether payments must have had the request for the money. A cancelled order without a refund can have been fenced before it.
fn was_answered(order: &Order) -> bool {
    match order.state {
        State::Finished | State::Declined(_) => true,
        State::Cancelled(_) => order.refund.is_some(),
        State::New | State::Cancelling(_) => false,
    }
}

fn cancelling(order: &Order) -> Option<Moment> {
    let (at, cause) = order.cancel_requested?;
    let (what, why) = match cause {
        CancelCause::ByUser => (What::CancelRequested, "The buyer asked to cancel"),
        CancelCause::Deadline => (What::Deadline, "The order was not paid in time"),
    };
    Some(Moment { at, what, detail: format!("{why}; the request to payments is stored, and payments decides.") })
}

fn ended(order: &Order) -> Vec<Moment> {
    let price = price(order);
    let outcome = match order.state {
        State::New | State::Cancelling(_) => return Vec::new(),
        State::Finished => format!("FINISHED: payments took {price}."),
        State::Declined(reason) => format!("CANCELLED: payments declined, {}.", reason.as_str()),
        State::Cancelled(cause) => format!("CANCELLED: {}.", cause.as_str()),
    };
    let at = order.updated_at;
    let refunded = order.refund.map(|refund| {
        let detail = format!("{price} given back by transaction {refund}.");
        Moment { at, what: What::Refunded, detail }
    });
    let settled = Moment { at, what: What::Settled, detail: outcome };
    let pushed = "Announced to everyone who watches, right after the commit.".to_owned();
    let pushed = Moment { at, what: What::Pushed, detail: pushed };
    refunded.into_iter().chain([settled, pushed]).collect()
}

fn waiting_for(order: &Order, surroundings: &Surroundings) -> Option<String> {
    let (message, unsent, then) = match order.state {
        State::New => {
            let then = format!("Without it payments is asked to cancel at {}.", order.pay_before);
            ("request for the money", surroundings.request, then)
        }
        State::Cancelling(_) => {
            ("request to cancel", surroundings.cancel, "The order becomes final by it alone.".to_owned())
        }
        State::Finished | State::Declined(_) | State::Cancelled(_) => return None,
    };
    Some(match (surroundings.set_aside, unsent) {
        (Some(SetAside { next_attempt_at: Some(at) }), _) => {
            format!("Payments' answer is here and could not be settled: retry at {at}.")
        }
        (Some(SetAside { next_attempt_at: None }), _) => {
            "Payments' answer is here and could not be settled: an operator has to look at it.".to_owned()
        }
        (None, Some(_)) if !surroundings.broker_reachable => {
            format!("The message broker is unreachable: the {message} is stored, and goes out once it is back.")
        }
        (None, Some(lease)) if lease > surroundings.now => {
            format!("The {message} is going out to the message broker: unless it is confirmed, retry at {lease}.")
        }
        (None, Some(_)) => format!("The {message} is stored, and is about to go out to the message broker."),
        (None, None) => format!("Payment outstanding: payments has the {message}, its answer is awaited. {then}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::OrderDraft;
    use saga::{Amount, Currency, TransactionId, order::DeclineReason};

    const PLACED: Micros = Micros(1_000_000);
    const ASKED: Micros = Micros(2_000_000);
    const CHANGED: Micros = Micros(3_000_000);
    const NOW: Micros = Micros(4_000_000);

    fn order(state: State) -> Order {
        let draft = OrderDraft {
            user_id: UserId::parse("u").unwrap(),
            amount: Amount::from_minor(5000).unwrap(),
            description: None,
            idempotency_key: None,
        };
        let placed = Order::place(OrderId::new(Uuid::from_u128(1)), draft, Currency::RUB, PLACED, Micros(9_000_000));
        let cancel_requested = match state {
            State::Cancelling(cause) | State::Cancelled(cause) => Some((ASKED, cause)),
            State::New | State::Finished | State::Declined(_) => None,
        };
        let updated_at = if state == State::New { PLACED } else { CHANGED };
        Order { state, cancel_requested, updated_at, ..placed }
    }

    fn calm() -> Surroundings {
        Surroundings { now: NOW, broker_reachable: true, ..Surroundings::default() }
    }

    fn steps(timeline: &Timeline) -> Vec<(i64, What)> {
        timeline.moments.iter().map(|moment| (moment.at.0 / 1_000_000, moment.what)).collect()
    }

    #[test]
    fn every_way_is_told_in_the_order_of_time() {
        let begun = [(1, What::Placed), (1, What::PaymentRequested)];
        let ended = [(3, What::Settled), (3, What::Pushed)];
        let published = (3, What::RequestPublished);
        let user = (2, What::CancelRequested);
        let late = (2, What::Deadline);
        let ways = [
            (State::New, vec![(4, What::RequestPublished)]),
            (State::Finished, [&[published][..], &ended].concat()),
            (State::Declined(DeclineReason::InsufficientFunds), [&[published][..], &ended].concat()),
            (State::Cancelling(CancelCause::ByUser), vec![user, (4, What::RequestPublished)]),
            (State::Cancelled(CancelCause::ByUser), [&[user, published][..], &ended].concat()),
            (State::Cancelled(CancelCause::Deadline), [&[late, published][..], &ended].concat()),
        ];
        for (state, rest) in ways {
            assert_eq!(steps(&tell(&order(state), &calm())), [&begun[..], &rest].concat(), "{state:?}");
        }
    }

    #[test]
    fn a_refund_is_told_with_its_transaction() {
        let refund = Some(TransactionId::new(Uuid::from_u128(7)));
        let order = Order { refund, ..order(State::Cancelled(CancelCause::ByUser)) };
        let timeline = tell(&order, &calm());
        let told: Vec<_> = timeline.moments.iter().filter(|moment| moment.what == What::Refunded).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].detail, "50.00 RUB given back by transaction 00000000-0000-0000-0000-000000000007.");
    }

    #[test]
    fn a_request_that_is_not_confirmed_is_published_once_it_is_answered() {
        let unsent = Surroundings { request: Some(Micros::EPOCH), ..calm() };
        let by_user = State::Cancelled(CancelCause::ByUser);
        let refunded = Order { refund: Some(TransactionId::new(Uuid::from_u128(7))), ..order(by_user) };
        let declined = State::Declined(DeclineReason::InsufficientFunds);
        for answered in [order(State::Finished), order(declined), refunded] {
            assert_eq!(tell(&answered, &unsent), tell(&answered, &calm()), "{answered:?}");
        }
        for unanswered in [State::New, State::Cancelling(CancelCause::ByUser), by_user] {
            let timeline = tell(&order(unanswered), &unsent);
            assert!(timeline.moments.iter().all(|moment| moment.what != What::RequestPublished), "{timeline:?}");
        }
    }

    #[test]
    fn what_a_new_order_waits_for_is_said_in_words() {
        let cancelling = State::Cancelling(CancelCause::ByUser);
        let aside = |next_attempt_at| Some(SetAside { next_attempt_at });
        let sent = Some(Micros(5_000_000));
        let cases = [
            (State::New, calm(), "Payment outstanding: payments has the request for the money"),
            (cancelling, calm(), "Payment outstanding: payments has the request to cancel"),
            (State::New, Surroundings { cancel: sent, ..calm() }, "Payment outstanding"),
            (cancelling, Surroundings { request: sent, ..calm() }, "Payment outstanding"),
            (
                State::New,
                Surroundings { request: sent, broker_reachable: false, ..calm() },
                "The message broker is unreachable: the request for the money",
            ),
            (
                cancelling,
                Surroundings { cancel: sent, broker_reachable: false, ..calm() },
                "The message broker is unreachable: the request to cancel",
            ),
            (
                State::New,
                Surroundings { request: sent, ..calm() },
                "The request for the money is going out to the message broker: unless it is confirmed, retry at 1970-01-01T00:00:05",
            ),
            (
                State::New,
                Surroundings { request: Some(PLACED), ..calm() },
                "The request for the money is stored, and is about to go out",
            ),
            (
                State::New,
                Surroundings { set_aside: aside(sent), ..calm() },
                "Payments' answer is here and could not be settled: retry at 1970-01-01T00:00:05",
            ),
            (
                State::New,
                Surroundings { set_aside: aside(None), ..calm() },
                "Payments' answer is here and could not be settled: an operator",
            ),
        ];
        for (state, surroundings, words) in cases {
            let waiting_for = tell(&order(state), &surroundings).waiting_for.unwrap();
            assert!(waiting_for.starts_with(words), "{waiting_for}");
        }
        for state in [State::Finished, State::Declined(DeclineReason::AccountNotFound)] {
            assert_eq!(tell(&order(state), &Surroundings { set_aside: aside(None), ..calm() }).waiting_for, None);
        }
    }
}
