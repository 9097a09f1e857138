//! Small changes to bytes.

use fastrand::Rng;

/// Bytes that mean something in many formats.
const TELLING: &[u8] = &[0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xe0, 0xf0, 0xf4, 0xfe, 0xff];

/// Changes `bytes` at a few places.
pub fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.u8(..) / 64 {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            1 if at < bytes.len() => bytes[at] = TELLING[rng.usize(..TELLING.len())],
            2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(if rng.bool() { 1 } else { 0xff }),
            3 => bytes.insert(at, rng.u8(..)),
            4 if at < bytes.len() => {
                let end = bytes.len().min(at + rng.usize(1..9));
                bytes.drain(at..end);
            }
            5 => {
                let end = bytes.len().min(at + rng.usize(1..40));
                let copied = bytes[at..end].to_vec();
                let target = rng.usize(..=bytes.len());
                bytes.splice(target..target, copied);
            }
            6 if at + 8 <= bytes.len() => {
                let value = [0, u32::MAX.into(), u64::MAX, 1 << 31, 1 << 63, 70_000][rng.usize(..6)];
                bytes[at..at + 8].copy_from_slice(&u64::to_be_bytes(value));
            }
            _ => {}
        }
    }
}
