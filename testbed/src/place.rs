//! Where a server lives: a directory that removes itself, the system account that owns it, a port that stays free.

use std::{
    collections::{BTreeSet, hash_map::RandomState},
    fs,
    hash::{BuildHasher, Hasher},
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result};

use crate::leash::Leash;

/// Below Linux's ephemeral range (32768 and up). From inside it, a client that keeps knocking at a killed server's port
/// sooner or later is given that very port as its own, connects to itself, and the server cannot come back.
const PORTS: std::ops::Range<u16> = 17_000..32_000;
/// Each try is one bind; a machine with this many ports of the range in use is beyond help.
const PORT_TRIES: u32 = 1_000;

/// A system account that a server runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub user: u32,
    pub group: u32,
}

impl Account {
    /// The account with this name in `/etc/passwd`.
    pub(crate) fn named(name: &str) -> Option<Account> {
        fs::read_to_string("/etc/passwd").ok()?.lines().find_map(|line| parse_account(line, name))
    }

    pub(crate) fn run_as(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }
}

fn parse_account(line: &str, name: &str) -> Option<Account> {
    let mut fields = line.split(':');
    if fields.next()? != name {
        return None;
    }
    Some(Account { user: fields.nth(1)?.parse().ok()?, group: fields.next()?.parse().ok()? })
}

/// A directory of one server, removed on `Drop`, or by its leash when its owner dies.
pub(crate) struct Place {
    path: PathBuf,
    _leash: Leash,
}

impl Place {
    /// A new directory below `parent`, given to `owner` if there is one. Where the owner cannot get there (a checkout
    /// below `/root`, say) it lies below the system's temporary directory instead.
    pub(crate) fn create(parent: &Path, name: &str, owner: Option<Account>) -> Result<Place> {
        let place = Place::below(parent, name)?;
        let Some(owner) = owner else { return Ok(place) };
        if place.give_to(owner)? {
            return Ok(place);
        }
        let place = Place::below(&std::env::temp_dir(), name)?;
        place.give_to(owner)?;
        Ok(place)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn below(parent: &Path, name: &str) -> Result<Place> {
        let path = new_directory(parent, name)?;
        let _leash = Leash::on_directory(&path)?;
        Ok(Place { path, _leash })
    }

    /// Whether `owner` can work there now.
    fn give_to(&self, owner: Account) -> Result<bool> {
        std::os::unix::fs::chown(&self.path, Some(owner.user), Some(owner.group))?;
        let mut probe = Command::new("sh");
        probe.args(["-c", r#"cd "$0" 2>/dev/null && test -w ."#]).arg(&self.path).current_dir("/");
        owner.run_as(&mut probe);
        Ok(probe.status()?.success())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                eprintln!("{} stays behind: {error}", self.path.display());
            }
            Ok(()) | Err(_) => {}
        }
    }
}

/// A directory that did not exist before; an earlier process with our number may have left one of the same name.
fn new_directory(parent: &Path, name: &str) -> Result<PathBuf> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let parent = std::path::absolute(parent)?;
    fs::create_dir_all(&parent).with_context(|| format!("cannot create {}", parent.display()))?;
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{name}-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot create {}", path.display())),
        }
    }
}

/// Whether this process runs as root, seen from the owner of a directory that it makes.
pub(crate) fn is_root() -> Result<bool> {
    let path = new_directory(&std::env::temp_dir(), "whoami")?;
    let owner = fs::metadata(&path).map(|made| made.uid());
    fs::remove_dir(&path)?;
    Ok(owner? == 0)
}

/// An address on loopback that nobody listens on, and that this process will not be given a second time.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr> {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tries = (0..PORT_TRIES).map(|_| random_port());
    let port = tries.find(|port| !given.contains(port) && is_free(*port)).context("no free port on loopback")?;
    given.insert(port);
    Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// At random, so that test programs that run at the same time hardly ever meet. A new hasher has new random keys.
fn random_port() -> u16 {
    let width = u64::from(PORTS.end - PORTS.start);
    let offset = RandomState::new().build_hasher().finish() % width;
    PORTS.start + u16::try_from(offset).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let line = "postgres:x:105:113:PostgreSQL:/var/lib/postgresql:/bin/bash";
        assert_eq!(parse_account(line, "postgres"), Some(Account { user: 105, group: 113 }));
        assert_eq!(parse_account(line, "post"), None);
    }

    #[test]
    fn a_place_is_removed_with_all_that_is_in_it() {
        let place = Place::create(&std::env::temp_dir(), "place", None).unwrap();
        let path = place.path().to_owned();
        fs::create_dir(path.join("in")).unwrap();
        drop(place);
        assert!(!path.exists());
    }

    #[test]
    fn ports_are_bindable_distinct_and_below_the_ephemeral_range() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_address().unwrap().port()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.iter().all(|port| PORTS.contains(port)));
    }
}
