//! The debugger of scripts: stops before lines of the source, and obeys orders until one of them says to go on.
//!
//! What it says are lines in Redis's format, which `redis-cli --ldb` reads: some begin with what they are, in angle brackets. The
//! hook of the Lua state asks [`Debugger::at_line`] before each line; `redis.breakpoint` and `redis.debug` reach it as well.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::chunk::ChunkMode;
use mlua::debug::Debug;
use mlua::{Lua, MultiValue, Value};

use super::host::{Host, ask};
use super::raised::{plain_text, raised, type_name};
use super::stack;
use crate::base::number::push_general;
use crate::base::quoting::quote;
use crate::resp::{Protocol, Reply};

/// Breakpoints, at most.
const BREAKPOINTS_MAX: usize = 64;
/// Tables within tables that are shown, and bytes of a value that are made to be shown: a table may contain itself.
const DEPTH_MAX: usize = 10;
const VALUE_BYTES_MAX: usize = 256 * 1024;
/// Lines shown before and behind one.
const CONTEXT: usize = 5;
/// Bytes of a value or reply that are shown, unless the client says otherwise, and the fewest that it may say.
const SHOWN_BYTES: usize = 256;
const SHOWN_BYTES_MIN: usize = 60;
const WRONG: &str = "<error> Unknown Redis Lua debugger command or wrong number of arguments.";
const HELP: &[&str] = &[
    "Orders, which may be shortened to the letter in brackets:",
    "[s]tep, [n]ext       Run this line and stop before the next one.",
    "[c]ontinue           Run until a breakpoint.",
    "[l]ist [line] [ctx]  Show the source around this line, or a given one, with ctx lines on either side.",
    "[w]hole              Show all of the source.",
    "[p]rint [name]       Show a variable, or all local ones.",
    "[b]reak              Show the breakpoints.",
    "[b]reak <line>       Stop before this line.",
    "[b]reak -<line>      Do not stop there any more. Of 0: nowhere.",
    "[t]race              Show which functions are being called.",
    "[e]val <code>        Run code, in an environment of its own, and show its value.",
    "[r]edis <command>    Run a command.",
    "[m]axlen [length]    Show or set how much of a value is shown. Of 0: all.",
    "[a]bort              End the script with an error.",
    "In a script, redis.debug(value, ...) shows values, and redis.breakpoint() stops before the next line.",
];

/// The other end of a debugging session.
pub trait Talk {
    /// Tells lines.
    fn say(&mut self, lines: &[Vec<u8>]);

    /// Waits for an order, a moment at most.
    fn hear(&mut self) -> Heard;
}

/// What comes from the other end.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// An order, in words.
    Order(Vec<Vec<u8>>),
    /// None so far.
    Nothing,
    /// There will be none: nobody is there any more.
    Over,
}

/// Debugs one run of a script.
pub(super) struct Debugger {
    source: Vec<String>,
    state: RefCell<State>,
}

struct State {
    /// Whether nobody is there to be shown anything: the script runs to its end.
    is_alone: bool,
    /// Whether to stop before the next line.
    steps: bool,
    /// Whether the script has asked to stop there.
    is_called: bool,
    breakpoints: Vec<usize>,
    line: usize,
    said: Vec<Vec<u8>>,
    /// 0: no limit.
    shown_bytes: usize,
    /// Whether it has been told how to see all.
    has_hinted: bool,
}

/// What an order comes to.
enum Next {
    Stay,
    Go,
    Abort,
}

impl Debugger {
    /// Stops before the first line of this source.
    pub(super) fn new(source: &[u8]) -> Self {
        let text = String::from_utf8_lossy(source);
        Self {
            source: text.strip_suffix('\n').unwrap_or(&text).split('\n').map(str::to_owned).collect(),
            state: RefCell::new(State {
                is_alone: false,
                steps: true,
                is_called: false,
                breakpoints: Vec::new(),
                line: 0,
                said: Vec::new(),
                shown_bytes: SHOWN_BYTES,
                has_hinted: false,
            }),
        }
    }

    /// Has it stop before the next line (`redis.breakpoint`).
    pub(super) fn call(&self) {
        self.state.borrow_mut().is_called = true;
    }

    /// Shows values (`redis.debug`).
    pub(super) fn show(&self, values: &MultiValue) {
        if self.state.borrow().is_alone {
            return;
        }
        let texts: Vec<String> = values.iter().map(shown).collect();
        let line = self.state.borrow().line;
        self.say(format!("<debug> line {line}: {}", texts.join(", ")));
    }

    /// The source is about to run a line. The error is why the script must end.
    pub(super) fn at_line(&self, lua: &Lua, frame: &Debug<'_>) -> Result<(), String> {
        let Some(line) = frame.current_line().filter(|_| is_script(frame)) else { return Ok(()) };
        let reason = {
            let mut state = self.state.borrow_mut();
            if state.is_alone {
                return Ok(());
            }
            state.line = line;
            let is_called = std::mem::take(&mut state.is_called);
            match () {
                () if is_called => "redis.breakpoint() called",
                () if state.breakpoints.contains(&line) => "break point",
                () if state.steps => "step over",
                () => return Ok(()),
            }
        };
        self.say(format!("* Stopped at {line}, stop reason = {reason}"));
        self.say_source(line);
        self.obey(lua)
    }

    /// The last words.
    pub(super) fn end(&self, talk: &mut dyn Talk) {
        self.say("<endsession>".into());
        talk.say(&std::mem::take(&mut self.state.borrow_mut().said));
    }

    fn obey(&self, lua: &Lua) -> Result<(), String> {
        // Commands that orders run are shown, too.
        self.state.borrow_mut().steps = true;
        loop {
            let Some(order) = self.next_order()? else {
                let mut state = self.state.borrow_mut();
                (state.is_alone, state.steps) = (true, false);
                return Ok(());
            };
            match self.follow(lua, &order) {
                Next::Stay => {}
                Next::Go => return Ok(()),
                Next::Abort => return Err("ERR script aborted for user request".into()),
            }
        }
    }

    fn next_order(&self) -> Result<Option<Vec<Vec<u8>>>, String> {
        let said = std::mem::take(&mut self.state.borrow_mut().said);
        ask(|host| host.talk().map(|talk| talk.say(&said)));
        loop {
            if let Some(text) = ask(|host| host.interrupted()).flatten() {
                return Err(text);
            }
            match ask(|host| host.talk().map(|talk| talk.hear())).flatten() {
                Some(Heard::Order(order)) => return Ok(Some(order)),
                Some(Heard::Nothing) if ask(|host| host.is_ending()) == Some(true) => return Ok(None),
                Some(Heard::Nothing) => {}
                Some(Heard::Over) | None => return Ok(None),
            }
        }
    }

    fn follow(&self, lua: &Lua, order: &[Vec<u8>]) -> Next {
        let words: Vec<String> =
            order.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let Some((name, rest)) = words.split_first() else {
            self.say(WRONG.into());
            return Next::Stay;
        };
        let number = |place: usize| rest.get(place).and_then(|word| word.parse::<usize>().ok());
        match (name.to_ascii_lowercase().as_str(), rest.len()) {
            ("h" | "help", 0) => HELP.iter().for_each(|line| self.say((*line).into())),
            ("s" | "step" | "n" | "next", 0) => return Next::Go,
            ("c" | "continue", 0) => {
                self.state.borrow_mut().steps = false;
                return Next::Go;
            }
            ("a" | "abort", 0) => return Next::Abort,
            ("l" | "list", 0..=2) => self.list(number(0).unwrap_or(0), number(1).unwrap_or(CONTEXT)),
            ("w" | "whole", 0) => self.list(1, self.source.len()),
            ("p" | "print", 0) => self.print_all(lua),
            ("p" | "print", 1) => self.print(lua, &rest[0]),
            ("b" | "break", _) => self.set_breakpoints(rest),
            ("t" | "trace", 0) => self.trace(lua),
            ("e" | "eval", 1..) => self.evaluate(lua, &order[1..].join(&b' ')),
            ("r" | "redis", 1..) => self.run_command(&order[1..]),
            ("m" | "maxlen", 0 | 1) => self.limit(number(0)),
            _ => self.say(WRONG.into()),
        }
        Next::Stay
    }

    fn say(&self, line: String) {
        self.state.borrow_mut().said.push(line.into_bytes());
    }

    /// Says what may be long.
    fn say_some(&self, line: String) {
        let mut line = line.into_bytes();
        let mut state = self.state.borrow_mut();
        let limit = state.shown_bytes;
        let is_cut = limit > 0 && line.len() > limit;
        if is_cut {
            line.truncate(limit);
            line.extend_from_slice(b" ...");
        }
        state.said.push(line);
        if is_cut && !std::mem::replace(&mut state.has_hinted, true) {
            state.said.push(b"<hint> This was cut short. 'maxlen 0' has all of it shown.".to_vec());
        }
    }

    fn say_source(&self, line: usize) {
        let line_text = line.checked_sub(1).and_then(|index| self.source.get(index));
        let mark = {
            let state = self.state.borrow();
            match (line == state.line, state.breakpoints.contains(&line)) {
                (true, true) => "->#",
                (true, false) => "-> ",
                (false, true) => "  #",
                (false, false) => "   ",
            }
        };
        let text = line_text.map_or("<out of range source code line>", String::as_str);
        self.say(format!("{mark}{line:<3} {text}"));
    }

    /// Shows the source around a line; 0 is where it stands.
    fn list(&self, around: usize, context: usize) {
        let around = if around == 0 { self.state.borrow().line } else { around };
        let last = around.saturating_add(context).min(self.source.len());
        (around.saturating_sub(context).max(1)..=last).for_each(|line| self.say_source(line));
    }

    fn print_all(&self, lua: &Lua) {
        let locals = locals(lua, 0);
        if locals.is_empty() {
            self.say("No local variables in the current context.".into());
        }
        for (name, value) in locals {
            self.say_some(format!("<value> {name} = {}", shown(&value)));
        }
    }

    fn print(&self, lua: &Lua, name: &str) {
        let frames = (0..).take_while(|&level| lua.inspect_stack(level, |_| ()).is_some());
        let of_frame = |level| locals(lua, level).into_iter().filter(|(known, _)| known == name).last();
        let local = frames.filter_map(of_frame).next();
        let global =
            || matches!(name, "KEYS" | "ARGV").then(|| lua.globals().get::<Value>(name).ok()).flatten();
        match local.map(|(_, value)| value).or_else(global) {
            Some(value) => self.say_some(format!("<value> {}", shown(&value))),
            None => self.say("No such variable.".into()),
        }
    }

    fn set_breakpoints(&self, words: &[String]) {
        if words.is_empty() {
            return self.list_breakpoints();
        }
        for word in words {
            let line = word.trim_start_matches('-').parse::<usize>();
            match line {
                Err(_) => self.say(format!("Invalid argument:'{word}'")),
                Ok(0) => {
                    self.state.borrow_mut().breakpoints.clear();
                    self.say("All breakpoints removed.".into());
                }
                Ok(line) if word.starts_with('-') => {
                    let there = self.state.borrow().breakpoints.len();
                    self.state.borrow_mut().breakpoints.retain(|&known| known != line);
                    let is_gone = self.state.borrow().breakpoints.len() < there;
                    self.say(
                        if is_gone { "Breakpoint removed." } else { "No breakpoint in the specified line." }
                            .into(),
                    );
                }
                Ok(line) if line > self.source.len() => self.say("Wrong line number.".into()),
                Ok(_) if self.state.borrow().breakpoints.len() >= BREAKPOINTS_MAX => {
                    self.say("Too many breakpoints set.".into());
                }
                Ok(line) => {
                    self.state.borrow_mut().breakpoints.push(line);
                    self.list(line, 1);
                }
            }
        }
    }

    fn list_breakpoints(&self) {
        let breakpoints = self.state.borrow().breakpoints.clone();
        if breakpoints.is_empty() {
            return self.say("No breakpoints set. Use 'b <line>' to add one.".into());
        }
        self.say(format!("{} breakpoints set:", breakpoints.len()));
        breakpoints.into_iter().for_each(|line| self.say_source(line));
    }

    fn trace(&self, lua: &Lua) {
        let frame_at = |level| {
            lua.inspect_stack(level, |frame| {
                let name =
                    frame.names().name.map_or_else(|| "top level".to_owned(), |name| name.into_owned());
                frame.current_line().filter(|_| is_script(frame)).map(|line| (name, line))
            })
        };
        for (level, frame) in (0..).map_while(frame_at).enumerate() {
            let Some((name, line)) = frame else { continue };
            self.say(format!("{} {name}:", if level == 0 { "In" } else { "From" }));
            self.say_source(line);
        }
    }

    fn evaluate(&self, lua: &Lua, code: &[u8]) {
        let load =
            |code: &[u8]| lua.load(code).set_name("@ldb_eval").set_mode(ChunkMode::Text).into_function();
        let function = load(&[b"return ", code].concat()).or_else(|_| load(code));
        // In a coroutine it is asked whether to go on: here, within a hook, it would not be.
        match function.and_then(|function| lua.create_thread(function)?.resume::<Value>(())) {
            Ok(value) => self.say_some(format!("<retval> {}", shown(&value))),
            Err(error) => self.say_some(format!("<error> {}", reason(&error))),
        }
    }

    fn run_command(&self, argv: &[Vec<u8>]) {
        let argv: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
        let mut reply = Reply::new(Protocol::Resp2);
        ask(|host| host.call(&argv, &mut reply));
    }

    fn limit(&self, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            let mut state = self.state.borrow_mut();
            state.shown_bytes = if bytes == 0 { 0 } else { bytes.max(SHOWN_BYTES_MIN) };
            state.has_hinted = true;
        }
        let limit = self.state.borrow().shown_bytes;
        self.say(match limit {
            0 => "<value> replies are unlimited.".into(),
            limit => format!("<value> replies are truncated at {limit} bytes."),
        });
    }

    fn is_stepping(&self) -> bool {
        self.state.borrow().steps
    }
}

/// The host of a script that is debugged: its commands are shown.
pub(super) struct Watched<'h> {
    pub(super) host: &'h mut dyn Host,
    pub(super) talk: &'h mut dyn Talk,
    pub(super) debugger: Rc<Debugger>,
}

impl Host for Watched<'_> {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) {
        if !self.debugger.is_stepping() {
            return self.host.call(argv, reply);
        }
        let words: Vec<_> = argv.iter().map(|word| String::from_utf8_lossy(word)).collect();
        self.debugger.say(format!("<redis> {}", words.join(" ")));
        self.host.call(argv, reply);
        let bytes = copied(reply);
        self.debugger.say_some(format!("<reply> {}", for_people(&mut bytes.as_slice()).unwrap_or_default()));
    }

    fn may_run(&mut self, argv: &[&[u8]]) -> Option<bool> {
        self.host.may_run(argv)
    }

    fn set_replication(&mut self, flags: u8) {
        self.host.set_replication(flags);
    }

    fn interrupted(&mut self) -> Option<String> {
        self.host.interrupted()
    }

    fn is_ending(&self) -> bool {
        self.host.is_ending()
    }

    fn talk(&mut self) -> Option<&mut dyn Talk> {
        Some(self.talk)
    }
}

/// The text of an error, without the trace that mlua adds.
fn reason(error: &mlua::Error) -> String {
    let text = match error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        error => raised(error).map_or_else(|| plain_text(error), ToString::to_string),
    };
    text.split("\nstack traceback:").next().unwrap_or_default().to_owned()
}

/// The bytes of a reply, which is left as it is.
fn copied(reply: &mut Reply) -> Vec<u8> {
    let output = reply.output();
    if let Some(bytes) = output.single() {
        return bytes.clone();
    }
    let bytes: Vec<u8> = output.take().iter().flat_map(|segment| segment.bytes()).copied().collect();
    reply.raw(&bytes);
    bytes
}

/// The first reply in `bytes` as people read it, and what is behind it; None if it is broken off.
fn for_people(bytes: &mut &[u8]) -> Option<String> {
    let end = memchr::memchr(b'\r', bytes)?;
    let (line, rest) = bytes.split_at(end);
    *bytes = rest.get(2..)?;
    let (kind, body) = line.split_first()?;
    let body_text = String::from_utf8_lossy(body);
    let count = || usize::try_from(body_text.parse::<i64>().ok()?).ok();
    let list =
        |bytes: &mut &[u8], count: usize| (0..count).map(|_| for_people(bytes)).collect::<Option<Vec<_>>>();
    Some(match kind {
        b'$' | b'=' => match count() {
            None => "NULL".into(),
            Some(count) => {
                let text = quote(bytes.get(..count)?);
                *bytes = bytes.get(count + 2..)?;
                text
            }
        },
        b'*' | b'>' => match count() {
            None => "NULL".into(),
            Some(count) => format!("[{}]", list(bytes, count)?.join(",")),
        },
        b'~' => format!("~({})", list(bytes, count()?)?.join(",")),
        b'%' => {
            let pairs = list(bytes, 2 * count()?)?;
            let pairs: Vec<String> = pairs.chunks(2).map(|pair| pair.join(" => ")).collect();
            format!("{{{}}}", pairs.join(","))
        }
        b'_' => "(null)".into(),
        b'#' => if body == b"t" { "#true" } else { "#false" }.into(),
        b',' => format!("(double) {body_text}"),
        b':' => body_text.into_owned(),
        _ => quote(line),
    })
}

fn is_script(frame: &Debug<'_>) -> bool {
    frame.source().short_src.is_some_and(|source| source.contains("user_script"))
}

/// The local variables of the function at a level; temporaries, whose names are in brackets, are none.
fn locals(lua: &Lua, level: usize) -> Vec<(String, Value)> {
    let found = (1..).map_while(|place| stack::local(lua, level, place));
    found.filter(|(name, _)| !name.starts_with('(')).collect()
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    let mut text = String::new();
    show(&mut text, value, 0);
    text
}

fn show(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Nil => text.push_str("nil"),
        Value::Boolean(value) => text.push_str(&value.to_string()),
        Value::String(bytes) => text.push_str(&quote(&bytes.as_bytes())),
        Value::Integer(number) => text.push_str(&general(*number as f64)),
        Value::Number(number) => text.push_str(&general(*number)),
        Value::Table(_) if depth >= DEPTH_MAX || text.len() > VALUE_BYTES_MAX => {
            text.push_str("<max recursion level reached! Nested table?>");
        }
        Value::Table(table) => {
            let pairs: Vec<(Value, Value)> = table.pairs().filter_map(Result::ok).collect();
            let is_list = pairs.iter().zip(1..).all(|((key, _), index)| is_number(key, index));
            text.push('{');
            for (place, (key, value)) in pairs.iter().enumerate() {
                if place > 0 {
                    text.push_str("; ");
                }
                if text.len() > VALUE_BYTES_MAX {
                    text.push_str("...");
                    break;
                }
                if !is_list {
                    text.push('[');
                    show(text, key, depth + 1);
                    text.push_str("]=");
                }
                show(text, value, depth + 1);
            }
            text.push('}');
        }
        other => text.push_str(&format!("\"{}@{:p}\"", type_name(other), other.to_pointer())),
    }
}

fn is_number(value: &Value, expected: i64) -> bool {
    match value {
        Value::Integer(number) => *number == expected,
        Value::Number(number) => *number == expected as f64,
        _ => false,
    }
}

/// As C's `%g`.
fn general(number: f64) -> String {
    let mut text = Vec::new();
    push_general(&mut text, number, 6);
    String::from_utf8(text).unwrap_or_default()
}
