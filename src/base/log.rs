//! The log: one line per event, to standard output or a file.
//!
//! Lines look as Redis's do, `pid:role DD Mon YYYY HH:MM:SS.mmm level message`, in local time; or, with `log-format json`, are
//! one object each with RFC 3339 time and the fields of the event, for containers whose collector reads JSON. A level that is
//! off costs one relaxed load: arguments are not formatted. The file is opened anew for each line, as Redis does, so that
//! log rotation by renaming needs no signal; logging is rare enough.
//!
//! ```
//! tartan::base::log::notice!("Accepted {}:{}", "127.0.0.1", 4711; client = 12);
//! ```

use std::fmt::{Arguments, Display, Write as _};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use jiff::{Timestamp, tz::TimeZone};
use parking_lot::RwLock;

use super::clock;
use super::syslog::Syslog;

/// How much an event matters. The order and the numbers are those of the setting `loglevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// For those who develop the server.
    Debug,
    /// Much detail, little of it useful in production.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// What an operator must know.
    Warning,
    /// Only as a threshold: nothing is logged.
    Nothing,
}

/// Back to the start of the terminal's line, and nothing left on it.
const ERASE_LINE: &str = "\r\x1b[K";

/// What the server is, shown after the process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// `M`.
    Primary = b'M',
    /// `S`.
    Replica = b'S',
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
static ROLE: AtomicU8 = AtomicU8::new(Role::Primary as u8);
static JSON: AtomicBool = AtomicBool::new(false);
/// Whether the last line on the terminal is a status.
static STATUS: AtomicBool = AtomicBool::new(false);
/// Where lines go; standard output when empty.
static FILE: RwLock<Option<PathBuf>> = RwLock::new(None);
/// Where they go as well.
static SYSLOG: RwLock<Option<Syslog>> = RwLock::new(None);

/// Sets the least level that is logged, by the number of the `loglevel` setting (0 debug ... 4 nothing).
pub fn set_level(level: u8) {
    LEVEL.store(level, Relaxed);
}

/// Sets the letter after the process id.
pub fn set_role(role: Role) {
    ROLE.store(role as u8, Relaxed);
}

/// Switches between Redis's line format and JSON.
pub fn set_json(json: bool) {
    JSON.store(json, Relaxed);
}

/// Sends lines to `path`, or to standard output when it is empty. Fails when the file cannot be opened for appending.
pub fn set_file(path: &Path) -> io::Result<()> {
    let file = (!path.as_os_str().is_empty()).then(|| path.to_path_buf());
    if let Some(path) = &file {
        OpenOptions::new().append(true).create(true).open(path)?;
    }
    *FILE.write() = file;
    Ok(())
}

/// Sends messages to the system's log daemon as well, under the name `ident` and a facility by its number in `syslog(3)`.
/// Fails when there is no daemon.
pub fn set_syslog(ident: &str, facility: u8) -> io::Result<()> {
    *SYSLOG.write() = Some(Syslog::open(Path::new("/dev/log"), ident, facility)?);
    Ok(())
}

/// Whether events of `level` are logged.
#[inline]
pub fn is_enabled(level: Level) -> bool {
    level as u8 >= LEVEL.load(Relaxed)
}

/// Writes one event. The macros call it; `fields` appear in JSON only.
pub fn write(level: Level, message: Arguments<'_>, fields: &[(&str, &dyn Display)]) {
    let line = if JSON.load(Relaxed) {
        json_line(clock::unix_us(), level, message, fields)
    } else {
        redis_line(clock::unix_us(), &TimeZone::system(), level, message)
    };
    // There is nobody left to tell when the log itself cannot be written.
    let _ = emit(line.as_bytes());
    if let Some(syslog) = &*SYSLOG.read() {
        syslog.send(timestamp(clock::unix_us()), TimeZone::system(), severity(level), &message.to_string());
    }
}

/// Logs at level debug: `debug!("text {}", value; field = value)`.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_debug { ($($event:tt)+) => { $crate::__log_event!(Debug, $($event)+) } }
/// Logs at level verbose.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_verbose { ($($event:tt)+) => { $crate::__log_event!(Verbose, $($event)+) } }
/// Logs at level notice.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_notice { ($($event:tt)+) => { $crate::__log_event!(Notice, $($event)+) } }
/// Logs at level warning.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_warning { ($($event:tt)+) => { $crate::__log_event!(Warning, $($event)+) } }

/// One event at a level: a format string with its arguments, then, after a semicolon, fields for JSON.
#[macro_export]
#[doc(hidden)]
macro_rules! __log_event {
    ($level:ident, $format:literal $(, $argument:expr)* $(; $($field:ident = $value:expr),+)? $(,)?) => {
        if $crate::base::log::is_enabled($crate::base::log::Level::$level) {
            $crate::base::log::write(
                $crate::base::log::Level::$level,
                format_args!($format $(, $argument)*),
                &[$($((stringify!($field), &$value as &dyn ::std::fmt::Display)),+)?],
            );
        }
    };
}

pub use crate::{
    __log_debug as debug, __log_notice as notice, __log_verbose as verbose, __log_warning as warning,
};

/// Whether there is a terminal to show a status on: see [`show_status`].
pub fn shows_status() -> bool {
    !JSON.load(Relaxed) && FILE.read().is_none() && io::stdout().is_terminal()
}

/// Shows a line below the log that the next status, or the next event, overwrites. For terminals only.
pub fn show_status(text: &str) {
    let mut out = io::stdout().lock();
    STATUS.store(true, Relaxed);
    let _ = write!(out, "{ERASE_LINE}{text}").and_then(|()| out.flush());
}

/// Takes the status away.
pub fn clear_status() {
    let mut out = io::stdout().lock();
    if STATUS.swap(false, Relaxed) {
        let _ = out.write_all(ERASE_LINE.as_bytes()).and_then(|()| out.flush());
    }
}

fn emit(line: &[u8]) -> io::Result<()> {
    match &*FILE.read() {
        Some(path) => OpenOptions::new().append(true).create(true).open(path)?.write_all(line),
        None => {
            let mut out = io::stdout().lock();
            if STATUS.swap(false, Relaxed) {
                out.write_all(ERASE_LINE.as_bytes())?;
            }
            out.write_all(line)
        }
    }
}

fn redis_line(now_us: i64, zone: &TimeZone, level: Level, message: Arguments<'_>) -> String {
    let mut line = String::with_capacity(128);
    let time = timestamp(now_us).to_zoned(zone.clone());
    let role = char::from(ROLE.load(Relaxed));
    // Writing to a String cannot fail.
    let _ = write!(line, "{}:{role} {} ", std::process::id(), time.strftime("%d %b %Y %H:%M:%S.%3f"));
    let _ = writeln!(line, "{} {message}", level_mark(level));
    line
}

fn json_line(now_us: i64, level: Level, message: Arguments<'_>, fields: &[(&str, &dyn Display)]) -> String {
    let mut line = String::with_capacity(160);
    let _ = write!(line, "{{\"time\":\"{:.3}\",\"level\":\"{}\"", timestamp(now_us), level_name(level));
    let _ = write!(line, ",\"pid\":{},\"message\":", std::process::id());
    push_json_string(&mut line, &message.to_string());
    for (name, value) in fields {
        let _ = write!(line, ",\"{name}\":");
        push_json_string(&mut line, &value.to_string());
    }
    line.push_str("}\n");
    line
}

fn timestamp(now_us: i64) -> Timestamp {
    Timestamp::from_microsecond(now_us).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn level_mark(level: Level) -> char {
    match level {
        Level::Debug => '.',
        Level::Verbose => '-',
        Level::Notice => '*',
        Level::Warning | Level::Nothing => '#',
    }
}

/// The numbers of `syslog(3)`: warning, notice, info, debug.
fn severity(level: Level) -> u8 {
    match level {
        Level::Debug => 7,
        Level::Verbose => 6,
        Level::Notice => 5,
        Level::Warning | Level::Nothing => 4,
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Verbose => "verbose",
        Level::Notice => "notice",
        Level::Warning | Level::Nothing => "warning",
    }
}

fn push_json_string(line: &mut String, text: &str) {
    line.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            '\n' => line.push_str("\\n"),
            control if control < ' ' => {
                let _ = write!(line, "\\u{:04x}", u32::from(control));
            }
            other => line.push(other),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON_US: i64 = 1_700_000_000_123_456;

    #[test]
    fn lines_look_like_redis() {
        let check = |level, zone: &TimeZone, expected: &str| {
            let line = redis_line(NOON_US, zone, level, format_args!("Server {}", "initialized"));
            assert_eq!(line, format!("{}:M {expected}\n", std::process::id()));
        };
        check(Level::Debug, &TimeZone::UTC, "14 Nov 2023 22:13:20.123 . Server initialized");
        check(Level::Verbose, &TimeZone::UTC, "14 Nov 2023 22:13:20.123 - Server initialized");
        check(Level::Notice, &TimeZone::UTC, "14 Nov 2023 22:13:20.123 * Server initialized");
        let east = TimeZone::fixed(jiff::tz::offset(2));
        check(Level::Warning, &east, "15 Nov 2023 00:13:20.123 # Server initialized");
    }

    #[test]
    fn json_lines_hold_time_level_and_fields() {
        let check = |message: &str, fields: &[(&str, &dyn Display)], expected: &str| {
            let line = json_line(NOON_US, Level::Notice, format_args!("{message}"), fields);
            let head = format!(
                "{{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"notice\",\"pid\":{}",
                std::process::id()
            );
            assert_eq!(line, format!("{head}{expected}\n"));
        };
        check("plain", &[], r#","message":"plain"}"#);
        check("a \"b\" \\ \n \u{1} é", &[], r#","message":"a \"b\" \\ \n \u0001 é"}"#);
        check("x", &[("client", &7), ("address", &"::1")], r#","message":"x","client":"7","address":"::1"}"#);
    }

    #[test]
    fn events_below_the_level_are_not_formatted() {
        let path = std::env::temp_dir().join(format!("tartan-log-{}", std::process::id()));
        set_file(&path).unwrap();
        set_level(Level::Warning as u8);
        let evaluated = std::cell::Cell::new(0);
        let note = || evaluated.set(evaluated.get() + 1);
        notice!("unseen {:?}", note());
        warning!("seen {:?}", note(); attempt = 1);
        set_level(Level::Notice as u8);
        set_file(Path::new("")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(evaluated.get(), 1);
        assert!(text.contains(" # seen ()\n") && !text.contains("unseen"), "{text}");
        assert!(set_file(Path::new("/nonexistent/x.log")).is_err());
    }
}
