//! One process of the shop: started, killed, told to stop, frozen, started again, on whatever port is free at the moment.
//! Absent: what it is asked; a [`Client`](crate::Client) finds it through its [`Endpoint`].

use crate::wait::{LIMIT, eventually, until};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};
#[cfg(feature = "failpoints")]
use tokio::io::AsyncWriteExt;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// All that a process of the shop gets to know of our environment: the last one is where coverage writes to.
const PASSED_ON: [&str; 4] = ["PATH", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];
/// How much of a log an error quotes, in lines.
const QUOTED_LINES: usize = 25;

/// Where a process listens now; nowhere while it does not run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoint(Arc<Mutex<Option<SocketAddr>>>);

impl Endpoint {
    pub fn get(&self) -> Option<SocketAddr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, address: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// A program with its arguments, running or not. Killed on `Drop`.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    logs: PathBuf,
    starts: u32,
    child: Option<Child>,
    endpoint: Endpoint,
}

impl Process {
    /// A process that has yet to be started. Its logs go to files in `logs`, one for each start.
    pub(crate) fn new(name: String, program: PathBuf, arguments: Vec<OsString>, logs: PathBuf) -> Self {
        let endpoint = Endpoint::default();
        Self { name, program, arguments, environment: Vec::new(), logs, starts: 0, child: None, endpoint }
    }

    /// Another one with the same arguments, not started.
    #[must_use]
    pub fn twin(&self, name: &str) -> Self {
        let mut twin = Self::new(name.to_owned(), self.program.clone(), self.arguments.clone(), self.logs.clone());
        twin.environment.clone_from(&self.environment);
        twin
    }

    /// Its name, such as `orders-svc-0`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a variable for the starts to come.
    pub fn set(&mut self, variable: &str, value: &str) {
        self.environment.push((variable.to_owned(), value.to_owned()));
    }

    /// Gives another argument instead of this one at the starts to come.
    pub fn replace(&mut self, argument: &str, other: &str) {
        for given in self.arguments.iter_mut().filter(|given| *given == argument) {
            *given = other.into();
        }
    }

    /// Its URL, for programs that are given one.
    ///
    /// # Errors
    /// When it does not run.
    pub fn base(&self) -> Result<String> {
        Ok(format!("http://{}", self.endpoint.get().context("it does not run")?))
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// With the end of its log, when it ends instead.
    pub async fn start(&mut self) -> Result<()> {
        self.starts += 1;
        let log = File::create(self.log())?;
        let mut command = Command::from(testbed::bare(&self.program));
        command.args(&self.arguments).args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.env_clear().envs(env::vars_os().filter(|(name, _)| PASSED_ON.iter().any(|passed| name == passed)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // Where points can be armed, the arming comes that way.
        let stdin = if cfg!(feature = "failpoints") { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().with_context(|| format!("{} cannot be started", self.program.display()))?);
        let listening = self.listening().await;
        if listening.is_err() {
            self.child = None;
        }
        let address = listening.map_err(|error| error.context(self.quoted()))?;
        self.endpoint.set(Some(address));
        Ok(())
    }

    async fn listening(&mut self) -> Result<SocketAddr> {
        let (log, name) = (self.log(), self.name.clone());
        let child = Mutex::new(self.child.as_mut().context("it was not started")?);
        eventually(&format!("{name} to listen"), || {
            let ended = child.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            let told = fs::read_to_string(&log).map(|text| text.lines().find_map(address));
            let name = &name;
            async move {
                match (told?, ended?) {
                    (Some(address), _) => Ok(Some(address)),
                    (None, Some(status)) => bail!("{name} ended instead of listening ({status})"),
                    (None, None) => Ok(None),
                }
            }
        })
        .await
    }

    /// Kills it at once, like a power cut.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill_9(&mut self) -> Result<()> {
        self.endpoint.set(None);
        let mut child = self.child.take().with_context(|| format!("{} does not run", self.name))?;
        child.kill().await.context("it cannot be killed")
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn id(&self) -> Result<u32> {
        self.child.as_ref().and_then(Child::id).with_context(|| format!("{} does not run", self.name))
    }

    /// Asks it to stop and says how it ended.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub async fn terminate(&mut self) -> Result<ExitStatus> {
        let id = self.id()?;
        let mut child = self.child.take().with_context(|| format!("{} does not run", self.name))?;
        send("TERM", id).await?;
        let ended = timeout(LIMIT, child.wait()).await;
        self.endpoint.set(None);
        Ok(ended.with_context(|| format!("{} does not stop; {}", self.name, self.quoted()))??)
    }

    /// Has it stand still, and comes back when it does. Nobody can tell it from one that thinks for long.
    ///
    /// # Errors
    /// When it does not run, or goes on.
    pub async fn freeze(&self) -> Result<()> {
        let id = self.id()?;
        send("STOP", id).await?;
        // The state is the first field behind the name, which stands in parentheses.
        let stands_still = |stat: String| stat.rsplit(')').next().is_some_and(|fields| fields.trim().starts_with('T'));
        until(&format!("{} to stand still", self.name), async || {
            Ok(stands_still(fs::read_to_string(format!("/proc/{id}/stat"))?))
        })
        .await
    }

    /// Has it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn thaw(&self) -> Result<()> {
        send("CONT", self.id()?).await
    }

    /// Arms a failpoint of the running process.
    ///
    /// # Errors
    /// When it does not run, or not any more.
    #[cfg(feature = "failpoints")]
    pub async fn arm(&mut self, point: &str, action: &str) -> Result<()> {
        let ear = self.child.as_mut().and_then(|child| child.stdin.as_mut());
        let ear = ear.with_context(|| format!("{} does not run", self.name))?;
        ear.write_all(format!("{point}={action}\n").as_bytes()).await?;
        Ok(ear.flush().await?)
    }

    /// How often a fault has struck there since the start.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn struck(&self, point: &str) -> Result<usize> {
        let strikes = |line: &&str| {
            line.contains("a fault strikes")
                && serde_json::from_str(line).is_ok_and(|line: Value| line["point"] == point)
        };
        Ok(fs::read_to_string(self.log())?.lines().filter(strikes).count())
    }

    /// Whether these words stand in its log since the start.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn has_logged(&self, words: &str) -> Result<bool> {
        Ok(fs::read_to_string(self.log())?.contains(words))
    }

    /// Waits until it has ended by itself, and says how.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    #[cfg(feature = "failpoints")]
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().with_context(|| format!("{} does not run", self.name))?;
        let ended = timeout(LIMIT, child.wait()).await;
        self.endpoint.set(None);
        Ok(ended.with_context(|| format!("{} does not end; {}", self.name, self.quoted()))??)
    }

    /// Whether it was started and not ended by us since.
    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    fn log(&self) -> PathBuf {
        self.logs.join(format!("{}-{}.log", self.name, self.starts))
    }

    /// The end of its log, for an error.
    pub(crate) fn quoted(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let end = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
        format!("the end of the log of {}:\n{}", self.name, end.join("\n"))
    }
}

/// Sends a signal by the shell's own `kill`, for slim machines have no program of that name.
async fn send(signal: &str, id: u32) -> Result<()> {
    let sent = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, signal, &id.to_string()]).status().await?;
    if sent.success() { Ok(()) } else { bail!("process {id} cannot be sent {signal} ({sent})") }
}

/// The address in the line in which a process says where it listens.
fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    if line["message"] != "listening" {
        return None;
    }
    line["address"].as_str()?.parse().ok()
}
