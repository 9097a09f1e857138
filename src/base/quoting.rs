//! Quoted words, as configuration files, inline commands and `CONFIG REWRITE` share them.
//!
//! Words are separated by white space. In double quotes `\n \r \t \b \a`, `\xHH` and `\` before any other character are
//! escapes; in single quotes only `\'` is. A closing quote must end the word.

/// The words of `line`, or `None` when quotes are unbalanced or a closing quote is followed by more of a word.
pub fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        // Redis's C strings end at a zero byte, and so does the line.
        if rest.is_empty() || rest[0] == 0 {
            return Some(words);
        }
        let (word, after) = split_word(rest)?;
        words.push(word);
        rest = after;
    }
}

/// `bytes` in double quotes, with everything unprintable escaped, such that `split_words` gives the bytes back.
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

/// The first word of `rest`, which begins with one, and what follows it.
fn split_word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] | [b' ' | b'\n' | b'\r' | b'\t' | 0, ..] => return Some((word, rest)),
            [b'"', quoted @ ..] => return end_of_quotes(read_double_quoted(quoted, &mut word)?, word),
            [b'\'', quoted @ ..] => return end_of_quotes(read_single_quoted(quoted, &mut word)?, word),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// Reads up to the closing quote and returns what follows it.
fn read_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'"', after @ ..] => return Some(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex_digit(*high) << 4 | hex_digit(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                word.push(unescape(*escaped));
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        }
    }
}

fn read_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [] => return None,
            [b'\'', after @ ..] => return Some(after),
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                after
            }
            [byte, after @ ..] => {
                word.push(*byte);
                after
            }
        }
    }
}

/// The word, provided that nothing of it follows its closing quote.
fn end_of_quotes(rest: &[u8], word: Vec<u8>) -> Option<(Vec<u8>, &[u8])> {
    let ends = rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || *byte == 0);
    ends.then_some((word, rest))
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// `digit` must be a hexadecimal digit.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_redis_splits_them() {
        let check = |line: &str, expected: Option<&[&str]>| {
            let words = split_words(line.as_bytes());
            let expected = expected.map(|words| words.iter().map(|word| word.as_bytes().to_vec()).collect());
            assert_eq!(words, expected, "{line}");
        };
        check("", Some(&[]));
        check("  \t ", Some(&[]));
        check("set  key\tvalue\r\n", Some(&["set", "key", "value"]));
        check("save \"\"", Some(&["save", ""]));
        check("a 'b c' \"d e\"", Some(&["a", "b c", "d e"]));
        check(r#"a "\x41\n\"\q\\" "#, Some(&["a", "A\n\"q\\"]));
        check(r#"a "\xzz""#, Some(&["a", "xzz"]));
        check(r"a 'it\'s \n'", Some(&["a", r"it's \n"]));
        check("ab\"c d\"", Some(&["abc d"]));
        check("a \"b\"c", None);
        check("a 'b'c", None);
        check("a \"b", None);
        check("a 'b", None);
        check(r#"a "b\"#, None);
    }

    #[test]
    fn quoting_is_undone_by_splitting() {
        let check = |bytes: &[u8], expected: &str| {
            assert_eq!(quote(bytes), expected);
            assert_eq!(split_words(expected.as_bytes()), Some(vec![bytes.to_vec()]));
        };
        check(b"", "\"\"");
        check(b"plain text", "\"plain text\"");
        check(b"a\"b\\c", r#""a\"b\\c""#);
        check(b"\n\r\t\x07\x08\x00\xff", r#""\n\r\t\a\b\x00\xff""#);
    }
}
