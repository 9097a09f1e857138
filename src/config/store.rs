//! The values in force, and CONFIG GET and CONFIG SET on them.
//!
//! Numbers, booleans, choices and flags lie in an array of atomics: reading one on the request path is one relaxed load.
//! Texts are behind a lock that only connection set-up and CONFIG take. CONFIG SET is all or nothing: every pair is checked
//! and read before the first is stored; a consequence that fails later (a port that is taken) undoes them all.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use parking_lot::{Mutex, RwLock};

use crate::base::glob::{self, Case};

use super::load::{LoadError, Place, UserLine};
use super::setting::{Kind, Reason, Setting, Value};
use super::special::{ClientClass, OutputLimit, OutputLimits, change_directory, current_directory};
use super::table::{COUNT, Id, SETTINGS, find, row};

const IMMUTABLE: &str = "can't set immutable config";

/// The settings of a server.
#[derive(Debug)]
pub struct Config {
    numbers: [AtomicI64; COUNT],
    /// Of all settings; those that are no texts have an empty one.
    texts: RwLock<Box<[Arc<[u8]>]>>,
    /// Hard, soft, seconds for each class.
    output_limits: [[AtomicI64; 3]; 3],
    /// One CONFIG SET at a time.
    writer: Mutex<()>,
    /// The file that CONFIG REWRITE rewrites.
    file: Option<PathBuf>,
    /// Whether a source has set `save`: the first one replaces the default, others add to it.
    pub(super) has_save: AtomicBool,
    /// The `user` lines of the sources.
    pub(super) user_lines: Vec<UserLine>,
    /// What was odd but not wrong in the sources, to be logged once the log is open.
    pub(super) warnings: Vec<String>,
    /// What `rename-command` says, in its order.
    pub(super) renames: Vec<Rename>,
}

/// A line of `rename-command`.
#[derive(Debug)]
pub struct Rename {
    /// The command.
    pub from: Vec<u8>,
    /// Its name from now on; none if empty.
    pub to: Vec<u8>,
    pub(super) place: Place,
    pub(super) line: String,
}

impl Rename {
    /// The error of this line.
    pub fn refusal(&self, reason: &'static str) -> LoadError {
        LoadError::Line { place: self.place.clone(), line: self.line.clone(), reason: reason.into() }
    }
}

/// What a CONFIG SET changed, so that it can be put into effect or undone.
#[derive(Debug)]
pub struct Changes(Vec<Change>);

#[derive(Debug)]
struct Change {
    id: Id,
    old: Value,
    new: Value,
}

/// Why CONFIG SET refused; `Display` is Redis's text without the error code.
#[derive(Debug, PartialEq)]
pub enum SetError {
    /// There is no such setting.
    Unknown(Vec<u8>),
    /// A setting cannot have this value.
    Failed {
        /// Its name, as the client or the table spells it.
        name: String,
        /// Why.
        reason: Reason,
    },
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Unknown(name) => {
                let name = String::from_utf8_lossy(name);
                write!(f, "Unknown option or number of arguments for CONFIG SET - '{name}'")
            }
            SetError::Failed { name, reason } => {
                write!(f, "CONFIG SET failed (possibly related to argument '{name}') - {reason}")
            }
        }
    }
}

impl std::error::Error for SetError {}

impl SetError {
    /// The refusal of a value that was fine by itself, but could not be put into effect.
    pub fn failed(id: Id, reason: impl Into<Reason>) -> SetError {
        SetError::Failed { name: row(id).name.to_owned(), reason: reason.into() }
    }
}

impl Changes {
    /// The settings whose value is another than before.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        self.0.iter().filter(|change| change.old != change.new).map(|change| change.id)
    }
}

impl Default for Config {
    fn default() -> Config {
        let config = Config {
            numbers: [const { AtomicI64::new(0) }; COUNT],
            texts: RwLock::new(SETTINGS.iter().map(|_| Arc::default()).collect()),
            output_limits: Default::default(),
            writer: Mutex::new(()),
            file: None,
            has_save: AtomicBool::new(false),
            user_lines: Vec::new(),
            warnings: Vec::new(),
            renames: Vec::new(),
        };
        for row in SETTINGS.iter().filter(|row| !matches!(row.kind, Kind::Directory)) {
            config.store_in_memory(row.id, &row.default_value());
        }
        config
    }
}

impl Config {
    /// The number, flags or index of `id`. Meaningless for texts.
    #[inline]
    pub fn get(&self, id: Id) -> i64 {
        self.numbers[id as usize].load(Relaxed)
    }

    /// The number of `id`, which cannot be negative (`maxmemory` may exceed an `i64`).
    #[inline]
    pub fn get_unsigned(&self, id: Id) -> u64 {
        self.get(id) as u64
    }

    /// Whether the boolean `id` is on.
    #[inline]
    pub fn is_on(&self, id: Id) -> bool {
        self.get(id) != 0
    }

    /// The text of `id`, which must be a text.
    pub fn text(&self, id: Id) -> Arc<[u8]> {
        self.texts.read()[id as usize].clone()
    }

    /// The text of `id` as a path.
    pub fn path(&self, id: Id) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        Path::new(std::ffi::OsStr::from_bytes(&self.text(id))).to_path_buf()
    }

    /// The addresses of `bind`, each perhaps with a leading `-`.
    pub fn bind_addresses(&self) -> Vec<String> {
        let text = self.text(Id::Bind);
        String::from_utf8_lossy(&text).split_whitespace().map(str::to_owned).collect()
    }

    /// The output buffer limit of `class`.
    #[inline]
    pub fn output_limit(&self, class: ClientClass) -> OutputLimit {
        let [hard, soft, seconds] = &self.output_limits[class as usize];
        OutputLimit {
            hard_bytes: hard.load(Relaxed),
            soft_bytes: soft.load(Relaxed),
            soft_seconds: seconds.load(Relaxed),
        }
    }

    /// The absolute path of the configuration file, if the server has one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The `user` lines of the sources, in their order.
    pub fn user_lines(&self) -> &[UserLine] {
        &self.user_lines
    }

    /// What was odd but not wrong in the sources: for the log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Commands that are called otherwise.
    pub fn renames(&self) -> &[Rename] {
        &self.renames
    }

    /// CONFIG GET: names and values that match any of `patterns`, each once, in the order of the table. A pattern without
    /// wild cards is answered in its own spelling.
    pub fn matching(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for row in SETTINGS {
            for name in row.names() {
                let pattern = patterns.iter().find(|pattern| match is_glob(pattern) {
                    true => !row.is_hidden && glob::matches(pattern, name.as_bytes(), Case::Insensitive),
                    false => pattern.eq_ignore_ascii_case(name.as_bytes()),
                });
                let Some(pattern) = pattern.filter(|_| seen.insert(name)) else { continue };
                let spelling = if is_glob(pattern) { name.as_bytes() } else { pattern };
                found.push((spelling.to_vec(), row.format(&self.value(row))));
            }
        }
        found
    }

    /// CONFIG SET: checks all pairs, then stores all. The caller puts the changes into effect, or calls `undo`.
    /// `is_local` says whether the client connects from this machine.
    pub fn set(&self, pairs: &[(&[u8], &[u8])], is_local: bool) -> Result<Changes, SetError> {
        let _one_at_a_time = self.writer.lock();
        let rows = self.admit(pairs, is_local)?;
        let mut changes: Vec<Change> = Vec::with_capacity(pairs.len());
        for ((row, spelling), (_, value)) in rows.iter().zip(pairs) {
            // Two pairs may name one setting, by its name and its alias: the later builds upon the earlier.
            let earlier = changes.iter().rev().find(|change| change.id == row.id);
            let old = earlier.map_or_else(|| self.value(row), |change| change.new.clone());
            let new = row.parse(&words_of(row, value), &old).map_err(|reason| refusal(spelling, reason))?;
            if !row.is_live && new != old {
                return Err(refusal(spelling, IMMUTABLE));
            }
            changes.push(Change { id: row.id, old, new });
        }
        self.store_all(Changes(changes))
    }

    /// Puts back what `changes` replaced.
    pub fn undo(&self, changes: &Changes) {
        let _one_at_a_time = self.writer.lock();
        self.restore(&changes.0);
    }

    /// Fills in a text that the configuration has left open.
    pub fn decide(&self, id: Id, text: &[u8]) {
        self.store_in_memory(id, &Value::Text(text.into()));
    }

    pub(super) fn set_file(&mut self, file: PathBuf) {
        self.file = Some(file);
    }

    /// The value of `row` now.
    pub(super) fn value(&self, row: &Setting) -> Value {
        match row.kind {
            Kind::OutputLimits => Value::Limits(self.output_limits()),
            Kind::Directory => Value::Text(current_directory().into()),
            _ if row.is_text() => Value::Text(self.text(row.id)),
            _ => Value::Number(self.get(row.id)),
        }
    }

    /// Stores `value`. Only the working directory can refuse.
    pub(super) fn store(&self, id: Id, value: &Value) -> Result<(), Reason> {
        if let (Kind::Directory, Value::Text(path)) = (&row(id).kind, value) {
            return change_directory(path);
        }
        self.store_in_memory(id, value);
        Ok(())
    }

    /// The rows that `pairs` name with the spelling found, provided that this client may set them now.
    fn admit(
        &self,
        pairs: &[(&[u8], &[u8])],
        is_local: bool,
    ) -> Result<Vec<(&'static Setting, &'static str)>, SetError> {
        let mut rows: Vec<(&'static Setting, &'static str)> = Vec::with_capacity(pairs.len());
        for (name, _) in pairs {
            let given = String::from_utf8_lossy(name).into_owned();
            let Some((row, spelling)) = find(name) else { return Err(SetError::Unknown(name.to_vec())) };
            let reason = match row {
                row if !(row.is_live || row.is_own && spelling == row.name) => IMMUTABLE,
                row if row.is_protected && !self.allows_protected(is_local) => "can't set protected config",
                _ if rows.iter().any(|(_, earlier)| *earlier == spelling) => "duplicate parameter",
                _ => {
                    rows.push((row, spelling));
                    continue;
                }
            };
            return Err(refusal(&given, reason));
        }
        Ok(rows)
    }

    fn allows_protected(&self, is_local: bool) -> bool {
        const YES: i64 = 1;
        const LOCAL: i64 = 2;
        match self.get(Id::EnableProtectedConfigs) {
            YES => true,
            LOCAL => is_local,
            _ => false,
        }
    }

    fn store_all(&self, changes: Changes) -> Result<Changes, SetError> {
        for (stored, change) in changes.0.iter().enumerate() {
            if let Err(reason) = self.store(change.id, &change.new) {
                self.restore(&changes.0[..stored]);
                return Err(SetError::failed(change.id, reason));
            }
        }
        Ok(changes)
    }

    fn restore(&self, changes: &[Change]) {
        for change in changes.iter().rev() {
            // A working directory that has gone meanwhile cannot be gone back to.
            let _ = self.store(change.id, &change.old);
        }
    }

    fn store_in_memory(&self, id: Id, value: &Value) {
        match value {
            Value::Number(number) => self.numbers[id as usize].store(*number, Relaxed),
            Value::Text(text) => self.texts.write()[id as usize] = text.clone(),
            Value::Limits(limits) => self.store_output_limits(limits),
        }
    }

    fn store_output_limits(&self, limits: &OutputLimits) {
        for (limit, [hard, soft, seconds]) in limits.iter().zip(&self.output_limits) {
            hard.store(limit.hard_bytes, Relaxed);
            soft.store(limit.soft_bytes, Relaxed);
            seconds.store(limit.soft_seconds, Relaxed);
        }
    }

    fn output_limits(&self) -> OutputLimits {
        [ClientClass::Normal, ClientClass::Replica, ClientClass::PubSub].map(|class| self.output_limit(class))
    }
}

/// The words of a value as CONFIG SET takes it: single spaces separate them.
fn words_of<'a>(row: &Setting, value: &'a [u8]) -> Vec<&'a [u8]> {
    match row.takes_words() {
        true if value.is_empty() => Vec::new(),
        true => value.split(|&byte| byte == b' ').collect(),
        false => vec![value],
    }
}

fn is_glob(pattern: &[u8]) -> bool {
    pattern.iter().any(|byte| b"*?[".contains(byte))
}

fn refusal(name: &str, reason: impl Into<Reason>) -> SetError {
    SetError::Failed { name: name.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &Config, pairs: &[(&str, &str)]) -> Result<Vec<Id>, String> {
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        config.set(&pairs, false).map(|changes| changes.ids().collect()).map_err(|error| error.to_string())
    }

    fn get(config: &Config, patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let show = |(name, value): &(Vec<u8>, Vec<u8>)| {
            format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        config.matching(&patterns).iter().map(show).collect()
    }

    #[test]
    fn get_answers_each_name_once_in_the_spelling_asked_for() {
        let config = Config::default();
        let check = |patterns: &[&str], expected: &[&str]| assert_eq!(get(&config, patterns), expected);
        check(&["hz"], &["hz=10"]);
        check(
            &["HZ", "h*"],
            &[
                "HZ=10",
                "hash-max-listpack-entries=512",
                "hash-max-ziplist-entries=512",
                "hash-max-listpack-value=64",
                "hash-max-ziplist-value=64",
                "hll-sparse-max-bytes=3000",
            ],
        );
        check(
            &["HASH-max-ziplist-value", "maxmemory-s*", "hz", "hz"],
            &["hz=10", "maxmemory-samples=5", "HASH-max-ziplist-value=64"],
        );
        check(&["bind"], &["bind=* -::*"]);
        check(
            &["client-output-buffer-limit"],
            &[
                "client-output-buffer-limit=normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            ],
        );
        check(&["nothing"], &[]);
        let directory = std::env::current_dir().unwrap();
        check(&["dir"], &[&format!("dir={}", directory.display())]);
    }

    #[test]
    fn set_is_all_or_nothing() {
        let config = Config::default();
        let check = |pairs: &[(&str, &str)], refusal: &str| {
            assert_eq!(set(&config, pairs), Err(refusal.to_owned()));
            assert_eq!(
                get(&config, &["hz", "hash-max-ziplist-entries"]),
                ["hz=10", "hash-max-ziplist-entries=512"]
            );
        };
        let failed = |name: &str, reason: &str| {
            format!("CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        };
        let integer = "argument couldn't be parsed into an integer";
        check(&[("foo", "bar")], "Unknown option or number of arguments for CONFIG SET - 'foo'");
        check(&[("hz", "9"), ("foo", "3")], "Unknown option or number of arguments for CONFIG SET - 'foo'");
        check(&[("hz", "9"), ("HZ", "8")], &failed("HZ", "duplicate parameter"));
        check(&[("HZ", "a")], &failed("hz", integer));
        check(&[("hash-max-ziplist-entries", "9"), ("port", "abc")], &failed("port", integer));
        check(&[("hz", "9"), ("databases", "3"), ("foo", "4")], &failed("databases", IMMUTABLE));
        // One of our own may be set to what it is.
        check(&[("hz", "9"), ("databases", "16")], &failed("databases", IMMUTABLE));
        check(&[("hz", "9"), ("metrics-port", "1")], &failed("metrics-port", IMMUTABLE));
        check(&[("hz", "9"), ("io-threads", "1")], &failed("io-threads", IMMUTABLE));
        assert_eq!(set(&config, &[("metrics-port", "9121"), ("log-format", "redis")]), Ok(vec![]));
        check(&[("hz", "9"), ("dir", "/")], &failed("dir", "can't set protected config"));
        check(
            &[("client-output-buffer-limit", "NORMAL  1   2 3 replica 7 8 9")],
            &failed("client-output-buffer-limit", "Wrong number of arguments in buffer limit configuration."),
        );
    }

    #[test]
    fn set_reports_what_changed_and_can_be_undone() {
        let config = Config::default();
        assert_eq!(set(&config, &[("hz", "20"), ("timeout", "0")]), Ok(vec![Id::Hz]));
        assert_eq!(
            set(&config, &[("hash-max-ziplist-entries", "100"), ("hash-max-listpack-entries", "5")]),
            Ok(vec![Id::HashMaxListpackEntries, Id::HashMaxListpackEntries])
        );
        assert_eq!(config.get(Id::HashMaxListpackEntries), 5);
        let changes =
            config.set(&[(b"requirepass", b"x"), (b"maxmemory", b"1kb"), (b"bind", b"")], true).unwrap();
        assert_eq!((&*config.text(Id::RequirePass), config.get_unsigned(Id::MaxMemory)), (&b"x"[..], 1024));
        assert!(config.bind_addresses().is_empty());
        config.undo(&changes);
        assert_eq!((&*config.text(Id::RequirePass), config.get_unsigned(Id::MaxMemory)), (&b""[..], 0));
        assert_eq!(config.bind_addresses(), ["*", "-::*"]);
        set(&config, &[("client-output-buffer-limit", "slave 1 2 3")]).unwrap();
        let limit = OutputLimit { hard_bytes: 1, soft_bytes: 2, soft_seconds: 3 };
        assert_eq!(config.output_limit(ClientClass::Replica), limit);
    }

    #[test]
    fn protected_settings_follow_enable_protected_configs() {
        let directory = std::env::current_dir().unwrap();
        let pair: [(&[u8], &[u8]); 1] = [(b"dir", directory.as_os_str().as_encoded_bytes())];
        let check = |guard: i64, is_local: bool, allowed: bool| {
            let config = Config::default();
            config.store(Id::EnableProtectedConfigs, &Value::Number(guard)).unwrap();
            assert_eq!(config.set(&pair, is_local).is_ok(), allowed, "{guard} {is_local}");
        };
        check(0, true, false);
        check(1, false, true);
        check(2, false, false);
        check(2, true, true);
    }
}
