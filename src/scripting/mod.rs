//! Layer 2: the Lua 5.1 of EVAL scripts and function libraries.
//!
//! An [`Interpreter`] belongs to one thread. It compiles sources and keeps them, runs them against a [`Host`], and turns replies
//! into Lua values and back. It knows no command and no store: what a script calls, it asks of the host.
//!
//! Scripts and libraries live in two Lua states, as in Redis, each made when it is first needed (`machine`). What stands
//! between a script and Lua's own libraries is `prelude.lua`; `sandbox` puts it there.

mod api;
mod arguments;
mod debugger;
mod environment;
mod failure;
mod from_lua;
mod functions;
mod host;
mod interpreter;
pub mod libraries;
mod machine;
mod raised;
mod random;
pub mod reach;
mod sandbox;
mod sha;
pub mod shebang;
mod stack;
mod to_lua;

#[cfg(test)]
mod tests;

pub use debugger::{Heard, Talk};
pub use failure::Failure;
pub use functions::Function;
pub use host::Host;
pub use interpreter::Interpreter;
pub use machine::{INSTRUCTIONS_BETWEEN_QUESTIONS, STACK_BYTES};
pub use sha::{Sha, sha1_hex};
