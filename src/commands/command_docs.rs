//! What COMMAND and its subcommands answer, read from the command table.
//!
//! Everything is generic over the handlers: these are questions about commands, nothing here runs one.

use crate::base::glob::{self, Case};
use crate::engine::keys::{self, KeyRef, Keys};
use crate::engine::spec::{AclCategories, Argument, BeginSearch, Facts, FindKeys, KeyFlags, KeySpec};
use crate::engine::table::{Command, CommandTable, Lookup};
use crate::resp::{Mark, Reply};

/// What COMMAND HELP prints.
pub const HELP: &[&str] = &[
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Describe all commands.",
    "COUNT",
    "    Count the commands.",
    "LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]",
    "    List the names of all commands, or of those that pass the filter.",
    "INFO [<command-name> ...]",
    "    Describe the commands of these names, or all.",
    "DOCS [<command-name> ...]",
    "    Explain the commands of these names, or all.",
    "GETKEYS <full-command>",
    "    Pick the keys out of a command.",
    "GETKEYSANDFLAGS <full-command>",
    "    Pick the keys out of a command, with what it does to them.",
    "HELP",
    "    Print this help.",
];

/// Which commands COMMAND LIST shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFilter<'a> {
    /// All.
    None,
    /// Those of a module.
    Module(&'a [u8]),
    /// Those in an ACL category, named without `@`.
    AclCategory(&'a [u8]),
    /// Those whose full name matches a glob pattern, in any case.
    Pattern(&'a [u8]),
}

/// COMMAND: all commands.
pub fn all<H: Copy>(table: &CommandTable<H>, reply: &mut Reply) {
    reply.array(table.count());
    table.top_level().for_each(|command| info_of(table, command, reply));
}

/// COMMAND INFO: the named commands, or all when there are no names.
pub fn info<H: Copy, A: AsRef<[u8]>>(table: &CommandTable<H>, names: &[A], reply: &mut Reply) {
    if names.is_empty() {
        return all(table, reply);
    }
    reply.array(names.len());
    for name in names {
        match table.find_full(name.as_ref()) {
            Some(command) => info_of(table, command, reply),
            None => reply.null(),
        }
    }
}

/// COMMAND COUNT.
pub fn count<H: Copy>(table: &CommandTable<H>, reply: &mut Reply) {
    reply.count(table.count());
}

/// COMMAND LIST.
pub fn list<H: Copy>(table: &CommandTable<H>, filter: ListFilter<'_>, reply: &mut Reply) {
    let category = match filter {
        ListFilter::AclCategory(name) => AclCategories::parse(name).unwrap_or(AclCategories(0)),
        _ => AclCategories(0),
    };
    let passes = |facts: &Facts| match filter {
        ListFilter::None => true,
        ListFilter::Module(_) => false,
        ListFilter::AclCategory(_) => facts.acl.intersects(category),
        ListFilter::Pattern(pattern) => glob::matches(pattern, facts.name.as_bytes(), Case::Insensitive),
    };
    let names = table.all().iter().filter(|command| passes(command.facts)).map(|command| command.facts.name);
    reply.array(names.clone().count());
    names.for_each(|name| reply.bulk(name.as_bytes()));
}

/// What follows COMMAND LIST; None when it makes no sense.
pub fn parse_list_filter<A: AsRef<[u8]>>(arguments: &[A]) -> Option<ListFilter<'_>> {
    let [filter_by, kind, value] = arguments else {
        return arguments.is_empty().then_some(ListFilter::None);
    };
    let is = |argument: &A, word: &str| argument.as_ref().eq_ignore_ascii_case(word.as_bytes());
    match kind {
        _ if !is(filter_by, "filterby") => None,
        _ if is(kind, "module") => Some(ListFilter::Module(value.as_ref())),
        _ if is(kind, "aclcat") => Some(ListFilter::AclCategory(value.as_ref())),
        _ if is(kind, "pattern") => Some(ListFilter::Pattern(value.as_ref())),
        _ => None,
    }
}

/// COMMAND DOCS: the named commands, or all when there are no names. Unknown names are left out.
pub fn docs<H: Copy, A: AsRef<[u8]>>(table: &CommandTable<H>, names: &[A], reply: &mut Reply) {
    if names.is_empty() {
        reply.map(table.count());
        return table.top_level().for_each(|command| docs_of(table, command, reply));
    }
    let found = || names.iter().filter_map(|name| table.find_full(name.as_ref()));
    reply.map(found().count());
    found().for_each(|command| docs_of(table, command, reply));
}

/// COMMAND GETKEYS.
pub fn get_keys<H: Copy, A: AsRef<[u8]>>(table: &CommandTable<H>, argv: &[A], reply: &mut Reply) {
    reply_keys(table, argv, reply, |argument, _, reply| reply.bulk(argument));
}

/// COMMAND GETKEYSANDFLAGS.
pub fn get_keys_and_flags<H: Copy, A: AsRef<[u8]>>(table: &CommandTable<H>, argv: &[A], reply: &mut Reply) {
    reply_keys(table, argv, reply, |argument, key, reply| {
        reply.array(2);
        reply.bulk(argument);
        key_flags(key.flags, reply);
    });
}

fn reply_keys<H: Copy, A: AsRef<[u8]>>(
    table: &CommandTable<H>,
    argv: &[A],
    reply: &mut Reply,
    write: impl Fn(&[u8], &KeyRef, &mut Reply),
) {
    match keys_of(table, argv) {
        Ok(found) => {
            reply.array(found.len());
            found.iter().for_each(|key| write(argv[key.position].as_ref(), key, reply));
        }
        Err(text) => reply.error(text),
    }
}

fn keys_of<H: Copy, A: AsRef<[u8]>>(table: &CommandTable<H>, argv: &[A]) -> Result<Keys, &'static str> {
    let Lookup::Found(command) = table.look_up(argv) else { return Err("ERR Invalid command specified") };
    if !command.facts.has_keys() {
        return Err("ERR The command has no key arguments");
    }
    if !command.facts.accepts_count(argv.len()) {
        return Err("ERR Invalid number of arguments specified for command");
    }
    let mut found = Keys::new();
    match keys::keys(command.facts, argv, &mut found) {
        Ok(()) => Ok(found),
        Err(_) => Err("ERR Invalid arguments specified for command"),
    }
}

fn info_of<H: Copy>(table: &CommandTable<H>, command: &Command<H>, reply: &mut Reply) {
    let facts = command.facts;
    reply.array(10);
    reply.bulk(facts.name.as_bytes());
    reply.integer(facts.arity.into());
    words(facts.flags.names(), reply);
    let (first, last, step) = facts.keys_range;
    [first, last, step].into_iter().for_each(|position| reply.integer(position.into()));
    words(facts.acl.names(), reply);
    reply.set(facts.tips.len());
    facts.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(facts.key_specs.len());
    facts.key_specs.iter().for_each(|spec| key_spec(spec, reply));
    match table.subcommands(command) {
        [] => reply.set(0),
        subcommands => {
            reply.array(subcommands.len());
            subcommands.iter().for_each(|subcommand| info_of(table, subcommand, reply));
        }
    }
}

/// A set of statuses.
fn words(names: impl Iterator<Item = &'static str> + Clone, reply: &mut Reply) {
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(name));
}

fn key_flags(flags: KeyFlags, reply: &mut Reply) {
    words(flags.names(), reply);
}

fn key_spec(spec: &KeySpec, reply: &mut Reply) {
    let mut fields = Fields::begin(reply);
    fields.text_unless_empty("notes", spec.notes);
    key_flags(spec.flags, fields.field("flags"));
    begin_search(spec.begin, fields.field("begin_search"));
    find_keys(spec.find, fields.field("find_keys"));
    fields.end();
}

fn begin_search(begin: BeginSearch, reply: &mut Reply) {
    let kind = match begin {
        BeginSearch::Index(_) => "index",
        BeginSearch::Keyword(..) => "keyword",
        BeginSearch::Unknown => "unknown",
    };
    search(kind, reply, |fields| match begin {
        BeginSearch::Index(position) => fields.integer("index", position as i64),
        BeginSearch::Keyword(keyword, start) => {
            fields.text("keyword", keyword);
            fields.integer("startfrom", start as i64);
        }
        BeginSearch::Unknown => {}
    });
}

fn find_keys(find: FindKeys, reply: &mut Reply) {
    let kind = match find {
        FindKeys::Range { .. } => "range",
        FindKeys::KeyNum { .. } => "keynum",
        FindKeys::Unknown => "unknown",
    };
    search(kind, reply, |fields| match find {
        FindKeys::Range { last, step, limit } => {
            fields.integer("lastkey", last as i64);
            fields.integer("keystep", step as i64);
            fields.integer("limit", limit as i64);
        }
        FindKeys::KeyNum { count, first, step } => {
            fields.integer("keynumidx", count as i64);
            fields.integer("firstkey", first as i64);
            fields.integer("keystep", step as i64);
        }
        FindKeys::Unknown => {}
    });
}

fn search(kind: &str, reply: &mut Reply, write: impl Fn(&mut Fields<'_>)) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    let mut fields = Fields::begin(reply);
    write(&mut fields);
    fields.end();
}

fn docs_of<H: Copy>(table: &CommandTable<H>, command: &Command<H>, reply: &mut Reply) {
    let facts = command.facts;
    reply.bulk(facts.name.as_bytes());
    let mut fields = Fields::begin(reply);
    fields.text_unless_empty("summary", facts.summary);
    fields.text("since", facts.since);
    fields.text("group", facts.group.name());
    fields.text_unless_empty("complexity", facts.complexity);
    if !facts.doc_flags.is_empty() {
        words(facts.doc_flags.iter().copied(), fields.field("doc_flags"));
    }
    fields.text_if("deprecated_since", facts.deprecated_since);
    fields.text_if("replaced_by", facts.replaced_by);
    if !facts.history.is_empty() {
        history(facts, fields.field("history"));
    }
    if !facts.arguments.is_empty() {
        arguments(facts.arguments, fields.field("arguments"));
    }
    if let subcommands @ [_, ..] = table.subcommands(command) {
        let reply = fields.field("subcommands");
        reply.map(subcommands.len());
        subcommands.iter().for_each(|subcommand| docs_of(table, subcommand, reply));
    }
    fields.end();
}

fn history(facts: &Facts, reply: &mut Reply) {
    reply.set(facts.history.len());
    for (version, text) in facts.history {
        reply.array(2);
        reply.bulk(version.as_bytes());
        reply.bulk(text.as_bytes());
    }
}

fn arguments(list: &[Argument], reply: &mut Reply) {
    reply.array(list.len());
    list.iter().for_each(|argument| argument_docs(argument, reply));
}

fn argument_docs(argument: &Argument, reply: &mut Reply) {
    let mut fields = Fields::begin(reply);
    fields.text("name", argument.name);
    fields.text("type", argument.kind.name());
    if argument.arguments.is_empty() {
        fields.text("display_text", argument.display.unwrap_or(argument.name));
    }
    if let Some(spec) = argument.key_spec {
        fields.integer("key_spec_index", spec.into());
    }
    fields.text_if("token", argument.token);
    fields.text_if("since", argument.since);
    fields.text_if("deprecated_since", argument.deprecated_since);
    let flags = argument.flag_names();
    if flags.clone().next().is_some() {
        words(flags, fields.field("flags"));
    }
    if !argument.arguments.is_empty() {
        arguments(argument.arguments, fields.field("arguments"));
    }
    fields.end();
}

/// A map whose length is known only when its fields are written.
struct Fields<'a> {
    reply: &'a mut Reply,
    begin: Mark,
    count: usize,
}

impl<'a> Fields<'a> {
    fn begin(reply: &'a mut Reply) -> Self {
        Self { begin: reply.mark(), reply, count: 0 }
    }

    /// Writes the name; the value is the caller's.
    fn field(&mut self, name: &str) -> &mut Reply {
        self.count += 1;
        self.reply.bulk(name.as_bytes());
        self.reply
    }

    fn text(&mut self, name: &str, value: &str) {
        self.field(name).bulk(value.as_bytes());
    }

    fn text_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn text_unless_empty(&mut self, name: &str, value: &str) {
        self.text_if(name, (!value.is_empty()).then_some(value));
    }

    fn integer(&mut self, name: &str, value: i64) {
        self.field(name).integer(value);
    }

    fn end(self) {
        self.reply.map_at(self.begin, self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table::Row;
    use crate::resp::Protocol;

    fn table() -> CommandTable<()> {
        let names =
            ["GET", "SET", "EVAL", "COMMAND", "XGROUP|CREATE", "XGROUP|HELP", "MULTI", "PING", "SUBSTR"];
        CommandTable::new(&[&names.map(|name| Row::new(name, ()))]).unwrap()
    }

    /// The reply in RESP3, its line ends as spaces and without the lengths of strings.
    fn text(write: impl Fn(&CommandTable<()>, &mut Reply)) -> String {
        let mut reply = Reply::new(Protocol::Resp3);
        write(&table(), &mut reply);
        let bytes: Vec<_> =
            reply.output().take().iter().flat_map(|segment| segment.bytes().to_vec()).collect();
        let text = String::from_utf8(bytes).unwrap();
        text.split_terminator("\r\n").filter(|line| !line.starts_with('$')).collect::<Vec<_>>().join(" ")
    }

    fn words_of(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn info_describes_commands() {
        let check = |names: &str, expected: &str| {
            assert_eq!(text(|table, reply| info(table, &words_of(names), reply)), expected, "{names}");
        };
        check(
            "get nothing",
            "*2 *10 get :2 ~2 +readonly +fast :1 :1 :1 ~3 +@read +@string +@fast ~0 ~1 \
             %3 flags ~2 +RO +access begin_search %2 type index spec %1 index :1 \
             find_keys %2 type range spec %3 lastkey :0 keystep :1 limit :0 ~0 _",
        );
        check("XGROUP|Help", "*1 *10 xgroup|help :2 ~2 +loading +stale :0 :0 :0 ~2 +@stream +@slow ~0 ~0 ~0");
        check("xgroup|nothing", "*1 _");
        assert!(text(|table, reply| info::<_, &str>(table, &[], reply)).starts_with("*8 *10 "));
        assert_eq!(text(count), ":8");
    }

    #[test]
    fn info_lists_subcommands() {
        let reply = text(|table, reply| info(table, &["xgroup"], reply));
        assert!(reply.starts_with("*1 *10 xgroup :-2 ~0 :0 :0 :0 ~1 +@slow ~0 ~0 *2 *10 xgroup|create :-5 "));
    }

    #[test]
    fn docs_explain_commands() {
        let check = |names: &str, expected: &str| {
            assert_eq!(text(|table, reply| docs(table, &words_of(names), reply)), expected, "{names}");
        };
        check("nothing", "%0");
        check(
            "nothing get",
            "%1 get %5 summary Reads a string. since 1.0.0 group string complexity O(1) \
             arguments *1 %4 name key type key display_text key key_spec_index :0",
        );
        let reply = text(|table, reply| docs(table, &["substr"], reply));
        assert!(reply.contains(" doc_flags ~1 +deprecated deprecated_since 2.0.0 replaced_by `GETRANGE` "));
        let reply = text(|table, reply| docs(table, &["set"], reply));
        let get = " %6 name get type pure-token display_text get token GET since 6.2.0 flags ~1 +optional ";
        assert!(reply.contains(get));
        let reply = text(|table, reply| docs(table, &["xgroup"], reply));
        assert!(reply.contains(" subcommands %2 xgroup|create %"));
    }

    #[test]
    fn list_filters() {
        let check = |arguments: &str, expected: &str| {
            let arguments = words_of(arguments);
            let reply = text(|table, reply| match parse_list_filter(&arguments) {
                Some(filter) => list(table, filter, reply),
                None => reply.error("syntax"),
            });
            assert_eq!(reply, expected, "{arguments:?}");
        };
        check("FILTERBY PATTERN x*", "*3 xgroup xgroup|create xgroup|help");
        check("filterby pattern G?T", "*1 get");
        check("FILTERBY ACLCAT Transaction", "*1 multi");
        check("FILTERBY ACLCAT @transaction", "*0");
        check("FILTERBY ACLCAT nothing", "*0");
        check("FILTERBY MODULE m", "*0");
        check("FILTERBY", "-syntax");
        check("FILTERBY PATTERN", "-syntax");
        check("FILTERBY PATTERN a b", "-syntax");
        check("FILTERBY OTHER a", "-syntax");
        check("OTHER PATTERN a", "-syntax");
        assert!(text(|table, reply| list(table, ListFilter::None, reply)).starts_with("*10 "));
    }

    #[test]
    fn keys_are_picked_out() {
        let check = |request: &str, names: &str, flags: &str| {
            let argv = words_of(request);
            assert_eq!(text(|table, reply| get_keys(table, &argv, reply)), names, "{request}");
            assert_eq!(text(|table, reply| get_keys_and_flags(table, &argv, reply)), flags, "{request}");
        };
        check("GET a", "*1 a", "*1 *2 a ~2 +RO +access");
        check("SET a b GET", "*1 a", "*1 *2 a ~3 +RW +access +update");
        check("xgroup create s g $", "*1 s", "*1 *2 s ~2 +RW +insert");
        check("EVAL x 0", "*0", "*0");
        let check = |request: &str, error: &str| {
            let argv = words_of(request);
            assert_eq!(text(|table, reply| get_keys(table, &argv, reply)), error, "{request}");
        };
        check("nothing", "-ERR Invalid command specified");
        check("xgroup nothing", "-ERR Invalid command specified");
        check("PING", "-ERR The command has no key arguments");
        check("GET", "-ERR Invalid number of arguments specified for command");
    }
}
