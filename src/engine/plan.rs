//! From a command to the stripes it needs, decided once per command as far as that is possible.

use super::context::{Handling, Locking};
use super::keys::{self, Access, Keys, KeysError};
use super::spec::{Facts, flag, key};
use super::table::Command;
use crate::base::hash::hash as hash_of;
use crate::store::{Mode, Store, Wanted};

/// Where a command's keys are and how their stripes are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing to lock beforehand.
    Nothing,
    /// One key at a fixed place.
    One(usize, Mode),
    /// Keys from the first to the last place (counted from the end when negative), in steps.
    Range(usize, i16, usize, Mode),
    /// Only the arguments tell; `Write` locks all of them so.
    Search(Option<Mode>),
    /// Nothing beforehand, everything within EXEC.
    Walk,
    /// Every stripe.
    Everything(Mode),
    /// A script: it sees to its locks itself.
    Script,
    /// The keys that the arguments name, and what the command finds in them leads to others.
    Patterns,
}

impl Plan {
    /// The plan of a command.
    pub fn of(command: &Command<Handling>) -> Self {
        let Some(handling) = command.handler else { return Self::Nothing };
        let forced = (handling.locking == Locking::KeysAlone).then_some(Mode::Write);
        match handling.locking {
            Locking::Nothing => Self::Nothing,
            Locking::Script => Self::Script,
            Locking::Walk => Self::Walk,
            Locking::Everything(mode) => Self::Everything(mode),
            Locking::Patterns => Self::Patterns,
            Locking::Keys | Locking::KeysAlone => Self::of_keys(command.facts, forced),
        }
    }

    fn of_keys(facts: &Facts, forced: Option<Mode>) -> Self {
        let (first, last, step) = facts.keys_range;
        let [spec] = facts.key_specs else { return Self::Search(forced) };
        if first <= 0 || facts.flags.contains(flag::MOVABLEKEYS) {
            return Self::Search(forced);
        }
        let reads = spec.flags.contains(key::RO) && !facts.flags.contains(flag::BLOCKING);
        let mode = forced.unwrap_or(if reads { Mode::Read } else { Mode::Write });
        if first == last {
            Self::One(first as usize, mode)
        } else {
            Self::Range(first as usize, last, step.max(1) as usize, mode)
        }
    }

    /// The plan for these arguments.
    #[inline]
    pub fn of_call(self, argv: &[&[u8]]) -> Self {
        match self {
            Self::Patterns if !keys::sorts_by_patterns(argv) => Self::Search(None),
            plan => plan,
        }
    }

    /// Adds the stripes that this call needs.
    ///
    /// # Errors
    /// When a command that needs keys comes with none that can be found.
    pub fn collect(
        &self,
        facts: &Facts,
        argv: &[&[u8]],
        store: &Store,
        wanted: &mut Wanted,
    ) -> Result<(), KeysError> {
        let mut add = |key: &[u8], mode| wanted.push((store.stripe_of(hash_of(key)), mode));
        match *self {
            Self::Nothing | Self::Walk | Self::Everything(_) | Self::Script => {}
            Self::One(place, mode) => add(argv.get(place).ok_or(KeysError)?, mode),
            Self::Range(first, last, step, mode) => {
                keys_of_range(argv, first, last, step).for_each(|key| add(key, mode));
            }
            Self::Search(_) | Self::Patterns => {
                let forced = if let Self::Search(forced) = *self { forced } else { None };
                let mut found = Keys::new();
                keys::keys_to_lock(facts, argv, &mut found)?;
                for found in found {
                    let mode = if found.access == Access::Write { Mode::Write } else { Mode::Read };
                    add(argv[found.position], forced.unwrap_or(mode));
                }
            }
        }
        Ok(())
    }
}

/// First, last and step of a command's keys, where they stand at fixed places; all zero without keys.
pub fn fixed_range(plan: &Plan) -> Option<(usize, i16, usize)> {
    match *plan {
        Plan::Nothing => Some((0, 0, 0)),
        Plan::One(place, _) => Some((place, i16::try_from(place).ok()?, 1)),
        Plan::Range(first, last, step, _) => Some((first, last, step)),
        _ => None,
    }
}

/// The keys that a [`Plan::Range`] stands for.
pub(super) fn keys_of_range<'b>(
    argv: &[&'b [u8]],
    first: usize,
    last: i16,
    step: usize,
) -> impl Iterator<Item = &'b [u8]> {
    let end = if last < 0 { argv.len() as i64 + i64::from(last) } else { i64::from(last) };
    let end = (end + 1).clamp(0, argv.len() as i64) as usize;
    argv.get(first..end).unwrap_or_default().iter().step_by(step).copied()
}
