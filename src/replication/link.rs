//! One replica as its primary sees it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::feed::Feed;
use crate::base::clock;

/// How long a piece of an image may take that others wait for: clients that write, or the end of the server.
const HASTE_MS: i64 = 1000;

/// How to reach the connection of a replica.
pub trait Outlet: Send + Sync {
    /// There is something to be sent.
    fn wake(&self);
    /// It is to be closed.
    fn cut_off(&self);
}

/// How far a replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It has said something about itself.
    Introduced,
    /// It waits for an image.
    Waiting,
    /// An image is made for it, or sent.
    Receiving,
    /// It follows the stream.
    Online,
    /// It wanted an image alone, and has it.
    Served,
}

/// What a replica wants an image to have (REPLCONF rdb-filter-only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Keys.
    pub data: bool,
    /// Function libraries.
    pub functions: bool,
}

/// What a replica has said about itself, and where it stands.
#[derive(Clone, Debug)]
pub struct View {
    /// Where it stands.
    pub stage: Stage,
    /// Its address: what it has told, or else its connection's.
    pub address: String,
    /// The port that it listens to.
    pub port: i64,
    /// Whether it finds the end of an image of unknown length.
    pub finds_end: bool,
    /// Whether it takes an id with +CONTINUE.
    pub takes_id: bool,
    /// Whether it wants no stream.
    pub image_alone: bool,
    /// What it wants an image to have.
    pub content: Content,
    /// Whether it reads RDB version 11 (REPLCONF version of 7.2 and later).
    pub reads_newest: bool,
    /// Whether it knows no acknowledgements (SYNC).
    pub is_old: bool,
}

/// A file to be sent; nobody else has its name.
#[derive(Clone)]
pub struct Spool {
    /// The file.
    pub file: Arc<File>,
    /// Bytes in it.
    pub len: u64,
}

struct State {
    view: View,
    since_ms: i64,
    /// To be sent before all else.
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// To be sent behind that, from this byte on.
    spool: Option<(Spool, u64)>,
    /// Whether nothing of the image is sent until it is whole.
    spools: bool,
    /// Whether all of it is on its way.
    whole: bool,
    /// The stream begins with the first acknowledgement: until then the replica looks for the end of the image.
    awaits_ack: bool,
    /// When some of the image has been taken last.
    taken_ms: i64,
    /// Since when the soft limit has been passed.
    over_since_ms: Option<i64>,
}

/// A replica.
pub struct Link {
    /// Its client's id.
    pub client: u64,
    outlet: Arc<dyn Outlet>,
    state: Mutex<State>,
    /// Notified when pieces have been taken.
    room: Condvar,
    /// The place in the stream that it goes on at.
    place: AtomicU64,
    acknowledged: AtomicU64,
    /// What its log's disk has.
    acknowledged_on_disk: AtomicU64,
    acknowledged_ms: AtomicI64,
    lost: AtomicBool,
}

impl Link {
    /// A client that may become a replica.
    pub fn new(client: u64, address: String, outlet: Arc<dyn Outlet>) -> Self {
        let view = View {
            stage: Stage::Introduced,
            address,
            port: 0,
            finds_end: false,
            takes_id: false,
            image_alone: false,
            content: Content { data: true, functions: true },
            reads_newest: false,
            is_old: false,
        };
        let state = State {
            view,
            since_ms: 0,
            pieces: VecDeque::new(),
            bytes: 0,
            spool: None,
            spools: false,
            whole: false,
            awaits_ack: false,
            taken_ms: 0,
            over_since_ms: None,
        };
        Self {
            client,
            outlet,
            state: Mutex::new(state),
            room: Condvar::new(),
            place: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            acknowledged_on_disk: AtomicU64::new(0),
            acknowledged_ms: AtomicI64::new(clock::unix_ms()),
            lost: AtomicBool::new(false),
        }
    }

    /// What is known of it.
    pub fn view(&self) -> View {
        self.state.lock().view.clone()
    }

    /// Notes what it says of itself.
    pub fn introduce(&self, note: impl FnOnce(&mut View)) {
        note(&mut self.state.lock().view);
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.state.lock().view.stage
    }

    /// Whether its image is whole and on its way.
    pub fn is_being_sent(&self) -> bool {
        self.state.lock().whole
    }

    /// How far it has acknowledged the stream.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// How much of the stream its own disk has.
    pub fn acknowledged_on_disk(&self) -> u64 {
        self.acknowledged_on_disk.load(Ordering::Acquire)
    }

    /// Milliseconds since the last acknowledgement.
    pub fn lag_ms(&self, now_ms: i64) -> i64 {
        (now_ms - self.acknowledged_ms.load(Ordering::Relaxed)).max(0)
    }

    /// The place in the stream that it goes on at.
    pub(super) fn place(&self) -> u64 {
        self.place.load(Ordering::Acquire)
    }

    /// It waits for an image from now on.
    pub(super) fn begin_waiting(&self, now_ms: i64) {
        let mut state = self.state.lock();
        (state.view.stage, state.since_ms) = (Stage::Waiting, now_ms);
    }

    /// Since when it waits, if it does.
    pub(super) fn waits_since_ms(&self) -> Option<i64> {
        let state = self.state.lock();
        (state.view.stage == Stage::Waiting).then_some(state.since_ms)
    }

    /// An image is made for it, behind which the stream goes on at `place`. `spools`: nothing of it is sent until it is whole.
    pub(super) fn begin_receiving(&self, place: u64, spools: bool, now_ms: i64) {
        let mut state = self.state.lock();
        (state.view.stage, state.taken_ms, state.spools) = (Stage::Receiving, now_ms, spools);
        self.place.store(place, Ordering::Release);
    }

    /// It follows the stream from `place` on, after `greeting`.
    pub(super) fn begin_following(&self, place: u64, greeting: Bytes, now_ms: i64) {
        self.place.store(place, Ordering::Release);
        self.acknowledged_ms.store(now_ms, Ordering::Relaxed);
        let mut state = self.state.lock();
        state.push(greeting);
        state.view.stage = Stage::Online;
        drop(state);
        self.outlet.wake();
    }

    /// A sign of life while it waits: an empty line, which it passes over.
    pub(super) fn comfort(&self) {
        let mut state = self.state.lock();
        let spooled = state.view.stage == Stage::Receiving && state.spools && !state.whole;
        if state.view.stage == Stage::Waiting || spooled {
            state.push(Bytes::from_static(b"\n"));
            self.outlet.wake();
        }
    }

    /// Has these bytes sent before anything else that follows.
    pub fn push(&self, bytes: Bytes) {
        self.state.lock().push(bytes);
        self.outlet.wake();
    }

    /// All of the image is on its way: `bytes`, and the file if there is one. Where the replica has to look for its end, the stream
    /// waits for its word.
    pub fn finish_image(&self, bytes: Bytes, spool: Option<Spool>) {
        let mut state = self.state.lock();
        state.push(bytes);
        state.awaits_ack = spool.is_none();
        state.spool = spool.map(|spool| (spool, 0));
        state.whole = true;
        drop(state);
        self.outlet.wake();
    }

    /// Waits until no more than `bytes_max` bytes of pieces are left. False when it has been lost meanwhile, or has taken nothing
    /// for `patience`, or all of it took more than [`HASTE_MS`] once that is urgent: then it is now.
    pub(super) fn await_room(
        &self,
        bytes_max: usize,
        patience: Duration,
        is_urgent: &dyn Fn() -> bool,
    ) -> bool {
        let since_ms = clock::unix_ms();
        let mut state = self.state.lock();
        while state.bytes > bytes_max && !self.is_lost() {
            let patient_ms = state.taken_ms + patience.as_millis() as i64;
            let until_ms = if is_urgent() { patient_ms.min(since_ms + HASTE_MS) } else { patient_ms };
            let left_ms = until_ms - clock::unix_ms();
            if left_ms <= 0 {
                drop(state);
                self.lose();
                return false;
            }
            // Looks now and then whether it has become urgent.
            self.room.wait_for(&mut state, Duration::from_millis(left_ms.min(HASTE_MS / 4) as u64));
        }
        !self.is_lost()
    }

    /// Gives its connection what is to be sent next, `bytes_max` bytes about; returns how many.
    ///
    /// # Errors
    /// The file of the image can't be read.
    pub fn fill(&self, feed: &Feed, bytes_max: usize, out: &mut Vec<u8>) -> io::Result<usize> {
        let begun = out.len();
        let mut state = self.state.lock();
        state.take_pieces(begun + bytes_max, out);
        if out.len() > begun {
            self.room.notify_all();
        }
        if state.pieces.is_empty() {
            state.read_spool(bytes_max.saturating_sub(out.len() - begun), out)?;
            if state.whole && state.spool.is_none() && state.view.stage == Stage::Receiving {
                state.view.stage = if state.view.image_alone { Stage::Served } else { Stage::Online };
                self.acknowledged_ms.store(clock::unix_ms(), Ordering::Relaxed);
            }
        }
        let follows = state.view.stage == Stage::Online && !state.awaits_ack && state.pieces.is_empty();
        drop(state);
        if follows {
            let place = self.place();
            let copied = feed.copy(place, bytes_max.saturating_sub(out.len() - begun), out);
            self.place.store(place + copied as u64, Ordering::Release);
        }
        Ok(out.len() - begun)
    }

    /// REPLCONF ACK: it has the stream up to here, and on its disk up to there.
    pub fn acknowledge(&self, place: u64, on_disk: Option<u64>) {
        self.acknowledged.fetch_max(place, Ordering::AcqRel);
        if let Some(on_disk) = on_disk {
            self.acknowledged_on_disk.fetch_max(on_disk, Ordering::AcqRel);
        }
        self.acknowledged_ms.store(clock::unix_ms(), Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.view.stage == Stage::Online && std::mem::take(&mut state.awaits_ack) {
            drop(state);
            self.outlet.wake();
        }
    }

    /// Wakes its connection if it follows the stream.
    pub(super) fn wake(&self) {
        let state = self.state.lock();
        let follows = state.view.stage == Stage::Online && !state.awaits_ack;
        drop(state);
        if follows {
            self.outlet.wake();
        }
    }

    /// Whether it stays beyond its limit with `bytes` of the stream that it has not copied: at once beyond the hard one, and after
    /// some time beyond the soft one.
    pub(super) fn passes(&self, bytes: u64, hard: u64, soft: u64, soft_ms: i64, now_ms: i64) -> bool {
        if hard > 0 && bytes > hard {
            return true;
        }
        let mut state = self.state.lock();
        if soft == 0 || bytes <= soft {
            state.over_since_ms = None;
            return false;
        }
        now_ms - *state.over_since_ms.get_or_insert(now_ms) > soft_ms
    }

    /// Closes it: nothing is kept for it any more.
    pub fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.outlet.cut_off();
        // Under the lock, so that nobody begins to wait behind this.
        let _state = self.state.lock();
        self.room.notify_all();
    }

    /// Whether it has been closed.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

impl State {
    fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.pieces.push_back(bytes);
    }

    fn take_pieces(&mut self, len_max: usize, out: &mut Vec<u8>) {
        while out.len() < len_max
            && let Some(piece) = self.pieces.front_mut()
        {
            let part = piece.split_to(piece.len().min(len_max - out.len()));
            out.extend_from_slice(&part);
            self.bytes -= part.len();
            if piece.is_empty() {
                self.pieces.pop_front();
            }
            self.taken_ms = clock::unix_ms();
        }
    }

    fn read_spool(&mut self, bytes_max: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let Some((spool, at)) = &mut self.spool else { return Ok(()) };
        let bytes = (spool.len - *at).min(bytes_max as u64) as usize;
        let begun = out.len();
        out.resize(begun + bytes, 0);
        spool.file.read_exact_at(&mut out[begun..], *at)?;
        *at += bytes as u64;
        if *at == spool.len {
            self.spool = None;
        }
        Ok(())
    }
}
