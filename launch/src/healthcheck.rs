//! `healthcheck`: a service's program asks the instance beside it whether it is ready, so that a container needs no other program for it.
//! Absent: what ready means; `/readyz` says that.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

/// Longer than the instance takes to find out that a part of it does not answer (2 s).
const LIMIT: Duration = Duration::from_secs(4);

/// Asks `GET /readyz` of the instance that listens there. Exit code 0 when it is ready, 1 when it is not or does not answer;
/// what it says goes to standard output, where the container's owner keeps it.
#[expect(clippy::print_stdout, reason = "the output of a command")]
pub async fn healthcheck(listen: SocketAddr) -> ExitCode {
    match ask(listen).await {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

async fn ask(listen: SocketAddr) -> Result<String, String> {
    let client = reqwest::Client::builder().timeout(LIMIT).no_proxy().build().map_err(|error| error.to_string())?;
    let answer = client.get(format!("http://{}/readyz", reachable(listen))).send().await;
    let answer = answer.map_err(|error| format!("no answer: {error}"))?;
    let ready = answer.status().is_success();
    let said = answer.text().await.map_err(|error| error.to_string())?;
    if ready { Ok(said) } else { Err(said) }
}

/// Where a listener can be reached from its own machine: one on all addresses, on the loopback's.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_the_loopback() {
        let asked = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(asked("[::]:8080"), "[::1]:8080");
        assert_eq!(asked("10.1.2.3:80"), "10.1.2.3:80");
    }

    #[tokio::test]
    async fn nobody_there_is_not_ready() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(ask(free).await.unwrap_err().starts_with("no answer: "));
    }
}
