//! Commands as bytes: what the journal records and what subscribers are sent are RESP2 arrays of bulk strings.

/// What the length of a short argument takes, with its line ends.
const FRAME_BYTES: usize = 8;

/// Appends a command in RESP.
pub fn encode_command<A: AsRef<[u8]>>(target: &mut Vec<u8>, arguments: impl ExactSizeIterator<Item = A>) {
    push_length(target, b'*', arguments.len());
    for argument in arguments {
        let argument = argument.as_ref();
        target.reserve(argument.len() + FRAME_BYTES);
        push_length(target, b'$', argument.len());
        target.extend_from_slice(argument);
        target.extend_from_slice(b"\r\n");
    }
}

fn push_length(target: &mut Vec<u8>, kind: u8, length: usize) {
    let digit = |value: usize| b'0' + value as u8;
    match length {
        0..10 => target.extend_from_slice(&[kind, digit(length), b'\r', b'\n']),
        10..100 => target.extend_from_slice(&[kind, digit(length / 10), digit(length % 10), b'\r', b'\n']),
        _ => {
            target.push(kind);
            target.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            target.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_resp() {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, [b"SET".as_slice(), b"k", b""].into_iter());
        assert_eq!(bytes, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
        for (length, head) in [(9, "$9"), (10, "$10"), (99, "$99"), (100, "$100"), (12_345, "$12345")] {
            let mut bytes = Vec::new();
            encode_command(&mut bytes, [vec![b'x'; length]].into_iter());
            assert_eq!(bytes, format!("*1\r\n{head}\r\n{}\r\n", "x".repeat(length)).as_bytes());
        }
    }
}
