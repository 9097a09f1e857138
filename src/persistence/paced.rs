//! A writer that makes pauses, for images that are written beside the serving of clients.
//!
//! A thread that computes without end loses the processor, and takes it from others, for slices of the scheduler's, some
//! milliseconds long: that long a worker waits for it, or for a stripe that it held just then. One that sleeps every tenth of a
//! millisecond gets the processor when it wakes, and is gone before anybody has waited long. A low priority (`nice`) is worse
//! than none: on a busy machine the thread stands still with a stripe locked, and the image is never done.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use crate::base::clock;

/// How long it works at a stretch, in microseconds, and how long it sleeps then.
const WORK_US: u64 = 100;
const PAUSE: Duration = Duration::from_micros(60);
/// Bytes after which it looks at the clock.
const LOOK_BYTES: usize = 2048;

/// Writes to `out`, with pauses between.
pub struct Paced<W> {
    out: W,
    pauses: bool,
    bytes: usize,
    since_us: u64,
}

impl<W: Write> Paced<W> {
    /// Without `pauses` it makes none.
    pub fn new(out: W, pauses: bool) -> Self {
        Self { out, pauses, bytes: 0, since_us: clock::monotonic_us() }
    }

    /// What it writes to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn look(&mut self) {
        self.bytes = 0;
        if clock::monotonic_us() - self.since_us >= WORK_US {
            thread::sleep(PAUSE);
            self.since_us = clock::monotonic_us();
        }
    }
}

impl<W: Write> Write for Paced<W> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.bytes += taken;
        if self.bytes >= LOOK_BYTES && self.pauses {
            self.look();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
