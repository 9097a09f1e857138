//! Function libraries. All share one Lua state, as in Redis; while one is loaded, its globals are nothing but a `redis` that
//! can register functions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use mlua::{Function as LuaFunction, Lua, MultiValue, Table, Value};

use crate::base::clock::monotonic_ns;
use crate::resp::Reply;

use super::api;
use super::failure::{Failure, text_of};
use super::host::Host;
use super::interpreter::internal;
use super::machine::{Entry, Loading, Machine, Shared};
use super::raised::Raised;
use super::sandbox::Sandbox;
use super::shebang::{Flags, INVALID_NAME, library_header, parse_name};

/// A function that a library has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Letters, digits and underscores.
    pub name: String,
    /// What the library says of it.
    pub description: Option<Vec<u8>>,
    /// What it may do.
    pub flags: Flags,
}

/// A function on its way into a library.
pub(super) struct Registration {
    function: Function,
    callback: LuaFunction,
}

/// Functions by name.
type Places = HashMap<String, usize, ahash::RandomState>;

pub(super) struct Libraries {
    machine: Machine,
    /// Makes the globals those of a load (true) or of a call.
    switch: LuaFunction,
    /// For each library, by its number, where the machine keeps its functions.
    loaded: HashMap<u64, Places, ahash::RandomState>,
}

impl Libraries {
    pub(super) fn new() -> mlua::Result<Self> {
        let shared = Rc::new(Shared::default());
        let sandbox = Sandbox::new(&shared)?;
        let lua = &sandbox.lua;
        let load_globals = lua.create_table()?;
        let redis = lua.create_table()?;
        api::install_log_and_version(lua, &redis)?;
        let state = shared.clone();
        let register = move |lua: &Lua, arguments: MultiValue| register(lua, &state, &arguments);
        redis.set("register_function", lua.create_function(register)?)?;
        load_globals.set("redis", redis)?;
        let switch = sandbox.seal_functions.call::<LuaFunction>(load_globals)?;
        Ok(Self { machine: Machine::new(sandbox, shared)?, switch, loaded: HashMap::default() })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.machine.memory_bytes()
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.loaded.contains_key(&number)
    }

    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(u64) -> bool) {
        let machine = &mut self.machine;
        self.loaded.retain(|number, places| {
            let is_kept = is_kept(*number);
            if !is_kept {
                places.values().for_each(|place| machine.let_go(*place));
            }
            is_kept
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.loaded.is_empty()
    }

    pub(super) fn load(
        &mut self,
        number: u64,
        source: &[u8],
        time_limit: Option<Duration>,
    ) -> Result<Vec<Function>, Vec<u8>> {
        let header = library_header(source)?;
        let library = self
            .machine
            .compile(&source[header.code..], "@user_function")
            .map_err(|text| [b"ERR Error compiling function: ", text.as_slice()].concat())?;
        let registered = self
            .registered_by(&library, time_limit)
            .map_err(|text| [b"ERR Error registering functions: ", text.as_slice()].concat())?;
        if registered.is_empty() {
            return Err(b"ERR No functions registered".to_vec());
        }
        let (mut places, mut functions) = (Places::default(), Vec::new());
        for Registration { function, callback } in registered {
            let place = self.machine.keep(callback).map_err(|error| internal(&error))?;
            places.insert(function.name.clone(), place);
            functions.push(function);
        }
        self.loaded.insert(number, places);
        Ok(functions)
    }

    fn registered_by(
        &mut self,
        library: &LuaFunction,
        time_limit: Option<Duration>,
    ) -> Result<Vec<Registration>, Vec<u8>> {
        let deadline_ns = time_limit.map(|limit| monotonic_ns() + limit.as_nanos() as u64);
        let loading = Loading { deadline_ns, functions: Vec::new() };
        self.machine.shared().loading.replace(Some(loading));
        self.switch.call::<()>(true).map_err(|error| internal(&error))?;
        let result = self.machine.load(library);
        self.switch.call::<()>(false).map_err(|error| internal(&error))?;
        let registered = self.machine.shared().loading.take();
        result.map(|()| registered.map(|loading| loading.functions).unwrap_or_default())
    }

    /// None when there is no such function.
    pub(super) fn call(
        &mut self,
        library: u64,
        function: &str,
        arguments: (&[&[u8]], &[&[u8]]),
        host: &mut dyn Host,
        reply: &mut Reply,
    ) -> Option<Result<(), Failure>> {
        let place = *self.loaded.get(&library)?.get(function)?;
        Some(self.machine.run(Entry::Function(place), function, arguments, host, reply))
    }
}

/// `redis.register_function`
fn register(lua: &Lua, shared: &Shared, arguments: &MultiValue) -> mlua::Result<()> {
    const OUTSIDE: &str = "redis.register_function can only be called on FUNCTION LOAD command";
    if shared.loading.borrow().is_none() {
        return Err(Raised::refusal(OUTSIDE).into());
    }
    let registration = read(lua, arguments)?;
    let loading: &RefCell<Option<Loading>> = &shared.loading;
    if let Some(Loading { functions, .. }) = &mut *loading.borrow_mut() {
        if functions.iter().any(|known| known.function.name == registration.function.name) {
            return Err(Raised::refusal("Function already exists in the library").into());
        }
        functions.push(registration);
    }
    Ok(())
}

fn read(lua: &Lua, arguments: &MultiValue) -> mlua::Result<Registration> {
    const NOT_NAMED: &str = "calling redis.register_function with a single argument is only applicable to Lua table \
                             (representing named arguments).";
    match arguments.as_slices().0 {
        [Value::Table(named)] => read_named(lua, named),
        [_] => Err(Raised::refusal(NOT_NAMED).into()),
        [name, callback] => {
            let name = text(lua, name, "first argument to redis.register_function must be a string")?;
            let Value::Function(callback) = callback else {
                let reason = "second argument to redis.register_function must be a function";
                return Err(Raised::refusal(reason).into());
            };
            registration(&name, None, Flags::default(), callback.clone())
        }
        _ => Err(Raised::refusal("wrong number of arguments to redis.register_function").into()),
    }
}

fn read_named(lua: &Lua, named: &Table) -> mlua::Result<Registration> {
    let (mut name, mut description, mut callback) = (None, None, None);
    let mut flags = Flags::default();
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let key = text(lua, &key, "named argument key given to redis.register_function is not a string")?;
        match (key.to_ascii_lowercase().as_slice(), value) {
            (b"function_name", value) => {
                let reason = "function_name argument given to redis.register_function must be a string";
                name = Some(text(lua, &value, reason)?);
            }
            (b"description", value) => {
                let reason = "description argument given to redis.register_function must be a string";
                description = Some(text(lua, &value, reason)?);
            }
            (b"callback", Value::Function(function)) => callback = Some(function),
            (b"callback", _) => {
                let reason = "callback argument given to redis.register_function must be a function";
                return Err(Raised::refusal(reason).into());
            }
            (b"flags", Value::Table(names)) => flags = read_flags(lua, &names)?,
            (b"flags", _) => {
                let reason =
                    "flags argument to redis.register_function must be a table representing function flags";
                return Err(Raised::refusal(reason).into());
            }
            _ => {
                return Err(Raised::refusal("unknown argument given to redis.register_function").into());
            }
        }
    }
    let name =
        name.ok_or_else(|| Raised::refusal("redis.register_function must get a function name argument"))?;
    let callback =
        callback.ok_or_else(|| Raised::refusal("redis.register_function must get a callback argument"))?;
    registration(&name, description, flags, callback)
}

fn read_flags(lua: &Lua, names: &Table) -> mlua::Result<Flags> {
    const UNKNOWN: &str = "unknown flag given";
    let mut flags = Flags::default();
    for name in names.sequence_values::<Value>() {
        let name = text(lua, &name?, UNKNOWN)?.to_ascii_lowercase();
        flags = flags.with(Flags::named(&name).ok_or_else(|| Raised::refusal(UNKNOWN))?);
    }
    Ok(flags)
}

fn registration(
    name: &[u8],
    description: Option<Vec<u8>>,
    flags: Flags,
    callback: LuaFunction,
) -> mlua::Result<Registration> {
    let reason = INVALID_NAME.trim_start_matches("ERR ");
    let name = parse_name(name).ok_or_else(|| Raised::refusal(reason))?;
    Ok(Registration { function: Function { name, description, flags }, callback })
}

fn text(lua: &Lua, value: &Value, otherwise: &str) -> mlua::Result<Vec<u8>> {
    Ok(text_of(lua, value.clone()).ok_or_else(|| Raised::refusal(otherwise))?)
}
