"""Writers that remember what was acknowledged and what was under way, and a reader that remembers what it has seen.

A writer has keys of its own (`w3:...`), so the state of these is explained by a prefix of its commands alone, and adds to
keys that all share (`shared:...`). It sends single commands and pipelines, and keeps several batches under way.
"""

import asyncio
import random
import time

from node import Failure
from resp import Incomplete, encode, is_error, parse

SHARED_LOG, SHARED_FROM, SHARED_TO, SHARED_QUEUE = b"shared:log", b"shared:from", b"shared:to", b"shared:queue"
SHARED_COUNTER = b"shared:counter"
TX_LAST, TX_LOG, TX_COUNT, TX_SET = b"shared:tx:last", b"shared:tx:log", b"shared:tx:count", b"shared:tx:set"
# A key that lived for so long is written anew only after a multiple of it: by then it has surely expired.
SHORT_TTL_MS = 20
RIPE_SECONDS = 0.1


class Unit:
    """A command, or the commands of a MULTI block, which happen as one. Times are unix time in seconds."""

    __slots__ = ("kind", "commands", "sent", "answered", "reply", "tag")

    def __init__(self, kind, commands, tag=None):
        self.kind, self.commands, self.tag = kind, commands, tag
        self.sent = self.answered = self.reply = None

    def encoded(self):
        if self.kind != "tx":
            return encode(self.commands[0])
        return b"".join(encode(c) for c in ([b"MULTI"], *self.commands, [b"EXEC"]))

    def replies_expected(self):
        return len(self.commands) + 2 if self.kind == "tx" else 1

    def replies(self):
        """One reply per command; None where none came."""
        if self.reply is None:
            return [None] * len(self.commands)
        return self.reply if self.kind == "tx" else [self.reply]


class Commands:
    """Random commands of one writer. `number` makes every element unique, over all rounds of a directory's life."""

    def __init__(self, name, rng):
        self.name, self.rng, self.number = name, rng, 0
        self.short_lived = []

    def key(self, letter, count=4):
        return b"%b:%b%d" % (self.name, letter, self.rng.randrange(count))

    def fresh(self):
        self.number += 1
        return b"%b.%d" % (self.name, self.number)

    def unit(self):
        pick = self.rng.random()
        if pick < 0.16:
            return self._shared()
        if pick < 0.22:
            return self._transaction()
        if pick < 0.26:
            return self._short_lived()
        return Unit("own", [self.rng.choice(_WIPING if pick < 0.265 else _OWN)(self)])

    def _shared(self):
        kind = self.rng.choice(("log", "from", "move", "queue", "pop", "counter", "tx"))
        element = self.fresh()
        if kind == "tx":
            commands = [
                [b"SET", TX_LAST, element],
                [b"RPUSH", TX_LOG, element],
                [b"INCR", TX_COUNT],
                [b"HSET", TX_SET, element, b"1"],
            ]
            return Unit("tx", commands, ("tx", element))
        command = {
            "log": [b"RPUSH", SHARED_LOG, element], "from": [b"LPUSH", SHARED_FROM, element],
            "move": [b"LMOVE", SHARED_FROM, SHARED_TO, b"RIGHT", b"LEFT"], "queue": [b"RPUSH", SHARED_QUEUE, element],
            "pop": [b"LPOP", SHARED_QUEUE], "counter": [b"INCR", SHARED_COUNTER],
        }[kind]  # fmt: skip
        return Unit("shared", [command], (kind, element))

    def _transaction(self):
        """Several keys get the same number, and chance is among the commands."""
        n = self.fresh()
        commands = [[b"SET", self.name + b":m0", n], [b"HSET", self.name + b":m1", b"n", n], [b"RPUSH", self.name + b":m2", n],
                    [b"LTRIM", self.name + b":m2", b"-50", b"-1"], [b"INCR", self.name + b":m3"], [b"SPOP", self.key(b"t")]]  # fmt: skip
        return Unit("tx", commands[: self.rng.randrange(2, len(commands) + 1)])

    def _short_lived(self):
        """A key that expires at once; later, a key of that name without an expiry."""
        now = time.time()
        if self.short_lived and self.rng.random() < 0.5:
            unit = self.short_lived[0]
            if unit.answered and now - unit.answered > RIPE_SECONDS:
                del self.short_lived[0]
                return Unit("own", [[b"INCR", unit.tag[1]]])
        unit = Unit("short", [], ("short", b"%b:e%d" % (self.name, self.number)))
        self.number += 1
        unit.commands = [[b"SET", unit.tag[1], b"7", b"PX", b"%d" % SHORT_TTL_MS]]
        self.short_lived = [*self.short_lived[-20:], unit]
        return unit


def _several(c):
    return [c.fresh() for _ in range(c.rng.choice((1, 1, 1, 2, 5)))]


def _fields(c):
    return [part for _ in range(c.rng.randrange(1, 4)) for part in (b"f%d" % c.rng.randrange(30), c.fresh())]


_SIDES = (b"LEFT", b"RIGHT")
_KEPT = (b"c", b"l", b"t", b"z", b"h", b"x")
_OWN = [
    *[lambda c: [b"INCR", c.name + b":only-grows"]] * 3,
    *[lambda c: [b"RPUSH", c.name + b":trail", c.fresh()]] * 6,
    lambda c: [b"INCR", c.key(b"c")],
    lambda c: [b"INCRBY", c.key(b"c"), b"%d" % c.rng.randrange(-9, 99)],
    lambda c: [b"SET", c.key(b"s"), c.fresh() * c.rng.choice((1, 1, 1, 30))],
    lambda c: [b"SET", c.key(b"s"), c.fresh(), b"EX", b"%d" % c.rng.randrange(1000, 9000)],
    lambda c: [b"APPEND", c.key(b"s"), b",%d" % c.number],
    lambda c: [b"MSET", *(part for at in range(3) for part in (b"%b:n%d" % (c.name, at), b"%d" % c.number))],
    *[lambda c: [c.rng.choice((b"RPUSH", b"LPUSH")), c.key(b"l"), *_several(c)]] * 2,
    *[lambda c: [b"LMOVE", c.key(b"l"), c.key(b"l"), c.rng.choice(_SIDES), c.rng.choice(_SIDES)]] * 2,
    lambda c: [c.rng.choice((b"LPOP", b"RPOP")), c.key(b"l")],
    *[lambda c: [b"SADD", c.key(b"t"), *_several(c)]] * 2,
    *[lambda c: [b"SPOP", c.key(b"t")]] * 2,
    *[lambda c: [b"ZADD", c.key(b"z"), b"%d" % c.rng.randrange(1000), c.fresh()]] * 2,
    lambda c: [b"ZINCRBY", c.key(b"z"), b"3", b"member"],
    lambda c: [b"ZPOPMIN", c.key(b"z")],
    *[lambda c: [b"HSET", c.key(b"h"), *_fields(c)]] * 2,
    lambda c: [b"HINCRBYFLOAT", c.key(b"h"), b"half", b"0.5"],
    lambda c: [b"HDEL", c.key(b"h"), b"f%d" % c.rng.randrange(30)],
    *[lambda c: [b"XADD", c.key(b"x"), b"*", b"n", c.fresh()]] * 2,
    lambda c: [b"EXPIRE", c.key(c.rng.choice(_KEPT)), b"%d" % c.rng.randrange(1000, 9000)],
    lambda c: [b"PERSIST", c.key(c.rng.choice((b"s", *_KEPT)))],
]  # fmt: skip
# Seldom, because they wipe the traces by which a lost or doubled command would show.
_WIPING = [
    lambda c: (lambda letter: [b"RENAME", c.key(letter), c.key(letter)])(c.rng.choice(_KEPT)),
    lambda c: [c.rng.choice((b"DEL", b"UNLINK")), c.key(c.rng.choice(_KEPT))],
    lambda c: [b"GETDEL", c.key(b"s")],
    lambda c: [b"LTRIM", c.key(b"l"), b"-100", b"-1"],
    lambda c: [b"XTRIM", c.key(b"x"), b"MAXLEN", b"50"],
]


class Client(asyncio.Protocol):
    """A connection that hands each reply to `on_reply`; `closed` is set once the server is gone."""

    def __init__(self):
        self.buffer, self.closed, self.progress = bytearray(), False, asyncio.Event()
        self.failure = None

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, _):
        self.closed = True
        self.progress.set()

    def data_received(self, data):
        self.buffer += data
        at = 0
        try:
            while at < len(self.buffer):
                reply, at = parse(self.buffer, at)
                self.on_reply(reply)
        except (Incomplete, IndexError):
            pass
        except Failure as failure:
            self.failure = self.failure or failure
            self.transport.abort()
        del self.buffer[:at]
        self.progress.set()


class Writer(Client):
    def __init__(self, commands):
        super().__init__()
        self.commands, self.rng = commands, commands.rng
        self.units, self.answered, self.part = [], 0, 0

    def on_reply(self, reply):
        unit = self.units[self.answered]
        self.part += 1
        if is_error(reply) and not reply[1].startswith(b"ERR no such key"):
            raise Failure(f"{b' '.join(unit.commands[0])[:80]!r} answered {reply[1].decode()}")
        if self.part == unit.replies_expected():
            unit.reply, unit.answered = reply, time.time()
            self.answered, self.part = self.answered + 1, 0

    async def run(self, window):
        while not self.closed:
            while len(self.units) - self.answered >= window and not self.closed:
                self.progress.clear()
                await self.progress.wait()
            batch = [self.commands.unit() for _ in range(self.rng.choice((1, 1, 2, 8, 32)))]
            now = time.time()
            for unit in batch:
                unit.sent = now
            self.units += batch
            self.transport.write(b"".join(unit.encoded() for unit in batch))
            # Half of the writers go on without a pause, the others wait for the replies of each batch.
            if window == 1 or self.rng.random() < 0.05:
                await asyncio.sleep(self.rng.random() * 0.002)
            else:
                await asyncio.sleep(0)


class Reader(Client):
    """Reads what others write; `seen` holds (time of the reply, key, value)."""

    def __init__(self, names):
        super().__init__()
        self.keys = [name + b":only-grows" for name in names] + [SHARED_COUNTER]
        self.asked, self.seen = [], []

    def on_reply(self, reply):
        key = self.asked.pop(0)
        if is_error(reply):
            raise Failure(f"a read of {key!r} answered {reply[1].decode()}")
        if isinstance(reply, bytes):
            self.seen.append((time.time(), key, reply))

    async def run(self):
        while not self.closed:
            request = b"".join(encode([b"GET", key]) for key in self.keys)
            self.asked += [*self.keys, SHARED_LOG, TX_LOG]
            request += b"".join(encode([b"LINDEX", key, b"-1"]) for key in (SHARED_LOG, TX_LOG))
            self.transport.write(request)
            while self.asked and not self.closed:
                self.progress.clear()
                await self.progress.wait()
            await asyncio.sleep(0.001)


class Round:
    """What one run of writers and reader left behind."""

    def __init__(self, writers, reader, died):
        self.units = {w.commands.name: w.units for w in writers}
        self.answered = {w.commands.name: w.answered for w in writers}
        self.seen, self.died = reader.seen, died


async def _work(node, sources, end):
    loop = asyncio.get_running_loop()
    writers = []
    for source in sources:
        _, writer = await loop.create_unix_connection(lambda s=source: Writer(s), node.socket)
        writers.append(writer)
    _, reader = await loop.create_unix_connection(lambda: Reader([s.name for s in sources]), node.socket)
    tasks = [asyncio.create_task(w.run(1 if at % 2 else 64)) for at, w in enumerate(writers)]
    tasks.append(asyncio.create_task(reader.run()))
    clients = [*writers, reader]
    try:
        died = await loop.run_in_executor(None, end)
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
    finally:
        for client in clients:
            client.transport.abort()
    for client in clients:
        if client.failure:
            raise client.failure
    return Round(writers, reader, died)


def run_round(node, sources, end):
    """Let the writers work until `end()`, which runs beside them, has ended the server and told when."""
    return asyncio.run(_work(node, sources, end))


def sources(count, seed):
    return [Commands(b"w%d" % at, random.Random(f"{seed}/{at}")) for at in range(count)]
