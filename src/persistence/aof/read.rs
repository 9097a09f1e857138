//! The commands of an append-only file, one after the other.
//!
//! A file is a sequence of commands as arrays of bulk strings and of annotations, lines that begin with `#`. The reader keeps
//! one buffer; arguments are ranges of it, so an argument costs no allocation. The buffer grows only as the file delivers: a
//! stated length reserves nothing. Faults tell apart what ends too early, as a crash leaves it, from what cannot be read.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;

/// The buffer to begin with, which a longer command enlarges.
const BUFFER_BYTES: usize = 256 * 1024;
/// A buffer that was enlarged beyond this is given back after its command.
const KEPT_BYTES_MAX: usize = 16 * BUFFER_BYTES;
/// Longest line with a number that is looked at: mark, sign, more digits than any number has, line end.
const NUMBER_LINE_MAX: usize = 24;
/// Longest annotation with its line end; Redis reads lines of this length.
const ANNOTATION_BYTES_MAX: usize = 1023;

/// Reads items from `source`.
pub struct CommandReader<R> {
    source: R,
    buffer: Vec<u8>,
    /// The part of the buffer that holds the file's bytes.
    filled: usize,
    /// Where the current item begins, and where to go on reading.
    start: usize,
    cursor: usize,
    /// The offset in the file of the buffer's first byte.
    offset: u64,
    /// Of the current command, counted from `start`.
    arguments: Vec<Range<usize>>,
    ended: bool,
    lines: u64,
}

/// What a file consists of.
#[derive(Debug)]
pub enum Item<'a> {
    /// A command.
    Command(Arguments<'a>),
    /// A line that begins with `#`, without its end.
    Annotation(&'a [u8]),
}

/// The words of a command. `*0` has none.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a> {
    bytes: &'a [u8],
    ranges: &'a [Range<usize>],
}

/// What cannot be read, and where.
#[derive(Debug)]
pub struct ReadError {
    /// The start of the line or of the bulk string at fault.
    pub offset: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug)]
pub enum Fault {
    /// The file ends within a command, between lines.
    MissingLine,
    /// The file ends within a line; the two bytes that its end would have begun with, zero where there is none.
    ShortLine([u8; 2]),
    /// The file ends within a bulk string with its line end: bytes wanted and there.
    ShortData(i64, u64),
    /// The file ends within an annotation.
    ShortAnnotation,
    /// Another byte than `*` or `#` where an item should begin.
    NoItem(u8),
    /// Another byte than the expected `$`.
    Prefix(u8),
    /// Something else than the end of a line.
    LineEnd([u8; 2]),
    /// A length that no string has.
    Length(i64),
    /// An annotation that does not end.
    LongAnnotation,
    /// The system refused.
    Io(io::Error),
}

impl<'a> Arguments<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The words in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.ranges.iter().map(move |range| &bytes[range.clone()])
    }

    /// Where the first word and the last one begin, counted from the start of the command.
    pub fn places(&self) -> Option<(usize, usize)> {
        Some((self.ranges.first()?.start, self.ranges.last()?.start))
    }

    /// Whether the command is `name`, which is in lower case.
    pub fn is_command(&self, name: &str) -> bool {
        self.iter().next().is_some_and(|first| first.eq_ignore_ascii_case(name.as_bytes()))
    }
}

impl<R: Read> CommandReader<R> {
    /// A reader of `source`, which stands at `offset` of its file.
    pub fn new(source: R, offset: u64) -> Self {
        let buffer = vec![0; BUFFER_BYTES];
        let arguments = Vec::new();
        Self { source, buffer, filled: 0, start: 0, cursor: 0, offset, arguments, ended: false, lines: 0 }
    }

    /// Where the last item ended.
    pub fn offset(&self) -> u64 {
        self.offset + self.cursor as u64
    }

    /// Lines read so far, a bulk string counting as one, annotations as none.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The next item, or nothing at the end of the file. After an error there is nothing sensible to read.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        self.start = self.cursor;
        self.arguments.clear();
        if self.available(1)? == 0 {
            return Ok(None);
        }
        match self.buffer[self.cursor] {
            b'*' => self.command().map(Some),
            b'#' => self.annotation().map(Some),
            other => Err(self.error(self.cursor, Fault::NoItem(other))),
        }
    }

    fn command(&mut self) -> Result<Item<'_>, ReadError> {
        let count = self.number(b'*')?;
        for _ in 0..count {
            let line = self.cursor - self.start;
            let length = self.number(b'$')?;
            if !(0..=i64::MAX - 2).contains(&length) {
                return Err(self.error(self.start + line, Fault::Length(length)));
            }
            let data = self.data(length as usize)?;
            self.arguments.push(data);
        }
        let bytes = &self.buffer[self.start..self.cursor];
        Ok(Item::Command(Arguments { bytes, ranges: &self.arguments }))
    }

    /// A line of `prefix`, a number and the line's end. No digits are 0, as in C.
    #[inline]
    fn number(&mut self, prefix: u8) -> Result<i64, ReadError> {
        let there = self.available(NUMBER_LINE_MAX)?;
        let line = &self.buffer[self.cursor..self.cursor + there.min(NUMBER_LINE_MAX)];
        let fault = match read_number(line, prefix) {
            Ok((number, length)) => {
                self.cursor += length;
                self.lines += 1;
                return Ok(number);
            }
            Err(fault) => fault,
        };
        Err(self.error(self.cursor, fault))
    }

    /// The range, counted from `start`, of a bulk string of `length` bytes.
    #[inline]
    fn data(&mut self, length: usize) -> Result<Range<usize>, ReadError> {
        let there = self.available(length + 2)?;
        if there < length + 2 {
            return Err(self.error(self.cursor, Fault::ShortData(length as i64 + 2, there as u64)));
        }
        let end = self.cursor + length;
        let line_end = [self.buffer[end], self.buffer[end + 1]];
        if line_end != *b"\r\n" {
            return Err(self.error(self.cursor, Fault::LineEnd(line_end)));
        }
        let range = self.cursor - self.start..end - self.start;
        self.cursor = end + 2;
        self.lines += 1;
        Ok(range)
    }

    fn annotation(&mut self) -> Result<Item<'_>, ReadError> {
        let there = self.available(ANNOTATION_BYTES_MAX)?.min(ANNOTATION_BYTES_MAX);
        let line = &self.buffer[self.cursor..self.cursor + there];
        let Some(length) = memchr::memchr(b'\n', line) else {
            let fault =
                if there < ANNOTATION_BYTES_MAX { Fault::ShortAnnotation } else { Fault::LongAnnotation };
            return Err(self.error(self.cursor, fault));
        };
        self.cursor += length + 1;
        let line = &self.buffer[self.start..self.start + length];
        Ok(Item::Annotation(line.strip_suffix(b"\r").unwrap_or(line)))
    }

    /// Bytes in the buffer from the cursor on: at least `wanted`, or as many as the file still has.
    #[inline]
    fn available(&mut self, wanted: usize) -> Result<usize, ReadError> {
        while self.filled - self.cursor < wanted && !self.ended {
            self.fill(wanted)?;
        }
        Ok(self.filled - self.cursor)
    }

    #[cold]
    fn fill(&mut self, wanted: usize) -> Result<(), ReadError> {
        if self.filled == self.buffer.len() {
            self.make_room(wanted);
        }
        match self.source.read(&mut self.buffer[self.filled..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(self.error(self.filled, Fault::Io(error))),
        }
        Ok(())
    }

    /// Drops what lies before the current item; if that is nothing, enlarges the buffer, at most to twice what has come.
    fn make_room(&mut self, wanted: usize) {
        let dropped = self.start;
        self.buffer.copy_within(dropped..self.filled, 0);
        self.offset += dropped as u64;
        self.start = 0;
        self.cursor -= dropped;
        self.filled -= dropped;
        if self.filled == self.buffer.len() {
            let needed = self.cursor.saturating_add(wanted).max(self.filled + BUFFER_BYTES);
            self.buffer.resize(needed.min(self.filled * 2), 0);
        } else if self.buffer.len() > KEPT_BYTES_MAX && self.filled < BUFFER_BYTES && wanted < BUFFER_BYTES {
            self.buffer.truncate(BUFFER_BYTES);
            self.buffer.shrink_to_fit();
        }
    }

    fn error(&self, at: usize, fault: Fault) -> ReadError {
        ReadError { offset: self.offset + at as u64, fault }
    }
}

/// The number of a line and the line's length. `line` is short only where the file ends.
fn read_number(line: &[u8], prefix: u8) -> Result<(i64, usize), Fault> {
    match line.first() {
        None => return Err(Fault::MissingLine),
        Some(&first) if first != prefix => return Err(Fault::Prefix(first)),
        Some(_) => {}
    }
    let negative = line.get(1) == Some(&b'-');
    let mut at = 1 + usize::from(negative);
    let mut number = 0i64;
    while let Some(digit) = line.get(at).filter(|byte| byte.is_ascii_digit() && at < NUMBER_LINE_MAX - 2) {
        number = number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
        at += 1;
    }
    let number = if negative { -number } else { number };
    match line[at..] {
        [b'\r', b'\n', ..] => Ok((number, at + 2)),
        [] => Err(Fault::ShortLine([0, 0])),
        [b'\r'] => Err(Fault::ShortLine([b'\r', 0])),
        [first, ref rest @ ..] => Err(Fault::LineEnd([first, rest.first().copied().unwrap_or(0)])),
    }
}

impl Fault {
    /// Whether the file ends too early and is sound up to there, as a crash leaves it.
    pub fn is_truncation(&self) -> bool {
        matches!(self, Self::MissingLine | Self::ShortLine(_) | Self::ShortData(..) | Self::ShortAnnotation)
    }
}

/// In the words of redis-check-aof where it has some.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingLine => f.write_str("Expected more of a command, got the end of the file"),
            Self::ShortLine([first, second]) | Self::LineEnd([first, second]) => {
                write!(f, "Expected \\r\\n, got: {first:02x}{second:02x}")
            }
            Self::ShortData(wanted, there) => write!(f, "Expected to read {wanted} bytes, got {there} bytes"),
            Self::ShortAnnotation => {
                f.write_str("Expected the end of an annotation, got the end of the file")
            }
            Self::NoItem(byte) => write!(f, "Expected '*' or '#', got: '{}'", byte.escape_ascii()),
            Self::Prefix(byte) => write!(f, "Expected prefix '$', got: '{}'", byte.escape_ascii()),
            Self::Length(length) => {
                write!(f, "Expected to read string of {length} bytes, which is not in the suitable range")
            }
            Self::LongAnnotation => {
                write!(f, "Expected an annotation of at most {ANNOTATION_BYTES_MAX} bytes, got a longer one")
            }
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}: {}", self.offset, self.fault)
    }
}

#[cfg(test)]
mod tests;
