//! A private RabbitMQ, alone on its own ports, with a port mapper (`epmd`) of its own and no plugins.
//!
//! Absent: queues, users and virtual hosts, which a test makes through its own client; clusters; the management API.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    bare,
    daemon::Daemon,
    place::{Place, free_address},
    programs,
    signals::Signal,
};

/// Erlang loads hundreds of modules and recovers the queues, on a machine that compiles at the same time.
const START_LIMIT: Duration = Duration::from_secs(120);
/// An orderly shutdown closes connections and syncs the queues.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// The port mapper is a small C program.
const MAPPER_LIMIT: Duration = Duration::from_secs(10);
/// Another program may take a port between our look and the server's bind.
const START_TRIES: u32 = 3;
/// One answer of a server on loopback.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// What a client says first in AMQP 0-9-1.
const PROTOCOL_HEADER: [u8; 8] = *b"AMQP\x00\x00\x09\x01";
/// The first byte of the server's answer: a frame of type "method". To a header it does not like it answers `A`.
const METHOD_FRAME: u8 = 1;

/// A running (or killed, or stopped) RabbitMQ with its own data and ports; ended and removed on `Drop`.
pub struct RabbitMq {
    script: PathBuf,
    addresses: Addresses,
    server: Option<Daemon>,
    mapper: Option<Daemon>,
    place: Place,
}

#[derive(Clone, Copy)]
struct Addresses {
    amqp: SocketAddr,
    distribution: SocketAddr,
    mapper: SocketAddr,
}

impl Addresses {
    fn free() -> Result<Addresses> {
        Ok(Addresses { amqp: free_address()?, distribution: free_address()?, mapper: free_address()? })
    }
}

impl RabbitMq {
    /// Starts a new broker in a directory of its own below `dir` and waits until it answers.
    ///
    /// # Errors
    /// When RabbitMQ is not installed, or does not start; with the end of its log.
    pub fn start(dir: &Path) -> Result<RabbitMq> {
        let script = programs::rabbitmq().context("RabbitMQ is not installed (rabbitmq-server not found)")?;
        let place = Place::create(dir, "rabbitmq", None)?;
        let mut rabbitmq = RabbitMq { script, addresses: Addresses::free()?, server: None, mapper: None, place };
        rabbitmq.start_on_free_ports()?;
        Ok(rabbitmq)
    }

    /// `amqp://` address of the default virtual host, as `guest`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.addresses.amqp)
    }

    /// Where it listens for AMQP; the same for its whole life.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.amqp
    }

    /// Kills the broker at once, like a power cut (only the machine's disk cache survives).
    ///
    /// RabbitMQ 3.10 registers a new quorum queue in a file that it writes two seconds late. A queue younger than that
    /// is there when a killed broker comes back, but has no leader: nothing can be published to it or read from it.
    ///
    /// # Errors
    /// When a process does not die.
    pub fn kill_9(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), |mut server| server.kill())
    }

    /// Shuts it down in order.
    ///
    /// # Errors
    /// When a process does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), |server| server.end(Signal::Terminate, STOP_LIMIT))
    }

    /// Starts it again after [`kill_9`](Self::kill_9) or [`stop`](Self::stop), on the same port and data, and waits
    /// until it answers.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "RabbitMQ runs already");
        self.launch()
    }

    /// [`stop`](Self::stop), if it runs, and [`start_again`](Self::start_again).
    ///
    /// # Errors
    /// As those two.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.start_again()
    }

    /// Deletes all its data, so that it comes back empty: no queues, no exchanges, no messages.
    ///
    /// # Errors
    /// When it runs, or its files cannot be deleted.
    pub fn wipe(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "RabbitMQ runs; stop or kill it before its data is deleted");
        fs::remove_dir_all(self.data()).context("cannot delete RabbitMQ's data")
    }

    /// Freezes the broker: connections stay open, nothing answers.
    ///
    /// # Errors
    /// When it does not run, or a process does not stand still.
    pub fn pause(&mut self) -> Result<()> {
        self.server.as_mut().context("RabbitMQ does not run")?.pause()
    }

    /// Ends [`pause`](Self::pause).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.server.as_mut().context("RabbitMQ does not run")?.resume()
    }

    fn start_on_free_ports(&mut self) -> Result<()> {
        for _ in 1..START_TRIES {
            if self.start_all().is_ok() {
                return Ok(());
            }
            self.mapper = None;
            self.addresses = Addresses::free()?;
        }
        self.start_all()
    }

    fn start_all(&mut self) -> Result<()> {
        self.write_settings()?;
        self.launch_mapper()?;
        self.launch()
    }

    fn write_settings(&self) -> Result<()> {
        let settings = settings(self.addresses.amqp);
        for (name, text) in [("rabbitmq.conf", settings.as_str()), ("env.conf", ""), ("plugins", "[].\n")] {
            fs::write(self.place.path().join(name), text)?;
        }
        Ok(())
    }

    /// In the foreground and as our child; left to itself, Erlang would start one that outlives everything.
    fn launch_mapper(&mut self) -> Result<()> {
        let mapper = self.addresses.mapper;
        let mut command = self.program(&programs::epmd().context("Erlang's epmd not found")?);
        command.args(["-port", &mapper.port().to_string(), "-address", &mapper.ip().to_string()]);
        let mut daemon = Daemon::spawn("epmd", command, &self.place.path().join("epmd.log"), Signal::Kill)?;
        daemon.wait_ready(MAPPER_LIMIT, || TcpStream::connect_timeout(&mapper, ANSWER_LIMIT).is_ok())?;
        self.mapper = Some(daemon);
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        let command = self.program(&self.script);
        let mut server = Daemon::spawn("RabbitMQ", command, &self.place.path().join("rabbitmq.log"), Signal::Kill)?;
        server.wait_ready(START_LIMIT, || answers(self.addresses.amqp).unwrap_or(false))?;
        self.server = Some(server);
        Ok(())
    }

    /// A program of this RabbitMQ, deaf to the machine's `RABBITMQ_...` and `ERL_...` variables and to `/etc/rabbitmq`.
    fn program(&self, program: &Path) -> Command {
        let place = self.place.path();
        let mut command = bare(program);
        command.env_clear().envs(std::env::vars_os().filter(|(key, _)| key == "PATH"));
        command.envs(self.settled_variables()).env("LC_ALL", "C.UTF-8").env("HOME", place).current_dir(place);
        for (variable, name) in FILES {
            command.env(variable, place.join(name));
        }
        command
    }

    fn settled_variables(&self) -> [(&'static str, String); 7] {
        let Addresses { distribution, mapper, .. } = self.addresses;
        [
            ("RABBITMQ_NODENAME", format!("gozon-{}@localhost", self.addresses.amqp.port())),
            ("RABBITMQ_DIST_PORT", distribution.port().to_string()),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
            ("ERL_EPMD_PORT", mapper.port().to_string()),
            ("ERL_EPMD_ADDRESS", mapper.ip().to_string()),
            ("RABBITMQ_LOG", "info,-color".to_owned()),
            // The start script then becomes the server instead of watching over it, so that our child is the server.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ]
    }

    fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }
}

/// Everything RabbitMQ reads or writes, below its own place.
const FILES: [(&str, &str); 8] = [
    ("RABBITMQ_CONF_ENV_FILE", "env.conf"),
    ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
    ("RABBITMQ_ADVANCED_CONFIG_FILE", "advanced.config"),
    ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
    ("RABBITMQ_MNESIA_BASE", "data"),
    ("RABBITMQ_LOG_BASE", "log"),
    ("RABBITMQ_PID_FILE", "pid"),
    ("ERL_CRASH_DUMP", "crash.dump"),
];

/// The limits are there to be out of the way: a full disk or memory must be the test's doing, not the machine's.
fn settings(amqp: SocketAddr) -> String {
    format!(
        "listeners.tcp.1 = {amqp}\n\
         loopback_users.guest = true\n\
         disk_free_limit.absolute = 50MB\n\
         vm_memory_high_watermark.relative = 0.4\n\
         log.console = true\n\
         log.file = false\n"
    )
}

/// Opens a conversation as far as the server's first frame, which it sends only when it has booted.
fn answers(address: SocketAddr) -> Result<bool> {
    let mut server = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    server.set_read_timeout(Some(ANSWER_LIMIT))?;
    server.write_all(&PROTOCOL_HEADER)?;
    let mut first = [0];
    server.read_exact(&mut first)?;
    Ok(first == [METHOD_FRAME])
}
