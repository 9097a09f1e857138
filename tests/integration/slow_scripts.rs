//! Scripts that take long or never end: who waits for them, who does not, and how they end (design 2.5, 2.10).

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::client::encode;
use super::support::{Client, Reply, Server, eventually};

const ENDLESS: &str = "redis.call('GET', 'held') while true do end";
/// Milliseconds after which who waits for a script gets an error.
const THRESHOLD: [&str; 2] = ["--busy-reply-threshold", "300"];
const BUSY: &str = "BUSY Redis is busy running a script.";

fn start(flags: &[&str]) -> Server {
    Server::start(&[&THRESHOLD, flags].concat())
}

fn run(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

fn text(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

/// A client whose script is running.
fn begin(server: &Server, script: &str, arguments: &[&str]) -> Client {
    let mut client = server.client();
    client.send(&encode(&[&["EVAL", script, "0"], arguments].concat())).unwrap();
    sleep(Duration::from_millis(50));
    client
}

fn stop(server: &Server) {
    eventually("the script is stopped", || {
        run(&mut server.client(), "SCRIPT KILL") == Reply::Simple("OK".into())
    });
}

#[test]
fn others_are_served_and_who_needs_its_keys_gets_busy() {
    let server = start(&["--server-threads", "2"]);
    let mut others: Vec<Client> = (0..6).map(|_| server.client()).collect();
    others.iter_mut().for_each(|client| drop(run(client, "SET free 1")));
    let mut runner = begin(&server, ENDLESS, &[]);
    for client in &mut others {
        assert_eq!(run(client, "GET free"), text("1"));
        assert!(run(client, "GET held").is_error(BUSY));
        assert!(client.call(&["EVAL", "return redis.call('GET', 'x' .. 'y')", "0"]).is_error(BUSY));
    }
    stop(&server);
    assert!(runner.read().unwrap().is_error("ERR Script killed by user"));
    assert_eq!(run(&mut others[0], "GET held"), Reply::Null);
}

#[test]
fn who_waits_gets_its_replies_in_order_when_the_script_ends() {
    let server = start(&["--busy-reply-threshold", "60000"]);
    let mut waiting = server.client();
    let mut runner = begin(&server, ENDLESS, &[]);
    waiting.send(b"ECHO before\r\nSET held 1\r\nMULTI\r\nINCR held\r\nEXEC\r\nCLIENT REPLY SKIP\r\nGET held\r\nECHO after\r\n").unwrap();
    // What was answered before is not kept back for long.
    assert_eq!(waiting.read().unwrap(), text("before"));
    sleep(Duration::from_millis(50));
    assert!(!waiting.has_input());
    stop(&server);
    let replies: Vec<Reply> = (0..5).map(|_| waiting.read().unwrap()).collect();
    let (ok, queued) = (Reply::Simple("OK".into()), Reply::Simple("QUEUED".into()));
    assert_eq!(replies, [ok.clone(), ok, queued, Reply::Array(vec![Reply::Integer(2)]), text("after")]);
    assert!(runner.read().unwrap().is_error("ERR Script killed by user"));
}

#[test]
fn busy_ends_a_transaction_and_obeys_client_reply() {
    let server = start(&[]);
    let (mut client, mut quiet) = (server.client(), server.client());
    let mut runner = begin(&server, ENDLESS, &[]);
    for line in ["WATCH watched", "MULTI", "GET held"] {
        run(&mut client, line);
    }
    assert!(run(&mut client, "EXEC").is_error("EXECABORT Transaction discarded because of: BUSY"));
    run(&mut server.client(), "SET watched 1");
    run(&mut client, "MULTI");
    assert_eq!(run(&mut client, "EXEC"), Reply::Array(vec![]), "nothing is watched any more");
    quiet.send(b"CLIENT REPLY SKIP\r\nGET held\r\nECHO one\r\nECHO two\r\n").unwrap();
    assert_eq!((quiet.read().unwrap(), quiet.read().unwrap()), (text("one"), text("two")));
    stop(&server);
    assert!(runner.read().unwrap().is_error("ERR Script killed by user"));
}

#[test]
fn a_script_that_was_quick_stops_no_worker_when_it_is_not() {
    let server = start(&["--server-threads", "1"]);
    let script = "while ARGV[1] == 'x' do end return 1";
    let mut client = server.client();
    for _ in 0..50 {
        assert_eq!(client.call(&["EVAL", script, "0", "a"]), Reply::Integer(1));
    }
    let mut runner = begin(&server, script, &["x"]);
    assert_eq!(run(&mut client, "PING"), Reply::Simple("PONG".into()));
    stop(&server);
    assert!(runner.read().unwrap().is_error("ERR Script killed by user"));
}

#[test]
fn what_has_written_is_not_stopped_and_the_server_can_end_without_it() {
    let mut server = start(&["--save", ""]);
    let mut runner = begin(&server, "redis.call('SET', 'half', 1) while true do end", &[]);
    let mut client = server.client();
    assert!(run(&mut client, "SCRIPT KILL").is_error("UNKILLABLE"));
    sleep(Duration::from_millis(400));
    assert!(run(&mut client, "SAVE").is_error(BUSY));
    assert!(run(&mut client, "SYNC").is_error(BUSY));
    let started = Instant::now();
    assert!(client.try_call(&["SHUTDOWN", "NOSAVE"]).is_err());
    server.await_end();
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(runner.read().is_err());
}

#[test]
fn a_client_can_be_closed_while_its_request_waits() {
    let server = start(&["--busy-reply-threshold", "60000"]);
    let mut waiting = server.client();
    let id = run(&mut waiting, "CLIENT ID").integer();
    let mut runner = begin(&server, ENDLESS, &[]);
    waiting.send(b"SET held 1\r\n").unwrap();
    sleep(Duration::from_millis(50));
    let mut client = server.client();
    assert_eq!(run(&mut client, &format!("CLIENT KILL ID {id}")), Reply::Integer(1));
    assert!(waiting.read().is_err());
    stop(&server);
    assert!(runner.read().unwrap().is_error("ERR Script killed by user"));
    assert_eq!(run(&mut client, "GET held"), Reply::Null, "it has not run");
}

#[test]
fn what_is_not_replicated_leaves_the_rest_of_the_log_alone() {
    let server = start(&["--appendonly", "yes", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    let script = "redis.set_repl(redis.REPL_NONE) redis.call('SELECT', 1) redis.call('SET', 'a', 1) \
                  redis.set_repl(redis.REPL_ALL) redis.call('SET', 'b', 2)";
    assert_eq!(client.call(&["EVAL", script, "0"]), Reply::Null);
    assert_eq!(run(&mut client, "DEBUG LOADAOF"), Reply::Simple("OK".into()));
    assert_eq!(run(&mut client, "EXISTS a b"), Reply::Integer(0));
    run(&mut client, "SELECT 1");
    assert_eq!(run(&mut client, "GET b"), text("2"));
    assert_eq!(run(&mut client, "EXISTS a"), Reply::Integer(0));
}

/// That a key has expired is for the log, whatever a script says of what it writes itself.
#[test]
fn what_a_script_finds_expired_is_logged_in_any_case() {
    let server = start(&["--appendonly", "yes", "--enable-debug-command", "yes"]);
    let mut client = server.client();
    run(&mut client, "DEBUG SET-ACTIVE-EXPIRE 0");
    for mode in ["REPL_NONE", "REPL_REPLICA", "REPL_AOF"] {
        run(&mut client, "SET key value PX 1");
        sleep(Duration::from_millis(5));
        let script = format!("redis.set_repl(redis.{mode}) return redis.call('SADD', KEYS[1], 'silent')");
        assert_eq!(client.call(&["EVAL", &script, "1", "key"]), Reply::Integer(1));
        assert_eq!(run(&mut client, "SADD key told"), Reply::Integer(1));
        assert_eq!(run(&mut client, "DEBUG LOADAOF"), Reply::Simple("OK".into()), "{mode}");
        let members = if mode == "REPL_AOF" { 2 } else { 1 };
        assert_eq!(run(&mut client, "SCARD key"), Reply::Integer(members), "{mode}");
        run(&mut client, "DEL key");
    }
}

#[test]
fn what_a_script_leaves_behind_evicts_nothing() {
    let server = Server::start(&["--maxmemory", "400mb", "--maxmemory-policy", "allkeys-lru"]);
    let mut client = server.client();
    client.call(&["SET", "key", "1"]);
    let script = "local s = string.rep('x', 60 * 1024 * 1024) return #s";
    assert_eq!(client.call(&["EVAL", script, "0"]).integer(), 60 << 20);
    assert_eq!(client.call(&["SET", "new", "1"]).text(), "OK");
    assert_eq!(client.call(&["EXISTS", "key", "new"]).integer(), 2);
    let page = client.call(&["INFO", "memory"]).text();
    let used = page.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    assert!(used.trim().parse::<usize>().unwrap() < 20 << 20, "{used}");
}

#[test]
fn a_script_is_run_whoever_forgets_scripts() {
    let server = Server::start(&["--server-threads", "2"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = server.client();
            (0..3000).for_each(|_| assert_eq!(client.call(&["SCRIPT", "FLUSH"]).text(), "OK"));
        });
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = server.client();
                (0..3000).for_each(|_| assert_eq!(client.call(&["EVAL", "return 7", "0"]).integer(), 7));
            });
        }
    });
}
