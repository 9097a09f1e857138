//! Sorted sets: who is served when, in which order, and what a transaction does instead of waiting.

use std::time::{Duration, Instant};

use crate::support::{Client, Reply, Server};

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&command.split(' ').collect::<Vec<_>>())
}

/// All strings and numbers of a reply, in order.
fn flat(reply: &Reply) -> String {
    match reply {
        Reply::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(" "),
        Reply::Integer(number) => number.to_string(),
        Reply::Null => "null".into(),
        Reply::Scalar(_, text) | Reply::Error(text) => text.clone(),
        other => other.text(),
    }
}

#[test]
fn waiters_are_served_first_come_first_served() {
    let server = Server::with_workers(2);
    let mut writer = server.client();
    let mut waiters: Vec<Client> = ["BZPOPMIN z 0", "BZPOPMAX other z 0", "BZMPOP 0 2 other z MIN COUNT 2"]
        .map(|command| server.waiting(command))
        .into();
    assert_eq!(flat(&call(&mut writer, "ZADD z 1 a 2 b 3 c 4 d 5 e")), "5");
    let served: Vec<String> = waiters.iter_mut().map(|waiter| flat(&waiter.read().unwrap())).collect();
    assert_eq!(served, ["z a 1", "z e 5", "z b 2 c 3"]);
    assert_eq!(flat(&call(&mut writer, "ZRANGE z 0 -1")), "d");
}

#[test]
fn every_command_that_makes_a_sorted_set_wakes() {
    let server = Server::with_workers(2);
    let mut writer = server.client();
    call(&mut writer, "ZADD source 1 a");
    call(&mut writer, "SADD plain b");
    let mut check = |command: &str, expected: &str| {
        let mut waiter = server.waiting("BZPOPMIN z 0");
        call(&mut writer, command);
        assert_eq!(flat(&waiter.read().unwrap()), expected, "{command}");
        assert_eq!(flat(&call(&mut writer, "ZCARD z")), "0", "{command}");
    };
    check("ZINCRBY z 2.5 m", "z m 2.5");
    check("ZRANGESTORE z source 0 -1", "z a 1");
    check("ZUNIONSTORE z 1 plain WEIGHTS 7", "z b 7");
    check("ZINTERSTORE z 2 source source", "z a 2");
    check("ZDIFFSTORE z 2 source nothing", "z a 1");
}

#[test]
fn a_waiter_stays_while_its_key_is_of_another_type() {
    let server = Server::with_workers(2);
    let mut writer = server.client();
    let mut waiter = server.waiting("BZPOPMIN z 0");
    call(&mut writer, "SADD z member");
    call(&mut writer, "SREM z member");
    call(&mut writer, "ZADD z 1 a");
    assert_eq!(flat(&waiter.read().unwrap()), "z a 1");
}

#[test]
fn time_outs_reply_null_and_take_nothing() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    for command in ["BZPOPMIN z 0.05", "BZPOPMAX z y 0.05", "BZMPOP 0.05 1 z MAX"] {
        let started = Instant::now();
        assert_eq!(call(&mut client, command), Reply::Null, "{command}");
        assert!(started.elapsed() >= Duration::from_millis(49), "{command}");
    }
    assert_eq!(flat(&call(&mut client, "ZADD z 1 a")), "1");
    assert_eq!(flat(&call(&mut client, "ZCARD z")), "1");
}

#[test]
fn nothing_waits_in_a_transaction() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    let commands = ["MULTI", "BZPOPMIN z 0", "ZADD z 1 a 2 b", "BZPOPMAX z 0", "BZMPOP 0 1 none MIN", "EXEC"];
    let replies = commands.map(|command| flat(&call(&mut client, command)));
    assert_eq!(replies[5], "null 2 z b 2 null");
}

/// All that has been added comes out once, whoever pops it.
#[test]
fn concurrent_poppers_share_without_loss() {
    const MEMBERS: usize = 400;
    let server = Server::with_workers(2);
    let poppers: Vec<_> = (0..4)
        .map(|popper| {
            let mut client = server.client();
            let command = if popper % 2 == 0 { "BZPOPMIN z 1" } else { "BZPOPMAX z 1" };
            std::thread::spawn(move || {
                let mut popped = Vec::new();
                while let Reply::Array(items) = call(&mut client, command) {
                    popped.push(items[1].text().parse::<usize>().unwrap());
                }
                popped
            })
        })
        .collect();
    let mut writer = server.client();
    (0..MEMBERS).for_each(|member| {
        call(&mut writer, &format!("ZADD z {} {member}", member % 7));
    });
    let mut popped: Vec<usize> = poppers.into_iter().flat_map(|popper| popper.join().unwrap()).collect();
    popped.sort_unstable();
    assert!(popped.into_iter().eq(0..MEMBERS));
}
