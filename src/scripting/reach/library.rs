//! What is known of a function library before it is loaded.
//!
//! Both proofs want a plain library: at chunk level only local functions, constants, tables of constants and calls of
//! `redis.register_function`. Those names can then mean nothing else, and no function runs while the library loads.

use super::tree::{Chain, Chunk, Expression, Function, Head, LocalId, Statement, Suffix, Use, Visitor};
use super::{CallShape, Calls, Doubt, HARMLESS_GLOBALS, Keys, Reach, Sure, body, parser};
use std::collections::{HashMap, HashSet};

/// Whether the library `source` keeps nothing between calls of its functions, so that copies of it cannot be told apart: no
/// function assigns to a variable of the chunk, or gets hold of a table that belongs to it. In doubt false.
pub fn keeps_no_state(source: &[u8]) -> bool {
    parser::parse(body(source)).and_then(|chunk| State::check(&chunk)).is_ok()
}

/// What the functions of the library `source` reach, all taken together: their keys are their first parameters. See
/// [`super::of_script`].
pub fn of_library(source: &[u8], command: impl Fn(&[u8]) -> Option<CallShape>) -> Reach {
    let proof = parser::parse(body(source)).and_then(|chunk| {
        State::check(&chunk)?;
        Calls::new(&chunk, &command, Keys::Parameters(tables_of_keys(&chunk)?)).prove(&chunk)
    });
    proof.into()
}

/// Whether a use of `library.field` may outlive the call: settings and seeds belong to the interpreter.
fn lasts(library: &[u8], field: &[u8]) -> bool {
    match library {
        b"cjson" => !matches!(field, b"encode" | b"decode" | b"null" | b"new"),
        b"math" => field == b"randomseed",
        b"redis" => field == b"register_function",
        _ => false,
    }
}

/// The arguments of a call of `redis.register_function`.
fn registration<'t, 'a>(call: &'t Chain<'a>) -> Sure<&'t [Expression<'a>]> {
    match (&call.head, call.suffixes.as_slice()) {
        (Head::Global(b"redis"), [Suffix::Field(b"register_function"), Suffix::Call(arguments)]) => {
            Ok(arguments)
        }
        _ => Err(Doubt),
    }
}

/// The first parameters of the functions that a plain library registers. A function that is also called by another one gets
/// any table there.
fn tables_of_keys(chunk: &Chunk<'_>) -> Sure<HashSet<LocalId>> {
    let mut functions = Functions { named: HashMap::new(), uses: HashMap::new() };
    functions.walk_block(&chunk.body)?;
    let mut tables = HashSet::new();
    for statement in &chunk.body {
        let Statement::Call(call) = statement else { continue };
        for argument in registration(call)? {
            let parts = match argument {
                Expression::Table(parts) => parts.as_slice(),
                other => std::slice::from_ref(other),
            };
            for part in parts {
                tables.extend(functions.registered(part)?);
            }
        }
    }
    Ok(tables)
}

/// The functions of a plain library.
struct Functions {
    /// The variables of the chunk that hold one, with its first parameter.
    named: HashMap<LocalId, Option<LocalId>>,
    /// How often each variable is named.
    uses: HashMap<LocalId, usize>,
}

impl Functions {
    fn name(&mut self, id: LocalId, function: &Function<'_>) {
        self.named.insert(id, function.parameters.clone().next());
    }

    /// The first parameter of `part`, if it is a function.
    fn registered(&self, part: &Expression<'_>) -> Sure<Option<LocalId>> {
        if let Expression::Function(function) = part {
            return Ok(function.parameters.clone().next());
        }
        match part.as_local().and_then(|id| Some((id, *self.named.get(&id)?))) {
            Some((id, _)) if self.uses.get(&id) != Some(&1) => Err(Doubt),
            Some((_, parameter)) => Ok(parameter),
            None => Ok(None),
        }
    }
}

impl<'a> Visitor<'a> for Functions {
    fn statement(&mut self, statement: &Statement<'a>) -> Sure {
        match statement {
            Statement::LocalFunction(id, function) => self.name(*id, function),
            Statement::Local { variables, values } => {
                for (id, value) in variables.clone().zip(values) {
                    if let Expression::Function(function) = value {
                        self.name(id, function);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, _: &Function<'a>) -> Sure {
        Ok(())
    }

    fn chain(&mut self, chain: &Chain<'a>, _: Use) -> Sure {
        if let Head::Local(id) = chain.head {
            *self.uses.entry(id).or_default() += 1;
        }
        Ok(())
    }
}

/// The libraries among [`HARMLESS_GLOBALS`], and `redis`.
const LIBRARIES: [&[u8]; 9] =
    [b"bit", b"cjson", b"cmsgpack", b"math", b"os", b"redis", b"string", b"struct", b"table"];

/// What a variable of the chunk holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// What nobody can change: also functions.
    Fixed,
    /// A table of such values.
    Table,
}

/// The variables of the chunk.
struct State {
    /// `None` for those that belong to a function.
    holds: Vec<Option<Holds>>,
}

impl State {
    /// Goes through the whole library: doubt where a function might keep something.
    fn check(chunk: &Chunk<'_>) -> Sure {
        let mut state = State { holds: vec![None; chunk.locals.len()] };
        chunk.body.iter().try_for_each(|statement| state.top_level(statement))
    }

    fn top_level(&mut self, statement: &Statement<'_>) -> Sure {
        match statement {
            Statement::Local { variables, values } if variables.len() >= values.len() => {
                for (at, id) in variables.clone().enumerate() {
                    let holds = values.get(at).map_or(Ok(Holds::Fixed), |value| self.constant(value))?;
                    self.holds[id] = Some(holds);
                }
                Ok(())
            }
            Statement::LocalFunction(id, function) => {
                self.holds[*id] = Some(Holds::Fixed);
                self.walk_function(function)
            }
            Statement::Call(call) => registration(call)?.iter().try_for_each(|value| self.registered(value)),
            _ => Err(Doubt),
        }
    }

    /// An argument of `redis.register_function`, and what is in it.
    fn registered(&mut self, value: &Expression<'_>) -> Sure {
        match value {
            Expression::Table(parts) => parts.iter().try_for_each(|part| self.registered(part)),
            _ if self.constant(value)? == Holds::Fixed => Ok(()),
            _ => Err(Doubt),
        }
    }

    /// A value that is made without a call.
    fn constant(&mut self, value: &Expression<'_>) -> Sure<Holds> {
        match value {
            Expression::Constant | Expression::Text(_) => Ok(Holds::Fixed),
            Expression::Function(function) => self.walk_function(function).map(|()| Holds::Fixed),
            Expression::Table(parts) => self.all_fixed(parts).map(|()| Holds::Table),
            Expression::Operators(parts) => self.all_fixed(parts).map(|()| Holds::Fixed),
            Expression::Chain(chain) => {
                let calls = |suffix: &Suffix<'_>| matches!(suffix, Suffix::Call(_) | Suffix::Method(_));
                if matches!(chain.head, Head::Group(_)) || chain.suffixes.iter().any(calls) {
                    return Err(Doubt);
                }
                self.walk(value, Use::Value).map(|()| Holds::Fixed)
            }
            Expression::Length(_) | Expression::Vararg => Err(Doubt),
        }
    }

    fn all_fixed(&mut self, values: &[Expression<'_>]) -> Sure {
        values.iter().try_for_each(|value| match self.constant(value)? {
            Holds::Fixed => Ok(()),
            Holds::Table => Err(Doubt),
        })
    }
}

impl<'a> Visitor<'a> for State {
    fn statement(&mut self, _: &Statement<'a>) -> Sure {
        Ok(())
    }

    fn function(&mut self, _: &Function<'a>) -> Sure {
        Ok(())
    }

    fn chain(&mut self, chain: &Chain<'a>, used: Use) -> Sure {
        let looks_inside = matches!(chain.suffixes.first(), Some(Suffix::Field(_) | Suffix::Index(_)));
        match chain.head {
            Head::Group(_) => Ok(()),
            Head::Local(id) => match self.holds[id] {
                None => Ok(()),
                _ if used == Use::Target => Err(Doubt),
                Some(Holds::Fixed) => Ok(()),
                Some(Holds::Table) if looks_inside => Ok(()),
                Some(Holds::Table) if chain.suffixes.is_empty() && used == Use::Looked => Ok(()),
                Some(Holds::Table) => Err(Doubt),
            },
            Head::Global(_) if used == Use::Target => Err(Doubt),
            Head::Global(library) if LIBRARIES.contains(&library) => match chain.suffixes.first() {
                Some(Suffix::Field(field)) if !lasts(library, field) => Ok(()),
                _ => Err(Doubt),
            },
            Head::Global(name) if HARMLESS_GLOBALS.contains(&name) => Ok(()),
            Head::Global(_) => Err(Doubt),
        }
    }
}
