//! Sound files with random damage, for tests of what reads them.

use std::time::Duration;

use fastrand::Rng;

use crate::base::{clock, log};

/// Most changes made to one file.
const CHANGES_MAX: usize = 6;

/// Calls `check`, which tells whether it takes the file, with damaged forms of `sound` for `TARTAN_FUZZ_SECONDS` (one second if
/// unset). A panic names the seed of the file it happened with; `TARTAN_FUZZ_SEED` repeats it.
pub fn with_damage(sound: &[u8], words: &[&[u8]], check: impl Fn(&[u8]) -> bool) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("TARTAN_FUZZ_SEED") {
        check(&damaged(sound, words, seed));
        return;
    }
    let seconds = Duration::from_secs(number("TARTAN_FUZZ_SECONDS").unwrap_or(1));
    let end_us = clock::unix_us() + seconds.as_micros() as i64;
    let (mut files, mut accepted) = (0_u64, 0_u64);
    while clock::unix_us() < end_us {
        let guard = Seed(fastrand::u64(..));
        accepted += u64::from(check(&damaged(sound, words, guard.0)));
        files += 1;
    }
    log::notice!("{files} damaged files, {accepted} accepted");
}

/// Tells its number when a panic passes.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            log::warning!("repeat with TARTAN_FUZZ_SEED={}", self.0);
        }
    }
}

/// `sound` with bytes and pieces changed, cut out, doubled, and replaced by any of `words`.
fn damaged(sound: &[u8], words: &[&[u8]], seed: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(seed);
    let mut bytes = sound.to_vec();
    for _ in 0..random.usize(1..=CHANGES_MAX) {
        let start = random.usize(..=bytes.len());
        let end = (start + random.usize(..=12)).min(bytes.len());
        match random.u8(..6) {
            0 => bytes[start..end].iter_mut().for_each(|byte| *byte = random.u8(..)),
            1 => bytes.truncate(start),
            2 => drop(bytes.drain(start..end)),
            3 => bytes.extend_from_within(start..end),
            4 => bytes[start..end].iter_mut().for_each(|byte| *byte ^= 1 << random.u8(..8)),
            _ => {
                let word = words[random.usize(..words.len())];
                bytes.splice(start..end, word.iter().copied());
            }
        }
    }
    bytes
}
