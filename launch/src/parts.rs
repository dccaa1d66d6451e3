//! The parts that both services are built from: database, broker, and the checks of them.
//! Absent: what the services build from them.

use crate::{Schema, ServiceOptions, StartError, TakesWrites, schema::NOT_YET, with_password};
use edge::{Check, Health};
use futures_util::future::{BoxFuture, FutureExt, ready};
use messaging::{
    Pair,
    broker::{
        Broker,
        rabbitmq::{self, RabbitMq},
    },
};
use std::{sync::Arc, time::Duration};
use store::{Door, Files, Options, Plans, Store};
use tokio::sync::watch;

/// Longer than a look at a database takes that is there and has its schema.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// One database, opened for two.
///
/// A connection to PostgreSQL lives on the runtime that made it. The HTTP server's workers have runtimes of their own, which end
/// before the actors have finished their work; a connection that a worker made would then break under an actor's statement.
#[derive(Clone, Debug)]
pub struct Stores {
    /// For the actors.
    pub actors: Store,
    /// For whatever the HTTP server's workers ask the database themselves.
    pub workers: Store,
}

impl From<Store> for Stores {
    /// One for both: SQLite has threads of its own, and in a test there is one runtime.
    fn from(store: Store) -> Self {
        Self { actors: store.clone(), workers: store }
    }
}

/// Opens the service's database; it need not answer yet. Actors and workers share the number of connections.
///
/// # Errors
/// [`StartError::Option`] when the URL names none.
pub async fn open_stores(options: &ServiceOptions, application: &'static str) -> Result<Stores, StartError> {
    let workers = options.database_connections / 2;
    let url = with_password(&options.database_url, options.database_password_file.as_deref())
        .map_err(|error| StartError::option("database-password-file", error))?;
    let (door, files) = (Door::shut_because(NOT_YET), Files::default());
    let open = async |max_connections| {
        let options = Options { url: url.clone(), max_connections, application, plans: Plans::ByIndex };
        let opened = Store::open_behind(&options, door.clone(), &files).await;
        opened.map_err(|error| StartError::option("database-url", error))
    };
    let stores = Stores { actors: open(options.database_connections - workers).await?, workers: open(workers).await? };
    files.look_regularly();
    Ok(stores)
}

/// Waits until the database may be used, but not for long: a service starts whether or not it answers yet. Without this every start would
/// refuse the requests of its first moments.
pub async fn first_look(store: &Store) {
    drop(tokio::time::timeout(FIRST_LOOK, store.door().opened()).await);
}

/// Starts connecting to the broker; it need not answer yet.
///
/// # Errors
/// [`StartError::Option`] when the URL names none.
pub fn connect_broker(options: &ServiceOptions, connection_name: &str) -> Result<Arc<dyn Broker>, StartError> {
    let url = with_password(&options.broker_url, options.broker_password_file.as_deref())
        .map_err(|error| StartError::option("broker-password-file", error))?;
    let (prefix, connection_name) = (options.broker_prefix.clone(), connection_name.to_owned());
    if url.starts_with("kafka:") {
        return connect_kafka(options, url, prefix, connection_name);
    }
    let options = rabbitmq::Options { url, prefix, connection_name };
    Ok(Arc::new(RabbitMq::start(options).map_err(|error| StartError::option("broker-url", error))?))
}

#[cfg(feature = "kafka")]
fn connect_kafka(
    options: &ServiceOptions,
    url: String,
    prefix: String,
    connection_name: String,
) -> Result<Arc<dyn Broker>, StartError> {
    use messaging::broker::kafka::{Kafka, Options, Shape};

    let shape = Shape { partitions: options.kafka_partitions, replication: options.kafka_replication };
    let kafka = Kafka::start(Options { url, prefix, connection_name, shape: Some(shape) });
    Ok(Arc::new(kafka.map_err(|error| StartError::option("broker-url", error))?))
}

#[cfg(not(feature = "kafka"))]
fn connect_kafka(_: &ServiceOptions, _: String, _: String, _: String) -> Result<Arc<dyn Broker>, StartError> {
    Err(StartError::option("broker-url", "this program was built without Kafka (cargo feature `kafka`)"))
}

/// A check from a function.
pub fn check<F>(name: &'static str, run: F) -> Check
where
    F: Fn() -> BoxFuture<'static, Health> + Send + Sync + 'static,
{
    Check { name, run: Arc::new(run) }
}

/// A check of something that is there or not.
pub fn check_that(
    name: &'static str,
    is_so: impl Fn() -> bool + Send + Sync + 'static,
    why_not: &'static str,
) -> Check {
    check(name, move || ready(if is_so() { Ok(Vec::new()) } else { Err(why_not.to_owned()) }).boxed())
}

/// The check whether the broker can be reached.
pub fn reachable(broker: watch::Receiver<bool>) -> Check {
    check_that("broker", move || *broker.borrow(), "cannot be reached")
}

/// The check whether messages are for the database that this is.
pub fn partner(name: &'static str, pair: Pair) -> Check {
    check(name, move || {
        let doubts = |strangers| match strangers {
            0 => Vec::new(),
            some => vec![format!(
                "another shop is on this broker ({some} of its messages came since the start, and were not decided): each needs a \
                 --broker-prefix of its own"
            )],
        };
        ready(pair.health().map(doubts)).boxed()
    })
}

/// The check whether the database answers, is what it should be and takes writes: a service that can only read is of no use. The
/// driver's words stay in the log.
pub fn database(name: &'static str, store: Store, schema: Schema, takes_writes: TakesWrites) -> Check {
    check(name, move || {
        let (store, schema, takes_writes) = (store.clone(), schema.clone(), takes_writes.clone());
        let probe = async move {
            store.ping().await.map_err(|error| {
                tracing::debug!(%error, "the database does not answer a probe");
                "does not answer".to_owned()
            })?;
            let doubts = schema.health()?;
            if takes_writes.get() { Ok(doubts) } else { Err("takes no writes".to_owned()) }
        };
        probe.boxed()
    })
}
