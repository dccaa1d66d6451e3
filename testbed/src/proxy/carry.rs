//! The threads of a proxy: one that listens, two for each connection that move its bytes.
//!
//! No fault is decided here; before each piece the line is asked whether it may pass.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread::{self, Scope},
    time::Duration,
};

use super::line::{Id, Line};

/// The largest piece that moves at once.
const PIECE: usize = 64 * 1024;
/// A server on loopback answers or refuses at once; a frozen one whose queue is full does neither.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Listens, as often as the line has a listener, and returns when the proxy ends and every connection's thread has.
pub(super) fn listen(line: &Line) {
    thread::scope(|threads| {
        while let Some(listener) = line.next_listener() {
            accept(line, &listener, threads);
        }
    });
}

/// Takes connections until the line does not want any; the caller then drops the listener, which closes the port.
fn accept<'scope>(line: &'scope Line, listener: &TcpListener, threads: &'scope Scope<'scope, '_>) {
    loop {
        let accepted = listener.accept();
        match accepted {
            _ if !line.hears() => return,
            Ok((client, _)) => {
                threads.spawn(move || carry(line, &client));
            }
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(_) => return,
        }
    }
}

/// One connection, from its first byte to its last.
fn carry(line: &Line, client: &TcpStream) {
    let Some(id) = client.try_clone().ok().and_then(|end| line.admit(end)) else { return };
    if let Some(server) = connect(line, id) {
        thread::scope(|both| {
            both.spawn(|| pump(line, id, &server, client));
            pump(line, id, client, &server);
        });
    }
    line.hang_up(id);
}

/// The server's end. A stalled line does not even let the client's knock through.
fn connect(line: &Line, id: Id) -> Option<TcpStream> {
    if !line.may_pass(id) {
        return None;
    }
    let server = TcpStream::connect_timeout(&line.target, CONNECT_LIMIT).ok()?;
    line.joined(id, server.try_clone().ok()?).then_some(server)
}

/// Moves bytes one way. The end of the stream is passed on like a piece; anything else that ends it ends both ways.
fn pump(line: &Line, id: Id, mut from: &TcpStream, mut to: &TcpStream) {
    let mut piece = vec![0; PIECE];
    loop {
        let read = from.read(&mut piece);
        if !line.may_pass(id) {
            return;
        }
        match read {
            Ok(0) => return drop(to.shutdown(Shutdown::Write)),
            Ok(length) if to.write_all(&piece[..length]).is_ok() => {}
            Ok(_) | Err(_) => return line.hang_up(id),
        }
    }
}
