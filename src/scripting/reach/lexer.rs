//! The tokens of Lua 5.1, cut where its own lexer cuts them.
//!
//! What Lua refuses never runs, so it need not be refused here: a malformed number or escape passes.

use super::{Doubt, Sure};
use memchr::{memchr, memchr2, memmem};

/// One token. Strings are told apart by whether their bytes stand in the source as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Token<'a> {
    /// An identifier.
    Name(&'a [u8]),
    /// A keyword or punctuation.
    Sign(&'a [u8]),
    Number,
    /// A quoted string without escapes.
    Text(&'a [u8]),
    /// Any other string.
    String,
    End,
}

const KEYWORDS: [&[u8]; 21] = [
    b"and",
    b"break",
    b"do",
    b"else",
    b"elseif",
    b"end",
    b"false",
    b"for",
    b"function",
    b"if",
    b"in",
    b"local",
    b"nil",
    b"not",
    b"or",
    b"repeat",
    b"return",
    b"then",
    b"true",
    b"until",
    b"while",
];

#[derive(Clone)]
pub struct Lexer<'a> {
    source: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Reads `source`, a chunk without a shebang line.
    pub fn new(source: &'a [u8]) -> Lexer<'a> {
        Lexer { source, at: 0 }
    }

    pub fn next(&mut self) -> Sure<Token<'a>> {
        self.skip_blanks()?;
        let Some(&byte) = self.source.get(self.at) else {
            return Ok(Token::End);
        };
        match byte {
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => Ok(self.word()),
            b'0'..=b'9' => Ok(self.number()),
            b'.' if self.byte(1).is_some_and(|next| next.is_ascii_digit()) => Ok(self.number()),
            b'"' | b'\'' => self.quoted(byte),
            b'[' => match self.long_bracket() {
                Some(level) => self.long_string(level).map(|()| Token::String),
                None => self.sign(),
            },
            _ => self.sign(),
        }
    }

    fn byte(&self, offset: usize) -> Option<u8> {
        self.source.get(self.at + offset).copied()
    }

    fn rest(&self) -> &'a [u8] {
        &self.source[self.at..]
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let taken = &self.rest()[..length];
        self.at += length;
        taken
    }

    /// Skips white space and comments.
    fn skip_blanks(&mut self) -> Sure {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) => self.at += 1,
                Some(b'-') if self.byte(1) == Some(b'-') => {
                    self.at += 2;
                    match self.long_bracket() {
                        Some(level) => self.long_string(level)?,
                        None => self.at += memchr2(b'\n', b'\r', self.rest()).unwrap_or(self.rest().len()),
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// The number of `=` in the opening long bracket here, if there is one.
    fn long_bracket(&self) -> Option<usize> {
        let inner = self.rest().strip_prefix(b"[")?;
        let level = inner.iter().take_while(|&&byte| byte == b'=').count();
        (inner.get(level) == Some(&b'[')).then_some(level)
    }

    /// Skips a long string from its opening bracket. One without `=` that holds `[[` nests in some builds of Lua 5.1 and is an
    /// error in others.
    fn long_string(&mut self, level: usize) -> Sure {
        self.at += level + 2;
        let start = self.at;
        while let Some(found) = memchr(b']', self.rest()) {
            self.at += found + 1;
            let signs = self.rest().iter().take_while(|&&byte| byte == b'=').count();
            if signs == level && self.byte(level) == Some(b']') {
                let body = &self.source[start..self.at];
                self.at += level + 1;
                return if level == 0 && memmem::find(body, b"[[").is_some() { Err(Doubt) } else { Ok(()) };
            }
            self.at += signs;
        }
        Err(Doubt)
    }

    fn word(&mut self) -> Token<'a> {
        let length = self.rest().iter().take_while(|&&byte| is_word_byte(byte)).count();
        let word = self.take(length);
        if KEYWORDS.contains(&word) { Token::Sign(word) } else { Token::Name(word) }
    }

    /// Digits and dots, then an exponent's sign, then whatever a word may have: `0x1F` and `1e-3` as well as `3..2`.
    fn number(&mut self) -> Token<'a> {
        let digits = self.rest().iter().take_while(|&&byte| byte == b'.' || byte.is_ascii_digit()).count();
        self.at += digits;
        if let Some(b'e' | b'E') = self.byte(0) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(0), Some(b'+' | b'-')));
        }
        self.at += self.rest().iter().take_while(|&&byte| is_word_byte(byte)).count();
        Token::Number
    }

    fn quoted(&mut self, quote: u8) -> Sure<Token<'a>> {
        self.at += 1;
        let (start, mut escapes) = (self.at, false);
        loop {
            match self.byte(0).ok_or(Doubt)? {
                byte if byte == quote => break,
                b'\n' | b'\r' => return Err(Doubt),
                b'\\' => {
                    escapes = true;
                    let line_end = matches!(self.rest(), [_, b'\r', b'\n', ..] | [_, b'\n', b'\r', ..]);
                    self.at += if line_end { 3 } else { 2 };
                }
                _ => self.at += 1,
            }
        }
        let body = &self.source[start..self.at];
        self.at += 1;
        Ok(if escapes { Token::String } else { Token::Text(body) })
    }

    fn sign(&mut self) -> Sure<Token<'a>> {
        let length = match self.rest() {
            [b'.', b'.', b'.', ..] => 3,
            [b'.', b'.', ..] | [b'=' | b'~' | b'<' | b'>', b'=', ..] => 2,
            [byte, ..] if b"+-*/%^#<>=(){}[];:,.".contains(byte) => 1,
            _ => return Err(Doubt),
        };
        Ok(Token::Sign(self.take(length)))
    }
}

fn is_word_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of `source`: names, signs and texts as they are, others by their kind.
    fn tokens(source: &[u8]) -> Sure<Vec<String>> {
        let mut lexer = Lexer::new(source);
        let mut found = Vec::new();
        loop {
            found.push(match lexer.next()? {
                Token::Name(word) | Token::Sign(word) => String::from_utf8_lossy(word).into_owned(),
                Token::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
                Token::Number => "number".to_owned(),
                Token::String => "string".to_owned(),
                Token::End => return Ok(found),
            });
        }
    }

    #[test]
    fn tokens_end_where_lua_ends_them() {
        let check = |source: &str, expected: &str| {
            let found = tokens(source.as_bytes()).map(|tokens| tokens.join(" "));
            assert_eq!(found.as_deref(), Ok(expected), "{source}");
        };
        check("", "");
        check("local x_1=KEYS[1]", "local x_1 = KEYS [ number ]");
        check("a\x0bb\x0cc\td\re\n", "a b c d e");
        check("ending end", "ending end");
        check("a==b~=c<=d>=e<f>g=h", "a == b ~= c <= d >= e < f > g = h");
        check("a..b ... a.b", "a .. b ... a . b");
        check("a===b", "a == = b");
        // Numbers.
        check("1 1.5 .5 1. 1e5 1E+5 1e-5 0x1F 0xep1 3..2 1...2 1_a", &["number"; 12].join(" "));
        check("0xe+1", "number + number");
        check("a.1 a..1", "a number a .. number");
        check("1e5e+3", "number + number");
        check("x-1", "x - number");
        // Strings.
        check("'a' \"b'c\" ''", "'a' 'b'c' ''");
        check(
            r#"'a\'b' "\"" '\\' '\065' '\
'"#,
            "string string string string string",
        );
        check("'\\\r\n' x", "string x");
        check("[[a]] [=[a]]b]=] [==[ ]=] ]==]", "string string string");
        check("a[b[1]]", "a [ b [ number ] ]");
        check("a[ [[x]] ]", "a [ string ]");
        check("[=[ [[ ]=] x", "string x");
        // Comments.
        check("a -- b\nc", "a c");
        check("a -- b\rc", "a c");
        check("a --[[ b\nc ]] d", "a d");
        check("a --[==[ ]] ]=] ]==] d", "a d");
        check("a --[= b\nc --[=\nd", "a c d");
        check("a - -b --", "a - - b");
        check("a --[b[1]]\nc", "a c");
        check("'--' --'\nx", "'--' x");
    }

    #[test]
    fn what_is_not_lua_is_in_doubt() {
        for source in [
            &b"'a"[..],
            b"\"a\nb\"",
            b"'\\",
            b"[[a]",
            b"[==[a]=]",
            b"--[[ a",
            b"[[ [[ ]]",
            b"--[[ [[ ]]",
            b"@",
            b"~",
            b"a & b",
            b"\0",
            b"\x1bLua",
            b"\xc3\xa9",
        ] {
            assert_eq!(tokens(source), Err(Doubt), "{source:?}");
        }
    }
}
