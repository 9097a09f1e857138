//! What the metrics endpoint answers: INFO's figures under redis_exporter's names, and those that only this server has.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::http::{self, Answers};
use super::listening::bind_address;
use crate::base::log;
use crate::commands::server::info;
use crate::config::Id;
use crate::engine::Node;
use crate::metrics::{Exposition, Label, from_config, from_info};

/// Serves the endpoint on the addresses of `bind`. That it cannot be served is no reason not to run.
pub fn start(node: &Arc<Node>) {
    let port = node.config.get(Id::MetricsPort) as u16;
    if port == 0 {
        return;
    }
    let answers = Arc::new(answers(node));
    for address in node.config.bind_addresses() {
        let bound = bind_address(&node.config, &address, port).and_then(|listener| {
            listener.map(TcpListener::from_std).transpose().map_err(|error| error.to_string())
        });
        match bound {
            Ok(Some(listener)) => drop(tokio::spawn(http::serve(listener, answers.clone()))),
            Ok(None) => {}
            Err(error) => log::warning!("No metrics endpoint on {address}: {error}"),
        }
    }
}

fn answers(node: &Arc<Node>) -> Answers {
    let (observed, served) = (node.clone(), node.clone());
    Answers {
        metrics: Box::new(move || metrics(&observed)),
        is_healthy: Box::new(|| true),
        is_ready: Box::new(move || !served.shutdown.is_cancelled()),
    }
}

fn metrics(node: &Node) -> String {
    let exposition = Exposition::default();
    exposition.gauge("redis_up", &[], 1.0);
    let info = info::text(node, &[b"everything"]);
    from_info(&info).iter().for_each(|sample| exposition.add(sample));
    add_settings(node, &exposition);
    add_slow_log(node, &exposition);
    add_workers(node, &exposition);
    add_stripes(&info, &exposition);
    exposition.gauge("tartan_journal_on", &[], f64::from(u8::from(node.journal.is_on())));
    exposition.counter("tartan_journal_records_total", &[], node.journal.sequence() as f64);
    exposition.render()
}

fn add_settings(node: &Node, exposition: &Exposition) {
    let settings = node.config.matching(&[b"*"]);
    let texts: Vec<(String, String)> = settings
        .into_iter()
        .map(|(name, value)| {
            (String::from_utf8_lossy(&name).into_owned(), String::from_utf8_lossy(&value).into_owned())
        })
        .collect();
    let pairs = texts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    from_config(pairs).iter().for_each(|sample| exposition.add(sample));
}

fn add_slow_log(node: &Node, exposition: &Exposition) {
    exposition.gauge("redis_slowlog_length", &[], node.slowlog.len() as f64);
    if let Some(last) = node.slowlog.newest(1).first() {
        exposition.gauge("redis_slowlog_last_id", &[], last.id as f64);
        let seconds = last.microseconds as f64 * 1e-6;
        exposition.gauge("redis_last_slow_execution_duration_seconds", &[], seconds);
    }
}

fn add_workers(node: &Node, exposition: &Exposition) {
    exposition.gauge("tartan_workers", &[], node.workers() as f64);
    for (id, stats) in node.worker_stats.iter().enumerate().take(node.workers()) {
        let label: [Label; 1] = [("worker", id.to_string())];
        let connections = stats.connections.load(std::sync::atomic::Ordering::Relaxed);
        exposition.gauge("tartan_worker_connections", &label, connections as f64);
        exposition.counter("tartan_worker_commands_total", &label, stats.processed.get() as f64);
        exposition.counter("tartan_worker_busy_seconds_total", &label, stats.busy_ns.get() as f64 * 1e-9);
        exposition.counter("tartan_worker_turns_total", &label, stats.turns.get() as f64);
    }
}

/// The figures of the stripes have been gathered for INFO already.
fn add_stripes(info: &str, exposition: &Exposition) {
    for (field, metric) in [
        ("stripes", "tartan_stripes"),
        ("keys_per_stripe_max", "tartan_stripe_keys_max"),
        ("keys_per_stripe_avg", "tartan_stripe_keys_avg"),
    ] {
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        if let Some(value) = value.and_then(|value| value.trim_end().parse().ok()) {
            exposition.gauge(metric, &[], value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_shows_redis_and_tartan() {
        let table = crate::engine::table::CommandTable::new(crate::commands::FAMILIES).unwrap();
        let text = metrics(&Node::new(crate::config::Config::default(), table, 2));
        let check = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        check("redis_up 1");
        check("redis_connected_clients 0");
        check("redis_config_maxclients 10000");
        check("redis_slowlog_length 0");
        check("tartan_stripes 1024");
        check("tartan_stripe_keys_avg 0");
        check("tartan_worker_commands_total{worker=\"1\"} 0");
        check("# TYPE tartan_worker_busy_seconds_total counter");
        check("tartan_journal_on 0");
    }
}
