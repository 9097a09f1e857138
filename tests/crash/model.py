"""What a server's keys must hold after a run of commands: a small model of the commands that the writers send.

Replies that are known are checked, and decide what chance decided (SPOP, the ids of XADD). A command without a reply is
one that was in flight when the server died; what chance would have decided stays open: a set remembers how many elements
were popped from it, a stream entry has no id.
"""

import re


class Mismatch(Exception):
    """A reply is not what the state before it allows."""


class Value:
    """A value of one key. `popped` counts elements of a set that left without our knowing which; the deadline lies
    between `low` and `high` (unix time in ms), or nowhere."""

    __slots__ = ("kind", "data", "popped", "low", "high")

    def __init__(self, kind, data):
        self.kind, self.data, self.popped, self.low, self.high = kind, data, 0, None, None

    def size(self):
        return len(self.data) - self.popped

    def __repr__(self):
        text = repr(self.data)
        text = text if len(text) < 500 else f"{text[:240]} ... {text[-240:]}"
        expiry = f", expires {self.low}..{self.high}" if self.low else ""
        return f"{self.kind} of {len(self.data)}{f', {self.popped} popped' if self.popped else ''}{expiry}: {text}"


CLOCK_SLACK_MS = 5


def same(expected, actual):
    """Does the modelled value (None: no key) allow what a server holds?"""
    if expected is None or actual is None:
        return expected is actual or (actual is None and expected.size() == 0)
    if expected.kind != actual.kind or (expected.low is None) != (actual.low is None):
        return False
    if actual.low is not None and not expected.low - CLOCK_SLACK_MS <= actual.low <= expected.high + CLOCK_SLACK_MS:
        return False
    if expected.kind == "set":
        return actual.data <= expected.data and len(actual.data) == expected.size()
    if expected.kind == "stream":
        return len(expected.data) == len(actual.data) and all(
            fields == other and id in (None, other_id)
            for (id, fields), (other_id, other) in zip(expected.data, actual.data)
        )
    return expected.data == actual.data


_ANY = object()
_NIL = object()
_NO_SUCH_KEY = object()
OK = ("+", b"OK")
_EMPTY = {"string": bytes, "list": list, "set": set, "zset": dict, "hash": dict, "stream": list}


class Model:
    def __init__(self, keys=None):
        self.keys = keys or {}

    def apply(self, command, reply, window):
        """Run a command; `reply` None means that none came. `window`: between which times (ms) it ran."""
        name = command[0].decode().lower()
        expected = getattr(self, "_" + name)(command[1:], reply, window)
        if reply is not None and expected is not _ANY and not _agrees(expected, reply):
            raise Mismatch(f"{b' '.join(command)[:200]!r} answered {reply!r}, expected {expected!r}")

    def _get(self, key, kind):
        value = self.keys.get(key)
        if value is None:
            value = self.keys[key] = Value(kind, _EMPTY[kind]())
        elif value.kind != kind:
            raise Mismatch(f"{key!r} is a {value.kind}, not a {kind}")
        return value

    def _tidy(self, key):
        """Collections without elements are no keys; so are strings that were only looked for."""
        value = self.keys.get(key)
        if value is not None and value.kind != "string" and value.size() == 0:
            del self.keys[key]

    def _incr(self, arguments, reply, window):
        return self._incrby([arguments[0], b"1"], reply, window)

    def _incrby(self, arguments, *_):
        value = self._get(arguments[0], "string")
        value.data = b"%d" % (int(value.data or 0) + int(arguments[1]))
        return int(value.data)

    def _set(self, arguments, _, window):
        value = self.keys[arguments[0]] = Value("string", arguments[1])
        if len(arguments) == 4:
            _expire_between(value, int(arguments[3]) * 1000, window)
        return OK

    def _mset(self, arguments, *_):
        for key, data in zip(arguments[::2], arguments[1::2]):
            self.keys[key] = Value("string", data)
        return OK

    def _append(self, arguments, *_):
        value = self._get(arguments[0], "string")
        value.data += arguments[1]
        return len(value.data)

    def _getdel(self, arguments, *_):
        value = self.keys.pop(arguments[0], None)
        return value.data if value else _NIL

    def _rpush(self, arguments, *_):
        value = self._get(arguments[0], "list")
        value.data += arguments[1:]
        return len(value.data)

    def _lpush(self, arguments, *_):
        value = self._get(arguments[0], "list")
        value.data[:0] = arguments[:0:-1]
        return len(value.data)

    def _pop(self, arguments, end):
        value = self._get(arguments[0], "list")
        popped = value.data.pop(end) if value.data else _NIL
        self._tidy(arguments[0])
        return popped

    def _lpop(self, arguments, *_):
        return self._pop(arguments, 0)

    def _rpop(self, arguments, *_):
        return self._pop(arguments, -1)

    def _lmove(self, arguments, *_):
        source, target, come, go = arguments
        taken = self._get(source, "list").data
        moved = _NIL
        if taken:
            moved = taken.pop(0 if come == b"LEFT" else -1)
            given = self._get(target, "list").data
            given.insert(0 if go == b"LEFT" else len(given), moved)
        self._tidy(source)
        return moved

    def _ltrim(self, arguments, *_):
        value = self._get(arguments[0], "list")
        del value.data[: max(0, len(value.data) + int(arguments[1]))]
        self._tidy(arguments[0])
        return OK

    def _sadd(self, arguments, *_):
        value = self._get(arguments[0], "set")
        value.data.update(arguments[1:])
        return len(arguments) - 1

    def _spop(self, arguments, reply, _):
        value = self._get(arguments[0], "set")
        if value.size() and reply is None:
            value.popped += 1
        elif value.size():
            if reply not in value.data:
                raise Mismatch(f"SPOP {arguments[0]!r} answered {reply!r}, which is not in {value!r}")
            value.data.remove(reply)
            reply = _ANY
        else:
            reply = _NIL
        self._tidy(arguments[0])
        return reply

    def _zadd(self, arguments, *_):
        self._get(arguments[0], "zset").data[arguments[2]] = float(arguments[1])
        return 1

    def _zincrby(self, arguments, *_):
        scores = self._get(arguments[0], "zset").data
        scores[arguments[2]] = scores.get(arguments[2], 0.0) + float(arguments[1])
        return b"%d" % scores[arguments[2]]

    def _zpopmin(self, arguments, *_):
        scores = self._get(arguments[0], "zset").data
        member = min(scores, key=lambda m: (scores[m], m), default=None)
        popped = [] if member is None else [member, b"%d" % scores.pop(member)]
        self._tidy(arguments[0])
        return popped

    def _hset(self, arguments, *_):
        fields = self._get(arguments[0], "hash").data
        before = len(fields)
        fields.update(zip(arguments[1::2], arguments[2::2]))
        return len(fields) - before

    def _hincrbyfloat(self, arguments, *_):
        fields = self._get(arguments[0], "hash").data
        total = float(fields.get(arguments[1], 0)) + float(arguments[2])
        fields[arguments[1]] = b"%d" % total if total == int(total) else b"%.1f" % total
        return fields[arguments[1]]

    def _hdel(self, arguments, *_):
        removed = self._get(arguments[0], "hash").data.pop(arguments[1], None)
        self._tidy(arguments[0])
        return int(removed is not None)

    def _xadd(self, arguments, reply, _):
        entries = self._get(arguments[0], "stream").data
        if reply is not None and entries and entries[-1][0] and _id(reply) <= _id(entries[-1][0]):
            raise Mismatch(f"XADD {arguments[0]!r} answered {reply!r} after {entries[-1][0]!r}")
        entries.append((reply, arguments[2:]))
        return _ANY

    def _xtrim(self, arguments, *_):
        entries = self._get(arguments[0], "stream").data
        cut = max(0, len(entries) - int(arguments[2]))
        del entries[:cut]
        self._tidy(arguments[0])
        return cut

    def _expire(self, arguments, _, window):
        value = self.keys.get(arguments[0])
        if value is None:
            return 0
        _expire_between(value, int(arguments[1]) * 1000, window)
        return 1

    def _persist(self, arguments, *_):
        value = self.keys.get(arguments[0])
        had = value is not None and value.low is not None
        if had:
            value.low = value.high = None
        return int(had)

    def _rename(self, arguments, *_):
        value = self.keys.pop(arguments[0], None)
        if value is None:
            return _NO_SUCH_KEY
        self.keys[arguments[1]] = value
        return OK

    def _del(self, arguments, *_):
        return sum(self.keys.pop(key, None) is not None for key in arguments)

    _unlink = _del


def _expire_between(value, ttl_ms, window):
    value.low, value.high = window[0] + ttl_ms, window[1] + ttl_ms


def _id(text):
    return tuple(map(int, text.split(b"-")))


def _agrees(expected, reply):
    if expected is _NIL:
        return isinstance(reply, tuple) and reply[1] is None
    if expected is _NO_SUCH_KEY:
        return reply[0] == "-" and re.match(rb"ERR no such key", reply[1]) is not None
    return expected == reply


def touched(command):
    """The keys that a command may change."""
    name = command[0]
    if name == b"MSET":
        return command[1::2]
    if name in (b"LMOVE", b"RENAME"):
        return command[1:3]
    return command[1:] if name in (b"DEL", b"UNLINK") else command[1:2]


_READS = {
    b"string": ([b"GET"], []), b"list": ([b"LRANGE"], [b"0", b"-1"]), b"set": ([b"SMEMBERS"], []),
    b"zset": ([b"ZRANGE"], [b"0", b"-1", b"WITHSCORES"]), b"hash": ([b"HGETALL"], []),
    b"stream": ([b"XRANGE"], [b"-", b"+"]),
}  # fmt: skip


def read_keys(connection, keys):
    """{key: Value} of those of `keys` that a server holds."""
    from resp import encode

    keys = list(keys)
    connection.send(b"".join(encode([b"TYPE", key]) + encode([b"PEXPIRETIME", key]) for key in keys))
    rows = [(key, connection.read()[1], connection.read()) for key in keys]
    rows = [row for row in rows if row[1] != b"none"]
    connection.send(b"".join(encode(_READS[kind][0] + [key] + _READS[kind][1]) for key, kind, _ in rows))
    values = {}
    for key, kind, deadline in rows:
        value = values[key] = Value(kind.decode(), _data(kind, connection.read()))
        if deadline != -1:
            value.low = value.high = deadline
    return values


def _data(kind, reply):
    if kind == b"set":
        return set(reply)
    if kind == b"zset":
        return {member: float(score) for member, score in zip(reply[::2], reply[1::2])}
    if kind == b"hash":
        return dict(zip(reply[::2], reply[1::2]))
    if kind == b"stream":
        return [(id, fields) for id, fields in reply]
    return reply
