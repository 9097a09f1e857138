//! MEMORY beyond USAGE.

use crate::support::client::encode;
use crate::support::{Reply, Server, eventually};

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
