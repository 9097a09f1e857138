//! Layer 1: the value types and their in-memory encodings. No commands, no keys, no configuration.

pub mod compact;
pub mod geohash;
pub mod hash;
pub mod hyperloglog;
pub mod list;
pub mod set;
pub mod stream;
pub mod string;
pub mod zset;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use stream::Stream;
pub use string::LargeString;
pub use zset::ZSet;

/// The types that TYPE names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// A string, whatever its encoding.
    String,
    /// A list.
    List,
    /// A set.
    Set,
    /// A hash.
    Hash,
    /// A sorted set.
    ZSet,
    /// A stream.
    Stream,
}

impl ValueType {
    /// The name that TYPE replies.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::ZSet => "zset",
            Self::Stream => "stream",
        }
    }
}

/// A value that belongs to no key: on its way in, out, or between keys.
#[derive(Clone)]
pub enum Value {
    /// A string that is an integer.
    Integer(i64),
    /// A short string; `raw` as OBJECT ENCODING reports it.
    Text {
        /// The bytes.
        bytes: Box<[u8]>,
        /// Whether it counts as `raw` even if short.
        raw: bool,
    },
    /// A long string.
    Large(LargeString),
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A hash.
    Hash(Hash),
    /// A sorted set.
    ZSet(ZSet),
    /// A stream.
    Stream(Stream),
}

impl Value {
    /// A value of no key, as one of a key is seen.
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text { bytes, .. } => ValueRef::Text(bytes),
            Self::Large(large) => ValueRef::Large(large),
            Self::List(list) => ValueRef::List(list),
            Self::Set(set) => ValueRef::Set(set),
            Self::Hash(hash) => ValueRef::Hash(hash),
            Self::ZSet(zset) => ValueRef::ZSet(zset),
            Self::Stream(stream) => ValueRef::Stream(stream),
        }
    }

    /// Number of allocations that dropping the value gives back: what decides whether it is freed in the background.
    pub fn effort(&self) -> usize {
        match self {
            Self::Integer(_) | Self::Text { .. } => 1,
            Self::Large(large) => large.chunk_count(),
            Self::List(list) => list.effort(),
            Self::Set(set) => set.effort(),
            Self::Hash(hash) => hash.effort(),
            Self::ZSet(zset) => zset.effort(),
            Self::Stream(stream) => stream.effort(),
        }
    }
}

/// A value inside its key's entry, shared.
#[derive(Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string that is an integer.
    Integer(i64),
    /// A short string.
    Text(&'a [u8]),
    /// A long string.
    Large(&'a LargeString),
    /// A list.
    List(&'a List),
    /// A set.
    Set(&'a Set),
    /// A hash.
    Hash(&'a Hash),
    /// A sorted set.
    ZSet(&'a ZSet),
    /// A stream.
    Stream(&'a Stream),
}

impl ValueRef<'_> {
    /// Bytes it takes beside its key's entry, those of a collection's elements estimated from `samples` of them; 0: from all.
    pub fn heap_bytes(self, samples: usize) -> usize {
        match self {
            Self::Integer(_) | Self::Text(_) => 0,
            Self::Large(large) => large.heap_bytes(),
            Self::List(list) => list.heap_bytes(samples),
            Self::Set(set) => set.heap_bytes(samples),
            Self::Hash(hash) => hash.heap_bytes(samples),
            Self::ZSet(zset) => zset.heap_bytes(samples),
            Self::Stream(stream) => stream.heap_bytes(samples),
        }
    }

    /// How many elements it has, a string being one.
    pub fn elements(self) -> usize {
        match self {
            Self::Integer(_) | Self::Text(_) | Self::Large(_) => 1,
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::Hash(hash) => hash.len(),
            Self::ZSet(zset) => zset.len(),
            Self::Stream(stream) => stream.entries().len() as usize,
        }
    }
}

/// A value inside its key's entry, to be changed in place.
pub enum ValueMut<'a> {
    /// A short string or an integer: replaced as a whole by the store.
    Scalar,
    /// A long string.
    Large(&'a mut LargeString),
    /// A list.
    List(&'a mut List),
    /// A set.
    Set(&'a mut Set),
    /// A hash.
    Hash(&'a mut Hash),
    /// A sorted set.
    ZSet(&'a mut ZSet),
    /// A stream.
    Stream(&'a mut Stream),
}

/// A collection type as the engine's typed access sees it.
pub trait Collection: Sized + Default {
    /// Its place among the types.
    const TYPE: ValueType;
    /// The collection behind a reference, if it is of this type.
    fn from_ref(value: ValueRef<'_>) -> Option<&Self>;
    /// The collection behind a mutable reference, if it is of this type.
    fn from_mut(value: ValueMut<'_>) -> Option<&mut Self>;
    /// Wraps it for a key.
    fn into_value(self) -> Value;
    /// Whether nothing is in it: Redis keeps no empty collections but streams.
    fn is_vacant(&self) -> bool;
}

macro_rules! collection {
    ($type:ident, $vacant:expr) => {
        impl Collection for $type {
            const TYPE: ValueType = ValueType::$type;
            #[inline]
            fn from_ref(value: ValueRef<'_>) -> Option<&Self> {
                match value {
                    ValueRef::$type(inner) => Some(inner),
                    _ => None,
                }
            }
            #[inline]
            fn from_mut(value: ValueMut<'_>) -> Option<&mut Self> {
                match value {
                    ValueMut::$type(inner) => Some(inner),
                    _ => None,
                }
            }
            fn into_value(self) -> Value {
                Value::$type(self)
            }
            #[inline]
            fn is_vacant(&self) -> bool {
                let vacant: fn(&Self) -> bool = $vacant;
                vacant(self)
            }
        }
    };
}

collection!(List, |list| list.is_empty());
collection!(Set, |set| set.is_empty());
collection!(Hash, |hash| hash.is_empty());
collection!(ZSet, |zset| zset.is_empty());
collection!(Stream, |_| false);
