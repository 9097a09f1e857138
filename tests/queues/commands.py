"""What the libraries send to the server that their packages here do not: Sidekiq 7 and 8 (which Debian does not have yet) and
BullMQ's blocking, command by command over RESP3, with the exact types of the replies. PORT is the server's.
"""

import os
import pathlib
import sys
import threading
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
from resp import NULL, Connection, encode  # noqa: E402

PORT = int(os.environ["PORT"])
LATE_SECONDS = 0.9  # ioredis and redis-client give up a second after the time-out that they asked for
OK = ("+", b"OK")
TESTS = []
POP_DUE = """
local due = redis.call("zrange", KEYS[1], "-inf", ARGV[1], "byscore", "limit", 0, 1)[1]
if due then
  redis.call("zrem", KEYS[1], due)
end
return due
"""


def test(function):
    TESTS.append(function)
    return function


def connect():
    connection = Connection(PORT, 30)
    connection.call("HELLO", "3")
    return connection


def equal(actual, expected, what="reply"):
    assert actual == expected, f"{what} {actual!r}, expected {expected!r}"


def texts(*items):
    return [str(item).encode() for item in items]


def double(text):
    return (",", text.encode())


def pipeline(c, *commands):
    c.send(b"".join(encode(texts(*command)) for command in commands))
    return [c.read() for _ in commands]


def check_time_out(c, seconds, *command):
    """On time in one of three tries: the machine may be busy."""
    times = []
    while not times or (times[-1] > seconds + LATE_SECONDS and len(times) < 3):
        started = time.monotonic()
        equal(c.call(*command, seconds), NULL)
        times.append(time.monotonic() - started)
    assert times[-1] <= seconds + LATE_SECONDS and min(times) >= seconds - 0.001, f"{command}, {seconds} s: took {times}"


def later(seconds, work):
    thread = threading.Timer(seconds, work)
    thread.start()
    return thread


@test
def greeting(c):
    kind, flat = c.call("HELLO", "3")
    hello = dict(zip(flat[::2], flat[1::2]))
    equal((kind, hello[b"server"], hello[b"proto"], hello[b"role"]), ("%", b"redis", 3, b"master"))
    assert tuple(map(int, hello[b"version"].split(b"."))) >= (7, 0, 8), "Sidekiq 8 asks for 7.0, BullMQ for 7.0.8"
    info = c.call("INFO")
    text = info[1] if isinstance(info, tuple) else info
    assert b"\r\nredis_version:7." in text and b"\r\nloading:0\r\n" in text
    assert b"\r\nmaxmemory_policy:noeviction\r\n" in c_info(c, "memory"), "BullMQ warns"
    for name in (b"dragonfly_version", b"valkey_version", b"Valkey"):
        assert name not in text, f"INFO speaks of {name.decode()}: libraries behave differently then"


def c_info(c, section):
    info = c.call("INFO", section)
    return info[1] if isinstance(info, tuple) else info


@test
def name_and_end(c):
    other = connect()
    equal(other.call("CLIENT", "SETNAME", "bull:cXVldWU=:w:one"), OK)
    listed = c.call("CLIENT", "LIST")
    assert b" name=bull:cXVldWU=:w:one " in (listed[1] if isinstance(listed, tuple) else listed)
    equal(other.call("QUIT"), OK)
    try:
        other.read()
    except ConnectionError:
        return
    raise AssertionError("QUIT left the connection open")


@test
def types_of_replies(c):
    c.call("HSET", "h", "a", "1")
    equal(c.call("HGETALL", "h"), ("%", texts("a", "1")))
    equal(c.call("HGETALL", "none"), ("%", []))
    equal(c.call("GET", "none"), NULL)
    c.call("ZADD", "z", "1.5", "a", "7000000000000001", "b")
    equal(c.call("ZRANGE", "z", "0", "-1", "WITHSCORES"), [[b"a", double("1.5")], [b"b", double("7000000000000001")]])
    equal(c.call("ZSCORE", "z", "a"), double("1.5"))
    equal(c.call("ZPOPMIN", "z"), [b"a", double("1.5")])
    equal(c.call("ZPOPMIN", "z", "1"), [[b"b", double("7000000000000001")]])
    c.call("ZADD", "z", "2", "c")
    equal(c.call("BZPOPMIN", "z", "1"), [b"z", b"c", double("2")])
    c.call("XADD", "x", "1-1", "f", "v")
    equal(c.call("XREAD", "STREAMS", "x", "0"), ("%", [b"x", [[b"1-1", texts("f", "v")]]]))
    equal(c.call("SMEMBERS", "none"), ("~", []))


@test
def push_and_look(c):
    equal(c.call("SADD", "queues", "a", "b", "c"), 3)
    equal(c.call("LPUSH", "queue:a", *"12345"), 5)
    equal(c.call("RPUSH", "queue:a", "0", "-1"), 7)
    equal((c.call("LINDEX", "queue:a", "-1"), c.call("LREM", "queue:a", "-1", "3")), (b"-1", 1))
    equal(c.call("LRANGE", "queue:a", "0", "49"), texts(5, 4, 2, 1, 0, -1))
    equal(c.call("MGET", "stat:processed", "stat:failed"), [NULL, NULL])
    equal((c.call("INCRBY", "stat:processed", "3"), c.call("HINCRBY", "h", "f", "2")), (3, 2))
    equal([c.call("HSETNX", "h", "g", "1"), c.call("HSETNX", "h", "g", "2")], [1, 0])
    equal([c.call("SET", "lock", "1", "NX", "EX", "60"), c.call("SET", "lock", "2", "nx", "ex", "60")], [OK, NULL])
    equal([c.call("EXPIRE", "h", "60", "NX"), c.call("EXPIRE", "h", "90", "nx")], [1, 0])
    equal([c.call("TYPE", "h"), c.call("UNLINK", "h", "lock", "none"), c.call("FLUSHDB")], [("+", b"hash"), 2, OK])


@test
def sorted_sets(c):
    c.call("ZADD", "schedule", "1", "a", "2", "b", "3", "c", "4.25", "d")
    equal(c.call("zrange", "schedule", "+inf", "2", "byscore", "rev", "limit", "0", "2", "withscores"),
          [[b"d", double("4.25")], [b"c", double("3")]])  # fmt: skip
    equal(c.call("ZRANGE", "schedule", "+inf", "-inf", "BYSCORE", "REV", "LIMIT", "1", "2"), texts("c", "b"))
    equal(c.call("ZSCAN", "schedule", "0", "MATCH", "d*", "COUNT", "100"), [b"0", [b"d", b"4.25"]])
    equal((c.call("ZINCRBY", "schedule", "-0.25", "d"), c.call("ZCOUNT", "schedule", "-inf", "(3")), (double("4"), 2))
    equal(c.call("ZREMRANGEBYSCORE", "schedule", "-inf", "1"), 1)
    equal((c.call("ZREMRANGEBYRANK", "schedule", "0", "-3"), c.call("ZCARD", "schedule")), (1, 2))
    c.call("SADD", "processes", "p1", "p2")
    cursor, members = c.call("SSCAN", "processes", "0")
    equal((cursor, sorted(members)), (b"0", texts("p1", "p2")))


@test
def histograms(c):
    for bucket, count in ((0, 65000), (25, 3), (0, 60000)):
        c.call("BITFIELD", "j|hist", "OVERFLOW", "SAT", "INCRBY", "u16", f"#{bucket}", count)
    gets = [word for bucket in range(26) for word in ("GET", "u16", f"#{bucket}")]
    equal(c.call("BITFIELD_RO", "j|hist", *gets), [65535] + [0] * 24 + [3])
    equal(c.call("BITFIELD_RO", "none", *gets), [0] * 26)


@test
def heartbeat(c):
    now = str(time.time())
    replies = pipeline(
        c, ("MULTI",), ("SADD", "processes", "host:1:abc"), ("EXISTS", "host:1:abc"),
        ("HSET", "host:1:abc", "info", "{}", "busy", 0, "beat", now, "rtt_us", 120, "quiet", "false", "rss", 60000),
        ("EXPIRE", "host:1:abc", 60), ("RPOP", "host:1:abc-signals"), ("EXEC",))  # fmt: skip
    equal(replies, [OK] + [("+", b"QUEUED")] * 5 + [[1, 0, 6, 1, NULL]])
    replies = pipeline(
        c, ("MULTI",), ("UNLINK", "host:1:abc:work"), ("HSET", "host:1:abc:work", "tid", "{}"),
        ("EXPIRE", "host:1:abc:work", 60), ("HGETALL", "host:1:abc:work"), ("EXEC",))  # fmt: skip
    equal(replies[-1], [0, 1, 1, ("%", texts("tid", "{}"))])


@test
def due_jobs_by_script(c):
    digest = c.call("SCRIPT", "LOAD", POP_DUE)
    c.call("ZADD", "schedule", "1", "early", "2", "later", "99", "not yet")
    replies = [c.call("EVALSHA", digest, "1", "schedule", "50") for _ in range(3)]
    equal(replies, [b"early", b"later", NULL])
    c.call("ZADD", "retry", "1.5", "a")
    equal(connect().call("EVALSHA", digest, "1", "retry", "50"), b"a", "on another connection")
    c.call("ZADD", "retry", "1", "b", "2", "c")
    replies = pipeline(c, ("MULTI",), *[("EVALSHA", digest.decode(), 1, "retry", 50)] * 2, ("ZCARD", "retry"), ("EXEC",))
    equal(replies[-1], [b"b", b"c", 0])
    kind, text = c.call("EVALSHA", "0" * 40, "0")
    assert kind == "-" and text.startswith(b"NOSCRIPT"), text


@test
def fetching_from_several_queues(c):
    c.call("LPUSH", "queue:low", "l1")
    c.call("LPUSH", "queue:high", "h1", "h2")
    fetch = ("BRPOP", "queue:high", "queue:middle", "queue:low", "2")
    equal([c.call(*fetch) for _ in range(3)],
          [texts("queue:high", "h1"), texts("queue:high", "h2"), texts("queue:low", "l1")])  # fmt: skip
    check_time_out(c, 2, *fetch[:-1])
    later(0.2, lambda: connect().call("LPUSH", "queue:middle", "m1"))
    equal(c.call(*fetch), texts("queue:middle", "m1"))


@test
def one_job_to_one_fetcher(c):
    got, lock = [], threading.Lock()

    def fetch():
        connection = connect()
        while (reply := connection.call("BRPOP", "queue:a", "queue:b", "1")) != NULL:
            with lock:
                got.append(reply[1])

    threads = [threading.Thread(target=fetch) for _ in range(20)]
    for thread in threads:
        thread.start()
    for first in range(0, 600, 3):
        c.call("LPUSH", f"queue:{'ab'[first % 2]}", first, first + 1, first + 2)
    for thread in threads:
        thread.join()
    equal(sorted(map(int, got)), list(range(600)))


@test
def short_time_outs(c):
    for timeout in (0.001, 0.05, 0.5):
        check_time_out(c, timeout, "BZPOPMIN", "none")


@test
def a_script_wakes(c):
    """The key is not among KEYS, as in half of BullMQ's scripts."""
    add = 'return redis.call("zadd", KEYS[1] .. ":marker", 0, "0")'
    later(0.2, lambda: connect().call("EVAL", add, "1", "bull:q"))
    started = time.monotonic()
    equal(c.call("BZPOPMIN", "bull:q:marker", "10"), [b"bull:q:marker", b"0", double("0")])
    assert time.monotonic() - started < 5
    event = 'return redis.call("xadd", ARGV[1] .. ":events", "maxlen", "~", 100, "*", "event", "added")'
    later(0.2, lambda: connect().call("EVAL", event, "0", "bull:q"))
    kind, (key, entries) = c.call("XREAD", "BLOCK", "10000", "STREAMS", "bull:q:events", "$")
    equal((kind, key, [fields for _, fields in entries]), ("%", b"bull:q:events", [texts("event", "added")]))
    last = entries[-1][0]
    later(0.2, lambda: connect().call("EVAL", event, "0", "bull:q"))
    kind, (key, entries) = c.call("XREAD", "BLOCK", "10000", "STREAMS", "bull:q:events", last)
    equal(len(entries), 1)


@test
def lua_as_the_libraries_use_it(c):
    """Values and conversions that their scripts rely on."""
    for script, expected in (
        ("return 3.99", 3),
        ("return {1, 2, nil, 4}", [1, 2]),
        ("return redis.call('get', 'none') == false", 1),
        ("return redis.call('set', 'k', 'v')['ok']", b"OK"),
        ("return redis.call('set', 'k', 'v')", OK),
        ("return redis.error_reply('CODE text')", ("-", b"CODE text")),
        ("return '10' + 5", 15),
        ("return cjson.encode({a = {1, 'x', true, cjson.null}})", b'{"a":[1,"x",true,null]}'),
        ("return cjson.decode('{\"a\":[1,2,{\"b\":3}]}')['a'][3]['b']", 3),
        ("return cmsgpack.unpack(cmsgpack.pack({1, 'two', {three = 3}}))[2]", b"two"),
        ("return bit.band(0xff0f, 0x1fff)", 0x1F0F),
        ("return 0x1000000000000 + 1", 2**48 + 1),
        ("return math.floor(math.min(7.9, 8)) + math.max(1, 2) + math.abs(-3)", 12),
        ("return {string.match('bull:q:12', '([^:]+):(%d+)$')}", texts("q", 12)),
        ("local t = {} for n = 1, 7000 do t[n] = n end return select('#', unpack(t))", 7000),
        ("redis.call('zadd', 'z', 7036874417766401, 'm') return redis.call('zscore', 'z', 'm')", b"7036874417766401"),
        ("return redis.call('set', 'n', 1753000000000 * 4096) and redis.call('get', 'n')", b"7180288000000000"),
        ("return tostring(1e15)", b"1e+15"),
        ("return {redis.call('hmget', 'none', 'a', 'b')[1] == false, #KEYS, #ARGV}", [1, 0, 0]),
    ):
        equal(c.call("EVAL", script, "0"), expected, script)


def main():
    failed = 0
    for function in TESTS:
        fresh = connect()
        try:
            fresh.call("FLUSHALL")
            function(fresh)
            print(f"ok {function.__name__}", flush=True)
        except Exception as error:
            failed += 1
            where = traceback.extract_tb(error.__traceback__)
            line = next((f.lineno for f in reversed(where) if f.filename == __file__), 0)
            print(f"FAILED {function.__name__} (line {line}): {type(error).__name__}: {str(error)[:500]}", flush=True)
        fresh.close()
    print(f"{len(TESTS) - failed} passed, {failed} failed")
    raise SystemExit(1 if failed else 0)


main()
