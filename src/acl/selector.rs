//! One set of permissions, and the rules that change it.
//!
//! Of commands both are kept: the set that the rules have come to, and the rules themselves, in their order, for ACL LIST. A
//! rule replaces earlier ones about the same command or category; a whole container replaces those about its subcommands;
//! `+@all` and `-@all` replace them all. So the rules, applied to `+@all` or `-@all`, always come to the set.

use super::catalog::{Catalog, CommandId};
use super::category::Categories;
use super::check::Access;
use super::error::RuleError;

/// What rules are read by.
#[derive(Clone, Copy)]
pub struct Terms<'t> {
    /// The commands there are.
    pub catalog: &'t Catalog,
    /// Whether new selectors allow all channels (`acl-pubsub-default`).
    pub opens_channels: bool,
}

/// One set of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    pub(super) all_keys: bool,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) all_channels: bool,
    pub(super) channels: Vec<Box<[u8]>>,
    /// Whether the rules begin with `+@all`.
    all_commands: bool,
    rules: Vec<CommandRule>,
    /// A bit for each command.
    commands: Box<[u64]>,
    /// Commands that are allowed with this first argument.
    pub(super) first_arguments: Vec<(CommandId, Vec<u8>)>,
}

/// Keys that may be reached, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyPattern {
    pub glob: Box<[u8]>,
    pub access: Access,
}

/// `+name`, `-name`, `+@category`...
#[derive(Clone, Debug, PartialEq, Eq)]
struct CommandRule {
    allows: bool,
    name: Vec<u8>,
}

impl Selector {
    /// Nothing is allowed, but for channels perhaps.
    pub fn new(terms: Terms<'_>) -> Self {
        Self {
            all_keys: false,
            keys: Vec::new(),
            all_channels: terms.opens_channels,
            channels: Vec::new(),
            all_commands: false,
            rules: Vec::new(),
            commands: vec![0; terms.catalog.len().div_ceil(64)].into(),
            first_arguments: Vec::new(),
        }
    }

    /// Applies one rule.
    ///
    /// # Errors
    /// When it is none, or contradicts what is there; then nothing has changed.
    pub fn apply(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => self.set_keys(true),
            b"resetkeys" => self.set_keys(false),
            b"allchannels" | b"&*" => self.set_channels(true),
            b"resetchannels" => self.set_channels(false),
            b"allcommands" | b"+@all" => self.set_commands(true),
            b"nocommands" | b"-@all" => self.set_commands(false),
            _ => return self.apply_specific(rule, catalog),
        }
        Ok(())
    }

    fn apply_specific(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), RuleError> {
        match rule {
            [b'~' | b'%', ..] if self.all_keys => Err(RuleError::AllKeys),
            [b'~', glob @ ..] => self.add_keys(glob, Access::ALL),
            [b'%', rest @ ..] => {
                let (access, glob) = split_access(rest).ok_or(RuleError::Syntax)?;
                self.add_keys(glob, access)
            }
            [b'&', glob @ ..] => self.add_channels(glob),
            [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                self.change_category(*sign == b'+', category, catalog)
            }
            [b'+', name @ ..] if name.contains(&b'|') => self.allow_part(name, catalog),
            [sign @ (b'+' | b'-'), name @ ..] => {
                let id = catalog.find(name).ok_or(RuleError::Unknown)?;
                self.change_command(*sign == b'+', id, catalog);
                self.note(*sign == b'+', catalog.name(id).as_bytes());
                Ok(())
            }
            _ => Err(RuleError::Syntax),
        }
    }

    fn set_keys(&mut self, all: bool) {
        self.all_keys = all;
        self.keys.clear();
    }

    fn set_channels(&mut self, all: bool) {
        self.all_channels = all;
        self.channels.clear();
    }

    fn set_commands(&mut self, all: bool) {
        self.all_commands = all;
        self.commands.fill(if all { u64::MAX } else { 0 });
        self.rules.clear();
        self.first_arguments.clear();
    }

    fn add_keys(&mut self, glob: &[u8], access: Access) -> Result<(), RuleError> {
        if super::has_spaces(glob) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.glob == *glob) {
            Some(known) => known.access = known.access.and(access),
            None => self.keys.push(KeyPattern { glob: glob.into(), access }),
        }
        Ok(())
    }

    fn add_channels(&mut self, glob: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AllChannels);
        }
        if super::has_spaces(glob) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| **known == *glob) {
            self.channels.push(glob.into());
        }
        Ok(())
    }

    fn change_category(&mut self, allows: bool, name: &[u8], catalog: &Catalog) -> Result<(), RuleError> {
        let category = Categories::parse(name).ok_or(RuleError::Unknown)?;
        self.note(allows, &[b"@", name].concat());
        catalog.ids_of(category).for_each(|id| self.change_command(allows, id, catalog));
        Ok(())
    }

    /// `+container|subcommand` or `+command|argument`.
    fn allow_part(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), RuleError> {
        let bar = memchr::memrchr(b'|', rule).ok_or(RuleError::Syntax)?;
        let (name, part) = (&rule[..bar], &rule[bar + 1..]);
        let id = catalog.find(name).ok_or(RuleError::Unknown)?;
        if name.contains(&b'|') {
            return Err(RuleError::ArgumentOfSubcommand);
        }
        // A description is split at spaces when it is read again.
        if part.is_empty() || super::has_spaces(part) {
            return Err(RuleError::Syntax);
        }
        if catalog.is_container(id) {
            let id = catalog.find(rule).ok_or(RuleError::Unknown)?;
            self.change_command(true, id, catalog);
        } else {
            // In the order of the rules, which name it once.
            let word = part.to_ascii_lowercase();
            self.first_arguments.retain(|known| (known.0, &known.1) != (id, &word));
            self.first_arguments.push((id, word));
        }
        self.note(true, rule);
        Ok(())
    }

    fn change_command(&mut self, allows: bool, id: CommandId, catalog: &Catalog) {
        self.first_arguments.retain(|(known, _)| *known != id);
        for id in catalog.with_members(id) {
            let (word, bit) = place_of(id);
            if allows {
                self.commands[word] |= bit;
            } else {
                self.commands[word] &= !bit;
            }
        }
    }

    /// Keeps a rule in the place of those that it outdates.
    fn note(&mut self, allows: bool, name: &[u8]) {
        let name = name.to_ascii_lowercase();
        let outdates =
            |known: &[u8]| known.strip_prefix(&*name).is_some_and(|rest| matches!(rest, [] | [b'|', ..]));
        self.rules.retain(|rule| !outdates(&rule.name));
        self.rules.push(CommandRule { allows, name });
    }

    pub(super) fn has_command(&self, id: CommandId) -> bool {
        let (word, bit) = place_of(id);
        self.commands[word] & bit != 0
    }

    pub(super) fn is_unrestricted(&self) -> bool {
        self.all_keys && self.all_channels && self.commands.iter().all(|word| *word == u64::MAX)
    }

    /// The rules for commands, from `+@all` or `-@all` on.
    pub fn describe_commands(&self) -> Vec<u8> {
        let mut text: Vec<u8> = if self.all_commands { b"+@all".into() } else { b"-@all".into() };
        for rule in &self.rules {
            text.extend_from_slice(if rule.allows { b" +" } else { b" -" });
            text.extend_from_slice(&rule.name);
        }
        text
    }

    /// The patterns of keys, joined by spaces. Behind `%RW~*` others may stand, which it outdates; in a description they would
    /// be an error.
    pub fn describe_keys(&self) -> Vec<u8> {
        if self.allows_all_keys(Access::ALL) {
            return b"~*".into();
        }
        let one = |pattern: &KeyPattern| {
            let sign: &[u8] = match pattern.access {
                Access::READ => b"%R~",
                Access::WRITE => b"%W~",
                _ => b"~",
            };
            [sign, &pattern.glob].concat()
        };
        self.keys.iter().map(one).collect::<Vec<_>>().join(&b' ')
    }

    /// The patterns of channels, joined by spaces.
    pub fn describe_channels(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".into();
        }
        self.channels.iter().map(|channel| [b"&", &**channel].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// The rules that make this selector of a new one.
    pub(super) fn describe(&self) -> Vec<u8> {
        let mut parts = vec![self.describe_keys(), self.describe_channels(), self.describe_commands()];
        if !self.all_channels {
            parts.insert(1, b"resetchannels".into());
        }
        parts.retain(|part| !part.is_empty());
        parts.join(&b' ')
    }
}

/// What is before the `~`, and what follows it; a rule may end without it.
fn split_access(rest: &[u8]) -> Option<(Access, &[u8])> {
    let mut access = Access::NONE;
    for (place, letter) in rest.iter().enumerate() {
        let more = match letter.to_ascii_uppercase() {
            b'R' => Access::READ,
            b'W' => Access::WRITE,
            b'~' if access != Access::NONE => return Some((access, &rest[place + 1..])),
            _ => return None,
        };
        if access.contains(more) {
            return None;
        }
        access = access.and(more);
    }
    (access != Access::NONE).then_some((access, b""))
}

fn place_of(id: CommandId) -> (usize, u64) {
    (usize::from(id) / 64, 1 << (id % 64))
}
