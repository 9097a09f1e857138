//! Listening sockets, and the task that accepts from each.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;

use super::stream::Accepted;
use super::workers::Workers;
use crate::base::log;
use crate::config::Id;
use crate::engine::Node;
use crate::engine::session::ClientHandle;

/// A listening socket.
pub enum Listener {
    /// TCP.
    Tcp(StdTcpListener),
    /// The unix socket, with its path.
    Unix(StdUnixListener, PathBuf),
}

/// Accepts from one listener.
pub struct Acceptor {
    node: Arc<Node>,
    workers: Arc<Workers>,
    listener: Listener,
    stop: CancellationToken,
}

/// Listens on a TCP address.
///
/// # Errors
/// When the address is taken, does not exist here, or may not be used.
pub fn bind_tcp(address: SocketAddr, backlog: i32, mark: u32) -> io::Result<StdTcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    if mark != 0 {
        socket.set_mark(mark)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(socket.into())
}

/// Listens on a unix socket; a file that is left over from an earlier run is replaced.
///
/// # Errors
/// When the path can't be used.
pub fn bind_unix(path: &Path, permissions: u32, backlog: i32) -> io::Result<StdUnixListener> {
    let _ = std::fs::remove_file(path);
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    if permissions != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions))?;
    }
    socket.listen(backlog)?;
    Ok(socket.into())
}

impl Acceptor {
    /// An acceptor for this listener.
    pub fn new(node: Arc<Node>, workers: Arc<Workers>, listener: Listener, stop: CancellationToken) -> Self {
        Self { node, workers, listener, stop }
    }

    /// Accepts until it is told to stop.
    pub async fn run(self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            result = self.accept_all() => {
                if let Err(error) = result {
                    log::warning!("Can't accept connections any more: {error}");
                }
            }
        }
        if let Listener::Unix(_, path) = &self.listener {
            let _ = std::fs::remove_file(path);
        }
    }

    async fn accept_all(&self) -> io::Result<()> {
        let listener = match &self.listener {
            Listener::Tcp(listener) => Watched::Tcp(TcpListener::from_std(listener.try_clone()?)?),
            Listener::Unix(listener, _) => Watched::Unix(UnixListener::from_std(listener.try_clone()?)?),
        };
        loop {
            match listener.accept().await {
                Ok((accepted, address, local_address)) => self.admit(accepted, address, local_address).await,
                // Out of descriptors, or a peer that left in the queue: wait for better times.
                Err(error) => {
                    log::verbose!("Accepting client connection: {error}");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }
    }

    async fn admit(&self, accepted: Accepted, address: Option<SocketAddr>, local: Option<SocketAddr>) {
        let node = &self.node;
        if let Err(refusal) = self.check(address) {
            node.connections_rejected.fetch_add(1, Ordering::Relaxed);
            return refuse(accepted, refusal);
        }
        // None when the server ends.
        let Some(seat) = self.workers.seat().await else { return };
        node.connections_received.fetch_add(1, Ordering::Relaxed);
        tune(&accepted, node.config.get(Id::TcpKeepalive) as u64);
        let name = |address: Option<SocketAddr>| match (&self.listener, address) {
            (Listener::Unix(_, path), _) => format!("{}:0", path.display()),
            (_, Some(address)) => address.to_string(),
            (_, None) => "?:0".into(),
        };
        let is_unix = matches!(accepted, Accepted::Unix(_));
        let handle = ClientHandle::new(
            node.next_client_id(),
            name(address),
            name(local),
            accepted.descriptor(),
            is_unix,
            seat.worker,
        );
        self.workers.hand_over(seat, accepted, Arc::new(handle));
    }

    fn check(&self, address: Option<SocketAddr>) -> Result<(), &'static str> {
        let config = &self.node.config;
        let connected: u64 = self.node.sum(|stats| stats.connections.load(Ordering::Relaxed));
        if connected >= config.get_unsigned(Id::MaxClients) {
            return Err("-ERR max number of clients reached\r\n");
        }
        if config.is_on(Id::ProtectedMode)
            && self.node.acl.has_no_password()
            && address.is_some_and(|address| !is_loopback(address.ip()))
        {
            return Err(PROTECTED);
        }
        Ok(())
    }
}

/// A listener that the acceptor's runtime watches. What it accepts is taken off this runtime again: a worker will register it.
enum Watched {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Watched {
    async fn accept(&self) -> io::Result<(Accepted, Option<SocketAddr>, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                let local = stream.local_addr().ok();
                Ok((Accepted::Tcp(stream.into_std()?), Some(address), local))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream.into_std()?), None, None))
            }
        }
    }
}

/// What a stranger is told while there is no password and nobody has said which addresses to trust.
const PROTECTED: &str = "-DENIED This server is running in protected mode because protected mode is enabled and no password is \
set for the default user: only connections from the loopback interface are accepted. Set a password (requirepass), or, if \
everyone who can reach the port may use it, turn the mode off by CONFIG SET protected-mode no from the loopback interface \
or by --protected-mode no at the start.\r\n";

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
    }
}

fn refuse(accepted: Accepted, text: &str) {
    // The peer may be gone: nothing depends on it.
    let _ = match accepted {
        Accepted::Tcp(mut stream) => stream.write_all(text.as_bytes()),
        Accepted::Unix(mut stream) => stream.write_all(text.as_bytes()),
    };
}

/// Replies leave at once, and dead peers are noticed.
fn tune(accepted: &Accepted, keepalive_seconds: u64) {
    let Accepted::Tcp(stream) = accepted else { return };
    let _ = stream.set_nodelay(true);
    if keepalive_seconds > 0 {
        let interval = Duration::from_secs((keepalive_seconds / 3).max(1));
        let probes = TcpKeepalive::new()
            .with_time(Duration::from_secs(keepalive_seconds))
            .with_interval(interval)
            .with_retries(3);
        let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
    }
}
