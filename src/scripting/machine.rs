//! One Lua state: makes functions of sources and runs them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::debug::{Debug, DebugEvent};
use mlua::{Function, HookTriggers, Lua, Table, Value, VmState};

use crate::base::clock::monotonic_ns;
use crate::resp::{Protocol, Reply};

use super::debugger::{Debugger, Talk, Watched};
use super::failure::{Failure, Place, describe, handle, place_at};
use super::from_lua::write_value;
use super::functions::Registration;
use super::host::{Host, ask, serve};
use super::raised::Raised;
use super::random::Random;
use super::sandbox::Sandbox;
use super::stack::{Full, Home, Stack};

/// How many instructions of Lua lie between two questions whether to go on.
pub const INSTRUCTIONS_BETWEEN_QUESTIONS: u32 = 50_000;
/// Stack that a thread needs which runs scripts. Lua limits its recursion to 200 calls of C, which take up to 1.8 MB where each has
/// a buffer (`string.gsub` in itself); the command at the bottom must have room, too. What is not used is not taken.
pub const STACK_BYTES: usize = 4 << 20;
/// Runs between two steps of the collector that are not caused by allocation.
const RUNS_PER_STEP: u32 = 50;
/// A state is not collected whole while it has allocated less.
const COLLECT_BYTES_MIN: usize = 8 << 20;
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
    /// Who debugs the script that runs.
    pub(super) debugger: RefCell<Option<Rc<Debugger>>>,
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

    /// Runs a command, whose reply is for `read`; None where no script runs.
    pub(super) fn call(&self, argv: &[&[u8]]) -> Option<Reply> {
        let mut reply = self.buffer.take().unwrap_or_else(|| Reply::new(Protocol::Resp2));
        reply.set_protocol(self.protocol.get());
        ask(|host| host.call(argv, &mut reply)).map(|()| reply)
    }

    /// Calls `action` with the bytes of a reply, and keeps its buffer for the next one.
    pub(super) fn read<R>(&self, mut reply: Reply, action: impl FnOnce(&[u8]) -> R) -> R {
        let output = reply.output();
        let Some(bytes) = output.single() else {
            let segments = output.take();
            let bytes: Vec<u8> = segments.iter().flat_map(|segment| segment.bytes()).copied().collect();
            return action(&bytes);
        };
        let result = action(bytes);
        bytes.clear();
        if bytes.capacity() <= BUFFER_BYTES_MAX {
            self.buffer.replace(Some(reply));
        }
        result
    }

    /// Ends the script because of a panic, which goes on behind it.
    pub(super) fn end_by_panic(&self, thrown: Box<dyn Any + Send>) {
        *self.panic.borrow_mut() = Some(thrown);
        self.end_with("ERR the command failed", None);
    }

    fn end_with(&self, text: &str, place: Option<Place>) -> Raised {
        *self.end.borrow_mut() = Some((text.to_owned(), place));
        Raised::Ended(text.to_owned())
    }

    /// Asked before each line of a script that is debugged.
    fn stop_at(&self, lua: &Lua, frame: &Debug<'_>, debugger: &Debugger) -> mlua::Result<VmState> {
        if frame.event() != DebugEvent::Line {
            return self.look_up(lua);
        }
        debugger.at_line(lua, frame).map_err(|text| {
            let place = place_at(lua, 0).map(|(place, _)| place);
            self.end_with(&text, place)
        })?;
        Ok(VmState::Continue)
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

/// What to run: a function that the machine keeps, and how it is given keys and arguments.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    /// As globals.
    Script(usize),
    /// As arguments.
    Function(usize),
}

impl Entry {
    fn place(self) -> usize {
        match self {
            Self::Script(place) | Self::Function(place) => place,
        }
    }
}

/// Elements of the values that a machine keeps; functions follow.
const HANDLER: usize = 1;
const GLOBALS: usize = 2;
/// What was raised last, on its way out.
const RAISED: usize = 3;

/// A Lua state that runs scripts or functions.
pub(super) struct Machine {
    sandbox: Sandbox,
    shared: Rc<Shared>,
    handler: Function,
    home: Home,
    values: Table,
    /// Elements of `values` that can be used again, and the last one that has been used.
    free: Vec<usize>,
    last: usize,
    runs: u32,
    /// A state that has allocated more is collected whole after a run.
    collect_above_bytes: usize,
}

impl Machine {
    /// Takes a state that is complete, and watches over it.
    pub(super) fn new(sandbox: Sandbox, shared: Rc<Shared>) -> mlua::Result<Self> {
        let state = shared.clone();
        let handler = sandbox.lua.create_function(move |lua, value: Value| {
            let end = state.end.borrow().clone();
            handle(lua, value, end)
        })?;
        watch(&sandbox.lua, &shared)?;
        sandbox.lua.set_globals(sandbox.public.clone())?;
        let values = sandbox.lua.create_table()?;
        values.raw_set(HANDLER, &handler)?;
        values.raw_set(GLOBALS, &sandbox.globals)?;
        let home = Home::new(&sandbox.lua, &values)?;
        Ok(Self {
            sandbox,
            shared,
            handler,
            home,
            values,
            free: Vec::new(),
            last: RAISED,
            runs: 0,
            collect_above_bytes: COLLECT_BYTES_MIN,
        })
    }

    /// Keeps a function that is to be run, and returns its place.
    pub(super) fn keep(&mut self, function: Function) -> mlua::Result<usize> {
        let place = self.free.pop().unwrap_or(self.last + 1);
        self.values.raw_set(place, function)?;
        self.last = self.last.max(place);
        Ok(place)
    }

    /// Lets it go.
    pub(super) fn let_go(&mut self, place: usize) {
        if self.values.raw_set(place, Value::Nil).is_ok() {
            self.free.push(place);
        }
    }

    /// Bytes that the state has allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.lua().used_memory()
    }

    pub(super) fn lua(&self) -> &Lua {
        self.home.lua()
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
        let chunk = self.lua().load(text).set_name(name).set_mode(ChunkMode::Text);
        chunk.into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message.into_bytes(),
            error => error.to_string().into_bytes(),
        })
    }

    /// Runs a script or a function, which errors call `name`, and writes what it returns.
    pub(super) fn run(
        &mut self,
        entry: Entry,
        name: &str,
        (keys, arguments): (&[&[u8]], &[&[u8]]),
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        self.shared.protocol.set(Protocol::Resp2);
        let (home, shared) = (&mut self.home, &self.shared);
        let ended = serve(host, || {
            home.with_stack(|stack| {
                if enter(stack, entry, keys, arguments)? {
                    return Ok(Some(write_value(stack, shared.protocol.get(), reply)));
                }
                stack.set_element(Home::VALUES, RAISED)?;
                Ok(None)
            })
        });
        let result = match ended {
            Ok(Some(written)) => written,
            Ok(None) => Err(self.failure(name)),
            Err(Full) => Err(Failure::without_place(name, "Lua has no room for its arguments")),
        };
        self.settle(entry);
        result
    }

    /// As [`Machine::run`], under a debugger.
    pub(super) fn debug(
        &mut self,
        entry: Entry,
        (name, source): (&str, &[u8]),
        given: (&[&[u8]], &[&[u8]]),
        (host, talk): (&mut dyn Host, &mut dyn Talk),
        reply: &mut Reply,
    ) -> Result<(), Failure> {
        let internal = |error: mlua::Error| Failure::without_place(name, &error.to_string());
        let debugger = Rc::new(Debugger::new(source));
        let (shared, own) = (self.shared.clone(), debugger.clone());
        let triggers = HookTriggers::EVERY_LINE.every_nth_instruction(INSTRUCTIONS_BETWEEN_QUESTIONS);
        let hook = move |lua: &Lua, frame: &Debug<'_>| shared.stop_at(lua, frame, &own);
        self.lua().set_global_hook(triggers, hook).map_err(internal)?;
        self.shared.debugger.replace(Some(debugger.clone()));
        let mut watched = Watched { host, talk: &mut *talk, debugger: debugger.clone() };
        let run = panic::AssertUnwindSafe(|| self.run(entry, name, given, &mut watched, reply));
        let result = panic::catch_unwind(run);
        self.shared.debugger.take();
        debugger.end(talk);
        watch(self.lua(), &self.shared).map_err(internal)?;
        result.unwrap_or_else(|thrown| panic::resume_unwind(thrown))
    }

    /// What the message handler has made of an error.
    fn failure(&self, name: &str) -> Failure {
        let raised: mlua::Result<Value> = self.values.raw_get(RAISED);
        match raised.and_then(|raised| self.values.raw_set(RAISED, Value::Nil).map(|()| raised)) {
            Ok(raised) => Failure::of(self.lua(), name, &raised),
            Err(error) => Failure::without_place(name, &error.to_string()),
        }
    }

    /// Runs the source of a library.
    pub(super) fn load(&mut self, library: &Function) -> Result<(), Vec<u8>> {
        let outcome: mlua::Result<(bool, Value)> = self.sandbox.protect.call((library, &self.handler));
        let result = match outcome {
            Ok((true, _)) => Ok(()),
            Ok((false, value)) => Err(describe(self.lua(), &value).0),
            Err(error) => Err(error.to_string().into_bytes()),
        };
        self.shared.end.take();
        result
    }

    /// Undoes what the next script must not see.
    fn settle(&mut self, entry: Entry) {
        self.shared.end.take();
        if self.shared.environment_changed.take()
            && let Entry::Script(place) = entry
            && let Ok(script) = self.values.raw_get::<Function>(place)
        {
            // Fails only for functions that are not Lua.
            let _ = script.set_environment(self.sandbox.public.clone());
        }
        self.runs += 1;
        if self.runs >= RUNS_PER_STEP {
            self.runs = 0;
            // Neither can fail but for want of memory, which the next script will report.
            let _ = self.sandbox.sweep.call::<()>(());
            let _ = self.lua().gc_step();
        }
        if self.memory_bytes() > self.collect_above_bytes {
            // What a script leaves behind would count as the server's memory, and keys be evicted for it.
            let _ = self.lua().gc_collect();
            self.collect_above_bytes = (2 * self.memory_bytes()).max(COLLECT_BYTES_MIN);
        }
        if let Some(thrown) = self.shared.panic.take() {
            panic::resume_unwind(thrown);
        }
    }
}

/// Has the state ask now and then whether to go on.
fn watch(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<()> {
    let shared = shared.clone();
    let triggers = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_BETWEEN_QUESTIONS);
    lua.set_global_hook(triggers, move |lua, _| shared.look_up(lua))
}

/// Runs what the values have at a place, up to its value or what the message handler has made of its error.
fn enter(stack: &mut Stack<'_>, entry: Entry, keys: &[&[u8]], arguments: &[&[u8]]) -> Result<bool, Full> {
    stack.push_element(Home::VALUES, HANDLER)?;
    let handler = stack.len();
    let count = match entry {
        Entry::Script(_) => {
            stack.push_element(Home::VALUES, GLOBALS)?;
            let globals = stack.len();
            for (name, strings) in [("KEYS", keys), ("ARGV", arguments)] {
                stack.push_text(name.as_bytes())?;
                push_strings(stack, strings)?;
                stack.set_pair(globals)?;
            }
            stack.push_element(Home::VALUES, entry.place())?;
            0
        }
        Entry::Function(_) => {
            stack.push_element(Home::VALUES, entry.place())?;
            push_strings(stack, keys)?;
            push_strings(stack, arguments)?;
            2
        }
    };
    stack.call(count, handler)
}

fn push_strings(stack: &mut Stack<'_>, strings: &[&[u8]]) -> Result<(), Full> {
    stack.push_table(strings.len(), 0)?;
    let table = stack.len();
    for (index, bytes) in strings.iter().enumerate() {
        stack.push_text(bytes)?;
        stack.set_element(table, index + 1)?;
    }
    Ok(())
}
