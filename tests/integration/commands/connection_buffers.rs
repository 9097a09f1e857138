//! Requests behind a blocking command, behind AUTH, and around UNSUBSCRIBE: the buffer is read once, and in order.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{Client, Server};

fn raw(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Reads until `wanted` has come, and nothing else.
fn expect(stream: &mut TcpStream, wanted: &str) {
    let mut bytes = vec![0; wanted.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), wanted);
}

#[test]
fn a_pipeline_behind_auth_is_served_whole() {
    let server = Server::start(&[]);
    server.client().call(&["CONFIG", "SET", "requirepass", "pw"]);
    let mut stream = raw(&server);
    stream.write_all(b"*2\r\n$4\r\nAUTH\r\n$2\r\npw\r\n*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n").unwrap();
    expect(&mut stream, "+OK\r\n+PONG\r\n+PONG\r\n");
}

#[test]
fn quotes_behind_a_blocking_command_are_read_once() {
    let server = Server::start(&[]);
    let mut stream = raw(&server);
    stream.write_all(b"BLPOP q 0\r\nSET a '\\'x y'\r\nGET a\r\n").unwrap();
    server.await_blocked(1);
    Client::connect(server.port).call(&["RPUSH", "q", "v"]);
    expect(&mut stream, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n+OK\r\n$4\r\n'x y\r\n");
}

#[test]
fn a_violation_behind_a_blocking_command_closes_the_connection() {
    let server = Server::start(&[]);
    let mut stream = raw(&server);
    stream.write_all(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nq\r\n$1\r\n0\r\n*abc\r\nPING\r\n").unwrap();
    server.await_blocked(1);
    Client::connect(server.port).call(&["RPUSH", "q", "v"]);
    expect(&mut stream, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n-ERR Protocol error: invalid multibulk length\r\n");
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn an_element_is_not_taken_for_a_client_that_has_closed() {
    let server = Server::start(&[]);
    let mut pusher = Client::connect(server.port);
    let mut kept = 0;
    for round in 0..100 {
        let key = format!("k{round}");
        let mut stream = raw(&server);
        stream.write_all(format!("BLPOP {key} 0\r\n").as_bytes()).unwrap();
        server.await_blocked(1);
        drop(stream);
        pusher.call(&["RPUSH", &key, "x"]);
        kept += pusher.call(&["LLEN", &key]).integer();
    }
    // On a busy machine the end of a connection may reach the server after the push that was sent later.
    assert!(kept >= 50, "{kept} of 100 kept");
}

#[test]
fn a_watched_key_that_had_expired_before_does_not_fail_exec() {
    let server = Server::start(&[]);
    let mut client = Client::connect(server.port);
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    client.call(&["SET", "k", "v", "PX", "1"]);
    std::thread::sleep(Duration::from_millis(10));
    client.call(&["WATCH", "k"]);
    Client::connect(server.port).call(&["GET", "k"]);
    client.call(&["MULTI"]);
    client.call(&["PING"]);
    assert!(matches!(client.call(&["EXEC"]), crate::support::Reply::Array(_)));
}
