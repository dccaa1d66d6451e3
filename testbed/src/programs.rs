//! Where the servers' programs are on this machine; the newest version wins. Nothing is installed or started here.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Debian's wrapper around RabbitMQ's scripts: it changes the user and the directory, and loses our settings.
const WRAPPER: &str = "rabbitmq-script-wrapper";

/// The directory with `initdb` and `postgres`.
pub(crate) fn postgres() -> Option<PathBuf> {
    let packaged = versions("/usr/lib/postgresql").into_iter().map(|version| version.join("bin"));
    let complete = |bin: &PathBuf| bin.join("initdb").is_file() && bin.join("postgres").is_file();
    path().into_iter().chain(packaged).find(complete)
}

/// The load generator that comes with PostgreSQL, of the same version.
#[must_use]
pub fn pgbench() -> Option<PathBuf> {
    beside_postgres("pgbench")
}

/// Another program of the same PostgreSQL; a link to the server may lead to where it lies.
pub(crate) fn beside_postgres(name: &str) -> Option<PathBuf> {
    let server = postgres()?.join("postgres").canonicalize().ok()?;
    Some(server.with_file_name(name)).filter(|program| program.is_file())
}

/// The script `rabbitmq-server`.
pub(crate) fn rabbitmq() -> Option<PathBuf> {
    let packaged = versions("/usr/lib/rabbitmq/lib").into_iter().map(|version| version.join("sbin"));
    let mut homes = vec![PathBuf::from("/usr/lib/rabbitmq/bin")];
    homes.extend(packaged);
    homes.extend(path());
    homes.into_iter().map(|home| home.join("rabbitmq-server")).find(|script| script.is_file() && !is_wrapper(script))
}

/// Erlang's port mapper.
pub(crate) fn epmd() -> Option<PathBuf> {
    let runtimes = ["/usr/lib/erlang", "/usr/local/lib/erlang", "/opt/homebrew/lib/erlang"];
    let bins = runtimes.into_iter().flat_map(versions).map(|version| version.join("bin"));
    path().into_iter().chain(bins).map(|bin| bin.join("epmd")).find(|epmd| epmd.is_file())
}

/// The browser.
pub(crate) fn chromium() -> Option<PathBuf> {
    path().into_iter().map(|bin| bin.join("chromium")).find(|chromium| chromium.is_file())
}

/// The web server; Debian puts it where only root looks.
pub(crate) fn nginx() -> Option<PathBuf> {
    let bins = path().into_iter().chain([PathBuf::from("/usr/sbin")]);
    bins.map(|bin| bin.join("nginx")).find(|nginx| nginx.is_file())
}

/// The program that reads compose files.
pub(crate) fn compose() -> Option<PathBuf> {
    path().into_iter().map(|bin| bin.join("docker-compose")).find(|compose| compose.is_file())
}

/// The program that gathers metrics.
pub(crate) fn prometheus() -> Option<PathBuf> {
    path().into_iter().map(|bin| bin.join("prometheus")).find(|prometheus| prometheus.is_file())
}

/// The program that judges what Prometheus is told.
pub(crate) fn promtool() -> Option<PathBuf> {
    path().into_iter().map(|bin| bin.join("promtool")).find(|promtool| promtool.is_file())
}

/// Whether there is a Python that can make environments: Debian's own has neither of the two modules without `python3-venv`.
pub(crate) fn has_python() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import ensurepip, venv"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    python.status().is_ok_and(|status| status.success())
}

/// Whether C and C++ can be compiled and a makefile followed.
pub(crate) fn has_build_tools() -> bool {
    ["cc", "c++", "make"].iter().all(|program| path().into_iter().any(|bin| bin.join(program).is_file()))
}

/// The directories of `PATH`.
pub(crate) fn path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn is_wrapper(script: &Path) -> bool {
    script.canonicalize().is_ok_and(|script| script.ends_with(WRAPPER))
}

/// The directories in `parent` that have a number in their names, highest version first.
fn versions(parent: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut versions: Vec<PathBuf> = entries.filter(|path| path.is_dir() && !version(path).is_empty()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(version(path)));
    versions
}

fn version(directory: &Path) -> Vec<u32> {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    name.split(|character: char| !character.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version(Path::new("/x/rabbitmq_server-3.13.1")) > version(Path::new("/x/rabbitmq_server-3.9.30")));
        assert!(version(Path::new("/usr/lib/postgresql/15")) > version(Path::new("/usr/lib/postgresql/9.6")));
        assert!(version(Path::new("/usr/lib/erlang/lib")).is_empty());
    }
}
