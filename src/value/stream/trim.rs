//! XTRIM and the trimming of XADD.
//!
//! Nodes that hold nothing to keep go whole, from the front. Exact trimming then marks entries of the next node as deleted;
//! approximate trimming (`~`) leaves that node alone.

use smallvec::SmallVec;

use super::node::{Node, Record};
use super::{Entries, StreamId};
use crate::value::compact::listpack::Cursor;

/// What is to remain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrimTo {
    /// This many entries, the last ones.
    MaxLen(u64),
    /// The entries from this identifier on.
    MinId(StreamId),
}

/// How a stream is trimmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trim {
    /// What is to remain.
    pub to: TrimTo,
    /// Whether only whole nodes go (`~`).
    pub approximate: bool,
    /// Most entries to remove, 0 for any number. Redis's default with `~` is `StreamLimits::trim_limit`.
    pub limit: u64,
}

impl Entries {
    /// Trims and returns how many entries went.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        let before = self.state.length;
        while let Some((first, node)) = self.nodes.first() {
            let count = node.master().count as u64;
            let gone = before - self.state.length;
            if self.is_trimmed(trim.to) || (trim.limit > 0 && gone + count > trim.limit) {
                break;
            }
            if self.may_drop(first, node, trim.to) {
                self.nodes.remove(first);
                self.state.length -= count;
                continue;
            }
            if !trim.approximate {
                self.trim_node(first, trim.to);
            }
            break;
        }
        let gone = before - self.state.length;
        if gone > 0 {
            self.find_first();
        }
        gone
    }

    fn is_trimmed(&self, to: TrimTo) -> bool {
        matches!(to, TrimTo::MaxLen(length) if self.state.length <= length)
    }

    /// Whether nothing of this node, the first one, is to remain.
    fn may_drop(&self, first: StreamId, node: &Node, to: TrimTo) -> bool {
        match to {
            TrimTo::MaxLen(length) => self.state.length - node.master().count as u64 >= length,
            TrimTo::MinId(id) => node.records_rev(first).next().is_none_or(|last| last.id < id),
        }
    }

    /// Deletes from the node kept under `first`, the first one, what is not to remain.
    fn trim_node(&mut self, first: StreamId, to: TrimTo) {
        let excess = match to {
            TrimTo::MaxLen(length) => self.state.length - length,
            TrimTo::MinId(_) => u64::MAX,
        };
        let Some(node) = self.nodes.get_mut(first) else { return };
        let goes = |record: &Record<'_>| !matches!(to, TrimTo::MinId(id) if record.id >= id);
        let gone: SmallVec<[Cursor; 128]> = node
            .records(first)
            .take_while(goes)
            .filter(|record| !record.is_deleted())
            .map(|record| record.at)
            .take(usize::try_from(excess).unwrap_or(usize::MAX))
            .collect();
        if !gone.is_empty() {
            node.mark_deleted(&gone);
            self.state.length -= gone.len() as u64;
        }
    }
}
