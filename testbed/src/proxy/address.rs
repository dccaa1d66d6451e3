//! Reading and replacing the host and port in a server's URL; no other part of it is understood.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    ops::Range,
};

use anyhow::{Context, Result};

/// The ports of URLs that name none.
const DEFAULT_PORTS: [(&str, u16); 3] = [("amqp", 5672), ("postgres", 5432), ("postgresql", 5432)];

/// Where the server of this URL (`amqp://…`, `postgres://…`) listens; by IPv4, if its name has several addresses.
///
/// # Errors
/// When it has no host, no known port, or a name that does not resolve.
pub fn address_of(url: &str) -> Result<SocketAddr> {
    let authority = &url[authority(url).with_context(|| format!("{url} has no host"))?];
    let named = if authority.contains(':') { authority.to_owned() } else { with_default_port(url, authority)? };
    let mut addresses = named.to_socket_addrs().with_context(|| format!("cannot resolve {named}"))?;
    addresses.find(SocketAddr::is_ipv4).with_context(|| format!("{named} has no IPv4 address"))
}

pub(super) fn with_address(url: &str, address: SocketAddr) -> String {
    match authority(url) {
        Some(authority) => format!("{}{address}{}", &url[..authority.start], &url[authority.end..]),
        None => url.to_owned(),
    }
}

fn with_default_port(url: &str, host: &str) -> Result<String> {
    let scheme = url.split(':').next().unwrap_or_default();
    let known = DEFAULT_PORTS.iter().find(|(name, _)| *name == scheme);
    known.map(|(_, port)| format!("{host}:{port}")).with_context(|| format!("{url} has no port"))
}

/// Where `host:port` stands: behind `://` and the last `@`, before the path.
fn authority(url: &str) -> Option<Range<usize>> {
    let start = url.find("://")? + "://".len();
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |length| start + length);
    let start = url[start..end].rfind('@').map_or(start, |length| start + length + 1);
    (start < end).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_and_port_are_replaced() {
        let proxy = "127.0.0.1:1".parse().unwrap();
        let cases = [
            ("amqp://guest:guest@broker:5672/%2f?heartbeat=1", "amqp://guest:guest@127.0.0.1:1/%2f?heartbeat=1"),
            ("postgres://me:p@ss@db/orders", "postgres://me:p@ss@127.0.0.1:1/orders"),
            ("http://db", "http://127.0.0.1:1"),
        ];
        for (url, expected) in cases {
            assert_eq!(with_address(url, proxy), expected);
        }
    }

    #[test]
    fn an_address_has_the_port_of_the_url_or_of_its_scheme() {
        assert_eq!(address_of("postgres://a:b@127.0.0.1/x").unwrap().port(), 5432);
        assert_eq!(address_of("amqp://127.0.0.1:7/%2f").unwrap().port(), 7);
        assert!(address_of("sqlite::memory:").is_err());
        assert!(address_of("sqlite:///data.db").is_err());
    }
}
