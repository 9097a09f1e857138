//! A redis-server process in a directory of its own, killed when dropped.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs};

use super::client::{Client, Reply};

const WAIT_ROUNDS: usize = 1000;

/// A redis-server.
pub struct Redis {
    process: Child,
    pub directory: PathBuf,
    pub client: Client,
}

impl Redis {
    /// None where there is no redis-server.
    pub fn start(flags: &[&str]) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = env::temp_dir().join(format!("tartan-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--save", ""]).arg("--dir").arg(&directory).args(flags);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().ok()?;
        for _ in 0..WAIT_ROUNDS {
            if let Ok(mut client) = Client::try_connect(port)
                && client.try_call(&["PING"]).is_ok_and(|reply| reply == Reply::Simple("PONG".into()))
            {
                return Some(Self { process, directory, client });
            }
            sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not answer");
    }

    /// Ends it without a word.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        self.wait();
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) {
        let _ = self.process.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
