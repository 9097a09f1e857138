//! `cmsgpack`: MessagePack as lua-cmsgpack 0.4 has it, without binary data and extensions.

mod pack;
mod unpack;

use mlua::{Lua, Table};

use super::call::define;

pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    library.raw_set("_NAME", "cmsgpack")?;
    library.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    library.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    define(lua, &library, "pack", pack::pack)?;
    define(lua, &library, "unpack", unpack::unpack)?;
    define(lua, &library, "unpack_one", unpack::unpack_one)?;
    define(lua, &library, "unpack_limit", unpack::unpack_limit)?;
    Ok(library)
}

/// The first bytes of values, by the MessagePack specification. Of the short forms the low bits are the value or the length.
mod format {
    pub(super) const SHORT_MAP: u8 = 0x80;
    pub(super) const SHORT_ARRAY: u8 = 0x90;
    pub(super) const SHORT_STRING: u8 = 0xa0;
    pub(super) const NIL: u8 = 0xc0;
    pub(super) const FALSE: u8 = 0xc2;
    pub(super) const TRUE: u8 = 0xc3;
    pub(super) const FLOAT_32: u8 = 0xca;
    pub(super) const FLOAT_64: u8 = 0xcb;
    pub(super) const UNSIGNED_8: u8 = 0xcc;
    pub(super) const UNSIGNED_16: u8 = 0xcd;
    pub(super) const UNSIGNED_32: u8 = 0xce;
    pub(super) const UNSIGNED_64: u8 = 0xcf;
    pub(super) const SIGNED_8: u8 = 0xd0;
    pub(super) const SIGNED_16: u8 = 0xd1;
    pub(super) const SIGNED_32: u8 = 0xd2;
    pub(super) const SIGNED_64: u8 = 0xd3;
    pub(super) const STRING_8: u8 = 0xd9;
    pub(super) const STRING_16: u8 = 0xda;
    pub(super) const STRING_32: u8 = 0xdb;
    pub(super) const ARRAY_16: u8 = 0xdc;
    pub(super) const ARRAY_32: u8 = 0xdd;
    pub(super) const MAP_16: u8 = 0xde;
    pub(super) const MAP_32: u8 = 0xdf;
    /// -32 to -1 are themselves.
    pub(super) const SHORT_NEGATIVE: u8 = 0xe0;
}
