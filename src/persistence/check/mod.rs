//! The tools that check files: [`check_aof`] and [`check_rdb`], with the output of redis-check-aof and redis-check-rdb.

mod aof;
mod rdb;

use std::fmt::Arguments;
use std::io::{BufRead, Write};

pub use aof::{Request, check_aof};
pub use rdb::check_rdb;

use crate::base::progress::{Share, megabytes};

/// The check came to an end that is an error; why has been said.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsound;

/// Whom the tools speak to.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    input: &'a mut dyn BufRead,
    /// Whether to show how far the check is; the share shown last, in percent.
    shows_progress: bool,
    percent: Option<u64>,
}

impl<'a> Console<'a> {
    /// Progress is for terminals.
    pub fn new(out: &'a mut dyn Write, input: &'a mut dyn BufRead, shows_progress: bool) -> Self {
        Self { out, input, shows_progress, percent: None }
    }

    /// Prints a line. Whether or not anybody reads it, the exit code tells.
    fn say(&mut self, line: Arguments<'_>) {
        self.clear();
        let _ = writeln!(self.out, "{line}");
    }

    /// Asks for a yes.
    fn agrees(&mut self, question: &str) -> bool {
        self.clear();
        let _ = write!(self.out, "{question} [y/N]: ");
        let _ = self.out.flush();
        let mut answer = String::new();
        self.input.read_line(&mut answer).is_ok() && answer.starts_with(['y', 'Y'])
    }

    fn progress(&mut self, done: u64, total: u64) {
        if !self.shows_progress || total == 0 {
            return;
        }
        let share = Share { done, total };
        if self.percent != Some(share.percent()) {
            self.percent = Some(share.percent());
            let _ = write!(self.out, "\r{share} of {}", megabytes(total));
            let _ = self.out.flush();
        }
    }

    /// Takes the bar away.
    fn clear(&mut self) {
        if self.percent.take().is_some() {
            let _ = write!(self.out, "\r\x1b[K");
        }
    }
}

/// Says what the tool's manual says, and gives up.
macro_rules! give_up {
    ($console:expr, $($text:tt)+) => {{
        $console.say(format_args!($($text)+));
        return Err(Unsound);
    }};
}
use give_up;

#[cfg(test)]
mod tests;
