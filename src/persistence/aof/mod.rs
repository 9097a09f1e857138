//! The append-only file.

mod log;

pub use log::{Fsync, Log, LogStats, Target};
