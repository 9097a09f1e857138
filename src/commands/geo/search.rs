//! Searching around a position: GEOSEARCH and the older GEORADIUS, which differ in how they name what they look for.

use std::cmp::Ordering;

use super::{point, position, unit, write_point};
use crate::base::{number, partial_sort};
use crate::commands::item::ReplyItem;
use crate::commands::sorted_set::{range::shared_entry, result_of, store};
use crate::engine::{Args, CommandError, CommandResult, Context, text};
use crate::value::ZSet;
use crate::value::compact::listpack::Item;
use crate::value::geohash::{Area, Point, Shape};
use crate::value::zset::{ScoreBound, ScoreRange};

const NO_POSITION: &str = "ERR could not decode requested zset member";

/// GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit [ASC | DESC]
/// [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]
pub(super) fn geosearch<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    search(ctx, args, Form { origin: Origin::Options, stores: Stores::Never })
}

/// GEOSEARCHSTORE destination source FROMMEMBER ... | FROMLONLAT ... BYRADIUS ... | BYBOX ... [ASC | DESC] [COUNT count [ANY]]
/// [STOREDIST]
pub(super) fn geosearchstore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    search(ctx, args, Form { origin: Origin::Options, stores: Stores::Always })
}

/// GEORADIUS key longitude latitude radius unit [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]
/// [STORE key | STOREDIST key]
pub(super) fn georadius<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    search(ctx, args, Form { origin: Origin::Position, stores: Stores::IfSaid })
}

/// GEORADIUS_RO: GEORADIUS without STORE.
pub(super) fn georadius_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    search(ctx, args, Form { origin: Origin::Position, stores: Stores::Never })
}

/// GEORADIUSBYMEMBER key member radius unit [...], as GEORADIUS.
pub(super) fn georadiusbymember<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    search(ctx, args, Form { origin: Origin::Member, stores: Stores::IfSaid })
}

/// GEORADIUSBYMEMBER_RO: GEORADIUSBYMEMBER without STORE.
pub(super) fn georadiusbymember_ro<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    search(ctx, args, Form { origin: Origin::Member, stores: Stores::Never })
}

/// What a command's name says.
#[derive(Clone, Copy)]
struct Form {
    origin: Origin,
    stores: Stores,
}

/// Where the arguments tell what to search around, and how far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Longitude, latitude, radius and unit at fixed places.
    Position,
    /// Member, radius and unit at fixed places.
    Member,
    /// GEOSEARCH's options.
    Options,
}

/// Whether the result goes into a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stores {
    Never,
    IfSaid,
    Always,
}

impl Form {
    /// The source key.
    fn source(self) -> usize {
        if self.stores == Stores::Always { 2 } else { 1 }
    }

    /// Where the options begin.
    fn options(self) -> usize {
        match self.origin {
            Origin::Position => 6,
            Origin::Member => 5,
            Origin::Options => self.source() + 1,
        }
    }
}

/// The arguments of a search.
#[derive(Default)]
struct Query<'a> {
    /// None while no option has told, or for a member of a key that isn't there.
    center: Option<Point>,
    from_member: bool,
    from_position: bool,
    /// With its unit in meters.
    shape: Option<(Shape, f64)>,
    sort: Option<Sort>,
    /// 0 for all.
    count: usize,
    /// Whether the first `count` found will do.
    any: bool,
    with_distance: bool,
    with_hash: bool,
    with_point: bool,
    destination: Option<&'a [u8]>,
    stores_distance: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Near,
    Far,
}

/// A member within the area.
struct Found<'v> {
    member: Item<'v>,
    score: f64,
    point: Point,
    /// Meters from the center.
    distance: f64,
}

/// All of these commands. The source is looked at before the options, as Redis does; where it is absent, members that options
/// name are not looked for.
fn search<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>, form: Form) -> CommandResult {
    let zset = ctx.keys.read::<ZSet>(args.at(form.source()))?;
    let query = Query::parse(args, form, zset)?;
    let (Some(zset), Some(center), Some((shape, unit))) = (zset, query.center, query.shape) else {
        match query.destination {
            Some(destination) => store(ctx, destination, ZSet::default(), ""),
            None => ctx.reply.array(0),
        }
        return Ok(());
    };
    let found = query.run(zset, &Area::new(center, shape, unit));
    match query.destination {
        None => query.reply(ctx.reply, &found, unit),
        Some(destination) => {
            let score = |found: &Found<'_>| {
                if query.stores_distance { found.distance / unit } else { found.score }
            };
            let entries: Vec<_> =
                found.iter().map(|found| shared_entry((found.member, score(found)))).collect();
            let event = if form.stores == Stores::Always { "geosearchstore" } else { "georadiusstore" };
            let changes = entries.len() as i64;
            let result = result_of(ctx, entries);
            store(ctx, destination, result, event);
            ctx.keys.effects.add_dirty((changes - 1).max(0));
        }
    }
    Ok(())
}

impl<'a> Query<'a> {
    fn parse(args: Args<'a>, form: Form, zset: Option<&ZSet>) -> Result<Self, CommandError> {
        let mut query = Self::default();
        match form.origin {
            Origin::Position => {
                query.center = Some(point(args, 2)?);
                query.shape = Some(circle(args, 4)?);
            }
            Origin::Member if zset.is_some() => {
                query.set_member(zset, args.at(2))?;
                query.shape = Some(circle(args, 3)?);
            }
            Origin::Member => {}
            Origin::Options if form.stores == Stores::Always => query.destination = Some(args.at(1)),
            Origin::Options => {}
        }
        let mut index = form.options();
        while index < args.len() {
            index += match query.plain_option(args, index)? {
                0 if form.origin == Origin::Options => query.search_option(args, index, form, zset)?,
                0 if form.stores == Stores::IfSaid => query.store_option(args, index)?,
                0 => return Err(text::SYNTAX.into()),
                taken => taken,
            };
        }
        query.check(args, form)?;
        Ok(query)
    }

    fn set_member(&mut self, zset: Option<&ZSet>, member: &[u8]) -> CommandResult {
        if let Some(zset) = zset {
            self.center = Some(position(zset, member).ok_or(NO_POSITION)?);
        }
        Ok(())
    }

    /// An option that all take: how many arguments it is, 0 if it is none of these.
    fn plain_option(&mut self, args: Args<'a>, index: usize) -> Result<usize, CommandError> {
        match () {
            () if args.is(index, "WITHDIST") => self.with_distance = true,
            () if args.is(index, "WITHHASH") => self.with_hash = true,
            () if args.is(index, "WITHCOORD") => self.with_point = true,
            () if args.is(index, "ANY") => self.any = true,
            () if args.is(index, "ASC") => self.sort = Some(Sort::Near),
            () if args.is(index, "DESC") => self.sort = Some(Sort::Far),
            () if args.is(index, "COUNT") && index + 1 < args.len() => {
                let count = args.integer(index + 1)?;
                if count <= 0 {
                    return Err("ERR COUNT must be > 0".into());
                }
                self.count = count as usize;
                return Ok(2);
            }
            () => return Ok(0),
        }
        Ok(1)
    }

    /// GEORADIUS's own options.
    fn store_option(&mut self, args: Args<'a>, index: usize) -> Result<usize, CommandError> {
        self.stores_distance = args.is(index, "STOREDIST");
        if !self.stores_distance && !args.is(index, "STORE") {
            return Err(text::SYNTAX.into());
        }
        self.destination = Some(args.need(index + 1)?);
        Ok(2)
    }

    /// GEOSEARCH's own options. Origin and shape may be said again, but not the other way.
    fn search_option(
        &mut self,
        args: Args<'a>,
        index: usize,
        form: Form,
        zset: Option<&ZSet>,
    ) -> Result<usize, CommandError> {
        let values = args.len() - index - 1;
        let is_circle = matches!(self.shape, Some((Shape::Circle(_), _)));
        let is_rectangle = matches!(self.shape, Some((Shape::Rectangle(..), _)));
        match () {
            () if form.stores == Stores::Always && args.is(index, "STOREDIST") => {
                self.stores_distance = true;
                Ok(1)
            }
            () if values >= 1 && !self.from_position && args.is(index, "FROMMEMBER") => {
                self.set_member(zset, args.at(index + 1))?;
                self.from_member = true;
                Ok(2)
            }
            () if values >= 2 && !self.from_member && args.is(index, "FROMLONLAT") => {
                self.center = Some(point(args, index + 1)?);
                self.from_position = true;
                Ok(3)
            }
            () if values >= 2 && !is_rectangle && args.is(index, "BYRADIUS") => {
                self.shape = Some(circle(args, index + 1)?);
                Ok(3)
            }
            () if values >= 3 && !is_circle && args.is(index, "BYBOX") => {
                self.shape = Some(rectangle(args, index + 1)?);
                Ok(4)
            }
            () => Err(text::SYNTAX.into()),
        }
    }

    /// What options demand of each other.
    fn check(&self, args: Args<'_>, form: Form) -> CommandResult {
        let is_search = form.origin == Origin::Options;
        let command = args.at(0);
        if self.destination.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            let who = if is_search { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let text = format!("ERR {who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
            return Err(CommandError::new(text));
        }
        if is_search && !self.from_member && !self.from_position {
            let text = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
            return Err(CommandError::of(&[&text, &command]));
        }
        if is_search && self.shape.is_none() {
            let text = "ERR exactly one of BYRADIUS and BYBOX can be specified for ";
            return Err(CommandError::of(&[&text, &command]));
        }
        if self.any && self.count == 0 {
            return Err("ERR the ANY argument requires COUNT argument".into());
        }
        Ok(())
    }

    /// What is within the area, in the order and number asked for. COUNT without an order means the nearest, unless any will do.
    fn run<'v>(&self, zset: &'v ZSet, area: &Area) -> Vec<Found<'v>> {
        let enough = if self.any { self.count } else { usize::MAX };
        let mut found = collect(zset, area, enough);
        let count = if self.count == 0 { found.len() } else { self.count.min(found.len()) };
        let nearest = (self.count != 0 && !self.any).then_some(Sort::Near);
        if let Some(sort) = self.sort.or(nearest) {
            let compare = |left: &Found<'_>, right: &Found<'_>| match sort {
                Sort::Near => by_distance(left, right),
                Sort::Far => by_distance(right, left),
            };
            if count == found.len() {
                found.sort_by(compare);
            } else {
                partial_sort::sort_range(&mut found, 0..count, &compare);
            }
        }
        found.truncate(count);
        found
    }

    fn reply(&self, reply: &mut crate::resp::Reply, found: &[Found<'_>], unit: f64) {
        let details =
            [self.with_distance, self.with_hash, self.with_point].into_iter().filter(|with| *with).count();
        reply.array(found.len());
        for found in found {
            if details > 0 {
                reply.array(1 + details);
            }
            reply.bulk_item(&found.member);
            if self.with_distance {
                reply.bulk(number::format_f64_in_4(found.distance / unit).as_bytes());
            }
            if self.with_hash {
                reply.integer(found.score as i64);
            }
            if self.with_point {
                write_point(reply, found.point);
            }
        }
    }
}

fn by_distance(left: &Found<'_>, right: &Found<'_>) -> Ordering {
    left.distance.total_cmp(&right.distance)
}

/// The members within the area in the order of its cells, until there are `enough`.
fn collect<'v>(zset: &'v ZSet, area: &Area, enough: usize) -> Vec<Found<'v>> {
    let mut found = Vec::new();
    // Finding a place in the small form takes reading it, which is done once instead of for every cell.
    let small: Option<Vec<_>> = zset.as_listpack().map(|_| zset.iter().collect());
    for (first, end) in area.score_ranges() {
        let goes_on = match &small {
            Some(all) => {
                let place = |score: f64| all.partition_point(|(_, other)| *other < score);
                visit(all[place(first)..place(end)].iter().copied(), area, enough, &mut found)
            }
            None => {
                let min = ScoreBound { score: first, exclusive: false };
                let max = ScoreBound { score: end, exclusive: true };
                let ranks = zset.score_range(&ScoreRange { min, max });
                visit(zset.range(ranks), area, enough, &mut found)
            }
        };
        if !goes_on {
            break;
        }
    }
    found
}

/// Adds those of the members that are within the area; false when there are `enough`.
fn visit<'v>(
    members: impl Iterator<Item = (Item<'v>, f64)>,
    area: &Area,
    enough: usize,
    found: &mut Vec<Found<'v>>,
) -> bool {
    for (member, score) in members {
        if found.len() >= enough {
            return false;
        }
        let point = Point::of_score(score);
        if let Some(distance) = area.distance_within(point) {
            found.push(Found { member, score, point, distance });
        }
    }
    true
}

/// A radius and its unit at `index`.
fn circle(args: Args<'_>, index: usize) -> Result<(Shape, f64), CommandError> {
    let radius = length(args, index, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err("ERR radius cannot be negative".into());
    }
    Ok((Shape::Circle(radius), unit(args, index + 1)?))
}

/// A width, a height and their unit at `index`.
fn rectangle(args: Args<'_>, index: usize) -> Result<(Shape, f64), CommandError> {
    let width = length(args, index, "ERR need numeric width")?;
    let height = length(args, index + 1, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err("ERR height or width cannot be negative".into());
    }
    Ok((Shape::Rectangle(width, height), unit(args, index + 2)?))
}

fn length(args: Args<'_>, index: usize, error: &'static str) -> Result<f64, CommandError> {
    args.float(index).map_err(|_| error.into())
}
