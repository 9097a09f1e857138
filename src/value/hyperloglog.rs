//! HyperLogLog: a string that estimates how many different elements it has seen.
//!
//! 1. The bytes are Redis's: `HYLL`, the form (0 dense, 1 sparse), three bytes unused, the estimate of last time in eight bytes
//!    with the lowest first, and 2^14 registers. The highest bit of the estimate tells that it is no longer right.
//! 2. An element's hash names a register with its low 14 bits; the register keeps the greatest position of the lowest bit set
//!    in the other 50, from 1 to 51.
//! 3. The dense form has six bits a register. The sparse form is a row of runs (`sparse`), as long as it is short enough and no
//!    register is above 32; it never comes back.
//! 4. Which runs there are depends on the order in which elements came, and shows in the bytes; so runs are split and joined
//!    exactly as in Redis.

use std::fmt;

use self::dense::{get, set};
use self::sparse::Runs;

mod dense;
mod estimate;
mod sparse;

/// Number of registers.
pub const REGISTERS: usize = 1 << REGISTER_BITS;

const REGISTER_BITS: u32 = 14;
const RANK_BITS: u32 = u64::BITS - REGISTER_BITS;
const MAGIC: &[u8; 4] = b"HYLL";
const HEADER_LEN: usize = 16;
const FORM_AT: usize = 4;
const ESTIMATE_AT: usize = 8;
const STALE: u8 = 0x80;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Length of the dense form.
const DENSE_LEN: usize = HEADER_LEN + dense::LEN;
/// The greatest rank of the sparse form.
const SPARSE_RANK_MAX: u8 = 32;

/// The runs don't cover the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runs of a HyperLogLog do not cover its registers")
    }
}

impl std::error::Error for Corrupt {}

/// How the registers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Six bits each.
    Dense,
    /// In runs.
    Sparse,
}

impl Form {
    /// The form of a string; none if it is no HyperLogLog. Whether its runs are right shows when they are read.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(FORM_AT) {
            Some(&DENSE) if bytes.len() == DENSE_LEN && bytes.starts_with(MAGIC) => Some(Self::Dense),
            Some(&SPARSE) if bytes.len() >= HEADER_LEN && bytes.starts_with(MAGIC) => Some(Self::Sparse),
            _ => None,
        }
    }
}

/// What an element does: it raises this register to this rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    register: u16,
    rank: u8,
}

impl Mark {
    /// Of an element.
    pub fn of(element: &[u8]) -> Self {
        let hash = hash(element);
        let rest = hash >> REGISTER_BITS | 1 << RANK_BITS;
        Self { register: (hash as usize % REGISTERS) as u16, rank: rest.trailing_zeros() as u8 + 1 }
    }
}

/// MurmurHash64A with Redis's seed.
fn hash(bytes: &[u8]) -> u64 {
    const SEED: u64 = 0xadc8_3b19;
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |word: u64| word ^ word >> 47;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    for word in words {
        let word = mix(u64::from_le_bytes(*word).wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    mix(mix(hash).wrapping_mul(FACTOR))
}

/// One that has seen nothing: sparse, with an estimate that is right.
pub fn new() -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LEN];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[FORM_AT] = SPARSE;
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// Raises a register of a valid string; false if it is as high already. A sparse string that would grow beyond
/// `sparse_bytes_max` becomes dense. The estimate counts as stale then.
///
/// # Errors
/// The runs do not reach the register.
pub fn raise(bytes: &mut Vec<u8>, mark: Mark, sparse_bytes_max: usize) -> Result<bool, Corrupt> {
    if Form::of(bytes) == Some(Form::Dense) {
        return Ok(raise_dense(bytes, mark));
    }
    if mark.rank <= SPARSE_RANK_MAX {
        match sparse::raise(bytes, mark, sparse_bytes_max)? {
            sparse::Outcome::Unchanged => return Ok(false),
            sparse::Outcome::Raised => {
                forget_estimate(bytes);
                return Ok(true);
            }
            sparse::Outcome::TooLong => {}
        }
    }
    *bytes = to_dense(bytes)?;
    Ok(raise_dense(bytes, mark))
}

/// As [`raise`] for a dense string, in place.
pub fn raise_dense(bytes: &mut [u8], mark: Mark) -> bool {
    let (registers, index) = (&mut bytes[HEADER_LEN..], usize::from(mark.register));
    let raised = get(registers, index) < mark.rank;
    if raised {
        set(registers, index, mark.rank);
        forget_estimate(bytes);
    }
    raised
}

/// The dense form of a sparse string.
///
/// # Errors
/// The runs are not those of all registers.
pub fn to_dense(bytes: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut dense = vec![0; DENSE_LEN];
    dense[..HEADER_LEN].copy_from_slice(&bytes[..HEADER_LEN]);
    dense[FORM_AT] = DENSE;
    Runs::of(bytes).each_rank(|register, rank| set(&mut dense[HEADER_LEN..], register, rank))?;
    Ok(dense)
}

/// The runs of a sparse string as PFDEBUG shows them.
pub fn describe(bytes: &[u8]) -> String {
    let runs: Vec<String> = Runs::of(bytes).map(|(_, run)| run.to_string()).collect();
    runs.join(" ")
}

/// The registers of a dense string.
pub fn registers(bytes: &[u8]) -> impl Iterator<Item = u8> {
    (0..REGISTERS).map(|register| get(&bytes[HEADER_LEN..], register))
}

/// The estimate of last time, if it is still right.
pub fn known_estimate(bytes: &[u8]) -> Option<u64> {
    let estimate = u64::from_le_bytes(*bytes[ESTIMATE_AT..].first_chunk()?);
    (bytes[HEADER_LEN - 1] & STALE == 0).then_some(estimate)
}

/// The bytes to overwrite for keeping an estimate, and where.
pub fn estimate_bytes(estimate: u64) -> (usize, [u8; 8]) {
    (ESTIMATE_AT, estimate.to_le_bytes())
}

/// Says that the estimate is no longer right.
pub fn forget_estimate(bytes: &mut [u8]) {
    bytes[HEADER_LEN - 1] |= STALE;
}

/// How many different elements the string has seen, about.
///
/// # Errors
/// The runs are not those of all registers.
pub fn estimate(bytes: &[u8]) -> Result<u64, Corrupt> {
    let histogram = match Form::of(bytes) {
        Some(Form::Dense) => dense::histogram(&bytes[HEADER_LEN..]),
        _ => Runs::of(bytes).histogram()?,
    };
    Ok(estimate::from_histogram(&histogram))
}

/// The union of several: the highest rank of each register.
pub struct Union {
    ranks: Box<[u8; REGISTERS]>,
    any_dense: bool,
}

impl Default for Union {
    fn default() -> Self {
        Self { ranks: Box::new([0; REGISTERS]), any_dense: false }
    }
}

impl Union {
    /// Adds a valid string.
    ///
    /// # Errors
    /// The runs are not those of all registers.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), Corrupt> {
        if Form::of(bytes) == Some(Form::Dense) {
            self.any_dense = true;
            dense::raise_all(&mut self.ranks, &bytes[HEADER_LEN..]);
            return Ok(());
        }
        let ranks = &mut self.ranks;
        Runs::of(bytes).each_rank(|register, rank| ranks[register] = ranks[register].max(rank))
    }

    /// How many different elements there are in all, about.
    pub fn estimate(&self) -> u64 {
        estimate::from_histogram(&dense::histogram_of_ranks(&self.ranks))
    }

    /// Raises the registers of one of the strings, or of a new one, to these. Dense if one of them was.
    ///
    /// # Errors
    /// The runs are not those of all registers.
    pub fn write_to(&self, bytes: &mut Vec<u8>, sparse_bytes_max: usize) -> Result<(), Corrupt> {
        if self.any_dense && Form::of(bytes) == Some(Form::Sparse) {
            *bytes = to_dense(bytes)?;
        }
        for (register, &rank) in (0..).zip(self.ranks.iter()) {
            if rank != 0 {
                raise(bytes, Mark { register, rank }, sparse_bytes_max)?;
            }
        }
        forget_estimate(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
