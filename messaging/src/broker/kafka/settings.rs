//! What a `kafka://` URL says, and how each kind of client is set up. What our promises rest on no URL can change.
//! Absent: TLS and passwords; librdkafka is built without them.

use super::{ANSWER_TIMEOUT, InvalidUrl};
use rdkafka::ClientConfig;
use std::time::Duration;

const SCHEME: &str = "kafka://";
const DEFAULT_PORT: u16 = 9092;
/// Settings of librdkafka that a URL may name: how patient clients are. The others are ours.
const TUNABLE: [&str; 7] = [
    "broker.address.family",
    "fetch.wait.max.ms",
    "heartbeat.interval.ms",
    "linger.ms",
    "reconnect.backoff.max.ms",
    "session.timeout.ms",
    "socket.timeout.ms",
];
/// A dead instance's partitions go to others after this time; brokers allow no less than 6 s by default.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// Far longer than the silence after which a producer is thrown away: that decides, not this.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a message may wait for a topic that was just made to be known.
const TOPIC_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a topic that was made anew, or has more partitions, is noticed.
const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// No limit of ours: how large a message may be is the broker's to say. What it took from a stranger has to fit among the dead letters, where
/// librdkafka's default, which is below a broker's, would hold it up for ever, and all behind it.
pub(super) const ANY_SIZE: &str = "1000000000";
/// Fetched ahead in one partition, in KiB: some thousand messages. The window bounds what is handled.
const FETCHED_AHEAD_KIB: &str = "4096";

/// What a URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub servers: String,
    client_id: String,
    tuned: Vec<(String, String)>,
}

impl Settings {
    /// `kafka://host:port,host:port?setting=value&setting=value`.
    pub fn parse(url: &str, client_id: &str) -> Result<Self, InvalidUrl> {
        let rest = url.strip_prefix(SCHEME).ok_or_else(|| InvalidUrl::because("it does not begin so"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let servers = place.strip_suffix('/').unwrap_or(place).split(',').map(server).collect::<Result<Vec<_>, _>>()?;
        let tuned = query.split('&').filter(|one| !one.is_empty()).map(setting).collect::<Result<_, _>>()?;
        // A client identifies itself by this in the broker's log; spaces are not welcome there.
        Ok(Self { servers: servers.join(","), client_id: client_id.replace([' ', '(', ')'], "-"), tuned })
    }

    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.servers)
            .set("client.id", &self.client_id)
            .set("socket.timeout.ms", millis(ANSWER_TIMEOUT))
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", millis(REFRESH_EVERY));
        config
    }

    fn tuned(&self, mut config: ClientConfig, not_for_it: &[&str]) -> ClientConfig {
        for (name, value) in self.tuned.iter().filter(|(name, _)| !not_for_it.contains(&name.as_str())) {
            config.set(name, value);
        }
        config
    }

    pub fn producer(&self) -> ClientConfig {
        let mut config = self.base();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("message.max.bytes", ANY_SIZE)
            // A batch is handed over at once and goes at once; while it is under way the next one gathers.
            .set("linger.ms", "0")
            .set("request.timeout.ms", millis(ANSWER_TIMEOUT))
            .set("message.timeout.ms", millis(MESSAGE_TIMEOUT))
            .set("topic.metadata.propagation.max.ms", millis(TOPIC_TIMEOUT))
            // Topics are made by us, with as many partitions as they should have.
            .set("allow.auto.create.topics", "false")
            // As Java's clients spread keys: a replay with their tools goes where the original went.
            .set("partitioner", "murmur2_random");
        self.tuned(config, &["fetch.wait.max.ms", "session.timeout.ms", "heartbeat.interval.ms"])
    }

    /// Of a group, or of none: then the name only has to be nobody else's.
    pub fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.base();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", millis(SESSION_TIMEOUT))
            .set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB);
        self.tuned(config, &["linger.ms"])
    }
}

fn server(text: &str) -> Result<String, InvalidUrl> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port > 0)),
        _ => (text, Some(DEFAULT_PORT)),
    };
    let port = port.ok_or_else(|| InvalidUrl::because("a port is a number from 1 to 65535"))?;
    if host.contains('@') {
        return Err(InvalidUrl::because("it takes no user and no password"));
    }
    if host.is_empty() || host.contains(['/', '#', ' ']) {
        return Err(InvalidUrl::because("a host is missing or no name"));
    }
    Ok(format!("{host}:{port}"))
}

fn setting(text: &str) -> Result<(String, String), InvalidUrl> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if !TUNABLE.contains(&name) {
        return Err(InvalidUrl(format!("of librdkafka's settings it takes {}", TUNABLE.join(", "))));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Settings, InvalidUrl> {
        Settings::parse(url, "orders-svc (test)")
    }

    #[test]
    fn a_url_names_servers_and_how_patient_clients_are() {
        let settings = parse("kafka://one,two:19092,[::1]:9/?session.timeout.ms=7000&linger.ms=1").unwrap();
        assert_eq!(settings.servers, "one:9092,two:19092,[::1]:9");
        let (producer, consumer) = (settings.producer(), settings.consumer("group"));
        assert_eq!((producer.get("linger.ms"), consumer.get("linger.ms")), (Some("1"), None));
        assert_eq!((producer.get("session.timeout.ms"), consumer.get("session.timeout.ms")), (None, Some("7000")));
        assert_eq!(producer.get("client.id"), Some("orders-svc--test-"));
    }

    #[test]
    fn what_our_promises_rest_on_no_url_can_change() {
        for name in
            ["acks", "enable.idempotence", "enable.auto.commit", "auto.offset.reset", "group.id", "security.protocol"]
        {
            let error = parse(&format!("kafka://host?{name}=0")).expect_err(name);
            assert!(error.to_string().contains("it takes broker.address.family"), "{error}");
        }
        assert_eq!(parse("kafka://host").unwrap().producer().get("acks"), Some("all"));
    }

    #[test]
    fn a_url_that_is_none_is_refused_and_no_password_is_shown() {
        for url in [
            "amqp://host",
            "kafka://",
            "kafka://a,,b",
            "kafka://a:0",
            "kafka://a:x",
            "kafka://a/b",
            "kafka://u:secret@a",
        ] {
            let error = parse(url).expect_err(url).to_string();
            assert!(error.starts_with("must be kafka://") && !error.contains("secret"), "{error}");
        }
    }
}
