//! A real Prometheus that gathers what a test tells it to, and promtool, which judges configurations and rules.
//! Absent: what is gathered and what the rules are; those are the project's.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    bare,
    daemon::Daemon,
    place::{Place, free_address},
    programs,
    signals::Signal,
};

/// It begins with an empty directory.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running Prometheus; ended and removed on `Drop`.
pub struct Prometheus {
    address: SocketAddr,
    _server: Daemon,
    _place: Place,
}

impl Prometheus {
    /// Starts it with this configuration, in a directory of its own below `dir`, and waits until it takes requests.
    ///
    /// # Errors
    /// When Prometheus is not installed or does not start; with the end of its log.
    pub fn start(dir: &Path, configuration: &str) -> Result<Prometheus> {
        let program = programs::prometheus().context("Prometheus is not installed")?;
        let (place, address) = (Place::create(dir, "prometheus", None)?, free_address()?);
        let path = |name| place.path().join(name);
        fs::write(path("prometheus.yml"), configuration)?;
        let mut command = bare(program);
        command.arg(format!("--web.listen-address={address}")).current_dir(place.path());
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        let mut server = Daemon::spawn("Prometheus", command, &path("prometheus.log"), Signal::Kill)?;
        server.wait_ready(START_LIMIT, || TcpStream::connect(address).is_ok())?;
        Ok(Prometheus { address, _server: server, _place: place })
    }

    /// `http://` address of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// promtool, to be given its arguments.
///
/// # Errors
/// When it is not installed.
pub fn promtool() -> Result<Command> {
    programs::promtool().map(Command::new).context("promtool, a part of Prometheus, is not installed")
}
