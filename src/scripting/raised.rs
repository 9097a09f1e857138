//! Errors on their way from Rust through Lua.
//!
//! A callback can raise nothing but a Rust error, which Lua carries as opaque user data. Wherever a script could meet one (`pcall`,
//! `xpcall`, `coroutine.resume`, the reader of `load`) the prelude turns it into what Redis would have raised.

use std::fmt;

use mlua::{Lua, Table, Value};

/// What a callback raises.
#[derive(Clone, Debug)]
pub(super) enum Raised {
    /// A table with `err`, as errors of `redis.call` are.
    Reply {
        /// The text, from its code on.
        text: Vec<u8>,
        /// Whether the server has counted the error already.
        counted: bool,
    },
    /// A string, as errors of Lua's own functions are; the position is part of it.
    Text(String),
    /// The end of the script, which it cannot catch.
    Ended(String),
}

impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply { text, .. } => formatter.write_str(&String::from_utf8_lossy(text)),
            Self::Text(text) | Self::Ended(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for Raised {}

impl From<Raised> for mlua::Error {
    fn from(raised: Raised) -> Self {
        Self::external(raised)
    }
}

impl Raised {
    /// An error of the `redis` table itself.
    pub(super) fn refusal(text: &str) -> Self {
        Self::Reply { text: format!("ERR {text}").into_bytes(), counted: false }
    }

    /// An error with the position of the function that called the callback.
    pub(super) fn at_caller(lua: &Lua, text: &str) -> Self {
        Self::Text(position(lua) + text)
    }

    /// An argument that a function does not take.
    pub(super) fn bad_argument(lua: &Lua, index: usize, function: &str, reason: &str) -> Self {
        Self::at_caller(lua, &format!("bad argument #{index} to '{function}' ({reason})"))
    }

    /// The value a script sees.
    pub(super) fn to_lua(&self, lua: &Lua) -> mlua::Result<Value> {
        match self {
            Self::Reply { text, counted } => Ok(Value::Table(error_table(lua, text, *counted)?)),
            Self::Text(text) | Self::Ended(text) => Ok(Value::String(lua.create_string(text)?)),
        }
    }
}

/// An error as `redis.pcall` returns it.
pub(super) fn error_table(lua: &Lua, text: &[u8], counted: bool) -> mlua::Result<Table> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set("err", lua.create_string(text)?)?;
    if counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(table)
}

/// The name that Lua has for the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        value => value.type_name(),
    }
}

/// What our callbacks raised, if `error` is that.
pub(super) fn raised(error: &mlua::Error) -> Option<&Raised> {
    match error {
        mlua::Error::CallbackError { cause, .. } => raised(cause),
        error => error.downcast_ref::<Raised>(),
    }
}

/// The text of an error that is none of ours, without the trace that mlua adds.
pub(super) fn plain_text(error: &mlua::Error) -> String {
    match error {
        mlua::Error::CallbackError { cause, .. } => plain_text(cause),
        mlua::Error::RuntimeError(text) | mlua::Error::MemoryError(text) => text.clone(),
        error => error.to_string(),
    }
}

/// `source:line: ` of the function that called the running callback; empty if that is not a Lua function.
fn position(lua: &Lua) -> String {
    lua.inspect_stack(1, |frame| {
        let line = frame.current_line()?;
        Some(format!("{}:{line}: ", frame.source().short_src.unwrap_or_default()))
    })
    .flatten()
    .unwrap_or_default()
}
