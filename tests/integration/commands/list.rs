//! Lists: clients that wait. Who is served, when, and with what.

use std::time::Instant;

use crate::support::client::encode;
use crate::support::{Client, Reply, Server};

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&words(command))
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

fn pair(key: &str, element: &str) -> Reply {
    Reply::Array(vec![bulk(key), bulk(element)])
}

/// Whoever waits with `waiters` gets `expected` when `commands` have been run by another client.
fn check(waiters: &[&str], commands: &[&str], expected: &[Reply]) {
    let server = Server::with_workers(2);
    let mut clients: Vec<Client> = waiters.iter().map(|command| server.waiting(command)).collect();
    let mut writer = server.client();
    for command in commands {
        let reply = call(&mut writer, command);
        assert!(!matches!(reply, Reply::Error(_)), "{command}: {reply:?}");
    }
    let replies: Vec<Reply> = clients.iter_mut().map(|client| client.read().unwrap()).collect();
    assert_eq!(replies, expected, "{waiters:?} after {commands:?}");
}

#[test]
fn waiters_are_served_in_order() {
    check(&["BLPOP k 0", "BRPOP k 0"], &["RPUSH k a b c"], &[pair("k", "a"), pair("k", "c")]);
    check(&["BLPOP k 0", "BLPOP k 0"], &["LPUSH k a", "LPUSH k b"], &[pair("k", "a"), pair("k", "b")]);
    check(&["BLPOP a b c 0"], &["MULTI", "RPUSH c 1", "RPUSH a 2", "EXEC"], &[pair("a", "2")]);
    check(&["BLPOP k k 0"], &["RPUSH k a"], &[pair("k", "a")]);
    check(&["BLPOP k 0"], &["RPUSH other a", "LMOVE other k LEFT LEFT"], &[pair("k", "a")]);
}

#[test]
fn a_served_move_serves_the_next() {
    check(
        &["BLMOVE a b LEFT RIGHT 0", "BRPOPLPUSH b c 0", "BLPOP c 0"],
        &["RPUSH a x"],
        &[bulk("x"), bulk("x"), pair("c", "x")],
    );
    check(&["BLMOVE a a LEFT LEFT 0", "BLPOP a 0"], &["RPUSH a x"], &[bulk("x"), pair("a", "x")]);
}

#[test]
fn other_types_wake_nobody_and_an_error_does_not_end_the_round() {
    check(&["BLPOP k 0"], &["SET k v", "GETDEL k", "RPUSH k a"], &[pair("k", "a")]);
    let wrong = Reply::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into());
    check(&["BLMOVE a b LEFT LEFT 0", "BLPOP a 0"], &["SET b v", "RPUSH a x"], &[wrong, pair("a", "x")]);
}

#[test]
fn a_time_out_is_neither_early_nor_late() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    for command in ["BLPOP k 0.1", "BLMOVE k l LEFT LEFT 0.1", "BLMPOP 0.1 1 k LEFT"] {
        let begun = Instant::now();
        assert_eq!(call(&mut client, command), Reply::Null);
        // The server's milliseconds are whole, ours are not.
        assert!((99..30_000).contains(&begun.elapsed().as_millis()), "{command}");
    }
    assert_eq!(call(&mut client, "RPUSH k a"), Reply::Integer(1));
    assert_eq!(call(&mut client, "LLEN k"), Reply::Integer(1));
}

#[test]
fn nothing_is_taken_for_a_client_that_has_gone() {
    let server = Server::with_workers(2);
    drop(server.waiting("BLPOP k 0"));
    server.await_blocked(0);
    let mut writer = server.client();
    call(&mut writer, "RPUSH k a");
    assert_eq!(call(&mut writer, "LPOP k"), bulk("a"));
}

#[test]
fn what_a_waiting_client_sends_runs_afterwards() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    let commands = ["BLPOP k 0", "RPUSH l x", "BLPOP k 0", "LLEN l"];
    client.send(&commands.iter().flat_map(|command| encode(&words(command))).collect::<Vec<u8>>()).unwrap();
    server.await_blocked(1);
    let mut writer = server.client();
    assert_eq!(call(&mut writer, "LLEN l"), Reply::Integer(0));
    call(&mut writer, "RPUSH k a b");
    let replies: Vec<Reply> = commands.iter().map(|_| client.read().unwrap()).collect();
    assert_eq!(replies, [pair("k", "a"), Reply::Integer(1), pair("k", "b"), Reply::Integer(1)]);
}

/// Waits that end by themselves race with pushes on all workers: every element comes out exactly once.
#[test]
fn no_element_is_lost_or_taken_twice() {
    const PRODUCERS: usize = 3;
    const ELEMENTS: usize = 500;
    let server = Server::with_workers(2);
    let consume = |mut client: Client, place: usize| {
        let keys = if place.is_multiple_of(2) { "a b" } else { "b a" };
        let mut taken = Vec::new();
        let mut idle = 0;
        while idle < 200 {
            match call(&mut client, &format!("BLPOP {keys} 0.00{}", 1 + place % 5)) {
                Reply::Null => idle += 1,
                reply => {
                    idle = 0;
                    taken.push(reply.items()[1].text());
                }
            }
        }
        taken
    };
    let mut taken: Vec<String> = std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..8)
            .map(|place| (place, server.client()))
            .map(|(place, client)| scope.spawn(move || consume(client, place)))
            .collect();
        for producer in 0..PRODUCERS {
            let mut client = server.client();
            scope.spawn(move || {
                for place in 0..ELEMENTS {
                    call(&mut client, &format!("RPUSH {} {producer}-{place}", ["a", "b"][place % 2]));
                }
            });
        }
        consumers.into_iter().flat_map(|consumer| consumer.join().unwrap()).collect()
    });
    taken.sort_unstable();
    let before = taken.len();
    taken.dedup();
    assert_eq!((before, taken.len()), (PRODUCERS * ELEMENTS, PRODUCERS * ELEMENTS));
}
