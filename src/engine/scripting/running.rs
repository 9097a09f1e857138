//! The scripts that run at this moment, one at most for each thread that runs commands: for SCRIPT KILL, FUNCTION KILL and BUSY.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::base::clock;
use crate::scripting::Interpreter;

/// What is known about the script of one thread. In cache lines of its own: its thread writes it with every script.
#[repr(align(128))]
#[derive(Default)]
pub struct Slot {
    /// When it began, in monotonic microseconds; 0: there is none.
    since_us: AtomicU64,
    /// Whether it may be stopped: see the constants below.
    state: AtomicU8,
    /// Bytes that the thread's interpreter uses for scripts, and for functions.
    script_bytes: AtomicUsize,
    function_bytes: AtomicUsize,
    /// What it is: looked at by others only when it is slow.
    subject: Mutex<Subject>,
}

/// Bytes that interpreters use.
#[derive(Clone, Copy, Debug, Default)]
pub struct InterpreterBytes {
    /// For scripts.
    pub scripts: usize,
    /// For functions.
    pub functions: usize,
}

impl InterpreterBytes {
    /// Those of one interpreter.
    pub(super) fn of(interpreter: &Interpreter) -> Self {
        Self { scripts: interpreter.script_memory_bytes(), functions: interpreter.function_memory_bytes() }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { scripts: self.scripts + other.scripts, functions: self.functions + other.functions }
    }
}

/// It has not written, and may be stopped.
const RUNNING: u8 = 0;
/// It has begun to write, and can't be stopped any more.
const WROTE: u8 = 1;
/// It is to end, and writes nothing any more.
const KILLED: u8 = 2;

/// What a thread runs.
#[derive(Clone, Default)]
pub struct Subject {
    /// The function's name; empty for a script.
    pub function: String,
    /// The command with its arguments, for FUNCTION STATS.
    pub command: Vec<Vec<u8>>,
}

/// A script that runs.
pub struct RunningScript {
    /// What it is.
    pub subject: Subject,
    /// For how long, in microseconds.
    pub elapsed_us: u64,
}

/// What came of the order to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// It will stop.
    Yes,
    /// Nothing of this kind runs.
    NotBusy,
    /// It has written.
    Unkillable,
}

impl Slot {
    /// A script begins.
    pub(super) fn begin(&self, function: &str, argv: &[&[u8]]) {
        {
            let mut subject = self.subject.lock();
            subject.function.clear();
            subject.function.push_str(function);
            subject.command.clear();
            if !function.is_empty() {
                subject.command.extend(argv.iter().map(|argument| argument.to_vec()));
            }
        }
        self.state.store(RUNNING, Ordering::Relaxed);
        self.since_us.store(clock::monotonic_us().max(1), Ordering::Release);
    }

    /// It is about to write; false if it has been stopped and must not.
    pub(super) fn begin_write(&self) -> bool {
        self.turn(WROTE) || self.state.load(Ordering::Relaxed) == WROTE
    }

    /// Whether it must stop.
    pub(super) fn is_killed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == KILLED
    }

    fn turn(&self, to: u8) -> bool {
        self.state.compare_exchange(RUNNING, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// For how long it has run, in microseconds; None when there is none.
    pub(super) fn elapsed_us(&self) -> Option<u64> {
        let since_us = self.since_us.load(Ordering::Acquire);
        (since_us != 0).then(|| clock::monotonic_us().saturating_sub(since_us))
    }

    /// Bytes that the thread's interpreter uses.
    pub(super) fn interpreter_bytes(&self) -> InterpreterBytes {
        InterpreterBytes {
            scripts: self.script_bytes.load(Ordering::Relaxed),
            functions: self.function_bytes.load(Ordering::Relaxed),
        }
    }

    /// Its interpreter uses so many bytes.
    pub(super) fn note_bytes(&self, bytes: InterpreterBytes) {
        self.script_bytes.store(bytes.scripts, Ordering::Relaxed);
        self.function_bytes.store(bytes.functions, Ordering::Relaxed);
    }

    /// It has ended.
    pub(super) fn end(&self) {
        self.since_us.store(0, Ordering::Release);
    }
}

/// The slot of the script or function that has run longest.
fn longest(slots: &[Slot], functions: bool) -> Option<&Slot> {
    let suits = |slot: &&Slot| slot.subject.lock().function.is_empty() != functions;
    let running = slots.iter().filter(|slot| slot.elapsed_us().is_some()).filter(suits);
    running.max_by_key(|slot| slot.elapsed_us())
}

/// Stops the script (or function) that has run longest, unless it has written.
pub(super) fn kill(slots: &[Slot], functions: bool) -> Killed {
    match longest(slots, functions) {
        None => Killed::NotBusy,
        Some(slot) if slot.turn(KILLED) || slot.is_killed() => Killed::Yes,
        Some(_) => Killed::Unkillable,
    }
}

/// Stops all that have not written (the server ends).
pub(super) fn kill_all(slots: &[Slot]) {
    for slot in slots {
        slot.turn(KILLED);
    }
}

/// The function that has run longest.
pub(super) fn running_function(slots: &[Slot]) -> Option<RunningScript> {
    let slot = longest(slots, true)?;
    Some(RunningScript { subject: slot.subject.lock().clone(), elapsed_us: slot.elapsed_us()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_written_is_not_stopped() {
        let slots = [Slot::default(), Slot::default()];
        assert_eq!(kill(&slots, false), Killed::NotBusy);
        slots[1].begin("", &[b"EVAL"]);
        assert_eq!(kill(&slots, true), Killed::NotBusy);
        assert_eq!((kill(&slots, false), slots[1].begin_write()), (Killed::Yes, false));
        slots[1].begin("f", &[b"FCALL", b"f"]);
        assert!(slots[1].begin_write());
        assert_eq!((kill(&slots, true), slots[1].is_killed()), (Killed::Unkillable, false));
        assert_eq!(running_function(&slots).unwrap().subject.command, [b"FCALL".to_vec(), b"f".to_vec()]);
        slots[1].end();
        assert_eq!(kill(&slots, true), Killed::NotBusy);
    }
}
