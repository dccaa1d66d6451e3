//! The WebSocket calls: who may connect, and the upgrade.
//! Absent: what is sent (pushing).

use crate::{
    metrics::PushMetrics,
    pushing::{
        change,
        hub::HubHandle,
        socket::{Socket, Watch},
    },
};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{HOST, HeaderMap, ORIGIN},
    rt, web,
};
use edge::{Caller, Code, Problem, caller};
use saga::{OrderId, UserId};
use std::{sync::Arc, time::Duration};
use store::{Clock, Store, chance};
use url::form_urlencoded;

/// What the WebSocket handlers need. A cheap clone.
#[derive(Clone, Debug)]
pub struct Sockets {
    /// Where sockets are registered.
    pub hub: HubHandle,
    /// For snapshots.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Counts.
    pub metrics: PushMetrics,
    /// Origins besides the shop's own.
    pub allowed_origins: Arc<[String]>,
    /// How long a socket lives, give or take a tenth.
    pub age: Duration,
}

/// `GET /ws/orders`: all orders of the user.
pub async fn all(
    request: HttpRequest,
    payload: web::Payload,
    sockets: web::Data<Sockets>,
) -> Result<HttpResponse, Problem> {
    sockets.connect(&request, payload, None).await
}

/// `GET /ws/orders/{id}`: one order.
pub async fn one(
    request: HttpRequest,
    payload: web::Payload,
    sockets: web::Data<Sockets>,
) -> Result<HttpResponse, Problem> {
    let order = edge::order_id(&request);
    sockets.connect(&request, payload, Some(order)).await
}

impl Sockets {
    /// Everything is checked before the upgrade; registered first and read later, so that there is no gap between.
    async fn connect(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        order: Option<Result<OrderId, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        check_origin(request.headers(), &self.allowed_origins)?;
        let Caller(user) = caller(request)?;
        let order = order.transpose()?;
        let after = once(request, "after").map_err(|()| twice("after", Code::InvalidCursor))?;
        let after = after.as_deref().map(change::open).transpose()?;
        let (response, session, incoming) = actix_ws::handle(request, payload).map_err(|_| not_an_upgrade())?;
        let since = self.clock.now();
        let Some(seat) = self.hub.join(user.clone(), order).await else {
            return Err(Problem::new(Code::Overloaded, "Too many WebSockets are open."));
        };
        let watch = Watch { user, order, after, since };
        let age = chance::about(self.age);
        let socket = Socket { session, seat, store: self.store.clone(), metrics: self.metrics.clone(), watch, age };
        rt::spawn(socket.run(incoming));
        Ok(response)
    }
}

/// From the headers or, because a browser cannot set headers here, from the query.
fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    let user = sent(request, caller::HEADER, "user_id")?;
    let user = user.ok_or_else(|| Problem::new(Code::MissingUserId, "X-User-Id or user_id is missing."))?;
    Caller(user).expected_as(sent(request, caller::EXPECTED_HEADER, "expected_user_id")?)
}

fn sent(request: &HttpRequest, header: &str, parameter: &str) -> Result<Option<UserId>, Problem> {
    if let Some(user) = caller::in_header(request.headers(), header)? {
        return Ok(Some(user));
    }
    let text = once(request, parameter).map_err(|()| twice(parameter, Code::InvalidUserId))?;
    text.map(|text| caller::named(parameter, &text)).transpose()
}

fn once(request: &HttpRequest, name: &str) -> Result<Option<String>, ()> {
    let pairs = form_urlencoded::parse(request.query_string().as_bytes());
    let mut values = pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(()),
    }
}

fn twice(name: &str, code: Code) -> Problem {
    Problem::new(code, format!("{name} was given more than once."))
}

fn not_an_upgrade() -> Problem {
    Problem::new(Code::NotFound, "There is only a WebSocket under this path.")
}

/// A page of another origin could read a user's orders through the user's browser. A client that is no browser sends no origin.
fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let (origin, host) = (origin.to_str().unwrap_or_default(), headers.get(HOST).and_then(|host| host.to_str().ok()));
    let own =
        origin.split_once("://").zip(host).is_some_and(|((_, authority), host)| authority.eq_ignore_ascii_case(host));
    if own || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(Problem::new(Code::OriginNotAllowed, "Pages of this origin may not connect."))
}
