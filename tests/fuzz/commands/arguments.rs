//! Requests made from the command table: as their syntax tells, then with something wrong.

use fastrand::Rng;

use tartan::engine::facts;
use tartan::engine::spec::{Argument, ArgumentKind, Facts, Group};

use super::words::{BY_NAME, DEBUG, FORMATS, KEYS, LIBRARY, PACKED, REPLCONF, SCRIPTS, WILD};
use crate::mutate::mutate;

pub type Request = Vec<Vec<u8>>;

/// Commands that are not called, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("pfselftest", "it has no arguments, and much to do"),
    ("script|debug", "the client's next script waits for a debugger's commands"),
];

/// Settings that are not changed, and why.
const SETTINGS_LEFT_OUT: &[(&str, &str)] = &[
    ("dir", "files are written there"),
    ("logfile", "the same"),
    ("proto-max-bulk-len", "a string may be as long, and this process may not grow without bounds"),
    ("repl-backlog-ttl", "without a backlog no change is recorded"),
    ("repl-diskless-sync-delay", "the test waits for the saver"),
    ("rdb-key-save-delay", "the same"),
    ("key-load-delay", "the same"),
    ("oom-score-adj", "the kernel would end the test first"),
    ("oom-score-adj-values", "the same"),
];

/// Elements that a script may ask for though there are fewer: they are repeated as often as it says, and no output limit ends that.
const REPEATED_MAX: i64 = 1000;
const REPEATING: &[&str] = &["srandmember", "hrandfield", "zrandmember"];

/// What requests are made of.
pub struct Maker {
    commands: Vec<&'static Facts>,
    settings: Vec<String>,
    /// DUMP payloads of every type, and one of FUNCTION DUMP.
    payloads: Vec<Vec<u8>>,
}

impl Maker {
    pub fn new(settings: Vec<String>, payloads: Vec<Vec<u8>>) -> Self {
        let is_called = |facts: &&Facts| LEFT_OUT.iter().all(|(name, _)| facts.name != *name);
        let is_changed = |name: &String| SETTINGS_LEFT_OUT.iter().all(|(left_out, _)| name != left_out);
        Self {
            commands: facts::all().filter(is_called).collect(),
            settings: settings.into_iter().filter(is_changed).collect(),
            payloads,
        }
    }

    /// A request of its own, within a script or a function, or a few within MULTI.
    pub fn requests(&self, rng: &mut Rng) -> Vec<Request> {
        match rng.u8(..20) {
            0..12 => vec![self.request(rng)],
            12..18 => vec![self.script(rng)],
            _ => {
                let mut requests = vec![words("MULTI")];
                requests.extend(
                    (0..rng.usize(1..4))
                        .map(|_| if rng.u8(..4) == 0 { self.script(rng) } else { self.request(rng) }),
                );
                requests.push(words("EXEC"));
                requests
            }
        }
    }

    fn request(&self, rng: &mut Rng) -> Request {
        let facts = self.commands[rng.usize(..self.commands.len())];
        let mut argv: Request = facts.name.split('|').map(|word| word.as_bytes().to_vec()).collect();
        let named = argv.len();
        match facts.name {
            "debug" => argv.extend(words(pick(rng, DEBUG))),
            "replconf" => argv.extend(words(pick(rng, REPLCONF))),
            _ => self.fill(&mut argv, facts, facts.arguments, rng),
        }
        if rng.u8(..3) > 0 {
            (0..rng.usize(1..4)).for_each(|_| self.spoil(&mut argv, named, facts, rng));
        }
        self.tame(&mut argv, facts);
        argv
    }

    /// A command that a script calls: with its arguments as the script's, or written down in it with its keys declared.
    fn script(&self, rng: &mut Rng) -> Request {
        let mut called = self.request(rng);
        if called.iter().any(|word| REPEATING.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))) {
            let number = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<i64>().ok();
            let is_excessive = |word: &&mut Vec<u8>| number(word).is_some_and(|count| count < -REPEATED_MAX);
            called.iter_mut().filter(is_excessive).for_each(|word| *word = b"-1000".to_vec());
        }
        let eval = pick(rng, &["EVAL", "EVAL", "EVAL_RO"]);
        match rng.u8(..4) {
            0 => {
                let mut argv = words(pick(rng, &["FCALL call 0", "FCALL call 0", "FCALL_RO read 0"]));
                argv.extend(called);
                argv
            }
            1 | 2 => {
                let mut argv = vec![eval.into(), SCRIPTS[rng.usize(1..5)].into()];
                let keys = rng.usize(..3).min(called.len());
                argv.push(keys.to_string().into_bytes());
                argv.extend_from_slice(&called[called.len() - keys..]);
                argv.extend(called);
                argv
            }
            _ => {
                let is_key = |word: &&Vec<u8>| KEYS.iter().any(|key| key.as_bytes() == word.as_slice());
                let keys: Vec<&Vec<u8>> = called.iter().skip(1).filter(is_key).collect();
                let shown = |word: &Vec<u8>| match keys.iter().position(|key| *key == word) {
                    Some(place) => format!("KEYS[{}]", place + 1),
                    None => quoted(word),
                };
                let call = called.iter().map(shown).collect::<Vec<_>>().join(", ");
                let script = format!("return redis.{}({call})", pick(rng, &["call", "pcall"]));
                let mut argv = vec![eval.into(), script.into_bytes(), keys.len().to_string().into_bytes()];
                argv.extend(keys.into_iter().cloned());
                argv
            }
        }
    }

    /// Appends arguments as the syntax tells.
    fn fill(&self, argv: &mut Request, facts: &'static Facts, arguments: &'static [Argument], rng: &mut Rng) {
        let mut arguments = arguments.iter().peekable();
        while let Some(argument) = arguments.next() {
            let counts = argument.name == "numkeys"
                && arguments.peek().is_some_and(|next| next.kind == ArgumentKind::Key);
            let place = argv.len();
            let argument = if counts { arguments.next().unwrap_or(argument) } else { argument };
            if !argument.optional || rng.bool() {
                self.fill_one(argv, facts, argument, rng);
            }
            if counts {
                let count = argv.len() - place;
                argv.insert(place, count.to_string().into_bytes());
            }
        }
    }

    fn fill_one(
        &self,
        argv: &mut Request,
        facts: &'static Facts,
        argument: &'static Argument,
        rng: &mut Rng,
    ) {
        let times = if argument.multiple { rng.usize(1..4) } else { 1 };
        for time in 0..times {
            if let Some(token) = argument.token
                && (time == 0 || argument.multiple_token)
            {
                argv.push(token.into());
            }
            match argument.kind {
                ArgumentKind::PureToken => {}
                ArgumentKind::Block => self.fill(argv, facts, argument.arguments, rng),
                ArgumentKind::OneOf => {
                    let chosen = &argument.arguments[rng.usize(..argument.arguments.len())];
                    self.fill_one(argv, facts, chosen, rng);
                }
                _ => argv.extend(self.value(facts, argument, rng)),
            }
        }
    }

    /// A value, for some arguments more than one.
    fn value(&self, facts: &'static Facts, argument: &Argument, rng: &mut Rng) -> Request {
        let one = |text: &str| vec![text.as_bytes().to_vec()];
        match argument.name {
            "script" => one(pick(rng, SCRIPTS)),
            "function-code" => one(LIBRARY),
            "serialized-value" => vec![self.payloads[rng.usize(..self.payloads.len())].clone()],
            "parameter" => one(&self.settings[rng.usize(..self.settings.len())]),
            "command" | "command-name" => match rng.u8(..3) {
                0 => one(self.commands[rng.usize(..self.commands.len())].name),
                1 => self.request(rng),
                _ => one("get"),
            },
            "arg" => match rng.u8(..4) {
                0 => one(pick(rng, FORMATS)),
                1 => vec![PACKED[rng.usize(..PACKED.len())].to_vec()],
                2 => vec![WILD[rng.usize(..WILD.len())].to_vec()],
                _ => one(pick(rng, &["a", "1", "GET", "string"])),
            },
            _ if argument.kind == ArgumentKind::Key => one(key(facts.group, rng)),
            name => {
                let known = BY_NAME.iter().find(|(known, _)| *known == name);
                one(pick(rng, known.map_or_else(|| by_kind(argument.kind), |(_, words)| words)))
            }
        }
    }

    /// Makes one thing wrong behind the name, or once in a while in it.
    fn spoil(&self, argv: &mut Request, named: usize, facts: &Facts, rng: &mut Rng) {
        let from = if rng.u8(..30) == 0 { 0 } else { named.min(argv.len()) };
        let at = rng.usize(from..=argv.len());
        let wild = WILD[rng.usize(..WILD.len())].to_vec();
        match rng.u8(..12) {
            0 if at < argv.len() => drop(argv.remove(at)),
            1 => argv.truncate(at.max(1)),
            2 if at < argv.len() => argv.insert(at, argv[at].clone()),
            3 if at < argv.len() => {
                let other = rng.usize(from..argv.len());
                argv.swap(at, other);
            }
            4..8 if at < argv.len() => argv[at] = wild,
            8 => argv.insert(at, wild),
            9 => argv.insert(at, token(facts.arguments, rng).into()),
            10 if at < argv.len() => mutate(&mut argv[at], rng),
            11 => {
                let tail = argv[at..].to_vec();
                (0..rng.usize(..30)).for_each(|_| argv.extend(tail.iter().cloned()));
            }
            _ => {}
        }
        if argv.is_empty() {
            argv.push(facts.short_name().into());
        }
    }

    /// Takes out what would reach beyond this process, or take it for good.
    fn tame(&self, argv: &mut Request, facts: &Facts) {
        let is = |word: &[u8], name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if facts.name == "migrate" && argv.len() > 2 {
            (argv[1], argv[2]) = (b"127.0.0.1".to_vec(), b"1".to_vec());
        }
        if facts.name == "debug" && argv.len() > 2 {
            if ["sleep", "populate", "aof-flush-sleep"].iter().any(|word| is(&argv[1], word)) {
                argv.truncate(3);
                argv[2].truncate(1);
            }
            if is(&argv[1], "sleep") && argv[2].iter().all(u8::is_ascii_digit) {
                argv[2] = b"0.001".to_vec();
            }
        }
        if facts.name == "config|set" {
            let is_left_out = |word: &Vec<u8>| SETTINGS_LEFT_OUT.iter().any(|(name, _)| is(word, name));
            argv.retain(|word| !is_left_out(word));
        }
    }
}

fn words(line: &str) -> Request {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn pick<'w>(rng: &mut Rng, words: &[&'w str]) -> &'w str {
    words[rng.usize(..words.len())]
}

/// A key that the command likes, or any.
fn key(group: Group, rng: &mut Rng) -> &'static str {
    let liked: &[&str] = match group {
        Group::Bitmap => &["bits", "string", "large"],
        Group::Geo => &["geo"],
        Group::Hash => &["hash", "long-hash"],
        Group::HyperLogLog => &["hll"],
        Group::List => &["list", "long-list"],
        Group::Set => &["set", "intset", "long-set"],
        Group::SortedSet => &["zset", "long-zset"],
        Group::Stream => &["stream"],
        Group::String => &["string", "number", "large"],
        _ => KEYS,
    };
    let any = rng.u8(..4) == 0;
    pick(rng, if any { KEYS } else { liked })
}

fn by_kind(kind: ArgumentKind) -> &'static [&'static str] {
    match kind {
        ArgumentKind::Integer => &["0", "1", "2", "3", "-1", "10", "-2", "100"],
        ArgumentKind::Double => &["0", "1", "1.5", "-3", "2", "10"],
        ArgumentKind::Pattern => &["*", "s*", "[a-l]*", "?", "*[", "\\", "h?ll", "*a*b*", "[^a]*"],
        ArgumentKind::UnixTime => {
            &["1", "1700000000", "4000000000", "4000000000000", "-1", "9223372036854775"]
        }
        _ => &["a", "b", "c", "f", "1", "2", "value", "70000", "ab"],
    }
}

/// Any word of the command's syntax.
fn token(arguments: &'static [Argument], rng: &mut Rng) -> &'static str {
    let mut found = "COUNT";
    let mut left = arguments;
    while !left.is_empty() {
        let argument = &left[rng.usize(..left.len())];
        found = argument.token.unwrap_or(found);
        left = argument.arguments;
    }
    found
}

/// A string of Lua.
fn quoted(bytes: &[u8]) -> String {
    let shown = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b' ' => char::from(*byte).to_string(),
        _ => format!("\\{byte:03}"),
    };
    format!("'{}'", bytes.iter().map(shown).collect::<String>())
}
