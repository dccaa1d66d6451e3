//! The model as the checker wants it: how it begins, what may happen, and which rule of the shop it goes without.
//! Absent: what happens then (steps) and what has to hold (properties).

use crate::{
    Account, At, Books, Cause, Desk, Instance, Letter, Mail, Order, Post, Row, Service, State, payments::PRICE,
};
use saga::order::{self, CancelCause, START, step};
use stateright::{Model, Property};

/// A rule that the books rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Payments records a cancel of an order that it does not know, and no request can debit it any more.
    Fence,
    /// Payments knows, under the order's id as a key, what it decided, and refuses to record it twice.
    InboxKey,
    /// The letters are rows, written in the transaction that decides them.
    OutboxInTransaction,
    /// Settling writes an order only if its version is the one that was read.
    OrderVersion,
    /// The ledger writes an account only if its `seq` is the one that was read.
    AccountVersion,
    /// The ledger gives back only what is still recorded as paid.
    RefundOnce,
}

/// The shop, with `N` orders of one buyer and two instances of each service.
#[derive(Clone, Debug)]
pub struct Shop<const N: usize> {
    /// What is on the account at first: the shop begins in each of these ways.
    pub balances: &'static [i8],
    /// Whether the buyer may pay in the price of an order, once.
    pub top_up: bool,
    /// Who may want which order cancelled.
    pub wishes: &'static [(usize, CancelCause)],
    /// How many faults there may be; `None` for any number, which makes one of many states (see [`Shop::merge`]).
    pub faults: Option<u8>,
    /// The rules that are removed.
    pub without: &'static [Rule],
    /// Whether states that differ in the instances' names alone are one.
    pub nameless: bool,
}

/// Something that may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An instance publishes a letter that it holds: it is at the broker.
    Publish(At),
    /// The broker's confirm arrives, and the row is deleted.
    Confirm(At),
    /// An instance takes a row that is nobody's.
    Sweep(At, Instance),
    /// A letter is delivered to an instance, whose transaction begins and reads.
    Deliver(At, Instance),
    /// The transaction commits: the decision and its letters.
    Commit(Service, Instance),
    /// The transaction finds that another was faster, and reads again.
    Meet(Service, Instance),
    /// The letter is acknowledged.
    Acknowledge(Service, Instance),
    /// The buyer, or the clock, wants an order cancelled: an instance's transaction begins and reads.
    Wish(CancelCause, usize, Instance),
    /// The buyer pays something in.
    TopUp,
    /// Fault: an instance dies, and with it all that is in its memory. Another takes its place.
    Crash(Service, Instance),
    /// Fault: an instance loses its connection to the broker: no confirm arrives, what was not acknowledged is delivered again.
    Disconnect(Service, Instance),
    /// Fault: a letter that was delivered comes again, however late.
    Duplicate(At),
    /// Fault: a lease runs out although its holder lives.
    LeaseOver(At),
}

impl Action {
    /// Whether it is a fault, which nobody can rely on.
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Crash(..) | Self::Disconnect(..) | Self::Duplicate(_) | Self::LeaseOver(_))
    }

    /// Whether the shop does it by itself, sooner or later, as long as it is possible. The clock's wish is none of these: an order
    /// that is paid does not wait for its deadline.
    pub const fn is_progress(self) -> bool {
        !self.is_fault() && !matches!(self, Self::Wish(..) | Self::TopUp)
    }
}

impl<const N: usize> Shop<N> {
    /// The shop as it is built, with any number of faults, and nobody who wants anything cancelled.
    pub fn whole() -> Self {
        Self { balances: &[0, PRICE], top_up: true, wishes: &[], faults: None, without: &[], nameless: true }
    }

    /// Whether a rule holds.
    pub fn keeps(&self, rule: Rule) -> bool {
        !self.without.contains(&rule)
    }

    /// What the shop does by itself from here.
    pub(crate) fn progress(&self, state: &State<N>) -> impl Iterator<Item = Action> {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        actions.into_iter().filter(|action| action.is_progress())
    }

    /// The orders are placed by one instance, each with its request in the outbox.
    fn placed(&self, balance: i8) -> State<N> {
        let order = Order { state: START.0, version: 1, at_last: None };
        let mut mail = [Mail { row: Row::Absent, post: Post::Never }; 7];
        if START.1.contains(&order::Effect::RequestPayment) {
            mail[Letter::Charge.index()].row = Row::Held(Instance::A);
        }
        State {
            orders: [order; N],
            books: [Books::default(); N],
            account: Account { balance, seq: u8::from(balance > 0) },
            paid_in: balance,
            topped_up: false,
            mail: [mail; N],
            desks: [[Desk::Idle; 2]; 2],
            faults: 0,
        }
    }

    fn desk_actions(&self, state: &State<N>, service: Service, instance: Instance, actions: &mut Vec<Action>) {
        match state.desk(service, instance) {
            Desk::Idle if service == Service::Orders => {
                let changes = |(order, cause): &&(usize, CancelCause)| {
                    let event = order::Event::CancelRequested(*cause);
                    matches!(step(state.orders[*order].state, event), Ok(order::Step::Changed(..)))
                };
                let wanted = self.wishes.iter().filter(changes);
                actions.extend(wanted.map(|(order, cause)| Action::Wish(*cause, *order, instance)));
            }
            Desk::Idle => {}
            Desk::Read { .. } if self.meets(state, service, instance) => actions.push(Action::Meet(service, instance)),
            Desk::Read { .. } => actions.push(Action::Commit(service, instance)),
            Desk::Done(_) => actions.push(Action::Acknowledge(service, instance)),
        }
    }

    fn mail_actions(state: &State<N>, at: At, actions: &mut Vec<Action>) {
        let Mail { row, post } = state.at(at);
        match row {
            Row::Absent => {}
            Row::Free => actions.extend(Instance::BOTH.map(|instance| Action::Sweep(at, instance))),
            Row::Held(_) => actions.push(Action::Publish(at)),
            Row::Sent(_) => actions.push(Action::Confirm(at)),
        }
        if post == Post::Waiting {
            let idle = |instance: &Instance| state.desk(at.letter.receiver(), *instance) == Desk::Idle;
            actions.extend(Instance::BOTH.into_iter().filter(idle).map(|instance| Action::Deliver(at, instance)));
        }
    }

    fn fault_actions(&self, state: &State<N>, actions: &mut Vec<Action>) {
        if self.faults.is_some_and(|most| state.faults >= most) {
            return;
        }
        for at in State::<N>::everywhere() {
            if state.at(at).post == Post::Past {
                actions.push(Action::Duplicate(at));
            }
            if matches!(state.at(at).row, Row::Held(_) | Row::Sent(_)) && self.keeps(Rule::OutboxInTransaction) {
                actions.push(Action::LeaseOver(at));
            }
        }
        for (service, instance) in everybody() {
            let has =
                |row: Row| State::<N>::everywhere().any(|at| at.letter.sender() == service && state.at(at).row == row);
            let desk = state.desk(service, instance);
            let (holds, waits) = (has(Row::Held(instance)), has(Row::Sent(instance)));
            if holds || waits || desk != Desk::Idle {
                actions.push(Action::Crash(service, instance));
            }
            if waits || matches!(desk, Desk::Done(_) | Desk::Read { cause: Cause::Came(_), .. }) {
                actions.push(Action::Disconnect(service, instance));
            }
        }
    }
}

/// All instances of both services.
pub(crate) fn everybody() -> impl Iterator<Item = (Service, Instance)> {
    [Service::Orders, Service::Payments].into_iter().flat_map(|service| Instance::BOTH.map(|one| (service, one)))
}

impl<const N: usize> Model for Shop<N> {
    type State = State<N>;
    type Action = Action;

    fn init_states(&self) -> Vec<State<N>> {
        self.balances.iter().map(|balance| self.merge(self.placed(*balance))).collect()
    }

    fn actions(&self, state: &State<N>, actions: &mut Vec<Action>) {
        for at in State::<N>::everywhere() {
            Self::mail_actions(state, at, actions);
        }
        for (service, instance) in everybody() {
            self.desk_actions(state, service, instance, actions);
        }
        if self.top_up && !state.topped_up {
            actions.push(Action::TopUp);
        }
        self.fault_actions(state, actions);
    }

    fn next_state(&self, before: &State<N>, action: Action) -> Option<State<N>> {
        let mut state = before.clone();
        if self.faults.is_some() && action.is_fault() {
            state.faults += 1;
        }
        self.act(&mut state, action);
        Some(self.merge(state))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        Self::laws()
    }
}
