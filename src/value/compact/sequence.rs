//! Sequence: an ordered row of reference-counted chunks that knows how many elements each holds.
//!
//! The first and the last chunk hang on the sequence itself, so that work at the ends needs no descent. All others are in a
//! tree of nodes of up to `FANOUT` slots; a slot states the chunks and elements below it, so a chunk is found by its
//! ordinal, or by the index of an element, in logarithmic time. All chunks are on the same level.
//!
//! 1. Cloning shares everything. A writer copies the shared nodes on its path and the chunk it changes, nothing else.
//! 2. A sequence of one chunk has a last chunk only; one of two or more has a first and a last.
//! 3. Counts above a changed chunk are brought up to date on the way back from it.

use triomphe::Arc;

/// Slots of a node: a copied node stays small, and a few levels carry millions of chunks.
const FANOUT: usize = 32;
/// Neighbours that together have at most this many slots become one after a removal.
const MERGE_MAX: usize = FANOUT / 2;

/// A chunk: something that holds a number of elements and can be copied.
pub trait Counted: Clone {
    /// Number of elements inside.
    fn count(&self) -> usize;
}

/// An ordered row of chunks.
#[derive(Clone, Debug)]
pub struct Sequence<C> {
    first: Option<Arc<C>>,
    middle: Slot<C>,
    last: Option<Arc<C>>,
    elements: usize,
}

/// A chunk by its ordinal, and an element by its offset inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Location {
    /// Number of chunks before.
    pub ordinal: usize,
    /// Number of elements before, inside the chunk.
    pub offset: usize,
}

#[derive(Clone, Debug)]
struct Slot<C> {
    chunks: usize,
    elements: usize,
    below: Below<C>,
}

#[derive(Clone, Debug)]
enum Below<C> {
    Chunk(Arc<C>),
    Node(Arc<Vec<Slot<C>>>),
}

impl<C: Counted> Sequence<C> {
    /// A sequence without chunks.
    pub fn new() -> Self {
        Self { first: None, middle: Slot::of_node(Vec::new()), last: None, elements: 0 }
    }

    /// Number of chunks.
    #[inline]
    pub fn chunks(&self) -> usize {
        self.middle.chunks + usize::from(self.first.is_some()) + usize::from(self.last.is_some())
    }

    /// Number of elements in all chunks.
    #[inline]
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// The first chunk.
    #[inline]
    pub fn first(&self) -> Option<&C> {
        self.first.as_deref().or(self.last.as_deref())
    }

    /// The last chunk.
    #[inline]
    pub fn last(&self) -> Option<&C> {
        self.last.as_deref()
    }

    /// The chunk with `ordinal` chunks before it.
    pub fn get(&self, ordinal: usize) -> Option<&C> {
        let inner = match (ordinal, &self.first) {
            (0, _) => return self.first(),
            (_, first) => ordinal - usize::from(first.is_some()),
        };
        if inner < self.middle.chunks {
            Some(self.middle.chunk(inner))
        } else {
            self.last().filter(|_| ordinal < self.chunks())
        }
    }

    /// Where the element with `index` elements before it is.
    pub fn locate(&self, index: usize) -> Option<Location> {
        if index >= self.elements {
            return None;
        }
        let before = self.first.as_ref().map_or(0, |chunk| chunk.count());
        if index < before {
            return Some(Location { ordinal: 0, offset: index });
        }
        let (inner, skipped) = (index - before, usize::from(self.first.is_some()));
        if inner < self.middle.elements {
            let Location { ordinal, offset } = self.middle.locate(inner);
            return Some(Location { ordinal: ordinal + skipped, offset });
        }
        Some(Location { ordinal: self.chunks() - 1, offset: inner - self.middle.elements })
    }

    /// Changes the first chunk.
    #[inline]
    pub fn update_first<R>(&mut self, change: impl FnOnce(&mut C) -> R) -> Option<R> {
        let chunk = self.first.as_mut().or(self.last.as_mut())?;
        Some(update_chunk(chunk, &mut self.elements, change))
    }

    /// Changes the last chunk.
    #[inline]
    pub fn update_last<R>(&mut self, change: impl FnOnce(&mut C) -> R) -> Option<R> {
        Some(update_chunk(self.last.as_mut()?, &mut self.elements, change))
    }

    /// Changes the chunk at `ordinal`. It may become empty; the caller then removes it.
    pub fn update<R>(&mut self, ordinal: usize, change: impl FnOnce(&mut C) -> R) -> Option<R> {
        if ordinal == 0 {
            return self.update_first(change);
        }
        let inner = ordinal - usize::from(self.first.is_some());
        if inner >= self.middle.chunks {
            return if ordinal < self.chunks() { self.update_last(change) } else { None };
        }
        let before = self.middle.elements;
        let result = self.middle.update(inner, change);
        self.elements = self.elements - before + self.middle.elements;
        Some(result)
    }

    /// Puts a chunk before all others.
    pub fn push_first(&mut self, chunk: C) {
        self.elements += chunk.count();
        let place = if self.last.is_none() { &mut self.last } else { &mut self.first };
        if let Some(pushed) = place.replace(Arc::new(chunk)) {
            self.insert_middle(0, pushed);
        }
    }

    /// Puts a chunk behind all others.
    pub fn push_last(&mut self, chunk: C) {
        self.elements += chunk.count();
        match self.last.replace(Arc::new(chunk)) {
            Some(pushed) if self.first.is_none() => self.first = Some(pushed),
            Some(pushed) => self.insert_middle(self.middle.chunks, pushed),
            None => {}
        }
    }

    /// Puts a chunk where it has `ordinal` chunks before it.
    pub fn insert(&mut self, ordinal: usize, chunk: C) {
        if ordinal == 0 {
            self.push_first(chunk);
        } else if ordinal >= self.chunks() {
            self.push_last(chunk);
        } else {
            self.elements += chunk.count();
            self.insert_middle(ordinal - 1, Arc::new(chunk));
        }
    }

    /// Takes the chunk at `ordinal` out.
    pub fn remove(&mut self, ordinal: usize) -> Option<Arc<C>> {
        let removed = if ordinal + 1 == self.chunks() {
            let next = self.remove_middle_last().or_else(|| self.first.take());
            std::mem::replace(&mut self.last, next)
        } else if ordinal == 0 {
            let next = if self.middle.chunks > 0 { Some(self.remove_middle(0)) } else { None };
            std::mem::replace(&mut self.first, next)
        } else if ordinal < self.chunks() {
            Some(self.remove_middle(ordinal - 1))
        } else {
            None
        }?;
        self.elements -= removed.count();
        Some(removed)
    }

    /// All chunks from the one at `ordinal` on.
    pub fn iter_from(&self, ordinal: usize) -> impl Iterator<Item = &C> {
        (ordinal..self.chunks()).filter_map(|ordinal| self.get(ordinal))
    }

    fn insert_middle(&mut self, ordinal: usize, chunk: Arc<C>) {
        let Some(right) = self.middle.insert(ordinal, chunk) else { return };
        let left = std::mem::replace(&mut self.middle, Slot::of_node(Vec::new()));
        self.middle = Slot::of_node(vec![left, right]);
    }

    fn remove_middle_last(&mut self) -> Option<Arc<C>> {
        let last = self.middle.chunks.checked_sub(1)?;
        Some(self.remove_middle(last))
    }

    fn remove_middle(&mut self, ordinal: usize) -> Arc<C> {
        let removed = self.middle.remove(ordinal);
        while let Some(only) = self.middle.only_node() {
            self.middle = only;
        }
        removed
    }
}

impl<C: Counted> Default for Sequence<C> {
    fn default() -> Self {
        Self::new()
    }
}

/// Changes a chunk, copying it first if it is shared, and keeps `elements` in step.
#[inline]
fn update_chunk<C: Counted, R>(
    chunk: &mut Arc<C>,
    elements: &mut usize,
    change: impl FnOnce(&mut C) -> R,
) -> R {
    let chunk = Arc::make_mut(chunk);
    *elements -= chunk.count();
    let result = change(chunk);
    *elements += chunk.count();
    result
}

impl<C: Counted> Slot<C> {
    fn of_chunk(chunk: Arc<C>) -> Self {
        Self { chunks: 1, elements: chunk.count(), below: Below::Chunk(chunk) }
    }

    fn of_node(slots: Vec<Self>) -> Self {
        let (chunks, elements) = totals(&slots);
        Self { chunks, elements, below: Below::Node(Arc::new(slots)) }
    }

    fn chunk(&self, mut ordinal: usize) -> &C {
        let mut slot = self;
        loop {
            match &slot.below {
                Below::Chunk(chunk) => return chunk,
                Below::Node(slots) => {
                    let (at, rest) = find(slots, ordinal, |slot| slot.chunks);
                    (slot, ordinal) = (&slots[at], rest);
                }
            }
        }
    }

    fn locate(&self, index: usize) -> Location {
        let (mut slot, mut location) = (self, Location { ordinal: 0, offset: index });
        while let Below::Node(slots) = &slot.below {
            let (at, rest) = find(slots, location.offset, |slot| slot.elements);
            location.ordinal += slots[..at].iter().map(|slot| slot.chunks).sum::<usize>();
            location.offset = rest;
            slot = &slots[at];
        }
        location
    }

    fn update<R>(&mut self, ordinal: usize, change: impl FnOnce(&mut C) -> R) -> R {
        match &mut self.below {
            Below::Chunk(chunk) => update_chunk(chunk, &mut self.elements, change),
            Below::Node(slots) => {
                let slots = Arc::make_mut(slots);
                let (at, rest) = find(slots, ordinal, |slot| slot.chunks);
                let before = slots[at].elements;
                let result = slots[at].update(rest, change);
                self.elements = self.elements - before + slots[at].elements;
                result
            }
        }
    }

    /// Puts `chunk` where it has `ordinal` chunks of this slot before it. What does not fit into the slot's node any more
    /// is returned as a new right neighbour. A chunk's own slot has its neighbour made at once.
    fn insert(&mut self, ordinal: usize, chunk: Arc<C>) -> Option<Self> {
        let Below::Node(slots) = &mut self.below else {
            let mut right = Self::of_chunk(chunk);
            if ordinal == 0 {
                std::mem::swap(self, &mut right);
            }
            return Some(right);
        };
        let slots = Arc::make_mut(slots);
        if slots.is_empty() {
            slots.push(Self::of_chunk(chunk));
        } else {
            // The end of a slot counts as inside it, so that appending finds one.
            let (at, rest) = find(slots, ordinal.saturating_sub(1), |slot| slot.chunks);
            let rest = if ordinal > 0 { rest + 1 } else { 0 };
            if let Some(right) = slots[at].insert(rest, chunk) {
                slots.insert(at + 1, right);
            }
        }
        let right = (slots.len() > FANOUT).then(|| Self::of_node(slots.split_off(FANOUT / 2)));
        (self.chunks, self.elements) = totals(slots);
        right
    }

    /// Takes the chunk at `ordinal` out; empty nodes go, small neighbours become one.
    fn remove(&mut self, ordinal: usize) -> Arc<C> {
        let slots = match &mut self.below {
            Below::Chunk(chunk) => {
                (self.chunks, self.elements) = (0, 0);
                return chunk.clone();
            }
            Below::Node(slots) => Arc::make_mut(slots),
        };
        let (at, rest) = find(slots, ordinal, |slot| slot.chunks);
        let removed = slots[at].remove(rest);
        if slots[at].chunks == 0 {
            slots.remove(at);
        } else {
            merge_around(slots, at);
        }
        (self.chunks, self.elements) = totals(slots);
        removed
    }

    fn node_len(&self) -> usize {
        match &self.below {
            Below::Chunk(_) => FANOUT,
            Below::Node(slots) => slots.len(),
        }
    }

    /// The node that is all there is below this one.
    fn only_node(&self) -> Option<Self> {
        match &self.below {
            Below::Node(slots) => match slots.as_slice() {
                [only @ Slot { below: Below::Node(_), .. }] => Some(only.clone()),
                _ => None,
            },
            Below::Chunk(_) => None,
        }
    }
}

fn totals<C>(slots: &[Slot<C>]) -> (usize, usize) {
    slots.iter().fold((0, 0), |(chunks, elements), slot| (chunks + slot.chunks, elements + slot.elements))
}

/// The slot that holds the unit with `position` units before it, and its position inside; units are counted by `size`.
#[inline]
fn find<C>(slots: &[Slot<C>], mut position: usize, size: impl Fn(&Slot<C>) -> usize) -> (usize, usize) {
    let mut at = 0;
    while position >= size(&slots[at]) {
        position -= size(&slots[at]);
        at += 1;
    }
    (at, position)
}

fn merge_around<C: Counted>(slots: &mut Vec<Slot<C>>, at: usize) {
    let fits = |left: usize| {
        slots.get(left + 1).is_some_and(|right| slots[left].node_len() + right.node_len() <= MERGE_MAX)
    };
    let Some(left) = [Some(at), at.checked_sub(1)].into_iter().flatten().find(|&left| fits(left)) else {
        return;
    };
    let right = slots.remove(left + 1);
    if let (Below::Node(target), Below::Node(source)) = (&mut slots[left].below, &right.below) {
        Arc::make_mut(target).extend(source.iter().cloned());
        slots[left].chunks += right.chunks;
        slots[left].elements += right.elements;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Counted for Vec<u32> {
        fn count(&self) -> usize {
            self.len()
        }
    }

    fn depth(slot: &Slot<Vec<u32>>) -> usize {
        match &slot.below {
            Below::Chunk(_) => 0,
            Below::Node(slots) => {
                assert!(slots.len() <= FANOUT);
                let depths: Vec<_> = slots.iter().map(depth).collect();
                assert!(depths.iter().all(|depth| *depth == depths[0]), "{depths:?}");
                assert_eq!((slot.chunks, slot.elements), totals(slots));
                1 + depths.first().copied().unwrap_or(0)
            }
        }
    }

    fn check(sequence: &Sequence<Vec<u32>>, model: &[Vec<u32>]) {
        assert!(sequence.iter_from(0).eq(model.iter()));
        assert_eq!(sequence.chunks(), model.len());
        assert_eq!((sequence.first(), sequence.last()), (model.first(), model.last()));
        assert_eq!(sequence.get(model.len()), None);
        assert!(sequence.first.is_some() == (model.len() > 1) && sequence.last.is_some() != model.is_empty());
        let places = model
            .iter()
            .enumerate()
            .flat_map(|(ordinal, chunk)| (0..chunk.len()).map(move |offset| Location { ordinal, offset }));
        assert!((0..sequence.elements()).map_while(|index| sequence.locate(index)).eq(places));
        assert_eq!(sequence.locate(sequence.elements()), None);
        depth(&sequence.middle);
    }

    fn apply(
        sequence: &mut Sequence<Vec<u32>>,
        model: &mut Vec<Vec<u32>>,
        action: u8,
        at: usize,
        value: u32,
    ) {
        let chunk = vec![value; value as usize % 4];
        match action % 8 {
            0 => {
                sequence.push_first(chunk.clone());
                model.insert(0, chunk);
            }
            1 => {
                sequence.push_last(chunk.clone());
                model.push(chunk);
            }
            2..=4 => {
                let at = at % (model.len() + 1);
                sequence.insert(at, chunk.clone());
                model.insert(at, chunk);
            }
            5 | 6 if !model.is_empty() => {
                let at = at % model.len();
                let removed = sequence.remove(at);
                assert_eq!(removed.as_deref(), Some(&model.remove(at)));
            }
            _ if !model.is_empty() => {
                let at = at % model.len();
                assert_eq!(sequence.update(at, |chunk| chunk.push(value)), Some(()));
                model[at].push(value);
            }
            _ => assert!(sequence.remove(0).is_none() && sequence.update(0, |_| ()).is_none()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn behaves_like_a_vector(steps in prop::collection::vec((any::<u8>(), any::<usize>(), any::<u32>()), 0..300)) {
            let (mut sequence, mut model) = (Sequence::new(), Vec::new());
            let mut kept = Vec::new();
            for (step, (action, at, value)) in steps.into_iter().enumerate() {
                if step % 50 == 0 {
                    kept.push((sequence.clone(), model.clone()));
                }
                apply(&mut sequence, &mut model, action, at, value);
            }
            kept.push((sequence, model));
            kept.iter().for_each(|(sequence, model)| check(sequence, model));
        }
    }

    #[test]
    fn grows_and_shrinks_through_several_levels() {
        let (mut sequence, mut model) = (Sequence::new(), Vec::new());
        for value in 0..3000 {
            apply(&mut sequence, &mut model, 2, value as usize * 7919, value);
        }
        check(&sequence, &model);
        assert_eq!(depth(&sequence.middle), 3);
        let clone = (sequence.clone(), model.clone());
        while model.len() > 20 {
            let at = model.len() * 7919;
            apply(&mut sequence, &mut model, 5, at, 0);
        }
        check(&sequence, &model);
        assert_eq!(depth(&sequence.middle), 1);
        check(&clone.0, &clone.1);
    }
}
