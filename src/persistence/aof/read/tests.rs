//! Reading in pieces of any size, faults with their places, and mutated files.

use super::super::mutation::with_damage;
use super::*;
use crate::resp::encode_command;

/// Delivers at most `step` bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

/// All items as text, each with the offset behind it, and the fault at the end.
fn items(bytes: &[u8], step: usize) -> (Vec<(String, u64)>, Option<String>) {
    let mut reader = CommandReader::new(Slow(bytes, step), 0);
    let mut items = Vec::new();
    loop {
        let text = match reader.next_item() {
            Ok(Some(Item::Command(command))) => {
                command.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
            }
            Ok(Some(Item::Annotation(text))) => text.escape_ascii().to_string(),
            Ok(None) => return (items, None),
            Err(error) => return (items, Some(error.to_string())),
        };
        items.push((text, reader.offset()));
    }
}

fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, words.iter());
    bytes
}

#[test]
fn items_come_out_however_the_file_is_delivered() {
    let large = vec![b'v'; 3 * BUFFER_BYTES + 17];
    let mut bytes = encode(&[b"SET", b"k", b"\r\n*$#"]);
    bytes.extend_from_slice(b"#TS:1700000000\r\n# any\n");
    bytes.extend_from_slice(&encode(&[b"SET", &large, b""]));
    bytes.extend_from_slice(b"*0\r\n");
    bytes.extend_from_slice(&encode(&[b"PING"]));
    for step in [1, 2, 7, 1000, usize::MAX] {
        let (found, fault) = items(&bytes, step);
        assert_eq!(fault, None);
        let texts: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts[..3], ["SET k \\r\\n*$#", "#TS:1700000000", "# any"]);
        assert_eq!((texts[3].len(), texts[4], texts[5]), (5 + large.len(), "", "PING"));
        assert_eq!((found[0].1, found[5].1), (31, bytes.len() as u64));
    }
}

#[test]
fn many_items_pass_through_one_buffer() {
    let mut bytes = Vec::new();
    for number in 0..200_000 {
        bytes.extend_from_slice(&encode(&[b"SET", format!("key:{number}").as_bytes(), b"value"]));
    }
    let mut reader = CommandReader::new(&bytes[..], 100);
    for number in 0..200_000 {
        let Some(Item::Command(command)) = reader.next_item().unwrap() else { panic!("{number}") };
        assert_eq!(command.iter().nth(1), Some(format!("key:{number}").as_bytes()));
    }
    assert!(reader.next_item().unwrap().is_none());
    assert_eq!((reader.offset(), reader.buffer.len()), (100 + bytes.len() as u64, BUFFER_BYTES));
}

#[test]
fn a_large_buffer_is_given_back() {
    let mut bytes = encode(&[&vec![b'v'; 2 * KEPT_BYTES_MAX]]);
    for _ in 0..KEPT_BYTES_MAX / 4 {
        bytes.extend_from_slice(&encode(&[b"PING"]));
    }
    let mut reader = CommandReader::new(&bytes[..], 0);
    while reader.next_item().unwrap().is_some() {}
    assert_eq!(reader.buffer.capacity(), BUFFER_BYTES);
}

#[test]
fn faults_tell_what_where_and_whether_more_could_follow() {
    let check = |bytes: &[u8], is_truncation: bool, text: &str| {
        let mut reader = CommandReader::new(bytes, 0);
        let error = loop {
            match reader.next_item() {
                Ok(item) => assert!(item.is_some(), "{text}"),
                Err(error) => break error,
            }
        };
        assert_eq!((error.to_string().as_str(), error.fault.is_truncation()), (text, is_truncation));
    };
    check(b"*1\r\n", true, "offset 4: Expected more of a command, got the end of the file");
    check(b"*1", true, "offset 0: Expected \\r\\n, got: 0000");
    check(b"*1\r", true, "offset 0: Expected \\r\\n, got: 0d00");
    check(b"*", true, "offset 0: Expected \\r\\n, got: 0000");
    check(b"*1\r\n$4\r\nPIN", true, "offset 8: Expected to read 6 bytes, got 3 bytes");
    check(b"*1\r\n$4\r\nPING\r", true, "offset 8: Expected to read 6 bytes, got 5 bytes");
    check(b"#TS:1", true, "offset 0: Expected the end of an annotation, got the end of the file");
    check(b"*1\r\n$4\r\nPINGxx", false, "offset 8: Expected \\r\\n, got: 7878");
    check(b"*1\r\n:4\r\n", false, "offset 4: Expected prefix '$', got: ':'");
    check(b"*1\n$4\r\nPING\r\n", false, "offset 0: Expected \\r\\n, got: 0a24");
    check(b"*1x", false, "offset 0: Expected \\r\\n, got: 7800");
    check(b"*11111111111111111111111111\r\n", false, "offset 0: Expected \\r\\n, got: 3131");
    check(b"*0\r\n\0", false, "offset 4: Expected '*' or '#', got: '\\x00'");
    check(
        b"*1\r\n$-1\r\n",
        false,
        "offset 4: Expected to read string of -1 bytes, which is not in the suitable range",
    );
    check(
        b"*2\r\n$9223372036854775805\r\nx",
        true,
        "offset 26: Expected to read 9223372036854775807 bytes, got 1 bytes",
    );
    check(
        b"*9223372036854775807\r\n",
        true,
        "offset 22: Expected more of a command, got the end of the file",
    );
    let long = [b"#".as_slice(), &[b'x'; 2000], b"\r\n"].concat();
    check(&long, false, "offset 0: Expected an annotation of at most 1023 bytes, got a longer one");
}

/// Reading a damaged log ends, without a panic, and holds no more memory than the file pays for.
#[test]
fn damaged_logs_are_read_or_refused() {
    let mut sound = encode(&[b"SELECT", b"0"]);
    for words in
        [[b"SET".as_slice(), b"key", b"value"], [b"RPUSH", b"list", &[7; 300]], [b"MULTI", b"", b"*1\r\n"]]
    {
        sound.extend_from_slice(&encode(&words));
        sound.extend_from_slice(b"#TS:1700000000\r\n");
    }
    let words = [
        b"*-1".as_slice(),
        b"$-1",
        b"*9223372036854775807",
        b"$9223372036854775805",
        b"\r\n",
        b"#",
        b"$4294967296",
    ];
    with_damage(&sound, &words, |bytes| {
        let mut reader = CommandReader::new(bytes, 0);
        let mut read = 0;
        let is_whole = loop {
            match reader.next_item() {
                Ok(Some(Item::Command(command))) => read += command.iter().map(<[u8]>::len).sum::<usize>(),
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        assert!(read <= bytes.len() && reader.offset() <= bytes.len() as u64);
        assert!(reader.buffer.capacity() <= BUFFER_BYTES + 2 * bytes.len());
        assert!(reader.arguments.capacity() <= 4 + bytes.len() / 2);
        is_whole
    });
}
