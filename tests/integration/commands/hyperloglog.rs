//! HyperLogLogs: bytes, errors, what counts as a change, and what the log has.

use crate::support::{Client, Reply, Server};

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&command.split(' ').collect::<Vec<_>>())
}

/// Sets a key to bytes that need not be text.
fn set(client: &mut Client, key: &str, bytes: &[u8]) {
    let head = format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n", key.len(), bytes.len());
    client.send(&[head.as_bytes(), bytes, b"\r\n"].concat()).unwrap();
    assert_eq!(client.read().unwrap(), Reply::Simple("OK".into()));
}

fn sparse(runs: &[u8]) -> Vec<u8> {
    [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80".as_slice(), runs].concat()
}

#[test]
fn the_bytes_are_those_of_redis() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(call(&mut client, "PFADD k"), Reply::Integer(1));
    assert_eq!(call(&mut client, "PFADD k"), Reply::Integer(0));
    assert_eq!(call(&mut client, "GET k"), Reply::Bulk(sparse(b"\x7f\xff")));
    assert_eq!(call(&mut client, "PFADD k a b c d e f g"), Reply::Integer(1));
    assert_eq!(call(&mut client, "PFADD k a g"), Reply::Integer(0));
    let runs =
        "Z:1646 v:1,1 Z:5645 v:1,1 Z:1085 v:2,1 z:57 v:1,1 Z:4274 v:2,1 Z:2445 v:1,1 Z:622 v:1,1 Z:603";
    assert_eq!(call(&mut client, "PFDEBUG DECODE k").text(), runs);
    assert_eq!(call(&mut client, "PFCOUNT k"), Reply::Integer(7));
    let Reply::Bulk(bytes) = call(&mut client, "GET k") else { panic!("no string") };
    assert_eq!(bytes[8..16], [7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(call(&mut client, "OBJECT ENCODING k").text(), "raw");
}

#[test]
fn strings_that_are_none_are_refused() {
    const NONE: &str = "WRONGTYPE Key is not a valid HyperLogLog string value.";
    const CORRUPT: &str = "INVALIDOBJ Corrupted HLL object detected";
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "RPUSH list a");
    call(&mut client, "SET number 12");
    set(&mut client, "short", b"HYLL\x01");
    set(&mut client, "form", b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
    set(&mut client, "dense", &[b"HYLL".as_slice(), &[0; 12_301]].concat());
    set(&mut client, "nothing", &sparse(b""));
    set(&mut client, "more", &sparse(b"\x7f\xff\x00"));
    set(&mut client, "long", &sparse(&[0x7f; 40_000]));
    let mut check = |command: &str, expected: &str| {
        assert_eq!(call(&mut client, command), Reply::Error(expected.into()), "{command}");
    };
    for key in ["number", "short", "form", "dense"] {
        for command in [
            "PFADD KEY a",
            "PFCOUNT KEY",
            "PFCOUNT none KEY",
            "PFMERGE d KEY",
            "PFMERGE KEY",
            "PFDEBUG ENCODING KEY",
        ] {
            check(&command.replace("KEY", key), NONE);
        }
    }
    check("PFADD list a", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check("PFCOUNT list", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check("PFADD nothing a", CORRUPT);
    for key in ["nothing", "more", "long"] {
        for command in
            ["PFCOUNT KEY", "PFCOUNT none KEY", "PFMERGE d KEY", "PFDEBUG GETREG KEY", "PFDEBUG TODENSE KEY"]
        {
            check(&command.replace("KEY", key), CORRUPT);
        }
    }
    check("PFDEBUG ENCODING none", "ERR The specified key does not exist");
    check("PFDEBUG other more", "ERR Unknown PFDEBUG subcommand 'other'");
    assert_eq!(call(&mut client, "EXISTS d"), Reply::Integer(0));
}

#[test]
fn merging_takes_the_form_of_the_densest() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "PFADD a 1 2 3");
    call(&mut client, "PFADD b 3 4");
    assert_eq!(call(&mut client, "PFMERGE d a b"), Reply::Simple("OK".into()));
    assert_eq!(call(&mut client, "PFDEBUG ENCODING d").text(), "sparse");
    assert_eq!(call(&mut client, "PFCOUNT d"), Reply::Integer(4));
    assert_eq!(call(&mut client, "PFCOUNT a b none"), Reply::Integer(4));
    assert_eq!(call(&mut client, "PFDEBUG TODENSE b"), Reply::Integer(1));
    assert_eq!(call(&mut client, "PFDEBUG TODENSE b"), Reply::Integer(0));
    assert_eq!(call(&mut client, "STRLEN b"), Reply::Integer(12_304));
    call(&mut client, "PFMERGE d b");
    assert_eq!(call(&mut client, "PFDEBUG ENCODING d").text(), "dense");
    assert_eq!(call(&mut client, "PFCOUNT d"), Reply::Integer(4));
    assert!(call(&mut client, "PFDEBUG DECODE d").is_error("ERR HLL encoding is not sparse"));
    assert_eq!(call(&mut client, "PFDEBUG GETREG a").items().len(), 16_384);
    assert_eq!(call(&mut client, "PFDEBUG ENCODING a").text(), "dense");
    call(&mut client, "PFMERGE alone");
    assert_eq!(call(&mut client, "PFCOUNT alone"), Reply::Integer(0));
}

#[test]
fn counting_anew_is_a_change_without_an_event() {
    let server = Server::start(&["--notify-keyspace-events", "EA"]);
    let (mut client, mut watcher, mut listener) = (server.client(), server.client(), server.client());
    call(&mut client, "PFADD k a");
    call(&mut listener, "PSUBSCRIBE *");
    let mut watched = |expected: Reply| {
        call(&mut watcher, "WATCH k");
        call(&mut client, "PFCOUNT k");
        call(&mut watcher, "MULTI");
        assert_eq!(call(&mut watcher, "EXEC"), expected);
    };
    watched(Reply::Null);
    watched(Reply::Array(vec![]));
    call(&mut client, "PFMERGE k");
    assert_eq!(listener.read().unwrap().items()[2].text(), "__keyevent@0__:pfadd");
}

#[test]
fn the_log_leads_to_the_same_bytes() {
    let server = Server::start(&[
        "--appendonly",
        "yes",
        "--enable-debug-command",
        "yes",
        "--hll-sparse-max-bytes",
        "100",
    ]);
    let mut client = server.client();
    for number in 0..200 {
        call(&mut client, &format!("PFADD k{} {number} {}", number % 7, number * 31));
        call(&mut client, &format!("PFCOUNT k{}", number % 5));
    }
    call(&mut client, "PFMERGE all k0 k1 k2");
    call(&mut client, "PFADD few x");
    call(&mut client, "PFDEBUG TODENSE few");
    let digest = call(&mut client, "DEBUG DIGEST");
    assert_eq!(call(&mut client, "DEBUG LOADAOF").text(), "OK");
    assert_eq!(call(&mut client, "DEBUG DIGEST"), digest);
    assert_eq!(call(&mut client, "PFDEBUG ENCODING few").text(), "dense");
}

#[test]
fn the_self_test_passes() {
    let server = Server::start(&[]);
    assert_eq!(call(&mut server.client(), "PFSELFTEST").text(), "OK");
}
