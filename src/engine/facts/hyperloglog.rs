//! Facts about the commands for HyperLogLogs.

use crate::engine::spec::{AclCategories, Argument, Facts, Flags, Group, KeySpec, acl, flag, key};

const GROUP: Group = Group::HyperLogLog;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "pfadd",
        since: "2.8.9",
        arity: -2,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::FAST),
        acl: AclCategories(acl::FAST | acl::HYPERLOGLOG | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::INSERT).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1) for each element",
        summary: "Adds elements to a HyperLogLog, which is made when missing.",
        arguments: &[Argument::key("key", 0), Argument::string("element").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pfcount",
        since: "2.8.9",
        arity: -2,
        flags: Flags(flag::READONLY | flag::MAY_REPLICATE),
        acl: AclCategories(acl::HYPERLOGLOG | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS)
            .range(-1, 1, 0)
            .notes("Writes when it refreshes the count kept in the value")],
        keys_range: (1, -1, 1),
        complexity: "O(1) for one key, O(N) with a larger constant for N keys",
        summary: "Estimates how many distinct elements HyperLogLogs have seen.",
        arguments: &[Argument::key("key", 0).multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pfdebug",
        since: "2.8.9",
        arity: 3,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::ADMIN),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::HYPERLOGLOG | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(2, key::RW | key::ACCESS).one()],
        keys_range: (2, 2, 1),
        doc_flags: &["syscmd"],
        complexity: "That of the subcommand",
        summary: "Looks inside a HyperLogLog, for developers.",
        arguments: &[Argument::string("subcommand"), Argument::key("key", 0)],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pfmerge",
        since: "2.8.9",
        arity: -2,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::HYPERLOGLOG | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RW | key::ACCESS | key::INSERT).one(),
            KeySpec::index(2, key::RO | key::ACCESS).range(-1, 1, 0),
        ],
        keys_range: (1, -1, 1),
        complexity: "O(N) to merge N of them, with a large constant",
        summary: "Merges HyperLogLogs into one.",
        arguments: &[Argument::key("destkey", 0), Argument::key("sourcekey", 1).optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "pfselftest",
        since: "2.8.9",
        arity: 1,
        flags: Flags(flag::ADMIN),
        acl: AclCategories(acl::ADMIN | acl::DANGEROUS | acl::HYPERLOGLOG | acl::SLOW),
        doc_flags: &["syscmd"],
        complexity: "That of the check",
        summary: "Checks the HyperLogLog code, for developers.",
        ..Facts::of(GROUP)
    },
];
