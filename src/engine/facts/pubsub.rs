//! Facts about the commands for publish and subscribe.

use crate::engine::spec::{AclCategories, Argument, Facts, Flags, Group, KeySpec, acl, flag, key};

const GROUP: Group = Group::PubSub;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "psubscribe",
        since: "2.0.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of patterns given",
        summary: "Subscribes to the channels that match patterns.",
        arguments: &[Argument::pattern("pattern").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "publish",
        since: "2.0.0",
        arity: 3,
        flags: Flags(
            flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST | flag::MAY_REPLICATE | flag::SENTINEL,
        ),
        acl: AclCategories(acl::FAST | acl::PUBSUB),
        complexity: "O(N+M) where N is the number of its subscribers and M that of all patterns subscribed",
        summary: "Sends a message to a channel.",
        arguments: &[Argument::string("channel"), Argument::string("message")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub",
        since: "2.8.0",
        arity: -2,
        acl: AclCategories(acl::SLOW),
        complexity: "That of the subcommand",
        summary: "State of publish and subscribe.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub|channels",
        since: "2.8.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of channels",
        summary: "Lists the channels that have subscribers.",
        arguments: &[Argument::pattern("pattern").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub|help",
        since: "6.2.0",
        arity: 2,
        flags: Flags(flag::LOADING | flag::STALE),
        acl: AclCategories(acl::SLOW),
        complexity: "O(1)",
        summary: "Lists the subcommands.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub|numpat",
        since: "2.8.0",
        arity: 2,
        flags: Flags(flag::PUBSUB | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(1)",
        summary: "Counts the patterns that have subscribers.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub|numsub",
        since: "2.8.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of channels given",
        summary: "Counts the subscribers of channels.",
        arguments: &[Argument::string("channel").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub|shardchannels",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of shard channels",
        summary: "Lists the shard channels that have subscribers.",
        arguments: &[Argument::pattern("pattern").optional()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pubsub|shardnumsub",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of shard channels given",
        summary: "Counts the subscribers of shard channels.",
        arguments: &[Argument::string("shardchannel").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "punsubscribe",
        since: "2.0.0",
        arity: -1,
        flags: Flags(flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of patterns given",
        summary: "Ends subscriptions to patterns.",
        arguments: &[Argument::pattern("pattern").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "spublish",
        since: "7.0.0",
        arity: 3,
        flags: Flags(flag::PUBSUB | flag::LOADING | flag::STALE | flag::FAST | flag::MAY_REPLICATE),
        acl: AclCategories(acl::FAST | acl::PUBSUB),
        key_specs: &[KeySpec::index(1, key::NOT_KEY).one()],
        keys_range: (1, 1, 1),
        complexity: "O(N) where N is the number of its subscribers",
        summary: "Sends a message to a shard channel.",
        arguments: &[Argument::string("shardchannel"), Argument::string("message")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "ssubscribe",
        since: "7.0.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::NOT_KEY).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        complexity: "O(N) where N is the number of channels given",
        summary: "Subscribes to shard channels.",
        arguments: &[Argument::string("shardchannel").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "subscribe",
        since: "2.0.0",
        arity: -2,
        flags: Flags(flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of channels given",
        summary: "Subscribes to channels.",
        arguments: &[Argument::string("channel").multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "sunsubscribe",
        since: "7.0.0",
        arity: -1,
        flags: Flags(flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::NOT_KEY).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        complexity: "O(N) where N is the number of channels given",
        summary: "Ends subscriptions to shard channels.",
        arguments: &[Argument::string("shardchannel").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "unsubscribe",
        since: "2.0.0",
        arity: -1,
        flags: Flags(flag::PUBSUB | flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SENTINEL),
        acl: AclCategories(acl::PUBSUB | acl::SLOW),
        complexity: "O(N) where N is the number of channels given",
        summary: "Ends subscriptions to channels.",
        arguments: &[Argument::string("channel").optional().multiple()],
        ..Facts::of(GROUP)
    },
];
