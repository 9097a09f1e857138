//! Replays commands that were run on redis-server 7.2.4, and compares each reply, all of XINFO STREAM FULL, and the bytes of the
//! nodes in DUMP with what the server had.
//!
//! A line is `OPERATION arguments => hash`, the hash (FNV-1a, 64 bits) being of the text `reply | state`. Operations are spelled
//! shorter than the commands that they stand for; see `Replay::run`. `''` is the empty string.

use super::*;
use crate::value::compact::listpack::Item;

const NOW_MS: i64 = 1_000_000_000_000;

#[test]
fn replies_and_state_are_those_of_redis() {
    let limits = StreamLimits { node_bytes_max: 0, node_entries_max: 0 };
    let mut replay = Replay { stream: Stream::new(), limits };
    let mut kept = (Stream::new(), state(&Stream::new()));
    for (index, line) in include_str!("transcript.txt").lines().enumerate() {
        let Some((operation, expected)) = line.split_once(" => ") else {
            replay = Replay { stream: Stream::new(), limits: read_limits(line) };
            continue;
        };
        let reply = replay.run_line(operation).unwrap_or("ERR".into());
        let text = format!("{reply} | {}", state(&replay.stream));
        let hash = format!("{:x}", fnv(text.as_bytes()));
        assert_eq!(hash, expected, "line {}: {operation} => {text}", index + 1);
        check_groups(&replay.stream);
        if index % 50 == 0 {
            assert_eq!(state(&kept.0), kept.1, "a clone changed");
            kept = (replay.stream.clone(), state(&replay.stream));
        }
    }
}

/// `LIMITS bytes entries` starts over with an empty stream.
fn read_limits(line: &str) -> StreamLimits {
    let words: Vec<&str> = line.split(' ').collect();
    StreamLimits { node_bytes_max: size(words[1]), node_entries_max: size(words[2]) }
}

/// Rule 1 of `group`.
fn check_groups(stream: &Stream) {
    for (_, group) in stream.groups().iter() {
        let owned: usize = group.consumers().map(|(_, consumer)| consumer.pending_count()).sum();
        assert_eq!(owned, group.pending_count());
        for (id, consumer) in group.consumers() {
            let mine = group.pending().filter(|(_, nack)| nack.consumer == id).map(|(pending, _)| pending);
            assert!(mine.eq(consumer.pending_ids()));
        }
    }
}

struct Replay {
    stream: Stream,
    limits: StreamLimits,
}

impl Replay {
    /// The reply; none for an error.
    fn run_line(&mut self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split(' ').map(|word| if word == "''" { "" } else { word }).collect();
        self.run(words[0], &words[1..])
    }

    fn run(&mut self, operation: &str, words: &[&str]) -> Option<String> {
        match operation {
            "ADD" => self.add(words),
            "DEL" => {
                let entries = self.stream.entries_mut();
                Some(words.iter().filter(|word| entries.delete(id(word))).count().to_string())
            }
            "TRIM" => Some(self.trim(words).to_string()),
            "SETID" => {
                let added = option(words, "ENTRIESADDED").map(|word| size(word) as u64);
                let max_deleted = option(words, "MAXDELETEDID").map(id);
                self.stream.entries_mut().set_id(id(words[0]), added, max_deleted).ok().map(|()| "OK".into())
            }
            "RANGE" => {
                let range = self.stream.entries().range(id(words[0]), id(words[1]));
                Some(list(range.take(size(words[2])).map(entry)))
            }
            "REV" => {
                let range = self.stream.entries().range_rev(id(words[0]), id(words[1]));
                Some(list(range.take(size(words[2])).map(entry)))
            }
            "CREATE" => {
                let read = option(words, "ENTRIESREAD").map(|word| size(word) as u64);
                let created = self.stream.groups_mut().create(words[0].as_bytes(), id(words[1]), read);
                created.then(|| "OK".into())
            }
            "DESTROY" => Some(u8::from(self.stream.groups_mut().remove(words[0].as_bytes())).to_string()),
            "ACK" => Some(self.acknowledge(words).to_string()),
            _ => self.run_on_group(operation, words),
        }
    }

    fn run_on_group(&mut self, operation: &str, words: &[&str]) -> Option<String> {
        let (entries, groups) = self.stream.split_mut();
        let group = groups.get_mut(words[0].as_bytes())?;
        let words = &words[1..];
        match operation {
            "GSETID" => {
                group.set_id(id(words[0]), option(words, "ENTRIESREAD").map(|word| size(word) as u64));
                Some("OK".into())
            }
            "NEWC" => {
                let created = group.create_consumer(words[0].as_bytes(), NOW_MS).is_some();
                Some(u8::from(created).to_string())
            }
            "DELC" => {
                let consumer = group.find_consumer(words[0].as_bytes());
                Some(consumer.map_or(0, |consumer| group.delete_consumer(consumer)).to_string())
            }
            "READ" => Some(read_new(group, entries, words)),
            "HIST" => Some(read_again(group, entries, words)),
            "CLAIM" => Some(claim(group, entries, words)),
            "AUTO" => Some(claim_from(group, entries, words)),
            "SUM" => Some(summary(group)),
            "PEND" => Some(pending(group, words)),
            _ => panic!("{operation}"),
        }
    }

    fn add(&mut self, words: &[&str]) -> Option<String> {
        let elements: Vec<&[u8]> = words[1..].iter().map(|word| word.as_bytes()).collect();
        let new = NewId::parse(words[0].as_bytes()).expect("an identifier");
        let entries = self.stream.entries_mut();
        entries.append(new, pairs(&elements), 0, &self.limits).ok().map(|id| id.to_string())
    }

    fn trim(&mut self, words: &[&str]) -> u64 {
        let to = match words[0] {
            "MAXLEN" => TrimTo::MaxLen(size(words[2]) as u64),
            _ => TrimTo::MinId(id(words[2])),
        };
        let approximate = words[1] == "~";
        let default = if approximate { self.limits.trim_limit() } else { 0 };
        let limit = option(words, "LIMIT").map_or(default, |word| size(word) as u64);
        self.stream.entries_mut().trim(&Trim { to, approximate, limit })
    }

    fn acknowledge(&mut self, words: &[&str]) -> usize {
        let Some(group) = self.stream.groups_mut().get_mut(words[0].as_bytes()) else { return 0 };
        words[1..].iter().filter(|word| group.acknowledge(id(word))).count()
    }
}

fn delivery(group: &mut Group, words: &[&str]) -> Delivery {
    let (consumer, _) = group.see_consumer(words[0].as_bytes(), NOW_MS);
    Delivery { consumer, count: size(words[1]), noack: words.contains(&"NOACK"), now_ms: NOW_MS }
}

fn read_new(group: &mut Group, entries: &Entries, words: &[&str]) -> String {
    let delivery = delivery(group, words);
    let mut read = Vec::new();
    group.deliver_new(entries, &delivery, |one| read.push(entry(one)));
    if read.is_empty() { "nil".into() } else { list(read.into_iter()) }
}

fn read_again(group: &mut Group, entries: &Entries, words: &[&str]) -> String {
    let delivery = delivery(group, words);
    let mut read = Vec::new();
    group.deliver_again(entries, &delivery, id(words[2]), |id, one| {
        read.push(one.map_or(format!("[{id},nil]"), entry));
    });
    list(read.into_iter())
}

fn claim(group: &mut Group, entries: &Entries, words: &[&str]) -> String {
    let last_id = option(words, "LASTID").map_or(StreamId::MIN, id);
    group.last_id = group.last_id.max(last_id);
    let (consumer, _) = group.see_consumer(words[0].as_bytes(), NOW_MS);
    let idle = option(words, "IDLE").map(|word| NOW_MS - size(word) as i64);
    let justid = words.contains(&"JUSTID");
    let arguments = Claim {
        delivery_time_ms: idle.or(option(words, "TIME").map(|word| size(word) as i64)),
        retry_count: option(words, "RETRYCOUNT").map(|word| size(word) as u64),
        force: words.contains(&"FORCE"),
        justid,
        ..Claim::new(consumer, size(words[1]) as i64, NOW_MS)
    };
    let ids = words[2..].iter().take_while(|word| word.contains('-')).map(|word| id(word));
    let claimed = ids.filter(|id| matches!(group.claim(entries, *id, &arguments), ClaimOutcome::Claimed(_)));
    list(claimed.map(|id| claimed_entry(entries, id, justid)))
}

fn claim_from(group: &mut Group, entries: &Entries, words: &[&str]) -> String {
    let (consumer, _) = group.see_consumer(words[0].as_bytes(), NOW_MS);
    let justid = words.contains(&"JUSTID");
    let arguments = Claim { justid, ..Claim::new(consumer, size(words[1]) as i64, NOW_MS) };
    let claimed = group.claim_from(entries, id(words[2]), size(words[4]), &arguments);
    let (mut kept, mut gone) = (Vec::new(), Vec::new());
    for (id, outcome) in claimed.outcomes {
        match outcome {
            ClaimOutcome::Claimed(_) => kept.push(claimed_entry(entries, id, justid)),
            _ => gone.push(id.to_string()),
        }
    }
    format!("[{},{},{}]", claimed.next, list(kept.into_iter()), list(gone.into_iter()))
}

fn claimed_entry(entries: &Entries, id: StreamId, justid: bool) -> String {
    if justid { id.to_string() } else { entries.get(id).map(entry).expect("a claimed entry exists") }
}

fn summary(group: &Group) -> String {
    let summary = group.pending_summary();
    let Some((first, last)) = summary.edges else { return "[0,nil,nil,nil]".into() };
    let consumers =
        summary.consumers.iter().map(|(name, count)| format!("[{},{count}]", String::from_utf8_lossy(name)));
    format!("[{},{first},{last},{}]", summary.count, list(consumers))
}

fn pending(group: &Group, words: &[&str]) -> String {
    let consumer = words.get(4).map(|name| group.find_consumer(name.as_bytes()));
    if consumer == Some(None) {
        return "[]".into();
    }
    let filter = PendingFilter {
        start: id(words[1]),
        end: id(words[2]),
        consumer: consumer.flatten(),
        idle_min_ms: size(words[0]) as i64,
        now_ms: NOW_MS,
    };
    let mut items = Vec::new();
    group.pending_in(&filter, size(words[3]), |(id, nack)| {
        let name = String::from_utf8_lossy(group.consumer_name(nack.consumer));
        items.push(format!("[{id},{name},{}]", nack.delivery_count));
    });
    list(items.into_iter())
}

/// What XINFO STREAM FULL tells, and the hash of the nodes.
fn state(stream: &Stream) -> String {
    let entries = stream.entries();
    let counters = entries.state();
    let all = list(entries.range(StreamId::MIN, StreamId::MAX).map(entry));
    let mut text = format!(
        "{} {} {} {} {} {} {} {all}",
        counters.length,
        entries.node_count(),
        entries.radix_node_count(),
        counters.last_id,
        counters.max_deleted_entry_id,
        counters.entries_added,
        counters.first_id,
    );
    for (name, group) in stream.groups().iter() {
        let or_nil = |number: Option<String>| number.unwrap_or("nil".into());
        let read = or_nil(group.entries_read.map(|read| read.to_string()));
        let lag = or_nil(group.lag(entries).map(|lag| lag.to_string()));
        text += &format!(" G {} {} {read} {lag}", String::from_utf8_lossy(name), group.last_id);
        for (id, nack) in group.pending() {
            let name = String::from_utf8_lossy(group.consumer_name(nack.consumer));
            text += &format!(" {id}:{name}:{}", nack.delivery_count);
        }
        for (_, consumer) in group.consumers() {
            let active = u8::from(consumer.active_time_ms.is_some());
            text += &format!(" C {} {active}", String::from_utf8_lossy(consumer.name()));
            for id in consumer.pending_ids() {
                let count = group.nack(id).map(|nack| nack.delivery_count);
                text += &format!(" {id}:{}", count.expect("pending in the group too"));
            }
        }
    }
    let dump: Vec<u8> =
        entries.nodes().flat_map(|(first, bytes)| [&first.to_bytes()[..], bytes].concat()).collect();
    text + &format!(" {:x}", fnv(&dump))
}

fn entry(entry: Entry<'_>) -> String {
    let word = |item: Item<'_>| match item.to_vec() {
        bytes if bytes.is_empty() => "''".into(),
        bytes => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let fields = entry.fields.flat_map(|(name, value)| [word(name), word(value)]);
    format!("[{},{}]", entry.id, list(fields))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn size(word: &str) -> usize {
    word.parse().expect("a number")
}

fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.get(at + 1).copied()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
