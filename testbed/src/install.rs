//! Installing the Debian packages of servers and browser when they are missing, with no system service started or left behind.
//!
//! Absent: other package managers, containers, downloads. Where this cannot install, one line says what to install.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    place::is_root,
    programs,
    servers::{AMQP_VARIABLE, POSTGRES_VARIABLE, given},
};

/// Names the browser's program, where it is not Debian's.
const CHROMIUM_VARIABLE: &str = "CHROMIUM";

/// `$@` packages. Two files exist only meanwhile, and not at all if someone else's are there: the program that Debian
/// asks before it starts a service (101: "you may not"), and the setting that keeps postgresql-common from making a
/// cluster. A shell script because its traps remove them also when a Ctrl-C ends everything, and us with it.
const SCRIPT: &str = r#"
set -eu
ours=
trap 'rm -f $ours' EXIT
trap 'exit 130' HUP INT TERM
lend() {
    [ ! -e "$1" ] || return 0
    mkdir -p "${1%/*}"
    ours="$ours $1"
    printf '%b' "$2" >"$1"
    chmod 755 "$1"
}
lend /usr/sbin/policy-rc.d '#!/bin/sh\nexit 101\n'
lend /etc/postgresql-common/createcluster.d/gozon-testbed.conf 'create_main_cluster = false\n'
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends "$@"
"#;

/// A program that tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// PostgreSQL, any version that is still maintained.
    Postgres,
    /// RabbitMQ, 3.10 or newer.
    RabbitMq,
    /// Chromium, which no server is, for the tests of the page.
    Chromium,
    /// nginx, for the tests of the gateway and of the page's server.
    Nginx,
    /// docker-compose, which reads the compose file as its users' will; no container is ever started.
    Compose,
    /// Prometheus, for the tests of the alert rules and the dashboard; with it comes promtool.
    Prometheus,
    /// Python with its module `venv`, for the tools that come as Python packages.
    Python,
    /// A C compiler and `make`, for librdkafka, which is compiled from source.
    BuildTools,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Postgres,
        Self::RabbitMq,
        Self::Chromium,
        Self::Nginx,
        Self::Compose,
        Self::Prometheus,
        Self::Python,
        Self::BuildTools,
    ];

    /// Its programs are here, or need not be because the environment names a server.
    fn is_there(self) -> bool {
        self.variable().and_then(given).is_some()
            || match self {
                Server::Postgres => programs::postgres().is_some(),
                Server::RabbitMq => programs::rabbitmq().is_some() && programs::epmd().is_some(),
                Server::Chromium => programs::chromium().is_some(),
                Server::Nginx => programs::nginx().is_some(),
                Server::Compose => programs::compose().is_some(),
                Server::Prometheus => programs::prometheus().is_some() && programs::promtool().is_some(),
                Server::Python => programs::has_python(),
                Server::BuildTools => programs::has_build_tools(),
            }
    }

    fn package(self) -> &'static str {
        match self {
            Server::Postgres => "postgresql",
            Server::RabbitMq => "rabbitmq-server",
            Server::Chromium => "chromium",
            Server::Nginx => "nginx",
            Server::Compose => "docker-compose",
            Server::Prometheus => "prometheus",
            Server::Python => "python3-venv",
            Server::BuildTools => "build-essential",
        }
    }

    /// The environment variable that names another one to use instead.
    fn variable(self) -> Option<&'static str> {
        match self {
            Server::Postgres => Some(POSTGRES_VARIABLE),
            Server::RabbitMq => Some(AMQP_VARIABLE),
            Server::Chromium => Some(CHROMIUM_VARIABLE),
            Server::Nginx | Server::Compose | Server::Prometheus | Server::Python | Server::BuildTools => None,
        }
    }
}

/// Makes sure that each of these can be started, or need not be because its environment variable names one. Installs
/// the distribution's packages when they are missing and this is root on Debian or Ubuntu.
///
/// # Errors
/// One line that says what to install, when it cannot be installed from here; or why the installation failed.
pub fn ensure_installed(servers: &[Server]) -> Result<()> {
    let missing = missing(servers);
    if missing.is_empty() {
        return Ok(());
    }
    let can_install = Path::new("/etc/debian_version").exists() && is_root()?;
    ensure!(can_install, "{}", advice(&missing));
    install(&missing)?;
    ensure!(self::missing(servers).is_empty(), "installed, but not where it was expected: {missing:?}");
    Ok(())
}

fn missing(servers: &[Server]) -> Vec<Server> {
    servers.iter().copied().filter(|server| !server.is_there()).collect()
}

fn advice(missing: &[Server]) -> String {
    let packages: Vec<_> = missing.iter().map(|server| server.package()).collect();
    let variables: Vec<_> = missing.iter().filter_map(|server| server.variable()).collect();
    let install = format!("install {}", packages.join(" and "));
    if variables.is_empty() {
        return install;
    }
    format!("{install}, or set {} for the tests to use", variables.join(" and "))
}

fn install(missing: &[Server]) -> Result<()> {
    let mut script = Command::new("sh");
    script.args(["-c", SCRIPT, "install"]).args(missing.iter().map(|server| server.package()));
    let status = script.status().context("cannot run sh to install packages")?;
    ensure!(status.success(), "the installation failed ({status}); {}", advice(missing));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_names_packages_and_variables_in_one_line() {
        assert_eq!(
            advice(&[Server::Postgres, Server::RabbitMq]),
            "install postgresql and rabbitmq-server, or set TEST_POSTGRES_URL and TEST_AMQP_URL for the tests to use"
        );
        assert_eq!(advice(&[Server::Nginx]), "install nginx");
    }
}
