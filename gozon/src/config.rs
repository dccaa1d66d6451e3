//! The command line; each setting is also an environment variable in capitals, and nobody else reads the environment.
//! Absent: opening what the options name.

use crate::databases::Urls;
use clap::{
    Args, Parser, Subcommand,
    builder::{BoolishValueParser, OsStringValueParser, TypedValueParser},
};
use launch::{ShopOptions, with_password};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf, absolute},
};
use url::Url;

/// The orders database's file in the data directory of an embedded shop.
pub const ORDERS_FILE: &str = "orders.db";
/// The payments database's file there.
pub const PAYMENTS_FILE: &str = "payments.db";

/// Gozon: orders, payments, and proof that the books are right.
#[derive(Debug, Parser)]
#[command(name = "gozon", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; `up` unless it is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Of `up`.
    #[command(flatten)]
    pub up: UpOptions,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole shop in this process, on SQLite, with nothing to install (what `gozon` alone does too)
    Up(UpOptions),
    /// Prove the books, also while the shop is running; exit code 0 when they are in order, 1 when not
    Audit(AuditOptions),
    /// Show whether two databases belong together; exit code 0 unless they don't
    Pair(PairOptions),
    /// Look at the parked and dead-lettered messages, try them again or throw them away
    Dead(DeadOptions),
}

/// Of `gozon up`.
#[derive(Clone, Debug, Args)]
pub struct UpOptions {
    /// Address to listen on
    #[arg(long, env, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Where the shop keeps its databases; started again with the same directory it goes on where it stopped
    #[arg(long, env, default_value = "./data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Open the shop that is there, and make none if there is none
    #[arg(long, env = "EXISTING", value_parser = BoolishValueParser::new())]
    pub existing: bool,
    /// Where the built web page is
    #[arg(long, env, default_value = "./web/dist", value_name = "DIR")]
    pub web_dir: PathBuf,
    /// What the shop is like.
    #[command(flatten)]
    pub shop: ShopOptions,
}

/// Of `gozon audit`.
#[derive(Debug, Args)]
pub struct AuditOptions {
    /// Where the books are.
    #[command(flatten)]
    pub databases: DatabaseOptions,
    /// Also demand that traffic has stopped: no order NEW, outboxes empty, nothing set aside
    #[arg(long, env = "SETTLED", visible_alias = "drained", value_parser = BoolishValueParser::new())]
    pub settled: bool,
    /// Print JSON instead of a table
    #[arg(long, env = "JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

/// Of `gozon pair`.
#[derive(Debug, Args)]
pub struct PairOptions {
    /// Where the two are.
    #[command(flatten)]
    pub databases: DatabaseOptions,
    /// Make each the other's partner, whomever they remember; only while the services are stopped
    // As with `dead`: an answer, not a setting.
    #[arg(long, conflicts_with = "new")]
    pub accept: bool,
    /// Give both new identities and make them a pair, as a copy needs it for staging; only while the services are stopped
    #[arg(long)]
    pub new: bool,
}

/// Of `gozon dead`.
#[derive(Debug, Args)]
pub struct DeadOptions {
    /// What to do with them.
    #[command(subcommand)]
    pub action: DeadAction,
}

/// The commands of `gozon dead`.
#[derive(Debug, Subcommand)]
pub enum DeadAction {
    /// List them, oldest first
    List {
        /// Where to look.
        #[command(flatten)]
        places: PlaceOptions,
        /// Print JSON instead of a table
        #[arg(long, env = "JSON", value_parser = BoolishValueParser::new())]
        json: bool,
    },
    /// Show all that is known of one, its body included
    Show {
        /// Where to look.
        #[command(flatten)]
        places: PlaceOptions,
        /// The id from the list
        id: String,
    },
    /// Have them handled again, from the beginning; exit code 1 when there is none with such an id
    Replay(Choice),
    /// Throw them away, without asking; exit code 1 when there is none with such an id
    Discard(Choice),
}

/// Which messages, and where.
#[derive(Debug, Args)]
pub struct Choice {
    /// Where to look.
    #[command(flatten)]
    pub places: PlaceOptions,
    /// Ids from the list
    #[arg(required_unless_present = "all")]
    pub ids: Vec<String>,
    /// All but those that are being retried by themselves
    // Like the ids an answer and not a setting, so without a variable: one that is set for another program must not delete messages.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
}

/// Where messages may lie.
#[derive(Debug, Args)]
pub struct PlaceOptions {
    /// The two databases.
    #[command(flatten)]
    pub databases: DatabaseOptions,
    /// Also the dead letters of this broker: amqp://user:password@host:port/vhost or, if built with it, kafka://host:port
    #[arg(long, value_name = "URL", env = "BROKER_URL", hide_env_values = true)]
    broker_url: Option<String>,
    /// File with the broker's password, for a URL without one
    #[arg(
        long,
        value_name = "FILE",
        env = "BROKER_PASSWORD_FILE",
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    broker_password_file: Option<PathBuf>,
    /// What the services put before the names of their queues or topics
    #[arg(long, value_name = "TEXT", env = "BROKER_PREFIX", default_value = "")]
    pub broker_prefix: String,
}

/// The two databases: two URLs, or the directory of an embedded shop.
#[derive(Debug, Args)]
pub struct DatabaseOptions {
    /// The orders database: postgres://user:password@host:port/database or sqlite:///path/to/file.db
    #[arg(long, value_name = "URL", env = "ORDERS_URL", hide_env_values = true)]
    #[arg(required_unless_present = "data_dir", conflicts_with = "data_dir")]
    orders_url: Option<String>,
    /// The payments database
    #[arg(long, value_name = "URL", env = "PAYMENTS_URL", hide_env_values = true)]
    #[arg(required_unless_present = "data_dir", conflicts_with = "data_dir")]
    payments_url: Option<String>,
    /// File with the password of the orders database, for a URL without one
    #[arg(long, value_name = "FILE", env = "ORDERS_PASSWORD_FILE")]
    orders_password_file: Option<PathBuf>,
    /// File with the password of the payments database
    #[arg(long, value_name = "FILE", env = "PAYMENTS_PASSWORD_FILE")]
    payments_password_file: Option<PathBuf>,
    /// The data directory of an embedded shop, instead of the two URLs
    #[arg(long, value_name = "DIR", env = "DATA_DIR")]
    data_dir: Option<PathBuf>,
}

/// An option with a value that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("--{option}: {why}")]
pub struct BadOption {
    option: &'static str,
    why: String,
}

impl PlaceOptions {
    /// The broker's URL with its password, if a broker is named.
    ///
    /// # Errors
    /// [`BadOption`] for a password file that cannot be used.
    pub fn broker_url(&self) -> Result<Option<String>, BadOption> {
        let with_password = |url: &String| secret("broker-password-file", url, self.broker_password_file.as_deref());
        self.broker_url.as_ref().map(with_password).transpose()
    }
}

impl DatabaseOptions {
    /// The data directory, if that is what was named.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// The URLs of the two, with their passwords.
    ///
    /// # Errors
    /// [`BadOption`] for a data directory that no URL can name, or a password file that cannot be used.
    pub fn urls(&self) -> Result<Urls, BadOption> {
        match (&self.data_dir, &self.orders_url, &self.payments_url) {
            (None, Some(orders), Some(payments)) => Ok(Urls {
                orders: secret("orders-password-file", orders, self.orders_password_file.as_deref())?,
                payments: secret("payments-password-file", payments, self.payments_password_file.as_deref())?,
            }),
            (Some(dir), ..) => embedded(dir),
            (None, ..) => Err(BadOption { option: "data-dir", why: "it is missing".to_owned() }),
        }
    }
}

fn secret(option: &'static str, url: &str, file: Option<&Path>) -> Result<String, BadOption> {
    with_password(url, file).map_err(|error| BadOption { option, why: error.to_string() })
}

/// The URLs of the databases in the data directory of an embedded shop.
///
/// # Errors
/// [`BadOption`] for a data directory that no URL can name.
pub fn embedded(dir: &Path) -> Result<Urls, BadOption> {
    let url = |file| {
        let bad = || BadOption { option: "data-dir", why: format!("{} is no path", dir.display()) };
        let path = absolute(dir).map_err(|_| bad())?.join(file);
        // A file URL, because that escapes what means something in a URL (`?`, `#`, `%`).
        let url = Url::from_file_path(path).map_err(|()| bad())?;
        Ok(format!("sqlite://{}", url.path()))
    };
    Ok(Urls { orders: url(ORDERS_FILE)?, payments: url(PAYMENTS_FILE)? })
}

/// What stands on the command line and in the environment.
///
/// # Errors
/// clap's; [`one_line`] makes it one clear line. Help and version come this way too.
pub fn parse() -> Result<Cli, clap::Error> {
    Cli::try_parse()
}

/// What is wrong, without the usage below it.
pub fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let message = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<_> = message.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_directory_with_odd_characters_makes_urls_that_mean_it() {
        let urls = embedded(Path::new("/tmp/a b?c#d%e")).expect("a path");
        assert_eq!(urls.orders, "sqlite:///tmp/a%20b%3Fc%23d%25e/orders.db");
        assert_eq!(urls.payments, "sqlite:///tmp/a%20b%3Fc%23d%25e/payments.db");
    }

    #[test]
    fn an_error_is_one_line() {
        let error = Cli::try_parse_from(["gozon", "audit"]).expect_err("nothing to audit");
        assert_eq!(
            one_line(&error),
            "the following required arguments were not provided: --orders-url <URL> --payments-url <URL>"
        );
    }
}
