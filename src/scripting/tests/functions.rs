//! Libraries and their functions, as Redis 7.2.4 loads and calls them.

use super::*;

const LIBRARY: u64 = 7;
const HEAD: &str = "#!lua name=lib\n";

fn load(interpreter: &mut Interpreter, code: &str) -> Result<Vec<Function>, String> {
    let limit = Some(std::time::Duration::from_millis(50));
    interpreter
        .load_library(LIBRARY, format!("{HEAD}{code}").as_bytes(), limit)
        .map_err(|text| String::from_utf8_lossy(&text).into_owned())
}

fn call(interpreter: &mut Interpreter, function: &str) -> String {
    let mut reply = Reply::new(Protocol::Resp2);
    match interpreter.call_function(LIBRARY, function, &[b"k"], &[b"a"], &mut Fake::default(), &mut reply) {
        Ok(()) => output(&mut reply),
        Err(failure) => format!("-{}\r\n", String::from_utf8_lossy(&failure.text)),
    }
}

#[test]
fn libraries_that_do_not_load() {
    let registering = |code: &str, expected: &str| {
        let found = load(&mut Interpreter::new(), code).unwrap_err();
        assert_eq!(found, format!("ERR Error registering functions: ERR {expected}"), "{code}");
    };
    let undefined = |code: &str, name: &str| {
        registering(
            code,
            &format!("user_function:2: Script attempted to access nonexistent global variable '{name}'"),
        )
    };
    undefined("redis.call('x')", "call");
    undefined("local a = string.format('x')", "string");
    undefined("return _G.foo", "_G");
    undefined("error('x')", "error");
    undefined("local a = redis.sha1hex", "sha1hex");
    registering("x = 1", "user_function:2: Attempt to modify a readonly table");
    registering("redis.foo = 1", "user_function:2: Attempt to modify a readonly table");
    registering("while true do end", "FUNCTION LOAD timeout");
    let named = |fields: &str, expected: &str| {
        registering(&format!("redis.register_function({fields})"), expected);
    };
    let name = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
    named("", "wrong number of arguments to redis.register_function");
    named("1, 2, 3", "wrong number of arguments to redis.register_function");
    named("1, 2", "second argument to redis.register_function must be a function");
    named("{}, 2", "first argument to redis.register_function must be a string");
    named("'a b', function() end", name);
    named("'', function() end", name);
    named("{}", "redis.register_function must get a function name argument");
    named(
        "'x'",
        "calling redis.register_function with a single argument is only applicable to Lua table (representing named \
         arguments).",
    );
    named("{function_name = 'x'}", "redis.register_function must get a callback argument");
    named("{callback = function() end}", "redis.register_function must get a function name argument");
    named("{function_name = {}}", "function_name argument given to redis.register_function must be a string");
    named("{callback = 1}", "callback argument given to redis.register_function must be a function");
    named("{description = {}}", "description argument given to redis.register_function must be a string");
    named(
        "{flags = 1}",
        "flags argument to redis.register_function must be a table representing function flags",
    );
    named("{flags = {'x'}}", "unknown flag given");
    named("{flags = {{}}}", "unknown flag given");
    named("{foo = 1}", "unknown argument given to redis.register_function");
    named("{[{}] = 1}", "named argument key given to redis.register_function is not a string");
    let twice = "redis.register_function('f', function() end) ".repeat(2);
    registering(&twice, "Function already exists in the library");

    let check = |code: &str, expected: &str| {
        assert_eq!(load(&mut Interpreter::new(), code).unwrap_err(), expected, "{code}");
    };
    check("syntax error", "ERR Error compiling function: user_function:2: '=' expected near 'error'");
    check("", "ERR No functions registered");
    check("redis.log(redis.LOG_DEBUG, redis.REDIS_VERSION)", "ERR No functions registered");
}

#[test]
fn functions_are_called_with_keys_and_arguments() {
    let check = |body: &str, expected: &str| {
        let mut interpreter = Interpreter::new();
        load(&mut interpreter, &format!("redis.register_function('f', function(k, a) {body} end)")).unwrap();
        assert_eq!(call(&mut interpreter, "f"), expected, "{body}");
    };
    let globals = "local r = {} for k in pairs(_G) do r[#r + 1] = k end table.sort(r) return table.concat(r, ' ', 1, 3)";
    check("return {k, a}", "*2\r\n*1\r\n$1\r\nk\r\n*1\r\n$1\r\na\r\n");
    check("return redis.foo", "$-1\r\n");
    check(globals, "$18\r\n_G _VERSION assert\r\n");
    check("return next(getfenv(0)) == nil", ":1\r\n");
    check("return getfenv(0) == _G", "$-1\r\n");
    check(
        "return redis.call('get')",
        "-ERR Wrong number of args calling Redis command from script script: f, on @user_function:2.\r\n",
    );
    check(
        "return KEYS",
        "-ERR user_function:2: Script attempted to access nonexistent global variable 'KEYS' script: f, on @user_function:2.\r\n",
    );
    check(
        "x = 1",
        "-ERR user_function:2: Attempt to modify a readonly table script: f, on @user_function:2.\r\n",
    );
    check(
        "redis.register_function('x', function() end)",
        "-ERR user_function:2: attempt to call field 'register_function' (a nil value) script: f, on @user_function:2.\r\n",
    );
    check(
        "redis.breakpoint()",
        "-ERR user_function:2: attempt to call field 'breakpoint' (a nil value) script: f, on @user_function:2.\r\n",
    );
}

#[test]
fn libraries_keep_their_state_until_they_go() {
    let mut interpreter = Interpreter::new();
    let counter = "local n = 0 redis.register_function('f', function() n = n + 1 return n end)";
    load(&mut interpreter, counter).unwrap();
    assert_eq!([call(&mut interpreter, "f"), call(&mut interpreter, "f")], [":1\r\n", ":2\r\n"]);
    // What fails changes nothing.
    load(&mut interpreter, "x = 1").unwrap_err();
    assert_eq!(call(&mut interpreter, "f"), ":3\r\n");
    load(&mut interpreter, &counter.replace("'f'", "'g'")).unwrap();
    assert_eq!(call(&mut interpreter, "f"), "-ERR Function not found\r\n");
    assert_eq!(call(&mut interpreter, "g"), ":1\r\n");
    interpreter.retain_libraries(|number| number == LIBRARY);
    assert!(interpreter.has_library(LIBRARY) && interpreter.function_memory_bytes() > 0);
    interpreter.retain_libraries(|_| false);
    assert_eq!(call(&mut interpreter, "g"), "-ERR Function not found\r\n");
    assert_eq!((interpreter.has_library(LIBRARY), interpreter.function_memory_bytes()), (false, 0));
}

#[test]
fn functions_say_what_they_are() {
    let code = "redis.register_function({Function_Name = 'x', callback = function() end, description = 5, \
                flags = {'No-Writes', 'allow-oom'}}) redis.register_function(5, function() return 7 end)";
    let mut interpreter = Interpreter::new();
    let functions = load(&mut interpreter, code).unwrap();
    let shown: Vec<_> = functions
        .iter()
        .map(|function| {
            (function.name.as_str(), function.description.clone(), function.flags.names().collect())
        })
        .collect();
    let flags: Vec<&str> = vec!["no-writes", "allow-oom"];
    assert_eq!(shown, [("x", Some(b"5".to_vec()), flags), ("5", None, vec![])]);
    assert_eq!(call(&mut interpreter, "5"), ":7\r\n");
}
