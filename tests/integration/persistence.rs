//! Snapshots and the append-only file as their users see them: the commands and settings that make them, and what a start makes of
//! what it finds.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

use super::support::{Client, Reply, Server, eventually};

/// A folder for data that outlives its servers.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("tartan-persistence-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn with<'a>(&'a self, flags: &[&'a str]) -> Vec<&'a str> {
        [&["--dir", self.0.to_str().unwrap(), "--enable-debug-command", "yes"], flags].concat()
    }

    fn start(&self, flags: &[&str]) -> Server {
        Server::start(&self.with(flags))
    }

    fn refused(&self, flags: &[&str]) -> String {
        Server::start_refused(&self.with(flags))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names in the folder of the log.
    fn log_files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path("appendonlydir"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn manifest(&self, text: &str) {
        fs::create_dir_all(self.path("appendonlydir")).unwrap();
        fs::write(self.path("appendonlydir/appendonly.aof.manifest"), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const LOG: &[&str] = &["--appendonly", "yes"];

fn run(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

fn ok(client: &mut Client, line: &str) {
    let reply = run(client, line);
    assert!(!matches!(reply, Reply::Error(_)), "{line}: {reply:?}");
}

fn info(client: &mut Client, field: &str) -> String {
    let page = run(client, "INFO persistence").text();
    let line = page.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {field} in {page}")).to_owned()
}

fn await_info(client: &mut Client, field: &str, value: &str) {
    eventually(&format!("{field}:{value}"), || info(client, field) == value);
}

fn digest(client: &mut Client) -> String {
    run(client, "DEBUG DIGEST").text()
}

fn snapshot(client: &mut Client) {
    assert_eq!(run(client, "SAVE"), Reply::Simple("OK".into()));
}

fn rewrite(client: &mut Client) {
    let before: u64 = info(client, "aof_rewrites").parse().unwrap();
    ok(client, "BGREWRITEAOF");
    await_info(client, "aof_rewrites", &(before + 1).to_string());
}

/// Some of every type and encoding, in two databases.
fn fill(client: &mut Client) {
    for db in ["SELECT 0", "SELECT 9"] {
        ok(client, db);
        for line in [
            "SET text hello",
            "SET integer -17",
            "SET expiring x PX 600000",
            "XADD stream 1-1 a 1 b 2",
            "XADD stream 1-2 c 3",
            "XADD stream 2-0 a 4",
            "XGROUP CREATE stream group 0",
            "XREADGROUP GROUP group reader STREAMS stream >",
            "XGROUP CREATECONSUMER stream group idle",
            "XDEL stream 1-2",
            "XGROUP CREATE empty group $ MKSTREAM",
            "SETRANGE large 300000 x",
        ] {
            ok(client, line);
        }
        for number in 0..200 {
            ok(client, &format!("RPUSH list {number} e{number}"));
            ok(client, &format!("SADD integers {number}"));
            ok(client, &format!("SADD words w{number}"));
            ok(client, &format!("HSET hash f{number} {number}"));
            ok(client, &format!("ZADD zset {}.25 m{number}", number * 7 % 31));
        }
    }
}

#[test]
fn a_base_of_commands_holds_everything() {
    let folder = Folder::new();
    let mut server = folder.start(&["--appendonly", "yes", "--aof-use-rdb-preamble", "no"]);
    let mut client = server.client();
    assert_eq!(folder.log_files()[0], "appendonly.aof.1.base.aof");
    fill(&mut client);
    rewrite(&mut client);
    let pending = run(&mut client, "XPENDING stream group - + 10 reader").items().len();
    let (expected, groups) = (digest(&mut client), run(&mut client, "XINFO GROUPS stream"));
    assert_eq!(folder.log_files()[0], "appendonly.aof.2.base.aof");
    assert_eq!(fs::read(folder.path("appendonlydir/appendonly.aof.2.base.aof")).unwrap()[0], b'*');
    drop(client);
    drop(server);

    server = folder.start(LOG);
    client = server.client();
    assert_eq!(digest(&mut client), expected);
    ok(&mut client, "SELECT 9");
    assert_eq!(run(&mut client, "XINFO GROUPS stream"), groups);
    // One of the three is deleted and pending all the same.
    assert_eq!((run(&mut client, "XPENDING stream group - + 10 reader").items().len(), pending), (3, 3));
    rewrite(&mut client);
    assert_eq!(folder.log_files()[0], "appendonly.aof.3.base.rdb");
}

#[test]
fn nothing_expires_within_the_log() {
    let folder = Folder::new();
    let words = |line: &str| -> String {
        let words: Vec<&str> = line.split(' ').collect();
        let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        format!("*{}\r\n{bulks}", words.len())
    };
    let log: String = [
        "SELECT 0",
        "SET kept 1 PXAT 1000000000000",
        "APPEND kept 2",
        "PERSIST kept",
        "SET moved 1",
        "PEXPIREAT moved 1000000000000",
        "PEXPIREAT moved 9000000000000",
        "SET gone 1 PXAT 1000000000000",
        "MULTI",
        "SET queued 1 PXAT 1000000000000",
        "INCR queued",
        "PERSIST queued",
        "EXEC",
    ]
    .map(words)
    .concat();
    folder.manifest("file appendonly.aof.1.incr.aof seq 1 type i\n");
    fs::write(folder.path("appendonlydir/appendonly.aof.1.incr.aof"), log).unwrap();
    let server = folder.start(&["--appendonly", "yes", "--maxmemory", "1"]);
    let mut client = server.client();
    let values = run(&mut client, "MGET kept moved gone queued");
    let bulk = |text: &str| Reply::Bulk(text.into());
    assert_eq!(values.items(), [bulk("12"), bulk("1"), Reply::Null, bulk("2")]);
}

#[test]
fn reload_brings_back_the_snapshot() {
    let folder = Folder::new();
    let server = folder.start(&[]);
    let mut client = server.client();
    fill(&mut client);
    let full = digest(&mut client);
    ok(&mut client, "DEBUG RELOAD");
    assert_eq!(digest(&mut client), full);
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "0");

    ok(&mut client, "SET text changed");
    ok(&mut client, "SET new 1");
    ok(&mut client, "DEBUG RELOAD NOSAVE");
    assert_eq!(digest(&mut client), full);

    ok(&mut client, "SET text changed");
    ok(&mut client, "SET new 1");
    assert!(
        run(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH").is_error("ERR Error trying to load the RDB dump")
    );
    ok(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    ok(&mut client, "SELECT 9");
    assert_eq!(
        run(&mut client, "MGET text new").items(),
        [Reply::Bulk("hello".into()), Reply::Bulk("1".into())]
    );

    assert!(run(&mut client, "DEBUG RELOAD AGAIN").is_error("ERR DEBUG RELOAD only supports"));
    fs::remove_file(folder.path("dump.rdb")).unwrap();
    assert!(run(&mut client, "DEBUG RELOAD NOSAVE").is_error("ERR Error trying to load"));
    assert!(run(&mut client, "PING") == Reply::Simple("PONG".into()), "the server goes on");
}

#[test]
fn others_are_told_while_the_data_is_loaded() {
    let folder = Folder::new();
    let server = folder.start(&[]);
    let (mut client, mut other) = (server.client(), server.client());
    ok(&mut client, "DEBUG POPULATE 300");
    ok(&mut other, "MULTI");
    ok(&mut other, "GET key:1");
    let mut queued = other;
    other = server.client();
    ok(&mut client, "CONFIG SET key-load-delay 10000");
    let mut loading = server.waiting("DEBUG RELOAD");
    await_info(&mut other, "loading", "1");
    for line in ["GET key:1", "SET key:1 x", "KEYS *"] {
        assert!(run(&mut other, line).is_error("LOADING "), "{line}");
    }
    assert!(run(&mut queued, "EXEC").is_error("EXECABORT Transaction discarded because of: LOADING "));
    eventually("the size is known", || {
        info(&mut other, "loading_total_bytes").parse::<u64>().is_ok_and(|total| total > 300 * 10)
    });
    assert_eq!(info(&mut other, "async_loading"), "0");
    ok(&mut other, "CONFIG SET key-load-delay 0");
    assert_eq!(loading.read().unwrap(), Reply::Simple("OK".into()));
    assert_eq!(run(&mut other, "DBSIZE").integer(), 300);
}

#[test]
fn the_log_is_loaded_anew_and_goes_on() {
    let folder = Folder::new();
    let mut server = folder.start(LOG);
    let mut client = server.client();
    fill(&mut client);
    ok(&mut client, "MULTI");
    ok(&mut client, "SET one 1");
    ok(&mut client, "SET two 2");
    ok(&mut client, "EXEC");
    let full = digest(&mut client);
    ok(&mut client, "DEBUG LOADAOF");
    assert_eq!(digest(&mut client), full);
    rewrite(&mut client);
    ok(&mut client, "SET after 1");
    let full = digest(&mut client);
    ok(&mut client, "DEBUG LOADAOF");
    ok(&mut client, "DEBUG LOADAOF");
    assert_eq!(digest(&mut client), full);
    ok(&mut client, "INCR after");
    let last = digest(&mut client);
    drop(client);
    drop(server);
    server = folder.start(LOG);
    assert_eq!(digest(&mut server.client()), last);
}

#[test]
fn a_log_that_is_off_can_be_rewritten_and_loaded() {
    let folder = Folder::new();
    let server = folder.start(&[]);
    let mut client = server.client();
    fill(&mut client);
    let full = digest(&mut client);
    rewrite(&mut client);
    assert_eq!(folder.log_files(), ["appendonly.aof.1.base.rdb", "appendonly.aof.manifest"]);
    ok(&mut client, "SET another 1");
    ok(&mut client, "DEBUG LOADAOF");
    assert_eq!(digest(&mut client), full);
}

#[test]
fn snapshots_by_command_and_by_save_point() {
    let folder = Folder::new();
    let mut server = folder.start(&["--save", "3600 1000"]);
    let mut client = server.client();
    ok(&mut client, "SET key 1");
    assert_eq!(info(&mut client, "rdb_changes_since_last_save"), "1");
    let before = run(&mut client, "LASTSAVE").integer();
    eventually("the clock goes on", || run(&mut client, "TIME").items()[0].text() != before.to_string());
    assert_eq!(run(&mut client, "BGSAVE"), Reply::Simple("Background saving started".into()));
    await_info(&mut client, "rdb_changes_since_last_save", "0");
    eventually("LASTSAVE", || run(&mut client, "LASTSAVE").integer() > before);
    assert!(fs::read(folder.path("dump.rdb")).unwrap().starts_with(b"REDIS0011"));

    ok(&mut client, "CONFIG SET rdb-key-save-delay 100000000");
    ok(&mut client, "BGSAVE");
    await_info(&mut client, "rdb_bgsave_in_progress", "1");
    assert!(run(&mut client, "BGSAVE").is_error("ERR Background save already in progress"));
    assert_eq!(
        run(&mut client, "BGREWRITEAOF"),
        Reply::Simple("Background append only file rewriting scheduled".into())
    );
    await_info(&mut client, "current_save_keys_total", "1");
    for line in ["MULTI", "BGSAVE", "BGSAVE SCHEDULE", "BGREWRITEAOF"] {
        ok(&mut client, line);
    }
    let queued = run(&mut client, "EXEC");
    let busy = |reply: &Reply| reply.is_error("ERR Background save already in progress");
    assert!(busy(&queued.items()[0]) && busy(&queued.items()[1]), "{queued:?}");
    assert_eq!(queued.items()[2], Reply::Simple("Background append only file rewriting scheduled".into()));
    ok(&mut client, "CONFIG SET rdb-key-save-delay 0");
    ok(&mut client, "FLUSHALL");
    await_info(&mut client, "aof_rewrites", "1");
    await_info(&mut client, "rdb_saves", "2");

    fs::remove_file(folder.path("dump.rdb")).unwrap();
    ok(&mut client, "SET key 2");
    assert_eq!(client.call(&["CONFIG", "SET", "save", "1 1"]), Reply::Simple("OK".into()));
    eventually("the save point", || folder.path("dump.rdb").exists());
    drop(client);
    drop(server);
    server = folder.start(&[]);
    assert_eq!(run(&mut server.client(), "GET key"), Reply::Bulk("2".into()));
}

#[test]
fn flushall_replaces_the_snapshot() {
    let folder = Folder::new();
    let server = folder.start(&["--save", "3600 1000"]);
    let mut client = server.client();
    ok(&mut client, "DEBUG POPULATE 500");
    snapshot(&mut client);
    let full = fs::metadata(folder.path("dump.rdb")).unwrap().len();
    ok(&mut client, "CONFIG SET rdb-key-save-delay 100000000");
    ok(&mut client, "BGSAVE");
    await_info(&mut client, "rdb_bgsave_in_progress", "1");
    ok(&mut client, "FLUSHALL");
    eventually("a snapshot of nothing", || fs::metadata(folder.path("dump.rdb")).unwrap().len() < full / 2);
    await_info(&mut client, "rdb_changes_since_last_save", "0");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
}

/// Makes snapshots fail: their name is that of a folder with something in it.
fn block_snapshots(folder: &Folder) {
    fs::create_dir_all(folder.path("dump.rdb/in-the-way")).unwrap();
}

fn unblock_snapshots(folder: &Folder) {
    fs::remove_dir_all(folder.path("dump.rdb")).unwrap();
}

#[test]
fn writes_are_refused_while_snapshots_fail() {
    let folder = Folder::new();
    let server = folder.start(&["--save", "3600 1000"]);
    let mut client = server.client();
    ok(&mut client, "SET key 1");
    block_snapshots(&folder);
    assert!(run(&mut client, "SAVE").is_error("ERR"));
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "err");
    assert!(run(&mut client, "SET key 2").is_error("MISCONF "));
    assert_eq!(run(&mut client, "GET key"), Reply::Bulk("1".into()));
    ok(&mut client, "CONFIG SET stop-writes-on-bgsave-error no");
    ok(&mut client, "SET key 3");
    ok(&mut client, "CONFIG SET stop-writes-on-bgsave-error yes");
    assert!(run(&mut client, "SET key 4").is_error("MISCONF "));
    client.call(&["CONFIG", "SET", "save", ""]);
    ok(&mut client, "SET key 5");
    client.call(&["CONFIG", "SET", "save", "3600 1000"]);
    unblock_snapshots(&folder);
    snapshot(&mut client);
    ok(&mut client, "SET key 6");
}

#[test]
fn shutdown_saves_as_it_is_told() {
    let check = |flags: &[&str], command: &str, expected: Option<&str>| {
        let folder = Folder::new();
        let mut server = folder.start(flags);
        let mut client = server.client();
        ok(&mut client, "SET key 1");
        assert!(client.try_call(&command.split(' ').collect::<Vec<_>>()).is_err(), "{command}");
        server.await_end();
        let server = folder.start(&[]);
        let value = run(&mut server.client(), "GET key");
        assert_eq!(
            value,
            expected.map_or(Reply::Null, |text| Reply::Bulk(text.into())),
            "{flags:?} {command}"
        );
    };
    let points: &[&str] = &["--save", "3600 1000"];
    check(&[], "SHUTDOWN", None);
    check(&[], "SHUTDOWN SAVE", Some("1"));
    check(points, "SHUTDOWN", Some("1"));
    check(points, "SHUTDOWN NOSAVE", None);
    check(points, "SHUTDOWN NOW FORCE", Some("1"));
}

#[test]
fn a_shutdown_that_cannot_save_does_not_happen_unless_forced() {
    let folder = Folder::new();
    let mut server = folder.start(&[]);
    let mut client = server.client();
    ok(&mut client, "SET key 1");
    block_snapshots(&folder);
    assert!(run(&mut client, "SHUTDOWN SAVE").is_error("ERR Errors trying to SHUTDOWN. Check logs."));
    ok(&mut client, "SET key 2");
    assert!(run(&mut client, "SHUTDOWN ABORT").is_error("ERR No shutdown in progress."));
    assert!(run(&mut client, "SHUTDOWN SAVE NOSAVE").is_error("ERR syntax error"));
    assert!(client.try_call(&["SHUTDOWN", "SAVE", "FORCE"]).is_err());
    server.await_end();
}

#[test]
fn the_log_is_switched_on_and_off_under_load() {
    const WRITERS: usize = 4;
    let folder = Folder::new();
    let mut server = folder.start(&[]);
    let stop = AtomicBool::new(false);
    let counts: Vec<i64> = std::thread::scope(|scope| {
        let write = |number: usize| {
            let mut client = server.client();
            let key = format!("counter:{number}");
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                count = client.call(&["INCR", &key]).integer();
                client.call(&["RPUSH", &format!("list:{number}"), &count.to_string()]);
            }
            count
        };
        let writers: Vec<_> = (0..WRITERS).map(|number| scope.spawn(move || write(number))).collect();
        let mut client = server.client();
        for _ in 0..3 {
            for word in ["yes", "no", "yes"] {
                ok(&mut client, &format!("CONFIG SET appendonly {word}"));
                sleep(Duration::from_millis(20));
            }
            // Before its base is made nothing can be loaded from it.
            eventually("the log is on and whole", || {
                let page = run(&mut client, "INFO persistence").text();
                ["aof_current_size", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0"]
                    .iter()
                    .all(|line| page.contains(line))
            });
            sleep(Duration::from_millis(50));
        }
        stop.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let full = digest(&mut server.client());
    drop(server);
    server = folder.start(LOG);
    let mut client = server.client();
    assert_eq!(digest(&mut client), full);
    for (number, count) in counts.iter().enumerate() {
        assert_eq!(run(&mut client, &format!("LLEN list:{number}")).integer(), *count);
    }
}

/// A folder with a snapshot of a few keys in databases 0 and 9, and a log of the same.
fn saved() -> Folder {
    let folder = Folder::new();
    let mut server = folder.start(LOG);
    let mut client = server.client();
    fill(&mut client);
    rewrite(&mut client);
    ok(&mut client, "SET last 1");
    snapshot(&mut client);
    let _ = client.try_call(&["SHUTDOWN", "NOSAVE"]);
    server.await_end();
    folder
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_start_refuses_what_it_cannot_load_in_full() {
    let check = |damage: &dyn Fn(&Folder), flags: &[&str], expected: &str| {
        let folder = saved();
        damage(&folder);
        let log = folder.refused(flags);
        assert!(log.contains(expected), "expected {expected:?} in:\n{log}");
    };
    let snapshot = |change_bytes: fn(&mut Vec<u8>)| {
        move |folder: &Folder| change(&folder.path("dump.rdb"), change_bytes)
    };
    let part = |name: &'static str, change_bytes: fn(&mut Vec<u8>)| {
        move |folder: &Folder| change(&folder.path("appendonlydir").join(name), change_bytes)
    };
    let (base, increment) = ("appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof");
    check(&snapshot(|bytes| bytes.truncate(bytes.len() / 2)), &[], "Can't load dump.rdb");
    check(&snapshot(|bytes| *bytes.last_mut().unwrap() ^= 1), &[], "checksum");
    check(&snapshot(|bytes| bytes[0] = b'X'), &[], "Can't load dump.rdb");
    check(&|_| (), &["--databases", "8"], "set \"databases\" higher");
    check(&part(base, |bytes| bytes.truncate(bytes.len() / 2)), LOG, "Error reading the RDB base file");
    check(&part(increment, |bytes| bytes[0] = b'X'), LOG, "Bad file format reading the append only file");
    let strict = &["--appendonly", "yes", "--aof-load-truncated", "no"];
    check(&part(increment, |bytes| bytes.truncate(bytes.len() - 1)), strict, "Unexpected end of file");
    let missing = |folder: &Folder| fs::remove_file(folder.path("appendonlydir").join(base)).unwrap();
    check(&missing, LOG, "append");
    check(&|folder| folder.manifest("file x seq\n"), LOG, "manifest");
    check(&|_| (), &["--dir", "/nonexistent"], "dir");
}

#[test]
fn a_log_with_a_command_that_there_is_not_is_refused() {
    let folder = Folder::new();
    folder.manifest("file only.aof seq 1 type i\n");
    fs::write(folder.path("appendonlydir/only.aof"), "*1\r\n$3\r\nbla\r\n").unwrap();
    let log = folder.refused(LOG);
    assert!(log.contains("Unknown command 'bla' reading the append only file only.aof at offset 0"), "{log}");
}

/// What writers copy for a snapshot is told while it is made and afterwards.
#[test]
fn copies_for_a_snapshot_are_told() {
    let folder = Folder::new();
    let server = folder.start(&["--rdb-key-save-delay", "10000"]);
    let mut client = server.client();
    run(&mut client, "DEBUG POPULATE 2000 key 500");
    assert_eq!(info(&mut client, "current_cow_size"), "0");
    ok(&mut client, "BGSAVE");
    await_info(&mut client, "rdb_bgsave_in_progress", "1");
    eventually("writers copy", || {
        for number in 1000..1016 {
            run(&mut client, &format!("SETRANGE key:{number} 0 changed"));
        }
        info(&mut client, "current_cow_size").parse::<usize>().unwrap() >= 8000
    });
    ok(&mut client, "CONFIG SET rdb-key-save-delay 0");
    await_info(&mut client, "rdb_bgsave_in_progress", "0");
    assert_eq!(info(&mut client, "current_cow_size"), "0");
    assert!(info(&mut client, "rdb_last_cow_size").parse::<usize>().unwrap() >= 8000);
}

#[test]
fn a_torn_end_of_the_log_is_cut_off() {
    let folder = saved();
    change(&folder.path("appendonlydir/appendonly.aof.2.incr.aof"), |bytes| bytes.truncate(bytes.len() - 1));
    let server = folder.start(LOG);
    let mut client = server.client();
    ok(&mut client, "SELECT 9");
    assert_eq!(run(&mut client, "EXISTS last text").integer(), 1);
}

#[test]
fn parts_that_were_rewritten_are_kept_as_long_as_wished() {
    let folder = Folder::new();
    let server = folder.start(LOG);
    let mut client = server.client();
    ok(&mut client, "CONFIG SET aof-disable-auto-gc yes");
    rewrite(&mut client);
    rewrite(&mut client);
    assert_eq!(folder.log_files().len(), 7, "three bases, three increments and the manifest");
    ok(&mut client, "CONFIG SET aof-disable-auto-gc no");
    let expected = ["appendonly.aof.3.base.rdb", "appendonly.aof.3.incr.aof", "appendonly.aof.manifest"];
    eventually("they are deleted", || folder.log_files() == expected);
}

#[test]
fn switching_off_stops_a_rewrite() {
    let folder = Folder::new();
    let server = folder.start(LOG);
    let mut client = server.client();
    ok(&mut client, "SET key 1");
    ok(&mut client, "CONFIG SET rdb-key-save-delay 100000000");
    ok(&mut client, "BGREWRITEAOF");
    await_info(&mut client, "aof_rewrite_in_progress", "1");
    for line in ["MULTI", "BGREWRITEAOF", "BGSAVE"] {
        ok(&mut client, line);
    }
    let queued = run(&mut client, "EXEC");
    assert!(queued.items()[0].is_error("ERR Background append only file rewriting already in progress"));
    assert_eq!(queued.items()[1], Reply::Simple("Background saving scheduled".into()));
    ok(&mut client, "CONFIG SET appendonly no");
    eventually("the log is off", || {
        !run(&mut client, "INFO persistence").text().contains("aof_current_size")
    });
    assert_eq!(info(&mut client, "aof_rewrite_in_progress"), "0");
    assert_eq!(info(&mut client, "aof_last_bgrewrite_status"), "ok");
}

#[test]
fn the_log_is_switched_on_though_it_was_rewritten_while_off() {
    let folder = Folder::new();
    {
        let server = folder.start(&[]);
        let mut client = server.client();
        ok(&mut client, "SET before 1");
        rewrite(&mut client);
        ok(&mut client, "CONFIG SET appendonly yes");
        eventually("an open log", || {
            run(&mut client, "INFO persistence").text().contains("aof_current_size:")
                && info(&mut client, "aof_rewrite_in_progress") == "0"
        });
        ok(&mut client, "SET after 1");
        // The server is killed.
    }
    let server = folder.start(LOG);
    assert_eq!(run(&mut server.client(), "EXISTS before after").integer(), 2);
}

#[test]
fn another_appendfsync_leaves_nobody_waiting() {
    let folder = Folder::new();
    let server = folder.start(&[LOG, &["--appendfsync", "always"]].concat());
    let (mut client, mut other) = (server.client(), server.client());
    for round in 0..200 {
        let policy = ["everysec", "always", "no"][round % 3];
        client.send(b"INCR counter\r\n").unwrap();
        ok(&mut other, &format!("CONFIG SET appendfsync {policy}"));
        assert_eq!(client.read().unwrap().integer(), round as i64 + 1);
    }
}

#[test]
fn what_a_snapshot_was_to_save_is_freed_when_flushall_stops_it() {
    let folder = Folder::new();
    let server = folder.start(&["--save", "", "--rdb-key-save-delay", "100"]);
    let mut client = server.client();
    let used = |client: &mut Client| {
        let page = run(client, "INFO memory").text();
        let line = page.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let before = used(&mut client);
    ok(&mut client, "DEBUG POPULATE 100000 key 100");
    ok(&mut client, "BGSAVE");
    ok(&mut client, "FLUSHALL");
    eventually("freed memory", || used(&mut client) < before + (2 << 20));
}

/// FUNCTION LOAD REPLACE of a library with one function that returns a number.
fn library(client: &mut Client, name: &str, number: usize) {
    let code =
        format!("#!lua name={name}\nredis.register_function('of_{name}', function() return {number} end)");
    assert_eq!(client.call(&["FUNCTION", "LOAD", "REPLACE", &code]), Reply::Bulk(name.into()));
}

#[test]
fn function_libraries_survive_a_kill_a_rewrite_and_a_reload() {
    for preamble in ["yes", "no"] {
        let folder = Folder::new();
        let flags = ["--appendonly", "yes", "--aof-use-rdb-preamble", preamble];
        let mut server = folder.start(&flags);
        let mut client = server.client();
        library(&mut client, "early", 1);
        library(&mut client, "gone", 2);
        rewrite(&mut client);
        library(&mut client, "late", 3);
        library(&mut client, "early", 4);
        ok(&mut client, "FUNCTION DELETE gone");
        assert_eq!(run(&mut client, "MULTI"), Reply::Simple("OK".into()));
        client.call(&["FUNCTION", "LOAD", "#!lua name=within\nredis.register_function('w', function() end)"]);
        ok(&mut client, "EXEC");
        let listed = run(&mut client, "FUNCTION LIST WITHCODE");
        assert_eq!(listed.items().len(), 3);
        for round in 0..2 {
            // Dropping a server kills it.
            drop(client);
            drop(server);
            server = folder.start(&flags);
            client = server.client();
            assert_eq!(run(&mut client, "FUNCTION LIST WITHCODE"), listed, "{preamble} {round}");
            assert_eq!(run(&mut client, "FCALL of_early 0"), Reply::Integer(4));
            rewrite(&mut client);
        }
        for line in ["DEBUG RELOAD", "DEBUG LOADAOF", "FLUSHALL"] {
            ok(&mut client, line);
            assert_eq!(run(&mut client, "FUNCTION LIST WITHCODE"), listed, "{line}");
            assert_eq!(run(&mut client, "FCALL of_late 0"), Reply::Integer(3));
        }
        ok(&mut client, "FUNCTION FLUSH");
        drop(client);
        drop(server);
        server = folder.start(&flags);
        assert_eq!(run(&mut server.client(), "FUNCTION LIST"), Reply::Array(Vec::new()));
    }
}

#[test]
fn function_libraries_are_in_snapshots() {
    let folder = Folder::new();
    let mut server = folder.start(&[]);
    let mut client = server.client();
    library(&mut client, "kept", 7);
    snapshot(&mut client);
    library(&mut client, "lost", 8);
    drop(client);
    drop(server);
    server = folder.start(&[]);
    client = server.client();
    assert_eq!(run(&mut client, "FUNCTION LIST").items().len(), 1);
    assert_eq!(run(&mut client, "FCALL of_kept 0"), Reply::Integer(7));
    // As in Redis, a library that is there keeps a snapshot from being loaded over it, unless it may be replaced.
    assert!(
        run(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH").is_error("ERR Error trying to load the RDB dump")
    );
    ok(&mut client, "DEBUG RELOAD NOSAVE NOFLUSH MERGE");
    assert_eq!(run(&mut client, "FCALL of_kept 0"), Reply::Integer(7));
}

/// Each change is in the base or in the log behind it, while rewrites cut between them.
#[test]
fn libraries_change_while_the_log_is_rewritten() {
    let folder = Folder::new();
    let mut server = folder.start(LOG);
    let mut client = server.client();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut rewriter = server.client();
            while !ended.load(Ordering::Relaxed) {
                rewrite(&mut rewriter);
            }
        });
        for number in 0..60 {
            library(&mut client, ["a", "b", "c"][number % 3], number);
            if number % 7 == 0 {
                ok(&mut client, &format!("FUNCTION DELETE {}", ["a", "b", "c"][number % 3]));
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
    let listed = run(&mut client, "FUNCTION LIST WITHCODE");
    drop(client);
    drop(server);
    server = folder.start(LOG);
    assert_eq!(run(&mut server.client(), "FUNCTION LIST WITHCODE"), listed);
}

#[test]
fn a_start_refuses_a_library_that_does_not_load() {
    let folder = Folder::new();
    let log = "*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$5\r\nwrong\r\n";
    fs::create_dir_all(folder.path("appendonlydir")).unwrap();
    fs::write(folder.path("appendonlydir/appendonly.aof.1.incr.aof"), log).unwrap();
    folder.manifest("file appendonly.aof.1.incr.aof seq 1 type i\n");
    let reason = "A change of the function libraries fails (ERR Missing library metadata)";
    let told = folder.refused(LOG);
    assert!(told.contains(reason), "{told}");
}
