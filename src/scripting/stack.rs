//! Lua's stack, reached directly.
//!
//! What scripts do most (call a command, read its reply, be given keys, return something) goes this way. mlua's own values keep
//! a reference each, in a second stack, and its callbacks collect their arguments in allocated lists; that doubled what a call
//! costs (`benches/README.md`). Everything else of Lua is asked through mlua.
//!
//! Positions count from 1 at the bottom of the running function's part of the stack. Reasons, as `SAFETY` below numbers them:
//! 1. The state is one that mlua has lent or Lua has called us with, and is used by this thread, for the time of that call alone:
//!    a `Stack` cannot be made elsewhere, and is borrowed.
//! 2. Lua 5.1 takes any positive position for reading: what lies above the top is "none".
//! 3. A push is preceded by `lua_checkstack`; what pops or replaces has looked at how much there is; what wants a table has
//!    looked whether it is one.
//! 4. Nothing here makes Lua raise an error in the midst of Rust (which would jump over destructors): memory that can't be had
//!    ends the process in mlua's allocator, lengths are limited to what tables take, `lua_next` is given keys that it gave. What is
//!    to be raised is raised by `enter`, when all of Rust's values are gone.
//! 5. A string keeps its place as long as the stack holds it; it is borrowed from the `Stack`, which can't pop it meanwhile.
//! 6. The state's callbacks share its `Shared`: mlua's closures own it as well, and are freed with the state.
#![expect(unsafe_code, reason = "the C interface of Lua; rules above")]

use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use mlua::{Function, Lua, Table, Value, ffi};

use super::machine::Shared;

/// Elements that a table takes at most (Lua 5.1: `MAXBITS` of ltable.c).
const ELEMENTS_MAX: usize = 1 << 26;

/// The types of Lua that scripts exchange with commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nil,
    Boolean,
    Number,
    Text,
    Table,
    /// Any other.
    Other,
}

/// More than Lua's stack or a table takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// What a function written in Rust did; the value is on top of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Returns,
    Raises,
}

/// A function of Lua's that is written in Rust. Its arguments are what is on the stack.
pub(super) trait Native {
    /// Runs it. It leaves a value on top; its arguments, which it may pop, have made room for that.
    fn run(stack: &mut Stack<'_>, shared: &Shared) -> Outcome;
}

/// The stack as the running function has it.
pub(super) struct Stack<'s> {
    state: *mut ffi::lua_State,
    of_call: PhantomData<&'s ()>,
}

/// Makes a native function known to Lua.
pub(super) fn function<N: Native>(lua: &Lua, shared: &Rc<Shared>) -> mlua::Result<Function> {
    let shared = Rc::as_ptr(shared).cast_mut().cast();
    // SAFETY: reasons 1 and 3 (every function has room for twenty values); the pointer is used by reason 6.
    unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_pushlightuserdata(state, shared);
            ffi::lua_pushcclosure(state, enter::<N>, 1);
        })
    }
}

/// A local variable of the function at a level of the stack, counted as by [`Lua::inspect_stack`], by its place from 1 on.
pub(super) fn local(lua: &Lua, level: usize, place: usize) -> Option<(String, Value)> {
    let mut name = None;
    // SAFETY: reasons 1 and 3: the names that Lua gives are strings as long as the function runs, and it pushes the value with it.
    // What runs here is a function of its own, at level 0.
    let value = unsafe {
        lua.exec_raw::<Value>((), |state| {
            let mut frame = std::mem::zeroed::<ffi::lua_Debug>();
            if ffi::lua_getstack(state, level as c_int + 1, &raw mut frame) == 0 {
                return;
            }
            let found = ffi::lua_getlocal(state, &raw const frame, place as c_int);
            if !found.is_null() {
                name = Some(CStr::from_ptr(found).to_string_lossy().into_owned());
            }
        })
    };
    Some((name?, value.ok()?))
}

/// An idle state, with a table of values that are wanted with every run.
pub(super) struct Home {
    /// Keeps the state.
    lua: Lua,
    state: *mut ffi::lua_State,
    /// Where the registry has the table.
    place: c_int,
}

impl Home {
    /// The position at which [`Home::with_stack`] puts the table.
    pub(super) const VALUES: usize = 1;

    /// A home for these values.
    pub(super) fn new(lua: &Lua, values: &Table) -> mlua::Result<Self> {
        let (mut state, mut place) = (std::ptr::null_mut(), 0);
        let (state_ref, place_ref) = (&mut state, &mut place);
        // SAFETY: reason 1. Outside of callbacks mlua lends the main state, which is there as long as `lua`.
        unsafe {
            lua.exec_raw::<()>(values, |state| {
                *state_ref = state;
                *place_ref = ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX);
            })?;
        }
        Ok(Self { lua: lua.clone(), state, place })
    }

    /// The state, for all else.
    pub(super) fn lua(&self) -> &Lua {
        &self.lua
    }

    /// Calls `action` with a stack that holds the table. Not to be called from within Lua.
    pub(super) fn with_stack<R>(&mut self, action: impl FnOnce(&mut Stack<'_>) -> R) -> R {
        let mut left = Left { stack: Stack { state: self.state, of_call: PhantomData } };
        left.stack.clear();
        // SAFETY: reasons 1 and 3: every stack has room for twenty values.
        unsafe { ffi::lua_rawgeti(self.state, ffi::LUA_REGISTRYINDEX, self.place.into()) };
        action(&mut left.stack)
    }
}

/// A stack that is empty when it is left, if only by a panic.
struct Left<'s> {
    stack: Stack<'s>,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.stack.clear();
    }
}

/// How Lua enters a native function.
unsafe extern "C-unwind" fn enter<N: Native>(state: *mut ffi::lua_State) -> c_int {
    let outcome = {
        // SAFETY: reason 6; `function` has put it there.
        let shared = unsafe { &*ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Shared>() };
        let mut stack = Stack { state, of_call: PhantomData };
        match catch_unwind(AssertUnwindSafe(|| N::run(&mut stack, shared))) {
            Ok(outcome) => outcome,
            Err(thrown) => {
                shared.end_by_panic(thrown);
                Outcome::Raises
            }
        }
    };
    match outcome {
        Outcome::Returns => 1,
        // SAFETY: reason 4: the values of Rust above are gone.
        Outcome::Raises => unsafe { ffi::lua_error(state) },
    }
}

impl Stack<'_> {
    /// How many values there are, which is the position of the top.
    #[inline]
    pub(super) fn len(&self) -> usize {
        // SAFETY: reason 1.
        unsafe { ffi::lua_gettop(self.state) as usize }
    }

    /// The type of a value; what is not there is nil.
    #[inline]
    pub(super) fn kind(&self, at: usize) -> Kind {
        // SAFETY: reasons 1 and 2.
        match unsafe { ffi::lua_type(self.state, at as c_int) } {
            ffi::LUA_TNONE | ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::Text,
            ffi::LUA_TTABLE => Kind::Table,
            _ => Kind::Other,
        }
    }

    /// A string. Numbers are none.
    #[inline]
    pub(super) fn text(&self, at: usize) -> Option<&[u8]> {
        if self.kind(at) != Kind::Text {
            return None;
        }
        let mut len = 0;
        // SAFETY: reasons 1, 2 and 5; Lua's strings are never null.
        unsafe {
            let bytes = ffi::lua_tolstring(self.state, at as c_int, &raw mut len);
            Some(std::slice::from_raw_parts(bytes.cast(), len))
        }
    }

    /// A number. Strings are none.
    #[inline]
    pub(super) fn number(&self, at: usize) -> Option<f64> {
        // SAFETY: reasons 1 and 2.
        (self.kind(at) == Kind::Number).then(|| unsafe { ffi::lua_tonumber(self.state, at as c_int) })
    }

    /// Whether a value is neither nil nor false.
    #[inline]
    pub(super) fn is_true(&self, at: usize) -> bool {
        // SAFETY: reasons 1 and 2.
        unsafe { ffi::lua_toboolean(self.state, at as c_int) != 0 }
    }

    /// Pushes nil.
    pub(super) fn push_nil(&mut self) -> Result<(), Full> {
        self.room()?;
        // SAFETY: reasons 1 and 3.
        unsafe { ffi::lua_pushnil(self.state) };
        Ok(())
    }

    /// Pushes a truth value.
    pub(super) fn push_boolean(&mut self, value: bool) -> Result<(), Full> {
        self.room()?;
        // SAFETY: reasons 1 and 3.
        unsafe { ffi::lua_pushboolean(self.state, value.into()) };
        Ok(())
    }

    /// Pushes a number.
    #[inline]
    pub(super) fn push_number(&mut self, number: f64) -> Result<(), Full> {
        self.room()?;
        // SAFETY: reasons 1 and 3.
        unsafe { ffi::lua_pushnumber(self.state, number) };
        Ok(())
    }

    /// Pushes a string.
    #[inline]
    pub(super) fn push_text(&mut self, text: &[u8]) -> Result<(), Full> {
        self.room()?;
        // SAFETY: reasons 1, 3 and 4.
        unsafe { ffi::lua_pushlstring(self.state, text.as_ptr().cast(), text.len()) };
        Ok(())
    }

    /// Pushes an empty table with room for so many elements of its array, and so many others. Whoever fills it keeps to a number that
    /// this takes.
    pub(super) fn push_table(&mut self, elements: usize, others: usize) -> Result<(), Full> {
        if elements > ELEMENTS_MAX || others > ELEMENTS_MAX {
            return Err(Full);
        }
        self.room()?;
        // SAFETY: reasons 1, 3 and 4.
        unsafe { ffi::lua_createtable(self.state, elements as c_int, others as c_int) };
        Ok(())
    }

    /// Pushes a value once more.
    pub(super) fn push_copy(&mut self, at: usize) -> Result<(), Full> {
        self.room()?;
        // SAFETY: reasons 1, 2 and 3.
        unsafe { ffi::lua_pushvalue(self.state, at as c_int) };
        Ok(())
    }

    /// Pushes an element of the table at a position; nil if there is none.
    #[inline]
    pub(super) fn push_element(&mut self, table: usize, index: usize) -> Result<(), Full> {
        if self.kind(table) != Kind::Table || index > ELEMENTS_MAX {
            return self.push_nil();
        }
        self.room()?;
        // SAFETY: reasons 1 and 3.
        unsafe { ffi::lua_rawgeti(self.state, table as c_int, index as ffi::lua_Integer) };
        Ok(())
    }

    /// Pushes what the table at a position has under a name; nil if there is none.
    #[inline]
    pub(super) fn push_field(&mut self, table: usize, name: &str) -> Result<(), Full> {
        if self.kind(table) != Kind::Table {
            return self.push_nil();
        }
        self.push_text(name.as_bytes())?;
        // SAFETY: reasons 1 and 3: the name is replaced.
        unsafe { ffi::lua_rawget(self.state, table as c_int) };
        Ok(())
    }

    /// Pops a value and makes it an element of the table at a position, which is not to be the top.
    #[inline]
    pub(super) fn set_element(&mut self, table: usize, index: usize) -> Result<(), Full> {
        if self.kind(table) != Kind::Table || self.len() <= table || index > ELEMENTS_MAX {
            return Err(Full);
        }
        // SAFETY: reasons 1, 3 and 4.
        unsafe { ffi::lua_rawseti(self.state, table as c_int, index as ffi::lua_Integer) };
        Ok(())
    }

    /// Pops a key and, from above it, a value, and puts them into the table at a position. A key that is nil or no number goes with
    /// its value.
    #[inline]
    pub(super) fn set_pair(&mut self, table: usize) -> Result<(), Full> {
        let len = self.len();
        if self.kind(table) != Kind::Table || len < table + 2 {
            return Err(Full);
        }
        if self.kind(len - 1) == Kind::Nil || self.number(len - 1).is_some_and(f64::is_nan) {
            self.pop(2);
            return Ok(());
        }
        // SAFETY: reasons 1, 3 and 4: the key is one that Lua takes.
        unsafe { ffi::lua_rawset(self.state, table as c_int) };
        Ok(())
    }

    /// Pops a key (nil before the first) and pushes the next one of the table at a position, and its value; false, and nothing
    /// pushed, behind the last. The key is one that this has given, and the table has not changed since.
    pub(super) fn next(&mut self, table: usize) -> Result<bool, Full> {
        if self.kind(table) != Kind::Table || self.len() <= table {
            return Err(Full);
        }
        self.room()?;
        // SAFETY: reasons 1, 3 and 4.
        Ok(unsafe { ffi::lua_next(self.state, table as c_int) != 0 })
    }

    /// Pops all.
    pub(super) fn clear(&mut self) {
        // SAFETY: reason 1.
        unsafe { ffi::lua_settop(self.state, 0) };
    }

    /// Pops so many values, or all there are.
    #[inline]
    pub(super) fn pop(&mut self, count: usize) {
        let left = self.len().saturating_sub(count);
        // SAFETY: reasons 1 and 3.
        unsafe { ffi::lua_settop(self.state, left as c_int) };
    }

    /// Calls the function that lies below so many arguments, with the message handler at a position. Function and arguments give way
    /// to its first result or, if this is false, to what the handler made of its error.
    pub(super) fn call(&mut self, arguments: usize, handler: usize) -> Result<bool, Full> {
        if self.len() <= handler + arguments {
            return Err(Full);
        }
        self.room()?;
        // SAFETY: reasons 1 and 3; errors stay within the protected call.
        let status = unsafe { ffi::lua_pcall(self.state, arguments as c_int, 1, handler as c_int) };
        Ok(status == ffi::LUA_OK)
    }

    /// Makes sure that there is room for so many more values.
    pub(super) fn reserve(&mut self, slots: usize) -> Result<(), Full> {
        let slots = c_int::try_from(slots).map_err(|_| Full)?;
        // SAFETY: reason 1.
        if unsafe { ffi::lua_checkstack(self.state, slots) } != 0 { Ok(()) } else { Err(Full) }
    }

    #[inline]
    fn room(&mut self) -> Result<(), Full> {
        self.reserve(1)
    }
}
