//! Facts about the commands for keys of any type.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::Generic;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "copy",
        since: "6.2.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::KEYSPACE | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RO | key::ACCESS).one(),
            KeySpec::index(2, key::OW | key::UPDATE).one(),
        ],
        keys_range: (1, 2, 1),
        complexity: "O(N) where N is the number of elements; O(1) for a string",
        summary: "Copies a value to another key.",
        arguments: &[
            Argument::key("source", 0),
            Argument::key("destination", 1),
            Argument::integer("destination-db").after("DB").optional(),
            Argument::word("replace", "REPLACE").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "del",
        since: "1.0.0",
        arity: -2,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::KEYSPACE | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RM | key::DELETE).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        complexity: "O(N) where N is the number of keys, plus the number of elements of each value that is no string",
        summary: "Deletes keys.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "dump",
        since: "2.6.0",
        arity: 2,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(1) to find the key, O(N*M) to serialize N elements of average size M",
        summary: "Serializes a value.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "exists",
        since: "1.0.0",
        arity: -2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        history: &[("3.0.3", "Several keys at a time.")],
        complexity: "O(N) where N is the number of keys",
        summary: "Counts how many of the keys exist.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "expire",
        since: "1.0.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "NX, XX, GT and LT.")],
        complexity: "O(1)",
        summary: "Gives a key a time to live in seconds.",
        arguments: &[
            Argument::key("key", 0),
            Argument::integer("seconds"),
            Argument::one_of(
                "condition",
                &[
                    Argument::word("nx", "NX"),
                    Argument::word("xx", "XX"),
                    Argument::word("gt", "GT"),
                    Argument::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "expireat",
        since: "1.2.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "NX, XX, GT and LT.")],
        complexity: "O(1)",
        summary: "Makes a key expire at a Unix time in seconds.",
        arguments: &[
            Argument::key("key", 0),
            Argument::unix_time("unix-time-seconds"),
            Argument::one_of(
                "condition",
                &[
                    Argument::word("nx", "NX"),
                    Argument::word("xx", "XX"),
                    Argument::word("gt", "GT"),
                    Argument::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "expiretime",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Tells the Unix time in seconds at which a key expires.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "keys",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::DANGEROUS | acl::KEYSPACE | acl::READ | acl::SLOW),
        tips: &["request_policy:all_shards", "nondeterministic_output_order"],
        complexity: "O(N) where N is the number of keys in the database",
        summary: "Lists the keys that match a pattern.",
        arguments: &[Argument::pattern("pattern")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "migrate",
        since: "2.6.0",
        arity: -6,
        flags: Flags(flag::WRITE | flag::MOVABLEKEYS),
        acl: AclCategories(acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(3, key::RW | key::ACCESS | key::DELETE).one(),
            KeySpec::keyword("KEYS", -2, key::RW | key::ACCESS | key::DELETE | key::INCOMPLETE)
                .range(-1, 1, 0),
        ],
        keys_range: (3, 3, 1),
        key_function: Some(KeyFunction::Migrate),
        tips: &["nondeterministic_output"],
        history: &[
            ("3.0.0", "COPY and REPLACE."),
            ("3.0.6", "KEYS."),
            ("4.0.7", "AUTH."),
            ("6.0.0", "AUTH2."),
        ],
        complexity: "That of DUMP and DEL here and of RESTORE there, and O(N) to send N bytes",
        summary: "Moves keys to another server.",
        arguments: &[
            Argument::string("host"),
            Argument::integer("port"),
            Argument::one_of("key-selector", &[Argument::key("key", 0), Argument::word("empty-string", "")]),
            Argument::integer("destination-db"),
            Argument::integer("timeout"),
            Argument::word("copy", "COPY").since("3.0.0").optional(),
            Argument::word("replace", "REPLACE").since("3.0.0").optional(),
            Argument::one_of(
                "authentication",
                &[
                    Argument::string("auth").after("AUTH").since("4.0.7").display("password"),
                    Argument::block("auth2", &[Argument::string("username"), Argument::string("password")])
                        .after("AUTH2")
                        .since("6.0.0"),
                ],
            )
            .optional(),
            Argument::key("keys", 1).after("KEYS").since("3.0.6").display("key").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "move",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Takes a key to another database.",
        arguments: &[Argument::key("key", 0), Argument::integer("db")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "object",
        since: "2.2.3",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Inner properties of a value.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "object|encoding",
        since: "2.2.3",
        arity: 3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO).one()],
        keys_range: (2, 2, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells how a value is stored.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "object|freq",
        since: "4.0.0",
        arity: 3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO).one()],
        keys_range: (2, 2, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells how often a key was used, on a logarithmic scale.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "object|help",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::KEYSPACE | acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "object|idletime",
        since: "2.2.3",
        arity: 3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO).one()],
        keys_range: (2, 2, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells for how long a key was not used.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "object|refcount",
        since: "2.2.3",
        arity: 3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO).one()],
        keys_range: (2, 2, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells how many references a value has.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "persist",
        since: "2.2.0",
        arity: 2,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Lets a key live forever.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pexpire",
        since: "2.6.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "NX, XX, GT and LT.")],
        complexity: "O(1)",
        summary: "Gives a key a time to live in milliseconds.",
        arguments: &[
            Argument::key("key", 0),
            Argument::integer("milliseconds"),
            Argument::one_of(
                "condition",
                &[
                    Argument::word("nx", "NX"),
                    Argument::word("xx", "XX"),
                    Argument::word("gt", "GT"),
                    Argument::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pexpireat",
        since: "2.6.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "NX, XX, GT and LT.")],
        complexity: "O(1)",
        summary: "Makes a key expire at a Unix time in milliseconds.",
        arguments: &[
            Argument::key("key", 0),
            Argument::unix_time("unix-time-milliseconds"),
            Argument::one_of(
                "condition",
                &[
                    Argument::word("nx", "NX"),
                    Argument::word("xx", "XX"),
                    Argument::word("gt", "GT"),
                    Argument::word("lt", "LT"),
                ],
            )
            .since("7.0.0")
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pexpiretime",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Tells the Unix time in milliseconds at which a key expires.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pttl",
        since: "2.6.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        history: &[("2.8.0", "-2 tells that there is no key.")],
        complexity: "O(1)",
        summary: "Tells the time to live of a key in milliseconds.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "randomkey",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::READONLY | flag::TOUCHES_ARBITRARY_KEYS),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:special", "nondeterministic_output"],
        complexity: "O(1)",
        summary: "Picks a random key.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "rename",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::KEYSPACE | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).one(),
            KeySpec::index(2, key::OW | key::UPDATE).one(),
        ],
        keys_range: (1, 2, 1),
        complexity: "O(1), plus the cost of deleting the replaced key",
        summary: "Renames a key and replaces the one that had the name.",
        arguments: &[Argument::key("key", 0), Argument::key("newkey", 1)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "renamenx",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).one(),
            KeySpec::index(2, key::OW | key::INSERT).one(),
        ],
        keys_range: (1, 2, 1),
        history: &[("3.2.0", "No error when both names are the same.")],
        complexity: "O(1)",
        summary: "Renames a key unless the new name is taken.",
        arguments: &[Argument::key("key", 0), Argument::key("newkey", 1)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "restore",
        since: "2.6.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("3.0.0", "REPLACE."), ("5.0.0", "ABSTTL."), ("5.0.0", "IDLETIME and FREQ.")],
        complexity: "O(1) to make the key, O(N*M) to build N elements of average size M",
        summary: "Makes a key from a serialized value.",
        arguments: &[
            Argument::key("key", 0),
            Argument::integer("ttl"),
            Argument::string("serialized-value"),
            Argument::word("replace", "REPLACE").since("3.0.0").optional(),
            Argument::word("absttl", "ABSTTL").since("5.0.0").optional(),
            Argument::integer("seconds").after("IDLETIME").since("5.0.0").optional(),
            Argument::integer("frequency").after("FREQ").since("5.0.0").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "scan",
        since: "2.8.0",
        arity: -2,
        flags: Flags(flag::READONLY | flag::TOUCHES_ARBITRARY_KEYS),
        acl: AclCategories(acl::KEYSPACE | acl::READ | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:special", "response_policy:special"],
        history: &[("6.0.0", "TYPE.")],
        complexity: "O(1) for each call, O(N) for a whole walk over N keys",
        summary: "Walks over the keys of the database.",
        arguments: &[
            Argument::integer("cursor"),
            Argument::pattern("pattern").after("MATCH").optional(),
            Argument::integer("count").after("COUNT").optional(),
            Argument::string("type").after("TYPE").since("6.0.0").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "sort",
        since: "1.0.0",
        arity: -2,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS),
        acl: AclCategories(acl::DANGEROUS | acl::LIST | acl::SET | acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RO | key::ACCESS).one(),
            KeySpec::unknown(key::RO | key::ACCESS)
                .notes("BY and GET: the names come from the sorted elements, nobody knows them beforehand"),
            KeySpec::unknown(key::OW | key::UPDATE).notes("STORE may stand anywhere among the options"),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::Sort),
        complexity: "O(N+M*log(M)) where N is the number of elements and M that of the elements returned",
        summary: "Sorts a list, a set or a sorted set, and may store the result.",
        arguments: &[
            Argument::key("key", 0),
            Argument::pattern("by-pattern").spec(1).after("BY").display("pattern").optional(),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
            Argument::pattern("get-pattern")
                .spec(1)
                .after("GET")
                .display("pattern")
                .optional()
                .multiple()
                .multiple_token(),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
            Argument::word("sorting", "ALPHA").optional(),
            Argument::key("destination", 2).after("STORE").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "sort_ro",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::READONLY | flag::MOVABLEKEYS),
        acl: AclCategories(acl::DANGEROUS | acl::LIST | acl::READ | acl::SET | acl::SLOW | acl::SORTEDSET),
        key_specs: &[
            KeySpec::index(1, key::RO | key::ACCESS).one(),
            KeySpec::unknown(key::RO | key::ACCESS)
                .notes("BY and GET: the names come from the sorted elements, nobody knows them beforehand"),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::SortReadOnly),
        complexity: "O(N+M*log(M)) where N is the number of elements and M that of the elements returned",
        summary: "Sorts a list, a set or a sorted set.",
        arguments: &[
            Argument::key("key", 0),
            Argument::pattern("by-pattern").spec(1).after("BY").display("pattern").optional(),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
            Argument::pattern("get-pattern")
                .spec(1)
                .after("GET")
                .display("pattern")
                .optional()
                .multiple()
                .multiple_token(),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
            Argument::word("sorting", "ALPHA").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "touch",
        since: "3.2.1",
        arity: -2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        complexity: "O(N) where N is the number of keys",
        summary: "Refreshes the age of keys and counts those that exist.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "ttl",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        history: &[("2.8.0", "-2 tells that there is no key.")],
        complexity: "O(1)",
        summary: "Tells the time to live of a key in seconds.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "type",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Tells the type of a value.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "unlink",
        since: "4.0.0",
        arity: -2,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RM | key::DELETE).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        tips: &["request_policy:multi_shard", "response_policy:agg_sum"],
        complexity: "O(1) for each key; the background work grows with the size of the values",
        summary: "Deletes keys and frees their memory in the background.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "wait",
        since: "3.0.0",
        arity: 3,
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        complexity: "O(1)",
        summary: "Waits until replicas have this connection's writes.",
        arguments: &[Argument::integer("numreplicas"), Argument::integer("timeout")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "waitaof",
        since: "7.2.0",
        arity: 4,
        flags: Flags(flag::NOSCRIPT),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:agg_min"],
        complexity: "O(1)",
        summary: "Waits until this connection's writes are on disk, here and on replicas.",
        arguments: &[
            Argument::integer("numlocal"),
            Argument::integer("numreplicas"),
            Argument::integer("timeout"),
        ],
        ..Facts::of(GROUP)
    },
];
