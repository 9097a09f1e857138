//! Large strings: ropes of reference-counted chunks.
//!
//! Small strings live inside their key's entry (`store::entry`). Above [`INLINE_BYTES_MAX`] a string becomes a
//! [`LargeString`]: chunks of 64 KB behind one shared pointer, so that a snapshot or a reply clones it in O(1), and a writer copies
//! only the chunks it touches.

use triomphe::Arc;

/// Strings up to this many bytes are stored in the entry itself; replies above it share the chunks (design 6).
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

const CHUNK_BYTES: usize = 64 * 1024;

/// One piece of a large string: [`CHUNK_BYTES`] long, except the last.
pub type Chunk = Arc<Vec<u8>>;

/// A string above [`INLINE_BYTES_MAX`]. Cloning is O(1).
#[derive(Clone)]
pub struct LargeString {
    chunks: Arc<Vec<Chunk>>,
    len: usize,
}

const _: () = assert!(size_of::<LargeString>() <= 16);

impl LargeString {
    /// Copies `bytes` into chunks.
    pub fn new(bytes: &[u8]) -> Self {
        let chunks = bytes.chunks(CHUNK_BYTES).map(|piece| Arc::new(piece.to_vec())).collect();
        Self { chunks: Arc::new(chunks), len: bytes.len() }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunks in order.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The byte at `offset`.
    pub fn byte(&self, offset: usize) -> Option<u8> {
        self.chunks.get(offset / CHUNK_BYTES)?.get(offset % CHUNK_BYTES).copied()
    }

    /// The slices that make up `start..end` (clamped), in order.
    pub fn slices(&self, start: usize, end: usize) -> impl Iterator<Item = &[u8]> {
        let end = end.min(self.len);
        let start = start.min(end);
        let last = end.div_ceil(CHUNK_BYTES);
        (start / CHUNK_BYTES..last).map(move |index| {
            let base = index * CHUNK_BYTES;
            let chunk = &self.chunks[index];
            &chunk[start.saturating_sub(base).min(chunk.len())..(end - base).min(chunk.len())]
        })
    }

    /// Copies `start..end` (clamped) out.
    pub fn to_vec(&self, start: usize, end: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(end.min(self.len).saturating_sub(start));
        self.slices(start, end).for_each(|slice| out.extend_from_slice(slice));
        out
    }

    /// Appends `bytes`.
    pub fn append(&mut self, bytes: &[u8]) {
        let end = self.len;
        self.write(end, bytes);
    }

    /// Overwrites from `offset` on, growing with zero bytes as needed.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.grow(offset + bytes.len());
        let mut rest = bytes;
        let mut at = offset;
        while !rest.is_empty() {
            let chunk = self.chunk_mut(at / CHUNK_BYTES);
            let within = at % CHUNK_BYTES;
            let take = rest.len().min(chunk.len() - within);
            chunk[within..within + take].copy_from_slice(&rest[..take]);
            rest = &rest[take..];
            at += take;
        }
    }

    /// Extends with zero bytes up to `len`; never shrinks.
    pub fn grow(&mut self, len: usize) {
        if len <= self.len {
            return;
        }
        let chunks = Arc::make_mut(&mut self.chunks);
        if let Some(last) = chunks.last_mut() {
            let target = CHUNK_BYTES.min(last.len() + (len - self.len));
            Arc::make_mut(last).resize(target, 0);
        }
        let mut have = chunks
            .iter()
            .map(|chunk| chunk.len())
            .next_back()
            .map_or(0, |last| (chunks.len() - 1) * CHUNK_BYTES + last);
        while have < len {
            let take = CHUNK_BYTES.min(len - have);
            chunks.push(Arc::new(vec![0; take]));
            have += take;
        }
        self.len = len;
    }

    /// Heap bytes behind the struct.
    pub fn heap_bytes(&self) -> usize {
        self.chunks.len() * (size_of::<Chunk>() + 40) + self.len
    }

    fn chunk_mut(&mut self, index: usize) -> &mut Vec<u8> {
        Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[index])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_match_a_plain_vector() {
        let mut model = vec![7u8; 20_000];
        let mut large = LargeString::new(&model);
        for (offset, len) in [(0, 10), (65_530, 20), (200_000, 1), (19_999, 65_540), (131_071, 2)] {
            let patch: Vec<u8> = (0..len).map(|i| i as u8).collect();
            if model.len() < offset + len {
                model.resize(offset + len, 0);
            }
            model[offset..offset + len].copy_from_slice(&patch);
            large.write(offset, &patch);
            assert_eq!(large.to_vec(0, usize::MAX), model);
        }
        assert_eq!(large.to_vec(65_000, 66_000), model[65_000..66_000]);
        assert_eq!(large.byte(131_071), Some(0));
        assert_eq!(large.byte(model.len()), None);
    }

    #[test]
    fn a_clone_keeps_its_bytes() {
        let mut large = LargeString::new(&vec![1; 100_000]);
        let before = large.clone();
        large.write(70_000, b"xyz");
        large.append(b"tail");
        assert_eq!(before.to_vec(0, usize::MAX), vec![1; 100_000]);
        assert_eq!(large.len(), 100_004);
    }
}
