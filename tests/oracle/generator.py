"""Random commands from the argument trees of tests/assets/commands.json.

A command's tree is walked once per command: optional branches are taken with a fixed chance, `oneof` picks a branch,
`multiple` repeats, tokens are emitted in random case now and then. Values come from pools.py. Three things a tree cannot
say are handled here: a `numkeys` count agrees with the keys behind it, XREAD's ids are as many as its keys, WEIGHTS as
many as the keys. After that one command in eight is damaged on purpose (`_mutate`).

A sequence is a configuration, a focus on one or two families, and a few hundred commands. Equal seeds give equal
sequences.
"""

import json
import random

import pools

# Not generated, with the reason. Directed tests (tests/clients, tests/integration) cover what matters of these.
EXCLUDED = {
    "AUTH": "no user to log in as", "HELLO": "switches the protocol under test", "RESET": "switches the protocol under test",
    "QUIT": "ends the connection", "MONITOR": "turns the connection into a feed", "SHUTDOWN": "ends the server",
    "SUBSCRIBE": "turns a RESP2 connection into a feed", "PSUBSCRIBE": "turns a RESP2 connection into a feed",
    "SSUBSCRIBE": "turns a RESP2 connection into a feed", "UNSUBSCRIBE": "answers one message per channel",
    "PUNSUBSCRIBE": "answers one message per channel", "SUNSUBSCRIBE": "answers one message per channel",
    "MIGRATE": "needs a second server", "RESTORE": "needs a payload; directed", "DUMP": "its payload names the version",
    "RESTORE-ASKING": "cluster only", "PFSELFTEST": "takes seconds",
    "WAITAOF": "not in 7.0", "OBJECT FREQ": "needs an LFU policy; directed",
}  # fmt: skip

GROUPS = set(pools.FAMILIES) | {"generic", "transactions"}
EXTRA = ("PING", "ECHO", "SELECT", "DBSIZE", "FLUSHALL", "FLUSHDB", "SWAPDB", "PUBLISH", "SPUBLISH", "TIME", "COMMAND GETKEYS",
         "PUBSUB CHANNELS", "PUBSUB NUMSUB", "PUBSUB NUMPAT", "MEMORY USAGE")  # fmt: skip

# How often a command is drawn within its family; 10 unless named.
WEIGHTS = {
    "SPOP": 3, "SRANDMEMBER": 2, "HRANDFIELD": 2, "ZRANDMEMBER": 2, "RANDOMKEY": 1, "DEL": 4, "UNLINK": 3, "RENAME": 3,
    "RENAMENX": 4, "MOVE": 3, "KEYS": 2, "SCAN": 3, "FLUSHALL": 0.1, "FLUSHDB": 0.2, "SWAPDB": 0.6, "SELECT": 1.5, "WAIT": 0.2,
    "BLPOP": 1, "BRPOP": 1, "BLMOVE": 1, "BRPOPLPUSH": 1, "BLMPOP": 1, "BZPOPMIN": 1, "BZPOPMAX": 1, "BZMPOP": 1, "SADD": 30,
    "ZADD": 40, "HSET": 30, "HMSET": 10, "RPUSH": 25, "LPUSH": 25, "XADD": 60, "XREADGROUP": 30, "XGROUP CREATE": 20, "SET": 30,
    "SETBIT": 25, "LTRIM": 3, "ZREMRANGEBYRANK": 3, "ZREMRANGEBYLEX": 4, "ZREMRANGEBYSCORE": 4, "XTRIM": 4, "XSETID": 4, "LREM": 5,
    "XGROUP DESTROY": 2, "GETDEL": 4, "MULTI": 12, "EXEC": 6, "DISCARD": 2, "WATCH": 6, "UNWATCH": 3, "EXPIREAT": 5, "PERSIST": 5,
    "PFADD": 60, "PFDEBUG": 3, "GEOADD": 60, "TIME": 1, "PING": 2, "ECHO": 2, "DBSIZE": 2, "PUBLISH": 1, "SPUBLISH": 1, "COMMAND GETKEYS": 3,
    "PUBSUB CHANNELS": 0.5, "PUBSUB NUMSUB": 0.5, "PUBSUB NUMPAT": 0.5, "XGROUP DELCONSUMER": 3, "SUBSTR": 3, "MEMORY USAGE": 0.5,
}  # fmt: skip

BLOCKING = {"BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP", "WAIT"}
SORTS = (b"SORT", b"SORT_RO")
EXACT = {"MULTI", "EXEC", "DISCARD", "SELECT", "FLUSHALL", "FLUSHDB", "SWAPDB", "COMMAND"}
# Their answer is random and, for SPOP, so is the state after it: they end a batch (compare.py looks into them there).
RANDOM = {"SPOP", "SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER", "RANDOMKEY"}

# Options that came with 7.2 and that the trees do not date.
NEW_IN_7_2 = {("ZRANK", "withscore"), ("ZREVRANK", "withscore")}

# Compared with a 7.2 reference only: an older one answers otherwise in ways that no single reply tells.
CHANGED_IN_7_2 = {
    "COMMAND GETKEYS": "words most mistakes otherwise", "XSETID": "refuses an id below the greatest deleted one",
}

# Limits at which encodings change, brought close enough for a sequence of a few hundred commands to cross them.
SETTINGS = [
    [],
    [("hash-max-listpack-entries", "4"), ("zset-max-listpack-entries", "4"), ("set-max-intset-entries", "4"),
     ("list-max-listpack-size", "3"), ("stream-node-max-entries", "4"), ("set-max-listpack-entries", "4")],
    [("hash-max-listpack-value", "8"), ("zset-max-listpack-value", "8"), ("set-max-listpack-value", "8"),
     ("list-max-listpack-size", "-1"), ("stream-node-max-bytes", "64"), ("list-compress-depth", "1"),
     ("hll-sparse-max-bytes", "60")],
    [("hash-max-listpack-entries", "0"), ("zset-max-listpack-entries", "0"), ("set-max-intset-entries", "0"),
     ("list-max-listpack-size", "1"), ("set-max-listpack-entries", "0"), ("proto-max-bulk-len", "1mb"),
     ("hll-sparse-max-bytes", "0")],
]  # fmt: skip
DEFAULTS = [
    ("hash-max-listpack-entries", "128"), ("zset-max-listpack-entries", "128"), ("set-max-intset-entries", "512"),
    ("list-max-listpack-size", "-2"), ("stream-node-max-entries", "100"), ("set-max-listpack-entries", "128"),
    ("hash-max-listpack-value", "64"), ("zset-max-listpack-value", "64"), ("set-max-listpack-value", "64"),
    ("stream-node-max-bytes", "4096"), ("list-compress-depth", "0"), ("proto-max-bulk-len", "512mb"),
    ("hll-sparse-max-bytes", "3000"),
]  # fmt: skip


def load_rows(path):
    """The command rows of commands.json, which holds one object per line; names in upper case, subcommands after a space."""
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file if line.strip()]
    for row in rows:
        row["name"] = row["name"].upper().replace("|", " ")
        row["container"] = row["container"] and row["container"].upper()
        row["group"] = row["group"].replace("-", "_")
        for node in row["arguments"]:
            _spread_flags(node)
    return {row["name"]: row for row in rows}


def _spread_flags(node):
    for flag in node.get("flags", []):
        node[flag.replace("-", "_")] = True
    for child in node.get("arguments", []):
        _spread_flags(child)


def version_tuple(text):
    return tuple(int(part) for part in text.split(".")[:2])


def candidates(rows):
    """The names of the commands that the generator knows how to draw."""
    containers = {row["container"] for row in rows.values() if row.get("container")}
    names = []
    for name, row in rows.items():
        if name in EXCLUDED or name in containers or name.endswith(" HELP") or "SENTINEL" == row.get("container"):
            continue
        if row["group"] in GROUPS or name in EXTRA:
            names.append(name)
    return sorted(names)


class Generator:
    """Sequences of commands, the same for the same seed. `version` leaves out what the reference does not know yet."""

    def __init__(self, rows, names, version, focus=None):
        self.rows = rows
        self.version = version_tuple(version)
        self.focus = focus
        self.by_family = {}
        for name in names:
            if name in CHANGED_IN_7_2 and self.version < (7, 2):
                continue
            self.by_family.setdefault(self._family(name), []).append(name)
        self.families = [f for f in pools.FAMILIES if f in self.by_family]
        self.cumulative = {f: self._cumulate(members) for f, members in self.by_family.items()}

    def _family(self, name):
        group = self.rows[name]["group"]
        return group if group in GROUPS else "generic"

    @staticmethod
    def _cumulate(names):
        total, out = 0, []
        for name in names:
            total += WEIGHTS.get(name, 10)
            out.append(total)
        return out

    def sequence(self, seed, length):
        """(settings, commands): each command a list of byte strings. The list ends outside of MULTI."""
        self.random = random.Random(seed)
        self.chance = self.random.random
        settings = self.pick(SETTINGS)
        mix = self._mix()
        self.keys = [key for family in mix[:2] for key in pools.KEYS.get(family, [])] + [b"any:1"]
        commands, in_multi = [], 0
        while len(commands) < length or in_multi:
            command = self._closing() if in_multi > 8 or len(commands) >= length else self.command(self._draw(mix))
            word = command[0].upper()
            if word in SORTS:
                commands.append(pools.RESET_ERRNO)
                in_multi += in_multi > 0
            if in_multi and word == b"SPOP":  # what follows it in the block would meet unlike data
                continue
            if word == b"MULTI" and len(command) == 1:
                in_multi = max(in_multi, 1)
            elif word in (b"EXEC", b"DISCARD") and len(command) == 1:
                in_multi = 0
            elif in_multi:
                in_multi += 1
            commands.append(command)
        return settings, commands

    def pick(self, options):
        return options[int(self.chance() * len(options))]

    def _closing(self):
        return [b"EXEC"] if self.chance() < 0.85 else [b"DISCARD"]

    def _mix(self):
        if self.focus and self.focus in self.by_family:
            return [self.focus]
        if not self.families:
            return list(self.by_family)
        return [self.pick(self.families), self.pick(self.families)]

    def _draw(self, mix):
        roll = self.chance()
        if roll < 0.78 or (roll < 0.86 and self.focus):
            family = mix[0] if self.chance() < 0.7 else mix[-1]
        elif roll < 0.86 and self.families:
            family = self.pick(self.families)
        elif roll < 0.96:
            family = "generic"
        else:
            family = "transactions"
        if family not in self.by_family:
            family = mix[0]
        return self.random.choices(self.by_family[family], cum_weights=self.cumulative[family])[0]

    def command(self, name):
        """One command called `name` with random arguments, perhaps damaged."""
        row = self.rows[name]
        self.name = name
        self.family = row["group"]
        self.key_count = 1
        self.count_at = None
        words = name.split()
        out = [word.encode() for word in words]
        if name == "COMMAND GETKEYS":
            return out + self.command(self.random.choice(self.by_family[self.pick(list(self.by_family))]))
        if name == "ZADD" and self.chance() < 0.2:
            return self._lex_members()
        if words[0] in ("SORT", "SORT_RO") and self.chance() < 0.15:
            return [b"RPUSH", self.pick(pools.TEXT_KEYS), *(self.pick(pools.MEMBERS) for _ in range(1 + int(self.chance() * 12)))]
        for node in row["arguments"]:
            self._emit(node, out)
        self.lexical = "LEX" in name or b"BYLEX" in out or b"bylex" in out
        if self.lexical:
            out[2 if name == "ZRANGESTORE" else 1] = self.pick(pools.LEX_KEYS)
        if self.chance() < 0.12 and words[0] not in EXACT:
            self._mutate(out, len(words), words[0] in BLOCKING)
        if out[0] in SORTS and len(out) > 1:
            self._sort_lists_by_text(out)
        if name in ("ZRANK", "ZREVRANK") and self.version < (7, 2):  # their arity grew
            del out[3:]
        if self.chance() < 0.1:
            out[0] = out[0].lower()
        return out

    def _lex_members(self):
        """Members of equal score, or sometimes a value of another type in their place."""
        roll = self.chance()
        if roll < 0.04:
            return [b"SET", self.pick(pools.LEX_KEYS), b"v"]
        if roll < 0.12:
            return [b"DEL", self.pick(pools.LEX_KEYS)]
        members = [self.pick(pools.MEMBERS) for _ in range(1 + int(self.chance() * 5))]
        return [b"ZADD", self.pick(pools.LEX_KEYS), *(part for member in members for part in (b"0", member))]

    def _sort_lists_by_text(self, out):
        """Where elements can be equal to SORT, or keep the order they have, this order must be known: that of a list which
        nothing but RPUSH writes."""
        options = [argument.upper() for argument in out[2:]]
        if b"ALPHA" in options or any(word == b"BY" and b"*" not in pattern.split(b"\0")[0] for word, pattern in zip(options, options[1:])):
            out[1] = self.pick(pools.TEXT_KEYS)

    def _emit(self, node, out):
        if node.get("optional") and self.chance() < 0.62:
            return
        if "since" in node and version_tuple(node["since"]) > self.version:
            return
        if node.get("token") == "BLOCK" and self.chance() < 0.9:  # a wait costs as much as a hundred commands
            return
        if (self.name, node["name"]) in NEW_IN_7_2 and self.version < (7, 2):
            return
        repeats = self._repeats(node) if node.get("multiple") else 1
        for index in range(repeats):
            if "token" in node and node["type"] != "pure-token" and (index == 0 or node.get("multiple_token")):
                out.append(self._token(node["token"]))
            self._emit_once(node, out)
        if node["type"] == "key" and self.count_at is not None:
            self._set_key_count(repeats, out)

    def _set_key_count(self, count, out):
        self.key_count = count
        wrong = self.chance() < 0.04
        out[self.count_at] = self.pick([b"0", b"-1", b"abc", b"%d" % (count + 1)]) if wrong else b"%d" % count
        self.count_at = None

    def _repeats(self, node):
        if node["name"] == "weight":
            return self.key_count if self.chance() < 0.93 else self.key_count + 1
        roll = self.chance()
        if roll < 0.01 and node["type"] != "key":
            return 20 + int(self.chance() * 20)
        return 1 if roll < 0.5 else 2 if roll < 0.75 else 3 if roll < 0.9 else 5

    def _emit_once(self, node, out):
        kind = node["type"]
        if kind == "pure-token":
            out.append(self._token(node["token"]))
        elif kind == "oneof":
            self._emit_branch(node, out)
        elif kind == "block":
            self._emit_block(node, out)
        elif kind == "key":
            out.append(self._key())
        elif node["name"] == "numkeys":
            self.count_at = len(out)
            out.append(b"1")
        else:
            out.append(self._value(node))

    def _emit_branch(self, node, out):
        branch = self.pick(node["arguments"])
        if branch["name"] == "auto-id":  # XADD's `*` is a time: rule 1 of pools.py
            branch = node["arguments"][1]
        self._emit({k: v for k, v in branch.items() if k != "optional"}, out)

    def _emit_block(self, node, out):
        if node["name"] == "streams":
            count = 1 if self.chance() < 0.7 else 2
            out += [self._key() for _ in range(count)]
            out += [self._value(node["arguments"][1]) for _ in range(count)]
            return
        for child in node["arguments"]:
            self._emit(child, out)

    def _token(self, token):
        word = token.encode() if token else b'""'
        return word.lower() if self.chance() < 0.15 else word

    def _key(self):
        key = self._any_key()
        while self._spoils(key):
            key = self._any_key()
        return key

    def _spoils(self, key):
        """Whether commands of strings would write into a HyperLogLog, or the other way round: what becomes of one that is
        damaged differs on purpose (README)."""
        is_hyperloglog = key in pools.KEYS["hyperloglog"]
        if self.family in ("string", "bitmap"):
            return is_hyperloglog
        return self.family == "hyperloglog" and not is_hyperloglog and key[:2] in (b"s:", b"b:", b"an")

    def _any_key(self):
        roll = self.chance()
        if roll < 0.80 and self.family in pools.KEYS:
            return self.pick(pools.KEYS[self.family])
        if roll < 0.93 or self.family in ("generic", "transactions") and roll < 0.97:
            return self.pick(self.keys)
        return self.pick(pools.ALL_KEYS)

    def _value(self, node):
        name = node["name"]
        pool = pools.BY_COMMAND.get((self.name, name)) or pools.BY_NAME.get(name) or pools.BY_TYPE[node["type"]]
        if self.name in ("ZRANGE", "ZRANGESTORE") and name in ("start", "stop", "min", "max"):
            pool = self.pick((pools.INDEXES, pools.SCORE_RANGES, pools.LEX_RANGES))
        return self.pick(pool)

    def _mutate(self, out, fixed, blocking):
        """Damage the arguments behind the first `fixed` words. A blocking command never gets a number it did not have:
        it might be read as a timeout."""
        roll = self.chance()
        junk = self.pick(pools.JUNK_WORDS if blocking else pools.JUNK)
        if (self.name in RANDOM or self.lexical) and len(out) > fixed + 1:
            junk = self.pick(pools.JUNK_WORDS)
        at = fixed + int(self.chance() * (len(out) - fixed)) if len(out) > fixed else fixed
        if roll < 0.2 and not blocking:
            del out[at:at + 1]
        elif roll < 0.35 and len(out) > fixed:
            out.pop()
        elif roll < 0.5 and not self._is_timeout(out):
            out.append(junk)
        elif roll < 0.7 and at < len(out):
            out[at] = junk
        elif roll < 0.85 and len(out) > fixed:
            out[fixed] = self.pick(pools.LEX_KEYS if self.lexical else pools.ALL_KEYS)
        elif roll < 0.93:
            out.insert(at, junk)
        elif not blocking:
            out[at:at] = out[at:at + 2]

    def _is_timeout(self, out):
        return self.name == "WAIT" and len(out) < 3
