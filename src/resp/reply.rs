//! Replies, written straight into a client's output.
//!
//! One [`Reply`] knows the client's protocol and turns each element into RESP2 or RESP3 as Redis 7.2 does; there is no tree of
//! values in between. Long strings are not copied: their chunks go into the output as shared segments (design 6).

use triomphe::Arc;

use crate::base::number;

/// Strings from this length on are sent from their own memory.
const SHARED_BYTES_MIN: usize = 16 * 1024;

/// The protocol a client has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2, as every connection begins.
    #[default]
    Resp2,
    /// RESP3, after `HELLO 3`.
    Resp3,
}

/// A piece of output.
pub enum Segment {
    /// Bytes of our own.
    Owned(Vec<u8>),
    /// Bytes of a stored value.
    Shared(Arc<Vec<u8>>),
}

impl Segment {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Output waiting to be sent: full segments, then the bytes at the end.
#[derive(Default)]
pub struct Output {
    segments: Vec<Segment>,
    segment_bytes: usize,
    tail: Vec<u8>,
}

/// A place in the output to return to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    segments: usize,
    segment_bytes: usize,
    tail: usize,
}

/// Writes replies in a client's protocol.
pub struct Reply {
    output: Output,
    protocol: Protocol,
    bytes_max: usize,
}

impl Output {
    /// Bytes waiting.
    #[inline]
    pub fn len(&self) -> usize {
        self.segment_bytes + self.tail.len()
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.segments.is_empty()
    }

    /// The only bytes there are, when they are all our own: the common case of one write.
    pub fn single(&mut self) -> Option<&mut Vec<u8>> {
        self.segments.is_empty().then_some(&mut self.tail)
    }

    /// Takes all segments, the end included.
    pub fn take(&mut self) -> Vec<Segment> {
        if !self.tail.is_empty() {
            self.segments.push(Segment::Owned(std::mem::take(&mut self.tail)));
        }
        self.segment_bytes = 0;
        std::mem::take(&mut self.segments)
    }

    fn share(&mut self, bytes: Arc<Vec<u8>>) {
        if !self.tail.is_empty() {
            self.segment_bytes += self.tail.len();
            self.segments.push(Segment::Owned(std::mem::take(&mut self.tail)));
        }
        self.segment_bytes += bytes.len();
        self.segments.push(Segment::Shared(bytes));
    }

    fn mark(&self) -> Mark {
        Mark { segments: self.segments.len(), segment_bytes: self.segment_bytes, tail: self.tail.len() }
    }

    fn splice(&mut self, mark: Mark, bytes: &[u8]) {
        if mark.segments == self.segments.len() {
            self.tail.splice(mark.tail..mark.tail, bytes.iter().copied());
        } else if let Segment::Owned(segment) = &mut self.segments[mark.segments] {
            segment.splice(mark.tail..mark.tail, bytes.iter().copied());
            self.segment_bytes += bytes.len();
        } else {
            self.segments.insert(mark.segments, Segment::Owned(bytes.to_vec()));
            self.segment_bytes += bytes.len();
        }
    }

    /// Takes off what was written since the mark.
    fn split_off(&mut self, mark: Mark) -> Self {
        let mut rest = Self::default();
        if mark.segments == self.segments.len() {
            rest.tail = self.tail.split_off(mark.tail);
            return rest;
        }
        rest.segments = self.segments.split_off(mark.segments);
        rest.tail = std::mem::take(&mut self.tail);
        // The mark's own tail has become the first of these segments, if it was not empty.
        if mark.tail > 0
            && let Some(Segment::Owned(first)) = rest.segments.first_mut()
        {
            let after = first.split_off(mark.tail);
            self.tail = std::mem::replace(first, after);
        }
        rest.segment_bytes = rest.segments.iter().map(|segment| segment.bytes().len()).sum();
        self.segment_bytes = mark.segment_bytes;
        rest
    }

    fn append(&mut self, mut rest: Self) {
        if rest.segments.is_empty() {
            self.tail.append(&mut rest.tail);
            return;
        }
        if !self.tail.is_empty() {
            self.segment_bytes += self.tail.len();
            self.segments.push(Segment::Owned(std::mem::take(&mut self.tail)));
        }
        self.segment_bytes += rest.segment_bytes;
        self.segments.append(&mut rest.segments);
        self.tail = rest.tail;
    }

    fn cut(&mut self, mark: Mark) {
        if mark.segments < self.segments.len() {
            self.tail = match self.segments.swap_remove(mark.segments) {
                Segment::Owned(bytes) => bytes,
                Segment::Shared(_) => Vec::new(),
            };
            self.segments.truncate(mark.segments);
        }
        self.tail.truncate(mark.tail);
        self.segment_bytes = mark.segment_bytes;
    }
}

impl Reply {
    /// An empty reply.
    pub fn new(protocol: Protocol) -> Self {
        Self { output: Output::default(), protocol, bytes_max: usize::MAX }
    }

    /// The protocol it writes.
    #[inline]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Changes the protocol from here on.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// Sets how many bytes may wait before [`Reply::is_too_long`].
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// How many more bytes may be written before [`Reply::is_too_long`].
    pub fn bytes_left(&self) -> usize {
        self.bytes_max.saturating_sub(self.output.len())
    }

    /// Whether more has been written than the client may leave unread. Whoever writes as much as an argument says stops then.
    #[inline]
    pub fn is_too_long(&self) -> bool {
        self.output.len() > self.bytes_max
    }

    /// Whether it writes RESP3.
    #[inline]
    pub fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// What has been written and not taken yet.
    #[inline]
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Bytes written and not taken yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.output.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.output.is_empty()
    }

    /// The present end, to [`Reply::rewind`] to or to put a header at.
    #[inline]
    pub fn mark(&self) -> Mark {
        self.output.mark()
    }

    /// Forgets what was written since the mark.
    pub fn rewind(&mut self, mark: Mark) {
        self.output.cut(mark);
    }

    /// Puts an error in the place of what was written between the marks. Marks up to `start` stay valid.
    pub fn replace_with_error(&mut self, start: Mark, end: Mark, text: &str) {
        let rest = self.output.split_off(end);
        self.output.cut(start);
        self.error(text);
        self.output.append(rest);
    }

    /// `+text`
    pub fn simple(&mut self, text: &str) {
        self.line(b'+', text.as_bytes());
    }

    /// `+OK`
    #[inline]
    pub fn ok(&mut self) {
        self.raw(b"+OK\r\n");
    }

    /// `-text`; line ends inside become spaces, those at its end go. The text begins with its code (`ERR ...`).
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        let is_text = |byte: &u8| !matches!(byte, b'\r' | b'\n');
        let text = text.as_ref();
        let end = text.iter().rposition(is_text).map_or(0, |last| last + 1);
        let clean = |byte: &u8| if is_text(byte) { *byte } else { b' ' };
        let clean: Vec<u8> = text[..end].iter().map(clean).collect();
        self.line(b'-', &clean);
    }

    /// `:number`
    #[inline]
    pub fn integer(&mut self, number: i64) {
        self.number_line(b':', number);
    }

    /// A count.
    #[inline]
    pub fn count(&mut self, count: usize) {
        self.number_line(b':', count as i64);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        if bytes.len() >= SHARED_BYTES_MIN {
            self.output.tail.reserve(bytes.len() + 24);
        }
        self.number_line(b'$', bytes.len() as i64);
        self.output.tail.extend_from_slice(bytes);
        self.output.tail.extend_from_slice(b"\r\n");
    }

    /// A bulk string that is a number's text.
    #[inline]
    pub fn bulk_integer(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A long string of `len` bytes, sent from its own chunks.
    pub fn bulk_chunks<'c>(&mut self, len: usize, chunks: impl IntoIterator<Item = &'c Arc<Vec<u8>>>) {
        self.number_line(b'$', len as i64);
        chunks.into_iter().for_each(|chunk| self.output.share(chunk.clone()));
        self.raw(b"\r\n");
    }

    /// A bulk string or, for None, null.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.null(),
        }
    }

    /// Null: `$-1` or `_`.
    #[inline]
    pub fn null(&mut self) {
        self.raw(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// A null where an array would stand: `*-1` or `_`.
    pub fn null_array(&mut self) {
        self.raw(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// The head of an array of `len` elements.
    #[inline]
    pub fn array(&mut self, len: usize) {
        self.number_line(b'*', len as i64);
    }

    /// The head of a map of `len` pairs; in RESP2 an array of twice the length.
    pub fn map(&mut self, len: usize) {
        if self.is_resp3() { self.number_line(b'%', len as i64) } else { self.array(2 * len) }
    }

    /// The head of a set of `len` elements; in RESP2 an array.
    pub fn set(&mut self, len: usize) {
        self.number_line(if self.is_resp3() { b'~' } else { b'*' }, len as i64);
    }

    /// The head of a push of `len` elements; in RESP2 an array.
    pub fn push(&mut self, len: usize) {
        self.number_line(if self.is_resp3() { b'>' } else { b'*' }, len as i64);
    }

    /// The head of attributes, `len` pairs; RESP3 only.
    pub fn attribute(&mut self, len: usize) {
        debug_assert!(self.is_resp3());
        self.number_line(b'|', len as i64);
    }

    /// Puts the head of an array of `len` elements where the mark is, when its length was not known before.
    pub fn array_at(&mut self, mark: Mark, len: usize) {
        self.head_at(mark, b'*', len);
    }

    /// As [`Reply::array_at`] for a map of `len` pairs.
    pub fn map_at(&mut self, mark: Mark, len: usize) {
        if self.is_resp3() { self.head_at(mark, b'%', len) } else { self.head_at(mark, b'*', 2 * len) }
    }

    /// As [`Reply::array_at`] for a set.
    pub fn set_at(&mut self, mark: Mark, len: usize) {
        self.head_at(mark, if self.is_resp3() { b'~' } else { b'*' }, len);
    }

    /// A double: `,text`, in RESP2 a bulk string.
    pub fn double(&mut self, number: f64) {
        self.double_text(&number::format_f64(number));
    }

    /// As [`Reply::double`], with the digits that the command wants.
    pub fn double_text(&mut self, text: &str) {
        if self.is_resp3() { self.line(b',', text.as_ref()) } else { self.bulk(text.as_ref()) }
    }

    /// A boolean: `#t` or `#f`, in RESP2 1 or 0.
    pub fn boolean(&mut self, value: bool) {
        match (self.is_resp3(), value) {
            (true, true) => self.raw(b"#t\r\n"),
            (true, false) => self.raw(b"#f\r\n"),
            (false, value) => self.integer(value.into()),
        }
    }

    /// Text for people: `=len` with a three-letter kind such as `txt`, in RESP2 a bulk string.
    pub fn verbatim(&mut self, kind: &str, text: &[u8]) {
        if !self.is_resp3() {
            return self.bulk(text);
        }
        self.number_line(b'=', text.len() as i64 + 4);
        self.raw(kind.as_bytes());
        self.raw(b":");
        self.raw(text);
        self.raw(b"\r\n");
    }

    /// The lines of a HELP subcommand, each a status.
    pub fn help(&mut self, lines: &[&str]) {
        self.array(lines.len());
        lines.iter().for_each(|line| self.simple(line));
    }

    /// Bytes that are protocol already.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.output.tail.extend_from_slice(bytes);
    }

    /// All of another reply's output.
    pub fn append(&mut self, other: &mut Output) {
        for segment in other.take() {
            match segment {
                Segment::Owned(bytes) => self.raw(&bytes),
                Segment::Shared(bytes) => self.output.share(bytes),
            }
        }
    }

    fn head_at(&mut self, mark: Mark, kind: u8, len: usize) {
        let mut head = vec![kind];
        head.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
        head.extend_from_slice(b"\r\n");
        self.output.splice(mark, &head);
    }

    #[inline]
    fn number_line(&mut self, kind: u8, number: i64) {
        let tail = &mut self.output.tail;
        if let 0..=9 = number {
            return tail.extend_from_slice(&[kind, b'0' + number as u8, b'\r', b'\n']);
        }
        tail.push(kind);
        tail.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        tail.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        let tail = &mut self.output.tail;
        tail.push(kind);
        tail.extend_from_slice(text);
        tail.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(write: impl Fn(&mut Reply), resp2: &str, resp3: &str) {
        for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut reply = Reply::new(protocol);
            write(&mut reply);
            assert_eq!(text(&mut reply), expected);
        }
    }

    fn text(reply: &mut Reply) -> String {
        let len = reply.len();
        let bytes: Vec<u8> =
            reply.output().take().iter().flat_map(|segment| segment.bytes().to_vec()).collect();
        assert_eq!(bytes.len(), len);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_kind_in_both_protocols() {
        check(|reply| reply.ok(), "+OK\r\n", "+OK\r\n");
        check(|reply| reply.error("ERR a\r\nb\r\n"), "-ERR a  b\r\n", "-ERR a  b\r\n");
        check(|reply| reply.integer(-12), ":-12\r\n", ":-12\r\n");
        check(|reply| reply.bulk(b"abc"), "$3\r\nabc\r\n", "$3\r\nabc\r\n");
        check(|reply| reply.null(), "$-1\r\n", "_\r\n");
        check(|reply| reply.null_array(), "*-1\r\n", "_\r\n");
        check(|reply| reply.map(2), "*4\r\n", "%2\r\n");
        check(|reply| reply.set(11), "*11\r\n", "~11\r\n");
        check(|reply| reply.push(3), "*3\r\n", ">3\r\n");
        check(|reply| reply.double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n");
        check(|reply| reply.boolean(true), ":1\r\n", "#t\r\n");
        check(|reply| reply.verbatim("txt", b"hi"), "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n");
    }

    #[test]
    fn heads_come_afterwards_and_errors_take_back() {
        for long in [false, true] {
            let mut reply = Reply::new(Protocol::Resp3);
            reply.integer(1);
            let mark = reply.mark();
            if long {
                reply.bulk_chunks(3, &[Arc::new(vec![b'x'; 3])]);
            } else {
                reply.bulk(b"xxx");
            }
            reply.integer(2);
            reply.array_at(mark, 2);
            let after = reply.mark();
            reply.bulk_chunks(70_000, &[Arc::new(vec![b'y'; 70_000])]);
            reply.rewind(after);
            assert_eq!(text(&mut reply), ":1\r\n*2\r\n$3\r\nxxx\r\n:2\r\n");
        }
    }
}
