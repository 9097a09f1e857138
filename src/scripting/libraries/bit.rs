//! `bit`: operations on the low 32 bits of numbers. Results are signed.

use mlua::{Lua, Table};

use super::call::{Call, Problem, define};

/// 2^52 + 2^51. Added to a double it leaves the low 32 bits of the rounded number as those of the sum.
const BITS_SHIFT: f64 = 6_755_399_441_055_744.0;
/// Digits of a whole number in hexadecimal.
const HEXADECIMAL_DIGITS: u32 = 8;

pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    one(lua, &library, "tobit", |bits| bits)?;
    one(lua, &library, "bnot", |bits| !bits)?;
    one(lua, &library, "bswap", u32::swap_bytes)?;
    many(lua, &library, "band", |left, right| left & right)?;
    many(lua, &library, "bor", |left, right| left | right)?;
    many(lua, &library, "bxor", |left, right| left ^ right)?;
    shift(lua, &library, "lshift", |bits, by| bits << by)?;
    shift(lua, &library, "rshift", |bits, by| bits >> by)?;
    shift(lua, &library, "arshift", |bits, by| (bits as i32 >> by) as u32)?;
    shift(lua, &library, "rol", u32::rotate_left)?;
    shift(lua, &library, "ror", u32::rotate_right)?;
    define(lua, &library, "tohex", to_hexadecimal)?;
    Ok(library)
}

fn bits(call: Call, index: usize) -> Result<u32, Problem> {
    Ok((call.number(index)? + BITS_SHIFT).to_bits() as u32)
}

fn signed(bits: u32) -> f64 {
    f64::from(bits as i32)
}

fn one(lua: &Lua, library: &Table, name: &str, operation: fn(u32) -> u32) -> mlua::Result<()> {
    define(lua, library, name, move |call| Ok(signed(operation(bits(call, 1)?))))
}

/// After the first argument the last one is looked at, then those before it.
fn many(lua: &Lua, library: &Table, name: &str, operation: fn(u32, u32) -> u32) -> mlua::Result<()> {
    define(lua, library, name, move |call| {
        let mut result = bits(call, 1)?;
        for index in (2..=call.count()).rev() {
            result = operation(result, bits(call, index)?);
        }
        Ok(signed(result))
    })
}

/// Shifts are by 0 to 31 bits.
fn shift(lua: &Lua, library: &Table, name: &str, operation: fn(u32, u32) -> u32) -> mlua::Result<()> {
    define(lua, library, name, move |call| Ok(signed(operation(bits(call, 1)?, bits(call, 2)? & 31))))
}

/// The last digits, as many as the second argument says; capitals if it is negative.
fn to_hexadecimal(call: Call) -> Result<String, Problem> {
    let bits_shown = bits(call, 1)?;
    let count = if call.count() < 2 { HEXADECIMAL_DIGITS as i32 } else { bits(call, 2)? as i32 };
    let digits = count.unsigned_abs().min(HEXADECIMAL_DIGITS) as usize;
    let text = if count < 0 { format!("{bits_shown:08X}") } else { format!("{bits_shown:08x}") };
    Ok(text[text.len() - digits..].to_owned())
}
