//! Facts about the commands for sorted sets.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::SortedSet;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "bzmpop",
        since: "7.0.0",
        arity: -5,
        flags: Flags(flag::WRITE | flag::BLOCKING | flag::MOVABLEKEYS),
        acl: AclCategories(acl::BLOCKING | acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::ACCESS | key::DELETE).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 2, first: 3 }),
        complexity: "O(K)+O(M*log(N)) where K is the number of keys, N the size of the set and M the number of members popped",
        summary: "Pops members from the first sorted set that has any, waiting if need be.",
        arguments: &[
            Argument::double("timeout"),
            Argument::integer("numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::one_of("where", &[Argument::word("min", "MIN"), Argument::word("max", "MAX")]),
            Argument::integer("count").after("COUNT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bzpopmax",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST | flag::BLOCKING),
        acl: AclCategories(acl::BLOCKING | acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).range(-2, 1, 0)],
        keys_range: (1, -2, 1),
        history: &[("6.0.0", "The timeout may have a fraction.")],
        complexity: "O(log(N)) where N is the size of the set",
        summary: "Pops the highest member of the first sorted set that has one, waiting if need be.",
        arguments: &[Argument::key("key", 0).multiple(), Argument::double("timeout")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bzpopmin",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST | flag::BLOCKING),
        acl: AclCategories(acl::BLOCKING | acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).range(-2, 1, 0)],
        keys_range: (1, -2, 1),
        history: &[("6.0.0", "The timeout may have a fraction.")],
        complexity: "O(log(N)) where N is the size of the set",
        summary: "Pops the lowest member of the first sorted set that has one, waiting if need be.",
        arguments: &[Argument::key("key", 0).multiple(), Argument::double("timeout")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zadd",
        since: "1.2.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[
            ("2.4.0", "Several members at a time."),
            ("3.0.2", "XX, NX, CH and INCR."),
            ("6.2.0", "GT and LT."),
        ],
        complexity: "O(log(N)) for each member, where N is the size of the sorted set",
        summary: "Adds members to a sorted set or changes their scores.",
        arguments: &[
            Argument::key("key", 0),
            Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
                .since("3.0.2")
                .optional(),
            Argument::one_of("comparison", &[Argument::word("gt", "GT"), Argument::word("lt", "LT")])
                .since("6.2.0")
                .optional(),
            Argument::word("change", "CH").since("3.0.2").optional(),
            Argument::word("increment", "INCR").since("3.0.2").optional(),
            Argument::block("data", &[Argument::double("score"), Argument::string("member")]).multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zcard",
        since: "1.2.0",
        arity: 2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Counts the members of a sorted set.",
        arguments: &[Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zcount",
        since: "2.0.0",
        arity: 4,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(log(N)) where N is the size of the sorted set",
        summary: "Counts the members between two scores.",
        arguments: &[Argument::key("key", 0), Argument::double("min"), Argument::double("max")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zdiff",
        since: "6.2.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::MOVABLEKEYS),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 1, first: 2 }),
        complexity: "O(L+(N-K)*log(N)) where L is the number of members in all sets, N the size of the first and K the size of the result",
        summary: "Lists the members of the first sorted set that are in none of the others.",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::word("withscores", "WITHSCORES").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zdiffstore",
        since: "6.2.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::OW | key::UPDATE).one(),
            KeySpec::index(2, key::RO | key::ACCESS).key_num(0, 1, 1),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::Counted { destination: Some(1), count: 2, first: 3 }),
        complexity: "O(L+(N-K)*log(N)) where L is the number of members in all sets, N the size of the first and K the size of the result",
        summary: "Stores the members of the first sorted set that are in none of the others.",
        arguments: &[
            Argument::key("destination", 0),
            Argument::integer("numkeys"),
            Argument::key("key", 1).multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zincrby",
        since: "1.2.0",
        arity: 4,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(log(N)) where N is the size of the sorted set",
        summary: "Adds to the score of a member.",
        arguments: &[Argument::key("key", 0), Argument::integer("increment"), Argument::string("member")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zinter",
        since: "6.2.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::MOVABLEKEYS),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 1, first: 2 }),
        complexity: "O(N*K)+O(M*log(M)) where N is the size of the smallest set, K the number of sets and M the size of the result",
        summary: "Lists the members that all sorted sets have in common.",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::integer("weight").after("WEIGHTS").optional().multiple(),
            Argument::one_of(
                "aggregate",
                &[Argument::word("sum", "SUM"), Argument::word("min", "MIN"), Argument::word("max", "MAX")],
            )
            .after("AGGREGATE")
            .optional(),
            Argument::word("withscores", "WITHSCORES").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zintercard",
        since: "7.0.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::MOVABLEKEYS),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 1, first: 2 }),
        complexity: "O(N*K) where N is the size of the smallest set and K the number of sets",
        summary: "Counts the members that all sorted sets have in common.",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::integer("limit").after("LIMIT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zinterstore",
        since: "2.0.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::OW | key::UPDATE).one(),
            KeySpec::index(2, key::RO | key::ACCESS).key_num(0, 1, 1),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::Counted { destination: Some(1), count: 2, first: 3 }),
        complexity: "O(N*K)+O(M*log(M)) where N is the size of the smallest set, K the number of sets and M the size of the result",
        summary: "Stores the members that all sorted sets have in common.",
        arguments: &[
            Argument::key("destination", 0),
            Argument::integer("numkeys"),
            Argument::key("key", 1).multiple(),
            Argument::integer("weight").after("WEIGHTS").optional().multiple(),
            Argument::one_of(
                "aggregate",
                &[Argument::word("sum", "SUM"), Argument::word("min", "MIN"), Argument::word("max", "MAX")],
            )
            .after("AGGREGATE")
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zlexcount",
        since: "2.8.9",
        arity: 4,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(log(N)) where N is the size of the sorted set",
        summary: "Counts the members between two names, all scores being equal.",
        arguments: &[Argument::key("key", 0), Argument::string("min"), Argument::string("max")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zmpop",
        since: "7.0.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::MOVABLEKEYS),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 1, first: 2 }),
        complexity: "O(K)+O(M*log(N)) where K is the number of keys, N the size of the set and M the number of members popped",
        summary: "Pops members from the first sorted set that has any.",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::one_of("where", &[Argument::word("min", "MIN"), Argument::word("max", "MAX")]),
            Argument::integer("count").after("COUNT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zmscore",
        since: "6.2.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(N) where N is the number of members given",
        summary: "Tells the scores of members.",
        arguments: &[Argument::key("key", 0), Argument::string("member").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zpopmax",
        since: "5.0.0",
        arity: -2,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(M*log(N)) where N is the size of the sorted set and M the number of members popped",
        summary: "Pops the highest members.",
        arguments: &[Argument::key("key", 0), Argument::integer("count").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zpopmin",
        since: "5.0.0",
        arity: -2,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(M*log(N)) where N is the size of the sorted set and M the number of members popped",
        summary: "Pops the lowest members.",
        arguments: &[Argument::key("key", 0), Argument::integer("count").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrandmember",
        since: "6.2.0",
        arity: -2,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of members picked",
        summary: "Picks random members of a sorted set.",
        arguments: &[
            Argument::key("key", 0),
            Argument::block(
                "options",
                &[Argument::integer("count"), Argument::word("withscores", "WITHSCORES").optional()],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrange",
        since: "1.2.0",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("6.2.0", "REV, BYSCORE, BYLEX and LIMIT.")],
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members returned",
        summary: "Lists the members in a range of positions, scores or names.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("start"),
            Argument::string("stop"),
            Argument::one_of(
                "sortby",
                &[Argument::word("byscore", "BYSCORE"), Argument::word("bylex", "BYLEX")],
            )
            .since("6.2.0")
            .optional(),
            Argument::word("rev", "REV").since("6.2.0").optional(),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .since("6.2.0")
                .optional(),
            Argument::word("withscores", "WITHSCORES").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrangebylex",
        since: "2.8.9",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`ZRANGE` with `BYLEX`"),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members returned",
        summary: "Lists the members between two names, all scores being equal.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("min"),
            Argument::string("max"),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrangebyscore",
        since: "1.0.5",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("2.0.0", "WITHSCORES.")],
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`ZRANGE` with `BYSCORE`"),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members returned",
        summary: "Lists the members between two scores.",
        arguments: &[
            Argument::key("key", 0),
            Argument::double("min"),
            Argument::double("max"),
            Argument::word("withscores", "WITHSCORES").since("2.0.0").optional(),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrangestore",
        since: "6.2.0",
        arity: -5,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::OW | key::UPDATE).one(),
            KeySpec::index(2, key::RO | key::ACCESS).one(),
        ],
        keys_range: (1, 2, 1),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members stored",
        summary: "Stores the members in a range of positions, scores or names.",
        arguments: &[
            Argument::key("dst", 0),
            Argument::key("src", 1),
            Argument::string("min"),
            Argument::string("max"),
            Argument::one_of(
                "sortby",
                &[Argument::word("byscore", "BYSCORE"), Argument::word("bylex", "BYLEX")],
            )
            .optional(),
            Argument::word("rev", "REV").optional(),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrank",
        since: "2.0.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("7.2.0", "WITHSCORE.")],
        complexity: "O(log(N)) where N is the size of the sorted set",
        summary: "Tells the position of a member, the lowest score first.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("member"),
            Argument::word("withscore", "WITHSCORE").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrem",
        since: "1.2.0",
        arity: -3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::FAST | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        history: &[("2.4.0", "Several members at a time.")],
        complexity: "O(M*log(N)) where N is the size of the sorted set and M the number of members given",
        summary: "Removes members from a sorted set.",
        arguments: &[Argument::key("key", 0), Argument::string("member").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zremrangebylex",
        since: "2.8.9",
        arity: 4,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members removed",
        summary: "Removes the members between two names, all scores being equal.",
        arguments: &[Argument::key("key", 0), Argument::string("min"), Argument::string("max")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zremrangebyrank",
        since: "2.0.0",
        arity: 4,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members removed",
        summary: "Removes the members in a range of positions.",
        arguments: &[Argument::key("key", 0), Argument::integer("start"), Argument::integer("stop")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zremrangebyscore",
        since: "1.2.0",
        arity: 4,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::DELETE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members removed",
        summary: "Removes the members between two scores.",
        arguments: &[Argument::key("key", 0), Argument::double("min"), Argument::double("max")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrevrange",
        since: "1.2.0",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`ZRANGE` with `REV`"),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members returned",
        summary: "Lists the members in a range of positions, the highest score first.",
        arguments: &[
            Argument::key("key", 0),
            Argument::integer("start"),
            Argument::integer("stop"),
            Argument::word("withscores", "WITHSCORES").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrevrangebylex",
        since: "2.8.9",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`ZRANGE` with `REV` and `BYLEX`"),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members returned",
        summary: "Lists the members between two names, the last first.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("max"),
            Argument::string("min"),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrevrangebyscore",
        since: "2.2.0",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("2.1.6", "Bounds that exclude their score.")],
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`ZRANGE` with `REV` and `BYSCORE`"),
        complexity: "O(log(N)+M) where N is the size of the sorted set and M the number of members returned",
        summary: "Lists the members between two scores, the highest first.",
        arguments: &[
            Argument::key("key", 0),
            Argument::double("max"),
            Argument::double("min"),
            Argument::word("withscores", "WITHSCORES").optional(),
            Argument::block("limit", &[Argument::integer("offset"), Argument::integer("count")])
                .after("LIMIT")
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zrevrank",
        since: "2.0.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("7.2.0", "WITHSCORE.")],
        complexity: "O(log(N)) where N is the size of the sorted set",
        summary: "Tells the position of a member, the highest score first.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("member"),
            Argument::word("withscore", "WITHSCORE").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zscan",
        since: "2.8.0",
        arity: -3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        tips: &["nondeterministic_output"],
        complexity: "O(1) for each call, O(N) for a whole walk over N members",
        summary: "Walks over the members and scores of a sorted set.",
        arguments: &[
            Argument::key("key", 0),
            Argument::integer("cursor"),
            Argument::pattern("pattern").after("MATCH").optional(),
            Argument::integer("count").after("COUNT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zscore",
        since: "1.2.0",
        arity: 3,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Tells the score of a member.",
        arguments: &[Argument::key("key", 0), Argument::string("member")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zunion",
        since: "6.2.0",
        arity: -3,
        flags: Flags(flag::READONLY | flag::MOVABLEKEYS),
        acl: AclCategories(acl::READ | acl::SLOW | acl::SORTEDSET),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).key_num(0, 1, 1)],
        key_function: Some(KeyFunction::Counted { destination: None, count: 1, first: 2 }),
        complexity: "O(N)+O(M*log(M)) where N is the number of members in all sets and M the size of the result",
        summary: "Lists the members that any of the sorted sets has.",
        arguments: &[
            Argument::integer("numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::integer("weight").after("WEIGHTS").optional().multiple(),
            Argument::one_of(
                "aggregate",
                &[Argument::word("sum", "SUM"), Argument::word("min", "MIN"), Argument::word("max", "MAX")],
            )
            .after("AGGREGATE")
            .optional(),
            Argument::word("withscores", "WITHSCORES").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "zunionstore",
        since: "2.0.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS),
        acl: AclCategories(acl::SLOW | acl::SORTEDSET | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::OW | key::UPDATE).one(),
            KeySpec::index(2, key::RO | key::ACCESS).key_num(0, 1, 1),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::Counted { destination: Some(1), count: 2, first: 3 }),
        complexity: "O(N)+O(M*log(M)) where N is the number of members in all sets and M the size of the result",
        summary: "Stores the members that any of the sorted sets has.",
        arguments: &[
            Argument::key("destination", 0),
            Argument::integer("numkeys"),
            Argument::key("key", 1).multiple(),
            Argument::integer("weight").after("WEIGHTS").optional().multiple(),
            Argument::one_of(
                "aggregate",
                &[Argument::word("sum", "SUM"), Argument::word("min", "MIN"), Argument::word("max", "MAX")],
            )
            .after("AGGREGATE")
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
];
