//! Who started the server: nobody in particular, systemd, upstart; and going into the background.

use std::env;
use std::io;

use nix::sys::signal::{Signal, raise};
use nix::unistd::daemon;
use sd_notify::NotifyState;

use crate::base::log;
use crate::config::{Config, Id};

/// Who wants to hear when the server is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// Nobody.
    None,
    /// Waits for the process to stop itself.
    Upstart,
    /// Waits for a datagram.
    Systemd,
}

impl Supervisor {
    /// As `supervised` says, or, with `auto`, as the environment does.
    pub fn find(config: &Config) -> Supervisor {
        const UPSTART: i64 = 0;
        const SYSTEMD: i64 = 1;
        const AUTO: i64 = 2;
        let has = |name| env::var_os(name).is_some();
        match config.get(Id::Supervised) {
            UPSTART | AUTO if has("UPSTART_JOB") => Supervisor::Upstart,
            SYSTEMD | AUTO if has("NOTIFY_SOCKET") => Supervisor::Systemd,
            UPSTART => {
                log::warning!("upstart supervision requested, but UPSTART_JOB not found!");
                Supervisor::None
            }
            SYSTEMD => {
                log::warning!("systemd supervision requested, but NOTIFY_SOCKET not found!");
                Supervisor::None
            }
            _ => Supervisor::None,
        }
    }

    /// Says in the log who it is.
    pub fn greet(self) {
        match self {
            Supervisor::None => {}
            Supervisor::Upstart => log::notice!("supervised by upstart, will stop to signal readiness."),
            Supervisor::Systemd => log::notice!(
                "supervised by systemd. Please make sure you set appropriate values for TimeoutStartSec and TimeoutStopSec \
                 in your service unit."
            ),
        }
    }

    /// Says that clients are served.
    pub fn tell_ready(self) {
        match self {
            Supervisor::None => {}
            Supervisor::Upstart => {
                if let Err(error) = raise(Signal::SIGSTOP) {
                    log::warning!("Can't stop to signal readiness: {error}");
                }
            }
            Supervisor::Systemd => {
                notify(&[NotifyState::Status("Ready to accept connections"), NotifyState::Ready]);
            }
        }
    }

    /// Says that the server ends.
    pub fn tell_stopping(self) {
        if self == Supervisor::Systemd {
            notify(&[NotifyState::Stopping]);
        }
    }
}

/// Goes on as another process, in a session of its own, without a terminal. Must be called while there is one thread.
///
/// # Errors
/// When the system does not let us fork.
pub fn go_into_background() -> io::Result<()> {
    // Files are meant relative to where the server was started, so the directory stays; descriptors 0 to 2 are /dev/null.
    Ok(daemon(true, false)?)
}

fn notify(states: &[NotifyState<'_>]) {
    const KEEPS_ENVIRONMENT: bool = false;
    if let Err(error) = sd_notify::notify(KEEPS_ENVIRONMENT, states) {
        log::warning!("systemd supervision error: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_supervises_a_test() {
        let config = |value: &str| {
            let flags = ["--supervised", value].map(|word| word.as_bytes().to_vec()).to_vec();
            Config::load(&crate::config::Sources { flags, ..Default::default() }).unwrap()
        };
        for value in ["no", "auto", "systemd", "upstart"] {
            assert_eq!(Supervisor::find(&config(value)), Supervisor::None, "{value}");
        }
    }
}
