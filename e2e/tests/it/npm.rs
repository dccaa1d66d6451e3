//! Programs of this repository's npm packages, and what they make possible: separate services behind one origin.
//! Absent: installing them; `cargo xtask test` does that.

use e2e::{Process, Result, until};
use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::Stdio,
};
use tokio::process::{Child, Command};

/// A directory of this repository.
pub fn directory(package: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(package)
}

/// A program of a package's own dependencies, without npx between it and us: it has to end when the test does.
pub fn program(package: &str, name: &str, arguments: &[&str]) -> Command {
    let package = directory(package);
    let mut program = Command::new(package.join("node_modules/.bin").join(name));
    program.args(arguments).current_dir(package).stdin(Stdio::null()).kill_on_drop(true);
    program
}

/// The built page behind one origin with an instance of each service, as a gateway would have them.
pub async fn origin(orders: &Process, payments: &Process) -> Result<(String, Child)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut preview = program("web", "vite", &["preview", "--strictPort", "--port", &port.to_string()]);
    preview.env("ORDERS_PROXY", orders.base()?).env("PAYMENTS_PROXY", payments.base()?).stdout(Stdio::null());
    let preview = preview.spawn()?;
    until("the page to be served", || async move { Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()) })
        .await?;
    Ok((format!("http://127.0.0.1:{port}"), preview))
}
