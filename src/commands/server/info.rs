//! INFO: the fields of Redis 7.2.4 in its order. What this server does not have yet carries the value that a Redis without
//! it shows. `Threads` and `Stripes` are our own; they appear under `everything` or by their names, so that tools which parse
//! the usual sections meet nothing new.

use std::cell::OnceCell;
use std::fmt::{Display, Write};
use std::sync::atomic::Ordering::Relaxed;

use super::REDIS_VERSION;
use super::figures::{MemoryFigures, StoreFigures};
use super::process::{self, CpuTime};
use crate::base::{alloc, clock};
use crate::config::Id;
use crate::engine::acl::Reason;
use crate::engine::stats::WorkerStats;
use crate::engine::{Args, CommandResult, Context, Handling, Node, Row, walking};
use crate::pubsub::Space;
use crate::replication::Stage;
use crate::store::Mode;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[Row::new("INFO", walking(info))];

/// When a section is shown without being named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown {
    /// By INFO alone.
    Default,
    /// By `all`.
    All,
    /// By `everything`.
    Everything,
    /// By its name only.
    Never,
}

type Section = (&'static str, Shown, fn(&mut Page<'_>));

const SECTIONS: &[Section] = &[
    ("Server", Shown::Default, server),
    ("Clients", Shown::Default, clients),
    ("Memory", Shown::Default, memory),
    ("Persistence", Shown::Default, persistence),
    ("Stats", Shown::Default, stats),
    ("Replication", Shown::Default, replication),
    ("CPU", Shown::Default, cpu),
    ("Modules", Shown::Default, |_| {}),
    ("Commandstats", Shown::All, command_stats),
    ("Errorstats", Shown::Default, error_stats),
    ("Latencystats", Shown::All, latency_stats),
    ("Cluster", Shown::Default, cluster),
    ("Keyspace", Shown::Default, keyspace),
    ("Debug", Shown::Never, debug),
    ("Threads", Shown::Everything, threads),
    ("Stripes", Shown::Everything, stripes),
];

/// INFO [section [section ...]]
fn info<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let keys = &ctx.keys;
    let gather = || StoreFigures::gather(ctx.node, |index, look| keys.with_stripe(index, look));
    let text = write(ctx.node, &gather, args.from(1));
    ctx.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// INFO's text for who is not a client. No stripe may be held.
pub fn text(node: &Node, sections: &[&[u8]]) -> String {
    let gather = || {
        StoreFigures::gather(node, |index, look| {
            // What a script holds for long is left out rather than waited for.
            if let Ok(guard) = node.store.locks().lock_soon(index, Mode::Read) {
                look(guard.stripe());
            }
        })
    };
    write(node, &gather, sections)
}

fn write(node: &Node, gather: &dyn Fn() -> StoreFigures, wanted: &[&[u8]]) -> String {
    let used_bytes = alloc::used_bytes_now();
    let text = String::with_capacity(8192);
    let mut page = Page { node, used_bytes, gather, store: OnceCell::new(), text };
    for (name, shown, write_section) in SECTIONS {
        if !is_wanted(name, *shown, wanted) {
            continue;
        }
        if !page.text.is_empty() {
            page.text.push_str("\r\n");
        }
        page.line(format_args!("# {name}"));
        write_section(&mut page);
    }
    page.text
}

fn is_wanted(name: &str, shown: Shown, wanted: &[&[u8]]) -> bool {
    if wanted.is_empty() {
        return shown == Shown::Default;
    }
    let is = |word: &[u8], other: &str| word.eq_ignore_ascii_case(other.as_bytes());
    wanted.iter().any(|word| {
        is(word, name)
            || is(word, "default") && shown == Shown::Default
            || is(word, "all") && shown <= Shown::All
            || is(word, "everything") && shown <= Shown::Everything
    })
}

/// INFO's text as it grows.
struct Page<'n> {
    node: &'n Node,
    /// Memory in use before this.
    used_bytes: usize,
    /// Walks over the stripes, for the sections that ask for [`Page::store`].
    gather: &'n dyn Fn() -> StoreFigures,
    store: OnceCell<StoreFigures>,
    text: String,
}

impl Page<'_> {
    fn store(&self) -> &StoreFigures {
        self.store.get_or_init(self.gather)
    }

    fn line(&mut self, line: impl Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{line}\r\n");
    }

    fn field(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.text, "{name}:{value}\r\n");
    }

    fn zeros(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.field(name, 0));
    }

    fn bytes(&mut self, name: &str, bytes: usize) {
        self.field(name, bytes);
        self.human(name, bytes);
    }

    fn human(&mut self, name: &str, bytes: usize) {
        self.field(&format!("{name}_human"), human_bytes(bytes));
    }

    fn setting(&self, name: &str) -> String {
        let found = self.node.config.matching(&[name.as_bytes()]);
        found.first().map_or_else(String::new, |(_, value)| String::from_utf8_lossy(value).into_owned())
    }
}

/// Bytes for people: `1.50K`.
fn human_bytes(bytes: usize) -> String {
    const UNITS: &[(&str, usize)] = &[("T", 40), ("G", 30), ("M", 20), ("K", 10)];
    match UNITS.iter().find(|(_, bits)| bytes >> bits > 0) {
        Some((unit, bits)) => format!("{:.2}{unit}", bytes as f64 / (1u64 << bits) as f64),
        None => format!("{bytes}B"),
    }
}

fn server(page: &mut Page<'_>) {
    let node = page.node;
    let uptime_seconds = (clock::unix_us() - node.started_us) / 1_000_000;
    let executable = std::env::current_exe().unwrap_or_default();
    page.field("redis_version", REDIS_VERSION);
    page.field("redis_git_sha1", "00000000");
    page.field("redis_git_dirty", 0);
    page.field("redis_build_id", "0000000000000000");
    page.field("redis_mode", "standalone");
    page.field("tartan_version", env!("CARGO_PKG_VERSION"));
    page.field("os", process::system_name());
    page.field("arch_bits", usize::BITS);
    page.field("monotonic_clock", "quanta");
    page.field("multiplexing_api", "epoll");
    page.field("atomicvar_api", "rust-core");
    page.field("gcc_version", "0.0.0");
    page.field("process_id", std::process::id());
    page.field("process_supervised", "no");
    page.field("run_id", &node.run_id);
    page.field("tcp_port", node.config.get(Id::Port));
    page.field("server_time_usec", clock::unix_us());
    page.field("uptime_in_seconds", uptime_seconds);
    page.field("uptime_in_days", uptime_seconds / 86_400);
    page.field("hz", node.rounds_per_second());
    page.field("configured_hz", node.config.get(Id::Hz));
    page.field("lru_clock", clock::lru_seconds() & 0xff_ffff);
    page.field("executable", executable.display());
    page.field("config_file", node.config.file().unwrap_or("".as_ref()).display());
    page.field("io_threads_active", u8::from(node.workers() > 1));
    listeners(page);
}

fn listeners(page: &mut Page<'_>) {
    let config = &page.node.config;
    let (port, socket) = (config.get(Id::Port), config.path(Id::UnixSocket));
    let mut lines = Vec::new();
    if port != 0 {
        let addresses: String =
            config.bind_addresses().iter().map(|address| format!(",bind={address}")).collect();
        lines.push(format!("name=tcp{addresses},port={port}"));
    }
    if !socket.as_os_str().is_empty() {
        lines.push(format!("name=unix,bind={}", socket.display()));
    }
    lines.iter().enumerate().for_each(|(place, line)| page.field(&format!("listener{place}"), line));
}

fn clients(page: &mut Page<'_>) {
    let node = page.node;
    let (mut input_max, mut output_max, mut timing) = (0, 0, 0);
    for client in &node.clients {
        let view = &client.view;
        input_max = input_max.max(view.query_bytes.load(Relaxed) + view.query_free_bytes.load(Relaxed));
        output_max = output_max.max(view.output_bytes.load(Relaxed));
        timing += usize::from(client.blocked().is_some_and(|call| call.deadline_ms().is_some()));
    }
    page.field("connected_clients", node.clients.len().saturating_sub(node.feed.links().len()));
    page.field("cluster_connections", 0);
    page.field("maxclients", node.config.get(Id::MaxClients));
    page.field("client_recent_max_input_buffer", input_max);
    page.field("client_recent_max_output_buffer", output_max);
    page.field("blocked_clients", node.waiting_clients());
    page.field("tracking_clients", node.tracking.figures().clients);
    page.field("clients_in_timeout_table", timing);
    page.field("total_blocking_keys", page.store().awaited_keys);
    page.field("total_blocking_keys_on_nokey", page.store().awaited_removals);
}

fn memory(page: &mut Page<'_>) {
    let node = page.node;
    let figures = MemoryFigures::gather(node, page.used_bytes, page.store());
    let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    page.bytes("used_memory", figures.used);
    page.bytes("used_memory_rss", figures.resident);
    page.bytes("used_memory_peak", figures.peak);
    page.field("used_memory_peak_perc", format_args!("{:.2}%", percent(figures.used, figures.peak)));
    page.field("used_memory_overhead", figures.overhead());
    page.field("used_memory_startup", figures.startup);
    page.field("used_memory_dataset", figures.dataset());
    page.field(
        "used_memory_dataset_perc",
        format_args!("{:.2}%", percent(figures.dataset(), figures.net()).min(100.0)),
    );
    page.field("allocator_allocated", figures.used);
    page.field("allocator_active", figures.resident);
    page.field("allocator_resident", figures.resident);
    page.bytes("total_system_memory", process::system_bytes());
    script_memory(page);
    page.bytes("maxmemory", node.config.get_unsigned(Id::MaxMemory) as usize);
    page.field("maxmemory_policy", page.setting("maxmemory-policy"));
    fragmentation(page, &figures);
    let excess = node.feed.excess_bytes();
    let kept = node.feed.figures().backlog.map_or(0, |(_, bytes)| bytes as usize);
    page.field("mem_not_counted_for_evict", excess);
    page.field("mem_replication_backlog", kept - excess.min(kept));
    page.field("mem_total_replication_buffers", kept);
    page.field("mem_clients_slaves", excess);
    page.field("mem_clients_normal", figures.clients);
    page.zeros(&["mem_cluster_links"]);
    page.field("mem_aof_buffer", node.log.stats().buffered_bytes.load(Relaxed));
    page.field("mem_allocator", "mimalloc");
    page.field("active_defrag_running", 0);
    page.field("lazyfree_pending_objects", node.lazy_pending.load(Relaxed));
    page.field("lazyfreed_objects", node.lazy_freed.load(Relaxed));
}

/// Interpreters are per thread: their memory is that of all threads, each as its last script has left it.
fn script_memory(page: &mut Page<'_>) {
    let scripting = &page.node.scripting;
    let (catalog, interpreters) = (scripting.catalog(), scripting.interpreter_bytes());
    let (scripts, functions) = (scripting.source_bytes(), catalog.bytes());
    page.field("used_memory_lua", interpreters.scripts);
    page.field("used_memory_vm_eval", interpreters.scripts);
    page.human("used_memory_lua", interpreters.scripts);
    page.field("used_memory_scripts_eval", scripts);
    page.field("number_of_cached_scripts", scripting.count());
    page.field("number_of_functions", catalog.function_count());
    page.field("number_of_libraries", catalog.libraries().len());
    page.field("used_memory_vm_functions", interpreters.functions);
    page.bytes("used_memory_vm_total", interpreters.scripts + interpreters.functions);
    page.field("used_memory_functions", functions);
    page.bytes("used_memory_scripts", scripts + functions);
}

/// The allocator does not tell its pages apart from the process's: what is resident and not in use counts as fragmented.
fn fragmentation(page: &mut Page<'_>, figures: &MemoryFigures) {
    let (ratio, waste) = (figures.fragmentation(), figures.waste());
    page.field("allocator_frag_ratio", format_args!("{ratio:.2}"));
    page.field("allocator_frag_bytes", waste);
    page.field("allocator_rss_ratio", "1.00");
    page.field("allocator_rss_bytes", 0);
    page.field("rss_overhead_ratio", "1.00");
    page.field("rss_overhead_bytes", 0);
    page.field("mem_fragmentation_ratio", format_args!("{ratio:.2}"));
    page.field("mem_fragmentation_bytes", waste);
}

fn persistence(page: &mut Page<'_>) {
    use crate::engine::saving::{Job, Rewriting};
    let node = page.node;
    let now_ms = clock::unix_ms();
    let word = |ok: bool| if ok { "ok" } else { "err" };
    page.field("loading", u8::from(node.is_loading()));
    page.field("async_loading", 0);
    let (keys, total) = node.saving.progress();
    let wants_log = node.config.is_on(Id::AppendOnly);
    let (running, rewriting) = node.saving.look(|state| (state.running, state.rewriting(wants_log)));
    let is_saving = matches!(running, Some((Job::Snapshot | Job::Sync, _)));
    let is_rewriting = rewriting == Rewriting::Now;
    let is_running = is_saving || is_rewriting;
    let (keys, total) = match (is_running, total) {
        (false, _) => (0, 0),
        // The image's cut is still to come.
        (true, 0) => (0, page.store().keys() as u64),
        (true, total) => (keys, total),
    };
    let copied_bytes = if is_running { node.store.copied_bytes() } else { 0 };
    page.field("current_cow_peak", copied_bytes);
    page.field("current_cow_size", copied_bytes);
    page.field("current_cow_size_age", 0);
    page.field("current_fork_perc", format_args!("{:.2}", 100.0 * keys as f64 / total.max(1) as f64));
    page.field("current_save_keys_processed", keys);
    page.field("current_save_keys_total", total);
    page.field("rdb_changes_since_last_save", node.saving.unsaved(node));
    let since = |wanted: bool| match running {
        Some((_, since_ms)) if wanted => (now_ms - since_ms) / 1000,
        _ => -1,
    };
    node.saving.look(|state| {
        page.field("rdb_bgsave_in_progress", u8::from(is_saving));
        page.field("rdb_last_save_time", state.saved_seconds);
        page.field("rdb_last_bgsave_status", word(state.snapshots.ok));
        page.field("rdb_last_bgsave_time_sec", state.snapshots.seconds);
        page.field("rdb_current_bgsave_time_sec", since(is_saving));
        page.field("rdb_saves", state.snapshots.count);
        page.field("rdb_last_cow_size", state.snapshots.copied_bytes);
        let loaded = &node.load_progress;
        page.field("rdb_last_load_keys_expired", loaded.expired.load(Relaxed));
        page.field("rdb_last_load_keys_loaded", loaded.keys.load(Relaxed));
        page.field("aof_enabled", u8::from(wants_log));
        page.field("aof_rewrite_in_progress", u8::from(is_rewriting));
        page.field("aof_rewrite_scheduled", u8::from(rewriting == Rewriting::Later));
        page.field("aof_last_rewrite_time_sec", state.rewrites.seconds);
        page.field("aof_current_rewrite_time_sec", since(is_rewriting));
        page.field("aof_last_bgrewrite_status", word(state.rewrites.ok));
        page.field("aof_rewrites", state.rewrites.count);
        page.field("aof_rewrites_consecutive_failures", state.rewrites.failures);
        page.field("aof_last_write_status", word(!node.journal.is_failing()));
        page.field("aof_last_cow_size", state.rewrites.copied_bytes);
        page.zeros(&["module_fork_in_progress", "module_fork_last_cow_size"]);
        if node.log.is_open() {
            let stats = node.log.stats();
            page.field("aof_current_size", node.saving.log_bytes(node, state));
            page.field("aof_base_size", state.base_bytes);
            page.field("aof_pending_rewrite", u8::from(state.rewrite_wanted));
            page.field("aof_buffer_length", stats.buffered_bytes.load(Relaxed));
            page.field("aof_pending_bio_fsync", u8::from(node.log.is_syncing()));
            page.field("aof_delayed_fsync", stats.delayed_fsyncs.load(Relaxed));
        }
    });
    if node.is_loading() {
        loading(page);
    }
}

fn loading(page: &mut Page<'_>) {
    let progress = &page.node.load_progress;
    let (started_ms, total, loaded) = (
        progress.started_ms.load(Relaxed),
        progress.total_bytes.load(Relaxed),
        progress.loaded_bytes.load(Relaxed),
    );
    let elapsed = (clock::unix_ms() as u64).saturating_sub(started_ms) / 1000;
    let left = match loaded {
        0 => 1,
        _ => (elapsed as f64 * total.saturating_sub(loaded) as f64 / loaded as f64) as u64,
    };
    page.field("loading_start_time", started_ms / 1000);
    page.field("loading_total_bytes", total);
    page.field("loading_rdb_used_mem", progress.used_bytes.load(Relaxed));
    page.field("loading_loaded_bytes", loaded);
    page.field("loading_loaded_perc", format_args!("{:.2}", 100.0 * loaded as f64 / total.max(1) as f64));
    page.field("loading_eta_seconds", left);
}

fn stats(page: &mut Page<'_>) {
    let node = page.node;
    traffic(page);
    page.field("expired_keys", node.sum(|stats| stats.expired.get()));
    page.field("expired_stale_perc", "0.00");
    page.field("expired_time_cap_reached_count", node.upkeep.expiry_cut.load(Relaxed));
    page.field("expire_cycle_cpu_milliseconds", node.upkeep.expiry_us.load(Relaxed) / 1000);
    page.field("evicted_keys", node.sum(|stats| stats.evicted.get()));
    page.field("evicted_clients", node.client_memory.evicted());
    let (excess_ms, excess_now_ms) = node.upkeep.excess_ms();
    page.field("total_eviction_exceeded_time", excess_ms);
    page.field("current_eviction_exceeded_time", excess_now_ms);
    page.field("keyspace_hits", node.sum(|stats| stats.hits.get()));
    page.field("keyspace_misses", node.sum(|stats| stats.misses.get()));
    page.field("pubsub_channels", node.pubsub.channel_count(Space::Global));
    page.field("pubsub_patterns", node.pubsub.patterns());
    page.field("pubsubshard_channels", node.pubsub.channel_count(Space::Shard));
    page.zeros(&["latest_fork_usec", "total_forks"]);
    page.field("migrate_cached_sockets", node.peers.count());
    page.zeros(&[
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ]);
    let tracked = node.tracking.figures();
    page.field("tracking_total_keys", tracked.keys);
    page.field("tracking_total_items", tracked.items);
    page.field("tracking_total_prefixes", tracked.prefixes);
    page.field("unexpected_error_replies", 0);
    page.field("total_error_replies", node.sum(|stats| stats.errors.get()));
    page.field("dump_payload_sanitizations", node.upkeep.payloads_checked.load(Relaxed));
    page.field("total_reads_processed", node.sum(|stats| stats.reads.get()));
    page.field("total_writes_processed", node.sum(|stats| stats.writes.get()));
    page.zeros(&[
        "io_threaded_reads_processed",
        "io_threaded_writes_processed",
        "reply_buffer_shrinks",
        "reply_buffer_expands",
    ]);
    turns(page);
    page.field("acl_access_denied_auth", node.acl.log.count(Reason::Auth));
    page.field("acl_access_denied_cmd", node.acl.log.count(Reason::Command));
    page.field("acl_access_denied_key", node.acl.log.count(Reason::Key));
    page.field("acl_access_denied_channel", node.acl.log.count(Reason::Channel));
}

fn traffic(page: &mut Page<'_>) {
    let (node, rates) = (page.node, page.node.rates.now());
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    page.field("total_connections_received", node.connections_received.load(Relaxed));
    page.field("total_commands_processed", node.sum(|stats| stats.processed.get()));
    page.field("instantaneous_ops_per_sec", rates.commands);
    page.field("total_net_input_bytes", node.sum(|stats| stats.input_bytes.get()));
    page.field("total_net_output_bytes", node.sum(|stats| stats.output_bytes.get()));
    page.field("total_net_repl_input_bytes", 0);
    page.field("total_net_repl_output_bytes", node.feed.stats.output_bytes.load(Relaxed));
    page.field("instantaneous_input_kbps", kilobytes(rates.input_bytes));
    page.field("instantaneous_output_kbps", kilobytes(rates.output_bytes));
    page.field("instantaneous_input_repl_kbps", "0.00");
    page.field("instantaneous_output_repl_kbps", "0.00");
    page.field("rejected_connections", node.connections_rejected.load(Relaxed));
    let synchronizations = &node.feed.stats;
    page.field("sync_full", synchronizations.full.load(Relaxed));
    page.field("sync_partial_ok", synchronizations.partial.load(Relaxed));
    page.field("sync_partial_err", synchronizations.refused.load(Relaxed));
}

/// The turns of connections are what Redis's turns of its loop are: one batch of requests each.
fn turns(page: &mut Page<'_>) {
    let (node, rates) = (page.node, page.node.rates.now());
    let (turns, busy_us) =
        (node.sum(|stats| stats.turns.get()), node.sum(|stats| stats.busy_ns.get()) / 1000);
    page.field("eventloop_cycles", turns);
    page.field("eventloop_duration_sum", busy_us);
    page.field("eventloop_duration_cmd_sum", busy_us);
    page.field("instantaneous_eventloop_cycles_per_sec", rates.turns);
    page.field("instantaneous_eventloop_duration_usec", busy_us.checked_div(turns).unwrap_or(0));
}

fn replication(page: &mut Page<'_>) {
    let node = page.node;
    let (config, figures) = (&node.config, node.feed.figures());
    let lag_seconds_max = config.get(Id::MinReplicasMaxLag);
    page.field("role", "master");
    page.field("connected_slaves", node.feed.links().len());
    if config.get(Id::MinReplicasToWrite) > 0 && lag_seconds_max > 0 {
        page.field("min_slaves_good_slaves", node.feed.count_good(lag_seconds_max));
    }
    replicas(page);
    page.field("master_failover_state", "no-failover");
    page.field("master_replid", figures.id);
    page.field("master_replid2", "0".repeat(40));
    page.field("master_repl_offset", figures.end);
    page.field("second_repl_offset", -1);
    page.field("repl_backlog_active", u8::from(figures.backlog.is_some()));
    page.field("repl_backlog_size", node.config.get(Id::ReplBacklogSize));
    // Bytes of the stream are counted from one here.
    let (first, bytes) = figures.backlog.map_or((0, 0), |(start, bytes)| (start + 1, bytes));
    page.field("repl_backlog_first_byte_offset", first);
    page.field("repl_backlog_histlen", bytes);
}

fn replicas(page: &mut Page<'_>) {
    let now_ms = clock::unix_ms();
    for (place, link) in page.node.feed.links().iter().enumerate() {
        let view = link.view();
        let state = match view.stage {
            Stage::Online => "online",
            Stage::Receiving if link.is_being_sent() => "send_bulk",
            Stage::Served => "rdb_transmitted",
            _ => "wait_bgsave",
        };
        let lag = if view.stage == Stage::Online { link.lag_ms(now_ms) / 1000 } else { 0 };
        let (ip, port, offset) = (&view.address, view.port, link.acknowledged());
        page.line(format_args!("slave{place}:ip={ip},port={port},state={state},offset={offset},lag={lag}"));
    }
}

fn cpu(page: &mut Page<'_>) {
    let CpuTime { system, user, children_system, children_user } = process::cpu_time();
    let main = process::main_thread_cpu_time();
    for (name, seconds) in [
        ("used_cpu_sys", system),
        ("used_cpu_user", user),
        ("used_cpu_sys_children", children_system),
        ("used_cpu_user_children", children_user),
        ("used_cpu_sys_main_thread", main.system),
        ("used_cpu_user_main_thread", main.user),
    ] {
        page.field(name, format_args!("{seconds:.6}"));
    }
}

fn command_stats(page: &mut Page<'_>) {
    let node = page.node;
    for command in node.table.all() {
        let id = usize::from(command.id);
        let calls = node.sum(|stats| stats.commands[id].calls.get());
        let microseconds = node.sum(|stats| stats.commands[id].nanoseconds.get()) / 1000;
        let rejected = node.sum(|stats| stats.commands[id].rejected.get());
        let failed = node.sum(|stats| stats.commands[id].failed.get());
        if calls + rejected + failed == 0 {
            continue;
        }
        let average = if calls == 0 { 0.0 } else { microseconds as f64 / calls as f64 };
        page.line(format_args!(
            "cmdstat_{}:calls={calls},usec={microseconds},usec_per_call={average:.2},rejected_calls={rejected},failed_calls={failed}",
            command.facts.name
        ));
    }
}

fn error_stats(page: &mut Page<'_>) {
    let mut errors: Vec<(String, u64)> =
        page.node.errors.iter().map(|entry| (entry.key().clone(), *entry.value())).collect();
    errors.sort_unstable();
    errors.iter().for_each(|(code, count)| page.line(format_args!("errorstat_{code}:count={count}")));
}

fn latency_stats(page: &mut Page<'_>) {
    let node = page.node;
    if !node.config.is_on(Id::LatencyTracking) {
        return;
    }
    let setting = page.setting("latency-tracking-info-percentiles");
    for command in node.table.all() {
        let Some(latencies) = node.latencies(command) else { continue };
        let shown: Vec<String> = setting
            .split_whitespace()
            .map(|percent| {
                let microseconds = latencies.percentile(percent.parse().unwrap_or(0.0)) as f64 / 1000.0;
                format!("p{percent}={microseconds:.3}")
            })
            .collect();
        page.line(format_args!("latency_percentiles_usec_{}:{}", command.facts.name, shown.join(",")));
    }
}

fn cluster(page: &mut Page<'_>) {
    page.field("cluster_enabled", 0);
}

fn keyspace(page: &mut Page<'_>) {
    let filled = page.store().databases.iter().enumerate().filter(|(_, figures)| figures.keys > 0);
    let lines: Vec<String> = filled
        .map(|(db, figures)| {
            let average_ms = figures.ttl_sum_ms.checked_div(figures.ttl_samples).unwrap_or(0);
            format!("db{db}:keys={},expires={},avg_ttl={average_ms}", figures.keys, figures.expiring)
        })
        .collect();
    lines.iter().for_each(|line| page.line(line));
}

/// For the developers of Redis: its turns of the loop are turns of connections here.
fn debug(page: &mut Page<'_>) {
    let node = page.node;
    let max =
        |of: fn(&WorkerStats) -> u64| node.worker_stats.iter().map(|stats| of(stats)).max().unwrap_or(0);
    page.field("eventloop_duration_aof_sum", node.log.stats().write_us.load(Relaxed));
    page.field("eventloop_duration_cron_sum", node.upkeep.beat_us.load(Relaxed));
    page.field("eventloop_duration_max", max(|stats| stats.turn_ns_max.get() / 1000));
    page.field("eventloop_cmd_per_cycle_max", max(|stats| stats.turn_commands_max.get()));
}

fn threads(page: &mut Page<'_>) {
    let node = page.node;
    page.field("server_threads", node.workers());
    for (id, stats) in node.worker_stats.iter().enumerate().take(node.workers()) {
        page.line(format_args!(
            "worker{id}:connections={},commands={},busy_usec={},turns={}",
            stats.connections.load(Relaxed),
            stats.processed.get(),
            stats.busy_ns.get() / 1000,
            stats.turns.get()
        ));
    }
}

fn stripes(page: &mut Page<'_>) {
    let (count, keys) = (page.node.store.stripes(), page.store().keys());
    page.field("stripes", count);
    page.field("keys_per_stripe_max", page.store().keys_per_stripe_max);
    page.field("keys_per_stripe_avg", format_args!("{:.2}", keys as f64 / count as f64));
    page.field("watched_keys", page.store().watched_keys);
    page.field("awaited_keys", page.store().awaited_keys);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        let check = |bytes: usize, expected: &str| assert_eq!(human_bytes(bytes), expected);
        check(0, "0B");
        check(1023, "1023B");
        check(1024, "1.00K");
        check(1_005_080, "981.52K");
        check(25_276_510_208, "23.54G");
    }

    #[test]
    fn sections_are_chosen_by_name_and_by_group() {
        let chosen = |wanted: &str| -> String {
            let wanted: Vec<&[u8]> = wanted.split_whitespace().map(str::as_bytes).collect();
            let names = SECTIONS.iter().filter(|(name, shown, _)| is_wanted(name, *shown, &wanted));
            names.map(|(name, ..)| &name[..2]).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(chosen(""), "Se Cl Me Pe St Re CP Mo Er Cl Ke");
        assert_eq!(chosen("default"), chosen(""));
        assert_eq!(chosen("ALL"), "Se Cl Me Pe St Re CP Mo Co Er La Cl Ke");
        assert_eq!(chosen("everything"), "Se Cl Me Pe St Re CP Mo Co Er La Cl Ke Th St");
        assert_eq!(chosen("keyspace cpu nothing"), "CP Ke");
        assert_eq!(chosen("debug"), "De");
    }

    #[test]
    fn every_field_of_redis_is_there_in_its_order() {
        let expected = include_str!("../../../tests/assets/info-7.2.4.txt");
        let repeated = ["cmdstat_", "errorstat_", "latency_percentiles_", "db0"];
        let names = |text: &str| -> Vec<String> {
            let names = text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned());
            names.filter(|name| !repeated.iter().any(|prefix| name.starts_with(prefix))).collect()
        };
        let table = crate::engine::table::CommandTable::new(crate::commands::FAMILIES).unwrap();
        let node = Node::new(crate::config::Config::default(), table, 1);
        let mut ours = names(&text(&node, &[b"all"]));
        ours.retain(|name| name != "tartan_version");
        assert_eq!(ours, names(expected));
    }
}
