//! Publish and subscribe.
//!
//! Subscribing answers once per channel, in RESP3 as pushes. Who publishes to himself gets the message by his mailbox like
//! everybody else; the pipeline empties it after each command, so it follows PUBLISH's (or EXEC's) own reply, as in Redis 7.2.

use std::collections::HashSet;

use crate::engine::session::{Session, Subscriptions};
use crate::engine::{Args, Call, CommandResult, Context, Handling, Node, Row, keyless};
use crate::pubsub::Space;
use crate::resp::Reply;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("SUBSCRIBE", keyless(subscribe)),
    Row::new("UNSUBSCRIBE", keyless(unsubscribe)),
    Row::new("PSUBSCRIBE", keyless(subscribe_patterns)),
    Row::new("PUNSUBSCRIBE", keyless(unsubscribe_patterns)),
    Row::new("SSUBSCRIBE", keyless(subscribe_shard)),
    Row::new("SUNSUBSCRIBE", keyless(unsubscribe_shard)),
    Row::new("PUBLISH", keyless(publish)),
    Row::new("SPUBLISH", keyless(publish_shard)),
    Row::new("PUBSUB|CHANNELS", keyless(channels)),
    Row::new("PUBSUB|NUMPAT", keyless(pattern_count)),
    Row::new("PUBSUB|NUMSUB", keyless(listener_counts)),
    Row::new("PUBSUB|SHARDCHANNELS", keyless(shard_channels)),
    Row::new("PUBSUB|SHARDNUMSUB", keyless(shard_listener_counts)),
    Row::new("PUBSUB|HELP", keyless(help)),
];

const HELP: &[&str] = &[
    "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CHANNELS [<pattern>]",
    "    List the channels that have listeners, or those of them that match the pattern.",
    "NUMPAT",
    "    Count the patterns that have listeners.",
    "NUMSUB [<channel> ...]",
    "    Count the listeners of each channel, without those of patterns.",
    "SHARDCHANNELS [<pattern>]",
    "    List the shard channels that have listeners, or those of them that match the pattern.",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Count the listeners of each shard channel.",
    "HELP",
    "    Print this help.",
];

/// What can be listened to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Channel,
    Pattern,
    ShardChannel,
}

impl Kind {
    fn words(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Self::Channel => (b"subscribe", b"unsubscribe"),
            Self::Pattern => (b"psubscribe", b"punsubscribe"),
            Self::ShardChannel => (b"ssubscribe", b"sunsubscribe"),
        }
    }

    fn list(self, subscriptions: &mut Subscriptions) -> &mut HashSet<Box<[u8]>> {
        match self {
            Self::Channel => &mut subscriptions.channels,
            Self::Pattern => &mut subscriptions.patterns,
            Self::ShardChannel => &mut subscriptions.shard_channels,
        }
    }

    /// What SUBSCRIBE and its kin count: shard channels apart from the others.
    fn count(self, subscriptions: &Subscriptions) -> usize {
        match self {
            Self::ShardChannel => subscriptions.shard_channels.len(),
            _ => subscriptions.count(),
        }
    }
}

/// SUBSCRIBE channel [channel ...]
fn subscribe<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    listen(ctx, args, Kind::Channel)
}

/// PSUBSCRIBE pattern [pattern ...]
fn subscribe_patterns<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    listen(ctx, args, Kind::Pattern)
}

/// SSUBSCRIBE shardchannel [shardchannel ...]
fn subscribe_shard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    listen(ctx, args, Kind::ShardChannel)
}

/// UNSUBSCRIBE [channel [channel ...]]
fn unsubscribe<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    stop_listening(ctx, args, Kind::Channel)
}

/// PUNSUBSCRIBE [pattern [pattern ...]]
fn unsubscribe_patterns<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    stop_listening(ctx, args, Kind::Pattern)
}

/// SUNSUBSCRIBE [shardchannel [shardchannel ...]]
fn unsubscribe_shard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    stop_listening(ctx, args, Kind::ShardChannel)
}

fn listen(ctx: &mut Context<'_, '_>, args: Args<'_>, kind: Kind) -> CommandResult {
    for &name in args.from(1) {
        let session = &mut *ctx.session;
        let list = kind.list(&mut session.subscriptions);
        if list.insert(name.into()) {
            let handle = session.handle.clone();
            match kind {
                Kind::Channel => ctx.node.pubsub.subscribe(Space::Global, name, handle),
                Kind::ShardChannel => ctx.node.pubsub.subscribe(Space::Shard, name, handle),
                Kind::Pattern => ctx.node.pubsub.subscribe_pattern(name, handle),
            }
        }
        let count = kind.count(&session.subscriptions);
        confirm(session, ctx.reply, kind.words().0, Some(name), count);
    }
    Ok(())
}

fn stop_listening(ctx: &mut Context<'_, '_>, args: Args<'_>, kind: Kind) -> CommandResult {
    let word = kind.words().1;
    let all: Vec<Box<[u8]>>;
    let names: Vec<&[u8]> = match args.from(1) {
        [] => {
            all = kind.list(&mut ctx.session.subscriptions).iter().cloned().collect();
            all.iter().map(|name| &**name).collect()
        }
        names => names.to_vec(),
    };
    for name in &names {
        leave(ctx.session, ctx.node, kind, name);
        // What was published before must come before the confirmation: after it the client may read replies again. Within EXEC
        // it would stand among the replies.
        if !matches!(ctx.call, Call::Transaction) {
            ctx.session.take_mail(ctx.reply);
        }
        let count = kind.count(&ctx.session.subscriptions);
        confirm(ctx.session, ctx.reply, word, Some(name), count);
    }
    if names.is_empty() {
        let count = kind.count(&ctx.session.subscriptions);
        confirm(ctx.session, ctx.reply, word, None, count);
    }
    Ok(())
}

fn leave(session: &mut Session, node: &Node, kind: Kind, name: &[u8]) {
    if !kind.list(&mut session.subscriptions).remove(name) {
        return;
    }
    let id = session.handle.id;
    match kind {
        Kind::Channel => node.pubsub.unsubscribe(Space::Global, name, id),
        Kind::ShardChannel => node.pubsub.unsubscribe(Space::Shard, name, id),
        Kind::Pattern => node.pubsub.unsubscribe_pattern(name, id),
    }
}

/// Confirmations are sent whatever CLIENT REPLY says, like messages.
fn confirm(session: &mut Session, reply: &mut Reply, word: &[u8], name: Option<&[u8]>, count: usize) {
    session.speaks = true;
    reply.push(3);
    reply.bulk(word);
    reply.bulk_or_null(name);
    reply.count(count);
}

/// Ends all subscriptions of a client without a reply (RESET).
pub(super) fn unsubscribe_all(session: &mut Session, node: &Node) {
    for kind in [Kind::Channel, Kind::Pattern, Kind::ShardChannel] {
        for name in std::mem::take(kind.list(&mut session.subscriptions)) {
            let id = session.handle.id;
            match kind {
                Kind::Channel => node.pubsub.unsubscribe(Space::Global, &name, id),
                Kind::ShardChannel => node.pubsub.unsubscribe(Space::Shard, &name, id),
                Kind::Pattern => node.pubsub.unsubscribe_pattern(&name, id),
            }
        }
    }
    // What has been published in the meantime is for nobody any more.
    session.handle.drop_mail();
}

/// PUBLISH channel message
fn publish<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    publish_in(ctx, args, Space::Global)
}

/// SPUBLISH shardchannel message
fn publish_shard<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    publish_in(ctx, args, Space::Shard)
}

fn publish_in(ctx: &mut Context<'_, '_>, args: Args<'_>, space: Space) -> CommandResult {
    // Within EXEC it waits for the transaction's record.
    let gate = match ctx.call {
        Call::Transaction => None,
        _ => Some(ctx.session.gate),
    };
    let receivers = ctx.worker.publish(space, args.at(1), args.at(2), gate);
    ctx.keys.effects.propagate_to_replicas();
    ctx.reply.count(receivers);
    Ok(())
}

/// PUBSUB CHANNELS [pattern]
fn channels<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list_channels(ctx, args, Space::Global)
}

/// PUBSUB SHARDCHANNELS [pattern]
fn shard_channels<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    list_channels(ctx, args, Space::Shard)
}

fn list_channels(ctx: &mut Context<'_, '_>, args: Args<'_>, space: Space) -> CommandResult {
    if args.len() > 3 {
        return Err(args.wrong_subcommand());
    }
    let channels = ctx.node.pubsub.channels(space, args.get(2));
    ctx.reply.array(channels.len());
    channels.iter().for_each(|channel| ctx.reply.bulk(channel));
    Ok(())
}

/// PUBSUB NUMPAT
fn pattern_count<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.count(ctx.node.pubsub.patterns());
    Ok(())
}

/// PUBSUB NUMSUB [channel [channel ...]]
fn listener_counts<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    count_listeners(ctx, args, Space::Global)
}

/// PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]
fn shard_listener_counts<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    count_listeners(ctx, args, Space::Shard)
}

fn count_listeners(ctx: &mut Context<'_, '_>, args: Args<'_>, space: Space) -> CommandResult {
    let channels = args.from(2);
    ctx.reply.array(2 * channels.len());
    for channel in channels {
        ctx.reply.bulk(channel);
        ctx.reply.count(ctx.node.pubsub.listeners(space, channel));
    }
    Ok(())
}

/// PUBSUB HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}
