//! Lua 5.1 source to a tree whose names are resolved. It takes all that Lua takes, within the bounds below, and means the
//! same by it; of what Lua refuses it takes some.

use super::lexer::{Lexer, Token};
use super::tree::{Block, Chain, Chunk, Expression, Function, Head, LocalId, Statement, Suffix};
use super::{Doubt, Sure};
use std::ops::Range;

/// Blocks and expressions within each other; Lua stops at 200.
const MAX_DEPTH: usize = 100;
/// Local variables in sight of one place; Lua stops at 200 in each function.
const MAX_VISIBLE: usize = 200;

const BINARY_OPERATORS: [&[u8]; 15] =
    [b"+", b"-", b"*", b"/", b"%", b"^", b"..", b"and", b"or", b"==", b"~=", b"<", b"<=", b">", b">="];

/// The tree of `source`, a chunk without a shebang line.
pub fn parse(source: &[u8]) -> Sure<Chunk<'_>> {
    let mut lexer = Lexer::new(source);
    let token = lexer.next()?;
    let mut parser = Parser { lexer, token, depth: 0, locals: Vec::new(), visible: Vec::new() };
    let body = parser.block()?;
    if parser.token == Token::End { Ok(Chunk { body, locals: parser.locals }) } else { Err(Doubt) }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: usize,
    locals: Vec<&'a [u8]>,
    visible: Vec<LocalId>,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Sure<Token<'a>> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is_at(&self, sign: &str) -> bool {
        self.token == Token::Sign(sign.as_bytes())
    }

    fn accept(&mut self, sign: &str) -> Sure<bool> {
        let found = self.is_at(sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: &str) -> Sure {
        if self.accept(sign)? { Ok(()) } else { Err(Doubt) }
    }

    fn name(&mut self) -> Sure<&'a [u8]> {
        match self.advance()? {
            Token::Name(name) => Ok(name),
            _ => Err(Doubt),
        }
    }

    fn names(&mut self) -> Sure<Vec<&'a [u8]>> {
        let mut names = vec![self.name()?];
        while self.accept(",")? {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn deepen<T>(&mut self, part: impl FnOnce(&mut Self) -> Sure<T>) -> Sure<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Doubt);
        }
        let result = part(self);
        self.depth -= 1;
        result
    }

    fn declare(&mut self, names: &[&'a [u8]]) -> Sure<Range<LocalId>> {
        let first = self.locals.len();
        self.locals.extend(names);
        self.visible.extend(first..self.locals.len());
        if self.visible.len() > MAX_VISIBLE { Err(Doubt) } else { Ok(first..self.locals.len()) }
    }

    fn resolve(&self, name: &'a [u8]) -> Head<'a> {
        let found = self.visible.iter().rev().find(|&&id| self.locals[id] == name);
        found.map_or(Head::Global(name), |&id| Head::Local(id))
    }

    /// Statements in a scope of their own; `before` makes what is declared for it.
    fn scope<T>(&mut self, before: impl FnOnce(&mut Self) -> Sure<T>) -> Sure<(T, Block<'a>)> {
        let outer = self.visible.len();
        let made = before(self)?;
        let body = self.statements()?;
        self.visible.truncate(outer);
        Ok((made, body))
    }

    fn block(&mut self) -> Sure<Block<'a>> {
        self.scope(|_| Ok(())).map(|((), body)| body)
    }

    fn statements(&mut self) -> Sure<Block<'a>> {
        self.deepen(|parser| {
            let mut block = Vec::new();
            while !parser.is_at_block_end() {
                block.push(parser.statement()?);
                parser.accept(";")?;
            }
            Ok(block)
        })
    }

    fn is_at_block_end(&self) -> bool {
        matches!(self.token, Token::End | Token::Sign(b"end" | b"else" | b"elseif" | b"until"))
    }

    fn statement(&mut self) -> Sure<Statement<'a>> {
        let Token::Sign(sign) = self.token else {
            return self.expression_statement();
        };
        match sign {
            b"(" => return self.expression_statement(),
            b"local" | b"function" | b"for" | b"if" | b"while" | b"do" | b"repeat" | b"return" | b"break" => {
            }
            _ => return Err(Doubt),
        }
        self.advance()?;
        match sign {
            b"local" => self.local(),
            b"function" => self.named_function(),
            b"for" => self.for_loop(),
            b"if" => self.condition(),
            b"repeat" => self.repeat(),
            b"return" if self.is_at_block_end() || self.is_at(";") => Ok(Statement::Return(Vec::new())),
            b"return" => self.expressions().map(Statement::Return),
            b"break" => Ok(Statement::Break),
            _ => self.while_or_do(sign == b"while"),
        }
    }

    fn local(&mut self) -> Sure<Statement<'a>> {
        if self.accept("function")? {
            let name = self.name()?;
            let id = self.declare(&[name])?.start;
            return Ok(Statement::LocalFunction(id, self.function(&[])?));
        }
        let names = self.names()?;
        let values = if self.accept("=")? { self.expressions()? } else { Vec::new() };
        Ok(Statement::Local { variables: self.declare(&names)?, values })
    }

    fn named_function(&mut self) -> Sure<Statement<'a>> {
        let name = self.name()?;
        let mut target = Chain { head: self.resolve(name), suffixes: Vec::new() };
        while self.accept(".")? {
            target.suffixes.push(Suffix::Field(self.name()?));
        }
        let is_method = self.accept(":")?;
        if is_method {
            target.suffixes.push(Suffix::Field(self.name()?));
        }
        let function = self.function(if is_method { &[b"self"] } else { &[] })?;
        Ok(Statement::Assignment { targets: vec![target], values: vec![Expression::Function(function)] })
    }

    /// A function from its parameters on; `implicit` come before those that are written.
    fn function(&mut self, implicit: &[&'a [u8]]) -> Sure<Function<'a>> {
        let (parameters, body) = self.scope(|parser| {
            let names = parser.parameters()?;
            parser.declare(&[implicit, &names].concat())
        })?;
        self.expect("end")?;
        Ok(Function { parameters, body })
    }

    fn parameters(&mut self) -> Sure<Vec<&'a [u8]>> {
        let mut names = Vec::new();
        self.expect("(")?;
        if !self.accept(")")? {
            loop {
                if self.accept("...")? {
                    break;
                }
                names.push(self.name()?);
                if !self.accept(",")? {
                    break;
                }
            }
            self.expect(")")?;
        }
        Ok(names)
    }

    fn for_loop(&mut self) -> Sure<Statement<'a>> {
        let names = self.names()?;
        let sign = self.advance()?;
        if !matches!(sign, Token::Sign(b"=" | b"in")) {
            return Err(Doubt);
        }
        let values = self.expressions()?;
        self.expect("do")?;
        let (variables, body) = self.scope(|parser| parser.declare(&names))?;
        self.expect("end")?;
        Ok(Statement::For { variables, values, body })
    }

    fn condition(&mut self) -> Sure<Statement<'a>> {
        let (mut conditions, mut blocks) = (Vec::new(), Vec::new());
        loop {
            conditions.push(self.expression()?);
            self.expect("then")?;
            blocks.push(self.block()?);
            if !self.accept("elseif")? {
                break;
            }
        }
        if self.accept("else")? {
            blocks.push(self.block()?);
        }
        self.expect("end")?;
        Ok(Statement::Control { conditions, blocks })
    }

    fn while_or_do(&mut self, is_while: bool) -> Sure<Statement<'a>> {
        let mut conditions = Vec::new();
        if is_while {
            conditions.push(self.expression()?);
            self.expect("do")?;
        }
        let blocks = vec![self.block()?];
        self.expect("end")?;
        Ok(Statement::Control { conditions, blocks })
    }

    /// The condition sees the locals of the block.
    fn repeat(&mut self) -> Sure<Statement<'a>> {
        let outer = self.visible.len();
        let blocks = vec![self.statements()?];
        self.expect("until")?;
        let conditions = vec![self.expression()?];
        self.visible.truncate(outer);
        Ok(Statement::Control { conditions, blocks })
    }

    /// A call or an assignment.
    fn expression_statement(&mut self) -> Sure<Statement<'a>> {
        let first = self.chain()?;
        if matches!(first.suffixes.last(), Some(Suffix::Call(_) | Suffix::Method(_))) {
            return Ok(Statement::Call(first));
        }
        let mut targets = vec![first];
        while self.accept(",")? {
            targets.push(self.chain()?);
        }
        self.expect("=")?;
        Ok(Statement::Assignment { targets, values: self.expressions()? })
    }

    fn expressions(&mut self) -> Sure<Vec<Expression<'a>>> {
        let mut expressions = vec![self.expression()?];
        while self.accept(",")? {
            expressions.push(self.expression()?);
        }
        Ok(expressions)
    }

    fn expression(&mut self) -> Sure<Expression<'a>> {
        self.deepen(|parser| {
            let first = parser.operand()?;
            if !parser.accept_binary_operator()? {
                return Ok(first);
            }
            let mut operands = vec![first, parser.operand()?];
            while parser.accept_binary_operator()? {
                operands.push(parser.operand()?);
            }
            Ok(Expression::Operators(operands))
        })
    }

    fn accept_binary_operator(&mut self) -> Sure<bool> {
        let Token::Sign(sign) = self.token else {
            return Ok(false);
        };
        let found = BINARY_OPERATORS.contains(&sign);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// An operand with its unary operators.
    fn operand(&mut self) -> Sure<Expression<'a>> {
        let mut innermost: Option<&[u8]> = None;
        while let Token::Sign(sign @ (b"-" | b"not" | b"#")) = self.token {
            innermost = Some(sign);
            self.advance()?;
        }
        let operand = self.simple()?;
        Ok(match innermost {
            None => operand,
            Some(b"#") => Expression::Length(Box::new(operand)),
            Some(_) => Expression::Operators(vec![operand]),
        })
    }

    fn simple(&mut self) -> Sure<Expression<'a>> {
        let expression = match self.token {
            Token::Number | Token::String | Token::Sign(b"nil" | b"true" | b"false") => Expression::Constant,
            Token::Text(text) => Expression::Text(text),
            Token::Sign(b"...") => Expression::Vararg,
            Token::Sign(b"{") => return self.table(),
            Token::Sign(b"function") => {
                self.advance()?;
                return self.function(&[]).map(Expression::Function);
            }
            _ => return self.chain().map(Expression::Chain),
        };
        self.advance()?;
        Ok(expression)
    }

    fn chain(&mut self) -> Sure<Chain<'a>> {
        let head = match self.advance()? {
            Token::Name(name) => self.resolve(name),
            Token::Sign(b"(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Head::Group(Box::new(inner))
            }
            _ => return Err(Doubt),
        };
        let mut suffixes = Vec::new();
        while let Some(suffix) = self.suffix()? {
            suffixes.push(suffix);
        }
        Ok(Chain { head, suffixes })
    }

    fn suffix(&mut self) -> Sure<Option<Suffix<'a>>> {
        Ok(Some(match self.token {
            Token::Sign(b".") => {
                self.advance()?;
                Suffix::Field(self.name()?)
            }
            Token::Sign(b"[") => match self.bracketed()? {
                Expression::Text(text) => Suffix::Field(text),
                index => Suffix::Index(index),
            },
            Token::Sign(b":") => {
                self.advance()?;
                self.name()?;
                Suffix::Method(self.arguments()?)
            }
            Token::Sign(b"(" | b"{") | Token::Text(_) | Token::String => Suffix::Call(self.arguments()?),
            _ => return Ok(None),
        }))
    }

    fn bracketed(&mut self) -> Sure<Expression<'a>> {
        self.expect("[")?;
        let index = self.expression()?;
        self.expect("]")?;
        Ok(index)
    }

    fn arguments(&mut self) -> Sure<Vec<Expression<'a>>> {
        if !self.accept("(")? {
            return match self.token {
                Token::Text(_) | Token::String | Token::Sign(b"{") => Ok(vec![self.simple()?]),
                _ => Err(Doubt),
            };
        }
        if self.accept(")")? {
            return Ok(Vec::new());
        }
        let arguments = self.expressions()?;
        self.expect(")")?;
        Ok(arguments)
    }

    fn table(&mut self) -> Sure<Expression<'a>> {
        self.deepen(|parser| {
            let mut parts = Vec::new();
            parser.expect("{")?;
            while !parser.is_at("}") {
                parser.field(&mut parts)?;
                if !parser.accept(",")? && !parser.accept(";")? {
                    break;
                }
            }
            parser.expect("}")?;
            Ok(Expression::Table(parts))
        })
    }

    fn field(&mut self, parts: &mut Vec<Expression<'a>>) -> Sure {
        if self.is_at("[") {
            parts.push(self.bracketed()?);
            self.expect("=")?;
        } else if matches!(self.token, Token::Name(_)) && self.lexer.clone().next()? == Token::Sign(b"=") {
            self.advance()?;
            self.advance()?;
        }
        parts.push(self.expression()?);
        Ok(())
    }
}
