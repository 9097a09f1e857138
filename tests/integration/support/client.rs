//! A blocking RESP2 and RESP3 client that keeps the types of replies apart. Every wait ends after `TIMEOUT`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A reply as it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Reply>),
    /// A null of any form: `$-1`, `*-1` or `_`.
    Null,
    /// A double, boolean or big number, with its type byte.
    Scalar(char, String),
    /// A map (keys and values in turn), set or push, with its type byte.
    Aggregate(char, Vec<Reply>),
}

impl Reply {
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("expected an integer, got {other:?}"),
        }
    }

    pub fn items(&self) -> &[Reply] {
        match self {
            Self::Array(items) | Self::Aggregate(_, items) => items,
            other => panic!("expected an array, got {other:?}"),
        }
    }

    /// The text of a bulk or simple string.
    pub fn text(&self) -> String {
        match self {
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Simple(text) => text.clone(),
            other => panic!("expected a string, got {other:?}"),
        }
    }

    pub fn is_error(&self, start: &str) -> bool {
        matches!(self, Self::Error(text) if text.starts_with(start))
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        Self::try_connect(port).unwrap()
    }

    pub fn try_connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, buffer: Vec::new(), at: 0 })
    }

    pub fn call(&mut self, arguments: &[&str]) -> Reply {
        self.try_call(arguments).unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    pub fn try_call(&mut self, arguments: &[&str]) -> io::Result<Reply> {
        self.send(&encode(arguments))?;
        self.read()
    }

    /// Sends all commands at once and returns their replies.
    pub fn pipeline(&mut self, commands: &[Vec<String>]) -> Vec<Reply> {
        let data: Vec<u8> = commands.iter().flat_map(|command| encode(command)).collect();
        self.send(&data).unwrap();
        commands.iter().map(|_| self.read().unwrap()).collect()
    }

    pub fn send(&mut self, data: &[u8]) -> io::Result<()> {
        self.stream.write_all(data)
    }

    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether something has come in that has not been read.
    pub fn has_input(&self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let found = self.stream.peek(&mut [0]).is_ok();
        self.stream.set_nonblocking(false).unwrap();
        found || self.at < self.buffer.len()
    }

    /// The next line, without its end.
    pub fn read_line(&mut self) -> io::Result<String> {
        self.line()
    }

    /// The next bytes, whatever they are.
    pub fn read_exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < self.at + count {
            self.fill()?;
        }
        self.at += count;
        Ok(self.buffer[self.at - count..self.at].to_vec())
    }

    /// The next reply.
    pub fn read(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = (line.chars().next().unwrap_or(' '), line.get(1..).unwrap_or(""));
        Ok(match kind {
            '+' => Reply::Simple(rest.into()),
            '-' => Reply::Error(rest.into()),
            ':' => Reply::Integer(number(rest)?),
            '$' | '=' => self.bulk(number(rest)?)?,
            '*' => match number(rest)? {
                -1 => Reply::Null,
                count => Reply::Array(self.replies(count)?),
            },
            '_' => Reply::Null,
            ',' | '#' | '(' => Reply::Scalar(kind, rest.into()),
            '%' => Reply::Aggregate(kind, self.replies(number(rest)? * 2)?),
            '~' | '>' => Reply::Aggregate(kind, self.replies(number(rest)?)?),
            _ => return Err(io::Error::new(ErrorKind::InvalidData, format!("not a reply: {line:?}"))),
        })
    }

    fn replies(&mut self, count: i64) -> io::Result<Vec<Reply>> {
        (0..count).map(|_| self.read()).collect()
    }

    fn bulk(&mut self, length: i64) -> io::Result<Reply> {
        let Ok(length) = usize::try_from(length) else { return Ok(Reply::Null) };
        while self.buffer.len() < self.at + length + 2 {
            self.fill()?;
        }
        let bytes = self.buffer[self.at..self.at + length].to_vec();
        self.at += length + 2;
        Ok(Reply::Bulk(bytes))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut searched = self.at;
        loop {
            if let Some(found) = self.buffer[searched..].windows(2).position(|pair| pair == b"\r\n") {
                let end = searched + found;
                let line = String::from_utf8_lossy(&self.buffer[self.at..end]).into_owned();
                self.at = end + 2;
                return Ok(line);
            }
            let unread = self.buffer.len() - self.at;
            self.fill()?;
            searched = self.at + unread.saturating_sub(1);
        }
    }

    /// Reads more; what was consumed before `at` is dropped first.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + (before / 2).clamp(1 << 16, 1 << 24), 0);
        let read = self.stream.read(&mut self.buffer[before..])?;
        self.buffer.truncate(before + read);
        if read == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        Ok(())
    }
}

/// A command as an array of bulk strings.
pub fn encode<T: AsRef<[u8]>>(arguments: &[T]) -> Vec<u8> {
    let mut data = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        let argument = argument.as_ref();
        data.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        data.extend_from_slice(argument);
        data.extend_from_slice(b"\r\n");
    }
    data
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| io::Error::new(ErrorKind::InvalidData, format!("not a number: {text:?}")))
}
