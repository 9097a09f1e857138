//! `maxmemory-clients`: when the clients take more memory together than they may, those that take most are closed.
//!
//! While there is a limit each connection notes what its client takes before it runs what has come, and whenever its buffers
//! have changed otherwise. So the sum is known without asking all; what others put into mailboxes is noted when the connection
//! takes it out, or at the next beat. Whoever finds the limit reached closes clients, the largest first. Without a limit nobody
//! counts.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::node::Node;
use super::session::{ClientHandle, Session};
use crate::base::log;
use crate::config::{Config, Id};

/// About as much as a key that is watched takes, and a channel that is listened to, without their names.
const WATCHED_BYTES: usize = 64;
const CHANNEL_BYTES: usize = 64;

/// What all clients take.
#[derive(Default)]
pub struct ClientMemory {
    total_bytes: AtomicUsize,
    /// The setting by which they were last counted, all of them.
    followed: AtomicI64,
    evicted: AtomicU64,
    /// Held by whoever closes clients.
    evicting: Mutex<()>,
}

/// What a client and its buffers take, in bytes.
pub fn bytes_of(client: &ClientHandle) -> usize {
    let view = &client.view;
    let get = |field: &AtomicUsize| field.load(Ordering::Relaxed);
    let buffers = [&view.query_bytes, &view.query_free_bytes, &view.argument_bytes, &view.queue_bytes];
    let channels = get(&view.channels) + get(&view.patterns) + get(&view.shard_channels);
    size_of::<ClientHandle>()
        + size_of::<Session>()
        + buffers.into_iter().map(get).sum::<usize>()
        + get(&view.output_bytes)
        + client.mail_bytes()
        + get(&view.watched) * WATCHED_BYTES
        + channels * CHANNEL_BYTES
        + client.tracking.bytes()
}

/// A lower limit would leave nobody to raise it (Redis 7.2).
const LIMIT_BYTES_MIN: usize = 128 << 10;

/// The limit in bytes; None without one. A percentage is one of `maxmemory`.
fn limit_bytes(config: &Config) -> Option<usize> {
    let limit = match config.get(Id::MaxMemoryClients) {
        percent @ ..0 => {
            let all = u128::from(config.get_unsigned(Id::MaxMemory));
            (all * u128::from(percent.unsigned_abs()) / 100) as usize
        }
        bytes => bytes as usize,
    };
    (limit > 0).then_some(limit.max(LIMIT_BYTES_MIN))
}

impl ClientMemory {
    /// Clients closed so far.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// CONFIG RESETSTAT.
    pub fn reset(&self) {
        self.evicted.store(0, Ordering::Relaxed);
    }

    /// A client's buffers may have changed.
    #[inline]
    pub fn note(&self, node: &Node, client: &ClientHandle) {
        if node.config.get(Id::MaxMemoryClients) != 0 {
            self.note_counted(node, client);
        }
    }

    #[cold]
    fn note_counted(&self, node: &Node, client: &ClientHandle) {
        if self.followed.load(Ordering::Relaxed) != node.config.get(Id::MaxMemoryClients) {
            return self.look_after(node);
        }
        self.count(client);
        self.evict(node);
    }

    /// Counts all clients, and closes some if they take too much. To be called now and then, and when the limit changes.
    pub fn look_after(&self, node: &Node) {
        let setting = node.config.get(Id::MaxMemoryClients);
        self.followed.store(setting, Ordering::Relaxed);
        if setting != 0 {
            node.clients.iter().for_each(|client| self.count(&client));
            self.evict(node);
        }
    }

    /// A client has left the registry.
    pub fn forget(&self, client: &ClientHandle) {
        self.total_bytes.fetch_sub(client.counted_bytes.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn count(&self, client: &ClientHandle) {
        // What has been closed takes nothing, though it may take a moment to go.
        if !client.is_killed() {
            let bytes = bytes_of(client);
            let before = client.counted_bytes.swap(bytes, Ordering::Relaxed);
            // The sum wraps like each difference, so it comes out right.
            self.total_bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    fn evict(&self, node: &Node) {
        let exceeds = || {
            limit_bytes(&node.config).is_some_and(|limit| self.total_bytes.load(Ordering::Relaxed) >= limit)
        };
        if !exceeds() {
            return;
        }
        // Who comes second leaves it to the first.
        let Some(_evicting) = self.evicting.try_lock() else { return };
        let mut clients: Vec<Arc<ClientHandle>> = node
            .clients
            .iter()
            .filter(|client| {
                !client.view.no_evict.load(Ordering::Relaxed)
                    && !client.view.follows.load(Ordering::Relaxed)
                    && !client.is_killed()
            })
            .map(|client| Arc::clone(&client))
            .collect();
        clients.sort_by_cached_key(|client| Reverse(client.counted_bytes.load(Ordering::Relaxed)));
        for client in clients {
            if !exceeds() {
                return;
            }
            log::notice!(
                "Evicting client: id={} addr={}, {} bytes",
                client.id,
                client.address,
                client.counted_bytes.load(Ordering::Relaxed)
            );
            client.kill();
            self.forget(&client);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::engine::table::CommandTable;

    fn node(flags: &[&str]) -> Node {
        let flags = flags.iter().map(|word| word.as_bytes().to_vec()).collect();
        let config = Config::load(&Sources { flags, ..Sources::default() }).unwrap();
        Node::new(config, CommandTable::new(&[]).unwrap(), 1)
    }

    fn client(node: &Node, query_bytes: usize) -> Arc<ClientHandle> {
        let id = node.next_client_id();
        let client = Arc::new(ClientHandle::new(id, "a".into(), "b".into(), 0, false, 0));
        client.view.query_bytes.store(query_bytes, Ordering::Relaxed);
        node.clients.insert(id, client.clone());
        client
    }

    #[test]
    fn the_largest_clients_go_until_there_is_room() {
        const MB: usize = 1 << 20;
        let node = node(&["--maxmemory-clients", "10mb"]);
        let clients = [1, 4, 2, 3].map(|size| client(&node, size * MB));
        let spared = client(&node, 5 * MB);
        spared.view.no_evict.store(true, Ordering::Relaxed);
        node.client_memory.look_after(&node);
        assert_eq!(clients.map(|client| client.is_killed()), [false, true, false, true]);
        assert!(!spared.is_killed() && node.client_memory.evicted() == 2);
        // What is left is 8 MB; growing is noticed by the client's own connection.
        let small = client(&node, 0);
        small.view.query_bytes.store(3 * MB, Ordering::Relaxed);
        node.client_memory.note(&node, &small);
        assert!(small.is_killed());
    }

    #[test]
    fn the_limit_may_be_a_share() {
        let check =
            |flags: &[&str], expected: Option<usize>| assert_eq!(limit_bytes(&node(flags).config), expected);
        check(&[], None);
        check(&["--maxmemory-clients", "1mb"], Some(1 << 20));
        check(&["--maxmemory-clients", "1kb"], Some(LIMIT_BYTES_MIN));
        check(&["--maxmemory-clients", "5%"], None);
        check(&["--maxmemory-clients", "5%", "--maxmemory", "1000"], Some(LIMIT_BYTES_MIN));
        check(&["--maxmemory-clients", "5%", "--maxmemory", "100mb"], Some(5 << 20));
        check(&["--maxmemory-clients", "100%", "--maxmemory", "18446744073709551615"], Some(usize::MAX));
    }
}
