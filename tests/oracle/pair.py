"""A reference server and the server under test, driven in step.

A sequence runs in batches: the same bytes go to both, and the raw replies are compared as bytes; only when they differ are
they parsed and compared command by command. A batch ends where a random command leaves the two servers apart: the
members it returned are checked against the data, and the key is rebuilt alike on both sides.

At its end the whole data is compared: the digest where both have the same one, else a dump of every key; encodings and
the presence of an expiry always.
"""

import compare
import generator
import pools
from resp import NULL, NULL_ARRAY, NULL_BULK, Connection, encode, is_error, parse_all, parse_available, quote, show

BATCH = 120
DATABASES = 16


class Difference(Exception):
    """The servers differ at command `index` of the sequence (its length: in the final data)."""

    def __init__(self, index, reason, reference=None, tested=None):
        super().__init__(reason)
        self.index, self.reason, self.reference, self.tested = index, reason, reference, tested

    def __str__(self):
        if self.reference is None and self.tested is None:
            return self.reason
        return f"{self.reason}\n  reference: {show(self.reference)}\n  tested:    {show(self.tested)}"


def line_of(command):
    return " ".join(quote(argument) for argument in command)[:300]


class Pair:
    """Connections to both servers. Every call acts on both and compares."""

    def __init__(self, reference, tested):
        self.servers = (reference, tested)
        self.version = None
        self.connect()
        self.version = self._version()
        self.comparer = compare.Comparer(self.version)
        self.digests = self._same_digests()
        self.commands_run = 0
        self.missing_settings = set()

    def connect(self):
        self.connections = [Connection(server.port) for server in self.servers]

    def reconnect(self):
        for connection in self.connections:
            connection.close()
        self.connect()

    def _version(self):
        info = self.connections[0].call("INFO", "server").decode()
        return next(line.split(":")[1] for line in info.splitlines() if line.startswith("redis_version:"))

    def _same_digests(self):
        digests = []
        for connection in self.connections:
            connection.call("FLUSHALL")
            connection.call("SET", "digest", "probe")
            connection.call("ZADD", "digest:z", "1.5", "member")
            digests.append(connection.call("DEBUG", "DIGEST"))
            connection.call("FLUSHALL")
        return digests[0] == digests[1] and not is_error(digests[0])

    def unimplemented(self, names):
        """Those of `names` that the reference knows and the server under test does not; and those neither knows."""
        missing, unknown = [], []
        for name in names:
            replies = [c.call(*name.split()) for c in self.connections]
            absent = [is_error(r) and b"unknown " in r[1].lower() for r in replies]
            for connection in self.connections:
                connection.call("DISCARD")
            (unknown if absent[0] else missing if absent[1] else []).append(name)
        return missing, unknown

    def reset(self, settings, protocol):
        """Empty both servers and bring their settings and the connections into the state a sequence starts from."""
        commands = [[b"DISCARD"], [b"UNWATCH"], [b"SELECT", b"0"], [b"FLUSHALL"], [b"HELLO", str(protocol).encode()]]
        for setting in [*generator.DEFAULTS, *settings]:
            commands.append([b"CONFIG", b"SET", *(part.encode() for part in setting)])
        data = b"".join(map(encode, commands))
        for connection in self.connections:
            connection.send_batch(data)
        reference, tested = [parse_all(connection.read_batch()) for connection in self.connections]
        for command, a, b in zip(commands[5:], reference[5:], tested[5:]):
            if is_error(b) and not is_error(a):
                self.missing_settings.add(f"{command[2].decode()}: {b[1].decode(errors='replace')}")
        for at, name in ((3, "FLUSHALL"), (4, "HELLO")):
            if is_error(tested[at]):
                raise Difference(0, f"no sequence can start: {name} failed", reference[at], tested[at])

    def run(self, commands):
        """Run a sequence; raises Difference at the first one."""
        self.comparer.expect(commands)
        start = 0
        while start < len(commands):
            end, random_keys = self._batch_end(commands, start)
            self._run_batch(commands, start, end, random_keys)
            self.commands_run += end - start
            start = end
        self._compare_data(len(commands))

    def _batch_end(self, commands, start):
        """Where the batch from `start` ends (never within MULTI), and the commands in it whose replies are random."""
        in_multi, random_commands = False, []
        for at in range(start, len(commands)):
            command = commands[at]
            word = command[0].upper()
            if word == b"MULTI" and len(command) == 1:
                in_multi = True
            elif word in (b"EXEC", b"DISCARD") and len(command) == 1:
                in_multi = False
            elif word.decode(errors="replace") in generator.RANDOM and len(command) > 1:
                random_commands.append((at, in_multi))
            if not in_multi and (random_commands or at - start >= BATCH):
                return at + 1, random_commands
        return len(commands), random_commands

    def _run_batch(self, commands, start, end, random_commands):
        batch = commands[start:end]
        data = b"".join(map(encode, batch))
        for connection in self.connections:
            connection.send_batch(data)
        raw = [self._read_batch(at, start) for at in (0, 1)]
        parsed = None
        if raw[0] != raw[1]:
            parsed = [parse_all(data) for data in raw]
            found = self.comparer.batch(batch, *parsed)
            if found:
                index, reason = found
                replies = [r[index] if index < len(r) else None for r in parsed]
                raise Difference(start + index, f"{reason}: {line_of(batch[index])}", *replies)
        if random_commands:
            parsed = parsed or [parse_all(data) for data in raw]
            self._after_random(commands, start, random_commands, parsed)

    def _read_batch(self, at, start):
        try:
            return self.connections[at].read_batch()
        except OSError as error:
            answered = len(parse_available(self.connections[at].buffer))
            who = ("the reference", "the server under test")[at]
            state = "runs" if self.servers[at].alive() else "has died"
            raise Difference(start + answered, f"no reply from {who}, which {state}: {error!r}") from error

    def _after_random(self, commands, start, random_commands, parsed):
        for at, in_multi in random_commands:
            command = commands[at]
            key = command[1]
            contents = [self._contents(connection, key) for connection in self.connections]
            if not in_multi:
                self._check_membership(at, command, contents, [replies[at - start] for replies in parsed])
            if command[0].upper() == b"SPOP":
                self._rebuild_set(key)

    def _contents(self, connection, key):
        """The members of a set or sorted set, or the fields of a hash; None for other types."""
        kind = connection.call("TYPE", key)
        fetch = {b"set": ("SMEMBERS", key), b"hash": ("HKEYS", key), b"zset": ("ZRANGE", key, "0", "-1")}.get(kind[1])
        return set(compare.items_of(connection.call(*fetch))) if fetch else set()

    def _check_membership(self, at, command, contents, replies):
        if is_error(replies[0]):
            return
        popped = command[0].upper() == b"SPOP"
        if popped and len(contents[0]) != len(contents[1]):
            raise Difference(at, f"SPOP left {len(contents[0])} and {len(contents[1])} members", *replies)
        whole = contents[0] | set(self._members(command, replies[0]))
        for reply, left in zip(replies, contents):
            members = self._members(command, reply)
            distinct = len(command) < 3 or not command[2].startswith(b"-")
            if command[0].upper() != b"RANDOMKEY" and not set(members) <= whole:
                raise Difference(at, "a random reply holds what is not a member", *replies)
            if popped and set(members) & left:
                raise Difference(at, "SPOP returned a member and kept it", *replies)
            if distinct and len(set(members)) != len(members):
                raise Difference(at, "a member was returned twice", *replies)

    @staticmethod
    def _members(command, reply):
        if isinstance(reply, bytes):
            return [reply]
        items = compare.items_of(reply) or []
        if items and isinstance(items[0], list):
            return [item[0] for item in items]
        return items[::2] if len(command) > 3 else items

    def _rebuild_set(self, key):
        """Give both servers the same set again, made by the same commands."""
        reference = self.connections[0]
        if reference.call("TYPE", key) != ("+", b"set"):
            return
        members = sorted(compare.items_of(reference.call("SMEMBERS", key)))
        expiry = reference.call("PEXPIRETIME", key)
        for connection in self.connections:
            connection.call("DEL", key)
            connection.call("SADD", key, *members)
            if expiry > 0:
                connection.call("PEXPIREAT", key, expiry)

    def _compare_data(self, index):
        """The final comparison. A digest tells that values are equal, not how they are stored, so encodings follow."""
        commands = [[b"DEBUG", b"DIGEST"], [b"DBSIZE"]] if self.digests else [[b"DBSIZE"]]
        for key in [*pools.ALL_KEYS, *pools.LEX_KEYS, *pools.TEXT_KEYS]:
            commands.append([b"OBJECT", b"ENCODING", key])
            commands.append([b"PTTL", key])
        data = b"".join(map(encode, commands))
        for connection in self.connections:
            connection.send_batch(data)
        raw = [self._read_batch(at, index) for at in (0, 1)]
        if raw[0] != raw[1]:
            parsed = [parse_all(data) for data in raw]
            if self.digests and parsed[0][0] != parsed[1][0]:
                self._compare_dumps(index)
                if not (self.comparer.old or self.comparer.has_sorted):  # the digest is taken over the texts of scores: see newer_doubles
                    raise Difference(index, "DEBUG DIGEST differs, the dumps are equal", parsed[0][0], parsed[1][0])
                parsed[1][0] = parsed[0][0]
            found = self.comparer.batch(commands, *parsed)
            if found:
                at = found[0]
                what = " ".join(part.decode(errors="backslashreplace") for part in commands[at])
                raise Difference(index, f"final data: {what}", parsed[0][at], parsed[1][at])
        if not self.digests:
            self._compare_dumps(index)

    def _compare_dumps(self, index):
        for database in range(DATABASES):
            sizes = [(c.call("SELECT", database), c.call("DBSIZE"))[1] for c in self.connections]
            if sizes == [0, 0]:
                continue
            keys = [sorted(c.call("KEYS", "*")) for c in self.connections]
            if keys[0] != keys[1]:
                raise Difference(index, f"final data: keys of database {database}", *keys)
            for key in keys[0]:
                dumps = [self._dump(c, key) for c in self.connections]
                if not self.comparer.same([b"DUMP OF"], *dumps):
                    raise Difference(index, f"final data: {key!r} in database {database}", *dumps)

    @staticmethod
    def _dump(connection, key):
        kind = connection.call("TYPE", key)[1]
        if kind in (b"set", b"hash"):
            items = compare.items_of(connection.call({b"set": "SMEMBERS", b"hash": "HGETALL"}[kind], key))
            return sorted(items) if kind == b"set" else sorted(map(list, compare.pairs_of(items)))
        fetch = {
            b"string": ("GET", key), b"list": ("LRANGE", key, "0", "-1"), b"stream": ("XRANGE", key, "-", "+"),
            b"zset": ("ZRANGE", key, "0", "-1", "WITHSCORES"),
        }.get(kind)  # fmt: skip
        return connection.call(*fetch) if fetch else [NULL, NULL_ARRAY, NULL_BULK]

    def run_slowly(self, commands):
        """Run a sequence a command at a time, comparing each: for shrinking and for replaying a case."""
        comparer, popped = compare.Comparer(self.version), set()
        comparer.expect(commands)
        self.comparer.expect(commands)
        for index, command in enumerate(commands):
            replies = []
            for at, connection in enumerate(self.connections):
                try:
                    connection.send(encode(command))
                    replies.append(connection.read())
                except OSError as error:
                    who = ("the reference", "the server under test")[at]
                    raise Difference(index, f"no reply from {who}: {error!r}") from error
            reason = comparer.command(command, *replies)
            if reason:
                raise Difference(index, reason, *replies)
            if command[0].upper() == b"SPOP" and len(command) > 1:
                popped.add(command[1])
            while popped and comparer.queued is None:
                self._rebuild_set(popped.pop())
        for connection in self.connections:
            connection.call("DISCARD")
        self._compare_data(len(commands))
