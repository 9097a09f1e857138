//! Who may hear of key-space events: so that an event that nobody hears costs a look at a counter, and no channel's name is made.

use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memmem;

const KEY_CHANNELS: &[u8] = b"__keyspace@";
const EVENT_CHANNELS: &[u8] = b"__keyevent@";
/// Stands between the database and the key, or the event.
const MARK: &[u8] = b"__:";
/// What is not itself in a pattern.
const SPECIAL: &[u8] = b"*?[]\\";
/// Events share this many counters: one may be taken for another, which costs a message's making.
const COUNTERS: usize = 64;

/// Numbers of subscriptions that may hear of events.
pub struct Audience {
    of_keys: AtomicUsize,
    of_events: [AtomicUsize; COUNTERS],
}

impl Default for Audience {
    fn default() -> Self {
        Self { of_keys: AtomicUsize::new(0), of_events: [const { AtomicUsize::new(0) }; COUNTERS] }
    }
}

impl Audience {
    /// Whether somebody may listen to a channel of a key (`__keyspace@0__:key`).
    #[inline]
    pub fn hears_keys(&self) -> bool {
        self.of_keys.load(Ordering::Relaxed) > 0
    }

    /// Whether somebody may listen to a channel of this event (`__keyevent@0__:event`).
    #[inline]
    pub fn hears_event(&self, event: &str) -> bool {
        self.of_events[counter(event.as_bytes())].load(Ordering::Relaxed) > 0
    }

    /// Somebody listens to a channel, or to a pattern.
    pub(super) fn enter(&self, name: &[u8], is_pattern: bool) {
        self.each(name, is_pattern, |counter| _ = counter.fetch_add(1, Ordering::SeqCst));
    }

    /// So many do not any more.
    pub(super) fn leave(&self, name: &[u8], is_pattern: bool, listeners: usize) {
        self.each(name, is_pattern, |counter| _ = counter.fetch_sub(listeners, Ordering::SeqCst));
    }

    fn each(&self, name: &[u8], is_pattern: bool, action: impl Fn(&AtomicUsize)) {
        let is_special = |byte: &u8| is_pattern && SPECIAL.contains(byte);
        let literal = &name[..name.iter().position(is_special).unwrap_or(name.len())];
        let may_begin = |with: &[u8]| {
            literal.starts_with(with) || literal.len() < name.len() && with.starts_with(literal)
        };
        if may_begin(KEY_CHANNELS) {
            action(&self.of_keys);
        }
        if !may_begin(EVENT_CHANNELS) {
            return;
        }
        let event = memmem::rfind(name, MARK).map(|at| &name[at + MARK.len()..]);
        match event.filter(|event| !event.iter().any(is_special)) {
            Some(event) => action(&self.of_events[counter(event)]),
            None => self.of_events.iter().for_each(action),
        }
    }
}

#[inline]
fn counter(event: &[u8]) -> usize {
    event.iter().fold(0_usize, |sum, byte| (sum * 31 + usize::from(*byte)) % COUNTERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_hear_what_they_may_match() {
        let check = |name: &str, is_pattern: bool, keys: bool, expired: bool, set: bool| {
            let audience = Audience::default();
            let hears =
                || (audience.hears_keys(), audience.hears_event("expired"), audience.hears_event("set"));
            audience.enter(name.as_bytes(), is_pattern);
            audience.enter(name.as_bytes(), is_pattern);
            assert_eq!(hears(), (keys, expired, set), "{name}");
            audience.leave(name.as_bytes(), is_pattern, 2);
            assert_eq!(hears(), (false, false, false), "{name}");
        };
        check("news", false, false, false, false);
        check("__keyspace@0__:k", false, true, false, false);
        check("__keyevent@0__:expired", false, false, true, false);
        check("__keyevent@0__:set", false, false, false, true);
        check("__key*", false, false, false, false);
        check("__keyevent@", false, false, true, true);
        check(&format!("__keyevent@0__:{}", "e".repeat(1000)), false, false, false, false);
        check("news.*", true, false, false, false);
        check("*", true, true, true, true);
        check("__key*__:*", true, true, true, true);
        check("__keyevent@*__:expired", true, false, true, false);
        check("__keyevent@0__:e*", true, false, true, true);
        check("__keyspace@0__:job:*", true, true, false, false);
        check("__keyevent@0__[__:]expired", true, false, true, true);
        check("\\__keyevent@0__:expired", true, true, true, false);
    }
}
