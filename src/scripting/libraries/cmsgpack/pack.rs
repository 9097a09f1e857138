//! Lua values as MessagePack. A table whose keys are 1 to N is an array, every other one a map. What has no form is nil.

use mlua::{LuaString, Table, Value};

use super::super::STACK_SLOTS;
use super::super::call::{Call, Problem};
use super::format;

/// Tables within so many others are nil.
const NESTING_MAX: usize = 16;

/// One text of all arguments.
pub(super) fn pack(call: Call) -> Result<LuaString, Problem> {
    match call.count() {
        0 => return Err(Problem::argument(0, "MessagePack pack needs input.")),
        count if 2 * count > STACK_SLOTS => {
            return Err(Problem::argument(0, "Too many arguments for MessagePack pack."));
        }
        _ => {}
    }
    let mut bytes = Vec::with_capacity(256);
    call.values().try_for_each(|value| push(&mut bytes, value, 0))?;
    Ok(call.lua.create_string(bytes)?)
}

fn push(bytes: &mut Vec<u8>, value: &Value, level: usize) -> mlua::Result<()> {
    match value {
        Value::String(string) => push_string(bytes, &string.as_bytes()),
        Value::Boolean(false) => bytes.push(format::FALSE),
        Value::Boolean(true) => bytes.push(format::TRUE),
        Value::Integer(integer) => push_integer(bytes, *integer),
        Value::Number(number) => push_number(bytes, *number),
        Value::Table(table) if level < NESTING_MAX => return push_table(bytes, table, level),
        _ => bytes.push(format::NIL),
    }
    Ok(())
}

fn push_string(bytes: &mut Vec<u8>, string: &[u8]) {
    match string.len() {
        length @ ..32 => bytes.push(format::SHORT_STRING | length as u8),
        length @ ..0x100 => bytes.extend_from_slice(&[format::STRING_8, length as u8]),
        length => push_length(bytes, format::STRING_16, format::STRING_32, length),
    }
    bytes.extend_from_slice(string);
}

fn push_length(bytes: &mut Vec<u8>, format_16: u8, format_32: u8, length: usize) {
    match u16::try_from(length) {
        Ok(length) => push_after(bytes, format_16, length.to_be_bytes()),
        Err(_) => push_after(bytes, format_32, (length as u32).to_be_bytes()),
    }
}

fn push_after<const N: usize>(bytes: &mut Vec<u8>, format: u8, rest: [u8; N]) {
    bytes.push(format);
    bytes.extend_from_slice(&rest);
}

fn push_integer(bytes: &mut Vec<u8>, integer: i64) {
    match integer {
        -32..0x80 => bytes.push(integer as u8),
        0x80..0x100 => bytes.extend_from_slice(&[format::UNSIGNED_8, integer as u8]),
        0x100..0x1_0000 => push_after(bytes, format::UNSIGNED_16, (integer as u16).to_be_bytes()),
        0x1_0000..0x1_0000_0000 => push_after(bytes, format::UNSIGNED_32, (integer as u32).to_be_bytes()),
        0x1_0000_0000.. => push_after(bytes, format::UNSIGNED_64, integer.to_be_bytes()),
        -0x80.. => bytes.extend_from_slice(&[format::SIGNED_8, integer as u8]),
        -0x8000.. => push_after(bytes, format::SIGNED_16, (integer as i16).to_be_bytes()),
        -0x8000_0000.. => push_after(bytes, format::SIGNED_32, (integer as i32).to_be_bytes()),
        _ => push_after(bytes, format::SIGNED_64, integer.to_be_bytes()),
    }
}

/// What is no integer. Negative zero counts as one.
fn push_number(bytes: &mut Vec<u8>, number: f64) {
    let short = number as f32;
    if number == 0.0 {
        push_integer(bytes, 0);
    } else if f64::from(short) == number {
        push_after(bytes, format::FLOAT_32, short.to_be_bytes());
    } else {
        push_after(bytes, format::FLOAT_64, number.to_be_bytes());
    }
}

fn push_table(bytes: &mut Vec<u8>, table: &Table, level: usize) -> mlua::Result<()> {
    match array_length(table)? {
        Some(length) => push_array(bytes, table, length, level),
        None => push_map(bytes, table, level),
    }
}

/// How many elements the array has that a table is.
fn array_length(table: &Table) -> mlua::Result<Option<usize>> {
    // Mostly the first key tells a map.
    if table.raw_len() == 0
        && let Some(pair) = table.pairs::<Value, bool>().next()
        && !matches!(pair?.0, Value::Integer(_))
    {
        return Ok(None);
    }
    let (mut most, mut count) = (0, 0_i64);
    table.for_each(|key: Value, _: bool| {
        most = match key {
            Value::Integer(key @ 1..) => key.max(most),
            _ => i64::MAX,
        };
        count += 1;
        Ok(())
    })?;
    Ok((most == count).then_some(count as usize))
}

fn push_array(bytes: &mut Vec<u8>, table: &Table, length: usize, level: usize) -> mlua::Result<()> {
    match length {
        ..16 => bytes.push(format::SHORT_ARRAY | length as u8),
        _ => push_length(bytes, format::ARRAY_16, format::ARRAY_32, length),
    }
    (1..=length).try_for_each(|index| push(bytes, &table.raw_get(index)?, level + 1))
}

/// Only after the walk is it known how many pairs there are: a count that needs more than its first byte is put in then.
fn push_map(bytes: &mut Vec<u8>, table: &Table, level: usize) -> mlua::Result<()> {
    let start = bytes.len();
    bytes.push(format::SHORT_MAP);
    let mut count = 0;
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        push(bytes, &key, level + 1)?;
        push(bytes, &value, level + 1)?;
        count += 1;
    }
    if count < 16 {
        bytes[start] |= count as u8;
        return Ok(());
    }
    let mut head = Vec::with_capacity(5);
    push_length(&mut head, format::MAP_16, format::MAP_32, count);
    bytes.splice(start..=start, head);
    Ok(())
}
