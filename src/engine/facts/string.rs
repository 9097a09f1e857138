//! Facts about the commands for strings.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::String;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "append",
        since: "2.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::INSERT).one()],
        keys_range: (1, 1, 1),
        complexity: "Amortized O(1) for a short string, since its memory grows in advance",
        summary: "Adds bytes to the end of a string, which is made when missing.",
        arguments: &[Argument::key("key", 0), Argument::string("value")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "decr",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Subtracts one from an integer, which begins at 0.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "decrby",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Subtracts a number from an integer, which begins at 0.",
        arguments: &[Argument::key("key", 0), Argument::integer("decrement")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "get",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::STRING),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Reads a string.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "getdel",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Reads a string and deletes it.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "getex",
        since: "6.2.0",
        arity: -2,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE)
            .one()
            .notes("An update because the time to live changes")],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Reads a string and changes when it expires.",
        arguments: &[
            Argument::key("key", 0),
            Argument::one_of(
                "expiration",
                &[
                    Argument::integer("seconds").after("EX"),
                    Argument::integer("milliseconds").after("PX"),
                    Argument::unix_time("unix-time-seconds").after("EXAT"),
                    Argument::unix_time("unix-time-milliseconds").after("PXAT"),
                    Argument::word("persist", "PERSIST"),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "getrange",
        since: "2.4.0",
        arity: 4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STRING),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(N) where N is the length of the part; finding it is O(1)",
        summary: "Reads a part of a string.",
        arguments: &[Argument::key("key", 0), Argument::integer("start"), Argument::integer("end")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "getset",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`SET` with `GET`"),
        complexity: "O(1)",
        summary: "Replaces a string and returns the old one.",
        arguments: &[Argument::key("key", 0), Argument::string("value")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "incr",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Adds one to an integer, which begins at 0.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "incrby",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Adds a number to an integer, which begins at 0.",
        arguments: &[Argument::key("key", 0), Argument::integer("increment")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "incrbyfloat",
        since: "2.6.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Adds to a floating-point number, which begins at 0.",
        arguments: &[Argument::key("key", 0), Argument::double("increment")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "lcs",
        since: "7.0.0",
        arity: -3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STRING),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).range(1, 1, 0)],
        keys_range: (1, 2, 1),
        complexity: "O(N*M) where N and M are their lengths",
        summary: "Finds the longest common subsequence of two strings.",
        arguments: &[
            Argument::key("key1", 0),
            Argument::key("key2", 0),
            Argument::word("len", "LEN").optional(),
            Argument::word("idx", "IDX").optional(),
            Argument::integer("min-match-len").after("MINMATCHLEN").optional(),
            Argument::word("withmatchlen", "WITHMATCHLEN").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "mget",
        since: "1.0.0",
        arity: -2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::STRING),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        tips: &["request_policy:multi_shard"],
        complexity: "O(N) where N is the number of keys",
        summary: "Reads several strings.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "mset",
        since: "1.0.1",
        arity: -3,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::UPDATE).range(-1, 2, 0)],
        keys_range: (1, -1, 2),
        tips: &["request_policy:multi_shard", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of keys",
        summary: "Sets several strings.",
        arguments: &[
            Argument::block("data", &[Argument::key("key", 0), Argument::string("value")]).multiple()
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "msetnx",
        since: "1.0.1",
        arity: -3,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::INSERT).range(-1, 2, 0)],
        keys_range: (1, -1, 2),
        complexity: "O(N) where N is the number of keys",
        summary: "Sets several strings if none of the keys exists.",
        arguments: &[
            Argument::block("data", &[Argument::key("key", 0), Argument::string("value")]).multiple()
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "psetex",
        since: "2.6.0",
        arity: 4,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("2.6.12"),
        replaced_by: Some("`SET` with `PX`"),
        complexity: "O(1)",
        summary: "Sets a string with a time to live in milliseconds.",
        arguments: &[Argument::key("key", 0), Argument::integer("milliseconds"), Argument::string("value")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "set",
        since: "1.0.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE | key::VARIABLE_FLAGS)
            .one()
            .notes("Only GET reads it, and makes it depend on what was there")],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::Set),
        history: &[
            ("2.6.12", "EX, PX, NX and XX."),
            ("6.0.0", "KEEPTTL."),
            ("6.2.0", "GET, EXAT and PXAT."),
            ("7.0.0", "NX and GET may come together."),
        ],
        complexity: "O(1)",
        summary: "Sets a string, whatever was there before.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("value"),
            Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
                .since("2.6.12")
                .optional(),
            Argument::word("get", "GET").since("6.2.0").optional(),
            Argument::one_of(
                "expiration",
                &[
                    Argument::integer("seconds").after("EX").since("2.6.12"),
                    Argument::integer("milliseconds").after("PX").since("2.6.12"),
                    Argument::unix_time("unix-time-seconds").after("EXAT").since("6.2.0"),
                    Argument::unix_time("unix-time-milliseconds").after("PXAT").since("6.2.0"),
                    Argument::word("keepttl", "KEEPTTL").since("6.0.0"),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "setex",
        since: "2.0.0",
        arity: 4,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("2.6.12"),
        replaced_by: Some("`SET` with `EX`"),
        complexity: "O(1)",
        summary: "Sets a string with a time to live in seconds.",
        arguments: &[Argument::key("key", 0), Argument::integer("seconds"), Argument::string("value")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "setnx",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::INSERT).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("2.6.12"),
        replaced_by: Some("`SET` with `NX`"),
        complexity: "O(1)",
        summary: "Sets a string if the key does not exist.",
        arguments: &[Argument::key("key", 0), Argument::string("value")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "setrange",
        since: "2.2.0",
        arity: 4,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STRING | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(N) where N is the length of the part; O(1) while it is short",
        summary: "Overwrites a part of a string.",
        arguments: &[Argument::key("key", 0), Argument::integer("offset"), Argument::string("value")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "strlen",
        since: "2.2.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::STRING),
        key_specs: &[KeySpec::index(1, key::RO).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Tells the length of a string.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "substr",
        since: "1.0.0",
        arity: 4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STRING),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("2.0.0"),
        replaced_by: Some("`GETRANGE`"),
        complexity: "O(N) where N is the length of the part; finding it is O(1)",
        summary: "Reads a part of a string.",
        arguments: &[Argument::key("key", 0), Argument::integer("start"), Argument::integer("end")],
        ..Facts::of(GROUP)
    },
];
