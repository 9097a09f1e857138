//! Puts the prelude between scripts and the libraries of Lua.

use std::rc::Rc;

use mlua::{Function, Lua, LuaOptions, StdLib, Table, Value};

use super::machine::Shared;
use super::raised::{Raised, plain_text, raised};
use super::{api, environment, libraries};

/// The name of the prelude's chunk, as the debug interface shows it.
pub(super) const PRELUDE_NAME: &str = "=[prelude]";
const PRELUDE: &str = include_str!("prelude.lua");

/// What Lua has and Redis does not offer.
const WITHHELD: [&str; 6] = ["dofile", "loadfile", "print", "require", "module", "package"];

/// A Lua state whose globals are those of Redis, and the tools that its machine needs.
pub(super) struct Sandbox {
    pub(super) lua: Lua,
    /// What scripts have as `_G`: an empty table that shows another.
    pub(super) public: Table,
    /// The contents of `_G`.
    pub(super) globals: Table,
    /// The `xpcall` of Lua.
    pub(super) protect: Function,
    /// Completes the globals of scripts.
    pub(super) seal_scripts: Function,
    /// Completes those of functions, given those of a load; returns the function that switches between them.
    pub(super) seal_functions: Function,
    /// Empties locked tables of what was put into them.
    pub(super) sweep: Function,
}

impl Sandbox {
    /// A state with `redis` and the libraries, not sealed yet.
    pub(super) fn new(shared: &Rc<Shared>) -> mlua::Result<Self> {
        let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING | StdLib::MATH, LuaOptions::new())?;
        let globals = lua.globals();
        let public = lua.create_table()?;
        WITHHELD.iter().try_for_each(|name| globals.raw_remove(*name))?;
        let protect: Function = globals.get("xpcall")?;
        api::install(&lua, shared, &globals)?;
        libraries::install(&lua, &globals)?;

        let rust = lua.create_table()?;
        let (getfenv, setfenv) = environment::functions(&lua, shared, &public)?;
        rust.set("getfenv", getfenv)?;
        rust.set("setfenv", setfenv)?;
        let state = shared.clone();
        rust.set("catch", lua.create_function(move |lua, problem: Value| catch(lua, &state, problem))?)?;

        let prelude = lua.load(PRELUDE).set_name(PRELUDE_NAME).into_function()?;
        let (seal_scripts, seal_functions, sweep) = prelude.call((&public, &globals, rust))?;
        Ok(Self { lua, public, globals, protect, seal_scripts, seal_functions, sweep })
    }
}

/// What a script shall see of an error that was caught; the end of a script is not caught.
fn catch(lua: &Lua, shared: &Shared, problem: Value) -> mlua::Result<Value> {
    if let Some(text) = shared.ended() {
        return Err(Raised::Ended(text).into());
    }
    match &problem {
        Value::Error(error) => match raised(error) {
            Some(raised) => raised.to_lua(lua),
            None => Ok(Value::String(lua.create_string(plain_text(error))?)),
        },
        _ => Ok(problem),
    }
}
