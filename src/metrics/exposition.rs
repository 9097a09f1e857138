//! One scrape's worth of samples, and its text.
//!
//! The text comes from `metrics-exporter-prometheus`. Its counters are whole numbers, but some of redis_exporter's count
//! seconds; so every value is recorded as a gauge there, and the `# TYPE` lines of counters are set right in the text.

use std::cell::RefCell;
use std::collections::HashSet;

use metrics::{Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::{Label, MetricType, Sample};

/// The samples of one scrape. Make one, fill it, render it, drop it.
pub struct Exposition {
    recorder: PrometheusRecorder,
    counters: RefCell<HashSet<&'static str>>,
}

impl Default for Exposition {
    fn default() -> Exposition {
        Exposition { recorder: PrometheusBuilder::new().build_recorder(), counters: RefCell::default() }
    }
}

impl Exposition {
    /// Adds a gauge.
    pub fn gauge(&self, name: &'static str, labels: &[Label], value: f64) {
        self.add(&Sample::gauge(name, labels.to_vec(), value));
    }

    /// Adds a counter.
    pub fn counter(&self, name: &'static str, labels: &[Label], value: f64) {
        self.add(&Sample::counter(name, labels.to_vec(), value));
    }

    /// Adds a sample. A second one of the same name and labels replaces the first.
    pub fn add(&self, sample: &Sample) {
        if sample.metric_type == MetricType::Counter {
            self.counters.borrow_mut().insert(sample.name);
        }
        let label = |(name, value): &Label| metrics::Label::new(*name, value.clone());
        let labels: Vec<_> = sample.labels.iter().map(label).collect();
        let key = Key::from_parts(sample.name, labels);
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        self.recorder.register_gauge(&key, &metadata).set(sample.value);
    }

    /// The text that Prometheus reads.
    pub fn render(&self) -> String {
        let counters = self.counters.borrow();
        let mut text = String::new();
        for line in self.recorder.handle().render().lines() {
            let gauge = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" gauge"));
            match gauge.filter(|name| counters.contains(name)) {
                Some(name) => text.extend(["# TYPE ", name, " counter\n"]),
                None => text.extend([line, "\n"]),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(exposition: &Exposition) -> Vec<String> {
        let mut lines: Vec<_> =
            exposition.render().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[test]
    fn samples_are_rendered_with_type_and_labels() {
        let exposition = Exposition::default();
        exposition.gauge("tartan_stripes", &[], 1024.0);
        exposition.counter("redis_commands_duration_seconds_total", &[("cmd", "get".to_owned())], 0.25);
        exposition.counter("redis_commands_duration_seconds_total", &[("cmd", "a\"b\\c\nd".to_owned())], 2.0);
        exposition.gauge("tartan_stripes", &[], 2048.0);
        assert_eq!(
            lines(&exposition),
            [
                "# TYPE redis_commands_duration_seconds_total counter",
                "# TYPE tartan_stripes gauge",
                r#"redis_commands_duration_seconds_total{cmd="a\"b\\c\nd"} 2"#,
                r#"redis_commands_duration_seconds_total{cmd="get"} 0.25"#,
                "tartan_stripes 2048",
            ]
        );
    }

    #[test]
    fn expositions_share_nothing() {
        let first = Exposition::default();
        first.gauge("redis_up", &[], 1.0);
        assert!(lines(&Exposition::default()).is_empty());
    }
}
