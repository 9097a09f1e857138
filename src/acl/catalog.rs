//! The commands that rules speak of, numbered without gaps.

use std::collections::HashMap;
use std::ops::Range;

use super::category::Categories;

/// A command's place in the catalog.
pub type CommandId = u16;

/// All commands and subcommands.
#[derive(Debug)]
pub struct Catalog {
    entries: Vec<Entry>,
    by_name: HashMap<&'static str, CommandId>,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    categories: Categories,
    /// The subcommands of a container: they follow it.
    members: Range<CommandId>,
}

impl Catalog {
    /// The catalog of these commands: full names in lower case (`config|get`) and categories. A subcommand's container is
    /// among them.
    pub fn new(commands: impl Iterator<Item = (&'static str, Categories)> + Clone) -> Self {
        let mut members: HashMap<&str, Vec<(&'static str, Categories)>> = HashMap::new();
        for (name, categories) in commands.clone() {
            if let Some((container, _)) = name.split_once('|') {
                members.entry(container).or_default().push((name, categories));
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (name, categories) in commands.filter(|(name, _)| !name.contains('|')) {
            let members = members.remove(name).unwrap_or_default();
            let first = entries.len() as CommandId + 1;
            entries.push(Entry { name, categories, members: first..first + members.len() as CommandId });
            entries.extend(members.into_iter().map(|(name, categories)| Entry {
                name,
                categories,
                members: 0..0,
            }));
        }
        let by_name = entries.iter().zip(0..).map(|(entry, id)| (entry.name, id)).collect();
        Self { entries, by_name }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The command of that full name, in any case.
    pub fn find(&self, name: &[u8]) -> Option<CommandId> {
        self.by_name.get(std::str::from_utf8(name).ok()?.to_ascii_lowercase().as_str()).copied()
    }

    /// The full name.
    pub fn name(&self, id: CommandId) -> &'static str {
        self.entries[usize::from(id)].name
    }

    /// The commands of a category, by name.
    pub fn of_category(&self, category: Categories) -> impl Iterator<Item = &'static str> {
        self.entries.iter().filter(move |entry| entry.categories.intersects(category)).map(|entry| entry.name)
    }

    /// Whether it has subcommands.
    pub(super) fn is_container(&self, id: CommandId) -> bool {
        !self.entries[usize::from(id)].members.is_empty()
    }

    /// The command itself and, of a container, its subcommands.
    pub(super) fn with_members(&self, id: CommandId) -> Range<CommandId> {
        id..self.entries[usize::from(id)].members.end.max(id + 1)
    }

    /// All that are in a category.
    pub(super) fn ids_of(&self, category: Categories) -> impl Iterator<Item = CommandId> {
        self.entries
            .iter()
            .zip(0..)
            .filter(move |(entry, _)| entry.categories.intersects(category))
            .map(|(_, id)| id)
    }
}
