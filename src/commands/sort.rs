//! SORT: the elements of a list, set or sorted set in order, or what other keys hold for them.
//!
//! Patterns reach keys that no argument names: they are locked when the elements are known. Texts compare as in C's
//! own locale, and as there the comparison ends at a zero byte; a result that is stored goes by all bytes.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use smallvec::SmallVec;

use super::item::ReplyItem;
use crate::base::{number, partial_sort};
use crate::commands::weight;
use crate::config::keyspace_events as event;
use crate::engine::acl;
use crate::engine::{
    Args, CommandError, CommandResult, Context, Handling, Keyspace, Row, heavy, limits, patterned, text,
};
use crate::resp::Reply;
use crate::store::{Entry, NewValue};
use crate::value::compact::listpack::Item;
use crate::value::zset::reversed;
use crate::value::{LargeString, List, Set, Value, ValueRef, ZSet};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("SORT", heavy(patterned(sort), weight::of_first)),
    Row::new("SORT_RO", heavy(patterned(sort_ro), weight::of_first)),
];

const BY_DENIED: &str = "ERR BY option of SORT denied due to insufficient ACL permissions.";
const GET_DENIED: &str = "ERR GET option of SORT denied due to insufficient ACL permissions.";
const NOT_A_NUMBER: &str = "ERR One or more scores can't be converted into double";

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]
fn sort<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = Options::parse(ctx, args, true)?;
    let Some(destination) = options.destination else { return reply_sorted(ctx, args.at(1), &options) };
    let mut list = List::new();
    let limits = limits::list(&ctx.node.config);
    reach_patterns(ctx.keys, args.at(1), &options)?;
    let sorted = Source::open(ctx.keys, args.at(1))?.sorted(ctx.keys, &options)?;
    each_result(ctx.keys, &options, &sorted, |found| {
        found.unwrap_or(Text::Item(Item::Bytes(b""))).with_bytes(|bytes| list.push_back(bytes, limits));
        true
    });
    let count = list.len();
    if count > 0 {
        ctx.keys.set_string(destination, NewValue::Value(Value::List(list)), false);
        ctx.keys.changed(destination, event::LIST, "sortstore");
        ctx.keys.effects.add_dirty(count as i64 - 1);
    } else if ctx.keys.delete(destination) {
        ctx.keys.changed(destination, event::GENERIC, "del");
    }
    ctx.reply.count(count);
    Ok(())
}

/// SORT_RO: SORT without STORE.
fn sort_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = Options::parse(ctx, args, false)?;
    reply_sorted(ctx, args.at(1), &options)
}

fn reply_sorted(ctx: &mut Context<'_, '_>, key: &[u8], options: &Options<'_>) -> CommandResult {
    reach_patterns(ctx.keys, key, options)?;
    let sorted = Source::open(ctx.keys, key)?.sorted(ctx.keys, options)?;
    ctx.reply.array(sorted.len() * options.get.len().max(1));
    each_result(ctx.keys, options, &sorted, |found| {
        match found {
            Some(found) => found.write(ctx.reply),
            None => ctx.reply.null(),
        }
        !ctx.reply.is_too_long()
    });
    Ok(())
}

/// Locks the keys that patterns make of the elements.
fn reach_patterns(keys: &mut Keyspace<'_>, key: &[u8], options: &Options<'_>) -> CommandResult {
    let mut made: SmallVec<[(&[u8], &[u8]); 4]> =
        options.by.iter().chain(&options.get).filter_map(Pattern::around_element).collect();
    made.sort_unstable();
    made.dedup();
    if made.is_empty() {
        return Ok(());
    }
    let source = Source::of(keys.peek(key))?;
    let (mut hashes, mut name) = (Vec::with_capacity(source.len() * made.len()), KeyName::default());
    for element in source.as_they_come(0..source.len(), false) {
        hashes.extend(made.iter().map(|(prefix, suffix)| keys.hash(name.write(prefix, &element, suffix))));
    }
    keys.reach(&hashes);
    Ok(())
}

/// Visits what the options want of each element, while `visit` goes on.
fn each_result<'v>(
    keys: &'v Keyspace<'_>,
    options: &Options<'_>,
    sorted: &[Item<'v>],
    mut visit: impl FnMut(Option<Text<'v>>) -> bool,
) {
    let mut name = KeyName::default();
    for element in sorted {
        let goes_on = match options.get.as_slice() {
            [] => visit(Some(Text::Item(*element))),
            patterns => patterns.iter().all(|pattern| visit(pattern.find(keys, element, &mut name))),
        };
        if !goes_on {
            return;
        }
    }
}

/// What stands behind the key.
#[derive(Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    /// LIMIT, as it was given.
    limit: Option<(i64, i64)>,
    by: Option<Pattern<'a>>,
    /// A BY without a `*`: the elements stay as they come. It counts even if another BY follows.
    unsorted: bool,
    get: Vec<Pattern<'a>>,
    destination: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(ctx: &Context<'_, '_>, args: Args<'a>, stores: bool) -> Result<Self, CommandError> {
        // What patterns lead to is known when it is read: whoever may not read all keys may not use any.
        let may_follow = || acl::allows_all_keys(ctx.node, ctx.session, args.from(0));
        let mut options = Self::default();
        let mut index = 2;
        while index < args.len() {
            let values = args.len() - index - 1;
            index += match () {
                () if args.is(index, "ASC") => {
                    options.descending = false;
                    1
                }
                () if args.is(index, "DESC") => {
                    options.descending = true;
                    1
                }
                () if args.is(index, "ALPHA") => {
                    options.alpha = true;
                    1
                }
                () if values >= 2 && args.is(index, "LIMIT") => {
                    options.limit = Some((args.integer(index + 1)?, args.integer(index + 2)?));
                    3
                }
                () if values >= 1 && stores && args.is(index, "STORE") => {
                    options.destination = Some(args.at(index + 1));
                    2
                }
                () if values >= 1 && args.is(index, "BY") => {
                    let pattern = Pattern::parse(args.at(index + 1));
                    if matches!(pattern, Pattern::Key { .. }) && !may_follow() {
                        return Err(BY_DENIED.into());
                    }
                    options.unsorted |= !matches!(pattern, Pattern::Key { .. });
                    options.by = Some(pattern);
                    2
                }
                () if values >= 1 && args.is(index, "GET") => {
                    if !may_follow() {
                        return Err(GET_DENIED.into());
                    }
                    options.get.push(Pattern::parse(args.at(index + 1)));
                    2
                }
                () => return Err(text::SYNTAX.into()),
            };
        }
        Ok(options)
    }

    /// The places that LIMIT selects of `len`. A negative offset is 0, a negative count means all.
    fn range(&self, len: usize) -> Range<usize> {
        let Some((offset, count)) = self.limit else { return 0..len };
        let start = usize::try_from(offset).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(len).min(len - start);
        start..start + count
    }

    fn compare(&self, left: &[u8], right: &[u8]) -> Ordering {
        if self.destination.is_some() { left.cmp(right) } else { c_string(left).cmp(c_string(right)) }
    }
}

/// What C sees of a text.
fn c_string(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

/// A pattern of BY or GET.
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// No `*`: nothing.
    Constant,
    /// The key with the element in place of the `*`, or a field of the hash there.
    Key { prefix: &'a [u8], suffix: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn parse(text: &'a [u8]) -> Self {
        let visible = c_string(text);
        if visible == b"#" {
            return Self::Element;
        }
        let Some(star) = memchr::memchr(b'*', visible) else { return Self::Constant };
        let (prefix, rest) = (&text[..star], &text[star + 1..]);
        let arrow = memchr::memmem::find(&visible[star + 1..], b"->");
        match arrow.filter(|arrow| star + 1 + arrow + 2 < visible.len()) {
            Some(arrow) => Self::Key { prefix, suffix: &rest[..arrow], field: Some(&rest[arrow + 2..]) },
            None => Self::Key { prefix, suffix: rest, field: None },
        }
    }

    /// What stands before and after the element in a key.
    fn around_element(&self) -> Option<(&'a [u8], &'a [u8])> {
        match *self {
            Self::Key { prefix, suffix, .. } => Some((prefix, suffix)),
            Self::Element | Self::Constant => None,
        }
    }

    /// What there is for an element.
    fn find<'v>(&self, keys: &'v Keyspace<'_>, element: &Item<'v>, name: &mut KeyName) -> Option<Text<'v>> {
        let (prefix, suffix, field) = match self {
            Self::Element => return Some(Text::Item(*element)),
            Self::Constant => return None,
            Self::Key { prefix, suffix, field } => (prefix, suffix, field),
        };
        match (keys.find(name.write(prefix, element, suffix))?.value(), field) {
            (ValueRef::Text(bytes), None) => Some(Text::Item(Item::Bytes(bytes))),
            (ValueRef::Integer(number), None) => Some(Text::Item(Item::Integer(number))),
            (ValueRef::Large(large), None) => Some(Text::Large(large)),
            (ValueRef::Hash(hash), Some(field)) => hash.get(field).map(Text::Item),
            _ => None,
        }
    }
}

/// The name of a key that a pattern makes of an element: memory for one after the other.
#[derive(Default)]
struct KeyName(Vec<u8>);

impl KeyName {
    fn write(&mut self, prefix: &[u8], element: &Item<'_>, suffix: &[u8]) -> &[u8] {
        self.0.clear();
        self.0.extend_from_slice(prefix);
        element.with_bytes(|element| self.0.extend_from_slice(element));
        self.0.extend_from_slice(suffix);
        &self.0
    }
}

/// A string or an element of a collection.
enum Text<'v> {
    Item(Item<'v>),
    Large(&'v LargeString),
}

impl<'v> Text<'v> {
    fn with_bytes<R>(&self, action: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Item(item) => item.with_bytes(action),
            Self::Large(large) => action(&large.to_vec(0, usize::MAX)),
        }
    }

    fn into_bytes(self) -> Cow<'v, [u8]> {
        match self {
            Self::Item(Item::Bytes(bytes)) => Cow::Borrowed(bytes),
            other => Cow::Owned(other.with_bytes(<[u8]>::to_vec)),
        }
    }

    /// As a weight: what C's `strtod` reads whole. Spaces may come first, nothing is 0, overflow and underflow are errors.
    fn weight(&self) -> Option<f64> {
        if let Self::Item(Item::Integer(number)) = self {
            return Some(*number as f64);
        }
        self.with_bytes(|text| {
            let text = c_string(text);
            if text.is_empty() {
                return Some(0.0);
            }
            let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
            number::parse_f64(&text[spaces..]).filter(|weight| !weight.is_subnormal())
        })
    }

    fn write(&self, reply: &mut Reply) {
        match self {
            Self::Item(item) => reply.bulk_item(item),
            Self::Large(large) => reply.bulk_chunks(large.len(), large.chunks()),
        }
    }
}

/// The collection to be sorted.
enum Source<'v> {
    Absent,
    List(&'v List),
    Set(&'v Set),
    ZSet(&'v ZSet),
}

impl<'v> Source<'v> {
    fn open(keys: &'v Keyspace<'_>, key: &[u8]) -> Result<Self, CommandError> {
        Self::of(keys.find(key))
    }

    fn of(entry: Option<&'v Entry>) -> Result<Self, CommandError> {
        match entry.map(Entry::value) {
            None => Ok(Self::Absent),
            Some(ValueRef::List(list)) => Ok(Self::List(list)),
            Some(ValueRef::Set(set)) => Ok(Self::Set(set)),
            Some(ValueRef::ZSet(zset)) => Ok(Self::ZSet(zset)),
            Some(_) => Err(text::WRONG_TYPE.into()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Absent => 0,
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::ZSet(zset) => zset.len(),
        }
    }

    /// The elements that the options select, in the order that they ask for.
    fn sorted(&self, keys: &'v Keyspace<'_>, options: &Options<'_>) -> Result<Vec<Item<'v>>, CommandError> {
        let range = options.range(self.len());
        // What is stored, or what a script goes by, must be the same wherever it is repeated; a set has no order of its own.
        let is_kept = options.destination.is_some() || keys.is_in_script();
        let needs_order = matches!(self, Self::Set(_)) && is_kept;
        if options.unsorted && !needs_order {
            return Ok(self.as_they_come(range, options.descending));
        }
        let by = options.by.as_ref().filter(|_| !options.unsorted);
        let elements = self.as_they_come(0..self.len(), false);
        let mut name = KeyName::default();
        let weighed = |element: Item<'v>| match by {
            Some(by) => (by.find(keys, &element, &mut name), element),
            None => (Some(Text::Item(element)), element),
        };
        let cut = range.len() < elements.len();
        if options.alpha || options.unsorted {
            let texts = elements.into_iter().map(weighed);
            let texts = texts.map(|(text, element)| (text.map(Text::into_bytes), element)).collect();
            let compare = |left: &Option<Cow<'_, [u8]>>, right: &Option<Cow<'_, [u8]>>| match (left, right) {
                (Some(left), Some(right)) => options.compare(left, right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            let compare = |left: &(_, Item<'_>), right: &(_, Item<'_>)| compare(&left.0, &right.0);
            return Ok(select(texts, range, cut && by.is_some(), options.descending, compare));
        }
        let weight = |(text, element): (Option<Text<'_>>, Item<'v>)| {
            let weight = text.map_or(Some(0.0), |text| text.weight());
            Ok((weight.ok_or(NOT_A_NUMBER)?, element))
        };
        let weights = elements.into_iter().map(weighed).map(weight).collect::<Result<_, CommandError>>()?;
        Ok(select(weights, range, cut, options.descending, by_weight))
    }

    /// The elements at these places, counted from the end when descending; a set has no direction.
    fn as_they_come(&self, range: Range<usize>, descending: bool) -> Vec<Item<'v>> {
        let count = range.len();
        match self {
            Self::Absent => Vec::new(),
            Self::Set(set) => set.iter().skip(range.start).take(count).collect(),
            Self::List(list) if descending => {
                list.iter_rev_before(list.len() - range.start).take(count).collect()
            }
            Self::List(list) => list.iter_from(range.start).take(count).collect(),
            Self::ZSet(zset) if descending => {
                let ranks = reversed(range, zset.len());
                zset.range(ranks).rev().map(|(member, _)| member).collect()
            }
            Self::ZSet(zset) => zset.range(range).map(|(member, _)| member).collect(),
        }
    }
}

/// By weight; equal ones by the elements' bytes.
fn by_weight((left, a): &(f64, Item<'_>), (right, b): &(f64, Item<'_>)) -> Ordering {
    let by_weight = left.partial_cmp(right).unwrap_or(Ordering::Equal);
    by_weight.then_with(|| a.with_bytes(|a| b.with_bytes(|b| a.cmp(b))))
}

/// Sorts elements with what they are compared by, and leaves those of a range. Only the range is put into order if `cut`.
fn select<'v, T>(
    mut elements: Vec<(T, Item<'v>)>,
    range: Range<usize>,
    cut: bool,
    descending: bool,
    compare: impl Fn(&(T, Item<'v>), &(T, Item<'v>)) -> Ordering,
) -> Vec<Item<'v>> {
    let compare = |left: &_, right: &_| if descending { compare(right, left) } else { compare(left, right) };
    if cut {
        partial_sort::sort_range(&mut elements, range.clone(), &compare);
    } else {
        elements.sort_by(compare);
    }
    elements.drain(range).map(|(_, element)| element).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_read_as_in_c() {
        let check = |text: &[u8], expected: &[&[u8]]| {
            let found = match Pattern::parse(text) {
                Pattern::Key { prefix, suffix, field } => [prefix, suffix].into_iter().chain(field).collect(),
                _ => Vec::new(),
            };
            assert_eq!(found, expected, "{text:?}");
        };
        check(b"w_*", &[b"w_", b""]);
        check(b"*", &[b"", b""]);
        check(b"a*b*c", &[b"a", b"b*c"]);
        check(b"h_*->f", &[b"h_", b"", b"f"]);
        check(b"h_*x->f->g", &[b"h_", b"x", b"f->g"]);
        check(b"h_*->", &[b"h_", b"->"]);
        check(b"a->b*", &[b"a->b", b""]);
        check(b"h_*->f\0g", &[b"h_", b"", b"f\0g"]);
        check(b"h_*->\0g", &[b"h_", b"->\0g"]);
        check(b"w\0*", &[]);
        check(b"nosort", &[]);
        assert!(matches!(Pattern::parse(b"#"), Pattern::Element));
        assert!(matches!(Pattern::parse(b"#\0*"), Pattern::Element));
    }

    #[test]
    fn weights_are_what_strtod_reads_whole() {
        let check = |text: &[u8], expected| {
            assert_eq!(Text::Item(Item::Bytes(text)).weight(), expected, "{text:?}");
        };
        check(b"", Some(0.0));
        check(b" 1", Some(1.0));
        check(b"\t-1.5e3", Some(-1500.0));
        check(b"0x10", Some(16.0));
        check(b"1\0x", Some(1.0));
        check(b"-inf", Some(f64::NEG_INFINITY));
        check(b"1 ", None);
        check(b" ", None);
        check(b"abc", None);
        check(b"nan", None);
        check(b"1e500", None);
        check(b"1e-310", None);
    }

    #[test]
    fn limits_are_cut_to_what_there_is() {
        let check = |offset, count, expected| {
            let options = Options { limit: Some((offset, count)), ..Options::default() };
            assert_eq!(options.range(5), expected, "{offset} {count}");
        };
        check(0, -1, 0..5);
        check(1, 2, 1..3);
        check(-3, 2, 0..2);
        check(4, 9, 4..5);
        check(5, 1, 5..5);
        check(i64::MAX, i64::MAX, 5..5);
        check(2, 0, 2..2);
        check(2, i64::MIN, 2..5);
    }
}
