//! Connections to other servers that keys are moved to (MIGRATE). They are kept for a while, since keys come in rows.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use parking_lot::Mutex;

use crate::base::clock;

/// The most that are kept, and for how long, as in Redis.
const KEPT_MAX: usize = 64;
const KEPT_MS: i64 = 10_000;
/// Bytes written at once: each piece has the whole time-out.
const WRITE_BYTES: usize = 64 << 10;
const READ_BYTES: usize = 4096;
/// The longest line of a reply.
const LINE_BYTES_MAX: usize = 64 << 10;

/// A connection.
pub struct Peer {
    stream: TcpStream,
    /// What has been read and not used.
    buffer: Vec<u8>,
    /// The database that is selected there.
    pub db: Option<i64>,
}

/// A host and a port, as they were given.
type Address = (Vec<u8>, Vec<u8>);

/// Those that nobody uses at the moment, and since when, in Unix milliseconds.
#[derive(Default)]
pub struct Peers {
    kept: Mutex<HashMap<Address, (Peer, i64)>>,
}

impl Peer {
    /// Connects, to any of the addresses that the host has.
    ///
    /// # Errors
    /// When none answers in time.
    pub fn connect(host: &str, port: u16, timeout: Duration) -> io::Result<Self> {
        let mut last = ErrorKind::AddrNotAvailable.into();
        for address in (host, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, buffer: Vec::new(), db: None });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Sends bytes; each piece of them may take so long.
    ///
    /// # Errors
    /// When the peer does not take them.
    pub fn send(&mut self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        self.stream.set_write_timeout(Some(timeout))?;
        bytes.chunks(WRITE_BYTES).try_for_each(|piece| self.stream.write_all(piece))
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// When there is none in time, or it is too long.
    pub fn read_line(&mut self, timeout: Duration) -> io::Result<Vec<u8>> {
        self.stream.set_read_timeout(Some(timeout))?;
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer[..end].to_vec();
                self.buffer.drain(..end + 2);
                return Ok(line);
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
            let mut bytes = [0; READ_BYTES];
            match self.stream.read(&mut bytes)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.buffer.extend_from_slice(&bytes[..count]),
            }
        }
    }
}

impl Peer {
    /// Whether nothing has come that nobody has asked for, and the peer is still there.
    fn is_quiet(&self) -> bool {
        let peek = || {
            self.stream.set_nonblocking(true)?;
            let peeked = self.stream.peek(&mut [0]);
            self.stream.set_nonblocking(false)?;
            peeked
        };
        self.buffer.is_empty() && peek().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// Whether the time was over.
pub fn has_timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Peers {
    /// Takes one that is kept.
    pub fn take(&self, host: &[u8], port: &[u8]) -> Option<Peer> {
        let (peer, _) = self.kept.lock().remove(&(host.to_vec(), port.to_vec()))?;
        peer.is_quiet().then_some(peer)
    }

    /// Keeps one for the next time.
    pub fn keep(&self, host: &[u8], port: &[u8], peer: Peer) {
        let mut kept = self.kept.lock();
        if kept.len() < KEPT_MAX {
            kept.insert((host.to_vec(), port.to_vec()), (peer, clock::unix_ms()));
        }
    }

    /// Closes those that have not been used for a while.
    pub fn tidy(&self, now_ms: i64) {
        self.kept.lock().retain(|_, (_, used_ms)| now_ms - *used_ms <= KEPT_MS);
    }

    /// How many are kept.
    pub fn count(&self) -> usize {
        self.kept.lock().len()
    }
}
