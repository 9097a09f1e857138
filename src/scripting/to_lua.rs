//! Replies, as the host wrote them, turned into what `redis.call` returns.
//!
//! RESP2: an integer is a number, a bulk string a string, an array a table, null is false, a status `{ok=...}`. RESP3 adds `{map=...}`,
//! `{set=...}`, `{double=...}`, `{big_number=...}`, `{verbatim_string=...}`, booleans, and null as nil; attributes are left out.

use memchr::memchr;

use super::stack::{Full, Stack};

/// Why a reply can't be turned into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It is no RESP.
    Malformed,
    /// Lua can't take as much.
    Full,
}

impl Problem {
    /// The text for the script.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Malformed => "malformed reply",
            Self::Full => "the reply has more elements than Lua takes",
        }
    }
}

impl From<Full> for Problem {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

/// Pushes the first reply in `bytes`.
pub(super) fn push_reply(stack: &mut Stack<'_>, bytes: &[u8]) -> Result<(), Problem> {
    Reader { rest: bytes, stack }.value()
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

/// Pushes an error as `redis.pcall` returns it.
pub(super) fn push_error(stack: &mut Stack<'_>, text: &[u8], counted: bool) -> Result<(), Full> {
    stack.push_table(0, 2)?;
    let table = stack.len();
    stack.push_text(b"err")?;
    stack.push_text(text)?;
    stack.set_pair(table)?;
    if counted {
        stack.push_text(b"ignore_error_stats_update")?;
        stack.push_boolean(true)?;
        stack.set_pair(table)?;
    }
    Ok(())
}

struct Reader<'a, 'k, 's> {
    rest: &'a [u8],
    stack: &'k mut Stack<'s>,
}

impl<'a> Reader<'a, '_, '_> {
    /// Pushes the next value. Replies of commands are not nested deep.
    fn value(&mut self) -> Result<(), Problem> {
        let (kind, line) = self.line()?;
        match kind {
            b'$' | b'=' => match self.blob(line)? {
                None => self.stack.push_boolean(false)?,
                Some(text) if kind == b'=' => self.verbatim(text)?,
                Some(text) => self.stack.push_text(text)?,
            },
            b':' => self.stack.push_number(integer(line)? as f64)?,
            b'+' => self.wrapped("ok", line)?,
            b'-' => push_error(self.stack, &error_text(line), true)?,
            b'*' | b'>' => match usize::try_from(integer(line)?) {
                Ok(len) => self.array(len)?,
                Err(_) => self.stack.push_boolean(false)?,
            },
            b'%' => self.map(length(line)?)?,
            b'~' => self.set(length(line)?)?,
            b'_' => self.stack.push_nil()?,
            b'#' => self.stack.push_boolean(line == b"t")?,
            b',' => self.double(line)?,
            b'(' => self.wrapped("big_number", line)?,
            b'|' => {
                for _ in 0..2 * length(line)? {
                    self.value()?;
                    self.stack.pop(1);
                }
                self.value()?;
            }
            _ => return Err(Problem::Malformed),
        }
        Ok(())
    }

    /// The kind of what comes next, and the rest of its first line.
    #[inline]
    fn line(&mut self) -> Result<(u8, &'a [u8]), Problem> {
        let end = memchr(b'\r', self.rest).ok_or(Problem::Malformed)?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(2..).ok_or(Problem::Malformed)?;
        line.split_first().map(|(kind, line)| (*kind, line)).ok_or(Problem::Malformed)
    }

    /// The bytes whose length `line` states; None for null.
    #[inline]
    fn blob(&mut self, line: &[u8]) -> Result<Option<&'a [u8]>, Problem> {
        let Ok(len) = usize::try_from(integer(line)?) else { return Ok(None) };
        let text = self.rest.get(..len).ok_or(Problem::Malformed)?;
        self.rest = self.rest.get(len + 2..).ok_or(Problem::Malformed)?;
        Ok(Some(text))
    }

    /// What a table for so many replies is made for: each takes bytes.
    fn room(&self, len: usize) -> usize {
        len.min(self.rest.len())
    }

    fn array(&mut self, len: usize) -> Result<(), Problem> {
        self.stack.push_table(self.room(len), 0)?;
        let table = self.stack.len();
        for index in 1..=len {
            self.value()?;
            self.stack.set_element(table, index)?;
        }
        Ok(())
    }

    fn map(&mut self, len: usize) -> Result<(), Problem> {
        let table = self.begin("map", len)?;
        for _ in 0..len {
            self.value()?;
            self.value()?;
            self.stack.set_pair(table)?;
        }
        Ok(self.stack.set_pair(table - 2)?)
    }

    fn set(&mut self, len: usize) -> Result<(), Problem> {
        let table = self.begin("set", len)?;
        for _ in 0..len {
            self.value()?;
            self.stack.push_boolean(true)?;
            self.stack.set_pair(table)?;
        }
        Ok(self.stack.set_pair(table - 2)?)
    }

    /// Pushes a table for one field, the field's name, and a table for so many pairs, whose position it returns.
    fn begin(&mut self, name: &str, len: usize) -> Result<usize, Full> {
        self.stack.push_table(0, 1)?;
        self.stack.push_text(name.as_bytes())?;
        self.stack.push_table(0, self.room(len))?;
        Ok(self.stack.len())
    }

    fn double(&mut self, text: &[u8]) -> Result<(), Problem> {
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let number = number.ok_or(Problem::Malformed)?;
        Ok(self.wrapper("double", |stack| stack.push_number(number))?)
    }

    fn verbatim(&mut self, text: &[u8]) -> Result<(), Problem> {
        let (format, text) = text.split_at_checked(4).ok_or(Problem::Malformed)?;
        let table = self.begin("verbatim_string", 2)?;
        for (name, value) in [("string", text), ("format", &format[..3])] {
            self.stack.push_text(name.as_bytes())?;
            self.stack.push_text(value)?;
            self.stack.set_pair(table)?;
        }
        Ok(self.stack.set_pair(table - 2)?)
    }

    fn wrapped(&mut self, name: &str, text: &[u8]) -> Result<(), Full> {
        self.wrapper(name, |stack| stack.push_text(text))
    }

    /// Pushes a table with one field, whose value `push` pushes.
    fn wrapper(
        &mut self,
        name: &str,
        push: impl FnOnce(&mut Stack<'_>) -> Result<(), Full>,
    ) -> Result<(), Full> {
        self.stack.push_table(0, 1)?;
        let table = self.stack.len();
        self.stack.push_text(name.as_bytes())?;
        push(self.stack)?;
        self.stack.set_pair(table)
    }
}

#[inline]
fn integer(text: &[u8]) -> Result<i64, Problem> {
    crate::base::number::parse_i64(text).ok_or(Problem::Malformed)
}

fn length(text: &[u8]) -> Result<usize, Problem> {
    usize::try_from(integer(text)?).map_err(|_| Problem::Malformed)
}
