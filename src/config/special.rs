//! Settings whose values are neither number, text nor one of a list.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use super::setting::{Reason, Value, format_bytes, parse_bytes};
use crate::base::number::{parse_f64, parse_i64};
use crate::base::os_error;

/// The flags of `notify-keyspace-events`.
pub mod keyspace_events {
    /// `K`: publish to `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: i64 = 1;
    /// `E`: publish to `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: i64 = 1 << 1;
    /// `g`: commands that know no type.
    pub const GENERIC: i64 = 1 << 2;
    /// `$`.
    pub const STRING: i64 = 1 << 3;
    /// `l`.
    pub const LIST: i64 = 1 << 4;
    /// `s`.
    pub const SET: i64 = 1 << 5;
    /// `h`.
    pub const HASH: i64 = 1 << 6;
    /// `z`.
    pub const ZSET: i64 = 1 << 7;
    /// `x`: a key expired.
    pub const EXPIRED: i64 = 1 << 8;
    /// `e`: a key was evicted.
    pub const EVICTED: i64 = 1 << 9;
    /// `t`.
    pub const STREAM: i64 = 1 << 10;
    /// `m`: a key was looked up in vain.
    pub const KEY_MISS: i64 = 1 << 11;
    /// `d`: modules.
    pub const MODULE: i64 = 1 << 13;
    /// `n`: a key was created.
    pub const NEW: i64 = 1 << 14;
    /// `A`: every class but `m` and `n`.
    pub const ALL: i64 = GENERIC | STRING | LIST | SET | HASH | ZSET | EXPIRED | EVICTED | STREAM | MODULE;
}

use keyspace_events as event;

/// `save` as Redis 7 has it.
pub(super) const DEFAULT_SAVE_POINTS: &[u8] = b"3600 1 300 100 60 10000";

/// The pairs of `save`, joined by spaces. One empty word means none.
pub(super) fn parse_save_points(words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const REFUSAL: &str = "Invalid save parameters";
    if let [] | [b""] = words {
        return Ok(Vec::new());
    }
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(REFUSAL.into());
    }
    let mut out = Vec::new();
    for [seconds, changes] in pairs {
        let valid = |word: &[u8], min| parse_i64(word).filter(|number| *number >= min).ok_or(REFUSAL);
        let pair = format!("{} {}", valid(seconds, 1)?, valid(changes, 0)?);
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(pair.as_bytes());
    }
    Ok(out)
}

/// Seconds and changes of each pair in the text of `save`.
pub fn save_points(text: &[u8]) -> Vec<(u64, u64)> {
    let numbers: Vec<u64> =
        text.split(|&byte| byte == b' ').filter_map(parse_i64).map(|number| number as u64).collect();
    numbers.as_chunks::<2>().0.iter().map(|[seconds, changes]| (*seconds, *changes)).collect()
}

/// A line for each pair, always there, as in Redis.
pub(super) fn save_point_lines(text: &[u8]) -> Vec<(String, bool)> {
    let points = save_points(text);
    if points.is_empty() {
        return vec![("save \"\"".into(), true)];
    }
    points.iter().map(|(seconds, changes)| (format!("save {seconds} {changes}"), true)).collect()
}

/// `latency-tracking-info-percentiles` as Redis 7 has it.
pub(super) const DEFAULT_PERCENTILES: &[u8] = b"50 99 99.9";

/// Percentages with up to six digits behind the point, joined by spaces. One empty word means none.
pub(super) fn parse_percentiles(words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const NO_NUMBER: &str = "Invalid latency-tracking-info-percentiles parameters";
    const OUTSIDE: &str = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
    if let [] | [b""] = words {
        return Ok(Vec::new());
    }
    let mut shown = Vec::new();
    for word in words {
        let percent = parse_f64(word).ok_or(NO_NUMBER)?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(OUTSIDE.into());
        }
        shown.push(format!("{percent:.6}").trim_end_matches('0').trim_end_matches('.').to_owned());
    }
    Ok(shown.join(" ").into_bytes())
}

/// The line CONFIG REWRITE writes for percentiles, always there, as in Redis.
pub(super) fn percentile_line(name: &str, text: &[u8]) -> String {
    match text {
        [] => format!("{name} \"\""),
        _ => format!("{name} {}", String::from_utf8_lossy(text)),
    }
}

/// The words of `shutdown-on-sigterm` and `shutdown-on-sigint`, in the order of `shutdown_flags`.
pub(super) const SHUTDOWN_WORDS: &[&str] = &["default", "save", "nosave", "now", "force"];

/// The flags of `SHUTDOWN_WORDS`.
pub mod shutdown_flags {
    /// Make a snapshot.
    pub const SAVE: i64 = 1;
    /// Make none.
    pub const NOSAVE: i64 = 1 << 1;
    /// Do not wait for replicas.
    pub const NOW: i64 = 1 << 2;
    /// End whatever fails.
    pub const FORCE: i64 = 1 << 3;
}

pub(super) const SAVE_OR_NOT: (i64, &str) = (
    shutdown_flags::SAVE | shutdown_flags::NOSAVE,
    "shutdown options SAVE and NOSAVE can't be used simultaneously",
);

/// The flags of some words; not all of `exclusive` together.
pub(super) fn parse_flags(
    words: &[&[u8]],
    names: &[&str],
    (exclusive, refusal): (i64, &'static str),
) -> Result<i64, Reason> {
    let unknown = || format!("argument(s) must be one of the following: {}", names.join(", "));
    if words.is_empty() {
        return Err(unknown().into());
    }
    let mut flags = 0;
    for word in words {
        let place = names.iter().position(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        flags |= (1 << place.ok_or_else(unknown)?) >> 1;
    }
    match flags & exclusive == exclusive {
        true => Err(refusal.into()),
        false => Ok(flags),
    }
}

pub(super) fn format_flags(flags: i64, names: &[&str]) -> String {
    let set = (1..names.len()).filter(|place| flags & (1 << (place - 1)) != 0);
    let shown: Vec<&str> = set.map(|place| names[place]).collect();
    if shown.is_empty() { names[0].to_owned() } else { shown.join(" ") }
}

/// `oom-score-adj-values` as Redis 7 has it.
pub(super) const DEFAULT_OOM_SCORES: &[u8] = b"0 200 800";

/// The three numbers of `oom-score-adj-values`, joined by spaces: for a primary, a replica, a child.
pub(super) fn parse_oom_scores(words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const RANGE: std::ops::RangeInclusive<i64> = -2000..=2000;
    const OUTSIDE: &str = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    let [_, _, _] = words else { return Err("wrong number of arguments".into()) };
    let score = |word: &&[u8]| parse_i64(word).filter(|score| RANGE.contains(score)).ok_or(OUTSIDE);
    let scores: Vec<i64> = words.iter().map(score).collect::<Result<_, _>>()?;
    Ok(scores.iter().map(i64::to_string).collect::<Vec<_>>().join(" ").into_bytes())
}

/// `replicaof`: only `no one`, as long as there is no replication.
pub(super) fn parse_replica_of(words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    let [host, port] = words else { return Err("wrong number of arguments".into()) };
    if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
        return Ok(Vec::new());
    }
    match parse_i64(port) {
        Some(0..=65_535) => Err("replication is not supported yet".into()),
        _ => Err("Invalid master port".into()),
    }
}

/// Names of hosts: letters, digits, hyphens, dots.
pub(super) fn check_host_name(text: &[u8]) -> Result<(), &'static str> {
    const LENGTH_MAX: usize = 256;
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
    match text {
        _ if text.len() >= LENGTH_MAX => Err("Hostnames must be less than 256 characters"),
        _ if !text.iter().all(is_allowed) => {
            Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
        }
        _ => Ok(()),
    }
}

/// Names of nodes for people.
pub(super) fn check_node_name(text: &[u8]) -> Result<(), &'static str> {
    match text.iter().any(|byte| b"!#$%&()*+:;<>?@[]^{|}~".contains(byte)) {
        true => Err("Announced human node name contained invalid character"),
        false => Ok(()),
    }
}

/// `locale-collate`: strings are ordered by their bytes, which is the order of these locales.
pub(super) fn check_locale(text: &[u8]) -> Result<(), &'static str> {
    match text {
        b"" | b"C" | b"POSIX" | b"C.UTF-8" | b"C.utf8" => Ok(()),
        _ => Err("Invalid locale name"),
    }
}

/// The letters of classes in the order CONFIG GET writes them.
const CLASS_LETTERS: &[(char, i64)] = &[
    ('g', event::GENERIC),
    ('$', event::STRING),
    ('l', event::LIST),
    ('s', event::SET),
    ('h', event::HASH),
    ('z', event::ZSET),
    ('x', event::EXPIRED),
    ('e', event::EVICTED),
    ('t', event::STREAM),
    ('d', event::MODULE),
    ('n', event::NEW),
];
/// The letters that follow the classes.
const OTHER_LETTERS: &[(char, i64)] =
    &[('K', event::KEYSPACE), ('E', event::KEYEVENT), ('m', event::KEY_MISS)];

/// A class of clients with an output buffer limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientClass {
    /// All others.
    Normal,
    /// Replicas.
    Replica,
    /// Clients with a subscription.
    PubSub,
}

/// When a client is closed for not reading its replies. Zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Bytes at which it is closed at once.
    pub hard_bytes: i64,
    /// Bytes that it may exceed for `soft_seconds`.
    pub soft_bytes: i64,
    /// See `soft_bytes`.
    pub soft_seconds: i64,
}

/// One limit for each `ClientClass`, in its order.
pub(super) type OutputLimits = [OutputLimit; 3];

pub(super) const DEFAULT_OUTPUT_LIMITS: OutputLimits = [
    OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_seconds: 0 },
    OutputLimit { hard_bytes: 256 << 20, soft_bytes: 64 << 20, soft_seconds: 60 },
    OutputLimit { hard_bytes: 32 << 20, soft_bytes: 8 << 20, soft_seconds: 60 },
];

/// The class names CONFIG GET and CONFIG REWRITE show; the former has kept the old word.
const SHOWN_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];
const FILE_CLASSES: [&str; 3] = ["normal", "replica", "pubsub"];

pub(super) fn parse_events(word: &[u8]) -> Result<i64, Reason> {
    const REFUSAL: &str = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    word.iter().try_fold(0, |flags, &byte| match byte {
        b'A' => Ok(flags | event::ALL),
        _ => event_flag(char::from(byte)).map(|flag| flags | flag).ok_or(REFUSAL.into()),
    })
}

/// With every class set, Redis writes `A` and leaves `n` out.
pub(super) fn format_events(flags: i64) -> String {
    let letters = |table: &'static [(char, i64)]| {
        table.iter().filter(move |(_, flag)| flags & flag != 0).map(|(letter, _)| *letter)
    };
    let mut text = String::new();
    match flags & event::ALL == event::ALL {
        true => text.push('A'),
        false => text.extend(letters(CLASS_LETTERS)),
    }
    text.extend(letters(OTHER_LETTERS));
    text
}

fn event_flag(letter: char) -> Option<i64> {
    CLASS_LETTERS.iter().chain(OTHER_LETTERS).find(|(known, _)| *known == letter).map(|(_, flag)| *flag)
}

/// The addresses of `bind`, joined by spaces. One empty word means none.
pub(super) fn parse_addresses(words: &[&[u8]]) -> Result<Vec<u8>, Reason> {
    const ADDRESSES_MAX: usize = 16;
    if words.len() > ADDRESSES_MAX {
        return Err("Too many bind addresses specified.".into());
    }
    Ok(words.join(&b' '))
}

/// The absolute path of `word`, which must be an existing directory.
pub(super) fn parse_directory(word: &[u8]) -> Result<Vec<u8>, Reason> {
    let path = Path::new(std::ffi::OsStr::from_bytes(word));
    let absolute = path.canonicalize().map_err(|error| os_error::reason(&error))?;
    match absolute.is_dir() {
        true => Ok(absolute.into_os_string().into_vec()),
        false => Err("Not a directory".into()),
    }
}

/// Empty when it cannot be told.
pub(super) fn current_directory() -> Vec<u8> {
    std::env::current_dir().map_or_else(|_| Vec::new(), |path| path.into_os_string().into_vec())
}

/// Moves the process to `path`.
pub(super) fn change_directory(path: &[u8]) -> Result<(), Reason> {
    std::env::set_current_dir(std::ffi::OsStr::from_bytes(path))
        .map_err(|error| os_error::reason(&error).into())
}

/// Groups of `class hard soft seconds`; classes that are not named keep what `current` says.
pub(super) fn parse_output_limits(words: &[&[u8]], current: &Value) -> Result<OutputLimits, Reason> {
    let mut limits = match current {
        Value::Limits(limits) => *limits,
        _ => DEFAULT_OUTPUT_LIMITS,
    };
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in words.chunks_exact(4) {
        let class =
            client_class(group[0]).ok_or("Invalid client class specified in buffer limit configuration.")?;
        limits[class as usize] = parse_output_limit(&group[1..])
            .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
    }
    Ok(limits)
}

pub(super) fn format_output_limits(limits: &OutputLimits) -> String {
    let shown = |(class, limit): (&str, &OutputLimit)| {
        format!("{class} {} {} {}", limit.hard_bytes, limit.soft_bytes, limit.soft_seconds)
    };
    SHOWN_CLASSES.into_iter().zip(limits).map(shown).collect::<Vec<_>>().join(" ")
}

/// One line a class, needed where it differs from the default.
pub(super) fn output_limit_lines(name: &str, limits: &OutputLimits) -> Vec<(String, bool)> {
    let line = |(class, (limit, default)): (&str, (&OutputLimit, &OutputLimit))| {
        let (hard, soft) = (format_bytes(limit.hard_bytes as u64), format_bytes(limit.soft_bytes as u64));
        (format!("{name} {class} {hard} {soft} {}", limit.soft_seconds), limit != default)
    };
    FILE_CLASSES.into_iter().zip(limits.iter().zip(&DEFAULT_OUTPUT_LIMITS)).map(line).collect()
}

fn client_class(word: &[u8]) -> Option<ClientClass> {
    match word.to_ascii_lowercase().as_slice() {
        b"normal" => Some(ClientClass::Normal),
        b"slave" | b"replica" => Some(ClientClass::Replica),
        b"pubsub" => Some(ClientClass::PubSub),
        _ => None,
    }
}

fn parse_output_limit(words: &[&[u8]]) -> Option<OutputLimit> {
    let bytes = |word| parse_bytes(word).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
    let soft_seconds: i64 = std::str::from_utf8(words[2]).ok()?.parse().ok()?;
    let limit = OutputLimit { hard_bytes: bytes(words[0])?, soft_bytes: bytes(words[1])?, soft_seconds };
    (soft_seconds >= 0).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_classes_are_shown_as_redis_shows_them() {
        let check = |word: &str, expected: &str| {
            assert_eq!(format_events(parse_events(word.as_bytes()).unwrap()), expected, "{word}");
        };
        check("", "");
        check("KEA", "AKE");
        check("A", "A");
        check("Elg", "glE");
        check("AKEmnd", "AKEm");
        check("nmKxE", "xnKEm");
        check("g$lshzxetd", "A");
        check("g$lshzxetdnmKE", "AKEm");
        assert_eq!(parse_events(b"KZ"), Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()));
    }

    #[test]
    fn save_points_are_pairs() {
        let check = |text: &str, expected: Option<&str>| {
            let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
            let parsed = parse_save_points(&words).map(|text| String::from_utf8(text).unwrap());
            assert_eq!(parsed.ok().as_deref(), expected, "{text}");
        };
        check("", Some(""));
        check("900 1 60 0", Some("900 1 60 0"));
        check("900", None);
        check("0 1", None);
        check("1 -1", None);
        check("x 1", None);
        assert_eq!(save_points(DEFAULT_SAVE_POINTS), [(3600, 1), (300, 100), (60, 10_000)]);
    }

    #[test]
    fn output_limits_change_only_the_classes_named() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let words: Vec<&[u8]> = match text {
                "" => Vec::new(),
                _ => text.split(' ').map(str::as_bytes).collect(),
            };
            let limits = parse_output_limits(&words, &Value::Limits(DEFAULT_OUTPUT_LIMITS));
            let shown = limits.map(|limits| format_output_limits(&limits));
            assert_eq!(shown.as_deref().map_err(|reason| reason.as_ref()), expected, "{text}");
        };
        const COUNT: &str = "Wrong number of arguments in buffer limit configuration.";
        const CLASS: &str = "Invalid client class specified in buffer limit configuration.";
        const LIMIT: &str = "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        check("", Ok("normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"));
        check(
            "normal 1mb 2kb 3",
            Ok("normal 1048576 2048 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        );
        check("Replica 1 2 3 pubsub 0 0 0", Ok("normal 0 0 0 slave 1 2 3 pubsub 0 0 0"));
        check("slave 1 2 3 replica 4 5 6", Ok("normal 0 0 0 slave 4 5 6 pubsub 33554432 8388608 60"));
        check("normal 1 2", Err(COUNT));
        check("foo 1 2 3", Err(CLASS));
        check("master 0 0 0", Err(CLASS));
        check("normal abc 2kb 3", Err(LIMIT));
        check("normal -1 0 0", Err(LIMIT));
        check("normal 1 0 -1", Err(LIMIT));
        check("normal 1 2 '3", Err(LIMIT));
    }

    #[test]
    fn output_limits_take_one_line_a_class_in_the_file() {
        let limits =
            parse_output_limits(&[b"normal", b"1mb", b"3000", b"5"], &Value::Limits(DEFAULT_OUTPUT_LIMITS))
                .unwrap();
        let lines = output_limit_lines("limit", &limits);
        let expected = [
            ("limit normal 1mb 3000 5", true),
            ("limit replica 256mb 64mb 60", false),
            ("limit pubsub 32mb 8mb 60", false),
        ];
        assert_eq!(lines, expected.map(|(line, needed)| (line.to_owned(), needed)));
    }

    #[test]
    fn flags_are_words() {
        let check = |text: &str, expected: Option<&str>| {
            let words: Vec<&[u8]> = text.split_whitespace().map(str::as_bytes).collect();
            let flags = parse_flags(&words, SHUTDOWN_WORDS, SAVE_OR_NOT);
            assert_eq!(
                flags.ok().map(|flags| format_flags(flags, SHUTDOWN_WORDS)).as_deref(),
                expected,
                "{text}"
            );
        };
        check("default", Some("default"));
        check("now SAVE", Some("save now"));
        check("default force", Some("force"));
        check("", None);
        check("save nosave", None);
        check("later", None);
    }

    #[test]
    fn oom_scores_are_three() {
        let check = |text: &str, is_fine: bool| {
            let words: Vec<&[u8]> = text.split_whitespace().map(str::as_bytes).collect();
            assert_eq!(parse_oom_scores(&words).is_ok(), is_fine, "{text}");
        };
        check("0 -2000 2000", true);
        check("0 1", false);
        check("0 1 2001", false);
        check("0 1 x", false);
    }

    #[test]
    fn there_is_no_primary_to_follow() {
        let check = |words: &[&[u8]], expected: Result<&[u8], &str>| {
            let parsed = parse_replica_of(words);
            assert_eq!(parsed.as_deref().map_err(|reason| reason.as_ref()), expected);
        };
        check(&[b"No", b"one"], Ok(b""));
        check(&[b"host", b"abc"], Err("Invalid master port"));
        check(&[b"host", b"65536"], Err("Invalid master port"));
        check(&[b"host"], Err("wrong number of arguments"));
        check(&[b"host", b"6379"], Err("replication is not supported yet"));
    }

    #[test]
    fn addresses_are_bounded_in_number() {
        assert_eq!(parse_addresses(&[b"127.0.0.1", b"-::1"]), Ok(b"127.0.0.1 -::1".to_vec()));
        assert_eq!(parse_addresses(&[b""]), Ok(Vec::new()));
        assert_eq!(parse_addresses(&[b"a".as_slice(); 17]), Err("Too many bind addresses specified.".into()));
    }

    #[test]
    fn directories_must_exist() {
        assert_eq!(parse_directory(b"/nonexistent"), Err("No such file or directory".into()));
        assert_eq!(parse_directory(b""), Err("No such file or directory".into()));
        assert_eq!(parse_directory(b"/dev/null"), Err("Not a directory".into()));
        assert_eq!(parse_directory(b"/"), Ok(b"/".to_vec()));
    }
}
