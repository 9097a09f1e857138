//! `struct`: values in the layout of C structures, after Roberto Ierusalimschy's library of that name.
//!
//! A format is a row of options: `b` `h` `l` `T` `i` integers (capitals are unsigned, `T` is `size_t`; a number after `i` is its
//! size), `f` `d` floats, `c` bytes as many as the number after it says, `s` bytes up to a zero, `x` a byte of padding; `>` `<`
//! and `!` choose the byte order and the alignment of what follows.

use mlua::{Lua, LuaString, MultiValue, Table, Value};

use super::RESULTS_MAX;
use super::call::{Call, Problem, define, truncated, truncated_unsigned, until_zero};

const INTEGER_BYTES_MAX: i32 = 32;
const ALIGNMENT_DEFAULT: i32 = 8;

pub(super) fn library(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    define(lua, &library, "pack", pack)?;
    define(lua, &library, "unpack", unpack)?;
    define(lua, &library, "size", size)?;
    Ok(library)
}

/// Reads a format.
struct Format<'a> {
    rest: &'a [u8],
    is_big_endian: bool,
    alignment: usize,
}

impl<'a> Format<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { rest: until_zero(text), is_big_endian: cfg!(target_endian = "big"), alignment: 1 }
    }

    /// The next option and its size.
    fn option(&mut self) -> Result<Option<(u8, usize)>, Problem> {
        let Some((&option, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)? as usize,
            b'i' | b'I' => match self.number(4)? {
                size @ ..=INTEGER_BYTES_MAX => size as usize,
                size => {
                    let limit = INTEGER_BYTES_MAX;
                    let refusal = format!("integral size {size} is larger than limit of {limit}");
                    return Err(Problem::text(refusal));
                }
            },
            _ => 0,
        };
        Ok(Some((option, size)))
    }

    /// A number in the format, never negative; `absent` if there is none.
    fn number(&mut self, absent: i32) -> Result<i32, Problem> {
        let mut number = None;
        while let Some((digit @ b'0'..=b'9', rest)) = self.rest.split_first() {
            let value = number.unwrap_or(0_i32).checked_mul(10);
            let value = value.and_then(|value| value.checked_add(i32::from(digit - b'0')));
            number = Some(value.ok_or(Problem::text("integral size overflow"))?);
            self.rest = rest;
        }
        Ok(number.unwrap_or(absent))
    }

    /// How many bytes of padding an option needs at a position.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.alignment);
        (size - (position & (size - 1))) & (size - 1)
    }

    /// An option that stands for no value.
    fn control(&mut self, option: u8) -> Result<(), Problem> {
        match option {
            b' ' => {}
            b'>' => self.is_big_endian = true,
            b'<' => self.is_big_endian = false,
            b'!' => {
                let alignment = self.number(ALIGNMENT_DEFAULT)?;
                if alignment.count_ones() != 1 {
                    return Err(Problem::text(format!("alignment {alignment} is not a power of 2")));
                }
                self.alignment = alignment as usize;
            }
            _ => {
                let shown = String::from_utf8_lossy(std::slice::from_ref(&option)).into_owned();
                return Err(Problem::argument(1, format!("invalid format option '{shown}'")));
            }
        }
        Ok(())
    }

    /// Bytes in the chosen order, from those in the other one if that is meant.
    fn ordered<const N: usize>(&self, mut little_endian: [u8; N]) -> [u8; N] {
        if self.is_big_endian {
            little_endian.reverse();
        }
        little_endian
    }
}

fn pack(call: Call) -> Result<LuaString, Problem> {
    let text = call.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::of(&text);
    let mut bytes = Vec::new();
    let mut arguments = Arguments { call, index: 2 };
    while let Some((option, size)) = format.option()? {
        bytes.resize(bytes.len() + format.padding(bytes.len(), option, size), 0);
        match option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                push_integer(&mut bytes, arguments.number()?, size, format.is_big_endian);
            }
            b'x' => bytes.push(0),
            b'f' => bytes.extend_from_slice(&format.ordered((arguments.number()? as f32).to_le_bytes())),
            b'd' => bytes.extend_from_slice(&format.ordered(arguments.number()?.to_le_bytes())),
            b'c' | b's' => {
                let string = arguments.text()?;
                let string = string.as_bytes();
                let size = if size == 0 { string.len() } else { size };
                let string = string.get(..size);
                let string = string.ok_or(Problem::argument(arguments.index, "string too short"))?;
                bytes.extend_from_slice(string);
                if option == b's' {
                    bytes.push(0);
                }
            }
            _ => format.control(option)?,
        }
    }
    Ok(call.lua.create_string(bytes)?)
}

/// The arguments that a format asks for, one by one.
struct Arguments<'a> {
    call: Call<'a>,
    index: usize,
}

impl Arguments<'_> {
    fn number(&mut self) -> Result<f64, Problem> {
        self.expect("number")?;
        self.call.number(self.index - 1)
    }

    fn text(&mut self) -> Result<LuaString, Problem> {
        self.expect("string")?;
        self.call.text(self.index - 1)
    }

    /// What is missing counts as nil.
    fn expect(&mut self, expected: &str) -> Result<(), Problem> {
        if self.index > self.call.count() {
            return Err(Problem::argument(self.index, format!("{expected} expected, got nil")));
        }
        self.index += 1;
        Ok(())
    }
}

/// Bytes beyond those of a `long` are zero.
fn push_integer(bytes: &mut Vec<u8>, number: f64, size: usize, is_big_endian: bool) {
    let value = if number < 0.0 { truncated(number) as u64 } else { truncated_unsigned(number) };
    let start = bytes.len();
    bytes.extend(value.to_le_bytes().into_iter().chain(std::iter::repeat(0)).take(size));
    if is_big_endian {
        bytes[start..].reverse();
    }
}

/// Bytes beyond those of a `long` are lost.
fn integer(bytes: &[u8], is_signed: bool, is_big_endian: bool) -> f64 {
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    let value = if is_big_endian { bytes.iter().fold(0, join) } else { bytes.iter().rev().fold(0, join) };
    if !is_signed {
        return value as f64;
    }
    let sign = u64::MAX.wrapping_shl((bytes.len() as u32).wrapping_mul(8).wrapping_sub(1));
    (if value & sign == 0 { value } else { value | sign }) as i64 as f64
}

/// The values, and the position behind them.
fn unpack(call: Call) -> Result<MultiValue, Problem> {
    let (text, data) = (call.text(1)?, call.text(2)?);
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let position = call.integer_or(3, 1)?;
    if position == 0 {
        return Err(Problem::argument(3, "offset must be 1 or greater"));
    }
    let mut reader = Reader { data: &data, position: position.wrapping_sub(1) as usize };
    let mut format = Format::of(&text);
    let mut values = Vec::new();
    while let Some((option, size)) = format.option()? {
        reader.position = reader.position.wrapping_add(format.padding(reader.position, option, size));
        let bytes = reader.peek(size)?;
        if values.len() > RESULTS_MAX {
            return Err(too_many());
        }
        let bytes = match option {
            b'c' if size == 0 => reader.peek(counted(call.lua, &mut values)?)?,
            b's' => reader.peek_string()?,
            _ => bytes,
        };
        reader.position = reader.position.wrapping_add(bytes.len() + usize::from(option == b's'));
        if let Some(value) = value_of(call.lua, &mut format, option, bytes)? {
            values.push(value);
        }
    }
    values.push(Value::Integer(reader.position.wrapping_add(1) as i64));
    Ok(MultiValue::from_vec(values))
}

fn too_many() -> Problem {
    Problem::stack_overflow("too many results")
}

/// The value that an option makes of its bytes, if any.
fn value_of(lua: &Lua, format: &mut Format, option: u8, bytes: &[u8]) -> Result<Option<Value>, Problem> {
    let float = |bytes: &[u8]| bytes.first_chunk().map(|bytes| f32::from_le_bytes(format.ordered(*bytes)));
    let double = |bytes: &[u8]| bytes.first_chunk().map(|bytes| f64::from_le_bytes(format.ordered(*bytes)));
    Ok(match option {
        b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
            Some(Value::Number(integer(bytes, option.is_ascii_lowercase(), format.is_big_endian)))
        }
        b'x' => None,
        b'f' => float(bytes).map(|float| Value::Number(f64::from(float))),
        b'd' => double(bytes).map(Value::Number),
        b'c' | b's' => {
            let string = lua.create_string(bytes);
            Some(Value::String(string.map_err(|error| Problem::from(error).or_if_no_room(too_many))?))
        }
        _ => {
            format.control(option)?;
            None
        }
    })
}

/// The length that the value before a `c0` gives, which is taken away.
fn counted(lua: &Lua, values: &mut Vec<Value>) -> Result<usize, Problem> {
    let number = match values.pop() {
        Some(value) => lua.coerce_number(value)?,
        None => None,
    };
    let number = number.ok_or(Problem::text("format 'c0' needs a previous size"))?;
    Ok(truncated_unsigned(number) as usize)
}

struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self, size: usize) -> Result<&'a [u8], Problem> {
        let rest = self.data.get(self.position..);
        rest.and_then(|rest| rest.get(..size)).ok_or(Problem::argument(2, "data string too short"))
    }

    /// Up to a zero.
    fn peek_string(&self) -> Result<&'a [u8], Problem> {
        let rest = self.peek(0).map(|_| &self.data[self.position..])?;
        let length = memchr::memchr(0, rest).ok_or(Problem::text("unfinished string in data"))?;
        Ok(&rest[..length])
    }
}

/// Letters and digits that are no options count nothing.
fn size(call: Call) -> Result<i64, Problem> {
    let text = call.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::of(&text);
    let mut position = 0;
    while let Some((option, size)) = format.option()? {
        position += format.padding(position, option, size);
        match (option, size) {
            (b's', _) => return Err(Problem::argument(1, "option 's' has no fixed size")),
            (b'c', 0) => return Err(Problem::argument(1, "option 'c0' has no fixed size")),
            _ => {}
        }
        if !option.is_ascii_alphanumeric() {
            format.control(option)?;
        }
        position += size;
    }
    Ok(position as i64)
}
