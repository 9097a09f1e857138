//! The libraries that Redis 7.2.4 gives its scripts beside Lua's own: `cjson`, `cmsgpack`, `struct` and `bit`, with its
//! limits and its texts of errors.
//!
//! Bytes that are not UTF-8 are replaced in errors.

mod bit;
mod call;
mod cjson;
mod cmsgpack;
mod structs;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use mlua::{Lua, Table};

pub use cjson::Settings;

/// Slots that Lua gives to one call of a native function; limits of nesting and of results follow from it.
const STACK_SLOTS: usize = 8000;
/// Values that a function can return: mlua needs some slots for itself.
const RESULTS_MAX: usize = 7900;

/// Puts the four libraries into a table, with settings of their own.
pub fn install(lua: &Lua, into: &Table) -> mlua::Result<()> {
    install_with(lua, into, &Arc::default())
}

/// Puts the four libraries into a table. What scripts set in `cjson` is kept in `settings`, for everyone who shares them.
pub fn install_with(lua: &Lua, into: &Table, settings: &Arc<Settings>) -> mlua::Result<()> {
    into.raw_set("cjson", cjson::library(lua, settings)?)?;
    into.raw_set("cmsgpack", cmsgpack::library(lua)?)?;
    into.raw_set("struct", structs::library(lua)?)?;
    into.raw_set("bit", bit::library(lua)?)
}
