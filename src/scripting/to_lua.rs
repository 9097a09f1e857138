//! Replies, as the host wrote them, turned into what `redis.call` returns.
//!
//! RESP2: an integer is a number, a bulk string a string, an array a table, null is false, a status `{ok=...}`. RESP3 adds `{map=...}`,
//! `{set=...}`, `{double=...}`, `{big_number=...}`, `{verbatim_string=...}`, booleans, and null as nil; attributes are left out.

use memchr::memchr;
use mlua::{Either, Lua, Table, Value};

use super::raised::{Raised, error_table};

/// The first reply in `bytes`.
pub(super) fn to_lua(lua: &Lua, bytes: &[u8]) -> mlua::Result<Value> {
    Reader { rest: bytes, lua }.value()
}

/// The text of an error reply, which always begins with a code.
pub(super) fn error_text(line: &[u8]) -> Vec<u8> {
    let code: &[u8] = if line.contains(&b' ') { b"" } else { b"ERR " };
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    [code, &line[..end]].concat()
}

/// The text of the error that `bytes` are, if they are one.
pub(super) fn error_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let line = bytes.strip_prefix(b"-")?;
    Some(error_text(&line[..memchr(b'\r', line).unwrap_or(line.len())]))
}

struct Reader<'a> {
    rest: &'a [u8],
    lua: &'a Lua,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> mlua::Result<Value> {
        let (kind, line) = self.line()?;
        match kind {
            b'$' | b'=' => match self.blob(line)? {
                None => Ok(Value::Boolean(false)),
                Some(text) if kind == b'=' => self.verbatim(text),
                Some(text) => self.string(text),
            },
            b':' => Ok(Value::Number(integer(line)? as f64)),
            b'+' => self.wrapped("ok", line),
            b'-' => Ok(Value::Table(error_table(self.lua, &error_text(line), true)?)),
            b'*' | b'>' => match usize::try_from(integer(line)?) {
                Ok(len) => self.array(len),
                Err(_) => Ok(Value::Boolean(false)),
            },
            b'%' => self.map(length(line)?),
            b'~' => self.set(length(line)?),
            b'_' => Ok(Value::Nil),
            b'#' => Ok(Value::Boolean(line == b"t")),
            b',' => self.double(line),
            b'(' => self.wrapped("big_number", line),
            b'|' => {
                for _ in 0..2 * length(line)? {
                    self.value()?;
                }
                self.value()
            }
            _ => Err(malformed()),
        }
    }

    /// The kind of what comes next, and the rest of its first line.
    #[inline]
    fn line(&mut self) -> mlua::Result<(u8, &'a [u8])> {
        let end = memchr(b'\r', self.rest).ok_or_else(malformed)?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(2..).ok_or_else(malformed)?;
        line.split_first().map(|(kind, line)| (*kind, line)).ok_or_else(malformed)
    }

    /// The bytes whose length `line` states; None for null.
    #[inline]
    fn blob(&mut self, line: &[u8]) -> mlua::Result<Option<&'a [u8]>> {
        let Ok(len) = usize::try_from(integer(line)?) else { return Ok(None) };
        let text = self.rest.get(..len).ok_or_else(malformed)?;
        self.rest = self.rest.get(len + 2..).ok_or_else(malformed)?;
        Ok(Some(text))
    }

    fn string(&self, text: &[u8]) -> mlua::Result<Value> {
        self.lua.create_string(text).map(Value::String)
    }

    fn array(&mut self, len: usize) -> mlua::Result<Value> {
        let lua = self.lua;
        let mut elements = Elements { reader: self, left: len, failure: None };
        let table = lua.create_sequence_from(&mut elements)?;
        match elements.failure {
            None => Ok(Value::Table(table)),
            Some(error) => Err(error),
        }
    }

    fn map(&mut self, len: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, len.min(self.rest.len()))?;
        for _ in 0..len {
            let key = self.value()?;
            let value = self.value()?;
            if !key.is_nil() {
                table.raw_set(key, value)?;
            }
        }
        self.wrapper("map", Value::Table(table))
    }

    fn set(&mut self, len: usize) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, len.min(self.rest.len()))?;
        for _ in 0..len {
            let member = self.value()?;
            if !member.is_nil() {
                table.raw_set(member, true)?;
            }
        }
        self.wrapper("set", Value::Table(table))
    }

    fn double(&self, text: &[u8]) -> mlua::Result<Value> {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        self.wrapper("double", Value::Number(number.ok_or_else(malformed)?))
    }

    fn verbatim(&self, text: &[u8]) -> mlua::Result<Value> {
        let (format, text) = text.split_at_checked(4).ok_or_else(malformed)?;
        let table: Table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set("string", self.string(text)?)?;
        table.raw_set("format", self.string(&format[..3])?)?;
        self.wrapper("verbatim_string", Value::Table(table))
    }

    fn wrapped(&self, name: &str, text: &[u8]) -> mlua::Result<Value> {
        self.wrapper(name, self.string(text)?)
    }

    fn wrapper(&self, name: &str, value: Value) -> mlua::Result<Value> {
        let table = self.lua.create_table_with_capacity(0, 1)?;
        table.raw_set(name, value)?;
        Ok(Value::Table(table))
    }
}

/// The elements of an array. Strings that are text go to Lua's stack straight away, without a reference from Rust, which doubles
/// their price.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: usize,
    failure: Option<mlua::Error>,
}

impl<'a> Elements<'_, 'a> {
    fn element(&mut self) -> mlua::Result<Either<&'a str, Value>> {
        if self.reader.rest.first() == Some(&b'$') {
            let (_, line) = self.reader.line()?;
            return match self.reader.blob(line)?.map(|text| (text, std::str::from_utf8(text))) {
                Some((_, Ok(text))) => Ok(Either::Left(text)),
                Some((bytes, Err(_))) => self.reader.string(bytes).map(Either::Right),
                None => Ok(Either::Right(Value::Boolean(false))),
            };
        }
        self.reader.value().map(Either::Right)
    }
}

impl<'a> Iterator for Elements<'_, 'a> {
    type Item = Either<&'a str, Value>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        self.element().map_err(|error| self.failure = Some(error)).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.min(self.reader.rest.len()), Some(self.left))
    }
}

#[inline]
fn integer(text: &[u8]) -> mlua::Result<i64> {
    crate::base::number::parse_i64(text).ok_or_else(malformed)
}

fn length(text: &[u8]) -> mlua::Result<usize> {
    usize::try_from(integer(text)?).map_err(|_| malformed())
}

fn malformed() -> mlua::Error {
    Raised::refusal("malformed reply").into()
}
