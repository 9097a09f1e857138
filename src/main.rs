//! What the arguments ask for is done by `server`.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use tartan::server::{self, cli, cli::Invocation, system};

fn main() -> ExitCode {
    match cli::parse(env::args_os(), env::vars_os()) {
        Invocation::Help => exit_code(&cli::help().print_help()),
        Invocation::Version => exit_code(&writeln!(io::stdout(), "{}", cli::version())),
        Invocation::CheckSystem => exit_code(&system::report(&mut io::stdout())),
        Invocation::Refused(reason) => {
            // Whether or not anybody reads it, the exit code tells.
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
        Invocation::Use(tool, arguments) => tool.run(&arguments),
        Invocation::Run(sources) => server::start(&sources),
    }
}

fn exit_code(printed: &io::Result<()>) -> ExitCode {
    if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
