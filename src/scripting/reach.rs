//! What a script reaches, proved from its source alone (design 2.5, 2.11): whether all its keys are `KEYS[..]`, so that their
//! stripes can be locked before it starts, and whether a library may have a copy in each worker.
//!
//! The proof leans on what the interpreter guarantees: globals and the tables of the libraries cannot be changed, bytecode is
//! not loaded, `redis.call` refuses nil. Then only three things need to be seen: which globals are named at all (a list of
//! harmless ones is allowed), that `redis.call` and `redis.pcall`, or a local name given to them, are only ever called, and that `KEYS`
//! never goes anywhere as a table. Names are resolved exactly, as Lua 5.1 does. In doubt a script reaches anything.

mod lexer;
mod library;
mod parser;
mod tree;

#[cfg(test)]
mod tests;

pub use library::{keeps_no_state, of_library};

use std::collections::HashSet;
use tree::{
    Chain, Chunk, Expression, Function, Head, LocalId, Statement, Suffix, Use, Visitor, walked_table,
};

/// What was to be proved cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Doubt;

type Sure<T = ()> = Result<T, Doubt>;

/// What a script reaches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Class A: its declared keys and nothing else.
    Declared {
        /// It calls a command that writes.
        writes: bool,
    },
    /// Class B.
    Anything,
}

impl From<Sure<bool>> for Reach {
    fn from(writes: Sure<bool>) -> Reach {
        writes.map_or(Reach::Anything, |writes| Reach::Declared { writes })
    }
}

/// Where a command's keys are among its arguments; argument 0 is its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallShape {
    /// 0: it has no keys.
    pub first: usize,
    /// Negative: from the end, -1 is the last argument.
    pub last: i16,
    /// From one key to the next.
    pub step: usize,
    /// The command may change its keys.
    pub writes: bool,
}

/// What the script `source` reaches. `command` gives the shape of a command by its name in lower case: `None` when it reaches
/// more than its keys, has keys at no fixed positions, is unknown or not allowed in scripts.
pub fn of_script(source: &[u8], command: impl Fn(&[u8]) -> Option<CallShape>) -> Reach {
    let proof = parser::parse(body(source)).and_then(|chunk| {
        if chunk.locals.iter().any(|name| matches!(*name, b"KEYS" | b"redis")) {
            return Err(Doubt);
        }
        Calls::new(&chunk, &command, Keys::Global).prove(&chunk)
    });
    proof.into()
}

/// `source` behind its shebang line.
fn body(source: &[u8]) -> &[u8] {
    if !source.starts_with(b"#!") {
        return source;
    }
    memchr::memchr(b'\n', source).map_or(b"", |end| &source[end..])
}

/// Globals that scripts and functions may use as they like: functions that change nothing but what they are given, and
/// libraries of such functions. Nothing that runs source, changes environments or metatables, or goes around them.
const HARMLESS_GLOBALS: [&[u8]; 20] = [
    b"assert",
    b"bit",
    b"cjson",
    b"cmsgpack",
    b"error",
    b"ipairs",
    b"math",
    b"next",
    b"os",
    b"pairs",
    b"pcall",
    b"select",
    b"string",
    b"struct",
    b"table",
    b"tonumber",
    b"tostring",
    b"type",
    b"unpack",
    b"xpcall",
];

/// Fields of `redis` that reach no key.
const HARMLESS_FIELDS: [&[u8]; 18] = [
    b"LOG_DEBUG",
    b"LOG_NOTICE",
    b"LOG_VERBOSE",
    b"LOG_WARNING",
    b"REDIS_VERSION",
    b"REDIS_VERSION_NUM",
    b"REPL_ALL",
    b"REPL_AOF",
    b"REPL_NONE",
    b"REPL_REPLICA",
    b"REPL_SLAVE",
    b"acl_check_cmd",
    b"error_reply",
    b"log",
    b"replicate_commands",
    b"setresp",
    b"sha1hex",
    b"status_reply",
];

/// What has been assigned to a local variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// Nothing: it is nil.
    Nothing,
    /// Declared keys.
    Key,
    /// The value of an earlier variable.
    Same(LocalId),
    Other,
}

/// `redis.call`, `redis.pcall`
fn is_call_function(value: &Expression<'_>) -> bool {
    let Expression::Chain(Chain { head: Head::Global(b"redis"), suffixes }) = value else {
        return false;
    };
    matches!(suffixes.as_slice(), [Suffix::Field(b"call" | b"pcall")])
}

/// Where the declared keys are.
enum Keys {
    /// `KEYS`
    Global,
    /// Parameters of functions.
    Parameters(HashSet<LocalId>),
}

/// The calls of commands in a chunk.
struct Calls<'p, F> {
    command: &'p F,
    tables: Keys,
    /// Variables that hold `redis.call` or `redis.pcall`, as in `local call = redis.call`.
    callers: HashSet<LocalId>,
    origins: Vec<Origin>,
    /// Variables that stand where a key does. Whether they hold one is known at the end.
    key_arguments: Vec<LocalId>,
    writes: bool,
}

impl<'p, F: Fn(&[u8]) -> Option<CallShape>> Calls<'p, F> {
    fn new(chunk: &Chunk<'_>, command: &'p F, tables: Keys) -> Self {
        let origins = vec![Origin::Nothing; chunk.locals.len()];
        Calls { command, tables, callers: HashSet::new(), origins, key_arguments: Vec::new(), writes: false }
    }

    /// Whether the chunk writes, if all its calls stay within the declared keys.
    fn prove(mut self, chunk: &Chunk<'_>) -> Sure<bool> {
        self.walk_block(&chunk.body)?;
        let mut holds_key = Vec::with_capacity(self.origins.len());
        for origin in &self.origins {
            holds_key.push(match *origin {
                Origin::Nothing | Origin::Key => true,
                Origin::Same(earlier) => holds_key[earlier],
                Origin::Other => false,
            });
        }
        if self.key_arguments.iter().all(|&id| holds_key[id]) { Ok(self.writes) } else { Err(Doubt) }
    }

    fn assign(&mut self, id: LocalId, origin: Origin) {
        let known = &mut self.origins[id];
        *known = match (*known, origin) {
            (Origin::Nothing, new) => new,
            (old, new) if old == new => old,
            _ => Origin::Other,
        };
    }

    /// Where the value of variable `at` of a list comes from.
    fn origin(&self, values: &[Expression<'_>], at: usize) -> Origin {
        let Some(value) = values.get(at) else {
            return if values.last().is_some_and(Expression::is_open) {
                Origin::Other
            } else {
                Origin::Nothing
            };
        };
        match value.as_local() {
            Some(id) => Origin::Same(id),
            None if self.is_declared_key(value) => Origin::Key,
            None => Origin::Other,
        }
    }

    fn is_table_of_keys(&self, head: &Head<'_>) -> bool {
        match (head, &self.tables) {
            (Head::Global(name), Keys::Global) => *name == b"KEYS",
            (Head::Local(id), Keys::Parameters(tables)) => tables.contains(id),
            _ => false,
        }
    }

    /// `KEYS[..]`
    fn is_declared_key(&self, expression: &Expression<'_>) -> bool {
        match expression {
            Expression::Chain(Chain { head, suffixes }) => {
                self.is_table_of_keys(head) && matches!(suffixes.as_slice(), [Suffix::Index(_)])
            }
            _ => false,
        }
    }

    /// A use of the field of `redis` that `suffixes` begin with.
    fn server_field(&mut self, suffixes: &[Suffix<'_>], used: Use) -> Sure {
        match suffixes {
            _ if used == Use::Target => Err(Doubt),
            [Suffix::Field(b"call" | b"pcall"), Suffix::Call(arguments), ..] => self.call(arguments),
            [Suffix::Field(b"call" | b"pcall")] if used == Use::Named => Ok(()),
            [Suffix::Field(b"register_function"), ..] if matches!(self.tables, Keys::Parameters(_)) => Ok(()),
            [Suffix::Field(name), ..] if HARMLESS_FIELDS.contains(name) => Ok(()),
            _ => Err(Doubt),
        }
    }

    /// A call of a command: it must be known, and where it has keys only declared ones may come to stand.
    fn call(&mut self, arguments: &[Expression<'_>]) -> Sure {
        let Some(Expression::Text(name)) = arguments.first() else {
            return Err(Doubt);
        };
        let shape = (self.command)(&name.to_ascii_lowercase()).ok_or(Doubt)?;
        self.writes |= shape.writes;
        if shape.first == 0 {
            return Ok(());
        }
        let is_open = arguments.last().is_some_and(Expression::is_open);
        let fixed = arguments.len() - usize::from(is_open);
        let last = match usize::try_from(shape.last) {
            Ok(last) => last,
            Err(_) if is_open => return Err(Doubt),
            Err(_) => fixed.saturating_sub(usize::from(shape.last.unsigned_abs())),
        };
        for at in (shape.first..=last).step_by(shape.step.max(1)) {
            match arguments.get(at) {
                Some(key) if at < fixed => self.key(key)?,
                _ if is_open => return Err(Doubt),
                _ => break,
            }
        }
        Ok(())
    }

    fn key(&mut self, argument: &Expression<'_>) -> Sure {
        match argument.as_local() {
            Some(id) => self.key_arguments.push(id),
            None if self.is_declared_key(argument) => {}
            None => return Err(Doubt),
        }
        Ok(())
    }
}

impl<'a, F: Fn(&[u8]) -> Option<CallShape>> Visitor<'a> for Calls<'_, F> {
    fn statement(&mut self, statement: &Statement<'a>) -> Sure {
        match statement {
            Statement::Local { variables, values } => {
                for (at, id) in variables.clone().enumerate() {
                    self.assign(id, self.origin(values, at));
                    if values.get(at).is_some_and(is_call_function) {
                        self.callers.insert(id);
                    }
                }
            }
            Statement::LocalFunction(id, _) => self.assign(*id, Origin::Other),
            Statement::Assignment { targets, values } => {
                for (at, target) in targets.iter().enumerate() {
                    if let Chain { head: Head::Local(id), suffixes } = target
                        && suffixes.is_empty()
                    {
                        // Only a declaration's variable is newer than what it copies.
                        let origin = self.origin(values, at);
                        let copied = matches!(origin, Origin::Same(_));
                        self.assign(*id, if copied { Origin::Other } else { origin });
                    }
                }
            }
            Statement::For { variables, values, .. } => {
                let walks_keys = walked_table(values)
                    .is_some_and(|table| table.suffixes.is_empty() && self.is_table_of_keys(&table.head));
                for (at, id) in variables.clone().enumerate() {
                    self.assign(id, if walks_keys && at == 1 { Origin::Key } else { Origin::Other });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, function: &Function<'a>) -> Sure {
        function.parameters.clone().for_each(|id| self.assign(id, Origin::Other));
        Ok(())
    }

    fn chain(&mut self, chain: &Chain<'a>, used: Use) -> Sure {
        if self.is_table_of_keys(&chain.head) {
            return match chain.suffixes.first() {
                Some(Suffix::Index(_)) if used != Use::Target => Ok(()),
                None if used == Use::Looked => Ok(()),
                _ => Err(Doubt),
            };
        }
        match chain.head {
            Head::Global(b"redis") => self.server_field(&chain.suffixes, used),
            Head::Global(b"ARGV") if used != Use::Target || !chain.suffixes.is_empty() => Ok(()),
            Head::Global(name) if used != Use::Target && HARMLESS_GLOBALS.contains(&name) => Ok(()),
            Head::Global(_) => Err(Doubt),
            Head::Local(id) if self.callers.contains(&id) => match chain.suffixes.first() {
                Some(Suffix::Call(arguments)) => self.call(arguments),
                _ => Err(Doubt),
            },
            Head::Local(_) | Head::Group(_) => Ok(()),
        }
    }
}
