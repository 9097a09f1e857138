//! Walks over the entries between two identifiers.

use super::StreamId;
use super::node::{Fields, Record, Records, RecordsRev};
use super::nodes::{self, Nodes};

/// An entry of a stream.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its identifier.
    pub id: StreamId,
    /// Its fields and values.
    pub fields: Fields<'a>,
}

/// Entries in ascending order.
#[derive(Clone, Debug)]
pub struct Range<'a> {
    start: StreamId,
    end: StreamId,
    /// Nothing once an entry after `end` was met.
    nodes: Option<nodes::Iter<'a>>,
    records: Option<Records<'a>>,
}

/// Entries in descending order.
#[derive(Clone, Debug)]
pub struct RangeRev<'a> {
    start: StreamId,
    end: StreamId,
    /// Nothing once an entry before `start` was met.
    nodes: Option<nodes::IterRev<'a>>,
    records: Option<RecordsRev<'a>>,
}

impl<'a> Range<'a> {
    pub(super) fn new(nodes: &'a Nodes, start: StreamId, end: StreamId) -> Self {
        let nodes = (start <= end).then(|| nodes.iter_from(start));
        Self { start, end, nodes, records: None }
    }
}

impl<'a> RangeRev<'a> {
    pub(super) fn new(nodes: &'a Nodes, start: StreamId, end: StreamId) -> Self {
        let nodes = (start <= end).then(|| nodes.iter_rev_to(end));
        Self { start, end, nodes, records: None }
    }
}

impl<'a> From<Record<'a>> for Entry<'a> {
    fn from(record: Record<'a>) -> Self {
        Self { id: record.id, fields: record.fields }
    }
}

impl<'a> Iterator for Range<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let nodes = self.nodes.as_mut()?;
            match self.records.as_mut().and_then(Iterator::next) {
                None => {
                    let (first, node) = nodes.next()?;
                    self.records = Some(node.records(first));
                }
                Some(record) if record.id > self.end => self.nodes = None,
                Some(record) if record.id < self.start || record.is_deleted() => {}
                Some(record) => return Some(record.into()),
            }
        }
    }
}

impl<'a> Iterator for RangeRev<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let nodes = self.nodes.as_mut()?;
            match self.records.as_mut().and_then(Iterator::next) {
                None => {
                    let (first, node) = nodes.next()?;
                    self.records = Some(node.records_rev(first));
                }
                Some(record) if record.id < self.start => self.nodes = None,
                Some(record) if record.id > self.end || record.is_deleted() => {}
                Some(record) => return Some(record.into()),
            }
        }
    }
}
