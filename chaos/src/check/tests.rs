//! Planted histories: a right one that the checker lets pass, and one for each promise that is broken.
//! Absent: histories of real runs; those have to pass.

use super::{Excuses, Law, Spans, check};
use crate::history::{Answer, Attempt, History, Order, Push, State, TopUp, Truth, Wish};

const USER: &str = "ann";

fn state(outcome: &str, version: i64) -> State {
    State { outcome: outcome.to_owned(), version }
}

fn answer(at: u64, status: u16, id: Option<&str>, state: Option<State>) -> Option<Answer> {
    Some(Answer { at, status, id: id.map(str::to_owned), state, ..Answer::default() })
}

fn attempt(sent: u64, wish: Wish, answer: Option<Answer>) -> Attempt {
    Attempt { user: USER.to_owned(), wish, sent, answer }
}

fn place(sent: u64, key: &str, answer: Option<Answer>) -> Attempt {
    attempt(sent, Wish::Order { key: key.to_owned(), amount: 100 }, answer)
}

fn top_up(sent: u64, answer: Option<Answer>) -> Attempt {
    attempt(sent, Wish::TopUp { key: "money".to_owned(), amount: 5_000 }, answer)
}

fn look(sent: u64, outcome: &str, version: i64) -> Attempt {
    let wish = Wish::Look { order: "o1".to_owned() };
    attempt(sent, wish, answer(sent + 5, 200, Some("o1"), Some(state(outcome, version))))
}

fn push(client: usize, at: u64, outcome: &str, version: i64) -> Push {
    Push { client, order: "o1".to_owned(), state: state(outcome, version), at }
}

fn order(id: &str, key: &str, outcome: &str, version: i64) -> Order {
    let key = Some(key.to_owned());
    Order { id: id.to_owned(), user: USER.to_owned(), key, amount: 100, state: state(outcome, version) }
}

fn entry(id: &str) -> TopUp {
    TopUp { id: id.to_owned(), user: USER.to_owned(), amount: 5_000 }
}

/// Money whose first answer was lost, an order whose first attempt was refused, and two clients that watch it.
fn right() -> (History, Truth) {
    let unavailable = Answer { code: Some("unavailable".to_owned()), retry_after: true, ..Answer::default() };
    let history = History {
        attempts: vec![
            top_up(10, None),
            top_up(20, answer(25, 200, Some("e1"), None)),
            place(30, "k1", Some(Answer { at: 35, status: 503, ..unavailable })),
            place(40, "k1", answer(45, 201, Some("o1"), Some(state("NEW", 1)))),
            look(50, "NEW", 1),
            look(90, "FINISHED", 2),
        ],
        pushes: vec![push(0, 60, "FINISHED", 2), push(0, 61, "FINISHED", 2), push(1, 80, "FINISHED", 2)],
        watchers: vec![USER.to_owned(), USER.to_owned()],
        resumed: 0,
    };
    (history, Truth { orders: vec![order("o1", "k1", "FINISHED", 2)], top_ups: vec![entry("e1")] })
}

/// What is found when the right history, or the truth, is changed.
fn found(change: impl FnOnce(&mut History, &mut Truth)) -> Vec<Law> {
    let (mut history, mut truth) = right();
    change(&mut history, &mut truth);
    let excuses = Excuses { panics: Spans::During(vec![(200, 300)]), zombies: Spans::During(vec![(400, 500)]) };
    let mut laws: Vec<_> = check(&history, &truth, &excuses).into_iter().map(|finding| finding.law).collect();
    laws.dedup();
    laws
}

#[test]
fn what_went_right_passes() {
    assert_eq!(found(|_, _| {}), []);
}

#[test]
fn an_answer_is_excused_only_to_who_asked_while_its_fault_was_there() {
    for (status, code, from, to) in [(500, "internal", 200, 300), (408, "request_timeout", 400, 500)] {
        for (sent, at, excused) in [
            (from - 50, from - 1, false),
            (from - 50, from, true),
            (from + 10, to - 10, true),
            (to, to + 50, true),
            (to + 1, to + 50, false),
        ] {
            let answer = Answer { at, status, code: Some(code.to_owned()), ..Answer::default() };
            let found = found(|history, _| history.attempts.push(place(sent, "k2", Some(answer))));
            assert_eq!(found.is_empty(), excused, "{status} to what was asked at {sent}: {found:?}");
        }
    }
}

#[test]
fn an_order_that_was_acknowledged_and_is_not_there_is_lost() {
    assert_eq!(found(|_, truth| truth.orders.clear()), [Law::Lost]);
}

#[test]
fn an_order_with_another_amount_or_owner_is_not_the_one_that_was_acknowledged() {
    assert_eq!(found(|_, truth| truth.orders[0].amount = 101), [Law::Lost]);
    assert!(found(|_, truth| truth.orders[0].user = "bob".to_owned()).contains(&Law::Lost));
}

#[test]
fn a_key_that_made_two_orders_is_found_in_the_list_and_in_the_answers() {
    let twin = |truth: &mut Truth| truth.orders.push(order("o2", "k1", "CANCELLED insufficient_funds", 2));
    assert!(found(|_, truth| twin(truth)).contains(&Law::Duplicated));
    let answered = found(|history, _| history.attempts.push(place(95, "k1", answer(99, 201, Some("o2"), None))));
    assert!(answered.contains(&Law::Duplicated), "{answered:?}");
    assert!(found(|_, truth| truth.orders.push(truth.orders[0].clone())).contains(&Law::Duplicated));
}

#[test]
fn an_order_that_nobody_asked_for_is_found_and_one_without_an_answer_may_be_there_or_not() {
    let stranger = |truth: &mut Truth| truth.orders.push(order("o2", "k2", "FINISHED", 2));
    let told = |history: &mut History| {
        let news = [0, 1].map(|client| Push { order: "o2".to_owned(), ..push(client, 70, "FINISHED", 2) });
        history.pushes.extend(news);
    };
    assert_eq!(
        found(|history, truth| {
            stranger(truth);
            told(history);
        }),
        [Law::Unasked]
    );
    assert_eq!(found(|history, _| history.attempts.push(place(50, "k2", None))), []);
    assert_eq!(
        found(|history, truth| {
            history.attempts.push(place(50, "k2", None));
            stranger(truth);
            told(history);
        }),
        []
    );
}

#[test]
fn an_order_that_is_still_new_at_the_end_is_found() {
    assert_eq!(
        found(|history, truth| {
            truth.orders[0].state = state("NEW", 1);
            history.attempts.truncate(5);
            history.pushes = vec![push(0, 60, "NEW", 1), push(1, 60, "NEW", 1)];
        }),
        [Law::Open]
    );
}

#[test]
fn a_status_that_goes_back_is_found_whoever_saw_it() {
    assert_eq!(found(|history, _| history.attempts.push(look(100, "NEW", 1))), [Law::WentBack]);
    assert_eq!(found(|history, _| history.attempts.push(look(70, "NEW", 1))), [Law::WentBack], "after a push");
    assert_eq!(found(|history, _| history.attempts.push(look(55, "NEW", 1))), [], "the push came meanwhile");
    assert_eq!(
        found(|_, truth| truth.orders[0].state = state("CANCELLED insufficient_funds", 3)),
        [Law::WentBack, Law::NotPushed]
    );
    assert!(found(|history, _| history.attempts.push(look(70, "CANCELLED x", 2))).contains(&Law::WentBack));
}

#[test]
fn an_order_that_was_final_and_is_open_again_is_found_however_its_versions_grow() {
    let again = found(|history, truth| {
        history.attempts.push(look(100, "NEW", 3));
        truth.orders[0].state = state("FINISHED", 4);
        history.pushes.extend([push(0, 120, "FINISHED", 4), push(1, 120, "FINISHED", 4)]);
    });
    assert_eq!(again, [Law::WentBack]);
}

#[test]
fn an_order_whose_cancel_was_taken_must_not_be_finished() {
    let cancel = |status| attempt(50, Wish::Cancel { order: "o1".to_owned() }, answer(55, status, None, None));
    let mut taken = cancel(202);
    taken.answer.as_mut().unwrap().state = Some(state("NEW", 1));
    assert_eq!(found(|history, _| history.attempts.push(taken)), [Law::NotCancelled]);
    let mut late = cancel(409);
    late.answer.as_mut().unwrap().code = Some("order_already_final".to_owned());
    assert_eq!(found(|history, _| history.attempts.push(late)), []);
}

#[test]
fn a_push_that_was_missed_or_came_too_late_is_found() {
    assert_eq!(found(|history, _| history.pushes.truncate(2)), [Law::NotPushed]);
    assert_eq!(found(|history, _| history.pushes.push(push(1, 85, "NEW", 1))), [Law::PushedBack, Law::NotPushed]);
}

#[test]
fn money_that_is_lost_or_doubled_or_not_asked_for_is_found() {
    assert_eq!(found(|_, truth| truth.top_ups.clear()), [Law::Lost]);
    assert_eq!(found(|_, truth| truth.top_ups.push(entry("e2"))), [Law::Duplicated]);
    assert_eq!(found(|_, truth| truth.top_ups[0].amount = 5_001), [Law::Lost, Law::Unasked]);
    assert_eq!(found(|history, _| drop(history.attempts.remove(1))), []);
    let answered_twice = |history: &mut History| history.attempts.push(top_up(26, answer(27, 200, Some("e2"), None)));
    assert_eq!(found(|history, _| answered_twice(history)), [Law::Duplicated, Law::Lost]);
}

#[test]
fn answers_that_the_contract_does_not_have_are_found() {
    for status in [400, 404, 409, 422, 500, 502] {
        let laws = found(|history, _| history.attempts.push(place(96, "k1", answer(97, status, None, None))));
        assert_eq!(laws, [Law::Answer], "{status}");
    }
    let without_retry_after = Answer { at: 97, status: 503, code: Some("unavailable".to_owned()), ..Answer::default() };
    assert_eq!(found(|history, _| history.attempts.push(place(96, "k1", Some(without_retry_after)))), [Law::Answer]);
}
