//! What every command makes of its arguments: requests after the command table, with wrong counts, numbers, words and keys, sent
//! by three clients of one node, in RESP2 and RESP3, within MULTI and from scripts.
//!
//! An input is a byte of [`flag`]s and requests, each behind the number of the client that sends it. Nothing may panic on any
//! thread, and what a client is sent must be whole replies.

mod arguments;
mod host;
mod replies;
mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;

use tartan::resp::{Limits, Parsed, Parser, encode_command};
use tartan::scripting::STACK_BYTES;

use arguments::{Maker, Request};
use host::{Client, Host};

use crate::{fuzz, hex_of};

const CLIENTS: u8 = 3;
const REQUESTS_MAX: usize = 12;

/// How an input begins.
mod flag {
    /// The clients speak RESP3.
    pub const RESP3: u8 = 1;
    /// The first client tracks what it reads, and the second one looks on (MONITOR).
    pub const WATCHED: u8 = 1 << 1;
    /// One key has so many elements that commands with it leave their worker.
    pub const HUGE: u8 = 1 << 2;
    /// Key-space events are told.
    pub const EVENTS: u8 = 1 << 3;
}

/// Panics on all threads.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |bug| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(bug);
        }));
    });
}

/// Commands by name: how often they were called by themselves, and how often without an error.
type Tally = BTreeMap<String, (u64, u64)>;

fn prepare(host: &mut Host, is_huge: bool) {
    let many = |count: usize| (0..count).map(|number| format!("{number}")).collect::<Vec<_>>();
    for line in words::DATA {
        let argv: Vec<String> = line
            .split(' ')
            .flat_map(|word| match word {
                "{many}" => many(words::MANY),
                "{script}" => vec![words::SCRIPT.into()],
                "{library}" => vec![words::LIBRARY.into()],
                word => vec![word.into()],
            })
            .collect();
        let reply = host.order(&argv);
        assert!(!reply.starts_with(b"-"), "{line}: {}", String::from_utf8_lossy(&reply));
    }
    if is_huge {
        for (command, key) in [("SADD", "set"), ("RPUSH", "list"), ("HSET", "hash"), ("ZADD", "zset")] {
            let argv = [vec![command.into(), key.into()], many(words::HUGE)].concat();
            host.order(&argv);
        }
    }
}

/// What requests are made of, as the node tells it.
fn maker(host: &mut Host) -> Maker {
    prepare(host, false);
    let settings =
        host.node().config.matching(&[b"*"]).into_iter().map(|(name, _)| String::from_utf8(name).unwrap());
    let settings = settings.collect();
    let mut payloads: Vec<Vec<u8>> = words::KEYS.iter().map(|key| bulk(host.order(&["DUMP", key]))).collect();
    payloads.push(bulk(host.order(&["FUNCTION", "DUMP"])));
    payloads.retain(|payload| !payload.is_empty());
    assert!(payloads.len() > 10);
    host.put_in_order(b"");
    Maker::new(settings, payloads)
}

/// The bytes of a bulk reply.
fn bulk(reply: Vec<u8>) -> Vec<u8> {
    let start = reply.iter().position(|&byte| byte == b'\n').map_or(reply.len(), |end| end + 1);
    reply[start..reply.len().saturating_sub(2).max(start)].to_vec()
}

fn make(maker: &Maker, rng: &mut Rng) -> Vec<u8> {
    let flags = rng.u8(..) & (flag::RESP3 | flag::EVENTS);
    let watched = if rng.u8(..8) == 0 { flag::WATCHED } else { 0 };
    let huge = if rng.u8(..100) == 0 { flag::HUGE } else { 0 };
    let mut input = vec![flags | watched | huge];
    let mut requests = 0;
    while requests < REQUESTS_MAX {
        let client = rng.u8(..CLIENTS);
        for request in maker.requests(rng) {
            input.push(b'0' + client);
            encode_command(&mut input, request.iter());
            requests += 1;
        }
        if rng.u8(..8) == 0 {
            break;
        }
    }
    input
}

/// The requests of an input, each with its client.
fn requests_of(mut input: &[u8]) -> Vec<(usize, Request)> {
    const LIMITS: Limits = Limits { bulk_bytes_max: i64::MAX, authenticated: true };
    let mut requests = Vec::new();
    while let Some((client, rest)) = input.split_first() {
        let (mut parser, mut buffer) = (Parser::default(), rest.to_vec());
        assert_eq!(parser.parse(&mut buffer, LIMITS), Ok(Parsed::Request));
        let argv = parser.arguments().iter().map(|range| buffer[range.clone()].to_vec()).collect();
        requests.push((usize::from(client - b'0'), argv));
        input = &rest[parser.position()..];
    }
    requests
}

/// Whether no request is answered with an error.
fn check(host: &mut Host, tally: &mut Tally, input: &[u8]) -> bool {
    let panics = PANICS.load(Ordering::SeqCst);
    let (flags, requests) = (input[0], requests_of(&input[1..]));
    prepare(host, flags & flag::HUGE != 0);
    let events = if flags & flag::EVENTS != 0 { "KEA" } else { "" };
    host.order(&["CONFIG", "SET", "notify-keyspace-events", events]);
    let node = host.node().clone();
    let connect = |host: &Host, place: u8| {
        let mut client = Client::new(&node);
        if flags & flag::RESP3 != 0 {
            client.run(&host.worker, &["HELLO", "3"]);
        }
        match place {
            _ if flags & flag::WATCHED == 0 => {}
            0 => drop(client.run(&host.worker, &["CLIENT", "TRACKING", "ON"])),
            1 => drop(client.run(&host.worker, &["MONITOR"])),
            _ => {}
        }
        client
    };
    let mut clients: Vec<Client> = (0..CLIENTS).map(|place| connect(host, place)).collect();
    // In a transaction CLIENT REPLY and REPLCONF ACK leave replies of an array out, and who has been killed gets no more of them.
    let is_muted = ["client", "replconf"].iter().any(|word| host::mentions(input, word));
    let mut is_accepted = true;
    for (place, argv) in requests {
        if clients[place].has_left() {
            let other = connect(host, place as u8);
            std::mem::replace(&mut clients[place], other).leave(&host.worker);
        }
        let sent = clients[place].run(&host.worker, &argv);
        let is_error = sent.starts_with(b"-");
        if !is_muted
            && !clients[place].has_left()
            && let Err(reason) = replies::check(&sent)
        {
            panic!("{reason} in {} for {:?}", hex_of(&sent), shown(&argv));
        }
        let (calls, accepted) = tally.entry(name_of(&argv)).or_default();
        *calls += 1;
        *accepted += u64::from(!is_error);
        is_accepted &= !is_error;
        assert_eq!(PANICS.load(Ordering::SeqCst), panics, "a panic in {:?}", shown(&argv));
    }
    clients.into_iter().for_each(|client| client.leave(&host.worker));
    host.put_in_order(input);
    assert_eq!(PANICS.load(Ordering::SeqCst), panics, "a panic, in the background or when clients left");
    is_accepted
}

fn shown(argv: &Request) -> Vec<String> {
    argv.iter().map(|word| word.escape_ascii().to_string()).collect()
}

fn name_of(argv: &Request) -> String {
    let text = |place: usize| {
        argv.get(place).map_or(String::new(), |word| word.to_ascii_lowercase().escape_ascii().to_string())
    };
    let (name, full) = (text(0), format!("{}|{}", text(0), text(1)));
    let is_known = |name: &str| tartan::engine::facts::all().any(|facts| facts.name == name);
    if is_known(&full) { full } else { name }
}

#[test]
fn commands() {
    // With the stack of a worker.
    let run = thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
    run.join().unwrap_or_else(|bug| panic::resume_unwind(bug));
}

fn run() {
    count_panics();
    let mut host = Host::start();
    let maker = maker(&mut host);
    let (host, tally) = (RefCell::new(host), RefCell::new(Tally::new()));
    fuzz(
        "commands",
        |rng| make(&maker, rng),
        |input| check(&mut host.borrow_mut(), &mut tally.borrow_mut(), input),
    );
    let tally = tally.into_inner();
    let known =
        tally.iter().filter(|(name, _)| tartan::engine::facts::all().any(|facts| facts.name == **name));
    let (tried, never): (Vec<_>, Vec<_>) = known.partition(|(_, (_, accepted))| *accepted > 0);
    let names: Vec<_> = never.iter().map(|(name, _)| name.as_str()).collect();
    println!("commands: {} accepted at least once, never {}: {}", tried.len(), names.len(), names.join(" "));
}
