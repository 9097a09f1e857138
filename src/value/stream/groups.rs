//! The consumer groups of a stream, by name.

use std::collections::BTreeMap;

use triomphe::Arc;

use super::{Group, StreamId, estimate};

/// Consumer groups with O(1) clone; a write copies the list of groups and the one group, if they are shared.
#[derive(Clone, Default, Debug)]
pub struct Groups(Option<Arc<Map>>);

type Map = BTreeMap<Box<[u8]>, Arc<Group>>;

impl Groups {
    /// Number of groups.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |map| map.len())
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The group of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Group> {
        self.0.as_ref()?.get(name).map(|group| &**group)
    }

    /// The group of this name, to be changed.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        let map = self.0.as_mut().filter(|map| map.contains_key(name))?;
        Arc::make_mut(map).get_mut(name).map(Arc::make_mut)
    }

    /// All groups with their names, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Group)> {
        self.0.iter().flat_map(|map| map.iter()).map(|(name, group)| (&**name, &**group))
    }

    /// XGROUP CREATE: false if the name is taken.
    pub fn create(&mut self, name: &[u8], last_id: StreamId, entries_read: Option<u64>) -> bool {
        self.insert(name, Group::new(last_id, entries_read))
    }

    /// Adds a group: false if the name is taken.
    pub fn insert(&mut self, name: &[u8], group: Group) -> bool {
        if self.get(name).is_some() {
            return false;
        }
        let map = self.0.get_or_insert_with(Arc::default);
        Arc::make_mut(map).insert(name.into(), Arc::new(group));
        true
    }

    /// XGROUP DESTROY: false if there is no such group.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let Some(map) = self.0.as_mut().filter(|map| map.contains_key(name)) else { return false };
        Arc::make_mut(map).remove(name);
        true
    }

    pub(super) fn heap_bytes(&self, samples: usize) -> usize {
        let own = size_of::<Group>() + 4 * size_of::<usize>();
        estimate(
            self.iter().map(|(name, group)| own + name.len() + group.heap_bytes(samples)),
            self.len(),
            samples,
        )
    }

    pub(super) fn effort(&self) -> usize {
        self.iter().map(|(_, group)| 2 + group.effort()).sum()
    }
}
