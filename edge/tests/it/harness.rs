//! A server of its own for each test, clients for it, and what every problem has to look like.
//! Absent: assertions about single rules.

use actix_web::{HttpRequest, HttpResponse, dev::ServerHandle, web};
use edge::{
    Caller, Check, Code, Fields, HttpMetrics, IdempotencyKey, PageQuery, Problem, Trace, configure_operation,
    next_link, open_cursor, order_id, resource, serve,
};
use prometheus_client::registry::Registry;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinHandle};

/// Whom the tests' requests come from unless they say otherwise.
pub const USER: &str = "user-1";

/// How long a test waits for an answer before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server and a client for it; stops with its test.
pub struct Server {
    pub address: SocketAddr,
    client: Client,
    pub handle: ServerHandle,
    pub running: JoinHandle<std::io::Result<()>>,
}

/// Opens once for each request of `/gate` that may go on.
pub static GATE: Semaphore = Semaphore::const_new(0);

/// Has a permit for each request of `/gate` that has arrived.
pub static ARRIVED: Semaphore = Semaphore::const_new(0);

impl Server {
    pub async fn start() -> Self {
        Self::start_with(Vec::new()).await
    }

    /// With these checks behind `/readyz`.
    pub async fn start_with(checks: Vec<Check>) -> Self {
        logged();
        let mut registry = Registry::default();
        let metrics = HttpMetrics::register(&mut registry);
        let (registry, checks) = (Arc::new(registry), Arc::new(checks));
        let configure = move |cfg: &mut web::ServiceConfig| {
            configure_operation(cfg, Arc::clone(&registry), Arc::clone(&checks));
            routes(cfg);
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (server, handle) = serve(listener, 1, configure, metrics).await.expect("it listens");
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        Self { address, client, handle, running: tokio::spawn(server) }
    }

    /// A request of nobody.
    pub fn bare(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of [`USER`].
    pub fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        self.bare(method, path).header("x-user-id", USER)
    }

    /// `POST /orders` with this text as its JSON.
    pub async fn post(&self, body: &str) -> Response {
        let request = self.ask("POST", "/orders").header("content-type", "application/json").body(body.to_owned());
        request.send().await.expect("an answer")
    }

    /// Sends the bytes as they are and reads what comes back until the server closes or is silent.
    pub async fn raw(&self, bytes: &[u8]) -> Raw {
        let (address, bytes) = (self.address, bytes.to_vec());
        let talk = move || {
            let mut stream = TcpStream::connect(address).expect("it listens");
            stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
            stream.write_all(&bytes).expect("it reads");
            Raw::read(&mut stream)
        };
        tokio::task::spawn_blocking(talk).await.expect("an answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Raw {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Raw {
    /// One answer: its head, and as much of a body as the head announces. 100 Continue is passed over.
    pub fn read(stream: &mut TcpStream) -> Self {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("ASCII");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        if status == 100 {
            return Self::read(stream);
        }
        let headers: HashMap<_, _> = head.lines().filter_map(|line| line.split_once(": ")).map(owned).collect();
        let mut body = vec![0; headers.get("content-length").map_or(0, |len| len.parse().expect("a number"))];
        stream.read_exact(&mut body).expect("a body");
        Self { status, headers, body: String::from_utf8(body).expect("UTF-8") }
    }

    /// Fails unless it is this problem; gives its body.
    pub fn problem(&self, status: u16, code: &str) -> Value {
        check_problem(self.status, |name| self.headers.get(name).cloned(), &self.body, (status, code))
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_ascii_lowercase(), value.to_owned())
}

/// Fails unless the answer is this problem; gives its body.
pub async fn problem(response: Response, code: Code) -> Value {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("ASCII").to_owned());
    let body = response.text().await.expect("a body");
    check_problem(status, header, &body, (code.status().as_u16(), code.as_str()))
}

fn check_problem(
    status: u16,
    header: impl Fn(&str) -> Option<String>,
    body: &str,
    (expected, code): (u16, &str),
) -> Value {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {body:?}"));
    assert_eq!((status, body["code"].as_str()), (expected, Some(code)), "{body}");
    assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
    assert_eq!(body["type"], format!("urn:gozon:problem:{code}"));
    assert_eq!(body["status"], expected);
    for text in ["title", "detail"] {
        assert!(body[text].as_str().is_some_and(|text| !text.is_empty()), "{text} of {body}");
    }
    let members = body.as_object().expect("an object").keys();
    let known = ["type", "title", "status", "detail", "code", "errors", "user_id"];
    assert!(members.into_iter().all(|member| known.contains(&member.as_str())), "{body}");
    check_every_answer(&header);
    assert_eq!(header("retry-after").is_some(), expected == 503);
    body
}

/// What every answer carries.
pub fn check_every_answer(header: impl Fn(&str) -> Option<String>) {
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(header("cache-control").as_deref(), Some("no-store"));
    assert!(header("x-request-id").is_some_and(|id| !id.is_empty()));
}

/// Everything that was logged so far, by all tests of this binary.
pub fn logged() -> String {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    let start = || {
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        let writer = move || Sink(Arc::clone(&sink));
        tracing_subscriber::fmt().json().with_max_level(tracing::Level::DEBUG).with_writer(writer).init();
        log
    };
    let log = LOG.get_or_init(start).lock().expect("nobody panics while logging");
    String::from_utf8_lossy(&log).into_owned()
}

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics while logging").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn routes(cfg: &mut web::ServiceConfig) {
    cfg.service(resource("/orders", "GET, POST").get(list).post(place))
        .service(resource("/orders/{id}", "GET").get(show))
        .service(resource("/accounts", "POST").post(open))
        .service(resource("/trace", "GET").get(async |Trace(trace): Trace| trace.to_string()))
        .service(resource("/codes/{code}", "GET").get(fail))
        .service(resource("/gate", "GET").get(gate))
        .service(resource("/panic", "GET").get(panic_at_work))
        .service(resource("/database/{kind}", "GET").get(database))
        .service(resource("/framework/json", "POST").post(async |_: web::Json<Value>| "read"))
        .service(resource("/framework/bytes", "POST").post(async |_: web::Bytes| "read"))
        .service(resource("/framework/path/{n}", "GET").get(async |_: web::Path<u32>| "read"))
        .service(resource("/framework/query", "GET").get(async |_: web::Query<HashMap<String, u32>>| "read"))
        .service(resource("/framework/secret", "GET").get(async || {
            Err::<HttpResponse, _>(actix_web::error::ErrorInternalServerError("SELECT secret FROM src/main.rs"))
        }))
        .service(web::resource("/framework/method").get(async || "read"));
}

async fn list(caller: Caller, page: PageQuery, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let after = page.cursor.as_deref().map(|text| open_cursor("orders", text)).transpose()?;
    let body = json!({"user": caller.0, "limit": page.limit, "status": page.status, "after": after});
    let next = edge::seal_cursor("orders", "2026/ü");
    Ok(HttpResponse::Ok().insert_header(next_link(&request, &next)).json(body))
}

async fn place(
    caller: Caller,
    key: IdempotencyKey,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let fields = Fields::read(&request, payload, &["amount", "description"]).await?;
    let (amount, description) = (fields.amount()?, fields.description()?);
    let body =
        json!({"user": caller.0, "key": key.into_inner(), "amount": amount.to_string(), "description": description});
    Ok(HttpResponse::Created().json(body))
}

async fn show(caller: Caller, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(json!({"user": caller.0, "id": order_id(&request)?})))
}

async fn open(caller: Caller, request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    Fields::read_optional(&request, payload, &[]).await?;
    Ok(HttpResponse::Created().json(json!({"user": caller.0})))
}

async fn fail(code: web::Path<String>) -> Result<HttpResponse, Problem> {
    let code = Code::ALL.iter().find(|known| known.as_str() == code.as_str()).expect("one of all codes");
    Err(Problem::new(*code, "It was asked for."))
}

async fn gate() -> &'static str {
    ARRIVED.add_permits(1);
    GATE.acquire().await.expect("it is never closed").forget();
    "through"
}

async fn panic_at_work() -> HttpResponse {
    panic!("secret panic text")
}

async fn database(kind: web::Path<String>) -> Result<HttpResponse, Problem> {
    use sea_orm::{DbErr, RuntimeErr};
    let error = match kind.as_str() {
        "down" => DbErr::Conn(RuntimeErr::Internal("secret host db-7".to_owned())),
        _ => DbErr::Custom("secret table orders".to_owned()),
    };
    Err(Problem::database(&error))
}
