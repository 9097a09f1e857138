//! One Lua state: makes functions of sources and runs them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::{Either, Function, HookTriggers, Lua, Table, Value, VmState};

use crate::base::clock::monotonic_ns;
use crate::resp::{Protocol, Reply};

use super::failure::{Failure, Place, describe, handle, place_at};
use super::from_lua::write_value;
use super::functions::Registration;
use super::host::{Host, ask, serve};
use super::raised::Raised;
use super::random::Random;
use super::sandbox::Sandbox;

/// How many instructions of Lua lie between two questions whether to go on.
pub const INSTRUCTIONS_BETWEEN_QUESTIONS: u32 = 50_000;
/// Stack that a thread needs which runs scripts. Lua limits its recursion to 200 calls of C, which take up to 1.8 MB where each has
/// a buffer (`string.gsub` in itself); the command at the bottom must have room, too. What is not used is not taken.
pub const STACK_BYTES: usize = 4 << 20;
/// Runs between two steps of the collector that are not caused by allocation.
const RUNS_PER_STEP: u32 = 50;
/// A reply buffer greater than this is not kept.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// The first byte of bytecode.
const BYTECODE: u8 = 27;

/// What the callbacks of a state and its machine know together.
#[derive(Default)]
pub(super) struct Shared {
    /// What `redis.setresp` chose for the replies of `redis.call`.
    pub(super) protocol: Cell<Protocol>,
    pub(super) random: RefCell<Random>,
    /// The library that is being loaded.
    pub(super) loading: RefCell<Option<Loading>>,
    /// Why the script must end, and where it learned of it.
    end: RefCell<Option<(String, Option<Place>)>>,
    /// What a host threw.
    panic: RefCell<Option<Box<dyn Any + Send>>>,
    environment_changed: Cell<bool>,
    buffer: RefCell<Option<Reply>>,
}

/// A library on its way in.
pub(super) struct Loading {
    pub(super) deadline_ns: Option<u64>,
    pub(super) functions: Vec<Registration>,
}

impl Shared {
    /// Why the script must end, if it must.
    pub(super) fn ended(&self) -> Option<String> {
        self.end.borrow().as_ref().map(|(text, _)| text.clone())
    }

    /// Notes that a function has been given another environment.
    pub(super) fn environment_changed(&self) {
        self.environment_changed.set(true);
    }

    /// Runs a command and calls `action` with the bytes of its reply. A panic of the host ends the script, and goes on behind it.
    pub(super) fn call<R>(&self, argv: &[&[u8]], action: impl FnOnce(&[u8]) -> R) -> Result<R, Raised> {
        let mut reply = self.buffer.take().unwrap_or_else(|| Reply::new(Protocol::Resp2));
        reply.set_protocol(self.protocol.get());
        let called = panic::catch_unwind(panic::AssertUnwindSafe(|| ask(|host| host.call(argv, &mut reply))));
        match called {
            Ok(Some(())) => {}
            Ok(None) => {
                return Err(Raised::refusal("redis.call can only be called inside a script invocation"));
            }
            Err(thrown) => {
                *self.panic.borrow_mut() = Some(thrown);
                return Err(self.end_with("ERR the command failed", None));
            }
        }
        let output = reply.output();
        if let Some(bytes) = output.single() {
            let result = action(bytes);
            bytes.clear();
            if bytes.capacity() <= BUFFER_BYTES_MAX {
                self.buffer.replace(Some(reply));
            }
            return Ok(result);
        }
        let segments = output.take();
        let bytes: Vec<u8> = segments.iter().flat_map(|segment| segment.bytes()).copied().collect();
        Ok(action(&bytes))
    }

    fn end_with(&self, text: &str, place: Option<Place>) -> Raised {
        *self.end.borrow_mut() = Some((text.to_owned(), place));
        Raised::Ended(text.to_owned())
    }

    /// Asked now and then while Lua runs.
    fn look_up(&self, lua: &Lua) -> mlua::Result<VmState> {
        if let Some(text) = self.ended() {
            return Err(Raised::Ended(text).into());
        }
        let deadline_ns = self.loading.borrow().as_ref().map(|loading| loading.deadline_ns);
        let text = match deadline_ns {
            Some(deadline_ns) => deadline_ns
                .filter(|deadline_ns| monotonic_ns() > *deadline_ns)
                .map(|_| "ERR FUNCTION LOAD timeout".to_owned()),
            None => ask(|host| host.interrupted()).flatten(),
        };
        let Some(text) = text else { return Ok(VmState::Continue) };
        let place = place_at(lua, 0).map(|(place, _)| place);
        Err(self.end_with(&text, place).into())
    }
}

/// What to run.
pub(super) enum Entry<'a> {
    /// A script, whose keys and arguments are globals.
    Script(Function),
    /// A function that takes them.
    Function(&'a Function),
}

/// A Lua state that runs scripts or functions.
pub(super) struct Machine {
    sandbox: Sandbox,
    shared: Rc<Shared>,
    handler: Function,
    runs: u32,
}

impl Machine {
    /// Takes a state that is complete, and watches over it.
    pub(super) fn new(sandbox: Sandbox, shared: Rc<Shared>) -> mlua::Result<Self> {
        let state = shared.clone();
        let handler = sandbox.lua.create_function(move |lua, value: Value| {
            let end = state.end.borrow().clone();
            handle(lua, value, end)
        })?;
        let state = shared.clone();
        let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_BETWEEN_QUESTIONS);
        sandbox.lua.set_global_hook(triggers, move |lua, _| state.look_up(lua))?;
        sandbox.lua.set_globals(sandbox.public.clone())?;
        Ok(Self { sandbox, shared, handler, runs: 0 })
    }

    /// Bytes that the state has allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.sandbox.lua.used_memory()
    }

    pub(super) fn lua(&self) -> &Lua {
        &self.sandbox.lua
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// A function of a source. The error is Lua's.
    pub(super) fn compile(&self, source: &[u8], name: &str) -> Result<Function, Vec<u8>> {
        // The space keeps Lua from taking it for bytecode.
        let spaced;
        let text = if source.first() == Some(&BYTECODE) {
            spaced = [b" ", source].concat();
            &spaced
        } else {
            source
        };
        let chunk = self.sandbox.lua.load(text).set_name(name).set_mode(ChunkMode::Text);
        chunk.into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message.into_bytes(),
            error => error.to_string().into_bytes(),
        })
    }

    /// Runs a script or a function, which errors call `name`, and writes what it returns.
    pub(super) fn run(
        &mut self,
        entry: Entry<'_>,
        name: &str,
        (keys, arguments): (&[&[u8]], &[&[u8]]),
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        self.shared.protocol.set(Protocol::Resp2);
        let outcome = self.prepare(keys, arguments).and_then(|(keys, arguments)| {
            serve(host, || match &entry {
                Entry::Script(script) => {
                    self.sandbox.globals.raw_set("KEYS", keys)?;
                    self.sandbox.globals.raw_set("ARGV", arguments)?;
                    self.sandbox.protect.call((script, &self.handler))
                }
                Entry::Function(function) => {
                    self.sandbox.call_protected.call((&self.handler, *function, keys, arguments))
                }
            })
        });
        let outcome = outcome.map(|(done, value): (bool, Value)| if done { Ok(value) } else { Err(value) });
        let result = match outcome {
            Ok(Ok(value)) => {
                let protocol = self.shared.protocol.get();
                let written = write_value(value, protocol, &self.sandbox.items, reply);
                written.map_err(|error| Failure::without_place(name, &error.to_string()))
            }
            Ok(Err(value)) => Err(Failure::of(&self.sandbox.lua, name, &value)),
            Err(error) => Err(Failure::without_place(name, &error.to_string())),
        };
        self.settle(&entry);
        result
    }

    /// Runs the source of a library.
    pub(super) fn load(&mut self, library: &Function) -> Result<(), Vec<u8>> {
        let outcome: mlua::Result<(bool, Value)> = self.sandbox.protect.call((library, &self.handler));
        let result = match outcome {
            Ok((true, _)) => Ok(()),
            Ok((false, value)) => Err(describe(&self.sandbox.lua, &value).0),
            Err(error) => Err(error.to_string().into_bytes()),
        };
        self.shared.end.take();
        result
    }

    fn prepare(&self, keys: &[&[u8]], arguments: &[&[u8]]) -> mlua::Result<(Table, Table)> {
        Ok((self.strings(keys)?, self.strings(arguments)?))
    }

    fn strings(&self, strings: &[&[u8]]) -> mlua::Result<Table> {
        let lua = &self.sandbox.lua;
        let mut failure = None;
        // Text goes to Lua's stack straight away; other bytes take the longer way.
        let table =
            lua.create_sequence_from(strings.iter().map_while(|bytes| match std::str::from_utf8(bytes) {
                Ok(text) => Some(Either::Left(text)),
                Err(_) => {
                    lua.create_string(bytes).map_err(|error| failure = Some(error)).ok().map(Either::Right)
                }
            }))?;
        failure.map_or(Ok(table), Err)
    }

    /// Undoes what the next script must not see.
    fn settle(&mut self, entry: &Entry<'_>) {
        self.shared.end.take();
        if self.shared.environment_changed.take()
            && let Entry::Script(script) = entry
        {
            // Fails only for functions that are not Lua.
            let _ = script.set_environment(self.sandbox.public.clone());
        }
        self.runs += 1;
        if self.runs >= RUNS_PER_STEP {
            self.runs = 0;
            // Neither can fail but for want of memory, which the next script will report.
            let _ = self.sandbox.sweep.call::<()>(());
            let _ = self.sandbox.lua.gc_step();
        }
        if let Some(thrown) = self.shared.panic.take() {
            panic::resume_unwind(thrown);
        }
    }
}
