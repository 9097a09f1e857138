//! CLIENT TRACKING and its kin: what clients ask for that cache what they read. What follows is `engine::tracking`'s business.

use crate::base::number::parse_i64;
use crate::engine::error::echoed;
use crate::engine::tracking::{ClientTracking, Mode};
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Row, keyless, text};

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("CLIENT|TRACKING", keyless(tracking)),
    Row::new("CLIENT|CACHING", keyless(caching)),
    Row::new("CLIENT|GETREDIR", keyless(get_redirection)),
    Row::new("CLIENT|TRACKINGINFO", keyless(tracking_info)),
];

/// The options of CLIENT TRACKING.
#[derive(Default)]
struct Options<'a> {
    mode: Mode,
    redirection: u64,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(ctx: &Context<'_, 'a>, args: Args<'a>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut index = 3;
        while index < args.len() {
            let argument = args.get(index + 1);
            match (args.at(index).to_ascii_lowercase().as_slice(), argument) {
                (b"redirect", Some(id)) => {
                    options.redirect(ctx, id)?;
                    index += 1;
                }
                (b"prefix", Some(prefix)) => {
                    options.prefixes.push(prefix);
                    index += 1;
                }
                (b"bcast", _) => options.mode = options.mode.with(Mode::BCAST),
                (b"optin", _) => options.mode = options.mode.with(Mode::OPTIN),
                (b"optout", _) => options.mode = options.mode.with(Mode::OPTOUT),
                (b"noloop", _) => options.mode = options.mode.with(Mode::NOLOOP),
                _ => return Err(text::SYNTAX.into()),
            }
            index += 1;
        }
        Ok(options)
    }

    /// The other client must be there now; later it may go.
    fn redirect(&mut self, ctx: &Context<'_, '_>, id: &[u8]) -> CommandResult {
        if self.redirection != 0 {
            return Err("ERR A client can only redirect to a single other client".into());
        }
        self.redirection = parse_i64(id).ok_or(text::NOT_INTEGER)? as u64;
        if !ctx.node.clients.contains_key(&self.redirection) {
            return Err("ERR The client ID you want redirect to does not exist".into());
        }
        Ok(())
    }

    /// Whether they go together, and with what the client has asked for before.
    fn check(&self, own: &ClientTracking) -> CommandResult {
        let (old, new) = (own.mode(), self.mode);
        if !new.has(Mode::BCAST) && !self.prefixes.is_empty() {
            return Err("ERR PREFIX option requires BCAST mode to be enabled".into());
        }
        if old.has(Mode::ON) && old.has(Mode::BCAST) != new.has(Mode::BCAST) {
            return Err(switch_refused("BCAST mode on/off"));
        }
        if new.has(Mode::BCAST) && (new.has(Mode::OPTIN) || new.has(Mode::OPTOUT)) {
            return Err("ERR OPTIN and OPTOUT are not compatible with BCAST".into());
        }
        if new.has(Mode::OPTIN) && new.has(Mode::OPTOUT) {
            return Err("ERR You can't specify both OPTIN mode and OPTOUT mode".into());
        }
        if new.has(Mode::OPTIN) && old.has(Mode::OPTOUT) || new.has(Mode::OPTOUT) && old.has(Mode::OPTIN) {
            return Err(switch_refused("OPTIN/OPTOUT mode"));
        }
        self.check_prefixes(&own.prefixes())
    }

    /// No key may have two of a client's prefixes. For some lists 7.2.4 complains and tracks all the same.
    fn check_prefixes(&self, known: &[Box<[u8]>]) -> CommandResult {
        let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        for (index, &prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = known.iter().find(|other| overlap(prefix, other)) {
                return Err(overlap_refused(prefix, "an existing", other));
            }
            if let Some(other) = self.prefixes[index + 1..].iter().find(|other| overlap(prefix, other)) {
                return Err(overlap_refused(prefix, "another provided", other));
            }
        }
        Ok(())
    }
}

fn switch_refused(what: &str) -> CommandError {
    CommandError::new(format!(
        "ERR You can't switch {what} before disabling tracking for this client, and then re-enabling it with a different \
         mode."
    ))
}

fn overlap_refused(prefix: &[u8], which: &str, other: &[u8]) -> CommandError {
    CommandError::of(&[
        &"ERR Prefix '",
        &echoed(prefix, usize::MAX),
        &"' overlaps with ",
        &which,
        &" prefix '",
        &echoed(other, usize::MAX),
        &"'. Prefixes for a single client must not overlap.",
    ])
}

/// CLIENT TRACKING (ON | OFF) [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
fn tracking<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let options = Options::parse(ctx, args)?;
    let handle = &ctx.session.handle;
    if args.is(2, "ON") {
        options.check(&handle.tracking)?;
        ctx.node.tracking.enable(handle, options.mode, options.redirection, &options.prefixes);
        ctx.session.tracks = true;
    } else if args.is(2, "OFF") {
        ctx.node.tracking.disable(handle);
        ctx.session.tracks = false;
    } else {
        return Err(text::SYNTAX.into());
    }
    ctx.reply.ok();
    Ok(())
}

/// CLIENT CACHING (YES | NO)
fn caching<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let own = &ctx.session.handle.tracking;
    if !own.mode().has(Mode::ON) {
        return Err("ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode \
                    enabled"
            .into());
    }
    let (answer, needed, name) = match args.at(2).to_ascii_lowercase().as_slice() {
        b"yes" => ("YES", Mode::OPTIN, "OPTIN"),
        b"no" => ("NO", Mode::OPTOUT, "OPTOUT"),
        _ => return Err(text::SYNTAX.into()),
    };
    if !own.mode().has(needed) {
        return Err(CommandError::new(format!(
            "ERR CLIENT CACHING {answer} is only valid when tracking is enabled in {name} mode."
        )));
    }
    own.set_caching(true);
    ctx.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR
fn get_redirection<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.integer(ctx.session.handle.tracking.shown_redirection());
    Ok(())
}

/// CLIENT TRACKINGINFO
fn tracking_info<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let own = &ctx.session.handle.tracking;
    let flags = shown_flags(own.mode());
    ctx.reply.map(3);
    ctx.reply.bulk(b"flags");
    ctx.reply.set(flags.len());
    flags.iter().for_each(|flag| ctx.reply.bulk(flag.as_bytes()));
    ctx.reply.bulk(b"redirect");
    ctx.reply.integer(own.shown_redirection());
    let prefixes = own.prefixes();
    ctx.reply.bulk(b"prefixes");
    ctx.reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| ctx.reply.bulk(prefix));
    Ok(())
}

fn shown_flags(mode: Mode) -> Vec<&'static str> {
    if !mode.has(Mode::ON) {
        return vec!["off"];
    }
    let flags = [
        (Mode::ON, "on"),
        (Mode::BCAST, "bcast"),
        (Mode::OPTIN, "optin"),
        (Mode::OPTIN.with(Mode::CACHING), "caching-yes"),
        (Mode::OPTOUT, "optout"),
        (Mode::OPTOUT.with(Mode::CACHING), "caching-no"),
        (Mode::NOLOOP, "noloop"),
        (Mode::BROKEN, "broken_redirect"),
    ];
    flags.iter().filter(|(needed, _)| mode.has(*needed)).map(|(_, name)| *name).collect()
}
