//! Lua values as JSON. A table with no keys but positive integers is an array, every other one an object, the empty one too.

use mlua::table::TablePairs;
use mlua::{Table, Value};
use self_cell::self_cell;

use super::super::STACK_SLOTS;
use super::super::call::{Problem, truncated_32, type_name};
use super::{Setting, Settings};
use crate::base::number;

/// Where an array of nothing but null, which sparse arrays may become, is cut off.
const TEXT_BYTES_MAX: usize = 1 << 30;
/// Slots that must be left to look into a table.
const SLOTS_TO_DESCEND: usize = 3;
/// Below this an integer has no more than the least digits that can be asked for.
const PLAIN_DIGITS: u32 = 14;

/// The JSON text of `value`.
pub(super) fn encode(value: &Value, settings: &Settings) -> Result<Vec<u8>, Problem> {
    let mut encoder = Encoder {
        text: Vec::with_capacity(256),
        settings,
        digits: settings.get(Setting::NumberPrecision).max(1) as u32,
        open: Vec::new(),
        // The argument.
        slots: 1,
    };
    encoder.value(value.clone()).map_err(|problem| encoder.or_too_deep(problem))?;
    while let Some(container) = encoder.open.last_mut() {
        let next = container.next();
        next.and_then(|next| encoder.element(next)).map_err(|problem| encoder.or_too_deep(problem))?;
    }
    Ok(encoder.text)
}

type Pairs<'a> = TablePairs<'a, Value, Value>;

self_cell!(
    struct Walk {
        owner: Table,
        #[not_covariant]
        dependent: Pairs,
    }
);

impl Walk {
    fn of(table: Table) -> Self {
        Self::new(table, |table| table.pairs())
    }

    fn next(&mut self) -> mlua::Result<Option<(Value, Value)>> {
        self.with_dependent_mut(|_, pairs| pairs.next()).transpose()
    }
}

/// A table whose text is not yet complete.
enum Container {
    Array {
        table: Table,
        done: usize,
        length: usize,
    },
    Object {
        walk: Walk,
        /// The first pair, which told that this is an object.
        first: Option<(Value, Value)>,
        is_empty: bool,
    },
}

/// What comes next in a container.
enum Element {
    Value { value: Value, is_first: bool },
    Pair { key: Value, value: Value, is_first: bool },
    ArrayEnd,
    ObjectEnd,
}

impl Container {
    fn slots(&self) -> usize {
        match self {
            Self::Array { .. } => 1,
            Self::Object { .. } => 2,
        }
    }

    fn next(&mut self) -> Result<Element, Problem> {
        match self {
            Self::Array { done, length, .. } if done == length => Ok(Element::ArrayEnd),
            Self::Array { table, done, .. } => {
                *done += 1;
                Ok(Element::Value { value: table.raw_get(*done)?, is_first: *done == 1 })
            }
            Self::Object { walk, first, is_empty } => {
                let pair = match first.take() {
                    Some(pair) => Some(pair),
                    None => walk.next()?,
                };
                let is_first = std::mem::replace(is_empty, false);
                Ok(pair.map_or(Element::ObjectEnd, |(key, value)| Element::Pair { key, value, is_first }))
            }
        }
    }
}

struct Encoder<'a> {
    text: Vec<u8>,
    settings: &'a Settings,
    digits: u32,
    open: Vec<Container>,
    slots: usize,
}

impl Encoder<'_> {
    fn element(&mut self, element: Element) -> Result<(), Problem> {
        match element {
            Element::Value { value, is_first } => {
                self.comma(is_first)?;
                self.value(value)
            }
            Element::Pair { key, value, is_first } => {
                self.comma(is_first)?;
                self.key(&key)?;
                self.value(value)
            }
            Element::ArrayEnd => self.close(b']'),
            Element::ObjectEnd => self.close(b'}'),
        }
    }

    fn comma(&mut self, is_first: bool) -> Result<(), Problem> {
        if !is_first {
            self.text.push(b',');
        }
        if self.text.len() > TEXT_BYTES_MAX {
            return Err(Problem::Bare("not enough memory"));
        }
        Ok(())
    }

    fn key(&mut self, key: &Value) -> Result<(), Problem> {
        match key {
            Value::String(key) => push_string(&mut self.text, &key.as_bytes()),
            Value::Integer(_) | Value::Number(_) => {
                self.text.push(b'"');
                self.number(key)?;
                self.text.push(b'"');
            }
            key => return Err(cannot(key, "table key must be a number or string")),
        }
        self.text.push(b':');
        Ok(())
    }

    fn value(&mut self, value: Value) -> Result<(), Problem> {
        match value {
            Value::String(value) => push_string(&mut self.text, &value.as_bytes()),
            Value::Integer(_) | Value::Number(_) => self.number(&value)?,
            Value::Boolean(true) => self.text.extend_from_slice(b"true"),
            Value::Boolean(false) => self.text.extend_from_slice(b"false"),
            Value::Table(table) => self.open(table)?,
            Value::Nil => self.text.extend_from_slice(b"null"),
            value if value.is_null() => self.text.extend_from_slice(b"null"),
            value => return Err(cannot(&value, "type not supported")),
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) -> Result<(), Problem> {
        let number = match *value {
            Value::Integer(integer) if integer.unsigned_abs() < 10_u64.pow(self.digits.min(PLAIN_DIGITS)) => {
                number::push_integer(&mut self.text, integer);
                return Ok(());
            }
            Value::Integer(integer) => integer as f64,
            Value::Number(number) => number,
            _ => return Ok(()),
        };
        match (number.is_finite(), self.settings.get(Setting::EncodeInvalid)) {
            (false, 0) => return Err(cannot(value, "must not be NaN or Inf")),
            (false, 2) => self.text.extend_from_slice(b"null"),
            _ => number::push_general(&mut self.text, number, self.digits as usize),
        }
        Ok(())
    }

    fn open(&mut self, table: Table) -> Result<(), Problem> {
        let depth = self.open.len() + 1;
        let allowed = self.settings.get(Setting::EncodeDepthMax) as usize;
        if depth > allowed || self.slots + SLOTS_TO_DESCEND > STACK_SLOTS {
            return Err(too_deep(depth));
        }
        let container = self.container(table)?;
        self.text.push(if matches!(container, Container::Array { .. }) { b'[' } else { b'{' });
        self.slots += container.slots();
        self.open.push(container);
        Ok(())
    }

    fn close(&mut self, end: u8) -> Result<(), Problem> {
        self.text.push(end);
        self.slots -= self.open.pop().map_or(0, |container| container.slots());
        Ok(())
    }

    /// Mostly the first key tells an object.
    fn container(&self, table: Table) -> Result<Container, Problem> {
        if table.raw_len() > 0 {
            let length = self.array_length(&table)?;
            if length > 0 {
                return Ok(Container::Array { table, done: 0, length });
            }
        }
        let mut walk = Walk::of(table);
        let first = walk.next()?;
        if let Some((Value::Integer(_) | Value::Number(_), _)) = first {
            let length = self.array_length(walk.borrow_owner())?;
            if length > 0 {
                return Ok(Container::Array { table: walk.borrow_owner().clone(), done: 0, length });
            }
        }
        Ok(Container::Object { walk, first, is_empty: true })
    }

    /// The size of the array that a table is; 0 if it is an object.
    fn array_length(&self, table: &Table) -> Result<usize, Problem> {
        let (mut most, mut count, mut is_array) = (0_i32, 0_i32, true);
        table.for_each(|key: Value, _: bool| {
            let key = match key {
                Value::Integer(key) => key as f64,
                Value::Number(key) => key,
                _ => 0.0,
            };
            is_array &= key >= 1.0 && key.floor() == key;
            // As C does it: beyond an `int` the greatest key becomes the least one.
            if key > f64::from(most) {
                most = truncated_32(key);
            }
            count = count.wrapping_add(1);
            Ok(())
        })?;
        if !is_array {
            return Ok(0);
        }
        let ratio = self.settings.get(Setting::SparseRatio);
        let is_sparse =
            ratio > 0 && most > count.wrapping_mul(ratio) && most > self.settings.get(Setting::SparseSafe);
        if !is_sparse {
            return Ok(usize::try_from(most).unwrap_or(0));
        }
        if self.settings.get(Setting::SparseConvert) == 0 {
            return Err(Problem::text("Cannot serialise table: excessively sparse array"));
        }
        Ok(0)
    }

    fn or_too_deep(&self, problem: Problem) -> Problem {
        problem.or_if_no_room(|| too_deep(self.open.len() + 1))
    }
}

fn too_deep(depth: usize) -> Problem {
    Problem::text(format!("Cannot serialise, excessive nesting ({depth})"))
}

fn cannot(value: &Value, reason: &str) -> Problem {
    Problem::text(format!("Cannot serialise {}: {reason}", type_name(value)))
}

/// For each byte what follows the backslash: 0 if it needs none, `u` if it is written as a number.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escapes[byte] = b'u';
        byte += 1;
    }
    escapes[0x7f] = b'u';
    escapes[0x08] = b'b';
    escapes[b'\t' as usize] = b't';
    escapes[b'\n' as usize] = b'n';
    escapes[0x0c] = b'f';
    escapes[b'\r' as usize] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'/' as usize] = b'/';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

fn push_string(text: &mut Vec<u8>, string: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    text.reserve(string.len() + 2);
    text.push(b'"');
    let mut rest = string;
    while let Some(at) = rest.iter().position(|&byte| ESCAPES[usize::from(byte)] != 0) {
        let byte = rest[at];
        text.extend_from_slice(&rest[..at]);
        match ESCAPES[usize::from(byte)] {
            b'u' => {
                let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                text.extend_from_slice(&[b'\\', b'u', b'0', b'0', digits[0], digits[1]]);
            }
            escape => text.extend_from_slice(&[b'\\', escape]),
        }
        rest = &rest[at + 1..];
    }
    text.extend_from_slice(rest);
    text.push(b'"');
}
