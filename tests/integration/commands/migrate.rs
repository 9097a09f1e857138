//! MIGRATE between two servers, and to a redis-server; what is written meanwhile is not lost.

use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::support::server::free_port;
use crate::support::{Client, Redis, Reply, Server};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

fn migrate(client: &mut Client, port: u16, key: &str, timeout_ms: &str, options: &[&str]) -> Reply {
    let port = port.to_string();
    let mut words = vec!["MIGRATE", "127.0.0.1", &port, key, "0", timeout_ms];
    words.extend(options);
    client.call(&words)
}

#[test]
fn keys_of_every_type_move() {
    let (source, target) = (Server::start(&[]), Server::start(&[]));
    let (mut here, mut there) = (source.client(), target.client());
    for command in [
        "SET s v",
        "RPUSH l a b c",
        "SADD t 1 2",
        "HSET h f v",
        "ZADD z 1 m",
        "XADD x 1-1 f v",
        "SET e v EX 100",
    ] {
        here.call(&command.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(migrate(&mut here, target.port, "nothing", "1000", &[]), Reply::Simple("NOKEY".into()));
    assert_eq!(migrate(&mut here, target.port, "s", "1000", &[]), ok());
    assert_eq!(
        (here.call(&["EXISTS", "s"]), there.call(&["GET", "s"])),
        (Reply::Integer(0), Reply::Bulk(b"v".to_vec()))
    );
    assert_eq!(
        migrate(&mut here, target.port, "", "1000", &["KEYS", "l", "t", "gone", "h", "z", "x", "e"]),
        ok()
    );
    assert_eq!((here.call(&["DBSIZE"]), there.call(&["DBSIZE"])), (Reply::Integer(0), Reply::Integer(7)));
    assert!((90_000..=100_000).contains(&there.call(&["PTTL", "e"]).integer()));
    assert_eq!(there.call(&["LRANGE", "l", "0", "-1"]).items().len(), 3);
    assert!(here.call(&["INFO", "stats"]).text().contains("migrate_cached_sockets:1\r\n"));
}

#[test]
fn copies_replacements_and_errors() {
    let (source, target) = (Server::start(&[]), Server::start(&[]));
    let (mut here, mut there) = (source.client(), target.client());
    there.call(&["CONFIG", "SET", "requirepass", "secret"]);
    here.call(&["MSET", "a", "1", "b", "2"]);
    let reply = migrate(&mut here, target.port, "a", "1000", &[]);
    assert_eq!(
        reply,
        Reply::Error("ERR Target instance replied with error: NOAUTH Authentication required.".into())
    );
    assert!(
        migrate(&mut here, target.port, "a", "1000", &["AUTH", "wrong"])
            .is_error("ERR Target instance replied with error: WRONGPASS")
    );
    assert_eq!(migrate(&mut here, target.port, "a", "1000", &["COPY", "AUTH", "secret"]), ok());
    assert_eq!(here.call(&["EXISTS", "a"]), Reply::Integer(1));
    here.call(&["SET", "a", "3"]);
    // The one that is there already stays, the other one goes.
    let reply =
        migrate(&mut here, target.port, "", "1000", &["AUTH2", "default", "secret", "KEYS", "a", "b"]);
    assert_eq!(
        reply,
        Reply::Error(
            "ERR Target instance replied with error: BUSYKEY Target key name already exists.".into()
        )
    );
    assert_eq!(here.call(&["MGET", "a", "b"]).items(), [Reply::Bulk(b"3".to_vec()), Reply::Null]);
    assert_eq!(migrate(&mut here, target.port, "a", "1000", &["REPLACE", "AUTH", "secret"]), ok());
    assert_eq!(
        there.call(&["MGET", "a", "b"]).items(),
        [Reply::Bulk(b"3".to_vec()), Reply::Bulk(b"2".to_vec())]
    );
    here.call(&["SET", "c", "1"]);
    for (options, error) in [
        (&["FASTER"][..], "ERR syntax error"),
        (&["AUTH"], "ERR syntax error"),
        (&["AUTH2", "user"], "ERR syntax error"),
        (
            &["KEYS", "c"],
            "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
        ),
    ] {
        assert_eq!(migrate(&mut here, target.port, "c", "1000", options), Reply::Error(error.into()));
    }
    assert!(migrate(&mut here, target.port, "c", "soon", &[]).is_error("ERR value is not an integer"));
    let reply = migrate(&mut here, free_port(), "c", "1000", &[]);
    assert_eq!(reply, Reply::Error("IOERR error or timeout connecting to the client".into()));
    assert_eq!(here.call(&["EXISTS", "c"]), Reply::Integer(1));
}

#[test]
fn the_connection_is_made_anew_when_the_other_side_has_closed_it() {
    let (source, target) = (Server::start(&[]), Server::start(&[]));
    let (mut here, mut there) = (source.client(), target.client());
    here.call(&["MSET", "a", "1", "b", "2"]);
    assert_eq!(migrate(&mut here, target.port, "a", "1000", &[]), ok());
    there.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert_eq!(migrate(&mut here, target.port, "b", "1000", &[]), ok());
    assert_eq!(there.call(&["DBSIZE"]), Reply::Integer(2));
}

#[test]
fn a_silent_target_keeps_nobody_but_the_keys_waiting() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.call(&["MSET", "moved", "1", "other", "2"]);
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = target.local_addr().unwrap().port();
    scope(|scope| {
        let mover = scope.spawn(|| migrate(&mut server.client(), port, "moved", "700", &[]));
        let (mut taken, _) = target.accept().unwrap();
        assert!(taken.read(&mut [0; 10]).unwrap() > 0);
        let begun = Instant::now();
        assert_eq!(client.call(&["INCR", "other"]), Reply::Integer(3));
        assert!(begun.elapsed() < Duration::from_millis(500), "another key need not wait");
        assert_eq!(client.call(&["INCR", "moved"]), Reply::Integer(2), "it waits, and is not lost");
        assert!(begun.elapsed() > Duration::from_millis(300));
        assert_eq!(
            mover.join().unwrap(),
            Reply::Error("IOERR error or timeout reading to target instance".into())
        );
    });
}

#[test]
fn no_write_is_lost_between_two_servers() {
    const KEYS: usize = 8;
    let servers = [Server::start(&[]), Server::start(&[])];
    let stop = AtomicBool::new(false);
    let written = scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer: usize| {
                let (mut clients, stop) = (servers.each_ref().map(Server::client), &stop);
                scope.spawn(move || {
                    let (mut rng, mut written) = (fastrand::Rng::with_seed(writer as u64), [0i64; KEYS]);
                    while !stop.load(Ordering::Relaxed) {
                        let key = rng.usize(0..KEYS);
                        // Only where the key is at the moment.
                        let reply = clients[rng.usize(0..2)].call(&[
                            "EVAL",
                            "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCR', KEYS[1]) end",
                            "1",
                            &format!("k{key}"),
                        ]);
                        written[key] += i64::from(matches!(reply, Reply::Integer(_)));
                    }
                    written
                })
            })
            .collect();
        let mut movers = servers.each_ref().map(Server::client);
        (0..KEYS).for_each(|key| drop(movers[0].call(&["SET", &format!("k{key}"), "0"])));
        for round in 0..400 {
            let key = format!("k{}", round % KEYS);
            let from = round / KEYS % 2;
            assert_eq!(
                migrate(&mut movers[from], servers[1 - from].port, &key, "5000", &[]),
                ok(),
                "{round}"
            );
        }
        sleep(Duration::from_millis(10));
        stop.store(true, Ordering::Relaxed);
        let mut sums = [0; KEYS];
        for writer in writers {
            writer.join().unwrap().iter().zip(&mut sums).for_each(|(written, sum)| *sum += written);
        }
        sums
    });
    let mut clients = servers.each_ref().map(Server::client);
    for (key, expected) in written.into_iter().enumerate() {
        let key = format!("k{key}");
        let values: Vec<Reply> = clients.iter_mut().map(|client| client.call(&["GET", &key])).collect();
        let there: Vec<&Reply> = values.iter().filter(|value| **value != Reply::Null).collect();
        assert_eq!(there, [&Reply::Bulk(expected.to_string().into_bytes())], "{key}");
        assert!(expected > 0);
    }
}

#[test]
fn a_transaction_and_the_log_have_the_deletion() {
    let (source, target) =
        (Server::start(&["--appendonly", "yes", "--enable-debug-command", "yes"]), Server::start(&[]));
    let mut client = source.client();
    client.call(&["MSET", "a", "1", "b", "2"]);
    client.call(&["MULTI"]);
    client.call(&["INCR", "b"]);
    migrate(&mut client, target.port, "a", "1000", &[]);
    assert_eq!(client.call(&["EXEC"]).items(), [Reply::Integer(3), ok()]);
    client.call(&["DEBUG", "LOADAOF"]);
    assert_eq!(client.call(&["MGET", "a", "b"]).items(), [Reply::Null, Reply::Bulk(b"3".to_vec())]);
}

#[test]
fn an_older_redis_refuses_the_newest_payload() {
    let source = Server::start(&[]);
    let Some(mut redis) = Redis::start(&[]) else { return println!("skipped: there is no redis-server") };
    let mut client = source.client();
    client.call(&["SET", "a", "1"]);
    let port: u16 = redis.client.call(&["CONFIG", "GET", "port"]).items()[1].text().parse().unwrap();
    let info = redis.client.call(&["INFO", "server"]).text();
    let reply = migrate(&mut client, port, "a", "1000", &[]);
    if info.contains("redis_version:7.0.") {
        let error = "ERR Target instance replied with error: ERR DUMP payload version or checksum are wrong";
        assert_eq!(reply, Reply::Error(error.into()), "as with Redis 7.2");
        assert_eq!(client.call(&["EXISTS", "a"]), Reply::Integer(1));
    } else {
        assert_eq!(reply, ok());
    }
}
