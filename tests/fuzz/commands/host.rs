//! A node without sockets, and clients that behave towards it as their connections would.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use tartan::base::log;
use tartan::commands::FAMILIES;
use tartan::config::{Config, Sources};
use tartan::engine::lane::Lane;
use tartan::engine::node::Node;
use tartan::engine::pipeline::{self, Stop};
use tartan::engine::session::{ClientHandle, ReplyMode, Session};
use tartan::engine::table::CommandTable;
use tartan::engine::transaction;
use tartan::engine::worker::Worker;
use tartan::pubsub::Space;
use tartan::resp::{Parser, Protocol, Reply, encode_command};

/// Strings are short here, so that no command can ask for more memory than a test may take.
const SETTINGS: &[&str] = &[
    "--enable-debug-command",
    "yes",
    "--proto-max-bulk-len",
    "1mb",
    "--save",
    "",
    "--loglevel",
    "warning",
    "--repl-diskless-sync-delay",
    "0",
];
/// As with `client-output-buffer-limit`: some commands repeat elements as often as they are told.
const REPLY_BYTES_MAX: usize = 1 << 20;
/// How long a request may be away.
const AWAY_MAX: Duration = Duration::from_secs(60);
const AWAY_LOOK: Duration = Duration::from_micros(20);

/// The node, its worker, and somebody who may do everything.
pub struct Host {
    pub worker: Worker,
    master: Client,
    settings: Vec<(Vec<u8>, Vec<u8>)>,
    directory: PathBuf,
}

impl Host {
    /// A node whose files are in a directory of their own, which becomes the process's.
    pub fn start() -> Self {
        let directory = env::temp_dir().join(format!("tartan-fuzz-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        env::set_current_dir(&directory).unwrap();
        log::set_file(&directory.join("log")).unwrap();
        let flags = SETTINGS.iter().map(|word| word.as_bytes().to_vec()).collect();
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        let table = CommandTable::new(FAMILIES).unwrap();
        let node = Arc::new(Node::new(config, table, 1));
        Lane::open(&node);
        let worker = Worker::new(0, node.clone());
        // Not among the clients, so that none of them can close it.
        let mut master = Client::unknown(&node);
        master.session.replays = true;
        let mut host = Self { worker, master, settings: node.config.matching(&[b"*"]), directory };
        host.begin_recording();
        host
    }

    /// A replica that has come once leaves a backlog behind: what changes is recorded from then on.
    fn begin_recording(&mut self) {
        let node = self.node().clone();
        let mut replica = Client::new(&node);
        replica.run(&self.worker, &["PSYNC", "?", "-1"]);
        self.await_saver();
        replica.leave(&self.worker);
        assert!(node.journal.is_on(), "nothing is recorded");
    }

    fn await_saver(&self) {
        let (node, begun) = (self.node(), Instant::now());
        while node.is_loading() || node.saving.look(|state| state.running.is_some()) {
            assert!(begun.elapsed() < AWAY_MAX, "the saver does not end");
            thread::sleep(AWAY_LOOK);
        }
    }

    pub fn node(&self) -> &Arc<Node> {
        &self.worker.node
    }

    /// Runs a command that nothing keeps from running, and returns its reply.
    pub fn order<A: AsRef<[u8]>>(&mut self, argv: &[A]) -> Vec<u8> {
        self.master.run(&self.worker, argv)
    }

    /// Takes back whatever an input has changed.
    pub fn put_in_order(&mut self, input: &[u8]) {
        let node = self.node().clone();
        node.pause.end(&node.lane);
        self.await_saver();
        let has = |word: &str| mentions(input, word);
        if has("config") {
            for (name, value) in self.settings.clone() {
                if !node.config.matching(&[&name]).contains(&(name.clone(), value.clone())) {
                    self.order(&[&b"CONFIG"[..], b"SET", &name, &value]);
                }
            }
        }
        if has("acl") || has("config") {
            for name in node.acl.users().keys().filter(|name| ***name != *b"default") {
                self.order(&[&b"ACL"[..], b"DELUSER", name]);
            }
            self.order(&["ACL", "SETUSER", "default", "reset", "on", "nopass", "~*", "&*", "+@all"]);
        }
        if has("debug") {
            for (switch, value) in
                [("PAUSE-CRON", "0"), ("SET-ACTIVE-EXPIRE", "1"), ("SET-DISABLE-DENY-SCRIPTS", "0")]
            {
                self.order(&["DEBUG", switch, value]);
            }
        }
        for command in ["FLUSHALL", "SCRIPT FLUSH", "FUNCTION FLUSH"] {
            let argv: Vec<&str> = command.split(' ').collect();
            assert_eq!(self.order(&argv), b"+OK\r\n", "{command}");
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Somebody may still be writing there.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Whether a word is somewhere in an input.
pub fn mentions(input: &[u8], word: &str) -> bool {
    input.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// One client.
pub struct Client {
    session: Session,
    parser: Parser,
    buffer: Vec<u8>,
    reply: Reply,
}

impl Client {
    pub fn new(node: &Arc<Node>) -> Self {
        let client = Self::unknown(node);
        let handle = &client.session.handle;
        node.clients.insert(handle.id, handle.clone());
        client
    }

    fn unknown(node: &Arc<Node>) -> Self {
        let address = || "127.0.0.1:1".to_owned();
        let handle = Arc::new(ClientHandle::new(node.next_client_id(), address(), address(), -1, false, 0));
        Self {
            session: Session::new(handle, true),
            parser: Parser::default(),
            buffer: Vec::new(),
            reply: Reply::new(Protocol::Resp2),
        }
    }

    /// Whether the connection would be closed now.
    pub fn has_left(&self) -> bool {
        self.session.close || self.session.handle.is_killed()
    }

    /// Runs a request and returns what the client is sent until its reply is there, or it begins to wait.
    pub fn run<A: AsRef<[u8]>>(&mut self, worker: &Worker, argv: &[A]) -> Vec<u8> {
        self.stop_waiting(worker);
        encode_command(&mut self.buffer, argv.iter());
        while !self.buffer.is_empty() && !self.has_left() {
            let Self { session, parser, buffer, reply } = self;
            reply.set_bytes_max(REPLY_BYTES_MAX);
            let stop = pipeline::run_batch(worker, session, parser, buffer, reply);
            worker.end_turn();
            self.await_return(worker);
            if self.session.expects_mail() {
                self.session.take_mail(&mut self.reply);
            }
            self.session.publish_view();
            if stop == Stop::Waiting && self.session.waiting.is_some() {
                self.note_waiting(worker);
                break;
            }
        }
        self.session.held.clear();
        // A replica that is answered is closed.
        self.session.close |= self.session.follows && !self.reply.is_empty();
        let sent = self.reply.output().take();
        sent.iter().flat_map(|segment| segment.bytes().to_vec()).collect()
    }

    fn note_waiting(&self, worker: &Worker) {
        self.session.handle.set_blocked(self.session.waiting.clone());
        worker.node.blocked_clients.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for a request that runs elsewhere. A pause is ended for it.
    fn await_return(&mut self, worker: &Worker) {
        let begun = Instant::now();
        while let Some(away) = self.session.away.clone() {
            if let Some(mut request) = away.take_back() {
                self.reply.append(request.reply.output());
                self.session = request.session;
                self.reply.set_protocol(self.session.protocol);
                if self.session.waiting.is_some() {
                    self.note_waiting(worker);
                }
                continue;
            }
            if worker.node.pause.is_on() {
                worker.node.pause.end(&worker.node.lane);
            }
            assert!(begun.elapsed() < AWAY_MAX, "a request does not come back");
            thread::sleep(AWAY_LOOK);
        }
    }

    /// Ends a wait: with what has been served, or as if its time were over.
    fn stop_waiting(&mut self, worker: &Worker) {
        let Some(call) = self.session.waiting.take() else { return };
        let ended = call.end();
        call.leave(worker);
        self.session.handle.set_blocked(None);
        worker.node.blocked_clients.fetch_sub(1, Ordering::Relaxed);
        let speaks = self.session.reply_mode == ReplyMode::On;
        match call.take_outcome() {
            Some(mut outcome) if speaks => self.reply.append(&mut outcome.output),
            None if ended && speaks => call.write_timeout(&mut self.reply, &worker.node),
            _ => {}
        }
        if self.session.reply_mode == ReplyMode::Skip {
            self.session.reply_mode = ReplyMode::On;
        }
    }

    /// Takes leave as a connection that is closed.
    pub fn leave(mut self, worker: &Worker) {
        self.stop_waiting(worker);
        let (node, handle) = (&worker.node, self.session.handle.clone());
        transaction::unwatch_all(&mut self.session, worker);
        let listened = std::mem::take(&mut self.session.subscriptions);
        listened.channels.iter().for_each(|name| node.pubsub.unsubscribe(Space::Global, name, handle.id));
        listened
            .shard_channels
            .iter()
            .for_each(|name| node.pubsub.unsubscribe(Space::Shard, name, handle.id));
        listened.patterns.iter().for_each(|name| node.pubsub.unsubscribe_pattern(name, handle.id));
        if self.session.monitors {
            node.monitors.remove(&handle);
        }
        if let Some(link) = self.session.link.take().filter(|_| self.session.follows) {
            link.lose();
            node.feed.remove(&link);
        }
        node.clients.remove(&handle.id);
        node.tracking.forget(&handle);
        node.client_memory.forget(&handle);
    }
}
