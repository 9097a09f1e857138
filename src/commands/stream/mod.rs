//! Streams.
//!
//! 1. What changes entries is a change of the key. What happens in a consumer group is not: watchers learn nothing of it, as in
//!    Redis, and only new entries or the end of a group wake those who wait.
//! 2. Nothing that depends on the time or on the state of the stream is journaled as it came: new identifiers and approximate
//!    trimming are made exact, and deliveries become XCLAIM, which states the outcome.

mod add;
mod claim;
mod groups;
mod info;
mod options;
mod range;
mod read;

use crate::engine::{Handling, Row, keyed, keyless};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("XADD", keyed(add::xadd)),
    Row::new("XLEN", keyed(range::xlen)),
    Row::new("XRANGE", keyed(range::xrange)),
    Row::new("XREVRANGE", keyed(range::xrevrange)),
    Row::new("XDEL", keyed(add::xdel)),
    Row::new("XTRIM", keyed(add::xtrim)),
    Row::new("XSETID", keyed(add::xsetid)),
    Row::new("XREAD", keyed(read::xread)),
    Row::new("XREADGROUP", keyed(read::xreadgroup)),
    Row::new("XACK", keyed(claim::xack)),
    Row::new("XPENDING", keyed(claim::xpending)),
    Row::new("XCLAIM", keyed(claim::xclaim)),
    Row::new("XAUTOCLAIM", keyed(claim::xautoclaim)),
    Row::new("XGROUP|CREATE", keyed(groups::create)),
    Row::new("XGROUP|SETID", keyed(groups::setid)),
    Row::new("XGROUP|DESTROY", keyed(groups::destroy)),
    Row::new("XGROUP|CREATECONSUMER", keyed(groups::createconsumer)),
    Row::new("XGROUP|DELCONSUMER", keyed(groups::delconsumer)),
    Row::new("XGROUP|HELP", keyless(groups::help)),
    Row::new("XINFO|STREAM", keyed(info::stream)),
    Row::new("XINFO|GROUPS", keyed(info::groups)),
    Row::new("XINFO|CONSUMERS", keyed(info::consumers)),
    Row::new("XINFO|HELP", keyless(info::help)),
];
