//! Streams: clients that wait, and what is journaled. The expected lines are those of the log of a redis-server 7.2.4.

use std::time::Duration;

use tartan::journal::{Merger, Reader};

use crate::journal::{self, node};
use crate::support::{Client, Reply, Server};

/// How long to listen for a reply that must not come.
const SETTLE: Duration = Duration::from_millis(60);

const GROUP: [&str; 2] = ["XADD t 1-1 a 1", "XGROUP CREATE t g $"];

const NO_GROUP: &str = "NOGROUP No such key 't' or consumer group 'g' in XREADGROUP with GROUP option";

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// A reply as one line: `[t [[1-1 [a 1]]]]`.
fn line(reply: &Reply) -> String {
    match reply {
        Reply::Array(items) | Reply::Aggregate(_, items) => {
            format!("[{}]", items.iter().map(line).collect::<Vec<_>>().join(" "))
        }
        Reply::Null => "null".into(),
        Reply::Error(text) => text.clone(),
        Reply::Integer(number) => number.to_string(),
        other => other.text(),
    }
}

/// Whoever waits with `waiters` after `setup` gets `expected` when `commands` have been run; `-` stands for still waiting.
fn check(setup: &[&str], waiters: &[&str], commands: &[&str], expected: &[&str]) {
    let server = Server::with_workers(2);
    let mut writer = server.client();
    setup.iter().for_each(|command| drop(writer.call(&words(command))));
    let mut clients: Vec<Client> = waiters.iter().map(|command| server.waiting(command)).collect();
    for command in commands {
        let reply = writer.call(&words(command));
        assert!(!matches!(reply, Reply::Error(_)), "{command}: {reply:?}");
    }
    for ((client, waiter), expected) in clients.iter_mut().zip(waiters).zip(expected) {
        if *expected == "-" {
            client.stream().set_read_timeout(Some(SETTLE)).unwrap();
            assert!(client.read().is_err(), "{waiter} after {commands:?} waits no more");
        } else {
            assert_eq!(line(&client.read().unwrap()), *expected, "{waiter} after {commands:?}");
        }
    }
}

#[test]
fn readers_wait_for_what_comes_after_their_identifiers() {
    let one = ["XADD t 1-1 a 1"];
    let new = "[[t [[2-1 [a 2]]]]]";
    check(&one, &["XREAD BLOCK 0 STREAMS t $"; 2], &["XADD t 2-1 a 2"], &[new, new]);
    check(&one, &["XREAD BLOCK 0 STREAMS t u $ $"], &["XADD u 2-1 a 2"], &["[[u [[2-1 [a 2]]]]]"]);
    check(&one, &["XREAD BLOCK 0 STREAMS t 3-0"], &["XADD t 2-1 a 2"], &["-"]);
    check(
        &one,
        &["XREAD BLOCK 0 STREAMS t 3-0"],
        &["XADD t 2-1 a 2", "XADD t 4-1 a 4"],
        &["[[t [[4-1 [a 4]]]]]"],
    );
    check(&one, &["XREAD BLOCK 30 STREAMS t $"], &[], &["null"]);
    check(&[], &["XREAD BLOCK 0 STREAMS t $"], &["SET t x"], &["-"]);
    check(&[], &["XREAD BLOCK 0 STREAMS t $"], &["LPUSH t x", "DEL t", "XADD t 2-1 a 2"], &[new]);
    check(&["XADD u 2-1 a 2"], &["XREAD BLOCK 0 STREAMS t 0"], &["RENAME u t"], &[new]);
    check(&[], &["BLPOP t 0", "XREAD BLOCK 0 STREAMS t $"], &["XADD t 2-1 a 2"], &["-", new]);
    check(&one, &["XREAD BLOCK 0 STREAMS t $"], &["XADD t MAXLEN 0 2-1 a 2"], &["-"]);
}

#[test]
fn consumers_are_served_once_and_in_order() {
    let both =
        ["XREADGROUP GROUP g c1 COUNT 1 BLOCK 0 STREAMS t >", "XREADGROUP GROUP g c2 BLOCK 0 STREAMS t >"];
    let (first, second) = ("[[t [[2-1 [a 2]]]]]", "[[t [[3-1 [a 3]]]]]");
    check(&GROUP, &both, &["XADD t 2-1 a 2"], &[first, "-"]);
    check(&GROUP, &both, &["MULTI", "XADD t 2-1 a 2", "XADD t 3-1 a 3", "EXEC"], &[first, second]);
    check(&GROUP, &both[..1], &["XGROUP SETID t g 0"], &["-"]);
    check(&GROUP, &both[..1], &["XGROUP SETID t g 0", "XADD t 2-1 a 2"], &["[[t [[1-1 [a 1]]]]]"]);
    check(&GROUP, &both[..1], &["XGROUP DELCONSUMER t g c1", "XADD t 2-1 a 2"], &[first]);
}

#[test]
fn consumers_learn_that_their_group_is_gone() {
    let waiter = ["XREADGROUP GROUP g c BLOCK 0 STREAMS t >"];
    check(&GROUP, &waiter, &["XGROUP DESTROY t g"], &[NO_GROUP]);
    check(&GROUP, &waiter, &["DEL t"], &[NO_GROUP]);
    check(&GROUP, &["XREAD BLOCK 0 STREAMS t $", waiter[0]], &["DEL t"], &["-", NO_GROUP]);
    check(&GROUP, &waiter, &["RENAME t u"], &[NO_GROUP]);
    check(&GROUP, &waiter, &["MULTI", "DEL t", "XADD t 9-9 a b", "EXEC"], &[NO_GROUP]);
    check(&GROUP, &waiter, &["MULTI", "DEL t", "XGROUP CREATE t g $ MKSTREAM", "EXEC"], &["-"]);
    check(
        &GROUP,
        &waiter,
        &["SET t x"],
        &["WRONGTYPE Operation against a key holding the wrong kind of value"],
    );
}

/// What `command` journals after `setup`: commands joined by `; `, with `T` for the present time.
fn journaled(setup: &[&str], command: &str) -> String {
    let node = node(1);
    let mut client = journal::Client::new(&node, 0);
    setup.iter().for_each(|command| drop(client.call(command)));
    let merger = Merger::new(&node.journal, Reader::Log);
    let reply = client.call(command);
    assert_ne!(reply.first(), Some(&b'-'), "{command}: {}", String::from_utf8_lossy(&reply));
    let runs = journal::journaled(&node.journal, merger);
    let text: String = runs.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    let mut commands = Vec::<Vec<String>>::new();
    for word in text.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with('$')) {
        match (word.strip_prefix('*'), commands.last_mut()) {
            (Some(_), _) => commands.push(Vec::new()),
            (None, Some(last)) => last.push(without_time(word)),
            (None, None) => panic!("{text}"),
        }
    }
    commands.iter().map(|command| command.join(" ")).collect::<Vec<_>>().join("; ")
}

/// The milliseconds of the present time have thirteen digits.
fn without_time(word: &str) -> String {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 13 { format!("T{}", &word[13..]) } else { word.into() }
}

#[test]
fn additions_and_trims_are_journaled_exactly() {
    let five = ["XADD t 1-1 a 1", "XADD t 1-2 a 1", "XADD t 1-3 a 1", "XADD t 1-4 a 1", "XADD t 2 a 1"];
    let check = |command, expected: &str| assert_eq!(journaled(&five, command), expected, "{command}");
    check("XADD t 9 a 1", "XADD t 9 a 1");
    check("XADD t * a 1", "XADD t T-0 a 1");
    check("XADD t NOMKSTREAM 9-* a 1", "XADD t NOMKSTREAM 9-0 a 1");
    check("XADD t MAXLEN 2 9-1 a 1", "XADD t MAXLEN 2 9-1 a 1");
    check("XADD t MAXLEN ~ 2 LIMIT 10 9-1 a 1", "XADD t MAXLEN = 6 LIMIT 10 9-1 a 1");
    check("XADD t MINID ~ 2 9-* a 1", "XADD t MINID = 1-1 9-0 a 1");
    check("XTRIM t MAXLEN ~ 1", "");
    check("XTRIM t MAXLEN 1", "XTRIM t MAXLEN 1");
    check("XDEL t 1-1 7-7", "XDEL t 1-1 7-7");
    check("XDEL t 7-7", "");
    check("XADD none NOMKSTREAM * a b", "");
}

#[test]
fn deliveries_are_journaled_as_claims() {
    let group = ["XADD t 1-1 a 1", "XADD t 1-2 a 1", "XGROUP CREATE t g 0"];
    let check = |command, expected: &str| assert_eq!(journaled(&group, command), expected, "{command}");
    let claim = |id| format!("XCLAIM t g c 0 {id} TIME T RETRYCOUNT 1 FORCE JUSTID LASTID {id}");
    check("XREADGROUP GROUP g c COUNT 1 STREAMS t >", &claim("1-1"));
    let all = format!("MULTI; {}; {}; EXEC", claim("1-1"), claim("1-2"));
    check("XREADGROUP GROUP g c STREAMS t >", &all);
    check(
        "XREADGROUP GROUP g c COUNT 1 NOACK STREAMS t >",
        "MULTI; XGROUP CREATECONSUMER t g c; XGROUP SETID t g 1-1 ENTRIESREAD 1; EXEC",
    );
    check("XREADGROUP GROUP g c STREAMS t 0", "");
    check("XCLAIM t g c 0 1-1", "");
    check("XCLAIM t g c 0 1-1 LASTID 5-5", "XGROUP SETID t g 5-5 ENTRIESREAD -1");
    check("XGROUP SETID t g 1-2", "XGROUP SETID t g 1-2");
}

#[test]
fn claims_are_journaled_with_their_outcome() {
    let pending =
        ["XADD t 1-1 a 1", "XADD t 1-2 a 1", "XGROUP CREATE t g 0", "XREADGROUP GROUP g c STREAMS t >"];
    let gone = [&pending[..], &["XDEL t 1-1"]].concat();
    let claim = |consumer, id, count| {
        format!("XCLAIM t g {consumer} 0 {id} TIME T RETRYCOUNT {count} FORCE JUSTID LASTID 1-2")
    };
    assert_eq!(journaled(&pending, "XCLAIM t g d 0 1-1"), claim("d", "1-1", 2));
    assert_eq!(journaled(&pending, "XCLAIM t g d 0 1-1 JUSTID"), claim("d", "1-1", 1));
    assert_eq!(journaled(&pending, "XCLAIM t g d 100000 1-1"), "");
    assert_eq!(journaled(&gone, "XCLAIM t g d 0 1-1"), claim("c", "1-1", 1));
    let both = format!("MULTI; {}; {}; EXEC", claim("c", "1-1", 1), claim("d", "1-2", 2));
    assert_eq!(journaled(&gone, "XAUTOCLAIM t g d 0 0"), both);
    assert_eq!(journaled(&pending, "XACK t g 1-1 1-9"), "XACK t g 1-1 1-9");
    assert_eq!(journaled(&pending, "XACK t g 1-9"), "");
}
