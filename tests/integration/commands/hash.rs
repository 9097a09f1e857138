//! Hashes: scans and random picks of tables, which no two servers make alike, and the empty key.

use std::collections::HashSet;

use crate::support::client::{Client, Reply};
use crate::support::server::Server;

const FIELDS: usize = 3000;

fn call(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

fn fill(client: &mut Client) {
    for number in 0..FIELDS {
        assert_eq!(call(client, &format!("HSET h field:{number} value:{number}")), Reply::Integer(1));
    }
}

/// Fields of all pages; a value must follow its field.
fn scanned(client: &mut Client, options: &str) -> (HashSet<String>, usize) {
    let (mut cursor, mut fields, mut calls) = ("0".to_owned(), HashSet::new(), 0);
    loop {
        let page = call(client, &format!("HSCAN h {cursor}{options}"));
        calls += 1;
        for pair in page.items()[1].items().chunks(2) {
            assert_eq!(pair[0].text().replace("field", "value"), pair[1].text());
            fields.insert(pair[0].text());
        }
        cursor = page.items()[0].text();
        if cursor == "0" {
            return (fields, calls);
        }
    }
}

#[test]
fn scans_find_every_field_in_pages_of_about_the_count() {
    let server = Server::start(&[]);
    let mut client = server.client();
    fill(&mut client);
    for (count, calls_min, calls_max) in [(10, 50, 300), (1000, 3, 3), (100_000, 1, 1)] {
        let (fields, calls) = scanned(&mut client, &format!(" COUNT {count}"));
        assert_eq!(fields.len(), FIELDS);
        assert!((calls_min..=calls_max).contains(&calls), "COUNT {count} took {calls} calls");
    }
    assert_eq!(scanned(&mut client, " MATCH *:17 COUNT 100").0.len(), 1);
    assert_eq!(scanned(&mut client, " MATCH *:1? COUNT 100").0.len(), 10);
}

#[test]
fn random_fields_are_distinct_unless_the_count_is_negative() {
    let server = Server::start(&[]);
    let mut client = server.client();
    fill(&mut client);
    let mut check = |count: i64, expected: usize, distinct: bool| {
        let reply = call(&mut client, &format!("HRANDFIELD h {count} WITHVALUES"));
        let fields: Vec<_> = reply.items().chunks(2).map(|pair| pair[0].text()).collect();
        assert!(
            reply.items().chunks(2).all(|pair| pair[0].text().replace("field", "value") == pair[1].text())
        );
        assert_eq!(fields.len(), expected, "count {count}");
        assert_eq!(fields.iter().collect::<HashSet<_>>().len() == expected, distinct, "count {count}");
    };
    check(50, 50, true);
    check(2000, 2000, true);
    check(5000, FIELDS, true);
    check(-9000, 9000, false);
}

#[test]
fn pairs_are_nested_in_resp3() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "HELLO 3");
    call(&mut client, "HSET h f v");
    let (field, value) = (Reply::Bulk(b"f".to_vec()), Reply::Bulk(b"v".to_vec()));
    let pair = vec![field, value];
    assert_eq!(
        call(&mut client, "HRANDFIELD h 1 WITHVALUES"),
        Reply::Array(vec![Reply::Array(pair.clone())])
    );
    assert_eq!(call(&mut client, "HGETALL h"), Reply::Aggregate('%', pair.clone()));
    assert_eq!(call(&mut client, "HSCAN h 0").items()[1], Reply::Array(pair));
}

#[test]
fn the_empty_key_is_one_key_inside_and_outside_of_transactions() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for step in ["MULTI", "HSET  f v", "EXEC"] {
        assert!(!call(&mut client, step).is_error(""), "{step}");
    }
    assert_eq!(call(&mut client, "HGET  f"), Reply::Bulk(b"v".to_vec()));
}
