//! What the log says when the program meets a bug of its own: what has gone wrong, where, and how it came there.
//!
//! A bug in one request ends its connection, not the server; the report is written all the same. Signals of the processor
//! (SIGSEGV and its kin) are left to the system, whose core dump tells more than a handler could.

use std::backtrace::Backtrace;
use std::fmt::Display;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::log;

static REPORTS: AtomicBool = AtomicBool::new(true);

/// Whether reports are written (`crash-log-enabled`).
pub fn set_reports(on: bool) {
    REPORTS.store(on, Relaxed);
}

/// Has reports written from now on; without them, the message goes to standard error as in any program.
pub fn report_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |bug| match REPORTS.load(Relaxed) {
        true => log::warning!("{}", report(&bug, &Backtrace::force_capture())),
        false => before(bug),
    }));
}

/// Ends the process at once, as a crash would, with a report of where it was (if reports are written).
pub fn abort(why: &str) -> ! {
    if REPORTS.load(Relaxed) {
        log::warning!("{}", report(&why, &Backtrace::force_capture()));
    }
    std::process::abort()
}

fn report(bug: &dyn Display, trace: &Backtrace) -> String {
    let (thread, version) = (std::thread::current(), env!("CARGO_PKG_VERSION"));
    let name = thread.name().unwrap_or("unnamed");
    format!(
        "\n\n=== TARTAN BUG REPORT START: Cut & paste starting from here ===\n\
         Tartan {version}, thread {name}: {bug}\n\n------ STACK TRACE ------\n{trace}\n\
         === TARTAN BUG REPORT END. Make sure to include from START to END. ==="
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn reports_say_what_and_where() {
        let written = Arc::new(Mutex::new(String::new()));
        let kept = written.clone();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |bug| {
            if std::thread::current().name() == Some("buggy") {
                *kept.lock().unwrap() = report(&bug, &Backtrace::force_capture());
            }
        }));
        let thread = std::thread::Builder::new().name("buggy".into()).spawn(|| panic!("seven is not eight"));
        assert!(thread.unwrap().join().is_err());
        panic::set_hook(before);
        let text = written.lock().unwrap();
        for part in ["thread buggy", "seven is not eight", "crash.rs", "STACK TRACE", "BUG REPORT END"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
