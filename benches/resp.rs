//! The protocol: requests out of a read buffer, replies into a write buffer. One operation is one request or one reply.

mod support;

use support::{Bench, texts};
use tartan::resp::{Limits, Parsed, Parser, Protocol, Reply};
use tartan::value::string::LargeString;

const OPEN: Limits = Limits { bulk_bytes_max: 512 << 20, authenticated: true };

fn main() {
    let bench = Bench::of("resp");
    let key = &texts("key:", 1)[0];
    let (short, long) = ([b'x'; 32], vec![b'x'; 16_000]);
    let get: &[&[u8]] = &[b"GET", key];
    let set: &[&[u8]] = &[b"SET", key, &short];
    for depth in [1, 16, 64] {
        parse(&bench, &format!("parse GET, depth {depth}"), &request(get), depth);
        parse(&bench, &format!("parse SET of 32 bytes, depth {depth}"), &request(set), depth);
    }
    parse(&bench, "parse SET of 16000 bytes", &request(&[b"SET", key, &long]), 4);
    parse(&bench, "parse MSET of 10 keys", &request(&[b"MSET".as_slice(), key, &short].repeat(10)), 16);
    parse(&bench, "parse inline SET with quotes", b"SET key \"a \\x41 value\"\r\n", 16);
    replies(&bench);
}

fn request(arguments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend(format!("${}\r\n", argument.len()).bytes().chain(argument.iter().copied()));
        bytes.extend(b"\r\n");
    }
    bytes
}

/// Unescaping happens in place, so each repetition has a buffer of its own.
fn parse(bench: &Bench, name: &str, request: &[u8], depth: usize) {
    let times = bench.size(1024) / depth + 1;
    let pipeline = request.repeat(depth);
    let prepare = || (Parser::default(), vec![pipeline.clone(); times]);
    bench.time_fresh(name, depth * times, prepare, |(parser, buffers)| {
        let mut arguments = 0;
        for buffer in buffers {
            while parser.parse(buffer, OPEN) == Ok(Parsed::Request) {
                arguments += parser.arguments().len();
            }
            parser.consumed(buffer.len());
        }
        assert!(arguments >= depth * times, "every request was parsed");
        arguments
    });
}

fn replies(bench: &Bench) {
    let short = [b'x'; 32];
    let long = LargeString::new(&vec![b'x'; 1 << 20]);
    for (protocol, name) in [(Protocol::Resp2, "RESP2"), (Protocol::Resp3, "RESP3")] {
        write(bench, &format!("write OK, {name}"), protocol, Reply::ok);
        write(bench, &format!("write null, {name}"), protocol, Reply::null);
        write(bench, &format!("write integer, {name}"), protocol, |reply| reply.integer(1_234_567));
        write(bench, &format!("write bulk of 32 bytes, {name}"), protocol, |reply| reply.bulk(&short));
        write(bench, &format!("write double, {name}"), protocol, |reply| reply.double(3.25));
        write(bench, &format!("write array of 100 bulks, {name}"), protocol, |reply| {
            reply.array(100);
            (0..100).for_each(|_| reply.bulk(&short));
        });
        write(bench, &format!("write large string of 1 MB, {name}"), protocol, |reply| {
            reply.bulk_chunks(long.len(), long.chunks())
        });
    }
}

fn write(bench: &Bench, name: &str, protocol: Protocol, one: impl Fn(&mut Reply)) {
    let times = bench.size(256);
    let mut reply = Reply::new(protocol);
    bench.time(name, times, || {
        (0..times).for_each(|_| one(&mut reply));
        let bytes = reply.len();
        let start = Reply::new(protocol).mark();
        reply.rewind(start);
        bytes
    });
}
