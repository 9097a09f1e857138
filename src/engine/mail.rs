//! What a client is sent without having asked at that moment: messages of channels, lines of MONITOR, invalidations.
//!
//! Whoever has something for a client puts it into its mailbox; the client's connection takes it out between two replies, so
//! mail never stands within one. How an invalidation looks is decided then: only the connection knows its protocol for certain.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::resp::{Protocol, Reply};

/// The channel on which RESP2 clients listen for invalidations.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A RESP2 array, which RESP3 takes as a push, or a line.
    Text(Bytes),
    /// Keys that the client must not have in its cache any longer, as a RESP array; all keys if there is none.
    Invalidation {
        /// The keys.
        keys: Option<Bytes>,
        /// Whether another client has asked for it: then RESP2 takes it too, as a message of a channel.
        redirected: bool,
    },
    /// The client with this id, which was to get the invalidations, has gone.
    RedirectionBroken(u64),
}

/// A client's mailbox.
#[derive(Default)]
pub(super) struct Mail {
    messages: VecDeque<Message>,
    bytes: usize,
    /// The highest record of the journal that the messages reveal.
    gate: u64,
}

impl Message {
    /// About as many bytes as it takes.
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Invalidation { keys, .. } => size_of::<Self>() + keys.as_ref().map_or(0, Bytes::len),
            Self::RedirectionBroken(_) => size_of::<Self>(),
        }
    }

    /// Writes it for a client, which listens to channels or not. RESP2 has no form for some.
    pub(super) fn write(&self, reply: &mut Reply, listens: bool) {
        let is_resp3 = reply.protocol() == Protocol::Resp3;
        match self {
            Self::Text(text) => match text.split_first() {
                Some((b'*', rest)) if is_resp3 => {
                    reply.raw(b">");
                    reply.raw(rest);
                }
                _ => reply.raw(text),
            },
            Self::Invalidation { keys, .. } if is_resp3 => {
                reply.push(2);
                reply.bulk(b"invalidate");
                write_keys(reply, keys.as_ref());
            }
            Self::Invalidation { keys, redirected: true } if listens => {
                reply.array(3);
                reply.bulk(b"message");
                reply.bulk(CHANNEL);
                write_keys(reply, keys.as_ref());
            }
            Self::RedirectionBroken(id) if is_resp3 => {
                reply.push(2);
                reply.bulk(b"tracking-redir-broken");
                reply.integer(*id as i64);
            }
            Self::Invalidation { .. } | Self::RedirectionBroken(_) => {}
        }
    }
}

fn write_keys(reply: &mut Reply, keys: Option<&Bytes>) {
    match keys {
        Some(keys) => reply.raw(keys),
        None => reply.null(),
    }
}

impl Mail {
    /// Puts a message in, which reveals record `gate` of the journal.
    pub fn put(&mut self, message: Message, gate: u64) {
        self.gate = self.gate.max(gate);
        self.bytes += message.len();
        self.messages.push_back(message);
    }

    /// Takes messages out until they come to so many bytes; with the highest record that they reveal.
    pub fn take(&mut self, bytes_max: usize) -> (VecDeque<Message>, u64) {
        if self.bytes <= bytes_max {
            self.bytes = 0;
            return (std::mem::take(&mut self.messages), self.gate);
        }
        let (mut taken, mut bytes) = (VecDeque::new(), 0);
        while bytes < bytes_max
            && let Some(message) = self.messages.pop_front()
        {
            bytes += message.len();
            taken.push_back(message);
        }
        self.bytes -= bytes;
        (taken, self.gate)
    }

    /// Bytes of the messages in it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_gets_the_form_it_knows() {
        let check = |protocol, listens, message: Message, expected: &[u8]| {
            let mut reply = Reply::new(protocol);
            message.write(&mut reply, listens);
            let written = reply.output().single().unwrap();
            assert_eq!(written, expected, "{message:?}");
        };
        let keys = Some(Bytes::from_static(b"*1\r\n$1\r\nk\r\n"));
        let own = || Message::Invalidation { keys: keys.clone(), redirected: false };
        let others = || Message::Invalidation { keys: keys.clone(), redirected: true };
        let all = || Message::Invalidation { keys: None, redirected: true };
        check(Protocol::Resp3, false, own(), b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
        check(Protocol::Resp3, false, all(), b">2\r\n$10\r\ninvalidate\r\n_\r\n");
        check(Protocol::Resp2, true, own(), b"");
        check(Protocol::Resp2, false, others(), b"");
        let head = b"*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
        check(Protocol::Resp2, true, others(), &[head, &b"*1\r\n$1\r\nk\r\n"[..]].concat());
        check(Protocol::Resp2, true, all(), &[head, &b"$-1\r\n"[..]].concat());
        let broken = Message::RedirectionBroken(7);
        check(Protocol::Resp2, true, broken.clone(), b"");
        check(Protocol::Resp3, false, broken, b">2\r\n$21\r\ntracking-redir-broken\r\n:7\r\n");
        let text = Message::Text(Bytes::from_static(b"*0\r\n"));
        check(Protocol::Resp2, true, text.clone(), b"*0\r\n");
        check(Protocol::Resp3, true, text, b">0\r\n");
    }
}
