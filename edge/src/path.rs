//! Path parameters.
//! Absent: looking anything up.

use crate::{Code, Problem};
use actix_web::HttpRequest;
use saga::OrderId;
use uuid::Uuid;

/// The length of a UUID with its hyphens; the other forms that a UUID may be written in are refused.
const HYPHENATED_LEN: usize = 36;

/// The path parameter `id` as an order's id.
///
/// # Errors
/// `invalid_order_id` when it is not a UUID in its hyphenated form.
pub fn order_id(request: &HttpRequest) -> Result<OrderId, Problem> {
    let text = request.match_info().get("id").unwrap_or_default();
    parse(text).ok_or_else(|| Problem::new(Code::InvalidOrderId, "An order's id is a UUID with its hyphens."))
}

fn parse(text: &str) -> Option<OrderId> {
    if text.len() != HYPHENATED_LEN {
        return None;
    }
    Uuid::try_parse(text).ok().map(OrderId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_of_a_uuid_is_an_order_id() {
        let id = Uuid::from_u128(7);
        assert_eq!(parse(&id.hyphenated().to_string()), Some(OrderId::new(id)));
        let (simple, urn, braced) = (id.simple().to_string(), id.urn().to_string(), id.braced().to_string());
        for bad in ["", "1", &simple, &urn, &braced, "0000000-00000-0000-0000-000000000007", &"é".repeat(18)] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
