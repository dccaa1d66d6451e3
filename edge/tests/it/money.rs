//! The contract's section on money, as a client meets it.
//! Absent: balances; an amount that is too much for one is payments' business.

use crate::harness::{Server, problem};
use edge::Code::InvalidAmount;
use serde_json::Value;

#[tokio::test]
async fn an_amount_is_a_string_or_a_number_and_is_never_rounded() {
    let server = Server::start().await;
    let good = [
        (r#""50""#, "50.00"),
        (r#""50.5""#, "50.50"),
        ("50.00", "50.00"),
        ("50", "50.00"),
        ("0.01", "0.01"),
        ("0.1", "0.10"),
        ("0.29", "0.29"),
        ("9007199254740.93", ""),
        ("1000000000000.00", "1000000000000.00"),
        ("999999999999.99", "999999999999.99"),
        (r#""1000000000000""#, "1000000000000.00"),
        (r#""\u0035\u0030""#, "50.00"),
    ];
    for (text, printed) in good {
        let answer = server.post(&format!(r#"{{"amount": {text}}}"#)).await;
        if printed.is_empty() {
            problem(answer, InvalidAmount).await; // nine times too large, although it fits
        } else {
            assert_eq!(answer.json::<Value>().await.expect("JSON")["amount"], printed, "{text}");
        }
    }
}

#[tokio::test]
async fn whatever_is_no_amount_is_told_which_rule_it_breaks() {
    let server = Server::start().await;
    let (decimal, positive) = ("must be a decimal number such as \"50.00\"", "must be greater than 0");
    let (precise, large) = ("must have at most two decimals", "must be at most 1000000000000.00");
    let typed = "must be a string or a number";
    let bad = [
        ("0.001", precise),
        ("50.000", precise),
        (r#""0.001""#, precise),
        ("0", positive),
        ("0.00", positive),
        ("-0", positive),
        ("-500", positive),
        (r#""-500""#, positive),
        ("1e16", decimal),
        ("1e2", decimal),
        ("1E2", decimal),
        ("1e999999", decimal),
        (r#""1e2""#, decimal),
        ("1000000000000.01", large),
        ("99999999999999999999999999999999", large),
        (r#""92233720368547758.08""#, large),
        (r#""abc""#, decimal),
        (r#""""#, decimal),
        (r#"" 1""#, decimal),
        (r#""+1""#, decimal),
        (r#""1,5""#, decimal),
        (r#""05""#, decimal),
        (r#"".5""#, decimal),
        (r#""٣""#, decimal),
        (r#""NaN""#, decimal),
        ("null", typed),
        ("true", typed),
        ("[]", typed),
        ("[50]", typed),
        ("{}", typed),
        (r#""\ud800""#, typed),
    ];
    for (text, rule) in bad {
        let body = problem(server.post(&format!(r#"{{"amount": {text}}}"#)).await, InvalidAmount).await;
        assert_eq!(body["errors"], serde_json::json!([{"field": "amount", "message": rule}]), "{text}");
    }
    let missing = problem(server.post("{}").await, InvalidAmount).await;
    assert_eq!(missing["errors"], serde_json::json!([{"field": "amount", "message": "is required"}]));
}
