//! Whole files: written, cut into events, cut short and broken.

use std::io::{self, Read, Write};

use super::*;
use crate::value::zset::AddFlags;
use crate::value::{LargeString, ZSet};

/// Gives a few bytes at a time, so that everything is split somewhere.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let len = self.1.min(self.0.len()).min(target.len());
        target[..len].copy_from_slice(&self.0[..len]);
        self.0 = &self.0[len..];
        Ok(len)
    }
}

fn events_of(file: &[u8], step: usize) -> Result<Vec<Event>, Error> {
    let mut scanner = Scanner::open(Dripping(file, step), true)?;
    let mut events = Vec::new();
    while let Some(event) = scanner.next_event()? {
        events.push(event);
    }
    Ok(events)
}

fn key(name: &[u8], value_type: u8, payload: &[u8]) -> Key {
    Key {
        key: name.to_vec(),
        value_type,
        payload: payload.to_vec(),
        payload_offset: 0,
        expiry_ms: None,
        idle_seconds: None,
        frequency: None,
    }
}

/// All that we write, with large and small values.
fn write_file(options: &Options, checksum: bool) -> Vec<u8> {
    let mut out = Checksummed::new(Vec::new(), checksum);
    write_header(&mut out, options.version).unwrap();
    write_aux(&mut out, b"redis-bits", b"64", options).unwrap();
    write_aux(&mut out, b"repl-id", &[b'0'; 40], options).unwrap();
    write_function(&mut out, b"#!lua name=x\n", options).unwrap();
    select_db(&mut out, 3).unwrap();
    resize_db(&mut out, 3, 1).unwrap();
    let attributes = KeyAttributes { expiry_ms: Some(-5), idle_seconds: Some(70_000), frequency: Some(9) };
    write_key(&mut out, b"k", ValueRef::Text(b"value"), attributes, options).unwrap();
    let large: Vec<u8> = (0..200_000_u32).flat_map(|n| (n / 9 * 7).to_le_bytes()).collect();
    let large = LargeString::new(&large);
    write_key(&mut out, b"17", ValueRef::Large(&large), KeyAttributes::default(), options).unwrap();
    write_key(&mut out, &[b'x'; 30], ValueRef::Integer(7), KeyAttributes::default(), options).unwrap();
    write_end(&mut out).unwrap();
    out.flush().unwrap();
    out.finish().unwrap()
}

#[test]
fn what_is_written_is_read_in_pieces_of_any_size() {
    for options in [PLAIN, COMPRESSED] {
        let file = write_file(&options, true);
        for step in [1, 7, 100, 4096, usize::MAX] {
            let events = events_of(&file, step).unwrap();
            let expected_head = [
                Event::Aux { key: b"redis-bits".to_vec(), value: b"64".to_vec() },
                Event::Aux { key: b"repl-id".to_vec(), value: vec![b'0'; 40] },
                Event::Function(b"#!lua name=x\n".to_vec()),
                Event::SelectDb(3),
                Event::ResizeDb { keys: 3, expires: 1 },
            ];
            assert_eq!(events[..5], expected_head);
            let Event::Key(first) = &events[5] else { panic!("{:?}", events[5]) };
            let expected = Key {
                expiry_ms: Some(-5),
                idle_seconds: Some(70_000),
                frequency: Some(9),
                payload_offset: first.payload_offset,
                ..key(b"k", 0, b"\x05value")
            };
            assert_eq!(*first, expected);
            assert_eq!(file[first.payload_offset as usize..][..6], *b"\x05value");
            let Event::Key(second) = &events[6] else { panic!("{:?}", events[6]) };
            assert_eq!((&*second.key, second.expiry_ms, second.idle_seconds), (&b"17"[..], None, None));
            let Ok(Decoded::Value(Value::Large(large))) =
                decode_value(second.value_type, &second.payload, &limits())
            else {
                panic!("not a large string")
            };
            assert_eq!(large.len(), 800_000);
            assert_eq!(large.to_vec(4000, 4004), (1000_u32 / 9 * 7).to_le_bytes());
            assert!(matches!(&events[7], Event::Key(third) if third.key == [b'x'; 30]));
            assert_eq!(events[8..], [Event::End { verified: true }]);
        }
    }
}

#[test]
fn what_is_let_go_while_it_is_written_is_the_same() {
    let noise: Vec<u8> = (0..3 << 20).map(|_| fastrand::u8(..)).collect();
    let (zeros, text) = (vec![0; 9 << 20], b"some words again ".repeat(400_000));
    let strings = [&noise[..], &zeros, &text, &[&zeros[..], &noise].concat(), &[&noise[..], &zeros].concat()];
    let strings = strings.map(|bytes| Value::Large(LargeString::new(bytes)));
    let mut zset = ZSet::Ranked(Box::default());
    for member in 0..5000 {
        let name = format!("m{member}");
        zset.add(f64::from(member * 7919 % 5000), name.as_bytes(), AddFlags::default(), &limits().zset);
    }
    for value in strings.into_iter().chain([Value::ZSet(zset)]) {
        for options in [PLAIN, COMPRESSED] {
            let taken = match &value {
                Value::ZSet(zset) => Value::ZSet(zset.in_order()),
                other => other.clone(),
            };
            let (mut kept, mut let_go) = (Vec::new(), Vec::new());
            write_key(&mut kept, b"k", value.as_ref(), KeyAttributes::default(), &options).unwrap();
            write_key_with(&mut let_go, b"k", taken, KeyAttributes::default(), &options).unwrap();
            assert!(kept == let_go, "{value:?} {options:?}");
            let Ok(Decoded::Value(back)) = decode_value(kept[0], &kept[3..], &limits()) else {
                panic!("{value:?}")
            };
            assert!(describe(&back) == describe(&value), "{options:?}");
        }
    }
}

#[test]
fn without_a_checksum_nothing_is_verified() {
    let file = write_file(&PLAIN, false);
    assert!(file.ends_with(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(events_of(&file, 1000).unwrap().last(), Some(&Event::End { verified: false }));
}

#[test]
fn what_follows_the_end_is_given_back() {
    let file = [&write_file(&COMPRESSED, true)[..], b"*1\r\n$4\r\nPING\r\n"].concat();
    let mut scanner = Scanner::open(Dripping(&file, 100), true).unwrap();
    while scanner.next_event().unwrap().is_some() {}
    assert_eq!(scanner.position() as usize, file.len() - 14);
    let (mut rest, mut reader) = scanner.into_parts();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"*1\r\n$4\r\nPING\r\n");
}

fn small_file() -> Vec<u8> {
    let mut out = Checksummed::new(Vec::new(), true);
    write_header(&mut out, Version::V11).unwrap();
    write_aux(&mut out, b"a", b"1", &PLAIN).unwrap();
    select_db(&mut out, 0).unwrap();
    let attributes = KeyAttributes { expiry_ms: Some(1 << 40), ..KeyAttributes::default() };
    write_key(&mut out, b"key", ValueRef::Text(b"value"), attributes, &PLAIN).unwrap();
    write_end(&mut out).unwrap();
    out.finish().unwrap()
}

#[test]
fn a_file_cut_short_anywhere_says_where() {
    let file = small_file();
    for len in 0..file.len() {
        let error = events_of(&file[..len], 5).unwrap_err();
        assert!(matches!(error.fault, Fault::Truncated), "{error}");
        assert_eq!(error.offset, len as u64, "{error}");
    }
}

#[test]
fn a_file_with_any_bit_flipped_is_refused() {
    let file = small_file();
    // An old version has no checksum, so the signature is left alone.
    for at in 9..file.len() {
        for bit in 0..8 {
            let mut broken = file.clone();
            broken[at] ^= 1 << bit;
            assert!(events_of(&broken, 1000).is_err(), "bit {bit} of byte {at}");
        }
    }
}

fn check(file: &[u8], expected: &str) {
    let outcome = events_of(file, 1000);
    let shown = match &outcome {
        Ok(events) => format!("{:?}", events),
        Err(error) => error.to_string(),
    };
    assert_eq!(shown, expected);
}

#[test]
fn signatures_and_versions() {
    check(b"REDIS0001\xff", "[End { verified: false }]");
    check(b"REDIS0004\xff", "[End { verified: false }]");
    check(b"REDIS0012\xff\0\0\0\0\0\0\0\0", "[End { verified: false }]");
    check(b"VALKEY080\xff\0\0\0\0\0\0\0\0", "[End { verified: false }]");
    check(b"REDIS0000\xff", "Can't handle RDB format version 0 at byte 0");
    check(b"REDIS0013\xff", "Can't handle RDB format version 13 at byte 0");
    check(b"REDIS0080\xff", "Can't handle RDB format version 80 at byte 0");
    check(b"VALKEY011\xff", "Can't handle RDB format version 11 at byte 0");
    check(b"REDIS001x\xff", "Wrong signature at byte 0");
    check(b"REDIZ0011\xff", "Wrong signature at byte 0");
    check(b"REDIS", "input ends at byte 5, reading the signature");
}

#[test]
fn opcodes_that_we_do_not_write() {
    let with = |signature: &str, body: &[u8]| [signature.as_bytes(), body, &[0xff; 1], &[0; 8]].concat();
    let end = "End { verified: false }]";
    check(
        &with("REDIS0012", b"\xf4\x07\x02\x01"),
        &format!("[SlotInfo {{ slot: 7, keys: 2, expires: 1 }}, {end}"),
    );
    check(&with("VALKEY080", b"\xf3\x03job\x01\x01\x05"), &format!("[SlotImport, {end}"));
    check(&with("REDIS0011", b"\xf3\x03job"), "Unknown RDB encoding type 243 at byte 10");
    check(&with("REDIS0010", b"\xf6"), "Pre-release function format not supported. at byte 10");
    let id = b"\x81\x98\0\0\0\0\0\0\x01";
    let items = b"\x05\x03abc\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x01\x05\0";
    let module = [b"\xf7", &id[..], b"\x02\x01", items].concat();
    check(&with("REDIS0011", &module), &format!("[ModuleAux {{ module: \"mAAAAAAAA\" }}, {end}"));
    check(&with("REDIS0011", b"\xf7\x01\x01\x01"), "bad when_opcode at byte 11");
    check(&with("REDIS0011", b"\xf7\x01\x02\x01\x09"), "unknown item 9 in a module's data at byte 13");
    check(&with("REDIS0011", b"\x16\x01k"), "Hash format of a release candidate of Redis 7.4 at byte 12");
    check(&with("REDIS0011", b"\x08\x01k"), "Unknown RDB encoding type 8 at byte 12");
    let old_expiry = events_of(&with("REDIS0003", b"\xfd\x02\0\0\0\x00\x01k\x01v"), 3).unwrap();
    assert!(matches!(&old_expiry[0], Event::Key(key) if key.expiry_ms == Some(2000)));
}

#[test]
fn a_wrong_checksum_is_told() {
    let mut file = small_file();
    let last = file.len() - 1;
    file[last] ^= 1;
    let error = events_of(&file, 1000).unwrap_err();
    assert!(matches!(error.fault, Fault::Checksum), "{error}");
    let mut unverified = Scanner::open(&file[..], false).unwrap();
    let mut end = None;
    while let Some(event) = unverified.next_event().unwrap() {
        end = Some(event);
    }
    assert_eq!(end, Some(Event::End { verified: false }));
}

#[test]
fn a_failing_reader_is_told() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let error = Scanner::open((&b"REDIS0011\xfa\x03a"[..]).chain(Failing), true)
        .and_then(|mut scanner| scanner.next_event());
    let expected = "reading the name of an auxiliary field at byte 12: unplugged";
    assert_eq!(error.unwrap_err().to_string(), expected);
}
