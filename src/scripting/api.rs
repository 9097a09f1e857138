//! The table `redis`, and the generator of `math.random`.

use std::fmt::Write as _;
use std::rc::Rc;

use mlua::{Lua, MultiValue, Table, Value};

use crate::base::log;
use crate::resp::Protocol;

use super::arguments::with_arguments;
use super::failure::text_of;
use super::host::ask;
use super::machine::Shared;
use super::raised::{Raised, error_table, type_name};
use super::sha::sha1_hex;
use super::stack::{self, Native, Outcome, Stack};
use super::to_lua::{Problem, error_of, error_text, push_error, push_reply};

const VERSION: &str = "7.2.4";
const VERSION_NUMBER: u32 = 0x0007_0204;
const REPLICATION_FLAGS: [(&str, u8); 5] =
    [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)];
const LOG_LEVELS: [(&str, u8); 4] =
    [("LOG_DEBUG", 0), ("LOG_VERBOSE", 1), ("LOG_NOTICE", 2), ("LOG_WARNING", 3)];

/// Adds `redis` to the globals and replaces the generator in `math`.
pub(super) fn install(lua: &Lua, shared: &Rc<Shared>, globals: &Table) -> mlua::Result<()> {
    let redis = lua.create_table()?;
    install_log_and_version(lua, &redis)?;
    install_commands(lua, shared, &redis)?;
    install_replies(lua, &redis)?;
    install_settings(lua, shared, &redis)?;
    globals.set("redis", redis)?;
    install_random(lua, shared, &globals.get("math")?)
}

/// What only scripts have: what reaches the debugger, and remains of replication of whole scripts.
pub(super) fn install_for_scripts(lua: &Lua, shared: &Rc<Shared>, redis: &Table) -> mlua::Result<()> {
    let state = shared.clone();
    let stop =
        move |_: &Lua, ()| Ok(state.debugger.borrow().as_ref().map(|debugger| debugger.call()).is_some());
    redis.set("breakpoint", lua.create_function(stop)?)?;
    let state = shared.clone();
    let show = move |_: &Lua, values: MultiValue| {
        state.debugger.borrow().as_ref().into_iter().for_each(|debugger| debugger.show(&values));
        Ok(())
    };
    redis.set("debug", lua.create_function(show)?)?;
    redis.set("replicate_commands", lua.create_function(|_, ()| Ok(true))?)
}

/// What is there even while a library is loaded.
pub(super) fn install_log_and_version(lua: &Lua, redis: &Table) -> mlua::Result<()> {
    redis.set("REDIS_VERSION", VERSION)?;
    redis.set("REDIS_VERSION_NUM", VERSION_NUMBER)?;
    LOG_LEVELS.into_iter().try_for_each(|(name, level)| redis.set(name, level))?;
    redis.set("log", lua.create_function(|lua, arguments: MultiValue| write_log(lua, &arguments))?)
}

fn install_commands(lua: &Lua, shared: &Rc<Shared>, redis: &Table) -> mlua::Result<()> {
    redis.set("call", stack::function::<Call>(lua, shared)?)?;
    redis.set("pcall", stack::function::<ProtectedCall>(lua, shared)?)?;
    redis.set("acl_check_cmd", stack::function::<MayRun>(lua, shared)?)
}

fn install_replies(lua: &Lua, redis: &Table) -> mlua::Result<()> {
    const WRONG: &[u8] = b"ERR wrong number or type of arguments";
    let sha1hex = |lua: &Lua, arguments: MultiValue| {
        if arguments.len() != 1 {
            return Err(Raised::refusal("wrong number of arguments").into());
        }
        let text = lua.coerce_string(arguments[0].clone())?;
        let sha = text.map_or_else(|| sha1_hex(b""), |text| sha1_hex(&text.as_bytes()));
        lua.create_string(sha.as_bytes())
    };
    redis.set("sha1hex", lua.create_function(sha1hex)?)?;
    let error_reply = |lua: &Lua, arguments: MultiValue| match only_string(&arguments) {
        Some(text) => {
            let text = text.as_bytes();
            error_table(lua, &error_text(text.strip_prefix(b"-").unwrap_or(&text)), false)
        }
        None => error_table(lua, WRONG, false),
    };
    redis.set("error_reply", lua.create_function(error_reply)?)?;
    let status_reply = |lua: &Lua, arguments: MultiValue| match only_string(&arguments) {
        Some(text) => {
            let table = lua.create_table_with_capacity(0, 1)?;
            table.raw_set("ok", text)?;
            Ok(table)
        }
        None => error_table(lua, WRONG, false),
    };
    redis.set("status_reply", lua.create_function(status_reply)?)
}

fn install_settings(lua: &Lua, shared: &Rc<Shared>, redis: &Table) -> mlua::Result<()> {
    REPLICATION_FLAGS.into_iter().try_for_each(|(name, flags)| redis.set(name, flags))?;
    let set_replication = |lua: &Lua, arguments: MultiValue| {
        const INVALID: &str = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
        let flags = only_number(lua, &arguments, "redis.set_repl() requires one argument.")?;
        let flags = u8::try_from(flags).ok().filter(|flags| *flags <= 3);
        let flags = flags.ok_or_else(|| Raised::refusal(INVALID))?;
        ask(|host| host.set_replication(flags));
        Ok(())
    };
    redis.set("set_repl", lua.create_function(set_replication)?)?;
    let shared = shared.clone();
    let set_protocol = move |lua: &Lua, arguments: MultiValue| {
        shared.protocol.set(match only_number(lua, &arguments, "redis.setresp() requires one argument.")? {
            2 => Protocol::Resp2,
            3 => Protocol::Resp3,
            _ => return Err(Raised::refusal("RESP version must be 2 or 3.").into()),
        });
        Ok(())
    };
    redis.set("setresp", lua.create_function(set_protocol)?)
}

fn install_random(lua: &Lua, shared: &Rc<Shared>, math: &Table) -> mlua::Result<()> {
    let state = shared.clone();
    let random = move |lua: &Lua, arguments: MultiValue| {
        let number = state.random.borrow_mut().next();
        let bound = |index: usize| integer_argument(lua, &arguments, index, "random");
        let within = |index: usize, low: i32, high: i32| {
            if low > high {
                return Err(Raised::bad_argument(lua, index, "random", "interval is empty").into());
            }
            Ok((number * (f64::from(high) - f64::from(low) + 1.0)).floor() + f64::from(low))
        };
        match arguments.len() {
            0 => Ok(number),
            1 => within(1, 1, bound(1)?),
            2 => within(2, bound(1)?, bound(2)?),
            _ => Err(Raised::at_caller(lua, "wrong number of arguments").into()),
        }
    };
    math.set("random", lua.create_function(random)?)?;
    let state = shared.clone();
    let seed = move |lua: &Lua, arguments: MultiValue| {
        state.random.borrow_mut().seed(integer_argument(lua, &arguments, 1, "randomseed")?);
        Ok(())
    };
    math.set("randomseed", lua.create_function(seed)?)
}

/// `redis.call`
struct Call;

impl Native for Call {
    fn run(stack: &mut Stack<'_>, shared: &Shared) -> Outcome {
        match call(stack, shared) {
            Pushed::Error => Outcome::Raises,
            Pushed::Value => Outcome::Returns,
        }
    }
}

/// `redis.pcall`
struct ProtectedCall;

impl Native for ProtectedCall {
    fn run(stack: &mut Stack<'_>, shared: &Shared) -> Outcome {
        call(stack, shared);
        Outcome::Returns
    }
}

/// `redis.acl_check_cmd`
struct MayRun;

impl Native for MayRun {
    fn run(stack: &mut Stack<'_>, _: &Shared) -> Outcome {
        const UNKNOWN: &str = "Invalid command passed to redis.acl_check_cmd()";
        let answer = with_arguments(stack, |argv| ask(|host| host.may_run(argv)).flatten());
        stack.clear();
        match answer.and_then(|answer| answer.ok_or(UNKNOWN)) {
            Ok(answer) if stack.push_boolean(answer).is_ok() => Outcome::Returns,
            Ok(_) => Outcome::Raises,
            Err(reason) => {
                refuse(stack, reason);
                Outcome::Raises
            }
        }
    }
}

/// What a call has left on top of the stack.
enum Pushed {
    Value,
    Error,
}

fn call(stack: &mut Stack<'_>, shared: &Shared) -> Pushed {
    const OUTSIDE: &str = "redis.call can only be called inside a script invocation";
    let called = with_arguments(stack, |argv| shared.call(argv));
    // Many arguments would leave no room for the reply.
    stack.clear();
    let reply = match called.and_then(|reply| reply.ok_or(OUTSIDE)) {
        Ok(reply) => reply,
        Err(reason) => return refuse(stack, reason),
    };
    shared.read(reply, |bytes| {
        let pushed = match error_of(bytes) {
            Some(text) => push_error(stack, &text, true).map(|()| Pushed::Error).map_err(Problem::from),
            None => push_reply(stack, bytes).map(|()| Pushed::Value),
        };
        pushed.unwrap_or_else(|problem| refuse(stack, problem.text()))
    })
}

/// Pushes an error of the `redis` table itself. If there is no room for it, what is on top serves.
fn refuse(stack: &mut Stack<'_>, reason: &str) -> Pushed {
    stack.clear();
    let _ = push_error(stack, format!("ERR {reason}").as_bytes(), false);
    Pushed::Error
}

/// `redis.log`
fn write_log(lua: &Lua, arguments: &MultiValue) -> mlua::Result<()> {
    if arguments.len() < 2 {
        return Err(Raised::refusal("redis.log() requires two arguments or more.").into());
    }
    let level = lua.coerce_number(arguments[0].clone())?;
    let level = level.ok_or_else(|| Raised::refusal("First argument must be a number (log level)."))?;
    let mut text = String::new();
    for argument in arguments.iter().skip(1) {
        if let Some(part) = text_of(lua, argument.clone()) {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a String cannot fail.
            let _ = write!(text, "{space}{}", String::from_utf8_lossy(&part));
        }
    }
    match level as i64 {
        0 => log::debug!("{}", text),
        1 => log::verbose!("{}", text),
        2 => log::notice!("{}", text),
        3 => log::warning!("{}", text),
        _ => return Err(Raised::refusal("Invalid debug level.").into()),
    }
    Ok(())
}

fn only_string(arguments: &MultiValue) -> Option<&mlua::LuaString> {
    match arguments.as_slices().0 {
        [Value::String(text)] => Some(text),
        _ => None,
    }
}

/// The only argument as a whole number; zero if it is no number at all.
fn only_number(lua: &Lua, arguments: &MultiValue, otherwise: &str) -> mlua::Result<i64> {
    if arguments.len() != 1 {
        return Err(Raised::refusal(otherwise).into());
    }
    Ok(lua.coerce_number(arguments[0].clone())?.unwrap_or(0.0) as i64)
}

/// A whole number as C's `int`, as the library of Lua takes it.
fn integer_argument(lua: &Lua, arguments: &MultiValue, index: usize, function: &str) -> mlua::Result<i32> {
    let value = arguments.get(index - 1);
    let number = match value {
        Some(value) => lua.coerce_number(value.clone())?,
        None => None,
    };
    let got = value.map_or("no value", type_name);
    let reason = || format!("number expected, got {got}");
    let number = number.ok_or_else(|| Raised::bad_argument(lua, index, function, &reason()))?;
    Ok(number as i64 as i32)
}
