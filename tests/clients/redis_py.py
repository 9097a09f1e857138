"""Tour of redis-py: every family through the package's own methods, then 500 connections with its asyncio side."""

import asyncio
import logging
import os
import threading
import time
import traceback

import redis
import redis.asyncio

PORT, PROTOCOL, PASSWORD = int(os.environ["PORT"]), int(os.environ["PROTOCOL"]), os.environ["PASSWORD"]
OPTIONS = {"port": PORT, "protocol": PROTOCOL, "password": PASSWORD}
CROWD = 500
BINARY = bytes(range(256)) * 4
TESTS = []
logging.disable(logging.CRITICAL)  # the package logs every push it gets


def test(function):
    TESTS.append(function)
    return function


def client(**options):
    return redis.Redis(**{**OPTIONS, "decode_responses": True, **options})


def equal(actual, expected):
    assert actual == expected, f"got {actual!r}, expected {expected!r}"


@test
def connection():
    r = client(client_name="tour", db=3)
    equal(r.ping(), True)
    equal(r.client_getname(), "tour")
    info = r.client_info()
    equal((info["db"], info["name"], int(info["resp"])), (3, "tour", PROTOCOL))
    equal(r.echo("hi"), "hi")
    assert r.client_id() > 0
    assert r.dbsize() == 0 and r.time()[0] > 1_600_000_000
    assert r.command_count() > 150
    assert r.info("server")["redis_version"].startswith("7.2")


@test
def client_side_cache():
    if PROTOCOL == 2:
        return invalidations_by_another_connection()
    from redis.cache import CacheConfig
    from redis.connection import CacheProxyConnection

    # The package asks for 7.4, though 7.2 has all that it uses.
    CacheProxyConnection.MIN_ALLOWED_VERSION = "7.2.0"
    cached, other = client(cache_config=CacheConfig(max_size=100)), client()
    cached.mset({"cached:1": "a", "cached:2": "b"})
    for _ in range(2):
        equal((cached.get("cached:1"), cached.get("cached:2")), ("a", "b"))
    cache = cached.get_cache()
    equal(cache.size, 2)
    for change, expected in [
        (lambda: other.set("cached:1", "c"), "c"),
        (lambda: other.append("cached:1", "d"), "cd"),
        (lambda: other.eval("return redis.call('set', KEYS[1], 'e')", 1, "cached:1"), "e"),
        (lambda: other.delete("cached:1"), None),
        (lambda: other.flushdb(), None),
    ]:
        change()
        equal(cached.get("cached:1"), expected)
        equal(cached.get("cached:1"), expected)
    equal(cached.get("cached:2"), None)


def invalidations_by_another_connection():
    listener, reader, other = client(), client(single_connection_client=True), client()
    subscription = listener.pubsub()
    subscription.subscribe("__redis__:invalidate")
    equal(subscription.get_message(timeout=5)["type"], "subscribe")
    number = next(line["id"] for line in other.client_list() if line["cmd"] == "subscribe")
    equal(reader.client_tracking_on(clientid=int(number)), "OK")
    reader.get("cached:1")
    other.set("cached:1", "x")
    equal(subscription.get_message(timeout=5)["data"], ["cached:1"])
    equal(reader.client_tracking_off(), "OK")
    subscription.close()


@test
def authentication():
    for options in ({"password": "wrong"}, {"username": "nobody", "password": "x"}):
        try:
            client(**options).ping()
        except redis.AuthenticationError:
            continue
        raise AssertionError(f"{options} got in")
    try:
        client(password=None).get("key")
    except redis.AuthenticationError:
        return
    raise AssertionError("no password was needed")


@test
def strings(r):
    equal(r.set("s", "one"), True)
    equal(r.set("s", "two", nx=True), None)
    equal(r.set("s", "two", get=True), "one")
    equal(r.set("s", "three", ex=100), True)
    assert 60 <= r.ttl("s") <= 100
    equal(r.getex("s", persist=True), "three")
    equal(r.ttl("s"), -1)
    equal(r.append("s", "!"), 6)
    equal((r.getrange("s", 0, 2), r.setrange("s", 5, "?"), r.strlen("s")), ("thr", 6, 6))
    equal(r.mset({"a": 1, "b": 2}), True)
    equal(r.mget("a", "b", "none"), ["1", "2", None])
    equal((r.incr("a", 5), r.decr("a"), r.incrbyfloat("a", 0.5)), (6, 5, 5.5))
    equal(r.msetnx({"a": 1, "c": 1}), False)
    equal((r.getdel("b"), r.exists("b")), ("2", 0))
    equal(r.lcs("s", "s", len=True), 6)


@test
def bits(r):
    equal((r.setbit("b", 7, 1), r.getbit("b", 7), r.bitcount("b")), (0, 1, 1))
    equal(r.bitop("NOT", "n", "b"), 1)
    equal(r.bitpos("n", 0), 7)
    equal(r.bitfield("f").set("u8", 0, 255).incrby("u8", 0, 10).get("u8", 0).execute(), [0, 9, 9])


@test
def lists(r):
    equal(r.rpush("l", *"abcabc"), 6)
    equal(r.lrange("l", 1, -2), list("bcab"))
    equal((r.lpos("l", "b", rank=2), r.lpos("l", "b", count=0)), (4, [1, 4]))
    equal((r.linsert("l", "before", "b", "x"), r.lindex("l", 1)), (7, "x"))
    equal((r.lrem("l", 0, "c"), r.llen("l")), (2, 5))
    equal((r.lpop("l"), r.rpop("l", 2)), ("a", ["b", "a"]))
    equal(r.lmove("l", "m", "LEFT", "RIGHT"), "x")
    equal(r.lmpop(2, "none", "m", direction="LEFT"), ["m", ["x"]])
    equal(r.ltrim("l", 1, 0), True)
    equal(r.exists("l"), 0)


@test
def hashes(r):
    equal(r.hset("h", mapping={"a": 1, "b": "two"}), 2)
    equal(r.hgetall("h"), {"a": "1", "b": "two"})
    equal((r.hget("h", "a"), r.hmget("h", "a", "x")), ("1", ["1", None]))
    equal((r.hincrby("h", "a", 4), r.hincrbyfloat("h", "a", 0.5)), (5, 5.5))
    equal((r.hexists("h", "b"), r.hstrlen("h", "b"), r.hlen("h")), (True, 3, 2))
    assert set(r.hrandfield("h", 2)) == {"a", "b"}
    equal(dict(r.hscan_iter("h")), {"a": "5.5", "b": "two"})
    equal((r.hsetnx("h", "b", "x"), r.hdel("h", "a", "b")), (False, 2))


@test
def sets(r):
    equal((r.sadd("s", 1, 2, 3), r.sadd("t", 2, 3, 4)), (3, 3))
    equal(set(r.smembers("s")), {"1", "2", "3"})
    equal(set(r.sinter("s", "t")), {"2", "3"})
    equal((set(r.sunion("s", "t")), set(r.sdiff("s", "t"))), ({"1", "2", "3", "4"}, {"1"}))
    equal((r.sinterstore("d", "s", "t"), r.sintercard(2, ["s", "t"], limit=1)), (2, 1))
    equal((r.sismember("s", 1), r.smismember("s", [1, 9])), (1, [1, 0]))
    equal((r.smove("s", "t", 1), r.srem("s", 2, 3)), (True, 2))
    assert r.spop("t") in {"1", "2", "3", "4"} and len(r.srandmember("t", -5)) == 5


@test
def sorted_sets(r):
    equal(r.zadd("z", {"a": 1, "b": 2.5, "c": float("inf")}), 3)
    equal(r.zrange("z", 0, 0), ["a"])
    scores = r.zrange("z", 0, -1, withscores=True)
    equal([tuple(pair) for pair in scores], [("a", 1.0), ("b", 2.5), ("c", float("inf"))])
    equal((r.zscore("z", "b"), r.zrank("z", "c"), r.zincrby("z", 1, "a")), (2.5, 2, 2.0))
    equal(r.zrangebyscore("z", "(2", "+inf"), ["b", "c"])
    equal((r.zcount("z", 0, 3), r.zmscore("z", ["a", "x"])), (2, [2.0, None]))
    equal(r.zadd("z", {"a": 1}, gt=True, ch=True), 0)
    equal((r.zunionstore("u", ["z"], aggregate="MAX"), r.zcard("u")), (3, 3))
    equal(r.zrangestore("v", "z", 0, 1), 2)
    equal([m for m, _ in r.zscan_iter("z")], ["a", "b", "c"])
    popped = r.zpopmin("z")
    equal([tuple(pair) for pair in popped] if isinstance(popped[0], (list, tuple)) else [tuple(popped)], [("a", 2.0)])


@test
def streams(r):
    first = r.xadd("x", {"f": "1"})
    second = r.xadd("x", {"f": "2"}, maxlen=100, approximate=False)
    equal(r.xlen("x"), 2)
    equal(r.xrange("x"), [(first, {"f": "1"}), (second, {"f": "2"})])
    equal(r.xgroup_create("x", "g", id="0"), True)
    read = r.xreadgroup("g", "alice", {"x": ">"}, count=1)
    entries = read["x"][0] if isinstance(read, dict) else read[0][1]
    equal(entries, [(first, {"f": "1"})])
    equal(r.xpending("x", "g")["pending"], 1)
    equal(r.xclaim("x", "g", "bob", 0, [first]), [(first, {"f": "1"})])
    equal(r.xack("x", "g", first), 1)
    equal(r.xautoclaim("x", "g", "bob", 0)[1], [])
    info = r.xinfo_stream("x")
    equal((info["length"], info["groups"], info["last-generated-id"]), (2, 1, second))
    equal({c["name"] for c in r.xinfo_consumers("x", "g")}, {"alice", "bob"})
    equal((r.xtrim("x", maxlen=1, approximate=False), r.xdel("x", second)), (1, 1))


@test
def keys(r):
    r.mset({"one": 1, "two": 2})
    equal((r.rename("one", "uno"), r.type("uno"), r.copy("uno", "dos")), (True, "string", True))
    equal((r.expire("uno", 100), r.expire("uno", 50, gt=True), r.persist("uno")), (True, False, True))
    assert r.expireat("uno", int(time.time()) + 50) and r.pexpiretime("uno") > time.time() * 1000
    equal(sorted(r.keys("*o*")), ["dos", "two", "uno"])
    equal((r.object("ENCODING", "two"), r.touch("two", "x"), r.unlink("two", "dos")), ("int", 1, 2))
    for n in range(1000):
        r.set(f"scan:{n}", n)
    equal(len(set(r.scan_iter("scan:*", count=100))), 1000)
    assert r.move("uno", 9)
    equal(client(db=9).get("uno"), "1")
    client(db=9).flushdb()


@test
def wrong_type(r):
    r.set("s", "x")
    for call in (lambda: r.lpush("s", 1), lambda: r.hget("s", "f"), lambda: r.incr("s")):
        try:
            call()
        except redis.ResponseError:
            continue
        raise AssertionError("an error was expected")


@test
def binary_and_large():
    r = client(decode_responses=False)
    r.set(BINARY, BINARY)
    equal(r.get(BINARY), BINARY)
    r.hset(b"h\x00", b"\r\n", BINARY)
    equal(r.hgetall(b"h\x00"), {b"\r\n": BINARY})
    large = os.urandom(20 << 20)
    r.set("large", large)
    assert r.get("large") == large
    r.delete("large", BINARY, b"h\x00")


@test
def pipelines(r):
    with r.pipeline(transaction=False) as p:
        for n in range(5000):
            p.set(f"p:{n}", n)
            p.incr("total")
        replies = p.execute()
    equal((len(replies), replies[-1]), (10000, 5000))
    with r.pipeline() as p:
        equal(p.set("t", 1).incr("t").lpush("l", "x").execute(), [True, 2, 1])
    with r.pipeline() as p:
        replies = p.set("t", "x").incr("t").get("t").execute(raise_on_error=False)
    assert isinstance(replies[1], redis.ResponseError) and replies[2] == "x", replies


@test
def watch_retries(r):
    r.set("balance", 0)

    def work():
        mine = client()
        for _ in range(20):
            mine.transaction(lambda p: add_one(p), "balance")

    def add_one(p):
        value = int(p.get("balance"))
        p.multi()
        p.set("balance", value + 1)

    run_threads([work] * 8)
    equal(r.get("balance"), "160")


def run_threads(functions):
    threads = [threading.Thread(target=f) for f in functions]
    [t.start() for t in threads]
    [t.join(60) for t in threads]


@test
def blocking(r):
    waits = {
        "BLPOP": (lambda c: c.blpop(["none", "bl"], 60), lambda: r.rpush("bl", "x"), ["bl", "x"]),
        "BLMOVE": (lambda c: c.blmove("bm", "to", 60), lambda: r.rpush("bm", "x"), "x"),
        "BZPOPMIN": (lambda c: c.bzpopmin("bz", 60), lambda: r.zadd("bz", {"x": 1}), ["bz", "x", 1.0]),
        "BLMPOP": (lambda c: c.blmpop(60, 1, "bp", direction="LEFT"), lambda: r.rpush("bp", "x"), ["bp", ["x"]]),
    }
    for name, (wait, wake, expected) in waits.items():
        found = []
        thread = threading.Thread(target=lambda: found.append(wait(client())))
        thread.start()
        await_blocked(r)
        wake()
        thread.join(60)
        reply = found[0]
        equal((name, list(reply) if isinstance(reply, tuple) else reply), (name, expected))
    started = time.monotonic()
    equal(r.blpop("none", 0.2), None)
    assert 0.19 <= time.monotonic() - started < 30
    found = []
    thread = threading.Thread(target=lambda: found.append(client().xread({"bx": "$"}, block=60000)))
    thread.start()
    await_blocked(r)
    r.xadd("bx", {"f": "v"})
    thread.join(60)
    assert found and found[0], "XREAD BLOCK was not woken"
    assert not r.xread({"bx": "$"}, block=50)


def await_blocked(r):
    deadline = time.monotonic() + 60
    while r.info("clients")["blocked_clients"] != 1:
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.005)


@test
def publish_and_subscribe(r):
    p = r.pubsub()
    p.subscribe("news")
    p.psubscribe("n*")
    p.ssubscribe("shard")
    wait_for(p, 3)
    equal(r.publish("news", "hello"), 2)
    equal(r.execute_command("SPUBLISH", "shard", "hi"), 1)
    messages = wait_for(p, 3)
    kinds = sorted((m["type"], m["channel"], m["data"]) for m in messages)
    equal(kinds, [("message", "news", "hello"), ("pmessage", "news", "hello"), ("smessage", "shard", "hi")])
    equal((r.pubsub_channels(), r.pubsub_numpat()), (["news"], 1))
    p.unsubscribe()
    p.punsubscribe()
    p.close()


def wait_for(p, count):
    messages = []
    deadline = time.monotonic() + 60
    while len(messages) < count and time.monotonic() < deadline:
        message = p.get_sharded_message(timeout=0.05) if p.shard_channels and not p.channels else p.get_message(timeout=0.05)
        if message:
            messages.append(message)
    equal(len(messages), count)
    return messages


@test
def crowd_blpop(r):
    asyncio.run(each_element_once(r))


async def each_element_once(r):
    clients = [redis.asyncio.Redis(**OPTIONS, decode_responses=True) for _ in range(CROWD)]
    waits = [asyncio.create_task(c.blpop(["q1", "q2"], 120)) for c in clients]
    await until(lambda: r.info("clients")["blocked_clients"] == CROWD)
    for n in range(CROWD):
        r.rpush(("q1", "q2")[n % 2], n)
    served = [int(value) for _, value in await asyncio.gather(*waits)]
    equal(sorted(served), list(range(CROWD)))
    equal(r.exists("q1", "q2"), 0)
    await asyncio.gather(*(c.aclose() for c in clients))


async def until(condition):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():
            return
        await asyncio.sleep(0.025)
    raise AssertionError("the condition did not come about within 60 seconds")


@test
def crowd_publish(r):
    asyncio.run(everyone_hears(r))


async def everyone_hears(r):
    clients = [redis.asyncio.Redis(**OPTIONS, decode_responses=True) for _ in range(CROWD)]
    ears = [c.pubsub() for c in clients]
    await asyncio.gather(*(ear.subscribe("crowd") for ear in ears))
    await until(lambda: dict(r.pubsub_numsub("crowd")).get("crowd") == CROWD)

    async def hear(ear):
        heard = []
        while len(heard) < 20:
            message = await ear.get_message(ignore_subscribe_messages=True, timeout=10)
            if message:
                heard.append(int(message["data"]))
        return heard

    tasks = [asyncio.create_task(hear(ear)) for ear in ears]
    for n in range(20):
        equal(r.publish("crowd", n), CROWD)
    for heard in await asyncio.gather(*tasks):
        equal(heard, list(range(20)))
    await asyncio.gather(*(ear.aclose() for ear in ears), *(c.aclose() for c in clients))


@test
def crowd_watch(r):
    asyncio.run(contended_counter(r))


async def contended_counter(r):
    r.mset({f"counter:{n}": 0 for n in range(20)})
    clients = [redis.asyncio.Redis(**OPTIONS, decode_responses=True) for _ in range(CROWD)]

    async def count(c, key):
        async with c.pipeline() as p:
            while True:
                try:
                    await p.watch(key)
                    value = int(await p.get(key))
                    p.multi()
                    p.set(key, value + 1)
                    return await p.execute()
                except redis.WatchError:
                    continue

    await asyncio.gather(*(count(c, f"counter:{n % 20}") for n, c in enumerate(clients)))
    equal(sum(int(v) for v in r.mget([f"counter:{n}" for n in range(20)])), CROWD)
    await asyncio.gather(*(c.aclose() for c in clients))


def main():
    failed = 0
    for function in TESTS:
        fresh = client()
        try:
            fresh.flushall()
            function(fresh) if function.__code__.co_argcount else function()
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
