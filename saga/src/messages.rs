//! What the two services say to each other: the `data` of each message type, and the type's name on the wire.
//! Absent: the CloudEvents envelope around it (messaging), and what anybody does about a message.

use crate::{
    Amount, Currency, OrderId, TransactionId, UserId,
    order::{CancelCause, DeclineReason},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// One message type: its data and its names.
pub trait Payload: Serialize + DeserializeOwned {
    /// The CloudEvents `type`, with the major version at its end.
    const TYPE: &'static str;
    /// The CloudEvents `source`: the service that says it.
    const SOURCE: &'static str;

    /// The order that it is about, the CloudEvents `subject`.
    fn order_id(&self) -> OrderId;
    /// Whose order, the CloudEvents `partitionkey`.
    fn user_id(&self) -> &UserId;
}

/// The routing key of a message type: the type without `gozon.` and the version.
///
/// `gozon.payment.requested.v1` is routed as `payment.requested`. A name of another shape is its own routing key.
pub fn routing_key(type_name: &str) -> &str {
    let name = type_name.strip_prefix("gozon.").unwrap_or(type_name);
    match name.rsplit_once(".v") {
        Some((name, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => name,
    }
}

/// orders -> payments: take the money for this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentRequested {
    /// The order to pay.
    pub order_id: OrderId,
    /// Whose account to debit.
    pub user_id: UserId,
    /// How much, in minor units.
    pub amount_minor: Amount,
    /// Of which currency.
    pub currency: Currency,
}

/// payments -> orders: the money was taken, by this entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentSucceeded {
    /// The order that is paid.
    pub order_id: OrderId,
    /// Whose account was debited.
    pub user_id: UserId,
    /// How much, in minor units.
    pub amount_minor: Amount,
    /// Of which currency.
    pub currency: Currency,
    /// The debit in the account's statement.
    pub transaction_id: TransactionId,
}

/// payments -> orders: the money was not taken, and will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentDeclined {
    /// The order that stays unpaid.
    pub order_id: OrderId,
    /// Who asked.
    pub user_id: UserId,
    /// How much was asked for, in minor units.
    pub amount_minor: Amount,
    /// Of which currency.
    pub currency: Currency,
    /// Why not.
    pub reason: DeclineReason,
}

/// orders -> payments: take no money for this order any more, and give back what was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentCancelRequested {
    /// The order to cancel.
    pub order_id: OrderId,
    /// Whose order it is.
    pub user_id: UserId,
    /// What it costs, in minor units.
    pub amount_minor: Amount,
    /// Of which currency.
    pub currency: Currency,
    /// Who wants it.
    pub cause: CancelCause,
}

/// payments -> orders: the money will never be taken, or has been given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PaymentCancelled {
    /// The order that is cancelled.
    pub order_id: OrderId,
    /// Whose order it is.
    pub user_id: UserId,
    /// What it costs, in minor units.
    pub amount_minor: Amount,
    /// Of which currency.
    pub currency: Currency,
    /// Who wanted it.
    pub cause: CancelCause,
    /// The refund in the account's statement, if there had been a debit.
    pub refund_transaction_id: Option<TransactionId>,
}

/// orders -> every orders instance: what became of these orders, the changes of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OrderStatusChanged {
    /// At least one, at most [`MOST_CHANGES`].
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MOST_CHANGES)))]
    pub changes: Vec<StatusChange>,
}

/// The most changes of one [`OrderStatusChanged`]; of a larger commit there are several.
pub const MOST_CHANGES: usize = 500;

/// What became of one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusChange {
    /// The order.
    pub order_id: OrderId,
    /// Whose it is.
    pub user_id: UserId,
    /// `NEW`, `FINISHED` or `CANCELLED`.
    #[cfg_attr(feature = "schema", schemars(with = "crate::order::Status"))]
    pub status: String,
    /// Why it was cancelled.
    #[cfg_attr(feature = "schema", schemars(with = "Option<Reason>"))]
    pub reason: Option<String>,
    /// What it costs, in minor units.
    pub amount_minor: Amount,
    /// Of which currency.
    pub currency: Currency,
    /// The order's version after the change.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = i32::MAX)))]
    pub version: i32,
    /// When it changed: RFC 3339, UTC.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub updated_at: String,
    /// The W3C trace context of the change, if somebody records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// Every word that a cancelled order's reason may be.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only describes the text")]
enum Reason {
    Declined(DeclineReason),
    Cancelled(CancelCause),
}

impl OrderStatusChanged {
    /// The CloudEvents `type`. No [`Payload`]: it is about many orders and users at once.
    pub const TYPE: &'static str = "gozon.order.status-changed.v1";
}

macro_rules! payload {
    ($data:ident, $type_name:literal, $source:literal) => {
        impl Payload for $data {
            const TYPE: &'static str = $type_name;
            const SOURCE: &'static str = $source;

            fn order_id(&self) -> OrderId {
                self.order_id
            }

            fn user_id(&self) -> &UserId {
                &self.user_id
            }
        }
    };
}

payload!(PaymentRequested, "gozon.payment.requested.v1", "/orders");
payload!(PaymentSucceeded, "gozon.payment.succeeded.v1", "/payments");
payload!(PaymentDeclined, "gozon.payment.declined.v1", "/payments");
payload!(PaymentCancelRequested, "gozon.payment.cancel-requested.v1", "/orders");
payload!(PaymentCancelled, "gozon.payment.cancelled.v1", "/payments");

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fmt::Debug;
    use uuid::Uuid;

    fn order() -> (OrderId, UserId, Amount, Currency) {
        let user = UserId::parse("user-1").expect("valid");
        let amount = Amount::from_minor(5000).expect("valid");
        (OrderId::new(Uuid::from_u128(1)), user, amount, Currency::RUB)
    }

    /// The wire form may only grow: what stands here is what other teams parse.
    fn golden<P: Payload + PartialEq + Debug>(payload: &P, wire: Value) {
        assert_eq!(serde_json::to_value(payload).expect("serialises"), wire);
        let mut grown = wire;
        grown["added_later"] = json!({"any": "thing"});
        assert_eq!(&serde_json::from_value::<P>(grown).expect("unknown fields are ignored"), payload);
    }

    #[test]
    fn payment_requested_has_its_golden_form() {
        let (order_id, user_id, amount_minor, currency) = order();
        golden(
            &PaymentRequested { order_id, user_id, amount_minor, currency },
            json!({"order_id": "00000000-0000-0000-0000-000000000001", "user_id": "user-1", "amount_minor": 5000, "currency": "RUB"}),
        );
    }

    #[test]
    fn payment_succeeded_has_its_golden_form() {
        let (order_id, user_id, amount_minor, currency) = order();
        let transaction_id = TransactionId::new(Uuid::from_u128(2));
        golden(
            &PaymentSucceeded { order_id, user_id, amount_minor, currency, transaction_id },
            json!({"order_id": "00000000-0000-0000-0000-000000000001", "user_id": "user-1", "amount_minor": 5000, "currency": "RUB",
                   "transaction_id": "00000000-0000-0000-0000-000000000002"}),
        );
    }

    #[test]
    fn payment_declined_has_its_golden_form() {
        let (order_id, user_id, amount_minor, currency) = order();
        for (reason, word) in [
            (DeclineReason::InsufficientFunds, "insufficient_funds"),
            (DeclineReason::AccountNotFound, "account_not_found"),
        ] {
            golden(
                &PaymentDeclined { order_id, user_id: user_id.clone(), amount_minor, currency, reason },
                json!({"order_id": "00000000-0000-0000-0000-000000000001", "user_id": "user-1", "amount_minor": 5000, "currency": "RUB",
                       "reason": word}),
            );
            assert_eq!(reason.as_str(), word);
            assert_eq!(word.parse(), Ok(reason));
        }
    }

    #[test]
    fn payment_cancel_requested_and_cancelled_have_their_golden_forms() {
        let (order_id, user_id, amount_minor, currency) = order();
        for (cause, word) in [(CancelCause::ByUser, "cancelled_by_user"), (CancelCause::Deadline, "payment_deadline")] {
            golden(
                &PaymentCancelRequested { order_id, user_id: user_id.clone(), amount_minor, currency, cause },
                json!({"order_id": "00000000-0000-0000-0000-000000000001", "user_id": "user-1", "amount_minor": 5000, "currency": "RUB",
                       "cause": word}),
            );
            let refunds = [
                (None, Value::Null),
                (Some(TransactionId::new(Uuid::from_u128(3))), json!("00000000-0000-0000-0000-000000000003")),
            ];
            for (refund_transaction_id, wire) in refunds {
                let user_id = user_id.clone();
                golden(
                    &PaymentCancelled { order_id, user_id, amount_minor, currency, cause, refund_transaction_id },
                    json!({"order_id": "00000000-0000-0000-0000-000000000001", "user_id": "user-1", "amount_minor": 5000,
                           "currency": "RUB", "cause": word, "refund_transaction_id": wire}),
                );
            }
        }
    }

    #[test]
    fn order_status_changed_has_its_golden_form() {
        let (order_id, user_id, amount_minor, currency) = order();
        let change = StatusChange {
            order_id,
            user_id,
            status: "CANCELLED".to_owned(),
            reason: Some("insufficient_funds".to_owned()),
            amount_minor,
            currency,
            version: 2,
            updated_at: "1970-01-01T00:00:00.000000Z".to_owned(),
            traceparent: None,
        };
        let wire = json!({"changes": [{
            "order_id": "00000000-0000-0000-0000-000000000001", "user_id": "user-1", "status": "CANCELLED",
            "reason": "insufficient_funds", "amount_minor": 5000, "currency": "RUB", "version": 2,
            "updated_at": "1970-01-01T00:00:00.000000Z",
        }]});
        let changed = OrderStatusChanged { changes: vec![change] };
        assert_eq!(serde_json::to_value(&changed).expect("serialises"), wire);
        assert_eq!(serde_json::from_value::<OrderStatusChanged>(wire).expect("reads"), changed);
        assert_eq!(routing_key(OrderStatusChanged::TYPE), "order.status-changed");
    }

    #[test]
    fn data_that_breaks_a_rule_is_refused() {
        let good = json!({"order_id": Uuid::from_u128(1), "user_id": "u", "amount_minor": 1, "currency": "RUB"});
        assert!(serde_json::from_value::<PaymentRequested>(good.clone()).is_ok());
        let bad = [
            ("amount_minor", json!(0)),
            ("amount_minor", json!(-1)),
            ("amount_minor", json!(1.5)),
            ("amount_minor", json!("1")),
            ("amount_minor", json!(100_000_000_000_001_i64)),
            ("user_id", json!("")),
            ("order_id", json!("1")),
            ("currency", json!("rub")),
            ("user_id", Value::Null),
        ];
        for (field, value) in bad {
            let mut data = good.clone();
            data[field] = value;
            assert!(serde_json::from_value::<PaymentRequested>(data.clone()).is_err(), "{data}");
        }
    }

    #[test]
    fn a_routing_key_is_the_type_without_prefix_and_version() {
        assert_eq!(routing_key(PaymentRequested::TYPE), "payment.requested");
        assert_eq!(routing_key("gozon.payment.cancel-requested.v12"), "payment.cancel-requested");
        assert_eq!(routing_key("other.vx"), "other.vx");
    }
}
