//! One listpack of entries, in the format in which Redis 7.2 keeps and dumps it.
//!
//! ```text
//! master: count | deleted | fields | name 1 .. name N | 0
//! entry:  flags | ms | seq | fields | name 1 | value 1 .. | elements
//!         flags | ms | seq | value 1 .. value N | elements          (SAMEFIELDS: the names of the master entry)
//! ```
//!
//! `ms` and `seq` are differences from the identifier under which the node is kept, that of its first entry. `elements` counts
//! the elements of the entry before it: the backward walk starts from it, and ends at the 0 of the master entry. A deleted
//! entry only gets a flag; `count` and `deleted` keep the sums.

use triomphe::Arc;

use super::{StreamId, StreamLimits};
use crate::value::compact::Malformed;
use crate::value::compact::listpack::{self, Cursor, GrowingListpack, Item};

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Beyond this many bytes Redis starts a new node and refuses an entry.
pub const NODE_BYTES_MAX: usize = 1 << 30;

/// A node; cloning it shares the bytes.
#[derive(Clone, Debug)]
pub struct Node(Arc<GrowingListpack>);

/// The numbers of the master entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Master {
    /// Entries not deleted.
    pub count: usize,
    /// Entries marked as deleted.
    pub deleted: usize,
    fields: usize,
    names: Cursor,
}

/// An entry as it lies in its node.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// Where its flags are.
    pub at: Cursor,
    flags: i64,
    /// Its identifier.
    pub id: StreamId,
    /// Its fields and values.
    pub fields: Fields<'a>,
}

/// Fields and values of an entry, in their order.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    /// The names of the master entry, if the entry has none of its own.
    names: Option<listpack::Iter<'a>>,
    values: listpack::Iter<'a>,
    left: usize,
}

impl Node {
    /// A node whose first entry is to have these fields; the entry itself is still to be appended.
    pub fn new<'a>(fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut listpack = GrowingListpack::new();
        listpack.append(|to| {
            [0, 0, fields.len() as i64].into_iter().for_each(|number| to.push_integer(number));
            fields.for_each(|(name, _)| to.push(name));
            to.push_integer(0);
        });
        Self(Arc::new(listpack))
    }

    /// Takes bytes from outside if they are a well-formed node with at least one entry, deleted or not.
    pub fn from_bytes_checked(bytes: Box<[u8]>) -> Result<Self, Malformed> {
        let node = Self(Arc::new(GrowingListpack::from_bytes_checked(bytes)?));
        node.check().map(|()| node).ok_or(Malformed)
    }

    /// The bytes that go into an RDB file.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Bytes allocated.
    pub fn heap_bytes(&self) -> usize {
        size_of::<GrowingListpack>() + size_of::<usize>() + self.0.capacity()
    }

    /// Gives back the room to grow, if no clone shares it.
    pub fn seal(&mut self) {
        if let Some(listpack) = Arc::get_mut(&mut self.0) {
            listpack.shrink_to_fit();
        }
    }

    /// Whether another entry of `bytes` bytes of names and values goes into this node. Deleted entries count.
    #[inline]
    pub fn has_room(&self, bytes: usize, limits: &StreamLimits) -> bool {
        let bytes_max = match limits.node_bytes_max {
            0 => NODE_BYTES_MAX,
            limit => limit.min(NODE_BYTES_MAX),
        };
        if self.0.byte_len() + bytes >= bytes_max {
            return false;
        }
        let master = self.master();
        limits.node_entries_max == 0 || master.count + master.deleted < limits.node_entries_max
    }

    /// Appends an entry; `first` is the identifier of the node.
    pub fn append<'a>(
        &mut self,
        first: StreamId,
        id: StreamId,
        fields: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone,
    ) {
        let master = self.master();
        let same = self.has_names(&master, fields.clone().map(|(name, _)| name));
        let listpack = Arc::make_mut(&mut self.0);
        listpack.replace_integer(listpack.start(), (master.count + 1) as i64);
        let pairs = fields.len() as i64;
        listpack.append(|to| {
            to.push_integer(if same { SAME_FIELDS } else { 0 });
            to.push_integer(id.ms.wrapping_sub(first.ms) as i64);
            to.push_integer(id.seq.wrapping_sub(first.seq) as i64);
            if same {
                fields.for_each(|(_, value)| to.push(value));
                to.push_integer(3 + pairs);
            } else {
                to.push_integer(pairs);
                fields
                    .for_each(|(name, value)| [name, value].into_iter().for_each(|element| to.push(element)));
                to.push_integer(4 + 2 * pairs);
            }
        });
    }

    /// Marks the entries at these cursors, none of which is marked, as deleted.
    pub fn mark_deleted(&mut self, entries: &[Cursor]) {
        let listpack = Arc::make_mut(&mut self.0);
        for &at in entries {
            let flags = listpack.at(at).and_then(|item| item.integer()).unwrap_or(0);
            listpack.replace_integer(at, flags | DELETED);
        }
        let master = self.master();
        let listpack = Arc::make_mut(&mut self.0);
        let count = listpack.start();
        listpack.replace_integer(count, master.count.saturating_sub(entries.len()) as i64);
        let mut elements = listpack.iter_from(count);
        elements.next();
        let deleted = elements.position();
        listpack.replace_integer(deleted, (master.deleted + entries.len()) as i64);
    }

    /// The numbers of the master entry.
    #[inline]
    pub fn master(&self) -> Master {
        let mut elements = self.0.iter_from(self.0.start());
        let count = read_count(&mut elements);
        let deleted = read_count(&mut elements);
        let fields = read_count(&mut elements);
        Master { count, deleted, fields, names: elements.position() }
    }

    /// All entries, deleted ones included.
    pub fn records(&self, first: StreamId) -> Records<'_> {
        let master = self.master();
        let mut elements = self.0.iter_from(master.names);
        skip(&mut elements, master.fields + 1);
        Records { node: self, first, master, elements }
    }

    /// All entries, deleted ones included, last to first.
    pub fn records_rev(&self, first: StreamId) -> RecordsRev<'_> {
        RecordsRev { node: self, first, master: self.master(), end: self.0.end() }
    }

    /// The entry `id`, unless it is deleted.
    pub fn find(&self, first: StreamId, id: StreamId) -> Option<Record<'_>> {
        let mut rest = self.records(first).skip_while(|record| record.id < id);
        rest.find(|record| !record.is_deleted()).filter(|record| record.id == id)
    }

    /// The entry whose flags `elements` is about to yield.
    #[inline]
    fn read<'a>(
        &'a self,
        first: StreamId,
        master: &Master,
        elements: &mut listpack::Iter<'a>,
    ) -> Option<Record<'a>> {
        let (at, flags) = elements.next()?;
        let flags = flags.integer()?;
        let ms = first.ms.wrapping_add(read_integer(elements)? as u64);
        let seq = first.seq.wrapping_add(read_integer(elements)? as u64);
        let same = flags & SAME_FIELDS != 0;
        let left = if same { master.fields } else { read_count(elements) };
        let names = same.then(|| self.0.iter_from(master.names));
        let fields = Fields { names, values: elements.clone(), left };
        Some(Record { at, flags, id: StreamId { ms, seq }, fields })
    }

    fn has_names<'a>(&self, master: &Master, mut names: impl ExactSizeIterator<Item = &'a [u8]>) -> bool {
        master.fields == names.len() && {
            let mut own = self.0.iter_from(master.names);
            names.all(|name| own.next().is_some_and(|(_, item)| item == *name))
        }
    }

    /// Whether all numbers agree with what is there.
    fn check(&self) -> Option<()> {
        let mut elements = self.0.iter_from(self.0.start());
        let count = checked_count(&mut elements)?;
        let deleted = checked_count(&mut elements)?;
        let fields = checked_count(&mut elements)?;
        let master = Master { count, deleted, fields, names: elements.position() };
        checked_skip(&mut elements, fields)?;
        (checked_integer(&mut elements)? == 0).then_some(())?;
        let (mut kept, mut marked) = (0, 0);
        while elements.clone().next().is_some() {
            let deleted = self.check_entry(&master, &mut elements)?;
            *(if deleted { &mut marked } else { &mut kept }) += 1;
        }
        ((kept, marked) == (count, deleted) && kept + marked > 0).then_some(())
    }

    /// Passes over a well-formed entry and tells whether it is deleted.
    fn check_entry(&self, master: &Master, elements: &mut listpack::Iter<'_>) -> Option<bool> {
        let flags = checked_integer(elements)?;
        checked_integer(elements)?;
        checked_integer(elements)?;
        let expected = if flags & SAME_FIELDS != 0 {
            checked_skip(elements, master.fields)?;
            master.fields + 3
        } else {
            let pairs = checked_count(elements)?;
            let content = pairs.checked_mul(2)?;
            checked_skip(elements, content)?;
            content + 4
        };
        (checked_count(elements)? == expected).then_some(flags & DELETED != 0)
    }
}

impl Record<'_> {
    /// Whether it is marked as deleted.
    #[inline]
    pub fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Item<'a>, Item<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (_, name) = self.names.as_mut().unwrap_or(&mut self.values).next()?;
        let (_, value) = self.values.next()?;
        Some((name, value))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

impl<'a> Fields<'a> {
    /// The elements after the last value; costs a walk over the rest.
    #[inline]
    fn into_rest(mut self) -> listpack::Iter<'a> {
        let elements = if self.names.is_some() { self.left } else { 2 * self.left };
        skip(&mut self.values, elements);
        self.values
    }
}

/// Entries of a node, first to last.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    node: &'a Node,
    first: StreamId,
    master: Master,
    elements: listpack::Iter<'a>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let record = self.node.read(self.first, &self.master, &mut self.elements)?;
        self.elements = record.fields.clone().into_rest();
        self.elements.next();
        Some(record)
    }
}

/// Entries of a node, last to first.
#[derive(Clone, Debug)]
pub struct RecordsRev<'a> {
    node: &'a Node,
    first: StreamId,
    master: Master,
    /// Where the entries already yielded begin.
    end: Cursor,
}

impl<'a> Iterator for RecordsRev<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let listpack = &*self.node.0;
        let mut at = listpack.prev(self.end)?;
        let elements = listpack.at(at)?.integer()?;
        if elements == 0 {
            return None;
        }
        for _ in 0..elements {
            at = listpack.prev(at)?;
        }
        self.end = at;
        self.node.read(self.first, &self.master, &mut listpack.iter_from(at))
    }
}

#[inline]
fn read_integer(elements: &mut listpack::Iter<'_>) -> Option<i64> {
    elements.next().and_then(|(_, item)| item.integer())
}

#[inline]
fn read_count(elements: &mut listpack::Iter<'_>) -> usize {
    read_integer(elements).map_or(0, |count| count as usize)
}

#[inline]
fn skip(elements: &mut listpack::Iter<'_>, count: usize) {
    if let Some(last) = count.checked_sub(1) {
        elements.nth(last);
    }
}

fn checked_integer(elements: &mut listpack::Iter<'_>) -> Option<i64> {
    match elements.next()? {
        (_, Item::Integer(value)) => Some(value),
        _ => None,
    }
}

fn checked_count(elements: &mut listpack::Iter<'_>) -> Option<usize> {
    checked_integer(elements).and_then(|value| u32::try_from(value).ok()).map(|value| value as usize)
}

fn checked_skip(elements: &mut listpack::Iter<'_>, count: usize) -> Option<()> {
    match count.checked_sub(1) {
        Some(last) => elements.nth(last).map(|_| ()),
        None => Some(()),
    }
}
