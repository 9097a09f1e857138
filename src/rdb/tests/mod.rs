//! The format against what the servers wrote, against what old versions wrote, and against noise.

mod files;
mod golden;
mod noise;
mod old;
mod random;

use super::*;
use crate::value::hash::HashLimits;
use crate::value::list::ListLimits;
use crate::value::set::SetLimits;
use crate::value::zset::ZSetLimits;
use crate::value::{Value, ValueRef};

const PLAIN: Options = Options { compress: false, version: Version::V11 };
const COMPRESSED: Options = Options { compress: true, version: Version::V11 };
const FOR_REDIS_7_0: Options = Options { compress: false, version: Version::V10 };

fn limits() -> Limits {
    Limits {
        list: ListLimits { max_listpack_size: -2 },
        set: SetLimits::default(),
        hash: HashLimits::default(),
        zset: ZSetLimits::default(),
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |character: u8| char::from(character).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The value of type `value_type` in `payload`, in words; `empty` or the error.
fn shown(value_type: u8, payload: &[u8], limits: &Limits) -> String {
    match decode_value(value_type, payload, limits) {
        Ok(Decoded::Value(value)) => describe(&value),
        Ok(Decoded::Empty) => "empty".into(),
        Err(error) => error.to_string(),
    }
}

/// Encoding and content, in sorted order where the value has none of its own.
fn describe(value: &Value) -> String {
    let text = |bytes: Vec<u8>| bytes.escape_ascii().to_string();
    let (encoding, mut items): (&str, Vec<String>) = match value {
        Value::Integer(value) => ("int", vec![value.to_string()]),
        Value::Text { bytes, .. } => ("text", vec![text(bytes.to_vec())]),
        Value::Large(large) => ("large", vec![text(large.to_vec(0, usize::MAX))]),
        Value::List(list) => (list.encoding(), list.iter().map(|item| text(item.to_vec())).collect()),
        Value::Set(set) => (set.encoding(), set.iter().map(|item| text(item.to_vec())).collect()),
        Value::Hash(hash) => {
            let pair = |(field, value): (_, _)| format!("{}={}", item_text(field), item_text(value));
            (hash.encoding(), hash.iter().map(pair).collect())
        }
        Value::ZSet(zset) => {
            let pair = |(member, score): (_, _)| format!("{}={score}", item_text(member));
            (zset.encoding(), zset.iter().map(pair).collect())
        }
        Value::Stream(stream) => ("stream", vec![format!("{:?}", stream.entries().state())]),
    };
    if matches!(value, Value::Set(_) | Value::Hash(_)) {
        items.sort();
    }
    format!("{encoding}: {}", items.join(" "))
}

fn item_text(item: crate::value::compact::listpack::Item<'_>) -> String {
    item.to_vec().escape_ascii().to_string()
}
