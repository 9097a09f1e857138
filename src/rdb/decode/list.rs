//! Lists.

use super::{Limits, broken, elements, listpack_in};
use crate::rdb::cursor::{Cursor, Input};
use crate::rdb::error::Error;
use crate::rdb::format::containers;
use crate::rdb::ziplist;
use crate::value::compact::Malformed;
use crate::value::list::Node;
use crate::value::{List, Value};

/// The elements one by one.
pub(super) fn linked(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let mut list = List::new();
    for _ in 0..elements(input, 1)? {
        list.push_back(&input.string("an element")?, limits.list);
    }
    Ok(filled(list))
}

/// All elements in one ziplist.
pub(super) fn ziplist(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let offset = input.offset();
    let bytes = input.string("a ziplist")?;
    let mut list = List::new();
    ziplist::visit(&bytes, |item| item.with_bytes(|element| list.push_back(element, limits.list)))
        .map_err(|Malformed| broken(offset, "List ziplist"))?;
    Ok(filled(list))
}

/// Nodes, all of them ziplists.
pub(super) fn ziplists(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let mut nodes = Vec::new();
    for _ in 0..elements(input, 1)? {
        let offset = input.offset();
        let bytes = input.string("a list's node")?;
        let listpack = ziplist::to_listpack(&bytes).map_err(|Malformed| broken(offset, "Ziplist"))?;
        nodes.push(Node::Packed(listpack));
    }
    Ok(filled(List::from_nodes(nodes, limits.list)))
}

/// Nodes, listpacks or single elements.
pub(super) fn nodes(input: &mut Cursor<'_>, limits: &Limits) -> Result<Option<Value>, Error> {
    let mut nodes = Vec::new();
    for _ in 0..elements(input, 2)? {
        let offset = input.offset();
        nodes.push(match input.count("the kind of a list's node")? {
            containers::PACKED => Node::Packed(listpack_in(input, "Listpack")?),
            containers::PLAIN => match input.string("a list's node")?.into_vec() {
                element if element.is_empty() => return Err(broken(offset, "Quicklist")),
                element => Node::Plain(element.into_boxed_slice()),
            },
            _ => return Err(broken(offset, "Quicklist")),
        });
    }
    Ok(filled(List::from_nodes(nodes, limits.list)))
}

fn filled(list: List) -> Option<Value> {
    (!list.is_empty()).then_some(Value::List(list))
}
