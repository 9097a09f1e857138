//! Requests as a socket delivers them: pipelines of inline and multibulk requests, in pieces of any size.

use fastrand::Rng;

use tartan::resp::{Limits, Parsed, Parser, ProtocolError, encode_command};

use crate::fuzz;
use crate::mutate::mutate;

/// Inline requests with all that quotes and escapes can do.
const INLINE: &[&[u8]] = &[
    b"PING\r\n",
    b"\r\n",
    b"\n",
    b"SET key 'it\\'s' \n",
    b"SET \"a\\x41\\xzz\\n\\\"b\"\t\x0b''\r\n",
    b"GET \"\\\r\n",
    b"GET \"a\"b\r\n",
    b"GET 'a\r\n",
    b"GET a\0b\r\n",
    b" \"\\x4\" \"\\\\\" \r\r\n",
];

/// Pieces of requests that announce what does not come, or what nobody may send.
const FRAGMENTS: &[&[u8]] = &[
    b"*2147483647\r\n",
    b"*2147483648\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*\r\n",
    b"*+1\r\n",
    b"*01\r\n",
    b"*9223372036854775807\r\n",
    b"*-9223372036854775808\r\n",
    b"*99999999999999999999\r\n",
    b"*1\r\n$536870912\r\n",
    b"*1\r\n$9223372036854775807\r\n",
    b"*2\r\n$-1\r\n",
    b"*1\r\n$\r\n\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*1\r\n:1\r\n",
    b"$4\r\nPING\r\n",
    b"*1\n$4\nPING\n",
    b"\r",
    b"*1\r\r\n",
];

/// What has a meaning somewhere in a request.
const SIGNS: &[u8] = b"*$-019\r\n\"'\\x \0";

fn pipeline(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.usize(1..8) {
        match rng.u8(..10) {
            0..6 => {
                let arguments: Vec<Vec<u8>> = (0..rng.usize(..6)).map(|_| argument(rng)).collect();
                encode_command(&mut bytes, arguments.iter());
            }
            6..9 => bytes.extend_from_slice(INLINE[rng.usize(..INLINE.len())]),
            _ => bytes.extend_from_slice(FRAGMENTS[rng.usize(..FRAGMENTS.len())]),
        }
    }
    bytes
}

fn argument(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..50) {
        0..6 => Vec::new(),
        6..12 => b"\r\n*1\r\n$1\r\n".to_vec(),
        12 => vec![b'x'; rng.usize(..20_000)],
        _ => (0..rng.usize(..30)).map(|_| rng.u8(..)).collect(),
    }
}

fn make(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..100) {
        0..6 => (0..rng.usize(..200)).map(|_| rng.u8(..)).collect(),
        6..12 => (0..rng.usize(..60)).map(|_| SIGNS[rng.usize(..SIGNS.len())]).collect(),
        // A line that does not end.
        12 => {
            [pipeline(rng), FRAGMENTS[rng.usize(..4)][..1].to_vec(), vec![b'1'; rng.usize(60_000..200_000)]]
                .concat()
        }
        13..30 => pipeline(rng),
        _ => {
            let mut bytes = pipeline(rng);
            mutate(&mut bytes, rng);
            bytes
        }
    }
}

/// What a stream of bytes has come to.
#[derive(Debug, PartialEq)]
struct Outcome {
    requests: Vec<Vec<Vec<u8>>>,
    error: Option<ProtocolError>,
    /// Where the parser stands in the stream, and how many arguments of a request it has.
    position: usize,
    arguments: usize,
}

/// Feeds a parser as a connection does: what it has done with leaves the buffer after every piece.
fn feed<'p>(pieces: impl Iterator<Item = &'p [u8]>, limits: Limits) -> Outcome {
    let (mut parser, mut buffer, mut taken, mut requests) = (Parser::default(), Vec::new(), 0, Vec::new());
    let mut error = None;
    'pieces: for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            let before = parser.position();
            let found = parser.parse(&mut buffer, limits);
            let ranges = parser.arguments();
            assert!(parser.position() >= before && parser.position() <= buffer.len());
            assert!(ranges.len() <= buffer.len() / 2 + 1, "an argument takes two bytes at least");
            match found {
                Ok(Parsed::Request) => {
                    assert!(parser.position() > before, "a request takes bytes");
                    assert_eq!(parser.begun(), None);
                    requests.push(ranges.iter().map(|range| buffer[range.clone()].to_vec()).collect());
                }
                Ok(Parsed::Incomplete) => break,
                Err(violation) => {
                    error = Some(violation);
                    break 'pieces;
                }
            }
        }
        let missing = parser.bytes_missing(buffer.len());
        assert!(missing <= limits.bulk_bytes_max as usize + 2);
        let kept_from = parser.begun().unwrap_or(parser.position());
        buffer.drain(..kept_from);
        parser.consumed(kept_from);
        taken += kept_from;
    }
    let arguments = if parser.begun().is_some() { parser.arguments().len() } else { 0 };
    Outcome { requests, error, position: taken + parser.position(), arguments }
}

/// Whether all of the input is requests. However it is cut, it comes to the same.
fn check(input: &[u8]) -> bool {
    const LINE_BYTES_MAX: usize = 64 * 1024;
    let mut rng = Rng::with_seed(input.iter().fold(0, |sum, &byte| sum * 31 % 1_000_003 + u64::from(byte)));
    let limits =
        Limits { bulk_bytes_max: [10, 16 * 1024, 512 << 20][rng.usize(..3)], authenticated: rng.u8(..4) > 0 };
    let whole = feed(std::iter::once(input), limits);
    // A line that is not whole is looked through again with every piece.
    let few = 1 + input.len() / 100;
    let mut ways = vec![rng.usize(few..20 * few), rng.usize(few..5000.max(2 * few))];
    ways.extend((input.len() < 300).then_some(1));
    for most in ways {
        let (mut left, rng) = (input, &mut rng);
        let pieces = std::iter::from_fn(|| {
            let (piece, rest) = left.split_at(left.len().min(rng.usize(1..=most)));
            left = rest;
            (!piece.is_empty()).then_some(piece)
        });
        let pieces: Vec<&[u8]> = pieces.collect();
        let cut = feed(pieces.iter().copied(), limits);
        // Of a line that is too long it matters how much of it is there.
        if input.len() < LINE_BYTES_MAX {
            assert_eq!(cut, whole, "in pieces of at most {most} bytes");
        }
    }
    whole.error.is_none() && !whole.requests.is_empty()
}

#[test]
fn requests() {
    fuzz("requests", make, check);
}
