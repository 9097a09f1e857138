//! From a read buffer to replies: all requests that have arrived, as one batch.
//!
//! The requests of a pipeline are parsed first; the hashes of their keys are computed and the buckets and entries they will need
//! are prefetched; then they run in order. Their replies leave in one write (design 3).

use smallvec::SmallVec;

use super::dialogue::Dialogue;
use super::errand;
use super::execute;
use super::lease::Lease;
use super::node::Node;
use super::plan::{Plan, keys_of_range};
use super::session::{ReplyMode, Session};
use super::tracking;
use super::worker::Worker;
use crate::base::hash::hash as hash_of;
use crate::config::Id;
use crate::resp::{Limits, Mark, Parsed, Parser, ProtocolError, Reply};

/// Requests in one batch: as many as the prefetched lines fit the first-level cache.
const BATCH_MAX: usize = 64;
/// Keys that commands with several may add to those.
const HINTS_MAX: usize = 128;
/// A batch ends early when its replies have come to this: they are sent before more are made.
const BATCH_REPLY_BYTES_MAX: usize = 1024 * 1024;
/// A single GET or SET has nothing to overlap with.
const HINTED_ARGUMENTS_MIN: usize = 4;

type Hints = SmallVec<[u64; BATCH_MAX]>;

/// Why a run over the buffer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// More bytes are needed.
    Drained,
    /// There may be more requests in the buffer; others shall have their turn first.
    Yield,
    /// The client waits in a blocking command, or its request runs elsewhere; the rest stays in the buffer.
    Waiting,
    /// The connection is to be closed when the replies have been sent.
    Close,
}

/// Runs up to `BATCH_MAX` requests of the buffer and takes them off it.
pub fn run_batch(
    worker: &Worker,
    session: &mut Session,
    parser: &mut Parser,
    buffer: &mut Vec<u8>,
    reply: &mut Reply,
) -> Stop {
    let mut batch = Batch::default();
    session.query_bytes = (buffer.len(), buffer.capacity() - buffer.len());
    let parsed = batch.parse(worker, session, parser, buffer);
    let done = batch.run(worker, session, buffer, reply);
    let deferred = done < batch.ends.len() && !session.is_occupied();
    let stop = if session.close {
        Stop::Close
    } else if session.is_occupied() {
        Stop::Waiting
    } else if deferred {
        Stop::Yield
    } else {
        match &parsed {
            _ if done < batch.ends.len() => Stop::Yield,
            Ok(Parsed::Incomplete) => Stop::Drained,
            Ok(Parsed::Request) => Stop::Yield,
            Err(ProtocolError(text)) => {
                reply.error(format!("ERR {text}"));
                Stop::Close
            }
        }
    };
    // What comes after a blocking command is read again when it has been served, a violation too.
    if done < batch.ends.len() || (stop == Stop::Waiting && parsed.is_err()) {
        parser.rewind(done.checked_sub(1).map_or(0, |last| batch.ends[last].1));
    }
    let keep = parser.begun().unwrap_or(parser.position());
    consume(buffer, keep);
    parser.consumed(keep);
    stop
}

/// Takes the requests that are in the buffer for orders to the debugger of the script that runs. False if they are none, or too
/// many.
#[cold]
pub fn take_orders(
    worker: &Worker,
    session: &Session,
    parser: &mut Parser,
    buffer: &mut Vec<u8>,
    dialogue: &Dialogue,
) -> bool {
    let limits = Limits {
        bulk_bytes_max: worker.node.config.get(Id::ProtoMaxBulkLen),
        authenticated: session.authenticated,
    };
    let parsed = loop {
        match parser.parse(buffer, limits) {
            Ok(Parsed::Request) => {
                let words = parser.arguments().iter().map(|range| buffer[range.clone()].to_vec());
                if !dialogue.order(words.collect()) {
                    return false;
                }
            }
            parsed => break parsed,
        }
    };
    let keep = parser.begun().unwrap_or(parser.position());
    consume(buffer, keep);
    parser.consumed(keep);
    parsed.is_ok()
}

fn consume(buffer: &mut Vec<u8>, bytes: usize) {
    if bytes == buffer.len() {
        buffer.clear();
    } else if bytes > 0 {
        buffer.drain(..bytes);
    }
}

/// Requests that have been parsed: all their arguments in one list.
#[derive(Default)]
struct Batch {
    arguments: SmallVec<[(usize, usize); 64]>,
    /// Of each request: where its arguments end in the list, and where it ends in the buffer.
    ends: SmallVec<[(usize, usize); BATCH_MAX]>,
}

impl Batch {
    /// Reads requests; `Incomplete` when the buffer ends, `Request` when there may be more in it.
    fn parse(
        &mut self,
        worker: &Worker,
        session: &Session,
        parser: &mut Parser,
        buffer: &mut [u8],
    ) -> Result<Parsed, ProtocolError> {
        let limits = Limits {
            bulk_bytes_max: worker.node.config.get(Id::ProtoMaxBulkLen),
            authenticated: session.authenticated,
        };
        // A stranger's requests are taken one by one: the first may be the AUTH that changes the limits.
        let most = if session.authenticated { BATCH_MAX } else { 1 };
        while self.ends.len() < most {
            // An inline request is unescaped where it stands and must not be read again: it gets a batch of its own.
            let is_inline = buffer.get(parser.position()).is_some_and(|&byte| byte != b'*');
            if is_inline && parser.begun().is_none() && !self.ends.is_empty() {
                break;
            }
            match parser.parse(buffer, limits)? {
                Parsed::Incomplete => return Ok(Parsed::Incomplete),
                Parsed::Request => {
                    self.arguments.extend(parser.arguments().iter().map(|range| (range.start, range.end)));
                    self.ends.push((self.arguments.len(), parser.position()));
                }
            }
        }
        Ok(Parsed::Request)
    }

    /// Runs the requests in order; returns how many, since a client may begin to wait or to leave in between, or their replies
    /// may have become many.
    fn run(&self, worker: &Worker, session: &mut Session, buffer: &[u8], reply: &mut Reply) -> usize {
        let slices: SmallVec<[&[u8]; 64]> =
            self.arguments.iter().map(|&(start, end)| &buffer[start..end]).collect();
        let hashes = self.prefetch(&worker.node, &slices);
        if session.expects_mail() {
            session.take_mail(reply);
        }
        let mut lease = Lease::new(worker);
        let mut start = 0;
        for (index, &(end, _)) in self.ends.iter().enumerate() {
            if start < end {
                let hash = hashes.get(index).copied().flatten();
                lease.renew(&slices[start..end]);
                run_one(worker, session, reply, &slices[start..end], hash);
                if let Some(place) = session.parking.take() {
                    errand::send_away(worker, session, &slices[start..end], reply, place);
                }
                if std::mem::take(&mut session.deferred) {
                    // What was sent inline can't be read again: unanswered, it may be sent again.
                    session.close |= buffer[0] != b'*';
                    return index;
                }
                if session.expects_mail() {
                    session.take_mail(reply);
                }
            }
            start = end;
            if session.close || session.is_occupied() || reply.len() >= BATCH_REPLY_BYTES_MAX {
                return index + 1;
            }
        }
        self.ends.len()
    }

    /// Computes the hashes of keys and has the processor fetch what they lead to: one pass for the buckets, one for the
    /// entries. The locks are only tried; a hint that cannot be had is not needed. Returns the hash of each request with one key.
    fn prefetch(&self, node: &Node, slices: &[&[u8]]) -> SmallVec<[Option<u64>; BATCH_MAX]> {
        let mut hashes = SmallVec::new();
        if self.arguments.len() < HINTED_ARGUMENTS_MIN {
            return hashes;
        }
        let mut hints = Hints::new();
        let mut start = 0;
        for &(end, _) in &self.ends {
            hashes.push(hint(node, &slices[start..end], &mut hints));
            start = end;
        }
        let store = &node.store;
        for &hash in &hints {
            if let Some(stripe) = store.locks().try_read(store.stripe_of(hash)) {
                stripe.db(0).into_iter().for_each(|part| part.table().prefetch_bucket(hash));
            }
        }
        for &hash in &hints {
            if let Some(stripe) = store.locks().try_read(store.stripe_of(hash)) {
                stripe.db(0).into_iter().for_each(|part| part.table().prefetch_entry(hash));
            }
        }
        hashes
    }
}

/// Notes the hashes of a request's keys, and returns it if there is one key alone. Where only a search in the arguments would
/// tell the keys, they go without hints.
fn hint(node: &Node, argv: &[&[u8]], hints: &mut Hints) -> Option<u64> {
    let command = node.table.find(argv.first()?)?;
    match *node.plan(command) {
        Plan::One(place, _) => {
            let hash = hash_of(argv.get(place)?);
            hints.push(hash);
            Some(hash)
        }
        Plan::Range(first, last, step, _) => {
            let room = HINTS_MAX.saturating_sub(hints.len());
            hints.extend(keys_of_range(argv, first, last, step).take(room).map(hash_of));
            None
        }
        _ => None,
    }
}

/// Runs a request as CLIENT REPLY has it.
pub(super) fn run_one(
    worker: &Worker,
    session: &mut Session,
    reply: &mut Reply,
    argv: &[&[u8]],
    hash: Option<u64>,
) {
    if session.tracks {
        run_as_asked(worker, session, reply, argv, hash);
        return tracking::after_request(&worker.node, session, argv);
    }
    run_as_asked(worker, session, reply, argv, hash);
}

#[inline]
fn run_as_asked(
    worker: &Worker,
    session: &mut Session,
    reply: &mut Reply,
    argv: &[&[u8]],
    hash: Option<u64>,
) {
    session.speaks = false;
    if session.reply_mode == ReplyMode::On {
        return execute::execute(worker, session, reply, argv, hash);
    }
    let mark = reply.mark();
    session.reply_mode = match session.reply_mode {
        ReplyMode::SkipNext => ReplyMode::Skip,
        mode => mode,
    };
    execute::execute(worker, session, reply, argv, hash);
    if std::mem::take(&mut session.speaks) {
        if session.reply_mode == ReplyMode::Skip {
            session.reply_mode = ReplyMode::On;
        }
        return;
    }
    match session.reply_mode {
        ReplyMode::On => {}
        // The reply that is to be skipped is still to come.
        ReplyMode::Skip if session.waiting.is_some() || session.parking.is_some() || session.deferred => {}
        ReplyMode::Skip => {
            forget(session, reply, mark);
            session.reply_mode = ReplyMode::On;
        }
        ReplyMode::Off | ReplyMode::SkipNext => forget(session, reply, mark),
    }
}

/// Takes back the reply of the command that has just run.
fn forget(session: &mut Session, reply: &mut Reply, mark: Mark) {
    reply.rewind(mark);
    session.held.pop_if(|held| held.start == mark);
}
