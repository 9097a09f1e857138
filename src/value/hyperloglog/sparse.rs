//! The sparse form: runs of registers of equal rank, one after the other.
//!
//! `00nnnnnn` is n + 1 registers of rank 0, `01nnnnnn nnnnnnnn` the same for longer runs, `1rrrrrnn` n + 1 registers of rank
//! r + 1.

use std::fmt;

use super::{Corrupt, HEADER_LEN, Mark, REGISTERS};

/// The longest run of rank 0 in one byte.
const SHORT_ZEROS_MAX: usize = 64;
/// The longest run of another rank.
const RANKED_MAX: usize = 4;
/// How many runs are looked at for joining, from the one before the change.
const JOINED_MAX: usize = 5;

/// A run of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Rank 0, in one byte.
    Zeros(usize),
    /// Rank 0, in two bytes.
    ManyZeros(usize),
    /// A rank and its registers.
    Ranked(u8, usize),
}

impl Run {
    /// The run that begins with `bytes`, which are not empty. A second byte that is missing reads as 0, as in Redis.
    fn read(bytes: &[u8]) -> Self {
        let first = bytes[0];
        match first >> 6 {
            0 => Self::Zeros(usize::from(first) + 1),
            1 => {
                let second = bytes.get(1).copied().unwrap_or(0);
                Self::ManyZeros((usize::from(first & 0x3f) << 8 | usize::from(second)) + 1)
            }
            _ => Self::Ranked((first >> 2 & 0x1f) + 1, usize::from(first & 0x03) + 1),
        }
    }

    /// Number of registers.
    fn count(self) -> usize {
        match self {
            Self::Zeros(count) | Self::ManyZeros(count) | Self::Ranked(_, count) => count,
        }
    }

    /// Length in bytes.
    fn len(self) -> usize {
        if matches!(self, Self::ManyZeros(_)) { 2 } else { 1 }
    }

    fn rank(self) -> u8 {
        if let Self::Ranked(rank, _) = self { rank } else { 0 }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zeros(count) => write!(f, "z:{count}"),
            Self::ManyZeros(count) => write!(f, "Z:{count}"),
            Self::Ranked(rank, count) => write!(f, "v:{rank},{count}"),
        }
    }
}

/// Appends a run of rank 0, of up to all registers.
pub(super) fn push_zeros(bytes: &mut impl Extend<u8>, count: usize) {
    let low = count.wrapping_sub(1);
    match count {
        0 => {}
        1..=SHORT_ZEROS_MAX => bytes.extend([low as u8]),
        _ => bytes.extend([0x40 | (low >> 8) as u8, low as u8]),
    }
}

fn push_ranked(bytes: &mut impl Extend<u8>, rank: u8, count: usize) {
    if count > 0 {
        bytes.extend([ranked(rank, count)]);
    }
}

fn ranked(rank: u8, count: usize) -> u8 {
    0x80 | (rank - 1) << 2 | (count - 1) as u8
}

/// The runs of a string, with the first register of each.
pub(super) struct Runs<'a> {
    rest: &'a [u8],
    register: usize,
}

impl<'a> Runs<'a> {
    /// Of a valid sparse string.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.get(HEADER_LEN..).unwrap_or_default(), register: 0 }
    }

    /// Visits the registers that have a rank. The runs must cover all registers and no more: Redis 7.2.4 overlooks ranked runs
    /// behind the last register, its later releases do not.
    pub(super) fn each_rank(self, mut visit: impl FnMut(usize, u8)) -> Result<(), Corrupt> {
        let mut covered = 0;
        for (first, run) in self {
            covered = first + run.count();
            if covered > REGISTERS {
                break;
            }
            if let Run::Ranked(rank, _) = run {
                (first..covered).for_each(|register| visit(register, rank));
            }
        }
        if covered == REGISTERS { Ok(()) } else { Err(Corrupt) }
    }

    /// How many registers have each rank.
    pub(super) fn histogram(self) -> Result<[u32; 64], Corrupt> {
        let mut histogram = [0; 64];
        let mut covered = 0;
        for (first, run) in self {
            covered = first + run.count();
            if covered > REGISTERS {
                break;
            }
            histogram[usize::from(run.rank())] += run.count() as u32;
        }
        if covered == REGISTERS { Ok(histogram) } else { Err(Corrupt) }
    }
}

impl Iterator for Runs<'_> {
    type Item = (usize, Run);

    fn next(&mut self) -> Option<(usize, Run)> {
        if self.rest.is_empty() {
            return None;
        }
        let run = Run::read(self.rest);
        let first = self.register;
        self.register += run.count();
        self.rest = self.rest.get(run.len()..).unwrap_or_default();
        Some((first, run))
    }
}

/// What came of raising a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is as high already.
    Unchanged,
    /// It is higher now.
    Raised,
    /// The string would be longer than it may be; nothing has changed.
    TooLong,
}

/// A run and where it is.
#[derive(Clone, Copy)]
struct Place {
    run: Run,
    /// Offset of its first byte.
    at: usize,
    /// Its first register.
    first: usize,
    /// Offset of the run before it, or of the first run.
    before: usize,
}

/// Raises a register to a rank of up to 32, if the string has no more than `bytes_max` bytes then.
pub(super) fn raise(bytes: &mut Vec<u8>, mark: Mark, bytes_max: usize) -> Result<Outcome, Corrupt> {
    let place = find(bytes, usize::from(mark.register)).ok_or(Corrupt)?;
    if place.run.rank() >= mark.rank {
        return Ok(Outcome::Unchanged);
    }
    let split = split(&place, mark);
    let end = place.at + place.run.len();
    let grows = split.len() > place.run.len();
    if grows && bytes.len() + split.len() - place.run.len() > bytes_max {
        return Ok(Outcome::TooLong);
    }
    bytes.splice(place.at..end, split);
    join(bytes, place.before);
    Ok(Outcome::Raised)
}

/// The run that a register is in; none if there is none, or if it is cut off. Adding an element is little more than this loop.
fn find(bytes: &[u8], register: usize) -> Option<Place> {
    let (mut at, mut before, mut first) = (HEADER_LEN, HEADER_LEN, 0);
    while let Some(&byte) = bytes.get(at) {
        let (count, len) = match byte {
            0..0x40 => (usize::from(byte) + 1, 1),
            0x80.. => (usize::from(byte & 0x03) + 1, 1),
            _ => (Run::read(&bytes[at..]).count(), 2),
        };
        if register < first + count {
            let run = Run::read(&bytes[at..]);
            return (at + len <= bytes.len()).then_some(Place { run, at, first, before });
        }
        before = at;
        at += len;
        first += count;
    }
    None
}

type Split = smallvec::SmallVec<[u8; 8]>;

/// What stands in place of a run when one of its registers is raised: what is before, the register, what is behind.
fn split(place: &Place, mark: Mark) -> Split {
    let before = usize::from(mark.register) - place.first;
    let behind = place.run.count() - before - 1;
    let mut bytes = Split::new();
    let push = |bytes: &mut Split, count: usize| match place.run {
        Run::Ranked(rank, _) => push_ranked(bytes, rank, count),
        _ => push_zeros(bytes, count),
    };
    push(&mut bytes, before);
    push_ranked(&mut bytes, mark.rank, 1);
    push(&mut bytes, behind);
    bytes
}

/// Joins neighbors of equal rank, as far as they make one run, among the first runs from `at` on.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_MAX {
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else { return };
        let run = Run::read(rest);
        let next = rest.get(1..).filter(|next| !next.is_empty()).map(Run::read);
        match (run, next) {
            (Run::Ranked(rank, count), Some(Run::Ranked(other, more)))
                if rank == other && count + more <= RANKED_MAX =>
            {
                bytes[at + 1] = ranked(rank, count + more);
                bytes.remove(at);
            }
            _ => at += run.len(),
        }
    }
}
