//! The cluster's hash slot of a key: CRC16 (XMODEM) modulo 16384, over the hash tag if the key has one.

use crc::{CRC_16_XMODEM, Crc};

/// Number of hash slots.
pub const SLOTS: u16 = 16_384;

const CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot that `key` belongs to, below `SLOTS`.
pub fn key_slot(key: &[u8]) -> u16 {
    CRC16.checksum(hash_tag(key).unwrap_or(key)) % SLOTS
}

/// What is between the first `{` and the first `}` behind it, unless that is nothing.
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = memchr::memchr(b'{', key)?;
    let inside = &key[open + 1..];
    let close = memchr::memchr(b'}', inside)?;
    (close > 0).then(|| &inside[..close])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slots as CLUSTER KEYSLOT answers.
    #[test]
    fn slots_are_those_of_redis() {
        let check = |key: &str, expected: u16| assert_eq!(key_slot(key.as_bytes()), expected, "{key}");
        check("", 0);
        check("foo", 12182);
        check("bar", 5061);
        check("123456789", 12739);
        check("{user1000}.following", 3443);
        check("foo{}{bar}", 8363);
        check("foo{{bar}}zap", 4015);
        check("foo{bar}{zap}", 5061);
        check("}{", 12793);
        check("{", 4092);
        check("{}", 15257);
        check("key:000000000001", 8924);
    }

    #[test]
    fn keys_with_one_tag_share_a_slot() {
        let check = |left: &str, right: &str, same: bool| {
            assert_eq!(key_slot(left.as_bytes()) == key_slot(right.as_bytes()), same, "{left} {right}");
        };
        check("{user1000}.following", "{user1000}.followers", true);
        check("foo{bar}{zap}", "bar", true);
        check("foo{{bar}}zap", "{bar", true);
        check("foo{}{bar}", "bar", false);
        check("foo}{bar", "bar", false);
    }
}
