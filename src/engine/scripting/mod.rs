//! Scripts and functions as commands run them.
//!
//! Sources are kept once for the server, by their SHA1; each thread that runs scripts has an interpreter of its own, which
//! compiles a source when it first meets it and keeps the result. `libraries` are those of functions, `run` is one call, `running`
//! what others may know of it.

pub mod libraries;
mod run;
mod running;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use dashmap::DashMap;

pub use libraries::{Catalog, KnownCatalog};
pub use run::{Invocation, elsewhere, elsewhere_loading, elsewhere_unknown, flags_of, lock_everything, run};
pub use running::{InterpreterBytes, Killed, RunningScript, Slot};

use super::error::CommandError;
use super::node::Node;
use super::plan::fixed_range;
use super::table::Lookup;
use crate::scripting::reach::{self, CallShape, Reach};
use crate::scripting::shebang::{self, Flags};
use crate::scripting::{Interpreter, Sha, sha1_hex};

/// A run that takes more microseconds is slow; but a quick script's, too, if the processor is taken away meanwhile.
const QUICK_US_MAX: u64 = 500;
/// A run that takes more leaves no doubt.
const DOUBTFUL_US_MAX: u64 = 10_000;
/// A script with as many marks is run by the lane: so is one that has never run.
const SLOW_MARKS: u32 = 24;
const MARKS_MAX: u32 = 128;
/// It has never run.
const UNSEEN: u32 = u32::MAX;
/// Marks for a slow run; a quick one takes one away. Two slow runs in a row make a script slow, one in twenty does not.
const MARKS_PER_SLOW_RUN: u32 = 16;

/// What all threads share about scripts.
pub struct Scripting {
    slots: Box<[Slot]>,
    scripts: DashMap<Sha, Arc<Source>>,
    /// How often the scripts have been thrown away (SCRIPT FLUSH): interpreters follow.
    flushes: AtomicU64,
    libraries: libraries::Libraries,
}

/// A script by its source.
pub struct Source {
    /// Its name.
    pub sha: Sha,
    /// All of it.
    pub text: Box<[u8]>,
    /// What its first line says, if it has one that does.
    pub flags: Option<Flags>,
    /// How it behaves.
    pub script: Script,
}

/// How a script or function behaves.
pub struct Script {
    /// What it reaches.
    pub reach: Reach,
    /// Whether it keeps state between calls, so that one thread must run all of them.
    pub is_bound: bool,
    /// How slow it has been of late.
    marks: AtomicU32,
}

/// What a thread knows of the scripts.
#[derive(Default)]
struct Local {
    /// The number of flushes that it has followed.
    flushes: u64,
    /// The stamp of the libraries that it has followed.
    stamp: u64,
    interpreter: Interpreter,
}

thread_local! {
    static LOCAL: RefCell<Local> = RefCell::default();
    /// Scripts that the thread has met, and the number of flushes that it has followed: so that threads need not count
    /// references together with every call.
    static MET: RefCell<(u64, HashMap<Sha, Known, ahash::RandomState>)> = RefCell::default();
}

/// A script that a thread has met.
pub type Known = Rc<Arc<Source>>;

impl Script {
    /// One that has never run.
    pub fn new(reach: Reach, is_bound: bool) -> Self {
        Self { reach, is_bound, marks: AtomicU32::new(UNSEEN) }
    }

    /// Whether it may take long.
    pub fn is_slow(&self) -> bool {
        self.marks.load(Ordering::Relaxed) >= SLOW_MARKS
    }

    /// It has shown that it is slow.
    pub(super) fn note_slow(&self) {
        self.marks.store(MARKS_MAX, Ordering::Relaxed);
    }

    /// It has run for so long. Written only when it says something new: many threads may run it.
    pub(super) fn note_run(&self, elapsed_us: u64) {
        let marks = self.marks.load(Ordering::Relaxed);
        let known = if marks == UNSEEN { 0 } else { marks };
        let next = if elapsed_us <= QUICK_US_MAX {
            known.saturating_sub(1)
        } else if elapsed_us <= DOUBTFUL_US_MAX {
            (known + MARKS_PER_SLOW_RUN).min(MARKS_MAX)
        } else {
            MARKS_MAX
        };
        if next != marks {
            self.marks.store(next, Ordering::Relaxed);
        }
    }
}

impl Scripting {
    /// Without any script, for this many threads.
    pub fn new(threads: usize) -> Self {
        Self {
            slots: (0..threads).map(|_| Slot::default()).collect(),
            scripts: DashMap::new(),
            flushes: AtomicU64::new(0),
            libraries: libraries::Libraries::default(),
        }
    }

    /// The script of this name.
    pub fn find(&self, sha: &Sha) -> Option<Known> {
        let flushes = self.flushes.load(Ordering::Acquire);
        MET.with_borrow_mut(|(followed, met)| {
            if *followed != flushes {
                met.clear();
                *followed = flushes;
            }
            if let Some(source) = met.get(sha) {
                return Some(source.clone());
            }
            let source = Rc::new(self.scripts.get(sha)?.clone());
            met.insert(*sha, source.clone());
            Some(source)
        })
    }

    /// Number of scripts.
    pub fn count(&self) -> usize {
        self.scripts.len()
    }

    /// Bytes of their sources.
    pub fn source_bytes(&self) -> usize {
        self.scripts.iter().map(|source| source.text.len() + size_of::<Source>()).sum()
    }

    /// The function libraries of this moment.
    pub fn catalog(&self) -> KnownCatalog {
        self.libraries.catalog()
    }

    /// What is said of the libraries reveals this record of the journal. To be asked after [`Scripting::catalog`].
    pub fn libraries_record(&self) -> u64 {
        self.libraries.record.load(Ordering::Acquire)
    }

    /// A record that may have changed the libraries.
    pub fn note_record(&self, record: u64) {
        self.libraries.record.fetch_max(record, Ordering::AcqRel);
    }

    /// Bytes that the interpreters of all threads use.
    pub fn interpreter_bytes(&self) -> InterpreterBytes {
        self.slots
            .iter()
            .map(Slot::interpreter_bytes)
            .fold(InterpreterBytes::default(), InterpreterBytes::plus)
    }

    /// Throws all scripts away.
    pub fn flush(&self) {
        self.scripts.clear();
        self.flushes.fetch_add(1, Ordering::Release);
    }

    /// Whether a script has run for longer than so many milliseconds.
    pub fn is_slow(&self, threshold_ms: i64) -> bool {
        let threshold_us = threshold_ms.max(0) as u64 * 1000;
        self.slots.iter().filter_map(Slot::elapsed_us).any(|elapsed_us| elapsed_us >= threshold_us)
    }

    /// Whether a function has.
    pub fn is_slow_function(&self, threshold_ms: i64) -> bool {
        let threshold_us = threshold_ms.max(0) as u64 * 1000;
        self.running_function().is_some_and(|running| running.elapsed_us >= threshold_us)
    }

    /// Stops the script that has run longest, or the function.
    pub fn kill(&self, functions: bool) -> Killed {
        running::kill(&self.slots, functions)
    }

    /// Stops all scripts that have not written: the server ends.
    pub fn kill_all(&self) {
        running::kill_all(&self.slots);
    }

    /// Whether a thread has been held up by a script for long.
    pub fn is_stuck(&self, thread: usize) -> bool {
        const STUCK_US: u64 = 50_000;
        self.slots[thread].elapsed_us().is_some_and(|elapsed_us| elapsed_us > STUCK_US)
    }

    /// The function that has run longest.
    pub fn running_function(&self) -> Option<RunningScript> {
        running::running_function(&self.slots)
    }
}

/// The script with this source, which is compiled and kept if it is new.
///
/// # Errors
/// Its first line is wrong, or it does not compile.
pub fn load(node: &Node, text: &[u8]) -> Result<Known, CommandError> {
    let sha = sha1_hex(text);
    if let Some(source) = node.scripting.find(&sha) {
        return Ok(source);
    }
    let header = shebang::script_header(text).map_err(CommandError::new)?;
    with_interpreter(node, |interpreter| interpreter.compile(&sha, text)).map_err(CommandError::new)?;
    let reach = reach::of_script(text, |name| shape(node, name));
    let source =
        Arc::new(Source { sha, text: text.into(), flags: header.flags, script: Script::new(reach, false) });
    node.scripting.scripts.insert(sha, source.clone());
    Ok(Rc::new(source))
}

/// Where the keys of a command are that a script of class A may call: one that reaches nothing else.
fn shape(node: &Node, name: &[u8]) -> Option<CallShape> {
    use super::spec::flag;
    let Lookup::Found(command) = node.table.look_up(&[name]) else { return None };
    let facts = command.facts;
    let barred = [flag::NOSCRIPT, flag::MOVABLEKEYS, flag::MAY_REPLICATE];
    if command.handler.is_none() || barred.into_iter().any(|flag| facts.flags.contains(flag)) {
        return None;
    }
    let writes = facts.flags.contains(flag::WRITE);
    let (first, last, step) = fixed_range(node.plan(command))?;
    Some(CallShape { first, last, step, writes })
}

/// Lends this thread's interpreter.
pub fn with_interpreter<R>(node: &Node, action: impl FnOnce(&mut Interpreter) -> R) -> R {
    let flushes = node.scripting.flushes.load(Ordering::Acquire);
    LOCAL.with_borrow_mut(|local| {
        if local.flushes != flushes {
            local.interpreter.forget_scripts();
            local.flushes = flushes;
        }
        if local.stamp != node.scripting.libraries.stamp() {
            let catalog = node.scripting.catalog();
            local.interpreter.retain_libraries(|number| catalog.has(number));
            local.stamp = catalog.stamp();
        }
        action(&mut local.interpreter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_slow_until_it_was_quick_and_not_for_one_hiccup() {
        let script = Script::new(Reach::Anything, false);
        let after = |runs: &[u64]| {
            runs.iter().for_each(|&elapsed_us| script.note_run(elapsed_us));
            script.is_slow()
        };
        assert!(script.is_slow());
        assert!(!after(&[30]));
        assert!(!after(&[4000]));
        assert!(after(&[4000]));
        assert!(!after(&[30; 20]));
        assert!(after(&[100_000]) && after(&[30; 100]) && !after(&[30; 10]));
    }
}
