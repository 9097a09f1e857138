//! Replicas: the stream word by word as raw followers see it, and real ones that must have the same data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use super::support::{Client, Redis, Reply, Server, eventually, scaled, seed, workload};

/// A connection that follows the stream without understanding it.
struct Follower {
    client: Client,
    /// The place in the stream behind which it follows.
    place: i64,
}

impl Follower {
    /// Attaches with SYNC, as old replicas do.
    fn sync(server: &Server) -> Self {
        let mut client = server.client();
        client.send(b"SYNC\r\n").unwrap();
        Self { client, place: 0 }.past_image()
    }

    /// Attaches with PSYNC.
    fn psync(server: &Server, capabilities: &[&str]) -> Self {
        let mut client = server.client();
        for capability in capabilities {
            client.call(&["REPLCONF", "capa", capability]);
        }
        client.send(b"PSYNC ? -1\r\n").unwrap();
        let line = first_line(&mut client);
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words[0], words[1].len()), ("+FULLRESYNC", 40), "{line}");
        let place = words[2].parse().unwrap();
        Self { client, place }.past_image()
    }

    fn past_image(mut self) -> Self {
        let line = first_line(&mut self.client);
        match line.strip_prefix("$EOF:") {
            Some(mark) => {
                let mut image = Vec::new();
                while !image.ends_with(mark.as_bytes()) {
                    image.extend(self.client.read_exactly(1).unwrap());
                }
                assert!(image.starts_with(b"REDIS00"));
            }
            None => {
                let image = self.client.read_exactly(line[1..].parse().unwrap()).unwrap();
                assert!(image.starts_with(b"REDIS0010"), "what has told no version gets what all read");
            }
        }
        self
    }

    /// The next command that is none of the link itself.
    fn command(&mut self) -> String {
        loop {
            let reply = self.client.read().unwrap();
            let words: Vec<String> = reply.items().iter().map(Reply::text).collect();
            if words != ["PING"] {
                return words.join(" ");
            }
        }
    }

    fn expect(&mut self, commands: &[&str]) {
        for expected in commands {
            assert_eq!(self.command(), *expected);
        }
    }

    fn acknowledge(&mut self, place: i64) {
        let place = place.to_string();
        self.client.send(&super::support::client::encode(&["REPLCONF", "ACK", &place, "FACK", "7"])).unwrap();
    }
}

/// The first line that is not empty: while an image is made there are empty ones.
fn first_line(client: &mut Client) -> String {
    loop {
        let byte = client.read_exactly(1).unwrap();
        if byte != b"\n" {
            return String::from_utf8(byte).unwrap() + &client.read_line().unwrap();
        }
    }
}

fn field(client: &mut Client, section: &str, name: &str) -> String {
    let info = client.call(&["INFO", section]).text();
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {info}"))
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

#[test]
fn the_stream_has_effects_in_their_order() {
    for flags in [&["--appendonly", "no"], &["--appendonly", "yes"]] {
        let server = Server::start(flags);
        let mut client = server.client();
        client.call(&["SET", "before", "x"]);
        let mut follower = Follower::sync(&server);
        for command in [
            "SET k v",
            "INCRBYFLOAT n 1.5",
            "SADD s one",
            "SPOP s",
            "GET k",
            "DEL nothing",
            "PUBLISH channel message",
            "SELECT 9",
            "SET k v EX 100",
            "MULTI",
            "SET one 1",
            "EXEC",
            "MULTI",
            "SET a 1",
            "SELECT 2",
            "SET b 2",
            "PUBLISH c m",
            "GET b",
            "EXEC",
            "EVAL return(redis.call('set','e','1')) 0",
            "EVAL redis.call('set','f','1');redis.call('publish','c','m');return(redis.call('incr','e')) 0",
            "FLUSHDB",
        ] {
            assert!(!matches!(client.call(&words(command)), Reply::Error(_)), "{command}");
        }
        follower.expect(&["SELECT 0", "SET k v", "SET n 1.5 KEEPTTL", "SADD s one", "SREM s one"]);
        follower.expect(&["PUBLISH channel message", "SELECT 9"]);
        assert!(follower.command().starts_with("SET k v PXAT "));
        follower.expect(&["SET one 1", "MULTI", "SET a 1", "SELECT 2", "SET b 2", "PUBLISH c m", "EXEC"]);
        follower.expect(&["set e 1", "MULTI", "set f 1", "publish c m", "incr e", "EXEC", "FLUSHDB"]);
    }
}

#[test]
fn messages_are_not_in_the_log() {
    let server = Server::start(&["--appendonly", "yes", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    let mut follower = Follower::sync(&server);
    for command in
        ["SET k 1", "PUBLISH c m", "MULTI", "PUBLISH c m", "EXEC", "MULTI", "INCR k", "PUBLISH c m", "EXEC"]
    {
        client.call(&words(command));
    }
    let script = "redis.set_repl(redis.REPL_REPLICA) redis.call('set', 'k', 'x') redis.set_repl(redis.REPL_AOF) \
                  redis.call('set', 'log', '1')";
    client.call(&["EVAL", script, "0"]);
    follower.expect(&[
        "SELECT 0",
        "SET k 1",
        "PUBLISH c m",
        "PUBLISH c m",
        "MULTI",
        "INCR k",
        "PUBLISH c m",
        "EXEC",
    ]);
    follower.expect(&["MULTI", "set k x", "EXEC"]);
    assert_eq!(client.call(&["DEBUG", "LOADAOF"]), Reply::Simple("OK".into()));
    assert_eq!(
        client.call(&["MGET", "k", "log"]).items(),
        [Reply::Bulk(b"2".to_vec()), Reply::Bulk(b"1".to_vec())]
    );
}

#[test]
fn a_replica_is_seen_and_must_be_silent() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut follower = Follower::psync(&server, &[]);
    let lines = client.call(&["CLIENT", "LIST", "TYPE", "replica"]).text();
    assert!(lines.contains(" flags=S ") && lines.lines().count() == 1, "{lines}");
    assert_eq!(field(&mut client, "clients", "connected_clients"), "1");
    assert_eq!(field(&mut client, "replication", "connected_slaves"), "1");
    client.call(&["SET", "k", "v"]);
    follower.expect(&["SELECT 0", "SET k v"]);
    let end = field(&mut client, "replication", "master_repl_offset").parse().unwrap();
    follower.acknowledge(end);
    eventually("the acknowledgement is seen", || {
        client.call(&["ROLE"]).items()[2]
            .items()
            .iter()
            .any(|replica| replica.items()[2].text() == end.to_string())
    });
    follower.client.send(b"GET k\r\n").unwrap();
    eventually("who answers is closed", || field(&mut client, "replication", "connected_slaves") == "0");
    let mut refused = server.client();
    assert!(refused.call(&["REPLCONF", "capa"]).is_error("ERR syntax error"));
    assert!(
        refused.call(&["REPLCONF", "colour", "red"]).is_error("ERR Unrecognized REPLCONF option: colour")
    );
    assert!(refused.call(&["PSYNC", "?", "x"]).is_error("ERR value is not an integer"));
    refused.call(&["REPLCONF", "rdb-filter-only", "functions"]);
    assert!(refused.call(&["SYNC"]).is_error("ERR Filtered replica requires EOF capability"));
}

#[test]
fn who_comes_back_in_time_goes_on() {
    let server = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let mut client = server.client();
    let follower = Follower::psync(&server, &["eof"]);
    let place = follower.place;
    drop(follower);
    client.call(&["SET", "k", "v"]);
    let id = field(&mut client, "replication", "master_replid");
    let resume = |from: i64, id: &str| {
        let mut client = server.client();
        client.call(&["REPLCONF", "capa", "psync2"]);
        client.send(format!("PSYNC {id} {from}\r\n").as_bytes()).unwrap();
        (first_line(&mut client), client)
    };
    let (line, client_again) = resume(place + 1, &id.to_uppercase());
    assert_eq!(line, format!("+CONTINUE {id}"));
    Follower { client: client_again, place }.expect(&["SELECT 0", "SET k v"]);
    assert!(resume(place + 1_000, &id).0.starts_with("+FULLRESYNC"));
    assert!(resume(place + 1, &"0".repeat(40)).0.starts_with("+FULLRESYNC"));
    client.call(&["CONFIG", "SET", "repl-backlog-size", "16384"]);
    (0..100).for_each(|_| drop(client.call(&["SET", "k", &"x".repeat(1000)])));
    eventually("the backlog has gone on", || {
        field(&mut client, "replication", "repl_backlog_first_byte_offset").parse::<i64>().unwrap()
            > place + 1
    });
    assert!(resume(place + 1, &id).0.starts_with("+FULLRESYNC"));
    assert_eq!(field(&mut client, "stats", "sync_partial_ok"), "1");
    assert_eq!(field(&mut client, "stats", "sync_partial_err"), "3");
}

#[test]
fn the_backlog_goes_some_time_after_the_last_replica() {
    let server = Server::start(&["--repl-backlog-ttl", "1"]);
    let mut client = server.client();
    let follower = Follower::sync(&server);
    let id = field(&mut client, "replication", "master_replid");
    assert_eq!(field(&mut client, "replication", "repl_backlog_active"), "1");
    drop(follower);
    eventually("the backlog goes", || field(&mut client, "replication", "repl_backlog_active") == "0");
    assert_ne!(field(&mut client, "replication", "master_replid"), id);
    client.call(&["SET", "k", "v"]);
    let mut follower = Follower::sync(&server);
    client.call(&["SET", "k", "w"]);
    follower.expect(&["SELECT 0", "SET k w"]);
}

#[test]
fn a_slow_replica_is_cut_off_and_nobody_else_hurt() {
    let server = Server::start(&["--client-output-buffer-limit", "replica 2mb 0 0"]);
    let mut client = server.client();
    let mut quick = Follower::sync(&server);
    let slow = Follower::sync(&server);
    let value = "x".repeat(100_000);
    for round in 0..200 {
        client.call(&["SET", "k", &value]);
        let expected = if round == 0 { quick.command() } else { String::new() };
        assert!(expected.is_empty() || expected.starts_with("SELECT"));
        assert_eq!(quick.command().len(), value.len() + 6);
    }
    eventually("the slow one is closed", || field(&mut client, "replication", "connected_slaves") == "1");
    client.call(&["SET", "k", "end"]);
    assert_eq!(quick.command(), "SET k end");
    drop(slow);
}

#[test]
fn writes_are_refused_without_replicas() {
    let server = Server::start(&["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"]);
    let mut client = server.client();
    const REFUSED: &str = "NOREPLICAS Not enough good replicas to write.";
    assert!(client.call(&["SET", "k", "v"]).is_error(REFUSED));
    assert_eq!(client.call(&["GET", "k"]), Reply::Null);
    assert!(client.call(&["EVAL", "return redis.call('set','k','v')", "0"]).is_error("NOREPLICAS"));
    let follower = Follower::sync(&server);
    eventually("a replica is good", || client.call(&["SET", "k", "v"]) == Reply::Simple("OK".into()));
    assert_eq!(field(&mut client, "replication", "min_slaves_good_slaves"), "1");
    sleep(Duration::from_millis(2100));
    assert!(client.call(&["SET", "k", "v"]).is_error(REFUSED), "it has been silent for too long");
    drop(follower);
}

#[test]
fn wait_counts_acknowledgements_of_the_clients_own_writes() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut followers = [Follower::psync(&server, &[]), Follower::psync(&server, &[])];
    assert_eq!(
        client.call(&["WAIT", "2", "0"]),
        Reply::Integer(2),
        "who has written nothing waits for nothing"
    );
    client.call(&["SET", "k", "v"]);
    assert_eq!(client.call(&["WAIT", "1", "20"]), Reply::Integer(0));
    let mut place = followers[0].place;
    for follower in &mut followers {
        follower.expect(&["SELECT 0", "SET k v", "REPLCONF GETACK *"]);
    }
    place += field(&mut client, "replication", "master_repl_offset").parse::<i64>().unwrap() - place;
    scope(|scope| {
        let waiting = scope.spawn(|| client.call(&["WAIT", "2", "0"]));
        followers.iter_mut().for_each(|follower| follower.acknowledge(place));
        assert_eq!(waiting.join().unwrap(), Reply::Integer(2));
    });
    assert_eq!(client.call(&["WAIT", "1", "0"]), Reply::Integer(2));
    let mut other = server.client();
    other.call(&["INCR", "n"]);
    assert_eq!(client.call(&["WAIT", "2", "0"]), Reply::Integer(2), "another client's write does not count");
    assert_eq!(other.call(&["WAITAOF", "0", "1", "20"]).items(), [Reply::Integer(0), Reply::Integer(0)]);
    let end = field(&mut client, "replication", "master_repl_offset");
    let acknowledgement = ["REPLCONF", "ACK", &end, "FACK", &end];
    followers[0].client.send(&super::support::client::encode(&acknowledgement)).unwrap();
    assert_eq!(other.call(&["WAITAOF", "0", "1", "0"]).items(), [Reply::Integer(0), Reply::Integer(1)]);
}

/// One of many commands, none of which commutes with the others.
fn random_command(rng: &mut fastrand::Rng) -> String {
    let (key, other, number) = (rng.u8(0..40), rng.u8(0..40), rng.u16(0..1000));
    match rng.u8(0..36) {
        kind @ 0..15 => workload::write(kind, key, other, number),
        24..36 => format!("INCR c{}", rng.u8(0..40)),
        15 => format!("SET s{key} {number} PX {}", number % 50 + 1),
        16 => format!("XADD x{key} MAXLEN ~ 50 * f {number}"),
        17 => format!("MOVE s{key} 1"),
        18 => "SELECT 1".into(),
        19 => "SELECT 0".into(),
        20 => format!("PEXPIRE l{key} {}", number % 100 + 1),
        21 => format!("EVAL redis.call('incr','c{key}');return(redis.call('lpush','l{other}','{number}')) 0"),
        22 if number < 5 => "SWAPDB 0 1".into(),
        22 if number < 10 => "FLUSHDB".into(),
        22 => format!("PFADD p{key} {number}"),
        kind => workload::write(kind, key, other, number),
    }
}

fn write(mut client: Client, seed: u64, stop: &AtomicBool) {
    let mut rng = fastrand::Rng::with_seed(seed);
    while !stop.load(Ordering::Relaxed) {
        let commands = (0..16).flat_map(|_| {
            let mut commands = vec![random_command(&mut rng)];
            if rng.u8(0..8) == 0 {
                commands.insert(0, "MULTI".into());
                commands.push(random_command(&mut rng));
                commands.push("EXEC".into());
            }
            commands
        });
        let commands: Vec<Vec<String>> =
            commands.map(|command| command.split(' ').map(str::to_owned).collect()).collect();
        client.pipeline(&commands);
    }
}

/// Waits until a replica has all, and compares the data.
fn expect_same(server: &Server, replica: &mut Client, seed: u64) {
    let mut client = server.client();
    // Nothing may expire while the two are compared.
    sleep(Duration::from_millis(300));
    let follows = |client: &mut Client, replica: &mut Client| {
        let end = field(client, "replication", "master_repl_offset");
        let info = replica.call(&["INFO", "replication"]).text();
        info.contains("master_link_status:up") && info.contains(&format!("slave_repl_offset:{end}\r\n"))
    };
    eventually("the replica has all", || follows(&mut client, replica));
    let digest = |client: &mut Client| client.call(&["DEBUG", "DIGEST"]).text();
    let ours = digest(&mut client);
    eventually(&format!("the data is the same, seed {seed}"), || digest(replica) == ours);
}

fn follow_under_load(flags: &[&str]) {
    let mut all =
        vec!["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0", "--server-threads", "4"];
    all.extend(flags);
    let server = Server::start(&all);
    let Some(mut redis) = Redis::start(&["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"])
    else {
        return println!("skipped: there is no redis-server");
    };
    let seed = seed();
    let mut loader = server.client();
    loader.call(&["DEBUG", "POPULATE", "20000", "key", "100"]);
    let port = server.port.to_string();
    // What happens twice, or not at all, about the cut must show in the end.
    for round in 0..scaled(8) {
        let stop = AtomicBool::new(false);
        scope(|scope| {
            for writer in 0..4 {
                let (client, stop, seed) =
                    (server.client(), &stop, seed.wrapping_add((round * 4 + writer) as u64));
                scope.spawn(move || write(client, seed, stop));
            }
            sleep(Duration::from_millis(20));
            redis.client.call(&["REPLICAOF", "127.0.0.1", &port]);
            eventually("the replica follows", || {
                field(&mut redis.client, "replication", "master_link_status") == "up"
            });
            sleep(Duration::from_millis(50));
            stop.store(true, Ordering::Relaxed);
        });
        expect_same(&server, &mut redis.client, seed);
        redis.client.call(&["REPLICAOF", "NO", "ONE"]);
        // What it would go on from is not the history that it has.
        redis.client.call(&["SET", "own", "x"]);
    }
}

#[test]
fn a_redis_follows_under_load() {
    follow_under_load(&[]);
}

#[test]
fn a_redis_follows_under_load_beside_the_log() {
    follow_under_load(&["--appendonly", "yes"]);
}

#[test]
fn a_redis_follows_under_load_from_a_file() {
    follow_under_load(&["--repl-diskless-sync", "no"]);
}

#[test]
fn a_replica_that_dies_in_the_middle_costs_nobody_anything() {
    let server = Server::start(&["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]);
    let Some(mut first) = Redis::start(&[]) else { return println!("skipped: there is no redis-server") };
    let mut client = server.client();
    client.call(&["DEBUG", "POPULATE", "200000", "key", "100"]);
    let port = server.port.to_string();
    first.client.call(&["REPLICAOF", "127.0.0.1", &port]);
    eventually("the image is on its way", || field(&mut client, "replication", "connected_slaves") == "1");
    first.kill();
    client.call(&["SET", "k", "v"]);
    let Some(mut second) = Redis::start(&["--enable-debug-command", "yes"]) else { return };
    second.client.call(&["REPLICAOF", "127.0.0.1", &port]);
    eventually("the second one follows", || {
        field(&mut second.client, "replication", "master_link_status") == "up"
    });
    assert_eq!(field(&mut client, "replication", "connected_slaves"), "1");
    client.call(&["INCR", "n"]);
    assert_eq!(client.call(&["WAIT", "1", "0"]), Reply::Integer(1));
    expect_same(&server, &mut second.client, 0);
    second.kill();
    eventually("it is gone", || field(&mut client, "replication", "connected_slaves") == "0");
}

#[test]
fn libraries_alone_can_be_had() {
    let server = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let mut client = server.client();
    client.call(&[
        "FUNCTION",
        "LOAD",
        "#!lua name=lib\nredis.register_function('f', function() return 1 end)",
    ]);
    client.call(&["SET", "secret", "v"]);
    let mut follower = server.client();
    for option in [["capa", "eof"], ["rdb-only", "1"], ["rdb-filter-only", "functions"]] {
        follower.call(&["REPLCONF", option[0], option[1]]);
    }
    follower.send(b"SYNC\r\n").unwrap();
    let mark = first_line(&mut follower).replace("$EOF:", "");
    let mut image = Vec::new();
    while !image.ends_with(mark.as_bytes()) {
        image.extend(follower.read_exactly(1).unwrap());
    }
    let has = |text: &[u8]| image.windows(text.len()).any(|window| window == text);
    assert!(has(b"register_function") && !has(b"secret"));
    assert!(follower.read_exactly(1).is_err(), "it is closed");
}

#[test]
fn the_server_waits_for_its_replicas_before_it_ends() {
    let mut server = Server::start(&["--repl-diskless-sync-delay", "0"]);
    let Some(mut redis) = Redis::start(&[]) else { return println!("skipped: there is no redis-server") };
    let mut client = server.client();
    redis.client.call(&["REPLICAOF", "127.0.0.1", &server.port.to_string()]);
    eventually("it follows", || client.call(&["INFO", "replication"]).text().contains(",state=online,"));
    for number in 0..2000 {
        let value = "x".repeat(1000);
        client.send(&super::support::client::encode(&["SET", &format!("k{number}"), &value])).unwrap();
    }
    client.send(b"SHUTDOWN NOSAVE\r\n").unwrap();
    server.await_end();
    assert_eq!(redis.client.call(&["DBSIZE"]), Reply::Integer(2000));
}
