//! ACL LOG: who was refused what.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::super::client_line;
use super::super::node::Node;
use super::super::session::Session;
use super::check::Origin;
use crate::base::clock;
use crate::config::Id;

/// Refusals of the same kind within so many milliseconds are one entry.
const SAME_MS_MAX: i64 = 60_000;
/// So many of the latest entries are looked at for that.
const LOOKED_AT_MAX: usize = 10;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A login.
    Auth,
    /// A command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
}

impl Reason {
    /// As ACL LOG calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Command => "command",
            Self::Key => "key",
            Self::Channel => "channel",
        }
    }
}

/// Refusals of one kind.
#[derive(Clone, Debug)]
pub struct Entry {
    /// How many.
    pub count: u64,
    /// What was refused.
    pub reason: Reason,
    /// Where: as [`Origin::context`] says.
    pub context: &'static str,
    /// The command, key or channel.
    pub object: Vec<u8>,
    /// To whom.
    pub user: Vec<u8>,
    /// The latest client, as CLIENT LIST describes it.
    pub client: String,
    /// Unique since the start.
    pub id: u64,
    /// Of the first one, in Unix milliseconds.
    pub created_ms: i64,
    /// Of the latest one.
    pub updated_ms: i64,
}

impl Entry {
    fn is_like(&self, other: &Self) -> bool {
        self.reason == other.reason
            && self.context == other.context
            && (self.updated_ms - other.updated_ms).abs() <= SAME_MS_MAX
            && self.object == other.object
            && self.user == other.user
    }
}

/// The latest refusals, and how many there have been.
#[derive(Default)]
pub struct AclLog {
    entries: Mutex<Entries>,
    /// In the order of [`Reason`].
    counts: [AtomicU64; 4],
}

#[derive(Default)]
struct Entries {
    /// The latest first.
    list: VecDeque<Entry>,
    next_id: u64,
}

impl AclLog {
    /// Counts a refusal and notes it.
    pub fn note(
        &self,
        node: &Node,
        session: &Session,
        reason: Reason,
        origin: Origin,
        object: &[u8],
        user: &[u8],
    ) {
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed);
        // For a call that has waited it is not the client's own session that asks.
        if session.handle.blocked().is_none() {
            session.publish_view();
        }
        let now_ms = clock::unix_ms();
        let entry = Entry {
            count: 1,
            reason,
            context: origin.context(),
            object: object.to_vec(),
            user: user.to_vec(),
            client: client_line::describe(node, &session.handle),
            id: 0,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        self.entries.lock().add(entry, node.config.get(Id::AclLogMaxLen) as usize);
    }

    /// How many there have been.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize].load(Ordering::Relaxed)
    }

    /// The latest entries.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().list.iter().take(count).cloned().collect()
    }

    /// Forgets the entries.
    pub fn reset(&self) {
        self.entries.lock().list.clear();
    }
}

impl Entries {
    fn add(&mut self, mut entry: Entry, entries_max: usize) {
        let like = self.list.iter().take(LOOKED_AT_MAX).position(|known| known.is_like(&entry));
        if let Some(mut known) = like.and_then(|place| self.list.remove(place)) {
            known.count += 1;
            (known.client, known.updated_ms) = (entry.client, entry.updated_ms);
            return self.list.push_front(known);
        }
        entry.id = self.next_id;
        self.next_id += 1;
        self.list.push_front(entry);
        self.list.truncate(entries_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: &str, at_ms: i64) -> Entry {
        Entry {
            count: 1,
            reason: Reason::Key,
            context: "toplevel",
            object: object.into(),
            user: b"u".to_vec(),
            client: String::new(),
            id: 0,
            created_ms: at_ms,
            updated_ms: at_ms,
        }
    }

    #[test]
    fn the_same_refusals_are_one_entry_for_a_minute() {
        let mut entries = Entries::default();
        for (object, at_ms) in [("a", 0), ("b", 1), ("a", 60_000), ("b", 60_002), ("a", 120_000)] {
            entries.add(entry(object, at_ms), 10);
        }
        let shown =
            |entry: &Entry| (entry.object[0], entry.count, entry.id, entry.created_ms, entry.updated_ms);
        let shown: Vec<_> = entries.list.iter().map(shown).collect();
        assert_eq!(shown, [(b'a', 3, 0, 0, 120_000), (b'b', 1, 2, 60_002, 60_002), (b'b', 1, 1, 1, 1)]);
    }

    #[test]
    fn the_oldest_go() {
        let mut entries = Entries::default();
        for number in 0..20 {
            entries.add(entry(&number.to_string(), 0), 3);
        }
        assert_eq!(entries.list.iter().map(|entry| entry.id).collect::<Vec<_>>(), [19, 18, 17]);
        entries.add(entry("x", 0), 0);
        assert!(entries.list.is_empty());
    }

    /// What lies further back is not looked at.
    #[test]
    fn only_the_latest_are_compared() {
        let mut entries = Entries::default();
        for number in 0..11 {
            entries.add(entry(&number.to_string(), 0), 100);
        }
        entries.add(entry("1", 0), 100);
        entries.add(entry("0", 0), 100);
        assert_eq!(entries.list.iter().take(2).map(|entry| entry.count).collect::<Vec<_>>(), [1, 2]);
    }
}
