//! The limits of compact encodings, from the settings.

use crate::config::{Config, Id};
use crate::rdb::Limits;
use crate::value::hash::HashLimits;
use crate::value::list::ListLimits;
use crate::value::set::SetLimits;
use crate::value::zset::ZSetLimits;

/// Of hashes.
pub fn hash(config: &Config) -> HashLimits {
    HashLimits {
        listpack_entries_max: config.get(Id::HashMaxListpackEntries) as usize,
        listpack_value_bytes_max: config.get(Id::HashMaxListpackValue) as usize,
    }
}

/// Of lists.
pub fn list(config: &Config) -> ListLimits {
    ListLimits { max_listpack_size: config.get(Id::ListMaxListpackSize) as i32 }
}

/// Of sets.
pub fn set(config: &Config) -> SetLimits {
    SetLimits {
        intset_entries_max: config.get(Id::SetMaxIntsetEntries) as usize,
        listpack_entries_max: config.get(Id::SetMaxListpackEntries) as usize,
        listpack_value_bytes_max: config.get(Id::SetMaxListpackValue) as usize,
    }
}

/// Of sorted sets.
pub fn zset(config: &Config) -> ZSetLimits {
    ZSetLimits {
        listpack_entries_max: config.get_unsigned(Id::ZsetMaxListpackEntries) as usize,
        listpack_value_bytes_max: config.get_unsigned(Id::ZsetMaxListpackValue) as usize,
    }
}

/// Of all types, for loading values.
pub fn all(config: &Config) -> Limits {
    Limits { list: list(config), set: set(config), hash: hash(config), zset: zset(config) }
}
