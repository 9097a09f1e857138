//! Up to which place of the stream a record of the journal has come.

use std::collections::VecDeque;

/// So many are kept: beyond that every second one goes, and whoever asks gets the next place behind.
const KEPT_MAX: usize = 4096;

/// Numbers of records, and the places behind them.
#[derive(Default)]
pub struct Marks {
    marks: VecDeque<(u64, u64)>,
}

impl Marks {
    /// All records up to `sequence` come before this place.
    pub fn new(sequence: u64, place: u64) -> Self {
        Self { marks: VecDeque::from([(sequence, place)]) }
    }

    /// Records up to `sequence` end at this place.
    pub fn note(&mut self, sequence: u64, place: u64) {
        if self.marks.len() >= KEPT_MAX {
            let mut index = 0;
            self.marks.retain(|_| {
                index += 1;
                index % 2 == 0
            });
        }
        self.marks.push_back((sequence, place));
    }

    /// A place that record `sequence` does not come behind; None if it is not in the stream yet.
    pub fn place_of(&self, sequence: u64) -> Option<u64> {
        let index = self.marks.partition_point(|(last, _)| *last < sequence);
        self.marks.get(index).map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_never_before_their_place() {
        let mut marks = Marks::new(9, 100);
        (10..20_000).for_each(|sequence| marks.note(sequence, sequence * 10));
        assert_eq!(marks.place_of(20_000), None);
        assert_eq!(marks.place_of(19_999), Some(199_990));
        for sequence in 0..20_000 {
            assert!(marks.place_of(sequence).is_some_and(|place| sequence < 10 || place >= sequence * 10));
        }
        assert!(marks.marks.len() <= KEPT_MAX);
    }
}
