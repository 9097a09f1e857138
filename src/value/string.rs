//! Large strings: ropes of reference-counted chunks.
//!
//! Small strings live inside their key's entry (`store::entry`). Above [`INLINE_BYTES_MAX`] a string becomes a
//! [`LargeString`]: groups of chunks of 16 KB behind one shared pointer, so that a snapshot or a reply clones it in O(1), and a
//! writer copies only the chunk it touches, and the pointers above it: some four hundred for the longest string.

use triomphe::Arc;

/// Strings up to this many bytes are stored in the entry itself; replies above it share the chunks (design 6).
pub const INLINE_BYTES_MAX: usize = 16 * 1024;

const CHUNK_BYTES: usize = 16 * 1024;
/// Chunks in a group, except the last.
const GROUP_CHUNKS: usize = 256;

/// One piece of a large string: `CHUNK_BYTES` long, except the last.
pub type Chunk = Arc<Vec<u8>>;

type Group = Arc<Vec<Chunk>>;

/// A string above [`INLINE_BYTES_MAX`]. Cloning is O(1).
#[derive(Clone)]
pub struct LargeString {
    groups: Arc<Vec<Group>>,
    len: usize,
}

const _: () = assert!(size_of::<LargeString>() <= 16);

impl LargeString {
    /// Copies `bytes` into chunks.
    pub fn new(bytes: &[u8]) -> Self {
        let group = |bytes: &[u8]| {
            let chunks = bytes.chunks(CHUNK_BYTES).map(|piece| Arc::new(piece.to_vec()));
            Arc::new(chunks.collect())
        };
        let groups = bytes.chunks(GROUP_CHUNKS * CHUNK_BYTES).map(group).collect();
        Self { groups: Arc::new(groups), len: bytes.len() }
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
    pub fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// Number of chunks.
    pub fn chunk_count(&self) -> usize {
        self.len.div_ceil(CHUNK_BYTES)
    }

    /// The chunks in order. What has been passed is let go, so that whoever shares it may change it in place again.
    pub fn into_chunks(self) -> impl Iterator<Item = Chunk> {
        taken(self.groups).into_iter().flat_map(taken)
    }

    /// The byte at `offset`.
    pub fn byte(&self, offset: usize) -> Option<u8> {
        let index = offset / CHUNK_BYTES;
        let chunk = self.groups.get(index / GROUP_CHUNKS)?.get(index % GROUP_CHUNKS)?;
        chunk.get(offset % CHUNK_BYTES).copied()
    }

    /// The slices that make up `start..end` (clamped), in order.
    pub fn slices(&self, start: usize, end: usize) -> impl Iterator<Item = &[u8]> {
        let end = end.min(self.len);
        let start = start.min(end);
        let last = end.div_ceil(CHUNK_BYTES);
        (start / CHUNK_BYTES..last).map(move |index| {
            let base = index * CHUNK_BYTES;
            let chunk = &self.groups[index / GROUP_CHUNKS][index % GROUP_CHUNKS];
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
        let groups = Arc::make_mut(&mut self.groups);
        if let Some(last) = groups.last_mut().and_then(|group| Arc::make_mut(group).last_mut()) {
            let target = CHUNK_BYTES.min(last.len() + (len - self.len));
            Arc::make_mut(last).resize(target, 0);
        }
        for index in self.len.div_ceil(CHUNK_BYTES)..len.div_ceil(CHUNK_BYTES) {
            if index % GROUP_CHUNKS == 0 {
                groups.push(Arc::default());
            }
            let chunk = Arc::new(vec![0; CHUNK_BYTES.min(len - index * CHUNK_BYTES)]);
            Arc::make_mut(&mut groups[index / GROUP_CHUNKS]).push(chunk);
        }
        self.len = len;
    }

    /// Heap bytes behind the struct.
    pub fn heap_bytes(&self) -> usize {
        self.chunk_count() * (size_of::<Chunk>() + 40) + self.len
    }

    fn chunk_mut(&mut self, index: usize) -> &mut Vec<u8> {
        let group = &mut Arc::make_mut(&mut self.groups)[index / GROUP_CHUNKS];
        Arc::make_mut(&mut Arc::make_mut(group)[index % GROUP_CHUNKS])
    }
}

/// What is shared, as one's own: taken if nobody else has it, else copied.
fn taken<T: Clone>(shared: Arc<Vec<T>>) -> Vec<T> {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
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
    fn groups_fill_and_are_crossed() {
        let group = GROUP_CHUNKS * CHUNK_BYTES;
        let mut large = LargeString::new(&[1; 20_000]);
        for len in [group - 10, group, group + 10, 2 * group + CHUNK_BYTES] {
            large.grow(len);
            large.write(len - 5, b"12345");
            assert_eq!(large.to_vec(len - 6, usize::MAX), b"\x0012345");
            let lengths: Vec<usize> = large.chunks().map(|chunk| chunk.len()).collect();
            assert_eq!(lengths.iter().sum::<usize>(), len);
            assert!(lengths[..lengths.len() - 1].iter().all(|bytes| *bytes == CHUNK_BYTES));
            assert_eq!(lengths.len(), large.chunk_count());
        }
        assert_eq!(large.to_vec(group - 5, group + 1), b"12345\x00");
        let whole = LargeString::new(&large.to_vec(0, usize::MAX));
        assert_eq!(whole.to_vec(0, usize::MAX), large.to_vec(0, usize::MAX));
    }

    #[test]
    fn chunks_that_were_passed_are_shared_no_more() {
        let mut large = LargeString::new(&[0; 3 * CHUNK_BYTES]);
        let clone = large.clone();
        large.write(0, b"x");
        let mut chunks = clone.into_chunks();
        assert_eq!(chunks.next().map(|chunk| chunk[0]), Some(0));
        let before: Vec<*const u8> = large.chunks().map(|chunk| chunk.as_slice().as_ptr()).collect();
        large.write(0, b"y");
        large.write(CHUNK_BYTES, b"y");
        large.write(2 * CHUNK_BYTES, b"y");
        let after: Vec<*const u8> = large.chunks().map(|chunk| chunk.as_slice().as_ptr()).collect();
        assert!(before[0] == after[0] && before[1] != after[1] && before[2] != after[2]);
        assert_eq!(chunks.map(|chunk| chunk[0]).collect::<Vec<_>>(), [0, 0]);
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
