//! LZF, the compression of strings in RDB files.
//!
//! ```text
//! 000LLLLL literal bytes           L + 1 of them
//! LLLooooo oooooooo                a copy of L + 2 bytes, L below 7, from o + 1 bytes back
//! 111ooooo LLLLLLLL oooooooo       a copy of L + 9 bytes
//! ```
//!
//! 1. Streams may be joined: the stream of `a` followed by that of `b` is one of `ab`. So large strings are compressed
//!    piece by piece.
//! 2. The table of positions outlives a call: positions count on from call to call, and those from before the present one
//!    are recognized by being too small. Clearing it would cost more than compressing the short strings that are the rule.

use std::cell::RefCell;

/// Farthest that a copy reaches back.
const DISTANCE_MAX: usize = 1 << 13;
const COPY_MIN: usize = 3;
const COPY_MAX: usize = 264;
const LITERALS_MAX: usize = 32;
/// Three bytes stand for at most 264.
const RATIO_MAX: usize = COPY_MAX / 3;
const TABLE_BITS: u32 = 13;
/// After so many bytes without a copy, every other byte is passed over, then two of three, and so on: what cannot be compressed
/// is done with soon.
const PATIENCE: usize = 64;

thread_local! {
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new());
}

/// Appends the compressed form of `input` to `out`, if it takes at most `len_max` bytes. Otherwise returns false, and `out` is
/// as before.
pub fn compress(input: &[u8], len_max: usize, out: &mut Vec<u8>) -> bool {
    COMPRESSOR.with_borrow_mut(|compressor| compressor.compress(input, len_max, out))
}

/// The `len` bytes whose compressed form is `input`. None if it isn't one.
pub fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len.div_ceil(RATIO_MAX) > input.len() {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    let mut rest = input;
    while let [control, tail @ ..] = rest {
        let control = usize::from(*control);
        if control < LITERALS_MAX {
            let (literals, tail) = tail.split_at_checked(control + 1)?;
            out.extend_from_slice(literals);
            rest = tail;
        } else {
            let (copied, tail) = if control >> 5 == 7 {
                let (long, tail) = tail.split_first()?;
                (usize::from(*long) + 9, tail)
            } else {
                ((control >> 5) + 2, tail)
            };
            let (low, tail) = tail.split_first()?;
            copy_back(&mut out, ((control & 0x1f) << 8 | usize::from(*low)) + 1, copied)?;
            rest = tail;
        }
        if out.len() > len {
            return None;
        }
    }
    (out.len() == len).then_some(out)
}

/// Appends `count` bytes from `distance` back; what is appended may be part of what is copied.
fn copy_back(out: &mut Vec<u8>, distance: usize, count: usize) -> Option<()> {
    let start = out.len().checked_sub(distance)?;
    let mut left = count;
    while left > 0 {
        let step = left.min(out.len() - start);
        out.extend_from_within(start..start + step);
        left -= step;
    }
    Some(())
}

struct Compressor {
    /// Where three bytes with this hash were last seen: position plus `base` of that call.
    table: Box<[u32; 1 << TABLE_BITS]>,
    /// Added to the positions of the present call (rule 2).
    base: u32,
}

impl Compressor {
    fn new() -> Self {
        Self { table: Box::new([0; 1 << TABLE_BITS]), base: 1 }
    }

    fn compress(&mut self, input: &[u8], len_max: usize, out: &mut Vec<u8>) -> bool {
        let Some(end) = u32::try_from(input.len()).ok().and_then(|len| self.claim(len)) else { return false };
        let start = out.len();
        let (mut at, mut literals) = (0, 0);
        while let Some(source) = self.last_seen(input, at) {
            let Some(source) = source else {
                at += 1 + (at - literals) / PATIENCE;
                continue;
            };
            let copied = COPY_MIN + common_len(input, source + COPY_MIN, at + COPY_MIN);
            push_literals(&input[literals..at], out);
            push_copy(at - source, copied, out);
            at += copied;
            literals = at;
            // What follows a copy often follows it again.
            self.last_seen(input, at - 1);
        }
        self.base = end;
        push_literals(&input[literals..], out);
        let fits = out.len() - start <= len_max;
        if !fits {
            out.truncate(start);
        }
        fits
    }

    /// Makes room for `len` positions above `base`, and returns the base of the next call.
    fn claim(&mut self, len: u32) -> Option<u32> {
        if self.base.checked_add(len).is_none() {
            self.table.fill(0);
            self.base = 1;
        }
        self.base.checked_add(len)
    }

    /// Where the three bytes at `at` were last seen, if they are near enough to copy from; they are now seen here. None at the
    /// end of the input.
    #[inline]
    fn last_seen(&mut self, input: &[u8], at: usize) -> Option<Option<usize>> {
        let three = three_at(input, at)?;
        let place = three.wrapping_mul(0x9e37_79b1) >> (u32::BITS - TABLE_BITS);
        let seen = std::mem::replace(&mut self.table[place as usize], self.base + at as u32);
        let source = seen.wrapping_sub(self.base) as usize;
        let found =
            seen >= self.base && at - source <= DISTANCE_MAX && three_at(input, source) == Some(three);
        Some(found.then_some(source))
    }
}

/// Three bytes, where a fourth follows: all four are read at once.
#[inline]
fn three_at(input: &[u8], at: usize) -> Option<u32> {
    let four = input.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*four) & 0xff_ffff)
}

/// How many bytes from `source` and from `at` on are the same, up to what a copy may still take.
#[inline]
fn common_len(input: &[u8], source: usize, at: usize) -> usize {
    let pairs = input[source..].iter().zip(&input[at..]);
    pairs.take(COPY_MAX - COPY_MIN).take_while(|(left, right)| left == right).count()
}

#[inline]
fn push_literals(literals: &[u8], out: &mut Vec<u8>) {
    for run in literals.chunks(LITERALS_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

#[inline]
fn push_copy(distance: usize, count: usize, out: &mut Vec<u8>) {
    let (distance, count) = (distance - 1, count - 2);
    let high = (distance >> 8) as u8;
    if count < 7 {
        out.push((count as u8) << 5 | high);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (count - 7) as u8]);
    }
    out.push(distance as u8);
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn check(input: &[u8]) {
        let mut out = b"before".to_vec();
        assert!(compress(input, usize::MAX, &mut out));
        let (before, compressed) = out.split_at(6);
        assert_eq!(before, b"before");
        assert!(compressed.len() <= input.len() + input.len() / LITERALS_MAX + 1);
        assert_eq!(decompress(compressed, input.len()).as_deref(), Some(input));
        if let Some(shorter) = input.len().checked_sub(1) {
            assert_eq!(decompress(compressed, shorter), None);
        }
        assert_eq!(decompress(compressed, input.len() + 1), None);
        let len = compressed.len();
        let mut again = Vec::new();
        assert!(compress(input, len, &mut again) || input.is_empty());
        assert!(len == 0 || !compress(input, len - 1, &mut again));
    }

    #[test]
    fn runs_copies_and_their_edges() {
        for len in [0, 1, 2, 3, 4, 31, 32, 33, 263, 264, 265, 266, 267, 268, 8190, 8194, 20_000] {
            check(&vec![7; len]);
            check(&(0..len).map(|n| (n * n / 7) as u8).collect::<Vec<_>>());
            let apart = [b"abcdefgh".to_vec(), vec![0; len], b"abcdefgh".to_vec()].concat();
            check(&apart);
        }
    }

    #[test]
    fn repetitions_shrink() {
        let mut out = Vec::new();
        assert!(compress(&b"ab".repeat(500), 30, &mut out));
        let words = "the quick brown fox jumps over the lazy dog and the quick brown cat ".repeat(3);
        assert!(compress(words.as_bytes(), words.len() / 2, &mut out));
    }

    #[test]
    fn positions_are_forgotten_before_they_overflow() {
        let mut compressor = Compressor::new();
        let (input, mut expected) = (b"abcabcabcabcabcabcabc", Vec::new());
        assert!(compressor.compress(input, 30, &mut expected));
        compressor.base = u32::MAX - 30;
        for _ in 0..3 {
            let mut out = Vec::new();
            assert!(compressor.compress(input, 30, &mut out));
            assert_eq!(out, expected);
        }
        assert!(compressor.base < 100);
    }

    #[test]
    fn joined_streams_are_one() {
        let (left, right) = (b"abcabcabcabc", b"abcabcx");
        let mut out = Vec::new();
        assert!(compress(left, 100, &mut out) && compress(right, 100, &mut out));
        assert_eq!(decompress(&out, 19).unwrap(), b"abcabcabcabcabcabcx");
    }

    #[test]
    fn broken_streams_are_refused() {
        for (stream, len) in [
            (&b"\x02ab"[..], 3),
            (b"\x00a\x20", 4),
            (b"\x00a\xe0\x00", 10),
            (b"\x00a\x20\x01", 4),
            (b"\x20\x00", 3),
            (b"\x00a\xe0\xff\x00", 4),
            (b"\x00a", 1000),
            (b"", 1),
        ] {
            assert_eq!(decompress(stream, len), None, "{stream:?}");
        }
        assert_eq!(decompress(b"", 0), Some(Vec::new()));
        assert_eq!(decompress(b"\x00a\xe0\xff\x00", 265).unwrap(), [b'a'; 265]);
    }

    proptest! {
        #[test]
        fn anything_comes_back(input in prop_oneof![
            vec(any::<u8>(), 0..3000),
            vec(0..3u8, 0..3000),
            vec(vec(0..9u8, 1..50), 1..9).prop_map(|words| words.concat().repeat(20)),
        ]) {
            check(&input);
        }

        #[test]
        fn noise_is_no_trouble(input in vec(any::<u8>(), 0..300), len in 0..5000_usize) {
            if let Some(out) = decompress(&input, len) {
                prop_assert_eq!(out.len(), len);
            }
        }
    }
}
