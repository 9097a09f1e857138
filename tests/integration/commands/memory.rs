//! MEMORY beyond USAGE.

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

/// The value of a field in a reply of names and values.
fn field<'r>(reply: &'r Reply, name: &str) -> &'r Reply {
    let pair = reply.items().chunks(2).find(|pair| pair[0].text() == name);
    &pair.unwrap_or_else(|| panic!("no {name} in {reply:?}"))[1]
}

#[test]
fn stats_tell_where_memory_goes() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.call(&["DEBUG", "POPULATE", "50000", "key", "100"]);
    client.call(&["SELECT", "3"]);
    client.call(&["SET", "k", "v", "EX", "100"]);
    let stats = client.call(&["MEMORY", "STATS"]);
    // 27 fields and two databases.
    assert_eq!(stats.items().len(), 58);
    assert_eq!(field(&stats, "keys.count"), &Reply::Integer(50_001));
    assert!(field(&stats, "dataset.bytes").integer() > 5_000_000);
    assert!(field(&stats, "keys.bytes-per-key").integer() > 100);
    assert!(field(field(&stats, "db.0"), "overhead.hashtable.main").integer() > 0);
    assert_eq!(field(field(&stats, "db.0"), "overhead.hashtable.expires"), &Reply::Integer(0));
    assert!(field(field(&stats, "db.3"), "overhead.hashtable.expires").integer() > 0);
    client.call(&["HELLO", "3"]);
    let stats = client.call(&["MEMORY", "STATS"]);
    assert!(matches!(&stats, Reply::Aggregate('%', items) if items.len() == 58), "{stats:?}");
    assert!(matches!(field(&stats, "peak.percentage"), Reply::Scalar(',', _)));
}

#[test]
fn the_doctor_sees_a_peak() {
    let server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    assert!(client.call(&["MEMORY", "DOCTOR"]).text().contains("too little data"));
    client.call(&["DEBUG", "POPULATE", "100000", "many", "200"]);
    client.call(&["SELECT", "1"]);
    client.call(&["DEBUG", "POPULATE", "50000", "few", "200"]);
    assert!(!client.call(&["MEMORY", "DOCTOR"]).text().contains("Peak"));
    client.call(&["SELECT", "0"]);
    client.call(&["FLUSHDB", "SYNC"]);
    eventually("the peak is seen", || client.call(&["MEMORY", "DOCTOR"]).text().contains(" * Peak"));
}

#[test]
fn purging_gives_memory_back() {
    let server = Server::start(&["--enable-debug-command", "yes", "--server-threads", "2"]);
    let mut client = server.client();
    // Less than what is given back by itself.
    client.call(&["DEBUG", "POPULATE", "60000", "key", "180"]);
    let filled = server.resident_bytes();
    client.call(&["FLUSHALL", "SYNC"]);
    assert_eq!(client.call(&["MEMORY", "PURGE"]), Reply::Simple("OK".into()));
    eventually("memory comes back", || server.resident_bytes() + (6 << 20) < filled);
    assert!(client.call(&["MEMORY", "MALLOC-STATS"]).text().contains("committed"));
    client.send(&encode(&["MEMORY", "PURGE", "now"])).unwrap();
    assert!(client.read().unwrap().is_error("ERR wrong number of arguments for 'memory|purge' command"));
}

fn used(client: &mut Client) -> usize {
    let info = client.call(&["INFO", "memory"]).text();
    info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().parse().unwrap()
}

/// The limit is kept within some KB, whatever INFO itself and empty tables take: 100 KB of small keys, then as many again.
#[test]
fn a_small_limit_is_kept() {
    const SLACK: usize = 4096;
    let server = Server::start(&["--server-threads", "2"]);
    let mut client = server.client();
    let set = |client: &mut Client, number: usize| {
        client.call(&["SETEX", &format!("key:{}", number * 7919 % 1_000_003), "10000", "x"])
    };
    for policy in ["allkeys-random", "volatile-lru", "volatile-ttl"] {
        client.call(&["FLUSHALL"]);
        let limit = used(&mut client) + 100 * 1024;
        client.call(&["CONFIG", "SET", "maxmemory", &limit.to_string(), "maxmemory-policy", policy]);
        let mut keys = 0;
        while used(&mut client) + SLACK <= limit {
            set(&mut client, keys);
            keys += 1;
        }
        for number in keys..2 * keys {
            let reply = set(&mut client, number);
            assert_eq!(reply, Reply::Simple("OK".into()), "{policy}, {number} of {keys}");
        }
        let used = used(&mut client);
        assert!(used < limit + SLACK, "{policy}: {used} of {limit}");
        assert!(client.call(&["DBSIZE"]).integer() as usize > keys / 2, "{policy}");
        client.call(&["CONFIG", "SET", "maxmemory", "0"]);
    }
}

/// As in Redis every command makes room, not only those that take some.
#[test]
fn who_asks_for_figures_makes_room() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-random", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.call(&["DEBUG", "PAUSE-CRON", "1"]);
    client.call(&["DEBUG", "POPULATE", "1000", "key", "1000"]);
    let limit = used(&mut client) - 100_000;
    // Within a transaction the change itself evicts nothing.
    client.call(&["MULTI"]);
    client.call(&["CONFIG", "SET", "maxmemory", &limit.to_string()]);
    client.call(&["EXEC"]);
    eventually("some keys go", || {
        client.call(&["INFO"]);
        client.call(&["DBSIZE"]).integer() < 950
    });
    assert!(client.call(&["DBSIZE"]).integer() > 700);
}

#[test]
fn a_request_with_many_arguments_leaves_nothing_behind() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let before = used(&mut client);
    let members: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    let add: Vec<&str> = ["SADD", "set"].into_iter().chain(members.iter().map(String::as_str)).collect();
    client.call(&add);
    client.call(&["UNLINK", "set"]);
    eventually("memory comes back", || used(&mut client) < before + 300_000);
}

#[test]
fn integers_are_shared_as_far_as_redis_would() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut check = |maxmemory: &str, policy: &str, expected: i64| {
        client.call(&["CONFIG", "SET", "maxmemory", maxmemory, "maxmemory-policy", policy]);
        client.call(&["SET", "key", "1"]);
        assert_eq!(client.call(&["OBJECT", "REFCOUNT", "key"]).integer(), expected, "{maxmemory} {policy}");
    };
    check("0", "allkeys-lru", i64::from(i32::MAX));
    check("1gb", "allkeys-random", i64::from(i32::MAX));
    check("1gb", "allkeys-lru", 1);
    check("1gb", "volatile-lfu", 1);
}

/// What has been sent leaves no buffer with each of those who listen.
#[test]
fn messages_leave_no_memory_behind() {
    const LISTENERS: usize = 100;
    let server = Server::start(&["--server-threads", "2"]);
    let mut client = server.client();
    let mut listeners: Vec<Client> = (0..LISTENERS).map(|_| server.client()).collect();
    listeners.iter_mut().for_each(|listener| _ = listener.call(&["SUBSCRIBE", "channel"]));
    let before = used(&mut client);
    let message = "x".repeat(50_000);
    assert_eq!(client.call(&["PUBLISH", "channel", &message]).integer(), LISTENERS as i64);
    for listener in &mut listeners {
        assert_eq!(listener.read().unwrap().items()[2].text(), message);
    }
    eventually("buffers are given back", || used(&mut client) < before + 1_000_000);
}

/// What Redis 7.2 answers: a script that says nothing of itself is refused at the command that it may not run, one that does
/// with the whole transaction.
#[test]
fn scripts_in_a_transaction_obey_what_refuses_writes() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut other = server.client();
    let plain = ["EVAL", "return redis.call('SET', 'x', '1')", "0"];
    let telling = ["EVAL", "#!lua\nreturn redis.call('SET', 'x', '1')", "0"];
    let reads = ["EVAL", "#!lua flags=no-writes\nreturn 1", "0"];
    let mut exec = |script: &[&str], setting: &str, value: &str, usual: &str| {
        client.call(&["MULTI"]);
        assert_eq!(client.call(script).text(), "QUEUED");
        other.call(&["CONFIG", "SET", setting, value]);
        let reply = client.call(&["EXEC"]);
        other.call(&["CONFIG", "SET", setting, usual]);
        reply
    };
    for (setting, value, usual, error) in [
        ("maxmemory", "1", "0", "OOM command not allowed when used memory > 'maxmemory'."),
        ("min-replicas-to-write", "1", "0", "NOREPLICAS Not enough good replicas to write."),
    ] {
        let reply = exec(&plain, setting, value, usual);
        assert!(matches!(&reply.items()[0], Reply::Error(text) if text.starts_with(error)), "{reply:?}");
        let reply = exec(&telling, setting, value, usual);
        assert!(reply.is_error(&format!("EXECABORT Transaction discarded because of: {error}")), "{reply:?}");
        assert_eq!(exec(&reads, setting, value, usual).items(), [Reply::Integer(1)]);
    }
    assert_eq!(other.call(&["EXISTS", "x"]), Reply::Integer(0));
}

#[test]
fn nothing_is_queued_without_memory() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.call(&["CONFIG", "SET", "maxmemory", "1"]);
    client.call(&["MULTI"]);
    assert!(client.call(&["PING"]).is_error("OOM command not allowed when used memory > 'maxmemory'."));
    assert!(client.call(&["EXEC"]).is_error("EXECABORT Transaction discarded because of previous errors."));
    assert_eq!(client.call(&["PING"]).text(), "PONG");
}
