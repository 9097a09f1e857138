//! Facts about the commands for the client's own connection.

use crate::engine::spec::{AclCategories, Argument, Facts, Flags, Group, acl, flag};

const GROUP: Group = Group::Connection;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "auth",
        since: "1.0.0",
        arity: -2,
        flags: Flags(
            flag::NOSCRIPT
                | flag::LOADING
                | flag::STALE
                | flag::FAST
                | flag::NO_AUTH
                | flag::SENTINEL
                | flag::ALLOW_BUSY,
        ),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        history: &[("6.0.0", "A user name may come before the password.")],
        complexity: "O(N) where N is the number of passwords of the user",
        summary: "Logs the connection in.",
        arguments: &[Argument::string("username").since("6.0.0").optional(), Argument::string("password")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client",
        since: "2.4.0",
        arity: -2,
        flags: Flags(flag::SENTINEL),
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Connections and their properties.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|caching",
        since: "6.0.0",
        arity: 3,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Says whether the keys of the next command shall be tracked.",
        arguments: &[Argument::one_of("mode", &[Argument::word("yes", "YES"), Argument::word("no", "NO")])],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|getname",
        since: "2.6.9",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Tells the name of the connection.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|getredir",
        since: "6.0.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Tells which client receives this connection's invalidations.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|id",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Tells the number of the connection.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|info",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Describes the connection.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|kill",
        since: "2.4.0",
        arity: -3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW),
        history: &[
            ("2.8.12", "Filters in place of an address."),
            ("2.8.12", "Filter ID."),
            ("3.2.0", "Type `master` for the filter TYPE."),
            ("5.0.0", "Type `replica` beside `slave` for the filter TYPE."),
            ("6.2.0", "Filter LADDR."),
        ],
        complexity: "O(N) where N is the number of clients",
        summary: "Closes connections that match a filter.",
        arguments: &[Argument::one_of(
            "filter",
            &[
                Argument::string("old-format").deprecated_since("2.8.12").display("ip:port"),
                Argument::one_of(
                    "new-format",
                    &[
                        Argument::integer("client-id").after("ID").since("2.8.12").optional(),
                        Argument::one_of(
                            "client-type",
                            &[
                                Argument::word("normal", "NORMAL"),
                                Argument::word("master", "MASTER").since("3.2.0"),
                                Argument::word("slave", "SLAVE"),
                                Argument::word("replica", "REPLICA").since("5.0.0"),
                                Argument::word("pubsub", "PUBSUB"),
                            ],
                        )
                        .after("TYPE")
                        .since("2.8.12")
                        .optional(),
                        Argument::string("username").after("USER").optional(),
                        Argument::string("addr").after("ADDR").display("ip:port").optional(),
                        Argument::string("laddr").after("LADDR").since("6.2.0").display("ip:port").optional(),
                        Argument::one_of(
                            "skipme",
                            &[Argument::word("yes", "YES"), Argument::word("no", "NO")],
                        )
                        .after("SKIPME")
                        .optional(),
                    ],
                )
                .multiple(),
            ],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|list",
        since: "2.4.0",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output"],
        history: &[
            ("2.8.12", "Field `id`, unique for each client."),
            ("5.0.0", "Filter TYPE."),
            ("6.0.0", "Field `user`."),
            ("6.2.0", "Fields `argv-mem`, `tot-mem`, `laddr` and `redir`, and filter ID."),
            ("7.0.0", "Fields `resp`, `multi-mem`, `rbs` and `rbp`."),
            ("7.0.3", "Field `ssub`."),
        ],
        complexity: "O(N) where N is the number of clients",
        summary: "Describes all connections.",
        arguments: &[
            Argument::one_of(
                "client-type",
                &[
                    Argument::word("normal", "NORMAL"),
                    Argument::word("master", "MASTER"),
                    Argument::word("replica", "REPLICA"),
                    Argument::word("pubsub", "PUBSUB"),
                ],
            )
            .after("TYPE")
            .since("5.0.0")
            .optional(),
            Argument::integer("client-id").after("ID").since("6.2.0").optional().multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|no-evict",
        since: "7.0.0",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Protects the connection from client eviction, or no longer.",
        arguments: &[Argument::one_of(
            "enabled",
            &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|no-touch",
        since: "7.2.0",
        arity: 3,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Keeps this connection's commands from refreshing the age of keys, or no longer.",
        arguments: &[Argument::one_of(
            "enabled",
            &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|pause",
        since: "3.0.0",
        arity: -3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW),
        history: &[("6.2.0", "Mode WRITE, and modes in general.")],
        complexity: "O(1)",
        summary: "Holds back the commands of all clients for some time.",
        arguments: &[
            Argument::integer("timeout"),
            Argument::one_of("mode", &[Argument::word("write", "WRITE"), Argument::word("all", "ALL")])
                .since("6.2.0")
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|reply",
        since: "3.2.0",
        arity: 3,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Switches the replies to this connection on or off.",
        arguments: &[Argument::one_of(
            "action",
            &[Argument::word("on", "ON"), Argument::word("off", "OFF"), Argument::word("skip", "SKIP")],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|setinfo",
        since: "7.2.0",
        arity: 4,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(1)",
        summary: "Stores what the client library says of itself.",
        arguments: &[Argument::one_of(
            "attr",
            &[Argument::string("libname").after("LIB-NAME"), Argument::string("libver").after("LIB-VER")],
        )],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|setname",
        since: "2.6.9",
        arity: 3,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        complexity: "O(1)",
        summary: "Names the connection.",
        arguments: &[Argument::string("connection-name")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|tracking",
        since: "6.0.0",
        arity: -3,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1), or O(N) where N is the number of prefixes",
        summary: "Switches the tracking of keys for client-side caches.",
        arguments: &[
            Argument::one_of("status", &[Argument::word("on", "ON"), Argument::word("off", "OFF")]),
            Argument::integer("client-id").after("REDIRECT").optional(),
            Argument::string("prefix").after("PREFIX").optional().multiple().multiple_token(),
            Argument::word("bcast", "BCAST").optional(),
            Argument::word("optin", "OPTIN").optional(),
            Argument::word("optout", "OPTOUT").optional(),
            Argument::word("noloop", "NOLOOP").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|trackinginfo",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::SLOW),
        complexity: "O(1)",
        summary: "Tells how the connection tracks keys.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|unblock",
        since: "5.0.0",
        arity: -3,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW),
        complexity: "O(log(N)) where N is the number of clients",
        summary: "Ends the waiting of a blocked client.",
        arguments: &[
            Argument::integer("client-id"),
            Argument::one_of(
                "unblock-type",
                &[Argument::word("timeout", "TIMEOUT"), Argument::word("error", "ERROR")],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "client|unpause",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::ADMIN | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::ADMIN | acl::CONNECTION | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of paused clients",
        summary: "Lets held-back clients go on.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "echo",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE | flag::FAST),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        complexity: "O(1)",
        summary: "Sends a message back.",
        arguments: &[Argument::string("message")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "hello",
        since: "6.0.0",
        arity: -1,
        flags: Flags(
            flag::NOSCRIPT
                | flag::LOADING
                | flag::STALE
                | flag::FAST
                | flag::NO_AUTH
                | flag::SENTINEL
                | flag::ALLOW_BUSY,
        ),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        history: &[("6.2.0", "The protocol version may be left out.")],
        complexity: "O(1)",
        summary: "Chooses the protocol, and may log in and name the connection.",
        arguments: &[Argument::block(
            "arguments",
            &[
                Argument::integer("protover"),
                Argument::block("auth", &[Argument::string("username"), Argument::string("password")])
                    .after("AUTH")
                    .optional(),
                Argument::string("clientname").after("SETNAME").optional(),
            ],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "ping",
        since: "1.0.0",
        arity: -1,
        flags: Flags(flag::FAST | flag::SENTINEL),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        complexity: "O(1)",
        summary: "Tells that the server is alive.",
        arguments: &[Argument::string("message").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "quit",
        since: "1.0.0",
        arity: -1,
        flags: Flags(
            flag::ALLOW_BUSY | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH,
        ),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        doc_flags: &["deprecated"],
        deprecated_since: Some("7.2.0"),
        replaced_by: Some("closing the connection"),
        complexity: "O(1)",
        summary: "Says OK and closes the connection.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "reset",
        since: "6.2.0",
        arity: 1,
        flags: Flags(
            flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::NO_AUTH | flag::ALLOW_BUSY,
        ),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        complexity: "O(1)",
        summary: "Takes the connection back to its first state.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "select",
        since: "1.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE | flag::FAST),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        complexity: "O(1)",
        summary: "Chooses the database.",
        arguments: &[Argument::integer("index")],
        ..Facts::of(GROUP)
    },
];
