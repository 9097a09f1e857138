//! The log of commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Arguments kept of a command, the last of which then counts the rest.
const ARGUMENTS_MAX: usize = 32;
/// Bytes kept of an argument.
const ARGUMENT_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone)]
pub struct SlowCommand {
    /// Its number since the start.
    pub id: u64,
    /// When it ran, in Unix seconds.
    pub unix_seconds: i64,
    /// How long, in microseconds.
    pub microseconds: u64,
    /// Its arguments, shortened.
    pub arguments: Vec<Vec<u8>>,
    /// The client's address.
    pub address: String,
    /// The client's name.
    pub name: Vec<u8>,
}

/// The newest slow commands, newest first.
#[derive(Default)]
pub struct SlowLog {
    entries: Mutex<VecDeque<SlowCommand>>,
    next: AtomicU64,
}

impl SlowLog {
    /// Notes a command; keeps `len_max` of them.
    pub fn note(&self, mut command: SlowCommand, len_max: usize) {
        command.id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries.lock();
        entries.push_front(command);
        entries.truncate(len_max);
    }

    /// The newest `count`.
    pub fn newest(&self, count: usize) -> Vec<SlowCommand> {
        self.entries.lock().iter().take(count).cloned().collect()
    }

    /// Number kept.
    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Whether none are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all.
    pub fn reset(&self) {
        self.entries.lock().clear();
    }
}

/// A command's arguments without passwords, shortened as Redis shortens them.
pub fn shorten(name: &str, argv: &[&[u8]]) -> Vec<Vec<u8>> {
    shorten_all(&redacted(name, argv))
}

/// A command's arguments without passwords.
pub(super) fn redacted<'a>(name: &str, argv: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut argv = argv.to_vec();
    for place in secrets(name, &argv) {
        argv[place] = b"(redacted)";
    }
    argv
}

/// The settings that hold passwords or names of users.
const SECRET_SETTINGS: &[&str] = &["requirepass", "masterauth", "masteruser"];

/// The places of passwords, and of the user names beside them.
fn secrets(name: &str, argv: &[&[u8]]) -> Vec<usize> {
    let is = |place: usize, word: &str| argv[place].eq_ignore_ascii_case(word.as_bytes());
    match name {
        "auth" => (1..argv.len()).collect(),
        "acl|setuser" => (2..argv.len()).collect(),
        "hello" => match (2..argv.len()).find(|&place| is(place, "AUTH")) {
            Some(place) => (place + 1..argv.len().min(place + 3)).collect(),
            None => Vec::new(),
        },
        "migrate" => match (6..argv.len())
            .find(|&place| is(place, "AUTH") || is(place, "AUTH2") || is(place, "KEYS"))
        {
            Some(place) if is(place, "AUTH") => (place + 1..argv.len().min(place + 2)).collect(),
            Some(place) if is(place, "AUTH2") => (place + 1..argv.len().min(place + 3)).collect(),
            _ => Vec::new(),
        },
        "config|set" => {
            let is_secret = |place| SECRET_SETTINGS.iter().any(|name| is(place, name));
            (3..argv.len()).filter(|place| place % 2 == 1 && is_secret(place - 1)).collect()
        }
        _ => Vec::new(),
    }
}

fn shorten_all(argv: &[&[u8]]) -> Vec<Vec<u8>> {
    let keep = if argv.len() > ARGUMENTS_MAX { ARGUMENTS_MAX - 1 } else { argv.len() };
    let mut arguments: Vec<Vec<u8>> = argv[..keep].iter().map(|argument| shorten_one(argument)).collect();
    if keep < argv.len() {
        arguments.push(format!("... ({} more arguments)", argv.len() - keep).into_bytes());
    }
    arguments
}

fn shorten_one(argument: &[u8]) -> Vec<u8> {
    if argument.len() <= ARGUMENT_BYTES_MAX {
        return argument.to_vec();
    }
    let rest = format!("... ({} more bytes)", argument.len() - ARGUMENT_BYTES_MAX);
    [&argument[..ARGUMENT_BYTES_MAX], rest.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_shortened_and_passwords_left_out() {
        let check = |name: &str, request: &str, expected: &str| {
            let argv: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            let shown = shorten(name, &argv).join(&b' ');
            assert_eq!(String::from_utf8_lossy(&shown), expected);
        };
        check("get", "GET key", "GET key");
        check("auth", "AUTH user pw", "AUTH (redacted) (redacted)");
        check("acl|setuser", "ACL SETUSER u >pw", "ACL SETUSER (redacted) (redacted)");
        check("hello", "HELLO 3 auth user pw SETNAME x", "HELLO 3 auth (redacted) (redacted) SETNAME x");
        check("hello", "HELLO 3 AUTH", "HELLO 3 AUTH");
        check("migrate", "MIGRATE h 1 k 0 1 COPY auth pw", "MIGRATE h 1 k 0 1 COPY auth (redacted)");
        check("migrate", "MIGRATE h 1 k 0 1 AUTH2 u pw", "MIGRATE h 1 k 0 1 AUTH2 (redacted) (redacted)");
        check("migrate", "MIGRATE h 1 '' 0 1 KEYS auth pw", "MIGRATE h 1 '' 0 1 KEYS auth pw");
        check("config|set", "CONFIG SET hz 10 RequirePass pw", "CONFIG SET hz 10 RequirePass (redacted)");
        check(
            "set",
            &format!("SET k {}", "x".repeat(200)),
            &format!("SET k {}... (72 more bytes)", "x".repeat(128)),
        );
        let long = format!("DEL{}", " k".repeat(40));
        check("del", &long, &format!("DEL{} ... (10 more arguments)", " k".repeat(30)));
    }
}
