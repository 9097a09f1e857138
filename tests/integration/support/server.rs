//! A server process on a port and in a directory of its own, killed when dropped.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

use super::client::{Client, Reply};

const READY_SECONDS: u64 = 20;

/// A running server.
pub struct Server {
    process: Child,
    directory: PathBuf,
    pub port: u16,
}

impl Server {
    /// Starts a server with `flags` behind the common ones and waits until it answers PING.
    pub fn start(flags: &[&str]) -> Self {
        let port = free_port();
        let directory = env::temp_dir().join(format!("tartan-integration-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let program = program();
        let mut command = Command::new(&program);
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
        server.wait_until_ready();
        server
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

    /// Resident memory of the process in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS);
        while Instant::now() < deadline && self.process.try_wait().unwrap().is_none() {
            if let Ok(mut client) = Client::try_connect(self.port)
                && client.try_call(&["PING"]).is_ok_and(|reply| reply == Reply::Simple("PONG".into()))
            {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
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

fn program() -> String {
    env::var("TARTAN_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tartan").into())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
