//! What INFO and MEMORY tell about the keys and the memory.

use super::process;
use crate::base::{alloc, clock};
use crate::engine::Node;
use crate::engine::client_memory::bytes_of;
use crate::store::{Db, Stripe};

/// What a walk over the stripes has found.
#[derive(Default)]
pub(super) struct StoreFigures {
    /// Of each database.
    pub databases: Vec<DatabaseFigures>,
    /// Keys in the fullest stripe.
    pub keys_per_stripe_max: usize,
    /// Keys that somebody watches.
    pub watched_keys: usize,
    /// Keys that somebody waits for.
    pub awaited_keys: usize,
    /// Keys whose removal somebody waits for.
    pub awaited_removals: usize,
}

/// What it has found in one database.
#[derive(Clone, Default)]
pub(super) struct DatabaseFigures {
    /// Keys.
    pub keys: usize,
    /// Keys that expire.
    pub expiring: usize,
    /// Bytes of the tables, without the entries.
    pub table_bytes: usize,
    /// Bytes of the expiry indexes.
    pub expiry_bytes: usize,
    /// Milliseconds that sampled keys have left.
    pub ttl_sum_ms: i64,
    /// Keys sampled for it.
    pub ttl_samples: i64,
}

impl StoreFigures {
    /// Goes through all stripes, which `visit` locks.
    pub fn gather(node: &Node, visit: impl Fn(usize, &mut dyn FnMut(&Stripe))) -> Self {
        let mut figures =
            Self { databases: vec![DatabaseFigures::default(); node.databases()], ..Self::default() };
        let now_ms = clock::unix_ms();
        for index in 0..node.store.stripes() {
            visit(index, &mut |stripe| figures.add(stripe, now_ms));
        }
        figures
    }

    fn add(&mut self, stripe: &Stripe, now_ms: i64) {
        let mut keys = 0;
        for (db, part) in stripe.dbs() {
            let figures = &mut self.databases[db];
            keys += part.table().len();
            figures.keys += part.table().len();
            figures.expiring += part.expiry().len();
            figures.table_bytes += part.table().heap_bytes();
            figures.expiry_bytes += part.expiry().heap_bytes();
            figures.sample_ttl(part, now_ms);
        }
        let (awaited, removals) = stripe.awaited_counts();
        self.watched_keys += stripe.watched_count();
        self.awaited_keys += awaited;
        self.awaited_removals += removals;
        self.keys_per_stripe_max = self.keys_per_stripe_max.max(keys);
    }

    /// Keys of all databases.
    pub fn keys(&self) -> usize {
        self.databases.iter().map(|figures| figures.keys).sum()
    }
}

impl DatabaseFigures {
    /// One key of each stripe stands for the others: `avg_ttl` is an estimate in Redis, too.
    fn sample_ttl(&mut self, part: &Db, now_ms: i64) {
        const SAMPLES_MAX: i64 = 64;
        if self.ttl_samples >= SAMPLES_MAX || part.expiry().is_empty() {
            return;
        }
        let hash = part.expiry().sample(fastrand::u64(..));
        let entry = hash.and_then(|hash| part.table().find_by_hash(hash, |entry| entry.expiry().is_some()));
        if let Some(at) = entry.and_then(|entry| entry.expiry()) {
            self.ttl_sum_ms += (at - now_ms).max(0);
            self.ttl_samples += 1;
        }
    }
}

/// Where the memory goes, in bytes.
pub(super) struct MemoryFigures {
    /// In use.
    pub used: usize,
    /// The most that has been in use.
    pub peak: usize,
    /// Resident.
    pub resident: usize,
    /// In use before the first client.
    pub startup: usize,
    /// Clients and their buffers.
    pub clients: usize,
    /// Scripts that are cached.
    pub scripts: usize,
    /// Function libraries.
    pub functions: usize,
    /// Tables and expiry indexes.
    pub tables: usize,
}

impl MemoryFigures {
    /// As it is now. `used` is what was in use before anything was gathered: who asks shall not count himself.
    pub fn gather(node: &Node, used: usize, store: &StoreFigures) -> Self {
        alloc::note_peak();
        Self {
            used,
            peak: alloc::peak_bytes().max(used),
            resident: process::resident_bytes(),
            startup: node.startup_bytes,
            clients: node.clients.iter().map(|client| bytes_of(&client)).sum(),
            scripts: node.scripting.source_bytes(),
            functions: node.scripting.catalog().bytes(),
            tables: store.databases.iter().map(|figures| figures.table_bytes + figures.expiry_bytes).sum(),
        }
    }

    /// What is not data.
    pub fn overhead(&self) -> usize {
        (self.startup + self.tables + self.clients + self.scripts + self.functions).min(self.used)
    }

    /// Keys and values.
    pub fn dataset(&self) -> usize {
        self.used - self.overhead()
    }

    /// What has come since the start.
    pub fn net(&self) -> usize {
        self.used.saturating_sub(self.startup)
    }

    /// Resident bytes for each one in use.
    pub fn fragmentation(&self) -> f64 {
        self.resident as f64 / self.used.max(1) as f64
    }

    /// Resident bytes that are not in use.
    pub fn waste(&self) -> i64 {
        self.resident as i64 - self.used as i64
    }
}
