//! A thread's scripts and libraries, compiled.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::resp::Reply;

use super::api;
use super::debugger::Talk;
use super::failure::Failure;
use super::functions::{Function, Libraries};
use super::host::Host;
use super::machine::{Entry, Machine, Shared};
use super::sandbox::Sandbox;
use super::sha::Sha;
use super::shebang::script_header;

/// The interpreter of one thread.
#[derive(Default)]
pub struct Interpreter {
    scripts: Option<Scripts>,
    libraries: Option<Libraries>,
}

struct Scripts {
    machine: Machine,
    /// Where the machine keeps each.
    places: HashMap<Sha, usize, ahash::RandomState>,
}

impl Scripts {
    fn new() -> mlua::Result<Self> {
        let shared = Rc::new(Shared::default());
        let sandbox = Sandbox::new(&shared)?;
        api::install_for_scripts(&sandbox.lua, &shared, &sandbox.globals.get("redis")?)?;
        sandbox.seal_scripts.call::<()>(())?;
        Ok(Self { machine: Machine::new(sandbox, shared)?, places: HashMap::default() })
    }
}

impl Interpreter {
    /// An interpreter that knows nothing. Lua itself comes with the first script or library.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a script, first line and all, and keeps it under its name. The error is for the client.
    pub fn compile(&mut self, sha: &Sha, source: &[u8]) -> Result<(), Vec<u8>> {
        let header = script_header(source)?;
        let scripts = made(&mut self.scripts, Scripts::new)?;
        if scripts.places.contains_key(sha) {
            return Ok(());
        }
        let function = scripts
            .machine
            .compile(&source[header.code..], "@user_script")
            .map_err(|text| [b"ERR Error compiling script (new function): ", text.as_slice()].concat())?;
        let place = scripts.machine.keep(function).map_err(|error| internal(&error))?;
        scripts.places.insert(*sha, place);
        Ok(())
    }

    /// Whether a script has been compiled.
    pub fn has(&self, sha: &Sha) -> bool {
        self.scripts.as_ref().is_some_and(|scripts| scripts.places.contains_key(sha))
    }

    /// Forgets all scripts and frees what they have left.
    pub fn forget_scripts(&mut self) {
        self.scripts = None;
    }

    /// Runs a compiled script and writes what it returns.
    pub fn run(
        &mut self,
        sha: &Sha,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        let (machine, entry) = self.script(sha)?;
        machine.run(entry, sha.as_str(), (keys, args), host, reply)
    }

    /// As [`Interpreter::run`], under a debugger that shows the script's source to `talk`.
    pub fn debug(
        &mut self,
        (sha, source): (&Sha, &[u8]),
        given: (&[&[u8]], &[&[u8]]),
        host: &mut dyn Host,
        talk: &mut dyn Talk,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        let (machine, entry) = self.script(sha)?;
        machine.debug(entry, (sha.as_str(), source), given, (host, talk), reply)
    }

    /// A compiled script, and the machine that keeps it.
    fn script(&mut self, sha: &Sha) -> Result<(&mut Machine, Entry), Failure> {
        const UNKNOWN: &[u8] = b"NOSCRIPT No matching script. Please use EVAL.";
        let found = self.scripts.as_mut().and_then(|scripts| {
            let place = *scripts.places.get(sha)?;
            Some((&mut scripts.machine, Entry::Script(place)))
        });
        found.ok_or_else(|| Failure::from(UNKNOWN.to_vec()))
    }

    /// Loads a library, first line and all, under a number: several may have one name. The time limit is for its own code, which
    /// registers functions. On failure everything is as before; the error is for the client.
    pub fn load_library(
        &mut self,
        number: u64,
        source: &[u8],
        time_limit: Option<Duration>,
    ) -> Result<Vec<Function>, Vec<u8>> {
        made(&mut self.libraries, Libraries::new)?.load(number, source, time_limit)
    }

    /// Whether a library has been loaded.
    pub fn has_library(&self, number: u64) -> bool {
        self.libraries.as_ref().is_some_and(|libraries| libraries.has(number))
    }

    /// Forgets the libraries that are not to be kept. With the last one all goes that they have left.
    pub fn retain_libraries(&mut self, is_kept: impl FnMut(u64) -> bool) {
        let Some(libraries) = &mut self.libraries else { return };
        libraries.retain(is_kept);
        if libraries.is_empty() {
            self.libraries = None;
        }
    }

    /// Calls a function of a loaded library and writes what it returns.
    pub fn call_function(
        &mut self,
        library: u64,
        function: &str,
        keys: &[&[u8]],
        args: &[&[u8]],
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        let unknown = || Failure::from(b"ERR Function not found".to_vec());
        let libraries = self.libraries.as_mut().ok_or_else(unknown)?;
        libraries.call(library, function, (keys, args), host, reply).unwrap_or_else(|| Err(unknown()))
    }

    /// Bytes in use for scripts (`used_memory_vm_eval`).
    pub fn script_memory_bytes(&self) -> usize {
        self.scripts.as_ref().map_or(0, |scripts| scripts.machine.memory_bytes())
    }

    /// Bytes in use for functions (`used_memory_vm_functions`).
    pub fn function_memory_bytes(&self) -> usize {
        self.libraries.as_ref().map_or(0, Libraries::memory_bytes)
    }
}

fn made<T>(slot: &mut Option<T>, make: impl FnOnce() -> mlua::Result<T>) -> Result<&mut T, Vec<u8>> {
    match slot {
        Some(made) => Ok(made),
        none => Ok(none.insert(make().map_err(|error| internal(&error))?)),
    }
}

/// What should not happen, short of memory.
pub(super) fn internal(error: &mlua::Error) -> Vec<u8> {
    format!("ERR Lua: {error}").into_bytes()
}
