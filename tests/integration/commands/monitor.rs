//! MONITOR.

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

fn watcher(server: &Server) -> Client {
    let mut client = server.client();
    assert_eq!(client.call(&["MONITOR"]), Reply::Simple("OK".into()));
    client
}

/// The next lines without time and address, `lua` kept: `0 "GET" "k"`.
fn lines(client: &mut Client, count: usize) -> Vec<String> {
    let line = |_| {
        let text = client.read().unwrap().text();
        let (time, rest) = text.split_once(" [").unwrap();
        let (seconds, microseconds) = time.split_once('.').unwrap();
        assert!(seconds.len() == 10 && microseconds.len() == 6, "{text}");
        let (from, command) = rest.split_once("] ").unwrap();
        let (db, source) = from.split_once(' ').unwrap();
        assert!(source == "lua" || source.starts_with("127.0.0.1:"), "{text}");
        if source == "lua" { format!("{db} lua {command}") } else { format!("{db} {command}") }
    };
    (0..count).map(line).collect()
}

#[test]
fn commands_are_shown_as_they_run() {
    let server = Server::with_workers(2);
    let (mut client, mut monitor) = (server.client(), watcher(&server));
    let script = "redis.call('select',1) return redis.call('set',KEYS[1],1)";
    for command in [
        "MULTI",
        "SET a 1",
        "LPUSH a 1",
        "EXEC",
        "SELECT 3",
        "AUTH default x",
        "NOSUCH 1",
        "GET",
        "CONFIG GET hz",
    ] {
        client.call(&words(command));
    }
    client.call(&["GET", "x\n\"\u{7f}"]);
    client.call(&["EVAL", script, "1", "k"]);
    client.call(&["EVAL", "return redis.call(", "0"]);
    for command in [
        "MULTI",
        "EVAL return(redis.call('incr',KEYS[1])) 1 n",
        "PUBLISH c d",
        "EXEC",
        "BLPOP q 0.01",
        "PING",
    ] {
        client.call(&words(command));
    }
    // As redis-server 7.2.4 shows them.
    let expected = [
        r#"0 "MULTI""#,
        r#"0 "SET" "a" "1""#,
        r#"0 "LPUSH" "a" "1""#,
        r#"0 "EXEC""#,
        r#"3 "SELECT" "3""#,
        r#"3 "AUTH" "(redacted)" "(redacted)""#,
        r#"3 "GET" "x\n\"\x7f""#,
        r#"3 "EVAL" "redis.call('select',1) return redis.call('set',KEYS[1],1)" "1" "k""#,
        r#"1 lua "select" "1""#,
        r#"1 lua "set" "k" "1""#,
        r#"3 "EVAL" "return redis.call(" "0""#,
        r#"3 "MULTI""#,
        r#"3 "EVAL" "return(redis.call('incr',KEYS[1]))" "1" "n""#,
        r#"3 lua "incr" "n""#,
        r#"3 "PUBLISH" "c" "d""#,
        r#"3 "EXEC""#,
        r#"3 "BLPOP" "q" "0.01""#,
        r#"3 "PING""#,
    ];
    assert_eq!(lines(&mut monitor, expected.len()), expected);
}

#[test]
fn lines_of_a_key_come_in_the_order_of_execution() {
    const CALLS: usize = 200;
    let server = Server::with_workers(4);
    let mut monitor = watcher(&server);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        let data: Vec<u8> =
            (0..CALLS).flat_map(|call| encode(&["APPEND", "log", &format!("{number}.{call},")])).collect();
        client.send(&data).unwrap();
    }
    clients.iter_mut().for_each(|client| (0..CALLS).for_each(|_| drop(client.read().unwrap())));
    let shown = lines(&mut monitor, 4 * CALLS);
    let pieces: String = shown.iter().map(|line| line.split('"').nth(5).unwrap()).collect();
    assert_eq!(clients[0].call(&["GET", "log"]).text(), pieces);
}

#[test]
fn who_watches_is_no_ordinary_client() {
    let server = Server::start(&[]);
    let (mut client, mut monitor) = (server.client(), watcher(&server));
    assert!(client.call(&["CLIENT", "LIST"]).text().contains(" flags=O "));
    assert!(monitor.call(&["GET", "k"]).is_error("ERR Replica can't interact with the keyspace"));
    assert!(monitor.call(&["PUBLISH", "c", "m"]).is_error("ERR Replica can't interact with the keyspace"));
    assert_eq!(monitor.call(&["PING"]), Reply::Simple("PONG".into()));
    assert_eq!(lines(&mut monitor, 1), [r#"0 "PING""#]);
    assert_eq!(monitor.call(&["RESET"]), Reply::Simple("RESET".into()));
    client.call(&["SET", "k", "v"]);
    assert_eq!(monitor.call(&["GET", "k"]).text(), "v");
    client.call(&["MULTI"]);
    client.call(&["MONITOR"]);
    let replies = client.call(&["EXEC"]);
    assert!(replies.items()[0].is_error("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    let leaves = watcher(&server);
    drop(leaves);
    eventually("it is forgotten", || !client.call(&["CLIENT", "LIST"]).text().contains(" flags=O "));
}
