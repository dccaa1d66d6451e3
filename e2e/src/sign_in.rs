//! What stands before the shop in a company: the book's own nginx example, asking a server of the test's who is signed in.
//! Absent: passwords and cookies; the test, or its browser, says whose the session is.

use crate::Gateway;
use actix_web::{
    App, HttpResponse, HttpServer,
    dev::ServerHandle,
    web::{self, Data, Path},
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};
use tempfile::TempDir;
use testbed::{Nginx, free_address};

const BOOK: &str = include_str!("../../docs/operations.md");
/// The addresses in the book's example.
const GATEWAY: &str = "127.0.0.1:8080";
const WHO: &str = "127.0.0.1:4180";

type Session = Arc<Mutex<Option<String>>>;

/// A running proxy with its server of sessions; both end on `Drop`.
pub struct SignIn {
    /// `http://` address of the shop behind it.
    pub url: String,
    /// `http://` address that changes the session: `POST /as/<user>` begins one, `POST /nobody` ends it.
    pub sessions: String,
    server: ServerHandle,
    _proxy: Nginx,
    _dir: TempDir,
}

impl SignIn {
    /// Starts both before this gateway's page; nobody is signed in.
    ///
    /// # Errors
    /// When the book has no example, or nginx refuses it.
    pub fn before(gateway: &Gateway) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("gozon-sign-in-").tempdir()?;
        let (proxy, who) = (free_address()?, free_address()?);
        let server = serve(who)?;
        let page = gateway.page_url.trim_start_matches("http://");
        let site = example()?.replace(GATEWAY, page).replace(WHO, &who.to_string());
        let site = site.replacen("server {", &format!("server {{\n    listen {proxy};"), 1);
        let here = dir.path().display();
        let text = format!(
            "pid {here}/pid; events {{}}\nhttp {{\naccess_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;\n{site}\n}}\n"
        );
        let configuration: PathBuf = dir.path().join("nginx.conf");
        fs::write(&configuration, text)?;
        let nginx = Nginx::start(&configuration, proxy, &dir.path().join("error.log"))?;
        Ok(Self { url: format!("http://{proxy}"), sessions: format!("http://{who}"), server, _proxy: nginx, _dir: dir })
    }
}

impl Drop for SignIn {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

fn example() -> Result<&'static str> {
    let (_, section) = BOOK.split_once("\n## Who is asking\n").context("the book says who is asking")?;
    let (_, example) = section.split_once("```nginx\n").context("the book has an example")?;
    Ok(example.split_once("```").context("the example has an end")?.0)
}

fn serve(address: std::net::SocketAddr) -> Result<ServerHandle> {
    let session = Session::default();
    let app = move || {
        App::new()
            .app_data(Data::from(session.clone()))
            .route("/oauth2/auth", web::get().to(who))
            .route("/as/{user}", web::post().to(begin))
            .route("/nobody", web::post().to(end))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind(address)?.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(handle)
}

async fn who(session: Data<Mutex<Option<String>>>) -> HttpResponse {
    match session.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        Some(user) => HttpResponse::Ok().insert_header(("X-Auth-Request-User", user)).finish(),
        None => HttpResponse::Unauthorized().finish(),
    }
}

async fn begin(session: Data<Mutex<Option<String>>>, user: Path<String>) -> HttpResponse {
    *session.lock().unwrap_or_else(PoisonError::into_inner) = Some(user.into_inner());
    HttpResponse::NoContent().finish()
}

async fn end(session: Data<Mutex<Option<String>>>) -> HttpResponse {
    *session.lock().unwrap_or_else(PoisonError::into_inner) = None;
    HttpResponse::NoContent().finish()
}
