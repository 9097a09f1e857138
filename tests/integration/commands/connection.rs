//! HELLO, AUTH, CLIENT and RESET, as far as one connection alone cannot show it.

use std::io::Read;

use crate::support::client::encode;
use crate::support::{Client, Reply, Server};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

#[test]
fn a_password_is_asked_for_and_reset_forgets_that_it_was_given() {
    let server = Server::start(&[]);
    assert_eq!(server.client().call(&["CONFIG", "SET", "requirepass", "secret"]), ok());
    let mut client = server.client();
    let mut check = |arguments: &[&str], expected: Result<Reply, &str>| {
        let reply = client.call(arguments);
        match expected {
            Ok(expected) => assert_eq!(reply, expected, "{arguments:?}"),
            Err(start) => assert!(reply.is_error(start), "{arguments:?}: {reply:?}"),
        }
    };
    check(&["GET", "k"], Err("NOAUTH Authentication required."));
    check(&["HELLO", "3"], Err("NOAUTH HELLO must be called"));
    check(&["AUTH", "wrong"], Err("WRONGPASS"));
    check(&["AUTH", "somebody", "secret"], Err("WRONGPASS"));
    check(&["AUTH", "secret"], Ok(ok()));
    check(&["GET", "k"], Ok(Reply::Null));
    check(&["RESET"], Ok(Reply::Simple("RESET".into())));
    check(&["GET", "k"], Err("NOAUTH"));
    check(&["HELLO", "3", "AUTH", "default", "wrong"], Err("WRONGPASS"));
    check(&["AUTH", "default", "secret"], Ok(ok()));
    check(&["CONFIG", "SET", "requirepass", ""], Ok(ok()));
    check(&["RESET"], Ok(Reply::Simple("RESET".into())));
    check(&["GET", "k"], Ok(Reply::Null));
}

#[test]
fn client_list_shows_the_state_of_others() {
    let server = Server::start(&[]);
    let (mut watcher, mut other) = (server.client(), server.client());
    other.call(&["CLIENT", "SETNAME", "other"]);
    other.call(&["CLIENT", "SETINFO", "LIB-NAME", "tests"]);
    other.call(&["SELECT", "3"]);
    other.call(&["MULTI"]);
    other.call(&["PING"]);
    let line = |watcher: &mut Client| {
        let list = watcher.call(&["CLIENT", "LIST"]).text();
        list.lines().find(|line| line.contains(" name=other ")).map(str::to_owned)
    };
    let shown = line(&mut watcher).unwrap();
    for field in [" flags=x ", " db=3 ", " multi=1 ", " cmd=ping ", " resp=2 ", " lib-name=tests "] {
        assert!(shown.contains(field), "{field} in {shown}");
    }
    let id = other_id(&shown);
    assert_eq!(watcher.call(&["CLIENT", "KILL", "ID", &id]), Reply::Integer(1));
    assert!(other.try_call(&["PING"]).is_err());
    assert_eq!(line(&mut watcher), None);
    assert_eq!(watcher.call(&["CLIENT", "KILL", "ID", &id]), Reply::Integer(0));
}

fn other_id(line: &str) -> String {
    line.split(' ').next().unwrap().trim_start_matches("id=").to_owned()
}

#[test]
fn replies_can_be_switched_off_and_skipped() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let words =
        ["CLIENT REPLY SKIP", "ECHO 1", "ECHO 2", "CLIENT REPLY OFF", "ECHO 3", "CLIENT REPLY ON", "ECHO 4"];
    for line in words {
        let arguments: Vec<&str> = line.split(' ').collect();
        client.send(&encode(&arguments)).unwrap();
    }
    let bulk = |text: &str| Reply::Bulk(text.into());
    for expected in [bulk("2"), ok(), bulk("4")] {
        assert_eq!(client.read().unwrap(), expected);
    }
}

#[test]
fn a_client_that_waits_can_be_unblocked() {
    let server = Server::start(&[]);
    let (mut waiting, mut other) = (server.client(), server.client());
    let id = waiting.call(&["CLIENT", "ID"]).integer().to_string();
    for (reason, expected) in [("TIMEOUT", Reply::Null), ("ERROR", Reply::Error("UNBLOCKED".into()))] {
        waiting.send(&encode(&["BLPOP", "k", "0"])).unwrap();
        while other.call(&["CLIENT", "UNBLOCK", &id, reason]) == Reply::Integer(0) {}
        match (waiting.read().unwrap(), expected) {
            (Reply::Error(text), Reply::Error(start)) => assert!(text.starts_with(&start), "{text}"),
            (reply, expected) => assert_eq!(reply, expected),
        }
    }
    assert_eq!(other.call(&["CLIENT", "UNBLOCK", &id]), Reply::Integer(0));
}

/// As a redis-server 7.2.4 does: what comes after is run and not answered.
#[test]
fn a_transaction_that_closes_or_silences_its_own_client_ends_its_reply_there() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for command in [
        &["MULTI"][..],
        &["CLIENT", "REPLY", "OFF"],
        &["SET", "silenced", "1"],
        &["EXEC"],
        &["GET", "silenced"],
        &["CLIENT", "REPLY", "ON"],
    ] {
        client.send(&encode(command)).unwrap();
    }
    let expected = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n";
    let mut replies = vec![0; expected.len()];
    client.stream().read_exact(&mut replies).unwrap();
    assert_eq!(String::from_utf8_lossy(&replies), expected);
    let id = client.call(&["CLIENT", "ID"]).integer().to_string();
    for command in
        [&["MULTI"][..], &["CLIENT", "KILL", "ID", &id, "SKIPME", "no"], &["SET", "closed", "1"], &["EXEC"]]
    {
        client.send(&encode(command)).unwrap();
    }
    let mut rest = String::new();
    client.stream().read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n");
    let mut client = server.client();
    assert_eq!(client.call(&["EXISTS", "silenced", "closed"]), Reply::Integer(2));
}
