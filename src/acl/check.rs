//! Whether a selector, or any of a user's selectors, allows a call.

use super::catalog::CommandId;
use super::selector::Selector;
use super::user::User;
use crate::base::glob::{self, Case};

/// What is to be done with a key, or may be: a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Nothing in particular: the key is named.
    pub const NONE: Self = Self(0);
    /// Its value is revealed.
    pub const READ: Self = Self(1);
    /// Its value is changed.
    pub const WRITE: Self = Self(2);
    /// Both.
    pub const ALL: Self = Self(3);

    /// Whether all of `other` is included.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A key that a call reaches.
#[derive(Clone, Copy, Debug)]
pub struct NeededKey {
    /// Its place among the arguments.
    pub place: usize,
    /// What is done with it.
    pub access: Access,
}

/// The channels that a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// None.
    None,
    /// The first argument.
    First,
    /// All arguments.
    All,
    /// All arguments, which are patterns: they must be allowed literally.
    Patterns,
}

/// A call to be judged.
#[derive(Debug)]
pub struct Call<'c> {
    /// Which command.
    pub command: CommandId,
    /// Whether everybody may call it (AUTH and its kin).
    pub is_free: bool,
    /// Its arguments.
    pub argv: &'c [&'c [u8]],
    /// The keys it reaches; not needed by whom [`User::asks_for_keys`] does not ask.
    pub keys: &'c [NeededKey],
    /// The channels it names.
    pub channels: Channels,
}

/// What a call is refused for. Of the refusals of several selectors the greatest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denial {
    /// The command itself.
    Command,
    /// The key at this place.
    Key(usize),
    /// The channel at this place.
    Channel(usize),
}

impl Denial {
    /// The place of the argument that it is about; the command's name is at 0.
    pub fn place(self) -> usize {
        match self {
            Self::Command => 0,
            Self::Key(place) | Self::Channel(place) => place,
        }
    }
}

impl Selector {
    fn check(&self, call: &Call<'_>) -> Result<(), Denial> {
        if !call.is_free && !self.allows_command(call.command, call.argv) {
            return Err(Denial::Command);
        }
        if let Some(key) = call.keys.iter().find(|key| !self.allows_key(call.argv[key.place], key.access)) {
            return Err(Denial::Key(key.place));
        }
        let (end, is_pattern) = match call.channels {
            Channels::None => (1, false),
            Channels::First => (2, false),
            Channels::All => (call.argv.len(), false),
            Channels::Patterns => (call.argv.len(), true),
        };
        let named =
            (1..end.min(call.argv.len())).find(|&place| !self.allows_channel(call.argv[place], is_pattern));
        named.map_or(Ok(()), |place| Err(Denial::Channel(place)))
    }

    fn allows_command(&self, command: CommandId, argv: &[&[u8]]) -> bool {
        self.has_command(command)
            || argv.get(1).is_some_and(|first| {
                let is_allowed =
                    |(id, word): &(CommandId, Vec<u8>)| *id == command && word.eq_ignore_ascii_case(first);
                self.first_arguments.iter().any(is_allowed)
            })
    }

    fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.all_keys
            || self.keys.iter().any(|pattern| {
                pattern.access.contains(access) && glob::matches(&pattern.glob, key, Case::Sensitive)
            })
    }

    /// Whether every key may be reached so.
    pub(super) fn allows_all_keys(&self, access: Access) -> bool {
        self.all_keys
            || self.keys.iter().any(|pattern| pattern.access.contains(access) && *pattern.glob == *b"*")
    }

    fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_channels
            || self.channels.iter().any(|allowed| match is_pattern {
                true => **allowed == *channel,
                false => glob::matches(allowed, channel, Case::Sensitive),
            })
    }
}

impl User {
    /// Whether any selector allows the call.
    ///
    /// # Errors
    /// What it is refused for.
    pub fn check(&self, call: &Call<'_>) -> Result<(), Denial> {
        let mut worst = Denial::Command;
        for selector in self.selectors() {
            match selector.check(call) {
                Ok(()) => return Ok(()),
                Err(denial) => worst = worst.max(denial),
            }
        }
        Err(worst)
    }

    /// Whether a selector that allows the call allows this access to all keys, too.
    pub fn allows_with_all_keys(&self, call: &Call<'_>, access: Access) -> bool {
        self.selectors()
            .iter()
            .any(|selector| selector.check(call).is_ok() && selector.allows_all_keys(access))
    }

    /// Whether a subscription to this channel or pattern may last.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.selectors().iter().any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// Whether every channel pattern of `other` is here, too, so that no subscription can have lost its permission.
    pub fn keeps_channels_of(&self, other: &Self) -> bool {
        let has = |channel| self.selectors().iter().any(|selector| selector.channels.contains(channel));
        self.selectors().iter().any(|selector| selector.all_channels)
            || other
                .selectors()
                .iter()
                .all(|selector| !selector.all_channels && selector.channels.iter().all(has))
    }

    /// Whether what a call may do depends on its keys.
    pub fn asks_for_keys(&self) -> bool {
        self.selectors().iter().any(|selector| !selector.all_keys)
    }

    /// Whether it may do anything, so that nothing need be asked.
    pub fn is_unrestricted(&self) -> bool {
        self.selectors().iter().any(Selector::is_unrestricted)
    }
}
