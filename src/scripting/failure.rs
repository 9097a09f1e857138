//! How a script failed, as the client reads it.

use mlua::{Lua, Value};

use super::raised::{Raised, raised};
use super::sandbox::PRELUDE_NAME;

/// The error with which a script or function ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The whole text for the client, from its code on.
    pub text: Vec<u8>,
    /// Whether the host has counted the error: it came out of a command.
    pub counted: bool,
}

/// What is known where an error was raised.
#[derive(Debug)]
pub(super) struct Problem {
    text: Vec<u8>,
    counted: bool,
    /// `source:line`
    place: Option<String>,
}

impl Problem {
    /// The error `value`, raised by what the running callback (the message handler) was called from.
    pub(super) fn raised(lua: &Lua, value: &Value) -> Self {
        let (text, counted) = describe(lua, value);
        Self { text, counted, place: place_of_error(lua) }
    }

    /// The end of a script in the middle of what the running hook was called from.
    pub(super) fn ended(lua: &Lua, text: &str) -> Self {
        let place = Frame::at(lua, 0).map(|frame| frame.place());
        Self { text: text.as_bytes().to_vec(), counted: false, place }
    }

    /// The error of the script or function called `name`.
    pub(super) fn of(self, name: &str) -> Failure {
        let mut text = self.text;
        if let Some(place) = self.place {
            text.extend_from_slice(format!(" script: {name}, on {place}.").as_bytes());
        }
        Failure { text, counted: self.counted }
    }

    /// The error without its place.
    pub(super) fn into_text(self) -> Vec<u8> {
        self.text
    }
}

/// The text of an error value, and whether it has been counted.
fn describe(lua: &Lua, value: &Value) -> (Vec<u8>, bool) {
    match value {
        Value::Error(error) => match raised(error) {
            Some(Raised::Reply { text, counted }) => (text.clone(), *counted),
            Some(Raised::Text(text)) => (with_code(text.as_bytes()), false),
            Some(Raised::Ended(text)) => (text.clone().into_bytes(), false),
            None => (with_code(error.to_string().as_bytes()), false),
        },
        Value::Table(table) => {
            let text = table.get::<Value>("err").ok().and_then(|text| text_of(lua, text));
            let counted = matches!(table.get("ignore_error_stats_update"), Ok(Value::Boolean(true)));
            // Redis 7.2.4 dies of a table without `err`.
            (text.unwrap_or_else(|| b"ERR unknown error".to_vec()), counted)
        }
        value => {
            let text = text_of(lua, value.clone()).or_else(|| value.to_string().ok().map(String::into_bytes));
            (with_code(&text.unwrap_or_default()), false)
        }
    }
}

fn with_code(text: &[u8]) -> Vec<u8> {
    [b"ERR ", text].concat()
}

fn text_of(lua: &Lua, value: Value) -> Option<Vec<u8>> {
    matches!(value, Value::String(_) | Value::Integer(_) | Value::Number(_))
        .then(|| lua.coerce_string(value).ok().flatten().map(|text| text.as_bytes().to_vec()))
        .flatten()
}

/// Where the error was raised that the running message handler was given: in the function that raised it or, if that is not
/// Lua, in the one that called it. A function of the prelude counts with what it calls as one that is not Lua.
fn place_of_error(lua: &Lua) -> Option<String> {
    let mut level = 1;
    let mut frame = Frame::at(lua, level)?;
    if frame.is_native {
        level += 1;
        frame = Frame::at(lua, level)?;
    }
    if frame.source == PRELUDE_NAME {
        frame = Frame::at(lua, level + 1)?;
    }
    Some(frame.place())
}

struct Frame {
    is_native: bool,
    source: String,
    line: Option<usize>,
}

impl Frame {
    fn at(lua: &Lua, level: usize) -> Option<Self> {
        lua.inspect_stack(level, |frame| {
            let source = frame.source();
            Self {
                is_native: source.what == "C",
                source: source.source.unwrap_or_default().into_owned(),
                line: frame.current_line(),
            }
        })
    }

    fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.source),
            None => format!("{}:-1", self.source),
        }
    }
}
