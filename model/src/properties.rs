//! What has to hold in every state, and what has to happen in some, so that the first is not said of a shop where nothing happens.
//! Absent: "eventually" as the checker knows it, which looks at paths without a loop only; here there are faults without end, which loop.
//! Instead two laws of single states say the same and more: what is left to do falls with every step that the shop takes by
//! itself, and where it takes none, everything is settled.

use crate::{Cause, Desk, Letter, Seen, Service, Shop, State, Verdict, payments::PRICE, progress::Left};
use saga::order::{self, step};
use stateright::{Expectation, Property};

type Condition<const N: usize> = fn(&Shop<N>, &State<N>) -> bool;

/// What always holds.
pub const LAWS: [&str; 8] = [
    "an order takes its price once or not at all",
    "the balance is what the entries say, and never negative",
    "a cancelled order keeps no money",
    "a finished order is paid",
    "a final order never changes",
    "payments never contradicts itself",
    "what is left to do falls with every step of the shop's own",
    "at rest every order is final and payments says the same",
];

/// What happens somewhere.
pub const EXAMPLES: [&str; 7] = [
    "a payment is given back",
    "a request comes upon the fence",
    "a payment and a cancel cross",
    "a refusal and a cancel cross",
    "the deadline cancels an order",
    "two instances meet at an order",
    "two instances meet at an account",
];

impl<const N: usize> Shop<N> {
    pub(crate) fn laws() -> Vec<Property<Self>> {
        let laws: [Condition<N>; 8] = [
            |_, state| orders(state).all(|one| [0, PRICE].contains(&state.net(one))),
            |_, state| books_are_right(state),
            |_, state| orders(state).all(|one| !is_cancelled(state.orders[one].state) || state.net(one) == 0),
            |_, state| {
                orders(state).all(|one| state.orders[one].state != order::State::Finished || state.net(one) == PRICE)
            },
            |_, state| state.orders.iter().all(|order| order.at_last.is_none_or(|first| first == order.state)),
            |_, state| !read(state).any(|(event, state)| event.is_some_and(|event| step(state, event).is_err())),
            Self::comes_to_rest,
            |_, state| !state.at_rest() || orders(state).all(|one| settled(state, one)),
        ];
        let examples: [Condition<N>; 7] = [
            |_, state| state.books.iter().any(|books| matches!(books.verdict, Some(Verdict::Refunded(_)))),
            |_, state| {
                asked(state)
                    .any(|(letter, verdict)| letter == Letter::Charge && matches!(verdict, Some(Verdict::Fenced(_))))
            },
            |_, state| crosses(state, order::Event::PaymentSucceeded),
            |_, state| crosses(state, order::Event::PaymentDeclined(order::DeclineReason::InsufficientFunds)),
            |_, state| {
                let late = order::State::Cancelled(order::CancelCause::Deadline);
                state.orders.iter().any(|order| order.state == late)
            },
            |shop, state| meet(shop, state, Service::Orders),
            |shop, state| meet(shop, state, Service::Payments),
        ];
        let property = |expectation: &Expectation, (name, condition): (&'static str, Condition<N>)| Property {
            expectation: expectation.clone(),
            name,
            condition,
        };
        let always = LAWS.into_iter().zip(laws).map(|one| property(&Expectation::Always, one));
        let sometimes = EXAMPLES.into_iter().zip(examples).map(|one| property(&Expectation::Sometimes, one));
        always.chain(sometimes).collect()
    }

    fn comes_to_rest(&self, state: &State<N>) -> bool {
        let left = Left::of(state);
        let mut steps = self.progress(state).peekable();
        if steps.peek().is_none() {
            return state.at_rest();
        }
        steps.all(|action| {
            let mut next = state.clone();
            self.act(&mut next, action);
            Left::of(&next) < left
        })
    }
}

fn orders<const N: usize>(_: &State<N>) -> impl Iterator<Item = usize> {
    0..N
}

const fn is_cancelled(state: order::State) -> bool {
    matches!(state, order::State::Declined(_) | order::State::Cancelled(_))
}

fn books_are_right<const N: usize>(state: &State<N>) -> bool {
    let taken: i8 = orders(state).map(|order| state.net(order) * PRICE).sum();
    state.account.balance >= 0 && state.account.balance == state.paid_in - taken
}

fn settled<const N: usize>(state: &State<N>, order: usize) -> bool {
    match (state.orders[order].state, state.books[order].verdict) {
        (order::State::Finished, Some(Verdict::Succeeded)) | (order::State::Declined(_), Some(Verdict::Declined)) => {
            true
        }
        (order::State::Cancelled(cause), Some(Verdict::Fenced(by) | Verdict::Refunded(by))) => cause == by,
        _ => false,
    }
}

/// What settling is about to do, to which state.
fn read<const N: usize>(state: &State<N>) -> impl Iterator<Item = (Option<order::Event>, order::State)> {
    state.desks[Service::Orders as usize].iter().filter_map(|desk| match desk {
        Desk::Read { cause: Cause::Came(letter), seen: Seen::Order(read, _), .. } => Some((letter.event(), *read)),
        _ => None,
    })
}

/// What the ledger is asked, with the verdict that it has read.
fn asked<const N: usize>(state: &State<N>) -> impl Iterator<Item = (Letter, Option<Verdict>)> {
    state.desks[Service::Payments as usize].iter().filter_map(|desk| match desk {
        Desk::Read { cause: Cause::Came(letter), seen: Seen::Books(_, verdict), .. } => Some((*letter, *verdict)),
        _ => None,
    })
}

/// Whether an answer to the request comes when the answer to the cancel is awaited.
fn crosses<const N: usize>(state: &State<N>, answer: order::Event) -> bool {
    read(state).any(|(event, read)| event == Some(answer) && matches!(read, order::State::Cancelling(_)))
}

fn meet<const N: usize>(shop: &Shop<N>, state: &State<N>, service: Service) -> bool {
    crate::Instance::BOTH.into_iter().any(|instance| shop.meets(state, service, instance))
}
