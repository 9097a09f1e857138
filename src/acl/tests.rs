use proptest::prelude::*;

use super::*;

/// Commands enough for every kind of rule.
const COMMANDS: &[(&str, u32)] = &[
    ("get", category::READ | category::STRING | category::FAST),
    ("set", category::WRITE | category::STRING | category::SLOW),
    ("del", category::KEYSPACE | category::WRITE | category::SLOW),
    ("select", category::CONNECTION | category::FAST),
    ("config", category::SLOW),
    ("config|get", category::ADMIN | category::DANGEROUS | category::SLOW),
    ("config|set", category::ADMIN | category::DANGEROUS | category::SLOW),
    ("client", category::SLOW),
    ("client|id", category::CONNECTION | category::SLOW),
    ("client|kill", category::ADMIN | category::DANGEROUS | category::CONNECTION | category::SLOW),
    ("publish", category::PUBSUB | category::FAST),
    ("subscribe", category::PUBSUB | category::SLOW),
    ("psubscribe", category::PUBSUB | category::SLOW),
];

fn catalog() -> Catalog {
    Catalog::new(COMMANDS.iter().map(|(name, bits)| (*name, Categories(*bits))))
}

fn terms(catalog: &Catalog) -> Terms<'_> {
    Terms { catalog, opens_channels: false }
}

/// The user that these rules make, or the error text.
fn user(rules: &str, catalog: &Catalog) -> Result<User, String> {
    let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
    User::new(b"u", terms(catalog))
        .with_rules(&words, terms(catalog))
        .map_err(|error| String::from_utf8(error).unwrap())
}

fn described(rules: &str) -> String {
    let catalog = catalog();
    user(rules, &catalog).map_or_else(|error| error, |user| String::from_utf8(user.describe()).unwrap())
}

#[test]
fn users_are_described_as_redis_does() {
    let check = |rules: &str, expected: &str| assert_eq!(described(rules), expected, "{rules}");
    check("", "off sanitize-payload resetchannels -@all");
    check("on nopass ~* &* +@all", "on nopass sanitize-payload ~* &* +@all");
    check("ON AllKeys AllChannels AllCommands", "on sanitize-payload ~* &* +@all");
    check("skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all");
    check("~a %R~b %W~c %rw~d", "off sanitize-payload ~a %R~b %W~c ~d resetchannels -@all");
    check("%R~a %W~a", "off sanitize-payload ~a resetchannels -@all");
    check("~a ~a &x &y &x", "off sanitize-payload ~a resetchannels &x &y -@all");
    check("%RW~* ~a", "off sanitize-payload ~* resetchannels -@all");
    check("~a allkeys resetkeys ~b", "off sanitize-payload ~b resetchannels -@all");
    check("+get +SET -get", "off sanitize-payload resetchannels -@all +set -get");
    check("+@Read -get +@read", "off sanitize-payload resetchannels -@all -get +@read");
    check("+@all -config|get -config", "off sanitize-payload resetchannels +@all -config");
    check("+@all -config -config|get", "off sanitize-payload resetchannels +@all -config -config|get");
    check("+get +@all", "off sanitize-payload resetchannels +@all");
    check("+select|0 +Select|1", "off sanitize-payload resetchannels -@all +select|0 +select|1");
    check("+select|0 +select", "off sanitize-payload resetchannels -@all +select");
    check(
        "(+get ~a) ( &* +set )",
        "off sanitize-payload resetchannels -@all (~a resetchannels -@all +get) (&* -@all +set)",
    );
    check("(+get) clearselectors", "off sanitize-payload resetchannels -@all");
    check("on >a (+get) +get ~* reset", "off sanitize-payload resetchannels -@all");
    let hash = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    check("nopass >a >a", &format!("off sanitize-payload #{hash} resetchannels -@all"));
    check(&format!("#{hash} !{hash}"), "off sanitize-payload resetchannels -@all");
    check(">a <a nopass", "off nopass sanitize-payload resetchannels -@all");
}

#[test]
fn wrong_rules_are_refused() {
    let check = |rule: &str, reason: &str| {
        let wrong = rule.rsplit(' ').next().unwrap();
        assert_eq!(described(rule), format!("Error in ACL SETUSER modifier '{wrong}': {reason}"), "{rule}");
    };
    const UNKNOWN: &str = "Unknown command or category name in ACL";
    check("nonsense", "Syntax error");
    check("+", UNKNOWN);
    check("+gett", UNKNOWN);
    check("+@reads", UNKNOWN);
    check("-@", UNKNOWN);
    check("-select|0", UNKNOWN);
    check("+config|nothing", UNKNOWN);
    check("+select|0|1", UNKNOWN);
    check("+config|get|x", "Allowing first-arg of a subcommand is not supported");
    check("+select|", "Syntax error");
    check("%~a", "Syntax error");
    check("%", "Syntax error");
    check("%RR~a", "Syntax error");
    check("~* %RR~a", &RuleError::AllKeys.to_string());
    check("%X~a", "Syntax error");
    check("~* ~a", &RuleError::AllKeys.to_string());
    check("&* &a", &RuleError::AllChannels.to_string());
    check("<a", "The password you are trying to remove from the user does not exist");
    check("#abc", &RuleError::BadHash.to_string());
    check(
        "#CA978112CA1BBDCAFAC231B39A23DC4DA786EFF8147C4E72B9807785AFEE48BB",
        &RuleError::BadHash.to_string(),
    );
    check("(on)", "Syntax error");
    assert_eq!(described("on (+get ~a"), "Unmatched parenthesis in acl selector starting at '(+get'.");
    assert_eq!(described("(+get nonsense)"), "Error in ACL SETUSER modifier '(+get nonsense)': Syntax error");
}

fn verdict(rules: &str, request: &str, keys: &[(usize, Access)], channels: Channels) -> Result<(), Denial> {
    let catalog = catalog();
    let argv: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
    let full = argv.get(1).map(|second| [argv[0], b"|", second].concat());
    let command = full.and_then(|full| catalog.find(&full)).or_else(|| catalog.find(argv[0])).unwrap();
    let keys: Vec<_> = keys.iter().map(|&(place, access)| NeededKey { place, access }).collect();
    let call = Call { command, is_free: false, argv: &argv, keys: &keys, channels };
    user(rules, &catalog).unwrap().check(&call)
}

#[test]
fn commands_are_judged() {
    let check = |rules: &str, request: &str, expected: bool| {
        let verdict = verdict(rules, request, &[], Channels::None);
        assert_eq!(verdict, if expected { Ok(()) } else { Err(Denial::Command) }, "{rules}: {request}");
    };
    check("", "get k", false);
    check("+get", "get k", true);
    check("+@all -get", "get k", false);
    check("+@read", "get k", true);
    check("+@read", "set k v", false);
    check("+config", "config get x", true);
    check("+config -config|set", "config set x y", false);
    check("+config|get", "config get x", true);
    check("+config|get", "config set x y", false);
    check("+@admin", "config set x y", true);
    check("+@slow", "config set x y", true);
    check("+select|0", "select 0", true);
    check("+select|0", "select 1", false);
    check("+select|0 -select", "select 0", false);
    check("+select|0 -@connection", "select 0", false);
    check("(+get) (+set)", "set k v", true);
    check("(+get) (+set)", "del k", false);
}

#[test]
fn keys_and_channels_are_judged() {
    let key = |rules: &str, access: Access, expected: Result<(), Denial>| {
        let verdict = verdict(rules, "get abc", &[(1, access)], Channels::None);
        assert_eq!(verdict, expected, "{rules} {access:?}");
    };
    key("+get", Access::READ, Err(Denial::Key(1)));
    key("+get ~a*", Access::ALL, Ok(()));
    key("+get %R~a*", Access::READ, Ok(()));
    key("+get %R~a*", Access::WRITE, Err(Denial::Key(1)));
    key("+get %R~a* %W~abc", Access::ALL, Err(Denial::Key(1)));
    key("+get %R~x %W~abc", Access::NONE, Ok(()));
    key("+get ~A*", Access::READ, Err(Denial::Key(1)));
    key("+get (~a* +set)", Access::READ, Err(Denial::Key(1)));
    key("(+set ~x) (+get ~a*)", Access::READ, Ok(()));
    let channel = |rules: &str, request: &str, channels: Channels, expected: Result<(), Denial>| {
        assert_eq!(verdict(rules, request, &[], channels), expected, "{rules}: {request}");
    };
    channel("+publish &n*", "publish news hi", Channels::First, Ok(()));
    channel("+publish &m*", "publish news hi", Channels::First, Err(Denial::Channel(1)));
    channel("+subscribe &n*", "subscribe news none x", Channels::All, Err(Denial::Channel(3)));
    channel("+psubscribe &n*", "psubscribe n*", Channels::Patterns, Ok(()));
    channel("+psubscribe &n*", "psubscribe news", Channels::Patterns, Err(Denial::Channel(1)));
}

/// With several selectors the one that came nearest is told.
#[test]
fn the_greatest_denial_is_told() {
    let keys = [(1, Access::READ), (2, Access::READ)];
    let told = |rules: &str| verdict(rules, "get a b", &keys, Channels::None);
    assert_eq!(told("(+get ~a)"), Err(Denial::Key(2)));
    assert_eq!(told("(+get ~a) (+get)"), Err(Denial::Key(2)));
    assert_eq!(told("(+set ~a ~b) (+get)"), Err(Denial::Key(1)));
}

#[test]
fn who_may_do_anything_is_known() {
    let catalog = catalog();
    let check = |rules: &str, expected: bool| {
        assert_eq!(user(rules, &catalog).unwrap().is_unrestricted(), expected, "{rules}");
    };
    check("~* &* +@all", true);
    check("(~* &* +@all)", true);
    check("~* &* +@all -get +get", true);
    check("~* &* +@all -get", false);
    check("~* +@all", false);
    check("&* +@all %RW~*", false);
}

#[test]
fn subscriptions_are_looked_at_when_patterns_go() {
    let catalog = catalog();
    let check = |old: &str, new: &str, expected: bool| {
        let [old, new] = [old, new].map(|rules| user(rules, &catalog).unwrap());
        assert_eq!(new.keeps_channels_of(&old), expected);
    };
    check("&a", "&a &b", true);
    check("&a &b", "&a", false);
    check("&*", "&a", false);
    check("&a", "&*", true);
    check("(&a)", "&a", true);
    check("&a", "(&*)", true);
}

#[test]
fn passwords_are_compared_by_their_hash() {
    let catalog = catalog();
    let check = |rules: &str, password: &str, expected: bool| {
        assert_eq!(
            user(rules, &catalog).unwrap().accepts(password.as_bytes()),
            expected,
            "{rules} {password}"
        );
    };
    check("on", "", false);
    check("on nopass", "anything", true);
    check("nopass", "", false);
    check("on >a >b", "b", true);
    check("on >a >b <b", "b", false);
    check(">a", "a", false);
}

#[test]
fn files_are_read_whole_or_not_at_all() {
    let catalog = catalog();
    let load = |text: &str| {
        let users = load_file(text.as_bytes(), b"f", terms(&catalog));
        let lines = users.map(|users| describe_all(&users).join(&b'\n'));
        lines
            .map_or_else(|error| String::from_utf8(error).unwrap(), |lines| String::from_utf8(lines).unwrap())
    };
    let everything = "user default on nopass sanitize-payload ~* &* +@all";
    assert_eq!(load(""), everything);
    assert_eq!(
        load("user b on  +get (~a\t+set)\r\n\nuser a\n"),
        format!(
            "user a off sanitize-payload resetchannels -@all\n\
             user b on sanitize-payload resetchannels -@all +get (~a resetchannels -@all +set)\n{everything}"
        )
    );
    const END: &str =
        "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    let check = |text: &str, expected: &str| assert_eq!(load(text), format!("{expected}{END}"), "{text}");
    check("users a", "f:1 should start with user keyword followed by the username. ");
    check("\n# note", "f:2 should start with user keyword followed by the username. ");
    check("user a\nuser a", "WARNING: Duplicate user 'a' found on line 2. ");
    check(
        "user a +foo",
        "f:1: Error in applying operation '+foo': Unknown command or category name in ACL. ",
    );
    check("user a foo bar", "f:1: Syntax error. ");
    check("user a (+get", "f:1: Unmatched parenthesis in selector definition.");
}

#[test]
fn declarations_are_checked_before_they_are_obeyed() {
    let catalog = catalog();
    let check = |line: &str, is_known: bool, expected: Result<(), &str>| {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let checked = check_declaration(&words, is_known, terms(&catalog));
        assert_eq!(checked, expected.map_err(|text| text.as_bytes().to_vec()), "{line}");
    };
    check("a on +get", false, Ok(()));
    check("a +module.command", false, Ok(()));
    check("a foo", false, Err("Error in user declaration 'foo': Syntax error"));
    let twice = "Error in user declaration 'a': Duplicate user found. A user can only be defined once in config files";
    check("a on", true, Err(twice));
}

fn rule() -> impl Strategy<Value = String> {
    let names = prop::sample::select(COMMANDS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let categories =
        prop::sample::select(vec!["read", "write", "slow", "fast", "admin", "connection", "pubsub"]);
    let sign = prop::sample::select(vec!["+", "-"]);
    prop_oneof![
        8 => (sign.clone(), names).prop_map(|(sign, name)| format!("{sign}{name}")),
        4 => (sign, categories).prop_map(|(sign, name)| format!("{sign}@{name}")),
        2 => "[0-3]".prop_map(|word| format!("+select|{word}")),
        2 => "(~|%R~|%W~|%RW~)[ab*?]{0,3}",
        2 => "&[ab*?]{0,3}",
        1 => prop::sample::select(vec![
            "allkeys", "resetkeys", "allchannels", "resetchannels", "+@all", "-@all", "on", "off", "nopass", "resetpass",
            ">a", ">b", "<a", "skip-sanitize-payload", "sanitize-payload", "clearselectors", "reset",
        ]).prop_map(str::to_owned),
    ]
}

proptest! {
    /// What describes a user makes the same user, and its description is its own.
    #[test]
    fn descriptions_make_the_same_user(
        rules in prop::collection::vec(prop_oneof![
            5 => rule(),
            1 => prop::collection::vec(rule(), 0..4).prop_map(|rules| format!("({})", rules.join(" "))),
        ], 0..20),
    ) {
        let catalog = catalog();
        let mut made = User::new(b"u", terms(&catalog));
        for rule in rules {
            // Rules may contradict what is there: then nothing changes.
            let before = made.describe();
            if made.apply(rule.as_bytes(), terms(&catalog)).is_err() {
                prop_assert_eq!(&before, &made.describe());
            }
        }
        let text = String::from_utf8(made.describe()).unwrap();
        let again = user(&text, &catalog).unwrap();
        prop_assert_eq!(String::from_utf8(again.describe()).unwrap(), text);
        // `%RW~*` and `~*` are described alike, and allow the same.
        if !made.selectors().iter().any(|selector| selector.describe_keys().contains(&b'*')) {
            prop_assert_eq!(made.selectors(), again.selectors());
        }
        for (id, (name, _)) in COMMANDS.iter().enumerate() {
            let argv: [&[u8]; 2] = [name.as_bytes(), b"1"];
            for key in [&b"a"[..], b"ab", b"*", b"bb"] {
                let argv = [argv[0], argv[1], key];
                let keys = [NeededKey { place: 2, access: Access::READ }];
                let call = Call { command: id as u16, is_free: false, argv: &argv, keys: &keys, channels: Channels::First };
                prop_assert_eq!(made.check(&call), again.check(&call));
            }
        }
    }
}
