//! Settings from a file, from flags after it, from the environment: the later source wins.
//!
//! 1. *File*: redis.conf syntax, `name word...`, quoted words, `#` at the start of a line, `include` with shell globs.
//! 2. *Flags* as redis-server takes them: `--name` starts a line and everything up to the next `--` is its words. A word
//!    right after a bare `--name` belongs to it even if it starts with `--`, except after `--save`, which then means `""`.
//! 3. *Environment*: `TARTAN_MAX_CLIENTS`-like names of settings in capitals with `_` for `-`, one value each. Unknown names
//!    only give a warning, since `TARTAN_` is not ours alone: Kubernetes gives every container `TARTAN_PORT=tcp://...` and
//!    its like for a service called tartan; those are passed over.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use super::setting::{Kind, Reason, Setting, Value, text_value};
use super::store::{Config, Rename};
use super::table::find;
use crate::base::os_error;
use crate::base::quoting::{quote, split_words};

/// Files that include files that include files: how deep.
const INCLUDE_DEPTH_MAX: usize = 16;
const PREFIX: &str = "TARTAN_";
/// The name of a line that makes a user.
pub(super) const USER: &[u8] = b"user";

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Whether more of it comes from the standard input.
    pub reads_input: bool,
    /// Arguments after it.
    pub flags: Vec<Vec<u8>>,
    /// Names and values of the process's environment.
    pub environment: Vec<(String, Vec<u8>)>,
}

/// Why a server cannot start with its configuration; `Display` is what the operator sees.
#[derive(Debug, PartialEq)]
pub enum LoadError {
    /// A file cannot be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: Reason,
    },
    /// A line has something wrong.
    Line {
        /// Where it is.
        place: Place,
        /// The line.
        line: String,
        /// What is wrong.
        reason: Reason,
    },
    /// The settings cannot be put into effect.
    Setting {
        /// What is wrong.
        reason: String,
    },
}

/// Where a line of configuration is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In a file, at a line counted from 1.
    File(PathBuf, usize),
    /// On standard input, at a line counted from 1.
    Input(usize),
    /// Among the flags.
    Flags,
    /// In the variable of this name.
    Environment(String),
}

/// A `user` line: who it is and what he may do, which is not for this layer to say.
#[derive(Clone, Debug)]
pub struct UserLine {
    /// The words behind `user`.
    pub words: Vec<Vec<u8>>,
    place: Place,
    line: String,
}

impl UserLine {
    /// The error that this line has something wrong.
    pub fn error(&self, reason: impl Into<Reason>) -> LoadError {
        LoadError::Line { place: self.place.clone(), line: self.line.clone(), reason: reason.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path, line) => {
                write!(f, "Reading the configuration file, at line {line} of '{}'", path.display())
            }
            Place::Input(line) => {
                write!(f, "Reading the configuration file, at line {line} of the standard input")
            }
            Place::Flags => write!(f, "Reading the command line"),
            Place::Environment(name) => write!(f, "Reading the environment variable {name}"),
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = format_args!("\n*** FATAL CONFIG FILE ERROR (Redis {}) ***", crate::base::REDIS_VERSION);
        match self {
            LoadError::Unreadable { path, reason } => {
                write!(f, "Fatal error, can't open config file '{}': {reason}", path.display())
            }
            LoadError::Line { place, line, reason } => write!(f, "{head}\n{place}\n>>> '{line}'\n{reason}"),
            LoadError::Setting { reason } => write!(f, "{head}\n{reason}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl Config {
    /// The defaults, overridden by the file, by flags, by the environment.
    pub fn load(sources: &Sources) -> Result<Config, LoadError> {
        let mut config = Config::default();
        if let Some(path) = &sources.file {
            let path = path.canonicalize().map_err(|error| unreadable(path, &error))?;
            config.load_file(&path, 0)?;
            config.set_file(path);
        }
        if sources.reads_input {
            let mut content = Vec::new();
            std::io::stdin()
                .read_to_end(&mut content)
                .map_err(|error| unreadable(Path::new("standard input"), &error))?;
            config.load_content(&content, 0, Place::Input)?;
        }
        config.load_flags(&sources.flags)?;
        for (name, value) in &sources.environment {
            config.load_variable(name, value)?;
        }
        Ok(config)
    }

    fn load_file(&mut self, path: &Path, depth: usize) -> Result<(), LoadError> {
        let content = fs::read(path).map_err(|error| unreadable(path, &error))?;
        self.load_content(&content, depth, |line| Place::File(path.to_path_buf(), line))
    }

    fn load_content(
        &mut self,
        content: &[u8],
        depth: usize,
        place: impl Fn(usize) -> Place,
    ) -> Result<(), LoadError> {
        for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
            self.load_line(line.trim_ascii(), depth, || place(index + 1))?;
        }
        Ok(())
    }

    fn load_flags(&mut self, flags: &[Vec<u8>]) -> Result<(), LoadError> {
        lines_of_flags(flags)
            .iter()
            .try_for_each(|line| self.load_line(line.trim_ascii(), 0, || Place::Flags))
    }

    fn load_variable(&mut self, name: &str, value: &[u8]) -> Result<(), LoadError> {
        let Some(suffix) = name.strip_prefix(PREFIX).filter(|_| !is_service_link(name, value)) else {
            return Ok(());
        };
        let Some((row, _)) = find(suffix.replace('_', "-").as_bytes()) else {
            self.warnings.push(format!("Environment variable {name} names no setting and is ignored"));
            return Ok(());
        };
        self.assign(row, &[value.to_vec()]).map_err(|reason| LoadError::Line {
            place: Place::Environment(name.to_owned()),
            line: format!("{name}={}", String::from_utf8_lossy(value)),
            reason,
        })
    }

    fn load_line(&mut self, line: &[u8], depth: usize, place: impl Fn() -> Place) -> Result<(), LoadError> {
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        let wrong = |reason: Reason| LoadError::Line {
            place: place(),
            line: String::from_utf8_lossy(line).into_owned(),
            reason,
        };
        let words =
            split_words(line).ok_or_else(|| wrong("Unbalanced quotes in configuration line".into()))?;
        match words.as_slice() {
            [] => Ok(()),
            [name, pattern] if name.eq_ignore_ascii_case(b"include") => {
                if depth == INCLUDE_DEPTH_MAX {
                    return Err(wrong("Configuration files include each other too deeply".into()));
                }
                included(pattern).iter().try_for_each(|path| self.load_file(path, depth + 1))
            }
            [name, from, to] if name.eq_ignore_ascii_case(b"rename-command") => {
                let (line, place) = (String::from_utf8_lossy(line).into_owned(), place());
                self.renames.push(Rename { from: from.clone(), to: to.clone(), place, line });
                Ok(())
            }
            [name, words @ ..] if name.eq_ignore_ascii_case(USER) && !words.is_empty() => {
                let line = String::from_utf8_lossy(line).into_owned();
                self.user_lines.push(UserLine { words: words.to_vec(), place: place(), line });
                Ok(())
            }
            [name, values @ ..] => match find(name) {
                Some((row, _)) => self.assign(row, values).map_err(wrong),
                None => refuse_directive(name, values).map_err(|reason| wrong(reason.into())),
            },
        }
    }

    /// Gives `row` the value written as `words`. One word may hold all words of a setting that takes several.
    fn assign(&self, row: &Setting, words: &[Vec<u8>]) -> Result<(), Reason> {
        let split = match words {
            [one] if row.takes_words() => {
                split_words(one).ok_or("Unbalanced quotes in configuration line")?
            }
            [_] => words.to_vec(),
            _ if row.takes_words() => words.to_vec(),
            _ => return Err("wrong number of arguments".into()),
        };
        let words: Vec<&[u8]> = split.iter().map(Vec::as_slice).collect();
        let mut value = row.parse(&words, &self.value(row))?;
        if let (Kind::SavePoints, Value::Text(text), Value::Text(before)) =
            (&row.kind, &value, self.value(row))
            && self.has_save.swap(true, Relaxed)
            && !text.is_empty()
            && !before.is_empty()
        {
            value = text_value(&[&before, b" ".as_slice(), text].concat());
        }
        self.store(row.id, &value)
    }
}

/// What is no setting: names that Redis still passes over, or the reason why there is no such line here.
fn refuse_directive(name: &[u8], values: &[Vec<u8>]) -> Result<(), &'static str> {
    let name = name.to_ascii_lowercase();
    match (name.as_slice(), values) {
        (b"list-max-ziplist-entries" | b"list-max-ziplist-value" | b"lua-replicate-commands", [_]) => Ok(()),
        (b"loadmodule", [_, ..]) => Err("modules are not supported"),
        (b"sentinel", [_, ..]) => Err("sentinel directive while not in sentinel mode"),
        (name, []) if name.contains(&b'.') => Err("Module config specified without value"),
        (name, _) if name.contains(&b'.') => Err("modules are not supported"),
        _ => Err("Bad directive or wrong number of arguments"),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> LoadError {
    LoadError::Unreadable { path: path.to_path_buf(), reason: os_error::reason(error).into() }
}

/// The files `include` means: a pattern may match none, a plain path must exist (reading it will tell).
fn included(pattern: &[u8]) -> Vec<PathBuf> {
    let text = String::from_utf8_lossy(pattern);
    let is_pattern = text.contains(['*', '?', '[']);
    match glob::glob(&text).ok().filter(|_| is_pattern) {
        Some(paths) => paths.flatten().collect(),
        None => vec![PathBuf::from(text.into_owned())],
    }
}

/// Whether a variable is one of those by which Kubernetes and Docker announce a service called tartan.
fn is_service_link(name: &str, value: &[u8]) -> bool {
    let names_a_service = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part));
    names_a_service || value.starts_with(b"tcp://") || value.starts_with(b"udp://")
}

/// The flags as lines of a configuration file (rule 2).
fn lines_of_flags(flags: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut name_awaits_word = false;
    for (index, flag) in flags.iter().enumerate() {
        match flag.strip_prefix(b"--") {
            Some(name) if !name_awaits_word => {
                let mut line = name.to_vec();
                name_awaits_word = split_words(flag).is_some_and(|words| words.len() == 1);
                if is_bare_save(name, flags.get(index + 1)) {
                    line.extend_from_slice(b" \"\"");
                    name_awaits_word = false;
                }
                lines.push(line);
            }
            _ => {
                append_word(&mut lines, flag);
                name_awaits_word = false;
            }
        }
    }
    lines
}

/// Whether `--save` is meant to have an empty value.
fn is_bare_save(name: &[u8], next: Option<&Vec<u8>>) -> bool {
    name.eq_ignore_ascii_case(b"save") && next.is_none_or(|next| next.starts_with(b"--"))
}

fn append_word(lines: &mut Vec<Vec<u8>>, word: &[u8]) {
    match lines.last_mut() {
        Some(line) => {
            line.push(b' ');
            line.extend_from_slice(quote(word).as_bytes());
        }
        None => lines.push(quote(word).into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Id, SETTINGS};
    use super::*;

    /// A directory that goes when the test ends.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str, files: &[(&str, &str)]) -> Directory {
            let path = std::env::temp_dir().join(format!("tartan-load-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            let path = path.canonicalize().unwrap();
            for (file, text) in files {
                fs::write(path.join(file), text.replace("DIR", path.to_str().unwrap())).unwrap();
            }
            Directory(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn bytes(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn flags_make_the_lines_that_redis_server_makes_of_them() {
        let check = |flags: &[&str], expected: &[&str]| {
            assert_eq!(lines_of_flags(&bytes(flags)), bytes(expected), "{flags:?}");
        };
        check(
            &["--port", "7000", "--save", "", "--loglevel", "verbose"],
            &["port \"7000\"", "save \"\"", "loglevel \"verbose\""],
        );
        check(&["--bind", "a", "b"], &["bind \"a\" \"b\""]);
        check(&["--port 7000", "--hz 3"], &["port 7000", "hz 3"]);
        check(&["--hz", "--port", "1"], &["hz \"--port\" \"1\""]);
        check(&["--save", "--loglevel", "x"], &["save \"\"", "loglevel \"x\""]);
        check(&["--hz", "1", "--save"], &["hz \"1\"", "save \"\""]);
        check(&["-p", "3"], &["\"-p\" \"3\""]);
        check(&["--port=1"], &["port=1"]);
        check(&["--maxmemory"], &["maxmemory"]);
    }

    /// Every setting has its line in the sample, commented out, with the default as its value.
    #[test]
    fn the_sample_file_shows_every_default() {
        let sample = include_str!("../../config/tartan.conf");
        let mut shown = std::collections::HashSet::new();
        for line in sample.lines().filter_map(|line| line.strip_prefix("# ")) {
            let words = split_words(line.as_bytes()).unwrap_or_default();
            let is_name = |word: &&Vec<u8>| word[0].is_ascii_lowercase();
            let Some((row, _)) = words.first().filter(is_name).and_then(|name| find(name)) else { continue };
            let values: Vec<&[u8]> = words[1..].iter().map(Vec::as_slice).collect();
            let value =
                row.parse(&values, &row.default_value()).unwrap_or_else(|reason| panic!("{line}: {reason}"));
            let depends_on_machine = row.id == Id::ServerThreads || row.id == Id::Dir;
            assert!(depends_on_machine || value == row.default_value(), "{line}");
            shown.insert(row.name);
        }
        for row in SETTINGS.iter().filter(|row| !row.is_hidden) {
            assert!(shown.contains(row.name), "{} is missing", row.name);
        }
        let settings = |line: &&str| !line.is_empty() && !line.starts_with('#');
        assert_eq!(sample.lines().find(settings), None, "every line is commented out");
    }

    #[test]
    fn wrong_flags_are_explained() {
        let check = |flags: &[&str], line: &str, reason: &str| {
            let sources = Sources { flags: bytes(flags), ..Sources::default() };
            let error = Config::load(&sources).unwrap_err();
            let (line, reason) = (line.to_owned(), reason.to_owned().into());
            assert_eq!(error, LoadError::Line { place: Place::Flags, line, reason });
        };
        check(&["--port", "abc"], "port \"abc\"", "argument couldn't be parsed into an integer");
        check(&["--maxmemory"], "maxmemory", "wrong number of arguments");
        check(&["--port", "1", "2"], "port \"1\" \"2\"", "wrong number of arguments");
        check(&["--foo", "bar"], "foo \"bar\"", "Bad directive or wrong number of arguments");
        check(&["--include", "a", "b"], "include \"a\" \"b\"", "Bad directive or wrong number of arguments");
        check(
            &["--client-output-buffer-limit", "normal", "1"],
            "client-output-buffer-limit \"normal\" \"1\"",
            "Wrong number of arguments in buffer limit configuration.",
        );
    }

    #[test]
    fn the_later_source_wins() {
        let directory = Directory::new(
            "order",
            &[(
                "main.conf",
                "# comment\n\nhz 20\ntimeout 1\r\n  MAXCLIENTS  \"5\"\nbind 127.0.0.1 -::1\nrequirepass 'a b'\n",
            )],
        );
        let sources = Sources {
            file: Some(directory.0.join("main.conf")),
            flags: bytes(&[
                "--timeout",
                "2",
                "--maxclients",
                "6",
                "--client-output-buffer-limit",
                "normal 1 2 3",
            ]),
            environment: vec![
                ("TARTAN_MAXCLIENTS".to_owned(), b"7".to_vec()),
                ("TARTAN_MAXMEMORY".to_owned(), b"2gb".to_vec()),
                ("TARTAN_PORT".to_owned(), b"tcp://10.0.0.1:6379".to_vec()),
                ("TARTAN_SERVICE_HOST".to_owned(), b"10.0.0.1".to_vec()),
                ("TARTAN_TYPO".to_owned(), b"1".to_vec()),
                ("HOME".to_owned(), b"/".to_vec()),
            ],
            reads_input: false,
        };
        let config = Config::load(&sources).unwrap();
        let numbers = [Id::Hz, Id::Timeout, Id::MaxClients, Id::MaxMemory, Id::Port].map(|id| config.get(id));
        assert_eq!(numbers, [20, 2, 7, 2 << 30, 6379]);
        assert_eq!(config.bind_addresses(), ["127.0.0.1", "-::1"]);
        assert_eq!(&*config.text(Id::RequirePass), b"a b");
        assert_eq!(config.file(), sources.file.as_deref());
        assert_eq!(config.warnings(), ["Environment variable TARTAN_TYPO names no setting and is ignored"]);
    }

    #[test]
    fn included_files_are_read_in_place() {
        let directory = Directory::new(
            "include",
            &[
                (
                    "main.conf",
                    "hz 1\ninclude DIR/more-*.cnf\ninclude \"DIR/one.conf\"\ninclude DIR/none-*\ntimeout 9\n",
                ),
                ("more-1.cnf", "timeout 5\nhz 2\n"),
                ("more-2.cnf", "hz 3\n"),
                ("one.conf", "maxclients 8\n"),
            ],
        );
        let sources = Sources { file: Some(directory.0.join("main.conf")), ..Sources::default() };
        let config = Config::load(&sources).unwrap();
        assert_eq!([Id::Hz, Id::Timeout, Id::MaxClients].map(|id| config.get(id)), [3, 9, 8]);
    }

    #[test]
    fn errors_name_file_line_and_reason() {
        let check = |name: &str, text: &str, expected: &str| {
            let directory = Directory::new(name, &[("main.conf", text), ("bad.conf", "hz abc\n")]);
            let sources = Sources { file: Some(directory.0.join("main.conf")), ..Sources::default() };
            let shown = Config::load(&sources).unwrap_err().to_string();
            let head = "\n*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***\n";
            let head = if expected.starts_with("Fatal") { "" } else { head };
            assert_eq!(shown, head.to_owned() + &expected.replace("DIR", directory.0.to_str().unwrap()));
        };
        let line = |number| format!("Reading the configuration file, at line {number} of 'DIR/main.conf'");
        check(
            "memory",
            "# c\n\n maxmemory abc \n",
            &format!("{}\n>>> 'maxmemory abc'\nargument must be a memory value", line(3)),
        );
        check(
            "quotes",
            "port \"abc\n",
            &format!("{}\n>>> 'port \"abc'\nUnbalanced quotes in configuration line", line(1)),
        );
        check("words", "hz\n", &format!("{}\n>>> 'hz'\nwrong number of arguments", line(1)));
        check(
            "included",
            "port 1\ninclude DIR/bad.conf\n",
            "Reading the configuration file, at line 1 of 'DIR/bad.conf'\n>>> 'hz abc'\nargument couldn't be parsed into an integer",
        );
        check(
            "missing",
            "include DIR/nowhere.conf\n",
            "Fatal error, can't open config file 'DIR/nowhere.conf': No such file or directory",
        );
        check(
            "loop",
            "include DIR/main.conf\n",
            &format!(
                "{}\n>>> 'include DIR/main.conf'\nConfiguration files include each other too deeply",
                line(1)
            ),
        );
    }

    #[test]
    fn errors_name_the_variable() {
        let environment = vec![("TARTAN_HZ".to_owned(), b"x".to_vec())];
        let shown = Config::load(&Sources { environment, ..Sources::default() }).unwrap_err().to_string();
        let expected = "Reading the environment variable TARTAN_HZ\n>>> 'TARTAN_HZ=x'\nargument couldn't be parsed into an integer";
        assert!(shown.ends_with(expected), "{shown}");
    }
}
