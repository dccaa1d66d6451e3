//! A leash: a shell process that ends a server, or removes its files, when their owner dies without saying so.
//!
//! `Drop` does not run in a process that is killed, interrupted or aborts. The leash holds the other end of a pipe: a
//! word through it means "released", its closing means the owner is dead. Not here: anything a live owner does itself.

use std::{
    ffi::OsStr,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use anyhow::{Context, Result};

use crate::{bare, signals::Signal};

/// `$1` process, `$2` signal. The owner writes "released", or the processes it has frozen; those must be woken to hear
/// that they shall go. The wait is ten seconds, for PostgreSQL itself gives its children five; then the process is
/// killed with its group.
const END_PROCESS: &str = r#"
frozen=
while read -r line; do
    [ "$line" != released ] || exit 0
    frozen=$line
done
kill -s "$2" "$1"
kill -s CONT "$1" $frozen
tries=0
while [ "$tries" -lt 100 ] && kill -s 0 "$1"; do tries=$((tries + 1)); sleep 0.1; done
kill -s KILL -- "-$1"
"#;

/// `$1` directory. The server that writes to it is being ended by its own leash; until then, files may come back.
const REMOVE_DIRECTORY: &str = r#"
read -r released && exit 0
tries=0
while [ "$tries" -lt 100 ] && [ -e "$1" ]; do tries=$((tries + 1)); sleep 0.2; rm -rf -- "$1"; done
"#;

/// `$1` the root of a volume.
const UNMOUNT: &str = r#"
read -r released && exit 0
umount --lazy "$1"
"#;

/// `$@` files.
const UNLOCK: &str = r#"
read -r released && exit 0
chattr -i "$@"
"#;

pub(crate) struct Leash {
    holder: Child,
}

impl Leash {
    /// Ends `process` and its group, first by `signal` and then by force.
    pub(crate) fn on_process(process: u32, signal: Signal) -> Result<Leash> {
        Leash::hold(END_PROCESS, [OsStr::new(&process.to_string()), OsStr::new(signal.name())])
    }

    /// Removes `directory` with all that is in it.
    pub(crate) fn on_directory(directory: &Path) -> Result<Leash> {
        Leash::hold(REMOVE_DIRECTORY, [directory.as_os_str()])
    }

    /// Unmounts the volume whose root is `directory`; another leash may remove that.
    pub(crate) fn on_mount(directory: &Path) -> Result<Leash> {
        Leash::hold(UNMOUNT, [directory.as_os_str()])
    }

    /// Lets files be written again.
    pub(crate) fn on_locked(files: &[PathBuf]) -> Result<Leash> {
        Leash::hold(UNLOCK, files.iter().map(|file| file.as_os_str()))
    }

    fn hold<'a>(script: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<Leash> {
        let mut holder = bare("sh");
        holder.args(["-c", script, "leash"]).args(arguments).current_dir("/");
        holder.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // Ctrl-C reaches the whole foreground group; the leash has to survive it to do its work.
        let holder = holder.process_group(0).spawn().context("cannot run sh to keep a server on a leash")?;
        Ok(Leash { holder })
    }

    /// Tells which processes stand still from now on; none when they have been woken.
    pub(crate) fn note_frozen(&mut self, processes: &[u32]) {
        self.say(&processes.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    }

    /// A holder that has gone cannot do its work, but it cannot harm anyone either.
    fn say(&mut self, line: &str) {
        if let Some(pipe) = &mut self.holder.stdin {
            drop(writeln!(pipe, "{line}"));
        }
    }
}

/// Releases: nothing will happen to the server and its files.
impl Drop for Leash {
    fn drop(&mut self) {
        self.say("released");
        drop(self.holder.wait());
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command, time::Duration};

    use super::*;
    use crate::{place::Place, signals, wait_until};

    const LIMIT: Duration = Duration::from_secs(15);

    /// What the holder sees when the owner is killed.
    fn owner_dies(leash: &mut Leash) {
        drop(leash.holder.stdin.take());
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").process_group(0).spawn().unwrap()
    }

    #[test]
    fn a_server_whose_owner_dies_is_ended() {
        let mut server = sleeper();
        let mut leash = Leash::on_process(server.id(), Signal::Terminate).unwrap();
        owner_dies(&mut leash);
        wait_until("the server to end", LIMIT, || Ok(server.try_wait()?.is_some())).unwrap();
    }

    #[test]
    fn a_directory_whose_owner_dies_is_removed() {
        let place = Place::create(&std::env::temp_dir(), "leash", None).unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        owner_dies(&mut Leash::on_directory(place.path()).unwrap());
        wait_until("the files to go", LIMIT, || Ok(!fs::exists(place.path())?)).unwrap();
    }

    #[test]
    fn a_frozen_server_is_woken_with_its_children_to_hear_that_it_shall_go() {
        let mut server = Command::new("sh").args(["-c", "sleep 600 & wait"]).process_group(0).spawn().unwrap();
        wait_until("the child to be born", LIMIT, || Ok(signals::tree(server.id()).len() == 2)).unwrap();
        let mut leash = Leash::on_process(server.id(), Signal::Terminate).unwrap();
        let frozen = signals::freeze_tree(server.id()).unwrap();
        leash.note_frozen(&frozen);
        owner_dies(&mut leash);
        wait_until("the server to end", LIMIT, || Ok(server.try_wait()?.is_some())).unwrap();
        wait_until("its child to end", LIMIT, || Ok(!signals::lives(frozen[1]))).unwrap();
    }

    #[test]
    fn what_is_released_lives_on() {
        let place = Place::create(&std::env::temp_dir(), "leash", None).unwrap();
        let mut server = sleeper();
        drop(Leash::on_process(server.id(), Signal::Kill).unwrap());
        drop(Leash::on_directory(place.path()).unwrap());
        assert!(signals::lives(server.id()) && place.path().exists());
        server.kill().unwrap();
        server.wait().unwrap();
    }
}
