//! An image on its way to several replicas at once.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::link::Link;

/// Bytes that a replica may be behind before the image waits for it.
const AHEAD_BYTES_MAX: usize = 1 << 20;

/// Writes to all replicas, as fast as the slowest takes it; one that takes nothing for too long is closed.
pub struct Broadcast<'a> {
    links: Vec<Arc<Link>>,
    patience: Duration,
    /// Counts bytes.
    wrote: &'a (dyn Fn(u64) + Sync),
    /// Whether others wait for the image.
    is_urgent: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Broadcast<'a> {
    /// To these, each of which may keep the others waiting for so long.
    pub fn new(
        links: Vec<Arc<Link>>,
        patience: Duration,
        wrote: &'a (dyn Fn(u64) + Sync),
        is_urgent: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        Self { links, patience, wrote, is_urgent }
    }
}

impl Write for Broadcast<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.links.iter().for_each(|link| link.push(piece.clone()));
        let (patience, is_urgent) = (self.patience, self.is_urgent);
        self.links.retain(|link| link.await_room(AHEAD_BYTES_MAX, patience, is_urgent));
        (self.wrote)(bytes.len() as u64);
        if self.links.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the last replica has left"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
