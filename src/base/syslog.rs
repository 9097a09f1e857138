//! The system's log daemon: one datagram a message to `/dev/log`, in the form of RFC 3164, as `syslog(3)` sends it. Twenty
//! lines; the crates for it bring their own notions of time, levels and host names.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use jiff::{Timestamp, tz::TimeZone};

/// A connection to the daemon.
#[derive(Debug)]
pub(super) struct Syslog {
    socket: UnixDatagram,
    ident: String,
    /// As in `syslog(3)`, not yet times eight.
    facility: u8,
}

impl Syslog {
    /// Connects to the daemon that listens at `path`.
    pub(super) fn open(path: &Path, ident: &str, facility: u8) -> io::Result<Syslog> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        // A daemon that is stuck loses messages rather than holding us up.
        socket.set_nonblocking(true)?;
        Ok(Syslog { socket, ident: ident.to_owned(), facility })
    }

    /// Sends a message of this severity, 0 to 7.
    pub(super) fn send(&self, now: Timestamp, zone: TimeZone, severity: u8, message: &str) {
        let time = now.to_zoned(zone).strftime("%b %e %H:%M:%S").to_string();
        let (priority, ident, pid) = (self.facility * 8 + severity, &self.ident, std::process::id());
        let datagram = format!("<{priority}>{time} {ident}[{pid}]: {message}");
        // There is nobody to tell.
        let _ = self.socket.send(datagram.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive() {
        let path = std::env::temp_dir().join(format!("tartan-syslog-{}", std::process::id()));
        let daemon = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::open(&path, "redis", 16).unwrap();
        syslog.send(Timestamp::UNIX_EPOCH, TimeZone::UTC, 5, "Server initialized");
        let mut datagram = [0; 200];
        let length = daemon.recv(&mut datagram).unwrap();
        std::fs::remove_file(&path).unwrap();
        let expected = format!("<133>Jan  1 00:00:00 redis[{}]: Server initialized", std::process::id());
        assert_eq!(std::str::from_utf8(&datagram[..length]), Ok(expected.as_str()));
    }
}
