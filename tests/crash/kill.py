"""The kill test: writers at work, the server killed at a random moment and started again, nothing acknowledged gone.

A *life* is a directory that goes through several rounds. Each round ends with a kill in one scenario:

    plain      while clients write                      rewrite    during BGREWRITEAOF
    bgsave     during BGSAVE                            rotation   around the start or the end of one of many short rewrites
    stop       SIGTERM instead of SIGKILL

With a `Disk` the kill is a power cut: what was not fsynced is lost (disk.py). Then `always` must still hold everything
acknowledged, `everysec` what was acknowledged two seconds before (one by its promise, one for a stall that Redis allows).
"""

import random
import time

import verify
import workload
from disk import Disk
from node import Failure, Node, accept, wait_for
from resp import encode

WRITERS = 6
BALLAST = 20_000
EVERYSEC_ALLOWANCE_SECONDS = 2.0
SCENARIOS = ("plain", "bgsave", "rewrite", "rotation", "stop")


class Life:
    """One directory, one appendfsync mode."""

    def __init__(self, command, base, mode, seed, shim=None, settings=()):
        self.disk = Disk(shim, base) if shim else None
        self.mode, self.rng = mode, random.Random(seed)
        self.node = Node(
            command, base, [("appendfsync", mode), *settings], self.disk.environment if self.disk else None
        )
        self.sources = workload.sources(WRITERS, seed)
        self.verifier = verify.Verifier([source.name for source in self.sources])
        self.units = 0
        self.story = []

    def begin(self):
        self.node.start()
        connection = self.node.connect()
        for first in range(0, BALLAST, 500):
            pairs = [part for n in range(first, first + 500) for part in (b"ballast:%d" % n, b"%032d-%064d" % (n, n))]
            accept(_call(connection, [b"MSET", *pairs]), "MSET")
        connection.close()
        if self.disk:
            self.node.terminate()
            self.disk.forget()
            self.node.start()

    def round(self, scenario):
        """Work, end, restart, verify."""
        started = time.time()
        done = workload.run_round(self.node, self.sources, lambda: self._end(scenario))
        promised_until = None
        if self.disk and scenario != "stop":
            self.story.append(self.disk.cut_power(self.rng))
            if self.mode == "everysec":
                promised_until = done.died - EVERYSEC_ALLOWANCE_SECONDS
        self.node.start()
        self._verify(done, promised_until)
        if self.rng.random() < 0.2:
            self.node.kill()
            self.node.start()
            self._check_unchanged()
        self.units += sum(done.answered.values())
        self.story.append(f"{scenario}: {sum(done.answered.values())} answered in {time.time() - started:.1f} s")

    def _verify(self, done, promised_until):
        time.sleep(workload.SHORT_TTL_MS * 2 / 1000)
        connection = self.node.connect()
        self.verifier.check(connection, done, promised_until)
        self._check_ballast(connection)
        connection.close()

    def _check_unchanged(self):
        connection = self.node.connect()
        self.verifier.check_unchanged(connection)
        connection.close()

    def _check_ballast(self, connection):
        held = sum(1 for key in accept(connection.call("KEYS", "ballast:*"), "KEYS"))
        if held != BALLAST:
            raise Failure(f"{held} of {BALLAST} keys that nobody touched are left")
        numbers = self.rng.sample(range(BALLAST), 200)
        for n, value in zip(
            numbers, accept(_call(connection, [b"MGET", *(b"ballast:%d" % n for n in numbers)]), "MGET")
        ):
            if value != b"%032d-%064d" % (n, n):
                raise Failure(f"ballast:{n} holds {value!r}")

    def _end(self, scenario):
        """Bring the server to the moment, and end it there; when, in unix time."""
        try:
            # `everysec` promises something only after a while.
            slow = self.disk and self.mode == "everysec" and scenario != "stop"
            time.sleep(self.rng.uniform(0.05, 0.5) + (EVERYSEC_ALLOWANCE_SECONDS if slow else 0))
            getattr(self, "_reach_" + scenario)()
        finally:
            if scenario == "stop":
                self.node.terminate()
            else:
                self.node.kill()
        return time.time()

    def _reach_plain(self):
        pass

    _reach_stop = _reach_plain

    def _reach_bgsave(self):
        self._slow_down_saving()
        accept(self.node.call("BGSAVE"), "BGSAVE")
        wait_for(
            "BGSAVE to start", lambda: self.node.info()["rdb_bgsave_in_progress"] == "1" or self._saves_quickly(), 5
        )
        time.sleep(self.rng.uniform(0, 0.25))

    def _reach_rewrite(self):
        self._slow_down_saving()
        accept(self.node.call("BGREWRITEAOF"), "BGREWRITEAOF")
        time.sleep(self.rng.uniform(0, 0.4))

    def _reach_rotation(self):
        connection = self.node.connect()
        for left in reversed(range(self.rng.randrange(1, 5))):
            accept(connection.call("BGREWRITEAOF"), "BGREWRITEAOF")
            if left == 0 and self.rng.random() < 0.4:
                time.sleep(self.rng.uniform(0, 0.004))
                break
            while _rewriting(connection):
                time.sleep(0.0005)
            if left == 0:
                time.sleep(self.rng.choice((0, 0.0005, 0.002, 0.01)))
        connection.close()

    def _slow_down_saving(self):
        """Redis can be told to take its time, microseconds per key; a server without this setting takes what it takes."""
        self._slowed = self.node.call("CONFIG", "SET", "rdb-key-save-delay", "15") == ("+", b"OK")

    def _saves_quickly(self):
        return not self._slowed


def _rewriting(connection):
    info = connection.call("INFO", "persistence")
    return b"aof_rewrite_in_progress:1" in info or b"aof_rewrite_scheduled:1" in info


def _call(connection, command):
    connection.send(encode(command))
    return connection.read()
