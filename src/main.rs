//! Arguments and environment become a `Config`; `server::run` does the rest.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use tartan::config::{Config, Sources};
use tartan::server::{self, cli, cli::Invocation};

fn main() -> ExitCode {
    match cli::parse(env::args_os(), env::vars_os()) {
        Invocation::Help => exit_code(&cli::help().print_help()),
        Invocation::Version => exit_code(&writeln!(io::stdout(), "{}", cli::version())),
        Invocation::Use(tool, arguments) => tool.run(&arguments),
        Invocation::Run(sources) => start(&sources),
    }
}

fn start(sources: &Sources) -> ExitCode {
    match Config::load(sources) {
        Ok(config) => server::run(config),
        Err(error) => {
            // Whether or not anybody reads it, the exit code tells.
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn exit_code(printed: &io::Result<()>) -> ExitCode {
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
