//! Whether elements repeat, which bytes from outside must be asked.

use std::collections::HashSet;

use smallvec::SmallVec;

use super::Listpack;
use crate::base::hash::hash;

impl Listpack {
    /// Whether every `step`-th element, beginning with the first, differs from the others of them.
    pub fn all_distinct(&self, step: usize) -> bool {
        let items = || self.iter().step_by(step).map(|(_, item)| item);
        let mut hashes: SmallVec<[u64; 64]> = items().map(|item| item.with_bytes(hash)).collect();
        hashes.sort_unstable();
        if hashes.windows(2).all(|pair| pair[0] != pair[1]) {
            return true;
        }
        let mut seen = HashSet::new();
        items().all(|item| seen.insert(item.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_at_every_step_th_element() {
        let check = |elements: &[&str], step, expected| {
            let mut pack = Listpack::new();
            elements.iter().for_each(|element| pack.push_back(element.as_bytes()));
            assert_eq!(pack.all_distinct(step), expected, "{elements:?} {step}");
        };
        check(&[], 1, true);
        check(&["a", "1", "01", "b"], 1, true);
        check(&["a", "1", "b", "1"], 1, false);
        check(&["a", "1", "b", "1"], 2, true);
        check(&["a", "1", "a", "2"], 2, false);
    }
}
