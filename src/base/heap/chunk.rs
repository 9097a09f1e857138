//! Which huge pages of a chunk are in use, and which have been made.

use crate::base::sync::atomic::{AtomicU64, Ordering};

/// Huge pages of a chunk.
pub const PAGES: usize = 16;

/// A set of the huge pages of a chunk, one bit each.
pub type Pages = u16;

/// Pages that are kept ready in a chunk that fills.
const AHEAD: u32 = 4;

const MADE_SHIFT: u32 = 16;
/// Wants pages.
const SHORT: u64 = 1 << 32;
/// Its pages are being given back.
const LEAVING: u64 = 1 << 33;

/// The state of a chunk: pages in use, pages made, and what is going on, in one word.
pub struct Chunk(AtomicU64);

fn used(word: u64) -> Pages {
    word as Pages
}

fn made(word: u64) -> Pages {
    (word >> MADE_SHIFT) as Pages
}

fn spare(word: u64) -> u32 {
    (made(word) & !used(word)).count_ones()
}

/// A page that could be made: the first one, since chunks fill from their start.
fn next(word: u64) -> Option<usize> {
    let left = !(used(word) | made(word));
    (left != 0).then(|| left.trailing_zeros() as usize)
}

impl Chunk {
    #[cfg(not(tartan_loom))]
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    #[cfg(tartan_loom)]
    pub fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// These pages come into use, wholly or in part. Returns whether the chunk begins to want pages.
    pub fn begin(&self, pages: Pages) -> bool {
        let mut word = self.0.fetch_or(pages.into(), Ordering::AcqRel) | u64::from(pages);
        while word & LEAVING != 0 {
            crate::base::sync::yield_now();
            word = self.0.load(Ordering::Acquire);
        }
        let is_short = spare(word) < AHEAD / 2 && word & SHORT == 0;
        is_short && self.0.fetch_or(SHORT, Ordering::AcqRel) & SHORT == 0
    }

    /// These pages are wholly out of use and have been given back. Returns whether pages are left that nobody needs.
    pub fn end(&self, pages: Pages) -> bool {
        let gone = u64::from(pages) | u64::from(pages) << MADE_SHIFT;
        let word = self.0.fetch_and(!gone, Ordering::AcqRel) & !gone;
        used(word) == 0 && made(word) != 0
    }

    /// Whether the chunk wants pages; it is told only once.
    pub fn take_short(&self) -> bool {
        self.0.load(Ordering::Relaxed) & SHORT != 0 && self.0.fetch_and(!SHORT, Ordering::AcqRel) & SHORT != 0
    }

    /// The page to make next, if there are too few.
    pub fn wants(&self) -> Option<usize> {
        let word = self.0.load(Ordering::Acquire);
        (spare(word) < AHEAD).then(|| next(word)).flatten()
    }

    /// Whether fewer pages are left to use than should be ready.
    pub fn is_nearly_full(&self) -> bool {
        used(self.0.load(Ordering::Acquire)).count_zeros() < AHEAD
    }

    /// Takes note of a page that is about to be made.
    pub fn note_made(&self, page: usize) {
        self.0.fetch_or(1 << (page as u32 + MADE_SHIFT), Ordering::AcqRel);
    }

    /// Pages that are made and not used.
    pub fn spare(&self) -> usize {
        spare(self.0.load(Ordering::Relaxed)) as usize
    }

    /// Gives the pages back if none is in use. Whoever begins to use one meanwhile waits.
    pub fn leave(&self, give_back: impl FnOnce(Pages)) {
        let word = self.0.load(Ordering::Acquire);
        if used(word) != 0 || made(word) == 0 {
            return;
        }
        if self.0.compare_exchange(word, LEAVING, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            give_back(made(word));
            self.0.fetch_and(!LEAVING, Ordering::AcqRel);
        }
    }
}

#[cfg(all(test, not(tartan_loom)))]
mod tests {
    use super::*;

    #[test]
    fn pages_are_made_ahead_of_their_use() {
        let chunk = Chunk::new();
        assert!(chunk.begin(0b1), "a fresh chunk wants pages");
        assert!(!chunk.begin(0b1), "it says so once");
        assert!(chunk.take_short() && !chunk.take_short());
        let mut order = Vec::new();
        while let Some(page) = chunk.wants() {
            chunk.note_made(page);
            order.push(page);
        }
        assert_eq!((order, chunk.spare()), (vec![1, 2, 3, 4], 4));
        assert!(!chunk.begin(0b110), "half of them are left");
        assert!(chunk.begin(0b1000));
        assert_eq!((chunk.wants(), chunk.spare()), (Some(5), 1));
    }

    #[test]
    fn a_full_chunk_wants_nothing() {
        let chunk = Chunk::new();
        chunk.begin(Pages::MAX >> 5);
        assert!(!chunk.is_nearly_full());
        chunk.begin(Pages::MAX >> 2);
        assert!(chunk.is_nearly_full());
        chunk.begin(Pages::MAX);
        assert_eq!(chunk.wants(), None);
    }

    #[test]
    fn a_chunk_out_of_use_gives_its_pages_back() {
        let chunk = Chunk::new();
        chunk.begin(0b11);
        chunk.note_made(2);
        chunk.leave(|_| panic!("in use"));
        assert!(!chunk.end(0b01));
        assert!(chunk.end(0b10));
        let mut gone = 0;
        chunk.leave(|pages| gone = pages);
        assert_eq!((gone, chunk.spare()), (0b100, 0));
        chunk.leave(|_| panic!("they are gone"));
    }
}

#[cfg(all(test, tartan_loom))]
mod models {
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// What begins to be used is never given back afterwards.
    #[test]
    fn loom_pages_in_use_stay() {
        loom::model(|| {
            let chunk = Arc::new(Chunk::new());
            let has_data = Arc::new(AtomicBool::new(false));
            chunk.note_made(0);
            let user = {
                let (chunk, has_data) = (chunk.clone(), has_data.clone());
                loom::thread::spawn(move || {
                    chunk.begin(0b1);
                    has_data.store(true, Ordering::Relaxed);
                })
            };
            chunk.leave(|_| assert!(!has_data.load(Ordering::Relaxed), "data has been given back"));
            user.join().unwrap();
        });
    }
}
