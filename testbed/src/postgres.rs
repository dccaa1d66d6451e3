//! A private PostgreSQL that survives what a real one survives: `fsync` and `synchronous_commit` are on, as by default.
//!
//! Absent: databases, roles and queries, which a test makes through its own client; passwords and TLS (loopback only).

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    bare,
    daemon::Daemon,
    place::{Account, Place, free_address, is_root},
    programs,
    signals::Signal,
};

/// The superuser, with no password.
const USER: &str = "postgres";
/// PostgreSQL refuses to run as root; every distribution's package creates this account.
const ACCOUNT: &str = "postgres";
/// Starting includes recovery of a killed server, on a machine that compiles at the same time.
const START_LIMIT: Duration = Duration::from_secs(90);
/// A fast shutdown writes a checkpoint of at most a test's data.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// Another program may take the port between our look and the server's bind.
const START_TRIES: u32 = 3;
/// One answer of a server on loopback.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// Many test programs, each with pools of its own, at once. What is given here a test cannot set otherwise.
const SETTINGS: [&str; 4] = [
    "max_connections=300",
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    // In files below the data directory, not in /dev/shm: a killed server then leaves nothing outside its own place.
    "dynamic_shared_memory_type=mmap",
];

/// A running (or killed, or stopped) PostgreSQL with its own data and port; ended and removed on `Drop`.
pub struct Postgres {
    programs: PathBuf,
    account: Option<Account>,
    address: SocketAddr,
    server: Option<Daemon>,
    place: Place,
}

impl Postgres {
    /// Creates a new cluster in a directory of its own below `dir`, starts it and waits until it answers. As root it
    /// runs as the system user `postgres`, and where that user cannot reach `dir` (a checkout below `/root`) its
    /// directory lies below the system's temporary one.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start; with the end of its log.
    pub fn start(dir: &Path) -> Result<Postgres> {
        let programs = programs::postgres().context("PostgreSQL is not installed (initdb and postgres not found)")?;
        let account = if is_root()? { Some(unprivileged()?) } else { None };
        let place = Place::create(dir, "postgres", account)?;
        let mut postgres = Postgres { programs, account, address: free_address()?, server: None, place };
        postgres.create_cluster()?;
        postgres.start_on_a_free_port()?;
        Ok(postgres)
    }

    /// `postgres://` address of a database on this server, as its superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@{}/{database}", self.address)
    }

    /// `postgres://` address of the database that every cluster has, to create others from.
    #[must_use]
    pub fn admin_url(&self) -> String {
        self.url("postgres")
    }

    /// Where it listens; the same for its whole life.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills the server and all its sessions at once, like a power cut (only the machine's disk cache survives).
    ///
    /// # Errors
    /// When a process does not die.
    pub fn kill_9(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), |mut server| server.kill())
    }

    /// Shuts it down in order: sessions are ended, a checkpoint is written.
    ///
    /// # Errors
    /// When a process does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), |server| server.end(Signal::Interrupt, STOP_LIMIT))
    }

    /// Starts it again after [`kill_9`](Self::kill_9) or [`stop`](Self::stop), on the same port and data, and waits
    /// until it answers.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub fn start_again(&mut self) -> Result<()> {
        ensure!(self.server.is_none(), "PostgreSQL runs already");
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

    /// Gives each page a checksum from now on, by which one that is damaged is found out. Only while the server is stopped in order.
    ///
    /// # Errors
    /// When it runs, or was not stopped in order.
    pub fn enable_checksums(&self) -> Result<()> {
        let program = programs::beside_postgres("pg_checksums").context("pg_checksums is not there")?;
        let mut checksums = self.deaf(&program);
        let output = checksums.args(["--enable", "--pgdata"]).arg(self.data()).stdin(Stdio::null()).output();
        let output = output.context("cannot run pg_checksums")?;
        ensure!(output.status.success(), "pg_checksums failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Freezes the server and its sessions: connections stay open, nothing answers.
    ///
    /// # Errors
    /// When it does not run, or a process does not stand still.
    pub fn pause(&mut self) -> Result<()> {
        self.server.as_mut().context("PostgreSQL does not run")?.pause()
    }

    /// Ends [`pause`](Self::pause).
    ///
    /// # Errors
    /// When it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.server.as_mut().context("PostgreSQL does not run")?.resume()
    }

    fn create_cluster(&self) -> Result<()> {
        let mut initdb = self.program("initdb");
        initdb.arg("--pgdata").arg(self.data()).args(["--username", USER, "--auth", "trust", "--encoding", "UTF8"]);
        initdb.args(["--no-locale", "--no-sync", "--no-instructions"]).stdin(Stdio::null());
        let output = initdb.output().context("cannot run initdb")?;
        ensure!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn start_on_a_free_port(&mut self) -> Result<()> {
        for _ in 1..START_TRIES {
            if self.launch().is_ok() {
                return Ok(());
            }
            self.address = free_address()?;
        }
        self.launch()
    }

    fn launch(&mut self) -> Result<()> {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.data()).args(["-c", &format!("port={}", self.address.port())]);
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        let mut server = Daemon::spawn("PostgreSQL", command, &self.place.path().join("postgres.log"), Signal::Quit)?;
        server.wait_ready(START_LIMIT, || accepts_sessions(self.address).unwrap_or(false))?;
        self.server = Some(server);
        Ok(())
    }

    fn program(&self, name: &str) -> Command {
        self.deaf(&self.programs.join(name))
    }

    /// A program that does not hear the `PG...` variables of whoever runs the tests.
    fn deaf(&self, program: &Path) -> Command {
        let mut command = bare(program);
        command.env_clear().envs(std::env::vars_os().filter(|(key, _)| key == "PATH"));
        command.env("LC_ALL", "C").env("HOME", self.place.path()).current_dir(self.place.path());
        if let Some(account) = self.account {
            account.run_as(&mut command);
        }
        command
    }

    /// Its data directory, for what happens to disks.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }
}

/// An immediate shutdown, for the data is thrown away, but the shared memory has to be given back.
impl Drop for Postgres {
    fn drop(&mut self) {
        match self.server.take() {
            Some(server) => drop(server.end(Signal::Quit, STOP_LIMIT)),
            None => drop(give_back_shared_memory(&self.data())),
        }
    }
}

fn unprivileged() -> Result<Account> {
    Account::named(ACCOUNT).with_context(|| format!("PostgreSQL refuses to run as root and there is no user {ACCOUNT}"))
}

/// Opens a session as far as the server's first word: `R` (authentication) when it is ready, `E` while it recovers.
fn accepts_sessions(address: SocketAddr) -> Result<bool> {
    let mut server = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    server.set_read_timeout(Some(ANSWER_LIMIT))?;
    server.write_all(&startup_message())?;
    let mut first = [0];
    server.read_exact(&mut first)?;
    Ok(first == *b"R")
}

/// Protocol 3.0: length (of everything, itself included), version, names and values each ended by a zero byte.
fn startup_message() -> Vec<u8> {
    let body = b"\x00\x03\x00\x00user\0postgres\0database\0postgres\0\0";
    let length = u32::try_from(body.len() + size_of::<u32>()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], body].concat()
}

/// A killed server that never came back leaves its small System V segment, an interlock; line 7 of its lock file names
/// it.
fn give_back_shared_memory(data: &Path) -> Result<()> {
    let lock = fs::read_to_string(data.join("postmaster.pid"))?;
    let Some(segment) = lock.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)) else {
        bail!("no segment")
    };
    Command::new("ipcrm").args(["-m", segment]).stderr(Stdio::null()).status()?;
    Ok(())
}
