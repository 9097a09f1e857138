//! The table of settings against Redis's, against README's list of those without effect, and against the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tartan::config::{SETTINGS, Setting};

use crate::support::{Client, Reply, Server};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn row(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|row| row.names().any(|other| other == name))
}

/// `tests/assets/settings-7.2.4.txt`: CONFIG GET * of a redis-server 7.2.4 without arguments, but `dir`, `port`, `io-threads`.
#[test]
fn every_setting_of_redis_is_there_with_its_default() {
    let redis = read("tests/assets/settings-7.2.4.txt");
    let mut seen = 0;
    for line in redis.lines() {
        let (name, default) = line.split_once(' ').unwrap_or((line, ""));
        let row = row(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(String::from_utf8(row.format(&row.default_value())).unwrap(), default, "{name}");
        seen += 1;
    }
    assert!(seen > 180, "{seen}");
}

/// A setting that nothing obeys must say so, and README as well.
#[test]
fn settings_without_effect_are_marked_and_listed() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("## Settings without effect").unwrap();
    let table = rest.split("\n## ").next().unwrap();
    let first_cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let listed: BTreeSet<&str> = first_cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let inert: BTreeSet<&str> = SETTINGS.iter().filter(|row| row.is_inert).map(|row| row.name).collect();
    assert_eq!(listed, inert);

    let mut code = String::new();
    gather(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
    for row in SETTINGS.iter().filter(|row| !row.is_inert) {
        let id = format!("Id::{:?}", row.id);
        // `Id::Bind` is not in `Id::BindSourceAddr`.
        let is_whole = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric());
        let is_used = code.split(&id).skip(1).any(is_whole) || code.contains(&format!("\"{}\"", row.name));
        let is_limits = row.name == "client-output-buffer-limit" && code.contains(".output_limit(");
        assert!(is_used || is_limits, "nothing obeys {}", row.name);
    }
}

/// All code but the table itself.
fn gather(path: &Path, code: &mut String) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("config/table.rs")
        {
            code.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

fn get(client: &mut Client, name: &str) -> String {
    client.call(&["CONFIG", "GET", name]).items()[1].text()
}

#[test]
fn values_are_checked_as_by_redis() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut check = |name: &str, value: &str, expected: Result<&str, &str>| {
        let reply = client.call(&["CONFIG", "SET", name, value]);
        match expected {
            Ok(shown) => {
                assert_eq!(reply, Reply::Simple("OK".into()), "{name} {value}");
                assert_eq!(get(&mut client, name), shown, "{name} {value}");
            }
            Err(reason) => {
                let text =
                    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}");
                assert_eq!(reply, Reply::Error(text), "{name} {value}");
            }
        }
    };
    check("daemonize", "yes", Err("can't set immutable config"));
    check("shutdown-on-sigterm", "now save", Ok("save now"));
    check("shutdown-on-sigterm", "default", Ok("default"));
    check(
        "shutdown-on-sigint",
        "save nosave",
        Err("shutdown options SAVE and NOSAVE can't be used simultaneously"),
    );
    check(
        "shutdown-on-sigint",
        "later",
        Err("argument(s) must be one of the following: default, save, nosave, now, force"),
    );
    check("oom-score-adj-values", "1 2", Err("wrong number of arguments"));
    check(
        "oom-score-adj-values",
        "1 2 2001",
        Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
    );
    check("oom-score-adj", "relative", Ok("yes"));
    check("oom-score-adj", "no", Ok("no"));
    check("locale-collate", "xx_YY", Err("Invalid locale name"));
    check("locale-collate", "C", Ok("C"));
    check(
        "cluster-announce-hostname",
        "a_b",
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots"),
    );
    check("cluster-announce-hostname", "a.b-c", Ok("a.b-c"));
    check(
        "cluster-announce-human-nodename",
        "a#b",
        Err("Announced human node name contained invalid character"),
    );
    check(
        "proc-title-template",
        "{unknown}",
        Err("template format is invalid or contains unknown variables"),
    );
    check("repl-backlog-size", "2mb", Ok("2097152"));
    check("tls-port", "7000", Err("TLS is not supported"));
    check("tls-port", "0", Ok("0"));
}

#[test]
fn several_settings_are_changed_together_or_not_at_all() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let reply =
        client.call(&["CONFIG", "SET", "hz", "20", "oom-score-adj", "absolute", "port", "1", "timeout", "x"]);
    assert!(reply.is_error("ERR CONFIG SET failed (possibly related to argument 'timeout')"), "{reply:?}");
    assert_eq!([get(&mut client, "hz"), get(&mut client, "oom-score-adj")], ["10", "no"]);
    let reply = client.call(&["CONFIG", "SET", "hz", "20", "hz", "30"]);
    assert!(
        reply.is_error("ERR CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter")
    );
    let reply = client.call(&["CONFIG", "GET", "hz", "time*", "hz", "maxclients"]);
    let names: Vec<String> = reply.items().iter().step_by(2).map(Reply::text).collect();
    assert_eq!(BTreeSet::from_iter(names), ["hz", "maxclients", "timeout"].map(String::from).into());
}

#[test]
fn writes_want_the_replicas_that_the_settings_name() {
    let server = Server::start(&["--min-replicas-to-write", "1"]);
    let mut client = server.client();
    const REFUSAL: &str = "NOREPLICAS Not enough good replicas to write.";
    assert_eq!(client.call(&["SET", "k", "v"]), Reply::Error(REFUSAL.into()));
    assert_eq!(client.call(&["PING"]), Reply::Simple("PONG".into()));
    assert_eq!(client.call(&["GET", "k"]), Reply::Null);
    assert!(client.call(&["EVAL", "#!lua\nreturn 1", "0"]).is_error("NOREPLICAS"));
    assert_eq!(client.call(&["EVAL", "#!lua flags=no-writes\nreturn 1", "0"]), Reply::Integer(1));
    client.call(&["CONFIG", "SET", "min-replicas-max-lag", "0"]);
    assert_eq!(client.call(&["SET", "k", "v"]), Reply::Simple("OK".into()));
}
