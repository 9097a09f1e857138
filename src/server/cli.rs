//! The command line: `tartan [config-file] [--name value ...] [-]`, `tartan --help`, `tartan --version`, `tartan
//! --check-system`, `tartan check-aof` and `tartan check-rdb`.
//!
//! As in redis-server, only the first argument can ask for help, the version or a tool, and everything else is settings:
//! whatever follows belongs to `config`, which knows the names. `clap` builds the help text.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Command};

use super::tools::Tool;
use crate::config::Sources;

/// The version of Redis whose behavior is kept.
pub use crate::commands::server::REDIS_VERSION;

/// What the operator asked for.
#[derive(Debug)]
pub enum Invocation {
    /// To read how it is used.
    Help,
    /// To know what it is.
    Version,
    /// To look whether the system suits it.
    CheckSystem,
    /// Something that is not offered, for this reason.
    Refused(&'static str),
    /// To use a tool, with these arguments.
    Use(Tool, Vec<OsString>),
    /// To run a server.
    Run(Sources),
}

/// The settings shown in the help text: name, value, what it does.
const COMMON_SETTINGS: &[(&str, &str, &str)] = &[
    ("port", "PORT", "TCP port to listen on [default: 6379]"),
    ("bind", "ADDRESS...", "Addresses to listen on [default: all]"),
    ("unixsocket", "PATH", "Unix socket to listen on as well"),
    ("requirepass", "PASSWORD", "Password that clients must give"),
    ("server-threads", "COUNT", "Worker threads [default: the CPUs granted to the container]"),
    ("maxmemory", "SIZE", "Memory for data, such as 2gb [default: no limit]"),
    ("maxmemory-policy", "POLICY", "What to evict beyond it [default: noeviction]"),
    ("maxclients", "COUNT", "Greatest number of clients [default: 10000]"),
    ("metrics-port", "PORT", "Port of /metrics, /healthz, /readyz; 0: none [default: 9121]"),
    ("loglevel", "LEVEL", "debug, verbose, notice, warning, nothing [default: notice]"),
    ("daemonize", "YES|NO", "Go into the background [default: no]"),
    ("supervised", "BY", "Who starts it: systemd, upstart, auto, no [default: no]"),
    ("log-format", "FORMAT", "redis or json log lines [default: redis]"),
];

const EXAMPLES: &str = "\
Every setting of config/tartan.conf can be given as a flag or in the environment: --tcp-backlog as
TARTAN_TCP_BACKLOG. The environment overrides flags, flags override the file.

Examples:
  tartan                                             port 6379, no limits
  tartan --port 7000 --maxmemory 2gb --maxmemory-policy allkeys-lru
  tartan /etc/tartan.conf --loglevel verbose         a file, and something else for once
  TARTAN_REQUIREPASS=secret tartan                   keeps the password out of the process list
  echo maxclients 9 | tartan --port 7000 -           settings from the standard input
  tartan check-aof [--fix] FILE                      checks an append-only file or its manifest
  tartan check-rdb FILE                              checks an RDB file";

/// Reads the arguments, the program's name among them, and the environment.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Invocation {
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_default();
    if let Some(tool) = Tool::of_program(&program) {
        return Invocation::Use(tool, arguments.collect());
    }
    let is_sentinel = Path::new(&program).file_name().is_some_and(|name| name == "redis-sentinel");
    let mut arguments: Vec<Vec<u8>> = arguments.map(OsString::into_vec).collect();
    if is_sentinel || arguments.iter().any(|argument| argument == b"--sentinel") {
        return Invocation::Refused(
            "tartan: there is no Sentinel mode: run redis-sentinel, which watches over servers of any make",
        );
    }
    if let Some(tool) = arguments.first().and_then(|first| Tool::of_argument(first)) {
        return Invocation::Use(tool, arguments.into_iter().skip(1).map(OsString::from_vec).collect());
    }
    let file = match arguments.first().map(Vec::as_slice) {
        Some(b"-h" | b"--help") => return Invocation::Help,
        Some(b"-v" | b"--version") => return Invocation::Version,
        Some(b"--check-system") => return Invocation::CheckSystem,
        Some(b"--test-memory") => {
            return Invocation::Refused(
                "tartan: memory is not tested here: use memtester, or memtest86 at the start of the machine",
            );
        }
        Some(first) if !first.starts_with(b"-") => {
            Some(PathBuf::from(OsString::from_vec(arguments.remove(0))))
        }
        _ => None,
    };
    let mut reads_input = arguments.pop_if(|last| last == b"-").is_some();
    if file.is_none() && arguments.first().is_some_and(|first| first == b"-") {
        arguments.remove(0);
        reads_input = true;
    }
    let variable = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_vec()));
    let environment = environment.into_iter().filter_map(variable).collect();
    Invocation::Run(Sources { file, reads_input, flags: arguments, environment })
}

/// The help text, for `clap` to print in the colors of the terminal.
pub fn help() -> Command {
    let setting = |(name, value, help): &(&'static str, &'static str, &'static str)| {
        Arg::new(*name).long(*name).value_name(*value).help(*help).help_heading("Common settings")
    };
    Command::new("tartan")
        .about("A multi-threaded in-memory data store that speaks Redis")
        .override_usage("tartan [CONFIG-FILE] [--NAME VALUE...]... [-]")
        .disable_help_flag(true)
        .arg(Arg::new("config-file").value_name("CONFIG-FILE").help("Settings in the form of redis.conf"))
        .arg(Arg::new("input").value_name("-").help("Read more settings from the standard input"))
        .args(COMMON_SETTINGS.iter().map(setting))
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::SetTrue).help("Print this text"))
        .arg(
            Arg::new("version")
                .short('v')
                .long("version")
                .action(ArgAction::SetTrue)
                .help("Print the version"),
        )
        .arg(
            Arg::new("check-system")
                .long("check-system")
                .action(ArgAction::SetTrue)
                .help("Tell what about this system costs speed"),
        )
        .after_help(EXAMPLES)
}

/// A line in the form of `redis-server --version`, by which tools tell what they can expect, and what it really is.
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "Redis server v={REDIS_VERSION} sha=00000000:0 malloc=mimalloc bits={} build=tartan-{version}\n\
         Tartan v{version}, in the place of Redis {REDIS_VERSION}",
        usize::BITS
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SETTINGS;

    fn invocation(arguments: &[&str]) -> Invocation {
        let program = std::iter::once(OsString::from("/usr/bin/tartan"));
        parse(program.chain(arguments.iter().map(OsString::from)), [("TARTAN_HZ".into(), "3".into())])
    }

    #[test]
    fn the_first_argument_may_be_a_file_or_ask_for_something() {
        let check = |arguments: &[&str], file: Option<&str>, flags: &[&str]| {
            let Invocation::Run(sources) = invocation(arguments) else { panic!("{arguments:?}") };
            assert_eq!(sources.file, file.map(PathBuf::from));
            assert_eq!(sources.flags, flags.iter().map(|flag| flag.as_bytes().to_vec()).collect::<Vec<_>>());
            assert_eq!(sources.environment, [("TARTAN_HZ".to_owned(), b"3".to_vec())]);
        };
        check(&[], None, &[]);
        check(&["a.conf"], Some("a.conf"), &[]);
        check(&["a.conf", "--port", "1", "--help"], Some("a.conf"), &["--port", "1", "--help"]);
        check(&["--bind", "a", "b"], None, &["--bind", "a", "b"]);
        check(&["-p", "1"], None, &["-p", "1"]);
        check(&["a.conf", "--port", "1", "-"], Some("a.conf"), &["--port", "1"]);
        check(&["-", "--hz", "20"], None, &["--hz", "20"]);
        let Invocation::Run(sources) = invocation(&["-"]) else { panic!("a server") };
        assert!(sources.reads_input && sources.file.is_none());
        assert!(matches!(invocation(&["--check-system"]), Invocation::CheckSystem));
        assert!(matches!(invocation(&["--test-memory", "9"]), Invocation::Refused(_)));
        assert!(matches!(invocation(&["a.conf", "--sentinel"]), Invocation::Refused(_)));
        assert!(matches!(parse(["/bin/redis-sentinel".into()], []), Invocation::Refused(_)));
        assert!(matches!(invocation(&["--help"]), Invocation::Help));
        assert!(matches!(invocation(&["-h", "x"]), Invocation::Help));
        assert!(matches!(invocation(&["--version"]), Invocation::Version));
        assert!(matches!(invocation(&["-v"]), Invocation::Version));
        let Invocation::Use(tool, rest) = invocation(&["check-aof", "--fix", "f"]) else { panic!("no tool") };
        assert_eq!((tool, rest), (Tool::CheckAof, vec!["--fix".into(), "f".into()]));
        let renamed = parse(["redis-check-rdb".into(), "f".into()], []);
        assert!(matches!(renamed, Invocation::Use(Tool::CheckRdb, rest) if rest == ["f"]));
    }

    #[test]
    fn help_names_only_settings_there_are() {
        let text = help().render_help().to_string();
        for (name, _, _) in COMMON_SETTINGS {
            assert!(SETTINGS.iter().any(|setting| setting.name == *name), "{name}");
            assert!(text.contains(&format!("--{name} <")), "{name}\n{text}");
        }
        help().debug_assert();
    }
}
