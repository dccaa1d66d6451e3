//! Signals to processes we started, sent with the shell's `kill`; no `unsafe`, no libc, no search by name.
//!
//! The shell's built-in is used because slim machines have no `kill` program.

use std::{fs, process::Command, process::Stdio, time::Duration};

use anyhow::{Context, Result};

use crate::wait_until;

/// A stop signal takes effect when the process is next scheduled; one that waits for a disk is given this long.
const FREEZE_LIMIT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// PostgreSQL: fast shutdown, which rolls back and writes a checkpoint.
    Interrupt,
    /// PostgreSQL: immediate shutdown, which cleans up shared memory and nothing else.
    Quit,
    /// RabbitMQ: orderly shutdown.
    Terminate,
    Kill,
    Stop,
    Continue,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Signal::Interrupt => "INT",
            Signal::Quit => "QUIT",
            Signal::Terminate => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        }
    }
}

/// Sends `signal` to each process; one that has just ended is not an error.
pub(crate) fn send(signal: Signal, processes: &[u32]) -> Result<()> {
    Command::new("sh")
        .args(["-c", r#"for pid; do kill -s "$0" "$pid" || :; done"#, signal.name()])
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .context("cannot run sh to send a signal")?;
    Ok(())
}

/// Stops `root` and everything below it, and returns all of them, `root` first. Nothing can be born in between: the
/// root is seen to stand still before its children are listed.
pub(crate) fn freeze_tree(root: u32) -> Result<Vec<u32>> {
    send(Signal::Stop, &[root])?;
    wait_until(&format!("process {root} to stand still"), FREEZE_LIMIT, || Ok(stands_still(root)))?;
    let tree = tree(root);
    send(Signal::Stop, &tree)?;
    Ok(tree)
}

/// `root` and its descendants, `root` first; `root` alone on a system without `/proc`.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let parents = parents();
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| pid));
        next += 1;
    }
    tree
}

/// Whether a process is there and still does something: a zombie does not count.
pub(crate) fn lives(process: u32) -> bool {
    stat(process).is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}

fn stands_still(process: u32) -> bool {
    stat(process).is_none_or(|stat| matches!(stat.state, 'T' | 't' | 'Z' | 'X'))
}

struct Stat {
    state: char,
    parent: u32,
}

fn stat(process: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The fields behind the command's name, which stands in parentheses and may itself contain any of these characters.
fn parse_stat(line: &str) -> Option<Stat> {
    let mut fields = line.get(line.rfind(')')? + 1..)?.split_whitespace();
    Some(Stat { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter_map(|pid| Some((pid, stat(pid)?.parent))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_cannot_confuse_the_reader() {
        let stat = parse_stat("4711 (a) S 9 (x) T 12 4711 0").unwrap();
        assert_eq!((stat.state, stat.parent), ('T', 12));
    }

    #[test]
    fn a_frozen_tree_has_the_children_in_it_and_none_of_them_moves() {
        let mut root = Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        wait_until("the child to be born", FREEZE_LIMIT, || Ok(tree(root.id()).len() == 2)).unwrap();
        let tree = freeze_tree(root.id()).unwrap();
        assert_eq!(tree.len(), 2);
        wait_until("all to stand still", FREEZE_LIMIT, || Ok(tree.iter().all(|&pid| stands_still(pid)))).unwrap();
        send(Signal::Kill, &tree).unwrap();
        root.wait().unwrap();
        wait_until("the child to be gone", FREEZE_LIMIT, || Ok(!lives(tree[1]))).unwrap();
    }
}
