//! The append-only file in several parts, as Redis 7 keeps it: a base (the data at one moment), increments (the effects since
//! then) and a manifest that names them in order. Readable by Redis 7 and Valkey, and theirs by us.
//!
//! - [`manifest`]: the text that names the parts.
//! - [`files`]: the folder, and the steps that change it such that a crash between any two loses nothing.
//! - [`commands`]: values as commands, for a base without RDB.
//! - `log`: the last increment being written.
//! - [`read`]: commands out of a file. [`load`]: all parts, in order, to whoever runs the commands.

pub mod commands;
pub mod files;
pub mod load;
mod log;
pub mod manifest;
#[cfg(test)]
mod mutation;
pub mod read;

pub use files::{AofDir, AofFiles, FileError, Increment, Kept, PartFile};
pub use load::{LoadFailed, Replay, load_parts};
pub use log::{Fsync, LENGTH_MARK, Log, LogStats, OnSync, SYNCED_MARK, Target};
pub use manifest::{BaseFormat, Manifest, ManifestError, Part, PartKind};
