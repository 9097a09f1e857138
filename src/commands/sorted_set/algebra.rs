//! Union, intersection and difference of sorted sets; plain sets take part with all scores 1.
//!
//! Scores are floating point numbers, so the order of adding them shows. It is Redis's: sources from the smallest to the
//! largest, equal ones as they were named. Where a sum or a product is not a number, it counts as 0.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use super::range::shared_entry;
use super::{result_of, store, write_members};
use crate::base::number;
use crate::engine::{Args, CommandError, CommandResult, Context, Keyspace, text};
use crate::store::Entry;
use crate::value::compact::listpack::Item;
use crate::value::{Set, ValueRef, ZSet};

const WEIGHT: &str = "ERR weight value is not a float";
const LIMIT: &str = "ERR LIMIT can't be negative";

/// ZUNION numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]
pub(super) fn zunion<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, Operation::Union, "zunion")
}

/// ZINTER numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]
pub(super) fn zinter<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, Operation::Intersection, "zinter")
}

/// ZDIFF numkeys key [key ...] [WITHSCORES]
pub(super) fn zdiff<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, Operation::Difference, "zdiff")
}

/// ZUNIONSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]
pub(super) fn zunionstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    keep(ctx, args, Operation::Union, "zunionstore")
}

/// ZINTERSTORE destination numkeys key [key ...] [WEIGHTS weight [weight ...]] [AGGREGATE SUM|MIN|MAX]
pub(super) fn zinterstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    keep(ctx, args, Operation::Intersection, "zinterstore")
}

/// ZDIFFSTORE destination numkeys key [key ...]
pub(super) fn zdiffstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    keep(ctx, args, Operation::Difference, "zdiffstore")
}

/// ZINTERCARD numkeys key [key ...] [LIMIT limit]
pub(super) fn zintercard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let purpose = Purpose { operation: Operation::Intersection, replies: Replies::Count };
    let mut query = Query::parse(ctx.keys, args, 1, purpose, "zintercard")?;
    query.sources.sort_by_key(Source::len);
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let (first, others) = query.sources.split_first().ok_or(text::SYNTAX)?;
    let count = first
        .members()
        .filter(|(member, _)| others.iter().all(|other| other.score(member).is_some()))
        .take(limit)
        .count();
    ctx.reply.count(count);
    Ok(())
}

fn list<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, operation: Operation, command: &str) -> CommandResult {
    let purpose = Purpose { operation, replies: Replies::Members };
    let query = Query::parse(ctx.keys, args, 1, purpose, command)?;
    let with_scores = query.with_scores;
    write_members(ctx.reply, query.result(operation).into_iter(), with_scores);
    Ok(())
}

fn keep<'a>(
    ctx: &mut Context<'_, 'a>,
    args: Args<'a>,
    operation: Operation,
    command: &'static str,
) -> CommandResult {
    let purpose = Purpose { operation, replies: Replies::Stored };
    let query = Query::parse(ctx.keys, args, 2, purpose, command)?;
    let entries = query.result(operation).into_iter().map(shared_entry).collect();
    let result = result_of(ctx, entries);
    store(ctx, args.at(1), result, command);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replies {
    Members,
    Count,
    Stored,
}

/// What a command is for; that decides about the options it takes.
#[derive(Clone, Copy)]
struct Purpose {
    operation: Operation,
    replies: Replies,
}

impl Purpose {
    fn takes_weights(self) -> bool {
        self.operation != Operation::Difference && self.replies != Replies::Count
    }
}

/// How the scores of a member in several sources become one.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn parse(args: Args<'_>, index: usize) -> Result<Self, CommandError> {
        match () {
            () if args.is(index, "SUM") => Ok(Self::Sum),
            () if args.is(index, "MIN") => Ok(Self::Min),
            () if args.is(index, "MAX") => Ok(Self::Max),
            () => Err(text::SYNTAX.into()),
        }
    }

    fn join(self, score: f64, other: f64) -> f64 {
        match self {
            Self::Sum => number_or_zero(score + other),
            // What is not a number is neither less nor greater.
            Self::Min if other < score => other,
            Self::Max if other > score => other,
            Self::Min | Self::Max => score,
        }
    }
}

/// Infinities of opposite sign cancel out, and so do infinity and a weight of 0.
fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A key that takes part.
struct Source<'v> {
    members: Members<'v>,
    weight: f64,
}

enum Members<'v> {
    Absent,
    Sorted(&'v ZSet),
    Plain(&'v Set),
}

impl<'v> Source<'v> {
    fn open(keys: &'v Keyspace<'_>, key: &[u8]) -> Result<Self, CommandError> {
        let members = match keys.find(key).map(Entry::value) {
            None => Members::Absent,
            Some(ValueRef::ZSet(zset)) => Members::Sorted(zset),
            Some(ValueRef::Set(set)) => Members::Plain(set),
            Some(_) => return Err(text::WRONG_TYPE.into()),
        };
        Ok(Self { members, weight: 1.0 })
    }

    fn len(&self) -> usize {
        match self.members {
            Members::Absent => 0,
            Members::Sorted(zset) => zset.len(),
            Members::Plain(set) => set.len(),
        }
    }

    /// All members with their scores, not weighted.
    fn members(&self) -> impl Iterator<Item = (Item<'v>, f64)> + use<'v> {
        let (sorted, plain) = match self.members {
            Members::Absent => (None, None),
            Members::Sorted(zset) => (Some(zset.iter()), None),
            Members::Plain(set) => (None, Some(set.iter())),
        };
        let plain = plain.into_iter().flatten().map(|member| (member, 1.0));
        sorted.into_iter().flatten().chain(plain)
    }

    /// The score of another source's member, not weighted.
    fn score(&self, member: &Item<'_>) -> Option<f64> {
        match self.members {
            Members::Absent => None,
            Members::Sorted(zset) => member.with_bytes(|member| zset.score(member)),
            Members::Plain(set) => set.contains_item(member).then_some(1.0),
        }
    }
}

/// The arguments of a command of this kind, its keys looked up.
struct Query<'v> {
    sources: Vec<Source<'v>>,
    aggregate: Aggregate,
    with_scores: bool,
    /// ZINTERCARD's; 0 is none.
    limit: usize,
}

impl<'v> Query<'v> {
    /// Reads `numkeys key [key ...] [options]` from `first` on. The keys are looked at before the options, as Redis does.
    fn parse(
        keys: &'v Keyspace<'_>,
        args: Args<'_>,
        first: usize,
        purpose: Purpose,
        command: &str,
    ) -> Result<Self, CommandError> {
        let key_count = args.integer(first)?;
        if key_count < 1 {
            let text = format!("ERR at least 1 input key is needed for '{command}' command");
            return Err(CommandError::new(text));
        }
        let key_count = usize::try_from(key_count).unwrap_or(usize::MAX);
        let (names, options) = args.from(first + 1).split_at_checked(key_count).ok_or(text::SYNTAX)?;
        let sources = names.iter().map(|name| Source::open(keys, name)).collect::<Result<_, _>>()?;
        let mut query = Self { sources, aggregate: Aggregate::Sum, with_scores: false, limit: 0 };
        query.read_options(Args(options), purpose)?;
        Ok(query)
    }

    fn read_options(&mut self, options: Args<'_>, purpose: Purpose) -> CommandResult {
        let mut index = 0;
        while index < options.len() {
            let values = options.len() - index - 1;
            if purpose.takes_weights() && values >= self.sources.len() && options.is(index, "WEIGHTS") {
                for source in &mut self.sources {
                    index += 1;
                    source.weight = number::parse_f64(options.at(index)).ok_or(WEIGHT)?;
                }
            } else if purpose.takes_weights() && values >= 1 && options.is(index, "AGGREGATE") {
                index += 1;
                self.aggregate = Aggregate::parse(options, index)?;
            } else if purpose.replies == Replies::Members && options.is(index, "WITHSCORES") {
                self.with_scores = true;
            } else if purpose.replies == Replies::Count && values >= 1 && options.is(index, "LIMIT") {
                index += 1;
                let limit = options.integer(index).ok().and_then(|limit| usize::try_from(limit).ok());
                self.limit = limit.ok_or(LIMIT)?;
            } else {
                return Err(text::SYNTAX.into());
            }
            index += 1;
        }
        Ok(())
    }

    /// The members of the result in order, with their scores.
    fn result(mut self, operation: Operation) -> Vec<(Item<'v>, f64)> {
        if operation != Operation::Difference {
            self.sources.sort_by_key(Source::len);
        }
        let mut result = match operation {
            Operation::Union => self.union(),
            Operation::Intersection => self.intersection(),
            Operation::Difference => self.difference(),
        };
        result.sort_unstable_by(in_order);
        result
    }

    fn union(&self) -> Vec<(Item<'v>, f64)> {
        let mut scores: HashMap<ByText<'v>, f64, ahash::RandomState> = HashMap::default();
        for source in &self.sources {
            for (member, score) in source.members() {
                let score = number_or_zero(score * source.weight);
                scores
                    .entry(ByText(member))
                    .and_modify(|present| *present = self.aggregate.join(*present, score))
                    .or_insert(score);
            }
        }
        scores.into_iter().map(|(member, score)| (member.0, score)).collect()
    }

    fn intersection(&self) -> Vec<(Item<'v>, f64)> {
        let Some((first, others)) = self.sources.split_first() else { return Vec::new() };
        let joined = |member: &Item<'v>, score: f64| {
            others.iter().try_fold(number_or_zero(score * first.weight), |score, other| {
                Some(self.aggregate.join(score, other.score(member)? * other.weight))
            })
        };
        first.members().filter_map(|(member, score)| Some((member, joined(&member, score)?))).collect()
    }

    fn difference(&self) -> Vec<(Item<'v>, f64)> {
        let Some((first, others)) = self.sources.split_first() else { return Vec::new() };
        let is_left = |member: &Item<'v>| others.iter().all(|other| other.score(member).is_none());
        first.members().filter(|(member, _)| is_left(member)).collect()
    }
}

/// The order of a sorted set.
fn in_order((left, a): &(Item<'_>, f64), (right, b): &(Item<'_>, f64)) -> Ordering {
    let by_score = a.partial_cmp(b).unwrap_or(Ordering::Equal);
    by_score.then_with(|| left.with_bytes(|left| right.with_bytes(|right| left.cmp(right))))
}

/// A member that equals another with the same text, whether stored as text or as an integer.
struct ByText<'v>(Item<'v>);

impl Hash for ByText<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.with_bytes(|text| text.hash(state));
    }
}

impl PartialEq for ByText<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Item::Integer(left), Item::Integer(right)) => left == right,
            (left, right) => right.with_bytes(|right| *left == *right),
        }
    }
}

impl Eq for ByText<'_> {}
