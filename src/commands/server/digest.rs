//! DEBUG DIGEST and DEBUG DIGEST-VALUE: a fingerprint of the data that is the same on every server with the same data,
//! whatever the order in which it is stored. The rules are those of Redis, so that its digests can be compared with ours.
//!
//! 1. To *xor* bytes into a digest: exclusive-or with their SHA-1. The order of what is xored does not matter.
//! 2. To *mix* bytes into a digest: xor them, then replace the digest by its own SHA-1. The order matters.
//! 3. A value: its type's number is mixed; then a string's bytes, a list's elements, a stream's identifiers, fields and values
//!    are mixed; a set's members are xored; a hash's or sorted set's elements, each mixed into a digest of its own, are xored.
//!    If the key expires, a mark is xored.
//! 4. The data: for each database that has keys its number is mixed; then each key, mixed with its value into a digest of its
//!    own, is xored.

use sha1::{Digest as _, Sha1};

use crate::base::number::format_f64_by_digits;
use crate::store::{Entry, Stripe};
use crate::value::compact::listpack::Item;
use crate::value::stream::StreamId;
use crate::value::{LargeString, Stream, ValueRef, ValueType};

/// What is xored for a key that expires.
const EXPIRES: &[u8] = b"!!expire!!";

/// A fingerprint being made.
#[derive(Clone, Copy, Default)]
pub(super) struct Digest([u8; 20]);

impl Digest {
    /// Of the data of all databases; `visit` shows each of the stripes.
    pub(super) fn of_data(databases: usize, visit: impl Fn(&mut dyn FnMut(&Stripe))) -> Self {
        let mut digest = Self::default();
        for db in 0..databases {
            let (mut keys, mut is_empty) = (Self::default(), true);
            visit(&mut |stripe: &Stripe| {
                let Some(part) = stripe.db(db) else { return };
                part.table().each(&mut |entry| {
                    is_empty = false;
                    keys.xor(&Self::of_key(entry).0);
                });
            });
            if !is_empty {
                digest.mix(&(db as u32).to_be_bytes());
                digest.combine(&keys);
            }
        }
        digest
    }

    /// Of a value and of whether it expires.
    pub(super) fn of_value(entry: &Entry) -> Self {
        let mut digest = Self::default();
        digest.mix_value(entry);
        digest
    }

    /// 40 hexadecimal digits.
    pub(super) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn of_key(entry: &Entry) -> Self {
        let mut digest = Self::default();
        digest.mix(entry.key());
        digest.mix_value(entry);
        digest
    }

    /// Rule 1.
    fn xor(&mut self, bytes: &[u8]) {
        self.combine(&Self(Sha1::digest(bytes).into()));
    }

    fn combine(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
    }

    /// Rule 2.
    fn mix(&mut self, bytes: &[u8]) {
        self.xor(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix_item(&mut self, item: Item<'_>) {
        with_bytes(item, |bytes| self.mix(bytes));
    }

    /// Rule 3.
    fn mix_value(&mut self, entry: &Entry) {
        self.mix(&type_number(entry.value_type()).to_be_bytes());
        match entry.value() {
            ValueRef::Integer(number) => self.mix_item(Item::Integer(number)),
            ValueRef::Text(bytes) => self.mix(bytes),
            ValueRef::Large(large) => self.mix_large(large),
            ValueRef::List(list) => list.iter().for_each(|element| self.mix_item(element)),
            ValueRef::Set(set) => set.iter().for_each(|member| with_bytes(member, |bytes| self.xor(bytes))),
            ValueRef::Hash(hash) => hash.iter().for_each(|(field, value)| {
                let mut pair = Self::default();
                pair.mix_item(field);
                pair.mix_item(value);
                self.xor(&pair.0);
            }),
            ValueRef::ZSet(zset) => zset.iter().for_each(|(member, score)| {
                let mut pair = Self::default();
                pair.mix_item(member);
                pair.mix(format_f64_by_digits(score).as_bytes());
                self.xor(&pair.0);
            }),
            ValueRef::Stream(stream) => self.mix_stream(stream),
        }
        if entry.expiry().is_some() {
            self.xor(EXPIRES);
        }
    }

    fn mix_large(&mut self, large: &LargeString) {
        let mut hash = Sha1::new();
        large.chunks().for_each(|chunk| hash.update(&***chunk));
        self.combine(&Self(hash.finalize().into()));
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix_stream(&mut self, stream: &Stream) {
        let last = StreamId { ms: u64::MAX, seq: u64::MAX };
        for entry in stream.entries().range(StreamId::default(), last) {
            self.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (field, value) in entry.fields {
                self.mix_item(field);
                self.mix_item(value);
            }
        }
    }
}

/// Redis's numbers of the types; 5 is for modules.
fn type_number(value_type: ValueType) -> u32 {
    match value_type {
        ValueType::String => 0,
        ValueType::List => 1,
        ValueType::Set => 2,
        ValueType::ZSet => 3,
        ValueType::Hash => 4,
        ValueType::Stream => 6,
    }
}

fn with_bytes(item: Item<'_>, action: impl FnOnce(&[u8])) {
    match item {
        Item::Bytes(bytes) => action(bytes),
        Item::Integer(number) => action(itoa::Buffer::new().format(number).as_bytes()),
    }
}
