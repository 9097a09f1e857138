//! `maxmemory-clients`, and what CLIENT LIST tells of a client's memory.

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

const MB: usize = 1 << 20;

fn call(client: &mut Client, command: &str) -> String {
    client.call(&command.split(' ').collect::<Vec<_>>()).text()
}

/// A client that has sent so many bytes of a request which is not whole.
fn half_way(server: &Server, name: &str, bytes: usize) -> Client {
    let (mut client, mut observer) = (server.client(), server.client());
    call(&mut client, &format!("CLIENT SETNAME {name}"));
    let request = format!("*2\r\n$4\r\nECHO\r\n${}\r\n{}", bytes + 1, "v".repeat(bytes));
    // It may be closed meanwhile.
    let _ = client.send(request.as_bytes());
    eventually("the bytes have come", || {
        field(&mut observer, name, "qbuf").is_none_or(|found| found == bytes)
    });
    client
}

/// A field of the line of the client with this name; None without such a client.
fn field(observer: &mut Client, name: &str, field: &str) -> Option<usize> {
    let list = call(observer, "CLIENT LIST");
    let line = list.lines().find(|line| line.contains(&format!(" name={name} ")))?;
    let value = line.split(' ').find_map(|word| word.strip_prefix(&format!("{field}=")));
    Some(value.unwrap().parse().unwrap())
}

fn evicted(observer: &mut Client) -> String {
    let info = call(observer, "INFO stats");
    info.lines().find_map(|line| line.strip_prefix("evicted_clients:")).unwrap().to_owned()
}

#[test]
fn the_largest_clients_are_closed() {
    let server = Server::with_workers(2);
    let mut control = server.client();
    let clients = [("a", MB), ("b", 4 * MB), ("c", 2 * MB), ("largest", 5 * MB)];
    let mut clients = clients.map(|(name, bytes)| half_way(&server, name, bytes));
    assert!(field(&mut control, "largest", "tot-mem").unwrap() >= 5 * MB);
    call(&mut control, "CLIENT NO-EVICT ON");
    call(&mut control, "CONFIG SET maxmemory-clients 4mb");
    let there = |control: &mut Client, name| field(control, name, "qbuf").is_some();
    for (name, expected) in [("a", true), ("b", false), ("c", true), ("largest", false)] {
        assert_eq!(there(&mut control, name), expected, "{name}");
    }
    assert_eq!(evicted(&mut control), "2");
    assert!(clients[1].read().is_err());
    // A request that is too large does not run.
    assert!(server.client().try_call(&["SET", "large", &"v".repeat(5 * MB)]).is_err());
    assert_eq!(control.call(&["EXISTS", "large"]), Reply::Integer(0));
    // A client that grows beyond the limit is noticed at once.
    let big = half_way(&server, "big", 3 * MB);
    eventually("it is closed", || !there(&mut control, "big"));
    drop(big);
    call(&mut control, "CONFIG SET maxmemory-clients 1");
    eventually("all others are closed", || call(&mut control, "CLIENT LIST").lines().count() == 1);
    // So low a limit counts as 128 KB, or nobody could raise it.
    let mut late = server.client();
    (0..2).for_each(|_| assert_eq!(late.call(&["PING"]).text(), "PONG"));
    drop(late);
    call(&mut control, "CONFIG SET maxmemory-clients 0");
    call(&mut control, "CONFIG RESETSTAT");
    assert_eq!(evicted(&mut control), "0");
}

#[test]
fn all_that_a_client_keeps_counts() {
    let server = Server::start(&["--server-threads", "2", "--maxmemory-clients", "100kb"]);
    let mut control = server.client();
    call(&mut control, "CLIENT NO-EVICT ON");
    let value = "v".repeat(20_000);
    let check = |make: &dyn Fn(usize) -> Vec<String>| {
        let mut client = server.client();
        let closed =
            (0..20_000).any(|number| client.send(&encode(&make(number))).is_err() || client.read().is_err());
        assert!(closed, "{:?}", &make(0)[0]);
    };
    let words = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    check(&|number| words(format!("WATCH {number}")));
    check(&|number| words(format!("SUBSCRIBE {number}")));
    check(&|number| words(format!("PSUBSCRIBE {number}")));
    check(&|number| words(format!("SSUBSCRIBE {number}")));
    check(&|number| words(format!("CLIENT TRACKING ON BCAST PREFIX {number:09}")));
    check(&|number| if number == 0 { words("MULTI".into()) } else { words(format!("SET k {value}")) });
    // Those that keep nothing stay.
    let mut small = server.client();
    (0..100).for_each(|_| assert_eq!(small.call(&["SET", "k", &value]).text(), "OK"));
    assert_eq!(evicted(&mut control), "6");
}

#[test]
fn replies_that_nobody_reads_count() {
    let server = Server::start(&["--server-threads", "2", "--maxmemory-clients", "20mb"]);
    let mut control = server.client();
    call(&mut control, "CLIENT NO-EVICT ON");
    control.call(&["SET", "k", &"v".repeat(MB)]);
    let mut client = server.client();
    call(&mut client, "CLIENT SETNAME slow");
    eventually("it is closed", || {
        let _ = client.send(&encode(&["GET", "k"]));
        let total = field(&mut control, "slow", "tot-mem");
        assert!(total.unwrap_or_default() < 24 * MB);
        total.is_none()
    });
    assert_eq!(evicted(&mut control), "1");
}

#[test]
fn client_list_shows_where_the_memory_is() {
    let server = Server::with_workers(2);
    let (mut client, mut observer) = (server.client(), server.client());
    call(&mut client, "CLIENT SETNAME own");
    let line = call(&mut client, "CLIENT LIST");
    // As redis-server 7.2.4 has it.
    assert!(line.contains(" qbuf=26 ") && line.contains(" argv-mem=10 multi-mem=0 "), "{line}");
    assert!(line.contains(" obl=0 oll=0 omem=0 "), "{line}");
    // An idle connection keeps no buffers.
    let get = |observer: &mut Client, name: &str| field(observer, "own", name).unwrap();
    assert_eq!(
        (get(&mut observer, "qbuf"), get(&mut observer, "qbuf-free"), get(&mut observer, "argv-mem")),
        (0, 0, 0)
    );
    call(&mut client, "MULTI");
    call(&mut client, &format!("SET k {}", "v".repeat(1000)));
    assert!(get(&mut observer, "multi-mem") >= 1000 && get(&mut observer, "tot-mem") >= 1000);
}
