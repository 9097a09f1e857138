//! LATENCY: histograms and events.

use crate::support::{Reply, Server, eventually};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

/// The commands that a histogram tells of, and how often each was called.
fn calls(reply: &Reply) -> Vec<(String, i64)> {
    let pairs = reply.items().chunks(2);
    pairs.map(|pair| (pair[0].text(), pair[1].items()[1].integer())).collect()
}

#[test]
fn histograms_count_every_call() {
    let server = Server::with_workers(2);
    let mut clients = [server.client(), server.client(), server.client()];
    for client in &mut clients {
        for _ in 0..10 {
            client.call(&["SET", "k", "v"]);
        }
        client.call(&["CONFIG", "GET", "hz"]);
        client.call(&["EVAL", "return redis.call('GET', KEYS[1])", "1", "k"]);
    }
    let client = &mut clients[0];
    let reply = client.call(&["LATENCY", "HISTOGRAM", "set", "get", "config", "nothing", "rpush"]);
    let expected = [("set", 30), ("get", 3), ("config|get", 3)];
    assert_eq!(calls(&reply), expected.map(|(name, count)| (name.to_owned(), count)));
    let (steps, total) = (reply.items()[1].items()[3].items(), 30);
    assert_eq!(steps.last(), Some(&Reply::Integer(total)), "{steps:?}");
    let bounds: Vec<i64> = steps.chunks(2).map(|step| step[0].integer()).collect();
    // 1024 ns doubled, at the upper end of its bucket.
    let known: Vec<i64> =
        (0..20).map(|power| ((1024 << power) + (8 << power) - 1) / 1000).chain([1_073_741]).collect();
    assert!(bounds.iter().all(|bound| known.contains(bound)), "{bounds:?} {known:?}");
    assert!(calls(&client.call(&["LATENCY", "HISTOGRAM"])).contains(&("eval".into(), 3)));
    assert_eq!(client.call(&["CONFIG", "RESETSTAT"]), ok());
    assert_eq!(client.call(&["LATENCY", "HISTOGRAM", "set"]).items(), []);
}

#[test]
fn info_shows_the_percentiles_asked_for() {
    let server = Server::start(&["--latency-tracking-info-percentiles", "50", "99.99"]);
    let mut client = server.client();
    client.call(&["SET", "k", "v"]);
    let mut line = || {
        let text = client.call(&["INFO", "latencystats"]).text();
        text.lines().find(|line| line.starts_with("latency_percentiles_usec_set:")).map(str::to_owned)
    };
    let shown = line().unwrap();
    assert!(shown.contains(":p50=") && shown.contains(",p99.99="), "{shown}");
    let mut other = server.client();
    assert_eq!(other.call(&["CONFIG", "SET", "latency-tracking-info-percentiles", "0.5 100"]), ok());
    assert!(line().unwrap().contains(":p0.5="));
    let get = other.call(&["CONFIG", "GET", "latency-tracking-info-percentiles"]);
    assert_eq!(get.items()[1].text(), "0.5 100");
    for (value, reason) in [
        ("x", "Invalid latency-tracking-info-percentiles parameters"),
        ("100.1", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
        ("50 -1", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"),
    ] {
        let reply = other.call(&["CONFIG", "SET", "latency-tracking-info-percentiles", value]);
        assert!(matches!(&reply, Reply::Error(text) if text.ends_with(reason)), "{value}: {reply:?}");
    }
    other.call(&["CONFIG", "SET", "latency-tracking", "no"]);
    assert_eq!(line(), None);
    other.call(&["APPEND", "k", "v"]);
    assert_eq!(other.call(&["LATENCY", "HISTOGRAM", "append"]).items(), []);
}

#[test]
fn what_takes_long_is_kept_by_event() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    assert_eq!(client.call(&["LATENCY", "LATEST"]).items(), []);
    assert!(
        client
            .call(&["LATENCY", "GRAPH", "command"])
            .is_error("ERR No samples available for event 'command'")
    );
    assert!(client.call(&["LATENCY", "DOCTOR"]).text().contains("latency-monitor-threshold"));
    client.call(&["CONFIG", "SET", "latency-monitor-threshold", "2"]);
    client.call(&["DEBUG", "POPULATE", "200000"]);
    let latest = client.call(&["LATENCY", "LATEST"]);
    let event = latest.items()[0].items();
    assert_eq!(event[0].text(), "command");
    assert!(event[2].integer() >= 2 && event[3].integer() >= event[2].integer(), "{event:?}");
    let history = client.call(&["LATENCY", "HISTORY", "command"]);
    assert_eq!(history.items()[0].items()[0], event[1]);
    assert_eq!(client.call(&["LATENCY", "HISTORY", "COMMAND"]).items(), []);
    assert!(client.call(&["LATENCY", "GRAPH", "command"]).text().starts_with("command - high "));
    assert!(client.call(&["LATENCY", "DOCTOR"]).text().contains("1. command: 1 samples"));
    assert_eq!(client.call(&["LATENCY", "RESET", "fork", "Command"]), Reply::Integer(1));
    assert_eq!(client.call(&["LATENCY", "LATEST"]).items(), []);
    client.call(&["CONFIG", "SET", "latency-monitor-threshold", "0"]);
    client.call(&["DEBUG", "POPULATE", "200000", "other"]);
    assert_eq!(client.call(&["LATENCY", "RESET"]), Reply::Integer(0));
}

#[test]
fn slow_disks_and_eviction_are_noticed() {
    let server = Server::start(&["--enable-debug-command", "yes", "--latency-monitor-threshold", "1"]);
    let mut client = server.client();
    let mut names = {
        let mut client = server.client();
        move || -> Vec<String> {
            client.call(&["LATENCY", "LATEST"]).items().iter().map(|event| event.items()[0].text()).collect()
        }
    };
    client.call(&["CONFIG", "SET", "appendonly", "yes"]);
    client.call(&["DEBUG", "AOF-FLUSH-SLEEP", "5000"]);
    eventually("a slow write", || {
        client.call(&["SET", "k", "v"]);
        names().contains(&"aof-write".into())
    });
    client.call(&["DEBUG", "AOF-FLUSH-SLEEP", "0"]);
    client.call(&["CONFIG", "SET", "appendonly", "no"]);
    client.call(&["DEBUG", "POPULATE", "100000"]);
    client.call(&["CONFIG", "SET", "maxmemory-eviction-tenacity", "60"]);
    client.call(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    client.call(&["CONFIG", "SET", "maxmemory", "4mb"]);
    eventually("an eviction", || names().contains(&"eviction-cycle".into()));
}
