//! The payloads of DUMP and RESTORE: type and value, the version in two bytes, the checksum of all that in eight.

use super::checksum::checksum;
use super::encode::{Options, value_type, write_value};
use super::format::{REDIS_VERSION_MAX, VALKEY_VERSIONS, types};
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

/// The payload of a value.
pub fn dump_payload(value: ValueRef<'_>, options: &Options) -> Vec<u8> {
    let mut payload = vec![value_type(value, options.version)];
    // Writing into memory cannot fail.
    let _ = write_value(&mut payload, value, options);
    payload.extend_from_slice(&options.version.number().to_le_bytes());
    let checksum = checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// The type and the bytes of the value in a payload, for [`super::decode_value`]. Without `verify` any checksum will do.
///
/// # Errors
/// Those of [`PayloadError`].
pub fn parse_payload(payload: &[u8], verify: bool) -> Result<(u8, &[u8]), PayloadError> {
    let footer = payload.len().checked_sub(FOOTER_LEN).ok_or(PayloadError::VersionOrChecksum)?;
    let (content, footer) = payload.split_at(footer);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let known = version <= REDIS_VERSION_MAX || VALKEY_VERSIONS.contains(&version);
    let stated = &footer[2..];
    if !known || verify && checksum(&payload[..payload.len() - 8]).to_le_bytes() != stated {
        return Err(PayloadError::VersionOrChecksum);
    }
    let (value_type, value) = content.split_first().ok_or(PayloadError::Type)?;
    if *value_type == types::HASH_VALKEY_EXPIRY && version <= REDIS_VERSION_MAX {
        return Err(PayloadError::Type);
    }
    Ok((*value_type, value))
}
