//! The addresses that clients connect to: bound before anything else starts, bound anew when CONFIG SET says so.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::base::{log, os_error};
use crate::config::{Config, Id};
use crate::engine::Node;
use crate::net::{Acceptor, Listener, Workers, bind_tcp, bind_unix};

/// Sockets that listen, and nobody accepts from yet.
pub struct Bound {
    tcp: Vec<TcpListener>,
    unix: Option<Listener>,
}

/// The acceptors of all listening sockets.
pub struct Listening {
    node: Arc<Node>,
    workers: Arc<Workers>,
    tcp: Acceptors,
    unix: Acceptors,
    /// Where clients come from.
    kinds: [(&'static str, bool); 2],
}

/// Acceptors that stop together.
struct Acceptors {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Bound {
    /// Binds what the settings say.
    ///
    /// # Errors
    /// When an address that must be there cannot be used, for the log.
    pub fn bind(config: &Config) -> Result<Self, String> {
        let bound = Self { tcp: bind_addresses(config)?, unix: bind_socket(config)? };
        match bound.tcp.is_empty() && bound.unix.is_none() {
            true => Err("Configured to not listen anywhere, exiting.".into()),
            false => Ok(bound),
        }
    }
}

impl Listening {
    /// Begins to accept.
    pub fn start(node: &Arc<Node>, workers: &Arc<Workers>, bound: Bound) -> Self {
        let acceptors = || Acceptors { stop: node.shutdown.child_token(), tasks: JoinSet::new() };
        let mut listening = Self {
            node: node.clone(),
            workers: workers.clone(),
            tcp: acceptors(),
            unix: acceptors(),
            kinds: [("tcp", false), ("unix", false)],
        };
        let (has_tcp, has_unix) = (!bound.tcp.is_empty(), bound.unix.is_some());
        listening.accept_tcp(bound.tcp);
        if let Some(listener) = bound.unix {
            let stop = listening.unix.stop.clone();
            listening.unix.tasks.spawn(Acceptor::new(node.clone(), workers.clone(), listener, stop).run());
        }
        listening.kinds = [("tcp", has_tcp), ("unix", has_unix)];
        listening
    }

    /// Logs, in the words that tools wait for, that commands are answered now.
    pub fn announce(&self) {
        for (kind, _) in self.kinds.iter().filter(|(_, is_there)| *is_there) {
            log::notice!("Ready to accept connections {kind}");
        }
    }

    /// Listens on the addresses and the port of this moment's settings instead of those before. The old sockets go first, as
    /// the new addresses may include the old ones.
    ///
    /// # Errors
    /// When an address cannot be used; nothing listens on TCP then.
    pub async fn rebind(&mut self) -> Result<(), String> {
        self.tcp.stop().await;
        self.tcp.stop = self.node.shutdown.child_token();
        let bound = bind_addresses(&self.node.config)?;
        self.accept_tcp(bound);
        Ok(())
    }

    /// Stops accepting.
    pub async fn stop(mut self) {
        self.tcp.stop().await;
        self.unix.stop().await;
    }

    fn accept_tcp(&mut self, listeners: Vec<TcpListener>) {
        for listener in listeners {
            let (node, workers, stop) = (self.node.clone(), self.workers.clone(), self.tcp.stop.clone());
            self.tcp.tasks.spawn(Acceptor::new(node, workers, Listener::Tcp(listener), stop).run());
        }
    }
}

impl Acceptors {
    async fn stop(&mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn bind_addresses(config: &Config) -> Result<Vec<TcpListener>, String> {
    let port = config.get(Id::Port) as u16;
    let mut listeners = Vec::new();
    if port == 0 {
        return Ok(listeners);
    }
    let addresses = config.bind_addresses();
    let failed = || format!("Failed listening on port {port} (tcp), aborting.");
    for address in &addresses {
        listeners.extend(bind_address(config, address, port).map_err(|error| {
            log::warning!("{error}");
            failed()
        })?);
    }
    if listeners.is_empty() && !addresses.is_empty() {
        return Err(failed());
    }
    Ok(listeners)
}

/// Binds one address of `bind`. One that begins with `-` may be missing.
pub fn bind_address(config: &Config, address: &str, port: u16) -> Result<Option<TcpListener>, String> {
    let (address, optional) = match address.strip_prefix('-') {
        Some(address) => (address, true),
        None => (address, false),
    };
    let host = match address {
        "*" => "0.0.0.0",
        "::*" => "::",
        host => host,
    };
    let (backlog, mark) = (config.get(Id::TcpBacklog) as i32, config.get(Id::SocketMarkId) as u32);
    let bound = resolve(host, port).and_then(|address| bind_tcp(address, backlog, mark));
    match bound {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if optional && error.kind() != std::io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(format!(
            "Warning: Could not create server TCP listening socket {address}:{port}: bind: {}",
            os_error::reason(&error)
        )),
    }
}

fn bind_socket(config: &Config) -> Result<Option<Listener>, String> {
    let path = config.path(Id::UnixSocket);
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let (permissions, backlog) = (config.get(Id::UnixSocketPerm) as u32, config.get(Id::TcpBacklog) as i32);
    let listener = bind_unix(&path, permissions, backlog).map_err(|error| {
        format!("Failed opening Unix socket {}: {}", path.display(), os_error::reason(&error))
    })?;
    Ok(Some(Listener::Unix(listener, path)))
}

fn resolve(host: &str, port: u16) -> std::io::Result<SocketAddr> {
    (host, port).to_socket_addrs()?.next().ok_or_else(|| std::io::ErrorKind::AddrNotAvailable.into())
}
