//! The libraries of scripts, called from Lua as scripts call them. One operation is one call.

mod support;

use mlua::{Function, Lua};
use support::{Bench, texts};
use tartan::scripting::libraries::install;

const OBJECT: &str = "local v = {name='send mail', to='someone@example.com', attempts=3, delay=5000, ok=true, timestamp=1700000000123}";
const NESTED: &str = "local v = {id=12345, data={user={name='x y', age=42}, tags={'a','b','c'}, list={1,2,3,4,5}}, \
                      opts={attempts=3, backoff={type='exponential', delay=1000}}}";
const INTEGERS: &str = "local v = {} for i = 1, 100 do v[i] = i end";
const FRACTIONS: &str = "local v = {} for i = 1, 100 do v[i] = i * 0.37 end";
const TEXT: &str = "local v = string.rep('hello world \"quoted\" ', 500)";
/// What BullMQ packs for a job.
const ARGUMENTS: &str = "local v = {'bull:queue:', '1234', 'job name', 1700000000123, false, 'bull:queue:x:dependencies', false, false, 'dedup'}";
const OPTIONS: &str = "local v = {attempts=3, delay=0, removeOnComplete=true, backoff={type='exponential', delay=1000}, token='abc:12', \
                       lockDuration=30000, limiter={max=10, duration=1000}}";

fn main() {
    let bench = Bench::of("scripting_libraries");
    let quoted: Vec<String> =
        texts("value:", 100).iter().map(|text| format!("'{}'", String::from_utf8_lossy(text))).collect();
    let strings = format!("local v = {{{}}}", quoted.join(","));
    for (name, value) in [
        ("object of 6", OBJECT),
        ("nested object", NESTED),
        ("100 integers", INTEGERS),
        ("100 fractions", FRACTIONS),
        ("100 strings", &strings),
        ("text of 10000 bytes", TEXT),
    ] {
        calls(&bench, &format!("cjson.encode, {name}"), value, "cjson.encode(v)");
        calls(
            &bench,
            &format!("cjson.decode, {name}"),
            &format!("{value} local s = cjson.encode(v)"),
            "cjson.decode(s)",
        );
    }
    for (name, value) in
        [("BullMQ arguments", ARGUMENTS), ("BullMQ options", OPTIONS), ("100 integers", INTEGERS)]
    {
        calls(&bench, &format!("cmsgpack.pack, {name}"), value, "cmsgpack.pack(v)");
        calls(
            &bench,
            &format!("cmsgpack.unpack, {name}"),
            &format!("{value} local s = cmsgpack.pack(v)"),
            "cmsgpack.unpack(s)",
        );
    }
    calls(&bench, "struct.pack", "", "struct.pack('>I4i8d', 1, 2, 3)");
    calls(&bench, "struct.unpack", "local s = struct.pack('>I4i8d', 1, 2, 3)", "struct.unpack('>I4i8d', s)");
    calls(&bench, "bit.band", "", "bit.band(i, 255)");
    calls(&bench, "bit.tohex", "", "bit.tohex(i)");
}

fn calls(bench: &Bench, name: &str, prepare: &str, call: &str) {
    let times = bench.size(10_000);
    let lua = Lua::new();
    install(&lua, &lua.globals()).expect("the libraries are installed");
    let script = format!("{prepare} return function() for i = 1, {times} do {call} end end");
    let run: Function = lua.load(script).eval().expect("the script compiles");
    bench.time(name, times, || run.call::<()>(()).expect("the calls succeed"));
}
