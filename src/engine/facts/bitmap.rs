//! Facts about the commands for bitmaps.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::Bitmap;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "bitcount",
        since: "2.6.0",
        arity: -2,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::BITMAP | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "BYTE and BIT choose the unit of the range.")],
        complexity: "O(N) where N is the number of bytes looked at",
        summary: "Counts the bits that are set in a string.",
        arguments: &[
            Argument::key("key", 0),
            Argument::block(
                "range",
                &[
                    Argument::integer("start"),
                    Argument::integer("end"),
                    Argument::one_of("unit", &[Argument::word("byte", "BYTE"), Argument::word("bit", "BIT")])
                        .since("7.0.0")
                        .optional(),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bitfield",
        since: "3.2.0",
        arity: -2,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::BITMAP | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE | key::ACCESS | key::VARIABLE_FLAGS)
            .one()
            .notes("Operations may read as well as write")],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::Bitfield),
        complexity: "O(1) for each operation",
        summary: "Reads and changes integers of any width inside a string.",
        arguments: &[
            Argument::key("key", 0),
            Argument::one_of(
                "operation",
                &[
                    Argument::block(
                        "get-block",
                        &[Argument::string("encoding"), Argument::integer("offset")],
                    )
                    .after("GET"),
                    Argument::block(
                        "write",
                        &[
                            Argument::one_of(
                                "overflow-block",
                                &[
                                    Argument::word("wrap", "WRAP"),
                                    Argument::word("sat", "SAT"),
                                    Argument::word("fail", "FAIL"),
                                ],
                            )
                            .after("OVERFLOW")
                            .optional(),
                            Argument::one_of(
                                "write-operation",
                                &[
                                    Argument::block(
                                        "set-block",
                                        &[
                                            Argument::string("encoding"),
                                            Argument::integer("offset"),
                                            Argument::integer("value"),
                                        ],
                                    )
                                    .after("SET"),
                                    Argument::block(
                                        "incrby-block",
                                        &[
                                            Argument::string("encoding"),
                                            Argument::integer("offset"),
                                            Argument::integer("increment"),
                                        ],
                                    )
                                    .after("INCRBY"),
                                ],
                            ),
                        ],
                    ),
                ],
            )
            .optional()
            .multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bitfield_ro",
        since: "6.0.0",
        arity: -2,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::BITMAP | acl::FAST | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1) for each operation",
        summary: "Reads integers of any width inside a string.",
        arguments: &[
            Argument::key("key", 0),
            Argument::block("get-block", &[Argument::string("encoding"), Argument::integer("offset")])
                .after("GET")
                .optional()
                .multiple()
                .multiple_token(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bitop",
        since: "2.6.0",
        arity: -4,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::BITMAP | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(2, key::OW | key::UPDATE).one(),
            KeySpec::index(3, key::RO | key::ACCESS).range(-1, 1, 0),
        ],
        keys_range: (2, -1, 1),
        complexity: "O(N) where N is the length of the longest string",
        summary: "Combines strings bit by bit and stores the result.",
        arguments: &[
            Argument::one_of(
                "operation",
                &[
                    Argument::word("and", "AND"),
                    Argument::word("or", "OR"),
                    Argument::word("xor", "XOR"),
                    Argument::word("not", "NOT"),
                ],
            ),
            Argument::key("destkey", 0),
            Argument::key("key", 1).multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "bitpos",
        since: "2.8.7",
        arity: -3,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::BITMAP | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "BYTE and BIT choose the unit of the range.")],
        complexity: "O(N) where N is the number of bytes looked at",
        summary: "Finds the first bit that is set or clear.",
        arguments: &[
            Argument::key("key", 0),
            Argument::integer("bit"),
            Argument::block(
                "range",
                &[
                    Argument::integer("start"),
                    Argument::block(
                        "end-unit-block",
                        &[
                            Argument::integer("end"),
                            Argument::one_of(
                                "unit",
                                &[Argument::word("byte", "BYTE"), Argument::word("bit", "BIT")],
                            )
                            .since("7.0.0")
                            .optional(),
                        ],
                    )
                    .optional(),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "getbit",
        since: "2.2.0",
        arity: 3,
        flags: Flags(flag::READONLY | flag::FAST),
        acl: AclCategories(acl::BITMAP | acl::FAST | acl::READ),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Reads a bit of a string.",
        arguments: &[Argument::key("key", 0), Argument::integer("offset")],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "setbit",
        since: "2.2.0",
        arity: 4,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::BITMAP | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::ACCESS | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Sets or clears a bit of a string.",
        arguments: &[Argument::key("key", 0), Argument::integer("offset"), Argument::integer("value")],
        ..Facts::of(GROUP)
    },
];
