//! SORT: patterns, ties, what is stored; its locks among other writers.

use crate::support::{Client, Reply, Server};

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&command.split(' ').collect::<Vec<_>>())
}

/// All strings of a reply, in order.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
        Reply::Integer(number) => number.to_string(),
        Reply::Null => "null".into(),
        Reply::Error(text) => text.clone(),
        other => other.text(),
    }
}

#[test]
fn orders_patterns_and_limits() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "RPUSH l 3 10 1 2");
    call(&mut client, "SADD s 3 10 1 2");
    call(&mut client, "ZADD z 1 c 2 b 3 a");
    call(&mut client, "MSET w_1 40 w_2 30 w_3 20 w_10 10 n_1 one n_3 three");
    call(&mut client, "HSET h_1 f x g");
    call(&mut client, "HSET h_1 f 7 g one");
    call(&mut client, "HSET h_2 f 5");
    let mut check = |command: &str, expected: &str| {
        assert_eq!(shown(&call(&mut client, command)), expected, "{command}");
    };
    check("SORT l", "1 2 3 10");
    check("SORT l DESC", "10 3 2 1");
    check("SORT s ALPHA", "1 10 2 3");
    check("SORT_RO l LIMIT 1 2", "2 3");
    check("SORT l LIMIT -1 1", "1");
    check("SORT l LIMIT 9 1", "");
    check("SORT l BY w_*", "10 3 2 1");
    check("SORT l BY w_* LIMIT 0 2 GET # GET n_* GET none", "10 null null 3 three null");
    check("SORT l BY h_*->f DESC GET h_*->g GET #", "one 1 null 2 null 3 null 10");
    check("SORT l BY nosort", "3 10 1 2");
    check("SORT l BY nosort DESC LIMIT 1 2", "1 10");
    check("SORT z BY nosort", "c b a");
    check("SORT z BY nosort DESC LIMIT 0 2", "a b");
    check("SORT s BY nosort STORE d", "4");
    check("LRANGE d 0 -1", "1 10 2 3");
    check("SORT none", "");
    check("SORT z", "ERR One or more scores can't be converted into double");
    check("SORT l BY n_*", "ERR One or more scores can't be converted into double");
    check("SORT h_1", "WRONGTYPE Operation against a key holding the wrong kind of value");
    check("SORT l LIMIT 1", "ERR syntax error");
    check("SORT l LIMIT a 1", "ERR value is not an integer or out of range");
    check("SORT_RO l STORE d", "ERR syntax error");
}

#[test]
fn ties_are_in_the_order_of_redis() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "RPUSH l j i h g f e d c b a");
    call(&mut client, "MSET w_a same w_e same w_h same w_c other");
    let mut check = |command: &str, expected: &str| {
        assert_eq!(shown(&call(&mut client, command)), expected, "{command}");
    };
    check("SORT l BY w_* ALPHA", "j i g f d b c h e a");
    check("SORT l BY none_* ALPHA DESC", "j i h g f e d c b a");
    // A result that is cut is sorted less, and in another way.
    check("SORT l BY w_* ALPHA LIMIT 0 5", "g b j d f");
}

#[test]
fn results_are_stored_as_lists() {
    let server = Server::start(&["--notify-keyspace-events", "Elg"]);
    let (mut client, mut listener) = (server.client(), server.client());
    call(&mut client, "RPUSH l 2 1");
    call(&mut client, "SET n_1 one");
    call(&mut client, "SET d text EX 100");
    call(&mut listener, "PSUBSCRIBE *");
    assert_eq!(shown(&call(&mut client, "SORT l GET n_* STORE d")), "2");
    assert_eq!(shown(&call(&mut client, "LRANGE d 0 -1")), "one ");
    assert_eq!(shown(&call(&mut client, "TTL d")), "-1");
    assert_eq!(shown(&call(&mut client, "OBJECT ENCODING d")), "listpack");
    assert_eq!(shown(&call(&mut client, "SORT none STORE d")), "0");
    assert_eq!(shown(&call(&mut client, "EXISTS d")), "0");
    for expected in ["sortstore", "del"] {
        let told = listener.read().unwrap();
        assert_eq!(told.items()[2].text(), format!("__keyevent@0__:{expected}"));
    }
    let mut waiter = server.waiting("BLPOP d 0");
    call(&mut client, "SORT l STORE d");
    assert_eq!(shown(&waiter.read().unwrap()), "d 1");
}

#[test]
fn the_log_leads_to_the_same_list() {
    let server = Server::start(&["--appendonly", "yes", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    call(&mut client, "SADD s a b 10 9 x");
    call(&mut client, "MSET w_a 3 w_b 2 w_x 1");
    for command in [
        "SORT s BY w_* GET # GET w_* STORE d",
        "SORT s BY nosort STORE e",
        "MULTI",
        "SORT s BY w_* STORE f",
        "EXEC",
    ] {
        call(&mut client, command);
    }
    let digest = call(&mut client, "DEBUG DIGEST");
    assert_eq!(shown(&call(&mut client, "DEBUG LOADAOF")), "OK");
    assert_eq!(call(&mut client, "DEBUG DIGEST"), digest);
    assert_eq!(shown(&call(&mut client, "LRANGE f 0 -1")), "10 9 x b a");
}

#[test]
fn scripts_sort_what_they_reach_by_patterns() {
    let server = Server::start(&[]);
    let mut client = server.client();
    call(&mut client, "SADD s 10 9 1");
    call(&mut client, "MSET w_10 1 w_9 2 w_1 3");
    let mut check = |script: &str, expected: &str| {
        assert_eq!(shown(&client.call(&["EVAL", script, "1", "s"])), expected, "{script}");
    };
    check("return redis.call('SORT', KEYS[1], 'BY', 'w_*', 'GET', '#')", "10 9 1");
    check("return redis.call('SORT_RO', KEYS[1], 'BY', 'nosort')", "1 10 9");
    check("redis.call('SORT', KEYS[1], 'STORE', 'd') return redis.call('LRANGE', 'd', 0, -1)", "1 9 10");
}

#[test]
fn many_elements_are_sorted_by_the_lane() {
    let server = Server::with_workers(2);
    let mut client = server.client();
    let numbers: Vec<String> = (0..20_000).map(|number| (number * 7919 % 20_000).to_string()).collect();
    call(&mut client, &format!("RPUSH l {}", numbers.join(" ")));
    let mut expected: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    for command in ["SORT l", "SORT_RO l", "SORT l LIMIT 0 -1"] {
        assert_eq!(shown(&call(&mut client, command)), expected.join(" "), "{command}");
    }
    expected.sort();
    for command in ["SORT l ALPHA", "SORT l BY none_*", "SORT_RO l BY none_*"] {
        assert_eq!(shown(&call(&mut client, command)), expected.join(" "), "{command}");
    }
    assert_eq!(shown(&call(&mut client, "SORT l BY none_* STORE d")), "20000");
    assert_eq!(shown(&call(&mut client, "LRANGE d 0 2")), "0 1 10");
}

/// Weights are swapped in pairs, so that every state has the same two of them.
#[test]
fn patterns_see_one_moment() {
    const ROUNDS: usize = 300;
    let server = Server::with_workers(2);
    let mut client = server.client();
    call(&mut client, "RPUSH l a b");
    call(&mut client, "MSET w_a 1 w_b 2");
    let mut writer = server.client();
    let swapping = std::thread::spawn(move || {
        for round in 0..ROUNDS {
            call(&mut writer, if round % 2 == 0 { "MSET w_a 2 w_b 1" } else { "MSET w_a 1 w_b 2" });
        }
    });
    for round in 0..ROUNDS {
        let command = ["SORT l BY w_* GET w_*", "SORT_RO l GET w_* BY w_*"][round % 2];
        assert_eq!(shown(&call(&mut client, command)), "1 2");
        call(&mut client, "MULTI");
        call(&mut client, "SORT l BY w_* GET w_* STORE d");
        call(&mut client, "LRANGE d 0 -1");
        assert_eq!(shown(&call(&mut client, "EXEC")), "2 1 2");
    }
    swapping.join().unwrap();
}
