//! The settings: one row each, and nothing about a setting anywhere else but in the code that obeys it.
//!
//! Names, types, bounds, enumerations and defaults are those of Redis 7.2 unless the row says otherwise. The line above a row
//! documents it; `config/tartan.conf` explains it to the operator.

use super::setting::{
    Setting, addresses, boolean, bytes, bytes_or_percent, choice, directory, events, file_name, number,
    octal, oom_scores, output_limits, percentiles, replica_of, save_points, shutdown_flags, text,
};
use super::special::{check_host_name, check_locale, check_node_name};
use super::title;

/// Declares `Id` and `SETTINGS` from the same rows, so that an `Id` is its row's index.
macro_rules! settings {
    ($($(#[doc = $about:literal])+ $id:ident = $row:expr;)+) => {
        /// A setting. `id as usize` is its row in `SETTINGS`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Id { $($(#[doc = $about])+ $id),+ }

        /// How many there are.
        pub(super) const COUNT: usize = [$(Id::$id),+].len();

        /// Every row, in the order of `Id`.
        pub static SETTINGS: &[Setting] = &[$($row.id(Id::$id)),+];
    };
}

/// `loglevel`, in the order of `base::log::Level`.
const LOG_LEVELS: &[&str] = &["debug", "verbose", "notice", "warning", "nothing"];
/// Who may use a guarded command: nobody, everybody, or local connections only.
const GUARD: &[&str] = &["no", "yes", "local"];
const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];

/// The order of `syslog(3)`'s facilities behind `user`: `local0` to `local7`.
const FACILITIES: &[&str] =
    &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
/// Who watches over the process.
const SUPERVISORS: &[&str] = &["upstart", "systemd", "auto", "no"];
const OOM_MODES: &[&str] = &["no", "yes", "relative", "absolute"];

const NO_CLUSTER: &str = "cluster mode is not supported";
const NO_TLS: &str = "TLS is not supported";
const NO_DEFRAGMENTATION: &str = "Active defragmentation cannot be enabled: it requires a Redis server compiled with a \
     modified Jemalloc like the one shipped by default with the Redis source distribution";

const INT_MAX: u64 = i32::MAX as u64;
const LONG_MAX: u64 = i64::MAX as u64;
const MB: i64 = 1024 * 1024;

settings! {
    // Network.
    /// Addresses to listen on; `-` before one: do not fail if it does not exist.
    Bind = addresses("bind", "* -::*").live();
    /// TCP port; 0: none.
    Port = number("port", 0, 65_535, 6379).live();
    /// Path of the unix socket; empty: none.
    UnixSocket = text("unixsocket", "");
    /// Permissions of the unix socket; 0: as the umask says.
    UnixSocketPerm = octal("unixsocketperm", 0o777, 0);
    /// Length of the accept queue.
    TcpBacklog = number("tcp-backlog", 0, INT_MAX, 511);
    /// Seconds between keep-alive probes; 0: none.
    TcpKeepalive = number("tcp-keepalive", 0, INT_MAX, 300).live();
    /// Seconds after which an idle client is disconnected; 0: never.
    Timeout = number("timeout", 0, INT_MAX, 0).live();
    /// Keys noted for clients that track what they read; 0: no limit.
    TrackingTableMaxKeys = number("tracking-table-max-keys", 0, LONG_MAX, 1_000_000).live();
    /// Greatest number of clients.
    MaxClients = number("maxclients", 1, u32::MAX as u64, 10_000).live();
    /// Refuse other hosts while there is no password and no explicit address.
    ProtectedMode = boolean("protected-mode", true).live();
    /// Mark of the sockets that listen, for the routing of their packets (`SO_MARK`); 0: none.
    SocketMarkId = number("socket-mark-id", 0, u32::MAX as u64, 0);
    /// Address that connections to others come from.
    BindSourceAddr = text("bind-source-addr", "").live().inert();

    // Access.
    /// Password of the default user; empty: none.
    RequirePass = text("requirepass", "").live();
    /// File of the users; empty: they are in the configuration file.
    AclFile = text("aclfile", "");
    /// Channels that new users may use.
    AclPubSubDefault = choice("acl-pubsub-default", &["allchannels", "resetchannels"], 1).live();
    /// Entries kept by ACL LOG.
    AclLogMaxLen = number("acllog-max-len", 0, LONG_MAX, 128).live();
    /// Who may use DEBUG.
    EnableDebugCommand = choice("enable-debug-command", GUARD, 0);
    /// Who may use MODULE LOAD and its kin, which fail in any case.
    EnableModuleCommand = choice("enable-module-command", GUARD, 0);
    /// Who may change protected settings.
    EnableProtectedConfigs = choice("enable-protected-configs", GUARD, 0);

    // Process.
    /// Worker threads. Not in Redis, whose `io-threads` is its alias; default: the CPUs granted to the container.
    ServerThreads = number("server-threads", 1, 256, 1).alias("io-threads").per_cpu().own();
    /// Accepted for Redis's sake; workers always read.
    IoThreadsDoReads = boolean("io-threads-do-reads", false).inert();
    /// Number of databases.
    Databases = number("databases", 1, INT_MAX, 16);
    /// Background rounds a second.
    Hz = number("hz", 0, INT_MAX, 10).clamp(1, 500).live();
    /// More background rounds with more clients.
    DynamicHz = boolean("dynamic-hz", true).live();
    /// Seconds that SHUTDOWN waits for replicas.
    ShutdownTimeout = number("shutdown-timeout", 0, INT_MAX, 10).live();
    /// Working directory.
    Dir = directory("dir").protected().live();
    /// Go into the background.
    Daemonize = boolean("daemonize", false);
    /// Who started the server and wants to hear of it.
    Supervised = choice("supervised", SUPERVISORS, 3);
    /// Show what the server is in the list of processes.
    SetProcTitle = boolean("set-proc-title", true);
    /// How it is shown.
    ProcTitleTemplate =
        text("proc-title-template", "{title} {listen-addr} {server-mode}").checked(title::check).live();
    /// What SIGTERM does besides ending the server.
    ShutdownOnSigterm = shutdown_flags("shutdown-on-sigterm").live();
    /// What SIGINT does.
    ShutdownOnSigint = shutdown_flags("shutdown-on-sigint").live();
    /// Tell the kernel how readily to end the process when memory runs out: not, relative to what it was, absolutely.
    OomScoreAdj = choice("oom-score-adj", OOM_MODES, 0).synonym(2, 1).live();
    /// The scores for that: of a primary, a replica, a child.
    OomScoreAdjValues = oom_scores("oom-score-adj-values").live();
    /// CPUs that the server runs on, as `taskset` lists them with Redis's `:step`; empty: all.
    ServerCpuList = text("server_cpulist", "");
    /// CPUs of the threads that free memory and write the log.
    BioCpuList = text("bio_cpulist", "");
    /// CPUs of the saver's thread while it rewrites the log.
    AofRewriteCpuList = text("aof_rewrite_cpulist", "");
    /// CPUs of the saver's thread while it makes a snapshot.
    BgsaveCpuList = text("bgsave_cpulist", "");
    /// How strings are compared by SORT ALPHA: only by bytes.
    LocaleCollate = text("locale-collate", "").checked(check_locale).live().inert();
    /// Log a report when the server crashes.
    CrashLogEnabled = boolean("crash-log-enabled", true).live();
    /// Test the memory after a crash.
    CrashMemcheckEnabled = boolean("crash-memcheck-enabled", true).live().inert();
    /// End by exit instead of abort after a crash: for tests.
    UseExitOnPanic = boolean("use-exit-on-panic", false).live().hidden().inert();
    /// Milliseconds that the main loop may be stuck before its stack is logged: for developers.
    WatchdogPeriod = number("watchdog-period", 0, INT_MAX, 0).live().hidden().inert();
    /// File holding the process id; empty: none.
    PidFile = text("pidfile", "");

    // Log and metrics.
    /// Least level that is logged.
    LogLevel = choice("loglevel", LOG_LEVELS, 2).live();
    /// Log file; empty: standard output.
    LogFile = text("logfile", "");
    /// Form of log lines. Not in Redis.
    LogFormat = choice("log-format", &["redis", "json"], 0).own();
    /// Log to syslog as well.
    SyslogEnabled = boolean("syslog-enabled", false);
    /// The name there.
    SyslogIdent = text("syslog-ident", "redis");
    /// The facility there.
    SyslogFacility = choice("syslog-facility", FACILITIES, 1);
    /// Warnings at the start that are not given; Redis's only one is about forks on ARM.
    IgnoreWarnings = text("ignore-warnings", "").live().inert();
    /// Show a banner even when the log is no terminal.
    AlwaysShowLogo = boolean("always-show-logo", false);
    /// Port of the metrics endpoint; 0: none. Not in Redis.
    MetricsPort = number("metrics-port", 0, 65_535, 9121).own();

    // Memory.
    /// Bytes of data at which eviction starts; 0: no limit.
    MaxMemory = bytes("maxmemory", 0, u64::MAX, 0).live();
    /// What is evicted.
    MaxMemoryPolicy = choice("maxmemory-policy", POLICIES, 7).live();
    /// Keys looked at for each eviction.
    MaxMemorySamples = number("maxmemory-samples", 1, INT_MAX, 5).live();
    /// How long eviction may hold up a command: 0 least, 100 without bound.
    MaxMemoryEvictionTenacity = number("maxmemory-eviction-tenacity", 0, 100, 10).live();
    /// Hits that saturate the LFU counter: the higher, the more.
    LfuLogFactor = number("lfu-log-factor", 0, INT_MAX, 10).live();
    /// Minutes after which the LFU counter is lowered; 0: at each look.
    LfuDecayTime = number("lfu-decay-time", 0, INT_MAX, 1).live();
    /// Keep the kernel from using huge pages, whose making would hold up commands.
    DisableThp = boolean("disable-thp", true);
    /// Grow hash tables in the background; here they always grow bucket by bucket.
    ActiveRehashing = boolean("activerehashing", true).live().inert();
    /// Let jemalloc give memory back in a thread of its own.
    JemallocBgThread = boolean("jemalloc-bg-thread", true).live().inert();
    /// Move values together to get rid of holes in the memory.
    ActiveDefrag = boolean("activedefrag", false).live().default_only(NO_DEFRAGMENTATION).inert();
    /// Bytes of holes below which nothing is moved.
    ActiveDefragIgnoreBytes = bytes("active-defrag-ignore-bytes", 1, LONG_MAX, 100 * MB).live().inert();
    /// Percentage of holes below which nothing is moved.
    ActiveDefragThresholdLower = number("active-defrag-threshold-lower", 0, 1000, 10).live().inert();
    /// Percentage of holes from which on the effort is greatest.
    ActiveDefragThresholdUpper = number("active-defrag-threshold-upper", 0, 1000, 100).live().inert();
    /// Least percentage of the CPU time for that.
    ActiveDefragCycleMin = number("active-defrag-cycle-min", 1, 99, 1).live().inert();
    /// Greatest percentage of the CPU time for that.
    ActiveDefragCycleMax = number("active-defrag-cycle-max", 1, 99, 25).live().inert();
    /// Elements of a collection that are gone through at once.
    ActiveDefragMaxScanFields = number("active-defrag-max-scan-fields", 1, LONG_MAX, 1000).live().inert();
    /// Effort of active expiry, 1 to 10.
    ActiveExpireEffort = number("active-expire-effort", 1, 10, 1).live();
    /// Free evicted values in the background.
    LazyFreeEviction = boolean("lazyfree-lazy-eviction", false).live();
    /// Free expired values in the background.
    LazyFreeExpire = boolean("lazyfree-lazy-expire", false).live();
    /// Free overwritten values in the background.
    LazyFreeServerDel = boolean("lazyfree-lazy-server-del", false).live();
    /// DEL frees in the background, like UNLINK.
    LazyFreeUserDel = boolean("lazyfree-lazy-user-del", false).live().inert();
    /// FLUSHALL and FLUSHDB free in the background unless told SYNC.
    LazyFreeUserFlush = boolean("lazyfree-lazy-user-flush", false).live().inert();

    // Limits of clients.
    /// Greatest length of one argument in bytes.
    ProtoMaxBulkLen = bytes("proto-max-bulk-len", MB, LONG_MAX, 512 * MB).live();
    /// Greatest size of a client's query buffer in bytes.
    ClientQueryBufferLimit = bytes("client-query-buffer-limit", MB, LONG_MAX, 1024 * MB).live();
    /// Bytes that all clients may take together, or a percentage of `maxmemory`; 0: no limit.
    MaxMemoryClients = bytes_or_percent("maxmemory-clients", 0).live();
    /// Output buffer limits of each class of clients.
    ClientOutputBufferLimit = output_limits("client-output-buffer-limit").live();

    // Events and slow log.
    /// Key-space events that are published.
    NotifyKeyspaceEvents = events("notify-keyspace-events").live();
    /// Microseconds from which on a command is logged as slow; 0: all, -1: none.
    SlowlogLogSlowerThan = number("slowlog-log-slower-than", -1, LONG_MAX, 10_000).live();
    /// Entries kept in the slow log.
    SlowlogMaxLen = number("slowlog-max-len", 0, LONG_MAX, 128).live();

    /// Record how long commands take.
    LatencyTracking = boolean("latency-tracking", true).live();
    /// The percentiles that INFO shows of that.
    LatencyTrackingInfoPercentiles = percentiles("latency-tracking-info-percentiles").live();
    /// Milliseconds from which on LATENCY keeps an event; 0: none.
    LatencyMonitorThreshold = number("latency-monitor-threshold", 0, LONG_MAX, 0).live();

    // Scripts.
    /// Milliseconds after which whoever waits for a script gets an error; 0: at once.
    BusyReplyThreshold = number("busy-reply-threshold", 0, LONG_MAX, 5000).alias("lua-time-limit").live();

    // Encodings.
    /// Fields up to which a hash stays a listpack.
    HashMaxListpackEntries =
        number("hash-max-listpack-entries", 0, LONG_MAX, 512).alias("hash-max-ziplist-entries").live();
    /// Length of a field or value up to which a hash stays a listpack.
    HashMaxListpackValue =
        bytes("hash-max-listpack-value", 0, LONG_MAX, 64).alias("hash-max-ziplist-value").live();
    /// Size of a list node: elements, or -1 to -5 for 4 KB to 64 KB.
    ListMaxListpackSize =
        number("list-max-listpack-size", i32::MIN as i64, INT_MAX, -2).alias("list-max-ziplist-size").live();
    /// List nodes left uncompressed at each end; 0: all.
    ListCompressDepth = number("list-compress-depth", 0, INT_MAX, 0).live().inert();
    /// Members up to which a set of integers stays an intset.
    SetMaxIntsetEntries = number("set-max-intset-entries", 0, LONG_MAX, 512).live();
    /// Members up to which a set stays a listpack.
    SetMaxListpackEntries = number("set-max-listpack-entries", 0, LONG_MAX, 128).live();
    /// Length of a member up to which a set stays a listpack.
    SetMaxListpackValue = number("set-max-listpack-value", 0, LONG_MAX, 64).live();
    /// Members up to which a sorted set stays a listpack.
    ZsetMaxListpackEntries =
        number("zset-max-listpack-entries", 0, LONG_MAX, 128).alias("zset-max-ziplist-entries").live();
    /// Length of a member up to which a sorted set stays a listpack.
    ZsetMaxListpackValue =
        bytes("zset-max-listpack-value", 0, LONG_MAX, 64).alias("zset-max-ziplist-value").live();
    /// Bytes up to which a HyperLogLog stays sparse.
    HllSparseMaxBytes = bytes("hll-sparse-max-bytes", 0, LONG_MAX, 3000).live();
    /// Bytes of a stream node; 0: no limit.
    StreamNodeMaxBytes = bytes("stream-node-max-bytes", 0, LONG_MAX, 4096).live();
    /// Entries of a stream node; 0: no limit.
    StreamNodeMaxEntries = number("stream-node-max-entries", 0, LONG_MAX, 100).live();

    // Snapshots.
    /// Seconds and changes after which a snapshot is made; none: never.
    Save = save_points("save").live();
    /// Name of the snapshot in `dir`.
    DbFileName =
        file_name("dbfilename", "dump.rdb", "dbfilename can't be a path, just a filename").protected().live();
    /// Compress strings in snapshots.
    RdbCompression = boolean("rdbcompression", true).live();
    /// Write and verify the checksum of snapshots.
    RdbChecksum = boolean("rdbchecksum", true);
    /// Have the disk take a snapshot while it is written instead of all at its end.
    RdbSaveIncrementalFsync = boolean("rdb-save-incremental-fsync", true).live();
    /// Delete snapshots that only a replication has needed, when nothing else is persistent.
    RdbDelSyncFiles = boolean("rdb-del-sync-files", false).live().inert();
    /// Version of the format that snapshots are written in: 11 is what Redis 7.2 reads, 10 what 7.0 does. Not in Redis.
    RdbVersion = number("rdb-version", 10, 11, 11).live();
    /// Refuse writes while the last snapshot has failed.
    StopWritesOnBgsaveError = boolean("stop-writes-on-bgsave-error", true).live();
    /// Accepted for Redis's sake; payloads are always checked in full.
    SanitizeDumpPayload = choice("sanitize-dump-payload", &["no", "yes", "clients"], 0).live().inert();
    /// Microseconds waited after each key of a snapshot, or keys for each microsecond if negative: for tests.
    RdbKeySaveDelay = number("rdb-key-save-delay", i32::MIN as i64, INT_MAX, 0).live().hidden();
    /// Microseconds waited after each key loaded, likewise.
    KeyLoadDelay = number("key-load-delay", i32::MIN as i64, INT_MAX, 0).live().hidden();
    /// Bytes loaded between looks at the clients, who are served by other threads here: for tests.
    LoadingProcessEventsIntervalBytes =
        number("loading-process-events-interval-bytes", 1024, INT_MAX, 2 * MB).live().hidden().inert();

    // Append-only file.
    /// Log every write.
    AppendOnly = boolean("appendonly", false).live();
    /// Name that the parts of the log begin with.
    AppendFileName =
        file_name("appendfilename", "appendonly.aof", "appendfilename can't be a path, just a filename");
    /// Folder of the log in `dir`.
    AppendDirName =
        file_name("appenddirname", "appendonlydir", "appenddirname can't be a path, just a dirname");
    /// What is done before the reply of a write leaves: `always` an fsync, otherwise a write.
    AppendFsync = choice("appendfsync", &["everysec", "always", "no"], 0).live();
    /// No fsync while a snapshot or rewrite writes.
    NoAppendFsyncOnRewrite = boolean("no-appendfsync-on-rewrite", false).live();
    /// Growth of the log in percent at which it is rewritten; 0: never.
    AutoAofRewritePercentage = number("auto-aof-rewrite-percentage", 0, INT_MAX, 100).live();
    /// Size of the log in bytes below which it is not rewritten by itself.
    AutoAofRewriteMinSize = bytes("auto-aof-rewrite-min-size", 0, LONG_MAX, 64 * MB).live();
    /// Cut off what a crash has left half written at the end of the log, instead of refusing to start.
    AofLoadTruncated = boolean("aof-load-truncated", true).live();
    /// Write the base of the log as a snapshot instead of commands.
    AofUseRdbPreamble = boolean("aof-use-rdb-preamble", true).live();
    /// Mark records with the time.
    AofTimestampEnabled = boolean("aof-timestamp-enabled", false).live();
    /// As `rdb-save-incremental-fsync`, for rewrites.
    AofRewriteIncrementalFsync = boolean("aof-rewrite-incremental-fsync", true).live();
    /// Keep parts of the log that a rewrite has replaced: for tests.
    AofDisableAutoGc = boolean("aof-disable-auto-gc", false).live().hidden();

    // Replication. What is a replica's own has no effect yet.
    /// The primary.
    ReplicaOf = replica_of("replicaof").alias("slaveof").inert();
    /// Password for the primary.
    MasterAuth = text("masterauth", "").live().inert();
    /// User for the primary.
    MasterUser = text("masteruser", "").live().inert();
    /// Answer although the primary is away.
    ReplicaServeStaleData =
        boolean("replica-serve-stale-data", true).alias("slave-serve-stale-data").live().inert();
    /// Refuse writes by others than the primary.
    ReplicaReadOnly = boolean("replica-read-only", true).alias("slave-read-only").live().inert();
    /// Leave eviction to the primary.
    ReplicaIgnoreMaxMemory =
        boolean("replica-ignore-maxmemory", true).alias("slave-ignore-maxmemory").live().inert();
    /// Go on although the disk takes no more of the log.
    ReplicaIgnoreDiskWriteErrors =
        boolean("replica-ignore-disk-write-errors", false).live().inert();
    /// Free the old data in the background before a full synchronisation.
    ReplicaLazyFlush = boolean("replica-lazy-flush", false).alias("slave-lazy-flush").live().inert();
    /// Sentinel's preference among replicas.
    ReplicaPriority = number("replica-priority", 0, INT_MAX, 100).alias("slave-priority").live().inert();
    /// Whether Sentinel tells of this replica.
    ReplicaAnnounced = boolean("replica-announced", true).live().inert();
    /// Address told to the primary.
    ReplicaAnnounceIp = text("replica-announce-ip", "").alias("slave-announce-ip").live().inert();
    /// Port told to the primary.
    ReplicaAnnouncePort =
        number("replica-announce-port", 0, 65_535, 0).alias("slave-announce-port").live().inert();
    /// Send snapshots without a file.
    ReplDisklessSync = boolean("repl-diskless-sync", true).live();
    /// Seconds waited for more replicas before that.
    ReplDisklessSyncDelay = number("repl-diskless-sync-delay", 0, INT_MAX, 5).live();
    /// Replicas for which that is not waited out.
    ReplDisklessSyncMaxReplicas = number("repl-diskless-sync-max-replicas", 0, INT_MAX, 0).live();
    /// Load snapshots without a file.
    ReplDisklessLoad =
        choice("repl-diskless-load", &["disabled", "on-empty-db", "swapdb"], 0).live().inert();
    /// Bytes of the latest effects kept for replicas that come back.
    ReplBacklogSize = bytes("repl-backlog-size", 1, LONG_MAX, MB).live();
    /// Seconds without replicas after which they are dropped.
    ReplBacklogTtl = number("repl-backlog-ttl", 0, LONG_MAX, 3600).live();
    /// Seconds of silence after which a link is given up.
    ReplTimeout = number("repl-timeout", 1, INT_MAX, 60).live();
    /// Seconds between pings to replicas.
    ReplPingReplicaPeriod =
        number("repl-ping-replica-period", 1, INT_MAX, 10).alias("repl-ping-slave-period").live();
    /// Send fewer, larger packets to replicas.
    ReplDisableTcpNoDelay = boolean("repl-disable-tcp-nodelay", false).live().inert();
    /// Replicas without which writes are refused; 0: writes are never refused for that.
    MinReplicasToWrite =
        number("min-replicas-to-write", 0, INT_MAX, 0).alias("min-slaves-to-write").live();
    /// Seconds within which they must have answered; 0: writes are never refused for that.
    MinReplicasMaxLag =
        number("min-replicas-max-lag", 0, INT_MAX, 10).alias("min-slaves-max-lag").live();
    /// What follows when an effect cannot be repeated.
    PropagationErrorBehavior =
        choice("propagation-error-behavior", &["ignore", "panic", "panic-on-replicas"], 0).live().inert();

    // Cluster, which is not there yet.
    /// Be a node of a cluster.
    ClusterEnabled = boolean("cluster-enabled", false).default_only(NO_CLUSTER).inert();
    /// File of the node's view of the cluster.
    ClusterConfigFile = text("cluster-config-file", "nodes.conf").inert();
    /// Port of the bus.
    ClusterPort = number("cluster-port", 0, 65_535, 0).inert();
    /// Milliseconds after which a silent node counts as failing.
    ClusterNodeTimeout = number("cluster-node-timeout", 0, LONG_MAX, 15_000).live().inert();
    /// Milliseconds between pings: for tests.
    ClusterPingInterval = number("cluster-ping-interval", 0, LONG_MAX, 0).live().hidden().inert();
    /// How old a replica's data may be for a failover, in node time-outs.
    ClusterReplicaValidityFactor = number("cluster-replica-validity-factor", 0, INT_MAX, 10)
        .alias("cluster-slave-validity-factor")
        .live()
        .inert();
    /// Never become a primary by itself.
    ClusterReplicaNoFailover =
        boolean("cluster-replica-no-failover", false).alias("cluster-slave-no-failover").live().inert();
    /// Replicas that a primary must keep when another one gets one of them.
    ClusterMigrationBarrier = number("cluster-migration-barrier", 0, INT_MAX, 1).live().inert();
    /// Move to primaries without replicas.
    ClusterAllowReplicaMigration = boolean("cluster-allow-replica-migration", true).live().inert();
    /// Answer only while every slot is served.
    ClusterRequireFullCoverage = boolean("cluster-require-full-coverage", true).live().inert();
    /// Read all the same.
    ClusterAllowReadsWhenDown = boolean("cluster-allow-reads-when-down", false).live().inert();
    /// Publish to shard channels all the same.
    ClusterAllowPubSubShardWhenDown =
        boolean("cluster-allow-pubsubshard-when-down", true).live().inert();
    /// Bytes that may wait for another node.
    ClusterLinkSendbufLimit = bytes("cluster-link-sendbuf-limit", 0, u64::MAX, 0).live().inert();
    /// Address told to others.
    ClusterAnnounceIp = text("cluster-announce-ip", "").live().inert();
    /// Port told to others.
    ClusterAnnouncePort = number("cluster-announce-port", 0, 65_535, 0).live().inert();
    /// Port of TLS told to others.
    ClusterAnnounceTlsPort = number("cluster-announce-tls-port", 0, 65_535, 0).live().inert();
    /// Port of the bus told to others.
    ClusterAnnounceBusPort = number("cluster-announce-bus-port", 0, 65_535, 0).live().inert();
    /// Host name told to others.
    ClusterAnnounceHostname = text("cluster-announce-hostname", "").checked(check_host_name).live().inert();
    /// Name told to people.
    ClusterAnnounceHumanNodename =
        text("cluster-announce-human-nodename", "").checked(check_node_name).live().inert();
    /// What clients are told to connect to.
    ClusterPreferredEndpointType =
        choice("cluster-preferred-endpoint-type", &["ip", "hostname", "unknown-endpoint"], 0).live().inert();

    // TLS, which is not there yet.
    /// Port of TLS.
    TlsPort = number("tls-port", 0, 65_535, 0).live().default_only(NO_TLS).inert();
    /// Certificate.
    TlsCertFile = text("tls-cert-file", "").live().inert();
    /// Its key.
    TlsKeyFile = text("tls-key-file", "").live().inert();
    /// The key's password.
    TlsKeyFilePass = text("tls-key-file-pass", "").live().inert();
    /// Certificate for connections to others.
    TlsClientCertFile = text("tls-client-cert-file", "").live().inert();
    /// Its key.
    TlsClientKeyFile = text("tls-client-key-file", "").live().inert();
    /// The key's password.
    TlsClientKeyFilePass = text("tls-client-key-file-pass", "").live().inert();
    /// Parameters of Diffie and Hellman's exchange.
    TlsDhParamsFile = text("tls-dh-params-file", "").live().inert();
    /// Authorities trusted.
    TlsCaCertFile = text("tls-ca-cert-file", "").live().inert();
    /// Folder of authorities trusted.
    TlsCaCertDir = text("tls-ca-cert-dir", "").live().inert();
    /// Whether clients must have certificates.
    TlsAuthClients = choice("tls-auth-clients", &["no", "yes", "optional"], 1).live().inert();
    /// TLS to the primary.
    TlsReplication = boolean("tls-replication", false).live().inert();
    /// TLS on the bus.
    TlsCluster = boolean("tls-cluster", false).live().inert();
    /// Versions.
    TlsProtocols = text("tls-protocols", "").live().inert();
    /// Ciphers up to TLS 1.2.
    TlsCiphers = text("tls-ciphers", "").live().inert();
    /// Ciphers of TLS 1.3.
    TlsCipherSuites = text("tls-ciphersuites", "").live().inert();
    /// Whose preference among ciphers counts.
    TlsPreferServerCiphers = boolean("tls-prefer-server-ciphers", false).live().inert();
    /// Let clients resume sessions.
    TlsSessionCaching = boolean("tls-session-caching", true).live().inert();
    /// Sessions kept.
    TlsSessionCacheSize = number("tls-session-cache-size", 0, INT_MAX, 20_480).live().inert();
    /// Seconds that they are kept.
    TlsSessionCacheTimeout = number("tls-session-cache-timeout", 0, INT_MAX, 300).live().inert();
}

/// The row of `id`.
pub(super) fn row(id: Id) -> &'static Setting {
    &SETTINGS[id as usize]
}

/// The row whose name or alias is `name` in any case, and the spelling found.
pub(super) fn find(name: &[u8]) -> Option<(&'static Setting, &'static str)> {
    SETTINGS.iter().find_map(|row| {
        let spelling = row.names().find(|spelling| name.eq_ignore_ascii_case(spelling.as_bytes()))?;
        Some((row, spelling))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_their_ids_and_names_are_unique() {
        let mut names = std::collections::HashSet::new();
        for (index, row) in SETTINGS.iter().enumerate() {
            assert_eq!(row.id as usize, index, "{}", row.name);
            assert!(row.names().all(|name| names.insert(name)), "{}", row.name);
        }
    }

    #[test]
    fn every_default_can_be_read_back() {
        // There are no words for having no primary that a file could hold.
        for row in SETTINGS.iter().filter(|row| row.id != Id::ReplicaOf) {
            let value = row.default_value();
            let text = row.format(&value);
            // The working directory may be unreadable, and `save` and the like read several words.
            let words: Vec<&[u8]> = match row.takes_words() {
                true => text.split(|&byte| byte == b' ').collect(),
                false => vec![&text],
            };
            assert_eq!(row.parse(&words, &value), Ok(value.clone()), "{}", row.name);
        }
    }

    #[test]
    fn rows_are_found_by_name_and_alias_in_any_case() {
        let check = |name: &str, expected: Option<(Id, &str)>| {
            let found = find(name.as_bytes()).map(|(row, spelling)| (row.id, spelling));
            assert_eq!(found, expected, "{name}");
        };
        check("hz", Some((Id::Hz, "hz")));
        check("IO-Threads", Some((Id::ServerThreads, "io-threads")));
        check("hash-max-ziplist-value", Some((Id::HashMaxListpackValue, "hash-max-ziplist-value")));
        check("hertz", None);
    }
}
