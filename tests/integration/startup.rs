//! The ways in which a server is started: arguments, files, standard input, the background, a supervisor; and how it ends.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::support::server::{free_port, program};
use crate::support::{Client, Reply, eventually};

/// A directory of its own that goes with the test, and the process that was left in it.
struct Place {
    directory: PathBuf,
    port: u16,
}

impl Place {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("tartan-startup-{}-{name}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self { directory, port: free_port() }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.join(name)).unwrap_or_default()
    }

    /// The lines that every configuration of these tests begins with.
    fn common(&self) -> String {
        let (port, directory) = (self.port, self.directory.display());
        format!("port {port}\nbind 127.0.0.1\nmetrics-port 0\nsave \"\"\ndir {directory}\n")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).current_dir(&self.directory).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TARTAN_")) {
            command.env_remove(name);
        }
        command
    }

    fn output(&self, arguments: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        (status.success(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    fn start(&self, command: &mut Command) -> Running {
        let log = fs::File::create(self.directory.join("output")).unwrap();
        Running(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    fn client(&self) -> Client {
        eventually("the server answers", || {
            Client::try_connect(self.port)
                .and_then(|mut client| client.try_call(&["PING"]))
                .is_ok_and(|reply| reply == Reply::Simple("PONG".into()))
        });
        Client::connect(self.port)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Who went into the background and is still there because the test has failed.
        let id = self.read("pid");
        if !id.is_empty() {
            let _ = Command::new("kill").args(["-s", "KILL", id.trim()]).status();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A process that is killed if it has not ended.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn await_exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the server ends", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn wrong_settings_end_the_server_with_redis_s_words() {
    let place = Place::new("wrong");
    let check = |arguments: &[&str], parts: &[&str]| {
        let (is_fine, text) = place.output(arguments);
        assert!(!is_fine && parts.iter().all(|part| text.contains(part)), "{arguments:?}\n{text}");
    };
    const HEAD: &str = "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n";
    let bad = place.write("bad.conf", "# first\n\nhz abc\n");
    check(
        &[&bad],
        &[
            HEAD,
            "Reading the configuration file, at line 3",
            ">>> 'hz abc'\nargument couldn't be parsed into an integer",
        ],
    );
    check(&["--port"], &[HEAD, ">>> 'port'\nwrong number of arguments"]);
    check(&["--no-such", "x"], &[HEAD, "Bad directive or wrong number of arguments"]);
    check(&["--shutdown-on-sigint"], &[HEAD, "argument(s) must be one of the following: default, save"]);
    check(&["--rename-command", "gett", "x"], &[HEAD, "No such command in rename-command"]);
    check(&["--rename-command", "get", "set"], &[HEAD, "Target command name already exists"]);
    check(&["--logfile", "/nonexistent/log"], &[HEAD, "Can't open the log file: No such file or directory"]);
    check(&["--replicaof", "127.0.0.1", "6379"], &[HEAD, "replication is not supported yet"]);
    check(&["--cluster-enabled", "yes"], &[HEAD, "cluster mode is not supported"]);
    check(&["--loadmodule", "x.so"], &[HEAD, "modules are not supported"]);
    check(
        &["/nonexistent.conf"],
        &["Fatal error, can't open config file '/nonexistent.conf': No such file or directory"],
    );
    check(&["--sentinel"], &["there is no Sentinel mode"]);
    check(&[&bad, "--sentinel"], &["there is no Sentinel mode"]);
    check(&["--test-memory", "100"], &["memory is not tested here"]);
}

#[test]
fn the_version_has_redis_s_form() {
    let place = Place::new("version");
    for argument in ["--version", "-v"] {
        let (is_fine, text) = place.output(&[argument]);
        assert!(
            is_fine && text.starts_with("Redis server v=7.2.4 sha=") && text.contains("\nTartan v"),
            "{text}"
        );
    }
    let (_, text) = place.output(&["--check-system"]);
    assert!(
        ["[slow-clocksource]...", "[THP]...", "[somaxconn]..."].iter().all(|name| text.contains(name)),
        "{text}"
    );
}

#[test]
fn settings_come_from_standard_input_and_flags_override_them() {
    let place = Place::new("input");
    let mut command = place.command(&["--hz", "33", "-"]);
    let mut running = place.start(command.stdin(Stdio::piped()));
    let mut input = running.0.stdin.take().unwrap();
    input.write_all(format!("{}hz 22\ntimeout 7\n", place.common()).as_bytes()).unwrap();
    drop(input);
    let reply = place.client().call(&["CONFIG", "GET", "hz", "timeout"]);
    let values: Vec<String> = reply.items().iter().map(Reply::text).collect();
    assert_eq!(values, ["timeout", "7", "hz", "33"]);
}

#[test]
fn in_the_background_with_log_and_process_id_file() {
    let place = Place::new("daemon");
    let file = place.write("d.conf", &format!("{}daemonize yes\nlogfile log\npidfile pid\n", place.common()));
    let (is_fine, text) = place.output(&[&file]);
    assert!(is_fine && text.is_empty(), "{text}");
    let mut client = place.client();
    let id: u32 = place.read("pid").trim().parse().unwrap();
    let info = client.call(&["INFO", "server"]).text();
    assert!(info.contains(&format!("process_id:{id}\r\n")), "{info}");
    let log = place.read("log");
    let parts = ["is starting", "Server initialized", "Ready to accept connections tcp"];
    assert!(parts.iter().all(|part| log.contains(part)), "{log}");
    // A session of its own, whose leader it is.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap();
    assert_eq!(session, id.to_string());
    client.send(b"SHUTDOWN\r\n").unwrap();
    eventually("the process id file is removed", || !place.directory.join("pid").exists());
    eventually("the server says good-bye", || place.read("log").contains("ready to exit, bye bye"));
}

#[test]
fn systemd_is_told() {
    let place = Place::new("systemd");
    let path = place.directory.join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let receive = || {
        let mut datagram = [0; 500];
        let length = socket.recv(&mut datagram).unwrap();
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    };
    let file = place.write("s.conf", &format!("{}supervised systemd\ndaemonize yes\n", place.common()));
    let mut running = place.start(place.command(&[&file]).env("NOTIFY_SOCKET", &path));
    let ready = receive();
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    assert!(ready.contains("STATUS=Ready to accept connections"), "{ready}");
    // Whoever is supervised stays in the foreground.
    running.signal("TERM");
    assert!(receive().contains("STOPPING=1"));
    assert_eq!(running.await_exit_code(), Some(0));
    assert!(place.read("output").contains("supervised by systemd"));
}

#[test]
fn upstart_sees_the_server_stop_itself() {
    let place = Place::new("upstart");
    let file = place.write("u.conf", &place.common());
    let running = place.start(place.command(&[&file, "--supervised", "auto"]).env("UPSTART_JOB", "tartan"));
    let state = || fs::read_to_string(format!("/proc/{}/stat", running.0.id())).unwrap();
    eventually("the server stops itself", || state().contains(") T "));
    running.signal("CONT");
    place.client();
}

#[test]
fn signals_do_what_their_settings_say() {
    let check = |name: &str, signal: &str, settings: &str, has_snapshot: bool| {
        let place = Place::new(name);
        let file = place.write("g.conf", &format!("{}{settings}", place.common()));
        let mut running = place.start(&mut place.command(&[&file]));
        place.client().call(&["SET", "k", "v"]);
        running.signal("HUP");
        running.signal(signal);
        assert_eq!(running.await_exit_code(), Some(0), "{name}");
        assert_eq!(place.directory.join("dump.rdb").exists(), has_snapshot, "{name}");
        assert!(
            place.read("output").contains(&format!("Received SIG{signal} scheduling shutdown...")),
            "{name}"
        );
    };
    check("term", "TERM", "", false);
    check("term-save", "TERM", "shutdown-on-sigterm save now\n", true);
    check("int-nosave", "INT", "save 900 1\nshutdown-on-sigint nosave\n", false);
    check("int-default", "INT", "save 900 1\n", true);

    // Where the snapshot belongs there is a directory: only force ends the server.
    let place = Place::new("term-force");
    let file = place.write("g.conf", &format!("{}shutdown-on-sigterm save\n", place.common()));
    let mut running = place.start(&mut place.command(&[&file]));
    let mut client = place.client();
    fs::create_dir(place.directory.join("dump.rdb")).unwrap();
    running.signal("TERM");
    eventually("the server goes on", || {
        place.read("output").contains("errors trying to shut down the server")
    });
    client.call(&["CONFIG", "SET", "shutdown-on-sigterm", "save force"]);
    running.signal("TERM");
    assert_eq!(running.await_exit_code(), Some(0));
}

#[test]
fn the_title_says_what_runs() {
    let place = Place::new("title");
    let file = place.write("t.conf", &place.common());
    let template =
        "X {title} {listen-addr} {port} {tls-port} {config-file} and more than the arguments had room for";
    let running = place.start(&mut place.command(&[&file]));
    let title = || {
        let shown = fs::read(format!("/proc/{}/cmdline", running.0.id())).unwrap();
        String::from_utf8_lossy(&shown).trim_end_matches('\0').to_owned()
    };
    let mut client = place.client();
    let (program, port) = (program(), place.port);
    assert_eq!(title(), format!("{program} 127.0.0.1:{port}"));
    client.call(&["CONFIG", "SET", "proc-title-template", template]);
    let expected =
        format!("X {program} 127.0.0.1:{port} {port} 0 {file} and more than the arguments had room for");
    assert_eq!(title(), expected);
    client.call(&["CONFIG", "SET", "proc-title-template", "short"]);
    assert_eq!(title(), "short");

    let place = Place::new("no-title");
    let file = place.write("t.conf", &format!("{}set-proc-title no\n", place.common()));
    let running = place.start(&mut place.command(&[&file]));
    place.client();
    let shown = fs::read(format!("/proc/{}/cmdline", running.0.id())).unwrap();
    assert_eq!(shown, format!("{program}\0{file}\0").into_bytes());
}

#[test]
fn commands_are_renamed_and_the_file_is_rewritten_around_it() {
    let place = Place::new("rename");
    let text = format!(
        "# kept\n{}rename-command CONFIG Setup\nrename-command flushall \"\"\n# last\noom-score-adj no\n",
        place.common()
    );
    let file = place.write("r.conf", &text);
    let _running = place.start(&mut place.command(&[&file]));
    let mut client = place.client();
    assert!(client.call(&["CONFIG", "GET", "hz"]).is_error("ERR unknown command 'CONFIG'"));
    assert!(client.call(&["FLUSHALL"]).is_error("ERR unknown command 'FLUSHALL'"));
    let changes =
        ["setup", "SET", "hz", "44", "shutdown-on-sigint", "now force", "oom-score-adj-values", "1 2 3"];
    assert_eq!(client.call(&changes), Reply::Simple("OK".into()));
    assert_eq!(client.call(&["SETUP", "REWRITE"]), Reply::Simple("OK".into()));
    let rewritten = place.read("r.conf");
    let (kept, added) = rewritten.split_once("# Generated by CONFIG REWRITE\n").unwrap();
    let lines: Vec<&str> = kept.lines().collect();
    assert_eq!(lines[0], "# kept");
    assert_eq!(lines[1], format!("port {}", place.port));
    assert!(
        kept.contains(
            "rename-command CONFIG Setup\nrename-command flushall \"\"\n# last\noom-score-adj no\n"
        )
    );
    for line in ["hz 44", "shutdown-on-sigint now force", "oom-score-adj-values 1 2 3"] {
        assert!(added.lines().any(|other| other == line), "{line}\n{rewritten}");
    }
    assert!(!rewritten.contains("tls-port") && !rewritten.contains("replicaof"), "{rewritten}");
}

#[test]
fn time_waited_in_debug_sleep_is_the_command_s() {
    let place = Place::new("sleep");
    let text = format!("{}enable-debug-command yes\nslowlog-log-slower-than 50000\n", place.common());
    let file = place.write("s.conf", &text);
    let _running = place.start(&mut place.command(&[&file]));
    let mut client = place.client();
    client.call(&["DEBUG", "SLEEP", "0.06"]);
    assert_eq!(client.call(&["SLOWLOG", "LEN"]), Reply::Integer(1));
    let stats = client.call(&["INFO", "commandstats"]).text();
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_debug:calls=1,usec=")).unwrap();
    assert!(line.split(',').next().unwrap().parse::<u64>().unwrap() >= 60_000, "{line}");
    assert!(client.call(&["SET", "k"]).is_error("ERR wrong number of arguments"));
    assert!(client.call(&["BLPOP", "list", "0.01"]) == Reply::Null);
    let stats = client.call(&["INFO", "commandstats"]).text();
    assert!(
        stats.contains("cmdstat_set:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0"),
        "{stats}"
    );
    assert!(stats.contains("cmdstat_blpop:calls=1,"), "{stats}");
}
