//! A server process on a port and in a directory of its own, killed when dropped.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use super::client::{Client, Reply, encode};
use super::eventually;

const READY_SECONDS: u64 = 60;
/// Another process may take a port between our look at it and the server's.
const STARTS_MAX: usize = 5;

/// A running server.
pub struct Server {
    process: Child,
    directory: PathBuf,
    pub port: u16,
}

impl Server {
    /// Starts a server with `flags` behind the common ones and waits until it answers PING.
    pub fn start(flags: &[&str]) -> Self {
        Self::start_with_file(None, flags)
    }

    /// The same with a configuration file before the flags.
    pub fn start_with_file(file: Option<&str>, flags: &[&str]) -> Self {
        for _ in 1..STARTS_MAX {
            if let Ok(server) = Self::try_start(file, flags) {
                return server;
            }
        }
        Self::try_start(file, flags)
            .unwrap_or_else(|log| panic!("the server does not start; its log:\n{log}"))
    }

    fn try_start(file: Option<&str>, flags: &[&str]) -> Result<Self, String> {
        let port = free_port();
        let directory = env::temp_dir().join(format!("tartan-integration-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let program = program();
        let mut command = Command::new(&program);
        command.args(file);
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ]);
        command.arg("--dir").arg(&directory);
        if program.contains("tartan") {
            command.args(["--metrics-port", "0"]);
        }
        for (name, _) in env::vars().filter(|(name, _)| name.starts_with("TARTAN_")) {
            command.env_remove(name);
        }
        let log = fs::File::create(directory.join("log")).unwrap();
        command.args(flags).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let mut server = Self { process, directory, port };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// Starts a server that must give up by itself; returns its log.
    pub fn start_refused(flags: &[&str]) -> String {
        let directory =
            env::temp_dir().join(format!("tartan-refused-{}-{}", std::process::id(), free_port()));
        fs::create_dir_all(&directory).unwrap();
        let mut command = Command::new(program());
        command.args(["--port", &free_port().to_string(), "--metrics-port", "0", "--save", ""]);
        command.arg("--dir").arg(&directory).args(flags);
        let output = command.stdin(Stdio::null()).output().unwrap();
        fs::remove_dir_all(&directory).unwrap();
        let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(!output.status.success(), "{log}");
        log
    }

    /// Waits until the process has ended by itself.
    pub fn await_end(&mut self) {
        eventually("the server ends", || self.process.try_wait().unwrap().is_some());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap()
    }

    /// A server with this many workers.
    pub fn with_workers(workers: usize) -> Self {
        if program().contains("tartan") {
            Self::start(&["--server-threads", &workers.to_string()])
        } else {
            Self::start(&[])
        }
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// A new connection that has sent a command and waits in it, unless it has been answered at once.
    pub fn waiting(&self, command: &str) -> Client {
        let words: Vec<&str> = command.split(' ').collect();
        let (mut client, mut observer) = (self.client(), self.client());
        let id = client.call(&["CLIENT", "ID"]).integer().to_string();
        client.send(&encode(&words)).unwrap();
        eventually(&format!("{command} waits"), || {
            observer.call(&["CLIENT", "LIST", "ID", &id]).text().contains(" flags=b ") || client.has_input()
        });
        client
    }

    /// Waits until this many clients wait in a blocking command.
    pub fn await_blocked(&self, count: usize) {
        let (mut client, line) = (self.client(), format!("blocked_clients:{count}\r\n"));
        eventually(&line, || client.call(&["INFO", "clients"]).text().contains(&line));
    }

    /// Resident memory of the process in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The log as an error when the server has ended because it could not listen.
    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            if let Ok(mut client) = Client::try_connect(self.port)
                && client.try_call(&["PING"]).is_ok_and(|reply| reply == Reply::Simple("PONG".into()))
            {
                return Ok(());
            }
            sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        if self.process.try_wait().unwrap().is_some() && log.contains("Address already in use") {
            return Err(log);
        }
        panic!("the server did not answer PING within {READY_SECONDS} seconds; its log:\n{log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub fn program() -> String {
    env::var("TARTAN_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tartan").into())
}

/// A port that nobody listens on at this moment, and that the system does not give to outgoing connections.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    loop {
        let port = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}
