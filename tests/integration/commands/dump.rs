//! DUMP and RESTORE: what the random comparison with redis-server leaves out. Errors, times to live, events and the journal's
//! record are those of Redis 7.2.4.

use std::time::{SystemTime, UNIX_EPOCH};

use tartan::journal::{Merger, Reader};

use crate::journal;
use crate::support::client::{Client, Reply, encode};
use crate::support::server::Server;

fn call(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

/// RESTORE key ttl <payload> options.
fn restore(client: &mut Client, key: &str, ttl: &str, payload: &[u8], options: &str) -> Reply {
    let head = [b"RESTORE", key.as_bytes(), ttl.as_bytes(), payload];
    let options = options.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes);
    client.send(&encode(&head.into_iter().chain(options).collect::<Vec<_>>())).unwrap();
    client.read().unwrap()
}

fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    match call(client, &format!("DUMP {key}")) {
        Reply::Bulk(payload) => payload,
        other => panic!("{other:?}"),
    }
}

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

fn error(text: &str) -> Reply {
    Reply::Error(text.into())
}

#[test]
fn every_type_comes_back_the_same() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    for (key, commands) in [
        ("s", &["SET s value"][..]),
        ("n", &["SET n -17"]),
        ("l", &["RPUSH l a 1 b"]),
        ("i", &["SADD i 1 2 70000"]),
        ("m", &["SADD m a 1"]),
        ("h", &["HSET h f v g 7"]),
        ("z", &["ZADD z 1.5 a -inf b"]),
        ("x", &["XADD x 1-1 f v", "XGROUP CREATE x g 0", "XREADGROUP GROUP g c STREAMS x >", "XDEL x 1-1"]),
    ] {
        for command in commands {
            call(&mut client, command);
        }
        let payload = dump(&mut client, key);
        assert_eq!(restore(&mut client, "copy", "0", &payload, "REPLACE"), ok(), "{key}");
        assert_eq!(dump(&mut client, "copy"), payload, "{key}");
        let digests = call(&mut client, &format!("DEBUG DIGEST-VALUE {key} copy"));
        assert_eq!(digests.items()[0], digests.items()[1], "{key}");
    }
    assert_eq!(call(&mut client, "DUMP nothing"), Reply::Null);
}

#[test]
fn refusals() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "SET k value");
    let payload = dump(&mut client, "k");
    let mut check = |key: &str, ttl: &str, payload: &[u8], options: &str, expected: &str| {
        assert_eq!(restore(&mut client, key, ttl, payload, options), error(expected), "{options}");
    };
    let wrong = "ERR DUMP payload version or checksum are wrong";
    check("k", "0", &payload, "", "BUSYKEY Target key name already exists.");
    check("k", "x", b"", "", "BUSYKEY Target key name already exists.");
    check("k2", "-1", b"", "", "ERR Invalid TTL value, must be >= 0");
    check("k2", "x", b"", "", "ERR value is not an integer or out of range");
    check("k2", "0", b"", "", wrong);
    check("k2", "0", &payload[..payload.len() - 1], "", wrong);
    check("k2", "0", &payload, "FREQ 1 IDLETIME 1", "ERR syntax error");
    // A set with a member twice, and an empty hash, with right checksums.
    let twice = b"\x02\x02\x01a\x01a\x0b\x00\x3e\x61\xcb\x5c\x3f\x49\xbb\xb3";
    let empty = b"\x04\x00\x0b\x00\xfa\xee\x2b\xb3\xda\x0d\x7c\x36";
    check("k2", "0", twice, "", "ERR Bad data format");
    check("k2", "0", empty, "", "ERR Bad data format");
    assert_eq!(call(&mut client, "DBSIZE"), Reply::Integer(1));
}

#[test]
fn times_to_live_and_access() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "SET k value");
    let payload = dump(&mut client, "k");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let at = (now + 100_000).to_string();
    assert_eq!(restore(&mut client, "k", &at, &payload, "REPLACE ABSTTL IDLETIME 500"), ok());
    assert_eq!(call(&mut client, "PEXPIRETIME k").integer().to_string(), at);
    assert!((500..510).contains(&call(&mut client, "OBJECT IDLETIME k").integer()));
    assert_eq!(restore(&mut client, "k", "5000", &payload, "REPLACE"), ok());
    assert!((1..=5000).contains(&call(&mut client, "PTTL k").integer()));
    assert_eq!(restore(&mut client, "k", "1", &payload, "ABSTTL REPLACE"), ok());
    assert_eq!(call(&mut client, "EXISTS k"), Reply::Integer(0));
    assert_eq!(restore(&mut client, "k", "1", &payload, "ABSTTL"), ok());
    assert_eq!(call(&mut client, "EXISTS k"), Reply::Integer(0));
    call(&mut client, "CONFIG SET maxmemory-policy allkeys-lfu");
    assert_eq!(restore(&mut client, "k", "0", &payload, "FREQ 77"), ok());
    assert_eq!(call(&mut client, "OBJECT FREQ k"), Reply::Integer(77));
}

/// What goes into the journal for RESTORE k `ttl` <payload> `options`, where k is there if `present`; payload and times left
/// out.
fn journaled(present: bool, ttl: &str, options: &[&str]) -> String {
    let node = journal::node(1);
    let mut client = journal::Client::new(&node, 0);
    client.call("SET k value");
    let reply = client.call("DUMP k");
    let start = reply.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    let payload = &reply[start..reply.len() - 2];
    if !present {
        client.call("DEL k");
    }
    let merger = Merger::new(&node.journal, Reader::Log);
    let head = [b"RESTORE", &b"k"[..], ttl.as_bytes(), payload];
    let options = options.iter().map(|word| word.as_bytes());
    client.run(encode(&head.into_iter().chain(options).collect::<Vec<_>>()));
    let runs = journal::journaled(&node.journal, merger);
    let bytes: Vec<u8> = runs.into_iter().flat_map(|(_, bytes)| bytes).collect();
    let words = String::from_utf8_lossy(&bytes).into_owned();
    let shown = words.split("\r\n").filter(|word| !word.starts_with(['*', '$']) && word.is_ascii());
    let shown = shown.map(|word| if word.len() == 13 { "<time>" } else { word });
    shown.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_journal_gets_absolute_times() {
    assert_eq!(journaled(false, "0", &[]), "RESTORE k 0");
    assert_eq!(journaled(false, "5000", &["FREQ", "7"]), "RESTORE k <time> FREQ 7 ABSTTL");
    assert_eq!(journaled(true, "5000", &["REPLACE"]), "RESTORE k <time> REPLACE ABSTTL");
    assert_eq!(journaled(true, "9999999999999", &["REPLACE", "absttl"]), "RESTORE k <time> REPLACE absttl");
    assert_eq!(journaled(true, "5", &["REPLACE", "ABSTTL"]), "DEL k");
    assert_eq!(journaled(false, "5", &["REPLACE", "ABSTTL"]), "");
    assert_eq!(journaled(true, "0", &[]), "");
}
