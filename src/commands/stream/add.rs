//! Entries come and go: XADD, XDEL, XTRIM, XSETID.

use super::options::{id, ids, invalid_id, syntax, write_id};
use crate::config::{Id, keyspace_events as event};
use crate::engine::{Args, CommandError, CommandResult, Context, Reach, text};
use crate::value::Stream;
use crate::value::stream::{AppendError, Entries, NewId, SetIdError, StreamId, StreamLimits, Trim, TrimTo};

/// What XADD and XTRIM say about trimming.
#[derive(Default)]
struct TrimOptions {
    to: Option<TrimTo>,
    approximate: bool,
    limit: Option<u64>,
    /// Where the threshold is among the arguments.
    threshold_at: usize,
}

impl TrimOptions {
    /// Takes the option at `index` if it is one of these; returns the index of its last argument.
    fn take(&mut self, args: Args<'_>, index: usize) -> Result<Option<usize>, CommandError> {
        let following = args.len() - 1 - index;
        let by_length = args.is(index, "MAXLEN");
        if following == 0 {
            return Ok(None);
        }
        if args.is(index, "LIMIT") {
            self.limit = Some(not_negative(args, index + 1, "ERR The LIMIT argument must be >= 0.")?);
            return Ok(Some(index + 1));
        }
        if !by_length && !args.is(index, "MINID") {
            return Ok(None);
        }
        if self.to.is_some() {
            return Err(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible".into()
            );
        }
        self.approximate = following >= 2 && args.at(index + 1) == b"~";
        let has_operator = self.approximate || (following >= 2 && args.at(index + 1) == b"=");
        let at = index + 1 + usize::from(has_operator);
        self.threshold_at = at;
        self.to = Some(if by_length {
            TrimTo::MaxLen(not_negative(args, at, "ERR The MAXLEN argument must be >= 0.")?)
        } else {
            TrimTo::MinId(id(args.at(at), 0)?)
        });
        Ok(Some(at))
    }

    /// The trimming that the options ask for, once they have all been taken.
    fn finish(
        &self,
        ctx: &Context<'_, '_>,
        limits: &StreamLimits,
        needed: bool,
    ) -> Result<Option<Trim>, CommandError> {
        let limited = self.limit.is_some_and(|limit| limit > 0);
        if self.to.is_none() && limited {
            return Err(
                "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy".into()
            );
        }
        if self.to.is_none() && needed {
            return Err("ERR syntax error, XTRIM must be called with a trimming strategy".into());
        }
        if self.limit.is_some() && !self.approximate && !ctx.session.replays {
            return Err("ERR syntax error, LIMIT cannot be used without the special ~ option".into());
        }
        let default = if self.approximate { limits.trim_limit() } else { 0 };
        let limit = if ctx.session.replays { 0 } else { self.limit.unwrap_or(default) };
        Ok(self.to.map(|to| Trim { to, approximate: self.approximate, limit }))
    }

    /// Journals the command with the exact threshold that approximate trimming has come to, and the identifier given.
    fn propagate(&self, ctx: &mut Context<'_, '_>, args: Args<'_>, exact: &[u8], id: Option<(usize, &[u8])>) {
        let mut record = args.0.to_vec();
        if self.approximate {
            record[self.threshold_at - 1] = b"=";
            record[self.threshold_at] = exact;
        }
        if let Some((at, id)) = id {
            record[at] = id;
        }
        ctx.keys.effects.propagate_instead(record);
    }

    /// The threshold that trimming has come to.
    fn exact(&self, entries: &Entries) -> Vec<u8> {
        match self.to {
            Some(TrimTo::MinId(_)) => {
                let first = entries.first().map_or(StreamId::MAX, |entry| entry.id);
                first.text().to_vec()
            }
            _ => entries.len().to_string().into_bytes(),
        }
    }
}

fn not_negative(args: Args<'_>, index: usize, otherwise: &'static str) -> Result<u64, CommandError> {
    u64::try_from(args.integer(index)?).map_err(|_| otherwise.into())
}

/// The settings for new nodes.
fn limits(ctx: &Context<'_, '_>) -> StreamLimits {
    StreamLimits {
        node_bytes_max: ctx.node.config.get(Id::StreamNodeMaxBytes) as usize,
        node_entries_max: ctx.node.config.get(Id::StreamNodeMaxEntries) as usize,
    }
}

/// What XADD's arguments say before the fields.
struct Addition {
    options: TrimOptions,
    no_mkstream: bool,
    id: NewId,
    id_at: usize,
}

impl Addition {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut addition =
            Self { options: TrimOptions::default(), no_mkstream: false, id: NewId::Automatic, id_at: 2 };
        while addition.id_at < args.len() {
            let at = addition.id_at;
            if args.at(at) == b"*" {
                break;
            }
            if let Some(last) = addition.options.take(args, at)? {
                addition.id_at = last + 1;
            } else if args.is(at, "NOMKSTREAM") {
                addition.no_mkstream = true;
                addition.id_at += 1;
            } else {
                addition.id = NewId::parse(args.at(at)).ok_or_else(invalid_id)?;
                break;
            }
        }
        Ok(addition)
    }
}

/// XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field value ...]
pub fn xadd<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let key = args.at(1);
    let addition = Addition::parse(args)?;
    let limits = limits(ctx);
    let trim = addition.options.finish(ctx, &limits, false)?;
    let fields = args.from(addition.id_at + 1);
    if fields.is_empty() || !fields.len().is_multiple_of(2) {
        return Err("ERR wrong number of arguments for 'xadd' command".into());
    }
    if addition.id == NewId::Explicit(StreamId::MIN) {
        return Err(append_error(AppendError::Zero));
    }
    let now_ms = ctx.keys.now_ms() as u64;
    let mut stream = if addition.no_mkstream {
        let Some(stream) = ctx.keys.write::<Stream>(key)? else {
            ctx.reply.null();
            return Ok(());
        };
        stream
    } else {
        ctx.keys.write_or_create(key, Stream::new)?
    };
    let entries = stream.entries_mut();
    let pairs = fields.chunks_exact(2).map(|pair| (pair[0], pair[1]));
    let id = entries.append(addition.id, pairs, now_ms, &limits).map_err(append_error)?;
    write_id(ctx.reply, id);
    let trimmed = trim.map_or(0, |trim| entries.trim(&trim));
    let exact = if addition.options.approximate { addition.options.exact(entries) } else { Vec::new() };
    stream.changed(event::STREAM, "xadd", 1);
    if trimmed > 0 {
        ctx.keys.notify(key, event::STREAM, "xtrim");
    }
    let given = matches!(addition.id, NewId::Explicit(_));
    if ctx.node.journal.is_on() && (!given || addition.options.approximate) {
        let text = id.text();
        let id = (!given).then_some((addition.id_at, &*text));
        addition.options.propagate(ctx, args, &exact, id);
    }
    Ok(())
}

fn append_error(error: AppendError) -> CommandError {
    match error {
        AppendError::Zero => "ERR The ID specified in XADD must be greater than 0-0",
        AppendError::Exhausted => {
            "ERR The stream has exhausted the last possible ID, unable to add more items"
        }
        AppendError::NotGreater => {
            "ERR The ID specified in XADD is equal or smaller than the target stream top item"
        }
        AppendError::TooLarge => "ERR Elements are too large to be stored",
    }
    .into()
}

/// XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]
pub fn xtrim<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let mut options = TrimOptions::default();
    let mut index = 2;
    while index < args.len() {
        index = options.take(args, index)?.ok_or_else(syntax)? + 1;
    }
    let Some(trim) = options.finish(ctx, &limits(ctx), true)? else { return Err(syntax()) };
    let Some(mut stream) = ctx.keys.write::<Stream>(args.at(1))? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let trimmed = stream.entries_mut().trim(&trim) as i64;
    ctx.reply.integer(trimmed);
    if trimmed == 0 {
        return Ok(());
    }
    let exact = options.exact(stream.entries());
    stream.changed(event::STREAM, "xtrim", trimmed);
    if options.approximate {
        options.propagate(ctx, args, &exact, None);
    }
    Ok(())
}

/// XDEL key id [id ...]
pub fn xdel<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let Some(mut stream) = ctx.keys.write::<Stream>(args.at(1))? else {
        ctx.reply.integer(0);
        return Ok(());
    };
    let ids = ids(args, 2)?;
    let entries = stream.entries_mut();
    let deleted = ids.into_iter().filter(|id| entries.delete(*id)).count();
    ctx.reply.count(deleted);
    if deleted > 0 {
        stream.changed(event::STREAM, "xdel", deleted as i64);
    }
    Ok(())
}

/// What XSETID says besides the last identifier.
fn setid_options(args: Args<'_>, last_id: StreamId) -> Result<(Option<u64>, Option<StreamId>), CommandError> {
    let (mut added, mut max_deleted) = (None, None);
    let mut index = 3;
    while index < args.len() {
        let has_value = index + 1 < args.len();
        if has_value && args.is(index, "ENTRIESADDED") {
            added = Some(not_negative(args, index + 1, "ERR entries_added must be positive")?);
        } else if has_value && args.is(index, "MAXDELETEDID") {
            let given = id(args.at(index + 1), 0)?;
            if last_id < given {
                return Err(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id".into(),
                );
            }
            max_deleted = Some(given);
        } else {
            return Err(syntax());
        }
        index += 2;
    }
    Ok((added, max_deleted))
}

/// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
pub fn xsetid<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let last_id = id(args.at(2), 0)?;
    let (added, max_deleted) = setid_options(args, last_id)?;
    let Some(mut stream) = ctx.keys.write::<Stream>(args.at(1))? else {
        return Err(text::NO_SUCH_KEY.into());
    };
    stream.entries_mut().set_id(last_id, added, max_deleted).map_err(setid_error)?;
    stream.told(Reach::Listeners, event::STREAM, "xsetid", 1);
    ctx.reply.ok();
    Ok(())
}

fn setid_error(error: SetIdError) -> CommandError {
    match error {
        SetIdError::BelowMaxDeleted => {
            "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id"
        }
        SetIdError::BelowLastEntry => {
            "ERR The ID specified in XSETID is smaller than the target stream top item"
        }
        SetIdError::AddedBelowLength => {
            "ERR The entries_added specified in XSETID is smaller than the target stream length"
        }
    }
    .into()
}
