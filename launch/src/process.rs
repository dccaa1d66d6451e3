//! A process that serves: its socket, its checks, and the order in which it stops.
//! Absent: what it serves.

use actix_web::{dev::ServerHandle, web::ServiceConfig};
use edge::Observer;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fmt, io,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

/// Connections that wait to be taken; the kernel may allow fewer. The standard library's 128 are too few when thousands come at once: the
/// rest of them are told nothing, and try again after a second, three, seven.
const BACKLOG: i32 = 4_096;

/// Why a process does not start. All of it is the caller's to mend, so it ends with exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An option has a value that cannot be used.
    #[error("--{option}: {why}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The address is taken, or not ours.
    #[error("--listen {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        error: io::Error,
    },
    /// The log filter cannot be read.
    #[error("--log: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    /// The server cannot be started.
    #[error("the HTTP server cannot start: {0}")]
    Server(#[from] io::Error),
}

impl StartError {
    /// An option with a value that cannot be used.
    pub fn option(option: &'static str, why: impl fmt::Display) -> Self {
        Self::Option { option, why: why.to_string() }
    }
}

/// How a program ends: 0, or 2 with one clear line.
#[expect(clippy::print_stderr, reason = "the log may not have started")]
pub fn exit_code(result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Takes the address.
///
/// # Errors
/// [`StartError::Listen`] when it cannot be had.
pub fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    listen(address).map_err(|error| StartError::Listen { address, error })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As the standard library does, so that a restart need not wait for the last connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A server under way.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    server: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Running {
    /// Takes no more requests, lets those under way end, and comes back.
    pub async fn stop(self) {
        self.server.stop(true).await;
        drop(self.task.await);
    }
}

/// Starts the HTTP server; it runs by itself.
///
/// # Errors
/// [`StartError::Server`] when the system refuses.
pub async fn serve(
    listener: TcpListener,
    workers: usize,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    observer: impl Into<Observer>,
) -> Result<Running, StartError> {
    let address = listener.local_addr()?;
    let (server, handle) = edge::serve(listener, workers, configure, observer).await?;
    let task = tokio::spawn(server);
    tracing::info!(%address, "listening");
    Ok(Running { address, server: handle, task })
}

/// Comes back on SIGTERM or Ctrl-C.
///
/// # Errors
/// What the system refuses about signals.
pub async fn stop_signal() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
        result = tokio::signal::ctrl_c() => {
            result?;
            tracing::info!("Ctrl-C: stopping");
        }
    }
    Ok(())
}
