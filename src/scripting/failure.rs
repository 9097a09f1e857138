//! How a script failed, as the client reads it.
//!
//! The message handler turns whatever was raised into a table of the error's text and of the place it was raised at, as that of Redis
//! does; a script can see these tables where Lua itself calls the handler, in `load`.

use mlua::{Lua, Table, Value};

use super::raised::{Raised, error_table, plain_text, raised};
use super::sandbox::PRELUDE_NAME;

/// The error with which a script or function ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The whole text for the client, from its code on.
    pub text: Vec<u8>,
    /// Whether the host has counted the error: it came out of a command.
    pub counted: bool,
}

impl Failure {
    /// An error that has no place in the source.
    pub(super) fn without_place(name: &str, text: &str) -> Self {
        Self { text: format!("ERR Error running script {name}, {text}").into_bytes(), counted: false }
    }

    /// What the message handler gave for the script or function called `name`. It is a table, unless the handler failed itself.
    pub(super) fn of(lua: &Lua, name: &str, value: &Value) -> Self {
        let Value::Table(table) = value else {
            let text = text_of(lua, value.clone()).unwrap_or_default();
            return Self::without_place(name, &String::from_utf8_lossy(&text));
        };
        let (mut text, counted) = describe(lua, value);
        if let (Ok(Value::String(source)), Ok(Some(line))) =
            (table.raw_get("source"), table.raw_get::<Option<i64>>("line"))
        {
            text.extend_from_slice(format!(" script: {name}, on {}:{line}.", source.display()).as_bytes());
        }
        Self { text, counted }
    }
}

/// An error that did not come out of a command, such as those of compiling.
impl From<Vec<u8>> for Failure {
    fn from(text: Vec<u8>) -> Self {
        Self { text, counted: false }
    }
}

/// A place in a source.
#[derive(Clone, Debug)]
pub(super) struct Place {
    source: String,
    /// -1 where there are no lines.
    line: i64,
}

/// What the message handler makes of an error. `end` is why the script must end, and where it learned of it.
pub(super) fn handle(lua: &Lua, value: Value, end: Option<(String, Option<Place>)>) -> mlua::Result<Table> {
    let (table, place) = match (end, value) {
        (Some((text, place)), _) => (error_table(lua, text.as_bytes(), false)?, place),
        (None, Value::Table(table)) => (table, place_of_error(lua)),
        (None, value) => {
            let (text, counted) = describe(lua, &value);
            (error_table(lua, &text, counted)?, place_of_error(lua))
        }
    };
    if let Some(place) = place {
        table.raw_set("source", place.source)?;
        table.raw_set("line", place.line)?;
    }
    Ok(table)
}

/// The text of an error value, and whether it has been counted.
pub(super) fn describe(lua: &Lua, value: &Value) -> (Vec<u8>, bool) {
    match value {
        Value::Error(error) => match raised(error) {
            Some(Raised::Reply { text, counted }) => (text.clone(), *counted),
            Some(Raised::Ended(text)) => (text.clone().into_bytes(), false),
            Some(Raised::Text(text)) => (with_code(text.as_bytes()), false),
            None => (with_code(plain_text(error).as_bytes()), false),
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

/// The text of a string or number.
pub(super) fn text_of(lua: &Lua, value: Value) -> Option<Vec<u8>> {
    let is_text = matches!(value, Value::String(_) | Value::Integer(_) | Value::Number(_));
    is_text.then(|| lua.coerce_string(value).ok().flatten().map(|text| text.as_bytes().to_vec())).flatten()
}

/// Where the error was raised that the running message handler was given: in the function that raised it or, if that is not
/// Lua, in the one that called it. Functions of the prelude count with what they call as one that is not Lua.
fn place_of_error(lua: &Lua) -> Option<Place> {
    let mut level = 1;
    let (mut place, is_native) = place_at(lua, level)?;
    if is_native {
        level += 1;
        place = place_at(lua, level)?.0;
    }
    while place.source == PRELUDE_NAME {
        level += 1;
        place = place_at(lua, level)?.0;
    }
    Some(place)
}

/// Where a function of the stack is, and whether it is not Lua.
pub(super) fn place_at(lua: &Lua, level: usize) -> Option<(Place, bool)> {
    lua.inspect_stack(level, |frame| {
        let source = frame.source();
        let line = frame.current_line().and_then(|line| i64::try_from(line).ok()).unwrap_or(-1);
        let place = Place { source: source.source.unwrap_or_default().into_owned(), line };
        (place, source.what == "C")
    })
}
