//! `cjson`: JSON (RFC 8259), and what Lua CJSON 2.1 takes beside it.

mod decode;
mod encode;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use mlua::{Lua, Table, Value};

use super::call::{Call, Problem, define, until_zero};

const NAME: &str = "cjson";
const VERSION: &str = "2.1.0";

/// What scripts can set. It holds for all scripts that come later, on whatever thread they run.
#[derive(Debug)]
pub struct Settings([AtomicI32; Setting::COUNT]);

#[derive(Clone, Copy)]
enum Setting {
    /// Whether an excessively sparse array becomes an object instead of an error.
    SparseConvert,
    /// An array is excessively sparse if it has more places for each element than this; 0 if none is.
    SparseRatio,
    /// An array up to this size never is.
    SparseSafe,
    EncodeDepthMax,
    DecodeDepthMax,
    /// Digits of a number.
    NumberPrecision,
    /// Accepted and without effect, as nobody could tell.
    KeepBuffer,
    /// Whether infinite numbers and NaN are refused (0), written by name (1) or as null (2).
    EncodeInvalid,
    /// Whether numbers that JSON does not know are read.
    DecodeInvalid,
}

impl Setting {
    const COUNT: usize = 9;
}

impl Default for Settings {
    fn default() -> Self {
        Self([0, 2, 10, 1000, 1000, 14, 1, 0, 1].map(AtomicI32::new))
    }
}

impl Settings {
    fn get(&self, setting: Setting) -> i32 {
        self.0[setting as usize].load(Ordering::Relaxed)
    }

    fn set(&self, setting: Setting, value: i32) {
        self.0[setting as usize].store(value, Ordering::Relaxed);
    }
}

pub(super) fn library(lua: &Lua, settings: &Arc<Settings>) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    library.raw_set("null", Value::NULL)?;
    library.raw_set("_NAME", NAME)?;
    library.raw_set("_VERSION", VERSION)?;
    define_encode(lua, &library, settings)?;
    define_decode(lua, &library, settings)?;
    integer(lua, &library, settings, "encode_max_depth", Setting::EncodeDepthMax, (1, i32::MAX))?;
    integer(lua, &library, settings, "decode_max_depth", Setting::DecodeDepthMax, (1, i32::MAX))?;
    integer(lua, &library, settings, "encode_number_precision", Setting::NumberPrecision, (1, 14))?;
    choice(lua, &library, settings, "encode_keep_buffer", Setting::KeepBuffer, &SWITCH)?;
    choice(lua, &library, settings, "encode_invalid_numbers", Setting::EncodeInvalid, &SWITCH_OR_NULL)?;
    choice(lua, &library, settings, "decode_invalid_numbers", Setting::DecodeInvalid, &SWITCH)?;
    define_sparse(lua, &library, settings)?;
    define(lua, &library, "new", |call| Ok(self::library(call.lua, &Arc::default())?))?;
    Ok(library)
}

fn define_encode(lua: &Lua, library: &Table, settings: &Arc<Settings>) -> mlua::Result<()> {
    let settings = settings.clone();
    define(lua, library, "encode", move |call| {
        let text = encode::encode(only_argument(call)?, &settings)?;
        Ok(call.lua.create_string(text)?)
    })
}

fn define_decode(lua: &Lua, library: &Table, settings: &Arc<Settings>) -> mlua::Result<()> {
    let settings = settings.clone();
    define(lua, library, "decode", move |call| {
        only_argument(call)?;
        decode::decode(call.lua, &call.text(1)?.as_bytes(), &settings)
    })
}

fn only_argument(call: Call<'_>) -> Result<&Value, Problem> {
    call.value(1).filter(|_| call.count() == 1).ok_or(Problem::argument(1, "expected 1 argument"))
}

fn at_most(call: Call, count: usize) -> Result<(), Problem> {
    if call.count() > count {
        return Err(Problem::argument(count + 1, "found too many arguments"));
    }
    Ok(())
}

/// Each function sets what it is given and returns what is set.
fn integer(
    lua: &Lua,
    library: &Table,
    settings: &Arc<Settings>,
    name: &str,
    setting: Setting,
    bounds: (i32, i32),
) -> mlua::Result<()> {
    let settings = settings.clone();
    define(lua, library, name, move |call| {
        at_most(call, 1)?;
        set_integer(call, 1, &settings, setting, bounds)
    })
}

fn choice(
    lua: &Lua,
    library: &Table,
    settings: &Arc<Settings>,
    name: &str,
    setting: Setting,
    names: &'static [&'static str],
) -> mlua::Result<()> {
    let settings = settings.clone();
    define(lua, library, name, move |call| {
        at_most(call, 1)?;
        set_choice(call, &settings, setting, names)
    })
}

fn define_sparse(lua: &Lua, library: &Table, settings: &Arc<Settings>) -> mlua::Result<()> {
    let settings = settings.clone();
    define(lua, library, "encode_sparse_array", move |call| {
        at_most(call, 3)?;
        let convert = set_choice(call, &settings, Setting::SparseConvert, &SWITCH)?;
        let ratio = set_integer(call, 2, &settings, Setting::SparseRatio, (0, i32::MAX))?;
        let safe = set_integer(call, 3, &settings, Setting::SparseSafe, (0, i32::MAX))?;
        Ok((convert, ratio, safe))
    })
}

/// Whichever argument is out of bounds, the first one is blamed.
fn set_integer(
    call: Call,
    index: usize,
    settings: &Settings,
    setting: Setting,
    (least, most): (i32, i32),
) -> Result<i32, Problem> {
    if !call.is_nil(index) {
        let value = call.integer(index)? as i32;
        if !(least..=most).contains(&value) {
            return Err(Problem::argument(1, format!("expected integer between {least} and {most}")));
        }
        settings.set(setting, value);
    }
    Ok(settings.get(setting))
}

const SWITCH: [&str; 2] = ["off", "on"];
const SWITCH_OR_NULL: [&str; 3] = ["off", "on", "null"];

/// The first two names are shown as false and true, and may be given so.
fn set_choice(call: Call, settings: &Settings, setting: Setting, names: &[&str]) -> Result<Value, Problem> {
    if !call.is_nil(1) {
        let value = match call.value(1) {
            Some(&Value::Boolean(on)) => i32::from(on),
            _ => chosen(call, names)?,
        };
        settings.set(setting, value);
    }
    Ok(match settings.get(setting) {
        value @ (0 | 1) => Value::Boolean(value == 1),
        value => Value::String(call.lua.create_string(names[value as usize])?),
    })
}

fn chosen(call: Call, names: &[&str]) -> Result<i32, Problem> {
    let text = call.text(1)?;
    let text = text.as_bytes();
    let name = until_zero(&text);
    let position = names.iter().position(|candidate| candidate.as_bytes() == name);
    let position = position
        .ok_or_else(|| Problem::argument(1, format!("invalid option '{}'", String::from_utf8_lossy(name))))?;
    Ok(position as i32)
}
