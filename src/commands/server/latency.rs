//! LATENCY: how long commands take, and what else took long.

use std::fmt::Write;

use crate::base::clock;
use crate::base::latency::{LatencyMonitor, Spikes};
use crate::config::Id;
use crate::engine::histogram::Distribution;
use crate::engine::{Args, CommandError, CommandResult, Context, Handling, Node, Row, keyless};
use crate::resp::Reply;

/// The rows of this family.
pub static COMMANDS: &[Row<Handling>] = &[
    Row::new("LATENCY|DOCTOR", keyless(doctor)),
    Row::new("LATENCY|GRAPH", keyless(graph)),
    Row::new("LATENCY|HISTOGRAM", keyless(histogram)),
    Row::new("LATENCY|HISTORY", keyless(history)),
    Row::new("LATENCY|LATEST", keyless(latest)),
    Row::new("LATENCY|RESET", keyless(reset)),
    Row::new("LATENCY|HELP", keyless(help)),
];

const HELP: &[&str] = &[
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Describe what took long, and what may help.",
    "GRAPH <event>",
    "    Draw an event's samples.",
    "HISTOGRAM [<command> ...]",
    "    Tell, for these commands or all, how many calls took up to so many microseconds.",
    "HISTORY <event>",
    "    Tell an event's samples: time and milliseconds.",
    "LATEST",
    "    Tell of each event the last sample and the longest.",
    "RESET [<event> ...]",
    "    Forget these events, or all.",
    "HELP",
    "    Print this help.",
];

/// LATENCY LATEST
fn latest<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let events = ctx.node.latency.events();
    ctx.reply.array(events.len());
    for (name, spikes) in events {
        let (at_seconds, ms) = spikes.samples.back().map_or((0, 0), |last| (last.at_seconds, last.ms));
        ctx.reply.array(4);
        ctx.reply.bulk(name.as_bytes());
        ctx.reply.integer(at_seconds);
        ctx.reply.integer(ms as i64);
        ctx.reply.integer(spikes.worst_ms as i64);
    }
    Ok(())
}

/// LATENCY HISTORY event
fn history<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let spikes = ctx.node.latency.event(args.at(2)).map(|(_, spikes)| spikes).unwrap_or_default();
    ctx.reply.array(spikes.samples.len());
    for spike in spikes.samples {
        ctx.reply.array(2);
        ctx.reply.integer(spike.at_seconds);
        ctx.reply.integer(spike.ms as i64);
    }
    Ok(())
}

/// LATENCY RESET [event [event ...]]
fn reset<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let monitor = &ctx.node.latency;
    let count = match args.from(2) {
        [] => monitor.reset(None),
        names => names.iter().map(|name| monitor.reset(Some(name))).sum(),
    };
    ctx.reply.count(count);
    Ok(())
}

/// LATENCY HISTOGRAM [command [command ...]]
fn histogram<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let (node, mark) = (ctx.node, ctx.reply.mark());
    let table = &node.table;
    let mut count = 0;
    let mut write = |command| {
        if let Some(latencies) = node.latencies(command) {
            write_steps(ctx.reply, command.facts.name, &latencies);
            count += 1;
        }
    };
    match args.from(2) {
        [] => table.all().iter().for_each(write),
        names => {
            for command in names.iter().filter_map(|name| table.find_full(name)) {
                write(command);
                table.subcommands(command).iter().for_each(&mut write);
            }
        }
    }
    ctx.reply.map_at(mark, count);
    Ok(())
}

fn write_steps(reply: &mut Reply, name: &str, latencies: &Distribution) {
    let steps = latencies.steps();
    reply.bulk(name.as_bytes());
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(latencies.total() as i64);
    reply.bulk(b"histogram_usec");
    reply.map(steps.len());
    for (microseconds, calls) in steps {
        reply.integer(microseconds as i64);
        reply.integer(calls as i64);
    }
}

/// LATENCY GRAPH event
fn graph<'a>(ctx: &mut Context<'_, 'a>, args: Args<'a>) -> CommandResult {
    let Some((name, spikes)) = ctx.node.latency.event(args.at(2)) else {
        return Err(CommandError::of(&[&"ERR No samples available for event '", &args.at(2), &"'"]));
    };
    let drawn = draw(name, &spikes, clock::unix_ms() / 1000);
    ctx.reply.verbatim("txt", drawn.as_bytes());
    Ok(())
}

/// Columns of a graph, each a sample; more samples begin another one below.
const COLUMNS: usize = 80;
/// Lines of a graph.
const ROWS: u64 = 4;
/// A line's thirds, from the lowest; what reaches above the line is a bar.
const THIRDS: &[u8; 3] = b"_o#";

/// The samples as columns between the least and the greatest, their age below, top down.
fn draw(name: &str, spikes: &Spikes, now_seconds: i64) -> String {
    let low = spikes.samples.iter().map(|spike| spike.ms).min().unwrap_or(0);
    let high = spikes.samples.iter().map(|spike| spike.ms).max().unwrap_or(0);
    let mut out = format!("{name} - high {high} ms, low {low} ms (all time high {} ms)\n", spikes.worst_ms);
    out.push_str(&"-".repeat(COLUMNS));
    let steps = ROWS * THIRDS.len() as u64;
    let columns: Vec<(u64, String)> = spikes
        .samples
        .iter()
        .map(|spike| {
            let step = (spike.ms - low).saturating_mul(steps) / (high - low).max(1);
            (step.min(steps - 1), age(now_seconds - spike.at_seconds))
        })
        .collect();
    for (part, columns) in columns.chunks(COLUMNS).enumerate() {
        out.push_str(if part == 0 { "\n" } else { "\n\n" });
        let lines: Vec<String> = lines(columns);
        out.push_str(&lines.join("\n"));
    }
    out.push('\n');
    out
}

fn lines(columns: &[(u64, String)]) -> Vec<String> {
    let thirds = THIRDS.len() as u64;
    let bar = |row: u64, step: u64| match step.checked_sub((ROWS - 1 - row) * thirds) {
        None => ' ',
        Some(above) => THIRDS.get(above as usize).map_or('|', |&third| third.into()),
    };
    let label_rows = columns.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
    let bars = (0..ROWS).map(|row| columns.iter().map(|(step, _)| bar(row, *step)).collect());
    let labels = (0..label_rows).map(|row| {
        columns.iter().map(|(_, label)| label.as_bytes().get(row).map_or(' ', |&byte| byte.into())).collect()
    });
    bars.chain([" ".repeat(columns.len())]).chain(labels).collect()
}

/// Seconds in the greatest unit that they fill.
fn age(seconds: i64) -> String {
    const UNITS: &[(i64, char)] = &[(86_400, 'd'), (3600, 'h'), (60, 'm')];
    match UNITS.iter().find(|(unit, _)| seconds >= *unit) {
        Some((unit, letter)) => format!("{}{letter}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// LATENCY DOCTOR
fn doctor<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    let report = report(&ctx.node.latency, ctx.node);
    ctx.reply.verbatim("txt", report.as_bytes());
    Ok(())
}

fn report(monitor: &LatencyMonitor, node: &Node) -> String {
    let events = monitor.events();
    if events.is_empty() {
        return match monitor.is_on() {
            true => "Nothing has taken as long as latency-monitor-threshold.\n".into(),
            false => {
                "Nothing is watched: set latency-monitor-threshold to the milliseconds that are too long.\n"
                    .into()
            }
        };
    }
    let mut report = String::from("What has taken long:\n\n");
    for (number, (name, spikes)) in events.iter().enumerate() {
        let (mean, deviation) = spikes.mean_and_deviation();
        let count = spikes.samples.len();
        // Writing to a String cannot fail.
        let _ = writeln!(
            report,
            "{}. {name}: {count} samples, mean {mean} ms, mean deviation {deviation} ms, one in {:.2} s, worst {} ms.",
            number + 1,
            spikes.period().as_secs_f64() / count.max(1) as f64,
            spikes.worst_ms
        );
    }
    report.push_str("\nWhat may help:\n\n");
    events.iter().for_each(|(name, _)| report.push_str(&advice(name, node)));
    report
}

fn advice(event: &str, node: &Node) -> String {
    let text = match event {
        "command" => {
            let slower_than = node.config.get(Id::SlowlogLogSlowerThan);
            let threshold_us = node.config.get(Id::LatencyMonitorThreshold).saturating_mul(1000);
            if slower_than < 0 || slower_than > threshold_us && threshold_us > 0 {
                return format!(
                    " * command: the slow log misses some of them; see which with CONFIG SET slowlog-log-slower-than \
                     {threshold_us}, then SLOWLOG GET.\n"
                );
            }
            "see which they are with SLOWLOG GET; commands that go through much are slower the more there is."
        }
        "fast-command" => {
            "these commands do little, so the processor was probably taken away: look for other processes, a small \
             CPU quota, or memory that is swapped."
        }
        "expire-cycle" => "many keys, or large ones, expire at the same moment; spread their times.",
        "eviction-cycle" => {
            "many keys were evicted at once: maxmemory was lowered, or large values came in; see \
             maxmemory-eviction-tenacity."
        }
        "aof-fsync-always" => "the disk is slow to sync; appendfsync everysec does not wait for it.",
        _ => "the disk is slow or busy with others; a local SSD helps, as does no-appendfsync-on-rewrite.",
    };
    format!(" * {event}: {text}\n")
}

/// LATENCY HELP
fn help<'a>(ctx: &mut Context<'_, 'a>, _args: Args<'a>) -> CommandResult {
    ctx.reply.help(HELP);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::latency::Spike;

    #[test]
    fn a_graph_has_a_column_for_each_sample() {
        let mut spikes = Spikes { worst_ms: 900, ..Spikes::default() };
        for (at_seconds, ms) in [(0, 100), (90_000, 500), (99_940, 250), (99_995, 100)] {
            spikes.samples.push_back(Spike { at_seconds, ms });
        }
        let drawn = draw("command", &spikes, 100_000);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[0], "command - high 500 ms, low 100 ms (all time high 900 ms)");
        assert_eq!(lines[1], "-".repeat(80));
        assert_eq!(lines[2..], [" #  ", " |  ", " |o ", "_||_", "    ", "1215", "dhms"]);
    }

    #[test]
    fn long_graphs_are_broken() {
        let mut spikes = Spikes::default();
        spikes.samples.extend((0..100).map(|at_seconds| Spike { at_seconds, ms: 1 }));
        let drawn = draw("command", &spikes, 100);
        assert!(drawn.lines().all(|line| line.len() <= 80), "{drawn}");
        assert_eq!(drawn.lines().filter(|line| line.starts_with("__")).count(), 2);
    }
}
