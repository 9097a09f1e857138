//! Scripts against a host that knows a few commands. What each gives is what Redis 7.2.4 was seen to give.

use std::collections::VecDeque;

use super::*;
use crate::resp::{Protocol, Reply};

mod functions;

#[derive(Default)]
struct Fake {
    protocol_seen: Option<Protocol>,
    replication: Option<u8>,
    calls: Vec<Vec<Vec<u8>>>,
    questions_until_end: Option<usize>,
}

impl Host for Fake {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) {
        self.calls.push(argv.iter().map(|argument| argument.to_vec()).collect());
        self.protocol_seen = Some(reply.protocol());
        match (argv[0], argv.get(1).copied().unwrap_or_default()) {
            (b"echo", text) => reply.bulk(text),
            (b"raw", bytes) => reply.raw(bytes),
            (b"get", b"") => reply.error("ERR Wrong number of args calling Redis command from script"),
            (b"get", _) => reply.null(),
            (b"deep", _) => reply.count(deep(250)),
            (b"panic", _) => panic!("thrown by the host"),
            _ => reply.error("ERR Unknown Redis command called from script"),
        }
    }

    fn may_run(&mut self, argv: &[&[u8]]) -> Option<bool> {
        (argv[0] != b"foo").then_some(argv[0] == b"get")
    }

    fn set_replication(&mut self, flags: u8) {
        self.replication = Some(flags);
    }

    fn interrupted(&mut self) -> Option<String> {
        let left = self.questions_until_end.as_mut()?;
        *left = left.saturating_sub(1);
        (*left == 0).then(|| "ERR Script killed by user with SCRIPT KILL...".to_owned())
    }
}

fn output(reply: &mut Reply) -> String {
    let bytes: Vec<u8> = reply.output().take().iter().flat_map(|segment| segment.bytes().to_vec()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The reply to `EVAL source 1 k1 a1`; SHA stands for the script's name.
fn eval(interpreter: &mut Interpreter, source: &str, protocol: Protocol) -> String {
    let sha = sha1_hex(source.as_bytes());
    let mut reply = Reply::new(protocol);
    if let Err(text) = interpreter.compile(&sha, source.as_bytes()) {
        return format!("-{}\r\n", String::from_utf8_lossy(&text));
    }
    match interpreter.run(&sha, &[b"k1"], &[b"a1"], &mut Fake::default(), &mut reply) {
        Ok(()) => output(&mut reply),
        Err(failure) => {
            let mut reply = Reply::new(protocol);
            reply.error(String::from_utf8_lossy(&failure.text).replace(sha.as_str(), "SHA"));
            output(&mut reply)
        }
    }
}

/// Scripts with the replies of Redis 7.2.4, `SHA` standing for their names; cases are separated by lines of dashes.
const REPLIES: &str = include_str!("tests/replies.txt");

#[test]
fn replies_of_redis() {
    let mut wrong = Vec::new();
    for case in REPLIES.trim_end().split("\n---\n") {
        let (source, expected) = case.rsplit_once("\n=> ").unwrap();
        let expected = unescape(expected);
        let found = eval(&mut Interpreter::new(), source, Protocol::Resp2);
        if found != expected {
            wrong.push(format!("{source}\n   expected {expected:?}\n   found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} replies differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn unescape(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0").replace("\\x1b", "\x1b")
}

fn check_all(cases: &[(&str, &str)], protocol: Protocol) {
    let mut interpreter = Interpreter::new();
    for (source, expected) in cases {
        assert_eq!(eval(&mut interpreter, source, protocol), *expected, "{source}");
    }
}

#[test]
fn replies_of_resp3_become_lua_values() {
    let check = |bytes: &str, expression: &str, expected: &str| {
        let source =
            format!("redis.setresp(3) local r = redis.call('raw', '{bytes}') return tostring({expression})");
        let found = eval(&mut Interpreter::new(), &source, Protocol::Resp2);
        assert_eq!(found, format!("${}\r\n{expected}\r\n", expected.len()), "{source}");
    };
    check(r"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n*1\r\n:2\r\n", "r.map.b[1]", "2");
    check(r"~2\r\n:1\r\n$1\r\nb\r\n", "r.set.b", "true");
    check(r",1.5\r\n", "r.double", "1.5");
    check(r",inf\r\n", "r.double", "inf");
    check(r"#t\r\n", "r", "true");
    check(r"#f\r\n", "r", "false");
    check(r"_\r\n", "r", "nil");
    check(r"*3\r\n:1\r\n_\r\n:3\r\n", "r[3]", "3");
    check(r"(12345678901234567890\r\n", "r.big_number", "12345678901234567890");
    check(r"=6\r\ntxt:hi\r\n", "r.verbatim_string.format .. r.verbatim_string.string", "txthi");
    check(r"|1\r\n+a\r\n*1\r\n:1\r\n$1\r\nx\r\n", "r", "x");
    check(r"*-1\r\n", "r", "false");
    check(r"$3\r\n\255\254\0\r\n", "#r", "3");
    check(r"*2\r\n$1\r\n\255\r\n-ERR x\r\n", "r[2].err", "ERR x");
    check(r"+OK\r\n", "r.ok", "OK");
}

#[test]
fn returned_values_in_resp3() {
    let cases = [
        ("return true", ":1\r\n"),
        ("return false", "_\r\n"),
        ("redis.setresp(3) return true", "#t\r\n"),
        ("redis.setresp(3) return {false, true}", "*2\r\n#f\r\n#t\r\n"),
        ("return {double = 1.5}", ",1.5\r\n"),
        ("return {big_number = '12\\r\\n3'}", "(12  3\r\n"),
        ("return {map = {a = 1}}", "%1\r\n$1\r\na\r\n:1\r\n"),
        ("return {set = {a = true}}", "~1\r\n$1\r\na\r\n"),
        ("return {verbatim_string = {string = 'abc', format = 'txt'}}", "=7\r\ntxt:abc\r\n"),
        ("return {map = {a = {set = {}}}}", "%1\r\n$1\r\na\r\n~0\r\n"),
    ];
    check_all(&cases, Protocol::Resp3);
}

#[test]
fn malformed_replies_are_errors() {
    for bytes in [
        "",
        "*2\\r\\n:1\\r\\n",
        "$9\\r\\nabc\\r\\n",
        "?\\r\\n",
        ":x\\r\\n",
        "*99999999999\\r\\n",
        "%-1\\r\\n",
    ] {
        let found =
            eval(&mut Interpreter::new(), &format!("return redis.call('raw', '{bytes}')"), Protocol::Resp2);
        assert!(found.starts_with("-ERR malformed reply"), "{bytes}: {found}");
    }
}

#[test]
fn nothing_leads_out_of_the_sandbox_or_into_another_script() {
    let mut interpreter = Interpreter::new();
    let attempts = [
        "setfenv(0, {})",
        "setfenv(2, {})",
        "setfenv(pairs, {})",
        "setfenv(redis.call, {})",
        "getfenv(pairs).x = 1",
        "getfenv(0).x = 1",
        "getfenv(coroutine.wrap(function() end)).x = 1",
        "getmetatable('').__index = nil",
        "getmetatable('').__index.rep = nil",
        "getmetatable('').foo = 1",
        "setmetatable(getmetatable(''), {})",
        "getmetatable(_G).__index = nil",
        "rawset(getmetatable(_G), '__index', nil)",
        "string.rep = nil",
        "_G._G.string.rep = nil",
        "redis.call = nil",
        "for _, v in pairs(_G) do if type(v) == 'table' and v ~= KEYS and v ~= ARGV then v.x = 1 end end",
    ];
    for source in attempts {
        let found = eval(&mut interpreter, source, Protocol::Resp2);
        assert!(found.starts_with("-ERR "), "{source}: {found}");
    }
    // These go through, and leave nothing.
    let harmless = [
        "setfenv(1, {})",
        "table.insert(redis, 'left')",
        "table.insert(_G, 'left')",
        "rawset(getmetatable(newproxy(true)), '__gc', function() redis.call('set', 'stolen') end)",
        "getmetatable(newproxy(true)).__gc = function() redis.call('set', 'stolen') end",
        "KEYS.left, ARGV.left = 1, 1",
        "coroutine.wrap(function() while true do coroutine.yield() end end)()",
        "collectgarbage('stop')",
    ];
    for _ in 0..60 {
        for source in harmless {
            let found = eval(&mut interpreter, source, Protocol::Resp2);
            assert!(found == "$-1\r\n" || found == ":0\r\n", "{source}: {found}");
        }
    }
    // What table.insert put into locked tables goes after some runs.
    for _ in 0..60 {
        eval(&mut interpreter, "return 1", Protocol::Resp2);
    }
    let clean = "collectgarbage() return {redis[1] == nil, #redis, rawget(_G, 1) == nil, KEYS.left == nil, \
                 type(('x').rep), type(redis.call)}";
    assert_eq!(
        eval(&mut interpreter, clean, Protocol::Resp2),
        "*6\r\n:1\r\n:0\r\n:1\r\n:1\r\n$8\r\nfunction\r\n$8\r\nfunction\r\n"
    );
}

#[test]
fn a_script_that_must_end_cannot_catch_it() {
    let sources = [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "local c = coroutine.wrap(function() while true do end end) while true do pcall(c) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do load(function() while true do end end) end",
        "while true do redis.pcall('echo', 'x') end",
    ];
    let mut interpreter = Interpreter::new();
    for source in sources {
        let sha = sha1_hex(source.as_bytes());
        interpreter.compile(&sha, source.as_bytes()).unwrap();
        let mut host = Fake { questions_until_end: Some(3), ..Fake::default() };
        let ended = interpreter.run(&sha, &[], &[], &mut host, &mut Reply::new(Protocol::Resp2)).unwrap_err();
        let expected = format!(
            "ERR Script killed by user with SCRIPT KILL... script: {}, on @user_script:1.",
            sha.as_str()
        );
        assert_eq!(String::from_utf8_lossy(&ended.text), expected, "{source}");
        assert_eq!(
            eval(&mut interpreter, "return 'well'", Protocol::Resp2),
            "$4\r\nwell\r\n",
            "after {source}"
        );
    }
}

#[test]
fn a_panic_of_the_host_goes_through() {
    let mut interpreter = Interpreter::new();
    let thrown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eval(&mut interpreter, "pcall(redis.call, 'panic') return 'went on'", Protocol::Resp2)
    }));
    assert_eq!(thrown.unwrap_err().downcast_ref::<&str>(), Some(&"thrown by the host"));
    assert_eq!(eval(&mut interpreter, "return 1", Protocol::Resp2), ":1\r\n");
}

#[test]
fn depth_is_limited() {
    let mut interpreter = Interpreter::new();
    let found = eval(&mut interpreter, "local t = {} t[1] = t return t", Protocol::Resp2);
    assert!(found.starts_with("*1\r\n*1\r\n") && found.ends_with("*1\r\n-ERR reached lua stack limit\r\n"));
    let maps = "local t = {} t.map = {a = t} return t";
    assert!(eval(&mut interpreter, maps, Protocol::Resp3).ends_with("-ERR reached lua stack limit\r\n"));
    let many = "return #{redis.call('raw', string.rep('*1\\r\\n', 150) .. ':1\\r\\n')}";
    assert_eq!(eval(&mut interpreter, many, Protocol::Resp2), ":1\r\n");
    // As many as unpack gives: there is no room on the stack for anything else.
    let arguments = "local t = {} for i = 1, 7999 do t[i] = 'x' end return redis.call('echo', unpack(t))";
    assert_eq!(eval(&mut interpreter, arguments, Protocol::Resp2), "$1\r\nx\r\n");
    let deep = "local function f(n) if n == 0 then error('deep') end return (f(n - 1)) end f(10000)";
    assert!(
        eval(&mut interpreter, deep, Protocol::Resp2).starts_with("-ERR user_script:1: deep script: SHA")
    );
}

#[test]
fn scripts_are_many_and_stay_small() {
    let mut interpreter = Interpreter::new();
    for number in 0..10_000 {
        assert_eq!(
            eval(&mut interpreter, &format!("return {number}"), Protocol::Resp2),
            format!(":{number}\r\n")
        );
    }
    let before = interpreter.script_memory_bytes();
    for _ in 0..2_000 {
        let source = "local t = {} for i = 1, 100 do t[i] = {i} end return #t";
        assert_eq!(eval(&mut interpreter, source, Protocol::Resp2), ":100\r\n");
    }
    let after = interpreter.script_memory_bytes();
    assert!(after < 2 * before, "{before} bytes became {after}");
    let sha = sha1_hex(b"return 7");
    assert!(interpreter.has(&sha));
    interpreter.forget_scripts();
    assert!(!interpreter.has(&sha) && interpreter.script_memory_bytes() == 0);
}

#[test]
fn what_a_script_asks_reaches_the_host() {
    let mut interpreter = Interpreter::new();
    let source = b"redis.setresp(3) redis.set_repl(redis.REPL_AOF) redis.call('echo', 'a', 1.5, 7) return redis.acl_check_cmd('set')";
    let sha = sha1_hex(source);
    interpreter.compile(&sha, source).unwrap();
    let (mut host, mut reply) = (Fake::default(), Reply::new(Protocol::Resp2));
    interpreter.run(&sha, &[], &[], &mut host, &mut reply).unwrap();
    assert_eq!(output(&mut reply), ":0\r\n");
    assert_eq!(host.calls, [[b"echo".to_vec(), b"a".to_vec(), b"1.5".to_vec(), b"7".to_vec()]]);
    assert_eq!((host.protocol_seen, host.replication), (Some(Protocol::Resp3), Some(1)));
    // The next run begins anew.
    interpreter.run(&sha1_hex(b"?"), &[], &[], &mut host, &mut reply).unwrap_err();
    assert_eq!(eval(&mut interpreter, "return redis.call('raw', '$-1\\r\\n')", Protocol::Resp2), "$-1\r\n");
}

/// The other end of a debugging session: orders, and what came back.
#[derive(Default)]
struct Script {
    orders: VecDeque<&'static str>,
    said: Vec<String>,
}

impl Talk for Script {
    fn say(&mut self, lines: &[Vec<u8>]) {
        self.said.extend(lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()));
    }

    fn hear(&mut self) -> Heard {
        let order = self.orders.pop_front().map(|order| order.split(' ').map(|word| word.into()).collect());
        order.map_or(Heard::Over, Heard::Order)
    }
}

/// What debugging `source` with these orders shows, between the first stop and the end, and what it returns.
fn debug(source: &str, orders: &[&'static str]) -> (Vec<String>, String) {
    let mut interpreter = Interpreter::new();
    let sha = sha1_hex(source.as_bytes());
    interpreter.compile(&sha, source.as_bytes()).unwrap();
    let (mut host, mut reply) = (Fake::default(), Reply::new(Protocol::Resp2));
    let mut talk = Script { orders: orders.iter().copied().collect(), said: Vec::new() };
    let script = (&sha, source.as_bytes());
    let result = interpreter.debug(script, (&[], &[b"1"]), &mut host, &mut talk, &mut reply);
    if let Err(failure) = result {
        reply.error(String::from_utf8_lossy(&failure.text).replace(sha.as_str(), "SHA"));
    }
    assert_eq!(talk.said.pop().as_deref(), Some("<endsession>"));
    // It is not debugged again.
    interpreter.run(&sha, &[], &[b"1"], &mut Fake::default(), &mut Reply::new(Protocol::Resp2)).unwrap();
    (talk.said.split_off(2), output(&mut reply))
}

#[test]
fn a_debugger_stops_shows_and_goes_on() {
    let source = "local t = {1, 'two', {a = true}}\nlocal function f(x)\n  return x + 1\nend\nredis.debug(t, 5)\n\
                  local n = f(ARGV[1])\nredis.breakpoint()\nreturn redis.call('echo', n)\n";
    let check = |orders: &[&'static str], expected: &[&str], returned: &str| {
        let (said, output) = debug(source, orders);
        assert_eq!(said, expected, "{orders:?}");
        assert_eq!(output, returned, "{orders:?}");
    };
    let two = "$1\r\n2\r\n";
    check(&[], &[], two);
    check(
        &["step", "print"],
        &[
            "* Stopped at 4, stop reason = step over",
            "-> 4   end",
            "<value> t = {1; \"two\"; {[\"a\"]=true}}",
        ],
        two,
    );
    check(
        &["b 3 99", "c", "p x", "p t", "p nope", "t", "b -3"],
        &[
            "   2   local function f(x)",
            "  #3     return x + 1",
            "   4   end",
            "Wrong line number.",
            "<debug> line 5: {1; \"two\"; {[\"a\"]=true}}, 5",
            "* Stopped at 3, stop reason = break point",
            "->#3     return x + 1",
            "<value> \"1\"",
            "<value> {1; \"two\"; {[\"a\"]=true}}",
            "No such variable.",
            "In f:",
            "->#3     return x + 1",
            "From top level:",
            "   6   local n = f(ARGV[1])",
            "Breakpoint removed.",
        ],
        two,
    );
    let stopped = [
        "<debug> line 5: {1; \"two\"; {[\"a\"]=true}}, 5",
        "* Stopped at 8, stop reason = redis.breakpoint() called",
        "-> 8   return redis.call('echo', n)",
    ];
    check(&["c", "s"], &[&stopped[..], &["<redis> echo 2", "<reply> \"2\""]].concat(), two);
    check(&["c", "l 1 0", "c"], &[&stopped[..], &["   1   local t = {1, 'two', {a = true}}"]].concat(), two);
    check(
        &["e 1 + 1, 7", "e error('x', 0)", "e nothing", "e (", "r nosuch", "?", "m 5", "p ARGV"],
        &[
            "<retval> 2",
            "<error> x",
            "<error> ldb_eval:1: Script attempted to access nonexistent global variable 'nothing'",
            "<error> ldb_eval:1: unexpected symbol near '<eof>'",
            "<redis> nosuch",
            "<reply> \"-ERR Unknown Redis command called from script\"",
            "<error> Unknown Redis Lua debugger command or wrong number of arguments.",
            "<value> replies are truncated at 60 bytes.",
            "<value> {\"1\"}",
        ],
        two,
    );
    check(&["a"], &[], "-ERR script aborted for user request script: SHA, on @user_script:1.\r\n");
}

#[test]
fn errors_of_commands_are_known_as_counted() {
    let mut interpreter = Interpreter::new();
    let mut check = |source: &str, counted: bool| {
        let sha = sha1_hex(source.as_bytes());
        interpreter.compile(&sha, source.as_bytes()).unwrap();
        let failure = interpreter
            .run(&sha, &[], &[], &mut Fake::default(), &mut Reply::new(Protocol::Resp2))
            .unwrap_err();
        assert_eq!(failure.counted, counted, "{source}");
    };
    check("redis.call('foo')", true);
    check("error(redis.pcall('foo'))", true);
    check("redis.call()", false);
    check("error('x')", false);
}

/// Uses a megabyte of stack.
fn deep(depth: usize) -> usize {
    let page = std::hint::black_box([0_u8; 4096]);
    if depth == 0 {
        usize::from(page[0])
    } else {
        deep(depth - 1) + std::hint::black_box(usize::from(page[1]))
    }
}

#[test]
fn recursion_and_a_command_below_fit_a_thread() {
    let cases = [
        "local function f() redis.pcall('deep') return string.gsub('x', '.', f) end return f()",
        "local function f() return string.gsub('x', '.', f) end return f()",
        "local function f() return pcall(f) end return f()",
        "local function f() return coroutine.wrap(f)() end return f()",
        "local function f() return string.format('%s', setmetatable({}, {__tostring = f})) end return tostring(f())",
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 'x'] end return t.x",
        "local s = string.rep('(', 300) return tostring(loadstring(s))",
    ];
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        for source in cases {
            eval(&mut Interpreter::new(), source, Protocol::Resp2);
        }
    });
    thread.unwrap().join().unwrap();
}
