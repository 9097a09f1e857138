//! CLIENT PAUSE and UNPAUSE.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Sends a command; its reply is read later.
fn send(client: &mut Client, command: &str) {
    client.send(&encode(&words(command))).unwrap();
}

#[test]
fn writes_wait_and_reads_do_not() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    client.call(&["SET", "k", "1"]);
    let sha = client.call(&["SCRIPT", "LOAD", "return redis.call('INCR', KEYS[1])"]).text();
    assert_eq!(client.call(&["CLIENT", "PAUSE", "60000", "WRITE"]), ok());
    let evalsha = format!("EVALSHA {sha} 1 k");
    let commands = [
        "INCR k",
        "PUBLISH c m",
        "PFCOUNT p",
        "EVAL return(1) 0",
        &evalsha,
        "FLUSHALL",
        "XREADGROUP GROUP g c STREAMS s >",
    ];
    let mut paused: Vec<Client> = commands.iter().map(|_| server.client()).collect();
    paused.iter_mut().zip(commands).for_each(|(client, command)| send(client, command));
    server.await_blocked(commands.len());
    assert_eq!(client.call(&["CLIENT", "LIST"]).text().matches(" flags=b ").count(), commands.len());
    for command in ["GET k", "PING", "EVAL_RO return(1) 0", "CONFIG GET hz", "MULTI", "GET k", "EXEC"] {
        assert!(!matches!(client.call(&words(command)), Reply::Error(_)), "{command}");
    }
    assert_eq!(
        client.call(&["EVAL", "#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])", "1", "k"]).text(),
        "1"
    );
    // What is wrong is told at once.
    assert!(client.call(&["SET", "k"]).is_error("ERR wrong number of arguments"));
    assert!(paused.iter().all(|client| !client.has_input()));
    assert_eq!(client.call(&["CLIENT", "UNPAUSE"]), ok());
    for (client, command) in paused.iter_mut().zip(commands) {
        let reply = client.read().unwrap();
        assert_eq!(
            matches!(reply, Reply::Error(_)),
            command.starts_with("XREADGROUP"),
            "{command}: {reply:?}"
        );
    }
    server.await_blocked(0);
    assert!(!client.call(&["CLIENT", "LIST"]).text().contains(" flags=b "));
}

#[test]
fn everything_waits_and_goes_on_in_order() {
    let server = Server::with_workers(2);
    let (mut client, mut other) = (server.client(), server.client());
    let start = Instant::now();
    assert_eq!(client.call(&["CLIENT", "PAUSE", "300"]), ok());
    // The shorter and weaker one changes nothing; it waits itself.
    let pipeline =
        ["CLIENT PAUSE 10 WRITE", "RPUSH l 1", "RPUSH l 2", "LRANGE l 0 -1", "CLIENT UNPAUSE", "RPUSH l 3"];
    let commands: Vec<Vec<String>> =
        pipeline.iter().map(|command| words(command).into_iter().map(str::to_owned).collect()).collect();
    send(&mut other, "PING");
    let replies = client.pipeline(&commands);
    assert!(start.elapsed() >= Duration::from_millis(299), "{:?}", start.elapsed());
    assert_eq!(replies[3].items().len(), 2);
    assert_eq!(replies[5], Reply::Integer(3));
    assert_eq!(other.read().unwrap(), Reply::Simple("PONG".into()));
}

#[test]
fn transactions_that_write_wait_as_a_whole() {
    let server = Server::with_workers(2);
    let (mut client, mut other) = (server.client(), server.client());
    for command in ["MULTI", "INCR k", "CLIENT PAUSE 60000 WRITE", "INCR k"] {
        client.call(&words(command));
    }
    other.call(&["MULTI"]);
    other.call(&["INCR", "k"]);
    // The pause begins with the end of the transaction that asks for it.
    assert_eq!(client.call(&["EXEC"]).items(), [Reply::Integer(1), ok(), Reply::Integer(2)]);
    send(&mut other, "EXEC");
    let mut queues = server.client();
    queues.call(&["MULTI"]);
    send(&mut queues, "INCR k");
    server.await_blocked(2);
    assert_eq!(client.call(&["GET", "k"]).text(), "2");
    assert_eq!(client.call(&["CLIENT", "UNPAUSE"]), ok());
    assert_eq!(other.read().unwrap().items(), [Reply::Integer(3)]);
    assert_eq!(queues.read().unwrap(), Reply::Simple("QUEUED".into()));
    assert_eq!(queues.call(&["EXEC"]).items(), [Reply::Integer(4)]);
}

#[test]
fn nothing_expires_or_is_evicted_meanwhile() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-random", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.call(&["DEBUG", "POPULATE", "1000"]);
    client.call(&["SET", "k", "v", "PX", "200"]);
    client.call(&["SET", "read", "v", "PX", "200"]);
    client.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    client.call(&["CONFIG", "SET", "maxmemory", "1"]);
    sleep(Duration::from_millis(450));
    assert_eq!(client.call(&["GET", "read"]), Reply::Null);
    assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(1002));
    let stats = client.call(&["INFO", "stats"]).text();
    assert!(stats.contains("expired_keys:0\r") && stats.contains("evicted_keys:0\r"), "{stats}");
    client.call(&["CLIENT", "UNPAUSE"]);
    eventually("keys go", || client.call(&["DBSIZE"]) == Reply::Integer(0));
}

#[test]
fn paused_clients_may_leave_and_waiting_ones_time_out() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    let mut waiting = server.waiting("BLPOP l 0.2");
    client.call(&["CLIENT", "PAUSE", "60000", "WRITE"]);
    let mut leaves = server.client();
    send(&mut leaves, "RPUSH l 1");
    server.await_blocked(2);
    drop(leaves);
    assert_eq!(waiting.read().unwrap(), Reply::Null);
    server.await_blocked(0);
    client.call(&["CLIENT", "UNPAUSE"]);
    assert_eq!(client.call(&["LLEN", "l"]), Reply::Integer(0));
}

#[test]
fn wrong_pauses_are_refused() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for (command, reason) in [
        ("CLIENT PAUSE x", "ERR timeout is not an integer or out of range"),
        ("CLIENT PAUSE -1", "ERR timeout is negative"),
        ("CLIENT PAUSE 10 READ", "ERR CLIENT PAUSE mode must be WRITE or ALL"),
        (
            "CLIENT PAUSE 1 WRITE x",
            "ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.",
        ),
    ] {
        assert_eq!(client.call(&words(command)), Reply::Error(reason.into()), "{command}");
    }
    assert_eq!(client.call(&["CLIENT", "PAUSE", "0"]), ok());
    assert_eq!(client.call(&["SET", "k", "v"]), ok());
}
