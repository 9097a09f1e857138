//! Commands that reach the whole server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::client::encode;
use crate::support::server::free_port;
use crate::support::{Client, Reply, Server, eventually};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

#[test]
fn flush_and_swap_touch_watched_keys() {
    let server = Server::start(&[]);
    let (mut client, mut other) = (server.client(), server.client());
    // What the other client does, and whether a transaction that watches `there` or `absent` still runs.
    for (command, key, runs) in [
        ("FLUSHALL", "there", false),
        ("FLUSHALL", "absent", true),
        ("FLUSHDB ASYNC", "there", false),
        ("SWAPDB 0 1", "there", false),
        ("SWAPDB 0 1", "absent", true),
        ("SWAPDB 1 2", "there", true),
    ] {
        other.call(&["FLUSHALL", "SYNC"]);
        other.call(&["SET", "there", "1"]);
        client.call(&["WATCH", key]);
        assert_eq!(other.call(&command.split(' ').collect::<Vec<_>>()), ok(), "{command}");
        client.call(&["MULTI"]);
        client.call(&["PING"]);
        assert_eq!(client.call(&["EXEC"]) != Reply::Null, runs, "{command} with {key}");
    }
}

#[test]
fn a_swap_brings_no_key_that_has_expired() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    // What the watched key is, what comes in its place, and whether the transaction still runs.
    for (own, others, runs) in [
        ("none", "expired", true),
        ("expired", "none", true),
        ("expired", "expired", true),
        ("none", "there", false),
    ] {
        client.call(&["FLUSHALL"]);
        for (db, kind) in [("0", own), ("1", others)] {
            client.call(&["SELECT", db]);
            match kind {
                "expired" => client.call(&["SET", "key", "value", "PX", "1"]),
                "there" => client.call(&["SET", "key", "value"]),
                _ => continue,
            };
        }
        sleep(Duration::from_millis(5));
        client.call(&["SELECT", "0"]);
        client.call(&["WATCH", "key"]);
        assert_eq!(client.call(&["SWAPDB", "0", "1"]), ok());
        client.call(&["MULTI"]);
        client.call(&["PING"]);
        assert_eq!(client.call(&["EXEC"]) != Reply::Null, runs, "{own} replaced by {others}");
    }
}

#[test]
fn flushing_much_leaves_nothing_behind() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    for words in [&["FLUSHALL"][..], &["FLUSHDB", "ASYNC"], &["FLUSHALL", "SYNC"]] {
        assert_eq!(client.call(&["DEBUG", "POPULATE", "100000", "key", "100"]), ok());
        assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(100_000));
        assert_eq!(client.call(words), ok());
        assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(0));
        let nothing = "0".repeat(40);
        assert_eq!(client.call(&["DEBUG", "DIGEST"]), Reply::Simple(nothing));
        eventually("all is freed", || {
            client.call(&["INFO", "memory"]).text().contains("lazyfree_pending_objects:0\r")
        });
    }
}

#[test]
fn debug_needs_permission() {
    let server = Server::start(&[]);
    assert!(server.client().call(&["DEBUG", "DIGEST"]).is_error("ERR DEBUG command not allowed."));
    let server = Server::start(&["--enable-debug-command", "local"]);
    assert_eq!(server.client().call(&["DEBUG", "SET-ACTIVE-EXPIRE", "1"]), ok());
}

#[test]
fn a_script_runs_no_other_whatever_debug_allows() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    assert_eq!(client.call(&["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1"]), ok());
    let library = "#!lua name=inner\nredis.register_function('f', function() return 1 end)";
    for command in [
        &["EVAL", "return 1", "0"][..],
        &["EVALSHA_RO", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
        &["FCALL", "f", "0"],
        &["SCRIPT", "LOAD", "return 2"],
        &["FUNCTION", "LOAD", library],
    ] {
        let script = ["EVAL", "return redis.pcall(unpack(ARGV))", "0"];
        let reply = client.call(&[&script, command].concat());
        assert!(
            reply.is_error("ERR This Redis command is not allowed from script"),
            "{command:?}: {reply:?}"
        );
    }
    assert_eq!(client.call(&["EVAL", "return redis.call('CLIENT', 'GETNAME')", "0"]), Reply::Null);
}

#[test]
fn debug_sleep_stops_nobody_else() {
    let server = Server::start(&["--enable-debug-command", "yes", "--server-threads", "1"]);
    let (mut sleeper, mut other) = (server.client(), server.client());
    let start = Instant::now();
    sleeper.send(&encode(&["DEBUG", "SLEEP", "3"])).unwrap();
    for _ in 0..20 {
        other.call(&["PING"]);
    }
    assert!(!sleeper.has_input(), "the others were answered after {:?}", start.elapsed());
    assert_eq!(sleeper.read().unwrap(), ok());
    assert!(start.elapsed().as_millis() >= 2999, "{:?}", start.elapsed());
}

#[test]
fn time_stands_still_within_a_transaction_and_a_script() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    assert_eq!(client.call(&["DEBUG", "SET-DISABLE-DENY-SCRIPTS", "1"]), ok());
    for command in [&["MULTI"], &["TIME"], &["DEBUG SLEEP 0.01"], &["TIME"]] {
        client.call(&command[0].split(' ').collect::<Vec<_>>());
    }
    let replies = client.call(&["EXEC"]);
    assert_eq!(replies.items()[0], replies.items()[2]);
    assert_ne!(replies.items()[0], client.call(&["TIME"]));
    let script =
        "local t = redis.call('TIME') redis.call('DEBUG', 'SLEEP', 0.01) return {t, redis.call('TIME')}";
    let replies = client.call(&["EVAL", script, "0"]);
    assert_eq!(replies.items()[0], replies.items()[1]);
}

#[test]
fn debug_object_shows_what_has_expired_and_is_still_there() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    client.call(&["SET", "key", "value", "PX", "1"]);
    sleep(Duration::from_millis(5));
    assert!(client.call(&["DEBUG", "OBJECT", "key"]).text().starts_with("Value at:"));
    assert_eq!(client.call(&["EXISTS", "key"]), Reply::Integer(0));
    assert!(client.call(&["DEBUG", "OBJECT", "key"]).is_error("ERR no such key"));
}

#[test]
fn info_counts_keys_whose_removal_is_awaited() {
    let server = Server::start(&[]);
    let (mut list, mut group, mut client) = (server.client(), server.client(), server.client());
    let counts = |client: &mut Client| {
        ["total_blocking_keys", "total_blocking_keys_on_nokey"].map(|name| info(client, "clients", name))
    };
    list.send(&encode(&["BLPOP", "key", "0"])).unwrap();
    eventually("one waits", || counts(&mut client) == ["1", "0"]);
    client.call(&["XGROUP", "CREATE", "key", "g", "$", "MKSTREAM"]);
    group.send(&encode(&["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "key", ">"])).unwrap();
    eventually("both wait", || counts(&mut client) == ["1", "1"]);
    client.call(&["DEL", "key"]);
    assert!(group.read().unwrap().is_error("NOGROUP"));
    eventually("one waits", || counts(&mut client) == ["1", "0"]);
}

#[test]
fn randomkey_deletes_what_it_meets_expired() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.call(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    for key in ["a", "b"] {
        client.call(&["SET", key, "value", "PX", "1"]);
    }
    sleep(Duration::from_millis(5));
    assert_eq!(client.call(&["RANDOMKEY"]), Reply::Null);
    assert_eq!(client.call(&["DBSIZE"]), Reply::Integer(0));
}

#[test]
fn a_script_that_replies_an_error_has_failed() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut check = |script: &str, errors: &str, failed: &str| {
        client.call(&["CONFIG", "RESETSTAT"]);
        assert!(client.call(&["EVAL", script, "0"]).is_error(""));
        assert_eq!(info(&mut client, "errorstats", "errorstat_MINE"), errors, "{script}");
        assert_eq!(info(&mut client, "stats", "total_error_replies"), "1", "{script}");
        assert!(info(&mut client, "commandstats", "cmdstat_eval").ends_with(failed), "{script}");
    };
    let failed = "rejected_calls=0,failed_calls=1";
    check("return redis.error_reply('MINE of a table')", "count=1", failed);
    check("error({err = 'MINE raised'})", "count=1", failed);
    client.call(&["CONFIG", "RESETSTAT"]);
    for script in ["return redis.pcall('SELECT', 99)", "return redis.call('SELECT', 99)"] {
        client.call(&["CONFIG", "RESETSTAT"]);
        assert!(client.call(&["EVAL", script, "0"]).is_error("ERR DB index is out of range"));
        assert_eq!(info(&mut client, "errorstats", "errorstat_ERR"), "count=1", "{script}");
        for name in ["cmdstat_eval", "cmdstat_select"] {
            assert!(info(&mut client, "commandstats", name).ends_with(failed), "{script}: {name}");
        }
    }
}

/// A field of INFO.
fn info(client: &mut Client, section: &str, name: &str) -> String {
    let text = client.call(&["INFO", section]).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.expect(name).to_owned()
}

#[test]
fn digests_know_values_and_not_how_they_came_about() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    let mut digest = |commands: &[&str]| {
        client.call(&["FLUSHALL"]);
        for command in commands {
            client.call(&command.split(' ').collect::<Vec<_>>());
        }
        client.call(&["DEBUG", "DIGEST"]).text()
    };
    // As redis-server 7.2.4 prints it.
    assert_eq!(digest(&["SET k v"]), "264ccf65edec66bccfa7cc659414ccca432057d2");
    let one = digest(&["SADD s a b 3", "HSET h f 1", "ZADD z 1.5 m", "RPUSH l 1 2"]);
    let same =
        digest(&["RPUSH l 0 1 2", "LPOP l", "HSET h f 1", "ZADD z 2 m", "ZADD z 1.5 m", "SADD s 3 b a"]);
    assert_eq!(one, same);
    assert_ne!(one, digest(&["SADD s a b 3", "HSET h f 1", "ZADD z 1.5 m", "RPUSH l 2 1"]));
    assert_ne!(digest(&["SET k v"]), digest(&["SET k v EX 100"]));
    assert_ne!(digest(&["SET k v"]), digest(&["SELECT 1", "SET k v", "SELECT 0"]));
}

#[test]
fn the_port_can_be_changed_and_a_taken_one_is_refused() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let reply = client.call(&["CONFIG", "SET", "port", &taken]);
    assert!(reply.is_error("ERR CONFIG SET failed (possibly related to argument 'port')"), "{reply:?}");
    assert_eq!(server.client().call(&["PING"]), Reply::Simple("PONG".into()));
    let port = free_port();
    assert_eq!(client.call(&["CONFIG", "SET", "port", &port.to_string()]), ok());
    assert_eq!(Client::connect(port).call(&["PING"]), Reply::Simple("PONG".into()));
    eventually("the old port is closed", || Client::try_connect(server.port).is_err());
    assert_eq!(client.call(&["CONFIG", "GET", "port"]).items()[1].text(), port.to_string());
}

#[test]
fn metrics_and_health_are_served_over_http() {
    let port = free_port();
    let server = Server::start(&["--metrics-port", &port.to_string()]);
    server.client().call(&["SET", "k", "v"]);
    let get = |path: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(get("/healthz").starts_with("HTTP/1.1 200 "));
    assert!(get("/readyz").starts_with("HTTP/1.1 200 "));
    let metrics = get("/metrics");
    for line in [
        "redis_up 1",
        "redis_db_keys{db=\"db0\"} 1",
        "redis_commands_total{cmd=\"set\"} 1",
        "tartan_stripes 1024",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[test]
fn shutdown_ends_the_server() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert!(client.call(&["SHUTDOWN", "ABORT"]).is_error("ERR No shutdown in progress."));
    assert!(client.try_call(&["SHUTDOWN", "NOSAVE"]).is_err());
    eventually("the port is closed", || Client::try_connect(server.port).is_err());
}

#[test]
fn a_crash_on_demand_is_reported() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    assert!(server.client().try_call(&["DEBUG", "SEGFAULT"]).is_err());
    server.await_end();
    let log = server.log();
    for part in ["BUG REPORT START", "DEBUG SEGFAULT", "STACK TRACE", "BUG REPORT END"] {
        assert!(log.contains(part), "{part}: {log}");
    }
}
