//! What INFO tells of the work that the server does by itself.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::base::clock;

/// Counters that begin anew with CONFIG RESETSTAT.
#[derive(Debug, Default)]
pub struct Upkeep {
    /// Microseconds that expiry in the background has worked.
    pub expiry_us: AtomicU64,
    /// How often it has stopped because its time was over.
    pub expiry_cut: AtomicU64,
    /// Microseconds that the beat of the background has taken.
    pub beat_us: AtomicU64,
    /// Payloads of RESTORE that were checked.
    pub payloads_checked: AtomicU64,
    /// Milliseconds that memory has been above its limit, without the time since it is.
    excess_ms: AtomicU64,
    /// Since when it is, in milliseconds of the monotonic clock; 0 if it is not.
    excess_since_ms: AtomicU64,
}

impl Upkeep {
    /// Notes whether memory is above its limit at this moment.
    pub fn note_excess(&self, is_above: bool) {
        let (now_ms, since_ms) = (now_ms(), self.excess_since_ms.load(Relaxed));
        if is_above && since_ms == 0 {
            self.excess_since_ms.store(now_ms, Relaxed);
        } else if !is_above && since_ms != 0 {
            self.excess_ms.fetch_add(now_ms - since_ms, Relaxed);
            self.excess_since_ms.store(0, Relaxed);
        }
    }

    /// Milliseconds that memory has been above its limit: in all, and up to now without a break.
    pub fn excess_ms(&self) -> (u64, u64) {
        let since_ms = self.excess_since_ms.load(Relaxed);
        let current = if since_ms == 0 { 0 } else { now_ms() - since_ms };
        (self.excess_ms.load(Relaxed) + current, current)
    }

    /// Begins anew.
    pub fn reset(&self) {
        for counter in [&self.expiry_us, &self.expiry_cut, &self.payloads_checked, &self.excess_ms] {
            counter.store(0, Relaxed);
        }
    }
}

/// Never 0, which means never.
fn now_ms() -> u64 {
    clock::monotonic_us() / 1000 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_above_the_limit_adds_up() {
        let upkeep = Upkeep::default();
        let wait = || std::thread::sleep(std::time::Duration::from_millis(5));
        upkeep.note_excess(false);
        assert_eq!(upkeep.excess_ms(), (0, 0));
        upkeep.note_excess(true);
        wait();
        upkeep.note_excess(true);
        let (total, current) = upkeep.excess_ms();
        assert!(total >= 4 && total == current, "{total} {current}");
        upkeep.note_excess(false);
        wait();
        let (before, current) = upkeep.excess_ms();
        assert!(before >= total && current == 0);
        upkeep.note_excess(true);
        wait();
        let (total, current) = upkeep.excess_ms();
        assert!(total > before && current < total);
        upkeep.reset();
        assert!(upkeep.excess_ms().0 < total);
    }
}
