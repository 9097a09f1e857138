//! Facts about the commands for scripts and functions.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::Scripting;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "eval",
        since: "2.6.0",
        arity: -3,
        flags: Flags(
            flag::NOSCRIPT
                | flag::SKIP_MONITOR
                | flag::MAY_REPLICATE
                | flag::NO_MANDATORY_KEYS
                | flag::STALE
                | flag::MOVABLEKEYS,
        ),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RW | key::ACCESS | key::UPDATE)
            .key_num(0, 1, 1)
            .notes("Whatever the script does is assumed to be a write")],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "That of the script",
        summary: "Runs a Lua script.",
        arguments: &[
            Argument::string("script"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).optional().multiple(),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "eval_ro",
        since: "7.0.0",
        arity: -3,
        flags: Flags(
            flag::NOSCRIPT
                | flag::SKIP_MONITOR
                | flag::NO_MANDATORY_KEYS
                | flag::STALE
                | flag::READONLY
                | flag::MOVABLEKEYS,
        ),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO | key::ACCESS)
            .key_num(0, 1, 1)
            .notes("Whatever the script does is assumed to be a read")],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "That of the script",
        summary: "Runs a Lua script that only reads.",
        arguments: &[
            Argument::string("script"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).optional().multiple(),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "evalsha",
        since: "2.6.0",
        arity: -3,
        flags: Flags(
            flag::NOSCRIPT
                | flag::SKIP_MONITOR
                | flag::MAY_REPLICATE
                | flag::NO_MANDATORY_KEYS
                | flag::STALE
                | flag::MOVABLEKEYS,
        ),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RW | key::ACCESS | key::UPDATE).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "That of the script",
        summary: "Runs a Lua script known by its digest.",
        arguments: &[
            Argument::string("sha1"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).optional().multiple(),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "evalsha_ro",
        since: "7.0.0",
        arity: -3,
        flags: Flags(
            flag::NOSCRIPT
                | flag::SKIP_MONITOR
                | flag::NO_MANDATORY_KEYS
                | flag::STALE
                | flag::READONLY
                | flag::MOVABLEKEYS,
        ),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO | key::ACCESS).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "That of the script",
        summary: "Runs a Lua script known by its digest that only reads.",
        arguments: &[
            Argument::string("sha1"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).optional().multiple(),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "fcall",
        since: "7.0.0",
        arity: -3,
        flags: Flags(
            flag::NOSCRIPT
                | flag::SKIP_MONITOR
                | flag::MAY_REPLICATE
                | flag::NO_MANDATORY_KEYS
                | flag::STALE
                | flag::MOVABLEKEYS,
        ),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RW | key::ACCESS | key::UPDATE)
            .key_num(0, 1, 1)
            .notes("Whatever the script does is assumed to be a write")],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "That of the function",
        summary: "Calls a function.",
        arguments: &[
            Argument::string("function"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).optional().multiple(),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "fcall_ro",
        since: "7.0.0",
        arity: -3,
        flags: Flags(
            flag::NOSCRIPT
                | flag::SKIP_MONITOR
                | flag::NO_MANDATORY_KEYS
                | flag::STALE
                | flag::READONLY
                | flag::MOVABLEKEYS,
        ),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO | key::ACCESS)
            .key_num(0, 1, 1)
            .notes("Whatever the script does is assumed to be a read")],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "That of the function",
        summary: "Calls a function that only reads.",
        arguments: &[
            Argument::string("function"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).optional().multiple(),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function",
        since: "7.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Libraries of functions.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|delete",
        since: "7.0.0",
        arity: 3,
        flags: Flags(flag::NOSCRIPT | flag::WRITE),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW | acl::WRITE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(1)",
        summary: "Removes a library and its functions.",
        arguments: &[Argument::string("library-name")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|dump",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        complexity: "O(N) where N is the number of functions in them",
        summary: "Serializes all libraries.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|flush",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::NOSCRIPT | flag::WRITE),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW | acl::WRITE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of functions",
        summary: "Removes all libraries.",
        arguments: &[Argument::one_of(
            "flush-type",
            &[Argument::word("async", "ASYNC"), Argument::word("sync", "SYNC")],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|help",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|kill",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::ALLOW_BUSY),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        complexity: "O(1)",
        summary: "Stops the running function.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|list",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::NOSCRIPT),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the number of functions in them",
        summary: "Describes the libraries.",
        arguments: &[
            Argument::string("library-name-pattern").after("LIBRARYNAME").optional(),
            Argument::word("withcode", "WITHCODE").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|load",
        since: "7.0.0",
        arity: -3,
        flags: Flags(flag::NOSCRIPT | flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW | acl::WRITE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(1), or what the library does while loading",
        summary: "Adds a library.",
        arguments: &[Argument::word("replace", "REPLACE").optional(), Argument::string("function-code")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|restore",
        since: "7.0.0",
        arity: -3,
        flags: Flags(flag::NOSCRIPT | flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW | acl::WRITE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of functions",
        summary: "Adds the libraries of a dump.",
        arguments: &[
            Argument::string("serialized-value"),
            Argument::one_of(
                "policy",
                &[
                    Argument::word("flush", "FLUSH"),
                    Argument::word("append", "APPEND"),
                    Argument::word("replace", "REPLACE"),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "function|stats",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::ALLOW_BUSY),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        complexity: "O(1)",
        summary: "Describes the running function and the engines.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script",
        since: "2.6.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Cache of Lua scripts.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script|debug",
        since: "3.2.0",
        arity: 3,
        flags: Flags(flag::NOSCRIPT),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        complexity: "O(1)",
        summary: "Switches the debugging of scripts for this connection.",
        arguments: &[Argument::one_of(
            "mode",
            &[Argument::word("yes", "YES"), Argument::word("sync", "SYNC"), Argument::word("no", "NO")],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script|exists",
        since: "2.6.0",
        arity: -3,
        flags: Flags(flag::NOSCRIPT),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:agg_logical_and"],
        complexity: "O(N) where N is the number of digests",
        summary: "Tells which digests belong to scripts in the cache.",
        arguments: &[Argument::string("sha1").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script|flush",
        since: "2.6.0",
        arity: -2,
        flags: Flags(flag::NOSCRIPT),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        history: &[("6.2.0", "ASYNC and SYNC.")],
        complexity: "O(N) where N is the number of scripts in the cache",
        summary: "Empties the script cache.",
        arguments: &[Argument::one_of(
            "flush-type",
            &[Argument::word("async", "ASYNC"), Argument::word("sync", "SYNC")],
        )
        .since("6.2.0")
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script|kill",
        since: "2.6.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::ALLOW_BUSY),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:one_succeeded"],
        complexity: "O(1)",
        summary: "Stops the running script.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "script|load",
        since: "2.6.0",
        arity: 3,
        flags: Flags(flag::NOSCRIPT | flag::STALE),
        acl: AclCategories(acl::SCRIPTING | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the length of the script",
        summary: "Puts a script into the cache.",
        arguments: &[Argument::string("script")],
        ..Facts::of(GROUP)
    },
];
