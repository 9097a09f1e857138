//! What is known about a command before it runs: the vocabulary of the fact table in `facts`.
//!
//! The names are Redis 7.2's own, as COMMAND INFO, COMMAND DOCS and ACL CAT print them. All types are `const` friendly:
//! the table is data of the binary, it costs nothing at start-up and nothing on the heap.

pub use crate::acl::{Categories as AclCategories, category as acl};

/// All facts about one command or subcommand.
#[derive(Debug)]
pub struct Facts {
    /// Full name in lower case: `get`, or `config|get` for a subcommand.
    pub name: &'static str,
    /// The family that COMMAND DOCS names.
    pub group: Group,
    /// The release of Redis that brought the command.
    pub since: &'static str,
    /// Number of arguments, the name included; negative: at least that many.
    pub arity: i16,
    /// Behaviour flags.
    pub flags: Flags,
    /// ACL categories, those that follow from the flags included.
    pub acl: AclCategories,
    /// Where the keys are among the arguments.
    pub key_specs: &'static [KeySpec],
    /// First key, last key and step, as far as the keys have fixed positions; zeros when they have not.
    pub keys_range: (i16, i16, i16),
    /// How to find the keys when `key_specs` can't tell.
    pub key_function: Option<KeyFunction>,
    /// Hints for clients and proxies.
    pub tips: &'static [&'static str],
    /// Changes since the first release: version and text.
    pub history: &'static [(&'static str, &'static str)],
    /// `deprecated` and `syscmd`, as COMMAND DOCS names them.
    pub doc_flags: &'static [&'static str],
    /// The release that deprecated the command.
    pub deprecated_since: Option<&'static str>,
    /// What to use instead of a deprecated command.
    pub replaced_by: Option<&'static str>,
    /// Cost of one call; empty when there is nothing to say.
    pub complexity: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// The syntax.
    pub arguments: &'static [Argument],
}

impl Facts {
    /// The values that most commands share, to be completed in the table.
    pub(super) const fn of(group: Group) -> Self {
        Self {
            name: "",
            group,
            since: "",
            arity: 0,
            flags: Flags(0),
            acl: AclCategories(0),
            key_specs: &[],
            keys_range: (0, 0, 0),
            key_function: None,
            tips: &[],
            history: &[],
            doc_flags: &[],
            deprecated_since: None,
            replaced_by: None,
            complexity: "",
            summary: "",
            arguments: &[],
        }
    }

    /// The container's name, when this is a subcommand.
    pub fn container(&self) -> Option<&'static str> {
        self.name.split_once('|').map(|(container, _)| container)
    }

    /// The name without its container: `get` for `config|get`.
    pub fn short_name(&self) -> &'static str {
        self.name.split_once('|').map_or(self.name, |(_, name)| name)
    }

    /// Whether `count` arguments, the name included, satisfy the arity.
    pub fn accepts_count(&self, count: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        if self.arity >= 0 { count == wanted } else { count >= wanted }
    }

    /// Whether any argument of the command names a key.
    pub fn has_keys(&self) -> bool {
        self.key_function.is_some() || self.key_specs.iter().any(|spec| !spec.flags.contains(key::NOT_KEY))
    }
}

/// The bits of [`Flags`].
pub mod flag {
    /// Changes the data.
    pub const WRITE: u64 = 1;
    /// Only reads the data.
    pub const READONLY: u64 = 1 << 1;
    /// Refused when memory is at its limit.
    pub const DENYOOM: u64 = 1 << 2;
    /// Provided by a module.
    pub const MODULE: u64 = 1 << 3;
    /// Administration.
    pub const ADMIN: u64 = 1 << 4;
    /// Publish and subscribe.
    pub const PUBSUB: u64 = 1 << 5;
    /// Refused inside scripts.
    pub const NOSCRIPT: u64 = 1 << 6;
    /// May block its client.
    pub const BLOCKING: u64 = 1 << 7;
    /// Allowed while the data is loaded.
    pub const LOADING: u64 = 1 << 8;
    /// Allowed on a replica with stale data.
    pub const STALE: u64 = 1 << 9;
    /// Not shown by MONITOR.
    pub const SKIP_MONITOR: u64 = 1 << 10;
    /// Not kept in the slow log.
    pub const SKIP_SLOWLOG: u64 = 1 << 11;
    /// Behaves as if ASKING came first.
    pub const ASKING: u64 = 1 << 12;
    /// Constant or logarithmic time.
    pub const FAST: u64 = 1 << 13;
    /// Allowed before authentication.
    pub const NO_AUTH: u64 = 1 << 14;
    /// May be replicated although it writes nothing itself.
    pub const MAY_REPLICATE: u64 = 1 << 15;
    /// Known to Sentinel.
    pub const SENTINEL: u64 = 1 << 16;
    /// Known to Sentinel alone.
    pub const ONLY_SENTINEL: u64 = 1 << 17;
    /// May come without any key.
    pub const NO_MANDATORY_KEYS: u64 = 1 << 18;
    /// Needs a setting that enables it.
    pub const PROTECTED: u64 = 1 << 19;
    /// Refused during the asynchronous load of a replica.
    pub const NO_ASYNC_LOADING: u64 = 1 << 20;
    /// Refused inside MULTI.
    pub const NO_MULTI: u64 = 1 << 21;
    /// Has keys that the fixed range does not reach.
    pub const MOVABLEKEYS: u64 = 1 << 22;
    /// Allowed while a script keeps the server busy.
    pub const ALLOW_BUSY: u64 = 1 << 23;
    /// Reaches keys that its arguments do not name.
    pub const TOUCHES_ARBITRARY_KEYS: u64 = 1 << 24;
}

/// A set of the bits in [`flag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u64);

/// The flags that COMMAND INFO shows, in its order. The others stay inside the server.
const SHOWN_FLAGS: &[(u64, &str)] = &[
    (flag::WRITE, "write"),
    (flag::READONLY, "readonly"),
    (flag::DENYOOM, "denyoom"),
    (flag::MODULE, "module"),
    (flag::ADMIN, "admin"),
    (flag::PUBSUB, "pubsub"),
    (flag::NOSCRIPT, "noscript"),
    (flag::BLOCKING, "blocking"),
    (flag::LOADING, "loading"),
    (flag::STALE, "stale"),
    (flag::SKIP_MONITOR, "skip_monitor"),
    (flag::SKIP_SLOWLOG, "skip_slowlog"),
    (flag::ASKING, "asking"),
    (flag::FAST, "fast"),
    (flag::NO_AUTH, "no_auth"),
    (flag::NO_MANDATORY_KEYS, "no_mandatory_keys"),
    (flag::NO_ASYNC_LOADING, "no_async_loading"),
    (flag::NO_MULTI, "no_multi"),
    (flag::MOVABLEKEYS, "movablekeys"),
    (flag::ALLOW_BUSY, "allow_busy"),
];

impl Flags {
    /// Whether all of `bits` are set.
    pub const fn contains(self, bits: u64) -> bool {
        self.0 & bits == bits
    }

    /// The names that COMMAND INFO prints, in its order.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        names_of(self.0, SHOWN_FLAGS)
    }
}

/// The bits of [`KeyFlags`].
pub mod key {
    /// Reads the value and leaves it.
    pub const RO: u16 = 1;
    /// Changes the value or its meta data, and may depend on what was there.
    pub const RW: u16 = 1 << 1;
    /// Overwrites whatever was there.
    pub const OW: u16 = 1 << 2;
    /// Removes the key.
    pub const RM: u16 = 1 << 3;
    /// The reply reveals something of the value.
    pub const ACCESS: u16 = 1 << 4;
    /// Changes existing data.
    pub const UPDATE: u16 = 1 << 5;
    /// Adds data.
    pub const INSERT: u16 = 1 << 6;
    /// Deletes data.
    pub const DELETE: u16 = 1 << 7;
    /// Not a key, yet routed like one.
    pub const NOT_KEY: u16 = 1 << 8;
    /// The specification may miss keys.
    pub const INCOMPLETE: u16 = 1 << 9;
    /// The flags depend on the other arguments.
    pub const VARIABLE_FLAGS: u16 = 1 << 10;
}

/// A set of the bits in [`key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFlags(pub u16);

const KEY_FLAG_NAMES: &[(u16, &str)] = &[
    (key::RO, "RO"),
    (key::RW, "RW"),
    (key::OW, "OW"),
    (key::RM, "RM"),
    (key::ACCESS, "access"),
    (key::UPDATE, "update"),
    (key::INSERT, "insert"),
    (key::DELETE, "delete"),
    (key::NOT_KEY, "not_key"),
    (key::INCOMPLETE, "incomplete"),
    (key::VARIABLE_FLAGS, "variable_flags"),
];

impl KeyFlags {
    /// Whether all of `bits` are set.
    pub const fn contains(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// The names that COMMAND INFO and COMMAND GETKEYSANDFLAGS print, in their order.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        names_of(u64::from(self.0), KEY_FLAG_NAMES)
    }
}

fn names_of<B: Copy + Into<u64>>(
    bits: u64,
    names: &'static [(B, &'static str)],
) -> impl Iterator<Item = &'static str> + Clone {
    names.iter().filter(move |(bit, _)| bits & (*bit).into() != 0).map(|(_, name)| *name)
}

/// Where some of a command's keys are.
#[derive(Debug)]
pub struct KeySpec {
    /// How the first key is found.
    pub begin: BeginSearch,
    /// How the others follow from it.
    pub find: FindKeys,
    /// What happens to the keys.
    pub flags: KeyFlags,
    /// A remark for people, often empty.
    pub notes: &'static str,
}

/// How the first key of a [`KeySpec`] is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginSearch {
    /// At this position; the command's name is at 0.
    Index(usize),
    /// After a keyword. The search starts at a position, counted from the end and going backwards when negative.
    Keyword(&'static str, isize),
    /// Only the command knows.
    Unknown,
}

/// How the other keys of a [`KeySpec`] follow from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// Every `step`-th argument up to the last.
    Range {
        /// The last key: relative to the first, or to the end of the arguments when negative.
        last: isize,
        /// Distance between two keys.
        step: usize,
        /// With a negative `last`: only the first of so many equal parts of the remaining arguments; 0 for all.
        limit: usize,
    },
    /// As many keys as an argument says.
    KeyNum {
        /// Where the number is, relative to the beginning.
        count: usize,
        /// Where the first key is, relative to the beginning.
        first: usize,
        /// Distance between two keys.
        step: usize,
    },
    /// Only the command knows.
    Unknown,
}

impl KeySpec {
    pub(super) const fn index(position: usize, flags: u16) -> Self {
        Self::new(BeginSearch::Index(position), flags)
    }

    pub(super) const fn keyword(keyword: &'static str, start: isize, flags: u16) -> Self {
        Self::new(BeginSearch::Keyword(keyword, start), flags)
    }

    pub(super) const fn unknown(flags: u16) -> Self {
        Self::new(BeginSearch::Unknown, flags)
    }

    const fn new(begin: BeginSearch, flags: u16) -> Self {
        Self { begin, find: FindKeys::Unknown, flags: KeyFlags(flags), notes: "" }
    }

    /// A single key.
    pub(super) const fn one(self) -> Self {
        self.range(0, 1, 0)
    }

    pub(super) const fn range(mut self, last: isize, step: usize, limit: usize) -> Self {
        self.find = FindKeys::Range { last, step, limit };
        self
    }

    pub(super) const fn key_num(mut self, count: usize, first: usize, step: usize) -> Self {
        self.find = FindKeys::KeyNum { count, first, step };
        self
    }

    pub(super) const fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }
}

/// Commands whose keys, or what happens to them, only their own syntax can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFunction {
    /// A number of keys stands at one position, the keys begin at another; a destination may come before.
    Counted {
        /// Position of the destination key, if the command has one.
        destination: Option<usize>,
        /// Position of the number.
        count: usize,
        /// Position of the first counted key.
        first: usize,
    },
    /// BITFIELD: read-only when all it does is GET.
    Bitfield,
    /// GEORADIUS and GEORADIUSBYMEMBER: STORE and STOREDIST.
    GeoRadius,
    /// MIGRATE: one key, or KEYS.
    Migrate,
    /// SET: with GET it also reads.
    Set,
    /// SORT: STORE anywhere.
    Sort,
    /// SORT_RO: one key, whatever follows.
    SortReadOnly,
    /// XREAD and XREADGROUP: STREAMS.
    Streams,
}

/// The family of a command, in the order and the words of COMMAND DOCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Bitmaps.
    Bitmap,
    /// Cluster management.
    Cluster,
    /// The client's own connection.
    Connection,
    /// Keys of any type.
    Generic,
    /// Geospatial indexes.
    Geo,
    /// Hashes.
    Hash,
    /// HyperLogLogs.
    HyperLogLog,
    /// Lists.
    List,
    /// Publish and subscribe.
    PubSub,
    /// Scripts and functions.
    Scripting,
    /// Server management.
    Server,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Strings.
    String,
    /// Transactions.
    Transactions,
}

impl Group {
    /// The name that COMMAND DOCS prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bitmap => "bitmap",
            Self::Cluster => "cluster",
            Self::Connection => "connection",
            Self::Generic => "generic",
            Self::Geo => "geo",
            Self::Hash => "hash",
            Self::HyperLogLog => "hyperloglog",
            Self::List => "list",
            Self::PubSub => "pubsub",
            Self::Scripting => "scripting",
            Self::Server => "server",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::String => "string",
            Self::Transactions => "transactions",
        }
    }
}

/// One piece of a command's syntax.
#[derive(Debug)]
pub struct Argument {
    /// Its name, not unique.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgumentKind,
    /// For a key: the index of its [`KeySpec`].
    pub key_spec: Option<u8>,
    /// The literal word before it, or that it is.
    pub token: Option<&'static str>,
    /// The release that brought it, where later than the command.
    pub since: Option<&'static str>,
    /// The release that deprecated it.
    pub deprecated_since: Option<&'static str>,
    /// What help shows in place of the name.
    pub display: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May come several times.
    pub multiple: bool,
    /// When it comes several times, so does its token.
    pub multiple_token: bool,
    /// The parts of a block, or the alternatives of a choice.
    pub arguments: &'static [Argument],
}

/// What an [`Argument`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// A group of arguments.
    Block,
    /// A floating-point number.
    Double,
    /// An integer.
    Integer,
    /// The name of a key.
    Key,
    /// One of several arguments.
    OneOf,
    /// A glob pattern.
    Pattern,
    /// A bare word.
    PureToken,
    /// Any string.
    String,
    /// A time in seconds or milliseconds since the epoch.
    UnixTime,
}

impl ArgumentKind {
    /// The name that COMMAND DOCS prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Double => "double",
            Self::Integer => "integer",
            Self::Key => "key",
            Self::OneOf => "oneof",
            Self::Pattern => "pattern",
            Self::PureToken => "pure-token",
            Self::String => "string",
            Self::UnixTime => "unix-time",
        }
    }
}

impl Argument {
    /// The names of its flags, as COMMAND DOCS prints them.
    pub fn flag_names(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let flags = [
            (self.optional, "optional"),
            (self.multiple, "multiple"),
            (self.multiple_token, "multiple_token"),
        ];
        flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name)
    }
}

/// How the table writes its arguments down: a kind and a name, then what is special about it.
impl Argument {
    const fn new(kind: ArgumentKind, name: &'static str) -> Self {
        Self {
            name,
            kind,
            key_spec: None,
            token: None,
            since: None,
            deprecated_since: None,
            display: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            arguments: &[],
        }
    }

    pub(super) const fn block(name: &'static str, arguments: &'static [Self]) -> Self {
        Self { arguments, ..Self::new(ArgumentKind::Block, name) }
    }

    pub(super) const fn one_of(name: &'static str, arguments: &'static [Self]) -> Self {
        Self { arguments, ..Self::new(ArgumentKind::OneOf, name) }
    }

    pub(super) const fn double(name: &'static str) -> Self {
        Self::new(ArgumentKind::Double, name)
    }

    pub(super) const fn integer(name: &'static str) -> Self {
        Self::new(ArgumentKind::Integer, name)
    }

    pub(super) const fn key(name: &'static str, spec: u8) -> Self {
        Self::new(ArgumentKind::Key, name).spec(spec)
    }

    pub(super) const fn pattern(name: &'static str) -> Self {
        Self::new(ArgumentKind::Pattern, name)
    }

    pub(super) const fn string(name: &'static str) -> Self {
        Self::new(ArgumentKind::String, name)
    }

    pub(super) const fn unix_time(name: &'static str) -> Self {
        Self::new(ArgumentKind::UnixTime, name)
    }

    /// A bare word.
    pub(super) const fn word(name: &'static str, token: &'static str) -> Self {
        Self::new(ArgumentKind::PureToken, name).after(token)
    }

    /// Preceded by a token.
    pub(super) const fn after(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) const fn spec(mut self, spec: u8) -> Self {
        self.key_spec = Some(spec);
        self
    }

    pub(super) const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    pub(super) const fn deprecated_since(mut self, version: &'static str) -> Self {
        self.deprecated_since = Some(version);
        self
    }

    pub(super) const fn display(mut self, text: &'static str) -> Self {
        self.display = Some(text);
        self
    }

    pub(super) const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(super) const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    pub(super) const fn multiple_token(mut self) -> Self {
        self.multiple_token = true;
        self
    }
}
