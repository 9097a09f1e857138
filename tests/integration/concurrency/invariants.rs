//! Invariants: what readers see at any moment, and what is left at the end.

use std::collections::HashMap;

use fastrand::Rng;

use super::{CONNECTIONS, WORKERS, on_connections, words};
use crate::support::{Client, Reply, Server, scaled, seed};

/// Calls of one test at one number of workers, over all its connections.
const CALLS: usize = 20_000;

/// Runs `work` with 1, 2 and 8 workers: `prepare` once, then `work(client, rng, number of the connection, rounds)` on all
/// connections, then `finish`.
fn with_all_workers(
    prepare: impl Fn(&mut Client),
    work: impl Fn(&mut Client, &mut Rng, usize, usize) + Sync,
    finish: impl Fn(&mut Client),
) {
    let seed = seed();
    for workers in WORKERS {
        let server = Server::with_workers(workers);
        prepare(&mut server.client());
        on_connections(&server, CONNECTIONS, |number, client| {
            let mut rng = Rng::with_seed(seed ^ (number as u64) << 32);
            work(client, &mut rng, number, scaled(CALLS) / CONNECTIONS);
        });
        finish(&mut server.client());
    }
}

fn call(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn transfers_by_watch_conserve_the_total() {
    const ACCOUNTS: usize = 12;
    let all: String = (0..ACCOUNTS).map(|n| format!(" account:{n}")).collect();
    let total = |client: &mut Client| {
        call(client, &format!("MGET{all}"))
            .items()
            .iter()
            .map(|item| item.text().parse::<i64>().unwrap())
            .sum::<i64>()
    };
    with_all_workers(
        |client| {
            for n in 0..ACCOUNTS {
                call(client, &format!("SET account:{n} 1000"));
            }
        },
        |client, rng, number, rounds| {
            for _ in 0..rounds / 4 {
                if number % 8 == 0 {
                    assert_eq!(total(client), 1000 * ACCOUNTS as i64, "a reader saw half a transfer");
                    continue;
                }
                transfer(client, rng.usize(..ACCOUNTS), rng.usize(..ACCOUNTS), rng.i64(1..50));
            }
        },
        |client| assert_eq!(total(client), 1000 * ACCOUNTS as i64),
    );
}

/// Moves `amount`: the new balances are computed here, so a lost WATCH would lose money.
fn transfer(client: &mut Client, from: usize, to: usize, amount: i64) {
    if from == to {
        return;
    }
    let lines = [
        format!("WATCH account:{from} account:{to}"),
        format!("GET account:{from}"),
        format!("GET account:{to}"),
    ];
    let replies = client.pipeline(&lines.map(|line| words(&line)));
    let (rich, poor) = (replies[1].text().parse::<i64>().unwrap(), replies[2].text().parse::<i64>().unwrap());
    let lines = [
        "MULTI".to_owned(),
        format!("SET account:{from} {}", rich - amount),
        format!("SET account:{to} {}", poor + amount),
        "EXEC".to_owned(),
    ];
    let replies = client.pipeline(&lines.map(|line| words(&line)));
    let ok = Reply::Simple("OK".into());
    assert!(
        matches!(&replies[3], Reply::Null) || replies[3] == Reply::Array(vec![ok.clone(), ok]),
        "{:?}",
        replies[3]
    );
}

#[test]
fn watch_lets_every_increment_through_once() {
    with_all_workers(
        |client| drop(call(client, "MSET counter 0 expected 0")),
        |client, _, _, rounds| {
            for _ in 0..rounds / 16 {
                increment_by_watch(client);
            }
        },
        |client| assert_eq!(call(client, "GET counter"), call(client, "GET expected")),
    );
}

fn increment_by_watch(client: &mut Client) {
    let replies = client.pipeline(&[words("WATCH counter"), words("GET counter")]);
    let next = replies[1].text().parse::<i64>().unwrap() + 1;
    let replies = client.pipeline(&[words("MULTI"), words(&format!("SET counter {next}")), words("EXEC")]);
    if replies[2] != Reply::Null {
        call(client, "INCR expected");
    }
}

#[test]
fn mget_never_sees_half_an_mset() {
    with_all_workers(
        |client| drop(call(client, "MSET a 0 b 0 c 0 d 0 e 0")),
        |client, rng, number, rounds| {
            for round in 0..rounds {
                if number % 2 == 0 {
                    let value = format!("{number}.{round}");
                    call(client, &format!("MSET e {value} a {value} d {value} b {value} c {value}"));
                    continue;
                }
                let reply = call(client, ["MGET a b c d e", "MGET e d c b a", "MGET b e"][rng.usize(..3)]);
                let items = reply.items();
                assert!(items.iter().all(|item| item == &items[0]), "half an MSET: {items:?}");
            }
        },
        |_| {},
    );
}

#[test]
fn sort_sees_the_keys_of_its_patterns_at_one_moment() {
    const SORTS: [&str; 3] = [
        "SORT all GET w:*",
        "SORT all BY w:* GET w:* ALPHA LIMIT 0 3",
        "SORT_RO all BY nosort GET w:* GET w:*",
    ];
    with_all_workers(
        |client| {
            drop(
                client.pipeline(&[words("RPUSH all 1 2 3 4 5"), words("MSET w:1 0 w:2 0 w:3 0 w:4 0 w:5 0")]),
            );
        },
        |client, rng, number, rounds| {
            for round in 0..rounds {
                if number % 2 == 0 {
                    let value = number * rounds + round;
                    call(
                        client,
                        &format!("MSET w:5 {value} w:1 {value} w:4 {value} w:2 {value} w:3 {value}"),
                    );
                    continue;
                }
                let sort = SORTS[rng.usize(..SORTS.len())];
                let reply = match rng.usize(..4) {
                    0 => {
                        let replies = client.pipeline(&[words("MULTI"), words(sort), words("EXEC")]);
                        replies[2].items()[0].clone()
                    }
                    1 => client.call(
                        &["EVAL", "return redis.call(unpack(ARGV))", "0"]
                            .into_iter()
                            .chain(sort.split(' '))
                            .collect::<Vec<_>>(),
                    ),
                    2 => {
                        let store = format!("SORT all GET w:* STORE sorted:{number}");
                        client.pipeline(&[words(&store), words(&format!("LRANGE sorted:{number} 0 -1"))])[1]
                            .clone()
                    }
                    _ => call(client, sort),
                };
                let items = reply.items();
                assert!(
                    items.len() >= 3 && items.iter().all(|item| item == &items[0]),
                    "half an MSET: {items:?}"
                );
            }
        },
        |_| {},
    );
}

#[test]
fn renames_neither_lose_nor_copy_a_key() {
    const SLOTS: usize = 8;
    const TOKENS: usize = 4;
    let all: String = (0..SLOTS).map(|n| format!(" slot:{n}")).collect();
    let tokens = |client: &mut Client| {
        let reply = call(client, &format!("MGET{all}"));
        let mut found: Vec<String> =
            reply.items().iter().filter(|item| **item != Reply::Null).map(Reply::text).collect();
        found.sort();
        found
    };
    let expected: Vec<String> = (0..TOKENS).map(|n| format!("token:{n}")).collect();
    with_all_workers(
        |client| {
            for n in 0..TOKENS {
                call(client, &format!("SET slot:{n} token:{n}"));
            }
        },
        |client, rng, number, rounds| {
            for _ in 0..rounds {
                if number % 4 == 0 {
                    assert_eq!(tokens(client), expected);
                    continue;
                }
                let reply = call(
                    client,
                    &format!("RENAMENX slot:{} slot:{}", rng.usize(..SLOTS), rng.usize(..SLOTS)),
                );
                assert!(matches!(reply, Reply::Integer(_)) || reply.is_error("ERR no such key"), "{reply:?}");
            }
        },
        |client| assert_eq!(tokens(client), expected),
    );
}

#[test]
fn set_algebra_sees_both_sets_at_one_moment() {
    with_all_workers(
        |client| drop(client.pipeline(&[words("SADD left 1"), words("SADD right 1")])),
        |client, rng, number, rounds| {
            for _ in 0..rounds / 2 {
                match number % 4 {
                    0 => {
                        let difference =
                            call(client, ["SDIFF left right", "SDIFF right left"][rng.usize(..2)]);
                        assert_eq!(difference.items(), [], "the sets are always changed together");
                    }
                    1 => {
                        let lines =
                            ["MULTI", "SINTERSTORE both right left", "SCARD left", "SCARD both", "EXEC"];
                        let replies = client.pipeline(&lines.map(words));
                        let counts = replies[4].items();
                        assert!(counts[0] == counts[1] && counts[1] == counts[2], "{counts:?}");
                    }
                    _ => {
                        let (verb, member) = (["SADD", "SREM"][rng.usize(..2)], rng.usize(..200));
                        let lines = [
                            "MULTI".into(),
                            format!("{verb} left {member}"),
                            format!("{verb} right {member}"),
                            "EXEC".into(),
                        ];
                        client.pipeline(&lines.map(|line| words(&line)));
                    }
                }
            }
        },
        |_| {},
    );
}

#[test]
fn a_ring_of_blmove_keeps_every_element() {
    const LISTS: usize = 5;
    const ELEMENTS: usize = 7;
    with_all_workers(
        |client| {
            for n in 0..ELEMENTS {
                call(client, &format!("RPUSH ring:0 {n}"));
            }
        },
        |client, rng, number, rounds| {
            for _ in 0..rounds / 4 {
                if number % 16 == 0 {
                    assert_eq!(ring_elements(client, LISTS), ELEMENTS);
                    continue;
                }
                let (from, ends) =
                    (rng.usize(..LISTS), ["LEFT RIGHT", "RIGHT LEFT", "LEFT LEFT"][rng.usize(..3)]);
                call(client, &format!("BLMOVE ring:{from} ring:{} {ends} 0.02", (from + 1) % LISTS));
            }
        },
        |client| {
            assert_eq!(ring_elements(client, LISTS), ELEMENTS);
            let mut times: HashMap<String, usize> = HashMap::new();
            for n in 0..LISTS {
                for item in call(client, &format!("LRANGE ring:{n} 0 -1")).items() {
                    *times.entry(item.text()).or_default() += 1;
                }
            }
            assert!(times.len() == ELEMENTS && times.values().all(|&count| count == 1), "{times:?}");
        },
    );
}

fn ring_elements(client: &mut Client, lists: usize) -> usize {
    let mut lines = vec![words("MULTI")];
    lines.extend((0..lists).map(|n| words(&format!("LLEN ring:{n}"))));
    lines.push(words("EXEC"));
    let replies = client.pipeline(&lines);
    replies[lists + 1].items().iter().map(|count| count.integer() as usize).sum()
}

#[test]
fn every_pushed_element_is_popped_once() {
    let rounds_of = |rounds: usize| rounds / 4;
    with_all_workers(
        |_| {},
        |client, _, number, rounds| {
            for round in 0..rounds_of(rounds) {
                if number % 2 == 0 {
                    call(client, &format!("LPUSH queue:{} {number}.{round}", round % 3));
                } else {
                    let reply = call(client, "BLPOP queue:0 queue:1 queue:2 10");
                    call(client, &format!("HINCRBY popped {} 1", reply.items()[1].text()));
                }
            }
        },
        |client| {
            let expected = CONNECTIONS / 2 * rounds_of(scaled(CALLS) / CONNECTIONS);
            let popped = call(client, "HVALS popped");
            assert_eq!(popped.items().len(), expected);
            assert!(popped.items().iter().all(|count| count.text() == "1"), "an element was popped twice");
        },
    );
}
