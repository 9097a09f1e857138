//! Hostile, slow and very large clients: clear errors, nobody else affected. These tests take turns, since each wants
//! the machine's sockets or memory for itself.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn assert_serves(server: &Server) {
    assert_eq!(server.client().call(&["PING"]), Reply::Simple("PONG".into()));
}

#[test]
fn ten_thousand_connections() {
    const COUNT: usize = 10_000;
    let _turn = turn();
    raise_open_files(COUNT + 500);
    let server = Server::start(&["--maxclients", "10050"]);
    let mut clients: Vec<Client> = (0..COUNT).map(|_| server.client()).collect();
    for client in &mut clients {
        client.send(&encode(&["INCR", "counter"])).unwrap();
    }
    let mut seen: Vec<i64> = clients.iter_mut().map(|client| client.read().unwrap().integer()).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(1..=COUNT as i64));
    let info = clients[0].call(&["INFO", "clients"]).text();
    let connected = info.lines().find_map(|line| line.strip_prefix("connected_clients:")).unwrap();
    assert!(connected.trim().parse::<usize>().unwrap() >= COUNT, "{info}");
}

/// The processes started later inherit the limit.
fn raise_open_files(wanted: usize) {
    let soft = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = soft.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let current: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    if current < wanted {
        let process = std::process::id().to_string();
        let raised = std::process::Command::new("prlimit")
            .args(["--pid", &process, &format!("--nofile={}:{}", wanted * 2, wanted * 2)])
            .status();
        assert!(
            raised.is_ok_and(|status| status.success()),
            "the open files limit is {current} and cannot be raised"
        );
    }
}

#[test]
fn clients_beyond_maxclients_are_told() {
    let _turn = turn();
    let server = Server::start(&["--maxclients", "10"]);
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < 10 {
        // The connection that has awaited the server's start may still count.
        let mut client = server.client();
        if client.try_call(&["PING"]).is_ok_and(|reply| reply == Reply::Simple("PONG".into())) {
            clients.push(client);
        }
    }
    assert_eq!(server.client().read().unwrap(), Reply::Error("ERR max number of clients reached".into()));
    drop(clients.pop());
    eventually("a freed place is given to a new client", || {
        server.client().try_call(&["PING"]).ok() == Some(Reply::Simple("PONG".into()))
    });
}

#[test]
fn half_a_gigabyte_in_and_out() {
    const SIZE: usize = 512 << 20;
    let _turn = turn();
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send(format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${SIZE}\r\n").as_bytes()).unwrap();
    let chunk: Vec<u8> = (0..1 << 20).map(|at: u32| (at % 251) as u8).collect();
    for _ in 0..SIZE / chunk.len() {
        client.send(&chunk).unwrap();
    }
    client.send(b"\r\n").unwrap();
    assert_eq!(client.read().unwrap(), Reply::Simple("OK".into()));
    assert_eq!(client.call(&["STRLEN", "big"]).integer(), SIZE as i64);
    let Reply::Bulk(value) = client.call(&["GET", "big"]) else { panic!("GET of the value failed") };
    assert!(value.len() == SIZE && value.chunks(chunk.len()).all(|piece| piece == chunk));
    let too_long = format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${}\r\n", SIZE + 1);
    client.send(too_long.as_bytes()).unwrap();
    assert_eq!(client.read().unwrap(), Reply::Error("ERR Protocol error: invalid bulk length".into()));
}

#[test]
fn a_client_that_does_not_read_is_closed() {
    const ELEMENTS: usize = 1_000_000;
    let _turn = turn();
    let server = Server::start(&["--client-output-buffer-limit", "normal 64mb 0 0"]);
    let mut client = server.client();
    let element = "e".repeat(100);
    for _ in 0..ELEMENTS / 1000 {
        let mut push = vec!["RPUSH", "list"];
        push.extend(std::iter::repeat_n(element.as_str(), 1000));
        client.call(&push);
    }
    let before = server.resident_bytes();
    let mut deaf = server.client();
    deaf.send(&encode(&["LRANGE", "list", "0", "-1"]).repeat(4)).unwrap();
    eventually("a client above its output limit is closed", || clients_of(&mut client) == 1);
    assert_eq!(client.call(&["LLEN", "list"]).integer(), ELEMENTS as i64);
    eventually("its memory comes back", || server.resident_bytes() <= before + (64 << 20));
    drop(deaf);
}

#[test]
fn an_unread_reply_is_not_built_beyond_the_limit() {
    let _turn = turn();
    let server = Server::start(&["--client-output-buffer-limit", "normal 1mb 0 0"]);
    let mut client = server.client();
    client.call(&["SADD", "set", "member", "other"]);
    client.call(&["ZADD", "zset", "1", "member"]);
    client.call(&["HSET", "hash", "field", "value"]);
    client.call(&["SETRANGE", "string", "100000", "x"]);
    let before = server.resident_bytes();
    let mut many = vec!["MGET"];
    many.extend(std::iter::repeat_n("string", 100_000));
    for command in [
        &["SRANDMEMBER", "set", "-1000000000"][..],
        &["ZRANDMEMBER", "zset", "-1000000000"],
        &["HRANDFIELD", "hash", "-1000000000", "WITHVALUES"],
        &many,
    ] {
        for waits in [false, true] {
            let mut greedy = server.client();
            if waits {
                // Then another thread runs it.
                client.call(&["CLIENT", "PAUSE", "20", "ALL"]);
            }
            assert!(greedy.try_call(command).is_err(), "{} is answered", command[0]);
        }
    }
    let mut deaf = server.client();
    deaf.send(&encode(&["GET", "string"]).repeat(5000)).unwrap();
    let mut most = 0;
    eventually("a client above its output limit is closed", || {
        most = most.max(server.resident_bytes());
        clients_of(&mut client) == 1
    });
    assert!(most < before + (64 << 20), "{before} bytes before, {most} bytes while it was served");
    drop(deaf);
}

/// As in Redis: nothing is said, and what the client has asked for is done all the same.
#[test]
fn a_reply_beyond_the_limit_closes_the_connection_without_a_word() {
    let _turn = turn();
    let server = Server::start(&["--client-output-buffer-limit", "normal 100000 0 0"]);
    let mut client = server.client();
    client.call(&["SETRANGE", "string", "99999", "x"]);
    // More elements than a worker goes through: it runs elsewhere.
    let members: Vec<String> = (0..30_000).map(|number| number.to_string()).collect();
    let add: Vec<&str> = ["SADD", "set"].into_iter().chain(members.iter().map(String::as_str)).collect();
    client.call(&add);
    for command in [
        &["GET", "string"][..],
        &["SMEMBERS", "set"],
        &["EVAL", "return redis.call('GET', KEYS[1])", "1", "string"],
    ] {
        assert!(server.client().try_call(command).is_err(), "{command:?}");
    }
    let mut transaction = server.client();
    for command in [&["MULTI"][..], &["SET", "before", "1"], &["GET", "string"], &["SET", "after", "1"]] {
        transaction.call(command);
    }
    assert!(transaction.try_call(&["EXEC"]).is_err());
    assert_eq!(client.call(&["EXISTS", "before", "after"]).integer(), 2);
    // A limit that is set too low does not keep anybody from setting it right.
    client.call(&["CONFIG", "SET", "client-output-buffer-limit", "normal 1 0 0"]);
    assert!(client.call(&["CONFIG", "GET", "*"]).items().len() > 300);
    client.call(&["CONFIG", "SET", "client-output-buffer-limit", "normal 100000 0 0"]);
    // What is not to be read can't be too long.
    let mut deaf = server.client();
    deaf.send(&encode(&["CLIENT", "REPLY", "OFF"])).unwrap();
    deaf.send(&encode(&["GET", "string"])).unwrap();
    deaf.send(&encode(&["CLIENT", "REPLY", "ON"])).unwrap();
    assert_eq!(deaf.read().unwrap(), Reply::Simple("OK".into()));
    assert!(server.log().contains("longer than its output buffer limit"));
}

fn clients_of(client: &mut Client) -> usize {
    let info = client.call(&["INFO", "clients"]).text();
    let count = info.lines().find_map(|line| line.strip_prefix("connected_clients:")).unwrap();
    count.trim().parse().unwrap()
}

#[test]
fn garbage_gets_an_error_and_nobody_else_notices() {
    let _turn = turn();
    let server = Server::start(&[]);
    let check = |bytes: &[u8], expected: &str| {
        let mut client = server.client();
        client.send(bytes).unwrap();
        let reply = client.read().unwrap();
        assert_eq!(reply, Reply::Error(expected.into()), "{:?}", String::from_utf8_lossy(bytes));
        assert_serves(&server);
    };
    check(b"*abc\r\n", "ERR Protocol error: invalid multibulk length");
    check(b"*9999999999\r\n", "ERR Protocol error: invalid multibulk length");
    check(b"*1\r\n#4\r\nPING\r\n", "ERR Protocol error: expected '$', got '#'");
    check(b"*1\r\n$-5\r\nPING\r\n", "ERR Protocol error: invalid bulk length");
    check(b"*1\r\n$abc\r\nPING\r\n", "ERR Protocol error: invalid bulk length");
    check(b"SET \"unbalanced\r\n", "ERR Protocol error: unbalanced quotes in request");
    check(&[b'x'; 70_000], "ERR Protocol error: too big inline request");
    check(&[b"*".as_slice(), &[b'1'; 70_000]].concat(), "ERR Protocol error: too big mbulk count string");
    check(
        &[b"*1\r\n$".as_slice(), &[b'1'; 70_000]].concat(),
        "ERR Protocol error: too big bulk count string",
    );
}

#[test]
fn random_bytes_never_take_the_server_down() {
    let _turn = turn();
    let server = Server::start(&[]);
    let mut rng = fastrand::Rng::with_seed(crate::support::seed());
    for _ in 0..300 {
        let mut bytes: Vec<u8> = (0..rng.usize(1..400)).map(|_| rng.u8(..)).collect();
        if rng.bool() {
            let header = format!("*{}\r\n${}\r\n", rng.i32(-3..9), rng.i32(-3..40));
            bytes.splice(..0, header.into_bytes());
        }
        let client = server.client();
        let mut stream = client.stream();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_serves(&server);
}

#[test]
fn half_frames_and_slow_writers() {
    let _turn = turn();
    let server = Server::start(&[]);
    let half: Vec<Client> = (0..50)
        .map(|at| {
            let mut client = server.client();
            client.send(&encode(&["SET", "key", "value"])[..at % 30 + 1]).unwrap();
            client
        })
        .collect();
    let mut slow = server.client();
    for byte in encode(&["SET", "slow", "but\r\nsure"]) {
        slow.send(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(slow.read().unwrap(), Reply::Simple("OK".into()));
    assert_eq!(server.client().call(&["GET", "slow"]).text(), "but\r\nsure");
    drop(half);
    assert_eq!(server.client().call(&["EXISTS", "key"]).integer(), 0);
}

#[test]
fn a_million_commands_do_not_starve_a_neighbor() {
    const COMMANDS: usize = 1_000_000;
    let _turn = turn();
    let server = Server::with_workers(1);
    let mut neighbor = server.client();
    let mut greedy = server.client();
    thread::scope(|scope| {
        let stream = greedy.stream().try_clone().unwrap();
        scope.spawn(move || {
            let batch = encode(&["INCR", "counter"]).repeat(1000);
            let mut stream = stream;
            for _ in 0..COMMANDS / 1000 {
                stream.write_all(&batch).unwrap();
            }
        });
        let running = scope.spawn(move || {
            for expected in 1..=COMMANDS as i64 {
                assert_eq!(greedy.read().unwrap().integer(), expected);
            }
        });
        let mut longest = Duration::ZERO;
        let mut calls = 0;
        while !running.is_finished() {
            let start = Instant::now();
            neighbor.call(&["PING"]);
            longest = longest.max(start.elapsed());
            calls += 1;
        }
        running.join().unwrap();
        println!("{calls} calls beside the pipeline, the longest took {longest:?}");
        // If the pipeline were served as a whole there would be a few; how long one takes is up to the machine.
        assert!(calls > 20, "{calls} calls, the longest took {longest:?}");
    });
}

#[test]
fn scan_returns_every_key_that_stays() {
    let _turn = turn();
    let server = Server::start(&[]);
    let mut client = server.client();
    for step in 0..2 {
        client.call(&["FLUSHALL"]);
        fill(&mut client, "stays", 0..2000);
        if step == 1 {
            fill(&mut client, "goes", 0..200_000);
        }
        let mut changer = server.client();
        let (mut cursor, mut seen, mut at) = ("0".to_owned(), HashSet::new(), 0);
        loop {
            let reply = client.call(&["SCAN", &cursor, "COUNT", "50"]);
            seen.extend(
                reply.items()[1].items().iter().map(Reply::text).filter(|key| key.starts_with("stays")),
            );
            cursor = reply.items()[0].text();
            if cursor == "0" {
                break;
            }
            if at < 200_000 && step == 0 {
                fill(&mut changer, "grows", at..at + 2000);
            } else if at < 200_000 {
                let gone: Vec<String> = (at..at + 2000).map(|n| format!("goes:{n}")).collect();
                let mut delete = vec!["DEL"];
                delete.extend(gone.iter().map(String::as_str));
                changer.call(&delete);
            }
            at += 2000;
        }
        assert_eq!(seen.len(), 2000, "SCAN missed keys while the key space {}", ["grew", "shrank"][step]);
    }
}

fn fill(client: &mut Client, prefix: &str, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for chunk in numbers.chunks(1000) {
        let pairs: Vec<String> =
            chunk.iter().flat_map(|n| [format!("{prefix}:{n}"), n.to_string()]).collect();
        let mut set = vec!["MSET"];
        set.extend(pairs.iter().map(String::as_str));
        client.call(&set);
    }
}
