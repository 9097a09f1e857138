//! A value as bytes, and a key from them.

use std::sync::atomic::Ordering;

use crate::base::log;
use crate::config::{Id, keyspace_events as event};
use crate::engine::keyspace::Touch;
use crate::engine::{Args, CommandError, CommandResult, Context, Node, limits, text};
use crate::rdb::{self, Decoded, Options, Version};
use crate::value::Value;

const BUSY_KEY: &str = "BUSYKEY Target key name already exists.";
const WRONG_PAYLOAD: &str = "ERR DUMP payload version or checksum are wrong";
const BAD_FORMAT: &str = "ERR Bad data format";

/// DUMP key
pub(super) fn dump<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = Options { compress: ctx.node.config.is_on(Id::RdbCompression), version: Version::V11 };
    match ctx.keys.find(args.at(1)) {
        Some(entry) => ctx.reply.bulk(&rdb::dump_payload(entry.value(), &options)),
        None => ctx.reply.null(),
    }
    Ok(())
}

/// The options of RESTORE.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct RestoreOptions {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

impl RestoreOptions {
    fn parse(args: Args<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut index = 4;
        while index < args.len() {
            let has_value = index + 1 < args.len();
            if args.is(index, "REPLACE") {
                options.replace = true;
            } else if args.is(index, "ABSTTL") {
                options.absolute = true;
            } else if args.is(index, "IDLETIME") && has_value && options.frequency.is_none() {
                index += 1;
                let seconds = u64::try_from(args.integer(index)?);
                options.idle_seconds = Some(seconds.map_err(|_| "ERR Invalid IDLETIME value, must be >= 0")?);
            } else if args.is(index, "FREQ") && has_value && options.idle_seconds.is_none() {
                index += 1;
                let frequency = u8::try_from(args.integer(index)?);
                options.frequency =
                    Some(frequency.map_err(|_| "ERR Invalid FREQ value, must be >= 0 and <= 255")?);
            } else {
                return Err(text::SYNTAX.into());
            }
            index += 1;
        }
        Ok(options)
    }
}

/// RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
///
/// The value is checked in full, whatever `sanitize-dump-payload` says.
pub(super) fn restore<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = RestoreOptions::parse(args)?;
    let key = args.at(1);
    if !options.replace && ctx.keys.find_mut(key).is_some() {
        return Err(BUSY_KEY.into());
    }
    let ttl = args.integer(2)?;
    if ttl < 0 {
        return Err("ERR Invalid TTL value, must be >= 0".into());
    }
    let value = decode(args.at(3), ctx.node)?;
    let deleted = options.replace && ctx.keys.delete(key);
    let expiry_ms = match (ttl, options.absolute) {
        (0, _) => None,
        (at, true) => Some(at),
        (ttl, false) => Some(ttl.saturating_add(ctx.keys.now_ms())),
    };
    ctx.reply.ok();
    if expiry_ms.is_some_and(|at| ctx.keys.is_past(at)) {
        ctx.keys.effects.discard(value);
        if deleted {
            let lazy = ctx.node.config.is_on(Id::LazyFreeServerDel);
            ctx.keys.changed(key, event::GENERIC, "del");
            ctx.keys.effects.propagate_instead([if lazy { &b"UNLINK"[..] } else { b"DEL" }, key]);
        }
        return Ok(());
    }
    let access = Touch::of(&ctx.node.config).restored(options.idle_seconds, options.frequency);
    ctx.keys.insert_restored(key, value, expiry_ms, access);
    ctx.keys.changed(key, event::GENERIC, "restore");
    if let Some(at) = expiry_ms.filter(|_| !options.absolute) {
        let at = at.to_string();
        let head = [b"RESTORE", key, at.as_bytes()];
        let rest = args.from(3).iter().copied().chain([&b"ABSTTL"[..]]);
        ctx.keys.effects.propagate_instead(head.into_iter().chain(rest));
    }
    Ok(())
}

fn decode(payload: &[u8], node: &Node) -> Result<Value, CommandError> {
    node.upkeep.payloads_checked.fetch_add(1, Ordering::Relaxed);
    let verify = !node.skips_checksums.load(Ordering::Relaxed);
    let (value_type, bytes) = rdb::parse_payload(payload, verify).map_err(|error| match error {
        rdb::PayloadError::VersionOrChecksum => WRONG_PAYLOAD,
        rdb::PayloadError::Type => BAD_FORMAT,
    })?;
    match rdb::decode_value(value_type, bytes, &limits::all(&node.config)) {
        Ok(Decoded::Value(value)) => Ok(value),
        Ok(Decoded::Empty) => Err(BAD_FORMAT.into()),
        Err(error) => {
            log::warning!("RESTORE: {error} of the payload");
            Err(BAD_FORMAT.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_exclude_each_other() {
        let check = |words: &[&str], expected: Result<RestoreOptions, &'static str>| {
            let argv: Vec<&[u8]> =
                ["RESTORE", "k", "0", "payload"].iter().chain(words).map(|word| word.as_bytes()).collect();
            assert_eq!(RestoreOptions::parse(Args(&argv)), expected.map_err(CommandError::from), "{words:?}");
        };
        let none = RestoreOptions::default();
        check(&[], Ok(none));
        check(&["replace", "AbsTTL"], Ok(RestoreOptions { replace: true, absolute: true, ..none }));
        check(&["IDLETIME", "5"], Ok(RestoreOptions { idle_seconds: Some(5), ..none }));
        check(&["FREQ", "255"], Ok(RestoreOptions { frequency: Some(255), ..none }));
        check(&["IDLETIME", "5", "FREQ", "1"], Err(text::SYNTAX));
        check(&["FREQ", "1", "IDLETIME", "5"], Err(text::SYNTAX));
        check(&["FREQ"], Err(text::SYNTAX));
        check(&["KEEPTTL"], Err(text::SYNTAX));
        check(&["IDLETIME", "x"], Err(text::NOT_INTEGER));
        check(&["IDLETIME", "-1"], Err("ERR Invalid IDLETIME value, must be >= 0"));
        check(&["FREQ", "256"], Err("ERR Invalid FREQ value, must be >= 0 and <= 255"));
    }
}
