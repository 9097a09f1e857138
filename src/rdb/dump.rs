//! The payloads of DUMP and RESTORE: type and value, or function libraries; the version in two bytes, the checksum of all that
//! in eight.

use super::checksum::checksum;
use super::cursor::{Cursor, Input};
use super::encode::{Options, value_type, write_value};
use super::file::write_function;
use super::format::{REDIS_VERSION_MAX, VALKEY_VERSIONS, opcodes, types};
use crate::value::ValueRef;

const FOOTER_LEN: usize = 10;

/// Why a payload is refused before its value is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadError {
    /// Too short, of an unknown version, or with a wrong checksum. To a client these are one.
    VersionOrChecksum,
    /// The value's type is one that has meant different things.
    Type,
}

/// Why a payload of function libraries is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LibrariesError {
    /// As [`PayloadError::VersionOrChecksum`].
    VersionOrChecksum,
    /// Libraries as release candidates of Redis 7.0 wrote them.
    PreRelease,
    /// Something else than a library.
    Other,
    /// A library is broken off or damaged.
    Broken,
}

/// The payload of a value.
pub fn dump_payload(value: ValueRef<'_>, options: &Options) -> Vec<u8> {
    let mut payload = vec![value_type(value, options.version)];
    // Writing into memory cannot fail.
    let _ = write_value(&mut payload, value, options);
    sealed(payload, options)
}

/// The payload of function libraries (FUNCTION DUMP).
pub fn dump_libraries<'s>(sources: impl IntoIterator<Item = &'s [u8]>, options: &Options) -> Vec<u8> {
    let mut payload = Vec::new();
    for source in sources {
        // As above.
        let _ = write_function(&mut payload, source, options);
    }
    sealed(payload, options)
}

/// The type and the bytes of the value in a payload, for [`super::decode_value`]. Without `verify` any checksum will do.
///
/// # Errors
/// Those of [`PayloadError`].
pub fn parse_payload(payload: &[u8], verify: bool) -> Result<(u8, &[u8]), PayloadError> {
    let (content, version) = opened(payload, verify).ok_or(PayloadError::VersionOrChecksum)?;
    let (value_type, value) = content.split_first().ok_or(PayloadError::Type)?;
    if *value_type == types::HASH_VALKEY_EXPIRY && version <= REDIS_VERSION_MAX {
        return Err(PayloadError::Type);
    }
    Ok((*value_type, value))
}

/// The sources in a payload of function libraries. Without `verify` any checksum will do.
///
/// # Errors
/// Those of [`LibrariesError`].
pub fn parse_libraries(payload: &[u8], verify: bool) -> Result<Vec<Vec<u8>>, LibrariesError> {
    let (content, _) = opened(payload, verify).ok_or(LibrariesError::VersionOrChecksum)?;
    let (mut cursor, mut sources) = (Cursor::new(content), Vec::new());
    while let Ok([opcode]) = cursor.array("an opcode") {
        match opcode {
            opcodes::FUNCTION_2 => {}
            opcodes::FUNCTION_PRE_GA => return Err(LibrariesError::PreRelease),
            _ => return Err(LibrariesError::Other),
        }
        let source = cursor.string("a function library").map_err(|_| LibrariesError::Broken)?;
        sources.push(source.into_vec());
    }
    Ok(sources)
}

/// With version and checksum.
fn sealed(mut payload: Vec<u8>, options: &Options) -> Vec<u8> {
    payload.extend_from_slice(&options.version.number().to_le_bytes());
    let checksum = checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// What is in a payload, and its version; None unless that is known and the checksum right.
fn opened(payload: &[u8], verify: bool) -> Option<(&[u8], u16)> {
    let (content, footer) = payload.split_at(payload.len().checked_sub(FOOTER_LEN)?);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let is_known = version <= REDIS_VERSION_MAX || VALKEY_VERSIONS.contains(&version);
    let is_right = || checksum(&payload[..payload.len() - 8]).to_le_bytes() == footer[2..];
    (is_known && (!verify || is_right())).then_some((content, version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdb::Version;

    #[test]
    fn libraries_there_and_back() {
        let options = Options { compress: true, version: Version::V11 };
        let long = b"long ".repeat(100);
        let payload = dump_libraries([&b"short"[..], &long], &options);
        assert_eq!(payload[..7], *b"\xf5\x05short");
        assert!(payload.len() < long.len());
        assert_eq!(parse_libraries(&payload, true), Ok(vec![b"short".to_vec(), long]));
        assert_eq!(parse_libraries(&dump_libraries([], &options), true), Ok(Vec::new()));
        let check = |content: &[u8], expected| {
            assert_eq!(
                parse_libraries(&sealed(content.to_vec(), &options), true),
                Err(expected),
                "{content:?}"
            );
        };
        check(b"\xf5", LibrariesError::Broken);
        check(b"\xf5\x05shor", LibrariesError::Broken);
        check(b"\xf5\x05short\xf6", LibrariesError::PreRelease);
        check(b"\0\x05short", LibrariesError::Other);
        let mut damaged = payload;
        damaged[3] ^= 1;
        assert_eq!(parse_libraries(&damaged, true), Err(LibrariesError::VersionOrChecksum));
        assert!(parse_libraries(&damaged, false).is_ok());
        assert_eq!(parse_libraries(b"", false), Err(LibrariesError::VersionOrChecksum));
    }
}
