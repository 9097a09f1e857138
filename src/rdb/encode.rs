//! Values to bytes.

use std::io::{self, Write};

use super::format::{Version, containers, encodings, opcodes, types};
use super::lzf;
use crate::base::number;
use crate::value::compact::listpack::{Item, Listpack};
use crate::value::list::Node;
use crate::value::set::View;
use crate::value::stream::Group;
use crate::value::string::Chunk;
use crate::value::{Hash, LargeString, List, Set, Stream, Value, ValueRef, ZSet};

/// How to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether strings are compressed (`rdbcompression`).
    pub compress: bool,
    /// For whom.
    pub version: Version,
}

/// What a key has besides its value.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeyAttributes {
    /// When it expires, in Unix milliseconds.
    pub expiry_ms: Option<i64>,
    /// Seconds since the last access, where the eviction policy goes by that.
    pub idle_seconds: Option<u64>,
    /// The access counter, where the eviction policy goes by that.
    pub frequency: Option<u8>,
}

/// Strings of up to this many bytes are not worth compressing.
const UNCOMPRESSED_MAX: usize = 20;
/// What compression must gain.
const GAIN_MIN: usize = 4;
/// Of a large string, what is compressed is kept as long as it is not more than this and a share of what it stands for.
const KEPT_BYTES_MIN: usize = 1 << 20;
const KEPT_SHARE: usize = 8;
/// Members of a sorted set that are let go at once.
const LET_GO_MEMBERS: usize = 1024;
/// Longest text of an encoded integer.
const INTEGER_TEXT_MAX: usize = 11;

/// Writes a key with its attributes and its value.
///
/// # Errors
/// Those of writing.
pub fn write_key(
    out: &mut impl Write,
    key: &[u8],
    value: ValueRef<'_>,
    attributes: KeyAttributes,
    options: &Options,
) -> io::Result<()> {
    write_key_head(out, key, value_type(value, options.version), attributes, options)?;
    write_value(out, value, options)
}

/// As [`write_key`] for a value that nobody else needs any more: of large ones, what is written is let go at once.
///
/// # Errors
/// Those of writing.
pub fn write_key_with(
    out: &mut impl Write,
    key: &[u8],
    value: Value,
    attributes: KeyAttributes,
    options: &Options,
) -> io::Result<()> {
    write_key_head(out, key, value_type(value.as_ref(), options.version), attributes, options)?;
    match value {
        Value::Large(large) => write_large_with(out, large, options),
        Value::ZSet(zset) => write_zset_with(out, zset, options),
        value => write_value(out, value.as_ref(), options),
    }
}

fn write_key_head(
    out: &mut impl Write,
    key: &[u8],
    value_type: u8,
    attributes: KeyAttributes,
    options: &Options,
) -> io::Result<()> {
    if let Some(at) = attributes.expiry_ms {
        out.write_all(&[opcodes::EXPIRETIME_MS])?;
        out.write_all(&at.to_le_bytes())?;
    }
    if let Some(seconds) = attributes.idle_seconds {
        out.write_all(&[opcodes::IDLE])?;
        write_length(out, seconds)?;
    }
    if let Some(frequency) = attributes.frequency {
        out.write_all(&[opcodes::FREQ, frequency])?;
    }
    out.write_all(&[value_type])?;
    write_string(out, key, options)
}

/// The type byte under which [`write_value`] writes a value.
pub fn value_type(value: ValueRef<'_>, version: Version) -> u8 {
    match (value, version) {
        (ValueRef::Integer(_) | ValueRef::Text(_) | ValueRef::Large(_), _) => types::STRING,
        (ValueRef::List(_), _) => types::LIST_QUICKLIST_2,
        (ValueRef::Set(set), _) => match (set.view(), version) {
            (View::Ints(_), _) => types::SET_INTSET,
            (View::Packed(_), Version::V11) => types::SET_LISTPACK,
            (View::Packed(_), Version::V10) | (View::Table(_), _) => types::SET,
        },
        (ValueRef::Hash(Hash::Packed(_)), _) => types::HASH_LISTPACK,
        (ValueRef::Hash(Hash::Table(_)), _) => types::HASH,
        (ValueRef::ZSet(ZSet::Packed(_)), _) => types::ZSET_LISTPACK,
        (ValueRef::ZSet(ZSet::Ranked(_)), _) => types::ZSET_2,
        (ValueRef::Stream(_), Version::V10) => types::STREAM_LISTPACKS_2,
        (ValueRef::Stream(_), Version::V11) => types::STREAM_LISTPACKS_3,
    }
}

/// Writes a value without its type, large ones piece by piece.
///
/// # Errors
/// Those of writing.
pub fn write_value(out: &mut impl Write, value: ValueRef<'_>, options: &Options) -> io::Result<()> {
    match value {
        ValueRef::Integer(value) => write_integer_string(out, value, options),
        ValueRef::Text(bytes) => write_string(out, bytes, options),
        ValueRef::Large(large) => write_large(out, large, options),
        ValueRef::List(list) => write_list(out, list, options),
        ValueRef::Set(set) => write_set(out, set, options),
        ValueRef::Hash(hash) => write_hash(out, hash, options),
        ValueRef::ZSet(zset) => write_zset(out, zset, options),
        ValueRef::Stream(stream) => write_stream(out, stream, options),
    }
}

/// Writes a length or another number.
pub(super) fn write_length(out: &mut impl Write, length: u64) -> io::Result<()> {
    match length {
        0..0x40 => out.write_all(&[length as u8]),
        0x40..0x4000 => out.write_all(&(0x4000 | length as u16).to_be_bytes()),
        0x4000..=0xffff_ffff => {
            out.write_all(&[0x80])?;
            out.write_all(&(length as u32).to_be_bytes())
        }
        _ => {
            out.write_all(&[0x81])?;
            out.write_all(&length.to_be_bytes())
        }
    }
}

/// Writes a string: as an integer, compressed, or as it is.
pub(super) fn write_string(out: &mut impl Write, bytes: &[u8], options: &Options) -> io::Result<()> {
    if bytes.len() <= INTEGER_TEXT_MAX {
        if let Some(encoded) = number::parse_i64(bytes).and_then(EncodedInteger::of) {
            return encoded.write(out);
        }
    } else if options.compress && bytes.len() > UNCOMPRESSED_MAX {
        let mut compressed = Vec::with_capacity(bytes.len());
        if lzf::compress(bytes, bytes.len() - GAIN_MIN, &mut compressed) {
            write_compressed_head(out, compressed.len(), bytes.len())?;
            return out.write_all(&compressed);
        }
    }
    write_length(out, bytes.len() as u64)?;
    out.write_all(bytes)
}

fn write_compressed_head(out: &mut impl Write, compressed: usize, len: usize) -> io::Result<()> {
    out.write_all(&[0xc0 | encodings::LZF])?;
    write_length(out, compressed as u64)?;
    write_length(out, len as u64)
}

fn write_integer_string(out: &mut impl Write, value: i64, options: &Options) -> io::Result<()> {
    match EncodedInteger::of(value) {
        Some(encoded) => encoded.write(out),
        None => number::with_integer_text(value, |text| write_string(out, text, options)),
    }
}

fn write_item(out: &mut impl Write, item: Item<'_>, options: &Options) -> io::Result<()> {
    match item {
        Item::Bytes(bytes) => write_string(out, bytes, options),
        Item::Integer(value) => write_integer_string(out, value, options),
    }
}

/// An integer of up to 32 bits, encoded.
struct EncodedInteger {
    bytes: [u8; 5],
    len: usize,
}

impl EncodedInteger {
    fn of(value: i64) -> Option<Self> {
        let value = i32::try_from(value).ok()?;
        let (encoding, len) = match value {
            -0x80..=0x7f => (encodings::INT8, 2),
            -0x8000..=0x7fff => (encodings::INT16, 3),
            _ => (encodings::INT32, 5),
        };
        let mut bytes = [0; 5];
        bytes[0] = 0xc0 | encoding;
        bytes[1..].copy_from_slice(&value.to_le_bytes());
        Some(Self { bytes, len })
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.bytes[..self.len])
    }
}

/// The chunks are compressed one by one.
fn write_large(out: &mut impl Write, large: &LargeString, options: &Options) -> io::Result<()> {
    write_large_with(out, large.clone(), options)
}

/// The length of what is compressed comes first. As long as that is little, it is kept and the chunk let go; of the others only
/// the length is noted, and they are compressed once more.
fn write_large_with(out: &mut impl Write, large: LargeString, options: &Options) -> io::Result<()> {
    let len = large.len();
    if !options.compress {
        write_length(out, len as u64)?;
        return large.into_chunks().try_for_each(|chunk| out.write_all(&chunk));
    }
    let (mut kept, mut kept_bytes, mut passed_bytes) = (Vec::new(), 0, 0);
    let mut chunks = large.into_chunks();
    while kept_bytes <= KEPT_BYTES_MIN + passed_bytes / KEPT_SHARE
        && let Some(chunk) = chunks.next()
    {
        let compressed = compress_chunk(&chunk);
        passed_bytes += chunk.len();
        kept_bytes += compressed.len();
        kept.push((compressed, chunk.len()));
    }
    let rest: Vec<Chunk> = chunks.collect();
    let compressed = kept_bytes + rest.iter().map(|chunk| compress_chunk(chunk).len()).sum::<usize>();
    if compressed + GAIN_MIN <= len {
        write_compressed_head(out, compressed, len)?;
        kept.into_iter().try_for_each(|(piece, _)| out.write_all(&piece))?;
        return rest.into_iter().try_for_each(|chunk| out.write_all(&compress_chunk(&chunk)));
    }
    write_length(out, len as u64)?;
    for (piece, len) in kept {
        out.write_all(&lzf::decompress(&piece, len).ok_or(io::ErrorKind::InvalidData)?)?;
    }
    rest.into_iter().try_for_each(|chunk| out.write_all(&chunk))
}

fn compress_chunk(chunk: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    // Literals alone take one byte in 32 more.
    lzf::compress(chunk, chunk.len() + chunk.len() / 32 + 1, &mut compressed);
    compressed.shrink_to_fit();
    compressed
}

fn write_list(out: &mut impl Write, list: &List, options: &Options) -> io::Result<()> {
    write_length(out, list.node_count() as u64)?;
    if let Some(listpack) = list.as_packed() {
        return write_list_node(out, containers::PACKED, listpack.as_bytes(), options);
    }
    list.nodes().try_for_each(|node| match node {
        Node::Packed(listpack) => write_list_node(out, containers::PACKED, listpack.as_bytes(), options),
        Node::Plain(bytes) => write_list_node(out, containers::PLAIN, bytes, options),
    })
}

fn write_list_node(out: &mut impl Write, container: u64, bytes: &[u8], options: &Options) -> io::Result<()> {
    write_length(out, container)?;
    write_string(out, bytes, options)
}

fn write_set(out: &mut impl Write, set: &Set, options: &Options) -> io::Result<()> {
    match (set.view(), options.version) {
        (View::Ints(ints), _) => write_string(out, ints.as_bytes(), options),
        (View::Packed(pack), Version::V11) => write_listpack(out, pack, options),
        (View::Packed(_), Version::V10) | (View::Table(_), _) => {
            write_length(out, set.len() as u64)?;
            set.iter().try_for_each(|member| write_item(out, member, options))
        }
    }
}

fn write_hash(out: &mut impl Write, hash: &Hash, options: &Options) -> io::Result<()> {
    if let Hash::Packed(pack) = hash {
        return write_listpack(out, pack, options);
    }
    write_length(out, hash.len() as u64)?;
    hash.iter().try_for_each(|(field, value)| {
        write_item(out, field, options)?;
        write_item(out, value, options)
    })
}

/// As [`write_zset`].
fn write_zset_with(out: &mut impl Write, mut zset: ZSet, options: &Options) -> io::Result<()> {
    if zset.as_listpack().is_some() {
        return write_zset(out, &zset, options);
    }
    write_length(out, zset.len() as u64)?;
    while !zset.is_empty() {
        let last = zset.len().saturating_sub(LET_GO_MEMBERS)..zset.len();
        zset.range(last.clone()).rev().try_for_each(|entry| write_scored(out, entry, options))?;
        zset.forget(last);
    }
    Ok(())
}

/// The large form goes from the greatest to the least, as in Redis.
fn write_zset(out: &mut impl Write, zset: &ZSet, options: &Options) -> io::Result<()> {
    if let Some(pack) = zset.as_listpack() {
        return write_listpack(out, pack, options);
    }
    write_length(out, zset.len() as u64)?;
    zset.iter().rev().try_for_each(|entry| write_scored(out, entry, options))
}

fn write_scored(out: &mut impl Write, (member, score): (Item<'_>, f64), options: &Options) -> io::Result<()> {
    write_item(out, member, options)?;
    out.write_all(&score.to_le_bytes())
}

fn write_listpack(out: &mut impl Write, pack: &Listpack, options: &Options) -> io::Result<()> {
    write_string(out, pack.as_bytes(), options)
}

fn write_stream(out: &mut impl Write, stream: &Stream, options: &Options) -> io::Result<()> {
    let entries = stream.entries();
    write_length(out, entries.node_count() as u64)?;
    for (first, bytes) in entries.nodes() {
        write_string(out, &first.to_bytes(), options)?;
        write_string(out, bytes, options)?;
    }
    let state = entries.state();
    write_length(out, state.length)?;
    for id in [state.last_id, state.first_id, state.max_deleted_entry_id] {
        write_length(out, id.ms)?;
        write_length(out, id.seq)?;
    }
    write_length(out, state.entries_added)?;
    write_length(out, stream.groups().len() as u64)?;
    stream.groups().iter().try_for_each(|(name, group)| write_group(out, name, group, options))
}

fn write_group(out: &mut impl Write, name: &[u8], group: &Group, options: &Options) -> io::Result<()> {
    write_string(out, name, options)?;
    // What is unknown is -1 in Redis.
    for number in [group.last_id.ms, group.last_id.seq, group.entries_read.unwrap_or(u64::MAX)] {
        write_length(out, number)?;
    }
    write_length(out, group.pending_count() as u64)?;
    for (id, nack) in group.pending() {
        out.write_all(&id.to_bytes())?;
        out.write_all(&nack.delivery_time_ms.to_le_bytes())?;
        write_length(out, nack.delivery_count)?;
    }
    write_length(out, group.consumer_count() as u64)?;
    for (_, consumer) in group.consumers() {
        write_string(out, consumer.name(), options)?;
        out.write_all(&consumer.seen_time_ms.to_le_bytes())?;
        if options.version == Version::V11 {
            out.write_all(&consumer.active_time_ms.unwrap_or(-1).to_le_bytes())?;
        }
        write_length(out, consumer.pending_count() as u64)?;
        consumer.pending_ids().try_for_each(|id| out.write_all(&id.to_bytes()))?;
    }
    Ok(())
}
