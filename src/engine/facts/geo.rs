//! Facts about the commands for geospatial indexes.

use crate::engine::spec::{
    AclCategories, Argument, Facts, Flags, Group, KeyFunction, KeySpec, acl, flag, key,
};

const GROUP: Group = Group::Geo;

pub(super) static FACTS: &[Facts] = &[
    Facts {
        name: "geoadd",
        since: "3.2.0",
        arity: -5,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::GEO | acl::SLOW | acl::WRITE),
        key_specs: &[KeySpec::index(1, key::RW | key::UPDATE).one()],
        keys_range: (1, 1, 1),
        history: &[("6.2.0", "CH, NX and XX.")],
        complexity: "O(log(N)) for each member, where N is the size of the sorted set",
        summary: "Adds members with their positions.",
        arguments: &[
            Argument::key("key", 0),
            Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
                .since("6.2.0")
                .optional(),
            Argument::word("change", "CH").since("6.2.0").optional(),
            Argument::block(
                "data",
                &[Argument::double("longitude"), Argument::double("latitude"), Argument::string("member")],
            )
            .multiple(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "geodist",
        since: "3.2.0",
        arity: -4,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::GEO | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1)",
        summary: "Tells the distance between two members.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("member1"),
            Argument::string("member2"),
            Argument::one_of(
                "unit",
                &[
                    Argument::word("m", "M"),
                    Argument::word("km", "KM"),
                    Argument::word("ft", "FT"),
                    Argument::word("mi", "MI"),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "geohash",
        since: "3.2.0",
        arity: -2,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::GEO | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1) for each member",
        summary: "Tells the geohashes of members.",
        arguments: &[Argument::key("key", 0), Argument::string("member").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "geopos",
        since: "3.2.0",
        arity: -2,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::GEO | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        complexity: "O(1) for each member",
        summary: "Tells the positions of members.",
        arguments: &[Argument::key("key", 0), Argument::string("member").optional().multiple()],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "georadius",
        since: "3.2.0",
        arity: -6,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS),
        acl: AclCategories(acl::GEO | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RO | key::ACCESS).one(),
            KeySpec::keyword("STORE", 6, key::OW | key::UPDATE).one(),
            KeySpec::keyword("STOREDIST", 6, key::OW | key::UPDATE).one(),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::GeoRadius),
        history: &[("6.2.0", "ANY and COUNT."), ("7.0.0", "Units in any case.")],
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`"),
        complexity: "O(N+log(M)) where N is the number of members in the box around the circle and M that of the results",
        summary: "Finds the members around a position, and may store them.",
        arguments: &[
            Argument::key("key", 0),
            Argument::double("longitude"),
            Argument::double("latitude"),
            Argument::double("radius"),
            Argument::one_of(
                "unit",
                &[
                    Argument::word("m", "M"),
                    Argument::word("km", "KM"),
                    Argument::word("ft", "FT"),
                    Argument::word("mi", "MI"),
                ],
            ),
            Argument::word("withcoord", "WITHCOORD").optional(),
            Argument::word("withdist", "WITHDIST").optional(),
            Argument::word("withhash", "WITHHASH").optional(),
            Argument::block(
                "count-block",
                &[
                    Argument::integer("count").after("COUNT"),
                    Argument::word("any", "ANY").since("6.2.0").optional(),
                ],
            )
            .optional(),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
            Argument::one_of(
                "store",
                &[
                    Argument::key("storekey", 1).after("STORE").display("key"),
                    Argument::key("storedistkey", 2).after("STOREDIST").display("key"),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "georadius_ro",
        since: "3.2.10",
        arity: -6,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::GEO | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("6.2.0", "ANY and COUNT.")],
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`GEOSEARCH` with `BYRADIUS`"),
        complexity: "O(N+log(M)) where N is the number of members in the box around the circle and M that of the results",
        summary: "Finds the members around a position.",
        arguments: &[
            Argument::key("key", 0),
            Argument::double("longitude"),
            Argument::double("latitude"),
            Argument::double("radius"),
            Argument::one_of(
                "unit",
                &[
                    Argument::word("m", "M"),
                    Argument::word("km", "KM"),
                    Argument::word("ft", "FT"),
                    Argument::word("mi", "MI"),
                ],
            ),
            Argument::word("withcoord", "WITHCOORD").optional(),
            Argument::word("withdist", "WITHDIST").optional(),
            Argument::word("withhash", "WITHHASH").optional(),
            Argument::block(
                "count-block",
                &[
                    Argument::integer("count").after("COUNT"),
                    Argument::word("any", "ANY").since("6.2.0").optional(),
                ],
            )
            .optional(),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "georadiusbymember",
        since: "3.2.0",
        arity: -5,
        flags: Flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS),
        acl: AclCategories(acl::GEO | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::RO | key::ACCESS).one(),
            KeySpec::keyword("STORE", 5, key::OW | key::UPDATE).one(),
            KeySpec::keyword("STOREDIST", 5, key::OW | key::UPDATE).one(),
        ],
        keys_range: (1, 1, 1),
        key_function: Some(KeyFunction::GeoRadius),
        history: &[("7.0.0", "Units in any case.")],
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS` and `FROMMEMBER`"),
        complexity: "O(N+log(M)) where N is the number of members in the box around the circle and M that of the results",
        summary: "Finds the members around another member, and may store them.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("member"),
            Argument::double("radius"),
            Argument::one_of(
                "unit",
                &[
                    Argument::word("m", "M"),
                    Argument::word("km", "KM"),
                    Argument::word("ft", "FT"),
                    Argument::word("mi", "MI"),
                ],
            ),
            Argument::word("withcoord", "WITHCOORD").optional(),
            Argument::word("withdist", "WITHDIST").optional(),
            Argument::word("withhash", "WITHHASH").optional(),
            Argument::block(
                "count-block",
                &[Argument::integer("count").after("COUNT"), Argument::word("any", "ANY").optional()],
            )
            .optional(),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
            Argument::one_of(
                "store",
                &[
                    Argument::key("storekey", 1).after("STORE").display("key"),
                    Argument::key("storedistkey", 2).after("STOREDIST").display("key"),
                ],
            )
            .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "georadiusbymember_ro",
        since: "3.2.10",
        arity: -5,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::GEO | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        doc_flags: &["deprecated"],
        deprecated_since: Some("6.2.0"),
        replaced_by: Some("`GEOSEARCH` with `BYRADIUS` and `FROMMEMBER`"),
        complexity: "O(N+log(M)) where N is the number of members in the box around the circle and M that of the results",
        summary: "Finds the members around another member.",
        arguments: &[
            Argument::key("key", 0),
            Argument::string("member"),
            Argument::double("radius"),
            Argument::one_of(
                "unit",
                &[
                    Argument::word("m", "M"),
                    Argument::word("km", "KM"),
                    Argument::word("ft", "FT"),
                    Argument::word("mi", "MI"),
                ],
            ),
            Argument::word("withcoord", "WITHCOORD").optional(),
            Argument::word("withdist", "WITHDIST").optional(),
            Argument::word("withhash", "WITHHASH").optional(),
            Argument::block(
                "count-block",
                &[Argument::integer("count").after("COUNT"), Argument::word("any", "ANY").optional()],
            )
            .optional(),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "geosearch",
        since: "6.2.0",
        arity: -7,
        flags: Flags(flag::READONLY),
        acl: AclCategories(acl::GEO | acl::READ | acl::SLOW),
        key_specs: &[KeySpec::index(1, key::RO | key::ACCESS).one()],
        keys_range: (1, 1, 1),
        history: &[("7.0.0", "Units in any case.")],
        complexity: "O(N+log(M)) where N is the number of members in the grid around the shape and M that of the results",
        summary: "Finds the members inside a circle or a box.",
        arguments: &[
            Argument::key("key", 0),
            Argument::one_of(
                "from",
                &[
                    Argument::string("member").after("FROMMEMBER"),
                    Argument::block(
                        "fromlonlat",
                        &[Argument::double("longitude"), Argument::double("latitude")],
                    )
                    .after("FROMLONLAT"),
                ],
            ),
            Argument::one_of(
                "by",
                &[
                    Argument::block(
                        "circle",
                        &[
                            Argument::double("radius").after("BYRADIUS"),
                            Argument::one_of(
                                "unit",
                                &[
                                    Argument::word("m", "M"),
                                    Argument::word("km", "KM"),
                                    Argument::word("ft", "FT"),
                                    Argument::word("mi", "MI"),
                                ],
                            ),
                        ],
                    ),
                    Argument::block(
                        "box",
                        &[
                            Argument::double("width").after("BYBOX"),
                            Argument::double("height"),
                            Argument::one_of(
                                "unit",
                                &[
                                    Argument::word("m", "M"),
                                    Argument::word("km", "KM"),
                                    Argument::word("ft", "FT"),
                                    Argument::word("mi", "MI"),
                                ],
                            ),
                        ],
                    ),
                ],
            ),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
            Argument::block(
                "count-block",
                &[Argument::integer("count").after("COUNT"), Argument::word("any", "ANY").optional()],
            )
            .optional(),
            Argument::word("withcoord", "WITHCOORD").optional(),
            Argument::word("withdist", "WITHDIST").optional(),
            Argument::word("withhash", "WITHHASH").optional(),
        ],
        ..Facts::of(GROUP)
    },
    Facts {
        name: "geosearchstore",
        since: "6.2.0",
        arity: -8,
        flags: Flags(flag::WRITE | flag::DENYOOM),
        acl: AclCategories(acl::GEO | acl::SLOW | acl::WRITE),
        key_specs: &[
            KeySpec::index(1, key::OW | key::UPDATE).one(),
            KeySpec::index(2, key::RO | key::ACCESS).one(),
        ],
        keys_range: (1, 2, 1),
        history: &[("7.0.0", "Units in any case.")],
        complexity: "O(N+log(M)) where N is the number of members in the grid around the shape and M that of the results",
        summary: "Stores the members inside a circle or a box.",
        arguments: &[
            Argument::key("destination", 0),
            Argument::key("source", 1),
            Argument::one_of(
                "from",
                &[
                    Argument::string("member").after("FROMMEMBER"),
                    Argument::block(
                        "fromlonlat",
                        &[Argument::double("longitude"), Argument::double("latitude")],
                    )
                    .after("FROMLONLAT"),
                ],
            ),
            Argument::one_of(
                "by",
                &[
                    Argument::block(
                        "circle",
                        &[
                            Argument::double("radius").after("BYRADIUS"),
                            Argument::one_of(
                                "unit",
                                &[
                                    Argument::word("m", "M"),
                                    Argument::word("km", "KM"),
                                    Argument::word("ft", "FT"),
                                    Argument::word("mi", "MI"),
                                ],
                            ),
                        ],
                    ),
                    Argument::block(
                        "box",
                        &[
                            Argument::double("width").after("BYBOX"),
                            Argument::double("height"),
                            Argument::one_of(
                                "unit",
                                &[
                                    Argument::word("m", "M"),
                                    Argument::word("km", "KM"),
                                    Argument::word("ft", "FT"),
                                    Argument::word("mi", "MI"),
                                ],
                            ),
                        ],
                    ),
                ],
            ),
            Argument::one_of("order", &[Argument::word("asc", "ASC"), Argument::word("desc", "DESC")])
                .optional(),
            Argument::block(
                "count-block",
                &[Argument::integer("count").after("COUNT"), Argument::word("any", "ANY").optional()],
            )
            .optional(),
            Argument::word("storedist", "STOREDIST").optional(),
        ],
        ..Facts::of(GROUP)
    },
];
