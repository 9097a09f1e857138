//! ACL: what several connections, files and restarts show of it. The rest is compared with redis-server
//! (`tests/oracle/cases/acl-*.txt`).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually, scaled};

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

fn call(client: &mut Client, command: &str) -> Reply {
    client.call(&command.split(' ').collect::<Vec<_>>())
}

fn expect_ok(client: &mut Client, command: &str) {
    assert_eq!(call(client, command), ok(), "{command}");
}

/// A connection of this user, who needs no password.
fn client_of(server: &Server, user: &str) -> Client {
    let mut client = server.client();
    expect_ok(&mut client, &format!("AUTH {user} x"));
    client
}

fn assert_closed(client: &mut Client) {
    assert!(client.try_call(&["PING"]).is_err());
}

/// A file that goes when the test ends.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tartan-acl-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Design 2.11: when SETUSER has answered, no worker runs what it has forbidden.
#[test]
fn changes_bind_every_worker_before_they_are_answered() {
    const COMMANDS: [&[&str]; 4] = [
        &["INCR", "k"],
        &["EVAL", "return redis.call('INCR', KEYS[1])", "1", "k"],
        &["EVAL", "return redis.call('INCR', 'k'..'')", "0"],
        &["MULTI", "INCR k", "EXEC"],
    ];
    let server = Server::with_workers(4);
    let mut admin = server.client();
    expect_ok(&mut admin, "ACL SETUSER u on nopass ~* &* +@all");
    let ends = Arc::new(AtomicBool::new(false));
    let writers = COMMANDS.map(|command| {
        let (mut client, ends) = (client_of(&server, "u"), ends.clone());
        thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                if command[0] == "MULTI" {
                    command.iter().for_each(|part| drop(call(&mut client, part)));
                } else {
                    client.call(command);
                }
            }
        })
    });
    let count = |admin: &mut Client| admin.call(&["GET", "k"]).text();
    for round in 0..scaled(100) {
        let rules = ["-incr", "resetkeys"][round % 2];
        let before = count(&mut admin);
        expect_ok(&mut admin, &format!("ACL SETUSER u {rules}"));
        let after = count(&mut admin);
        thread::yield_now();
        assert_eq!(count(&mut admin), after, "{rules}, from {before}");
        expect_ok(&mut admin, "ACL SETUSER u +@all ~*");
        eventually("somebody writes", || count(&mut admin) != after);
    }
    ends.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn nothing_is_published_after_the_channel_has_been_forbidden() {
    let server = Server::with_workers(4);
    let (mut admin, mut listener) = (server.client(), server.client());
    expect_ok(&mut admin, "ACL SETUSER u on nopass ~* &* +@all");
    call(&mut listener, "SUBSCRIBE c");
    let ends = Arc::new(AtomicBool::new(false));
    let publishers =
        ["PUBLISH c from-u", "EVAL return(redis.call('publish','c','from-u')) 0"].map(|command| {
            let (mut client, ends) = (client_of(&server, "u"), ends.clone());
            thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    call(&mut client, command);
                }
            })
        });
    let mut next = || listener.read().unwrap().items()[2].text();
    for _ in 0..scaled(100) {
        expect_ok(&mut admin, "ACL SETUSER u resetchannels");
        call(&mut admin, "PUBLISH c forbidden");
        call(&mut admin, "PUBLISH c allowed");
        expect_ok(&mut admin, "ACL SETUSER u &*");
        while next() != "forbidden" {}
        assert_eq!(next(), "allowed");
    }
    ends.store(true, Ordering::Relaxed);
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
}

#[test]
fn clients_of_deleted_users_are_closed() {
    let server = Server::with_workers(2);
    let mut admin = server.client();
    expect_ok(&mut admin, "ACL SETUSER a on nopass +@all &*");
    expect_ok(&mut admin, "ACL SETUSER b on nopass +@all &*");
    let (mut a, mut b, mut listener) =
        (client_of(&server, "a"), client_of(&server, "b"), client_of(&server, "a"));
    call(&mut listener, "SUBSCRIBE c");
    assert_eq!(call(&mut admin, "ACL DELUSER a nobody"), Reply::Integer(1));
    assert_eq!(call(&mut admin, "PUBLISH c m"), Reply::Integer(0));
    assert!(!call(&mut admin, "CLIENT LIST").text().contains("user=a "));
    assert_closed(&mut a);
    assert_closed(&mut listener);
    // The reply comes before the end.
    assert_eq!(call(&mut b, "ACL DELUSER b"), Reply::Integer(1));
    assert_closed(&mut b);
    // One who is made again is another.
    expect_ok(&mut admin, "ACL SETUSER a on nopass +@all");
    let mut a = client_of(&server, "a");
    expect_ok(&mut a, "MULTI");
    assert_eq!(call(&mut admin, "ACL DELUSER a"), Reply::Integer(1));
    expect_ok(&mut admin, "ACL SETUSER a on nopass +@all");
    assert_closed(&mut a);
}

#[test]
fn subscribers_go_when_their_channels_do() {
    let server = Server::with_workers(2);
    let mut admin = server.client();
    for (old, new, subscription, goes) in [
        ("&*", "resetchannels &c", "SUBSCRIBE c", false),
        ("&*", "resetchannels &d", "SUBSCRIBE c", true),
        ("&*", "resetchannels &d", "SSUBSCRIBE c", true),
        ("&c*", "resetchannels &c", "PSUBSCRIBE c*", true),
        ("&c*", "&d", "PSUBSCRIBE c*", false),
        ("&c*", "resetchannels (&c*)", "PSUBSCRIBE c*", false),
        ("&c", "-@all", "SUBSCRIBE c", false),
    ] {
        expect_ok(&mut admin, &format!("ACL SETUSER u reset on nopass +@all {old}"));
        let mut listener = client_of(&server, "u");
        assert!(!call(&mut listener, subscription).is_error(""));
        expect_ok(&mut admin, &format!("ACL SETUSER u {new}"));
        let listed = call(&mut admin, "CLIENT LIST").text();
        assert_eq!(!listed.contains("user=u "), goes, "{old} {new} {subscription}: {listed}");
        assert_eq!(listener.try_call(&["PING"]).is_err(), goes, "{old} {new} {subscription}");
        drop(listener);
        call(&mut admin, "ACL DELUSER u");
    }
}

#[test]
fn who_waits_is_asked_again_when_served() {
    let server = Server::with_workers(2);
    let mut admin = server.client();
    expect_ok(&mut admin, "ACL SETUSER u on nopass ~* +@all");
    let mut waiting = client_of(&server, "u");
    waiting.send(&encode(&["BLPOP", "l", "0"])).unwrap();
    server.await_blocked(1);
    let mut next = server.waiting("BLPOP l 0");
    expect_ok(&mut admin, "ACL SETUSER u resetkeys ~x");
    call(&mut admin, "RPUSH l 1");
    assert_eq!(waiting.read().unwrap(), Reply::Error("NOPERM No permissions to access a key".into()));
    assert_eq!(next.read().unwrap().items()[1].text(), "1");
    // The refused call has never run.
    let line = "rejected_calls=1,failed_calls=0\r\n";
    eventually("both have ended", || {
        let stats = call(&mut admin, "INFO commandstats").text();
        stats.contains("cmdstat_blpop:calls=1,") && stats.contains(line)
    });
}

/// The fields of an entry of ACL LOG.
fn field(entry: &Reply, name: &str) -> String {
    let items = entry.items();
    let place = items.iter().position(|item| *item == Reply::Bulk(name.into())).unwrap();
    match &items[place + 1] {
        Reply::Integer(number) => number.to_string(),
        text => text.text(),
    }
}

#[test]
fn refusals_are_logged_and_counted() {
    let server = Server::with_workers(2);
    let mut admin = server.client();
    expect_ok(&mut admin, "ACL SETUSER u on >pw ~a &a +@all -ping");
    let mut user = server.client();
    call(&mut user, "AUTH u wrong");
    expect_ok(&mut user, "AUTH u pw");
    expect_ok(&mut user, "CLIENT SETNAME me");
    for command in [
        "PING",
        "PING",
        "GET b",
        "PUBLISH b m",
        "EVAL return(redis.call('get','b')) 0",
        "MULTI",
        "GET b",
        "EXEC",
    ] {
        call(&mut user, command);
    }
    let log = call(&mut admin, "ACL LOG");
    let shown = |entry: &Reply| {
        ["reason", "context", "object", "username", "count"].map(|name| field(entry, name)).join(" ")
    };
    assert_eq!(
        log.items().iter().map(shown).collect::<Vec<_>>(),
        [
            "key multi b u 1",
            "key lua b u 1",
            "channel toplevel b u 1",
            "key toplevel b u 1",
            "command toplevel ping u 2",
            "auth toplevel AUTH u 1",
        ]
    );
    let ids: Vec<_> = log.items().iter().map(|entry| field(entry, "entry-id")).collect();
    assert_eq!(ids, ["5", "4", "3", "2", "1", "0"]);
    let latest = &log.items()[0];
    let client = field(latest, "client-info");
    assert!(client.contains(" name=me ") && client.contains(" cmd=get user=u "), "{client}");
    assert!(field(latest, "age-seconds").parse::<f64>().unwrap() < 60.0);
    assert_eq!(field(latest, "timestamp-created"), field(latest, "timestamp-last-updated"));
    let stats = call(&mut admin, "INFO stats").text();
    for line in ["_auth:1", "_cmd:2", "_key:3", "_channel:1"] {
        assert!(stats.contains(&format!("acl_access_denied{line}\r\n")), "{line}: {stats}");
    }
    assert_eq!(call(&mut admin, "ACL LOG 2").items().len(), 2);
    expect_ok(&mut admin, "CONFIG SET acllog-max-len 1");
    call(&mut user, "GET c");
    assert_eq!(call(&mut admin, "ACL LOG 100").items().len(), 1);
    expect_ok(&mut admin, "ACL LOG RESET");
    assert_eq!(call(&mut admin, "ACL LOG").items().len(), 0);
}

#[test]
fn clients_are_listed_and_killed_by_user() {
    let server = Server::with_workers(2);
    let mut admin = server.client();
    expect_ok(&mut admin, "ACL SETUSER u on nopass +@all");
    let (mut one, mut other) = (client_of(&server, "u"), client_of(&server, "u"));
    assert_eq!(call(&mut one, "ACL WHOAMI").text(), "u");
    assert_eq!(call(&mut one, "RESET").text(), "RESET");
    assert_eq!(call(&mut one, "ACL WHOAMI").text(), "default");
    assert_eq!(call(&mut admin, "CLIENT LIST").text().matches(" user=u ").count(), 1);
    assert_eq!(call(&mut admin, "CLIENT KILL USER u"), Reply::Integer(1));
    assert_closed(&mut other);
    assert_eq!(call(&mut one, "PING").text(), "PONG");
}

#[test]
fn the_default_user_may_be_closed_to_strangers() {
    let server = Server::with_workers(2);
    expect_ok(&mut server.client(), "ACL SETUSER default >pw");
    let mut client = server.client();
    assert!(call(&mut client, "GET a").is_error("NOAUTH"));
    expect_ok(&mut client, "AUTH pw");
    expect_ok(&mut client, "ACL SETUSER default nopass");
    let mut second = server.client();
    assert_eq!(call(&mut second, "PING").text(), "PONG");
    expect_ok(&mut client, "ACL SETUSER default off");
    // Who is in stays in.
    assert_eq!(call(&mut second, "PING").text(), "PONG");
    assert!(call(&mut server.client(), "PING").is_error("NOAUTH"));
    assert!(call(&mut server.client(), "AUTH default x").is_error("WRONGPASS"));
}

#[test]
fn a_password_that_is_not_set_after_all_is_not_asked_for() {
    let (server, other) = (Server::with_workers(2), Server::with_workers(1));
    let mut client = server.client();
    let taken = other.port.to_string();
    for refused in [["port", &taken], ["maxclients", "4000000000"]] {
        let set = ["CONFIG", "SET", "requirepass", "pw", refused[0], refused[1]];
        assert!(client.call(&set).is_error("ERR CONFIG SET failed"), "{refused:?}");
        assert_eq!(call(&mut server.client(), "PING").text(), "PONG");
    }
    expect_ok(&mut client, "CONFIG SET requirepass pw");
    assert!(call(&mut server.client(), "PING").is_error("NOAUTH"));
}

#[test]
fn users_come_from_a_file_and_go_there() {
    let file = File::new("users", "user alice on nopass +@all ~a*\n\nuser bob off\r\n");
    let server = Server::start(&["--aclfile", file.path()]);
    let (mut admin, mut alice) = (server.client(), client_of(&server, "alice"));
    assert!(call(&mut alice, "GET b").is_error("NOPERM"));
    expect_ok(&mut admin, "MULTI");
    call(&mut admin, "ACL LOAD");
    assert!(call(&mut admin, "EXEC").items()[0].is_error("ERR ACL LOAD and SAVE reach for the disk"));
    expect_ok(&mut admin, "ACL SETUSER carol on >pw +get");
    expect_ok(&mut admin, "ACL SAVE");
    let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
    let saved = format!(
        "user alice on nopass sanitize-payload ~a* resetchannels +@all\n\
         user bob off sanitize-payload resetchannels -@all\n\
         user carol on sanitize-payload #{hash} resetchannels -@all +get\n\
         user default on nopass sanitize-payload ~* &* +@all\n"
    );
    assert_eq!(file.text(), saved);
    // A file with a mistake changes nothing; one without closes who is not the default user.
    std::fs::write(&file.0, "user alice on +nonsense\nuser alice on\n").unwrap();
    let name = file.path();
    assert_eq!(
        call(&mut admin, "ACL LOAD"),
        Reply::Error(format!(
            "ERR {name}:1: Error in applying operation '+nonsense': Unknown command or category name in ACL. WARNING: \
             Duplicate user 'alice' found on line 2. WARNING: ACL errors detected, no change to the previously active ACL \
             rules was performed"
        ))
    );
    assert_eq!(call(&mut alice, "GET a"), Reply::Null);
    std::fs::write(&file.0, "user alice on nopass +@all ~*\n").unwrap();
    expect_ok(&mut admin, "ACL LOAD");
    assert_closed(&mut alice);
    assert_eq!(call(&mut admin, "ACL USERS").items().len(), 2);
    std::fs::remove_file(&file.0).unwrap();
    let missing = format!("ERR Error loading ACLs, opening file '{name}': No such file or directory");
    assert_eq!(call(&mut admin, "ACL LOAD"), Reply::Error(missing));
}

#[test]
fn users_of_the_configuration_are_rewritten_there() {
    let file = File::new("conf", "user alice on nopass +@all ~a* (+get ~b)\nhz 11\nuser bob\n");
    let mut server = Server::start_with_file(Some(file.path()), &[]);
    let mut admin = server.client();
    assert_eq!(call(&mut admin, "ACL USERS").items().len(), 3);
    expect_ok(&mut admin, "ACL SETUSER carol on");
    assert_eq!(call(&mut admin, "ACL DELUSER bob"), Reply::Integer(1));
    let before = call(&mut admin, "ACL LIST");
    expect_ok(&mut admin, "CONFIG REWRITE");
    let text = file.text();
    assert!(
        text.starts_with(
            "user alice on nopass sanitize-payload ~a* resetchannels +@all (~b resetchannels -@all +get)\n"
        ),
        "{text}"
    );
    assert_eq!(text.matches("user ").count(), 3, "{text}");
    let _ = admin.try_call(&["SHUTDOWN", "NOSAVE"]);
    server.await_end();
    let again = Server::start_with_file(Some(file.path()), &[]);
    assert_eq!(call(&mut again.client(), "ACL LIST"), before);
}

#[test]
fn wrong_users_keep_the_server_from_starting() {
    let check = |flags: &[&str], expected: &str| {
        let log = Server::start_refused(flags);
        assert!(log.contains(expected), "{log}");
    };
    check(&["--user", "a", "on", "--user", "a"], "Error in user declaration 'a': Duplicate user found.");
    check(&["--user", "a", "nonsense"], "Error in user declaration 'nonsense': Syntax error");
    check(
        &["--user", "a", "+nonsense"],
        "Error loading ACL rule '+nonsense' for the user named 'a': Unknown command or category name in ACL",
    );
    check(&["--user", "a", "+nonsense"], "Critical error while loading ACLs. Exiting.");
    let file = File::new("wrong", "users a\n");
    let place = format!("{}:1 should start with user keyword followed by the username. ", file.path());
    check(&["--aclfile", file.path()], &format!("Aborting Redis startup because of ACL errors: {place}"));
    check(&["--aclfile", file.path(), "--user", "a"], "please define either an ACL file or declare users");
    check(
        &["--aclfile", "/nonexistent/users"],
        "opening file '/nonexistent/users': No such file or directory",
    );
}

/// The password came by an ACL: a CONFIG SET that is refused must not take it away.
#[test]
fn a_refused_change_of_requirepass_leaves_the_password() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(
        client.call(&["ACL", "SETUSER", "default", "resetpass", ">secret"]),
        Reply::Simple("OK".into())
    );
    let refused = client.call(&["CONFIG", "SET", "requirepass", "new", "maxclients", "4000000000"]);
    assert!(refused.is_error("ERR"), "{refused:?}");
    assert!(server.client().call(&["GET", "k"]).is_error("NOAUTH"));
    assert_eq!(server.client().call(&["AUTH", "secret"]), Reply::Simple("OK".into()));
}
