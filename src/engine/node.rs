//! The server's services, as commands reach them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::acl::Acl;
use super::blocking::BlockedCall;
use super::client_memory::ClientMemory;
use super::context::Handling;
use super::durability::Durability;
use super::histogram::Distribution;
use super::lane::{self, Lane};
use super::loading::LoadProgress;
use super::monitor::Monitors;
use super::pause::Pause;
use super::peers::Peers;
use super::plan::Plan;
use super::rates::Rates;
use super::replicas::Feeder;
use super::saving::Saving;
use super::scripting::Scripting;
use super::session::ClientHandle;
use super::slowlog::SlowLog;
use super::stats::WorkerStats;
use super::table::{Command, CommandTable};
use super::tracking::Tracking;
use super::upkeep::Upkeep;
use crate::base::latency::LatencyMonitor;
use crate::base::{affinity, alloc, clock};
use crate::config::{Changes, Config, Id};
use crate::journal::Journal;
use crate::persistence::aof::{Fsync, Log};
use crate::pubsub::PubSub;
use crate::replication::Feed;
use crate::store::{Db, Store};
use crate::value::Value;

/// Values that take more frees than this are dropped on the background thread (Redis's LAZYFREE_THRESHOLD).
const LAZY_EFFORT_MIN: usize = 64;
const LAZY_QUEUE_MAX: usize = 4096;
/// Wishes of clients that wait for the server, of each kind.
const REQUESTS_MAX: usize = 64;

/// What SHUTDOWN replies when the server does not end.
pub const SHUTDOWN_FAILED: &str = "ERR Errors trying to SHUTDOWN. Check logs.";

/// A channel whose end is taken once.
type Slot<T> = (mpsc::Sender<T>, Mutex<Option<mpsc::Receiver<T>>>);

/// What the background thread drops: a number of values, and the values.
type Garbage = (usize, Box<dyn Send>);

/// How the server is to end.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether to make a last snapshot; by the save points if it is not said.
    pub saves: Option<bool>,
    /// Whether to end even if saving fails.
    pub forces: bool,
    /// Whether to give replicas time to catch up (`shutdown-timeout`).
    pub waits: bool,
}

/// The wish to end the server, on its way to it.
pub struct ShutdownRequest {
    /// How.
    pub manner: Manner,
    /// Who is told if it does not end.
    pub call: Arc<BlockedCall>,
}

/// A change of `bind` or `port`, on its way to the server.
pub struct Rebind {
    /// What is undone if nobody can listen there.
    pub changes: Changes,
    /// What is replied then.
    pub refusal: String,
    /// Who waits for it.
    pub call: Arc<BlockedCall>,
}

/// Everything that lives as long as the server.
pub struct Node {
    /// Settings.
    pub config: Config,
    /// All keys.
    pub store: Store,
    /// All commands.
    pub table: CommandTable<Handling>,
    /// What has been done, for those who follow.
    pub journal: Arc<Journal>,
    /// The append-only file being written.
    pub log: Log,
    /// Who waits for its fsyncs.
    pub durability: Arc<Durability>,
    /// Snapshots, and when they are made.
    pub saving: Saving,
    /// Whether the data is being loaded, so that commands are refused.
    pub loading: AtomicBool,
    /// How far that has come.
    pub load_progress: LoadProgress,
    /// Whether checksums of snapshots and DUMP payloads are of no matter (DEBUG SET-SKIP-CHECKSUM-VALIDATION).
    pub skips_checksums: AtomicBool,
    /// The last snapshot has been made: nothing may change any more.
    pub closing: AtomicBool,
    /// Users and what they may do.
    pub acl: Acl,
    /// MONITOR.
    pub monitors: Monitors,
    /// CLIENT PAUSE.
    pub pause: Pause,
    /// CLIENT TRACKING.
    pub tracking: Tracking,
    /// Channels and who listens.
    pub pubsub: PubSub,
    /// Whatever else took long.
    pub latency: Arc<LatencyMonitor>,
    /// Slow commands.
    pub slowlog: SlowLog,
    /// Connected clients by id.
    pub clients: DashMap<u64, Arc<ClientHandle>>,
    /// What they take.
    pub client_memory: ClientMemory,
    /// Scripts and functions.
    pub scripting: Scripting,
    /// Threads for what takes long.
    pub lane: Lane,
    /// Per worker, one more for background tasks, and those of the lane's threads.
    pub worker_stats: Vec<Arc<WorkerStats>>,
    /// Errors replied, by their code.
    pub errors: DashMap<String, u64>,
    /// 40 hexadecimal digits, new with every start.
    pub run_id: String,
    /// When the server started, in Unix microseconds.
    pub started_us: i64,
    /// Asks each worker, and the thread of the background, to give free memory back to the system.
    pub give_back: Box<[Notify]>,
    /// Clients that wait in a blocking command.
    pub blocked_clients: AtomicUsize,
    /// Connections accepted since the start.
    pub connections_received: AtomicU64,
    /// Connections refused because there were too many.
    pub connections_rejected: AtomicU64,
    /// Whether keys are expired in the background (DEBUG SET-ACTIVE-EXPIRE).
    pub active_expire: AtomicBool,
    /// Whether background work stops (DEBUG PAUSE-CRON).
    pub cron_paused: AtomicBool,
    /// Whether a signal to end is held up by that; SHUTDOWN ABORT takes it back.
    pub ending_soon: AtomicBool,
    /// Whether scripts may call what is not for scripts (DEBUG SET-DISABLE-DENY-SCRIPTS).
    pub scripts_call_all: AtomicBool,
    /// Cancelled when the server shall stop.
    pub shutdown: CancellationToken,
    /// Values dropped in the background so far, and those still to be.
    pub lazy_freed: Arc<AtomicUsize>,
    /// Values waiting to be dropped.
    pub lazy_pending: Arc<AtomicUsize>,
    /// What INFO shows as the rates of this moment.
    pub rates: Rates,
    /// The work that it does by itself.
    pub upkeep: Upkeep,
    /// Connections to servers that keys are moved to.
    pub peers: Peers,
    /// What replicas are sent.
    pub feed: Arc<Feed>,
    /// The thread that does so.
    pub feeder: Feeder,
    /// Bytes in use before the first client.
    pub startup_bytes: usize,
    plans: Box<[Plan]>,
    rebinds: Slot<Rebind>,
    shutdowns: Slot<ShutdownRequest>,
    garbage: SyncSender<Garbage>,
    next_client: AtomicU64,
}

impl Node {
    /// Background rounds a second: `hz`, with `dynamic-hz` doubled until there are at most 200 clients a round.
    pub fn rounds_per_second(&self) -> u64 {
        const ROUNDS_MAX: u64 = 500;
        const CLIENTS_PER_ROUND: u64 = 200;
        let mut rounds = self.config.get_unsigned(Id::Hz).clamp(1, ROUNDS_MAX);
        if self.config.is_on(Id::DynamicHz) {
            let clients = self.clients.len() as u64;
            while clients / rounds > CLIENTS_PER_ROUND && rounds < ROUNDS_MAX {
                rounds = (rounds * 2).min(ROUNDS_MAX);
            }
        }
        rounds
    }

    /// A node with an empty store, for this many workers.
    pub fn new(config: Config, table: CommandTable<Handling>, workers: usize) -> Self {
        let lazy_freed = Arc::new(AtomicUsize::new(0));
        let lazy_pending = Arc::new(AtomicUsize::new(0));
        let (rebinds, waiting_rebinds) = mpsc::channel(REQUESTS_MAX);
        let (shutdowns, waiting_shutdowns) = mpsc::channel(REQUESTS_MAX);
        let (store, plans) = (Store::new(workers), table.all().iter().map(Plan::of).collect());
        let acl = Acl::new(&table, &config, workers + 1 + lane::THREADS_MAX);
        let journal = Arc::new(Journal::new(workers + lane::THREADS_MAX));
        let feed = Feed::new(journal.clone(), random_id(), config.get_unsigned(Id::ReplBacklogSize));
        let feed = Arc::new(feed);
        let durability = Arc::new(Durability::new(feed.clone()));
        let told = durability.clone();
        let on_sync = move |synced| told.tell(synced);
        let latency = Arc::new(LatencyMonitor::new(config.get_unsigned(Id::LatencyMonitorThreshold)));
        let policy = Fsync::from_setting(config.get(Id::AppendFsync));
        let log = Log::new(journal.clone(), latency.clone(), policy, Box::new(on_sync));
        let cpus = config.text(Id::BioCpuList);
        log.set_cpus(cpus.clone());
        Self {
            store,
            journal,
            log,
            durability,
            saving: Saving::new(),
            loading: AtomicBool::new(false),
            load_progress: LoadProgress::default(),
            skips_checksums: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            acl,
            monitors: Monitors::default(),
            pause: Pause::default(),
            tracking: Tracking::default(),
            pubsub: PubSub::default(),
            latency,
            slowlog: SlowLog::default(),
            clients: DashMap::new(),
            client_memory: ClientMemory::default(),
            scripting: Scripting::new(workers + 1 + lane::THREADS_MAX),
            lane: Lane::default(),
            worker_stats: (0..=workers + lane::THREADS_MAX)
                .map(|_| Arc::new(WorkerStats::new(table.all().len())))
                .collect(),
            errors: DashMap::new(),
            run_id: random_id(),
            started_us: clock::unix_us(),
            give_back: (0..=workers).map(|_| Notify::new()).collect(),
            blocked_clients: AtomicUsize::new(0),
            connections_received: AtomicU64::new(0),
            connections_rejected: AtomicU64::new(0),
            active_expire: AtomicBool::new(true),
            cron_paused: AtomicBool::new(false),
            ending_soon: AtomicBool::new(false),
            scripts_call_all: AtomicBool::new(false),
            shutdown: CancellationToken::new(),
            plans,
            rates: Rates::default(),
            upkeep: Upkeep::default(),
            peers: Peers::default(),
            feed,
            feeder: Feeder::default(),
            startup_bytes: alloc::used_bytes(),
            rebinds: (rebinds, Mutex::new(Some(waiting_rebinds))),
            shutdowns: (shutdowns, Mutex::new(Some(waiting_shutdowns))),
            garbage: start_freeing(lazy_freed.clone(), lazy_pending.clone(), cpus),
            next_client: AtomicU64::new(1),
            lazy_freed,
            lazy_pending,
            config,
            table,
        }
    }

    /// Whether the data is being loaded.
    #[inline]
    pub fn is_loading(&self) -> bool {
        self.loading.load(Ordering::Relaxed)
    }

    /// Whether the last snapshot is being made, so that no command may run.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// What a write is answered with while the log can't be written.
    pub fn log_refusal(&self) -> String {
        format!("MISCONF Errors writing to the AOF file: {}", self.log.error().unwrap_or_default())
    }

    /// What is to be locked for a command.
    #[inline]
    pub fn plan(&self, command: &Command<Handling>) -> &Plan {
        &self.plans[usize::from(command.id)]
    }

    /// Number of worker threads.
    pub fn workers(&self) -> usize {
        self.worker_stats.len() - 1 - lane::THREADS_MAX
    }

    /// Clients that wait: in blocking commands, and for the end of a pause.
    pub fn waiting_clients(&self) -> usize {
        self.blocked_clients.load(Ordering::Relaxed) + self.pause.clients()
    }

    /// A client id that nobody has had.
    pub fn next_client_id(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed)
    }

    /// Number of databases.
    pub fn databases(&self) -> usize {
        self.config.get(Id::Databases) as usize
    }

    /// Has every thread that lasts give free memory back to the system.
    pub fn give_back_memory(&self) {
        alloc::give_back();
        self.give_back.iter().for_each(Notify::notify_one);
    }

    /// Drops a value, in the background if it takes long.
    pub fn free(&self, value: Value) {
        if value.effort() > LAZY_EFFORT_MIN {
            self.discard((1, Box::new(value)));
        }
    }

    /// Drops tables, in the background if it takes long.
    pub fn free_tables(&self, tables: Vec<Db>) {
        let keys = tables.iter().map(|table| table.table().len()).sum();
        if keys > LAZY_EFFORT_MIN {
            self.discard((keys, Box::new(tables)));
        }
    }

    /// Drops what is no value in the background.
    pub fn drop_later(&self, what: impl Send + 'static) {
        self.discard((0, Box::new(what)));
    }

    fn discard(&self, garbage: Garbage) {
        let values = garbage.0;
        self.lazy_pending.fetch_add(values, Ordering::Relaxed);
        if let Err(refused) = self.garbage.try_send(garbage) {
            // The queue is full: whoever makes this much garbage drops it himself.
            drop(refused);
            self.lazy_pending.fetch_sub(values, Ordering::Relaxed);
        }
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&self) {
        self.worker_stats.iter().for_each(|stats| stats.reset());
        self.errors.clear();
        self.client_memory.reset();
        self.connections_received.store(0, Ordering::Relaxed);
        self.connections_rejected.store(0, Ordering::Relaxed);
        self.lazy_freed.store(0, Ordering::Relaxed);
        self.upkeep.reset();
        alloc::reset_peak();
    }

    /// The channel on which the server waits for changes of `bind` and `port`. The first caller gets it.
    pub fn take_rebinds(&self) -> Option<mpsc::Receiver<Rebind>> {
        self.rebinds.1.lock().take()
    }

    /// Has the server listen anew, on what the settings say now.
    pub fn request_rebind(&self, request: Rebind) {
        // It fails when the server ends already, or is asked faster than it answers.
        if let Err(failed) = self.rebinds.0.try_send(request) {
            let request = failed.into_inner();
            self.config.undo(&request.changes);
            request.call.answer(|reply| reply.error(&request.refusal));
        }
    }

    /// Asks the server to end.
    pub fn request_shutdown(&self, request: ShutdownRequest) {
        // It fails when the server ends already, or has been asked often enough.
        if let Err(failed) = self.shutdowns.0.try_send(request) {
            failed.into_inner().call.answer(|reply| reply.error(SHUTDOWN_FAILED));
        }
    }

    /// The channel on which the server waits to be ended. The first caller gets it.
    pub fn take_shutdowns(&self) -> Option<mpsc::Receiver<ShutdownRequest>> {
        self.shutdowns.1.lock().take()
    }

    /// How long the calls of a command have taken; None if there were none, or nobody recorded them.
    pub fn latencies(&self, command: &Command<Handling>) -> Option<Distribution> {
        let id = usize::from(command.id);
        Distribution::of(self.worker_stats.iter().map(|stats| &stats.commands[id].latency))
    }

    /// Sum of a counter over all workers.
    pub fn sum(&self, counter: impl Fn(&WorkerStats) -> u64) -> u64 {
        self.worker_stats.iter().map(|stats| counter(stats)).sum()
    }
}

/// 40 hexadecimal digits: of a run, of a history that replicas follow.
pub fn random_id() -> String {
    (0..40).map(|_| char::from_digit(fastrand::u32(0..16), 16).unwrap_or('0')).collect()
}

/// The thread that drops big values. It ends when the node does.
fn start_freeing(freed: Arc<AtomicUsize>, pending: Arc<AtomicUsize>, cpus: Arc<[u8]>) -> SyncSender<Garbage> {
    let (sender, receiver) = sync_channel::<Garbage>(LAZY_QUEUE_MAX);
    let work = move || {
        affinity::try_bind_thread("bio_cpulist", &cpus);
        for (values, garbage) in receiver {
            drop(garbage);
            alloc::settle_thread();
            freed.fetch_add(values, Ordering::Relaxed);
            pending.fetch_sub(values, Ordering::Relaxed);
        }
    };
    // Without the thread the queue fills up and values are dropped where they are: slower, not wrong.
    let _ = std::thread::Builder::new().name("lazyfree".into()).spawn(work);
    sender
}
