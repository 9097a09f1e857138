//! How many nodes Redis's radix tree would have: XINFO STREAM reports it, and this server keeps no such tree.
//!
//! A compressed radix tree over keys of equal length has
//! 1. one node for each key, an empty one at its end;
//! 2. one node for each prefix after which keys differ;
//! 3. one compressed node for each run of bytes without a choice: between a node of rule 2 (whose edge already stands for
//!    one byte) or the start of the tree, and the next node of rule 1 or 2 below it.
//!
//! Sorted keys meet those prefixes in the order of a depth-first walk, so a stack of the depths of the open ones suffices:
//! the length of the prefix shared with the previous key tells which of them end.

use super::StreamId;

const KEY_LEN: isize = 16;
/// Stands above the root, whose "edge" has no byte.
const ABOVE: isize = -1;

/// Number of nodes for `keys`, which are in ascending order; an empty tree has one.
pub fn node_count(keys: impl Iterator<Item = StreamId>) -> usize {
    let mut count = Count { open: vec![ABOVE], pending: KEY_LEN, nodes: 0 };
    let mut previous = None;
    for key in keys.map(StreamId::to_bytes) {
        if let Some(previous) = previous {
            let shared = shared_len(&previous, &key);
            count.close_below(shared);
            if count.top() < shared {
                count.open.push(shared);
                count.nodes += 1;
            }
            count.edge_from(shared);
        }
        count.pending = KEY_LEN;
        count.nodes += 1;
        previous = Some(key);
    }
    if previous.is_none() {
        return 1;
    }
    count.close_below(ABOVE);
    count.edge_from(ABOVE);
    count.nodes
}

struct Count {
    /// Depths of the prefixes of rule 2 that the last key goes through, shallowest first.
    open: Vec<isize>,
    /// Depth of the last node completed, whose way up is not counted yet.
    pending: isize,
    nodes: usize,
}

impl Count {
    fn top(&self) -> isize {
        self.open.last().copied().unwrap_or(ABOVE)
    }

    /// Completes the prefixes that are longer than `depth`.
    fn close_below(&mut self, depth: isize) {
        while self.top() > depth {
            self.edge_from(self.top());
            self.pending = self.top();
            self.open.pop();
        }
    }

    /// Rule 3.
    fn edge_from(&mut self, depth: isize) {
        self.nodes += usize::from(self.pending > depth + 1);
    }
}

fn shared_len(left: &[u8; 16], right: &[u8; 16]) -> isize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count() as isize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected counts are those of redis-server 7.2.4 with one entry to a listpack.
    #[test]
    fn counts_are_those_of_redis() {
        let check = |ids: &[(u64, u64)], expected: usize| {
            let keys = ids.iter().map(|&(ms, seq)| StreamId::new(ms, seq));
            assert_eq!(node_count(keys), expected, "{ids:?}");
        };
        check(&[], 1);
        check(&[(1, 1)], 2);
        check(&[(1, 1), (1, 2)], 4);
        check(&[(1, 255), (1, 256)], 6);
        check(&[(1, 0), (2, 0)], 6);
        check(&[(1, 1), (1, 2), (1, 3)], 5);
        check(&[(0, 1), (1 << 63, 0)], 5);
        check(&[(1, 1), (1, 2), (1, 257), (3, 1)], 11);
        check(&[(1, 255), (1, 65_535), (1, 16_777_215)], 9);
        check(&[(5, 1), (5, 65_536), (5, 65_537), (1280, 1), (1280, 2)], 14);
        let many: Vec<(u64, u64)> =
            (0..1000).map(|i| (1_526_919_030_474 + i * i % 11 + i * 7, i * i * i % 977)).collect();
        check(&many, 2031);
    }
}
