//! The title that lists of processes show: `proc-title-template` with its variables filled in.

use std::sync::OnceLock;

use crate::base::log;
use crate::base::process_title::{self, Room};
use crate::config::{Config, Id, title};

/// The name under which the program was started, and the room for titles, if they are shown.
static SHOWN: OnceLock<(String, Room)> = OnceLock::new();

/// Makes room for titles and shows the first one. To be called before any thread is started.
pub fn prepare(config: &Config) {
    let name = std::env::args_os().next().unwrap_or_default().to_string_lossy().into_owned();
    match process_title::prepare() {
        Ok(room) => {
            SHOWN.get_or_init(|| (name, room));
            show(config);
        }
        Err(error) => log::warning!("Can't set the process title: {error}"),
    }
}

/// Shows the title of this moment's settings, if titles are shown.
pub fn show(config: &Config) {
    let Some((name, room)) = SHOWN.get() else { return };
    let template = config.text(Id::ProcTitleTemplate);
    let text =
        title::expand(&String::from_utf8_lossy(&template), |variable| Some(value(config, name, variable)));
    // The template has been checked, and what it is short of is only a title.
    let _ = room.show(&text.unwrap_or_default());
}

fn value(config: &Config, name: &str, variable: &str) -> String {
    let port = config.get(Id::Port);
    match variable {
        "title" => name.to_owned(),
        "port" => port.to_string(),
        "tls-port" => config.get(Id::TlsPort).to_string(),
        "listen-addr" => match config.bind_addresses().first() {
            Some(address) if port != 0 => format!("{}:{port}", address.trim_start_matches('-')),
            _ => config.path(Id::UnixSocket).display().to_string(),
        },
        "unixsocket" => config.path(Id::UnixSocket).display().to_string(),
        "config-file" => config.file().map(|path| path.display().to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}
