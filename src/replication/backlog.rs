//! The last bytes of the stream.

use std::collections::VecDeque;

/// Memory is taken and given back in blocks of this size.
const BLOCK_BYTES: usize = 16 << 10;

/// Bytes of the stream from some place on to its end.
#[derive(Default)]
pub struct Backlog {
    /// All are full but the last one.
    blocks: VecDeque<Vec<u8>>,
    start: u64,
    end: u64,
}

impl Backlog {
    /// An empty one, at this place of the stream.
    pub fn new(place: u64) -> Self {
        Self { blocks: VecDeque::new(), start: place, end: place }
    }

    /// The place of its first byte.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The place behind its last byte: the end of the stream.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// The stream goes on with these bytes.
    pub fn append(&mut self, mut bytes: &[u8]) {
        self.end += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.blocks.back().is_none_or(|last| last.len() == BLOCK_BYTES) {
                self.blocks.push_back(Vec::with_capacity(BLOCK_BYTES));
            }
            let Some(last) = self.blocks.back_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - last.len()));
            last.extend_from_slice(now);
            bytes = later;
        }
    }

    /// Whether it has all from this place on.
    pub fn covers(&self, place: u64) -> bool {
        (self.start..=self.end).contains(&place)
    }

    /// Copies up to `bytes_max` bytes from this place on; returns how many. The place must be covered.
    pub fn copy(&self, place: u64, bytes_max: usize, out: &mut Vec<u8>) -> usize {
        let (before, skip) = (place - self.start, out.len());
        let (mut index, mut at) = ((before / BLOCK_BYTES as u64) as usize, before as usize % BLOCK_BYTES);
        while let Some(block) = self.blocks.get(index)
            && out.len() - skip < bytes_max
        {
            let rest = &block[at..];
            out.extend_from_slice(&rest[..rest.len().min(bytes_max - (out.len() - skip))]);
            (index, at) = (index + 1, 0);
        }
        out.len() - skip
    }

    /// Gives back blocks that are not needed from this place on.
    pub fn trim(&mut self, place: u64) {
        while self.blocks.len() > 1 && self.start + BLOCK_BYTES as u64 <= place {
            self.blocks.pop_front();
            self.start += BLOCK_BYTES as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_at_its_place() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (first, mut all) = (1000, Vec::new());
        let mut backlog = Backlog::new(first);
        for round in 0..400 {
            let bytes: Vec<u8> = (0..rng.usize(0..1500)).map(|_| rng.u8(..)).collect();
            backlog.append(&bytes);
            all.extend_from_slice(&bytes);
            assert_eq!(backlog.end(), first + all.len() as u64);
            if round % 50 == 49 {
                backlog.trim(backlog.end() - 20_000);
                assert!((20_000..20_000 + 2 * BLOCK_BYTES as u64).contains(&backlog.len()));
            }
            let place = rng.u64(backlog.start()..=backlog.end());
            let (most, mut copied) = (rng.usize(0..60_000), b"head".to_vec());
            let count = backlog.copy(place, most, &mut copied);
            let expected = &all[(place - first) as usize..];
            assert_eq!(count, expected.len().min(most));
            assert!(copied[4..] == expected[..count]);
        }
        assert!(!backlog.covers(backlog.start() - 1) && !backlog.covers(backlog.end() + 1));
        assert!(backlog.covers(backlog.end()) && !backlog.covers(0));
    }
}
