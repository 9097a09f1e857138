//! Layer 2: channels, patterns and sharded channels, and who listens to them.
//!
//! The registries are concurrent maps that no GET or SET ever touches. A message is encoded once, as RESP2; a RESP3 listener
//! gets the same bytes with the push sign in front (`>` for `*`), which is the only difference.

mod audience;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use dashmap::DashMap;
use parking_lot::RwLock;

pub use audience::Audience;

use crate::base::glob::{self, Case};
use crate::resp::encode_command;

/// Somebody who listens.
pub trait Subscriber: Send + Sync {
    /// Which client it is.
    fn id(&self) -> u64;
    /// Hands over a message: a RESP2 array; never waits. The listener may see it when the journal has released record `gate`.
    fn deliver(&self, message: Bytes, gate: u64);
}

type Listeners = Vec<Arc<dyn Subscriber>>;

/// A message and those who are to get it.
pub struct Delivery {
    bytes: Bytes,
    listeners: Listeners,
}

impl Delivery {
    /// How many are to get it.
    pub fn receivers(&self) -> usize {
        self.listeners.len()
    }

    /// Hands it over; it reveals record `gate` of the journal.
    pub fn send(&self, gate: u64) {
        send(&self.listeners, &self.bytes, gate);
    }
}

/// Which of the two name spaces of channels is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// SUBSCRIBE and PUBLISH.
    Global,
    /// SSUBSCRIBE and SPUBLISH.
    Shard,
}

/// All subscriptions.
#[derive(Default)]
pub struct PubSub {
    channels: DashMap<Box<[u8]>, Listeners>,
    shard_channels: DashMap<Box<[u8]>, Listeners>,
    patterns: RwLock<HashMap<Box<[u8]>, Listeners>>,
    pattern_count: AtomicUsize,
    /// Who may hear of key-space events.
    pub audience: Audience,
}

impl PubSub {
    /// Adds a listener to a channel it does not listen to yet.
    pub fn subscribe(&self, space: Space, channel: &[u8], subscriber: Arc<dyn Subscriber>) {
        if space == Space::Global {
            self.audience.enter(channel, false);
        }
        self.space(space).entry(channel.into()).or_default().push(subscriber);
    }

    /// Takes a listener off a channel.
    pub fn unsubscribe(&self, space: Space, channel: &[u8], id: u64) {
        let map = self.space(space);
        if let Some(mut listeners) = map.get_mut(channel) {
            let left = retain(&mut listeners, |listener| listener != id);
            if space == Space::Global {
                self.audience.leave(channel, false, left);
            }
        }
        map.remove_if(channel, |_, listeners| listeners.is_empty());
    }

    /// Adds a listener to a pattern it does not listen to yet.
    pub fn subscribe_pattern(&self, pattern: &[u8], subscriber: Arc<dyn Subscriber>) {
        self.audience.enter(pattern, true);
        let mut patterns = self.patterns.write();
        patterns.entry(pattern.into()).or_default().push(subscriber);
        self.pattern_count.store(patterns.len(), Ordering::Relaxed);
    }

    /// Takes a listener off a pattern.
    pub fn unsubscribe_pattern(&self, pattern: &[u8], id: u64) {
        let mut patterns = self.patterns.write();
        if let Some(listeners) = patterns.get_mut(pattern) {
            self.audience.leave(pattern, true, retain(listeners, |listener| listener != id));
            if listeners.is_empty() {
                patterns.remove(pattern);
            }
        }
        self.pattern_count.store(patterns.len(), Ordering::Relaxed);
    }

    /// Sends a message, which reveals record `gate` of the journal, to all who listen, and returns their number.
    pub fn publish(&self, space: Space, channel: &[u8], message: &[u8], gate: u64) -> usize {
        let mut receivers = 0;
        if let Some(listeners) = self.space(space).get(channel) {
            let word: &[u8] = if space == Space::Global { b"message" } else { b"smessage" };
            let bytes = encode(&[word, channel, message]);
            receivers += send(&listeners, &bytes, gate);
        }
        if space == Space::Global && self.pattern_count.load(Ordering::Relaxed) > 0 {
            receivers += self.publish_to_patterns(channel, message, gate);
        }
        receivers
    }

    /// As [`PubSub::publish`], to be sent later to those who listen now.
    pub fn address(&self, space: Space, channel: &[u8], message: &[u8]) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        if let Some(listeners) = self.space(space).get(channel) {
            let word: &[u8] = if space == Space::Global { b"message" } else { b"smessage" };
            deliveries
                .push(Delivery { bytes: encode(&[word, channel, message]), listeners: listeners.clone() });
        }
        if space == Space::Global && self.pattern_count.load(Ordering::Relaxed) > 0 {
            let patterns = self.patterns.read();
            let hit = patterns.iter().filter(|(pattern, _)| glob::matches(pattern, channel, Case::Sensitive));
            deliveries.extend(hit.map(|(pattern, listeners)| Delivery {
                bytes: encode(&[b"pmessage", pattern, channel, message]),
                listeners: listeners.clone(),
            }));
        }
        deliveries
    }

    /// The channels that someone listens to and that match a pattern, if one is given.
    pub fn channels(&self, space: Space, pattern: Option<&[u8]>) -> Vec<Box<[u8]>> {
        let map = self.space(space);
        let wanted =
            |channel: &[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, channel, Case::Sensitive));
        map.iter().filter(|entry| wanted(entry.key())).map(|entry| entry.key().clone()).collect()
    }

    /// Number of channels that someone listens to.
    pub fn channel_count(&self, space: Space) -> usize {
        self.space(space).len()
    }

    /// Number of listeners of a channel.
    pub fn listeners(&self, space: Space, channel: &[u8]) -> usize {
        self.space(space).get(channel).map_or(0, |listeners| listeners.len())
    }

    /// The listeners of channels, or of patterns, that are such; whether it is a pattern is told besides.
    pub fn listeners_where(&self, is_such: impl Fn(&[u8], bool) -> bool) -> HashSet<u64> {
        let mut ids = HashSet::new();
        let mut add = |listeners: &Listeners| ids.extend(listeners.iter().map(|listener| listener.id()));
        for map in [&self.channels, &self.shard_channels] {
            map.iter().filter(|entry| is_such(entry.key(), false)).for_each(|entry| add(entry.value()));
        }
        let patterns = self.patterns.read();
        patterns
            .iter()
            .filter(|(pattern, _)| is_such(pattern, true))
            .for_each(|(_, listeners)| add(listeners));
        ids
    }

    /// Takes listeners off whatever they listen to.
    pub fn remove(&self, ids: &HashSet<u64>) {
        if ids.is_empty() {
            return;
        }
        let leave = |listeners: &mut Listeners| retain(listeners, |listener| !ids.contains(&listener));
        self.channels.retain(|channel, listeners| {
            self.audience.leave(channel, false, leave(listeners));
            !listeners.is_empty()
        });
        self.shard_channels.retain(|_, listeners| {
            leave(listeners);
            !listeners.is_empty()
        });
        let mut patterns = self.patterns.write();
        patterns.retain(|pattern, listeners| {
            self.audience.leave(pattern, true, leave(listeners));
            !listeners.is_empty()
        });
        self.pattern_count.store(patterns.len(), Ordering::Relaxed);
    }

    /// Number of different patterns.
    pub fn patterns(&self) -> usize {
        self.pattern_count.load(Ordering::Relaxed)
    }

    fn publish_to_patterns(&self, channel: &[u8], message: &[u8], gate: u64) -> usize {
        let patterns = self.patterns.read();
        let hit = patterns.iter().filter(|(pattern, _)| glob::matches(pattern, channel, Case::Sensitive));
        hit.map(|(pattern, listeners)| {
            let bytes = encode(&[b"pmessage", pattern, channel, message]);
            send(listeners, &bytes, gate)
        })
        .sum()
    }

    fn space(&self, space: Space) -> &DashMap<Box<[u8]>, Listeners> {
        match space {
            Space::Global => &self.channels,
            Space::Shard => &self.shard_channels,
        }
    }
}

/// Keeps the listeners that are such, and returns how many were not.
fn retain(listeners: &mut Listeners, is_such: impl Fn(u64) -> bool) -> usize {
    let before = listeners.len();
    listeners.retain(|listener| is_such(listener.id()));
    before - listeners.len()
}

fn send(listeners: &Listeners, bytes: &Bytes, gate: u64) -> usize {
    listeners.iter().for_each(|listener| listener.deliver(bytes.clone(), gate));
    listeners.len()
}

fn encode(parts: &[&[u8]]) -> Bytes {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, parts.iter());
    bytes.into()
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    struct Ear(u64, Mutex<Vec<Bytes>>);

    impl Subscriber for Ear {
        fn id(&self) -> u64 {
            self.0
        }
        fn deliver(&self, message: Bytes, _gate: u64) {
            self.1.lock().push(message);
        }
    }

    #[test]
    fn messages_reach_channels_and_patterns_once_each() {
        let pubsub = PubSub::default();
        let ears: Vec<_> = (1..=2).map(|id| Arc::new(Ear(id, Mutex::default()))).collect();
        pubsub.subscribe(Space::Global, b"news", ears[0].clone());
        pubsub.subscribe_pattern(b"n*", ears[0].clone());
        pubsub.subscribe_pattern(b"n*", ears[1].clone());
        pubsub.subscribe(Space::Shard, b"news", ears[1].clone());
        assert_eq!(pubsub.publish(Space::Global, b"news", b"hi", 0), 3);
        assert_eq!(ears[0].1.lock().len(), 2);
        assert_eq!(
            *ears[1].1.lock(),
            [Bytes::from_static(b"*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n")]
        );
        assert_eq!((pubsub.patterns(), pubsub.listeners(Space::Shard, b"news")), (1, 1));
        assert_eq!(
            pubsub.listeners_where(|name, is_pattern| is_pattern && name == b"n*"),
            HashSet::from([1, 2])
        );
        assert_eq!(
            pubsub.listeners_where(|name, is_pattern| !is_pattern && name == b"news"),
            HashSet::from([1, 2])
        );
        pubsub.unsubscribe_pattern(b"n*", 1);
        pubsub.unsubscribe(Space::Global, b"news", 1);
        assert_eq!(pubsub.publish(Space::Global, b"news", b"hi", 0), 1);
        assert_eq!(pubsub.channels(Space::Global, None).len(), 0);
        assert_eq!(pubsub.channels(Space::Shard, Some(b"new?")).len(), 1);
        pubsub.remove(&HashSet::from([2]));
        assert_eq!((pubsub.patterns(), pubsub.channel_count(Space::Shard)), (0, 0));
    }
}
