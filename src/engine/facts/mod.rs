//! The command table of Redis 7.2.4 as data: one entry per command and subcommand, in a file per family.
//!
//! An entry says what a command is, never what it does. Handlers are bound to entries by name (`table`), so a family file
//! of `commands` repeats nothing of this. Positions, flags, categories and tips are those of the original; summaries,
//! remarks and histories are our own words.

use super::spec::Facts;

mod bitmap;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod pubsub;
mod scripting;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod transactions;

static FAMILIES: [&[Facts]; 16] = [
    bitmap::FACTS,
    cluster::FACTS,
    connection::FACTS,
    generic::FACTS,
    geo::FACTS,
    hash::FACTS,
    hyperloglog::FACTS,
    list::FACTS,
    pubsub::FACTS,
    scripting::FACTS,
    server::FACTS,
    set::FACTS,
    sorted_set::FACTS,
    stream::FACTS,
    string::FACTS,
    transactions::FACTS,
];

/// All commands and subcommands, by family and name.
pub fn all() -> impl Iterator<Item = &'static Facts> + Clone {
    FAMILIES.iter().flat_map(|family| family.iter())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::spec::{Argument, BeginSearch, FindKeys, KeySpec, flag};
    use super::*;

    /// One command a line, sorted by name.
    const EXPECTED: &str = include_str!("../../../tests/assets/commands.json");

    #[test]
    fn the_table_says_what_the_asset_says() {
        let mut entries: Vec<_> = all().collect();
        entries.sort_by_key(|facts| facts.name);
        for (facts, expected) in entries.iter().zip(EXPECTED.lines()) {
            assert_eq!(command_line(facts), expected);
        }
        assert_eq!(entries.len(), EXPECTED.lines().count());
    }

    #[test]
    fn entries_agree_with_themselves() {
        let names: HashSet<_> = all().map(|facts| facts.name).collect();
        assert_eq!(names.len(), all().count());
        for facts in all() {
            assert_eq!(facts.name, facts.name.to_ascii_lowercase());
            assert!(facts.container().is_none_or(|container| names.contains(container)), "{}", facts.name);
            assert!(!facts.summary.is_empty() && !facts.since.is_empty(), "{}", facts.name);
            assert_eq!(facts.deprecated_since.is_some(), facts.replaced_by.is_some(), "{}", facts.name);
            let fast = facts.flags.contains(flag::FAST);
            assert_eq!(facts.acl.names().any(|name| name == "@fast"), fast, "{}", facts.name);
            check_arguments(facts, facts.arguments);
        }
    }

    fn check_arguments(facts: &Facts, arguments: &[Argument]) {
        for argument in arguments {
            let spec = argument.key_spec.map_or(0, usize::from);
            assert!(argument.key_spec.is_none() || spec < facts.key_specs.len(), "{}", facts.name);
            check_arguments(facts, argument.arguments);
        }
    }

    fn command_line(facts: &Facts) -> String {
        let hidden = [
            (flag::MAY_REPLICATE, "may_replicate"),
            (flag::SENTINEL, "sentinel"),
            (flag::ONLY_SENTINEL, "only_sentinel"),
            (flag::PROTECTED, "protected"),
            (flag::TOUCHES_ARBITRARY_KEYS, "touches_arbitrary_keys"),
        ];
        let hidden = hidden.into_iter().filter(|(bit, _)| facts.flags.contains(*bit)).map(|(_, name)| name);
        let (first, last, step) = facts.keys_range;
        object(&[
            ("name", text(facts.name)),
            ("container", facts.container().map_or("null".to_owned(), text)),
            ("group", text(facts.group.name())),
            ("arity", facts.arity.to_string()),
            ("flags", sorted(facts.flags.names().chain(hidden))),
            ("acl", sorted(facts.acl.names().map(|name| &name[1..]))),
            ("keys_range", format!("[{first},{last},{step}]")),
            ("key_specs", array(facts.key_specs.iter().map(key_spec))),
            ("arguments", array(facts.arguments.iter().map(argument))),
        ])
    }

    fn key_spec(spec: &KeySpec) -> String {
        let begin = match spec.begin {
            BeginSearch::Index(position) => format!("[\"index\",{position}]"),
            BeginSearch::Keyword(keyword, start) => format!("[\"keyword\",\"{keyword}\",{start}]"),
            BeginSearch::Unknown => "[\"unknown\"]".to_owned(),
        };
        let find = match spec.find {
            FindKeys::Range { last, step, limit } => format!("[\"range\",{last},{step},{limit}]"),
            FindKeys::KeyNum { count, first, step } => format!("[\"keynum\",{count},{first},{step}]"),
            FindKeys::Unknown => "[\"unknown\"]".to_owned(),
        };
        let flags: Vec<_> = spec.flags.names().map(str::to_ascii_lowercase).collect();
        object(&[("flags", sorted(flags.iter().map(String::as_str))), ("begin", begin), ("find", find)])
    }

    fn argument(argument: &Argument) -> String {
        let mut fields = vec![("name", text(argument.name)), ("type", text(argument.kind.name()))];
        fields.extend(argument.key_spec.map(|spec| ("key_spec", spec.to_string())));
        fields.extend(argument.token.map(|token| ("token", text(token))));
        fields.extend(argument.since.map(|version| ("since", text(version))));
        fields.extend(argument.deprecated_since.map(|version| ("deprecated_since", text(version))));
        if argument.flag_names().next().is_some() {
            fields.push(("flags", array(argument.flag_names().map(text))));
        }
        if !argument.arguments.is_empty() {
            fields.push(("arguments", array(argument.arguments.iter().map(self::argument))));
        }
        object(&fields)
    }

    fn object(fields: &[(&str, String)]) -> String {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }

    fn array(elements: impl Iterator<Item = String>) -> String {
        format!("[{}]", elements.collect::<Vec<_>>().join(","))
    }

    fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> String {
        let mut names: Vec<_> = names.map(text).collect();
        names.sort();
        array(names.into_iter())
    }

    fn text(value: &str) -> String {
        format!("\"{value}\"")
    }
}
