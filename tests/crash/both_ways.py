"""Files both ways: what one server writes, another loads, with equal values and an equal DEBUG DIGEST.

Writers and readers are the server under test, redis-server (7.0 or whatever is on PATH) and Valkey, where asked for. Each
writes a data set of every type and encoding, expiries, databases and a function library among them, as an RDB file, as an
AOF with an RDB base and as an AOF of commands alone. A reader is asked for every file that its version can read: an RDB
file whose version is at most its own (READS).
"""

import random
import shutil

from model import read_keys
from node import Failure, Node, accept, wait_for
from resp import encode, is_error

FORMS = {
    "rdb": [("appendonly", "no"), ("dbfilename", "dump.rdb")],
    "aof-rdb-base": [("appendonly", "yes"), ("aof-use-rdb-preamble", "yes")],
    "aof-plain": [("appendonly", "yes"), ("aof-use-rdb-preamble", "no")],
}
# What a server that can is asked to write as well, for older ones to read.
RDB_10 = {"rdb-as-10": [("appendonly", "no"), ("dbfilename", "dump.rdb"), ("rdb-version", 10)]}
# The newest RDB version that a server of each kind reads; Valkey numbers its own from 80.
READS = {"redis 7.0": 10, "redis 7.2": 11, "valkey": 80, "tartan": 80}
DATABASES = 3
LIBRARY = "#!lua name=%s\nredis.register_function('%s', function(keys, args) return args[1] end)"


class Kind:
    """A server that takes part: its command, and what INFO says it is."""

    def __init__(self, label, command, base):
        self.label, self.command = label, command
        with Node(command, base / f"probe-{label}", [("appendonly", "no")]) as node:
            info = node.info("server")
            self.functions = not is_error(node.call("FUNCTION", "LOAD", LIBRARY % ("probe", "probe")))
            # Redis 7.0 digests 0.1 as 0.10000000000000001, 7.2 as 0.1.
            accept(node.call("ZADD", "probe", "0.1", "m"), "ZADD")
            self.digest_style = accept(node.call("DEBUG", "DIGEST-VALUE", "probe"), "DEBUG DIGEST-VALUE")
        version, self.forms = info["redis_version"], FORMS
        if "tartan_version" in info or "tartan" in command:
            self.reads = READS["tartan"]
            self.forms = FORMS | RDB_10
        elif "valkey_version" in info:
            self.reads, version = READS["valkey"], info["valkey_version"]
        else:
            self.reads = READS["redis 7.0" if version.startswith("7.0") else "redis 7.2"]
        self.name = f"{label} {version}"


def data_set(rng):
    """Commands that make keys of every type and encoding, for three databases."""
    for database in range(DATABASES):
        yield ["SELECT", database]
        yield from _strings(rng)
        yield from _lists(rng)
        yield from _sets(rng)
        yield from _sorted_sets(rng)
        yield from _hashes(rng)
        yield from _streams(rng)
        yield from _expiries()


def _bytes(rng, size):
    return rng.randbytes(size)


def _strings(rng):
    values = [0, 1, -1, 127, 128, -129, 32768, -32769, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63), "", "007", "3.0", "x" * 44, "x" * 45,
              "x" * 63, "x" * 64, b"\x00\xff\r\n", "a" * 16383, "ab" * 8192, "abc" * 40_000, _bytes(rng, 20_000), _bytes(rng, 100_000)]  # fmt: skip
    for at, value in enumerate(values):
        yield ["SET", f"string:{at}", value]
    yield ["SET", b"key \x00\xff\r\n", "binary key"]
    yield ["SET", "k" * 5000, "long key"]
    yield ["APPEND", "string:0", "12"]
    yield ["SETRANGE", "sparse", 70_000, "end"]
    yield ["SETBIT", "bits", 12345, 1]


def _lists(rng):
    sizes = {"one": 1, "short": 20, "long": 3000, "longer": 20_000}
    for name, count in sizes.items():
        elements = [
            rng.choice((at, -at, f"element-{at}", "y" * rng.randrange(80), _bytes(rng, 12))) for at in range(count)
        ]
        for first in range(0, count, 1000):
            yield ["RPUSH", f"list:{name}", *elements[first : first + 1000]]
    yield ["RPUSH", "list:huge-elements", "small", "z" * 9000, _bytes(rng, 70_000), "q" * 200_000, "small"]
    yield ["RPUSH", "list:integers", 0, 12, 13, 127, 128, -4096, 4095, 32767, 2**23, -(2**31), 2**63 - 1, 2**64]


def _sets(rng):
    yield ["SADD", "set:int16", *range(-100, 100)]
    yield ["SADD", "set:int32", *range(100_000, 100_300)]
    yield ["SADD", "set:int64", 1, -(2**63), 2**63 - 1]
    yield ["SADD", "set:many-integers", *range(2000)]
    yield ["SADD", "set:mixed", 1, 2, "three", b"\x00", "", *(f"m{at}" for at in range(60))]
    yield ["SADD", "set:long-member", "w" * 65, 5]
    yield ["SADD", "set:large", *(f"member-{at}" for at in range(5000)), _bytes(rng, 300)]


def _sorted_sets(rng):
    scores = [
        "0",
        "-0",
        "1",
        "-1",
        "0.1",
        "3.141592653589793",
        "1e300",
        "-1e-300",
        "inf",
        "-inf",
        "12345678901234567",
        "0.30000000000000004",
    ]
    yield ["ZADD", "zset:scores", *(part for at, score in enumerate(scores) for part in (score, f"m{at}"))]
    yield ["ZADD", "zset:integers", *(part for at in range(100) for part in (at, at))]
    yield [
        "ZADD",
        "zset:large",
        *(part for at in range(4000) for part in (repr(rng.uniform(-1e6, 1e6)), f"member-{at}")),
    ]
    # Without -0: Redis keeps its sign in a skiplist, and loses it when it loads its own AOF by way of a listpack.
    del scores[1]
    yield [
        "ZADD",
        "zset:large-scores",
        *(part for at in range(300) for part in (scores[at % len(scores)], f"member-{at}")),
    ]
    yield ["ZADD", "zset:long-member", 1, "v" * 65]
    yield ["ZADD", "zset:places", 3479099956230698, "Palermo", 3479447370796909, "Catania"]


def _hashes(rng):
    yield ["HSET", "hash:small", "f", "v", "number", 12, "", "empty field", "empty value", "", b"\x00\xff", b"\xff\x00"]
    yield ["HSET", "hash:full", *(part for at in range(120) for part in (f"field{at}", at))]
    yield ["HSET", "hash:large", *(part for at in range(3000) for part in (f"field{at}", _bytes(rng, at % 40)))]
    yield ["HSET", "hash:long-value", "f", "u" * 65]


def _streams(rng):
    for at in range(350):
        fields = ["a", at, "b", f"value {at}"] if at % 50 else ["other", at, "fields", "here", "now", _bytes(rng, 30)]
        yield ["XADD", "stream:long", f"{1000 + at // 3}-{at % 3}", *fields]
    for at in range(0, 350, 7):
        yield ["XDEL", "stream:long", f"{1000 + at // 3}-{at % 3}"]
    yield ["XADD", "stream:emptied", "5-5", "f", "v"]
    yield ["XDEL", "stream:emptied", "5-5"]
    yield ["XADD", "stream:trimmed", "1-1", "f", "v"]
    yield ["XSETID", "stream:trimmed", "9-9"]
    yield ["XGROUP", "CREATE", "stream:new", "group", "$", "MKSTREAM"]
    for group, start in (("one", "0"), ("two", "1050-0"), ("idle", "$")):
        yield ["XGROUP", "CREATE", "stream:long", group, start]
    yield ["XGROUP", "CREATECONSUMER", "stream:long", "one", "never-read"]
    for group, consumer, count in (("one", "alice", 20), ("one", "bob", 7), ("two", "alice", 100)):
        yield ["XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", "stream:long", ">"]
    yield ["XACK", "stream:long", "one", "1000-1", "1000-2", "1001-0"]
    yield ["XCLAIM", "stream:long", "one", "bob", 0, "1001-1", "1001-2"]
    yield ["XREADGROUP", "GROUP", "two", "carol", "NOACK", "COUNT", 5, "STREAMS", "stream:long", ">"]


def _expiries():
    yield ["SET", "expires:string", "v", "PXAT", 4_000_000_000_123]
    yield ["RPUSH", "expires:list", 1, 2, 3]
    yield ["EXPIREAT", "expires:list", 3_000_000_000]
    yield ["SADD", "expires:set", 1, 2, 3]
    yield ["PEXPIREAT", "expires:set", 3_000_000_000_001]


def fill(node, seed):
    connection = node.connect()
    for command in data_set(random.Random(seed)):
        connection.send(encode([part if isinstance(part, bytes) else str(part).encode() for part in command]))
        accept(connection.read(), " ".join(map(str, command[:2])))
    connection.close()


def write(kind, base, form, seed):
    """Let a server write the files of `form`; the directory, the digest and what the digest does not show."""
    with Node(kind.command, base / f"write-{kind.label}-{form}", kind.forms[form]) as node:
        fill(node, seed)
        if kind.functions:
            accept(node.call("FUNCTION", "LOAD", LIBRARY % ("kept", "kept")), "FUNCTION LOAD")
        if form.startswith("rdb"):
            accept(node.call("SAVE"), "SAVE")
        else:
            accept(node.call("BGREWRITEAOF"), "BGREWRITEAOF")
            _wait_for_rewrite(node)
            # And some in the increment, which is always commands.
            accept(node.call("RPUSH", "after-the-rewrite", *range(100)), "RPUSH")
            accept(node.call("SPOP", "set:large"), "SPOP")
        state = State(node, kind)
        node.terminate()
        if (rdb_version(node.data, form) == 0) != (form == "aof-plain"):
            raise Failure(f"{form} was asked for; RDB {rdb_version(node.data, form)} was written")
        return node.data, state


def _wait_for_rewrite(node):
    def ended():
        info = node.info()
        return info["aof_rewrite_in_progress"] == "0" and info.get("aof_rewrite_scheduled", "0") == "0"

    wait_for("BGREWRITEAOF to end", ended)
    if node.info()["aof_last_bgrewrite_status"] != "ok":
        raise Failure(f"BGREWRITEAOF failed; the log:\n{node.log_tail()}")


class State:
    """All that a file must carry: the digest, the values themselves, expiries, what XINFO tells, and the libraries."""

    def __init__(self, node, kind):
        self.digest = accept(node.call("DEBUG", "DIGEST"), "DEBUG DIGEST")
        self.digest_style = kind.digest_style
        self.values, self.expiries, self.streams = {}, {}, {}
        for database in range(DATABASES):
            connection = node.connect()
            accept(connection.call("SELECT", database), "SELECT")
            keys = sorted(connection.call("KEYS", "*"))
            for key, value in read_keys(connection, keys).items():
                self.values[database, key], self.expiries[database, key] = value.data, value.low
                if value.kind == "stream":
                    self.streams[database, key] = _stream(connection, key)
            connection.close()
        self.libraries = node.call("FUNCTION", "LIST", "WITHCODE") if kind.functions else None

    def differences(self, other):
        if self.expiries.keys() != other.expiries.keys():
            missing = sorted(self.expiries.keys() ^ other.expiries.keys())
            yield f"keys that only one side has: {missing[:5]}"
        for name in ("values", "expiries", "streams"):
            mine, others = getattr(self, name), getattr(other, name)
            for key in sorted(mine.keys() & others.keys()):
                if mine[key] != others[key]:
                    yield f"{name} of {key}: {str(mine[key])[:250]} written, {str(others[key])[:250]} loaded"
        if None not in (self.libraries, other.libraries) and _codes(self.libraries) != _codes(other.libraries):
            yield f"libraries: {self.libraries} written, {other.libraries} loaded"
        if self.digest != other.digest and self.digest_style == other.digest_style:
            yield f"DEBUG DIGEST: {self.digest} written, {other.digest} loaded"


def _codes(libraries):
    return sorted(bytes(library[library.index(b"library_code") + 1]) for library in libraries)


def _stream(connection, key):
    """What DEBUG DIGEST leaves out: ids, groups, and who has what pending. Times are not compared: they are those of now."""
    info = _fields(connection.call("XINFO", "STREAM", key))
    wanted = (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added", b"groups")
    found = {name: info[name] for name in wanted}
    for group in connection.call("XINFO", "GROUPS", key):
        group = _fields(group)
        name = group[b"name"]
        pending = connection.call("XPENDING", key, name, "-", "+", 1000)
        found[name] = (
            group[b"last-delivered-id"],
            group[b"entries-read"],
            [(row[0], row[1], row[3]) for row in pending],
        )
        found[name, "consumers"] = sorted(
            _fields(row)[b"name"] for row in connection.call("XINFO", "CONSUMERS", key, name)
        )
    return found


def _fields(reply):
    return dict(zip(reply[::2], reply[1::2]))


def rdb_version(data, form):
    """The version of the RDB file among a server's files; 0 for a file of commands alone."""
    files = [data / "dump.rdb"] if form.startswith("rdb") else sorted(data.glob("appendonlydir/*.base.*"))
    head = files[0].read_bytes()[:9]
    return int(head[-4:] if head.startswith(b"REDIS") else head[-3:]) if head[:5] in (b"REDIS", b"VALKE") else 0


def load(kind, base, form, data, expected, writer):
    directory = base / f"{writer.label}-{form}-read-by-{kind.label}"
    shutil.copytree(data, directory / "data")
    settings = FORMS["rdb" if form.startswith("rdb") else form]
    with Node(kind.command, directory, settings) as node:
        found = list(expected.differences(State(node, kind)))
        if found:
            raise Failure(f"{len(found)} differences:\n" + "\n".join(text[:600] for text in found[:5]))


def run(run_, commands):
    """One case for each writer, form and reader; at least one side of each is the server under test."""
    base = run_.directory / "ways"
    base.mkdir()
    kinds = [Kind(label, command, base) for label, command in commands]
    tested = kinds[0]
    for writer in kinds:
        for form in writer.forms:
            written = []
            run_.case(
                f"{writer.name} writes {form}",
                lambda *_, w=writer, f=form: written.extend(write(w, base, f, run_.seed)),
            )
            if not written:
                continue
            data, state = written
            version = rdb_version(data, form)
            for reader in kinds if writer is tested else [tested]:
                if version <= reader.reads:
                    run_.case(f"{writer.name} {form} (RDB {version}) into {reader.name}",
                              lambda *_, r=reader, f=form, d=data, s=state, w=writer: load(r, base, f, d, s, w))  # fmt: skip
                else:
                    print(f"not asked: {reader.name} reads RDB {reader.reads}, {writer.name} wrote {version} ({form})")
