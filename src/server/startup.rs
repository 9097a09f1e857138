//! The first things a server does, before it listens: log, banner, process id file.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use crate::base::{affinity, descriptors, log, oom_score, os_error};
use crate::commands;
use crate::commands::server::config::oom_score_wanted;
use crate::config::{Config, Id, LoadError};
use crate::engine::Handling;
use crate::engine::table::CommandTable;

const BANNER: &str = r"
    ##  :  ##  :      Tartan {version}
  --##--+--##--+--    speaks Redis {redis}
    ##  :  ##  :      port {port}, {threads} worker threads
  ==##==+==##==+==    PID: {pid}
    ##  :  ##  :
";

/// All commands, under the names that `rename-command` gives them.
pub fn command_table(config: &Config) -> Result<CommandTable<Handling>, LoadError> {
    let mut table = CommandTable::new(commands::FAMILIES)
        .map_err(|error| LoadError::Setting { reason: error.to_string() })?;
    for rename in config.renames() {
        table.rename(&rename.from, &rename.to).map_err(|reason| rename.refusal(reason))?;
    }
    Ok(table)
}

/// Makes sure that the log file can be opened, while there is somebody to tell.
pub fn check_log_file(config: &Config) -> Result<(), LoadError> {
    log::set_file(&config.path(Id::LogFile)).map_err(|error| LoadError::Setting {
        reason: format!("Can't open the log file: {}", os_error::reason(&error)),
    })
}

/// Binds this thread and all that it will start to the CPUs of `server_cpulist`.
pub fn bind_to_cpus(config: &Config) {
    affinity::try_bind_thread("server_cpulist", &config.text(Id::ServerCpuList));
}

/// Tells the kernel how readily to end this process.
pub fn set_oom_score(config: &Config) {
    if let Err(error) = oom_score::set(oom_score_wanted(config)) {
        log::warning!("Unable to write oom_score_adj: {error}");
    }
}

/// Opens the log as configured and says what was odd about the configuration. Fails when the log file cannot be opened.
pub fn open_log(config: &Config) -> io::Result<()> {
    log::set_level(config.get(Id::LogLevel) as u8);
    log::set_json(config.is_on(Id::LogFormat));
    log::set_file(&config.path(Id::LogFile))?;
    if config.is_on(Id::SyslogEnabled) {
        let ident = config.text(Id::SyslogIdent);
        let facility = syslog_facility(config.get(Id::SyslogFacility));
        if let Err(error) = log::set_syslog(&String::from_utf8_lossy(&ident), facility) {
            log::warning!("Can't log to syslog: {error}");
        }
    }
    for warning in config.warnings() {
        log::warning!("{warning}");
    }
    Ok(())
}

/// The number of a facility in `syslog(3)`: the first choice is `user`, those behind it are `local0` and so on.
fn syslog_facility(choice: i64) -> u8 {
    const USER: u8 = 1;
    const LOCAL0: u8 = 16;
    if choice == 0 { USER } else { LOCAL0 + (choice - 1) as u8 }
}

/// Logs who starts, with a banner where somebody is looking.
pub fn announce(config: &Config) {
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    log::notice!("oO0OoO0OoO0Oo Tartan is starting oO0OoO0OoO0Oo");
    log::notice!("Tartan version={version}, bits={}, pid={pid}, just started", usize::BITS);
    match config.file() {
        Some(file) => log::notice!("Configuration loaded from {}", file.display()),
        None => log::warning!("Warning: no config file specified, using the default config."),
    }
    if shows_banner(config) {
        log::notice!("{}", banner(config));
    }
    log::notice!("Running mode=standalone, port={}.", config.get(Id::Port));
}

/// Raises the limit of open files to what `maxclients` needs, or lowers `maxclients` to what the limit allows.
///
/// # Errors
/// When not even one client would fit.
pub fn allow_clients(config: &Config) -> Result<(), String> {
    let clients = config.get_unsigned(Id::MaxClients);
    let wanted = clients + descriptors::RESERVED;
    let granted = descriptors::raise_limit(wanted);
    if granted.now >= wanted {
        if granted.now > granted.before {
            log::notice!(
                "Increased maximum number of open files to {wanted} (it was originally set to {}).",
                granted.before
            );
        }
        return Ok(());
    }
    let possible = granted.now.saturating_sub(descriptors::RESERVED);
    let now = granted.now;
    if possible == 0 {
        return Err(format!(
            "Your current 'ulimit -n' of {now} is not enough for the server to start. \
             Please increase your open file limit to at least {wanted}. Exiting."
        ));
    }
    // A number within the setting's bounds is not refused.
    let _ = config.set(&[(b"maxclients", possible.to_string().as_bytes())], true);
    let reason = granted.refusal.map_or_else(String::new, |error| error.to_string());
    log::warning!("You requested maxclients of {clients} requiring at least {wanted} max file descriptors.");
    log::warning!("Server can't set maximum open files to {wanted} because of OS error: {reason}.");
    log::warning!(
        "Current maximum open files is {now}. maxclients has been reduced to {possible} to compensate for low ulimit. \
         If you need higher maxclients increase 'ulimit -n'."
    );
    Ok(())
}

/// Writes the process id file if one is configured, or the server is in the background, and returns its path so that it can
/// be removed at the end.
pub fn write_pid_file(config: &Config) -> io::Result<Option<PathBuf>> {
    const DEFAULT: &[u8] = b"/var/run/redis.pid";
    if config.is_on(Id::Daemonize) && config.text(Id::PidFile).is_empty() {
        config.decide(Id::PidFile, DEFAULT);
    }
    let path = config.path(Id::PidFile);
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    fs::write(&path, format!("{}\n", std::process::id()))?;
    Ok(Some(path))
}

/// On a terminal, or always if so configured; never among JSON.
fn shows_banner(config: &Config) -> bool {
    let on_terminal = config.path(Id::LogFile).as_os_str().is_empty() && io::stdout().is_terminal();
    !config.is_on(Id::LogFormat) && (on_terminal || config.is_on(Id::AlwaysShowLogo))
}

fn banner(config: &Config) -> String {
    BANNER
        .replace("{version}", env!("CARGO_PKG_VERSION"))
        .replace("{redis}", super::cli::REDIS_VERSION)
        .replace("{port}", &config.get(Id::Port).to_string())
        .replace("{threads}", &config.get(Id::ServerThreads).to_string())
        .replace("{pid}", &std::process::id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[&str]) -> Config {
        let flags = pairs.iter().map(|word| word.as_bytes().to_vec()).collect();
        Config::load(&crate::config::Sources { flags, ..Default::default() }).unwrap()
    }

    #[test]
    fn the_banner_is_filled_in() {
        let text = banner(&config(&["--port", "7001", "--server-threads", "3"]));
        assert!(text.contains("port 7001, 3 worker threads") && !text.contains(['{', '}']), "{text}");
    }

    #[test]
    fn the_banner_can_be_forced_but_not_into_json() {
        assert!(shows_banner(&config(&["--always-show-logo", "yes"])));
        assert!(!shows_banner(&config(&["--always-show-logo", "yes", "--log-format", "json"])));
    }

    #[test]
    fn the_process_id_is_written_where_asked() {
        assert_eq!(write_pid_file(&config(&[])).unwrap(), None);
        let path = std::env::temp_dir().join(format!("tartan-pid-{}", std::process::id()));
        let written = write_pid_file(&config(&["--pidfile", path.to_str().unwrap()])).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!((written, text), (Some(path), format!("{}\n", std::process::id())));
    }
}
