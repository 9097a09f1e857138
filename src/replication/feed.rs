//! The stream, from the journal to the backlog, and all who follow it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::backlog::Backlog;
use super::link::{Content, Link, Stage};
use super::marks::Marks;
use crate::base::clock;
use crate::config::OutputLimit;
use crate::journal::{Journal, Merger, Reader};
use crate::resp::encode_command;

/// Bytes put into the backlog at once.
const APPEND_BYTES: usize = 64 << 10;

/// What INFO counts.
#[derive(Default)]
pub struct FeedStats {
    /// Full synchronizations begun.
    pub full: AtomicU64,
    /// Partial ones.
    pub partial: AtomicU64,
    /// Partial ones refused.
    pub refused: AtomicU64,
    /// Bytes sent to replicas.
    pub output_bytes: AtomicU64,
}

/// What INFO shows of the stream.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The history's id.
    pub id: String,
    /// Bytes of the stream so far.
    pub end: u64,
    /// The place of the first byte that the backlog has, and how many it has; None while there is none.
    pub backlog: Option<(u64, u64)>,
}

/// Replicas that get one image.
pub struct Party {
    /// Who they are.
    pub links: Vec<Arc<Link>>,
    /// What they want it to have.
    pub content: Content,
    /// Whether all find its end by themselves.
    pub finds_end: bool,
    /// Whether all read the newest format.
    pub reads_newest: bool,
}

/// The stream and its followers.
pub struct Feed {
    journal: Arc<Journal>,
    state: Mutex<State>,
    /// Counters.
    pub stats: FeedStats,
    /// Bytes kept beyond the size of the backlog, because a replica needs them.
    excess_bytes: AtomicUsize,
}

struct State {
    id: String,
    /// None while the journal is not followed.
    merger: Option<Merger>,
    backlog: Backlog,
    /// `repl-backlog-size`.
    backlog_bytes: u64,
    /// The database selected in the stream.
    db: Option<usize>,
    marks: Marks,
    links: Vec<Arc<Link>>,
    asks_for_acks: bool,
    /// Since when nobody follows.
    alone_since_ms: i64,
}

impl Feed {
    /// Nobody follows; the history's id is 40 hexadecimal digits.
    pub fn new(journal: Arc<Journal>, id: String, backlog_bytes: u64) -> Self {
        let state = State {
            id,
            merger: None,
            backlog: Backlog::default(),
            backlog_bytes,
            db: None,
            marks: Marks::default(),
            links: Vec::new(),
            asks_for_acks: false,
            alone_since_ms: clock::unix_ms(),
        };
        Self {
            journal,
            state: Mutex::new(state),
            stats: FeedStats::default(),
            excess_bytes: AtomicUsize::new(0),
        }
    }

    /// Has a replica wait for the next image.
    pub fn enter(&self, link: Arc<Link>) {
        link.begin_waiting(clock::unix_ms());
        self.state.lock().links.push(link);
        self.stats.full.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the history another id: who was cut off from it can't go on (DEBUG CHANGE-REPL-ID).
    pub fn change_id(&self, id: String) {
        self.state.lock().id = id;
    }

    /// Has a replica go on with history `id` behind its first `place` bytes (PSYNC). False if that can't be done.
    pub fn resume(&self, link: &Arc<Link>, id: &[u8], place: u64) -> bool {
        let mut state = self.state.lock();
        let can = state.merger.is_some()
            && id.eq_ignore_ascii_case(state.id.as_bytes())
            && state.backlog.covers(place);
        if !can {
            return false;
        }
        let takes_id = link.view().takes_id;
        let greeting = if takes_id { format!("+CONTINUE {}\r\n", state.id) } else { "+CONTINUE\r\n".into() };
        link.begin_following(place, greeting.into(), clock::unix_ms());
        state.links.push(link.clone());
        self.stats.partial.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// A replica has gone.
    pub fn remove(&self, link: &Link) {
        let mut state = self.state.lock();
        let before = state.links.len();
        state.links.retain(|other| other.client != link.client);
        if state.links.is_empty() && before > 0 {
            state.alone_since_ms = clock::unix_ms();
        }
        self.trim(&mut state);
    }

    /// All replicas.
    pub fn links(&self) -> Vec<Arc<Link>> {
        self.state.lock().links.clone()
    }

    /// Whether replicas wait for an image that may be made now: `streams` is whether those that find its end are sent it without
    /// a file; such an image waits `delay_ms` for others to come, unless there are `enough`.
    pub fn wants_image(&self, streams: bool, delay_ms: i64, enough: usize) -> bool {
        let (now_ms, mut count, mut waits) = (clock::unix_ms(), 0, false);
        for link in &self.state.lock().links {
            let Some(since_ms) = link.waits_since_ms().filter(|_| !link.is_lost()) else { continue };
            count += 1;
            waits |= !streams || !link.view().finds_end || now_ms - since_ms >= delay_ms;
        }
        waits || count > 0 && enough > 0 && count >= enough
    }

    /// The replicas that are to get the next image: the first one that waits, and those that want the same.
    pub fn party(&self) -> Option<Party> {
        let state = self.state.lock();
        let waits = |link: &&Arc<Link>| link.stage() == Stage::Waiting && !link.is_lost();
        let content = state.links.iter().find(waits)?.view().content;
        let links: Vec<_> =
            state.links.iter().filter(waits).filter(|link| link.view().content == content).cloned().collect();
        let all = |of: &dyn Fn(&Link) -> bool| links.iter().all(|link| of(link));
        let (finds_end, reads_newest) =
            (all(&|link| link.view().finds_end), all(&|link| link.view().reads_newest));
        Some(Party { links, content, finds_end, reads_newest })
    }

    /// The cut of an image for these replicas: the place in the stream where it is made, from which on they follow, and the
    /// history's id, which is `new_id` if it begins here. `spools`: nothing is sent until the image is whole. The caller holds
    /// every stripe.
    pub fn cut(&self, links: &[Arc<Link>], spools: bool, new_id: impl FnOnce() -> String) -> (String, u64) {
        let mut state = self.state.lock();
        if state.merger.is_none() {
            let (place, merger) = (state.backlog.end(), Merger::new(&self.journal, Reader::Feed));
            state.marks = Marks::new(merger.next_sequence() - 1, place);
            state.id = new_id();
            state.backlog = Backlog::new(place);
            state.merger = Some(merger);
        }
        self.drain_into(&mut state);
        state.db = None;
        let (place, now_ms) = (state.backlog.end(), clock::unix_ms());
        links.iter().for_each(|link| link.begin_receiving(place, spools, now_ms));
        (state.id.clone(), place)
    }

    /// Ends to follow the journal, and with it the history: the next one is `new_id`. The caller holds every stripe. False if
    /// somebody has come in the meantime.
    pub fn close(&self, new_id: String) -> bool {
        let mut state = self.state.lock();
        if !state.links.is_empty() {
            return false;
        }
        self.journal.leave(Reader::Feed);
        let end = state.backlog.end();
        (state.merger, state.backlog, state.id) = (None, Backlog::new(end), new_id);
        self.trim(&mut state);
        true
    }

    /// For how long nobody has followed, in milliseconds; None if somebody does, or there is nothing to follow.
    pub fn alone_ms(&self) -> Option<i64> {
        let state = self.state.lock();
        (state.merger.is_some() && state.links.is_empty()).then(|| clock::unix_ms() - state.alone_since_ms)
    }

    /// Whether the journal is followed, or is about to be.
    pub fn is_active(&self) -> bool {
        let state = self.state.lock();
        state.merger.is_some() || !state.links.is_empty()
    }

    /// Takes what the journal has into the stream, and wakes those who follow. Returns whether there was anything.
    pub fn drain(&self) -> bool {
        let mut state = self.state.lock();
        let before = state.backlog.end();
        self.drain_into(&mut state);
        if std::mem::take(&mut state.asks_for_acks) && state.merger.is_some() {
            state.tell(&[b"REPLCONF", b"GETACK", b"*"]);
        }
        let grown = state.backlog.end() > before;
        if grown {
            self.trim(&mut state);
            state.links.iter().for_each(|link| link.wake());
        }
        grown
    }

    fn drain_into(&self, state: &mut State) {
        let State { merger: Some(merger), backlog, db, marks, .. } = state else { return };
        let (mut bytes, mut last) = (Vec::new(), None);
        merger.collect(&self.journal);
        while let Some(run) = merger.next_run(u64::MAX) {
            run.write(Reader::Feed, db, &mut bytes);
            last = Some(run.last);
            if bytes.len() >= APPEND_BYTES {
                backlog.append(&bytes);
                bytes.clear();
            }
        }
        backlog.append(&bytes);
        if let Some(last) = last {
            marks.note(last, backlog.end());
        }
    }

    /// Sends a PING to those who follow.
    pub fn ping(&self) {
        let mut state = self.state.lock();
        if state.merger.is_none() || state.links.is_empty() {
            return;
        }
        self.drain_into(&mut state);
        state.tell(&[b"PING"]);
        self.trim(&mut state);
        state.links.iter().for_each(|link| link.wake());
    }

    /// A sign of life for those who wait for their image, which they pass over.
    pub fn comfort(&self) {
        self.links().iter().for_each(|link| link.comfort());
    }

    /// Has everybody who follows asked how far they are, behind what has been published so far.
    pub fn ask_for_acks(&self) {
        self.state.lock().asks_for_acks = true;
        self.journal.wake_feed();
    }

    /// Copies up to `bytes_max` bytes of the stream from `place` on; returns how many.
    pub(super) fn copy(&self, place: u64, bytes_max: usize, out: &mut Vec<u8>) -> usize {
        let state = self.state.lock();
        if !state.backlog.covers(place) {
            return 0;
        }
        let bytes = state.backlog.copy(place, bytes_max, out);
        self.stats.output_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        bytes
    }

    /// How many replicas have acknowledged record `sequence`: have it, and have it on their disks.
    pub fn count_acknowledged(&self, sequence: u64) -> (i64, i64) {
        let state = self.state.lock();
        let Some(place) = state.marks.place_of(sequence) else { return (0, 0) };
        let online = || state.links.iter().filter(|link| link.stage() == Stage::Online);
        let count = |of: &dyn Fn(&Link) -> u64| online().filter(|link| of(link) >= place).count() as i64;
        (count(&Link::acknowledged), count(&Link::acknowledged_on_disk))
    }

    /// Replicas that have been heard of within `lag_seconds_max`.
    pub fn count_good(&self, lag_seconds_max: i64) -> i64 {
        let now_ms = clock::unix_ms();
        let is_good = |link: &&Arc<Link>| {
            link.stage() == Stage::Online && link.lag_ms(now_ms) / 1000 <= lag_seconds_max
        };
        self.state.lock().links.iter().filter(is_good).count() as i64
    }

    /// Closes replicas that are further behind than their limit lets them; returns which.
    pub fn enforce(&self, limit: &OutputLimit) -> Vec<Arc<Link>> {
        let mut state = self.state.lock();
        let (end, now_ms) = (state.backlog.end(), clock::unix_ms());
        // What the backlog keeps anyway costs nothing.
        let hard = if limit.hard_bytes == 0 { 0 } else { (limit.hard_bytes as u64).max(state.backlog_bytes) };
        let soft = if limit.soft_bytes == 0 { 0 } else { (limit.soft_bytes as u64).max(state.backlog_bytes) };
        let passes = |link: &&Arc<Link>| {
            matches!(link.stage(), Stage::Receiving | Stage::Online)
                && !link.is_lost()
                && link.passes(end - link.place(), hard, soft, limit.soft_seconds * 1000, now_ms)
        };
        let closed: Vec<_> = state.links.iter().filter(passes).cloned().collect();
        closed.iter().for_each(|link| link.lose());
        if !closed.is_empty() {
            self.trim(&mut state);
        }
        closed
    }

    /// `repl-backlog-size`.
    pub fn set_backlog_bytes(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.backlog_bytes = bytes;
        self.trim(&mut state);
    }

    /// What INFO shows.
    pub fn figures(&self) -> Figures {
        let state = self.state.lock();
        let backlog = state.merger.is_some().then(|| (state.backlog.start(), state.backlog.len()));
        Figures { id: state.id.clone(), end: state.backlog.end(), backlog }
    }

    /// Bytes that the backlog has beyond its size, for the sake of replicas.
    pub fn excess_bytes(&self) -> usize {
        self.excess_bytes.load(Ordering::Relaxed)
    }

    /// Gives back what neither the backlog nor a replica needs.
    fn trim(&self, state: &mut State) {
        let kept = state.backlog.end().saturating_sub(state.backlog_bytes);
        let needs =
            |link: &&Arc<Link>| matches!(link.stage(), Stage::Receiving | Stage::Online) && !link.is_lost();
        let needed = state.links.iter().filter(needs).map(|link| link.place()).min();
        state.backlog.trim(needed.map_or(kept, |needed| needed.min(kept)));
        let excess = state.backlog.len().saturating_sub(state.backlog_bytes);
        self.excess_bytes.store(excess as usize, Ordering::Relaxed);
    }
}

impl State {
    /// Puts a command of the link itself into the stream.
    fn tell(&mut self, command: &[&[u8]]) {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, command.iter());
        self.backlog.append(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::super::broadcast::Broadcast;
    use super::super::link::{Outlet, Spool};
    use super::*;

    /// Counts wake-ups; remembers whether it was cut off.
    #[derive(Default)]
    struct Socket {
        wakes: AtomicUsize,
        cut_off: AtomicBool,
    }

    impl Outlet for Socket {
        fn wake(&self) {
            self.wakes.fetch_add(1, Ordering::Relaxed);
        }

        fn cut_off(&self) {
            self.cut_off.store(true, Ordering::Relaxed);
        }
    }

    struct Model {
        journal: Arc<Journal>,
        feed: Feed,
        next: u64,
    }

    impl Model {
        fn new(backlog_bytes: u64) -> Self {
            let journal = Arc::new(Journal::new(1));
            Self { feed: Feed::new(journal.clone(), "one".into(), backlog_bytes), journal, next: 1 }
        }

        fn link(&mut self) -> (Arc<Link>, Arc<Socket>) {
            self.next += 1;
            let socket = Arc::new(Socket::default());
            (Arc::new(Link::new(self.next, "host".into(), socket.clone())), socket)
        }

        fn write(&self, text: &str) {
            self.journal.publish(0, 0, |bytes| bytes.extend_from_slice(text.as_bytes()));
        }

        fn sent(&self, link: &Link) -> String {
            let mut bytes = Vec::new();
            link.fill(&self.feed, usize::MAX >> 1, &mut bytes).expect("no file that fails");
            String::from_utf8(bytes).expect("text").replace("\r\n", " ")
        }
    }

    const SELECT: &str = "*2 $6 SELECT $1 0 ";

    #[test]
    fn the_stream_begins_at_the_cut_and_behind_the_word_of_the_replica() {
        let mut model = Model::new(1 << 20);
        let (first, _) = model.link();
        model.feed.enter(first.clone());
        assert!(
            model.feed.wants_image(true, 0, 0) && model.feed.party().is_some_and(|party| !party.finds_end)
        );
        assert_eq!(model.feed.cut(std::slice::from_ref(&first), false, || "two".into()), ("two".into(), 0));
        model.write("a");
        let (second, socket) = model.link();
        model.feed.enter(second.clone());
        let (_, place) = model.feed.cut(std::slice::from_ref(&second), false, || panic!("a history goes on"));
        assert_eq!(place, 1 + b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".len() as u64);
        model.write("b");
        assert!(model.feed.drain());
        assert_eq!((model.sent(&first), model.sent(&second)), (String::new(), String::new()));
        second.push("image ".into());
        second.finish_image("mark ".into(), None);
        assert_eq!((model.sent(&second), model.sent(&second)), ("image mark ".into(), String::new()));
        let woken = socket.wakes.load(Ordering::Relaxed);
        second.acknowledge(place, None);
        assert_eq!(socket.wakes.load(Ordering::Relaxed), woken + 1);
        assert_eq!(model.sent(&second), format!("{SELECT}b"));
        assert_eq!(model.feed.count_acknowledged(1), (1, 0), "the image has what comes before the cut");
        assert_eq!(model.feed.count_acknowledged(2), (0, 0));
    }

    #[test]
    fn a_file_is_sent_before_the_stream() {
        let mut model = Model::new(1 << 20);
        let path = std::env::temp_dir().join(format!("tartan-spool-{}", std::process::id()));
        std::fs::write(&path, "0123456789").expect("a file");
        let file = std::fs::File::open(&path).expect("the file");
        std::fs::remove_file(&path).expect("a name");
        let (link, _) = model.link();
        model.feed.enter(link.clone());
        model.feed.cut(std::slice::from_ref(&link), true, || "two".into());
        model.feed.comfort();
        link.finish_image("$10 ".into(), Some(Spool { file: Arc::new(file), len: 10 }));
        model.write("a");
        model.feed.drain();
        let mut bytes = Vec::new();
        assert_eq!(link.fill(&model.feed, 8, &mut bytes).expect("readable"), 8);
        assert_eq!((bytes.as_slice(), link.stage()), (&b"\n$10 012"[..], Stage::Receiving));
        assert_eq!(model.sent(&link), format!("3456789{SELECT}a"));
        assert_eq!(link.stage(), Stage::Online);
    }

    #[test]
    fn who_is_too_far_behind_is_closed_and_keeps_nothing() {
        let mut model = Model::new(16 << 10);
        let (link, socket) = model.link();
        model.feed.enter(link.clone());
        model.feed.cut(std::slice::from_ref(&link), false, || "two".into());
        let limit = OutputLimit { hard_bytes: 100 << 10, soft_bytes: 0, soft_seconds: 0 };
        (0..90).for_each(|_| model.write(&"x".repeat(1 << 10)));
        model.feed.drain();
        assert!(model.feed.enforce(&limit).is_empty() && model.feed.excess_bytes() > 70 << 10);
        (0..20).for_each(|_| model.write(&"x".repeat(1 << 10)));
        model.feed.drain();
        assert_eq!(model.feed.enforce(&limit).len(), 1);
        assert!(socket.cut_off.load(Ordering::Relaxed) && model.feed.excess_bytes() <= 32 << 10);
        assert!(!model.feed.resume(&link, b"two", 0), "that has gone");
        model.feed.remove(&link);
        let (other, _) = model.link();
        assert!(model.feed.resume(&other, b"TWO", model.feed.figures().end));
    }

    #[test]
    fn an_image_goes_on_without_who_takes_nothing() {
        let mut model = Model::new(1 << 20);
        let links = [model.link(), model.link()];
        let both: Vec<_> = links.iter().map(|(link, _)| link.clone()).collect();
        model.feed.cut(&both, false, || "two".into());
        let counted = AtomicU64::new(0);
        let count = |bytes| _ = counted.fetch_add(bytes, Ordering::Relaxed);
        let mut image = Broadcast::new(both.clone(), Duration::from_millis(50), &count, &|| false);
        let piece = vec![b'x'; 1 << 20];
        assert!(image.write(&piece).is_ok());
        assert_eq!(model.sent(&both[0]).len(), 1 << 20);
        assert!(image.write(&piece).is_ok(), "one of them has room");
        assert_eq!((both[0].is_lost(), both[1].is_lost()), (false, true));
        assert!(image.write(&piece).is_err() && links[0].1.cut_off.load(Ordering::Relaxed), "nobody is left");
        assert_eq!(counted.load(Ordering::Relaxed), 3 << 20);
    }
}
