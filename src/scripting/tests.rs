//! Scripts against a host that knows a few commands. What each gives is what Redis 7.2.4 was seen to give.

use super::*;
use crate::resp::{Protocol, Reply};

#[derive(Default)]
struct Fake {
    protocol_seen: Option<Protocol>,
    replication: Option<u8>,
    calls: Vec<Vec<Vec<u8>>>,
    questions_until_end: Option<usize>,
}

impl Host for Fake {
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) {
        self.calls.push(argv.iter().map(|argument| argument.to_vec()).collect());
        self.protocol_seen = Some(reply.protocol());
        match (argv[0], argv.get(1).copied().unwrap_or_default()) {
            (b"echo", text) => reply.bulk(text),
            (b"raw", bytes) => reply.raw(bytes),
            (b"get", b"") => reply.error("ERR Wrong number of args calling Redis command from script"),
            (b"get", _) => reply.null(),
            (b"panic", _) => panic!("thrown by the host"),
            _ => reply.error("ERR Unknown Redis command called from script"),
        }
    }

    fn may_run(&mut self, argv: &[&[u8]]) -> Option<bool> {
        (argv[0] != b"foo").then_some(argv[0] == b"get")
    }

    fn set_replication(&mut self, flags: u8) {
        self.replication = Some(flags);
    }

    fn interrupted(&mut self) -> Option<String> {
        let left = self.questions_until_end.as_mut()?;
        *left = left.saturating_sub(1);
        (*left == 0).then(|| "ERR Script killed by user with SCRIPT KILL...".to_owned())
    }
}

fn output(reply: &mut Reply) -> String {
    let bytes: Vec<u8> = reply.output().take().iter().flat_map(|segment| segment.bytes().to_vec()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The reply to `EVAL source 1 k1 a1`; SHA stands for the script's name.
fn eval(interpreter: &mut Interpreter, source: &str, protocol: Protocol) -> String {
    let sha = sha1_hex(source.as_bytes());
    let mut reply = Reply::new(protocol);
    if let Err(text) = interpreter.compile(&sha, source.as_bytes()) {
        return format!("-{}\r\n", String::from_utf8_lossy(&text));
    }
    match interpreter.run(&sha, &[b"k1"], &[b"a1"], &mut Fake::default(), &mut reply) {
        Ok(()) => output(&mut reply),
        Err(failure) => {
            format!("-{}\r\n", String::from_utf8_lossy(&failure.text).replace(sha.as_str(), "SHA"))
        }
    }
}

/// Scripts with the replies of Redis 7.2.4, `SHA` standing for their names; cases are separated by lines of dashes.
const REPLIES: &str = include_str!("tests/replies.txt");

#[test]
fn replies_of_redis() {
    let mut wrong = Vec::new();
    for case in REPLIES.trim_end().split("\n---\n") {
        let (source, expected) = case.rsplit_once("\n=> ").unwrap();
        let expected = unescape(expected);
        let found = eval(&mut Interpreter::new(), source, Protocol::Resp2);
        if found != expected {
            wrong.push(format!("{source}\n   expected {expected:?}\n   found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} replies differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn unescape(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n").replace("\\0", "\0").replace("\\x1b", "\x1b")
}
