//! The dense form: six bits a register, the low ones first, four registers in three bytes.

use super::REGISTERS;

/// Bytes of all registers.
pub(super) const LEN: usize = REGISTERS / 4 * 3;

const RANK_MASK: u32 = 0x3f;

/// A register's three bytes as a number, and its place among the bits.
fn locate(registers: &[u8], register: usize) -> (usize, u32, u32) {
    let at = register / 4 * 3;
    let group = u32::from_le_bytes([registers[at], registers[at + 1], registers[at + 2], 0]);
    (at, group, 6 * (register as u32 % 4))
}

pub(super) fn get(registers: &[u8], register: usize) -> u8 {
    let (_, group, shift) = locate(registers, register);
    (group >> shift & RANK_MASK) as u8
}

pub(super) fn set(registers: &mut [u8], register: usize, rank: u8) {
    let (at, group, shift) = locate(registers, register);
    let group = group & !(RANK_MASK << shift) | (u32::from(rank) & RANK_MASK) << shift;
    registers[at..at + 3].copy_from_slice(&group.to_le_bytes()[..3]);
}

/// The four registers of three bytes.
fn unpack(group: &[u8; 3]) -> [u8; 4] {
    let [a, b, c] = *group;
    [a & 0x3f, (a >> 6 | b << 2) & 0x3f, (b >> 4 | c << 4) & 0x3f, c >> 2]
}

/// Raises ranks to those of dense registers.
pub(super) fn raise_all(ranks: &mut [u8; REGISTERS], registers: &[u8]) {
    let (targets, _) = ranks.as_chunks_mut::<4>();
    let (groups, _) = registers.as_chunks::<3>();
    for (target, group) in targets.iter_mut().zip(groups) {
        for (target, rank) in target.iter_mut().zip(unpack(group)) {
            *target = rank.max(*target);
        }
    }
}

/// How often each rank occurs. Neighbors are counted apart: most registers have one of a few ranks, and counting up the same
/// place again and again would wait for itself.
pub(super) fn histogram(registers: &[u8]) -> [u32; 64] {
    let mut counts = [[0; 64]; 4];
    let (groups, _) = registers.as_chunks::<3>();
    for group in groups {
        for (counts, rank) in counts.iter_mut().zip(unpack(group)) {
            counts[usize::from(rank)] += 1;
        }
    }
    sum(&counts)
}

/// As [`histogram`], for ranks of a byte each, none above 63.
pub(super) fn histogram_of_ranks(ranks: &[u8; REGISTERS]) -> [u32; 64] {
    let mut counts = [[0; 64]; 4];
    let (groups, _) = ranks.as_chunks::<4>();
    for group in groups {
        for (counts, rank) in counts.iter_mut().zip(group) {
            counts[usize::from(rank & 0x3f)] += 1;
        }
    }
    sum(&counts)
}

fn sum(counts: &[[u32; 64]; 4]) -> [u32; 64] {
    std::array::from_fn(|rank| counts.iter().map(|counts| counts[rank]).sum())
}
