//! The parts that both services are built from: database, broker, and the checks of them.
//! Absent: what the services build from them.

use crate::{Schema, ServiceOptions, StartError, with_password};
use edge::Check;
use futures_util::future::{BoxFuture, FutureExt};
use messaging::broker::{
    Broker,
    rabbitmq::{self, RabbitMq},
};
use std::sync::Arc;
use store::{Options, Plans, Store};
use tokio::sync::watch;

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
    let open = async |max_connections| {
        let opened =
            Store::open(&Options { url: url.clone(), max_connections, application, plans: Plans::ByIndex }).await;
        opened.map_err(|error| StartError::option("database-url", error))
    };
    Ok(Stores { actors: open(options.database_connections - workers).await?, workers: open(workers).await? })
}

/// Starts connecting to the broker; it need not answer yet.
///
/// # Errors
/// [`StartError::Option`] when the URL names none.
pub fn connect_broker(options: &ServiceOptions, connection_name: &str) -> Result<Arc<dyn Broker>, StartError> {
    let url = with_password(&options.broker_url, options.broker_password_file.as_deref())
        .map_err(|error| StartError::option("broker-password-file", error))?;
    let options =
        rabbitmq::Options { url, prefix: options.broker_prefix.clone(), connection_name: connection_name.to_owned() };
    Ok(Arc::new(RabbitMq::start(options).map_err(|error| StartError::option("broker-url", error))?))
}

/// A check from a function.
pub fn check<F>(name: &'static str, run: F) -> Check
where
    F: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
{
    Check { name, run: Arc::new(run) }
}

/// The check whether the broker can be reached.
pub fn reachable(broker: watch::Receiver<bool>) -> Check {
    check("broker", move || {
        let reachable = *broker.borrow();
        async move { if reachable { Ok(()) } else { Err("cannot be reached".to_owned()) } }.boxed()
    })
}

/// The check whether the database answers and its schema is up to date. The driver's words stay in the log.
pub fn database(name: &'static str, store: Store, schema: Schema) -> Check {
    check(name, move || {
        let (store, schema) = (store.clone(), schema.clone());
        let probe = async move {
            store.ping().await.map_err(|error| {
                tracing::debug!(%error, "the database does not answer a probe");
                "does not answer".to_owned()
            })?;
            if schema.is_ready() { Ok(()) } else { Err("its schema is not up to date yet".to_owned()) }
        };
        probe.boxed()
    })
}
