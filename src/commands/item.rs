//! Elements of collections as replies: `resp` knows no value type, so the two meet here.

use crate::resp::Reply;
use crate::value::compact::listpack::Item;

/// Replies that can be an element.
pub(super) trait ReplyItem {
    /// A bulk string that is an element of a collection.
    fn bulk_item(&mut self, item: &Item<'_>);
}

impl ReplyItem for Reply {
    #[inline]
    fn bulk_item(&mut self, item: &Item<'_>) {
        match item {
            Item::Bytes(bytes) => self.bulk(bytes),
            Item::Integer(number) => self.bulk_integer(*number),
        }
    }
}
