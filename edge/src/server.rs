//! The HTTP server as both services run it: limits, time-outs, and an answer to whatever no route takes.
//! Absent: routes, and when to stop; the service's composition root decides both.

use crate::{Code, Observer, Problem, body::MAX_BODY, observe::observe, patience::REQUEST_TIMEOUT, wire::Wire};
use actix_http::{HttpService, Protocol};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, map_config};
use actix_web::{
    App, HttpResponse, Resource,
    dev::{AppConfig, Server, ServerHandle, fn_service},
    error::JsonPayloadError,
    middleware::from_fn,
    web,
};
use std::{
    future::ready,
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};
use tokio::net::TcpStream;

/// Longer than a gateway keeps an idle connection (nginx: 60 s), so that it is never ours that closes under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What a client may take to read the rest and close, once we are done with it.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections of one worker; more wait in the kernel. Sockets that push need one each.
const MAX_CONNECTIONS: usize = 10_000;

/// What requests in progress get to finish in once the server is told to stop.
const SHUTDOWN_SECONDS: u64 = 10;

/// The detail of a 404 that is not about an object.
const NO_ROUTE: &str = "There is nothing under this path.";

/// What every application has: 404 `not_found` where no route is, and problems from the framework's own extractors.
pub fn app_defaults(cfg: &mut web::ServiceConfig) {
    let json = web::JsonConfig::default().limit(MAX_BODY).error_handler(|why, _| of_json(&why).into());
    let path = web::PathConfig::default().error_handler(|_, _| Problem::new(Code::NotFound, NO_ROUTE).into());
    cfg.app_data(json).app_data(path).app_data(web::PayloadConfig::new(MAX_BODY));
    cfg.default_service(web::to(|| ready(Err::<HttpResponse, _>(Problem::new(Code::NotFound, NO_ROUTE)))));
}

/// A resource that answers methods it has no route for with 405 and these as `Allow`.
pub fn resource(path: &str, allow: &'static str) -> Resource {
    let refuse = move || ready(Err::<HttpResponse, _>(Problem::method_not_allowed(allow)));
    web::resource(path).default_service(web::to(refuse))
}

/// Starts to listen. The server runs while its future is polled, until its handle stops it.
///
/// This is `HttpServer` taken apart, for one reason: `Wire` has to be put under the codec.
///
/// # Errors
/// What the operating system refuses about the listener.
pub async fn serve(
    listener: TcpListener,
    workers: usize,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    observer: impl Into<Observer>,
) -> io::Result<(Server, ServerHandle)> {
    let (address, observer) = (listener.local_addr()?, observer.into());
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(MAX_CONNECTIONS)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let service = move || {
        let stopping = stopping.clone();
        let app = App::new().app_data(observer.clone()).configure(app_defaults).configure(configure.clone());
        let app = map_config(app.wrap(from_fn(observe)).into_factory(), |()| AppConfig::default());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(REQUEST_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .local_addr(address)
            .on_connect_ext(|wire: &Wire, connection| drop(connection.insert(wire.work())))
            .finish(app);
        fn_service(|stream| ready(Ok(accepted(stream)))).and_then(http)
    };
    let server = builder.listen("http", listener, service)?.run();
    let handle = server.handle();
    Ok((server, handle))
}

/// Small answers leave at once instead of waiting for an acknowledgement of the one before.
fn accepted(stream: TcpStream) -> (Wire, Protocol, Option<SocketAddr>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let peer = stream.peer_addr().ok();
    (Wire::new(stream), Protocol::Http1, peer)
}

/// What the framework's own JSON extractor refuses.
fn of_json(why: &JsonPayloadError) -> Problem {
    match why {
        JsonPayloadError::ContentType => {
            Problem::new(Code::UnsupportedMediaType, "The body must be sent as application/json.")
        }
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Problem::new(Code::PayloadTooLarge, format!("A body has at most {MAX_BODY} bytes."))
        }
        _ => Problem::new(Code::MalformedJson, "The body is not the JSON that is expected here."),
    }
}
