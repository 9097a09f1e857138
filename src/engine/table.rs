//! The commands this server has: facts bound to handlers, and the look-up of a request's first words.
//!
//! Families list `Row`s, a name and a handler each. Building the table finds the facts of every name, adds the containers
//! of the subcommands, and numbers everything: a subcommand's number follows its container's, so per-command statistics are
//! plain arrays. A look-up folds the name to lower case in registers, 16 bytes at most, and probes an open-addressing table
//! that is never more than half full; only longer names compare bytes.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use super::facts;
use super::spec::Facts;

/// A command's name and what runs it.
#[derive(Clone, Copy, Debug)]
pub struct Row<H> {
    /// `HGET`, or `CONFIG|GET` for a subcommand, in any case.
    pub name: &'static str,
    /// What runs it.
    pub handler: H,
}

impl<H> Row<H> {
    /// Binds a handler to the facts of that name.
    pub const fn new(name: &'static str, handler: H) -> Self {
        Self { name, handler }
    }
}

/// A command or subcommand that the server has.
#[derive(Debug)]
pub struct Command<H> {
    /// Its place in the table, from 0 without gaps.
    pub id: u16,
    /// What is known about it.
    pub facts: &'static Facts,
    /// What runs it; a container that only leads to its subcommands has none.
    pub handler: Option<H>,
    subcommands: Range<u16>,
    packed: Packed,
}

/// All commands that the server has.
#[derive(Debug)]
pub struct CommandTable<H> {
    commands: Vec<Command<H>>,
    /// Slots of the look-up; `FREE` or a command's id.
    slots: Box<[Slot]>,
    top_level: usize,
    /// The names of commands that are called otherwise than in Redis; an empty name calls none.
    renamed: HashMap<u16, Box<[u8]>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    packed: Packed,
    id: u16,
}

const FREE: Slot = Slot { packed: Packed { low: 0, high: 0, length: 0 }, id: u16::MAX };

/// Why a table could not be built: the rows are wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum TableError {
    /// No facts of that name.
    UnknownName(&'static str),
    /// Two rows of that name.
    Duplicate(&'static str),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(name) => write!(f, "no command is called {name}"),
            Self::Duplicate(name) => write!(f, "{name} has two rows"),
        }
    }
}

impl std::error::Error for TableError {}

/// What the first words of a request name.
#[derive(Debug)]
pub enum Lookup<'a, H> {
    /// This command, or a container without a second word: then the arity tells.
    Found(&'a Command<H>),
    /// No such command.
    UnknownCommand,
    /// This container has no such subcommand.
    UnknownSubcommand(&'a Command<H>),
}

impl<H: Copy> CommandTable<H> {
    /// Binds the rows of all families.
    ///
    /// # Errors
    /// When a name has no facts, or two rows.
    pub fn new(families: &[&[Row<H>]]) -> Result<Self, TableError> {
        let mut bound = bind(families)?;
        let mut members: HashMap<_, Vec<_>> = HashMap::new();
        for facts in facts::all() {
            if let (Some(container), Some(handler)) = (facts.container(), bound.get(facts.name)) {
                members.entry(container).or_default().push((facts, *handler));
            }
        }
        let mut commands = Vec::with_capacity(bound.len() + members.len());
        let mut top_level = 0;
        for facts in facts::all().filter(|facts| facts.container().is_none()) {
            let handler = bound.remove(facts.name);
            let members = members.remove(facts.name).unwrap_or_default();
            if handler.is_none() && members.is_empty() {
                continue;
            }
            top_level += 1;
            let first = commands.len() as u16 + 1;
            commands.push(Command::new(first - 1, facts, handler, first..first + members.len() as u16));
            for (id, (facts, handler)) in (first..).zip(members) {
                commands.push(Command::new(id, facts, Some(handler), 0..0));
            }
        }
        let renamed = HashMap::new();
        Ok(Self { slots: fill_slots(&commands, top_level, &renamed), commands, top_level, renamed })
    }

    /// `rename-command`: calls a command by another name only, or by none if that is empty.
    ///
    /// # Errors
    /// Redis's reason.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), &'static str> {
        let id = self.find(from).ok_or("No such command in rename-command")?.id;
        if !to.is_empty() && self.find(to).is_some_and(|command| command.id != id) {
            return Err("Target command name already exists");
        }
        if to.len() > NAME_LENGTH_MAX {
            return Err("Target command name is too long");
        }
        self.renamed.insert(id, to.into());
        self.slots = fill_slots(&self.commands, self.top_level, &self.renamed);
        Ok(())
    }

    /// The command of that name, in any case. Subcommands are not found, not even by their full name.
    pub fn find(&self, name: &[u8]) -> Option<&Command<H>> {
        let packed = Packed::new(name)?;
        let mask = self.slots.len() - 1;
        let mut position = packed.hash() & mask;
        loop {
            let slot = self.slots[position];
            if slot.packed == packed {
                let command = &self.commands[usize::from(slot.id)];
                return self.is_called(command, name).then_some(command);
            }
            if slot.id == FREE.id {
                return None;
            }
            position = (position + 1) & mask;
        }
    }

    /// Settles what equal packed names leave open: the middle of a long name.
    #[inline]
    fn is_called(&self, command: &Command<H>, name: &[u8]) -> bool {
        let is_whole = || match self.renamed.get(&command.id) {
            Some(renamed) => renamed.eq_ignore_ascii_case(name),
            None => command.is_called(name),
        };
        name.len() <= PACKED_WHOLE || is_whole()
    }

    /// The subcommand of that short name, in any case.
    pub fn find_sub(&self, container: &Command<H>, name: &[u8]) -> Option<&Command<H>> {
        let packed = Packed::new(name)?;
        let found = self.subcommands(container).iter().find(|command| command.packed == packed)?;
        found.is_called(name).then_some(found)
    }

    /// What a request asks for.
    pub fn look_up<A: AsRef<[u8]>>(&self, argv: &[A]) -> Lookup<'_, H> {
        let Some(command) = argv.first().and_then(|name| self.find(name.as_ref())) else {
            return Lookup::UnknownCommand;
        };
        match argv.get(1) {
            Some(name) if !command.subcommands.is_empty() => match self.find_sub(command, name.as_ref()) {
                Some(subcommand) => Lookup::Found(subcommand),
                None => Lookup::UnknownSubcommand(command),
            },
            _ => Lookup::Found(command),
        }
    }

    /// The command or subcommand of that full name (`config|get`), in any case.
    pub fn find_full(&self, name: &[u8]) -> Option<&Command<H>> {
        match memchr::memchr(b'|', name) {
            Some(bar) => self.find_sub(self.find(&name[..bar])?, &name[bar + 1..]),
            None => self.find(name),
        }
    }

    /// All commands and subcommands, each at the place of its id.
    pub fn all(&self) -> &[Command<H>] {
        &self.commands
    }

    /// The commands that are no subcommands.
    pub fn top_level(&self) -> impl Iterator<Item = &Command<H>> {
        self.commands.iter().filter(|command| command.facts.container().is_none())
    }

    /// How many commands are no subcommands.
    pub fn count(&self) -> usize {
        self.top_level
    }

    /// The subcommands of a container.
    pub fn subcommands(&self, container: &Command<H>) -> &[Command<H>] {
        &self.commands[usize::from(container.subcommands.start)..usize::from(container.subcommands.end)]
    }
}

impl<H> Command<H> {
    fn new(id: u16, facts: &'static Facts, handler: Option<H>, subcommands: Range<u16>) -> Self {
        let packed = Packed::new(facts.short_name().as_bytes()).unwrap_or(FREE.packed);
        Self { id, facts, handler, subcommands, packed }
    }

    /// Settles what equal packed names leave open: the middle of a long name.
    fn is_called(&self, name: &[u8]) -> bool {
        name.len() <= PACKED_WHOLE || self.facts.short_name().as_bytes().eq_ignore_ascii_case(name)
    }
}

/// The handlers by the full names of their facts.
fn bind<H: Copy>(families: &[&[Row<H>]]) -> Result<HashMap<&'static str, H>, TableError> {
    let names: HashMap<_, _> = facts::all().map(|facts| (facts.name, facts.name)).collect();
    let mut bound = HashMap::new();
    for row in families.iter().copied().flatten() {
        let name = names.get(&*row.name.to_ascii_lowercase()).ok_or(TableError::UnknownName(row.name))?;
        if bound.insert(*name, row.handler).is_some() {
            return Err(TableError::Duplicate(row.name));
        }
    }
    Ok(bound)
}

fn fill_slots<H>(
    commands: &[Command<H>],
    top_level: usize,
    renamed: &HashMap<u16, Box<[u8]>>,
) -> Box<[Slot]> {
    let mut slots = vec![FREE; (2 * top_level + 1).next_power_of_two()].into_boxed_slice();
    let mask = slots.len() - 1;
    for command in commands.iter().filter(|command| command.facts.container().is_none()) {
        let name = renamed.get(&command.id).map(|name| Packed::new(name));
        let Some(packed) = name.unwrap_or(Some(command.packed)) else { continue };
        let mut position = packed.hash() & mask;
        while slots[position].id != FREE.id {
            position = (position + 1) & mask;
        }
        slots[position] = Slot { packed, id: command.id };
    }
    slots
}

/// A name in lower case: its length, first eight and last eight bytes, which may overlap. Up to 16 bytes that is all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    low: u64,
    high: u64,
    length: u8,
}

/// Names up to this length are packed without loss.
const PACKED_WHOLE: usize = 16;

/// Longer names are nobody's.
const NAME_LENGTH_MAX: usize = 64;

impl Packed {
    /// None when no command can have the name.
    fn new(name: &[u8]) -> Option<Self> {
        let (low, high) = match name.len() {
            0 => return None,
            1..4 => {
                (u64::from(name[0]) << 8 | u64::from(name[name.len() / 2]), u64::from(name[name.len() - 1]))
            }
            4..8 => (first_four(name)?, first_four(&name[name.len() - 4..])?),
            8..=NAME_LENGTH_MAX => (first_eight(name)?, first_eight(&name[name.len() - 8..])?),
            _ => return None,
        };
        Some(Self { low: to_lower(low), high: to_lower(high), length: name.len() as u8 })
    }

    fn hash(self) -> usize {
        let mixed = (self.low ^ self.high.rotate_left(23)).wrapping_add(u64::from(self.length));
        (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize
    }
}

fn first_four(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from(u32::from_le_bytes(*chunk)))
}

fn first_eight(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
}

/// ASCII lower case of eight bytes at once: the high bit of each lane tells whether it is between `A` and `Z`.
const fn to_lower(lanes: u64) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const fn all(byte: u8) -> u64 {
        0x0101_0101_0101_0101 * byte as u64
    }
    let low_bits = lanes & !HIGH;
    let from_a = low_bits + all(0x80 - b'A');
    let above_z = low_bits + all(0x80 - b'Z' - 1);
    let upper = from_a & !above_z & !lanes & HIGH;
    lanes | upper >> 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> CommandTable<u8> {
        let strings = [Row::new("GET", 1), Row::new("SET", 2), Row::new("GEORADIUSBYMEMBER_RO", 3)];
        let server = [Row::new("CONFIG|GET", 4), Row::new("COMMAND", 5), Row::new("COMMAND|COUNT", 6)];
        CommandTable::new(&[&strings, &server]).unwrap()
    }

    #[test]
    fn look_up_ignores_case_and_nothing_else() {
        let table = table();
        let check = |request: &str, expected: Option<u8>| {
            let argv: Vec<_> = request.split(' ').collect();
            let found = match table.look_up(&argv) {
                Lookup::Found(command) => command.handler,
                _ => None,
            };
            assert_eq!(found, expected, "{request}");
        };
        check("GET k", Some(1));
        check("get", Some(1));
        check("gEt", Some(1));
        check("ge", None);
        check("gett", None);
        check("", None);
        check("g\u{5}t", None);
        check("georadiusBYMEMBER_ro", Some(3));
        check("georadiusBYMEXBER_ro", None);
        check("georadiusbymember", None);
        check("config get", Some(4));
        check("config set", None);
        check("config", None);
        check("config|get", None);
        check("command", Some(5));
        check("command count", Some(6));
        check("command nothing", None);
        check(&"x".repeat(1000), None);
    }

    #[test]
    fn unknown_words_are_told_apart() {
        let table = table();
        assert!(matches!(table.look_up(&["nothing"]), Lookup::UnknownCommand));
        assert!(matches!(table.look_up::<&str>(&[]), Lookup::UnknownCommand));
        assert!(
            matches!(table.look_up(&["config", "x"]), Lookup::UnknownSubcommand(c) if c.facts.name == "config")
        );
        assert!(matches!(table.look_up(&["CONFIG"]), Lookup::Found(c) if c.handler.is_none()));
    }

    #[test]
    fn every_command_is_found_by_its_name() {
        let rows: Vec<_> = facts::all().map(|facts| Row::new(facts.name, facts.name)).collect();
        let table = CommandTable::new(&[&rows]).unwrap();
        assert_eq!(table.all().len(), rows.len());
        assert_eq!(table.count(), 241);
        for (id, command) in table.all().iter().enumerate() {
            assert_eq!(usize::from(command.id), id);
            assert_eq!(command.handler, Some(command.facts.name));
            let upper = command.facts.name.to_ascii_uppercase();
            assert_eq!(table.find_full(upper.as_bytes()).map(|found| found.id), Some(command.id), "{upper}");
        }
    }

    #[test]
    fn commands_are_called_by_their_new_names_only() {
        let mut table = table();
        let long = b"a-name-longer-than-sixteen-bytes";
        assert_eq!(table.rename(b"get", b"set"), Err("Target command name already exists"));
        assert_eq!(table.rename(b"got", b"x"), Err("No such command in rename-command"));
        table.rename(b"GET", long).unwrap();
        table.rename(b"set", b"Get").unwrap();
        table.rename(b"config", b"").unwrap();
        let name = |name: &[u8]| table.find(name).map(|command| command.facts.name);
        assert_eq!(
            [name(long), name(b"get"), name(b"set"), name(b"config")],
            [Some("get"), Some("set"), None, None]
        );
        assert_eq!(name(b"a-name-longer-thin-sixteen-bytes"), None);
        assert_eq!(table.find(b"").map(|command| command.facts.name), None);
    }

    #[test]
    fn wrong_rows_are_refused() {
        let check = |names: &[&'static str], expected: TableError| {
            let rows: Vec<_> = names.iter().map(|name| Row::new(name, ())).collect();
            assert_eq!(CommandTable::new(&[&rows]).err(), Some(expected));
        };
        check(&["GOT"], TableError::UnknownName("GOT"));
        check(&["GET", "get"], TableError::Duplicate("get"));
        check(&["CONFIG|GOT"], TableError::UnknownName("CONFIG|GOT"));
    }

    #[test]
    fn lower_case_changes_letters_only() {
        for byte in 0..=u8::MAX {
            let lanes = u64::from_le_bytes([byte; 8]);
            assert_eq!(to_lower(lanes), u64::from_le_bytes([byte.to_ascii_lowercase(); 8]), "{byte}");
        }
    }
}
