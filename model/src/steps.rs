//! What happens in each step. A step is what no crash can divide: one transaction's reads, its writes, one message to or from the
//! broker. Absent: any decision about an order or an account, which the shop's own functions make.

use crate::{
    Action, At, Cause, Decision, Desk, Instance, Letter, Post, Record, Row, Rule, Service, Shop, State, Verdict,
    payments::{PRICE, decided},
    state::Seen,
};
use saga::order::{Effect, Event, Step, step};

impl<const N: usize> Shop<N> {
    pub(crate) fn act(&self, state: &mut State<N>, action: Action) {
        match action {
            Action::Publish(at) => publish(state, at),
            Action::Confirm(at) => state.at_mut(at).row = Row::Absent,
            Action::Sweep(at, instance) => state.at_mut(at).row = Row::Held(instance),
            Action::Deliver(at, instance) => {
                state.at_mut(at).post = Post::Past;
                read(state, at.letter.receiver(), instance, at.order, Cause::Came(at.letter));
            }
            Action::Wish(cause, order, instance) => {
                read(state, Service::Orders, instance, order, Cause::Wished(cause));
            }
            Action::Meet(service, instance) => {
                if let Desk::Read { order, cause, .. } = state.desk(service, instance) {
                    read(state, service, instance, order, cause);
                }
            }
            Action::Commit(service, instance) => self.commit(state, service, instance),
            Action::Acknowledge(service, instance) => *state.desk_mut(service, instance) = Desk::Idle,
            Action::TopUp => {
                state.account.balance += PRICE;
                state.account.seq += 1;
                state.paid_in += PRICE;
                state.topped_up = true;
            }
            Action::Crash(service, instance) => {
                hand_back(state, service, instance);
                *state.desk_mut(service, instance) = Desk::Idle;
                let lost = if self.keeps(Rule::OutboxInTransaction) { Row::Free } else { Row::Absent };
                replace(state, service, Row::Held(instance), lost);
                replace(state, service, Row::Sent(instance), lost);
            }
            Action::Disconnect(service, instance) => {
                hand_back(state, service, instance);
                let again = if self.keeps(Rule::OutboxInTransaction) { Row::Free } else { Row::Held(instance) };
                replace(state, service, Row::Sent(instance), again);
            }
            Action::Duplicate(at) => state.at_mut(at).post = Post::Waiting,
            Action::LeaseOver(at) => state.at_mut(at).row = Row::Free,
        }
    }

    /// Whether a transaction that has read may not write, because what it wants to write was written since.
    pub(crate) fn meets(&self, state: &State<N>, service: Service, instance: Instance) -> bool {
        let Desk::Read { order, cause, seen } = state.desk(service, instance) else { return false };
        match seen {
            Seen::Order(read, version) => {
                let changes = matches!(event(cause).map(|event| step(read, event)), Some(Ok(Step::Changed(..))));
                changes && version != state.orders[order].version && self.keeps(Rule::OrderVersion)
            }
            Seen::Books(account, _) => {
                let Some(decision) = self.decide(seen, cause) else { return false };
                let recorded = state.books[order].verdict;
                let outrun = decision.entry != 0 && account.seq != state.account.seq;
                let twice = decision.record == Record::Insert && recorded.is_some();
                let undone = decision.record == Record::Refund && recorded != Some(Verdict::Succeeded);
                (outrun && self.keeps(Rule::AccountVersion))
                    || (twice && self.keeps(Rule::InboxKey))
                    || (undone && self.keeps(Rule::RefundOnce))
            }
        }
    }

    /// The ledger's decision about what it has read.
    fn decide(&self, seen: Seen, cause: Cause) -> Option<Decision> {
        let (Seen::Books(account, verdict), Cause::Came(letter)) = (seen, cause) else { return None };
        let forgotten = letter == Letter::Charge
            && matches!(verdict, Some(Verdict::Succeeded | Verdict::Declined))
            && !self.keeps(Rule::InboxKey);
        decided(account, verdict.filter(|_| !forgotten), letter)
    }

    fn commit(&self, state: &mut State<N>, service: Service, instance: Instance) {
        let Desk::Read { order, cause, seen } = state.desk(service, instance) else { return };
        match seen {
            Seen::Order(read, version) => {
                settle(state, instance, order, event(cause).map(|event| (event, read, version)))
            }
            Seen::Books(account, _) => {
                let Some(decision) = self.decide(seen, cause) else { return };
                if decision.entry != 0 {
                    state.account.balance = account.balance + decision.entry;
                    state.account.seq = account.seq + 1;
                }
                let books = &mut state.books[order];
                books.debits += i8::from(decision.entry < 0);
                books.refunds += i8::from(decision.entry > 0);
                let forgotten = matches!(decision.verdict, Verdict::Fenced(_)) && !self.keeps(Rule::Fence);
                if decision.record != Record::Nothing && !forgotten {
                    books.verdict = Some(decision.verdict);
                }
                write(state, At { order, letter: decision.answer() }, instance);
            }
        }
        *state.desk_mut(service, instance) = match cause {
            Cause::Came(letter) => Desk::Done(At { order, letter }),
            Cause::Wished(_) => Desk::Idle,
        };
    }
}

/// What happens to the order's saga.
fn event(cause: Cause) -> Option<Event> {
    match cause {
        Cause::Came(letter) => letter.event(),
        Cause::Wished(cause) => Some(Event::CancelRequested(cause)),
    }
}

/// Writes what the saga says of an order that was read.
fn settle<const N: usize>(
    state: &mut State<N>,
    instance: Instance,
    order: usize,
    happened: Option<(Event, saga::order::State, u8)>,
) {
    let Some((event, read, version)) = happened else { return };
    let Ok(Step::Changed(next, effects)) = step(read, event) else { return };
    let row = &mut state.orders[order];
    (row.state, row.version) = (next, version + 1);
    if next.is_final() {
        row.at_last.get_or_insert(next);
    }
    if let (saga::order::State::Cancelling(cause), true) = (next, effects.contains(&Effect::RequestCancel)) {
        write(state, At { order, letter: Letter::Cancel(cause) }, instance);
    }
}

/// Writes a letter's row. If the same letter waits there already, this one would only be a copy of it.
fn write<const N: usize>(state: &mut State<N>, at: At, instance: Instance) {
    let row = &mut state.at_mut(at).row;
    if *row == Row::Absent {
        *row = Row::Held(instance);
    }
}

fn publish<const N: usize>(state: &mut State<N>, at: At) {
    let mail = state.at_mut(at);
    if let Row::Held(instance) = mail.row {
        (mail.row, mail.post) = (Row::Sent(instance), Post::Waiting);
    }
}

fn read<const N: usize>(state: &mut State<N>, service: Service, instance: Instance, order: usize, cause: Cause) {
    let seen = state.read(service, order);
    *state.desk_mut(service, instance) = Desk::Read { order, cause, seen };
}

/// The broker takes back what the instance has not acknowledged.
fn hand_back<const N: usize>(state: &mut State<N>, service: Service, instance: Instance) {
    let unacknowledged = match state.desk(service, instance) {
        Desk::Idle | Desk::Read { cause: Cause::Wished(_), .. } => return,
        Desk::Read { order, cause: Cause::Came(letter), .. } => At { order, letter },
        Desk::Done(at) => at,
    };
    state.at_mut(unacknowledged).post = Post::Waiting;
}

fn replace<const N: usize>(state: &mut State<N>, service: Service, from: Row, to: Row) {
    for at in State::<N>::everywhere().filter(|at| at.letter.sender() == service) {
        if state.at(at).row == from {
            state.at_mut(at).row = to;
        }
    }
}
