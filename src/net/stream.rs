//! TCP and unix sockets behind one face.

use std::io::{self, IoSlice};
use std::net::TcpStream as StdTcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::net::{TcpStream, UnixStream};
use tokio_util::io::poll_read_buf;

/// An accepted socket on its way to a worker.
pub enum Accepted {
    /// TCP.
    Tcp(StdTcpStream),
    /// The unix socket.
    Unix(StdUnixStream),
}

/// A socket that a worker's runtime watches.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// The unix socket.
    Unix(UnixStream),
}

macro_rules! each {
    ($self:expr, $stream:ident => $action:expr) => {
        match $self {
            Stream::Tcp($stream) => $action,
            Stream::Unix($stream) => $action,
        }
    };
}

impl Accepted {
    /// Registers the socket with the runtime that the caller runs on.
    pub fn register(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(stream) => TcpStream::from_std(stream).map(Stream::Tcp),
            Self::Unix(stream) => UnixStream::from_std(stream).map(Stream::Unix),
        }
    }

    /// The file descriptor, for CLIENT LIST.
    pub fn descriptor(&self) -> i32 {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl Stream {
    /// Reads into the spare room of `buffer`; 0 when the peer has closed. A read that does not fill the room tells the runtime
    /// that the socket is drained, which saves a second read that would only say so.
    #[inline]
    pub fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        each!(self, stream => poll_read_buf(Pin::new(stream), context, buffer))
    }

    /// Ready when there may be room to write.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_write_ready(context))
    }

    /// Writes what fits.
    #[inline]
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        each!(self, stream => stream.try_write(bytes))
    }

    /// Writes what fits of several pieces.
    pub fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        each!(self, stream => stream.try_write_vectored(pieces))
    }
}
