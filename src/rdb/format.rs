//! The numbers of the format.

/// Types of values.
pub mod types {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    /// Scores as text.
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    /// Scores as binary doubles.
    pub const ZSET_2: u8 = 5;
    pub const MODULE_PRE_GA: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    /// Nodes are ziplists.
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    /// Nodes are listpacks or single elements.
    pub const LIST_QUICKLIST_2: u8 = 18;
    /// With the counters of Redis 7.0.
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    /// With the consumers' active times of Redis 7.2.
    pub const STREAM_LISTPACKS_3: u8 = 21;
    /// Valkey 9: fields with expiry times. In files of Redis 7.4 release candidates the number means something else.
    pub const HASH_VALKEY_EXPIRY: u8 = 22;
    /// Redis 7.4: fields with expiry times.
    pub const HASH_EXPIRY: u8 = 24;
    /// Redis 7.4: fields with expiry times, in a listpack.
    pub const HASH_LISTPACK_EXPIRY: u8 = 25;
}

/// What stands in a file in place of a value's type.
pub mod opcodes {
    /// Valkey 9: a slot migration under way.
    pub const SLOT_IMPORT: u8 = 243;
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION_2: u8 = 245;
    pub const FUNCTION_PRE_GA: u8 = 246;
    pub const MODULE_AUX: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQ: u8 = 249;
    pub const AUX: u8 = 250;
    pub const RESIZE_DB: u8 = 251;
    pub const EXPIRETIME_MS: u8 = 252;
    pub const EXPIRETIME: u8 = 253;
    pub const SELECT_DB: u8 = 254;
    pub const EOF: u8 = 255;
}

/// What stands before each item of a module's data.
pub mod module {
    pub const EOF: u64 = 0;
    pub const SIGNED: u64 = 1;
    pub const UNSIGNED: u64 = 2;
    pub const FLOAT: u64 = 3;
    pub const DOUBLE: u64 = 4;
    pub const STRING: u64 = 5;
}

/// What stands in place of a string's length: the lower six bits of a byte whose upper two are set.
pub mod encodings {
    pub const INT8: u8 = 0;
    pub const INT16: u8 = 1;
    pub const INT32: u8 = 2;
    pub const LZF: u8 = 3;
}

/// Kinds of a node of `LIST_QUICKLIST_2`.
pub mod containers {
    pub const PLAIN: u64 = 1;
    pub const PACKED: u64 = 2;
}

/// The last version of Redis's files that is read: 7.4 and 8.
pub const REDIS_VERSION_MAX: u16 = 12;
/// The versions of Valkey's own files that are read. It counts from 80 on.
pub const VALKEY_VERSIONS: std::ops::RangeInclusive<u16> = 80..=80;

/// The versions that are written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Version {
    /// 10, which Redis 7.0 loads too: sets have no listpacks, and consumers lose their active times.
    V10,
    /// 11, Redis 7.2's.
    #[default]
    V11,
}

impl Version {
    /// The number.
    pub fn number(self) -> u16 {
        match self {
            Self::V10 => 10,
            Self::V11 => 11,
        }
    }
}
