//! A real nginx with a configuration that somebody else wrote, in one process, in the foreground.
//! Absent: the configuration; its paths must not be shared with another nginx.

use std::{net::SocketAddr, net::TcpStream, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{bare, daemon::Daemon, programs, signals::Signal};

/// It only reads its configuration.
const START_LIMIT: Duration = Duration::from_secs(30);
/// No master that would outlive nothing, no worker that would outlive the master.
const ONE_PROCESS: &str = "daemon off; master_process off;";

/// A running nginx; ended on `Drop`.
pub struct Nginx {
    _server: Daemon,
}

impl Nginx {
    /// Checks the configuration, starts with it, and waits until the address answers. Output is added to the log.
    ///
    /// # Errors
    /// When nginx is not installed, refuses the configuration, or does not start; in its own words.
    pub fn start(configuration: &Path, address: SocketAddr, log: &Path) -> Result<Nginx> {
        let program = programs::nginx().context("nginx is not installed")?;
        let mut check = Command::new(&program);
        let checked = check.args(["-t", "-q", "-c"]).arg(configuration).output().context("cannot run nginx")?;
        ensure!(checked.status.success(), "nginx refuses: {}", String::from_utf8_lossy(&checked.stderr));
        let mut command = bare(&program);
        command.arg("-c").arg(configuration).args(["-g", ONE_PROCESS]);
        let mut server = Daemon::spawn("nginx", command, log, Signal::Kill)?;
        server.wait_ready(START_LIMIT, || TcpStream::connect(address).is_ok())?;
        Ok(Nginx { _server: server })
    }
}
