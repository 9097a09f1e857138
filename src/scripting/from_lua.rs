//! What a script returns, turned into a reply.
//!
//! Numbers lose their fraction; a table is an array up to its first nil, unless it has one of the fields that make it a status, an
//! error or a type of RESP3. Tables may contain each other, so the walk keeps its own stack, as deep as Redis's.

use crate::resp::{Mark, Protocol, Reply};

use super::failure::Failure;
use super::stack::{Full, Kind, Stack};

/// How deep tables may be in each other. Redis gives up at 7995, where Lua's stack ends; ours ends there, too.
const DEPTH_MAX: usize = 7000;
/// What one table needs of Lua's stack: itself, a key, a value, a copy, and what is looked up in it.
const SLOTS_PER_TABLE: usize = 8;
const TOO_DEEP: &str = "ERR reached lua stack limit";

/// Pops the value on top and writes it; `protocol` is what the script chose, which decides what its booleans are.
///
/// # Errors
/// The value is an error, which has not been written.
pub(super) fn write_value(
    stack: &mut Stack<'_>,
    protocol: Protocol,
    reply: &mut Reply,
) -> Result<(), Failure> {
    let mut walk = Walk { nested: Vec::new(), protocol, stack, failure: None };
    walk.write(reply);
    while walk.advance(reply) {
        walk.write(reply);
    }
    walk.failure.map_or(Ok(()), Err)
}

struct Walk<'k, 's> {
    nested: Vec<Nested>,
    protocol: Protocol,
    stack: &'k mut Stack<'s>,
    /// The error that the whole value is.
    failure: Option<Failure>,
}

/// A table whose elements are being written.
struct Nested {
    /// How many values lie below the value that is being written.
    floor: usize,
    /// The position of the table.
    table: usize,
    contents: Contents,
    /// How many elements or pairs have been written.
    written: usize,
    /// Where the head belongs: how many there are shows at their end. A script's collector may take some away meanwhile.
    head: Mark,
}

#[derive(Clone, Copy)]
enum Contents {
    Array,
    /// Keys and values; the last key lies above the table.
    Pairs,
    /// The same, where the key has been written and its value lies above it.
    Value,
    /// Keys alone.
    Keys,
}

impl Walk<'_, '_> {
    /// Writes the value on top and pops it; a table whose elements are still to come is put down instead.
    fn write(&mut self, reply: &mut Reply) {
        let top = self.stack.len();
        match self.stack.kind(top) {
            _ if self.nested.len() >= DEPTH_MAX => reply.error(TOO_DEEP),
            Kind::Text => reply.bulk(self.text()),
            Kind::Number => reply.integer(truncate(self.number())),
            Kind::Boolean => self.boolean(self.stack.is_true(top), reply),
            Kind::Table => match self.table(reply) {
                Ok(Some((table, contents))) => {
                    let (floor, head) = (top - 1, reply.mark());
                    return self.nested.push(Nested { floor, table, contents, written: 0, head });
                }
                Ok(None) => {}
                Err(Full) => reply.error(TOO_DEEP),
            },
            Kind::Nil | Kind::Other => reply.null(),
        }
        self.cut(top - 1);
    }

    fn boolean(&self, value: bool, reply: &mut Reply) {
        match (self.protocol, value) {
            (Protocol::Resp2, true) => reply.integer(1),
            (Protocol::Resp2, false) => reply.null(),
            (Protocol::Resp3, value) => reply.boolean(value),
        }
    }

    /// Writes what the table on top stands for, if that is one thing; otherwise returns where its elements are.
    fn table(&mut self, reply: &mut Reply) -> Result<Option<(usize, Contents)>, Full> {
        self.stack.reserve(SLOTS_PER_TABLE)?;
        let table = self.stack.len();
        if self.field(table, "err", Kind::Text)? {
            let text = self.text().to_vec();
            if self.nested.is_empty() {
                let counted = self.field(table, "ignore_error_stats_update", Kind::Boolean)?;
                self.failure = Some(Failure { text, counted });
            } else {
                reply.error(text);
            }
            return Ok(None);
        } else if self.field(table, "ok", Kind::Text)? {
            reply.raw(b"+");
            reply.raw(&on_one_line(self.text()));
            reply.raw(b"\r\n");
            return Ok(None);
        } else if self.field(table, "double", Kind::Number)? {
            reply.double(self.number());
            return Ok(None);
        } else if self.field(table, "big_number", Kind::Text)? {
            big_number(&on_one_line(self.text()), reply);
            return Ok(None);
        } else if self.verbatim(table, reply)? {
            return Ok(None);
        } else if self.field(table, "map", Kind::Table)? {
            // Behind nil comes the first key.
            self.stack.push_nil()?;
            return Ok(Some((table + 1, Contents::Pairs)));
        } else if self.field(table, "set", Kind::Table)? {
            self.stack.push_nil()?;
            return Ok(Some((table + 1, Contents::Keys)));
        }
        Ok(Some((table, Contents::Array)))
    }

    fn verbatim(&mut self, table: usize, reply: &mut Reply) -> Result<bool, Full> {
        if !self.field(table, "verbatim_string", Kind::Table)? {
            return Ok(false);
        }
        let parts = table + 1;
        let is_whole = self.field(parts, "format", Kind::Text)? && self.field(parts, "string", Kind::Text)?;
        if is_whole {
            let format = format_code(self.stack.text(parts + 1).unwrap_or_default());
            reply.verbatim(&format, self.text());
        }
        self.cut(table);
        Ok(is_whole)
    }

    /// Pushes what a table has under a name, if it is of a kind.
    fn field(&mut self, table: usize, name: &str, kind: Kind) -> Result<bool, Full> {
        self.stack.push_field(table, name)?;
        let suits = self.stack.kind(self.stack.len()) == kind;
        if !suits {
            self.stack.pop(1);
        }
        Ok(suits)
    }

    /// Pushes what is to be written next, and puts down tables that are at their end. False if nothing is left.
    fn advance(&mut self, reply: &mut Reply) -> bool {
        while let Some(nested) = self.nested.last_mut() {
            let &mut Nested { floor, table, contents, written, head } = nested;
            // There is room: `table` has reserved it.
            let found = match contents {
                Contents::Array => {
                    let pushed = self.stack.push_element(table, written + 1);
                    pushed.is_ok() && self.stack.kind(table + 1) != Kind::Nil
                }
                Contents::Value => true,
                Contents::Pairs | Contents::Keys => self.stack.next(table) == Ok(true),
            };
            match (contents, found) {
                (Contents::Array, true) => nested.written += 1,
                (Contents::Value, _) => (nested.contents, nested.written) = (Contents::Pairs, written + 1),
                (Contents::Pairs, true) => nested.contents = Contents::Value,
                (Contents::Keys, true) => {
                    nested.written += 1;
                    self.stack.pop(1);
                }
                (Contents::Array, false) => reply.array_at(head, written),
                (Contents::Pairs, false) => reply.map_at(head, written),
                (Contents::Keys, false) => reply.set_at(head, written),
            }
            let is_key = matches!(contents, Contents::Pairs | Contents::Keys);
            if found && (!is_key || self.stack.push_copy(table + 1).is_ok()) {
                return true;
            }
            self.nested.pop();
            self.cut(floor);
        }
        false
    }

    /// The string on top.
    fn text(&self) -> &[u8] {
        self.stack.text(self.stack.len()).unwrap_or_default()
    }

    /// The number on top.
    fn number(&self) -> f64 {
        self.stack.number(self.stack.len()).unwrap_or_default()
    }

    /// Pops all but so many values.
    fn cut(&mut self, left: usize) {
        self.stack.pop(self.stack.len().saturating_sub(left));
    }
}

/// As C converts on x86: what does not fit is the least integer.
fn truncate(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

fn on_one_line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}

fn big_number(digits: &[u8], reply: &mut Reply) {
    if !reply.is_resp3() {
        return reply.bulk(digits);
    }
    reply.raw(b"(");
    reply.raw(digits);
    reply.raw(b"\r\n");
}

/// Three letters, whatever the script gave.
fn format_code(format: &[u8]) -> String {
    let padded = format.iter().copied().chain(std::iter::repeat(b' '));
    String::from_utf8_lossy(&padded.take(3).collect::<Vec<u8>>()).into_owned()
}
