"""The cut: rewrites one after the other under load, and every effect once, in the image or in the log behind it.

Writer i numbers its units; unit n is MULTI, INCR cut:i:count, RPUSH cut:i:list n, EXEC. After a FLUSHALL somewhere among
them and a kill at the end, the list must hold a run of numbers without gap or repetition: it begins where the FLUSHALL
fell (between what was answered when it was sent and what was sent when it was answered) and ends where the kill fell; the
counter is its length. SWAPDB spreads a run over two databases: each number is in exactly one, in the one that the swaps
behind it say, and in order. A third database grows and shrinks by thousands of keys, and a function library changes.
"""

import random
import threading
import time

from node import Failure, Node, accept
from resp import encode, is_error

WRITERS = 5
PIPELINE = 8
GROWTH = 15_000
GROWTH_DATABASE = 2
LIBRARY = "#!lua name=cut\nredis.register_function('cut', function() return %d end)"


class Window:
    """An operation on all keys, as each writer saw it: it happened after `low[i]` and before `high[i]` of its units."""

    def __init__(self, low):
        self.low, self.high = low, None


class Worker(threading.Thread):
    """Runs `turn` again and again on a connection until the server is gone."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.connection, self.failure = node.connect(), None

    def run(self):
        try:
            while True:
                self.turn()
        except OSError:
            pass
        except Exception as failure:  # whatever it is, the round fails with it
            self.failure = failure
        finally:
            self.connection.close()


class Writer(Worker):
    def __init__(self, node, number, first):
        super().__init__(node)
        self.prefix = b"cut:%d" % number
        self.sent = self.answered = first

    def turn(self):
        batch = range(self.sent, self.sent + PIPELINE)
        self.sent = batch.stop
        commands = []
        for n in batch:
            commands += [
                [b"MULTI"],
                [b"INCR", self.prefix + b":count"],
                [b"RPUSH", self.prefix + b":list", b"%d" % n],
                [b"EXEC"],
            ]
        self.connection.send(b"".join(map(encode, commands)))
        for _ in batch:
            replies = [self.connection.read() for _ in range(4)]
            if is_error(replies[3]) or replies[3][0] != replies[3][1]:
                raise Failure(f"EXEC answered {replies[3]}: the counter is not the length of the list")
            self.answered += 1


class Grower(Worker):
    """Keys made and unmade in order, so that those left are a run of numbers."""

    def __init__(self, node, first):
        super().__init__(node)
        self.made = self.made_answered = self.unmade = self.unmade_answered = first
        accept(self.connection.call("SELECT", GROWTH_DATABASE), "SELECT")

    def turn(self):
        growing = self.made - self.unmade < GROWTH
        while (self.made - self.unmade < GROWTH) if growing else (self.unmade < self.made):
            if growing:
                numbers, name = range(self.made, self.made + 200), b"SET"
                self.made = numbers.stop
            else:
                numbers, name = range(self.unmade, min(self.unmade + 200, self.made)), b"DEL"
                self.unmade = numbers.stop
            self.connection.send(b"".join(encode([name, b"grow:%d" % n, b"x"][: 3 if growing else 2]) for n in numbers))
            for _ in numbers:
                accept(self.connection.read(), name.decode())
                if growing:
                    self.made_answered += 1
                else:
                    self.unmade_answered += 1


class Rewriter(Worker):
    """BGREWRITEAOF, one after the other."""

    done = 0

    def turn(self):
        accept(self.connection.call("BGREWRITEAOF"), "BGREWRITEAOF")
        while b"aof_rewrite_in_progress:1" in self.connection.call("INFO", "persistence"):
            time.sleep(0.001)
        self.done += 1


class Librarian(Worker):
    def __init__(self, node, first):
        super().__init__(node)
        self.sent = self.answered = first

    def turn(self):
        self.sent += 1
        accept(self.connection.call("FUNCTION", "LOAD", "REPLACE", LIBRARY % self.sent), "FUNCTION LOAD")
        self.answered += 1
        time.sleep(0.003)


class Cut:
    """A directory that goes through rounds; the state after the last restart is the start of the next."""

    def __init__(self, command, base, mode, seed):
        self.node = Node(command, base, [("appendfsync", mode)])
        self.rng = random.Random(seed)
        self.next_number, self.runs = [0] * WRITERS, [[[], []] for _ in range(WRITERS)]
        self.grown = (0, 0)
        self.library = 0
        self.rewrites = self.units = self.operations = 0

    def begin(self):
        self.node.start()
        reply = self.node.call("FUNCTION", "LOAD", LIBRARY % 0)
        self.functions = not is_error(reply)
        if not self.functions and not reply[1].startswith(b"ERR unknown command"):
            raise Failure(f"FUNCTION LOAD: {reply}")

    def round(self):
        writers = [Writer(self.node, at, first) for at, first in enumerate(self.next_number)]
        grower, rewriter = Grower(self.node, self.grown[1]), Rewriter(self.node)
        librarian = Librarian(self.node, self.library) if self.functions else None
        grower.unmade = grower.unmade_answered = self.grown[0]
        workers = [*writers, grower, rewriter, *([librarian] if librarian else [])]
        for worker in workers:
            worker.start()
        flushes, swaps = self._disturb(writers, grower)
        self.node.kill()
        for worker in workers:
            worker.join()
        for worker in workers:
            if worker.failure:
                raise worker.failure
        self.node.start()
        self._check(writers, grower, librarian, flushes, swaps)
        self.rewrites += rewriter.done
        self.units += sum(writer.answered for writer in writers) - sum(self.next_number)
        self.operations += len(flushes) + len(swaps)
        self.next_number = [writer.sent for writer in writers]

    def _disturb(self, writers, grower):
        """FLUSHALL and SWAPDB now and then, and the moment of the kill; the windows of both."""
        connection = self.node.connect()
        flushes, swaps = [], []
        sent = lambda: [w.sent for w in writers] + [grower.made]  # noqa: E731
        answered = lambda: [w.answered for w in writers] + [grower.made_answered]  # noqa: E731
        deadline = time.monotonic() + self.rng.uniform(0.3, 1.2)
        while time.monotonic() < deadline:
            time.sleep(self.rng.uniform(0.005, 0.08))
            flush = self.rng.random() < 0.15
            window = Window(answered())
            reply = connection.call(*(("FLUSHALL",) if flush else ("SWAPDB", "0", "1")))
            accept(reply, "FLUSHALL or SWAPDB")
            window.high = sent()
            (flushes if flush else swaps).append(window)
        if self.rng.random() < 0.5:
            # One that the kill may or may not overtake.
            window = Window(answered())
            flush = self.rng.random() < 0.3
            connection.send(encode([b"FLUSHALL"] if flush else [b"SWAPDB", b"0", b"1"]))
            time.sleep(self.rng.uniform(0, 0.001))
            (flushes if flush else swaps).append(window)
        connection.close()
        return flushes, swaps

    def _check(self, writers, grower, librarian, flushes, swaps):
        connection = self.node.connect()
        held = []
        for database in (0, 1):
            accept(connection.call("SELECT", database), "SELECT")
            held.append([
                ([int(n) for n in connection.call("LRANGE", w.prefix + b":list", "0", "-1")],
                 int(connection.call("GET", w.prefix + b":count") if connection.call("EXISTS", w.prefix + b":count") else 0))
                for w in writers
            ])  # fmt: skip
        for at, writer in enumerate(writers):
            self._check_run(at, writer, [held[0][at], held[1][at]], flushes)
        self._check_places(writers, [[held[d][at][0] for d in (0, 1)] for at in range(WRITERS)], swaps)
        self.runs = [[held[d][at][0] for d in (0, 1)] for at in range(WRITERS)]
        self._check_growth(connection, grower, flushes)
        if librarian:
            self._check_library(connection, librarian)
        connection.close()

    def _check_run(self, at, writer, held, flushes):
        name = writer.prefix.decode()
        for numbers, count in held:
            if count != len(numbers):
                raise Failure(f"half a transaction: {name}:count is {count}, the list has {len(numbers)} elements")
            if numbers != sorted(numbers):
                raise Failure(f"{name}:list is out of order: {_disorder(numbers)}")
        both = sorted(held[0][0] + held[1][0])
        first, before = self.next_number[at], sorted(self.runs[at][0] + self.runs[at][1])
        old, new = [n for n in both if n < first], [n for n in both if n >= first]
        windows = [(w.low[at], w.high and w.high[at]) for w in flushes]
        if not new and (old or not windows) and writer.answered > first:
            raise Failure(f"{name}:list holds nothing new; {first} to {writer.answered} were answered")
        if new and (new != list(range(new[0], new[-1] + 1)) or not writer.answered <= new[-1] + 1 <= writer.sent):
            raise Failure(
                f"{name}:list has a gap, or not its end ({writer.answered} to {writer.sent}): {_disorder(new)}, {new[-1]}"
            )
        if old and (old != before or new and new[0] != first):
            raise Failure(
                f"{name}:list holds {len(old)} of {len(before)} elements from before the round, then {new[:1]}"
            )
        # Where the last FLUSHALL that happened fell; at the earliest, before the round.
        start = old[0] if old else new[0] if new else None
        done = [low for low, high in windows if high is not None]
        if start is not None and done and start < done[-1]:
            raise Failure(f"{name}:list begins with {start}, and a FLUSHALL was answered within {windows[-2:]}")
        whole = old == before and (not new or new[0] == first)
        reach = new[0] if new else writer.answered
        if not whole and not any(high is None or reach <= high for low, high in windows if not new or low <= reach):
            raise Failure(
                f"{name}:list begins with {start}, {len(old)} of {len(before)} old ones; FLUSHALL only within {windows}"
            )

    def _flushed(self, flushes, at, start):
        """May one of the FLUSHALLs have come right before unit `start`, or with none left behind it, later?"""
        return any(w.high is None or start <= w.high[at] for w in flushes if w.low[at] <= start or w.high is None)

    def _check_places(self, writers, runs, swaps):
        """Each number is in the database that the swaps behind it say, where their windows leave no doubt."""
        problems = []
        for happened in {True, all(w.high for w in swaps)}:
            problems.append(self._misplaced(writers, runs, [w for w in swaps if w.high or happened]))
        if all(problems):
            raise Failure(f"in the wrong database after {len(swaps)} SWAPDB: {problems[0]}")

    def _misplaced(self, writers, runs, swaps):
        for at, writer in enumerate(writers):
            for database in (0, 1):
                for n in runs[at][database]:
                    origin = 0
                    if n < self.next_number[at]:
                        origin = 0 if n in self._old(at, 0) else 1
                    unsure = any(w.low[at] <= n and (w.high is None or n < w.high[at]) for w in swaps)
                    behind = sum(1 for w in swaps if n < w.low[at])
                    if not unsure and (origin + behind) % 2 != database:
                        return f"{n} of {writer.prefix.decode()} is in {database}, {behind} swaps behind it"
        return None

    def _old(self, at, database):
        return self._old_sets.setdefault((at, database), set(self.runs[at][database]))

    @property
    def _old_sets(self):
        # One set per list, made anew when the lists of the last restart change.
        if getattr(self, "_sets_of", None) is not self.runs:
            self._sets_of, self._sets = self.runs, {}
        return self._sets

    def _check_growth(self, connection, grower, flushes):
        accept(connection.call("SELECT", GROWTH_DATABASE), "SELECT")
        held = sorted(int(key.split(b":")[1]) for key in connection.call("KEYS", "grow:*"))
        if not held:
            if grower.unmade < grower.made_answered and not self._flushed(flushes, -1, grower.made_answered):
                raise Failure(f"all made keys are gone; {grower.unmade} to {grower.made_answered} were not deleted")
            self.grown = (grower.made, grower.made)
            return
        start, end = held[0], held[-1] + 1
        if held != list(range(start, end)) or not grower.made_answered <= end <= grower.made:
            raise Failure(
                f"made keys have a gap, or not their end ({grower.made_answered} to {grower.made}): {_disorder(held)}, {end}"
            )
        done = [w.low[-1] for w in flushes if w.high]
        if start < max([grower.unmade_answered, *done[-1:]]):
            raise Failure(
                f"made keys begin at {start}; deleted up to {grower.unmade_answered}, FLUSHALL after {done[-1:]}"
            )
        if start > grower.unmade and not self._flushed(flushes, -1, start):
            raise Failure(f"made keys begin at {start}; deleted only up to {grower.unmade}")
        self.grown = (start, end)

    def _check_library(self, connection, librarian):
        reply = accept(connection.call("FUNCTION", "LIST", "LIBRARYNAME", "cut", "WITHCODE"), "FUNCTION LIST")
        code = reply[0][reply[0].index(b"library_code") + 1] if reply else b""
        versions = {(LIBRARY % n).encode(): n for n in range(librarian.answered, librarian.sent + 1)}
        if code not in versions:
            raise Failure(f"the library is {code!r}; {librarian.answered} was answered, {librarian.sent} sent")
        self.library = versions[code]


def _disorder(numbers):
    for one, other in zip(numbers, numbers[1:]):
        if other != one + 1:
            return f"{other} after {one}"
    return "nothing"


def run(command, base, mode, seed, rounds):
    cut = Cut(command, base, mode, seed)
    try:
        cut.begin()
        for _ in range(rounds):
            cut.round()
    except Failure as failure:
        raise Failure(
            f"{failure}\nafter {cut.rewrites} rewrites; the server's log:\n{cut.node.log_tail()}"
        ) from failure
    finally:
        cut.node.kill()
    without = "" if cut.functions else "; no FUNCTION here"
    return (
        f"{rounds} restarts, {cut.rewrites} rewrites, {cut.units} units, {cut.operations} FLUSHALL or SWAPDB{without}"
    )
