//! Scripts are named by the SHA1 of their source.

use sha1::{Digest, Sha1};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The SHA1 of a script: forty lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha([u8; Sha::LEN]);

impl Sha {
    /// Characters of every one.
    pub const LEN: usize = 40;

    /// The digest that a client names, in either case.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut digits: [u8; 40] = text.try_into().ok()?;
        digits.make_ascii_lowercase();
        digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(digits))
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The name of a script.
pub fn sha1_hex(source: &[u8]) -> Sha {
    let digest = Sha1::digest(source);
    let mut digits = [0; 40];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    Sha(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_scripts() {
        let empty = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
        assert_eq!(sha1_hex(b"").as_str(), empty);
        assert_eq!(sha1_hex(b"return 1").as_str(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(Sha::parse(empty.to_uppercase().as_bytes()), Some(sha1_hex(b"")));
        assert_eq!(Sha::parse(&empty.as_bytes()[1..]), None);
        assert_eq!(Sha::parse("g".repeat(40).as_bytes()), None);
    }
}
