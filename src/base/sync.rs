//! The locks that the concurrent protocols are built on: parking_lot's in the server, loom's under `--cfg tartan_loom`, so that the
//! protocols of `store::locks` and `engine::blocking` can be model-checked as they are.

#[cfg(not(tartan_loom))]
pub use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

#[cfg(tartan_loom)]
pub use self::model::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A condition variable, with loom's signature.
#[derive(Default)]
pub struct Condvar(#[cfg(not(tartan_loom))] parking_lot::Condvar, #[cfg(tartan_loom)] loom::sync::Condvar);

impl Condvar {
    /// Gives the lock back until somebody notifies.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        #[cfg(tartan_loom)]
        return self.0.wait(guard).unwrap_or_else(|poison| poison.into_inner());
        #[cfg(not(tartan_loom))]
        {
            let mut guard = guard;
            self.0.wait(&mut guard);
            guard
        }
    }

    /// Wakes one who waits.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }
}

/// Lets others go first.
pub fn yield_now() {
    #[cfg(tartan_loom)]
    loom::thread::yield_now();
    #[cfg(not(tartan_loom))]
    std::thread::yield_now();
}

/// Atomics, likewise.
pub mod atomic {
    #[cfg(tartan_loom)]
    pub use loom::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
    #[cfg(not(tartan_loom))]
    pub use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, AtomicUsize, Ordering};
}

/// loom's locks with parking_lot's signatures. Nothing in a model panics on purpose, so poison is not looked at.
#[cfg(tartan_loom)]
mod model {
    use std::time::Duration;

    pub use loom::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

    /// A mutual exclusion lock.
    #[derive(Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// An open lock.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }
        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|poison| poison.into_inner())
        }
        /// Takes the lock if it is free.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    /// A lock with shared readers.
    #[derive(Default)]
    pub struct RwLock<T>(loom::sync::RwLock<T>);

    impl<T> RwLock<T> {
        /// An open lock.
        pub fn new(value: T) -> Self {
            Self(loom::sync::RwLock::new(value))
        }
        /// Waits for a shared lock.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(|poison| poison.into_inner())
        }
        /// Waits for the exclusive lock.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(|poison| poison.into_inner())
        }
        /// Waits for a shared lock, for a moment.
        pub fn try_read_for(&self, _timeout: Duration) -> Option<RwLockReadGuard<'_, T>> {
            let guard = self.try_read();
            if guard.is_none() {
                loom::thread::yield_now();
            }
            guard
        }
        /// Waits for the exclusive lock, for a moment.
        pub fn try_write_for(&self, _timeout: Duration) -> Option<RwLockWriteGuard<'_, T>> {
            let guard = self.try_write();
            if guard.is_none() {
                loom::thread::yield_now();
            }
            guard
        }
        /// A shared lock if nobody writes.
        pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
            self.0.try_read().ok()
        }
        /// The exclusive lock if it is free.
        pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
            self.0.try_write().ok()
        }
    }
}
