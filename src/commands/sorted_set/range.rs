//! Sorted sets by range: of ranks, of scores, or of members.
//!
//! Every command of the ZRANGE kind is one [`RangeForm`] (what its name has fixed) plus options. Whatever a range is made of, it
//! becomes a range of ranks, which is then counted, listed, stored or removed.

use std::ops::Range;

use super::{result_of, store, write_members};
use crate::config::keyspace_events as event;
use crate::engine::{Args, CommandError, CommandResult, Context, text};
use crate::value::ZSet;
use crate::value::compact::listpack::Item;
use crate::value::zset::{LexRange, Member, ScoreRange, index_range, limited, reversed, shared_member};

const LIMIT_WITH_RANKS: &str =
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
const SCORES_WITH_LEX: &str = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";

/// What a range is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What the name of a command says about its range; the options say what it doesn't.
#[derive(Clone, Copy)]
struct RangeForm {
    by: Option<By>,
    reverse: Option<bool>,
}

impl RangeForm {
    const OPEN: Self = Self { by: None, reverse: None };

    const fn fixed(by: By, reverse: bool) -> Self {
        Self { by: Some(by), reverse: Some(reverse) }
    }
}

/// Both ends of a range.
enum Bounds<'a> {
    Ranks(i64, i64),
    Scores(ScoreRange),
    Members(LexRange<'a>),
}

impl<'a> Bounds<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError> {
        match by {
            By::Rank => {
                let ends = Args(&[min, max]);
                Ok(Self::Ranks(ends.integer(0)?, ends.integer(1)?))
            }
            By::Score => Ok(Self::Scores(ScoreRange::parse(min, max).ok_or(text::MIN_MAX_FLOAT)?)),
            By::Lex => Ok(Self::Members(LexRange::parse(min, max).ok_or(text::MIN_MAX_LEX)?)),
        }
    }

    fn ranks(&self, zset: &ZSet) -> Range<usize> {
        match self {
            Self::Ranks(start, stop) => index_range(*start, *stop, zset.len()),
            Self::Scores(range) => zset.score_range(range),
            Self::Members(range) => zset.lex_range(range),
        }
    }
}

/// A range command's arguments.
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    offset: i64,
    /// At most so many members; all if negative.
    count: i64,
    with_scores: bool,
}

impl<'a> Query<'a> {
    /// Reads `min max [options]` from `first` on. With `stores` there is no WITHSCORES.
    fn parse(args: Args<'a>, first: usize, form: RangeForm, stores: bool) -> Result<Self, CommandError> {
        let RangeForm { mut by, mut reverse } = form;
        let (mut offset, mut count, mut with_scores) = (0, -1, false);
        let mut index = first + 2;
        while index < args.len() {
            if !stores && args.is(index, "WITHSCORES") {
                with_scores = true;
            } else if args.is(index, "LIMIT") && index + 2 < args.len() {
                (offset, count) = (args.integer(index + 1)?, args.integer(index + 2)?);
                index += 2;
            } else if reverse.is_none() && args.is(index, "REV") {
                reverse = Some(true);
            } else if by.is_none() && args.is(index, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && args.is(index, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(text::SYNTAX.into());
            }
            index += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if count != -1 && by == By::Rank {
            return Err(LIMIT_WITH_RANKS.into());
        }
        if with_scores && by == By::Lex {
            return Err(SCORES_WITH_LEX.into());
        }
        let swapped = reverse && by != By::Rank;
        let (min, max) = (args.at(first + usize::from(swapped)), args.at(first + usize::from(!swapped)));
        Ok(Self { bounds: Bounds::parse(by, min, max)?, reverse, offset, count, with_scores })
    }

    fn ranks(&self, zset: &ZSet) -> Range<usize> {
        let ranks = self.bounds.ranks(zset);
        match self.bounds {
            Bounds::Ranks(..) if self.reverse => reversed(ranks, zset.len()),
            Bounds::Ranks(..) => ranks,
            _ => limited(ranks, self.offset, self.count, self.reverse),
        }
    }
}

/// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
pub(super) fn zrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, RangeForm::OPEN)
}

/// ZREVRANGE key start stop [WITHSCORES]
pub(super) fn zrevrange<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, RangeForm::fixed(By::Rank, true))
}

/// ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]
pub(super) fn zrangebyscore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, RangeForm::fixed(By::Score, false))
}

/// ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]
pub(super) fn zrevrangebyscore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, RangeForm::fixed(By::Score, true))
}

/// ZRANGEBYLEX key min max [LIMIT offset count]
pub(super) fn zrangebylex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, RangeForm::fixed(By::Lex, false))
}

/// ZREVRANGEBYLEX key max min [LIMIT offset count]
pub(super) fn zrevrangebylex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list(ctx, args, RangeForm::fixed(By::Lex, true))
}

fn list<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, form: RangeForm) -> CommandResult {
    let query = Query::parse(args, 2, form, false)?;
    let Some(zset) = ctx.keys.read::<ZSet>(args.at(1))? else {
        ctx.reply.array(0);
        return Ok(());
    };
    let members = zset.range(query.ranks(zset));
    if query.reverse {
        write_members(ctx.reply, members.rev(), query.with_scores);
    } else {
        write_members(ctx.reply, members, query.with_scores);
    }
    Ok(())
}

/// ZRANGESTORE destination source start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count]
pub(super) fn zrangestore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let query = Query::parse(args, 3, RangeForm::OPEN, true)?;
    let entries = match ctx.keys.read::<ZSet>(args.at(2))? {
        Some(zset) => zset.range(query.ranks(zset)).map(shared_entry).collect(),
        None => Vec::new(),
    };
    let mut result = result_of(ctx, entries);
    if !matches!(query.bounds, Bounds::Ranks(..)) {
        // Only of a range of ranks does Redis know the size beforehand; for any other it makes the large form.
        result.enlarge();
    }
    store(ctx, args.at(1), result, "zrangestore");
    Ok(())
}

/// A member and its score as [`result_of`] takes them.
pub(in crate::commands) fn shared_entry((member, score): (Item<'_>, f64)) -> (f64, Member) {
    (score, member.with_bytes(shared_member))
}

/// ZCOUNT key min max
pub(super) fn zcount<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    count(ctx, args, By::Score)
}

/// ZLEXCOUNT key min max
pub(super) fn zlexcount<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    count(ctx, args, By::Lex)
}

fn count<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, by: By) -> CommandResult {
    let bounds = Bounds::parse(by, args.at(2), args.at(3))?;
    let count = ctx.keys.read::<ZSet>(args.at(1))?.map_or(0, |zset| bounds.ranks(zset).len());
    ctx.reply.count(count);
    Ok(())
}

/// ZREMRANGEBYRANK key start stop
pub(super) fn zremrangebyrank<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    remove(ctx, args, By::Rank, "zremrangebyrank")
}

/// ZREMRANGEBYSCORE key min max
pub(super) fn zremrangebyscore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    remove(ctx, args, By::Score, "zremrangebyscore")
}

/// ZREMRANGEBYLEX key min max
pub(super) fn zremrangebylex<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    remove(ctx, args, By::Lex, "zremrangebylex")
}

fn remove<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, by: By, event: &'static str) -> CommandResult {
    let bounds = Bounds::parse(by, args.at(2), args.at(3))?;
    let mut removed = 0;
    if let Some(mut zset) = ctx.keys.write::<ZSet>(args.at(1))? {
        let ranks = bounds.ranks(&zset);
        removed = zset.remove_range(ranks);
        if removed > 0 {
            zset.changed(event::ZSET, event, removed as i64);
        }
    }
    ctx.reply.count(removed);
    Ok(())
}
