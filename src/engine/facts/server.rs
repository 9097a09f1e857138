//! Facts about the commands for server management.

use crate::engine::spec::{AclCategories, Argument, Facts, Flags, Group, KeySpec, acl, flag, key};

const GROUP: Group = Group::Server;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "acl",
        since: "6.0.0",
        arity: -2,
        flags: Flags(flag::SENTINEL),
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Users and their rights.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|cat",
        since: "6.0.0",
        arity: -2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1), the numbers of categories and commands being constants",
        summary: "Lists the categories, or the commands of one category.",
        arguments: &[Argument::string("category").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|deluser",
        since: "6.0.0",
        arity: -3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(1) for an ordinary user",
        summary: "Removes users and closes their connections.",
        arguments: &[Argument::string("username").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|dryrun",
        since: "7.0.0",
        arity: -4,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Says whether a user could run a command, without running it.",
        arguments: &[
            Argument::string("username"),
            Argument::string("command"),
            Argument::string("arg").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|genpass",
        since: "6.0.0",
        arity: -2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Makes a random password.",
        arguments: &[Argument::integer("bits").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|getuser",
        since: "6.0.0",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        history: &[
            ("6.2.0", "Channel patterns appear in the reply."),
            ("7.0.0", "Selectors appear in the reply, and patterns as they were written."),
        ],
        complexity: "O(N) where N is the number of rules, commands and categories of the user",
        summary: "Shows the rules of a user.",
        arguments: &[Argument::string("username")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|help",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|list",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of users",
        summary: "Shows all users in the format of the ACL file.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|load",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of users in the file",
        summary: "Reads the ACL file again.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|log",
        since: "6.0.0",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        history: &[("7.2.0", "Entries have an ID and the times of their creation and last change.")],
        complexity: "O(N) where N is the number of entries shown",
        summary: "Shows or clears the most recent refusals.",
        arguments: &[Argument::one_of(
            "operation",
            &[Argument::integer("count"), Argument::word("reset", "RESET")],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|save",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of users",
        summary: "Writes the users to the ACL file.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|setuser",
        since: "6.0.0",
        arity: -3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        history: &[
            ("6.2.0", "Channel patterns can be set."),
            ("7.0.0", "Selectors, and key patterns for reading or writing alone."),
        ],
        complexity: "O(N) where N is the number of rules given",
        summary: "Creates a user or changes its rules.",
        arguments: &[Argument::string("username"), Argument::string("rule").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|users",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of users",
        summary: "Lists the names of all users.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "acl|whoami",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Tells which user the connection is logged in as.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bgrewriteaof",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1) to start",
        summary: "Rewrites the append-only file in the background.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bgsave",
        since: "1.0.0",
        arity: -1,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        history: &[("3.2.2", "SCHEDULE.")],
        complexity: "O(1) to start",
        summary: "Saves a snapshot in the background.",
        arguments: &[Argument::word("schedule", "SCHEDULE").since("3.2.2").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command",
        since: "2.8.13",
        arity: -1,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the number of commands",
        summary: "Describes all commands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|count",
        since: "2.8.13",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Counts the commands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|docs",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the number of commands asked for",
        summary: "Explains commands: their syntax, cost and history.",
        arguments: &[Argument::string("command-name").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|getkeys",
        since: "2.8.13",
        arity: -3,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(N) where N is the number of arguments",
        summary: "Picks the keys out of a command.",
        arguments: &[Argument::string("command"), Argument::string("arg").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|getkeysandflags",
        since: "7.0.0",
        arity: -3,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(N) where N is the number of arguments",
        summary: "Picks the keys out of a command and tells what happens to them.",
        arguments: &[Argument::string("command"), Argument::string("arg").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|info",
        since: "2.8.13",
        arity: -2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["nondeterministic_output_order"],
        history: &[("7.0.0", "Names of subcommands are understood.")],
        complexity: "O(N) where N is the number of commands asked for",
        summary: "Describes single commands.",
        arguments: &[Argument::string("command-name").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "command|list",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the number of commands",
        summary: "Lists the names of commands.",
        arguments: &[Argument::one_of(
            "filterby",
            &[
                Argument::string("module-name").after("MODULE"),
                Argument::string("category").after("ACLCAT"),
                Argument::pattern("pattern").after("PATTERN"),
            ],
        )
        .after("FILTERBY")
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "config",
        since: "2.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Settings of the server.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "config|get",
        since: "2.0.0",
        arity: -3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        history: &[("7.0.0", "Several patterns at a time.")],
        complexity: "O(N) where N is the number of settings asked for",
        summary: "Shows settings.",
        arguments: &[Argument::string("parameter").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "config|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "config|resetstat",
        since: "2.0.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(1)",
        summary: "Sets the statistics of INFO to zero.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "config|rewrite",
        since: "2.8.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(1)",
        summary: "Writes the settings in use to the configuration file.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "config|set",
        since: "2.0.0",
        arity: -4,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        history: &[("7.0.0", "Several settings at a time.")],
        complexity: "O(N) where N is the number of settings given",
        summary: "Changes settings while the server runs.",
        arguments: &[
            Argument::block("data", &[Argument::string("parameter"), Argument::string("value")]).multiple()
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "dbsize",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::KEYSPACE | acl::READ),
        tips: &["request_policy:all_shards", "response_policy:agg_sum"],
        complexity: "O(1)",
        summary: "Counts the keys of the database.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "debug",
        since: "1.0.0",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::PROTECTED),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        doc_flags: &["syscmd"],
        complexity: "That of the subcommand",
        summary: "Looks inside the server, for developers.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "failover",
        since: "6.2.0",
        arity: -1,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Hands the role of the primary to a replica.",
        arguments: &[
            Argument::block(
                "target",
                &[
                    Argument::string("host"),
                    Argument::integer("port"),
                    Argument::word("force", "FORCE").optional(),
                ],
            )
            .after("TO")
            .optional(),
            Argument::word("abort", "ABORT").optional(),
            Argument::integer("milliseconds").after("TIMEOUT").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "flushall",
        since: "1.0.0",
        arity: -1,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        history: &[("4.0.0", "ASYNC."), ("6.2.0", "SYNC.")],
        complexity: "O(N) where N is the number of keys",
        summary: "Deletes the keys of all databases.",
        arguments: &[Argument::one_of(
            "flush-type",
            &[Argument::word("async", "ASYNC").since("4.0.0"), Argument::word("sync", "SYNC").since("6.2.0")],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "flushdb",
        since: "1.0.0",
        arity: -1,
        flags: Flags(flag::WRITE),
        acl: AclCategories(acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        history: &[("4.0.0", "ASYNC."), ("6.2.0", "SYNC.")],
        complexity: "O(N) where N is the number of keys",
        summary: "Deletes the keys of the database.",
        arguments: &[Argument::one_of(
            "flush-type",
            &[Argument::word("async", "ASYNC").since("4.0.0"), Argument::word("sync", "SYNC").since("6.2.0")],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "info",
        since: "1.0.0",
        arity: -1,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        history: &[("7.0.0", "Several sections at a time.")],
        complexity: "O(1)",
        summary: "Describes the server and counts what it did.",
        arguments: &[Argument::string("section").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "lastsave",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::LOADING | flag::STALE | flag::FAST),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::FAST),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells when the data was last saved.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency",
        since: "2.8.13",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Records of latency.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|doctor",
        since: "2.8.13",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        complexity: "O(1)",
        summary: "Explains the latency spikes seen.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|graph",
        since: "2.8.13",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        complexity: "O(1)",
        summary: "Draws the latency of an event.",
        arguments: &[Argument::string("event")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|help",
        since: "2.8.13",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|histogram",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        complexity: "O(N) where N is the number of commands that were called",
        summary: "Shows how the run times of commands are distributed.",
        arguments: &[Argument::string("command").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|history",
        since: "2.8.13",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        complexity: "O(1)",
        summary: "Lists the latency spikes of an event.",
        arguments: &[Argument::string("event")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|latest",
        since: "2.8.13",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"],
        complexity: "O(1)",
        summary: "Lists the last spike of each event.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "latency|reset",
        since: "2.8.13",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:agg_sum"],
        complexity: "O(1)",
        summary: "Forgets the spikes of events.",
        arguments: &[Argument::string("event").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "lolwut",
        since: "5.0.0",
        arity: -1,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::FAST | acl::READ),
        summary: "Draws a piece of art and tells the version.",
        arguments: &[Argument::integer("version").after("VERSION").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory",
        since: "4.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Use of memory.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory|doctor",
        since: "4.0.0",
        arity: 2,
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        complexity: "O(1)",
        summary: "Explains problems of memory.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory|help",
        since: "4.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory|malloc-stats",
        since: "4.0.0",
        arity: 2,
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        complexity: "That of the allocator",
        summary: "Shows the allocator's statistics.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory|purge",
        since: "4.0.0",
        arity: 2,
        acl: AclCategories(acl::SLOW),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "That of the allocator",
        summary: "Asks the allocator to give memory back.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory|stats",
        since: "4.0.0",
        arity: 2,
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"],
        complexity: "O(1)",
        summary: "Shows what the memory is used for.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "memory|usage",
        since: "4.0.0",
        arity: -3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(2, key::RO).one()],
        keys_range: (2, 2, 1),
        complexity: "O(N) where N is the number of elements sampled",
        summary: "Estimates the memory of a key.",
        arguments: &[Argument::key("key", 0), Argument::integer("count").after("SAMPLES").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "module",
        since: "4.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Loaded modules.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "module|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "module|list",
        since: "4.0.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output_order"],
        complexity: "O(N) where N is the number of modules",
        summary: "Lists the modules.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "module|load",
        since: "4.0.0",
        arity: -3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::PROTECTED),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Adds a module to the server.",
        arguments: &[Argument::string("path"), Argument::string("arg").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "module|loadex",
        since: "7.0.0",
        arity: -3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::PROTECTED),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Adds a module to the server, with settings of its own.",
        arguments: &[
            Argument::string("path"),
            Argument::block("configs", &[Argument::string("name"), Argument::string("value")])
                .after("CONFIG")
                .optional()
                .multiple()
                .multiple_token(),
            Argument::string("args").after("ARGS").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "module|unload",
        since: "4.0.0",
        arity: 3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::PROTECTED),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Removes a module from the server.",
        arguments: &[Argument::string("name")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "monitor",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        summary: "Streams every command that the server runs.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "psync",
        since: "2.8.0",
        arity: -3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NO_MULTI | flag::NOSCRIPT),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        summary: "Begins replication, from an offset where possible.",
        arguments: &[Argument::string("replicationid"), Argument::integer("offset")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "replconf",
        since: "3.0.0",
        arity: -1,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::ALLOW_BUSY),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        doc_flags: &["syscmd"],
        complexity: "O(1)",
        summary: "Settings between a replica and its primary.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "replicaof",
        since: "5.0.0",
        arity: 3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Makes the server a replica of another, or a primary.",
        arguments: &[Argument::one_of(
            "args",
            &[
                Argument::block("host-port", &[Argument::string("host"), Argument::integer("port")]),
                Argument::block("no-one", &[Argument::word("no", "NO"), Argument::word("one", "ONE")]),
            ],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "restore-asking",
        since: "3.0.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::ASKING),
        acl: AclCategories(acl::DANGEROUS | acl::KEYSPACE | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::OW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("3.0.0", "REPLACE."), ("5.0.0", "ABSTTL."), ("5.0.0", "IDLETIME and FREQ.")],
        doc_flags: &["syscmd"],
        complexity: "O(1) to make the key, O(N*M) to build N elements of average size M",
        summary: "Makes a key in a slot that is being imported.",
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
        name: "role",
        since: "2.8.12",
        arity: 1,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::FAST),
        complexity: "O(1)",
        summary: "Tells the server's role in replication.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "save",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::NO_MULTI),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of keys",
        summary: "Saves a snapshot and waits for it.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "shutdown",
        since: "1.0.0",
        arity: -1,
        flags: Flags(
            flag::ADMIN
                | flag::NOSCRIPT
                | flag::LOADING
                | flag::STALE
                | flag::NO_MULTI
                | flag::SENTINEL
                | flag::ALLOW_BUSY,
        ),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        history: &[("7.0.0", "NOW, FORCE and ABORT.")],
        complexity: "O(N) where N is the number of keys, when it saves; else O(1)",
        summary: "Saves the data and ends the server.",
        arguments: &[
            Argument::one_of(
                "save-selector",
                &[Argument::word("nosave", "NOSAVE"), Argument::word("save", "SAVE")],
            )
            .optional(),
            Argument::word("now", "NOW").since("7.0.0").optional(),
            Argument::word("force", "FORCE").since("7.0.0").optional(),
            Argument::word("abort", "ABORT").since("7.0.0").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "slaveof",
        since: "1.0.0",
        arity: 3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NOSCRIPT | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        doc_flags: &["deprecated"],
        deprecated_since: Some("5.0.0"),
        replaced_by: Some("`REPLICAOF`"),
        complexity: "O(1)",
        summary: "Makes the server a replica of another, or a primary.",
        arguments: &[Argument::one_of(
            "args",
            &[
                Argument::block("host-port", &[Argument::string("host"), Argument::integer("port")]),
                Argument::block("no-one", &[Argument::word("no", "NO"), Argument::word("one", "ONE")]),
            ],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "slowlog",
        since: "2.2.12",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Record of slow commands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "slowlog|get",
        since: "2.2.12",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "nondeterministic_output"],
        history: &[("4.0.0", "Entries tell the client's address and name.")],
        complexity: "O(N) where N is the number of entries shown",
        summary: "Shows the entries of the slow log.",
        arguments: &[Argument::integer("count").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "slowlog|help",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "slowlog|len",
        since: "2.2.12",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
        complexity: "O(1)",
        summary: "Counts the entries of the slow log.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "slowlog|reset",
        since: "2.2.12",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(N) where N is the number of entries",
        summary: "Empties the slow log.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "swapdb",
        since: "4.0.0",
        arity: 3,
        flags: Flags(flag::WRITE | flag::FAST),
        acl: AclCategories(acl::DANGEROUS | acl::FAST | acl::KEYSPACE | acl::WRITE),
        complexity: "O(N) where N is the number of clients that watch or wait for their keys",
        summary: "Exchanges the contents of two databases.",
        arguments: &[Argument::integer("index1"), Argument::integer("index2")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "sync",
        since: "1.0.0",
        arity: 1,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::NO_MULTI | flag::NOSCRIPT),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        summary: "Begins replication from the start.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "time",
        since: "2.6.0",
        arity: 1,
        flags: Flags(flag::LOADING | flag::STALE | flag::FAST),
        acl: AclCategories(acl::FAST),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells the server's time.",
        ..Facts::of(GROUP)
    },
];
