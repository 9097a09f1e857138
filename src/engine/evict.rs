//! Eviction: making room when `maxmemory` is passed.
//!
//! Whoever is about to write finds the limit passed and evicts, before it takes its locks, until there is room again or a
//! bounded time is over (design 2.11, 7). A victim is the best of `maxmemory-samples` keys out of random buckets of random
//! stripes; candidates that were good but not the best stay in a small pool, as in Redis, which sharpens the choice.

use std::cell::RefCell;

use super::keyspace::{idle_seconds, lfu_counter};
use super::node::Node;
use super::settle::{Removal, remove_told};
use super::worker::Worker;
use crate::base::hash::hash as hash_of;
use crate::base::{alloc, clock};
use crate::config::{Config, Id};
use crate::store::{Db, Entry, Mode, Stripe};

const POOL_MAX: usize = 16;
/// Random buckets looked at for one round of samples before giving up: a store may be all but empty.
const TRIES_MAX: usize = 4096;
/// Elements by which the size of a collection is estimated.
const SIZE_SAMPLES: usize = 5;

/// `maxmemory-policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    volatile: bool,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Lru,
    Lfu,
    Random,
    Ttl,
    Never,
}

/// A key that may be evicted; the greater the score the sooner.
struct Candidate {
    score: u64,
    db: usize,
    key: Box<[u8]>,
}

thread_local! {
    /// The candidates, and the policy that has scored them.
    static POOL: RefCell<(Option<Policy>, Vec<Candidate>)> = const { RefCell::new((None, Vec::new())) };
}

impl Policy {
    /// The policy in force. The settings' table lists the names in this order.
    #[inline]
    pub fn of(config: &Config) -> Self {
        let (volatile, order) = match config.get(Id::MaxMemoryPolicy) {
            0 => (true, Order::Lru),
            1 => (true, Order::Lfu),
            2 => (true, Order::Random),
            3 => (true, Order::Ttl),
            4 => (false, Order::Lru),
            5 => (false, Order::Lfu),
            6 => (false, Order::Random),
            _ => (false, Order::Never),
        };
        Self { volatile, order }
    }

    /// Whether it matters when or how often a key was accessed.
    pub fn looks_at_access(self) -> bool {
        self.is_lru() || self.is_lfu()
    }

    /// Whether access bits decide by their age.
    pub fn is_lru(self) -> bool {
        self.order == Order::Lru
    }

    /// Whether access bits count frequency.
    #[inline]
    pub fn is_lfu(self) -> bool {
        self.order == Order::Lfu
    }
}

/// Bytes above the limit, 0 without one. What is kept for replicas alone does not count: the deletions would make it more.
pub fn excess_bytes(node: &Node) -> usize {
    match node.config.get_unsigned(Id::MaxMemory) as usize {
        0 => 0,
        limit => alloc::bytes_above(limit.saturating_add(node.feed.excess_bytes())),
    }
}

/// Evicts until memory is within the limit. False if it is not and nothing more can be done.
#[inline]
pub fn make_room(worker: &Worker) -> bool {
    if excess_bytes(&worker.node) == 0 {
        return true;
    }
    evict(worker)
}

#[cold]
fn evict(worker: &Worker) -> bool {
    let config = &worker.node.config;
    let policy = Policy::of(config);
    if policy.order == Order::Never {
        return false;
    }
    let started_ns = clock::monotonic_ns();
    let has_room = evict_some(worker, policy);
    worker.node.latency.note_since("eviction-cycle", started_ns);
    has_room
}

fn evict_some(worker: &Worker, policy: Policy) -> bool {
    let config = &worker.node.config;
    let deadline_us = clock::monotonic_us() + time_us(config.get(Id::MaxMemoryEvictionTenacity) as u32);
    alloc::settle_thread();
    // What has been freed makes room once it is dropped, and clients that are told take room for a moment: neither is a reason
    // to evict more.
    let mut wanted = excess_bytes(&worker.node);
    while wanted > 0 && may_change(&worker.node) {
        let Some(freed) = evict_one(worker, policy) else {
            // What is being freed in the background will make room yet.
            return worker.node.lazy_pending.load(std::sync::atomic::Ordering::Relaxed) > 0;
        };
        if clock::monotonic_us() > deadline_us {
            return true;
        }
        alloc::settle_thread();
        wanted = wanted.saturating_sub(freed).min(excess_bytes(&worker.node));
    }
    true
}

/// `maxmemory-eviction-tenacity` as a time limit: up to 10, linear to 500 us; above, 15% more each; 100: no limit.
fn time_us(tenacity: u32) -> u64 {
    match tenacity {
        0..=10 => 50 * u64::from(tenacity),
        11..=99 => (500.0 * 1.15f64.powi(tenacity as i32 - 10)) as u64,
        _ => u64::MAX / 2,
    }
}

/// Whether keys may go: not once the last snapshot is being made or the data loaded, nor in a pause. Who has looked under a
/// stripe's lock, and he alone, knows (see `execute::run_direct`).
fn may_change(node: &Node) -> bool {
    !node.is_closing() && !node.is_loading() && !node.pause.is_on()
}

/// Evicts the best key that is found. Returns about how many bytes it took; None when nothing may go.
fn evict_one(worker: &Worker, policy: Policy) -> Option<usize> {
    for _ in 0..POOL_MAX {
        let candidate = choose(worker, policy)?;
        if let Some(bytes) = remove(worker, policy, &candidate) {
            return Some(bytes);
        }
    }
    // Only stale candidates: the store is changing under us, so try again later.
    Some(0)
}

/// Evicts a candidate, unless it has gone or may not be evicted any more: it may have lost its expiry since it was sampled.
/// Returns about how many bytes it took.
fn remove(worker: &Worker, policy: Policy, candidate: &Candidate) -> Option<usize> {
    let store = &worker.node.store;
    let hash = hash_of(&candidate.key);
    let mut guard = store.locks().lock_soon(store.stripe_of(hash), Mode::Write).ok()?;
    let stripe = guard.stripe_mut().filter(|_| may_change(&worker.node))?;
    let entry = stripe.db(candidate.db)?.find(hash, &candidate.key)?;
    if policy.volatile && entry.expiry().is_none() {
        return None;
    }
    let bytes = entry.entry_bytes() + entry.value().heap_bytes(SIZE_SAMPLES);
    let removed = remove_told(worker, stripe, candidate.db, &candidate.key, Removal::Evicted)?;
    drop(guard);
    worker.node.free(removed);
    Some(bytes)
}

/// Samples, puts what it finds into the pool, and takes the best.
fn choose(worker: &Worker, policy: Policy) -> Option<Candidate> {
    let wanted = worker.node.config.get(Id::MaxMemorySamples) as usize;
    POOL.with_borrow_mut(|(scored_by, pool)| {
        // Scores of different policies do not compare.
        if scored_by.replace(policy) != Some(policy) {
            pool.clear();
        }
        let mut found = 0;
        for _ in 0..TRIES_MAX {
            if found >= wanted {
                break;
            }
            found += sample(worker, policy, pool);
        }
        if found < wanted {
            found += sweep(worker, policy, pool, wanted - found);
        }
        if found == 0 {
            pool.clear();
            return None;
        }
        pool.sort_unstable_by_key(|candidate| candidate.score);
        let best = pool.pop();
        // The same key may have been sampled more than once; only the first can be evicted.
        if let Some(best) = &best {
            pool.retain(|other| (other.db, &other.key) != (best.db, &best.key));
        }
        let surplus = pool.len().saturating_sub(POOL_MAX);
        pool.drain(..surplus);
        if policy.order == Order::Random {
            pool.clear();
        }
        best
    })
}

/// Looks at one random bucket, or one random record of the expiry index. Returns how many candidates it had.
fn sample(worker: &Worker, policy: Policy, pool: &mut Vec<Candidate>) -> usize {
    let store = &worker.node.store;
    // Where a script is at work somebody else's turn comes first.
    let Ok(guard) = store.locks().lock_soon(fastrand::usize(..store.stripes()), Mode::Read) else { return 0 };
    let stripe = guard.stripe();
    let random = stripe.dbs().nth(fastrand::usize(..stripe.dbs().count()));
    random.map_or(0, |(db, part)| sample_part(&worker.node.config, policy, db, part, pool))
}

fn sample_part(config: &Config, policy: Policy, db: usize, part: &Db, pool: &mut Vec<Candidate>) -> usize {
    let before = pool.len();
    let mut add = |entry: &Entry| pool.push(candidate(config, policy, db, entry));
    if policy.volatile {
        if let Some(hash) = part.expiry().sample(fastrand::u64(..)) {
            part.table().find_by_hash(hash, |entry| entry.expiry().is_some()).into_iter().for_each(add);
        }
    } else {
        part.table().sample(fastrand::u64(..), &mut add);
    }
    pool.len() - before
}

/// The slow way, when random places hold next to nothing: goes through the stripes from a random one on.
fn sweep(worker: &Worker, policy: Policy, pool: &mut Vec<Candidate>, wanted: usize) -> usize {
    let store = &worker.node.store;
    let start = fastrand::usize(..store.stripes());
    let mut found = 0;
    for offset in 0..store.stripes() {
        let index = (start + offset) % store.stripes();
        let Ok(guard) = store.locks().lock_soon(index, Mode::Read) else { continue };
        found += sweep_stripe(&worker.node.config, policy, guard.stripe(), pool, wanted - found);
        if found >= wanted {
            break;
        }
    }
    found
}

fn sweep_stripe(
    config: &Config,
    policy: Policy,
    stripe: &Stripe,
    pool: &mut Vec<Candidate>,
    wanted: usize,
) -> usize {
    let mut found = 0;
    for (db, part) in stripe.dbs() {
        part.table().each(&mut |entry| {
            if found < wanted && (!policy.volatile || entry.expiry().is_some()) {
                pool.push(candidate(config, policy, db, entry));
                found += 1;
            }
        });
    }
    found
}

fn candidate(config: &Config, policy: Policy, db: usize, entry: &Entry) -> Candidate {
    let score = match policy.order {
        Order::Lru => u64::from(idle_seconds(entry.access())),
        Order::Lfu => 255 - u64::from(lfu_counter(entry.access(), config.get(Id::LfuDecayTime) as u32)),
        Order::Ttl => u64::MAX - entry.expiry().unwrap_or(i64::MAX).max(0) as u64,
        Order::Random | Order::Never => fastrand::u64(..),
    };
    Candidate { score, db, key: entry.key().into() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Sources;
    use crate::engine::node::Node;
    use crate::engine::table::CommandTable;
    use crate::store::NewValue;

    const KEYS: usize = 400;

    fn node(policy: &str, workers: usize) -> Arc<Node> {
        let samples = ["--maxmemory-samples", "64", "--maxmemory-eviction-tenacity", "100"];
        let flags = ["--maxmemory-policy", policy].into_iter().chain(samples);
        let flags = flags.map(|word| word.as_bytes().to_vec()).collect();
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        Arc::new(Node::new(config, CommandTable::new(&[]).unwrap(), workers))
    }

    fn insert(node: &Node, key: &[u8], value: NewValue<'_>, expiry_ms: Option<i64>, access: u32) {
        let hash = hash_of(key);
        let mut guard = node.store.locks().lock(node.store.stripe_of(hash), Mode::Write);
        let part = guard.stripe_mut().unwrap().db_mut(0);
        drop(part.remove(hash, key));
        part.insert(hash, key, value, expiry_ms, access);
    }

    fn has(node: &Node, key: &[u8]) -> bool {
        let hash = hash_of(key);
        let guard = node.store.locks().lock(node.store.stripe_of(hash), Mode::Read);
        guard.stripe().db(0).is_some_and(|part| part.find(hash, key).is_some())
    }

    /// Evicts half of what may go. Every second key expires, those with higher numbers later; `access` gives a key's LRU or LFU
    /// bits. `score` of a policy that has an order is the mean number of the survivors that might have gone, 0 to 1.
    fn survivors(policy: &str, access: impl Fn(usize) -> u32) -> (usize, usize, f64) {
        let node = node(policy, 1);
        let worker = Worker::new(1, node.clone());
        let expires = |number: usize| number.is_multiple_of(2);
        let name = |number: usize| format!("key:{number}").into_bytes();
        for number in 0..KEYS {
            let expiry = expires(number).then(|| clock::unix_ms() + 1_000_000 + number as i64 * 1000);
            insert(&node, &name(number), NewValue::Integer(1), expiry, access(number));
        }
        let policy = Policy::of(&node.config);
        let candidates = if policy.volatile { KEYS / 2 } else { KEYS };
        (0..candidates / 2).for_each(|_| assert!(evict_one(&worker, policy).is_some()));
        let left: Vec<usize> = (0..KEYS).filter(|number| has(&node, &name(*number))).collect();
        let persistent = left.iter().filter(|number| !expires(**number)).count();
        let might_have_gone = left.iter().filter(|number| !policy.volatile || expires(**number));
        let (sum, count) = might_have_gone.fold((0, 0), |(sum, count), number| (sum + number, count + 1));
        (left.len(), persistent, sum as f64 / count as f64 / KEYS as f64)
    }

    #[test]
    fn nothing_goes_while_the_last_snapshot_is_made() {
        let node = node("allkeys-random", 1);
        let worker = Worker::new(1, node.clone());
        insert(&node, b"key", NewValue::Integer(1), None, 0);
        for flag in [&node.closing, &node.loading] {
            flag.store(true, std::sync::atomic::Ordering::Relaxed);
            evict_one(&worker, Policy::of(&node.config));
            assert!(has(&node, b"key"));
            flag.store(false, std::sync::atomic::Ordering::Relaxed);
        }
        evict_one(&worker, Policy::of(&node.config));
        assert!(!has(&node, b"key"));
    }

    #[test]
    fn each_policy_takes_the_keys_it_should() {
        clock::tick();
        let now = clock::lru_seconds();
        let lru = |number| now.wrapping_sub((KEYS - number) as u32 * 100) & 0xff_ffff;
        let lfu = |number| ((now / 60) & 0xffff) << 8 | (number * 255 / KEYS) as u32;
        let check = |policy, volatile, ordered, access: &dyn Fn(usize) -> u32| {
            let (left, persistent, mean) = survivors(policy, access);
            let expected = if volatile { KEYS * 3 / 4 } else { KEYS / 2 };
            assert_eq!(left, expected, "{policy}");
            assert!(!volatile || persistent == KEYS / 2, "{policy} took {} others", KEYS / 2 - persistent);
            // Half of the keys in perfect order leave a mean of 0.75, at random 0.5.
            let range = if ordered { 0.7..0.76 } else { 0.4..0.6 };
            assert!(range.contains(&mean), "{policy}: {mean}");
        };
        check("allkeys-lru", false, true, &lru);
        check("volatile-lru", true, true, &lru);
        check("allkeys-lfu", false, true, &lfu);
        check("volatile-lfu", true, true, &lfu);
        check("volatile-ttl", true, true, &|_| 0);
        check("allkeys-random", false, false, &lru);
        check("volatile-random", true, false, &lru);
    }

    #[test]
    fn noeviction_takes_nothing_and_refuses() {
        let node = node("noeviction", 1);
        let worker = Worker::new(1, node.clone());
        insert(&node, b"key", NewValue::Integer(1), None, 0);
        assert!(make_room(&worker), "no limit");
        node.config.set(&[(b"maxmemory", b"1")], true).unwrap();
        assert!(!make_room(&worker));
        assert!(has(&node, b"key"));
    }

    #[test]
    fn another_policy_scores_anew() {
        let worker = Worker::new(1, node("volatile-ttl", 1));
        for number in 0..KEYS {
            insert(
                &worker.node,
                format!("key:{number}").as_bytes(),
                NewValue::Integer(1),
                Some(1_000_000),
                0,
            );
        }
        assert!(choose(&worker, Policy { volatile: true, order: Order::Ttl }).is_some());
        let idle = choose(&worker, Policy { volatile: true, order: Order::Lru }).unwrap();
        assert!(idle.score <= 0xff_ffff, "{} seconds", idle.score);
    }

    #[test]
    fn what_may_not_go_leaves_no_room() {
        let node = node("volatile-lru", 1);
        let worker = Worker::new(1, node.clone());
        insert(&node, b"key", NewValue::Integer(1), None, 0);
        node.config.set(&[(b"maxmemory", b"1")], true).unwrap();
        assert!(!make_room(&worker));
        insert(&node, b"goes", NewValue::Integer(1), Some(i64::MAX), 0);
        assert!(!make_room(&worker));
        assert!(has(&node, b"key") && !has(&node, b"goes"));
    }
}
