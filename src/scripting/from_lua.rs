//! What a script returns, turned into a reply.
//!
//! Numbers lose their fraction; a table is an array up to its first nil, unless it has one of the fields that make it a status, an
//! error or a type of RESP3. Tables may contain each other, so the walk keeps its own stack, as deep as Redis's.

use mlua::{Function, Table, Value};

use crate::resp::{Mark, Protocol, Reply};
/// How deep tables may be in each other. Redis gives up at 7995, where Lua's stack ends; so do our references to tables, a
/// few of which are in use elsewhere.
const DEPTH_MAX: usize = 7000;

/// Writes `value`; `protocol` is what the script chose, which decides what its booleans are, and `items` makes an array of the keys,
/// or the keys and values, of a table.
pub(super) fn write_value(
    value: Value,
    protocol: Protocol,
    items: &Function,
    reply: &mut Reply,
) -> mlua::Result<()> {
    let mut walk = Walk { nested: Vec::new(), protocol, items };
    let mut next = Some(value);
    while let Some(value) = next {
        walk.write(value, reply)?;
        next = walk.advance(reply)?;
    }
    Ok(())
}

struct Walk<'a> {
    nested: Vec<Nested>,
    protocol: Protocol,
    items: &'a Function,
}

/// A table whose elements are being written.
struct Nested {
    table: Table,
    written: usize,
    /// Where the head of an array belongs, whose length shows at its first nil.
    head: Option<Mark>,
}

impl Walk<'_> {
    fn write(&mut self, value: Value, reply: &mut Reply) -> mlua::Result<()> {
        if self.nested.len() >= DEPTH_MAX {
            reply.error("ERR reached lua stack limit");
            return Ok(());
        }
        match value {
            Value::String(text) => reply.bulk(&text.as_bytes()),
            Value::Integer(number) => reply.integer(number),
            Value::Number(number) => reply.integer(truncate(number)),
            Value::Boolean(value) => self.boolean(value, reply),
            Value::Table(table) => return self.table(table, reply),
            _ => reply.null(),
        }
        Ok(())
    }

    fn boolean(&self, value: bool, reply: &mut Reply) {
        match (self.protocol, value) {
            (Protocol::Resp2, true) => reply.integer(1),
            (Protocol::Resp2, false) => reply.null(),
            (Protocol::Resp3, value) => reply.boolean(value),
        }
    }

    fn table(&mut self, table: Table, reply: &mut Reply) -> mlua::Result<()> {
        if let Value::String(text) = table.raw_get("err")? {
            reply.error(&*text.as_bytes());
        } else if let Value::String(text) = table.raw_get("ok")? {
            reply.raw(b"+");
            reply.raw(&on_one_line(&text.as_bytes()));
            reply.raw(b"\r\n");
        } else if let Value::Number(_) | Value::Integer(_) = table.raw_get("double")? {
            reply.double(table.raw_get("double")?);
        } else if let Value::String(text) = table.raw_get("big_number")? {
            big_number(&on_one_line(&text.as_bytes()), reply);
        } else if let Some((format, text)) = verbatim_parts(&table)? {
            reply.verbatim(&format, &text.as_bytes());
        } else if let Value::Table(map) = table.raw_get("map")? {
            self.pairs(map, true, reply)?;
        } else if let Value::Table(set) = table.raw_get("set")? {
            self.pairs(set, false, reply)?;
        } else {
            self.nested.push(Nested { table, written: 0, head: Some(reply.mark()) });
        }
        Ok(())
    }

    fn pairs(&mut self, table: Table, is_map: bool, reply: &mut Reply) -> mlua::Result<()> {
        let (table, len): (Table, usize) = self.items.call((table, is_map))?;
        if is_map {
            reply.map(len)
        } else {
            reply.set(len)
        }
        self.nested.push(Nested { table, written: 0, head: None });
        Ok(())
    }

    /// The next value to write; heads of the arrays that end are put in place.
    fn advance(&mut self, reply: &mut Reply) -> mlua::Result<Option<Value>> {
        while let Some(nested) = self.nested.last_mut() {
            let value: Value = nested.table.raw_get(nested.written + 1)?;
            if !value.is_nil() {
                nested.written += 1;
                return Ok(Some(value));
            }
            if let Some(head) = nested.head {
                reply.array_at(head, nested.written);
            }
            self.nested.pop();
        }
        Ok(None)
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

fn verbatim_parts(table: &Table) -> mlua::Result<Option<(String, mlua::LuaString)>> {
    let Value::Table(parts) = table.raw_get("verbatim_string")? else { return Ok(None) };
    match (parts.raw_get("format")?, parts.raw_get("string")?) {
        (Value::String(format), Value::String(text)) => Ok(Some((format_code(&format.as_bytes()), text))),
        _ => Ok(None),
    }
}

/// Three letters, whatever the script gave.
fn format_code(format: &[u8]) -> String {
    let padded = format.iter().copied().chain(std::iter::repeat(b' '));
    String::from_utf8_lossy(&padded.take(3).collect::<Vec<u8>>()).into_owned()
}
