//! One server process with all its children: started on a leash, signalled, frozen, killed, waited for.
//!
//! Not here: what the server is and when it is ready. A process that was not started by this value is never touched.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    leash::Leash,
    signals::{self, Signal},
    wait_until,
};

/// The kernel ends a killed process within milliseconds; only one stuck in a disk write takes longer.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// How much of a log an error message quotes, in lines.
const QUOTED_LINES: usize = 15;

pub(crate) struct Daemon {
    name: &'static str,
    child: Child,
    log: PathBuf,
    leash: Option<Leash>,
}

impl Daemon {
    /// Starts `command` in a process group of its own, so that a Ctrl-C meant for the owner does not reach it.
    /// When the owner dies it is ended by the signal `orphaned`.
    pub(crate) fn spawn(name: &'static str, mut command: Command, log: &Path, orphaned: Signal) -> Result<Daemon> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let mut daemon = Daemon { name, child, log: log.to_owned(), leash: None };
        daemon.leash = Some(Leash::on_process(daemon.child.id(), orphaned)?);
        Ok(daemon)
    }

    /// Waits until `ready` says so.
    ///
    /// # Errors
    /// With the end of its log, when it ends first or the limit is reached.
    pub(crate) fn wait_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let what = format!("{} to answer", self.name);
        let waited = wait_until(&what, limit, || match self.ended()? {
            Some(status) => bail!("{} ended instead of answering ({status})", self.name),
            None => Ok(ready()),
        });
        waited.map_err(|error| anyhow!("{error:#}; the end of {}:\n{}", self.log.display(), quote(&self.log)))
    }

    pub(crate) fn pause(&mut self) -> Result<()> {
        let frozen = signals::freeze_tree(self.child.id())?;
        self.note_frozen(&frozen);
        Ok(())
    }

    pub(crate) fn resume(&mut self) -> Result<()> {
        signals::send(Signal::Continue, &signals::tree(self.child.id()))?;
        self.note_frozen(&[]);
        Ok(())
    }

    /// Ends it by `signal`, and by force when it has not gone within `limit`.
    pub(crate) fn end(mut self, signal: Signal, limit: Duration) -> Result<()> {
        signals::send(signal, &[self.child.id()])?;
        self.resume()?;
        let ended = wait_until(&format!("{} to end", self.name), limit, || Ok(self.ended()?.is_some()));
        ended.or_else(|_| self.kill())
    }

    /// Ends it and everything below it the way a power cut does, and returns when all of it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_some() {
            return Ok(());
        }
        let root = self.child.id();
        let tree = signals::freeze_tree(root).unwrap_or_else(|_| signals::tree(root));
        signals::send(Signal::Kill, &tree)?;
        wait_until(&format!("{} to die", self.name), KILL_LIMIT, || Ok(self.ended()?.is_some()))?;
        wait_until(&format!("the last process of {} to die", self.name), KILL_LIMIT, || {
            Ok(!tree.iter().any(|&process| signals::lives(process)))
        })
    }

    fn note_frozen(&mut self, processes: &[u32]) {
        if let Some(leash) = &mut self.leash {
            leash.note_frozen(processes);
        }
    }

    /// The leash goes in the moment the process is known to have ended: its number may soon be someone else's.
    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait()?;
        if status.is_some() {
            self.leash = None;
        }
        Ok(status)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("{} ({}) may still run: {error:#}", self.name, self.child.id());
        }
    }
}

fn quote(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}
