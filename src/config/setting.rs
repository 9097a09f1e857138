//! What a row of the table says, and how values are read and written: exactly as Redis 7.2, error texts included.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;

use super::special::{self, OutputLimits};
use super::table::Id;
use crate::base::cgroup;
use crate::base::number::parse_i64;
use crate::base::quoting::quote;

/// Why a value was refused, in Redis's words.
pub(super) type Reason = Cow<'static, str>;

/// Tells what is wrong with a text.
pub(super) type Check = fn(&[u8]) -> Result<(), &'static str>;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its row.
    pub id: Id,
    /// Its name, in lower case.
    pub name: &'static str,
    /// A second name that is read, but never written.
    pub alias: Option<&'static str>,
    /// Its type with bounds and default.
    pub kind: Kind,
    /// Whether CONFIG SET may change it.
    pub is_live: bool,
    /// Whether Redis does not have it. One that is fixed at the start may be set to what it is, so that tools can write back all
    /// that they have read but for the fixed ones they know.
    pub is_own: bool,
    /// Whether CONFIG SET may change it only where `enable-protected-configs` allows.
    pub is_protected: bool,
    /// The range into which an accepted number is moved.
    clamp: Option<(i64, i64)>,
    /// Whether only its exact name finds it: for tests.
    pub is_hidden: bool,
    /// Whether the default is the number of CPUs.
    per_cpu: bool,
    /// Whether it has no effect here, and is there only so that files and tools for Redis go on working. README lists these.
    pub is_inert: bool,
    /// Why any value but the default is refused, if it is: what it asks for would be missed.
    default_only: Option<&'static str>,
    /// What a text must be besides.
    check: Option<Check>,
    /// The index of a choice that means the same as an earlier one, and that one.
    synonym: Option<(i64, i64)>,
}

/// The type of a setting.
#[derive(Debug)]
pub enum Kind {
    /// `yes` or `no`, stored as 1 or 0.
    Bool {
        /// Its default.
        default: bool,
    },
    /// A whole number.
    Number {
        /// Least value.
        min: i64,
        /// Greatest value; beyond `i64::MAX` it is stored wrapped.
        max: u64,
        /// Its default.
        default: i64,
        /// How it is read and written.
        unit: Unit,
    },
    /// One of several names, stored as its index.
    Choice {
        /// The names.
        names: &'static [&'static str],
        /// Index of the default.
        default: i64,
    },
    /// Any bytes.
    Text {
        /// Its default.
        default: &'static str,
    },
    /// `bind`: up to 16 addresses.
    Addresses {
        /// Its default.
        default: &'static str,
    },
    /// `dir`: the working directory of the process.
    Directory,
    /// `notify-keyspace-events`: a set of classes, stored as flags.
    KeyspaceEvents,
    /// `client-output-buffer-limit`: three limits for each class of clients.
    OutputLimits,
    /// `save`: pairs of seconds and changes.
    SavePoints,
    /// `latency-tracking-info-percentiles`: percentages.
    Percentiles,
    /// `shutdown-on-sigterm` and its kin: any of several names, stored as flags; the first name means none of the others.
    Flags {
        /// The names; that at place n > 0 has the flag `1 << (n - 1)`.
        names: &'static [&'static str],
        /// Names that exclude each other, and what Redis says to that.
        exclusive: (i64, &'static str),
    },
    /// `oom-score-adj-values`: three numbers.
    OomScores,
    /// `replicaof`: host and port.
    ReplicaOf,
    /// A name of a file or folder, without a path; what it is goes into the message.
    FileName {
        /// Its default.
        default: &'static str,
        /// What Redis replies to a path.
        refusal: &'static str,
    },
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Decimal.
    Plain,
    /// Bytes; `k`, `kb`, `m`, `mb`, `g`, `gb` may follow.
    Bytes,
    /// As `Bytes`, or a percentage, which is stored as a negative number.
    BytesOrPercent,
    /// Octal.
    Octal,
}

/// A value of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Numbers, booleans, choices, flags.
    Number(i64),
    /// Texts, addresses, the directory.
    Text(Arc<[u8]>),
    /// Output buffer limits.
    Limits(OutputLimits),
}

pub(super) const fn boolean(name: &'static str, default: bool) -> Setting {
    Setting::new(name, Kind::Bool { default })
}

pub(super) const fn number(name: &'static str, min: i64, max: u64, default: i64) -> Setting {
    Setting::new(name, Kind::Number { min, max, default, unit: Unit::Plain })
}

pub(super) const fn bytes(name: &'static str, min: i64, max: u64, default: i64) -> Setting {
    Setting::new(name, Kind::Number { min, max, default, unit: Unit::Bytes })
}

pub(super) const fn bytes_or_percent(name: &'static str, default: i64) -> Setting {
    let (min, max, unit) = (-100, i64::MAX as u64, Unit::BytesOrPercent);
    Setting::new(name, Kind::Number { min, max, default, unit })
}

pub(super) const fn octal(name: &'static str, max: u64, default: i64) -> Setting {
    Setting::new(name, Kind::Number { min: 0, max, default, unit: Unit::Octal })
}

pub(super) const fn choice(name: &'static str, names: &'static [&'static str], default: i64) -> Setting {
    Setting::new(name, Kind::Choice { names, default })
}

pub(super) const fn text(name: &'static str, default: &'static str) -> Setting {
    Setting::new(name, Kind::Text { default })
}

pub(super) const fn addresses(name: &'static str, default: &'static str) -> Setting {
    Setting::new(name, Kind::Addresses { default })
}

pub(super) const fn directory(name: &'static str) -> Setting {
    Setting::new(name, Kind::Directory)
}

pub(super) const fn events(name: &'static str) -> Setting {
    Setting::new(name, Kind::KeyspaceEvents)
}

pub(super) const fn output_limits(name: &'static str) -> Setting {
    Setting::new(name, Kind::OutputLimits)
}

pub(super) const fn save_points(name: &'static str) -> Setting {
    Setting::new(name, Kind::SavePoints)
}

pub(super) const fn percentiles(name: &'static str) -> Setting {
    Setting::new(name, Kind::Percentiles)
}

pub(super) const fn file_name(name: &'static str, default: &'static str, refusal: &'static str) -> Setting {
    Setting::new(name, Kind::FileName { default, refusal })
}

pub(super) const fn shutdown_flags(name: &'static str) -> Setting {
    Setting::new(name, Kind::Flags { names: special::SHUTDOWN_WORDS, exclusive: special::SAVE_OR_NOT })
}

pub(super) const fn oom_scores(name: &'static str) -> Setting {
    Setting::new(name, Kind::OomScores)
}

pub(super) const fn replica_of(name: &'static str) -> Setting {
    Setting::new(name, Kind::ReplicaOf)
}

impl Setting {
    const fn new(name: &'static str, kind: Kind) -> Setting {
        let (alias, clamp) = (None, None);
        let (is_live, is_own, is_protected, is_hidden, per_cpu, is_inert) =
            (false, false, false, false, false, false);
        let (default_only, check, synonym) = (None, None, None);
        Setting {
            id: Id::Bind,
            name,
            alias,
            kind,
            is_live,
            is_own,
            is_protected,
            clamp,
            is_hidden,
            per_cpu,
            is_inert,
            default_only,
            check,
            synonym,
        }
    }

    pub(super) const fn id(self, id: Id) -> Setting {
        Setting { id, ..self }
    }

    pub(super) const fn alias(self, alias: &'static str) -> Setting {
        Setting { alias: Some(alias), ..self }
    }

    pub(super) const fn live(self) -> Setting {
        Setting { is_live: true, ..self }
    }

    /// Not in Redis.
    pub(super) const fn own(self) -> Setting {
        Setting { is_own: true, ..self }
    }

    pub(super) const fn protected(self) -> Setting {
        Setting { is_protected: true, ..self }
    }

    pub(super) const fn hidden(self) -> Setting {
        Setting { is_hidden: true, ..self }
    }

    pub(super) const fn clamp(self, min: i64, max: i64) -> Setting {
        Setting { clamp: Some((min, max)), ..self }
    }

    pub(super) const fn per_cpu(self) -> Setting {
        Setting { per_cpu: true, ..self }
    }

    /// Accepted, without effect here.
    pub(super) const fn inert(self) -> Setting {
        Setting { is_inert: true, ..self }
    }

    /// Refuses any value but the default for this reason.
    pub(super) const fn default_only(self, reason: &'static str) -> Setting {
        Setting { default_only: Some(reason), ..self }
    }

    pub(super) const fn checked(self, check: Check) -> Setting {
        Setting { check: Some(check), ..self }
    }

    /// The choice at `place` is stored as the one at `meaning`.
    pub(super) const fn synonym(self, place: i64, meaning: i64) -> Setting {
        Setting { synonym: Some((place, meaning)), ..self }
    }

    /// Its name, then its alias if it has one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// Whether its value is a list of words, each an argument of its own in a configuration file.
    pub fn takes_words(&self) -> bool {
        matches!(
            self.kind,
            Kind::Addresses { .. }
                | Kind::OutputLimits
                | Kind::SavePoints
                | Kind::Percentiles
                | Kind::Flags { .. }
                | Kind::OomScores
                | Kind::ReplicaOf
        )
    }

    /// Whether its values are texts.
    pub(super) fn is_text(&self) -> bool {
        matches!(
            self.kind,
            Kind::Text { .. }
                | Kind::FileName { .. }
                | Kind::Addresses { .. }
                | Kind::SavePoints
                | Kind::Percentiles
                | Kind::OomScores
                | Kind::ReplicaOf
        )
    }

    /// The value in force when nobody sets one.
    pub fn default_value(&self) -> Value {
        match self.kind {
            Kind::Number { max, .. } if self.per_cpu => {
                Value::Number(cgroup::granted_cpus().min(max as usize) as i64)
            }
            Kind::Bool { default } => Value::Number(i64::from(default)),
            Kind::Number { default, .. } | Kind::Choice { default, .. } => Value::Number(default),
            Kind::Text { default } | Kind::Addresses { default } => text_value(default.as_bytes()),
            Kind::Directory => text_value(&special::current_directory()),
            Kind::KeyspaceEvents | Kind::Flags { .. } => Value::Number(0),
            Kind::OomScores => text_value(special::DEFAULT_OOM_SCORES),
            Kind::ReplicaOf => text_value(b""),
            Kind::OutputLimits => Value::Limits(special::DEFAULT_OUTPUT_LIMITS),
            Kind::SavePoints => text_value(special::DEFAULT_SAVE_POINTS),
            Kind::Percentiles => text_value(special::DEFAULT_PERCENTILES),
            Kind::FileName { default, .. } => text_value(default.as_bytes()),
        }
    }

    /// Reads and checks a value: one word, or any number where `takes_words`. `current` is what partial values add to.
    pub(super) fn parse(&self, words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
        let value = self.parse_words(words, current)?;
        match (&value, self.default_only) {
            (Value::Text(text), _) => self.check.map_or(Ok(()), |check| check(text))?,
            (_, Some(reason)) if value != self.default_value() => return Err(reason.into()),
            _ => {}
        }
        Ok(value)
    }

    fn parse_words(&self, words: &[&[u8]], current: &Value) -> Result<Value, Reason> {
        let word = words.first().copied().unwrap_or_default();
        match &self.kind {
            Kind::Bool { .. } => parse_bool(word).map(Value::Number),
            Kind::Number { min, max, unit, .. } => self.parse_number(word, *min, *max, *unit),
            Kind::Choice { names, .. } => {
                let index = parse_choice(word, names)?;
                let meant = self.synonym.filter(|(place, _)| *place == index);
                Ok(Value::Number(meant.map_or(index, |(_, meaning)| meaning)))
            }
            Kind::Flags { names, exclusive } => {
                special::parse_flags(words, names, *exclusive).map(Value::Number)
            }
            Kind::OomScores => special::parse_oom_scores(words).map(|text| text_value(&text)),
            Kind::ReplicaOf => special::parse_replica_of(words).map(|text| text_value(&text)),
            Kind::Text { .. } => Ok(text_value(word)),
            Kind::Addresses { .. } => special::parse_addresses(words).map(|text| text_value(&text)),
            Kind::Directory => special::parse_directory(word).map(|text| text_value(&text)),
            Kind::KeyspaceEvents => special::parse_events(word).map(Value::Number),
            Kind::OutputLimits => special::parse_output_limits(words, current).map(Value::Limits),
            Kind::SavePoints => special::parse_save_points(words).map(|text| text_value(&text)),
            Kind::Percentiles => special::parse_percentiles(words).map(|text| text_value(&text)),
            Kind::FileName { .. } if word.is_empty() => Err(format!("{} can't be empty", self.name).into()),
            Kind::FileName { refusal, .. } if word.contains(&b'/') => Err((*refusal).into()),
            Kind::FileName { .. } => Ok(text_value(word)),
        }
    }

    /// The value as CONFIG GET shows it.
    pub fn format(&self, value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        match (&self.kind, value) {
            (Kind::Bool { .. }, Value::Number(flag)) => {
                out.extend_from_slice(if *flag == 0 { b"no" } else { b"yes" });
            }
            (Kind::Choice { names, .. }, Value::Number(index)) => {
                out.extend_from_slice(names.get(*index as usize).unwrap_or(&"").as_bytes());
            }
            (Kind::KeyspaceEvents, Value::Number(flags)) => out = special::format_events(*flags).into(),
            (Kind::Flags { names, .. }, Value::Number(flags)) => {
                out = special::format_flags(*flags, names).into();
            }
            // Writing to a Vec cannot fail.
            (Kind::Number { unit: Unit::BytesOrPercent, .. }, Value::Number(percent @ ..0)) => {
                drop(write!(out, "{}%", percent.unsigned_abs()));
            }
            (Kind::Number { unit: Unit::Octal, .. }, Value::Number(number)) => {
                drop(write!(out, "{number:o}"))
            }
            (Kind::Number { max, .. }, Value::Number(number)) => drop(write_number(&mut out, *number, *max)),
            (_, Value::Number(number)) => drop(write!(out, "{number}")),
            (_, Value::Text(text)) => out.extend_from_slice(text),
            (_, Value::Limits(limits)) => out = special::format_output_limits(limits).into(),
        }
        out
    }

    /// The lines CONFIG REWRITE writes for the value. Each says whether it must be there even if the file has no line yet.
    pub(super) fn file_lines(&self, value: &Value) -> Vec<(String, bool)> {
        let is_needed = *value != self.default_value();
        let shown = match (&self.kind, value) {
            (_, Value::Limits(limits)) => return special::output_limit_lines(self.name, limits),
            (Kind::Directory, Value::Text(path)) => return vec![(format!("dir {}", quote(path)), true)],
            (Kind::SavePoints, Value::Text(text)) => return special::save_point_lines(text),
            (Kind::Percentiles, Value::Text(text)) => {
                return vec![(special::percentile_line(self.name, text), true)];
            }
            (Kind::Addresses { .. } | Kind::OomScores, Value::Text(text)) if !text.is_empty() => lossy(text),
            (Kind::ReplicaOf, Value::Text(_)) => return Vec::new(),
            (Kind::KeyspaceEvents, _) => quote(&self.format(value)),
            (Kind::Number { unit: Unit::Bytes | Unit::BytesOrPercent, .. }, Value::Number(number @ 0..)) => {
                format_bytes(*number as u64)
            }
            (Kind::Number { unit: Unit::Bytes, .. }, Value::Number(number)) => format_bytes(*number as u64),
            (_, Value::Text(text)) => quote(text),
            _ => lossy(&self.format(value)),
        };
        vec![(format!("{} {shown}", self.name), is_needed)]
    }

    fn parse_number(&self, word: &[u8], min: i64, max: u64, unit: Unit) -> Result<Value, Reason> {
        let number = match unit {
            Unit::Plain => i128::from(parse_i64(word).ok_or("argument couldn't be parsed into an integer")?),
            Unit::Bytes => i128::from(parse_bytes(word).ok_or("argument must be a memory value")?),
            Unit::BytesOrPercent => parse_bytes_or_percent(word)?,
            Unit::Octal => {
                i128::from(parse_octal(word).ok_or("argument couldn't be parsed as an octal number")?)
            }
        };
        if number < i128::from(min) || number > i128::from(max) {
            return Err(match unit {
                Unit::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
                _ => format!("argument must be between {min} and {max} inclusive"),
            }
            .into());
        }
        // Between `i64::MIN` and `u64::MAX` by now; what is beyond `i64::MAX` is stored wrapped.
        let number = number as i64;
        Ok(Value::Number(self.clamp.map_or(number, |(min, max)| number.clamp(min, max))))
    }
}

pub(super) fn text_value(text: &[u8]) -> Value {
    Value::Text(text.into())
}

/// Bytes with an optional unit. Digits saturate and the product wraps, as in Redis; no digits are zero.
pub fn parse_bytes(word: &[u8]) -> Option<u64> {
    const DIGITS_MAX: usize = 127;
    let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = word.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    let digit = |sum: u64, byte: &u8| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    (digits <= DIGITS_MAX).then(|| number.iter().fold(0, digit).wrapping_mul(factor))
}

/// As [`parse_bytes`], or a percentage as a negative number.
fn parse_bytes_or_percent(word: &[u8]) -> Result<i128, Reason> {
    const REFUSAL: &str = "argument must be a memory or percent value";
    let Some(percent) = word.strip_suffix(b"%") else {
        return parse_bytes(word).map(i128::from).ok_or(REFUSAL.into());
    };
    match parse_i64(percent).ok_or(REFUSAL)? {
        ..0 => Err(REFUSAL.into()),
        percent @ 0..=100 => Ok(-i128::from(percent)),
        _ => Err("percentage argument must be less or equal to 100".into()),
    }
}

/// The greatest unit that divides `bytes`, as CONFIG REWRITE writes it.
pub(super) fn format_bytes(bytes: u64) -> String {
    let units = [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    match units.iter().find(|(unit, _)| bytes != 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// C's `strtoll` with base 8: nothing is zero.
fn parse_octal(word: &[u8]) -> Option<i64> {
    match word {
        [] => Some(0),
        _ => i64::from_str_radix(std::str::from_utf8(word).ok()?, 8).ok(),
    }
}

fn parse_bool(word: &[u8]) -> Result<i64, Reason> {
    match word.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(1),
        b"no" => Ok(0),
        _ => Err("argument must be 'yes' or 'no'".into()),
    }
}

fn parse_choice(word: &[u8], names: &[&str]) -> Result<i64, Reason> {
    let index = names.iter().position(|name| word.eq_ignore_ascii_case(name.as_bytes()));
    let refusal = || format!("argument(s) must be one of the following: {}", names.join(", "));
    index.map(|index| index as i64).ok_or_else(|| refusal().into())
}

fn write_number(out: &mut Vec<u8>, number: i64, max: u64) -> std::io::Result<()> {
    match i64::try_from(max) {
        Ok(_) => write!(out, "{number}"),
        Err(_) => write!(out, "{}", number as u64),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::table::find;

    /// Sets `name` to `word` and compares what CONFIG GET shows afterwards, or the refusal.
    fn check(name: &str, word: &str, expected: Result<&str, &str>) {
        let (row, _) = find(name.as_bytes()).unwrap();
        let value = row.parse(&[word.as_bytes()], &row.default_value());
        let shown = value.map(|value| String::from_utf8(row.format(&value)).unwrap());
        assert_eq!(shown.as_deref().map_err(|reason| reason.as_ref()), expected, "{name} {word}");
    }

    #[test]
    fn memory_values_are_read_as_redis_reads_them() {
        const REFUSED: Result<&str, &str> = Err("argument must be a memory value");
        check("maxmemory", "1b", Ok("1"));
        check("maxmemory", "1k", Ok("1000"));
        check("maxmemory", "01kB", Ok("1024"));
        check("maxmemory", "1G", Ok("1000000000"));
        check("maxmemory", "2gb", Ok("2147483648"));
        check("maxmemory", "", Ok("0"));
        check("maxmemory", "mb", Ok("0"));
        check("maxmemory", "18446744073709551615", Ok("18446744073709551615"));
        check("maxmemory", "18446744073709551616", Ok("18446744073709551615"));
        for word in ["abc", "-1", "+1", "1.5gb", "50%", " 1", "1 mb", "1t", &"1".repeat(128)] {
            check("maxmemory", word, REFUSED);
        }
        check(
            "client-query-buffer-limit",
            "1",
            Err("argument must be between 1048576 and 9223372036854775807 inclusive"),
        );
        check(
            "proto-max-bulk-len",
            "9223372036854775808",
            Err("argument must be between 1048576 and 9223372036854775807 inclusive"),
        );
    }

    #[test]
    fn percentages_are_read_where_they_may_be() {
        const REFUSED: Result<&str, &str> = Err("argument must be a memory or percent value");
        check("maxmemory-clients", "5%", Ok("5%"));
        check("maxmemory-clients", "100%", Ok("100%"));
        check("maxmemory-clients", "0%", Ok("0"));
        check("maxmemory-clients", "", Ok("0"));
        check("maxmemory-clients", "1kb", Ok("1024"));
        check("maxmemory-clients", "101%", Err("percentage argument must be less or equal to 100"));
        for word in ["-1", "-5%", "%", "5%%", "1.5%", "abc"] {
            check("maxmemory-clients", word, REFUSED);
        }
    }

    #[test]
    fn numbers_are_read_as_redis_reads_them() {
        for word in ["abc", "", "-", " 1", "+1", "01", "-0", "0x10", "3.5", "1kb", "99999999999999999999"] {
            check("hz", word, Err("argument couldn't be parsed into an integer"));
        }
        check("hz", "0", Ok("1"));
        check("hz", "1000", Ok("500"));
        check("port", "65535", Ok("65535"));
        check("port", "65536", Err("argument must be between 0 and 65535 inclusive"));
        check("maxclients", "0", Err("argument must be between 1 and 4294967295 inclusive"));
        check("list-max-listpack-size", "-5", Ok("-5"));
        check(
            "list-max-listpack-size",
            "99999999999",
            Err("argument must be between -2147483648 and 2147483647 inclusive"),
        );
        check("unixsocketperm", "0755", Ok("755"));
        check("unixsocketperm", "", Ok("0"));
        check("unixsocketperm", "888", Err("argument couldn't be parsed as an octal number"));
        check("unixsocketperm", "1777", Err("argument must be between 0 and 777 inclusive"));
        check("unixsocketperm", "-1", Err("argument must be between 0 and 777 inclusive"));
    }

    #[test]
    fn booleans_and_choices_ignore_case() {
        check("dynamic-hz", "YES", Ok("yes"));
        check("dynamic-hz", "maybe", Err("argument must be 'yes' or 'no'"));
        check("maxmemory-policy", "ALLKEYS-LRU", Ok("allkeys-lru"));
        check(
            "enable-debug-command",
            "maybe",
            Err("argument(s) must be one of the following: no, yes, local"),
        );
        check(
            "loglevel",
            "",
            Err("argument(s) must be one of the following: debug, verbose, notice, warning, nothing"),
        );
    }

    #[test]
    fn file_names_have_no_path() {
        check("dbfilename", "d.rdb", Ok("d.rdb"));
        check("dbfilename", "a/d.rdb", Err("dbfilename can't be a path, just a filename"));
        check("appenddirname", "x/", Err("appenddirname can't be a path, just a dirname"));
        check("appenddirname", "", Err("appenddirname can't be empty"));
    }

    #[test]
    fn lines_of_the_file_are_those_of_config_rewrite() {
        let check = |name: &str, word: &str, expected: (&str, bool)| {
            let (row, _) = find(name.as_bytes()).unwrap();
            let value = row.parse(&[word.as_bytes()], &row.default_value()).unwrap();
            assert_eq!(row.file_lines(&value), [(expected.0.to_owned(), expected.1)]);
        };
        check("maxmemory", "100mb", ("maxmemory 100mb", true));
        check("maxmemory", "1500", ("maxmemory 1500", true));
        check("maxmemory", "0", ("maxmemory 0", false));
        check("maxmemory-clients", "5%", ("maxmemory-clients 5%", true));
        check("maxmemory-clients", "2mb", ("maxmemory-clients 2mb", true));
        check("proto-max-bulk-len", "2gb", ("proto-max-bulk-len 2gb", true));
        check("unixsocketperm", "700", ("unixsocketperm 700", true));
        check("requirepass", "a b\"c", ("requirepass \"a b\\\"c\"", true));
        check("notify-keyspace-events", "KEA", ("notify-keyspace-events \"AKE\"", true));
        check("loglevel", "notice", ("loglevel notice", false));
        check("dynamic-hz", "no", ("dynamic-hz no", true));
        check("bind", "127.0.0.1", ("bind 127.0.0.1", true));
        check("bind", "", ("bind \"\"", true));
        check("save", "", ("save \"\"", true));
    }
}
