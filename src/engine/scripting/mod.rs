//! Scripts and functions as commands run them.

mod running;

pub use running::{Killed, RunningScript, Slot};

/// What all threads share about scripts.
pub struct Scripting {
    slots: Box<[Slot]>,
}

impl Scripting {
    /// Without any script, for this many threads.
    pub fn new(threads: usize) -> Self {
        Self { slots: (0..threads).map(|_| Slot::default()).collect() }
    }

    /// Whether a script has run for longer than so many milliseconds.
    pub fn is_slow(&self, threshold_ms: i64) -> bool {
        let threshold_us = threshold_ms.max(0) as u64 * 1000;
        self.slots.iter().filter_map(Slot::elapsed_us).any(|elapsed_us| elapsed_us >= threshold_us)
    }

    /// Stops the script that has run longest, or the function.
    pub fn kill(&self, functions: bool) -> Killed {
        running::kill(&self.slots, functions)
    }

    /// The function that has run longest.
    pub fn running_function(&self) -> Option<RunningScript> {
        running::running_function(&self.slots)
    }
}
