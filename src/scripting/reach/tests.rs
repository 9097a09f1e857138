use super::*;
use crate::base::clock;
use proptest::prelude::*;

/// A few commands with keys in different places.
fn command(name: &[u8]) -> Option<CallShape> {
    let (first, last, step, writes) = match name {
        b"ping" => (0, 0, 0, false),
        b"get" | b"exists1" => (1, 1, 1, false),
        b"set" => (1, 1, 1, true),
        b"del" => (1, -1, 1, true),
        b"mset" => (1, -1, 2, true),
        b"rename" => (1, 2, 1, true),
        b"blpop" => (1, -2, 1, true),
        b"object" => (2, 2, 1, false),
        _ => return None,
    };
    Some(CallShape { first, last, step, writes })
}

fn script(source: &str) -> Reach {
    of_script(source.as_bytes(), command)
}

const READS: Reach = Reach::Declared { writes: false };
const WRITES: Reach = Reach::Declared { writes: true };

#[track_caller]
fn check(expected: Reach, sources: &[&str]) {
    for source in sources {
        assert_eq!(script(source), expected, "{source}");
    }
}

#[test]
fn scripts_that_reach_their_keys_only() {
    check(
        READS,
        &[
            "",
            "return 1",
            "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])",
            "#!lua",
            "redis.call('PING')",
            "redis.call('ping', tostring(1))",
            "return redis.pcall('Get', KEYS[1])",
            "return redis.call('GET', KEYS[#KEYS])",
            "return redis.call('GET', KEYS[tonumber(ARGV[1]) + 1])",
            "return redis['call']('get', KEYS[1])",
            "return redis . call ( \"get\" , --[[ key ]] KEYS [ 1 ] )",
            "redis.call'ping'",
            "return {KEYS[1], #KEYS, ARGV[1], #ARGV, ARGV}",
            "return #KEYS + -#KEYS .. '' == #KEYS",
            "return redis.call('object', 'encoding', KEYS[1])",
            "return redis.call('get')",
            "return redis.call('get', KEYS[1], unpack(ARGV))",
            "return redis.call('get', KEYS[1], ...)",
            "return redis.error_reply('x'), redis.status_reply('y'), redis.sha1hex('z')",
            "redis.log(redis.LOG_WARNING, 'x') redis.setresp(3)",
            "return redis.call('get', KEYS[1])['ok']",
            "return (redis.call('get', KEYS[1]))",
            "local call = redis.call return call('get', KEYS[1])",
            "local k, call = KEYS[1], redis.pcall local function f() return call('get', k).ok end return f()",
            "local call = redis.call do local call = tostring call(1) end return call('ping')",
            "local a, b = 1, 2, redis.call",
            "local t = {} t.KEYS = 1 t.redis = t.KEYS return {KEYS = 1, redis = 2}, t",
            "local t = {call = 1} return t.call, t['pcall'], t:call('get')",
            "return cjson.encode({a = 1}) .. string.format('%d', 1) .. ('x'):rep(3)",
            "return pcall(function() return redis.call('get', KEYS[1]) end)",
            "ARGV[1] = 'x' return ARGV[1]",
            "if redis.call('get', KEYS[1]) then return 1 elseif KEYS[2] then return 2 else return 3 end",
            "while not redis.call('get', KEYS[1]) do break end",
            "repeat local x = redis.call('get', KEYS[1]) until x",
            "local function f(...) return select('#', ...) end return f(1, 2)",
            "local t = {1, 2; 3, [4] = 5, x = 6,} return t[1]",
            "return 'redis.call(\"get\", \"x\")' -- redis.call('get', 'x')",
            "--[==[ redis.call('get', 'x') ]==] return [[redis.call('get', 'x')]]",
            "KEYS[1]:upper()",
            "return redis.call('get', KEYS[1]):upper()",
        ],
    );
    check(
        WRITES,
        &[
            "return redis.call('set', KEYS[1], ARGV[1])",
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
            "redis.call('set', KEYS[1], redis.call('get', KEYS[2]))",
            "return redis.call('mset', KEYS[1], 'x', KEYS[2], 'y')",
            "return redis.call('del', KEYS[1], KEYS[2], KEYS[3])",
            "return redis.call('rename', KEYS[1], KEYS[2])",
            "return redis.call('blpop', KEYS[1], KEYS[2], 0)",
            "return redis.call('blpop', KEYS[1], ARGV[1])",
            "return redis.call('mset', KEYS[1])",
            "for i = 1, #KEYS do redis.call('del', KEYS[i]) end",
            "local function drop(i) redis.call('del', KEYS[i]) end drop(1)",
        ],
    );
}

#[test]
fn locals_that_hold_keys() {
    check(
        READS,
        &[
            "local k = KEYS[1] return redis.call('get', k)",
            "local k; k = KEYS[1] return redis.call('get', k)",
            "local k = KEYS[1] if ARGV[1] then k = KEYS[2] end return redis.call('get', k)",
            "local a, b = KEYS[1], KEYS[2] return redis.call('get', b)",
            "local a, b = KEYS[1] return redis.call('get', b)",
            "local a, b, c = 1, KEYS[1], tostring(2) return redis.call('get', b)",
            "local a, b a, b = ARGV[1], KEYS[1] return redis.call('get', b)",
            "local k = KEYS[1] local l = k return redis.call('get', l)",
            "local k = KEYS[1] local function f() return redis.call('get', k) end return f()",
            "local k = 'x' do local k = KEYS[1] redis.call('get', k) end",
            "local k = 'x' local k = KEYS[1] return redis.call('get', k)",
            "local k = KEYS[1] do local k = 'x' end return redis.call('get', k)",
            "local k = KEYS[1] for k = 1, 2 do end return redis.call('get', k)",
            "local k = KEYS[1] local f = function(k) return k end return redis.call('get', k)",
            "for i, k in ipairs(KEYS) do redis.call('get', k) end",
            "for _, k in pairs(KEYS) do local l = k redis.call('get', l) end",
            "repeat local k = KEYS[1] until redis.call('get', k)",
        ],
    );
    check(
        Reach::Anything,
        &[
            "local k = 'x' return redis.call('get', k)",
            "local k = ARGV[1] return redis.call('get', k)",
            "local k = KEYS[1] .. 'x' return redis.call('get', k)",
            "local k = KEYS[1] or 'x' return redis.call('get', k)",
            "local k = not KEYS[1] return redis.call('get', k)",
            "local k = (KEYS[1]) return redis.call('get', k)",
            "local k = KEYS[1]:upper() return redis.call('get', k)",
            "local k = KEYS[1] k = 'x' return redis.call('get', k)",
            "local k = KEYS[1] local function f() k = 'x' end f() return redis.call('get', k)",
            "local k = KEYS[1] while true do redis.call('get', k) k = ARGV[1] end",
            "local k = KEYS[1] local l = k k = 'x' return redis.call('get', l)",
            "local k, l = KEYS[1] l = k k = 'x' return redis.call('get', l)",
            "local a, b = ARGV[1], KEYS[1] return redis.call('get', a)",
            "local a, b = tostring(1) return redis.call('get', b)",
            "local a, b = KEYS[1], ... return redis.call('get', b)",
            "local a, b a, b = KEYS[1], ARGV[1] return redis.call('get', b)",
            "local k = KEYS[1] do local k = 'x' redis.call('get', k) end",
            "local k = KEYS[1] for k = 1, 2 do redis.call('get', k) end",
            "local k = KEYS[1] for k in pairs(ARGV) do redis.call('get', k) end",
            "local k = KEYS[1] for _, k in ipairs(ARGV) do redis.call('get', k) end",
            "for k in pairs(KEYS) do redis.call('get', k) end",
            "for _, k in ipairs(KEYS) do k = 'x' redis.call('get', k) end",
            "for _, k in next, KEYS do redis.call('get', k) end",
            "local ipairs = ARGV for _, k in ipairs(KEYS) do redis.call('get', k) end",
            "local function f(k) return redis.call('get', k) end return f(KEYS[1])",
            "local k = KEYS[1] local f = function(k) return redis.call('get', k) end return f('x')",
            "local function k() end return redis.call('get', k)",
            "local t = {KEYS[1]} return redis.call('get', t[1])",
            "local t = {} function t:f() return redis.call('get', self) end return t.f('x')",
            "repeat local k = 'x' until redis.call('get', k)",
            "repeat local k = KEYS[1] until true return redis.call('get', k)",
        ],
    );
}

#[test]
fn scripts_whose_keys_are_not_known() {
    check(
        Reach::Anything,
        &[
            // Keys that are not declared, or not surely.
            "return redis.call('get', 'x')",
            "return redis.call('get', ARGV[1])",
            "return redis.call('get', KEYS[1] .. ':x')",
            "return redis.call('get', (KEYS[1]))",
            "return redis.call('get', KEYS['1'])",
            "return redis.call('get', KEYS[1], redis.call('get', 'x'))",
            "return redis.call('rename', KEYS[1], 'x')",
            "return redis.call('mset', KEYS[1], 'x', 'y', 'z')",
            "return redis.call('del', KEYS[1], 'x')",
            "return redis.call('blpop', KEYS[1], 'x', 0)",
            "return redis.call('object', 'encoding', 'x')",
            "return {f = function() return redis.call('get', 'x') end}",
            // Arguments whose number is not known.
            "return redis.call('del', unpack(KEYS))",
            "return redis.call('del', KEYS[1], unpack(ARGV))",
            "return redis.call('del', KEYS[1], ...)",
            "return redis.call('del', KEYS[1], ARGV:x())",
            "return redis.call('mset', KEYS[1], unpack(ARGV))",
            "return redis.call('blpop', KEYS[1], tostring(0))",
            "return redis.call('get', tostring(1))",
            "return redis.call('rename', KEYS[1], tostring(1))",
            "return redis.call('object', tostring(1))",
            "return redis.call(unpack(ARGV))",
            "return redis.call(...)",
            // Commands that are not known.
            "return redis.call()",
            "return redis.call('keys', '*')",
            "return redis.call('eval', 'x', 0)",
            "return redis.call(ARGV[1], KEYS[1])",
            "return redis.call('g' .. 'et', KEYS[1])",
            "return redis.call(('get'), KEYS[1])",
            "return redis.call('g\\101t', KEYS[1])",
            "return redis.call([[get]], KEYS[1])",
            "return redis.call{'get', KEYS[1]}",
            "return redis.call(1, KEYS[1])",
            // KEYS that goes somewhere.
            "return KEYS",
            "local k = KEYS",
            "local k, l = 1, KEYS",
            "return {KEYS}",
            "return tostring(KEYS)",
            "return unpack(KEYS)",
            "return (KEYS)[1]",
            "return #(KEYS)",
            "return -KEYS",
            "return # - KEYS",
            "for i = 1, KEYS do end",
            "return KEYS.x",
            "return KEYS:x()",
            "return KEYS()",
            "return KEYS == 1",
            "return KEYS ^ 2",
            "local x = function() return KEYS end",
            "for _, k in ipairs(KEYS, 1) do end",
            "for _, k in ipairs(KEYS), 1 do end",
            "for _, k in select(KEYS) do end",
            "local _, t = pairs(KEYS) t[1] = 'x'",
            // KEYS that changes or is another one.
            "KEYS[1] = 'x'",
            "local a a, KEYS[1] = 1, 2",
            "KEYS[1].x = 1",
            "KEYS = {}",
            "table.insert(KEYS, 'x')",
            "local KEYS = {'x'}",
            "local function KEYS() end",
            "for KEYS = 1, 2 do end",
            "for a, KEYS in ipairs(ARGV) do end",
            "return function(KEYS) end",
            "function KEYS() end",
            "function KEYS.x() end",
            // redis that goes somewhere, changes or is another one.
            "return redis",
            "local r = redis",
            "local r = {redis.call}",
            "local r = (redis.call)",
            "local r = redis.call or 1",
            "local r r = redis.call",
            "local r = redis.call return r",
            "local r = redis.call local s = r",
            "local r = redis.call r = 1",
            "local r = redis.call return r('get', 'x')",
            "local r = redis.call return r:x('get')",
            "local r = redis.call return pcall(r, 'get', KEYS[1])",
            "local r = redis.call return (r)('get', KEYS[1])",
            "local r = redis.call local function f() r = nil end",
            "local r = redis.call function r() end",
            "local r, s = redis['pcall'], 1 return r(ARGV[1])",
            "local function f() return redis.call end",
            "return pcall(redis.call, 'get', KEYS[1])",
            "return (redis).call('get', KEYS[1])",
            "return (redis.call)('get', KEYS[1])",
            "return redis[ARGV[1]]('get', KEYS[1])",
            "return redis:call('get')",
            "return redis.call:x('get')",
            "return redis.call.x",
            "return redis['c\\097ll']('get', 'x')",
            "return redis.register_function",
            "return redis.breakpoint()",
            "return redis.nosuch",
            "return #redis",
            "for k, v in pairs(redis) do end",
            "redis.call = 1",
            "redis.log = 1",
            "redis.x.y = 1",
            "redis = {}",
            "function redis.call() end",
            "function redis:call() end",
            "local redis = {}",
            "local function redis() end",
            "return function(redis) end",
            "for redis = 1, 2 do end",
            // Globals that could lead there.
            "return _G",
            "return _G.redis.call('get', 'x')",
            "loadstring('x')()",
            "return load(function() end)",
            "return getfenv(0)",
            "setfenv(1, {})",
            "return getmetatable('')",
            "setmetatable({}, {})",
            "rawset({}, 1, 2)",
            "return rawget({}, 1)",
            "return debug.getinfo(1)",
            "return coroutine.create(function() end)",
            "return package.loaded",
            "return require('x')",
            "return server.call('get', 'x')",
            "return arg",
            "return nosuch",
            "x = 1",
            "function f() end",
            "function f.g() end",
            "string.format = 1",
            "function string.format() end",
            "ARGV = {}",
            "local a a, x = 1, 2",
        ],
    );
}

#[test]
fn what_does_not_parse_reaches_anything() {
    check(
        Reach::Anything,
        &[
            "return redis.call('get', KEYS[1]",
            "return 'x",
            "end",
            "if x then",
            "# !lua\nreturn 1",
            "\x1bLua",
            "return 1 2",
            "local 1 = 2",
            "local function a.b() end",
            "for i do end",
            "f",
            "(1)",
            "1 = 2",
            "x.1 = 2",
            "return {1 2}",
            "return function(a,) end",
            "return function(..., a) end",
            "return a.end",
            "goto x",
            "::x::",
            "return 1 // 2",
            "return 1 & 2",
            "a = = 1",
            "until x",
            "\u{feff}return 1",
        ],
    );
}

#[test]
fn nesting_is_bounded() {
    let nested = |open: &str, middle: &str, close: &str, depth: usize| {
        format!("return {}{middle}{}", open.repeat(depth), close.repeat(depth))
    };
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("{", "1", "}"),
        ("ARGV[", "1", "]"),
        ("tostring(", "1", ")"),
        ("function() return ", "1", " end"),
        ("function() if true then return ", "1", " end end"),
    ] {
        assert_eq!(script(&nested(open, middle, close, 20)), READS, "{open}");
        assert_eq!(script(&nested(open, middle, close, 100_000)), Reach::Anything, "{open}");
        assert_eq!(script(&nested(open, "", "", 100_000)), Reach::Anything, "{open}");
    }
    assert_eq!(script(&"do ".repeat(100_000)), Reach::Anything);
    // Not nested, however it looks.
    for (first, repeated, last) in [
        ("return 1", " .. 1", ""),
        ("return ", "not ", "1"),
        ("local t return t", ".x", ""),
        ("local t return t", "[1]", "()"),
        ("local f f", "()", ""),
        ("if true then", " elseif true then", " end"),
    ] {
        assert_eq!(script(&format!("{first}{}{last}", repeated.repeat(10_000))), READS, "{first}");
    }
    let locals = |count| (0..count).map(|at| format!("local x{at} ")).collect::<String>();
    assert_eq!(script(&locals(200)), READS);
    assert_eq!(script(&locals(201)), Reach::Anything);
}

#[test]
fn libraries_without_state() {
    let plain = |source: &str, expected: bool| {
        assert_eq!(keeps_no_state(source.as_bytes()), expected, "{source}");
    };
    let f = "redis.register_function('f', f)";
    for source in [
        "#!lua name=x\nredis.register_function('f', function(keys, args) return 1 end)".to_owned(),
        "redis.register_function{function_name='f', callback=function(k) return k[1] end, flags={'no-writes'}}"
            .to_owned(),
        format!("local function f(keys, args) keys[1] = 'x' args = {{}} return args end {f}"),
        format!("local f = function() local n = 0 n = n + 1 return function() n = n + 1 end end {f}"),
        format!("local LIMIT, NAME = 60 * 60, 'a' .. 'b' local function f() return LIMIT end {f}"),
        format!("local none local function f() return none end {f}"),
        format!("local encode = cjson.encode local function f(k) return encode(k) end {f}"),
        format!("local T = {{1, 'x', a = true, [2] = -1}} local function f(k) return T[k[1]], T.a, #T end {f}"),
        format!("local T = {{1}} local function f() for _, v in ipairs(T) do end end {f}"),
        format!("local T = {{a = function() end}} local function f() return T.a(1) end {f}"),
        format!("local A = {{1}} local B = A[1] local function f() return B end {f}"),
        format!("local function g(t) t.x = 1 return t end local function f() return g({{}}) end {f}"),
        format!("local function f() return redis.call('incr', 'n'), redis.setresp(3), math.random() end {f}"),
        format!("local call = redis.call local function f(k) return call('get', k[1]) end {f}"),
    ] {
        plain(&source, true);
    }
    for source in [
        // What a function assigns to.
        format!("local n = 0 local function f() n = n + 1 return n end {f}"),
        format!("local n local function f() local function g() n = 1 end g() end {f}"),
        format!("local n local function f() for i = 1, 2 do local x x, n = 1, 2 end end {f}"),
        format!("local T = {{}} local function f() T.x = 1 end {f}"),
        format!("local T = {{}} local function f() T[1] = 1 end {f}"),
        format!("local T = {{}} local function f() function T.x() end end {f}"),
        format!("local function f() n = 1 end {f}"),
        format!("local function f() string.x = 1 end {f}"),
        format!("local function f() f = nil end {f}"),
        // Tables that get away.
        format!("local T = {{}} local function f() table.insert(T, 1) end {f}"),
        format!("local T = {{}} local function f() local t = T t.x = 1 end {f}"),
        format!("local T = {{}} local function f() return T end {f}"),
        format!("local T = {{}} local U = T local function f() U.x = 1 end {f}"),
        format!("local T = {{{{}}}} local function f() T[1].x = 1 end {f}"),
        format!("local T = false or {{}} local function f() T.x = 1 end {f}"),
        format!("local T = ({{}}) local function f() T.x = 1 end {f}"),
        format!("local T = {{}} local function f() T:x() end {f}"),
        format!("local T = {{}} local function f() T() end {f}"),
        format!("local T = {{}} local function f() local _, t = pairs(T) t[1] = 2 end {f}"),
        "local T = {} redis.register_function('f', function() end, T)".to_owned(),
        format!("local u = {{}} local T = {{u}} local function f() T[1].x = 1 end {f}"),
        // Calls while it loads, and statements of other kinds.
        format!("local n = (function() local n = 0 return function() n = n + 1 end end)() local f = n {f}"),
        format!("local n = tostring(1) local function f() end {f}"),
        format!("local T = {{tostring(1)}} local function f() end {f}"),
        "redis.register_function('f', (function() local n = 0 return function() n = n + 1 end end)())"
            .to_owned(),
        "redis.register_function('f', function() end)()".to_owned(),
        "local r = redis.register_function r('f', function() end)".to_owned(),
        "local f f = function() end redis.register_function('f', f)".to_owned(),
        "do local n = 0 redis.register_function('f', function() n = n + 1 end) end".to_owned(),
        "for i = 1, 2 do redis.register_function('f' .. i, function() end) end".to_owned(),
        "local M = {} function M.f() end redis.register_function('f', M.f)".to_owned(),
        "cjson.encode_keep_buffer(false)".to_owned(),
        "redis.log(redis.LOG_WARNING, 'x')".to_owned(),
        "return 1".to_owned(),
        // Ways around.
        format!("local function f() _G.n = 1 end {f}"),
        format!("local function f() setfenv(1, {{}}) end {f}"),
        format!("local function f() getmetatable('').n = 1 end {f}"),
        format!("local function f() loadstring('n = 1')() end {f}"),
        format!("local function f() rawset(_G, 'n', 1) end {f}"),
        format!("local function f() return redis end {f}"),
        format!("local c = cjson local function f() c.encode_keep_buffer(false) end {f}"),
        format!("local function f() cjson.encode_keep_buffer(false) end {f}"),
        format!("local function f() cjson[('encode_keep_buffer')](false) end {f}"),
        format!("local function f() math.randomseed(1) end {f}"),
        "local function f(".to_owned(),
    ] {
        plain(&source, false);
    }
}

#[test]
fn libraries_that_reach_their_keys_only() {
    let reach = |source: &str, expected: Reach| {
        assert_eq!(of_library(source.as_bytes(), command), expected, "{source}");
    };
    for source in [
        "#!lua name=x\nredis.register_function('f', function(keys) return redis.call('get', keys[1]) end)",
        "local function f(k, a) local x = k[1] return redis.call('get', x) end redis.register_function('f', f)",
        "local f = function(k) for _, x in ipairs(k) do redis.call('get', x) end end redis.register_function('f', f)",
        "redis.register_function{function_name='f', callback=function(k) return redis.call('get', k[#k]) end}",
        "local n = 'f' redis.register_function{function_name=n, callback=function() return 1 end}",
        "local function g(x) return x .. 'y' end redis.register_function('f', function(k) return g(k[1]) end)",
        "local call = redis.call redis.register_function('f', function(k) return call('get', k[1]) end)",
        "redis.register_function('f', function(KEYS, ARGV) return redis.call('get', KEYS[1], unpack(ARGV)) end)",
    ] {
        reach(source, READS);
    }
    reach("redis.register_function('f', function(k) return redis.call('del', k[1], k[2]) end)", WRITES);
    for source in [
        "redis.register_function('f', function(k) return redis.call('get', KEYS[1]) end)",
        "redis.register_function('f', function(k, a) return redis.call('get', a[1]) end)",
        "redis.register_function('f', function(...) return redis.call('get', ...) end)",
        "redis.register_function('f', function(k) k[1] = 'x' return redis.call('get', k[1]) end)",
        "redis.register_function('f', function(k) k = {'x'} return redis.call('get', k[1]) end)",
        "redis.register_function('f', function(k) local l = k l[1] = 'x' return redis.call('get', k[1]) end)",
        "redis.register_function('f', function(k) local g = function(k) return redis.call('get', k[1]) end g({}) end)",
        "local f = function(k) redis.call('get', k[1]) end \
         redis.register_function('f', f) redis.register_function('g', function() f({'x'}) end)",
        "local function g(k) redis.call('get', k[1]) end redis.register_function('f', function(k) g({'x'}) end)",
        "local function f(k) redis.call('get', k[1]) f({'x'}) end redis.register_function('f', f)",
        "local n = 0 redis.register_function('f', function(k) n = n + 1 return redis.call('get', k[1]) end)",
        "redis.register_function('f', function(k) return redis.register_function('g', k) end)",
    ] {
        reach(source, Reach::Anything);
    }
}

/// A megabyte takes about a second at most, unoptimized; a step back for each token would take hours.
#[test]
fn long_sources_are_read_in_one_pass() {
    let local =
        |repeated: &str| format!("local a, b, c = KEYS[1] {}", repeated.repeat((1 << 20) / repeated.len()));
    for source in [
        local("redis.call('set', a, b) "),
        local("a = KEYS[1] "),
        local("b = {{{1, x = 2}}} "),
        local("--[==[ ]=] ]==] "),
        local("b = '\\'' .. [=[ ]] ]=] "),
        local("b = function(x) return x end "),
        local("do local a = a a = 1 end "),
        local("["),
        local("--[=\n"),
        local("]]"),
        local("b = [====[ ]===] ]==== "),
        local("x,"),
        local("-"),
    ] {
        let started = clock::monotonic_us();
        script(&source);
        keeps_no_state(source.as_bytes());
        of_library(source.as_bytes(), command);
        let seconds = (clock::monotonic_us() - started) / 1_000_000;
        assert!(seconds < 20, "{seconds} s for {}...", &source[..60]);
    }
}

/// Pieces that sources are made of.
const PIECES: [&str; 64] = [
    "redis",
    ".",
    "call",
    "pcall",
    "(",
    ")",
    "'get'",
    "'set'",
    "'del'",
    "KEYS",
    "[",
    "]",
    "1",
    ",",
    "ARGV",
    "local",
    "k",
    "x",
    "=",
    "function",
    "end",
    "if",
    "then",
    "else",
    "elseif",
    "for",
    "in",
    "do",
    "while",
    "repeat",
    "until",
    "return",
    "ipairs",
    "#",
    "..",
    "...",
    "not",
    "and",
    "or",
    "-",
    "{",
    "}",
    ";",
    ":",
    "'",
    "\"",
    "\\",
    "[[",
    "]]",
    "[=[",
    "--",
    "\n",
    "--[[",
    "nil",
    "0x",
    "1e",
    "unpack",
    "break",
    "true",
    "==",
    "~",
    "register_function",
    "\0",
    "é",
];

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(source in proptest::collection::vec(any::<u8>(), 0..300)) {
        of_script(&source, command);
        keeps_no_state(&source);
        of_library(&source, command);
    }

    #[test]
    fn any_pieces_get_a_verdict(pieces in proptest::collection::vec(proptest::sample::select(&PIECES[..]), 0..80)) {
        let source = pieces.join(" ");
        script(&source);
        keeps_no_state(source.as_bytes());
        of_library(source.as_bytes(), command);
    }
}
