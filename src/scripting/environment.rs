//! `getfenv` and `setfenv`: those of Lua, but what a script may not change (the tables everybody shares, functions that are not
//! its own) keeps its environment.

use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::machine::Shared;
use super::raised::{Raised, type_name};
use super::sandbox::PRELUDE_NAME;

/// The two functions.
pub(super) fn functions(
    lua: &Lua,
    shared: &Rc<Shared>,
    public: &Table,
) -> mlua::Result<(Function, Function)> {
    let all = public.clone();
    let get = lua.create_function(move |lua, arguments: MultiValue| {
        let target = arguments.front().cloned().unwrap_or(Value::Integer(1));
        Ok(match Target::of(lua, "getfenv", target)? {
            Target::Thread => all.clone(),
            Target::Function(function) => function.environment().unwrap_or_else(|| all.clone()),
        })
    })?;
    let shared = shared.clone();
    let set = lua.create_function(move |lua, (target, table): (Value, Value)| {
        let Value::Table(table) = table else {
            let reason = format!("table expected, got {}", type_name(&table));
            return Err(Raised::bad_argument(lua, 2, "setfenv", &reason).into());
        };
        let refused = || Raised::at_caller(lua, "'setfenv' cannot change environment of given object").into();
        let Target::Function(function) = Target::of(lua, "setfenv", target)? else { return Err(refused()) };
        let info = function.info();
        if info.what == "C" || info.source.as_deref() == Some(PRELUDE_NAME) {
            return Err(refused());
        }
        shared.environment_changed();
        function.set_environment(table)?;
        Ok(function)
    })?;
    Ok((get, set))
}

enum Target {
    Thread,
    Function(Function),
}

impl Target {
    /// What a script means by a function, or by a level of the stack.
    fn of(lua: &Lua, name: &str, value: Value) -> mlua::Result<Self> {
        let level = match value {
            Value::Function(function) => return Ok(Self::Function(function)),
            Value::Nil if name == "getfenv" => 1,
            value => {
                let got = type_name(&value);
                let number = lua.coerce_number(value)?;
                let reason = || format!("number expected, got {got}");
                number.ok_or_else(|| Raised::bad_argument(lua, 1, name, &reason()))? as i64
            }
        };
        if level == 0 {
            return Ok(Self::Thread);
        }
        let level = usize::try_from(level)
            .map_err(|_| Raised::bad_argument(lua, 1, name, "level must be non-negative"))?;
        let function = lua.inspect_stack(level, |frame| {
            let is_function = !frame.source().what.contains("tail");
            is_function.then(|| frame.function())
        });
        let invalid = || Raised::bad_argument(lua, 1, name, "invalid level").into();
        function.flatten().map(Self::Function).ok_or_else(invalid)
    }
}
