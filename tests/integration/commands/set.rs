//! Sets: encodings of stored results, key-space events, and pops and scans of tables.

use std::collections::HashSet;

use crate::support::client::{Client, Reply};
use crate::support::server::Server;

fn call(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

/// Adds the integers of a range and another member.
fn fill(client: &mut Client, key: &str, integers: std::ops::Range<usize>, other: &str) {
    let members: Vec<_> = integers.map(|number| number.to_string()).collect();
    call(client, &format!("SADD {key} {other} {}", members.join(" ")));
}

/// As Redis 7.2.4 answers: whole sets of integers become intsets again when intersected, a difference keeps what its first
/// set needed if it was made by removing.
#[test]
fn stored_results_have_the_encodings_of_redis() {
    let server = Server::start(&[]);
    let mut client = server.client();
    fill(&mut client, "ints", 0..600, "0");
    fill(&mut client, "mixed", 50..250, "a");
    fill(&mut client, "few", 0..20, "a");
    for part in 0..6 {
        fill(&mut client, &format!("part{part}"), part * 100..part * 100 + 99, "b");
    }
    let mut check = |command: &str, size: i64, encoding: &str| {
        assert_eq!(call(&mut client, command), Reply::Integer(size), "{command}");
        assert_eq!(call(&mut client, "OBJECT ENCODING d").text(), encoding, "{command}");
    };
    check("SINTERSTORE d ints ints", 600, "hashtable");
    check("SINTERSTORE d ints mixed", 200, "intset");
    check("SINTERSTORE d few mixed few", 1, "listpack");
    check("SUNIONSTORE d few", 21, "listpack");
    check("SUNIONSTORE d few mixed", 221, "hashtable");
    check("SDIFFSTORE d few part0", 1, "listpack");
    check("SDIFFSTORE d ints part0 part1 part2 part3 part4 part5", 6, "hashtable");
}

#[test]
fn a_stored_result_replaces_any_value_and_its_expiry() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "SADD s a b");
    call(&mut client, "SET d text EX 1000");
    assert_eq!(call(&mut client, "SUNIONSTORE d s"), Reply::Integer(2));
    assert_eq!(call(&mut client, "TTL d"), Reply::Integer(-1));
    call(&mut client, "SET d text");
    assert_eq!(call(&mut client, "SDIFFSTORE d s s"), Reply::Integer(0));
    assert_eq!(call(&mut client, "EXISTS d"), Reply::Integer(0));
}

#[test]
fn events_come_in_the_order_of_redis() {
    let server = Server::start(&["--notify-keyspace-events", "EAn"]);
    let (mut client, mut listener) = (server.client(), server.client());
    call(&mut listener, "PSUBSCRIBE __keyevent@0__:*");
    let mut check = |command: &str, expected: &str| {
        call(&mut client, command);
        for event in expected.split_whitespace() {
            let message = listener.read().unwrap();
            let name = message.items()[2].text();
            let event_of_key =
                format!("{}:{}", name.trim_start_matches("__keyevent@0__:"), message.items()[3].text());
            assert_eq!(event_of_key, event, "{command}");
        }
    };
    check("SADD s 1 2 3 4", "new:s sadd:s");
    check("SADD s 1", "");
    check("SMOVE s t 1", "srem:s new:t sadd:t");
    check("SMOVE t t 1", "");
    check("SMOVE t s 1", "srem:t del:t sadd:s");
    check("SPOP s 0", "");
    check("SPOP s 2", "spop:s");
    check("SUNIONSTORE t s", "new:t sunionstore:t");
    check("SUNIONSTORE t s", "sunionstore:t");
    check("SPOP s 9", "spop:s del:s");
    check("SPOP t", "spop:t");
    check("SPOP t", "spop:t del:t");
    check("SADD s 1", "new:s sadd:s");
    check("SDIFFSTORE s s s", "del:s");
}

#[test]
fn pops_take_each_member_once_and_leave_the_others() {
    let server = Server::start(&[]);
    for (other, len) in [("0", 3000), ("a", 3001)] {
        let mut client = server.client();
        fill(&mut client, "s", 0..3000, other);
        let mut popped = HashSet::new();
        for count in [1, 700, 2150, 100] {
            let reply = call(&mut client, &format!("SPOP s {count}"));
            popped.extend(reply.items().iter().map(Reply::text));
        }
        let left: HashSet<_> = call(&mut client, "SMEMBERS s").items().iter().map(Reply::text).collect();
        assert_eq!((popped.len(), left.len()), (2951, len - 2951));
        assert!(popped.is_disjoint(&left));
        call(&mut client, "DEL s");
    }
}

#[test]
fn a_scan_finds_what_stays_while_the_set_grows() {
    let server = Server::start(&[]);
    let mut client = server.client();
    fill(&mut client, "s", 0..2000, "a");
    let (mut cursor, mut found, mut added) = ("0".to_owned(), HashSet::new(), 2000);
    loop {
        let page = call(&mut client, &format!("SSCAN s {cursor} COUNT 50"));
        found.extend(page.items()[1].items().iter().map(Reply::text));
        cursor = page.items()[0].text();
        if cursor == "0" {
            break;
        }
        fill(&mut client, "s", added..added + 100, "a");
        added += 100;
    }
    assert!((0..2000).all(|number| found.contains(&number.to_string())));
}
