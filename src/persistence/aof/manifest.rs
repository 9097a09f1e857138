//! The manifest: one line for each part, `file NAME seq NUMBER type KIND`, in the format of Redis 7 (`aof.c`).
//!
//! Words come in pairs of a key and a value; the three known keys may stand in any order and unknown ones are passed over. Names
//! are quoted where they hold anything but plain printable characters. Lines that begin with `#` are comments. Written, the
//! base comes first, then the history (replaced parts that are not deleted yet), then the increments.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::base::quoting;

/// Longest line, with its end, that Redis reads.
const LINE_BYTES_MAX: usize = 1024;

const NOTHING: &str = "Found an empty AOF manifest";
const TOO_LONG: &str = "The AOF manifest file contains too long line";
const INVALID: &str = "Invalid AOF manifest file format";
const NOT_A_NAME: &str = "File can't be a path, just a filename";
const SECOND_BASE: &str = "Found duplicate base file information";
const NOT_ASCENDING: &str = "Found a non-monotonic sequence number";
const UNKNOWN_TYPE: &str = "Unknown AOF file type";

/// What a part is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// The data at the time of the last rewrite.
    Base,
    /// Replaced by a rewrite, to be deleted.
    History,
    /// The effects since the base was begun.
    Increment,
}

impl PartKind {
    /// As the log calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::History => "history",
            Self::Increment => "incr",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Base => 'b',
            Self::History => 'h',
            Self::Increment => 'i',
        }
    }

    fn of_letter(letter: u8) -> Option<Self> {
        match letter {
            b'b' => Some(Self::Base),
            b'h' => Some(Self::History),
            b'i' => Some(Self::Increment),
            _ => None,
        }
    }
}

/// How a base is written: `aof-use-rdb-preamble`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFormat {
    /// An RDB file.
    Rdb,
    /// Commands.
    Commands,
}

impl BaseFormat {
    fn extension(self) -> &'static str {
        match self {
            Self::Rdb => "rdb",
            Self::Commands => "aof",
        }
    }
}

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name within the folder.
    pub name: OsString,
    /// Its number among the bases or among the increments.
    pub seq: i64,
    /// What it is for.
    pub kind: PartKind,
}

/// The parts of the log, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The data before the increments.
    pub base: Option<Part>,
    /// What can be deleted.
    pub history: Vec<Part>,
    /// Oldest first; the last one is written to.
    pub increments: Vec<Part>,
    /// The highest numbers given so far. One that a step has tried whose outcome on the disk is unknown is not given again.
    base_seq: i64,
    increment_seq: i64,
}

/// Why a manifest is refused, in Redis's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Number (from 1) and text of the offending line, where there is one.
    pub line: Option<(usize, Vec<u8>)>,
    /// What is wrong.
    pub reason: &'static str,
}

impl ManifestError {
    /// What Redis logs, an event each.
    pub fn events(&self) -> Vec<String> {
        let mut events = vec!["\n*** FATAL AOF MANIFEST FILE ERROR ***\n".to_owned()];
        if let Some((number, text)) = &self.line {
            events.push(format!("Reading the manifest file, at line {number}\n"));
            events.push(format!(">>> '{}'\n", String::from_utf8_lossy(text)));
        }
        events.push(format!("{}\n", self.reason));
        events
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some((number, text)) => {
                write!(f, "line {number}: {}: {}", self.reason, String::from_utf8_lossy(text))
            }
            None => f.write_str(self.reason),
        }
    }
}

impl Manifest {
    /// Reads a manifest file's text.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        if text.is_empty() {
            return Err(ManifestError { line: None, reason: NOTHING });
        }
        let mut manifest = Self::default();
        for (at, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line[0] == b'#' {
                continue;
            }
            // Redis reads C strings, so a zero byte hides the line's end.
            if line.len() > LINE_BYTES_MAX || !line.ends_with(b"\n") || line.contains(&0) {
                return Err(ManifestError { line: None, reason: TOO_LONG });
            }
            let line = line.trim_ascii();
            manifest
                .add_line(line)
                .map_err(|reason| ManifestError { line: Some((at + 1, line.to_vec())), reason })?;
        }
        Ok(manifest)
    }

    /// The text of the manifest file, byte for byte as Redis 7.2 writes it.
    pub fn format(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for part in self.base.iter().chain(&self.history).chain(&self.increments) {
            text.extend_from_slice(b"file ");
            match needs_quotes(&part.name) {
                true => text.extend_from_slice(quoting::quote(part.name.as_bytes()).as_bytes()),
                false => text.extend_from_slice(part.name.as_bytes()),
            }
            text.extend_from_slice(format!(" seq {} type {}\n", part.seq, part.kind.letter()).as_bytes());
        }
        text
    }

    /// The parts that hold the data, in the order of loading.
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &Part> + Clone {
        self.base.iter().chain(&self.increments)
    }

    /// Whether there is nothing to load.
    pub fn is_empty(&self) -> bool {
        self.parts().next().is_none()
    }

    /// Puts a new base, `FILE.N.base.rdb` or `.aof`, in the place of the old one, which becomes history.
    pub(super) fn replace_base(&mut self, file: &OsStr, format: BaseFormat) -> Part {
        let extension = format.extension();
        self.base_seq = self.free_seq(self.base_seq, |seq| name(file, seq, "base", extension));
        let seq = self.base_seq;
        let part = Part { name: name(file, seq, "base", extension), seq, kind: PartKind::Base };
        let old = self.base.replace(part.clone());
        self.history.splice(0..0, old.map(|part| Part { kind: PartKind::History, ..part }));
        part
    }

    /// Appends a new increment, `FILE.N.incr.aof`.
    pub(super) fn add_increment(&mut self, file: &OsStr) -> Part {
        self.increment_seq = self.free_seq(self.increment_seq, |seq| name(file, seq, "incr", "aof"));
        let seq = self.increment_seq;
        let part = Part { name: name(file, seq, "incr", "aof"), seq, kind: PartKind::Increment };
        self.increments.push(part.clone());
        part
    }

    /// Makes history of all increments but the last `kept`.
    pub(super) fn retire_increments(&mut self, kept: usize) {
        let retired = self.increments.len().saturating_sub(kept);
        let retired = self.increments.drain(..retired).map(|part| Part { kind: PartKind::History, ..part });
        self.history.splice(0..0, retired);
    }

    /// Makes an old-style file the base.
    pub(super) fn adopt_base(&mut self, file: &OsStr) {
        self.base = Some(Part { name: file.to_owned(), seq: 1, kind: PartKind::Base });
        self.base_seq = 1;
    }

    /// Takes over the numbers that `other`, an attempt to change this manifest, has given.
    pub(super) fn skip_numbers_of(&mut self, other: &Self) {
        self.base_seq = self.base_seq.max(other.base_seq);
        self.increment_seq = self.increment_seq.max(other.increment_seq);
    }

    /// The next number whose name no part bears: history that could not be deleted may bear the next one.
    fn free_seq(&self, last: i64, name: impl Fn(i64) -> OsString) -> i64 {
        let taken = |seq| {
            let name = name(seq);
            self.parts().chain(&self.history).any(|part| part.name == name)
        };
        let mut seq = last + 1;
        while taken(seq) {
            seq += 1;
        }
        seq
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let part = read_part(line)?;
        match part.kind {
            PartKind::Base if self.base.is_some() => return Err(SECOND_BASE),
            PartKind::Base => {
                self.base_seq = part.seq;
                self.base = Some(part);
            }
            PartKind::History => self.history.push(part),
            PartKind::Increment => {
                if part.seq <= self.increment_seq {
                    return Err(NOT_ASCENDING);
                }
                self.increment_seq = part.seq;
                self.increments.push(part);
            }
        }
        Ok(())
    }
}

fn read_part(line: &[u8]) -> Result<Part, &'static str> {
    let words = quoting::split_words(line).ok_or(INVALID)?;
    if words.len() < 6 || !words.len().is_multiple_of(2) {
        return Err(INVALID);
    }
    let (mut name, mut seq, mut letter) = (None, 0, 0);
    for pair in words.chunks_exact(2) {
        match pair[0].to_ascii_lowercase().as_slice() {
            b"file" => name = Some(read_name(&pair[1])?),
            b"seq" => seq = read_number(&pair[1]),
            b"type" => letter = pair[1].first().copied().unwrap_or(0),
            _ => {}
        }
    }
    let name = name.ok_or(INVALID)?;
    // Numbers are counted up from here.
    if seq == 0 || seq > i64::MAX / 2 || letter == 0 {
        return Err(INVALID);
    }
    let kind = PartKind::of_letter(letter).ok_or(UNKNOWN_TYPE)?;
    Ok(Part { name, seq, kind })
}

/// Refuses whatever could lead out of the folder, or nowhere.
fn read_name(word: &[u8]) -> Result<OsString, &'static str> {
    let leads_away = |byte: &u8| matches!(byte, b'/' | b'\\' | 0);
    if word.iter().any(leads_away) || matches!(word, b"" | b"." | b"..") {
        return Err(NOT_A_NAME);
    }
    Ok(OsString::from_vec(word.to_vec()))
}

/// A number as C's `atoll` reads it: what follows the digits does not matter, and nothing readable is 0.
fn read_number(word: &[u8]) -> i64 {
    let word = word.trim_ascii_start();
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0i64, |sum, digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}

/// As Redis decides it in the C locale.
fn needs_quotes(name: &OsStr) -> bool {
    name.as_bytes().iter().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'"' | b'\''))
}

fn name(file: &OsStr, seq: i64, role: &str, extension: &str) -> OsString {
    let mut name = file.to_owned();
    name.push(format!(".{seq}.{role}.{extension}"));
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mutation::with_damage;
    use super::*;

    /// Written by redis-server 7.2.4 with `aof-disable-auto-gc yes`, after four rewrites.
    const WITH_HISTORY: &str = "\
file appendonly.aof.4.base.rdb seq 4 type b
file appendonly.aof.3.incr.aof seq 3 type h
file appendonly.aof.3.base.rdb seq 3 type h
file appendonly.aof.2.incr.aof seq 2 type h
file appendonly.aof.2.base.rdb seq 2 type h
file appendonly.aof.4.incr.aof seq 4 type i
";
    /// Likewise, with `appendfilename 'my "odd" \xc3\xa9.aof'`.
    const WITH_QUOTES: &str = concat!(
        r#"file "my \"odd\" \xc3\xa9.aof.2.base.rdb" seq 2 type b"#,
        "\n",
        r#"file "my \"odd\" \xc3\xa9.aof.2.incr.aof" seq 2 type i"#,
        "\n"
    );

    fn part(name: &str, seq: i64, kind: PartKind) -> Part {
        Part { name: name.into(), seq, kind }
    }

    #[test]
    fn what_redis_wrote_is_written_back_as_it_was() {
        for text in [WITH_HISTORY, WITH_QUOTES] {
            let manifest = Manifest::parse(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(manifest.format()).unwrap(), text);
        }
        let manifest = Manifest::parse(WITH_QUOTES.as_bytes()).unwrap();
        assert_eq!(manifest.increments, [part("my \"odd\" é.aof.2.incr.aof", 2, PartKind::Increment)]);
    }

    #[test]
    fn rewrites_number_and_order_the_parts_as_redis_does() {
        let (file, rdb) = (OsStr::new("appendonly.aof"), BaseFormat::Rdb);
        let mut manifest = Manifest::default();
        manifest.replace_base(file, rdb);
        manifest.add_increment(file);
        for _ in 0..3 {
            manifest.add_increment(file);
            manifest.replace_base(file, rdb);
            manifest.retire_increments(1);
        }
        manifest.history.truncate(4);
        assert_eq!(String::from_utf8(manifest.format()).unwrap(), WITH_HISTORY);
        assert_eq!(manifest.replace_base(file, BaseFormat::Commands).name, "appendonly.aof.5.base.aof");
    }

    #[test]
    fn a_name_is_not_given_while_history_bears_it() {
        let text = b"file a.1.base.rdb seq 1 type b\nfile a.2.base.rdb seq 2 type h\nfile a.1.incr.aof seq 1 type h\n";
        let mut manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.add_increment(OsStr::new("a")).name, "a.2.incr.aof");
        assert_eq!(manifest.replace_base(OsStr::new("a"), BaseFormat::Rdb).name, "a.3.base.rdb");
    }

    #[test]
    fn lines_are_read_as_redis_reads_them() {
        let check = |text: &str, expected: Result<&str, &'static str>| {
            let read = Manifest::parse(text.as_bytes());
            let read = read.map(|manifest| String::from_utf8(manifest.format()).unwrap());
            assert_eq!(read.map_err(|error| error.reason), expected.map(str::to_owned), "{text:?}");
        };
        check("", Err(NOTHING));
        check("# a comment\n", Ok(""));
        check(&format!("#{}\n", "x".repeat(5000)), Ok(""));
        check("\n", Err(INVALID));
        check("file a seq 1 type b", Err(TOO_LONG));
        check("file a seq 1 type b\0\n", Err(TOO_LONG));
        let name = "a".repeat(LINE_BYTES_MAX - "file  seq 1 type b\n".len());
        check(&format!("file {name} seq 1 type b\n"), Ok(&format!("file {name} seq 1 type b\n")));
        check(&format!("file {name}a seq 1 type b\n"), Err(TOO_LONG));
        check(" \tTYPE base SEQ 7x FILE a future 1 \r\n", Ok("file a seq 7 type b\n"));
        check(
            "file a seq 1 type i\nfile b seq 2 type i\n# x\n",
            Ok("file a seq 1 type i\nfile b seq 2 type i\n"),
        );
        check("file i seq 2 type i\nfile b seq 3 type b\n", Ok("file b seq 3 type b\nfile i seq 2 type i\n"));
        check("file a seq 1\n", Err(INVALID));
        check("file a seq 1 type\n", Err(INVALID));
        check("file a seq 1 seq 2\n", Err(INVALID));
        check("file \"a seq 1 type b\n", Err(INVALID));
        check("file a seq 0 type b\n", Err(INVALID));
        check("file a seq x type b\n", Err(INVALID));
        check("file a seq 99999999999999999999 type b\n", Err(INVALID));
        check("file a seq 1 type \"\"\n", Err(INVALID));
        check("file a seq 1 type x\n", Err(UNKNOWN_TYPE));
        check("file ../a seq 1 type b\n", Err(NOT_A_NAME));
        check("file a\\b seq 1 type b\n", Err(NOT_A_NAME));
        check("file .. seq 1 type b\n", Err(NOT_A_NAME));
        check("file \"\" seq 1 type b\n", Err(NOT_A_NAME));
        check("file a seq 1 type b\nfile b seq 2 type b\n", Err(SECOND_BASE));
        check("file a seq 2 type i\nfile b seq 2 type i\n", Err(NOT_ASCENDING));
        check("file a seq -1 type i\n", Err(NOT_ASCENDING));
    }

    #[test]
    fn a_refusal_tells_the_line() {
        let error = Manifest::parse(b"# x\nfile a seq 1 type b\n file b seq 2 type b \n").unwrap_err();
        assert_eq!(error.to_string(), "line 3: Found duplicate base file information: file b seq 2 type b");
        let events = error.events();
        assert_eq!(events[1..3], ["Reading the manifest file, at line 3\n", ">>> 'file b seq 2 type b'\n"]);
    }

    #[test]
    fn damaged_manifests_are_read_or_refused() {
        let words = [
            b"\"".as_slice(),
            b"\\x",
            b"seq",
            b"type i",
            b"99999999999999999999",
            b"-1",
            b"../",
            b"\n",
            b"#",
        ];
        with_damage(&[WITH_HISTORY, WITH_QUOTES].concat().into_bytes()[..], &words, |bytes| {
            let Ok(manifest) = Manifest::parse(bytes) else { return false };
            if !manifest.is_empty() {
                assert_eq!(Manifest::parse(&manifest.format()), Ok(manifest));
            }
            true
        });
    }

    fn any_name() -> impl Strategy<Value = OsString> {
        let allowed = any::<u8>().prop_filter("not in a name", |byte| !matches!(byte, 0 | b'/' | b'\\'));
        proptest::collection::vec(allowed, 3..40).prop_map(OsString::from_vec)
    }

    fn any_manifest() -> impl Strategy<Value = Manifest> {
        let base = proptest::option::of((any_name(), 1..i64::MAX / 2));
        let history = proptest::collection::vec((any_name(), 1..i64::MAX / 2), 0..4);
        let increments = proptest::collection::vec(any_name(), 0..5);
        (base, history, increments, 1..1000i64).prop_map(|(base, history, increments, first)| {
            let part = |kind| move |(name, seq)| Part { name, seq, kind };
            let increments: Vec<_> =
                increments.into_iter().zip(first..).map(part(PartKind::Increment)).collect();
            Manifest {
                base_seq: base.as_ref().map_or(0, |(_, seq)| *seq),
                increment_seq: increments.last().map_or(0, |part| part.seq),
                base: base.map(part(PartKind::Base)),
                history: history.into_iter().map(part(PartKind::History)).collect(),
                increments,
            }
        })
    }

    proptest! {
        #[test]
        fn a_manifest_survives_being_written(manifest in any_manifest()) {
            let text = manifest.format();
            prop_assume!(!text.is_empty());
            prop_assert_eq!(Manifest::parse(&text), Ok(manifest));
        }
    }
}
