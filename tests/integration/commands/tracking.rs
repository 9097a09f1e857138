//! CLIENT TRACKING and its kin. What is expected is what redis-server 7.2.4 does, unless it says otherwise.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually};

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&words(command))
}

/// A RESP3 client that tracks with these options.
fn tracker(server: &Server, options: &str) -> Client {
    let mut client = server.client();
    call(&mut client, "HELLO 3");
    assert_eq!(call(&mut client, format!("CLIENT TRACKING ON {options}").trim_end()), ok());
    client
}

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

/// A push or message of the kind that invalidates: its keys, `*` for all.
fn shown(reply: &Reply) -> String {
    let items = reply.items();
    let keys = match items.last().unwrap() {
        Reply::Null => "*".to_owned(),
        Reply::Integer(id) => id.to_string(),
        keys => keys.items().iter().map(Reply::text).collect::<Vec<_>>().join(" "),
    };
    match (reply, items[0].text().as_str()) {
        (Reply::Aggregate('>', _), "invalidate") => keys,
        (Reply::Array(_), "message") if items[1].text() == "__redis__:invalidate" => {
            format!("message {keys}")
        }
        (_, kind) => format!("{kind} {keys}"),
    }
}

/// What has been sent to a RESP3 client, or to a RESP2 client that listens.
fn told(client: &mut Client) -> Vec<String> {
    let mut told = Vec::new();
    let mut reply = call(client, "PING");
    let is_pong = |reply: &Reply| match reply {
        Reply::Array(items) => items[0].text() == "pong",
        reply => *reply == Reply::Simple("PONG".into()),
    };
    while !is_pong(&reply) {
        told.push(shown(&reply));
        reply = client.read().unwrap();
    }
    told
}

/// Sends commands at once, and then PING; replies are shown as `.`, pushes by their keys.
fn transcript(client: &mut Client, commands: &[&str]) -> String {
    let all = commands.iter().chain(&["PING"]);
    let bytes: Vec<u8> = all.flat_map(|command| encode(&words(command))).collect();
    client.send(&bytes).unwrap();
    let mut seen = Vec::new();
    loop {
        match client.read().unwrap() {
            Reply::Simple(text) if text == "PONG" => return seen.join(" "),
            push @ Reply::Aggregate('>', _) => seen.push(format!("[{}]", shown(&push))),
            _ => seen.push(".".to_owned()),
        }
    }
}

#[test]
fn a_client_learns_of_its_own_changes_behind_the_reply() {
    let server = Server::with_workers(2);
    let mut client = tracker(&server, "");
    let mut check = |commands: &[&str], expected: &str| {
        assert_eq!(transcript(&mut client, commands), expected, "{commands:?}");
    };
    check(&["SET k 1", "GET k", "SET k 2", "SET k 3"], ". . . [k] .");
    check(&["GET k", "GET j", "MULTI", "SET k 3", "SET j 1", "EXEC"], ". . . . . . [k] [j]");
    check(&["MGET k j", "EVAL redis.call('set',KEYS[1],1)redis.call('get','j')return(1) 1 k"], ". . [k]");
    check(&["GET k", "MSET k 1 j 2", "DEL k"], ". . [k] [j] .");
    check(&["GET k", "FLUSHALL"], ". . [*]");
    check(&["MULTI", "FLUSHDB", "SET k 1", "EXEC"], ". . . . [*]");
    // The table goes by names: a key of another database counts.
    check(&["GET k", "SELECT 3", "SET k 1", "SELECT 0"], ". . . [k] .");
    check(&["SET l 1", "GET l", "RENAME l m", "GET m", "EXPIRE m 100"], ". . . [l] . . [m]");
    // Redis says nothing, and leaves caches with the other database's values.
    check(&["GET k", "SWAPDB 0 1"], ". . [*]");
}

#[test]
fn reads_are_noted_and_nothing_else_is() {
    let server = Server::with_workers(2);
    let (mut client, mut writer) = (tracker(&server, ""), server.client());
    let mut check = |command: &str, expected: &[&str]| {
        call(&mut writer, "DEL k j");
        call(&mut client, command);
        call(&mut writer, "MSET k 1 j 1");
        assert_eq!(told(&mut client), expected, "{command}");
    };
    for command in [
        "GET k",
        "EXISTS k",
        "TTL k",
        "OBJECT ENCODING k",
        "SORT_RO k",
        "PFCOUNT k",
        "TOUCH k",
        "XREAD STREAMS k 0",
        "GEORADIUS_RO k 1 1 1 km",
        "EVAL_RO return(redis.call('get','k')) 1 j",
        "EVAL return(redis.call('get','k')) 1 j",
        "EVAL return(redis.call('get',KEYS[1])) 1 k",
        "BITFIELD_RO k GET u8 0",
    ] {
        check(command, &["k"]);
    }
    check("MGET k j", &["k", "j"]);
    check("SINTERCARD 2 k j", &["k", "j"]);
    for command in
        ["SET k 1", "GETEX k", "SORT k", "WATCH k", "SCAN 0", "KEYS *", "PUBLISH k 1", "ZUNIONSTORE j 1 k"]
    {
        check(command, &[]);
    }
    for command in
        ["EVAL_RO return(1) 1 k", "EVAL redis.call('set','j',1) 1 k", "RANDOMKEY", "BITFIELD k GET u8 0"]
    {
        check(command, &[]);
    }
}

#[test]
fn changes_are_told_once_for_each_read() {
    let server = Server::with_workers(2);
    let (mut client, mut other, mut writer) = (tracker(&server, ""), tracker(&server, ""), server.client());
    call(&mut client, "GET k");
    call(&mut other, "GET k");
    call(&mut writer, "SET k 1");
    call(&mut writer, "SET k 2");
    assert_eq!((told(&mut client), told(&mut other)), (vec!["k".to_owned()], vec!["k".to_owned()]));
    // What changes nothing invalidates nothing.
    call(&mut client, "MGET k none");
    for command in ["SETNX k 3", "DEL none", "PERSIST k", "EXPIRE none 10", "APPEND x 1", "HSET h f 1"] {
        call(&mut writer, command);
    }
    assert!(told(&mut client).is_empty());
    call(&mut writer, "EXPIRE k 100");
    assert_eq!(told(&mut client), ["k"]);
}

#[test]
fn keys_that_expire_or_are_evicted_are_told() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-random"]);
    let (mut client, mut writer) = (tracker(&server, "NOLOOP"), server.client());
    let mut broadcast = tracker(&server, "BCAST NOLOOP PREFIX k");
    // NOLOOP is about what the client does itself.
    call(&mut client, "SET k 1 PX 500");
    assert_eq!(told(&mut broadcast), ["k"]);
    call(&mut client, "GET k");
    eventually("the key expires", || told(&mut client) == ["k"]);
    eventually("all learn of it", || told(&mut broadcast) == ["k"]);
    call(&mut writer, "SET k 1");
    call(&mut client, "GET k");
    call(&mut writer, "CONFIG SET maxmemory 1");
    assert_eq!(told(&mut broadcast)[0], "k");
    eventually("the key is evicted", || told(&mut client) == ["k"]);
    call(&mut writer, "CONFIG SET maxmemory 0");
    call(&mut client, "GET k");
    call(&mut writer, "FLUSHALL");
    assert_eq!(told(&mut client), ["*"]);
    assert_eq!(told(&mut broadcast).last().unwrap(), "*");
}

#[test]
fn noloop_keeps_a_client_from_hearing_of_itself() {
    let server = Server::with_workers(2);
    let (mut client, mut writer) = (tracker(&server, "NOLOOP"), server.client());
    assert_eq!(transcript(&mut client, &["GET k", "SET k 1", "SET k 2"]), ". . .");
    call(&mut client, "GET k");
    call(&mut writer, "SET k 1");
    assert_eq!(told(&mut client), ["k"]);
    let script = "EVAL return(redis.call('set',KEYS[1],1)) 1 k";
    assert_eq!(transcript(&mut client, &["GET k", script, "GET k", "FLUSHALL"]), ". . . . [*]");
    let mut broadcast = tracker(&server, "BCAST NOLOOP");
    assert_eq!(transcript(&mut broadcast, &["SET k 1", "MULTI", "DEL k", "EXEC"]), ". . . .");
    // As in Redis, a script's changes are not the client's own here.
    call(&mut broadcast, script);
    assert_eq!(told(&mut broadcast), ["k"]);
}

#[test]
fn prefixes_are_told_together() {
    let server = Server::with_workers(2);
    let (mut two, mut all) = (tracker(&server, "BCAST PREFIX a PREFIX b"), tracker(&server, "BCAST"));
    let mut writer = server.client();
    call(&mut writer, "MSET a2 1 a1 1 b1 2 c 3");
    assert_eq!(told(&mut two), ["a1 a2", "b1"]);
    assert_eq!(told(&mut all), ["a1 a2 b1 c"]);
    let batch = ["SET a3 1", "SET b2 1", "SET a0 1", "DEL b2"];
    assert_eq!(transcript(&mut writer, &batch), ". . . .");
    assert_eq!(told(&mut two), ["a0 a3", "b2"]);
    assert_eq!(told(&mut all), ["a0 a3 b2"]);
    assert_eq!(call(&mut two, "CLIENT TRACKING ON BCAST PREFIX c"), ok());
    call(&mut writer, "SET c 1");
    assert_eq!(told(&mut two), ["c"]);
    // Reads are of no matter, and what was noted before is not told.
    let mut turned = tracker(&server, "");
    for command in ["GET a1", "CLIENT TRACKING OFF", "CLIENT TRACKING ON BCAST PREFIX z"] {
        call(&mut turned, command);
    }
    call(&mut writer, "SET a1 1");
    assert!(told(&mut turned).is_empty());
    let info = call(&mut writer, "INFO").text();
    assert!(
        info.contains("tracking_total_prefixes:5\r\n") && info.contains("tracking_clients:3\r\n"),
        "{info}"
    );
}

#[test]
fn caching_is_said_for_one_command_or_transaction() {
    let server = Server::with_workers(2);
    let mut writer = server.client();
    let mut check = |client: &mut Client, commands: &[&str], expected: &[&str]| {
        transcript(client, commands);
        call(&mut writer, "MSET i 1 j 1 k 1");
        assert_eq!(told(client), expected, "{commands:?}");
    };
    let mut client = tracker(&server, "OPTIN");
    let yes = "CLIENT CACHING YES";
    check(&mut client, &["GET k", yes, "GET j", "GET i"], &["j"]);
    check(&mut client, &[yes, "MULTI", "GET k", "GET j", "EXEC", "GET i"], &["j", "k"]);
    check(&mut client, &[yes, "CLIENT ID", "GET k"], &["k"]);
    check(&mut client, &[yes, "NOSUCH", "GET k"], &[]);
    check(&mut client, &[yes, "GET", "GET k"], &[]);
    check(&mut client, &["MULTI", yes, "GET k", "EXEC", "GET i"], &["k"]);
    check(&mut client, &[yes, "MULTI", "GET k", "DISCARD", "GET i"], &[]);
    check(
        &mut client,
        &[yes, "EVAL redis.call('get','j')return(redis.call('get','i')) 0", "GET k"],
        &["i", "j"],
    );
    let mut client = tracker(&server, "OPTOUT");
    let no = "CLIENT CACHING NO";
    check(&mut client, &["GET k", no, "GET j", "GET i"], &["i", "k"]);
    check(&mut client, &[no, "MULTI", "GET k", "EXEC", "GET i"], &["i"]);
}

#[test]
fn resp2_clients_have_another_connection_listen() {
    let server = Server::with_workers(4);
    let (mut client, mut listener, mut writer) = (server.client(), server.client(), server.client());
    let id = call(&mut listener, "CLIENT ID").integer();
    call(&mut listener, "SUBSCRIBE __redis__:invalidate");
    assert_eq!(call(&mut client, &format!("CLIENT TRACKING ON REDIRECT {id}")), ok());
    assert_eq!(call(&mut client, "CLIENT GETREDIR"), Reply::Integer(id));
    call(&mut client, "MGET k j");
    call(&mut writer, "SET k 1");
    call(&mut client, "SET j 1");
    assert_eq!(told(&mut listener), ["message k", "message j"]);
    call(&mut writer, "FLUSHDB");
    assert_eq!(told(&mut listener), ["message *"]);
    let line = |client: &mut Client| call(client, "CLIENT INFO").text();
    let shown = line(&mut client);
    assert!(shown.contains(" flags=t ") && shown.contains(&format!(" redir={id} ")), "{shown}");
    // Without any subscription there is no form for it.
    call(&mut listener, "UNSUBSCRIBE");
    call(&mut client, "GET k");
    call(&mut writer, "SET k 1");
    assert_eq!(call(&mut listener, "PING"), Reply::Simple("PONG".into()));
    call(&mut client, "HELLO 3");
    // Nothing is told to a connection that is about to be closed.
    call(&mut listener, "QUIT");
    call(&mut client, "GET k");
    call(&mut writer, "SET k 2");
    assert_eq!(told(&mut client), [format!("tracking-redir-broken {id}")]);
    assert!(line(&mut client).contains(" flags=tR "));
    let info = call(&mut client, "CLIENT TRACKINGINFO");
    assert!(
        format!("{info:?}").contains(&format!("{:?}", Reply::Bulk(b"broken_redirect".to_vec()))),
        "{info:?}"
    );
}

#[test]
fn a_full_table_forgets_keys_and_says_so() {
    let server = Server::with_workers(2);
    let (mut client, mut writer) = (tracker(&server, ""), server.client());
    for number in 0..250 {
        call(&mut client, &format!("GET key{number}"));
    }
    let total = |client: &mut Client, name: &str| {
        let info = call(client, "INFO stats").text();
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")).map(str::to_owned));
        line.unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(total(&mut writer, "tracking_total_keys"), 250);
    call(&mut writer, "CONFIG SET tracking-table-max-keys 10");
    eventually("the table shrinks", || total(&mut writer, "tracking_total_keys") == 10);
    let mut forgotten = told(&mut client);
    forgotten.sort_unstable();
    forgotten.dedup();
    assert_eq!(forgotten.len(), 240);
    // Clients that have gone leave nothing behind.
    let mut other = tracker(&server, "");
    (0..10).for_each(|number| drop(call(&mut other, &format!("GET key{number}"))));
    drop(client);
    drop(other);
    eventually("the table is empty", || total(&mut writer, "tracking_total_items") == 0);
    assert!(call(&mut writer, "INFO clients").text().contains("tracking_clients:0\r\n"));
}

#[test]
fn wrong_options_are_refused() {
    let server = Server::with_workers(1);
    let mut client = server.client();
    let mut check = |command: &str, expected: &str| {
        let reply = client.call(&words(command));
        match expected {
            "OK" => assert_eq!(reply, ok(), "{command}"),
            error => assert_eq!(reply, Reply::Error(format!("ERR {error}")), "{command}"),
        }
    };
    let unknown = "The client ID you want redirect to does not exist";
    check("CLIENT TRACKING maybe", "syntax error");
    check("CLIENT TRACKING ON REDIRECT", "syntax error");
    check("CLIENT TRACKING ON REDIRECT x", "value is not an integer or out of range");
    check("CLIENT TRACKING OFF REDIRECT 99", unknown);
    check("CLIENT TRACKING ON REDIRECT 0", unknown);
    check("CLIENT TRACKING ON PREFIX a", "PREFIX option requires BCAST mode to be enabled");
    check("CLIENT TRACKING ON BCAST OPTIN", "OPTIN and OPTOUT are not compatible with BCAST");
    check("CLIENT TRACKING ON OPTIN OPTOUT", "You can't specify both OPTIN mode and OPTOUT mode");
    let overlap = |one: &str, which: &str, other: &str| {
        format!(
            "Prefix '{one}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
        )
    };
    check("CLIENT TRACKING ON BCAST PREFIX foo PREFIX foobar", &overlap("foo", "another provided", "foobar"));
    check("CLIENT TRACKING ON BCAST PREFIX a PREFIX bb PREFIX b", &overlap("bb", "another provided", "b"));
    check("CLIENT TRACKING ON BCAST PREFIX foo", "OK");
    check("CLIENT TRACKING ON BCAST PREFIX fo", &overlap("fo", "an existing", "foo"));
    let switch = |what: &str| {
        format!(
            "You can't switch {what} before disabling tracking for this client, and then re-enabling it with a \
             different mode."
        )
    };
    check("CLIENT TRACKING ON", &switch("BCAST mode on/off"));
    check("CLIENT CACHING YES", "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
    check("CLIENT TRACKING OFF", "OK");
    let untracked = "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    check("CLIENT CACHING YES", untracked);
    check("CLIENT TRACKING ON OPTIN", "OK");
    check("CLIENT TRACKING ON OPTOUT", &switch("OPTIN/OPTOUT mode"));
    check("CLIENT CACHING NO", "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
    check("CLIENT CACHING maybe", "syntax error");
}

/// As redis-server 7.2.4 has it: confirmations and messages are sent, replies are not.
#[test]
fn client_reply_is_about_replies() {
    let server = Server::with_workers(2);
    let check = |commands: &[&str], expected: &[u8]| {
        use std::io::{Read, Write};
        let client = server.client();
        let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(&words(command))).collect();
        let mut stream = client.stream();
        stream.write_all(&bytes).unwrap();
        let mut reply = vec![0; expected.len()];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(String::from_utf8_lossy(&reply), String::from_utf8_lossy(expected), "{commands:?}");
    };
    let (off, on, skip) = ("CLIENT REPLY OFF", "CLIENT REPLY ON", "CLIENT REPLY SKIP");
    check(
        &[off, "SUBSCRIBE c", "PING", "UNSUBSCRIBE c", "PING", on],
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n+OK\r\n",
    );
    check(&[skip, "UNSUBSCRIBE c", "ECHO 1"], b"*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n$1\r\n1\r\n");
    let queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n";
    let multi = |rest: &str| format!("{queued}{rest}").into_bytes();
    check(
        &["MULTI", "PING", off, "PING", "EXEC", "PING", on, "ECHO 1"],
        &multi("*3\r\n+PONG\r\n+OK\r\n$1\r\n1\r\n"),
    );
    check(
        &["MULTI", "PING", skip, "PING", "EXEC", "ECHO 1", "ECHO 2"],
        &multi("*3\r\n+PONG\r\n+PONG\r\n$1\r\n2\r\n"),
    );
    check(
        &["MULTI", "PING", skip, on, "EXEC", "ECHO 1", "ECHO 2"],
        &multi("*3\r\n+PONG\r\n+OK\r\n$1\r\n2\r\n"),
    );
    check(&[off, "MULTI", "PING", on, "ECHO 1", "EXEC", "ECHO 2"], b"+OK\r\n$1\r\n1\r\n$1\r\n2\r\n");
    check(
        &["MULTI", off, "SUBSCRIBE c", "PING", "EXEC", "PING", "UNSUBSCRIBE c"],
        &multi(
            "*3\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n",
        ),
    );
}

/// What a cache holds once all is quiet is what the server holds, whoever has written.
#[test]
fn a_cache_is_never_stale_once_it_is_quiet() {
    const KEYS: usize = 40;
    for options in ["", "BCAST", "OPTOUT NOLOOP"] {
        let server = &Server::start(&["--server-threads", "4", "--appendonly", "yes"]);
        let done = AtomicBool::new(false);
        let caches: Vec<_> = thread::scope(|scope| {
            let read = || keep_cache(tracker(server, options), KEYS, &done);
            let readers: Vec<_> = (0..6).map(|_| scope.spawn(read)).collect();
            let write = |number| move || write(server.client(), number, KEYS);
            let writers: Vec<_> = (0..3).map(|number| scope.spawn(write(number))).collect();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Ordering::SeqCst);
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        let mut client = server.client();
        for (cache, invalidated) in caches {
            assert!(invalidated > 100, "{options}: {invalidated}");
            for (key, value) in cache {
                assert_eq!(client.call(&["GET", &key]), value, "{options}: {key}");
            }
        }
    }
}

/// Reads keys that it does not have, keeps them until they are invalidated; returns what it has in the end, and the number of invalidations.
fn keep_cache(mut client: Client, keys: usize, done: &AtomicBool) -> (HashMap<String, Reply>, usize) {
    let (mut cache, mut invalidated) = (HashMap::new(), 0);
    let mut forget = |cache: &mut HashMap<String, Reply>, push: &Reply| {
        invalidated += 1;
        match shown(push).as_str() {
            "*" => cache.clear(),
            keys => keys.split(' ').for_each(|key| drop(cache.remove(key))),
        }
    };
    let mut quiet = false;
    let mut turn = 0;
    while !quiet {
        // The last round is PING alone: what was told before it has come.
        quiet = done.load(Ordering::SeqCst);
        turn += 1;
        let key = format!("key{}", (turn * 7) % keys);
        let script = "return redis.call('get',KEYS[1])";
        let asks = !quiet && !cache.contains_key(&key);
        let command: Vec<&str> = match turn % 3 {
            _ if !asks => vec!["PING"],
            0 => vec!["EVAL", script, "1", &key],
            _ => vec!["GET", &key],
        };
        client.send(&encode(&command)).unwrap();
        let value = loop {
            match client.read().unwrap() {
                push @ Reply::Aggregate('>', _) => forget(&mut cache, &push),
                value => break value,
            }
        };
        if asks {
            cache.insert(key, value);
        }
    }
    (cache, invalidated)
}

/// Changes keys in every way.
fn write(mut client: Client, number: usize, keys: usize) {
    for round in 0..1200usize {
        let key = format!("key{}", (round * 11 + number) % keys);
        let value = format!("{number}:{round}");
        match round % 8 {
            0 => drop(client.call(&["DEL", &key])),
            1 => drop(client.call(&["EVAL", "return redis.call('set',KEYS[1],ARGV[1])", "1", &key, &value])),
            2 => {
                let commands = [vec!["MULTI"], vec!["SET", &key, &value], vec!["INCR", "n"], vec!["EXEC"]];
                let bytes: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
                client.send(&bytes).unwrap();
                (0..4).for_each(|_| drop(client.read().unwrap()));
            }
            3 => drop(client.call(&["SET", &key, &value, "PX", "1"])),
            4 if round % 400 == 4 => drop(client.call(&["FLUSHALL"])),
            _ => drop(client.call(&["SET", &key, &value])),
        }
    }
    // Whatever is to expire has expired.
    thread::sleep(Duration::from_millis(300));
}

/// Two clients change a key in one turn of a worker: the one who does not want to hear of its own change hears of the other's.
#[test]
fn noloop_hides_nobody_elses_change() {
    let server = Server::with_workers(1);
    let mut client = tracker(&server, "BCAST NOLOOP");
    let mut other = server.client();
    client.send(&encode(&words("BLPOP l 0"))).unwrap();
    server.await_blocked(1);
    call(&mut other, "RPUSH l a b");
    let first = client.read().unwrap();
    let second = client.read().unwrap();
    let pushes: Vec<String> = [&first, &second]
        .into_iter()
        .filter(|reply| matches!(reply, Reply::Aggregate('>', _)))
        .map(shown)
        .collect();
    assert_eq!(pushes, ["l"], "{first:?} {second:?}");
}

#[test]
fn caching_holds_for_the_next_command_whatever_client_is_called() {
    let server = Server::start(&["--rename-command", "CLIENT", "x"]);
    let mut client = server.client();
    call(&mut client, "HELLO 3");
    for command in ["x TRACKING ON OPTIN", "x CACHING YES"] {
        assert_eq!(call(&mut client, command), ok());
    }
    call(&mut client, "GET k");
    call(&mut server.client(), "SET k 1");
    eventually("the change is told", || told(&mut client) == ["k"]);
}
