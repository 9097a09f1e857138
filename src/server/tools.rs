//! The tools beside the server: `tartan check-aof` and `tartan check-rdb`, also under the names that Redis gives them.

use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::persistence::check::{Console, Request, check_aof, check_rdb};

const AOF_USAGE: &str =
    "Usage: tartan check-aof [--fix|--truncate-to-timestamp $timestamp] <file.manifest|file.aof>";
const RDB_USAGE: &str = "Usage: tartan check-rdb <rdb-file-name>";

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// Checks append-only files.
    CheckAof,
    /// Checks an RDB file.
    CheckRdb,
}

/// What a tool's arguments ask for.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    Aof(Request),
    Rdb(PathBuf),
    /// To print this and do nothing.
    Say(String),
    /// To refuse with this.
    Refuse(String),
}

impl Tool {
    /// The tool that `program`, the name under which this program was called, stands for.
    pub fn of_program(program: &OsStr) -> Option<Self> {
        match Path::new(program).file_name()?.to_str()? {
            "redis-check-aof" | "tartan-check-aof" => Some(Self::CheckAof),
            "redis-check-rdb" | "tartan-check-rdb" => Some(Self::CheckRdb),
            _ => None,
        }
    }

    /// The tool of a first argument.
    pub fn of_argument(argument: &[u8]) -> Option<Self> {
        match argument {
            b"check-aof" => Some(Self::CheckAof),
            b"check-rdb" => Some(Self::CheckRdb),
            _ => None,
        }
    }

    /// Does what `arguments`, those behind the tool's name, ask for.
    pub fn run(self, arguments: &[OsString]) -> ExitCode {
        let (mut out, mut input) = (io::stdout().lock(), io::stdin().lock());
        let is_terminal = out.is_terminal();
        let mut console = Console::new(&mut out, &mut input, is_terminal);
        let sound = match self.task(arguments) {
            Task::Aof(request) => check_aof(&request, &mut console).is_ok(),
            Task::Rdb(path) => check_rdb(&path, &mut console).is_ok(),
            // Whether or not anybody reads it, the exit code tells.
            Task::Say(text) => writeln!(out, "{text}").is_ok(),
            Task::Refuse(text) => {
                let _ = writeln!(out, "{text}");
                false
            }
        };
        if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn task(self, arguments: &[OsString]) -> Task {
        let usage = if self == Self::CheckAof { AOF_USAGE } else { RDB_USAGE };
        match (self, arguments) {
            (_, [first]) if first == "-h" || first == "--help" => Task::Say(usage.to_owned()),
            (_, [first]) if first == "-v" || first == "--version" => Task::Say(super::cli::version()),
            (Self::CheckRdb, [file]) => Task::Rdb(file.into()),
            (Self::CheckRdb, _) => Task::Refuse(usage.to_owned()),
            (Self::CheckAof, arguments) => aof_task(arguments),
        }
    }
}

fn aof_task(arguments: &[OsString]) -> Task {
    let mut request = Request { file: PathBuf::new(), fix: false, truncate_to_timestamp: None };
    let mut rest = arguments;
    loop {
        rest = match rest {
            [flag, rest @ ..] if flag == "--fix" => {
                request.fix = true;
                rest
            }
            [flag, time, rest @ ..] if flag == "--truncate-to-timestamp" => {
                let Some(time) = time.to_str().and_then(|time| time.parse::<i64>().ok()) else {
                    return Task::Refuse("Invalid timestamp, aborting...".to_owned());
                };
                // As in Redis, 0 is no time.
                request.truncate_to_timestamp = (time != 0).then_some(time);
                rest
            }
            [file] => {
                request.file = file.into();
                return Task::Aof(request);
            }
            _ => return Task::Refuse(AOF_USAGE.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_those_of_the_redis_tools() {
        let check = |tool: Tool, arguments: &[&str], expected: Task| {
            let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            assert_eq!(tool.task(&words), expected, "{arguments:?}");
        };
        let request = |fix, truncate_to_timestamp| {
            Task::Aof(Request { file: PathBuf::from("f"), fix, truncate_to_timestamp })
        };
        let (aof, rdb) = (Tool::CheckAof, Tool::CheckRdb);
        check(aof, &["f"], request(false, None));
        check(aof, &["--fix", "f"], request(true, None));
        check(aof, &["--truncate-to-timestamp", "17", "f"], request(false, Some(17)));
        check(aof, &["--truncate-to-timestamp", "17", "--fix", "f"], request(true, Some(17)));
        check(aof, &["--truncate-to-timestamp", "0", "f"], request(false, None));
        check(
            aof,
            &["--truncate-to-timestamp", "1x", "f"],
            Task::Refuse("Invalid timestamp, aborting...".into()),
        );
        check(aof, &[], Task::Refuse(AOF_USAGE.into()));
        check(aof, &["a", "b"], Task::Refuse(AOF_USAGE.into()));
        check(aof, &["--help"], Task::Say(AOF_USAGE.into()));
        check(rdb, &["f"], Task::Rdb("f".into()));
        check(rdb, &["--version"], Task::Say(crate::server::cli::version()));
        check(rdb, &[], Task::Refuse(RDB_USAGE.into()));
    }

    #[test]
    fn tools_are_known_by_name_or_first_argument() {
        assert_eq!(Tool::of_program(OsStr::new("/usr/bin/redis-check-aof")), Some(Tool::CheckAof));
        assert_eq!(Tool::of_program(OsStr::new("tartan-check-rdb")), Some(Tool::CheckRdb));
        assert_eq!(Tool::of_program(OsStr::new("/bin/tartan")), None);
        assert_eq!(Tool::of_argument(b"check-rdb"), Some(Tool::CheckRdb));
        assert_eq!(Tool::of_argument(b"check-rdb.conf"), None);
    }
}
