//! Facts about the commands for streams.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::Stream;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "xack",
        since: "5.0.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1) for each entry",
        summary: "Marks entries of a consumer group as processed.",
        arguments: &[Argument::key("key", 0), Argument::string("group"), Argument::string("id").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xadd",
        since: "5.0.0",
        arity: -5,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE)
            .one()
            .notes("An update because old entries may be trimmed")],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        history: &[("6.2.0", "NOMKSTREAM, MINID and LIMIT."), ("7.0.0", "IDs of the form `<ms>-*`.")],
        complexity: "O(1), plus O(N) when N old entries are trimmed",
        summary: "Appends an entry to a stream, which is made when missing.",
        arguments: &[
            Argument::key("key", 0),
            Argument::word("nomkstream", "NOMKSTREAM").since("6.2.0").optional(),
            Argument::block(
                "trim",
                &[
                    Argument::one_of(
                        "strategy",
                        &[
                            Argument::word("maxlen", "MAXLEN"),
                            Argument::word("minid", "MINID").since("6.2.0"),
                        ],
                    ),
                    Argument::one_of(
                        "operator",
                        &[Argument::word("equal", "="), Argument::word("approximately", "~")],
                    )
                    .optional(),
                    Argument::string("threshold"),
                    Argument::integer("count").after("LIMIT").since("6.2.0").optional(),
                ],
            )
            .optional(),
            Argument::one_of("id-selector", &[Argument::word("auto-id", "*"), Argument::string("id")]),
            Argument::block("data", &[Argument::string("field"), Argument::string("value")]).multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xautoclaim",
        since: "6.2.0",
        arity: -6,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        history: &[("7.0.0", "Deleted entries leave the list of pending ones and are reported.")],
        complexity: "O(1) for a fixed COUNT",
        summary: "Takes over entries that another consumer left pending, from a cursor on.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("group"),
            Argument::string("consumer"),
            Argument::string("min-idle-time"),
            Argument::string("start"),
            Argument::integer("count").after("COUNT").optional(),
            Argument::word("justid", "JUSTID").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xclaim",
        since: "5.0.0",
        arity: -6,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(log(N)) where N is the number of entries pending in the group",
        summary: "Takes over given entries that another consumer left pending.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("group"),
            Argument::string("consumer"),
            Argument::string("min-idle-time"),
            Argument::string("id").multiple(),
            Argument::integer("ms").after("IDLE").optional(),
            Argument::unix_time("unix-time-milliseconds").after("TIME").optional(),
            Argument::integer("count").after("RETRYCOUNT").optional(),
            Argument::word("force", "FORCE").optional(),
            Argument::word("justid", "JUSTID").optional(),
            Argument::string("lastid").after("LASTID").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xdel",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1) for each entry",
        summary: "Deletes entries of a stream.",
        arguments: &[Argument::key("key", 0), Argument::string("id").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup",
        since: "5.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Consumer groups of a stream.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup|create",
        since: "5.0.0",
        arity: -5,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::INSERT).one()],
        keys_range: (2, 2, 1),
        history: &[("7.0.0", "The number of entries read may be given.")],
        complexity: "O(1)",
        summary: "Adds a consumer group to a stream.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("group"),
            Argument::one_of("id-selector", &[Argument::string("id"), Argument::word("new-id", "$")]),
            Argument::word("mkstream", "MKSTREAM").optional(),
            Argument::integer("entries-read").after("ENTRIESREAD").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup|createconsumer",
        since: "6.2.0",
        arity: 5,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::INSERT).one()],
        keys_range: (2, 2, 1),
        complexity: "O(1)",
        summary: "Creates a consumer in a group.",
        arguments: &[Argument::key("key", 0), Argument::string("group"), Argument::string("consumer")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup|delconsumer",
        since: "5.0.0",
        arity: 5,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::DELETE).one()],
        keys_range: (2, 2, 1),
        complexity: "O(1)",
        summary: "Removes a consumer from a group.",
        arguments: &[Argument::key("key", 0), Argument::string("group"), Argument::string("consumer")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup|destroy",
        since: "5.0.0",
        arity: 4,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::DELETE).one()],
        keys_range: (2, 2, 1),
        complexity: "O(N) where N is the number of entries pending in the group",
        summary: "Removes a consumer group.",
        arguments: &[Argument::key("key", 0), Argument::string("group")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW | acl::STREAM),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xgroup|setid",
        since: "5.0.0",
        arity: -5,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::UPDATE).one()],
        keys_range: (2, 2, 1),
        history: &[("7.0.0", "The number of entries read may be given.")],
        complexity: "O(1)",
        summary: "Sets the entry after which a group goes on.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("group"),
            Argument::one_of("id-selector", &[Argument::string("id"), Argument::word("new-id", "$")]),
            Argument::integer("entriesread").after("ENTRIESREAD").display("entries-read").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xinfo",
        since: "5.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Properties of a stream.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xinfo|consumers",
        since: "5.0.0",
        arity: 4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::index(2, key::RO | key::ACCESS).one()],
        keys_range: (2, 2, 1),
        tips: &["nondeterministic_output"],
        history: &[("7.2.0", "Field `inactive`.")],
        complexity: "O(1)",
        summary: "Describes the consumers of a group.",
        arguments: &[Argument::key("key", 0), Argument::string("group")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xinfo|groups",
        since: "5.0.0",
        arity: 3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::index(2, key::RO | key::ACCESS).one()],
        keys_range: (2, 2, 1),
        history: &[("7.0.0", "Fields `entries-read` and `lag`.")],
        complexity: "O(1)",
        summary: "Describes the groups of a stream.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xinfo|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW | acl::STREAM),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xinfo|stream",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::index(2, key::RO | key::ACCESS).one()],
        keys_range: (2, 2, 1),
        history: &[
            ("6.0.0", "FULL."),
            (
                "7.0.0",
                "Fields `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag`.",
            ),
            ("7.2.0", "Field `active-time`, and `seen-time` counts attempts."),
        ],
        complexity: "O(1)",
        summary: "Describes a stream.",
        arguments: &[
            Argument::key("key", 0),
            Argument::block(
                "full-block",
                &[Argument::word("full", "FULL"), Argument::integer("count").after("COUNT").optional()],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xlen",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::STREAM),
        key_specs: &[KeySpec::index(1, key::RO).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Counts the entries of a stream.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xpending",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        history: &[("6.2.0", "IDLE, and ranges that exclude their ends.")],
        complexity: "O(N) where N is the number of entries shown, plus O(M) to pass over M others; O(1) for the summary with few consumers",
        summary: "Shows which entries of a group are pending.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("group"),
            Argument::block(
                "filters",
                &[
                    Argument::integer("min-idle-time").after("IDLE").since("6.2.0").optional(),
                    Argument::string("start"),
                    Argument::string("end"),
                    Argument::integer("count"),
                    Argument::string("consumer").optional(),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xrange",
        since: "5.0.0",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("6.2.0", "Ranges that exclude their ends.")],
        complexity: "O(N) where N is the number of entries returned",
        summary: "Reads the entries of a stream between two IDs.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("start"),
            Argument::string("end"),
            Argument::integer("count").after("COUNT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xread",
        since: "5.0.0",
        arity: -4,
        flags: Flags(flag::BLOCKING | flag::READONLY | flag::MOVABLEKEYS),
        acl: AclCategories(acl::BLOCKING | acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::keyword("STREAMS", 1, key::RO | key::ACCESS).range(-1, 1, 2)],
        key_function: Some(KeyFunction::Streams),
        summary: "Reads new entries of streams, waiting for some if asked to.",
        arguments: &[
            Argument::integer("count").after("COUNT").optional(),
            Argument::integer("milliseconds").after("BLOCK").optional(),
            Argument::block(
                "streams",
                &[Argument::key("key", 0).multiple(), Argument::string("id").multiple()],
            )
            .after("STREAMS"),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xreadgroup",
        since: "5.0.0",
        arity: -7,
        flags: Flags(flag::BLOCKING | flag::WRITE | flag::MOVABLEKEYS),
        acl: AclCategories(acl::BLOCKING | acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::keyword("STREAMS", 4, key::RO | key::ACCESS).range(-1, 1, 2)],
        key_function: Some(KeyFunction::Streams),
        complexity: "O(N) for each stream, where N is the number of entries returned",
        summary: "Reads entries of streams as a consumer of a group, waiting for some if asked to.",
        arguments: &[
            Argument::block("group-block", &[Argument::string("group"), Argument::string("consumer")])
                .after("GROUP"),
            Argument::integer("count").after("COUNT").optional(),
            Argument::integer("milliseconds").after("BLOCK").optional(),
            Argument::word("noack", "NOACK").optional(),
            Argument::block(
                "streams",
                &[Argument::key("key", 0).multiple(), Argument::string("id").multiple()],
            )
            .after("STREAMS"),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xrevrange",
        since: "5.0.0",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::STREAM),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("6.2.0", "Ranges that exclude their ends.")],
        complexity: "O(N) where N is the number of entries returned",
        summary: "Reads the entries of a stream between two IDs, the latest first.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("end"),
            Argument::string("start"),
            Argument::integer("count").after("COUNT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xsetid",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "The counters may be given.")],
        complexity: "O(1)",
        summary: "Sets a stream's last ID and counters, for internal use.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("last-id"),
            Argument::integer("entries-added").after("ENTRIESADDED").since("7.0.0").optional(),
            Argument::string("max-deleted-id").after("MAXDELETEDID").since("7.0.0").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "xtrim",
        since: "5.0.0",
        arity: -4,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::STREAM | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        history: &[("6.2.0", "MINID and LIMIT.")],
        complexity: "O(N) where N is the number of entries deleted, with a small constant",
        summary: "Deletes the oldest entries of a stream.",
        arguments: &[
            Argument::key("key", 0),
            Argument::block(
                "trim",
                &[
                    Argument::one_of(
                        "strategy",
                        &[
                            Argument::word("maxlen", "MAXLEN"),
                            Argument::word("minid", "MINID").since("6.2.0"),
                        ],
                    ),
                    Argument::one_of(
                        "operator",
                        &[Argument::word("equal", "="), Argument::word("approximately", "~")],
                    )
                    .optional(),
                    Argument::string("threshold"),
                    Argument::integer("count").after("LIMIT").since("6.2.0").optional(),
                ],
            ),
        ],
        ..Facts::of(GROUP)
    },
];
