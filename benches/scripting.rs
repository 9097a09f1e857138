//! The Lua host: what a script costs on top of the commands it calls. One operation is one run, or one element where the name says so.

mod support;

use support::{Bench, texts};
use tartan::resp::{Protocol, Reply};
use tartan::scripting::{Host, Interpreter, Sha, sha1_hex};

/// The number of the library.
const LIBRARY: u64 = 1;

/// Answers at once, so that what is measured is the interpreter.
struct Echo;

impl Host for Echo {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) {
        match argv[0] {
            b"GET" => reply.bulk(b"a value of 24 characters"),
            b"LRANGE" => {
                reply.array(100);
                (0..100).for_each(|_| reply.bulk(b"element"));
            }
            b"FAIL" => reply.error("ERR refused"),
            _ => reply.integer(1),
        }
    }

    fn may_run(&mut self, _argv: &[&[u8]]) -> Option<bool> {
        Some(true)
    }

    fn set_replication(&mut self, _flags: u8) {}

    fn interrupted(&mut self) -> Option<String> {
        None
    }
}

fn main() {
    let bench = Bench::of("scripting");
    let scripts = [
        ("return 1", "return 1"),
        ("one GET", "return redis.call('GET', KEYS[1])"),
        (
            "GET and SET",
            "local v = redis.call('GET', KEYS[1]) return redis.call('SET', KEYS[1], v .. ARGV[1])",
        ),
        ("LRANGE of 100", "return #redis.call('LRANGE', KEYS[1], 0, -1)"),
        ("LRANGE of 100, returned", "return redis.call('LRANGE', KEYS[1], 0, -1)"),
        ("table of 100 numbers, returned", "local t = {} for i = 1, 100 do t[i] = i end return t"),
        ("error caught", "return redis.pcall('FAIL')"),
        ("error raised", "return redis.call('FAIL')"),
        ("table.insert 100 times", "local t = {} for i = 1, 100 do table.insert(t, i) end return #t"),
        ("100 calls", "for i = 1, 100 do redis.call('SET', KEYS[1], i) end"),
        ("loop of 100000", "local s = 0 for i = 1, 100000 do s = s + i % 7 end return s"),
    ];
    for (name, source) in scripts {
        run(&bench, name, source);
    }
    function(&bench);
    compile(&bench);
}

fn run(bench: &Bench, name: &str, source: &str) {
    let mut interpreter = Interpreter::new();
    let sha = compiled(&mut interpreter, source);
    let mut reply = Reply::new(Protocol::Resp2);
    let start = reply.mark();
    let key = &texts("key:", 1)[0];
    let times = bench.size(if name.contains("loop") { 1 } else { 100 });
    bench.time(name, times, || {
        for _ in 0..times {
            reply.rewind(start);
            let _ = interpreter.run(&sha, &[key], &[b"argument"], &mut Echo, &mut reply);
        }
        reply.len()
    });
}

fn compiled(interpreter: &mut Interpreter, source: &str) -> Sha {
    let sha = sha1_hex(source.as_bytes());
    interpreter.compile(&sha, source.as_bytes()).expect("the bench's scripts are right");
    sha
}

fn function(bench: &Bench) {
    let source = "#!lua name=bench\n\
                  redis.register_function('get', function(keys, args) return redis.call('GET', keys[1]) end)";
    let mut interpreter = Interpreter::new();
    interpreter.load_library(LIBRARY, source.as_bytes(), None).expect("the bench's library is right");
    let mut reply = Reply::new(Protocol::Resp2);
    let start = reply.mark();
    bench.time("function with one GET", 1, || {
        reply.rewind(start);
        let _ = interpreter.call_function(LIBRARY, "get", &[b"key:000000000001"], &[], &mut Echo, &mut reply);
        reply.len()
    });
}

fn compile(bench: &Bench) {
    let sources: Vec<String> =
        (0..bench.size(100)).map(|number| format!("return redis.call('GET', KEYS[1]) .. {number}")).collect();
    bench.time_fresh("compile one line", sources.len(), Interpreter::new, |interpreter| {
        sources.iter().map(|source| compiled(interpreter, source)).collect::<Vec<Sha>>()
    });
    bench.time("name of a script of 40 bytes", 1, || sha1_hex(sources[0].as_bytes()));
}
