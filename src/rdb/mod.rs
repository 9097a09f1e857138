//! The RDB format: values and files to bytes and back; DUMP payloads.
//!
//! Three uses, one code: snapshots write keys one after the other ([`write_key`]), loading cuts a file into events without
//! building values ([`Scanner`]) so that several threads can build them ([`decode_value`]), and DUMP and RESTORE carry one
//! value in a frame of its own ([`dump_payload`], [`parse_payload`]).
//!
//! 1. What is written is what Redis 7.2 writes for the same data (version 11), or 7.0 (version 10).
//! 2. What is read is every encoding that Redis or Valkey 9 ever wrote, checked in full every time, whatever
//!    `sanitize-dump-payload` says: a value that was accepted can be worked with. More than Redis checks even in its deep mode:
//!    also the order of a sorted set and the counts of a stream.
//! 3. Bytes from outside are errors, never panics, and cost no more memory than they pay for: reading is in steps, a stated
//!    length reserves nothing that the input could not hold.
//! 4. Compact forms that exceed today's limits become large ones as in Redis, and ziplists and zipmaps become listpacks.

mod checksum;
mod cursor;
mod decode;
mod dump;
mod encode;
mod error;
mod extent;
mod file;
mod format;
mod lzf;
mod scanner;
mod ziplist;
mod zipmap;

pub use checksum::Checksummed;
pub use decode::{Decoded, Limits, decode_value, short_text};
pub use dump::{LibrariesError, PayloadError, dump_libraries, dump_payload, parse_libraries, parse_payload};
pub use encode::{KeyAttributes, Options, value_type, write_key, write_key_with, write_value};
pub use error::{Error, Fault};
pub use file::{resize_db, select_db, write_aux, write_end, write_function, write_header};
pub use format::Version;
pub use scanner::{Event, Found, Key, KeySpan, Scanner};

#[cfg(test)]
mod tests;
