//! The only source of time.
//!
//! A reading comes from the processor's time stamp counter through `quanta`: 9 ns against 21 ns for `clock_gettime` through
//! the vdso, which a command pays two or three times. Where the counter is not invariant, `quanta` falls back to the kernel.
//!
//! 1. *Monotonic* time counts from the first reading in this process and never goes back.
//! 2. *Wall-clock* time is monotonic time plus an offset. The offset is taken from the kernel again when it is older than
//!    `ANCHOR_US`: the counter's calibration is some 20 ppm off, so a reading is at most about 2 us wrong, and steps of the
//!    system clock are followed within that time.
//! 3. *Tests* move wall-clock time by `advance_ms`; monotonic time is left alone, since sleeps and time-outs follow it.
//! 4. *LRU seconds* are a cached value: eviction needs a coarse age and reads it on every access. `tick` refreshes it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long an offset between monotonic and wall-clock time is trusted.
const ANCHOR_US: u64 = 100_000;

static SOURCE: LazyLock<Source> = LazyLock::new(Source::new);
static WALL: Wall = Wall::new();
static LRU_SECONDS: AtomicU32 = AtomicU32::new(0);

/// The monotonic counter.
struct Source {
    clock: quanta::Clock,
    start: u64,
}

impl Source {
    fn new() -> Source {
        let clock = quanta::Clock::new();
        let start = clock.raw();
        Source { clock, start }
    }
}

/// Wall-clock time as an offset to the monotonic counter (rules 2 and 3).
struct Wall {
    /// Wall-clock minus monotonic time as of the last anchoring.
    offset_us: AtomicI64,
    /// Monotonic time at which the offset must be taken again; 0 before the first reading.
    anchor_due_us: AtomicU64,
    advanced_us: AtomicI64,
}

impl Wall {
    const fn new() -> Wall {
        Wall {
            offset_us: AtomicI64::new(0),
            anchor_due_us: AtomicU64::new(0),
            advanced_us: AtomicI64::new(0),
        }
    }

    /// Wall-clock time at monotonic time `now_us`.
    #[inline]
    fn at(&self, now_us: u64) -> i64 {
        if now_us >= self.anchor_due_us.load(Relaxed) {
            self.anchor(now_us);
        }
        now_us as i64 + self.offset_us.load(Relaxed)
    }

    fn advance_us(&self, by_us: i64) {
        self.advanced_us.fetch_add(by_us, Relaxed);
        self.anchor_due_us.store(0, Relaxed);
    }

    /// Takes the offset again. Two threads may do so at once: both store a true value.
    #[cold]
    fn anchor(&self, now_us: u64) {
        let offset_us = kernel_unix_us() + self.advanced_us.load(Relaxed) - now_us as i64;
        self.offset_us.store(offset_us, Relaxed);
        self.anchor_due_us.store(now_us + ANCHOR_US, Relaxed);
    }
}

/// Calibrates the counter (about half a millisecond) and fills the cached values, so that the first command does not pay.
pub fn start() {
    tick();
}

/// Nanoseconds since the first reading in this process.
#[inline]
pub fn monotonic_ns() -> u64 {
    let source = &*SOURCE;
    source.clock.delta_as_nanos(source.start, source.clock.raw())
}

/// Microseconds since the first reading in this process.
#[inline]
pub fn monotonic_us() -> u64 {
    monotonic_ns() / 1_000
}

/// Microseconds since the Unix epoch.
#[inline]
pub fn unix_us() -> i64 {
    WALL.at(monotonic_us())
}

/// Milliseconds since the Unix epoch.
#[inline]
pub fn unix_ms() -> i64 {
    unix_us() / 1_000
}

/// Seconds since the Unix epoch as of the last `tick`: the coarse age that eviction samples compare.
#[inline]
pub fn lru_seconds() -> u32 {
    LRU_SECONDS.load(Relaxed)
}

/// Refreshes the cached values. The server calls it `hz` times a second.
pub fn tick() {
    let seconds = unix_ms() / 1_000;
    LRU_SECONDS.store(seconds as u32, Relaxed);
}

/// Moves wall-clock time forward (or back, when negative) for tests.
pub fn advance_ms(by_ms: i64) {
    WALL.advance_us(by_ms * 1_000);
    tick();
}

#[expect(clippy::disallowed_methods, reason = "this module is where the ban points to")]
fn kernel_unix_us() -> i64 {
    // A system clock before 1970 reads as the epoch.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a `Wall` of its own: other tests read the process's clock meanwhile.
    #[test]
    fn wall_clock_follows_the_kernel_and_the_test_offset() {
        let wall = Wall::new();
        let check = |ahead_us: i64| {
            let error_us = wall.at(monotonic_us()) - kernel_unix_us() - ahead_us;
            assert!(error_us.abs() < 1_000_000, "{error_us}");
        };
        check(0);
        wall.advance_us(3_600_000_000);
        check(3_600_000_000);
        wall.advance_us(-3_600_000_000);
        check(0);
        wall.offset_us.store(0, Relaxed);
        assert!(wall.at(wall.anchor_due_us.load(Relaxed) - 1) < 1_000_000_000_000, "trusted until due");
        std::thread::sleep(std::time::Duration::from_micros(ANCHOR_US));
        check(0);
    }

    #[test]
    fn lru_seconds_are_those_of_the_last_tick() {
        tick();
        assert!((i64::from(lru_seconds()) - kernel_unix_us() / 1_000_000).abs() <= 2);
    }

    #[test]
    fn monotonic_time_advances_at_the_rate_of_real_time() {
        let (before_ns, before_us) = (monotonic_ns(), monotonic_us());
        std::thread::sleep(std::time::Duration::from_millis(20));
        let passed_ns = monotonic_ns() - before_ns;
        assert!((20_000_000..2_000_000_000).contains(&passed_ns), "{passed_ns}");
        assert!(monotonic_us() - before_us >= 19_999);
    }
}
