//! Clients that wait for the log: replies that it holds back (design 4.2), and WAITAOF.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tartan::journal::{Merger, Reader};

use super::journal::{self, node};
use super::support::{Client, Reply, Server, eventually};

/// Longer than anything that must not wait for the log takes.
const DELAY: &str = "3000000";

fn start(policy: &str) -> Server {
    Server::start(&["--appendonly", "yes", "--appendfsync", policy, "--enable-debug-command", "yes"])
}

fn run(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

fn ok(client: &mut Client, line: &str) {
    let reply = run(client, line);
    assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
}

fn pair(local: i64, replicas: i64) -> Reply {
    Reply::Array(vec![Reply::Integer(local), Reply::Integer(replicas)])
}

#[test]
fn waitaof_waits_for_the_fsync_of_its_own_write() {
    for policy in ["everysec", "always"] {
        let server = start(policy);
        let mut client = server.client();
        assert_eq!(run(&mut client, "WAITAOF 1 0 0"), pair(1, 0), "nothing is written");
        ok(&mut client, "SET key 1");
        sleep(Duration::from_millis(1200));
        ok(&mut client, "SET key 2");
        let started = Instant::now();
        assert_eq!(run(&mut client, "WAITAOF 1 0 30000"), pair(1, 0));
        assert!(started.elapsed() < Duration::from_secs(20), "{policy}");
        assert_eq!(run(&mut client, "WAITAOF 0 0 0"), pair(1, 0));
        // Whatever a replica has not acknowledged, our own disk has.
        assert_eq!(run(&mut client, "WAITAOF 1 1 50"), pair(1, 0));
        for line in ["MULTI", "SET key 3", "WAITAOF 1 1 0"] {
            ok(&mut client, line);
        }
        assert_eq!(run(&mut client, "EXEC").items()[1], pair(1, 0), "what stood before EXEC");
    }
}

#[test]
fn waitaof_leaves_fsync_to_who_does_it() {
    let server = start("no");
    let mut client = server.client();
    ok(&mut client, "SET key 1");
    assert_eq!(run(&mut client, "WAITAOF 0 0 0"), pair(0, 0));
    assert_eq!(run(&mut client, "WAITAOF 1 0 100"), pair(0, 0));
    client.send(b"WAITAOF 1 0 0\r\n").unwrap();
    sleep(Duration::from_millis(100));
    assert!(!client.has_input());
    ok(&mut server.client(), "CONFIG SET appendfsync everysec");
    assert_eq!(client.read().unwrap(), pair(1, 0));
}

#[test]
fn waitaof_without_a_log() {
    let server = Server::start(&[]);
    let mut client = server.client();
    const REFUSAL: &str = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    ok(&mut client, "SET key 1");
    assert_eq!(run(&mut client, "WAITAOF 0 0 0"), pair(0, 0));
    assert_eq!(run(&mut client, "WAITAOF 0 1 20"), pair(0, 0));
    assert!(run(&mut client, "WAITAOF 1 0 0").is_error(REFUSAL));
    assert!(
        run(&mut client, "WAITAOF 2 0 0").is_error("ERR value is out of range, value must between 0 and 1")
    );
    assert!(run(&mut client, "WAITAOF 1 -1 -1").is_error("ERR value is out of range, must be positive"));
    assert!(run(&mut client, "WAITAOF 1 0 -1").is_error("ERR timeout is negative"));

    // What was written before the log was there stands in its base.
    ok(&mut client, "CONFIG SET rdb-key-save-delay 300000");
    let started = Instant::now();
    ok(&mut client, "CONFIG SET appendonly yes");
    assert_eq!(run(&mut client, "WAITAOF 1 0 30000"), pair(1, 0));
    assert!(started.elapsed() > Duration::from_millis(200), "{:?}", started.elapsed());

    ok(&mut client, "CONFIG SET appendfsync no");
    for request in ["WAITAOF 1 0 0\r\n", "WAITAOF 1 1 0\r\n"] {
        ok(&mut client, "CONFIG SET appendonly yes");
        eventually("the log is on", || run(&mut client, "WAITAOF 1 0 1000") == pair(1, 0));
        let mut waiting = server.client();
        ok(&mut waiting, "SET key 2");
        waiting.send(request.as_bytes()).unwrap();
        sleep(Duration::from_millis(100));
        ok(&mut client, "CONFIG SET appendonly no");
        assert!(waiting.read().unwrap().is_error(REFUSAL), "{request}");
    }
}

#[test]
fn who_waits_for_the_log_can_be_killed() {
    let server = start("always");
    let (mut client, mut other) = (server.client(), server.client());
    let id = run(&mut client, "CLIENT ID").integer();
    ok(&mut other, &format!("DEBUG AOF-FLUSH-SLEEP {DELAY}"));
    let started = Instant::now();
    client.send(b"SET key 1\r\n").unwrap();
    sleep(Duration::from_millis(100));
    assert_eq!(run(&mut other, &format!("CLIENT KILL ID {id}")).integer(), 1);
    assert!(client.read().is_err(), "the connection has been closed without a reply");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn who_waits_for_the_log_gets_no_more_mail_than_its_limit() {
    let server = start("always");
    let (mut client, mut other) = (server.client(), server.client());
    ok(&mut client, "HELLO 3");
    ok(&mut client, "SUBSCRIBE channel");
    other.call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 100000 0 0"]);
    ok(&mut other, &format!("DEBUG AOF-FLUSH-SLEEP {DELAY}"));
    let started = Instant::now();
    client.send(b"SET key 1\r\n").unwrap();
    sleep(Duration::from_millis(100));
    let message = "x".repeat(10_000);
    for _ in 0..20 {
        other.call(&["PUBLISH", "channel", &message]);
    }
    assert!(client.read().is_err(), "the connection has been closed without a reply");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[test]
fn mail_that_comes_while_the_log_is_waited_for_is_delivered() {
    let server = start("always");
    let (mut client, mut other) = (server.client(), server.client());
    ok(&mut client, "HELLO 3");
    ok(&mut client, "SUBSCRIBE channel");
    ok(&mut other, "DEBUG AOF-FLUSH-SLEEP 300000");
    client.send(b"SET key 1\r\n").unwrap();
    sleep(Duration::from_millis(100));
    for _ in 0..3 {
        other.call(&["PUBLISH", "channel", "message"]);
    }
    assert_eq!(client.read().unwrap(), Reply::Simple("OK".into()));
    for _ in 0..3 {
        assert_eq!(client.read().unwrap().items()[2].text(), "message");
    }
}

#[test]
fn every_key_of_a_write_is_waited_for() {
    let check = |setup: &[&str], write: &str, reads: &[&str]| {
        let node = node(1);
        let _log = Merger::new(&node.journal, Reader::Log);
        let mut client = journal::Client::new(&node, 0);
        for line in setup {
            client.call(line);
        }
        node.journal.release(node.journal.sequence() - 1);
        let before = node.journal.sequence();
        let reply = client.call(write);
        assert!(node.journal.sequence() > before, "{write}: {}", String::from_utf8_lossy(&reply));
        for read in reads {
            let mut reader = journal::Client::new(&Arc::clone(&node), 0);
            reader.call(read);
            assert_eq!(reader.gate(), node.journal.sequence() - 1, "{read} after {write}");
        }
    };
    let streams = &[
        "XADD a 1-1 f v",
        "XADD b 1-1 f v",
        "XGROUP CREATE a g 0",
        "XGROUP CREATE b g 0",
        "XGROUP CREATECONSUMER b g c",
    ];
    let pending = &["XPENDING a g", "XPENDING b g"];
    check(streams, "XREADGROUP GROUP g c STREAMS a b > >", pending);
    check(streams, "XREADGROUP GROUP g c STREAMS b a > >", pending);
    check(streams, "XREADGROUP GROUP g c NOACK STREAMS a b > >", &["XINFO GROUPS a", "XINFO GROUPS b"]);
    check(&["XREADGROUP GROUP g c STREAMS a >"], "XADD a 2-1 f v", &["XLEN a"]);
    check(&[], "MSET a 1 b 2 c 3", &["GET a", "GET b", "GET c"]);
    check(&["SET a 1"], "RENAME a b", &["EXISTS a", "GET b"]);
    check(&["SET a 1", "SET b 2"], "DEL a b", &["EXISTS a", "EXISTS b"]);
    check(&["SET a 1"], "COPY a b", &["GET b"]);
    check(&["SET a 1"], "MOVE a 1", &["EXISTS a"]);
    check(&["RPUSH a 1"], "LMOVE a b LEFT LEFT", &["LLEN a", "LLEN b"]);
    check(&["RPUSH a 1"], "BLMOVE a b LEFT LEFT 0", &["LLEN a", "LLEN b"]);
    check(&["SADD a 1"], "SMOVE a b 1", &["SCARD a", "SCARD b"]);
    check(&["SADD a 1", "SADD b 1"], "SINTERSTORE c a b", &["SCARD c"]);
    check(&["SADD c 1"], "SINTERSTORE c a b", &["SCARD c"]);
    check(&["ZADD a 1 m", "ZADD b 1 m"], "ZUNIONSTORE c 2 a b", &["ZCARD c"]);
    check(&["ZADD a 1 m"], "ZRANGESTORE c a 0 -1", &["ZCARD c"]);
    check(&["ZADD b 1 m"], "ZMPOP 2 a b MIN", &["ZCARD b"]);
    check(&["RPUSH b 1"], "LMPOP 2 a b LEFT", &["LLEN b"]);
    check(&["SET a 1"], "BITOP NOT c a", &["GET c"]);
    check(&["SET a 1", "SET b 1"], "FLUSHALL", &["EXISTS a", "EXISTS c"]);
}

#[test]
fn a_transaction_reveals_all_that_it_has_changed() {
    let node = node(1);
    let _log = Merger::new(&node.journal, Reader::Log);
    let mut client = journal::Client::new(&node, 0);
    for line in ["MULTI", "SET a 1", "RPUSH b 1", "EXEC"] {
        client.call(line);
    }
    for read in ["GET a", "LLEN b"] {
        let mut reader = journal::Client::new(&node, 0);
        reader.call(read);
        assert_eq!(reader.gate(), 1, "{read}");
    }
}
