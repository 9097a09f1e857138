//! Scripts among other clients' commands and transactions: those that reach only their KEYS, and those that build the names of
//! their keys, so that the server cannot know them beforehand.

use fastrand::Rng;

use super::histories::{self, Action, Call, KEYS, Value};
use super::{WORKERS, on_connections, words};
use crate::support::{Client, Reply, Server, scaled, seed};

const CONNECTIONS: usize = 8;
/// Steps of the test of totals at one number of workers, over all its connections.
const STEPS: usize = 12_000;
const ACCOUNTS: usize = 5;
const BALANCE: i64 = 1000;
const LISTS: usize = 3;
const ELEMENTS: usize = 12;

/// How a script names its keys.
#[derive(Clone, Copy, Debug)]
enum Naming {
    /// By KEYS alone.
    Declared,
    /// By texts put together in the script.
    Built,
    /// The first by KEYS, the others not.
    Half,
}

const NAMINGS: [Naming; 3] = [Naming::Declared, Naming::Built, Naming::Half];

/// A script under construction: its text, and what KEYS and ARGV will be.
#[derive(Clone, Debug, Default)]
struct Script {
    text: String,
    keys: Vec<String>,
    arguments: Vec<String>,
}

impl Script {
    /// The expression of a key's name.
    fn key(&mut self, naming: Naming, name: &str) -> String {
        let declared = match naming {
            Naming::Declared => true,
            Naming::Built => false,
            Naming::Half => self.keys.is_empty() && self.arguments.is_empty(),
        };
        if declared {
            self.keys.push(name.into());
            return format!("KEYS[{}]", self.keys.len());
        }
        let (head, tail) = name.split_at(name.len() / 2);
        let head = self.argument(head);
        format!("{head} .. '{tail}'")
    }

    fn argument(&mut self, value: &str) -> String {
        self.arguments.push(value.into());
        format!("ARGV[{}]", self.arguments.len())
    }

    /// The whole command.
    fn command(&self) -> Vec<String> {
        let count = self.keys.len().to_string();
        let head = ["EVAL".to_owned(), self.text.clone(), count];
        head.into_iter().chain(self.keys.clone()).chain(self.arguments.clone()).collect()
    }
}

fn one(rng: &mut Rng, choices: &[Naming]) -> Naming {
    choices[rng.usize(..choices.len())]
}

fn call(client: &mut Client, command: &[String]) -> Reply {
    client.pipeline(&[command.to_vec()]).remove(0)
}

/// A transfer between two accounts that may fail afterwards: what a script has done stays.
fn transfer(rng: &mut Rng) -> Script {
    let naming = one(rng, &NAMINGS);
    let mut script = Script::default();
    let (from, to) = (account(rng), account(rng));
    let (from, to) = (script.key(naming, &from), script.key(naming, &to));
    let amount = script.argument(&rng.i64(1..50).to_string());
    let burn = ["", "for turn = 1, 20000 do end "][usize::from(rng.u8(..8) == 0)];
    let failing = format!("return redis.call('LPUSH', {from}, 1)");
    let end = ["return 1", failing.as_str(), "error('on purpose')"][rng.usize(..12).saturating_sub(9)];
    script.text =
        format!("redis.call('DECRBY', {from}, {amount}) {burn}redis.call('INCRBY', {to}, {amount}) {end}");
    script
}

/// Moves up to three elements from one list to another.
fn shift(rng: &mut Rng) -> Script {
    let naming = one(rng, &NAMINGS);
    let mut script = Script::default();
    let (from, to) = (list(rng), list(rng));
    let (from, to) = (script.key(naming, &from), script.key(naming, &to));
    let count = script.argument(&rng.usize(1..4).to_string());
    script.text = format!(
        "for turn = 1, {count} do local element = redis.call('RPOP', {from}) \
         if element then redis.call('LPUSH', {to}, element) end end return 1"
    );
    script
}

/// The sum of all balances, or the length of all lists, in a script.
fn survey(rng: &mut Rng, lists: bool) -> Script {
    let naming = one(rng, &NAMINGS);
    let mut script = Script::default();
    let (prefix, count, command) = if lists { ("list", LISTS, "LLEN") } else { ("account", ACCOUNTS, "GET") };
    let terms: Vec<String> = (0..count)
        .map(|n| format!("redis.call('{command}', {})", script.key(naming, &format!("{prefix}:{n}"))))
        .collect();
    script.text = format!("return {}", terms.join(" + "));
    script
}

fn account(rng: &mut Rng) -> String {
    format!("account:{}", rng.usize(..ACCOUNTS))
}

fn list(rng: &mut Rng) -> String {
    format!("list:{}", rng.usize(..LISTS))
}

#[test]
fn scripts_transactions_and_commands_keep_the_totals() {
    let seed = seed();
    for workers in WORKERS {
        let server = Server::with_workers(workers);
        fill(&mut server.client());
        on_connections(&server, CONNECTIONS, |number, client| {
            let mut rng = Rng::with_seed(seed ^ (number as u64) << 32);
            for _ in 0..scaled(STEPS) / CONNECTIONS {
                step(client, &mut rng);
            }
        });
        check_elements(&mut server.client());
    }
}

fn fill(client: &mut Client) {
    for n in 0..ACCOUNTS {
        call(client, &words(&format!("SET account:{n} {BALANCE}")));
    }
    for n in 0..ELEMENTS {
        call(client, &words(&format!("RPUSH list:{} {n}", n % LISTS)));
    }
}

fn step(client: &mut Client, rng: &mut Rng) {
    match rng.usize(..10) {
        0 | 1 => expect_done(&call(client, &transfer(rng).command())),
        2 | 3 => expect_done(&call(client, &shift(rng).command())),
        4 => {
            let reply = call(client, &survey(rng, false).command());
            assert_eq!(reply, Reply::Integer(BALANCE * ACCOUNTS as i64), "a script saw half a transfer");
        }
        5 => {
            let reply = call(client, &survey(rng, true).command());
            assert_eq!(reply, Reply::Integer(ELEMENTS as i64), "a script saw an element between two lists");
        }
        6 => check_by_commands(client),
        7 => transact(client, rng),
        8 => {
            let reply = call(client, &words(&format!("BLMOVE {} {} RIGHT LEFT 0.01", list(rng), list(rng))));
            assert!(matches!(reply, Reply::Bulk(_) | Reply::Null), "{reply:?}");
        }
        _ => {
            let reply = call(client, &words(&format!("LMOVE {} {} LEFT LEFT", list(rng), list(rng))));
            assert!(matches!(reply, Reply::Bulk(_) | Reply::Null), "{reply:?}");
        }
    }
}

/// Scripts return 1, unless they fail on purpose.
fn expect_done(reply: &Reply) {
    let on_purpose = |text: &str| text.contains("on purpose") || text.contains("WRONGTYPE");
    let done = *reply == Reply::Integer(1) || matches!(reply, Reply::Error(text) if on_purpose(text));
    assert!(done, "{reply:?}");
}

/// A transaction of commands and scripts.
fn transact(client: &mut Client, rng: &mut Rng) {
    let amount = rng.i64(1..50);
    let mut commands = vec![words("MULTI"), words(&format!("DECRBY {} {amount}", account(rng)))];
    commands.push(transfer(rng).command());
    commands.push(shift(rng).command());
    commands.push(survey(rng, true).command());
    commands.push(words(&format!("INCRBY {} {amount}", account(rng))));
    commands.push(survey(rng, false).command());
    commands.push(words("EXEC"));
    let replies = client.pipeline(&commands);
    let Some(Reply::Array(items)) = replies.last() else { panic!("{replies:?}") };
    expect_done(&items[1]);
    expect_done(&items[2]);
    assert_eq!(items[3], Reply::Integer(ELEMENTS as i64), "{items:?}");
    assert_eq!(items[5], Reply::Integer(BALANCE * ACCOUNTS as i64), "{items:?}");
}

fn check_by_commands(client: &mut Client) {
    let accounts: String = (0..ACCOUNTS).map(|n| format!(" account:{n}")).collect();
    let reply = call(client, &words(&format!("MGET{accounts}")));
    let total: i64 = reply.items().iter().map(|item| item.text().parse::<i64>().unwrap()).sum();
    assert_eq!(total, BALANCE * ACCOUNTS as i64, "MGET saw half a transfer");
    let mut commands = vec![words("MULTI")];
    commands.extend((0..LISTS).map(|n| words(&format!("LLEN list:{n}"))));
    commands.push(words("EXEC"));
    let replies = client.pipeline(&commands);
    let lengths: i64 = replies[LISTS + 1].items().iter().map(Reply::integer).sum();
    assert_eq!(lengths, ELEMENTS as i64, "EXEC saw an element between two lists");
}

/// Every element is in one list, once.
fn check_elements(client: &mut Client) {
    check_by_commands(client);
    let mut found: Vec<usize> = (0..LISTS)
        .flat_map(|n| call(client, &words(&format!("LRANGE list:{n} 0 -1"))).items().to_vec())
        .map(|item| item.text().parse().unwrap())
        .collect();
    found.sort_unstable();
    assert_eq!(found, (0..ELEMENTS).collect::<Vec<_>>());
}

/// What one client does in one step of a history.
#[derive(Clone, Debug)]
enum Step {
    Plain(Call),
    /// The replies in an array.
    Script(Naming, Vec<Call>),
    /// A command, then a script of the others.
    Transaction(Naming, Call, Vec<Call>),
}

impl Action for Step {
    fn perform(&self, client: &mut Client) -> Reply {
        match self {
            Self::Plain(made) => made.perform(client),
            Self::Script(naming, calls) => call(client, &script_of(*naming, calls).command()),
            Self::Transaction(naming, first, calls) => {
                let script = script_of(*naming, calls).command();
                let commands = [words("MULTI"), words(&first.command()), script, words("EXEC")];
                client.pipeline(&commands).pop().unwrap()
            }
        }
    }

    fn execute(&self, state: &mut [Value]) -> Reply {
        match self {
            Self::Plain(call) => call.execute(state),
            Self::Script(_, calls) => execute_all(state, calls),
            Self::Transaction(_, first, calls) => {
                let first = first.execute(state);
                Reply::Array(vec![first, execute_all(state, calls)])
            }
        }
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

fn execute_all(state: &mut [Value], calls: &[Call]) -> Reply {
    Reply::Array(calls.iter().map(|call| call.execute(state)).collect())
}

/// A script that makes these calls and returns their replies, errors as well.
fn script_of(naming: Naming, calls: &[Call]) -> Script {
    let mut script = Script::default();
    let expressions: Vec<String> = calls.iter().map(|call| expression(&mut script, naming, call)).collect();
    script.text = format!("return {{{}}}", expressions.join(", "));
    script
}

fn expression(script: &mut Script, naming: Naming, call: &Call) -> String {
    let line = call.command();
    let mut words = line.split(' ');
    let command = words.next().unwrap();
    let is_key = |at: usize| match command {
        "MSET" => at.is_multiple_of(2),
        "MGET" => true,
        "RENAME" | "LMOVE" => at < 2,
        _ => at == 0,
    };
    let mut parts = vec![format!("'{command}'")];
    for (at, word) in words.enumerate() {
        parts.push(if is_key(at) { script.key(naming, word) } else { script.argument(word) });
    }
    format!("redis.pcall({})", parts.join(", "))
}

fn check(draw: impl Fn(&mut Rng, i64) -> Call + Sync) {
    histories::check(|rng, value| {
        let naming = one(rng, &NAMINGS);
        let mut next = value * 10;
        let mut new = |rng: &mut Rng| {
            next += 1;
            draw(rng, next)
        };
        match rng.usize(..4) {
            0 => Step::Plain(new(rng)),
            1 => Step::Transaction(naming, new(rng), vec![new(rng), new(rng)]),
            2 => Step::Script(naming, vec![new(rng)]),
            _ => Step::Script(naming, vec![new(rng), new(rng)]),
        }
    });
}

#[test]
fn histories_of_scripts_on_one_key() {
    check(|rng, value| match rng.usize(..5) {
        0 => Call::Set(0, value),
        1 => Call::GetSet(0, value),
        2 => Call::Increment(0),
        3 => Call::Delete(0),
        _ => Call::Get(0),
    });
}

#[test]
fn histories_of_scripts_on_several_keys() {
    check(|rng, value| match rng.usize(..7) {
        0 | 1 => Call::SetAll(value),
        2 => Call::Set(rng.usize(..KEYS), value),
        3 => Call::Rename(rng.usize(..KEYS), rng.usize(..KEYS)),
        4 => Call::Get(rng.usize(..KEYS)),
        _ => Call::GetAll,
    });
}

#[test]
fn histories_of_scripts_that_move_between_lists() {
    check(|rng, value| match rng.usize(..6) {
        0 | 1 => Call::PushLeft(rng.usize(..2), value),
        2 => Call::PopRight(rng.usize(..2)),
        3 => Call::Length(rng.usize(..2)),
        _ => Call::Rotate(rng.usize(..2), rng.usize(..2)),
    });
}
