//! BCAST: who wants to know of all keys that begin in some way.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;

use crate::resp::encode_command;

/// Keys that have changed, each with the client that was the last to change it, 0 for none.
pub(super) type Changed = BTreeMap<Box<[u8]>, u64>;

/// The prefixes, and who has asked for them.
#[derive(Default)]
pub(super) struct Prefixes {
    clients: RwLock<BTreeMap<Box<[u8]>, BTreeSet<u64>>>,
    count: AtomicUsize,
}

impl Prefixes {
    /// Number of different prefixes.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Tells a client of the keys with this prefix.
    pub fn add(&self, prefix: &[u8], client: u64) {
        let mut all = self.clients.write();
        all.entry(prefix.into()).or_default().insert(client);
        self.count.store(all.len(), Ordering::SeqCst);
    }

    /// Takes a client off a prefix.
    pub fn remove(&self, prefix: &[u8], client: u64) {
        let mut all = self.clients.write();
        if let Some(clients) = all.get_mut(prefix) {
            clients.remove(&client);
            if clients.is_empty() {
                all.remove(prefix);
            }
        }
        self.count.store(all.len(), Ordering::SeqCst);
    }

    /// Whether somebody wants to know of this key.
    pub fn cover(&self, key: &[u8]) -> bool {
        let all = self.clients.read();
        let mut most = key;
        // What lies between a prefix of the key and the key begins with that prefix, too.
        while let Some((prefix, _)) =
            all.range::<[u8], _>((Bound::Unbounded, Bound::Included(most))).next_back()
        {
            let common = prefix.iter().zip(key).take_while(|(one, other)| one == other).count();
            if common == prefix.len() {
                return true;
            }
            most = &key[..common];
        }
        false
    }

    /// For each prefix and each of its clients, calls `tell` with the keys as a RESP array, if there are any. A client for
    /// which `skips_own` holds is not told of what it was the last to change.
    pub fn match_up(
        &self,
        changed: &Changed,
        skips_own: impl Fn(u64) -> bool,
        mut tell: impl FnMut(u64, Bytes),
    ) {
        for (prefix, clients) in &*self.clients.read() {
            let mut everything = None;
            for &client in clients {
                let keys = if skips_own(client) {
                    array(changed, prefix, |by| by != client)
                } else {
                    everything.get_or_insert_with(|| array(changed, prefix, |_| true)).clone()
                };
                keys.into_iter().for_each(|keys| tell(client, keys));
            }
        }
    }
}

/// The keys with this prefix, in order; None if there are none.
fn array(changed: &Changed, prefix: &[u8], counts: impl Fn(u64) -> bool) -> Option<Bytes> {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    let keys: Vec<&[u8]> = changed
        .range::<[u8], _>(from)
        .take_while(|(key, _)| key.starts_with(prefix))
        .filter(|(_, by)| counts(**by))
        .map(|(key, _)| &**key)
        .collect();
    let mut bytes = Vec::new();
    encode_command(&mut bytes, keys.iter());
    (!keys.is_empty()).then(|| bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prefix_gets_its_keys_in_order() {
        let prefixes = Prefixes::default();
        for (prefix, client) in [("a", 1), ("b", 1), ("", 2), ("a", 3), ("zz", 4)] {
            prefixes.add(prefix.as_bytes(), client);
        }
        assert_eq!(prefixes.len(), 4);
        let changed = [("b1", 9), ("a2", 3), ("a1", 9), ("c", 9)];
        let changed: Changed = changed.into_iter().map(|(key, by)| (key.as_bytes().into(), by)).collect();
        let mut told = Vec::new();
        prefixes.match_up(
            &changed,
            |client| client == 3,
            |client, keys| {
                let words = String::from_utf8(keys.to_vec()).unwrap();
                let keys: Vec<_> = words.split("\r\n").skip(2).step_by(2).map(str::to_owned).collect();
                told.push((client, keys.join(" ")));
            },
        );
        let expected = [(2, "a1 a2 b1 c"), (1, "a1 a2"), (3, "a1"), (1, "b1")];
        assert_eq!(told, expected.map(|(client, keys)| (client, keys.to_owned())));
        assert!(prefixes.cover(b"anything"));
        prefixes.remove(b"", 2);
        for (key, is_covered) in
            [("a", true), ("ab", true), ("b9", true), ("z", false), ("zz", true), ("zzz", true)]
        {
            assert_eq!(prefixes.cover(key.as_bytes()), is_covered, "{key}");
        }
        for key in ["", "c", "Z", "zy", "zx"] {
            assert!(!prefixes.cover(key.as_bytes()), "{key}");
        }
        prefixes.add(b"", 2);
        prefixes.remove(b"a", 1);
        prefixes.remove(b"a", 3);
        assert_eq!(prefixes.len(), 3);
    }
}
