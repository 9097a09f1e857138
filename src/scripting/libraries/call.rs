//! Calls from Lua: arguments as Lua's own libraries take them, and errors as they raise them.

use std::borrow::Cow;

use mlua::{Either, IntoLuaMulti, Lua, LuaString, MultiValue, Table, Value};

use crate::scripting::raised::Raised;

/// Why a function fails.
pub(super) enum Problem {
    /// An argument, counted from one, and what is wrong with it.
    Argument(usize, Cow<'static, str>),
    /// With the position of the caller.
    Text(Cow<'static, str>),
    /// An error of Lua itself, without a position.
    Bare(&'static str),
    Lua(mlua::Error),
}

impl From<mlua::Error> for Problem {
    fn from(error: mlua::Error) -> Self {
        Self::Lua(error)
    }
}

impl Problem {
    /// A problem with the position of the caller.
    pub(super) fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A problem with an argument.
    pub(super) fn argument(index: usize, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Argument(index, reason.into())
    }

    /// More on Lua's stack than one call may have there.
    pub(super) fn stack_overflow(what: &str) -> Self {
        Self::Text(format!("stack overflow ({what})").into())
    }

    /// `self`, or `other` where Lua has no room for another reference.
    pub(super) fn or_if_no_room(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::Lua(mlua::Error::StackError) => other(),
            problem => problem,
        }
    }

    fn raised(self, lua: &Lua) -> mlua::Error {
        match self {
            Self::Argument(index, reason) => {
                Raised::at_caller(lua, &bad_argument(lua, index, &reason)).into()
            }
            Self::Text(text) => Raised::at_caller(lua, &text).into(),
            Self::Bare(text) => Raised::Text(text.to_owned()).into(),
            Self::Lua(error) => error,
        }
    }
}

/// The running function has the name that its caller has for it.
fn bad_argument(lua: &Lua, index: usize, reason: &str) -> String {
    let described = lua.inspect_stack(0, |frame| {
        let names = frame.names();
        (names.name.map(Cow::into_owned), names.name_what == Some("method"))
    });
    let (name, is_method) = described.unwrap_or_default();
    let name = name.as_deref().unwrap_or("?");
    match index {
        1 if is_method => format!("calling '{name}' on bad self ({reason})"),
        index => format!("bad argument #{} to '{name}' ({reason})", index as i64 - i64::from(is_method)),
    }
}

/// Adds a function to a library.
pub(super) fn define<R: IntoLuaMulti>(
    lua: &Lua,
    library: &Table,
    name: &str,
    body: impl Fn(Call) -> Result<R, Problem> + Send + Sync + 'static,
) -> mlua::Result<()> {
    let function = lua.create_function(move |lua, values: MultiValue| {
        body(Call { lua, values: &values }).map_err(|problem| problem.raised(lua))
    })?;
    library.raw_set(name, function)
}

/// The arguments of a call, counted from one.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) lua: &'a Lua,
    values: &'a MultiValue,
}

impl<'a> Call<'a> {
    pub(super) fn count(self) -> usize {
        self.values.len()
    }

    pub(super) fn values(self) -> impl Iterator<Item = &'a Value> {
        self.values.iter()
    }

    /// None where there is no such argument.
    pub(super) fn value(self, index: usize) -> Option<&'a Value> {
        self.values.get(index - 1)
    }

    pub(super) fn is_nil(self, index: usize) -> bool {
        self.value(index).is_none_or(Value::is_nil)
    }

    /// A number, or a text that is one.
    pub(super) fn number(self, index: usize) -> Result<f64, Problem> {
        match self.value(index) {
            Some(&Value::Integer(number)) => Ok(number as f64),
            Some(&Value::Number(number)) => Ok(number),
            Some(value @ Value::String(_)) => {
                self.lua.coerce_number(value.clone())?.ok_or_else(|| self.unexpected(index, "number"))
            }
            _ => Err(self.unexpected(index, "number")),
        }
    }

    /// As [`number`](Self::number), without its fraction.
    pub(super) fn integer(self, index: usize) -> Result<i64, Problem> {
        match self.value(index) {
            Some(&Value::Integer(number)) => Ok(number),
            _ => self.number(index).map(truncated),
        }
    }

    /// As [`integer`](Self::integer); nil is `absent`.
    pub(super) fn integer_or(self, index: usize, absent: i64) -> Result<i64, Problem> {
        if self.is_nil(index) { Ok(absent) } else { self.integer(index) }
    }

    /// A string, or the text of a number.
    pub(super) fn text(self, index: usize) -> Result<LuaString, Problem> {
        match self.value(index) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value @ (Value::Integer(_) | Value::Number(_))) => {
                self.lua.coerce_string(value.clone())?.ok_or_else(|| self.unexpected(index, "string"))
            }
            _ => Err(self.unexpected(index, "string")),
        }
    }

    /// An argument that is not of the `expected` type.
    pub(super) fn unexpected(self, index: usize, expected: &str) -> Problem {
        let found = self.value(index).map_or("no value", type_name);
        Problem::argument(index, format!("{expected} expected, got {found}"))
    }
}

/// Lua's name of a value's type.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        Value::LightUserData(_) | Value::Error(_) | Value::Other(_) => "userdata",
        value => value.type_name(),
    }
}

/// What pushes bytes as a Lua string, without a reference to it where they are UTF-8.
pub(super) fn pushable<'a>(lua: &Lua, bytes: &'a [u8]) -> mlua::Result<Either<&'a str, Value>> {
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Either::Left(text),
        Err(_) => Either::Right(Value::String(lua.create_string(bytes)?)),
    })
}

/// What a C string holds: nothing from the first zero byte on.
pub(super) fn until_zero(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// 2^63
const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;

/// A double as C on x86-64 makes an integer of it: the least one if it does not fit.
pub(super) fn truncated(value: f64) -> i64 {
    if (-INTEGER_END..INTEGER_END).contains(&value) { value as i64 } else { i64::MIN }
}

/// A double as C on x86-64 makes an unsigned integer of it: negative ones wrap around, zero if it is too large.
pub(super) fn truncated_unsigned(value: f64) -> u64 {
    if value >= INTEGER_END {
        truncated(value - INTEGER_END) as u64 ^ 1 << 63
    } else {
        truncated(value) as u64
    }
}

/// A double as C on x86-64 makes an `int` of it: the least one if it does not fit.
pub(super) fn truncated_32(value: f64) -> i32 {
    i32::try_from(truncated(value)).unwrap_or(i32::MIN)
}
