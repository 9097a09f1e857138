//! Short histories of a few clients on one to three keys, recorded with their times and checked for linearizability.
//! Every written value is new, so a read tells which write it saw.

use std::marker::PhantomData;
use std::time::Instant;

use fastrand::Rng;

use super::{WORKERS, on_connections};
use crate::support::linearizability::{Event, Model, is_linearizable};
use crate::support::{Client, Reply, Server, scaled, seed};

const CLIENTS: usize = 6;
const CALLS_EACH: usize = 9;
const ROUNDS: usize = 60;
pub(super) const KEYS: usize = 3;

/// What a key holds: nothing, a text (all written values are numbers), or a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Absent,
    Text(i64),
    List(Vec<i64>),
}

/// Something that a client does in one atomic step, with one reply.
pub(super) trait Action: Clone {
    fn perform(&self, client: &mut Client) -> Reply;

    /// What it does to the keys, and its reply.
    fn execute(&self, state: &mut [Value]) -> Reply;

    fn show(&self) -> String;
}

#[derive(Clone, Debug)]
pub(super) enum Call {
    Set(usize, i64),
    SetIfAbsent(usize, i64),
    Get(usize),
    GetSet(usize, i64),
    Delete(usize),
    Increment(usize),
    SetAll(i64),
    GetAll,
    Rename(usize, usize),
    PushLeft(usize, i64),
    PopRight(usize),
    Length(usize),
    Rotate(usize, usize),
}

impl Call {
    pub(super) fn command(&self) -> String {
        match *self {
            Self::Set(key, value) => format!("SET {key} {value}"),
            Self::SetIfAbsent(key, value) => format!("SETNX {key} {value}"),
            Self::Get(key) => format!("GET {key}"),
            Self::GetSet(key, value) => format!("GETSET {key} {value}"),
            Self::Delete(key) => format!("DEL {key}"),
            Self::Increment(key) => format!("INCR {key}"),
            Self::SetAll(value) => format!("MSET 0 {value} 1 {value} 2 {value}"),
            Self::GetAll => "MGET 0 1 2".into(),
            Self::Rename(from, to) => format!("RENAME {from} {to}"),
            Self::PushLeft(key, value) => format!("LPUSH {key} {value}"),
            Self::PopRight(key) => format!("RPOP {key}"),
            Self::Length(key) => format!("LLEN {key}"),
            Self::Rotate(from, to) => format!("LMOVE {from} {to} RIGHT LEFT"),
        }
    }
}

impl Action for Call {
    fn perform(&self, client: &mut Client) -> Reply {
        client.call(&self.command().split(' ').collect::<Vec<_>>())
    }

    fn execute(&self, state: &mut [Value]) -> Reply {
        execute(state, self)
    }

    fn show(&self) -> String {
        self.command()
    }
}

/// Three keys of a Redis, as far as `Call` reaches.
struct Keys<A>(PhantomData<A>);

impl<A: Action> Model for Keys<A> {
    type State = Vec<Value>;
    type Call = (A, Reply);

    fn initial(&self) -> Vec<Value> {
        vec![Value::Absent; KEYS]
    }

    fn apply(&self, state: &Vec<Value>, (action, reply): &(A, Reply)) -> Option<Vec<Value>> {
        let mut after = state.clone();
        (action.execute(&mut after) == *reply).then_some(after)
    }
}

fn execute(state: &mut [Value], call: &Call) -> Reply {
    match *call {
        Call::Set(key, value) => {
            state[key] = Value::Text(value);
            ok()
        }
        Call::SetIfAbsent(key, value) if state[key] == Value::Absent => {
            state[key] = Value::Text(value);
            Reply::Integer(1)
        }
        Call::SetIfAbsent(..) => Reply::Integer(0),
        Call::Get(key) => text(&state[key]),
        Call::GetSet(key, value) => text(&std::mem::replace(&mut state[key], Value::Text(value))),
        Call::Delete(key) => {
            let before = std::mem::replace(&mut state[key], Value::Absent);
            Reply::Integer(i64::from(before != Value::Absent))
        }
        Call::Increment(key) => {
            let next = if let Value::Text(value) = state[key] { value + 1 } else { 1 };
            state[key] = Value::Text(next);
            Reply::Integer(next)
        }
        Call::SetAll(value) => {
            state.fill(Value::Text(value));
            ok()
        }
        Call::GetAll => Reply::Array(state.iter().map(text).collect()),
        Call::Rename(from, _) if state[from] == Value::Absent => Reply::Error("ERR no such key".into()),
        Call::Rename(from, to) => {
            let value = std::mem::replace(&mut state[from], Value::Absent);
            state[to] = value;
            ok()
        }
        Call::PushLeft(key, value) => Reply::Integer(push_left(&mut state[key], value)),
        Call::PopRight(key) => pop_right(&mut state[key]).map_or(Reply::Null, bulk),
        Call::Length(key) => {
            Reply::Integer(if let Value::List(list) = &state[key] { list.len() as i64 } else { 0 })
        }
        Call::Rotate(from, to) => match pop_right(&mut state[from]) {
            None => Reply::Null,
            Some(value) => {
                push_left(&mut state[to], value);
                bulk(value)
            }
        },
    }
}

fn push_left(value: &mut Value, element: i64) -> i64 {
    if !matches!(value, Value::List(_)) {
        *value = Value::List(Vec::new());
    }
    let Value::List(list) = value else { unreachable!() };
    list.insert(0, element);
    list.len() as i64
}

fn pop_right(value: &mut Value) -> Option<i64> {
    let Value::List(list) = value else { return None };
    let popped = list.pop();
    if list.is_empty() {
        *value = Value::Absent;
    }
    popped
}

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

fn bulk(value: i64) -> Reply {
    Reply::Bulk(value.to_string().into_bytes())
}

fn text(value: &Value) -> Reply {
    match value {
        Value::Text(value) => bulk(*value),
        _ => Reply::Null,
    }
}

/// Records rounds of actions that `draw(rng, new value)` makes and checks each round.
pub(super) fn check<A: Action + Send>(draw: impl Fn(&mut Rng, i64) -> A + Sync) {
    let seed = seed();
    for workers in WORKERS {
        let server = Server::with_workers(workers);
        for round in 0..scaled(ROUNDS) {
            assert_eq!(server.client().call(&["FLUSHALL"]), ok());
            let start = Instant::now();
            let events = on_connections(&server, CLIENTS, |number, client| {
                let mut rng = Rng::with_seed(seed ^ ((round as u64) << 32 | number as u64));
                let value = |at: usize| (number * 1000 + at + 1) as i64;
                (0..CALLS_EACH).map(|at| record(client, start, draw(&mut rng, value(at)))).collect::<Vec<_>>()
            })
            .concat();
            assert!(
                is_linearizable(&Keys(PhantomData), &events),
                "not linearizable, {workers} workers, round {round}:\n{}",
                show(&events)
            );
        }
    }
}

fn record<A: Action>(client: &mut Client, start: Instant, action: A) -> Event<(A, Reply)> {
    let made = start.elapsed().as_nanos() as u64;
    let reply = action.perform(client);
    Event { made, returned: start.elapsed().as_nanos() as u64, call: (action, reply) }
}

fn show<A: Action>(events: &[Event<(A, Reply)>]) -> String {
    let mut sorted: Vec<_> = events.iter().collect();
    sorted.sort_by_key(|event| event.made);
    let line = |event: &Event<(A, Reply)>| {
        format!("{:>9}..{:>9} {} -> {:?}\n", event.made, event.returned, event.call.0.show(), event.call.1)
    };
    sorted.into_iter().map(line).collect()
}

#[test]
fn histories_of_one_register() {
    check(|rng, value| match rng.usize(..5) {
        0 => Call::Set(0, value),
        1 => Call::GetSet(0, value),
        2 => Call::SetIfAbsent(0, value),
        3 => Call::Delete(0),
        _ => Call::Get(0),
    });
}

#[test]
fn histories_of_one_counter() {
    check(|rng, _| match rng.usize(..4) {
        0 => Call::Get(0),
        1 => Call::Delete(0),
        _ => Call::Increment(0),
    });
}

#[test]
fn histories_of_one_list() {
    check(|rng, value| match rng.usize(..5) {
        0 | 1 => Call::PushLeft(0, value),
        2 => Call::Length(0),
        _ => Call::PopRight(0),
    });
}

#[test]
fn histories_of_several_keys() {
    check(|rng, value| match rng.usize(..7) {
        0 | 1 => Call::SetAll(value),
        2 => Call::Set(rng.usize(..KEYS), value),
        3 => Call::Rename(rng.usize(..KEYS), rng.usize(..KEYS)),
        4 => Call::Get(rng.usize(..KEYS)),
        _ => Call::GetAll,
    });
}

#[test]
fn histories_of_moves_between_lists() {
    check(|rng, value| match rng.usize(..6) {
        0 | 1 => Call::PushLeft(rng.usize(..2), value),
        2 => Call::PopRight(rng.usize(..2)),
        3 => Call::Length(rng.usize(..2)),
        _ => Call::Rotate(rng.usize(..2), rng.usize(..2)),
    });
}

/// The recorder's model must refuse what a server without atomic MSET would answer.
#[test]
fn a_torn_mset_is_refused() {
    let event = |made, returned, call, reply| Event { made, returned, call: (call, reply) };
    let history = |seen: [i64; 3]| {
        vec![
            event(0, 1, Call::SetAll(1), ok()),
            event(2, 9, Call::SetAll(2), ok()),
            event(3, 4, Call::GetAll, Reply::Array(seen.map(bulk).to_vec())),
        ]
    };
    assert!(is_linearizable(&Keys(PhantomData), &history([1, 1, 1])));
    assert!(is_linearizable(&Keys(PhantomData), &history([2, 2, 2])));
    assert!(!is_linearizable(&Keys(PhantomData), &history([2, 1, 2])));
}
