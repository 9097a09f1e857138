//! CRC64 with the Jones polynomial, as Redis computes it.

use std::io::{self, Write};

use crc::{CRC_64_REDIS, Crc, Digest, Table};

static CRC64: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The checksum of bytes as they come.
#[derive(Clone)]
pub(super) struct Checksum(Digest<'static, u64, Table<16>>);

impl Checksum {
    pub(super) fn new() -> Self {
        Self(CRC64.digest())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.clone().finalize()
    }
}

/// The checksum of all of `bytes`.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    CRC64.checksum(bytes)
}

/// A writer that keeps the checksum of what goes through it. Small pieces come in great numbers: put a buffer before it, so
/// that checksum and writer see large ones.
pub struct Checksummed<W> {
    out: W,
    /// None when files are written without.
    checksum: Option<Checksum>,
    written: u64,
}

impl<W: Write> Checksummed<W> {
    /// A writer in front of `out`; without a checksum (`rdbchecksum no`) the file ends in zeros instead.
    pub fn new(out: W, checksum: bool) -> Self {
        Self { out, checksum: checksum.then(Checksum::new), written: 0 }
    }

    /// Number of bytes that went through.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The writer behind, whose own state may be asked.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// Appends the checksum, the last eight bytes of a file, and gives the writer back.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(mut self) -> io::Result<W> {
        let checksum = self.checksum.as_ref().map_or(0, Checksum::value);
        self.out.write_all(&checksum.to_le_bytes())?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Checksummed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        if let Some(checksum) = &mut self.checksum {
            checksum.update(&bytes[..taken]);
        }
        self.written += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_checksum_of_redis() {
        assert_eq!(checksum(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(checksum(b""), 0);
        let mut pieces = Checksum::new();
        [&b"12"[..], b"", b"3456789"].iter().for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.value(), checksum(b"123456789"));
    }

    #[test]
    fn a_file_ends_in_its_checksum_or_zeros() {
        for (on, expected) in [(true, 0xe9c6_d914_c4b8_d9ca_u64), (false, 0)] {
            let mut out = Checksummed::new(Vec::new(), on);
            out.write_all(b"123456789").unwrap();
            assert_eq!(out.written(), 9);
            let file = out.finish().unwrap();
            assert_eq!(file, [&b"123456789"[..], &expected.to_le_bytes()].concat());
        }
    }
}
