//! The debugger of scripts, as redis-cli talks to it.

use std::thread::sleep;
use std::time::Duration;

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

const SCRIPT: &str =
    "local n = tonumber(ARGV[1])\nredis.call('SET', KEYS[1], n)\nreturn redis.call('INCR', KEYS[1])";

/// The lines that an order is answered with.
fn lines(reply: &Reply) -> Vec<String> {
    reply.items().iter().map(Reply::text).collect()
}

fn order(client: &mut Client, line: &str) -> Vec<String> {
    lines(&client.call(&line.split(' ').collect::<Vec<_>>()))
}

/// A client whose script waits before its first line.
fn begin(server: &Server, script: &str) -> Client {
    let mut client = server.client();
    assert_eq!(client.call(&["SCRIPT", "DEBUG", "SYNC"]), Reply::Simple("OK".into()));
    let stopped = lines(&client.call(&["EVAL", script, "1", "key", "6"]));
    assert_eq!(stopped[0], "* Stopped at 1, stop reason = step over");
    client
}

#[test]
fn a_script_is_debugged_while_others_are_served() {
    let server = Server::start(&["--busy-reply-threshold", "200"]);
    let (mut client, mut other) = (begin(&server, SCRIPT), server.client());
    assert_eq!(
        order(&mut client, "step"),
        ["* Stopped at 2, stop reason = step over", "-> 2   redis.call('SET', KEYS[1], n)",]
    );
    assert_eq!(order(&mut client, "print n"), ["<value> 6"]);
    assert_eq!(order(&mut client, "no such thing").len(), 1);
    assert_eq!(order(&mut client, "list 30"), Vec::<String>::new());
    assert_eq!(order(&mut client, "next")[..2], ["<redis> SET key 6", "<reply> \"+OK\""]);
    assert_eq!(other.call(&["SET", "free", "1"]), Reply::Simple("OK".into()));
    assert!(other.call(&["GET", "key"]).is_error("BUSY"));
    // Orders that come together are followed one after the other.
    client.send(&[encode(&["redis", "GET", "key"]), encode(&["continue"])].concat()).unwrap();
    assert_eq!(lines(&client.read().unwrap()), ["<redis> GET key", "<reply> \"6\""]);
    assert_eq!(lines(&client.read().unwrap()), ["<endsession>"]);
    assert_eq!(client.read().unwrap(), Reply::Integer(7));
    assert!(client.read().is_err(), "a session ends with its connection");
    assert_eq!(other.call(&["GET", "key"]), Reply::Bulk(b"7".to_vec()));
}

#[test]
fn a_session_ends_by_order_by_script_kill_and_with_its_client() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let mut client = begin(&server, SCRIPT);
    assert_eq!(order(&mut client, "abort"), ["<endsession>"]);
    assert!(client.read().unwrap().is_error("ERR script aborted for user request"));
    let mut client = begin(&server, SCRIPT);
    assert_eq!(other.call(&["SCRIPT", "KILL"]), Reply::Simple("OK".into()));
    assert_eq!(lines(&client.read().unwrap()), ["<endsession>"]);
    assert!(client.read().unwrap().is_error("ERR Script killed by user"));
    assert_eq!(other.call(&["EXISTS", "key"]), Reply::Integer(0));
    // Nobody debugs it any more: it runs to its end.
    drop(begin(&server, "redis.breakpoint()\nreturn redis.call('SET', KEYS[1], 'left')"));
    eventually("the script ends", || other.call(&["GET", "key"]) == Reply::Bulk(b"left".to_vec()));
    // One that waits does not keep the server.
    let _waiting = begin(&server, SCRIPT);
    sleep(Duration::from_millis(50));
    assert!(other.try_call(&["SHUTDOWN", "NOSAVE"]).is_err());
}

#[test]
fn what_can_not_be_debugged_is_refused() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert!(client.call(&["SCRIPT", "DEBUG", "YES"]).is_error("ERR SCRIPT DEBUG YES would need a copy"));
    assert!(client.call(&["SCRIPT", "DEBUG", "MAYBE"]).is_error("ERR Use SCRIPT DEBUG YES/SYNC/NO"));
    client.call(&["SCRIPT", "DEBUG", "SYNC"]);
    let sha = client.call(&["SCRIPT", "LOAD", "return 5"]).text();
    assert!(
        client.call(&["EVALSHA", &sha, "0"]).is_error("ERR Please use EVAL instead of EVALSHA for debugging")
    );
    client.call(&["SCRIPT", "DEBUG", "NO"]);
    assert_eq!(client.call(&["EVALSHA", &sha, "0"]), Reply::Integer(5));
    client.send(&[encode(&["PING"]), encode(&["SCRIPT", "DEBUG", "SYNC"])].concat()).unwrap();
    client.read().unwrap();
    assert!(client.read().unwrap().is_error("ERR SCRIPT DEBUG must be called outside a pipeline"));
}

#[test]
fn code_that_does_not_end_can_be_killed() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (begin(&server, SCRIPT), server.client());
    client.send(&encode(&["eval", "while true do end"])).unwrap();
    sleep(Duration::from_millis(50));
    assert_eq!(other.call(&["SCRIPT", "KILL"]), Reply::Simple("OK".into()));
    assert!(lines(&client.read().unwrap())[0].starts_with("<error> ERR Script killed by user"));
    assert_eq!(lines(&client.read().unwrap()), ["<endsession>"]);
    assert!(client.read().unwrap().is_error("ERR Script killed by user"));
    assert_eq!(other.call(&["EVAL", "return 1", "0"]), Reply::Integer(1));
}

#[test]
fn the_server_ends_though_a_script_that_has_written_is_debugged() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (begin(&server, SCRIPT), server.client());
    order(&mut client, "redis SET key 1");
    assert!(other.try_call(&["SHUTDOWN"]).is_err());
}

#[test]
fn a_table_that_contains_itself_is_shown() {
    let server = Server::start(&[]);
    let mut client = begin(&server, "local t = {}; t.a = t; t.b = t\nredis.debug(t)\nlocal a = 1\nreturn 1");
    assert_eq!(order(&mut client, "step").len(), 2);
    assert!(order(&mut client, "print t")[0].starts_with("<value> {[\"a\"]={["));
    assert_eq!(order(&mut client, "continue").last().unwrap(), "<endsession>");
}
