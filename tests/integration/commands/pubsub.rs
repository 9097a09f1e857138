//! Publish and subscribe: who gets what, and in which order with replies.

use crate::support::client::encode;
use crate::support::{Client, Reply, Server};

fn push(words: &[&str]) -> Reply {
    Reply::Aggregate('>', words.iter().map(|word| Reply::Bulk((*word).into())).collect())
}

fn read(client: &mut Client) -> Reply {
    client.read().unwrap()
}

#[test]
fn ones_own_message_follows_the_reply() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.call(&["HELLO", "3"]);
    client.call(&["SUBSCRIBE", "news"]);
    client.call(&["PSUBSCRIBE", "n*"]);
    client.send(&[encode(&["PUBLISH", "news", "1"]), encode(&["PING"])].concat()).unwrap();
    assert_eq!(read(&mut client), Reply::Integer(2));
    assert_eq!(read(&mut client), push(&["message", "news", "1"]));
    assert_eq!(read(&mut client), push(&["pmessage", "n*", "news", "1"]));
    assert_eq!(read(&mut client), Reply::Simple("PONG".into()));
}

#[test]
fn messages_of_a_transaction_follow_exec() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.call(&["HELLO", "3"]);
    client.call(&["SSUBSCRIBE", "shard"]);
    client.call(&["MULTI"]);
    client.call(&["SPUBLISH", "shard", "a"]);
    client.call(&["ECHO", "b"]);
    assert_eq!(client.call(&["EXEC"]), Reply::Array(vec![Reply::Integer(1), Reply::Bulk("b".into())]));
    assert_eq!(read(&mut client), push(&["smessage", "shard", "a"]));
}

#[test]
fn a_message_of_a_transaction_is_for_those_who_listened_when_it_was_published() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.call(&["HELLO", "3"]);
    for line in
        ["MULTI", "PUBLISH c early", "SUBSCRIBE c", "PUBLISH c mid", "UNSUBSCRIBE c", "PUBLISH c late"]
    {
        client.call(&line.split(' ').collect::<Vec<_>>());
    }
    let replies = client.call(&["EXEC"]);
    let receivers: Vec<_> = [0, 2, 4].iter().map(|&place| replies.items()[place].clone()).collect();
    assert_eq!(receivers, [0, 1, 0].map(Reply::Integer));
    assert_eq!(read(&mut client), push(&["message", "c", "mid"]));
    assert!(!client.has_input());
}

#[test]
fn resp2_listeners_may_do_little_else_and_leave_by_unsubscribing() {
    let server = Server::start(&[]);
    let (mut listener, mut other) = (server.client(), server.client());
    listener.call(&["SUBSCRIBE", "a"]);
    assert!(listener.call(&["GET", "k"]).is_error("ERR Can't execute 'get'"));
    assert_eq!(listener.call(&["PING"]).items().len(), 2);
    assert_eq!(other.call(&["PUBLISH", "a", "x"]), Reply::Integer(1));
    assert_eq!(read(&mut listener).items()[2], Reply::Bulk("x".into()));
    assert_eq!(listener.call(&["UNSUBSCRIBE"]).items()[2], Reply::Integer(0));
    assert_eq!(listener.call(&["GET", "k"]), Reply::Null);
    assert_eq!(other.call(&["PUBLISH", "a", "x"]), Reply::Integer(0));
}

#[test]
fn who_leaves_is_forgotten() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let mut listener = server.client();
    listener.call(&["SUBSCRIBE", "a"]);
    listener.call(&["PSUBSCRIBE", "*"]);
    assert_eq!(other.call(&["PUBSUB", "NUMPAT"]), Reply::Integer(1));
    drop(listener);
    while other.call(&["PUBSUB", "NUMPAT"]) != Reply::Integer(0) {}
    assert_eq!(other.call(&["PUBSUB", "CHANNELS"]), Reply::Array(vec![]));
}
