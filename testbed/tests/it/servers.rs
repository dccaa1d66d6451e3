//! Real servers started, killed, frozen, emptied and brought back; what a client sees is one plain socket's view.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use testbed::{Postgres, Proxy, RabbitMq, Servers};

/// How long a test listens to make sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(300);
/// Longer than a running server takes to answer on a machine that does other things too.
const LIMIT: Duration = Duration::from_secs(30);
/// What a PostgreSQL client says first (protocol 3.0), and a RabbitMQ client.
const POSTGRES_HELLO: &[u8] = b"\0\0\0\x29\x00\x03\x00\x00user\0postgres\0database\0postgres\0\0";
const AMQP_HELLO: &[u8] = b"AMQP\x00\x00\x09\x01";

/// Each test has a directory of its own, to see that nothing is left in it.
fn directory(test: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{test}-{}", std::process::id()))
}

/// Removes the directory, which works only when it is empty.
fn nothing_is_left_in(directory: &Path) -> bool {
    fs::remove_dir(directory).is_ok()
}

/// The first byte of the server's answer, if one comes within the limit.
fn first_byte(address: SocketAddr, hello: &[u8], limit: Duration) -> Option<u8> {
    let mut server = TcpStream::connect_timeout(&address, limit).ok()?;
    server.set_read_timeout(Some(limit)).ok()?;
    server.write_all(hello).ok()?;
    let mut first = [0];
    server.read_exact(&mut first).ok()?;
    Some(first[0])
}

fn greets(address: SocketAddr, hello: &[u8]) -> bool {
    matches!(first_byte(address, hello, LIMIT), Some(b'R' | 1))
}

fn is_silent(address: SocketAddr, hello: &[u8]) -> bool {
    first_byte(address, hello, SILENCE).is_none()
}

/// Runs a statement in a session of its own: true when it is completed, false when the server reports an error.
fn query(address: SocketAddr, sql: &str) -> bool {
    let mut session = TcpStream::connect(address).unwrap();
    session.set_read_timeout(Some(LIMIT)).unwrap();
    session.write_all(POSTGRES_HELLO).unwrap();
    let length = u32::try_from(sql.len() + 5).unwrap().to_be_bytes();
    session.write_all(&[b"Q", &length[..], sql.as_bytes(), b"\0"].concat()).unwrap();
    loop {
        let mut head = [0; 5];
        session.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        session.read_exact(&mut vec![0; usize::try_from(length).unwrap() - 4]).unwrap();
        match head[0] {
            b'C' => return true,
            b'E' => return false,
            _ => {}
        }
    }
}

#[test]
fn postgres_comes_back_on_its_port_and_data_however_it_went() {
    let dir = directory("postgres");
    let mut postgres = Postgres::start(&dir).unwrap();
    let address = postgres.address();
    assert!(greets(address, POSTGRES_HELLO));
    assert_eq!(postgres.url("orders"), format!("postgres://postgres@{address}/orders"));

    assert!(query(address, "CREATE TABLE kept (n int)") && !query(address, "TABLE never_made"));

    postgres.kill_9().unwrap();
    assert!(TcpStream::connect(address).is_err());
    postgres.start_again().unwrap();
    assert!(query(address, "TABLE kept"));
    assert!(postgres.start_again().is_err());

    postgres.restart().unwrap();
    assert_eq!((postgres.address(), greets(address, POSTGRES_HELLO)), (address, true));
    drop(postgres);
    assert!(nothing_is_left_in(&dir) && TcpStream::connect(address).is_err());
}

#[test]
fn a_killed_postgres_takes_its_sessions_with_it() {
    let dir = directory("postgres-sessions");
    let mut postgres = Postgres::start(&dir).unwrap();
    let mut session = TcpStream::connect(postgres.address()).unwrap();
    session.set_read_timeout(Some(LIMIT)).unwrap();
    session.write_all(POSTGRES_HELLO).unwrap();
    session.read_exact(&mut [0]).unwrap();
    postgres.kill_9().unwrap();
    let mut rest = Vec::new();
    assert!(!matches!(session.read_to_end(&mut rest), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock));
    drop(postgres);
    assert!(nothing_is_left_in(&dir));
}

#[test]
fn a_frozen_postgres_is_silent_and_goes_on() {
    let dir = directory("postgres-frozen");
    let mut postgres = Postgres::start(&dir).unwrap();
    postgres.pause().unwrap();
    assert!(is_silent(postgres.address(), POSTGRES_HELLO));
    postgres.resume().unwrap();
    assert!(greets(postgres.address(), POSTGRES_HELLO));

    postgres.pause().unwrap();
    drop(postgres);
    assert!(nothing_is_left_in(&dir));
}

#[test]
fn rabbitmq_comes_back_on_its_port_however_it_went() {
    let dir = directory("rabbitmq");
    let mut rabbitmq = RabbitMq::start(&dir).unwrap();
    let address = rabbitmq.address();
    assert!(greets(address, AMQP_HELLO) && rabbitmq.wipe().is_err());
    assert_eq!(rabbitmq.url(), format!("amqp://guest:guest@{address}/%2f"));

    rabbitmq.kill_9().unwrap();
    assert!(TcpStream::connect(address).is_err());
    rabbitmq.start_again().unwrap();
    assert!(greets(address, AMQP_HELLO));

    rabbitmq.stop().unwrap();
    rabbitmq.wipe().unwrap();
    rabbitmq.start_again().unwrap();
    assert!(greets(address, AMQP_HELLO));
    drop(rabbitmq);
    assert!(nothing_is_left_in(&dir) && TcpStream::connect(address).is_err());
}

#[test]
fn a_frozen_rabbitmq_is_silent_and_goes_on() {
    let dir = directory("rabbitmq-frozen");
    let mut rabbitmq = RabbitMq::start(&dir).unwrap();
    rabbitmq.pause().unwrap();
    assert!(is_silent(rabbitmq.address(), AMQP_HELLO));
    rabbitmq.resume().unwrap();
    assert!(greets(rabbitmq.address(), AMQP_HELLO));

    rabbitmq.pause().unwrap();
    drop(rabbitmq);
    assert!(nothing_is_left_in(&dir));
}

#[test]
fn the_shared_servers_answer_also_through_a_proxy() {
    let dir = directory("shared");
    let servers = Servers::up(&dir).unwrap();
    for (url, hello) in [(servers.postgres_url(), POSTGRES_HELLO), (servers.amqp_url(), AMQP_HELLO)] {
        let proxy = Proxy::start(testbed::address_of(url).unwrap()).unwrap();
        assert!(greets(testbed::address_of(&proxy.url(url)).unwrap(), hello), "{url}");
    }
    assert!(servers.variables().iter().all(|(name, url)| name.starts_with("TEST_") && url.contains("://")));
    drop(servers);
    assert!(!dir.exists() || nothing_is_left_in(&dir));
}
