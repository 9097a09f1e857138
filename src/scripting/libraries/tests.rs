//! The libraries against what Redis 7.2.4 makes of the same scripts, and against themselves.

use mlua::{Error, Function, Lua};
use proptest::prelude::*;

use super::install;
use crate::scripting::raised::{Raised, raised};

/// Written by `tests/oracle/lua_libraries.py`, which says how to read it.
const CASES: &[u8] = include_bytes!("cases.txt");
/// Results as text.
const SHOW: &str = include_str!("show.lua");
const NAME: &str = "@user_script";

fn lua() -> Lua {
    let lua = Lua::new();
    install(&lua, &lua.globals()).unwrap();
    lua
}

/// What `script` comes to, as it is written in the cases.
fn outcome(lua: &Lua, script: &[u8]) -> Vec<u8> {
    let show: Function = lua.load(format!("return {SHOW}")).eval().unwrap();
    let source = [b"local show = ... return show((function() ", script, b" end)())"].concat();
    match lua.load(source).set_name(NAME).call::<mlua::LuaString>(show) {
        Ok(text) => [b"= ", &*text.as_bytes()].concat(),
        Err(error) => error_text(&error).into_bytes(),
    }
}

fn error_text(error: &Error) -> String {
    match raised(error) {
        Some(Raised::Text(text)) => match text.strip_prefix("user_script:1: ") {
            Some(text) => format!("! {text}"),
            None => format!("!! {text}"),
        },
        _ => format!("not an error of ours: {error:?}"),
    }
}

#[test]
fn scripts_come_to_what_they_do_in_redis() {
    let lines: Vec<&[u8]> = CASES.strip_suffix(b"\n").unwrap().split(|&byte| byte == b'\n').collect();
    let mut differences = Vec::new();
    for case in lines.chunks_exact(2) {
        let found = outcome(&lua(), case[0]);
        if found != case[1] {
            let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
            differences.push(format!("{}\n  {}\n  {}", shown(case[0]), shown(case[1]), shown(&found)));
        }
    }
    assert!(lines.len() > 1000, "only {} lines of cases", lines.len());
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

/// Whatever it comes to, it is a text, or an error of ours or of Lua's.
fn run(lua: &Lua, script: &str) -> Result<String, Error> {
    lua.load(script).set_name(NAME).eval::<mlua::LuaString>().map(|text| text.to_string_lossy())
}

#[test]
fn limits_may_be_raised_without_harm() {
    let lua = lua();
    let check = |script: &str, expected: &str| {
        let found = run(&lua, script).unwrap_or_else(|error| error_text(&error));
        assert!(found.starts_with(expected), "{script}\n{found}");
    };
    let encode = "local c = cjson.new() c.encode_max_depth(2^31 - 1) local t = {} for i = 2, ";
    check(&format!("{encode} 7000 do t = {{t}} end return '' .. #c.encode(t)"), "14000");
    check(&format!("{encode} 3000 do t = {{a = t}} end return '' .. #c.encode(t)"), "17996");
    check(
        &format!("{encode} 9000 do t = {{t}} end return c.encode(t)"),
        "! Cannot serialise, excessive nesting (",
    );
    check(
        &format!("{encode} 9000 do t = {{a = t}} end return c.encode(t)"),
        "! Cannot serialise, excessive nesting (",
    );
    let decode = "local c = cjson.new() c.decode_max_depth(2^31 - 1) return type(c.decode(string.rep(";
    check(&format!("{decode} '[', 7000) .. string.rep(']', 7000)))"), "table");
    check(&format!("{decode} '[', 1000000)))"), "! Found too many nested data structures (");
    check(&format!("{decode} '{{\"a\":', 1000000)))"), "! Found too many nested data structures (");
}

#[test]
fn many_arguments_and_results_do_no_harm() {
    let lua = lua();
    for count in [3999, 4001, 7000, 7800, 7900, 7950, 7980, 7990, 7998] {
        for function in ["cmsgpack.pack", "bit.band", "cjson.encode", "cmsgpack.unpack", "string.len"] {
            let script = format!(
                "local t = {{}} for i = 1, {count} do t[i] = 's' .. i end return tostring({function}(unpack(t)))"
            );
            // Nothing to expect but that it comes back.
            let _outcome = run(&lua, &script);
        }
        let results = "return '' .. select('#', cmsgpack.unpack(string.rep('\\161x', ";
        let found = run(&lua, &format!("{results} {count})))")).unwrap_or_else(|error| error_text(&error));
        assert!(found == count.to_string() || found.starts_with("! stack overflow (too many"), "{found}");
    }
    assert_eq!(run(&lua, "return cjson.encode({1})").unwrap(), "[1]");
}

/// JSON and MessagePack know these; integers and fractions are those that 14 digits tell apart.
fn lua_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| value.to_string()),
        (-99_999_999_999_999_i64..=99_999_999_999_999).prop_map(|value| value.to_string()),
        (-1_000_000_i32..1_000_000).prop_map(|value| format!("{}", f64::from(value) / 64.0)),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| quoted(&bytes)),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..8)
                .prop_map(|elements| format!("{{{}}}", elements.join(","))),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..8).prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.iter().map(|(key, value)| format!("['{key}']={value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

fn quoted(bytes: &[u8]) -> String {
    let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03}")).collect();
    format!("'{escaped}'")
}

/// Whether two values are the same, tables by what is in them.
const SAME: &str = "local function same(a, b)
    if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
    for key, value in pairs(a) do if not same(value, b[key]) then return false end end
    for key in pairs(b) do if a[key] == nil then return false end end
    return true
end ";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_back(value in lua_value()) {
        let lua = lua();
        let script = format!(
            "{SAME} local v = {value} return tostring(same(v, cjson.decode(cjson.encode(v))))
             .. tostring(same(v, cmsgpack.unpack(cmsgpack.pack(v))))"
        );
        prop_assert_eq!(run(&lua, &script).unwrap(), "truetrue");
    }

    #[test]
    fn structures_are_read_back(
        order in "[<>]", align in "(![1248]?)?", fields in proptest::collection::vec(("[bhlidfs]", -128..128_i32), 0..12)
    ) {
        let lua = lua();
        let format: String = fields.iter().map(|(option, _)| option.as_str()).collect();
        let values: Vec<String> = fields
            .iter()
            .map(|(option, value)| if option == "s" { format!("'{value}'") } else { value.to_string() })
            .collect();
        let script = format!(
            "{SAME} local f, v = '{order}{align}{format}', {{{}}} local u = {{struct.unpack(f, struct.pack(f, unpack(v)))}}
             u[#u] = nil return tostring(same(u, v))", values.join(",")
        );
        prop_assert_eq!(run(&lua, &script).unwrap(), "true");
    }

    #[test]
    fn any_bytes_can_be_given(bytes in proptest::collection::vec(any::<u8>(), 0..60), format in "[ <>!bBhHlLTiIcsfdx0-9z]{0,12}") {
        let lua = lua();
        let bytes = quoted(&bytes);
        let functions = [
            format!("cjson.decode({bytes})"),
            format!("cjson.decode('[\"' .. {bytes} .. '\"]')"),
            format!("cmsgpack.unpack({bytes})"),
            format!("struct.unpack('{format}', {bytes})"),
            format!("struct.unpack({bytes}, {bytes})"),
            format!("struct.pack('{format}', 1, 2, {bytes}, {bytes}, 5)"),
            format!("struct.size('{format}')"),
        ];
        for function in functions {
            if let Err(error) = run(&lua, &format!("return select('#', {function}) .. ''")) {
                prop_assert!(error_text(&error).starts_with('!'), "{function}: {error}");
            }
        }
    }
}
