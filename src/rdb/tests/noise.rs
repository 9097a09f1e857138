//! Noise: whatever comes is an error or a value that can be worked with. `tests/fuzz` does this for longer and with a bound on
//! memory.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_are_no_trouble(value_type in 0..30u8, bytes in vec(any::<u8>(), 0..200)) {
        shown(value_type, &bytes, &limits());
        let _ = parse_payload(&bytes, true);
    }

    #[test]
    fn random_lengths_cost_nothing(value_type in 0..30u8, len in any::<u64>(), tail in vec(0..4u8, 0..30)) {
        let payload = [&[0x81][..], &len.to_be_bytes(), &tail].concat();
        shown(value_type, &payload, &limits());
        let compressed = [&[0xc3, 0x04, 0x81][..], &len.to_be_bytes(), b"\x00a\xe0\xff"].concat();
        shown(value_type, &compressed, &limits());
    }

    #[test]
    fn a_random_file_is_no_trouble(body in vec(prop_oneof![any::<u8>(), 240..=255u8, 0..30u8], 0..200)) {
        let file = [&b"REDIS0009"[..], &body].concat();
        let mut scanner = Scanner::open(&file[..], true).unwrap();
        while let Ok(Some(_)) = scanner.next_event() {}
        prop_assert!(scanner.position() as usize <= file.len());
    }
}
