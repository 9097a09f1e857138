//! What is wrong with bytes that should be RDB, and where.

use std::borrow::Cow;
use std::{fmt, io};

/// Bytes that cannot be loaded.
#[derive(Debug)]
pub struct Error {
    /// Where: bytes from the start of the file or payload.
    pub offset: u64,
    /// The kind of trouble.
    pub fault: Fault,
    /// What was being read, or what is wrong with it.
    pub what: Cow<'static, str>,
}

/// The kinds of trouble.
#[derive(Debug)]
pub enum Fault {
    /// The input ended.
    Truncated,
    /// The input could not be read.
    Io(io::Error),
    /// The bytes make no sense.
    Malformed,
    /// The bytes mean something that this server does not have.
    Unsupported,
    /// The checksum does not fit.
    Checksum,
}

impl Error {
    pub(super) fn malformed(offset: u64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { offset, fault: Fault::Malformed, what: what.into() }
    }

    pub(super) fn unsupported(offset: u64, what: impl Into<Cow<'static, str>>) -> Self {
        Self { offset, fault: Fault::Unsupported, what: what.into() }
    }

    pub(super) fn truncated(offset: u64, what: &'static str) -> Self {
        Self { offset, fault: Fault::Truncated, what: what.into() }
    }

    /// The same trouble, told from the start of what the bytes are part of.
    pub fn shifted(self, start: u64) -> Self {
        Self { offset: self.offset.saturating_add(start), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, fault, what } = self;
        match fault {
            Fault::Truncated => write!(formatter, "input ends at byte {offset}, reading {what}"),
            Fault::Io(error) => write!(formatter, "reading {what} at byte {offset}: {error}"),
            Fault::Malformed | Fault::Unsupported | Fault::Checksum => {
                write!(formatter, "{what} at byte {offset}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Io(error) => Some(error),
            _ => None,
        }
    }
}
