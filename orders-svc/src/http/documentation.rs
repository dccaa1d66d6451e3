//! The OpenAPI document of the orders service.
//! Absent: descriptions of single calls; they stand above their handlers.

use super::{
    orders,
    view::{NewOrder, NoFields, OrderPage, OrderView, TimelineEvent, TimelineView, status},
};
use edge::{
    Code, FieldError, ProblemBody,
    openapi::{ALWAYS, WITH_BODY, describe, idempotency_key, leads_to, needs_no_body},
};
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document, Required,
        path::{HttpMethod, ParameterBuilder, ParameterIn},
    },
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Gozon orders",
        description = "Place orders and see what becomes of them. Payment runs by itself: an order is `NEW`, then `FINISHED` or `CANCELLED`.",
        license(name = "MIT"),
    ),
    paths(orders::place, orders::list, orders::show, orders::cancel, orders::timeline),
    components(schemas(OrderView, OrderPage, TimelineView, TimelineEvent, NewOrder, NoFields, ProblemBody, FieldError)),
    tags((name = "orders", description = "A user's orders")),
)]
struct Api;

/// The complete document, OpenAPI 3.1.
pub fn document() -> Document {
    let mut document = Api::openapi();
    let place =
        [Code::InvalidIdempotencyKey, Code::InvalidAmount, Code::InvalidDescription, Code::IdempotencyKeyReused];
    describe(&mut document, HttpMethod::Post, "/orders", &[&ALWAYS[..], &WITH_BODY, &place].concat());
    let list = [Code::InvalidLimit, Code::InvalidCursor, Code::InvalidStatus];
    describe(&mut document, HttpMethod::Get, "/orders", &[&ALWAYS[..], &list].concat());
    let show = [Code::InvalidOrderId, Code::OrderNotFound];
    describe(&mut document, HttpMethod::Get, "/orders/{id}", &[&ALWAYS[..], &show].concat());
    describe(&mut document, HttpMethod::Get, "/orders/{id}/timeline", &[&ALWAYS[..], &show].concat());
    let cancel = [Code::InvalidOrderId, Code::OrderNotFound, Code::OrderAlreadyFinal];
    describe(&mut document, HttpMethod::Post, "/orders/{id}/cancel", &[&ALWAYS[..], &WITH_BODY, &cancel].concat());
    needs_no_body(&mut document, HttpMethod::Post, "/orders/{id}/cancel");
    add_parameters(&mut document);
    add_links(&mut document);
    document
}

fn add_parameters(document: &mut Document) {
    let Some(orders) = document.paths.paths.get_mut("/orders") else { return };
    if let Some(place) = &mut orders.post {
        place.parameters.get_or_insert_default().push(idempotency_key().into());
    }
    if let Some(list) = &mut orders.get {
        let filter = ParameterBuilder::new().name("status").parameter_in(ParameterIn::Query).required(Required::False);
        let filter = filter.description(Some("Only orders with this status")).schema(Some(status()));
        list.parameters.get_or_insert_default().push(filter.build().into());
    }
}

/// From an order to all that can be asked about it.
fn add_links(document: &mut Document) {
    let order = [("id", "$response.body#/id"), ("X-User-Id", "$response.body#/user_id")];
    leads_to(document, (HttpMethod::Post, "/orders", "201"), &["show", "timeline", "cancel"], &order);
    leads_to(document, (HttpMethod::Post, "/orders/{id}/cancel", "202"), &["show", "timeline"], &order);
}
