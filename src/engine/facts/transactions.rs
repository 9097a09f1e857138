//! Facts about the commands for transactions.

use crate::engine::spec::{AclCategories, Argument, Facts, Flags, Group, KeySpec, acl, flag, key};

const GROUP: Group = Group::Transactions;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "discard",
        since: "2.0.0",
        arity: 1,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY),
        acl: AclCategories(acl::FAST | acl::TRANSACTION),
        complexity: "O(N) where N is the number of commands queued",
        summary: "Drops the queued commands of a transaction.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "exec",
        since: "1.2.0",
        arity: 1,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::SKIP_SLOWLOG),
        acl: AclCategories(acl::SLOW | acl::TRANSACTION),
        complexity: "That of the commands queued",
        summary: "Runs the queued commands of a transaction.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "multi",
        since: "1.2.0",
        arity: 1,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY),
        acl: AclCategories(acl::FAST | acl::TRANSACTION),
        complexity: "O(1)",
        summary: "Begins a transaction.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "unwatch",
        since: "2.2.0",
        arity: 1,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY),
        acl: AclCategories(acl::FAST | acl::TRANSACTION),
        complexity: "O(1)",
        summary: "Forgets the watched keys.",
        ..Facts::of(GROUP)
    },
    Facts {
        name: "watch",
        since: "2.2.0",
        arity: -2,
        flags: Flags(flag::NOSCRIPT | flag::LOADING | flag::STALE | flag::FAST | flag::ALLOW_BUSY),
        acl: AclCategories(acl::FAST | acl::TRANSACTION),
        key_specs: &[KeySpec::index(1, key::RO).range(-1, 1, 0)],
        keys_range: (1, -1, 1),
        complexity: "O(1) for each key",
        summary: "Makes the next transaction depend on keys not changing.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
];
