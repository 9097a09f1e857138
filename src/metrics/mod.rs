//! Layer 1: figures as Prometheus text. No sockets; the endpoint is `server::http`.
//!
//! Nothing is counted here: the server keeps its counters where they are cheap (thread-local, for INFO), and a scrape takes a
//! snapshot of them into an `Exposition` of its own. So a GET or SET pays nothing for being observed, and a series that is
//! gone (an emptied database) is gone from the next scrape.

mod exporter;
mod exposition;

pub use exporter::{from_config, from_info};
pub use exposition::Exposition;

/// A label's name and value.
pub type Label = (&'static str, String);

/// What a metric's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    /// Goes up and down.
    Gauge,
    /// Only grows, except when the server restarts or its statistics are reset.
    Counter,
}

/// One value of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric.
    pub name: &'static str,
    /// Its type, the same in all samples of a name.
    pub metric_type: MetricType,
    /// What tells the series from others of its name.
    pub labels: Vec<Label>,
    /// In the unit that the name ends with.
    pub value: f64,
}

impl Sample {
    /// A gauge.
    pub fn gauge(name: &'static str, labels: Vec<Label>, value: f64) -> Sample {
        Sample { name, metric_type: MetricType::Gauge, labels, value }
    }

    /// A counter.
    pub fn counter(name: &'static str, labels: Vec<Label>, value: f64) -> Sample {
        Sample { name, metric_type: MetricType::Counter, labels, value }
    }
}
