//! DEBUG PROTOCOL: a reply of each kind, for tests of clients.

use crate::engine::{CommandError, CommandResult};
use crate::resp::Reply;

/// Replies something of this kind: the values that Redis's clients test against.
pub(super) fn reply_of(kind: &[u8], reply: &mut Reply) -> CommandResult {
    match kind.to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double_text("3.141"),
        b"bignum" => big_number(reply, "1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => attribute(reply),
        b"push" => return push(reply),
        b"verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err("ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
                .into());
        }
    }
    Ok(())
}

/// `(digits`, in RESP2 a bulk string.
fn big_number(reply: &mut Reply, digits: &str) {
    match reply.is_resp3() {
        true => reply.raw(format!("({digits}\r\n").as_bytes()),
        false => reply.bulk(digits.as_bytes()),
    }
}

fn attribute(reply: &mut Reply) {
    if reply.is_resp3() {
        reply.attribute(1);
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}

fn push(reply: &mut Reply) -> CommandResult {
    if !reply.is_resp3() {
        return Err(CommandError::from("ERR RESP2 is not supported by this command"));
    }
    reply.push(2);
    reply.bulk(b"server-cpu-usage");
    reply.integer(42);
    reply.bulk(b"Some real reply following the push reply");
    Ok(())
}
