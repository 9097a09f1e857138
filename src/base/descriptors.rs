//! The limit of open files: each client needs a descriptor.

use std::io;

/// Descriptors that the server needs besides its clients' (Redis's figure): log, listeners, event queues, files.
pub const RESERVED: u64 = 32;

/// What came of asking for more open files.
#[derive(Debug)]
pub struct Granted {
    /// The limit before.
    pub before: u64,
    /// The limit now.
    pub now: u64,
    /// Why it is less than wanted.
    pub refusal: Option<io::Error>,
}

/// Raises this process's limit of open files to `wanted` if it is lower, or as far as the system lets it.
pub fn raise_limit(wanted: u64) -> Granted {
    let (before, hard) = match rlimit::Resource::NOFILE.get() {
        Ok(limits) => limits,
        // Unknown: nothing can be raised, and accepting connections will tell.
        Err(error) => return Granted { before: wanted, now: wanted, refusal: Some(error) },
    };
    if before >= wanted {
        return Granted { before, now: before, refusal: None };
    }
    match rlimit::Resource::NOFILE.set(wanted, hard.max(wanted)) {
        Ok(()) => Granted { before, now: wanted, refusal: None },
        Err(error) => {
            let best = hard.min(wanted).max(before);
            let now = if rlimit::Resource::NOFILE.set(best, hard).is_ok() { best } else { before };
            Granted { before, now, refusal: Some(error) }
        }
    }
}
