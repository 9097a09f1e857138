"""When two replies to the same command count as equal.

Equal replies are equal. Beyond that, only what a table here names, each with its reason:

- RULES: the reply is not determined by the commands before it (order of a hash table, a random pick, time).
- SORT_RULES: SORT has side effects in Redis.
- VERSION_RULES: the reference is older than 7.2 and 7.2 changed the answer on purpose; they go away when ORACLE_BIN is a
  7.2 server.
"""

import re

from generator import SORTS, version_tuple
from resp import NULL, NULL_ARRAY, NULL_BULK, is_error, show

TIME_TOLERANCE_MS = 10_000
NULLS = (NULL, NULL_ARRAY, NULL_BULK)


def items_of(reply):
    """The elements of an array, set or map reply; None for anything else."""
    if isinstance(reply, list):
        return reply
    if isinstance(reply, tuple) and isinstance(reply[1], list):
        return reply[1]
    return None


def kind_of(reply):
    return reply[0] if isinstance(reply, tuple) else type(reply).__name__


def pairs_of(items):
    return list(zip(items[::2], items[1::2]))


def same_multiset(a, b):
    return sorted(map(repr, a)) == sorted(map(repr, b))


def unordered(_command, a, b):
    return kind_of(a) == kind_of(b) and items_of(a) is not None and items_of(b) is not None and same_multiset(items_of(a), items_of(b))


def unordered_pairs(_command, a, b):
    if kind_of(a) != kind_of(b) or items_of(a) is None or items_of(b) is None:
        return False
    return same_multiset(pairs_of(items_of(a)), pairs_of(items_of(b)))


def same_shape(_command, a, b):
    """Same kinds and lengths all the way down."""
    x, y = items_of(a), items_of(b)
    if x is None or y is None:
        return kind_of(a) == kind_of(b) and (a in NULLS) == (b in NULLS)
    return kind_of(a) == kind_of(b) and len(x) == len(y) and all(same_shape(None, p, q) for p, q in zip(x, y))


def near(unit_ms):
    def rule(_command, a, b):
        return isinstance(a, int) and isinstance(b, int) and a > 0 and b > 0 and abs(a - b) * unit_ms <= TIME_TOLERANCE_MS
    return rule


def scan(command, a, b):
    """The whole collection in one step: equal as multisets. Otherwise the cursors and what was met are the server's own."""
    if not (isinstance(a, list) and isinstance(b, list) and len(a) == len(b) == 2):
        return False
    at = 1 if command[0].upper() == b"SCAN" else 2
    if command[at] == b"0" and a[0] == b[0] == b"0":
        paired = command[0].upper() in (b"HSCAN", b"ZSCAN")
        return same_multiset(*(pairs_of(r[1]) if paired else r[1] for r in (a, b)))
    return isinstance(b[0], bytes) and b[0].isdigit() and isinstance(b[1], list)


def pending_rows(_command, a, b):
    """XPENDING's rows (id, consumer, idle, deliveries): only idle may differ."""
    if not (isinstance(a, list) and isinstance(b, list) and len(a) == len(b)):
        return False
    def rows_near(x, y):
        return (isinstance(x, list) and isinstance(y, list) and len(x) == len(y) == 4 and x[:2] == y[:2] and x[3] == y[3]
                and abs(x[2] - y[2]) <= TIME_TOLERANCE_MS)  # fmt: skip
    return all(rows_near(x, y) for x, y in zip(a, b))


CLOCKS = {b"idle", b"inactive", b"seen-time", b"active-time"}
LAYOUT = {b"radix-tree-keys", b"radix-tree-nodes"}


def information(a, b):
    """XINFO: clocks may differ a little, the number of radix tree nodes is the server's own."""
    x, y = items_of(a), items_of(b)
    if x is None or y is None:
        both_times = isinstance(a, int) and isinstance(b, int) and min(a, b) > 10**12
        return a == b or (both_times and abs(a - b) <= TIME_TOLERANCE_MS)
    if kind_of(a) != kind_of(b) or len(x) != len(y):
        return False
    for at, (p, q) in enumerate(zip(x, y)):
        label = x[at - 1] if at % 2 else None
        if isinstance(label, bytes) and label in LAYOUT and label == y[at - 1]:
            continue
        if isinstance(label, bytes) and label in CLOCKS and isinstance(p, int) and isinstance(q, int):
            if abs(p - q) > TIME_TOLERANCE_MS:
                return False
        elif not information(p, q):
            return False
    return True


RULES = {
    "SMEMBERS": (unordered, "order of a hash table"), "SUNION": (unordered, "order of a hash table"),
    "SINTER": (unordered, "order of a hash table"), "SDIFF": (unordered, "order of a hash table"),
    "HKEYS": (unordered, "order of a hash table"), "HVALS": (unordered, "order of a hash table"),
    "KEYS": (unordered, "order of a hash table"), "HGETALL": (unordered_pairs, "order of a hash table"),
    "SPOP": (same_shape, "random; members are checked after the batch"), "RANDOMKEY": (same_shape, "random"),
    "SRANDMEMBER": (same_shape, "random; members are checked after the batch"),
    "HRANDFIELD": (same_shape, "random; members are checked after the batch"),
    "ZRANDMEMBER": (same_shape, "random; members are checked after the batch"),
    "SCAN": (scan, "cursor and order"), "HSCAN": (scan, "cursor and order"), "SSCAN": (scan, "cursor and order"),
    "ZSCAN": (scan, "cursor and order"), "TTL": (near(1000), "clock"), "PTTL": (near(1), "clock"),
    "EXPIRETIME": (near(1000), "clock"), "PEXPIRETIME": (near(1), "clock"), "OBJECT IDLETIME": (same_shape, "clock"),
    "OBJECT REFCOUNT": (same_shape, "sharing of small integers is the server's own"), "TIME": (same_shape, "clock"),
    "XPENDING": (pending_rows, "idle time"), "XINFO STREAM": (lambda _c, a, b: information(a, b), "clock, tree layout"),
    "XINFO CONSUMERS": (lambda _c, a, b: information(a, b), "clock"), "MEMORY USAGE": (same_shape, "allocator"),
    "PUBSUB CHANNELS": (unordered, "order of a hash table"),
}  # fmt: skip

CONTAINERS = (b"OBJECT", b"XINFO", b"XGROUP", b"MEMORY", b"PUBSUB", b"COMMAND")


def command_name(command):
    """The row's name: with its subcommand for containers."""
    word = command[0].upper()
    if word in CONTAINERS and len(command) > 1:
        word += b" " + command[1].upper()
    return word.decode(errors="replace")


def newer_encoding(name, a, b):
    """7.2 keeps small sets and lists in listpacks where 7.0 had hashtable and quicklist, and makes a sorted set or hash that
    may become large (ZADD, HSET or SADD of many, ZRANGESTORE) a skiplist or hashtable at once; so does SADD with members that
    are named twice and counted twice, which leave an intset in 7.0."""
    changed = ((b"hashtable", b"listpack"), (b"quicklist", b"listpack"), (b"listpack", b"skiplist"), (b"listpack", b"hashtable"),
               (b"intset", b"hashtable"), (b"intset", b"listpack"))  # fmt: skip
    return name == "OBJECT ENCODING" and (a, b) in changed


def newer_consumers(name, a, b):
    """7.2 tells how long a consumer has been inactive (`inactive`, `active-time`), and XCLAIM and XAUTOCLAIM make the
    consumer they name even when they claim nothing."""
    if name == "XGROUP CREATECONSUMER":
        return (a, b) == (1, 0)
    return name.startswith("XINFO") and information(_as_before_7_2(a), _as_before_7_2(b))


def _as_before_7_2(reply):
    items = items_of(reply)
    if items is None:
        return reply
    kept, at = [], 0
    while at < len(items):
        if items[at] in (b"inactive", b"active-time") or (items[at] == b"consumers" and isinstance(items[at + 1], int)):
            at += 2
            continue
        if not _is_unused_consumer(items[at]):
            kept.append(_as_before_7_2(items[at]))
        at += 1
    return kept if isinstance(reply, list) else (reply[0], kept)


def _is_unused_consumer(reply):
    fields = dict(pairs_of(items_of(reply))) if items_of(reply) and isinstance(items_of(reply)[0], bytes) else {}
    clock = b"idle" in fields or b"seen-time" in fields
    return clock and (fields.get(b"pending") == 0 or fields.get(b"pel-count") == 0)


def newer_doubles(_name, a, b):
    """7.2 writes a double in the fewest digits that read back the same (0.1), 7.0 in 17 (0.10000000000000001)."""
    if a == b:
        return True
    x, y = items_of(a), items_of(b)
    if x is not None and y is not None:
        return kind_of(a) == kind_of(b) and len(x) == len(y) and all(newer_doubles(None, p, q) for p, q in zip(x, y))
    if kind_of(a) == kind_of(b) == ",":
        a, b = a[1], b[1]
    if not (isinstance(a, bytes) and isinstance(b, bytes) and DOUBLE.fullmatch(a) and DOUBLE.fullmatch(b)):
        return False
    return float(a) == float(b)


DOUBLE = re.compile(rb"-?\d+(\.\d+)?(e[+-]?\d+)?")
CHANGED_TEXTS = [
    (rb"ERR Unbalanced XREAD list of streams.*", rb"ERR Unbalanced '(xread|xreadgroup)' list of streams.*"),
]


def newer_text(_name, a, b):
    """7.2 words a few errors anew."""
    if not (is_error(a) and is_error(b)):
        return False
    return any(re.fullmatch(x, a[1]) and re.fullmatch(y, b[1]) for x, y in CHANGED_TEXTS)


def newer_bounds(name, a, b):
    """7.2 refuses counts and ranks whose absolute value does not fit before it looks at the key."""
    return name in ("LPOS", "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER") and is_error(b) and b[1].startswith(b"ERR value is out of range")


def newer_scores(name, a, b):
    """7.2 makes a sorted set that may become large a skiplist at once, whose ZSCAN writes scores otherwise (-0, 1e+17)."""
    if not (name == "ZSCAN" and isinstance(a, list) and isinstance(b, list) and a[:1] == b[:1] == [b"0"]):
        return False
    pairs = [sorted((member, float(score)) for member, score in pairs_of(reply[1])) for reply in (a, b)]
    return pairs[0] == pairs[1]


def enlarged(name, a, b):
    """In Redis SORT leaves a sorted set in its large form, where -0 keeps its sign."""
    return name == "OBJECT ENCODING" and (a, b) == (b"skiplist", b"listpack")


VERSION_RULES = [newer_scores, newer_bounds, newer_encoding, newer_consumers, newer_text, newer_doubles]
SORT_RULES = [enlarged, newer_scores, newer_doubles]


class Comparer:
    """Compares replies command by command; follows MULTI so that EXEC's replies meet the commands they answer."""

    def __init__(self, oracle_version):
        self.old = version_tuple(oracle_version) < (7, 2)
        self.queued = None
        self.has_sorted = False

    def expect(self, commands):
        """Tells the commands of the sequence that begins."""
        self.has_sorted = any(command[0].upper() in SORTS for command in commands)

    def batch(self, commands, a, b):
        """The index and reason of the first difference between the replies of a batch; None when there is none."""
        self.queued = None
        for index, command in enumerate(commands):
            if index >= len(a) or index >= len(b):
                return index, "a reply is missing"
            reason = self.command(command, a[index], b[index])
            if reason:
                return index, reason
        if len(a) != len(b) or len(a) != len(commands):
            return len(commands) - 1, f"{len(commands)} commands got {len(a)} and {len(b)} replies"
        return None

    def command(self, command, a, b):
        """Why the replies of one command differ, or None."""
        word = command[0].upper()
        if self.queued is not None and a == ("+", b"QUEUED"):
            self.queued.append(command)
        if word == b"MULTI" and a == ("+", b"OK"):
            self.queued = []
        elif word == b"EXEC" and self.queued is not None and not is_error(a):
            queued, self.queued = self.queued, None
            return self._exec(queued, a, b)
        elif word == b"DISCARD" and a == ("+", b"OK"):
            self.queued = None
        return None if self.same(command, a, b) else "replies differ"

    def _exec(self, queued, a, b):
        if not (isinstance(a, list) and isinstance(b, list)):
            return None if a == b else "replies differ"
        if not len(a) == len(b) == len(queued):
            return f"EXEC of {len(queued)} commands returned {len(a)} and {len(b)} replies"
        for command, x, y in zip(queued, a, b):
            if not self.same(command, x, y):
                return f"EXEC: {show(x)} and {show(y)} for {command_name(command)}"
        return None

    def same(self, command, a, b):
        if a == b:
            return True
        name = command_name(command)
        if name in RULES and not is_error(a) and not is_error(b) and RULES[name][0](command, a, b):
            return True
        rules = (VERSION_RULES if self.old else []) + (SORT_RULES if self.has_sorted else [])
        return any(rule(name, a, b) for rule in rules)
