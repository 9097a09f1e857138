//! The categories of commands, as ACL CAT and COMMAND INFO name them.

/// Key management.
pub const KEYSPACE: u32 = 1;
/// Reads keys.
pub const READ: u32 = 1 << 1;
/// Writes keys.
pub const WRITE: u32 = 1 << 2;
/// Sets.
pub const SET: u32 = 1 << 3;
/// Sorted sets.
pub const SORTEDSET: u32 = 1 << 4;
/// Lists.
pub const LIST: u32 = 1 << 5;
/// Hashes.
pub const HASH: u32 = 1 << 6;
/// Strings.
pub const STRING: u32 = 1 << 7;
/// Bitmaps.
pub const BITMAP: u32 = 1 << 8;
/// HyperLogLogs.
pub const HYPERLOGLOG: u32 = 1 << 9;
/// Geospatial indexes.
pub const GEO: u32 = 1 << 10;
/// Streams.
pub const STREAM: u32 = 1 << 11;
/// Publish and subscribe.
pub const PUBSUB: u32 = 1 << 12;
/// Administration.
pub const ADMIN: u32 = 1 << 13;
/// Constant or logarithmic time.
pub const FAST: u32 = 1 << 14;
/// Whatever is not fast.
pub const SLOW: u32 = 1 << 15;
/// May block the client.
pub const BLOCKING: u32 = 1 << 16;
/// Can do harm.
pub const DANGEROUS: u32 = 1 << 17;
/// The client's own connection.
pub const CONNECTION: u32 = 1 << 18;
/// MULTI and its kin.
pub const TRANSACTION: u32 = 1 << 19;
/// Scripts and functions.
pub const SCRIPTING: u32 = 1 << 20;

/// A set of categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(pub u32);

/// The categories in the order of ACL CAT, each with an `@` before it as COMMAND INFO wants them.
const CATEGORY_NAMES: &[(u32, &str)] = &[
    (KEYSPACE, "@keyspace"),
    (READ, "@read"),
    (WRITE, "@write"),
    (SET, "@set"),
    (SORTEDSET, "@sortedset"),
    (LIST, "@list"),
    (HASH, "@hash"),
    (STRING, "@string"),
    (BITMAP, "@bitmap"),
    (HYPERLOGLOG, "@hyperloglog"),
    (GEO, "@geo"),
    (STREAM, "@stream"),
    (PUBSUB, "@pubsub"),
    (ADMIN, "@admin"),
    (FAST, "@fast"),
    (SLOW, "@slow"),
    (BLOCKING, "@blocking"),
    (DANGEROUS, "@dangerous"),
    (CONNECTION, "@connection"),
    (TRANSACTION, "@transaction"),
    (SCRIPTING, "@scripting"),
];

impl Categories {
    /// Every category.
    pub const ALL: Self = Self((SCRIPTING << 1) - 1);

    /// The category of that name, without `@`, in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let (bits, _) =
            CATEGORY_NAMES.iter().find(|(_, full)| full.as_bytes()[1..].eq_ignore_ascii_case(name))?;
        Some(Self(*bits))
    }

    /// Whether the two sets have a category in common.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The names with `@` before them, in the order of ACL CAT.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        CATEGORY_NAMES.iter().filter(move |(bit, _)| self.0 & bit != 0).map(|(_, name)| *name)
    }
}
