//! MIGRATE: keys that go to another server, and are deleted here when it has them.
//!
//! It runs on the lane and owns the token: its keys are held from the moment they are read until they are deleted, so that no
//! write to them is lost in between. Whoever wants them parks, as with a slow script, and everybody else goes on; the thread
//! that talks to the other server has nothing else to do.

use std::io;
use std::time::Duration;

use crate::config::{Id, keyspace_events as event};
use crate::engine::peers::{Peer, has_timed_out};
use crate::engine::{Args, CommandError, CommandResult, Context, Keyspace, text};
use crate::rdb::{self, Options, Version};
use crate::resp::encode_command;

/// The time-out of whoever gives none.
const TIMEOUT_MS: i64 = 1000;
const NO_CONNECTION: &str = "IOERR error or timeout connecting to the client";

/// What MIGRATE asks for.
struct Migration<'a> {
    host: &'a [u8],
    port: &'a [u8],
    db: i64,
    timeout: Duration,
    copies: bool,
    replaces: bool,
    /// The user, if one is named, and the password.
    credentials: Vec<&'a [u8]>,
    keys: &'a [&'a [u8]],
}

/// A key as it is sent.
struct Sent<'a> {
    key: &'a [u8],
    ttl_ms: i64,
    payload: Vec<u8>,
}

/// What came of a try.
#[derive(Default)]
struct Outcome {
    /// Which of the keys are there.
    acknowledged: Vec<usize>,
    /// What the target has objected to.
    refusal: Option<Vec<u8>>,
    /// Keys that have been answered.
    replies: usize,
    failure: Option<Failure>,
}

/// Where the connection has failed.
struct Failure {
    error: io::Error,
    writes: bool,
}

impl<'a> Migration<'a> {
    fn parse(args: Args<'a>) -> Result<Self, CommandError> {
        let (mut copies, mut replaces, mut credentials) = (false, false, Vec::new());
        let mut keys = &args.0[3..4];
        let mut index = 6;
        while index < args.len() {
            let left = args.len() - 1 - index;
            if args.is(index, "COPY") {
                copies = true;
            } else if args.is(index, "REPLACE") {
                replaces = true;
            } else if args.is(index, "AUTH") && left > 0 {
                credentials = vec![args.at(index + 1)];
                index += 1;
            } else if args.is(index, "AUTH2") && left > 1 {
                credentials = vec![args.at(index + 1), args.at(index + 2)];
                index += 2;
            } else if args.is(index, "KEYS") {
                if !args.at(3).is_empty() {
                    return Err(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string".into(),
                    );
                }
                keys = args.from(index + 1);
                break;
            } else {
                return Err(text::SYNTAX.into());
            }
            index += 1;
        }
        let timeout_ms = args.integer(5)?;
        let timeout_ms = if timeout_ms <= 0 { TIMEOUT_MS } else { timeout_ms };
        Ok(Self {
            host: args.at(1),
            port: args.at(2),
            db: args.integer(4)?,
            timeout: Duration::from_millis(timeout_ms as u64),
            copies,
            replaces,
            credentials,
            keys,
        })
    }

    /// The keys that are there, as they go.
    fn gather(&self, keys: &Keyspace<'_>, compress: bool) -> Vec<Sent<'a>> {
        let options = Options { compress, version: Version::V11 };
        let send = |key: &&'a [u8]| {
            let entry = keys.find(key)?;
            let ttl_ms = entry.expiry().map_or(0, |at| (at - keys.now_ms()).max(1));
            Some(Sent { key, ttl_ms, payload: rdb::dump_payload(entry.value(), &options) })
        };
        self.keys.iter().filter_map(send).collect()
    }

    fn peer(&self, ctx: &Context<'_, '_>) -> Result<Peer, CommandError> {
        if let Some(peer) = ctx.node.peers.take(self.host, self.port) {
            return Ok(peer);
        }
        let host = std::str::from_utf8(self.host).ok();
        let port = std::str::from_utf8(self.port).ok().and_then(|port| port.parse().ok());
        let connected = host.zip(port).map(|(host, port)| Peer::connect(host, port, self.timeout));
        connected.and_then(Result::ok).ok_or(NO_CONNECTION.into())
    }

    /// The commands for the other server.
    fn commands(&self, peer: &Peer, sent: &[Sent<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        if !self.credentials.is_empty() {
            let words = [&[&b"AUTH"[..]], self.credentials.as_slice()].concat();
            encode_command(&mut bytes, words.iter());
        }
        if peer.db != Some(self.db) {
            encode_command(&mut bytes, [b"SELECT", self.db.to_string().as_bytes()].iter());
        }
        for Sent { key, ttl_ms, payload } in sent {
            let ttl = ttl_ms.to_string();
            let words = [b"RESTORE", *key, ttl.as_bytes(), payload, b"REPLACE"];
            encode_command(&mut bytes, words[..if self.replaces { 5 } else { 4 }].iter());
        }
        bytes
    }

    /// One try over one connection.
    fn transfer(&self, peer: &mut Peer, sent: &[Sent<'_>]) -> Outcome {
        let mut outcome = Outcome::default();
        let before = usize::from(!self.credentials.is_empty()) + usize::from(peer.db != Some(self.db));
        if let Err(error) = peer.send(&self.commands(peer, sent), self.timeout) {
            outcome.failure = Some(Failure { error, writes: true });
            return outcome;
        }
        let mut is_lost = false;
        for index in 0..before + sent.len() {
            let line = match peer.read_line(self.timeout) {
                Ok(line) => line,
                Err(error) => {
                    outcome.failure = Some(Failure { error, writes: false });
                    break;
                }
            };
            if let Some(refusal) = line.strip_prefix(b"-") {
                // What comes behind a refused AUTH or SELECT is somewhere else, if anywhere.
                is_lost |= index < before;
                outcome.refusal.get_or_insert_with(|| refusal.to_vec());
            } else if line != b"+OK" {
                // No answer to what was asked: who knows which one the next is.
                outcome.failure = Some(Failure { error: io::ErrorKind::InvalidData.into(), writes: false });
                break;
            } else if index >= before && !is_lost {
                outcome.acknowledged.push(index - before);
            }
            outcome.replies = index + 1;
        }
        outcome.replies = outcome.replies.saturating_sub(before);
        peer.db = outcome.refusal.is_none().then_some(self.db);
        outcome
    }
}

impl Outcome {
    /// Whether nothing has happened that a fresh connection could not mend.
    fn may_retry(&self) -> bool {
        let failed = self.failure.as_ref().is_some_and(|failure| !has_timed_out(&failure.error));
        failed && self.refusal.is_none() && self.replies == 0
    }

    fn into_result(self) -> CommandResult {
        if let Some(refusal) = self.refusal {
            return Err(CommandError::of(&[&"ERR Target instance replied with error: ", &refusal]));
        }
        let Some(failure) = self.failure else { return Ok(()) };
        let action = if failure.writes { "writing" } else { "reading" };
        Err(CommandError::new(format!("IOERR error or timeout {action} to target instance")))
    }
}

/// MIGRATE host port key|"" destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS key ...]
pub(super) fn migrate<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let migration = Migration::parse(args)?;
    let sent = migration.gather(ctx.keys, ctx.node.config.is_on(Id::RdbCompression));
    if sent.is_empty() {
        ctx.reply.simple("NOKEY");
        return Ok(());
    }
    let mut retries = true;
    let outcome = loop {
        let mut peer = migration.peer(ctx)?;
        let outcome = migration.transfer(&mut peer, &sent);
        if outcome.failure.is_none() {
            ctx.node.peers.keep(migration.host, migration.port, peer);
        }
        if !std::mem::take(&mut retries) || !outcome.may_retry() {
            break outcome;
        }
    };
    if !migration.copies {
        let gone: Vec<&[u8]> = outcome.acknowledged.iter().map(|&index| sent[index].key).collect();
        delete(ctx, &gone);
    }
    outcome.into_result()?;
    ctx.reply.ok();
    Ok(())
}

fn delete<'a>(ctx: &mut Context<'_, 'a>, keys: &[&'a [u8]]) {
    let mut deleted = vec![&b"DEL"[..]];
    for &key in keys {
        if ctx.keys.delete(key) {
            ctx.keys.changed(key, event::GENERIC, "del");
            deleted.push(key);
        }
    }
    match deleted.len() {
        1 => ctx.keys.effects.propagate_nothing(),
        _ => ctx.keys.effects.propagate_instead(deleted),
    }
}

/// It waits for another server: never on a worker.
pub(super) fn weigh(_keys: &Keyspace<'_>, _argv: &[&[u8]]) -> usize {
    usize::MAX
}
