//! Function libraries: calls in parallel with changes, state, the forms of replies, KILL, STATS and BUSY, the journal's records,
//! INFO. What one client sees after the other is compared with redis-server by the cases `functions-*.txt`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::client::encode;
use crate::support::{Client, Reply, Server, eventually, scaled};

const HEAD: &str = "#!lua name=";

/// FUNCTION LOAD REPLACE of a library.
fn load(client: &mut Client, name: &str, code: &str) {
    let source = format!("{HEAD}{name}\n{code}");
    assert_eq!(client.call(&["FUNCTION", "LOAD", "REPLACE", &source]), Reply::Bulk(name.into()), "{code}");
}

fn call(client: &mut Client, line: &str) -> Reply {
    client.call(&line.split(' ').collect::<Vec<_>>())
}

fn info(client: &mut Client, field: &str) -> u64 {
    let page = call(client, "INFO memory").text();
    let value = page.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("no {field} in {page}")).parse().unwrap()
}

fn await_running(client: &mut Client) {
    eventually("a function runs", || !matches!(call(client, "FUNCTION STATS").items()[1], Reply::Null));
}

fn ok() -> Reply {
    Reply::Simple("OK".into())
}

#[test]
fn state_is_one_for_all_workers() {
    const CLIENTS: usize = 8;
    let calls = scaled(200);
    let server = Server::with_workers(4);
    load(
        &mut server.client(),
        "lib",
        "local n = 0 redis.register_function('next', function() n = n + 1 return n end)",
    );
    let threads: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = server.client();
            thread::spawn(move || {
                (0..calls).map(|_| call(&mut client, "FCALL next 0").integer()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut seen: Vec<i64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(1..=(CLIENTS * calls) as i64));
}

/// The function and a key say the same at every moment: they change in one transaction, and calls come before or after it.
#[test]
fn calls_see_a_change_whole() {
    let server = Server::with_workers(4);
    let library = |version: usize| {
        format!(
            "{HEAD}lib\nredis.register_function('same', function(keys) return {{{version}, redis.call('GET', keys[1])}} end)"
        )
    };
    let install = |client: &mut Client, version: usize| {
        let number = version.to_string();
        let source = library(version);
        let words = [
            &["MULTI"][..],
            &["FUNCTION", "LOAD", "REPLACE", &source],
            &["SET", "version", &number],
            &["EXEC"],
        ];
        for words in words {
            client.send(&encode(words)).unwrap();
        }
        let replies: Vec<Reply> = words.iter().map(|_| client.read().unwrap()).collect();
        assert_eq!(replies[3].items().len(), 2, "{replies:?}");
    };
    let mut writer = server.client();
    install(&mut writer, 0);
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = server.client();
                while !ended.load(Ordering::Relaxed) {
                    let reply = call(&mut client, "FCALL same 1 version");
                    let [number, text] = reply.items() else { panic!("{reply:?}") };
                    assert_eq!(number.integer().to_string(), text.text());
                }
            });
        }
        (1..scaled(150)).for_each(|version| install(&mut writer, version));
        ended.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_is_deleted_is_gone_for_every_client() {
    let server = Server::with_workers(4);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for round in 0..scaled(20) {
        load(&mut clients[round % 4], "lib", "redis.register_function('f', function() return 'here' end)");
        for client in &mut clients {
            assert_eq!(call(client, "FCALL f 0").text(), "here");
        }
        let line = ["FUNCTION DELETE lib", "FUNCTION FLUSH", "FUNCTION FLUSH SYNC"][round % 3];
        assert_eq!(call(&mut clients[(round + 1) % 4], line), ok());
        for client in &mut clients {
            assert_eq!(call(client, "FCALL f 0"), Reply::Error("ERR Function not found".into()));
        }
    }
}

#[test]
fn dumps_are_restored() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let restore = |client: &mut Client, payload: &[u8], policy: &[&str]| {
        let words = [&b"FUNCTION"[..], b"RESTORE", payload];
        let words: Vec<&[u8]> = words.into_iter().chain(policy.iter().map(|word| word.as_bytes())).collect();
        client.send(&encode(&words)).unwrap();
        client.read().unwrap()
    };
    let error = |text: &str| Reply::Error(format!("ERR {text}"));
    load(&mut client, "one", "redis.register_function('f', function() return 1 end)");
    load(&mut client, "two", "redis.register_function('g', function() return 2 end)");
    let Reply::Bulk(payload) = call(&mut client, "FUNCTION DUMP") else { panic!("no payload") };
    let listed = call(&mut client, "FUNCTION LIST WITHCODE");
    assert_eq!(restore(&mut client, &payload, &[]), error("Library one already exists"));
    assert_eq!(restore(&mut client, &payload, &["append"]), error("Library one already exists"));
    assert_eq!(restore(&mut client, &payload, &["REPLACE"]), ok());
    load(&mut client, "three", "redis.register_function('h', function() return 3 end)");
    assert_eq!(restore(&mut client, &payload, &["FLUSH"]), ok());
    assert_eq!(call(&mut client, "FUNCTION LIST WITHCODE"), listed);
    assert_eq!(call(&mut client, "FUNCTION FLUSH"), ok());
    load(&mut client, "three", "redis.register_function('g', function() return 3 end)");
    assert_eq!(restore(&mut client, &payload, &["REPLACE"]), error("Function g already exists"));
    assert_eq!(call(&mut client, "FCALL f 0"), error("Function not found"));
    assert_eq!(call(&mut client, "FUNCTION FLUSH"), ok());
    assert_eq!(restore(&mut client, &payload, &[]), ok());
    assert_eq!(call(&mut client, "FUNCTION LIST WITHCODE"), listed);
    assert_eq!(call(&mut client, "FCALL g 0"), Reply::Integer(2));
    let refused = "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.";
    assert_eq!(restore(&mut client, &payload, &["KEEP"]), error(refused));
    let wrong = "DUMP payload version or checksum are wrong";
    assert_eq!(restore(&mut client, &payload[1..], &[]), error(wrong));
    assert_eq!(restore(&mut client, b"", &[]), error(wrong));
    assert!(
        restore(&mut client, &payload, &["FLUSH", "x"]).is_error("ERR unknown subcommand or wrong number")
    );
    call(&mut client, "SET text value");
    let Reply::Bulk(value) = call(&mut client, "DUMP text") else { panic!("no payload") };
    assert_eq!(restore(&mut client, &value, &["FLUSH"]), error("given type is not a function"));
    assert_eq!(call(&mut client, "FUNCTION LIST WITHCODE"), listed);
}

#[test]
fn forms_in_the_newer_protocol() {
    let server = Server::start(&[]);
    let mut client = server.client();
    load(
        &mut client,
        "lib",
        "redis.register_function{function_name = 'f', callback = function() end, flags = {'no-writes'}}",
    );
    call(&mut client, "HELLO 3");
    let bytes = |client: &mut Client, words: &[&str]| {
        use std::io::Read;
        client.send(&encode(words)).unwrap();
        let mut found = vec![0; 4096];
        let count = client.stream().read(&mut found).unwrap();
        String::from_utf8(found[..count].to_vec()).unwrap().replace("\r\n", " ")
    };
    assert_eq!(
        bytes(&mut client, &["FUNCTION", "LIST"]),
        "*1 %3 $12 library_name $3 lib $6 engine $3 LUA $9 functions *1 %3 $4 name $1 f $11 description _ $5 flags ~1 \
         +no-writes "
    );
    assert_eq!(
        bytes(&mut client, &["FUNCTION", "STATS"]),
        "%2 $14 running_script _ $7 engines %1 $3 LUA %2 $15 libraries_count :1 $15 functions_count :1 "
    );
}

#[test]
fn a_function_is_killed_while_others_work() {
    let server = Server::start(&["--server-threads", "2", "--busy-reply-threshold", "50"]);
    let (mut client, mut caller) = (server.client(), server.client());
    load(&mut client, "lib", "redis.register_function('loop', function() while true do end end)");
    caller.send(&encode(&["FCALL", "loop", "1", "key"])).unwrap();
    eventually("the function runs", || {
        !matches!(call(&mut client, "FUNCTION STATS").items()[1], Reply::Null)
    });
    let stats = call(&mut client, "FUNCTION STATS");
    let running = stats.items()[1].items();
    assert_eq!(running[..2], [Reply::Bulk(b"name".to_vec()), Reply::Bulk(b"loop".to_vec())]);
    let command = ["FCALL", "loop", "1", "key"].map(|word| Reply::Bulk(word.into()));
    assert_eq!(running[3].items(), command);
    assert_eq!(call(&mut client, "SET other value"), ok());
    let busy = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    assert_eq!(call(&mut client, "FUNCTION DELETE lib"), Reply::Error(busy.into()));
    assert!(call(&mut client, "SCRIPT KILL").is_error("NOTBUSY"));
    eventually("it has been slow", || {
        call(&mut client, "FUNCTION STATS").items()[1].items()[5].integer() > 50
    });
    assert_eq!(call(&mut client, "FUNCTION KILL"), ok());
    // The words are those of Redis 7.2.4.
    let ended = "ERR Script killed by user with SCRIPT KILL... script: loop, on @user_function:2.";
    assert_eq!(caller.read().unwrap(), Reply::Error(ended.into()));
    assert!(call(&mut client, "FUNCTION KILL").is_error("NOTBUSY"));
    assert_eq!(call(&mut client, "FUNCTION DELETE lib"), ok());
}

#[test]
fn a_function_that_has_written_is_not_killed() {
    let server = Server::start(&[]);
    let (mut client, mut caller) = (server.client(), server.client());
    let code = "redis.register_function('slow', function(keys) redis.call('SET', keys[1], 'written') \
                local turns = 0 while turns < 3e8 do turns = turns + 1 end return 'ended' end)";
    load(&mut client, "lib", code);
    caller.send(&encode(&["FCALL", "slow", "1", "key"])).unwrap();
    await_running(&mut client);
    thread::sleep(Duration::from_millis(50));
    assert!(call(&mut client, "FUNCTION KILL").is_error("UNKILLABLE"));
    assert_eq!(call(&mut client, "FUNCTION STATS").items()[1].items()[1].text(), "slow");
}

#[test]
fn loading_ends_in_time() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let refused = client.call(&["FUNCTION", "LOAD", &format!("{HEAD}lib\nwhile true do end")]);
    assert_eq!(refused, Reply::Error("ERR Error registering functions: ERR FUNCTION LOAD timeout".into()));
    assert_eq!(call(&mut client, "FUNCTION LIST").items().len(), 0);
}

#[test]
fn memory_that_is_full_refuses_functions_that_write() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut check = |flags: &str, expected: &str| {
        call(&mut client, "CONFIG SET maxmemory 0");
        let code = format!(
            "redis.register_function{{function_name = 'f', flags = {{{flags}}}, callback = function(keys) \
             return redis.call('SET', 'k', 'v') end}}"
        );
        load(&mut client, "lib", &code);
        call(&mut client, "CONFIG SET maxmemory 1");
        let reply = call(&mut client, "FCALL f 0");
        assert!(
            matches!(&reply, Reply::Error(text) | Reply::Simple(text) if text == expected),
            "{flags}: {reply:?}"
        );
    };
    check("", "OOM command not allowed when used memory > 'maxmemory'.");
    check("'allow-oom'", "OK");
    check(
        "'no-writes'",
        "ERR Write commands are not allowed from read-only scripts. script: f, on @user_function:2.",
    );
    assert!(call(&mut client, "FUNCTION LOAD x").is_error("OOM"));
}

#[test]
fn memory_and_numbers_are_told() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let fields =
        ["number_of_functions", "number_of_libraries", "used_memory_functions", "used_memory_vm_functions"];
    for field in fields {
        assert_eq!(info(&mut client, field), 0, "{field}");
    }
    let code =
        "redis.register_function('f', function() return 1 end) redis.register_function('g', function() end)";
    load(&mut client, "lib", code);
    call(&mut client, "FCALL f 0");
    client.call(&["EVAL", "return 1", "0"]);
    assert_eq!(fields.map(|field| info(&mut client, field))[..2], [2, 1]);
    assert!(info(&mut client, "used_memory_functions") > code.len() as u64);
    let [eval, functions, total] =
        ["used_memory_vm_eval", "used_memory_vm_functions", "used_memory_vm_total"]
            .map(|field| info(&mut client, field));
    assert!(eval > 10_000 && functions > 10_000 && total == eval + functions, "{eval} {functions} {total}");
    assert_eq!(info(&mut client, "number_of_cached_scripts"), 1);
    assert!(info(&mut client, "used_memory_scripts") > info(&mut client, "used_memory_functions"));
    call(&mut client, "FLUSHALL");
    assert_eq!(info(&mut client, "number_of_libraries"), 1);
}

#[test]
fn a_change_waits_for_slow_functions_alone() {
    let server = Server::with_workers(2);
    let (mut client, mut caller) = (server.client(), server.client());
    let code = "redis.register_function('slow', function(keys) local turns = 0 while turns < 2e7 do turns = turns + 1 end \
                return redis.call('INCR', keys[1]) end)";
    load(&mut client, "lib", code);
    caller.send(&encode(&["FCALL", "slow", "1", "key"])).unwrap();
    thread::sleep(Duration::from_millis(20));
    load(&mut client, "lib", "redis.register_function('quick', function() return 'quick' end)");
    assert_eq!(caller.read().unwrap(), Reply::Integer(1));
    assert_eq!(call(&mut client, "FCALL quick 0").text(), "quick");
    assert!(call(&mut client, "FCALL slow 1 key").is_error("ERR Function not found"));
}
