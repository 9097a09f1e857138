//! Shared containers without Redis semantics: listpack, intset, trees of reference-counted chunks.

pub mod hash_tree;
pub mod intset;
pub mod listpack;
pub mod ordered_tree;
pub mod rank_tree;
pub mod sequence;
pub mod thin_bytes;

use std::fmt;

/// Bytes from outside that are not a well-formed container. Nothing was kept of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("malformed compact encoding")
    }
}

impl std::error::Error for Malformed {}
