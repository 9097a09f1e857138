//! `check-aof` and `check-rdb` against redis-check-aof and redis-check-rdb, on files that redis-server wrote.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

use super::support::Redis;

const WAIT_ROUNDS: usize = 1000;

/// Writes some of everything, with a rewrite in between, and stops. Returns the folder of the log.
fn write_log(redis: &mut Redis) -> PathBuf {
    let client = &mut redis.client;
    for command in ["SET file:1 x", "RPUSH list a b c", "HSET hash f v", "ZADD zset 1 m", "SADD set 1 2"] {
        client.call(&command.split(' ').collect::<Vec<_>>());
    }
    client.call(&["SET", "gone", "x", "PX", "1"]);
    client.call(&["BGREWRITEAOF"]);
    let is_idle =
        |info: &str| info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0");
    let idle = (0..WAIT_ROUNDS).any(|_| {
        sleep(Duration::from_millis(10));
        is_idle(&client.call(&["INFO", "persistence"]).text())
    });
    assert!(idle, "the rewrite does not end");
    client.call(&["SET", "after", "line one\r\nfile two"]);
    for command in ["MULTI", "INCR n", "LPOP list", "EXEC", "DEL hash"] {
        client.call(&command.split(' ').collect::<Vec<_>>());
    }
    let _ = client.try_call(&["SHUTDOWN", "NOSAVE"]);
    redis.wait();
    redis.directory.join("appendonlydir")
}

/// Exit code and output of a tool that is asked about `file` in `folder` and answered with yes.
fn run(program: &str, arguments: &[&str], folder: &Path, file: &str) -> (Option<i32>, String) {
    let mut command = Command::new(program);
    command.args(arguments).arg(file).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}"));
    // A tool that asks nothing may have gone by now.
    let _ = process.stdin.take().unwrap().write_all(b"y\n");
    let output = process.wait_with_output().unwrap();
    (output.status.code(), comparable(&String::from_utf8_lossy(&output.stdout)))
}

/// Without what differs for no reason: behind the end of a torn line redis-check-aof shows whatever was in its buffer.
fn comparable(text: &str) -> String {
    let mut comparable = String::new();
    // Redis 7.0 leaves out the folder where 7.2 has it.
    for line in text.replace("./", "").lines() {
        let line = line
            .split_once(", got: ")
            .filter(|(start, _)| start.ends_with("\\r\\n"))
            .map_or(line, |(start, _)| start);
        comparable.push_str(line);
        comparable.push('\n');
    }
    comparable
}

fn tartan() -> String {
    env::var("TARTAN_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tartan").into())
}

/// The file in `folder` whose name ends like this.
fn find(folder: &Path, suffix: &str) -> String {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().find(|name| name.ends_with(suffix)).unwrap()
}

#[test]
fn files_of_redis_are_judged_as_redis_judges_them() {
    let Some(mut redis) = Redis::start(&["--appendonly", "yes"]) else {
        return println!("skipped: there is no redis-server");
    };
    let folder = write_log(&mut redis);
    let (base, increment) = (find(&folder, ".base.rdb"), find(&folder, ".incr.aof"));
    let whole = fs::read(folder.join(&increment)).unwrap();
    let both = |kind: &str, flags: &[&str], file: &str, length: usize| {
        fs::write(folder.join(&increment), &whole[..length]).unwrap();
        let theirs = run(&format!("redis-{kind}"), flags, &folder, file);
        let left = fs::read(folder.join(&increment)).unwrap();
        fs::write(folder.join(&increment), &whole[..length]).unwrap();
        let ours = run(&tartan(), &[&[kind], flags].concat(), &folder, file);
        assert_eq!(ours, theirs, "{kind} {flags:?} {file}, torn at {length}");
        assert_eq!(fs::read(folder.join(&increment)).unwrap(), left);
        ours.0
    };
    let manifest = find(&folder, ".manifest");
    for (kind, file) in [("check-aof", &manifest), ("check-aof", &base), ("check-rdb", &base)] {
        assert_eq!(both(kind, &[], file, whole.len()), Some(0));
    }
    // The value that looks like a manifest's line leads redis-check-aof astray when it is given the increment.
    assert_eq!(run(&tartan(), &["check-aof"], &folder, &increment).0, Some(0));
    for length in 0..whole.len() {
        both("check-aof", &[], &manifest, length);
        assert_eq!(both("check-aof", &["--fix"], &manifest, length), Some(0));
    }
}

#[test]
fn broken_rdb_files_are_refused_where_redis_refuses_them() {
    let Some(mut redis) = Redis::start(&["--appendonly", "yes"]) else {
        return println!("skipped: there is no redis-server");
    };
    let folder = write_log(&mut redis);
    let base = find(&folder, ".base.rdb");
    let whole = fs::read(folder.join(&base)).unwrap();
    // Offsets, which redis-check-rdb tells in steps of its reading, are left out, and the last key, which it forgets to forget.
    let essence = |(code, text): (Option<i32>, String)| {
        let told =
            |line: &&str| !line.starts_with("[offset") && !line.starts_with("[additional info] Reading");
        (code, text.lines().filter(told).map(str::to_owned).collect::<Vec<_>>())
    };
    for length in (0..whole.len()).step_by(3) {
        fs::write(folder.join("torn"), &whole[..length]).unwrap();
        let ours = essence(run(&tartan(), &["check-rdb"], &folder, "torn"));
        assert_eq!(ours, essence(run("redis-check-rdb", &[], &folder, "torn")), "torn at {length}");
    }
}

#[test]
fn the_tools_answer_to_the_names_of_redis() {
    let directory = env::temp_dir().join(format!("tartan-check-names-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("log"), "*1\r\n$4\r\nPING\r\n").unwrap();
    let link = directory.join("redis-check-aof");
    std::os::unix::fs::symlink(tartan(), &link).unwrap();
    let (code, text) = run(link.to_str().unwrap(), &[], &directory, "log");
    fs::remove_dir_all(&directory).unwrap();
    assert_eq!((code, text.lines().last()), (Some(0), Some("AOF log is valid")));
}
