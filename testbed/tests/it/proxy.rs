//! Each fault of the proxy, seen with plain sockets before a server that echoes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use testbed::{Proxy, wait_until};

/// Longer than anything on loopback takes.
const LIMIT: Duration = Duration::from_secs(10);
/// How long a test listens to make sure that nothing comes.
const SILENCE: Duration = Duration::from_millis(200);

/// Returns every byte to its sender, for as long as the test program lives.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut &connection, &mut &connection));
        }
    });
    address
}

fn connect(address: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect_timeout(&address, LIMIT).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    connection
}

fn ask(mut connection: &TcpStream, question: &[u8]) -> Vec<u8> {
    connection.write_all(question).unwrap();
    let mut answer = vec![0; question.len()];
    connection.read_exact(&mut answer).unwrap();
    answer
}

fn is_silent(mut connection: &TcpStream) -> bool {
    connection.set_read_timeout(Some(SILENCE)).unwrap();
    let error = connection.read(&mut [0]).map_err(|error| error.kind());
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    matches!(error, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn has_ended(mut connection: &TcpStream) -> bool {
    match connection.read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

fn wait_for_connections(proxy: &Proxy, count: usize) {
    wait_until("the proxy to carry as many connections", LIMIT, || Ok(proxy.connections() == count)).unwrap();
}

#[test]
fn bytes_and_the_end_of_the_stream_arrive_unchanged_both_ways() {
    let proxy = Proxy::start(echo()).unwrap();
    let mut client = connect(proxy.address());
    let sent: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let mut writer = client.try_clone().unwrap();
    let received = thread::scope(|threads| {
        threads.spawn(|| {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        received
    });
    assert!(received == sent);
    wait_for_connections(&proxy, 0);
}

#[test]
fn a_cut_ends_every_connection_and_lets_new_ones_in() {
    let proxy = Proxy::start(echo()).unwrap();
    let clients = [connect(proxy.address()), connect(proxy.address())];
    assert!(clients.iter().all(|client| ask(client, b"there?") == b"there?"));
    proxy.cut();
    assert!(clients.iter().all(has_ended));
    assert_eq!(proxy.connections(), 0);
    assert_eq!(ask(&connect(proxy.address()), b"again?"), b"again?");
}

#[test]
fn a_refusing_proxy_refuses_at_once_keeps_what_is_open_and_takes_it_back() {
    let proxy = Proxy::start(echo()).unwrap();
    let open = connect(proxy.address());
    assert_eq!(ask(&open, b"there?"), b"there?");
    for _ in 0..3 {
        proxy.refuse(true).unwrap();
        proxy.refuse(true).unwrap();
        assert_eq!(TcpStream::connect(proxy.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(ask(&open, b"still?"), b"still?");
        proxy.refuse(false).unwrap();
        proxy.refuse(false).unwrap();
        assert_eq!(ask(&connect(proxy.address()), b"again?"), b"again?");
    }
}

#[test]
fn a_stalled_connection_is_silent_and_loses_nothing() {
    let proxy = Proxy::start(echo()).unwrap();
    let before = connect(proxy.address());
    assert_eq!(ask(&before, b"there?"), b"there?");
    proxy.stall(true);
    let during = connect(proxy.address());
    for mut client in [&before, &during] {
        client.write_all(b"late").unwrap();
        assert!(is_silent(client));
    }
    proxy.stall(false);
    for mut client in [&before, &during] {
        let mut answer = [0; 4];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"late");
    }
}

#[test]
fn a_stalled_line_hides_that_the_server_has_gone() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(server.local_addr().unwrap()).unwrap();
    let client = connect(proxy.address());
    let (session, _) = server.accept().unwrap();
    proxy.stall(true);
    drop((session, server));
    assert!(is_silent(&client));
    proxy.stall(false);
    assert!(has_ended(&client));
}

#[test]
fn a_stalled_connection_can_be_cut() {
    let proxy = Proxy::start(echo()).unwrap();
    proxy.stall(true);
    let client = connect(proxy.address());
    wait_for_connections(&proxy, 1);
    proxy.cut();
    assert!(has_ended(&client));
}

#[test]
fn a_delay_slows_each_way_and_is_taken_back() {
    let delay = Duration::from_millis(50);
    let proxy = Proxy::start(echo()).unwrap();
    let client = connect(proxy.address());
    proxy.delay(delay);
    let asked = Instant::now();
    assert_eq!(ask(&client, b"slow?"), b"slow?");
    assert!(asked.elapsed() >= delay * 2);
    proxy.delay(LIMIT * 100);
    proxy.delay(Duration::ZERO);
    assert_eq!(ask(&client, b"fast?"), b"fast?");
}

#[test]
fn a_server_that_is_not_there_ends_the_connection() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(gone).unwrap();
    assert!(has_ended(&connect(proxy.address())));
    wait_for_connections(&proxy, 0);
}

#[test]
fn a_dropped_proxy_leaves_no_connection_and_no_listener() {
    let proxy = Proxy::start(echo()).unwrap();
    let address = proxy.address();
    let client = connect(address);
    proxy.stall(true);
    proxy.delay(LIMIT * 100);
    drop(proxy);
    assert!(has_ended(&client));
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
