//! INFO's fields as metrics, under the names that redis_exporter gives them, so that its dashboards and alerts work as they are.
//!
//! One row a metric. `FIELDS` are the plain fields, `name:value`; `GROUPS` are the repeated ones, `prefix<label>:key=value,...`.
//! A field that INFO does not have gives no sample. Values that are words count as redis_exporter counts them: ok, true and up
//! are 1, err, fail, false and down are 0.

use std::collections::HashMap;

use super::{Label, MetricType, Sample};

/// A plain field.
struct Field {
    info: &'static str,
    metric: &'static str,
    metric_type: MetricType,
    scale: f64,
    /// Whether it is labeled with the primary's address.
    of_primary: bool,
}

/// One key of a repeated field.
struct Group {
    prefix: &'static str,
    /// Name of the label that holds what follows the prefix.
    label: &'static str,
    key: &'static str,
    metric: &'static str,
    metric_type: MetricType,
    scale: f64,
}

/// Labels of `redis_instance_info`, each a field of INFO.
const INSTANCE_LABELS: &[&str] = &[
    "role",
    "redis_version",
    "redis_build_id",
    "redis_mode",
    "os",
    "maxmemory_policy",
    "tcp_port",
    "run_id",
    "process_id",
    "master_replid",
];

const GROUPS: &[Group] = &[
    group("cmdstat_", "cmd", "calls", "redis_commands_total"),
    group("cmdstat_", "cmd", "usec", "redis_commands_duration_seconds_total").scaled(1e-6),
    group("cmdstat_", "cmd", "rejected_calls", "redis_commands_rejected_calls_total"),
    group("cmdstat_", "cmd", "failed_calls", "redis_commands_failed_calls_total"),
    group("errorstat_", "err", "count", "redis_errors_total"),
];

/// `db<N>`; the label is the whole name of the field.
const DATABASE_KEYS: &[(&str, &str, f64)] = &[
    ("keys", "redis_db_keys", 1.0),
    ("expires", "redis_db_keys_expiring", 1.0),
    ("avg_ttl", "redis_db_avg_ttl_seconds", 1e-3),
    ("cached_keys", "redis_db_keys_cached", 1.0),
];

/// `slave<N>`, labeled with address and state.
const REPLICA_KEYS: &[(&str, &str)] =
    &[("offset", "redis_connected_slave_offset_bytes"), ("lag", "redis_connected_slave_lag_seconds")];

/// Settings, and the metrics that show them.
const CONFIG_METRICS: &[(&str, &str)] = &[
    ("io-threads", "redis_config_io_threads"),
    ("maxclients", "redis_config_maxclients"),
    ("maxmemory", "redis_config_maxmemory"),
    ("repl-backlog-size", "redis_config_repl_backlog_size"),
];

const FIELDS: &[Field] = &[
    // Server.
    gauge("process_id", "redis_process_id"),
    gauge("uptime_in_seconds", "redis_uptime_in_seconds"),
    gauge("hz", "redis_hz"),
    gauge("configured_hz", "redis_configured_hz"),
    gauge("io_threads_active", "redis_io_threads_active"),
    // Clients.
    gauge("connected_clients", "redis_connected_clients"),
    gauge("cluster_connections", "redis_cluster_connections"),
    gauge("maxclients", "redis_max_clients"),
    gauge("client_recent_max_input_buffer", "redis_client_recent_max_input_buffer_bytes"),
    gauge("client_recent_max_output_buffer", "redis_client_recent_max_output_buffer_bytes"),
    gauge("blocked_clients", "redis_blocked_clients"),
    gauge("tracking_clients", "redis_tracking_clients"),
    gauge("clients_in_timeout_table", "redis_clients_in_timeout_table"),
    gauge("total_blocking_keys", "redis_total_blocking_keys"),
    gauge("total_blocking_keys_on_nokey", "redis_total_blocking_keys_on_nokey"),
    gauge("pubsub_clients", "redis_pubsub_clients"),
    gauge("watching_clients", "redis_watching_clients"),
    gauge("total_watched_keys", "redis_total_watched_keys"),
    // Memory.
    gauge("used_memory", "redis_memory_used_bytes"),
    gauge("used_memory_rss", "redis_memory_used_rss_bytes"),
    gauge("used_memory_peak", "redis_memory_used_peak_bytes"),
    gauge("used_memory_overhead", "redis_memory_used_overhead_bytes"),
    gauge("used_memory_startup", "redis_memory_used_startup_bytes"),
    gauge("used_memory_dataset", "redis_memory_used_dataset_bytes"),
    gauge("allocator_allocated", "redis_allocator_allocated_bytes"),
    gauge("allocator_active", "redis_allocator_active_bytes"),
    gauge("allocator_resident", "redis_allocator_resident_bytes"),
    gauge("total_system_memory", "redis_total_system_memory_bytes"),
    gauge("used_memory_lua", "redis_memory_used_lua_bytes"),
    gauge("used_memory_vm_eval", "redis_memory_used_vm_eval_bytes"),
    gauge("used_memory_scripts_eval", "redis_memory_used_scripts_eval_bytes"),
    gauge("number_of_cached_scripts", "redis_number_of_cached_scripts"),
    gauge("number_of_functions", "redis_number_of_functions"),
    gauge("number_of_libraries", "redis_number_of_libraries"),
    gauge("used_memory_vm_functions", "redis_memory_used_vm_functions_bytes"),
    gauge("used_memory_vm_total", "redis_memory_used_vm_total"),
    gauge("used_memory_functions", "redis_memory_used_functions_bytes"),
    gauge("used_memory_scripts", "redis_memory_used_scripts_bytes"),
    gauge("maxmemory", "redis_memory_max_bytes"),
    gauge("allocator_frag_ratio", "redis_allocator_frag_ratio"),
    gauge("allocator_frag_bytes", "redis_allocator_frag_bytes"),
    gauge("allocator_rss_ratio", "redis_allocator_rss_ratio"),
    gauge("allocator_rss_bytes", "redis_allocator_rss_bytes"),
    gauge("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio"),
    gauge("mem_fragmentation_bytes", "redis_mem_fragmentation_bytes"),
    gauge("mem_not_counted_for_evict", "redis_mem_not_counted_for_eviction_bytes"),
    gauge("mem_replication_backlog", "redis_mem_replication_backlog_bytes"),
    gauge("mem_total_replication_buffers", "redis_mem_total_replication_buffers_bytes"),
    gauge("mem_clients_slaves", "redis_mem_clients_slaves"),
    gauge("mem_clients_normal", "redis_mem_clients_normal"),
    gauge("mem_cluster_links", "redis_mem_cluster_links_bytes"),
    gauge("mem_aof_buffer", "redis_mem_aof_buffer_bytes"),
    gauge("active_defrag_running", "redis_active_defrag_running"),
    gauge("lazyfree_pending_objects", "redis_lazyfree_pending_objects"),
    gauge("lazyfreed_objects", "redis_lazyfreed_objects"),
    gauge("allocator_muzzy", "redis_allocator_muzzy_bytes"),
    gauge("mem_overhead_db_hashtable_rehashing", "redis_mem_overhead_db_hashtable_rehashing_bytes"),
    // Persistence.
    gauge("loading", "redis_loading_dump_file"),
    gauge("async_loading", "redis_async_loading"),
    gauge("rdb_changes_since_last_save", "redis_rdb_changes_since_last_save"),
    gauge("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress"),
    gauge("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds"),
    gauge("rdb_last_bgsave_status", "redis_rdb_last_bgsave_status"),
    gauge("rdb_last_bgsave_time_sec", "redis_rdb_last_bgsave_duration_sec"),
    gauge("rdb_current_bgsave_time_sec", "redis_rdb_current_bgsave_duration_sec"),
    gauge("rdb_saves", "redis_rdb_saves_total"),
    gauge("rdb_last_cow_size", "redis_rdb_last_cow_size_bytes"),
    gauge("rdb_last_load_keys_expired", "redis_rdb_last_load_expired_keys"),
    gauge("rdb_last_load_keys_loaded", "redis_rdb_last_load_loaded_keys"),
    gauge("aof_enabled", "redis_aof_enabled"),
    gauge("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress"),
    gauge("aof_rewrite_scheduled", "redis_aof_rewrite_scheduled"),
    gauge("aof_last_rewrite_time_sec", "redis_aof_last_rewrite_duration_sec"),
    gauge("aof_current_rewrite_time_sec", "redis_aof_current_rewrite_duration_sec"),
    gauge("aof_last_bgrewrite_status", "redis_aof_last_bgrewrite_status"),
    gauge("aof_last_write_status", "redis_aof_last_write_status"),
    gauge("aof_last_cow_size", "redis_aof_last_cow_size_bytes"),
    gauge("module_fork_in_progress", "redis_module_fork_in_progress"),
    gauge("module_fork_last_cow_size", "redis_module_fork_last_cow_size"),
    gauge("aof_current_size", "redis_aof_current_size_bytes"),
    gauge("aof_base_size", "redis_aof_base_size_bytes"),
    gauge("aof_pending_rewrite", "redis_aof_pending_rewrite"),
    gauge("aof_buffer_length", "redis_aof_buffer_length"),
    gauge("aof_pending_bio_fsync", "redis_aof_pending_bio_fsync"),
    gauge("aof_delayed_fsync", "redis_aof_delayed_fsync"),
    // Stats.
    counter("total_connections_received", "redis_connections_received_total"),
    counter("total_commands_processed", "redis_commands_processed_total"),
    counter("total_net_input_bytes", "redis_net_input_bytes_total"),
    counter("total_net_output_bytes", "redis_net_output_bytes_total"),
    counter("total_net_repl_input_bytes", "redis_net_repl_input_bytes_total"),
    counter("total_net_repl_output_bytes", "redis_net_repl_output_bytes_total"),
    counter("rejected_connections", "redis_rejected_connections_total"),
    gauge("sync_full", "redis_replica_resyncs_full"),
    gauge("sync_partial_ok", "redis_replica_partial_resync_accepted"),
    gauge("sync_partial_err", "redis_replica_partial_resync_denied"),
    counter("expired_keys", "redis_expired_keys_total"),
    gauge("expired_stale_perc", "redis_expired_stale_percentage"),
    counter("expired_time_cap_reached_count", "redis_expired_time_cap_reached_total"),
    counter("expire_cycle_cpu_milliseconds", "redis_expire_cycle_cpu_time_ms_total"),
    counter("evicted_keys", "redis_evicted_keys_total"),
    counter("evicted_clients", "redis_evicted_clients_total"),
    counter("total_eviction_exceeded_time", "redis_eviction_exceeded_time_ms_total"),
    gauge("current_eviction_exceeded_time", "redis_current_eviction_exceeded_time_ms"),
    counter("keyspace_hits", "redis_keyspace_hits_total"),
    counter("keyspace_misses", "redis_keyspace_misses_total"),
    gauge("pubsub_channels", "redis_pubsub_channels"),
    gauge("pubsub_patterns", "redis_pubsub_patterns"),
    gauge("pubsubshard_channels", "redis_pubsubshard_channels"),
    gauge("latest_fork_usec", "redis_latest_fork_seconds").scaled(1e-6),
    gauge("migrate_cached_sockets", "redis_migrate_cached_sockets_total"),
    gauge("slave_expires_tracked_keys", "redis_slave_expires_tracked_keys"),
    gauge("active_defrag_hits", "redis_defrag_hits"),
    gauge("active_defrag_misses", "redis_defrag_misses"),
    gauge("active_defrag_key_hits", "redis_defrag_key_hits"),
    gauge("active_defrag_key_misses", "redis_defrag_key_misses"),
    gauge("tracking_total_keys", "redis_tracking_total_keys"),
    gauge("tracking_total_items", "redis_tracking_total_items"),
    gauge("tracking_total_prefixes", "redis_tracking_total_prefixes"),
    counter("unexpected_error_replies", "redis_unexpected_error_replies"),
    counter("total_error_replies", "redis_total_error_replies"),
    counter("dump_payload_sanitizations", "redis_dump_payload_sanitizations"),
    counter("total_reads_processed", "redis_total_reads_processed"),
    counter("total_writes_processed", "redis_total_writes_processed"),
    counter("io_threaded_reads_processed", "redis_io_threaded_reads_processed"),
    counter("io_threaded_writes_processed", "redis_io_threaded_writes_processed"),
    counter("reply_buffer_shrinks", "redis_reply_buffer_shrinks_total"),
    counter("reply_buffer_expands", "redis_reply_buffer_expands_total"),
    counter("eventloop_cycles", "redis_eventloop_cycles_total"),
    counter("eventloop_duration_sum", "redis_eventloop_duration_sum_usec_total"),
    counter("eventloop_duration_cmd_sum", "redis_eventloop_duration_cmd_sum_usec_total"),
    gauge("instantaneous_eventloop_cycles_per_sec", "redis_instantaneous_eventloop_cycles_per_sec"),
    gauge("instantaneous_eventloop_duration_usec", "redis_instantaneous_eventloop_duration_usec"),
    counter("expired_subkeys", "redis_expired_subkeys_total"),
    counter("evicted_scripts", "redis_evicted_scripts_total"),
    counter(
        "client_query_buffer_limit_disconnections",
        "redis_client_query_buffer_limit_disconnections_total",
    ),
    counter(
        "client_output_buffer_limit_disconnections",
        "redis_client_output_buffer_limit_disconnections_total",
    ),
    counter("acl_access_denied_auth", "redis_acl_access_denied_auth_total"),
    counter("acl_access_denied_cmd", "redis_acl_access_denied_cmd_total"),
    counter("acl_access_denied_key", "redis_acl_access_denied_key_total"),
    counter("acl_access_denied_channel", "redis_acl_access_denied_channel_total"),
    // Replication.
    gauge("master_link_status", "redis_master_link_up").of_primary(),
    gauge("master_last_io_seconds_ago", "redis_master_last_io_seconds_ago").of_primary(),
    gauge("master_sync_in_progress", "redis_master_sync_in_progress").of_primary(),
    gauge("slave_repl_offset", "redis_slave_repl_offset").of_primary(),
    gauge("slave_priority", "redis_slave_priority"),
    gauge("connected_slaves", "redis_connected_slaves"),
    gauge("master_repl_offset", "redis_master_repl_offset"),
    gauge("second_repl_offset", "redis_second_repl_offset"),
    gauge("repl_backlog_active", "redis_repl_backlog_is_active"),
    gauge("repl_backlog_size", "redis_replication_backlog_bytes"),
    gauge("repl_backlog_first_byte_offset", "redis_repl_backlog_first_byte_offset"),
    gauge("repl_backlog_histlen", "redis_repl_backlog_history_bytes"),
    // CPU.
    counter("used_cpu_sys", "redis_cpu_sys_seconds_total"),
    counter("used_cpu_user", "redis_cpu_user_seconds_total"),
    counter("used_cpu_sys_children", "redis_cpu_sys_children_seconds_total"),
    counter("used_cpu_user_children", "redis_cpu_user_children_seconds_total"),
    counter("used_cpu_sys_main_thread", "redis_cpu_sys_main_thread_seconds_total"),
    counter("used_cpu_user_main_thread", "redis_cpu_user_main_thread_seconds_total"),
    gauge("server_threads", "redis_server_threads_total"),
    // Cluster.
    gauge("cluster_enabled", "redis_cluster_enabled"),
];

const fn gauge(info: &'static str, metric: &'static str) -> Field {
    Field { info, metric, metric_type: MetricType::Gauge, scale: 1.0, of_primary: false }
}

const fn counter(info: &'static str, metric: &'static str) -> Field {
    Field { metric_type: MetricType::Counter, ..gauge(info, metric) }
}

impl Field {
    const fn scaled(self, scale: f64) -> Field {
        Field { scale, ..self }
    }

    const fn of_primary(self) -> Field {
        Field { of_primary: true, ..self }
    }
}

const fn group(prefix: &'static str, label: &'static str, key: &'static str, metric: &'static str) -> Group {
    Group { prefix, label, key, metric, metric_type: MetricType::Counter, scale: 1.0 }
}

impl Group {
    const fn scaled(self, scale: f64) -> Group {
        Group { scale, ..self }
    }
}

/// The metrics of INFO's text (`INFO everything`).
pub fn from_info(info: &str) -> Vec<Sample> {
    let fields = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect::<Vec<_>>();
    let values: HashMap<&str, &str> = fields.iter().copied().collect();
    let mut samples = plain_samples(&values);
    for (name, value) in fields {
        samples.extend(group_samples(name, value));
        samples.extend(database_samples(name, value));
        samples.extend(replica_samples(name, value));
        samples.extend(latency_samples(name, value));
    }
    samples.extend(start_time(&values));
    samples.extend(instance_samples(&values));
    samples
}

/// The metrics that redis_exporter takes from CONFIG GET's names and values.
pub fn from_config<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Sample> {
    let sample = |(name, value)| match name {
        "client-output-buffer-limit" => output_limit_samples(value),
        _ => {
            let metric =
                CONFIG_METRICS.iter().find(|(setting, _)| *setting == name).map(|(_, metric)| *metric);
            let value = number(value);
            metric
                .zip(value)
                .map(|(metric, value)| Sample::gauge(metric, Vec::new(), value))
                .into_iter()
                .collect()
        }
    };
    settings.into_iter().flat_map(sample).collect()
}

/// `class hard soft seconds` for each class.
fn output_limit_samples(value: &str) -> Vec<Sample> {
    const BYTES: &str = "redis_config_client_output_buffer_limit_bytes";
    const SECONDS: &str = "redis_config_client_output_buffer_limit_overcome_seconds";
    let words: Vec<&str> = value.split(' ').collect();
    let mut samples = Vec::new();
    for group in words.chunks_exact(4) {
        for (metric, limit, value) in
            [(BYTES, "hard", group[1]), (BYTES, "soft", group[2]), (SECONDS, "soft", group[3])]
        {
            let labels = vec![("class", group[0].to_owned()), ("limit", limit.to_owned())];
            samples.extend(number(value).map(|value| Sample::gauge(metric, labels, value)));
        }
    }
    samples
}

fn plain_samples(values: &HashMap<&str, &str>) -> Vec<Sample> {
    let sample = |field: &Field| {
        let value = number(values.get(field.info)?)? * field.scale;
        let labels = if field.of_primary { primary_labels(values) } else { Vec::new() };
        Some(Sample { name: field.metric, metric_type: field.metric_type, labels, value })
    };
    FIELDS.iter().filter_map(sample).collect()
}

fn group_samples(name: &str, value: &str) -> Vec<Sample> {
    let sample = |group: &Group| {
        let label = (group.label, name.strip_prefix(group.prefix)?.to_owned());
        let value = number(part(value, group.key)?)? * group.scale;
        Some(Sample { name: group.metric, metric_type: group.metric_type, labels: vec![label], value })
    };
    GROUPS.iter().filter_map(sample).collect()
}

fn database_samples(name: &str, value: &str) -> Vec<Sample> {
    if !is_numbered(name, "db") {
        return Vec::new();
    }
    let sample = |(key, metric, scale): &(&str, &'static str, f64)| {
        let value = number(part(value, key)?)? * scale;
        Some(Sample::gauge(metric, vec![("db", name.to_owned())], value))
    };
    DATABASE_KEYS.iter().filter_map(sample).collect()
}

fn replica_samples(name: &str, value: &str) -> Vec<Sample> {
    if !is_numbered(name, "slave") {
        return Vec::new();
    }
    let label = |label, key| (label, part(value, key).unwrap_or_default().to_owned());
    let labels = [label("slave_ip", "ip"), label("slave_port", "port"), label("slave_state", "state")];
    let sample = |(key, metric): &(&str, &'static str)| {
        Some(Sample::gauge(metric, labels.to_vec(), number(part(value, key)?)?))
    };
    REPLICA_KEYS.iter().filter_map(sample).collect()
}

/// One sample a percentile; redis_exporter makes it a summary whose quantile is the percentile's number.
fn latency_samples(name: &str, value: &str) -> Vec<Sample> {
    let Some(command) = name.strip_prefix("latency_percentiles_usec_") else { return Vec::new() };
    let sample = |part: &str| {
        let (percentile, value) = part.split_once('=')?;
        let quantile = percentile.strip_prefix('p')?.to_owned();
        let labels = vec![("cmd", command.to_owned()), ("quantile", quantile)];
        Some(Sample::gauge("redis_latency_percentiles_usec", labels, number(value)?))
    };
    value.split(',').filter_map(sample).collect()
}

fn start_time(values: &HashMap<&str, &str>) -> Option<Sample> {
    let now_seconds = number(values.get("server_time_usec")?)? * 1e-6;
    let uptime_seconds = number(values.get("uptime_in_seconds")?)?;
    Some(Sample::gauge("redis_start_time_seconds", Vec::new(), now_seconds.floor() - uptime_seconds))
}

/// What the instance is: samples that are always 1 and say it in labels.
fn instance_samples(values: &HashMap<&str, &str>) -> Vec<Sample> {
    let text = |name: &str| values.get(name).copied().unwrap_or_default().to_owned();
    let labels = INSTANCE_LABELS.iter().map(|name| (*name, text(name))).collect();
    let mut samples = vec![Sample::gauge("redis_instance_info", labels, 1.0)];
    if values.get("role") == Some(&"slave") {
        let mut labels = primary_labels(values);
        labels.push(("read_only", text("slave_read_only")));
        samples.push(Sample::gauge("redis_slave_info", labels, 1.0));
    }
    samples
}

fn primary_labels(values: &HashMap<&str, &str>) -> Vec<Label> {
    let text = |name: &str| values.get(name).copied().unwrap_or_default().to_owned();
    vec![("master_host", text("master_host")), ("master_port", text("master_port"))]
}

/// The value of `key` in `key=value,key=value`.
fn part<'a>(value: &'a str, key: &str) -> Option<&'a str> {
    value.split(',').find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
}

fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn number(text: &str) -> Option<f64> {
    match text {
        "ok" | "true" | "up" => Some(1.0),
        "err" | "fail" | "false" | "down" => Some(0.0),
        // Rust reads "inf" and "nan", which INFO never means as numbers.
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(info: &str) -> Vec<String> {
        let show = |sample: &Sample| {
            let labels =
                sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            format!("{}{{{}}} {}", sample.name, labels.join(","), sample.value)
        };
        from_info(info).iter().map(show).collect()
    }

    #[test]
    fn fields_become_samples() {
        let check = |line: &str, expected: &[&str]| {
            let samples = shown(&format!("# Section\r\n{line}\r\n"));
            let samples: Vec<_> =
                samples.iter().filter(|sample| !sample.starts_with("redis_instance_info")).collect();
            assert_eq!(samples, expected, "{line}");
        };
        check("used_memory:1005080", &["redis_memory_used_bytes{} 1005080"]);
        check("latest_fork_usec:1500", &["redis_latest_fork_seconds{} 0.0015"]);
        check("mem_fragmentation_ratio:6.70", &["redis_mem_fragmentation_ratio{} 6.7"]);
        check("rdb_last_bgsave_status:ok", &["redis_rdb_last_bgsave_status{} 1"]);
        check("aof_last_write_status:err", &["redis_aof_last_write_status{} 0"]);
        check("second_repl_offset:-1", &["redis_second_repl_offset{} -1"]);
        check("used_memory_human:981.52K", &[]);
        check("mem_fragmentation_ratio:nan", &[]);
        check("no colon", &[]);
        check("dbsize:5", &[]);
        check(
            "db3:keys=7,expires=2,avg_ttl=1500",
            &[
                "redis_db_keys{db=db3} 7",
                "redis_db_keys_expiring{db=db3} 2",
                "redis_db_avg_ttl_seconds{db=db3} 1.5",
            ],
        );
        check(
            "cmdstat_client|kill:calls=2,usec=3000000,usec_per_call=5.00,rejected_calls=1,failed_calls=4",
            &[
                "redis_commands_total{cmd=client|kill} 2",
                "redis_commands_duration_seconds_total{cmd=client|kill} 3",
                "redis_commands_rejected_calls_total{cmd=client|kill} 1",
                "redis_commands_failed_calls_total{cmd=client|kill} 4",
            ],
        );
        check("errorstat_WRONGTYPE:count=3", &["redis_errors_total{err=WRONGTYPE} 3"]);
        check(
            "latency_percentiles_usec_get:p50=5.023,p99.9=7",
            &[
                "redis_latency_percentiles_usec{cmd=get,quantile=50} 5.023",
                "redis_latency_percentiles_usec{cmd=get,quantile=99.9} 7",
            ],
        );
        check(
            "slave0:ip=::1,port=7,state=online,offset=9,lag=1",
            &[
                "redis_connected_slave_offset_bytes{slave_ip=::1,slave_port=7,slave_state=online} 9",
                "redis_connected_slave_lag_seconds{slave_ip=::1,slave_port=7,slave_state=online} 1",
            ],
        );
    }

    #[test]
    fn an_instance_says_what_it_is() {
        let samples =
            shown("role:slave\nmaster_host:h\nmaster_port:1\nmaster_link_status:up\nslave_read_only:1\n");
        let has = |expected: &str| assert!(samples.iter().any(|sample| sample == expected), "{samples:?}");
        has("redis_master_link_up{master_host=h,master_port=1} 1");
        has("redis_slave_info{master_host=h,master_port=1,read_only=1} 1");
        let samples = shown("server_time_usec:2500000\nuptime_in_seconds:1\nrole:master\nrun_id:abc\n");
        let has = |part: &str| assert!(samples.iter().any(|sample| sample.contains(part)), "{samples:?}");
        has("redis_start_time_seconds{} 1");
        has("redis_instance_info{role=master,");
        has("run_id=abc");
    }

    /// INFO of Redis 7.2.4, all sections: every row whose field 7.2.4 has gives its sample.
    #[test]
    fn the_info_of_redis_gives_every_metric() {
        let info = include_str!("../../tests/assets/info-7.2.4.txt");
        let samples = from_info(info);
        let fields: std::collections::HashSet<_> =
            info.lines().filter_map(|line| line.split(':').next()).collect();
        let known: Vec<_> = FIELDS.iter().filter(|field| fields.contains(field.info)).collect();
        assert!(known.len() > 130, "{}", known.len());
        for field in known {
            assert!(samples.iter().any(|sample| sample.name == field.metric), "{}", field.info);
        }
        for name in
            ["redis_commands_total", "redis_errors_total", "redis_db_keys", "redis_start_time_seconds"]
        {
            assert!(samples.iter().any(|sample| sample.name == name), "{name}");
        }
    }

    #[test]
    fn settings_become_samples() {
        let settings =
            [("maxclients", "10000"), ("hz", "10"), ("client-output-buffer-limit", "normal 1 2 3")];
        let show = |sample: &Sample| format!("{}{:?} {}", sample.name, sample.labels.last(), sample.value);
        let shown: Vec<_> = from_config(settings).iter().map(show).collect();
        assert_eq!(
            shown,
            [
                "redis_config_maxclientsNone 10000",
                "redis_config_client_output_buffer_limit_bytesSome((\"limit\", \"hard\")) 1",
                "redis_config_client_output_buffer_limit_bytesSome((\"limit\", \"soft\")) 2",
                "redis_config_client_output_buffer_limit_overcome_secondsSome((\"limit\", \"soft\")) 3",
            ]
        );
    }

    #[test]
    fn names_are_unique_and_in_the_name_space() {
        let mut fields = std::collections::HashSet::new();
        for field in FIELDS {
            assert!(fields.insert(field.info), "{}", field.info);
            assert!(field.metric.starts_with("redis_"), "{}", field.metric);
        }
    }
}
