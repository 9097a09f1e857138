//! MessagePack as Lua values.

use mlua::{Either, Lua, MultiValue, Table, Value};

use super::super::call::{Call, Problem, pushable};
use super::super::{RESULTS_MAX, STACK_SLOTS};
use super::format;

const TOO_MANY: &str = "too many return values at once; use unpack_one or unpack_limit instead.";

/// All values of a text.
pub(super) fn unpack(call: Call) -> Result<MultiValue, Problem> {
    unpack_from(call, call.count(), 0, 0)
}

/// One value, after the offset of what follows it.
pub(super) fn unpack_one(call: Call) -> Result<MultiValue, Problem> {
    let offset = call.integer_or(2, 0)?;
    unpack_from(call, 1, 1, offset)
}

/// So many values, after the offset of what follows them.
pub(super) fn unpack_limit(call: Call) -> Result<MultiValue, Problem> {
    let (limit, offset) = (call.integer(2)?, call.integer_or(3, 0)?);
    unpack_from(call, 1, limit, offset)
}

/// Limit and offset 0 stand for all values, without an offset before them; the offset after the last value is -1. `slots` are
/// those that the arguments have.
fn unpack_from(call: Call, slots: usize, limit: i64, offset: i64) -> Result<MultiValue, Problem> {
    let text = call.text(1)?;
    let text = text.as_bytes();
    if offset < 0 || limit < 0 {
        // What is called the limit is the length.
        let (offset, limit) = (offset as i32, text.len() as i32);
        let refusal = format!("Invalid request to unpack with offset of {offset} and limit of {limit}.");
        return Err(Problem::text(refusal));
    }
    let Some(rest) = usize::try_from(offset).ok().and_then(|start| text.get(start..)) else {
        let (offset, length) = (offset as i32, text.len() as i32);
        return Err(Problem::text(format!("Start offset {offset} greater than input length {length}.")));
    };
    let takes_all = limit == 0 && offset == 0;
    let mut decoder = Decoder { lua: call.lua, rest, open: Vec::new(), slots };
    let mut values = Vec::new();
    if !takes_all {
        values.push(Value::Nil);
    }
    let mut count = 0;
    while !decoder.rest.is_empty() && (takes_all || count < limit) {
        let too_many = || Problem::stack_overflow(TOO_MANY);
        if values.len() > RESULTS_MAX {
            return Err(too_many());
        }
        values.push(decoder.value().map_err(|problem| problem.or_if_no_room(too_many))?);
        decoder.slots += 1;
        count += 1;
    }
    if !takes_all {
        let left = decoder.rest.len();
        values[0] = Value::Integer(if left == 0 { -1 } else { (text.len() - left) as i64 });
    }
    Ok(MultiValue::from_vec(values))
}

/// The first bytes of a value.
enum Head<'a> {
    String(&'a [u8]),
    Other(Value),
    Array(usize),
    Map(usize),
}

/// A value that is complete.
enum Decoded<'a> {
    String(&'a [u8]),
    Other(Value),
}

impl<'a> Decoded<'a> {
    fn pushable(self, lua: &Lua) -> mlua::Result<Either<&'a str, Value>> {
        match self {
            Self::String(bytes) => pushable(lua, bytes),
            Self::Other(value) => Ok(Either::Right(value)),
        }
    }
}

/// A table that is not, and how many of its elements or pairs are to come.
enum Container<'a> {
    Array { table: Table, index: usize, left: usize },
    Map { table: Table, key: Option<Decoded<'a>>, left: usize },
}

impl<'a> Container<'a> {
    /// What it has on the stack while its next value is read.
    fn slots(&self) -> usize {
        match self {
            Self::Map { key: None, .. } => 1,
            _ => 2,
        }
    }

    fn put(&mut self, lua: &Lua, value: Decoded<'a>) -> Result<(), Problem> {
        match self {
            Self::Array { table, index, left } => {
                *index += 1;
                *left -= 1;
                Ok(table.raw_set(*index, value.pushable(lua)?)?)
            }
            Self::Map { table, key, left } => match key.take() {
                None => {
                    *key = Some(value);
                    Ok(())
                }
                Some(key) => {
                    *left -= 1;
                    check_key(&key)?;
                    Ok(table.raw_set(key.pushable(lua)?, value.pushable(lua)?)?)
                }
            },
        }
    }

    fn is_complete(&self) -> bool {
        matches!(self, Self::Array { left: 0, .. } | Self::Map { left: 0, .. })
    }

    fn into_table(self) -> Table {
        match self {
            Self::Array { table, .. } | Self::Map { table, .. } => table,
        }
    }
}

fn check_key(key: &Decoded) -> Result<(), Problem> {
    match key {
        Decoded::Other(Value::Nil) => Err(Problem::Bare("table index is nil")),
        Decoded::Other(Value::Number(number)) if number.is_nan() => Err(Problem::Bare("table index is NaN")),
        _ => Ok(()),
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
    open: Vec<Container<'a>>,
    slots: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self) -> Result<Value, Problem> {
        loop {
            let mut complete = match self.head()? {
                Head::String(bytes) => Decoded::String(bytes),
                Head::Other(value) => Decoded::Other(value),
                Head::Array(left) => {
                    let table = self.lua.create_table()?;
                    if self.slots + 2 > STACK_SLOTS {
                        return Err(Problem::stack_overflow("in function mp_decode_to_lua_array"));
                    }
                    self.begin(Container::Array { table, index: 0, left });
                    match self.close_if_complete() {
                        Some(table) => table,
                        None => continue,
                    }
                }
                Head::Map(left) => {
                    let table = self.lua.create_table()?;
                    self.begin(Container::Map { table, key: None, left });
                    match self.close_if_complete() {
                        Some(table) => table,
                        None => continue,
                    }
                }
            };
            loop {
                let Some(container) = self.open.last_mut() else { return self.finished(complete) };
                self.slots -= container.slots();
                container.put(self.lua, complete)?;
                self.slots += container.slots();
                match self.close_if_complete() {
                    Some(table) => complete = table,
                    None => break,
                }
            }
        }
    }

    fn finished(&self, value: Decoded) -> Result<Value, Problem> {
        Ok(match value {
            Decoded::String(bytes) => Value::String(self.lua.create_string(bytes)?),
            Decoded::Other(value) => value,
        })
    }

    fn begin(&mut self, container: Container<'a>) {
        self.slots += container.slots();
        self.open.push(container);
    }

    fn close_if_complete(&mut self) -> Option<Decoded<'a>> {
        let container = self.open.pop_if(|container| container.is_complete())?;
        self.slots -= container.slots();
        Some(Decoded::Other(Value::Table(container.into_table())))
    }

    fn head(&mut self) -> Result<Head<'a>, Problem> {
        let [first] = self.take()?;
        if self.slots + 1 > STACK_SLOTS {
            return Err(Problem::stack_overflow(TOO_MANY));
        }
        let value = match first {
            ..format::SHORT_MAP => Value::Integer(i64::from(first)),
            format::SHORT_NEGATIVE.. => Value::Integer(i64::from(first as i8)),
            format::SHORT_MAP..format::SHORT_ARRAY => return Ok(Head::Map(usize::from(first & 15))),
            format::SHORT_ARRAY..format::SHORT_STRING => return Ok(Head::Array(usize::from(first & 15))),
            format::SHORT_STRING..format::NIL => return self.string(usize::from(first & 31)),
            format::NIL => Value::Nil,
            format::FALSE => Value::Boolean(false),
            format::TRUE => Value::Boolean(true),
            format::FLOAT_32 => Value::Number(f64::from(f32::from_be_bytes(self.take()?))),
            format::FLOAT_64 => Value::Number(f64::from_be_bytes(self.take()?)),
            format::UNSIGNED_8..=format::SIGNED_64 => Value::Integer(self.integer(first)?),
            format::STRING_8..=format::MAP_32 => return self.sized(first),
            _ => return Err(Problem::text("Bad data format in input.")),
        };
        Ok(Head::Other(value))
    }

    /// The greatest unsigned ones turn negative.
    fn integer(&mut self, first: u8) -> Result<i64, Problem> {
        Ok(match first {
            format::UNSIGNED_8 => i64::from(u8::from_be_bytes(self.take()?)),
            format::UNSIGNED_16 => i64::from(u16::from_be_bytes(self.take()?)),
            format::UNSIGNED_32 => i64::from(u32::from_be_bytes(self.take()?)),
            format::SIGNED_8 => i64::from(i8::from_be_bytes(self.take()?)),
            format::SIGNED_16 => i64::from(i16::from_be_bytes(self.take()?)),
            format::SIGNED_32 => i64::from(i32::from_be_bytes(self.take()?)),
            _ => i64::from_be_bytes(self.take()?),
        })
    }

    /// What has its length behind the first byte.
    fn sized(&mut self, first: u8) -> Result<Head<'a>, Problem> {
        let length = match first {
            format::STRING_8 => usize::from(u8::from_be_bytes(self.take()?)),
            format::STRING_16 | format::ARRAY_16 | format::MAP_16 => {
                usize::from(u16::from_be_bytes(self.take()?))
            }
            _ => u32::from_be_bytes(self.take()?) as usize,
        };
        match first {
            format::STRING_8..=format::STRING_32 => self.string(length),
            format::ARRAY_16 | format::ARRAY_32 => Ok(Head::Array(length)),
            _ => Ok(Head::Map(length)),
        }
    }

    fn string(&mut self, length: usize) -> Result<Head<'a>, Problem> {
        let (string, rest) = self.rest.split_at_checked(length).ok_or_else(missing)?;
        self.rest = rest;
        Ok(Head::String(string))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(missing)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

fn missing() -> Problem {
    Problem::text("Missing bytes in input.")
}
