//! The calls about orders: place one, list them, see one.
//! Absent: checks of what is already parsed.

use super::view::{NewOrder, NoFields, OrderPage, OrderView, TimelineView};
use crate::{
    order::OrderDraft,
    placing::{Draft, PlaceError, Placed, PlacingHandle},
    reading,
    settling::{SettleError, Settled, SettlingHandle, Wish},
    timeline::Timelines,
};
use actix_web::{HttpRequest, HttpResponse, http::header::LOCATION, web};
use edge::{
    Caller, Code, Fields, IdempotencyKey, PageQuery, Problem, REPLAYED, Trace, next_link, open_cursor, seal_cursor,
};
use saga::order::{CancelCause, Event, Status};
use sea_orm::DbErr;
use store::Store;
use uuid::Uuid;

/// The kind of this list's cursors.
const CURSOR: &str = "orders";

/// The database, for reads.
#[derive(Clone, Debug)]
pub struct Reads(pub Store);

/// Place an order
///
/// The order is durable when this answers; its payment starts by itself.
#[utoipa::path(post, path = "/orders", tag = "orders", request_body = NewOrder, responses(
    (status = 201, description = "Placed, or placed before under the same Idempotency-Key", body = OrderView, headers(
        ("Location" = String, description = "Where the order is found"),
        ("Idempotency-Replayed" = Option<String>, description = "`true` when an earlier request with the same key made the order"),
    )),
))]
pub async fn place(
    Caller(user_id): Caller,
    key: IdempotencyKey,
    Trace(trace): Trace,
    request: HttpRequest,
    payload: web::Payload,
    placing: web::Data<PlacingHandle>,
) -> Result<HttpResponse, Problem> {
    let fields = Fields::read(&request, payload, &["amount", "description"]).await?;
    let (amount, description) = (fields.amount()?, fields.description()?);
    let order = OrderDraft { user_id, amount, description, idempotency_key: key.into_inner() };
    let placed = placing.place(Draft { order, trace }).await?;
    let (order, replayed) = match placed {
        Placed::New(order) => (order, false),
        Placed::Replayed(order) => (order, true),
        Placed::KeyReused => return Err(edge::idempotency::reused()),
    };
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, format!("/orders/{}", order.id)));
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    Ok(response.json(OrderView::from(order)))
}

impl From<PlaceError> for Problem {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::Overloaded => Self::new(Code::Overloaded, "Too many orders are under way."),
            PlaceError::Unavailable => Self::new(Code::Unavailable, "The order could not be stored."),
            PlaceError::Interrupted | PlaceError::Failed(_) => {
                tracing::error!(%error, "an order could not be placed");
                Self::new(Code::Internal, "The order could not be placed.")
            }
        }
    }
}

/// List orders
///
/// The caller's orders, newest first, page by page.
#[utoipa::path(get, path = "/orders", tag = "orders", params(
    ("limit" = Option<u32>, Query, description = "1 to 100, 50 by default", minimum = 1, maximum = 100),
    ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
), responses(
    (status = 200, description = "One page", body = OrderPage, headers(
        ("Link" = Option<String>, description = "The next page, `rel=\"next\"`; absent on the last"),
    )),
))]
pub async fn list(
    Caller(user): Caller,
    page: PageQuery,
    request: HttpRequest,
    reads: web::Data<Reads>,
) -> Result<HttpResponse, Problem> {
    let before = page.cursor.as_deref().map(open).transpose()?;
    let status = page.status.as_deref().map(known_status).transpose()?;
    let limit = u64::from(page.limit);
    let read = reading::orders(&reads.0, &user, status, before, limit + 1).await;
    let mut orders = read.map_err(|error| Problem::database(&error))?;
    let more = orders.len() > page.limit as usize;
    orders.truncate(page.limit as usize);
    let next_cursor = orders.last().filter(|_| more).map(|last| seal_cursor(CURSOR, &last.id.to_string()));
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next_cursor {
        response.insert_header(next_link(&request, cursor));
    }
    Ok(response.json(OrderPage { orders: orders.into_iter().map(OrderView::from).collect(), next_cursor }))
}

fn open(cursor: &str) -> Result<Uuid, Problem> {
    let not_ours = |_| Problem::new(Code::InvalidCursor, "The cursor is not one that this list gave out.");
    open_cursor(CURSOR, cursor)?.parse().map_err(not_ours)
}

fn known_status(status: &str) -> Result<&str, Problem> {
    match status.parse::<Status>() {
        Ok(_) => Ok(status),
        Err(_) => Err(Problem::new(Code::InvalidStatus, "status must be NEW, FINISHED or CANCELLED.")),
    }
}

/// See an order
///
/// Another user's order is answered like one that does not exist.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", params(
    ("id" = Uuid, Path, description = "The order's id"),
), responses(
    (status = 200, description = "The order", body = OrderView),
))]
pub async fn show(
    Caller(user): Caller,
    request: HttpRequest,
    reads: web::Data<Reads>,
) -> Result<HttpResponse, Problem> {
    let id = edge::order_id(&request)?;
    let order = found(reading::order(&reads.0, &user, id).await)?;
    Ok(HttpResponse::Ok().json(OrderView::from(order)))
}

/// See an order's way
///
/// What happened to it so far, and what it waits for while it is `NEW`.
#[utoipa::path(get, path = "/orders/{id}/timeline", tag = "orders", params(
    ("id" = Uuid, Path, description = "The order's id"),
), responses(
    (status = 200, description = "Its way so far", body = TimelineView),
))]
pub async fn timeline(
    Caller(user): Caller,
    request: HttpRequest,
    timelines: web::Data<Timelines>,
) -> Result<HttpResponse, Problem> {
    let id = edge::order_id(&request)?;
    let timeline = found(timelines.of(&user, id).await)?;
    Ok(HttpResponse::Ok().json(TimelineView::from(timeline)))
}

/// Cancel an order
///
/// The order stays `NEW` until payments has decided: nothing was taken and nothing will be, or it is given back. If payments had refused
/// the money already, that stays the reason.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "orders", params(
    ("id" = Uuid, Path, description = "The order's id"),
), request_body = NoFields, responses(
    (status = 202, description = "Asked for, now or before", body = OrderView),
))]
pub async fn cancel(
    Caller(user): Caller,
    Trace(trace): Trace,
    request: HttpRequest,
    payload: web::Payload,
    settling: web::Data<SettlingHandle>,
    reads: web::Data<Reads>,
) -> Result<HttpResponse, Problem> {
    let order_id = edge::order_id(&request)?;
    Fields::read_optional(&request, payload, &[]).await?;
    let wish = Wish {
        order_id,
        user_id: user.clone(),
        event: Event::CancelRequested(CancelCause::ByUser),
        version: None,
        trace,
    };
    if settling.wish(wish).await? == Settled::TooLate {
        return Err(Problem::new(Code::OrderAlreadyFinal, "The order is final; it cannot be cancelled any more."));
    }
    let order = found(reading::order(&reads.0, &user, order_id).await)?;
    Ok(HttpResponse::Accepted().json(OrderView::from(order)))
}

/// What was read of the caller's own order.
fn found<T>(read: Result<Option<T>, DbErr>) -> Result<T, Problem> {
    read.map_err(|error| Problem::database(&error))?.ok_or_else(no_such_order)
}

fn no_such_order() -> Problem {
    Problem::new(Code::OrderNotFound, "You have no such order.")
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::UnknownOrder(_) | SettleError::Mismatch(_) => no_such_order(),
            SettleError::Overloaded => Self::new(Code::Overloaded, "Too many orders are under way."),
            SettleError::Unavailable => Self::new(Code::Unavailable, "The wish could not be stored."),
            SettleError::Interrupted | SettleError::Failed(_) => {
                tracing::error!(%error, "an order could not be cancelled");
                Self::new(Code::Internal, "The order could not be cancelled.")
            }
        }
    }
}
