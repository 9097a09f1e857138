//! Facts about the commands for cluster management.

use crate::engine::spec::{AclCategories, Argument, Facts, Flags, Group, acl, flag};

const GROUP: Group = Group::Cluster;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "asking",
        since: "3.0.0",
        arity: 1,
        flags: Flags(flag::FAST),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        complexity: "O(1)",
        summary: "Lets the next command use a slot that is being imported.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster",
        since: "3.0.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "Nodes and slots of a cluster.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|addslots",
        since: "3.0.0",
        arity: -3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of slots",
        summary: "Gives slots to this node.",
        arguments: &[Argument::integer("slot").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|addslotsrange",
        since: "7.0.0",
        arity: -4,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of slots in the ranges",
        summary: "Gives ranges of slots to this node.",
        arguments: &[Argument::block(
            "range",
            &[Argument::integer("start-slot"), Argument::integer("end-slot")],
        )
        .multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|bumpepoch",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Moves the node to a new configuration epoch.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|count-failure-reports",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of reports",
        summary: "Counts the reports that call a node failed.",
        arguments: &[Argument::string("node-id")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|countkeysinslot",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Counts the keys of a slot.",
        arguments: &[Argument::integer("slot")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|delslots",
        since: "3.0.0",
        arity: -3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of slots",
        summary: "Takes slots from this node.",
        arguments: &[Argument::integer("slot").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|delslotsrange",
        since: "7.0.0",
        arity: -4,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of slots in the ranges",
        summary: "Takes ranges of slots from this node.",
        arguments: &[Argument::block(
            "range",
            &[Argument::integer("start-slot"), Argument::integer("end-slot")],
        )
        .multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|failover",
        since: "3.0.0",
        arity: -2,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Makes this replica the primary of its shard.",
        arguments: &[Argument::one_of(
            "options",
            &[Argument::word("force", "FORCE"), Argument::word("takeover", "TAKEOVER")],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|flushslots",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Takes all slots from this node.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|forget",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Removes a node from this node's view.",
        arguments: &[Argument::string("node-id")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|getkeysinslot",
        since: "3.0.0",
        arity: 4,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of keys asked for",
        summary: "Lists keys of a slot.",
        arguments: &[Argument::integer("slot"), Argument::integer("count")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|help",
        since: "5.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|info",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Describes the state of the cluster.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|keyslot",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(N) where N is the length of the key",
        summary: "Tells the slot of a key.",
        arguments: &[Argument::string("key")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|links",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of nodes",
        summary: "Lists the links to the other nodes.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|meet",
        since: "3.0.0",
        arity: -4,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        history: &[("4.0.0", "A bus port may be given.")],
        complexity: "O(1)",
        summary: "Introduces another node.",
        arguments: &[
            Argument::string("ip"),
            Argument::integer("port"),
            Argument::integer("cluster-bus-port").since("4.0.0").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|myid",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Tells the name of this node.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|myshardid",
        since: "7.2.0",
        arity: 2,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(1)",
        summary: "Tells the name of this node's shard.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|nodes",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of nodes",
        summary: "Lists the nodes as this one sees them.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|replicas",
        since: "5.0.0",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of replicas",
        summary: "Lists the replicas of a primary.",
        arguments: &[Argument::string("node-id")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|replicate",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Makes this node a replica of another.",
        arguments: &[Argument::string("node-id")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|reset",
        since: "3.0.0",
        arity: -2,
        flags: Flags(flag::ADMIN | flag::STALE | flag::NOSCRIPT),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(N) where N is the number of nodes known",
        summary: "Makes the node forget its cluster.",
        arguments: &[Argument::one_of(
            "reset-type",
            &[Argument::word("hard", "HARD"), Argument::word("soft", "SOFT")],
        )
        .optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|saveconfig",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Writes the state of the cluster to its file.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|set-config-epoch",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Sets the epoch of a new node.",
        arguments: &[Argument::integer("config-epoch")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|setslot",
        since: "3.0.0",
        arity: -4,
        flags: Flags(flag::NO_ASYNC_LOADING | flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        complexity: "O(1)",
        summary: "Binds a slot to a node, or marks it as moving.",
        arguments: &[
            Argument::integer("slot"),
            Argument::one_of(
                "subcommand",
                &[
                    Argument::string("importing").after("IMPORTING").display("node-id"),
                    Argument::string("migrating").after("MIGRATING").display("node-id"),
                    Argument::string("node").after("NODE").display("node-id"),
                    Argument::word("stable", "STABLE"),
                ],
            ),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|shards",
        since: "7.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        complexity: "O(N) where N is the number of nodes",
        summary: "Shows which nodes serve which slots, by shard.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|slaves",
        since: "3.0.0",
        arity: 3,
        flags: Flags(flag::ADMIN | flag::STALE),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::SLOW),
        tips: &["nondeterministic_output"],
        doc_flags: &["deprecated"],
        deprecated_since: Some("5.0.0"),
        replaced_by: Some("`CLUSTER REPLICAS`"),
        complexity: "O(N) where N is the number of replicas",
        summary: "Lists the replicas of a primary.",
        arguments: &[Argument::string("node-id")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "cluster|slots",
        since: "3.0.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        tips: &["nondeterministic_output"],
        history: &[
            ("4.0.0", "Node names appear in the reply."),
            ("7.0.0", "Further networking data of the nodes appears in the reply."),
        ],
        doc_flags: &["deprecated"],
        deprecated_since: Some("7.0.0"),
        replaced_by: Some("`CLUSTER SHARDS`"),
        complexity: "O(N) where N is the number of nodes",
        summary: "Shows which nodes serve which slots, by range.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "readonly",
        since: "3.0.0",
        arity: 1,
        flags: Flags(flag::FAST | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        complexity: "O(1)",
        summary: "Lets this connection read from a replica in a cluster.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "readwrite",
        since: "3.0.0",
        arity: 1,
        flags: Flags(flag::FAST | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::CONNECTION | acl::FAST),
        complexity: "O(1)",
        summary: "Ends what READONLY began.",
        ..Facts::of(GROUP)
    },
];
