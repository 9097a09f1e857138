//! An immutable byte string in 16 bytes: up to 14 bytes in place, more in one reference-counted allocation.
//!
//! Members of sets and sorted sets are mostly short (numbers, short identifiers): in place they cost no allocation, and a
//! comparison reads no other cache line. Cloning a long one counts a reference.

use triomphe::ThinArc;

const INLINE_MAX: usize = 14;

/// A byte string that is cheap to clone. See the head of the module.
#[derive(Clone)]
pub struct ThinBytes(Form);

#[derive(Clone)]
enum Form {
    Inline { len: u8, bytes: [u8; INLINE_MAX] },
    Shared(ThinArc<(), u8>),
}

const _: () = assert!(size_of::<ThinBytes>() == 16);

impl ThinBytes {
    /// A copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE_MAX];
        match inline.get_mut(..bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => return Self(Form::Shared(ThinArc::from_header_and_slice((), bytes))),
        }
        Self(Form::Inline { len: bytes.len() as u8, bytes: inline })
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Form::Shared(shared) => &shared.slice,
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            Form::Inline { .. } => 0,
            Form::Shared(shared) => thin_arc_bytes(shared),
        }
    }
}

/// Size of the allocation behind a byte string: reference count, length, bytes, and the allocator's rounding.
pub fn thin_arc_bytes(shared: &ThinArc<(), u8>) -> usize {
    (2 * size_of::<usize>() + shared.slice.len()).next_multiple_of(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_bytes_of_any_length() {
        let text: Vec<u8> = (0..=255).collect();
        for len in 0..=256 {
            let bytes = ThinBytes::new(&text[..len]);
            assert_eq!(bytes.as_bytes(), &text[..len]);
            assert_eq!(bytes.clone().as_bytes(), &text[..len]);
            assert_eq!(bytes.heap_bytes() > 0, len > INLINE_MAX);
        }
    }
}
