//! The syntax tree of a chunk, as far as the proofs need one: operators and control flow are not told apart.

use super::Sure;
use std::ops::Range;

/// Index of a local variable in [`Chunk::locals`], in the order of declaration.
pub type LocalId = usize;

pub struct Chunk<'a> {
    pub body: Block<'a>,
    /// The names of all local variables.
    pub locals: Vec<&'a [u8]>,
}

pub type Block<'a> = Vec<Statement<'a>>;

pub enum Statement<'a> {
    /// `local a, b = ...`
    Local {
        variables: Range<LocalId>,
        values: Vec<Expression<'a>>,
    },
    /// `local function f`
    LocalFunction(LocalId, Function<'a>),
    /// Also `function a.b.c`.
    Assignment {
        targets: Vec<Chain<'a>>,
        values: Vec<Expression<'a>>,
    },
    Call(Chain<'a>),
    /// Either kind of `for`; `values` are its bounds or its iterator.
    For {
        variables: Range<LocalId>,
        values: Vec<Expression<'a>>,
        body: Block<'a>,
    },
    /// `do`, `while`, `repeat`, `if`.
    Control {
        conditions: Vec<Expression<'a>>,
        blocks: Vec<Block<'a>>,
    },
    Return(Vec<Expression<'a>>),
    Break,
}

pub struct Function<'a> {
    pub parameters: Range<LocalId>,
    pub body: Block<'a>,
}

pub enum Expression<'a> {
    /// A number, `nil`, `true`, `false`, a string whose value nobody asks for.
    Constant,
    /// A string by its value.
    Text(&'a [u8]),
    /// `...`
    Vararg,
    Function(Function<'a>),
    /// A table constructor's values, and keys that are expressions.
    Table(Vec<Expression<'a>>),
    /// The operands of unary and binary operators.
    Operators(Vec<Expression<'a>>),
    /// `#x`
    Length(Box<Expression<'a>>),
    Chain(Chain<'a>),
}

/// A name or an expression in parentheses, and what follows: `a.b[c](d):e(f)`.
pub struct Chain<'a> {
    pub head: Head<'a>,
    pub suffixes: Vec<Suffix<'a>>,
}

pub enum Head<'a> {
    Local(LocalId),
    Global(&'a [u8]),
    Group(Box<Expression<'a>>),
}

pub enum Suffix<'a> {
    /// `.a` and `["a"]`
    Field(&'a [u8]),
    Index(Expression<'a>),
    Call(Vec<Expression<'a>>),
    /// `:a(...)`
    Method(Vec<Expression<'a>>),
}

impl Expression<'_> {
    /// Whether it may stand for any number of values where it is the last of a list.
    pub fn is_open(&self) -> bool {
        match self {
            Expression::Vararg => true,
            Expression::Chain(chain) => {
                matches!(chain.suffixes.last(), Some(Suffix::Call(_) | Suffix::Method(_)))
            }
            _ => false,
        }
    }

    /// The local variable that this is, and nothing more.
    pub fn as_local(&self) -> Option<LocalId> {
        match self {
            Expression::Chain(Chain { head: Head::Local(id), suffixes }) if suffixes.is_empty() => Some(*id),
            _ => None,
        }
    }
}

impl<'a> Chain<'a> {
    /// The name of a global function and its arguments, where this is such a call and nothing more.
    fn as_global_call(&self) -> Option<(&'a [u8], &[Expression<'a>])> {
        match (&self.head, self.suffixes.as_slice()) {
            (Head::Global(name), [Suffix::Call(arguments)]) => Some((name, arguments)),
            _ => None,
        }
    }
}

/// The table that `for ... in ipairs(table)` or `pairs(table)` walks.
pub fn walked_table<'t, 'a>(values: &'t [Expression<'a>]) -> Option<&'t Chain<'a>> {
    let [Expression::Chain(iterator)] = values else {
        return None;
    };
    match iterator.as_global_call()? {
        (b"ipairs" | b"pairs", [Expression::Chain(table)]) => Some(table),
        _ => None,
    }
}

/// What happens to the value that a chain leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// It goes anywhere.
    Value,
    /// It becomes the value of a new local variable.
    Named,
    /// `#x`, `for ... in ipairs(x)`: it is looked at, and goes nowhere.
    Looked,
    /// It is assigned to.
    Target,
}

/// Looks at all of a tree, outer parts first.
pub trait Visitor<'a> {
    fn statement(&mut self, statement: &Statement<'a>) -> Sure;
    fn function(&mut self, function: &Function<'a>) -> Sure;
    fn chain(&mut self, chain: &Chain<'a>, used: Use) -> Sure;

    fn walk_block(&mut self, block: &Block<'a>) -> Sure {
        block.iter().try_for_each(|statement| self.walk_statement(statement))
    }

    fn walk_statement(&mut self, statement: &Statement<'a>) -> Sure {
        self.statement(statement)?;
        match statement {
            Statement::Local { values, .. } => {
                values.iter().try_for_each(|value| self.walk(value, Use::Named))
            }
            Statement::Return(values) => self.walk_all(values),
            Statement::LocalFunction(_, function) => self.walk_function(function),
            Statement::Assignment { targets, values } => {
                targets.iter().try_for_each(|target| self.walk_chain(target, Use::Target))?;
                self.walk_all(values)
            }
            Statement::Call(call) => self.walk_chain(call, Use::Value),
            Statement::For { values, body, .. } => {
                match walked_table(values) {
                    Some(table) => self.walk_chain(table, Use::Looked)?,
                    None => self.walk_all(values)?,
                }
                self.walk_block(body)
            }
            Statement::Control { conditions, blocks } => {
                self.walk_all(conditions)?;
                blocks.iter().try_for_each(|block| self.walk_block(block))
            }
            Statement::Break => Ok(()),
        }
    }

    fn walk_function(&mut self, function: &Function<'a>) -> Sure {
        self.function(function)?;
        self.walk_block(&function.body)
    }

    fn walk_all(&mut self, expressions: &[Expression<'a>]) -> Sure {
        expressions.iter().try_for_each(|expression| self.walk(expression, Use::Value))
    }

    fn walk(&mut self, expression: &Expression<'a>, used: Use) -> Sure {
        match expression {
            Expression::Constant | Expression::Text(_) | Expression::Vararg => Ok(()),
            Expression::Function(function) => self.walk_function(function),
            Expression::Table(parts) | Expression::Operators(parts) => self.walk_all(parts),
            Expression::Length(inner) => self.walk(inner, Use::Looked),
            Expression::Chain(chain) => self.walk_chain(chain, used),
        }
    }

    fn walk_chain(&mut self, chain: &Chain<'a>, used: Use) -> Sure {
        self.chain(chain, used)?;
        if let Head::Group(inner) = &chain.head {
            self.walk(inner, Use::Value)?;
        }
        chain.suffixes.iter().try_for_each(|suffix| match suffix {
            Suffix::Field(_) => Ok(()),
            Suffix::Index(index) => self.walk(index, Use::Value),
            Suffix::Call(arguments) | Suffix::Method(arguments) => self.walk_all(arguments),
        })
    }
}
