//! Entries against a plain vector of them.

use proptest::prelude::*;

use super::*;

/// Identifiers in order, with the text of the value.
#[derive(Clone, Default)]
struct Model {
    entries: Vec<(StreamId, String)>,
}

#[derive(Clone, Debug)]
enum Step {
    Add { ms_ahead: u64, names: u8, value: i64 },
    Delete(usize),
    MaxLen(u64),
    MinId(usize),
    Range(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let add = (0..3_u64, 0..3_u8, any::<i64>()).prop_map(|(ms_ahead, names, value)| Step::Add {
        ms_ahead,
        names,
        value,
    });
    let step = prop_oneof![
        12 => add,
        3 => any::<usize>().prop_map(Step::Delete),
        1 => (0..60_u64).prop_map(Step::MaxLen),
        1 => any::<usize>().prop_map(Step::MinId),
        3 => (any::<usize>(), any::<usize>()).prop_map(|(start, end)| Step::Range(start, end)),
    ];
    prop::collection::vec(step, 0..400)
}

impl Model {
    /// An identifier near one of those present.
    fn pick(&self, choice: usize) -> StreamId {
        let Some(index) = choice.checked_rem(self.entries.len()) else { return StreamId::new(5, 5) };
        let id = self.entries[index].0;
        if choice.is_multiple_of(3) { id.incr().unwrap_or(id) } else { id }
    }

    fn range(&self, start: StreamId, end: StreamId) -> Vec<(StreamId, String)> {
        self.entries.iter().filter(|(id, _)| (start..=end).contains(id)).cloned().collect()
    }
}

fn collected<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Vec<(StreamId, String)> {
    let value = |entry: Entry<'a>| {
        let (_, value) = entry.fields.last()?;
        String::from_utf8(value.to_vec()).ok()
    };
    entries.map(|entry| (entry.id, value(entry).expect("a field"))).collect()
}

fn run(step: &Step, stream: &mut Stream, model: &mut Model, limits: &StreamLimits) {
    let entries = stream.entries_mut();
    match *step {
        Step::Add { ms_ahead, names, value } => {
            let value = value.to_string();
            let names = [&["a"][..], &["a", "b"], &["b"]][usize::from(names)];
            let elements: Vec<&[u8]> =
                names.iter().flat_map(|name| [name.as_bytes(), value.as_bytes()]).collect();
            let new = NewId::AutomaticSequence(entries.last_id().ms + ms_ahead);
            let id = entries.append(new, pairs(&elements), 0, limits).expect("ahead of the last");
            model.entries.push((id, value));
        }
        Step::Delete(choice) => {
            let id = model.pick(choice);
            let before = model.entries.len();
            model.entries.retain(|(other, _)| *other != id);
            assert_eq!(entries.delete(id), model.entries.len() < before);
        }
        Step::MaxLen(length) => {
            let excess = model.entries.len().saturating_sub(length as usize);
            model.entries.drain(..excess);
            let trim = Trim { to: TrimTo::MaxLen(length), approximate: false, limit: 0 };
            assert_eq!(entries.trim(&trim), excess as u64);
        }
        Step::MinId(choice) => {
            // Mostly near the front: otherwise the stream would stay empty.
            let id = model.pick(choice % (1 + model.entries.len() / 4));
            let before = model.entries.len();
            model.entries.retain(|(other, _)| *other >= id);
            let trim = Trim { to: TrimTo::MinId(id), approximate: false, limit: 0 };
            assert_eq!(entries.trim(&trim), (before - model.entries.len()) as u64);
        }
        Step::Range(start, end) => check_range(stream, model, model.pick(start), model.pick(end)),
    }
}

fn check_range(stream: &Stream, model: &Model, start: StreamId, end: StreamId) {
    let mut expected = model.range(start, end);
    assert_eq!(collected(stream.entries().range(start, end)), expected);
    expected.reverse();
    assert_eq!(collected(stream.entries().range_rev(start, end)), expected);
    assert_eq!(stream.entries().contains(start), model.entries.iter().any(|(id, _)| *id == start));
}

fn check_all(stream: &Stream, model: &Model) {
    let entries = stream.entries();
    assert_eq!(entries.len(), model.entries.len() as u64);
    check_range(stream, model, StreamId::MIN, StreamId::MAX);
    let first = model.entries.first().map_or(StreamId::MIN, |(id, _)| *id);
    assert_eq!(entries.state().first_id, first);
    let parts = entries.nodes().map(|(first, bytes)| (first, Box::from(bytes)));
    assert_eq!(Entries::from_parts(parts, *entries.state()).map(|entries| entries.len()), Ok(entries.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn behaves_like_a_vector_and_clones_stay(
        steps in steps(),
        split in 0..400_usize,
        node_entries_max in 1..12_usize,
    ) {
        let limits = StreamLimits { node_bytes_max: 400, node_entries_max };
        let (mut stream, mut model) = (Stream::new(), Model::default());
        let mut kept = None;
        for (index, step) in steps.iter().enumerate() {
            if index == split {
                kept = Some((stream.clone(), model.clone()));
            }
            run(step, &mut stream, &mut model, &limits);
        }
        check_all(&stream, &model);
        if let Some((mut stream, mut model)) = kept {
            check_all(&stream, &model);
            for step in steps.iter().skip(split).rev() {
                run(step, &mut stream, &mut model, &limits);
            }
            check_all(&stream, &model);
        }
    }
}
