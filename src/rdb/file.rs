//! What a file holds besides keys.

use std::io::{self, Write};

use super::encode::{Options, write_length, write_string};
use super::format::{Version, opcodes};

/// Writes the first bytes of a file.
///
/// # Errors
/// Those of writing, as for all of these functions.
pub fn write_header(out: &mut impl Write, version: Version) -> io::Result<()> {
    write!(out, "REDIS{:04}", version.number())
}

/// Writes a field about the file itself (`redis-ver`, `ctime`, `repl-id`, ...).
pub fn write_aux(out: &mut impl Write, key: &[u8], value: &[u8], options: &Options) -> io::Result<()> {
    out.write_all(&[opcodes::AUX])?;
    write_string(out, key, options)?;
    write_string(out, value, options)
}

/// Says to which database the keys that follow belong.
pub fn select_db(out: &mut impl Write, db: u64) -> io::Result<()> {
    out.write_all(&[opcodes::SELECT_DB])?;
    write_length(out, db)
}

/// Says how many keys the database has, and how many of them expire.
pub fn resize_db(out: &mut impl Write, keys: u64, expires: u64) -> io::Result<()> {
    out.write_all(&[opcodes::RESIZE_DB])?;
    write_length(out, keys)?;
    write_length(out, expires)
}

/// Writes the source of a function library.
pub fn write_function(out: &mut impl Write, code: &[u8], options: &Options) -> io::Result<()> {
    out.write_all(&[opcodes::FUNCTION_2])?;
    write_string(out, code, options)
}

/// Writes the end of the content; the checksum follows ([`super::Checksummed::finish`]).
pub fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[opcodes::EOF])
}
