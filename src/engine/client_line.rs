//! A client as CLIENT LIST describes it.

use std::sync::atomic::Ordering::Relaxed;

use super::client_memory::bytes_of;
use super::node::Node;
use super::session::ClientHandle;
use super::tracking::Mode;
use crate::acl::DEFAULT;
use crate::base::clock;

/// One line of CLIENT LIST: the fields of Redis 7.2.4 in its order. A connection that is idle owns no buffers, so most of the
/// memory fields are zero more often than in Redis.
pub fn describe(node: &Node, client: &ClientHandle) -> String {
    let (view, names, mail_bytes) = (&client.view, client.names.lock().clone(), client.mail_bytes());
    let seconds = |since_ms: i64| (clock::unix_ms() - since_ms).max(0) / 1000;
    let output_bytes = view.output_bytes.load(Relaxed) + mail_bytes;
    let waiting_bytes = client.blocked().map_or(0, |call| call.argument_bytes());
    let command = match view.command.load(Relaxed) {
        0 => "NULL",
        place => node.table.all()[place - 1].facts.name,
    };
    let user = names.user.as_ref().map_or(DEFAULT, |user| &user.name);
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} \
         qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs=0 rbp=0 obl={} oll={} omem={} tot-mem={} events={} cmd={} \
         user={} redir={} resp={} lib-name={} lib-ver={}",
        client.id,
        client.address,
        client.local_address,
        client.descriptor,
        String::from_utf8_lossy(&names.name),
        seconds(client.created_ms),
        seconds(view.active_ms.load(Relaxed)),
        flags(client),
        view.db.load(Relaxed),
        view.channels.load(Relaxed),
        view.patterns.load(Relaxed),
        view.shard_channels.load(Relaxed),
        view.queued.load(Relaxed) as i64 - 1,
        view.query_bytes.load(Relaxed),
        view.query_free_bytes.load(Relaxed),
        view.argument_bytes.load(Relaxed) + waiting_bytes,
        view.queue_bytes.load(Relaxed),
        view.reply_bytes.load(Relaxed),
        view.output_pieces.load(Relaxed) + usize::from(mail_bytes > 0),
        output_bytes,
        bytes_of(client) + waiting_bytes,
        if output_bytes > 0 { "rw" } else { "r" },
        command,
        String::from_utf8_lossy(user),
        client.tracking.shown_redirection(),
        view.protocol.load(Relaxed),
        String::from_utf8_lossy(&names.library),
        String::from_utf8_lossy(&names.library_version),
    )
}

fn flags(client: &ClientHandle) -> String {
    let (view, mode) = (&client.view, client.tracking.mode());
    let flags = [
        (view.follows.load(Relaxed), 'S'),
        (view.monitors.load(Relaxed), 'O'),
        (listens(client), 'P'),
        (view.queued.load(Relaxed) > 0, 'x'),
        (client.blocked().is_some() || view.paused.load(Relaxed), 'b'),
        (mode.has(Mode::ON), 't'),
        (mode.has(Mode::BROKEN), 'R'),
        (mode.has(Mode::BCAST), 'B'),
        (client.is_killed(), 'c'),
        (client.is_unix, 'U'),
        (view.no_evict.load(Relaxed), 'e'),
        (view.no_touch.load(Relaxed), 'T'),
    ];
    let shown: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| *letter).collect();
    if shown.is_empty() { "N".to_owned() } else { shown }
}

/// Whether it listens to any channel.
pub fn listens(client: &ClientHandle) -> bool {
    let view = &client.view;
    [&view.channels, &view.patterns, &view.shard_channels].iter().any(|count| count.load(Relaxed) > 0)
}
