//! JSON as Lua values. Null is `cjson.null`. The text ends at its first zero byte.

use std::borrow::Cow;

use mlua::{Either, Lua, Table, Value};

use super::super::STACK_SLOTS;
use super::super::call::{Problem, pushable, until_zero};
use super::{Setting, Settings};
use crate::base::number;

/// The value that `text` stands for.
pub(super) fn decode(lua: &Lua, text: &[u8], settings: &Settings) -> Result<Value, Problem> {
    if let [0, _, ..] | [_, 0, ..] = text {
        return Err(Problem::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    let scanner = Scanner {
        text: until_zero(text),
        at: 0,
        takes_invalid_numbers: settings.get(Setting::DecodeInvalid) == 1,
    };
    let depth_max = settings.get(Setting::DecodeDepthMax) as usize;
    // The argument has a slot.
    Decoder { lua, scanner, open: Vec::new(), slots: 1, depth_max }.document()
}

#[derive(Clone)]
enum Token<'a> {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Cow<'a, [u8]>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::String(_) => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Error(what) => what,
        }
    }
}

/// A token and where it begins or, if it is an error, where that is.
type Placed<'a> = (Token<'a>, usize);

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    takes_invalid_numbers: bool,
}

impl<'a> Scanner<'a> {
    fn token(&mut self) -> Placed<'a> {
        let space = self.rest().iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at = space.map_or(self.text.len(), |space| self.at + space);
        let begin = self.at;
        let Some(&first) = self.text.get(begin) else { return (Token::End, begin) };
        let token = match first {
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' => self.skip(1, Token::ObjectBegin),
            b'}' => self.skip(1, Token::ObjectEnd),
            b'[' => self.skip(1, Token::ArrayBegin),
            b']' => self.skip(1, Token::ArrayEnd),
            b':' => self.skip(1, Token::Colon),
            b',' => self.skip(1, Token::Comma),
            _ => self.word(),
        };
        (token, begin)
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    fn skip(&mut self, count: usize, token: Token<'a>) -> Token<'a> {
        self.at += count;
        token
    }

    fn word(&mut self) -> Token<'a> {
        let rest = self.rest();
        if rest.starts_with(b"true") {
            self.skip(4, Token::Boolean(true))
        } else if rest.starts_with(b"false") {
            self.skip(5, Token::Boolean(false))
        } else if rest.starts_with(b"null") {
            self.skip(4, Token::Null)
        } else if self.takes_invalid_numbers && is_invalid_number(rest) {
            self.number()
        } else {
            Token::Error("invalid token")
        }
    }

    fn number(&mut self) -> Token<'a> {
        let rest = self.rest();
        if let Some((number, length)) = plain_integer(rest) {
            return self.skip(length, Token::Number(number));
        }
        if !self.takes_invalid_numbers && is_invalid_number(rest) {
            return Token::Error("invalid number");
        }
        match number::read_f64(rest) {
            Some((number, length)) => self.skip(length, Token::Number(number)),
            None => Token::Error("invalid number"),
        }
    }

    fn string(&mut self) -> Placed<'a> {
        let begin = self.at;
        self.at += 1;
        let start = self.at;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let rest = self.rest();
            let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return (Token::Error("unexpected end of string"), self.at);
            };
            self.at += length;
            if rest[length] == b'"' {
                let token = match unescaped {
                    None => Cow::Borrowed(&self.text[start..self.at]),
                    Some(mut string) => {
                        string.extend_from_slice(&rest[..length]);
                        Cow::Owned(string)
                    }
                };
                self.at += 1;
                return (Token::String(token), begin);
            }
            let string = unescaped.get_or_insert_default();
            string.extend_from_slice(&rest[..length]);
            match unescape(&rest[length..], string) {
                Ok(length) => self.at += length,
                Err(what) => return (Token::Error(what), self.at),
            }
        }
    }
}

/// An integer without a fraction, an exponent or leading zeros that a double holds exactly.
fn plain_integer(text: &[u8]) -> Option<(f64, usize)> {
    const DIGITS_EXACT: usize = 15;
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let count = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let goes_on = matches!(digits.get(count), Some(b'.' | b'e' | b'E' | b'x' | b'X'));
    if goes_on || !(1..=DIGITS_EXACT).contains(&count) || (digits[0] == b'0' && count > 1) {
        return None;
    }
    let value =
        digits[..count].iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0')) as f64;
    Some((if negative { -value } else { value }, usize::from(negative) + count))
}

/// Whether something C takes for a number is none in JSON: a plus sign, a leading zero, hexadecimal, infinity, NaN.
fn is_invalid_number(text: &[u8]) -> bool {
    let magnitude = text.strip_prefix(b"-").unwrap_or(text);
    match magnitude {
        _ if text.starts_with(b"+") => true,
        [b'0', next, ..] => matches!(next, b'0'..=b'9' | b'x' | b'X'),
        _ => magnitude
            .get(..3)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")),
    }
}

/// Appends what the escape at the start of `text` stands for, and says how long it is.
fn unescape(text: &[u8], string: &mut Vec<u8>) -> Result<usize, &'static str> {
    let byte = match text.get(1) {
        Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
        Some(b'b') => 0x08,
        Some(b't') => b'\t',
        Some(b'n') => b'\n',
        Some(b'f') => 0x0c,
        Some(b'r') => b'\r',
        Some(b'u') => {
            let (character, length) = unicode(text).ok_or("invalid unicode escape code")?;
            string.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(length);
        }
        _ => return Err("invalid escape code"),
    };
    string.push(byte);
    Ok(2)
}

/// The character of one `\u` escape or of the two of a surrogate pair, and their length.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let high = code_unit(text)?;
    if !(0xd800..0xe000).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    let low = code_unit(&text[6..])?;
    let is_pair = high < 0xdc00 && (0xdc00..0xe000).contains(&low);
    let character = is_pair.then(|| 0x1_0000 + ((high & 0x3ff) << 10 | low & 0x3ff))?;
    Some((char::from_u32(character)?, 12))
}

fn code_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// A value that is complete.
enum Decoded<'a> {
    String(Cow<'a, [u8]>),
    Other(Value),
}

/// A table that is not.
enum Container<'a> {
    Object { table: Table, key: Cow<'a, [u8]> },
    Array { table: Table, index: usize },
}

impl Container<'_> {
    fn slots(&self) -> usize {
        match self {
            Self::Object { .. } => 2,
            Self::Array { .. } => 1,
        }
    }

    fn put(&mut self, lua: &Lua, value: Decoded) -> mlua::Result<()> {
        let bytes;
        let value = match value {
            Decoded::String(string) => {
                bytes = string;
                pushable(lua, &bytes)?
            }
            Decoded::Other(value) => Either::Right(value),
        };
        match self {
            Self::Object { table, key } => table.raw_set(pushable(lua, key)?, value),
            Self::Array { table, index } => {
                *index += 1;
                table.raw_set(*index, value)
            }
        }
    }

    fn into_table(self) -> Table {
        match self {
            Self::Object { table, .. } | Self::Array { table, .. } => table,
        }
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    scanner: Scanner<'a>,
    open: Vec<Container<'a>>,
    slots: usize,
    depth_max: usize,
}

impl<'a> Decoder<'a> {
    fn document(mut self) -> Result<Value, Problem> {
        let mut token = self.scanner.token();
        loop {
            let mut complete = match self.begin(token)? {
                Begun::Value(value) => value,
                Begun::Container(first) => {
                    token = first;
                    continue;
                }
            };
            token = loop {
                let Some(container) = self.open.last_mut() else { return self.end(complete) };
                container.put(self.lua, complete)?;
                match self.after_element()? {
                    Some(next) => break next,
                    None => complete = self.close(),
                }
            };
        }
    }

    /// Nothing follows the document.
    fn end(&mut self, document: Decoded) -> Result<Value, Problem> {
        match self.scanner.token() {
            (Token::End, _) => {}
            other => return Err(unexpected("the end", &other)),
        }
        Ok(match document {
            Decoded::String(bytes) => Value::String(self.lua.create_string(bytes)?),
            Decoded::Other(value) => value,
        })
    }

    /// The value that begins with `token`.
    fn begin(&mut self, token: Placed<'a>) -> Result<Begun<'a>, Problem> {
        let value = match token.0 {
            Token::String(bytes) => return Ok(Begun::Value(Decoded::String(bytes))),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(boolean) => Value::Boolean(boolean),
            Token::Null => Value::NULL,
            Token::ObjectBegin => return self.begin_object(),
            Token::ArrayBegin => return self.begin_array(),
            _ => return Err(unexpected("value", &token)),
        };
        Ok(Begun::Value(Decoded::Other(value)))
    }

    fn begin_object(&mut self) -> Result<Begun<'a>, Problem> {
        let table = self.descend(3)?;
        let token = self.scanner.token();
        if let Token::ObjectEnd = token.0 {
            return Ok(Begun::Value(Decoded::Other(Value::Table(table))));
        }
        let key = self.key(token)?;
        self.push(Container::Object { table, key });
        Ok(Begun::Container(self.scanner.token()))
    }

    fn begin_array(&mut self) -> Result<Begun<'a>, Problem> {
        let table = self.descend(2)?;
        let token = self.scanner.token();
        if let Token::ArrayEnd = token.0 {
            return Ok(Begun::Value(Decoded::Other(Value::Table(table))));
        }
        self.push(Container::Array { table, index: 0 });
        Ok(Begun::Container(token))
    }

    fn push(&mut self, container: Container<'a>) {
        self.slots += container.slots();
        self.open.push(container);
    }

    /// A table for a container that has just begun and needs so many slots.
    fn descend(&mut self, slots: usize) -> Result<Table, Problem> {
        let depth = self.open.len() + 1;
        let at = self.scanner.at;
        let too_deep =
            || Problem::text(format!("Found too many nested data structures ({depth}) at character {at}"));
        if depth > self.depth_max || self.slots + slots > STACK_SLOTS {
            return Err(too_deep());
        }
        self.lua.create_table().map_err(|error| Problem::from(error).or_if_no_room(too_deep))
    }

    /// A key and its colon.
    fn key(&mut self, token: Placed<'a>) -> Result<Cow<'a, [u8]>, Problem> {
        let (Token::String(key), _) = token else { return Err(unexpected("object key string", &token)) };
        match self.scanner.token() {
            (Token::Colon, _) => Ok(key),
            other => Err(unexpected("colon", &other)),
        }
    }

    /// The token with which the next element begins; None at the end of the container.
    fn after_element(&mut self) -> Result<Option<Placed<'a>>, Problem> {
        let token = self.scanner.token();
        let is_object = matches!(self.open.last(), Some(Container::Object { .. }));
        match (&token.0, is_object) {
            (Token::ObjectEnd, true) | (Token::ArrayEnd, false) => return Ok(None),
            (Token::Comma, _) => {}
            (_, true) => return Err(unexpected("comma or object end", &token)),
            (_, false) => return Err(unexpected("comma or array end", &token)),
        }
        let mut next = self.scanner.token();
        if is_object {
            let new_key = self.key(next)?;
            if let Some(Container::Object { key, .. }) = self.open.last_mut() {
                *key = new_key;
            }
            next = self.scanner.token();
        }
        Ok(Some(next))
    }

    fn close(&mut self) -> Decoded<'a> {
        let table = self.open.pop().map(|container| {
            self.slots -= container.slots();
            Value::Table(container.into_table())
        });
        Decoded::Other(table.unwrap_or(Value::NULL))
    }
}

enum Begun<'a> {
    Value(Decoded<'a>),
    /// A container, and the token with which its first element begins.
    Container(Placed<'a>),
}

fn unexpected(expected: &str, (token, at): &Placed) -> Problem {
    Problem::text(format!("Expected {expected} but found {} at character {}", token.name(), at + 1))
}
