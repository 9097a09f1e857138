//! Requests out of a read buffer, incrementally and without copying.
//!
//! The parser remembers how far it has come, so a request that arrives in pieces is not read twice. A complete request is a list
//! of byte ranges of the buffer; nothing is moved until the caller has run it. Inline commands with quotes are unescaped in
//! place: the text never gets longer.
//!
//! Limits and error texts are those of Redis 7.2.4's `processMultibulkBuffer` and `processInlineBuffer`.

use std::ops::Range;

use memchr::memchr;

use crate::base::number::parse_i64;

/// Longest inline request, and longest line that states a length.
const INLINE_BYTES_MAX: usize = 64 * 1024;
const UNAUTHENTICATED_ARGUMENTS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_BYTES_MAX: i64 = 16 * 1024;

/// What bounds a request.
#[derive(Clone, Copy)]
pub struct Limits {
    /// `proto-max-bulk-len`, in bytes.
    pub bulk_bytes_max: i64,
    /// Whether the client may send more than a log-in needs.
    pub authenticated: bool,
}

/// What a look at the buffer has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A request; its arguments are in [`Parser::arguments`]. May be empty (`*0`, an empty line): there is nothing to do then.
    Request,
    /// The buffer ends in the middle of a request.
    Incomplete,
}

/// A violation of the protocol; the connection is closed after the text has been sent.
#[derive(Debug, PartialEq, Eq)]
pub struct ProtocolError(pub String);

/// A request with more arguments than this does not leave its list's memory to the next one.
const KEPT_ARGUMENTS_MAX: usize = 1024;

/// State between looks at the same buffer.
#[derive(Default)]
pub struct Parser {
    arguments: Vec<Range<usize>>,
    /// Where to go on reading.
    position: usize,
    /// Arguments still to come of the request that has begun.
    missing: i64,
    /// Length of the bulk that has been announced.
    bulk: Option<usize>,
}

impl Parser {
    /// The ranges of the buffer that are the last request's arguments.
    pub fn arguments(&self) -> &[Range<usize>] {
        &self.arguments
    }

    /// Number of bytes that have been read as whole requests or parts of one.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Tells the parser that `bytes` have been taken from the front of the buffer.
    pub fn consumed(&mut self, bytes: usize) {
        self.position -= bytes;
        if self.missing == 0 {
            // Of a request that has been handed over already.
            self.arguments.clear();
            self.arguments.shrink_to(KEPT_ARGUMENTS_MAX);
        }
        for range in &mut self.arguments {
            *range = range.start - bytes..range.end - bytes;
        }
    }

    /// Goes back to the end of an earlier request: what was read after it is read again.
    pub fn rewind(&mut self, position: usize) {
        self.position = position;
        self.missing = 0;
        self.bulk = None;
        self.arguments.clear();
    }

    /// Where the unfinished request begins: what must be kept in the buffer. None if the parser stands between requests.
    pub fn begun(&self) -> Option<usize> {
        (self.missing > 0).then(|| self.arguments.first().map_or(self.position, |first| first.start))
    }

    /// Bytes that the announced bulk still lacks, so that the buffer can be made large enough at once.
    pub fn bytes_missing(&self, buffered: usize) -> usize {
        self.bulk.map_or(0, |len| (self.position + len + 2).saturating_sub(buffered))
    }

    /// Looks for the next request. After [`Parsed::Request`] the next call goes on behind it.
    pub fn parse(&mut self, buffer: &mut [u8], limits: Limits) -> Result<Parsed, ProtocolError> {
        if self.missing == 0 {
            self.arguments.clear();
            match buffer.get(self.position) {
                None => return Ok(Parsed::Incomplete),
                Some(b'*') => {
                    if !self.parse_count(buffer, limits)? {
                        return Ok(Parsed::Incomplete);
                    }
                }
                Some(_) => return self.parse_inline(buffer),
            }
        }
        while self.missing > 0 {
            if !self.parse_bulk(buffer, limits)? {
                return Ok(Parsed::Incomplete);
            }
        }
        Ok(Parsed::Request)
    }

    /// Reads `*count`.
    fn parse_count(&mut self, buffer: &[u8], limits: Limits) -> Result<bool, ProtocolError> {
        let Some(line) = self.line(buffer, "too big mbulk count string")? else { return Ok(false) };
        let count = parse_length(&buffer[line.start + 1..line.end])
            .filter(|&count| count <= i64::from(i32::MAX))
            .ok_or_else(|| error("invalid multibulk length"))?;
        if count > UNAUTHENTICATED_ARGUMENTS_MAX && !limits.authenticated {
            return Err(error("unauthenticated multibulk length"));
        }
        self.missing = count.max(0);
        Ok(true)
    }

    /// Reads one `$length` and its bytes.
    fn parse_bulk(&mut self, buffer: &[u8], limits: Limits) -> Result<bool, ProtocolError> {
        let len = match self.bulk {
            Some(len) => len,
            None => match self.parse_bulk_length(buffer, limits)? {
                Some(len) => len,
                None => return Ok(false),
            },
        };
        if buffer.len() < self.position + len + 2 {
            self.bulk = Some(len);
            return Ok(false);
        }
        self.arguments.push(self.position..self.position + len);
        self.position += len + 2;
        self.bulk = None;
        self.missing -= 1;
        Ok(true)
    }

    fn parse_bulk_length(&mut self, buffer: &[u8], limits: Limits) -> Result<Option<usize>, ProtocolError> {
        let Some(line) = self.line(buffer, "too big bulk count string")? else { return Ok(None) };
        let first = buffer[line.start];
        if first != b'$' {
            return Err(error(&format!("expected '$', got '{}'", char::from(first))));
        }
        let len = parse_length(&buffer[line.start + 1..line.end])
            .filter(|&len| (0..=limits.bulk_bytes_max).contains(&len))
            .ok_or_else(|| error("invalid bulk length"))?;
        if len > UNAUTHENTICATED_BULK_BYTES_MAX && !limits.authenticated {
            return Err(error("unauthenticated bulk length"));
        }
        Ok(Some(len as usize))
    }

    /// The line at the position, without its end; the position moves behind it.
    fn line(&mut self, buffer: &[u8], too_long: &str) -> Result<Option<Range<usize>>, ProtocolError> {
        let start = self.position;
        let Some(len) = memchr(b'\r', &buffer[start..]) else {
            if buffer.len() - start > INLINE_BYTES_MAX {
                return Err(error(too_long));
            }
            return Ok(None);
        };
        if start + len + 2 > buffer.len() {
            return Ok(None);
        }
        self.position = start + len + 2;
        Ok(Some(start..start + len))
    }

    fn parse_inline(&mut self, buffer: &mut [u8]) -> Result<Parsed, ProtocolError> {
        let start = self.position;
        let Some(len) = memchr(b'\n', &buffer[start..]) else {
            if buffer.len() - start > INLINE_BYTES_MAX {
                return Err(error("too big inline request"));
            }
            return Ok(Parsed::Incomplete);
        };
        self.position = start + len + 1;
        let end = if len > 0 && buffer[start + len - 1] == b'\r' { start + len - 1 } else { start + len };
        if split_line(buffer, start..end, &mut self.arguments) {
            Ok(Parsed::Request)
        } else {
            Err(error("unbalanced quotes in request"))
        }
    }
}

/// Splits a line into arguments as Redis does for inline commands and configuration files: white space separates; double quotes
/// know `\n \r \t \b \a \xHH` and escaped characters, single quotes only `\'`. None if a quote is not closed or is followed
/// by anything but white space.
pub fn split_arguments(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut buffer = line.to_vec();
    let mut ranges = Vec::new();
    let whole = 0..buffer.len();
    split_line(&mut buffer, whole, &mut ranges)
        .then(|| ranges.into_iter().map(|range| buffer[range].to_vec()).collect())
}

fn split_line(buffer: &mut [u8], line: Range<usize>, out: &mut Vec<Range<usize>>) -> bool {
    let mut at = line.start;
    loop {
        while at < line.end && is_space(buffer[at]) {
            at += 1;
        }
        if at >= line.end || buffer[at] == 0 {
            return true;
        }
        match split_one(buffer, at, line.end) {
            Some((range, next)) => {
                out.push(range);
                at = next;
            }
            None => return false,
        }
    }
}

/// Reads one argument from `at`, unescaping it in place. Returns its range and where to go on.
fn split_one(buffer: &mut [u8], at: usize, end: usize) -> Option<(Range<usize>, usize)> {
    let (start, mut read, mut write) = (at, at, at);
    let mut quote = 0u8;
    while read < end {
        let byte = buffer[read];
        match (quote, byte) {
            (0, b'"' | b'\'') => {
                quote = byte;
                read += 1;
            }
            (0, 0) => break,
            (0, byte) if is_space(byte) => break,
            (b'"', b'\\') if read + 1 < end => {
                let (value, used) = unescape(&buffer[read + 1..end]);
                buffer[write] = value;
                write += 1;
                read += 1 + used;
            }
            (b'\'', b'\\') if read + 1 < end && buffer[read + 1] == b'\'' => {
                buffer[write] = b'\'';
                write += 1;
                read += 2;
            }
            (open, byte) if open == byte => {
                quote = 0;
                read += 1;
                if read < end && !is_space(buffer[read]) {
                    return None;
                }
                break;
            }
            (_, byte) => {
                buffer[write] = byte;
                write += 1;
                read += 1;
            }
        }
    }
    (quote == 0).then_some((start..write, read))
}

/// The byte that an escape stands for, and how many bytes after the backslash it takes.
fn unescape(rest: &[u8]) -> (u8, usize) {
    if let [b'x', high, low, ..] = rest
        && let (Some(high), Some(low)) = (hex(*high), hex(*low))
    {
        return (high << 4 | low, 3);
    }
    let value = match rest[0] {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    };
    (value, 1)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// A decimal length; short and hot, so it does not go through the general number parser.
#[inline]
fn parse_length(text: &[u8]) -> Option<i64> {
    let (digits, negative) = match text {
        [b'-', digits @ ..] => (digits, true),
        digits => (digits, false),
    };
    if digits.len() > 18 {
        return parse_i64(text);
    }
    if digits.is_empty() || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut value = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(if negative { -value } else { value })
}

fn error(text: &str) -> ProtocolError {
    ProtocolError(format!("Protocol error: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Limits = Limits { bulk_bytes_max: 512 << 20, authenticated: true };

    /// Feeds `input` in pieces of `step` bytes and collects the requests, or the error that ends them.
    fn run(input: &[u8], step: usize, limits: Limits) -> (Vec<Vec<Vec<u8>>>, Option<String>) {
        let mut parser = Parser::default();
        let mut buffer = Vec::new();
        let mut requests = Vec::new();
        for piece in input.chunks(step) {
            buffer.extend_from_slice(piece);
            loop {
                match parser.parse(&mut buffer, limits) {
                    Ok(Parsed::Request) => {
                        requests.push(
                            parser.arguments().iter().map(|range| buffer[range.clone()].to_vec()).collect(),
                        );
                    }
                    Ok(Parsed::Incomplete) => break,
                    Err(ProtocolError(text)) => return (requests, Some(text)),
                }
            }
            let keep = parser.begun().unwrap_or(parser.position());
            buffer.drain(..keep);
            parser.consumed(keep);
        }
        (requests, None)
    }

    #[test]
    fn many_arguments_leave_no_large_list_behind() {
        let mut parser = Parser::default();
        let mut buffer = b"*100000\r\n".to_vec();
        buffer.extend(b"$1\r\nx\r\n".repeat(100_000));
        assert!(matches!(parser.parse(&mut buffer, OPEN), Ok(Parsed::Request)));
        assert_eq!(parser.arguments().len(), 100_000);
        parser.consumed(buffer.len());
        assert!(parser.arguments.capacity() <= KEPT_ARGUMENTS_MAX);
    }

    fn check(input: &[u8], expected: &[&[&[u8]]], error: Option<&str>) {
        for step in [1, 2, 3, 7, input.len()] {
            let (requests, found) = run(input, step, OPEN);
            let requests: Vec<Vec<&[u8]>> =
                requests.iter().map(|request| request.iter().map(Vec::as_slice).collect()).collect();
            assert_eq!(
                requests,
                expected.iter().map(|request| request.to_vec()).collect::<Vec<_>>(),
                "step {step}"
            );
            assert_eq!(found.as_deref(), error, "step {step}");
        }
    }

    #[test]
    fn requests_in_pieces() {
        check(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", &[&[b"GET", b"k"], &[b"PING"]], None);
        check(b"*1\r\n$0\r\n\r\n*0\r\n*-1\r\nPING\r\n", &[&[b""], &[], &[], &[b"PING"]], None);
        check(b"*-9223372036854775808\r\nPING\r\n", &[&[], &[b"PING"]], None);
        check(b"PING\r\n\r\nSET a  b\n", &[&[b"PING"], &[], &[b"SET", b"a", b"b"]], None);
        check(
            b"SET k \"a\\x41\\n\\\"b\" 'it\\'s'\r\nGET k\r\n",
            &[&[b"SET", b"k", b"aA\n\"b", b"it's"], &[b"GET", b"k"]],
            None,
        );
    }

    #[test]
    fn violations() {
        check(b"*a\r\n", &[], Some("Protocol error: invalid multibulk length"));
        check(b"*3000000000\r\n", &[], Some("Protocol error: invalid multibulk length"));
        check(b"*1\r\nx3\r\n", &[], Some("Protocol error: expected '$', got 'x'"));
        check(b"*1\r\n$-1\r\n", &[], Some("Protocol error: invalid bulk length"));
        check(b"*1\r\n$600000000\r\n", &[], Some("Protocol error: invalid bulk length"));
        check(b"SET \"a\r\n", &[], Some("Protocol error: unbalanced quotes in request"));
        check(b"SET \"a\"b\r\n", &[], Some("Protocol error: unbalanced quotes in request"));
    }

    #[test]
    fn endless_lines_end() {
        let long = vec![b'1'; 70_000];
        let too_big = |text: &str| Some(format!("Protocol error: {text}"));
        assert_eq!(run(&long, 1000, OPEN).1, too_big("too big inline request"));
        assert_eq!(
            run(&[b"*".as_slice(), &long].concat(), 1000, OPEN).1,
            too_big("too big mbulk count string")
        );
        assert_eq!(
            run(&[b"*1\r\n$".as_slice(), &long].concat(), 1000, OPEN).1,
            too_big("too big bulk count string")
        );
    }

    #[test]
    fn strangers_may_send_little() {
        let limits = Limits { authenticated: false, ..OPEN };
        assert_eq!(
            run(b"*11\r\n", 5, limits).1.as_deref(),
            Some("Protocol error: unauthenticated multibulk length")
        );
        assert_eq!(
            run(b"*1\r\n$16385\r\n", 5, limits).1.as_deref(),
            Some("Protocol error: unauthenticated bulk length")
        );
        assert_eq!(run(b"*1\r\n$4\r\nPING\r\n", 5, limits).0.len(), 1);
    }
}
