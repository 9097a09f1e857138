//! Fuzzing of what parses bytes from outside: valid inputs changed at random, and noise. An input is refused, or gives a value
//! that can be worked with; it never panics, hangs, or takes memory that it did not pay for.
//!
//! Each target runs for `TARTAN_FUZZ_SECONDS` (default 2). `TARTAN_FUZZ_SEED` repeats a run. A failure prints the seed and the
//! input in hexadecimal. The address space is limited to `SPACE_BYTES` beyond what the process has at its start, so that an
//! allocation out of proportion ends it; the input that did it, or does not come to an end, is left in the file whose name is
//! printed at the start. `TARTAN_FUZZ_INPUT` names a file with the one input to try.

#![allow(clippy::unwrap_used, reason = "a failed expectation of a test is a panic")]
#![allow(clippy::print_stdout, reason = "seeds belong into the log of a test")]
#![allow(clippy::disallowed_methods, reason = "tests outside the process measure its time")]

mod commands;
mod mutate;
mod rdb;
mod requests;

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

const SPACE_BYTES: u64 = 1 << 30;
/// How many inputs are tried whatever the time, so that some are accepted and some are not.
const INPUTS_MIN: u64 = 100;
/// Longest that one input may take; generous, since machines are shared.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);
/// How often an input must take longer: the machine may have been stopped meanwhile.
const SLOW_TIMES: usize = 3;

/// Runs `check` with inputs from `make` until the time is over.
fn fuzz(name: &str, make: impl Fn(&mut fastrand::Rng) -> Vec<u8>, check: impl Fn(&[u8]) -> bool) {
    limit_memory();
    let seconds = setting("TARTAN_FUZZ_SECONDS").unwrap_or(2);
    let seed = setting("TARTAN_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
    let last_input = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    println!("{name}: seed {seed}, last input in {}", last_input.display());
    let mut rng = fastrand::Rng::with_seed(seed);
    let given = env::var_os("TARTAN_FUZZ_INPUT").map(|path| fs::read(path).unwrap());
    let (start, mut inputs, mut accepted) = (Instant::now(), 0_u64, 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) || inputs < INPUTS_MIN {
        let input = given.clone().unwrap_or_else(|| make(&mut rng));
        fs::write(&last_input, &input).unwrap();
        match catch_unwind(AssertUnwindSafe(|| in_time(|| check(&input)))) {
            Ok(Some(is_accepted)) => accepted += u64::from(is_accepted),
            Ok(None) => panic!("{name}: seed {seed}, slow input {}", hex_of(&input)),
            Err(_) => panic!("{name}: seed {seed}, input {}", hex_of(&input)),
        }
        inputs += 1;
    }
    println!("{name}: {inputs} inputs, {accepted} accepted");
    assert!(
        given.is_some() || accepted > 0 && accepted < inputs,
        "{name}: {accepted} of {inputs} inputs accepted"
    );
}

/// What `check` says; None if it takes too long, time after time.
fn in_time(check: impl Fn() -> bool) -> Option<bool> {
    (0..SLOW_TIMES).find_map(|_| {
        let began = Instant::now();
        let is_accepted = check();
        (began.elapsed() < INPUT_TIME_MAX).then_some(is_accepted)
    })
}

/// Once for all targets.
fn limit_memory() {
    static LIMIT: std::sync::Once = std::sync::Once::new();
    LIMIT.call_once(|| {
        let status = fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
        let limit = pages * 4096 + SPACE_BYTES;
        rlimit::setrlimit(rlimit::Resource::AS, limit, limit).unwrap();
    });
}

fn setting(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
