//! The layers of `src/`: every module imports only modules of lower layers (the table below; `src/ARCHITECTURE.md` tells
//! why). A new arrow means changing this table in the same commit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Layer by layer, lowest first. Modules of one layer never import each other.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["metrics", "config", "acl", "resp", "value"],
    &["rdb", "store", "journal", "pubsub", "scripting"],
    &["persistence", "cluster"],
    &["replication"],
    &["engine"],
    &["commands", "net", "background"],
    &["server"],
];

#[test]
fn modules_import_only_lower_layers() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    let mut modules = 0;
    for entry in fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        if matches!(module.as_str(), "main" | "lib" | "ARCHITECTURE") {
            continue;
        }
        assert!(layer_of(&module).is_some(), "src/{module} has no layer: add it to LAYERS");
        modules += 1;
        for file in rust_files(&path) {
            let text = fs::read_to_string(&file).unwrap();
            let shown = file.strip_prefix(&source).unwrap().display().to_string();
            violations
                .extend(forbidden(&module, &text).into_iter().map(|name| format!("{shown} imports {name}")));
        }
    }
    assert!(modules >= 5, "only {modules} modules found under {}", source.display());
    assert!(violations.is_empty(), "forbidden imports:\n{}", violations.join("\n"));
}

#[test]
fn a_forbidden_arrow_is_caught() {
    let check = |module: &str, text: &str, expected: &[&str]| {
        assert_eq!(forbidden(module, text), expected, "{module}: {text}")
    };
    check("store", "use crate::base::clock;", &[]);
    check("store", "use crate::store::entry;", &[]);
    check("store", "use crate::engine::Node;", &["engine"]);
    check("store", "use crate::journal::Record;", &["journal"]);
    check("net", "use crate::commands;", &["commands"]);
    check("value", "fn f() { crate::server::run() }", &["server"]);
    check("resp", "use crate::{base::glob, value::{List, set::Set}, config};", &["config", "value"]);
    check("resp", "pub(in crate::engine) fn f() {}", &["engine"]);
    check("base", "// crate::engine\n/* crate::net */ let s = \"crate::server\";", &[]);
    check("base", "let quote = '\"'; use crate::net::x;", &["net"]);
    check("base", "/// As [`crate::engine`] does.\nfn f<'a>(x: &'a str) {}", &[]);
}

/// The modules that `text`, a file of `module`, reaches and must not.
fn forbidden(module: &str, text: &str) -> Vec<String> {
    let own = layer_of(module).unwrap();
    let mut found = BTreeMap::new();
    for name in crate_paths(&code_of(text)) {
        if name != module && layer_of(&name).is_some_and(|layer| layer >= own) {
            found.insert(name, ());
        }
    }
    found.into_keys().collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn rust_files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().flat_map(|entry| rust_files(&entry.unwrap().path())).collect();
    }
    if path.extension().is_some_and(|extension| extension == "rs") {
        vec![path.to_owned()]
    } else {
        Vec::new()
    }
}

/// The first names behind `crate::`, those of a brace group included.
fn crate_paths(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = code[at + found.len()..].trim_start();
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_heads(group)),
            None => names.push(identifier(rest)),
        }
    }
    names
}

fn group_heads(group: &str) -> Vec<String> {
    let mut heads = vec![identifier(group.trim_start())];
    let mut depth = 1;
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => heads.push(identifier(group[at + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// `text` without comments, strings and character literals.
fn code_of(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut code, mut at) = (String::new(), 0);
    while at < bytes.len() {
        let rest = &text[at..];
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with('"') {
            string_length(rest)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else {
            character_length(rest)
        };
        if skipped > 0 {
            at += skipped;
            continue;
        }
        let character = rest.chars().next().unwrap();
        code.push(character);
        at += character.len_utf8();
    }
    code
}

fn string_length(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal at the start of `rest`; 0 for a lifetime and anything else.
fn character_length(rest: &str) -> usize {
    let mut characters = rest.char_indices();
    if characters.next().map(|(_, c)| c) != Some('\'') {
        return 0;
    }
    match characters.next() {
        Some((_, '\\')) => {
            rest[2..].char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 3)
        }
        Some(_) => characters.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}
