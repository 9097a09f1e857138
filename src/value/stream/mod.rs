//! Streams: entries in the order of their identifiers, and consumer groups that read them.
//!
//! A stream is a box with two parts that share nothing: `Entries` (the nodes, listpacks in Redis's format, and the counters of
//! XINFO) and `Groups`. An operation of a group takes the entries that it reads as an argument, see `Stream::split_mut`.
//!
//! 1. Cloning a stream is O(1): nodes, groups, consumers and pending entries lie behind counted references, and a write copies
//!    only what is shared on its way.
//! 2. Identifiers only grow: an entry is appended to the last node or starts a new one.
//! 3. Deleting marks an entry; a node goes when XDEL takes its last entry or trimming drops it whole.
//! 4. Time and limits are arguments. Times are milliseconds since the epoch.

mod claim;
mod consumers;
mod deliver;
mod entries;
mod group;
mod groups;
mod id;
mod node;
mod nodes;
mod pending;
mod radix;
mod range;
mod trim;

#[cfg(test)]
mod tests;

pub use claim::{AutoClaimed, Claim, ClaimOutcome};
pub use consumers::{Consumer, ConsumerId};
pub use deliver::Delivery;
pub use entries::{AppendError, Entries, EntriesState, SetIdError};
pub use group::{Group, Nack};
pub use groups::Groups;
pub use id::{IdText, NewId, StreamId};
pub use node::Fields;
pub use pending::{PendingFilter, PendingSummary};
pub use range::{Entry, Range, RangeRev};
pub use trim::{Trim, TrimTo};

/// A stream.
#[derive(Clone, Default, Debug)]
pub struct Stream(Box<StreamBody>);

#[derive(Clone, Default, Debug)]
struct StreamBody {
    entries: Entries,
    groups: Groups,
}

const _: () = assert!(size_of::<Stream>() <= 16);

/// The settings `stream-node-max-bytes` and `stream-node-max-entries`; 0 stands for no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamLimits {
    /// Most bytes of a listpack.
    pub node_bytes_max: usize,
    /// Most entries of a listpack, deleted ones included.
    pub node_entries_max: usize,
}

impl Stream {
    /// An empty stream without groups.
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream of these parts.
    pub fn from_parts(entries: Entries, groups: Groups) -> Self {
        Self(Box::new(StreamBody { entries, groups }))
    }

    /// The entries.
    #[inline]
    pub fn entries(&self) -> &Entries {
        &self.0.entries
    }

    /// The entries, to be changed.
    #[inline]
    pub fn entries_mut(&mut self) -> &mut Entries {
        &mut self.0.entries
    }

    /// The consumer groups.
    #[inline]
    pub fn groups(&self) -> &Groups {
        &self.0.groups
    }

    /// The consumer groups, to be changed.
    #[inline]
    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.0.groups
    }

    /// The entries, and the groups to be changed by reading them.
    #[inline]
    pub fn split_mut(&mut self) -> (&Entries, &mut Groups) {
        let body = &mut *self.0;
        (&body.entries, &mut body.groups)
    }

    /// Bytes allocated, estimated from up to `samples` nodes, groups and consumers (0 for all).
    pub fn heap_bytes(&self, samples: usize) -> usize {
        size_of::<StreamBody>() + self.0.entries.nodes.heap_bytes(samples) + self.0.groups.heap_bytes(samples)
    }

    /// Number of allocations.
    pub fn effort(&self) -> usize {
        1 + self.0.entries.nodes.effort() + self.0.groups.effort()
    }
}

impl StreamLimits {
    /// Redis's default LIMIT of an approximate trim: a hundred full nodes, at most a million entries.
    pub fn trim_limit(&self) -> u64 {
        match self.node_entries_max.saturating_mul(100) {
            0 => 10_000,
            limit => limit.min(1_000_000) as u64,
        }
    }
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { node_bytes_max: 4096, node_entries_max: 100 }
    }
}

/// The sum of `bytes`, of which there are `len`, estimated from the first `samples` (0 for all).
fn estimate(bytes: impl Iterator<Item = usize>, len: usize, samples: usize) -> usize {
    let samples = if samples == 0 { len } else { samples.min(len) };
    let sampled: usize = bytes.take(samples).sum();
    sampled.checked_div(samples).map_or(0, |mean| mean * len)
}
