//! Positions in sorted sets: adding them and asking for single ones. Searching has a file of its own.

mod search;

use super::sorted_set;
use crate::base::number;
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyed, text};
use crate::resp::Reply;
use crate::value::ZSet;
use crate::value::geohash::Point;
use crate::value::zset::AddFlags;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("GEOADD", keyed(geoadd)),
    Row::new("GEOPOS", keyed(geopos)),
    Row::new("GEODIST", keyed(geodist)),
    Row::new("GEOHASH", keyed(geohash)),
    Row::new("GEOSEARCH", keyed(search::geosearch)),
    Row::new("GEOSEARCHSTORE", keyed(search::geosearchstore)),
    Row::new("GEORADIUS", keyed(search::georadius)),
    Row::new("GEORADIUS_RO", keyed(search::georadius_ro)),
    Row::new("GEORADIUSBYMEMBER", keyed(search::georadiusbymember)),
    Row::new("GEORADIUSBYMEMBER_RO", keyed(search::georadiusbymember_ro)),
];

const UNIT: &str = "ERR unsupported unit provided. please use M, KM, FT, MI";

/// The longitude and latitude at `index`.
fn point(args: Args<'_>, index: usize) -> Result<Point, CommandError> {
    let (longitude, latitude) = (args.float(index)?, args.float(index + 1)?);
    Point::new(longitude, latitude).ok_or_else(|| {
        CommandError::new(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"))
    })
}

/// The unit at `index`, in meters.
fn unit(args: Args<'_>, index: usize) -> Result<f64, CommandError> {
    match () {
        () if args.is(index, "M") => Ok(1.0),
        () if args.is(index, "KM") => Ok(1000.0),
        () if args.is(index, "FT") => Ok(0.3048),
        () if args.is(index, "MI") => Ok(1609.34),
        () => Err(UNIT.into()),
    }
}

fn position(zset: &ZSet, member: &[u8]) -> Option<Point> {
    zset.score(member).map(Point::of_score)
}

fn write_point(reply: &mut Reply, point: Point) {
    reply.array(2);
    reply.double_text(&number::format_f64_fraction(point.longitude));
    reply.double_text(&number::format_f64_fraction(point.latitude));
}

/// GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]: ZADD with positions as scores, and
/// journaled as that.
fn geoadd<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (mut flags, mut counts_changed, mut first) = (AddFlags::default(), false, 2);
    loop {
        match () {
            () if args.is(first, "NX") => flags.nx = true,
            () if args.is(first, "XX") => flags.xx = true,
            () if args.is(first, "CH") => counts_changed = true,
            () => break,
        }
        first += 1;
    }
    let members = args.from(first).chunks_exact(3);
    if members.len() == 0 || !members.remainder().is_empty() || (flags.nx && flags.xx) {
        return Err(text::SYNTAX.into());
    }
    let scored = |index: usize| Ok((point(args, index)?.score() as f64, args.at(index + 2)));
    let pairs: Vec<_> = (first..args.len()).step_by(3).map(scored).collect::<Result<_, CommandError>>()?;
    let added = sorted_set::add_pairs(ctx, args.at(1), &pairs, flags)?;
    if added.new + added.changed > 0 {
        journal_as_zadd(ctx, &args.0[1..first], &pairs);
    }
    ctx.reply.count(added.new + if counts_changed { added.changed } else { 0 });
    Ok(())
}

fn journal_as_zadd<'a>(ctx: &mut Context<'_, 'a>, key_and_options: &[&[u8]], pairs: &[(f64, &[u8])]) {
    let scores: Vec<String> = pairs.iter().map(|(score, _)| number::format_f64(*score)).collect();
    let pairs = scores.iter().zip(pairs).flat_map(|(score, (_, member))| [score.as_bytes(), member]);
    let record = std::iter::once(b"zadd".as_slice()).chain(key_and_options.iter().copied()).chain(pairs);
    ctx.keys.effects.propagate_instead(record);
}

/// GEOPOS key [member [member ...]]
fn geopos<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| position(zset, member)) {
            Some(point) => write_point(ctx.reply, point),
            None => ctx.reply.null_array(),
        }
    }
    Ok(())
}

/// GEODIST key member1 member2 [M | KM | FT | MI]
fn geodist<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let unit = match args.len() {
        4 => 1.0,
        5 => unit(args, 4)?,
        _ => return Err(text::SYNTAX.into()),
    };
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    let find = |index: usize| zset.and_then(|zset| position(zset, args.at(index)));
    match (find(2), find(3)) {
        (Some(one), Some(other)) => {
            ctx.reply.bulk(number::format_f64_in_4(one.distance(other) / unit).as_bytes());
        }
        _ => ctx.reply.null(),
    }
    Ok(())
}

/// GEOHASH key [member [member ...]]
fn geohash<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let zset = ctx.keys.read::<ZSet>(args.at(1))?;
    ctx.reply.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| position(zset, member)) {
            Some(point) => ctx.reply.bulk(&point.text()),
            None => ctx.reply.null(),
        }
    }
    Ok(())
}
