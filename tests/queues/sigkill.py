"""The kill test of queues: producers and workers at work in processes of their own, the server killed with SIGKILL, thrice,
and started again on what it left. Then every acknowledged job has been processed, nothing is stuck, the queue is empty.

Producers say `ack <job>` when the server has acknowledged a job, workers `done <job>` when they have processed it.
"""

import collections
import os
import pathlib
import random
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "crash"))
from node import Failure, Node, accept, wait_for  # noqa: E402

KILLS = 3
DRAIN_SECONDS = 90
READY_SECONDS = 60
STOP_SECONDS = 40
ENOUGH_JOBS = 300


class Crew:
    """Processes that print lines into a file each."""

    def __init__(self, base, environment):
        self.base, self.environment, self.members = pathlib.Path(base), environment, []

    def start(self, name, command, **environment):
        path = self.base / f"{name}.out"
        with open(path, "wb") as out, open(self.base / f"{name}.err", "wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                                       env={**os.environ, **self.environment, **environment})  # fmt: skip
        self.members.append((name, process, path))

    def await_ready(self):
        for name, process, path in self.members:
            wait_for(f"{name} is ready", lambda: self._is_ready(name, process, path), READY_SECONDS)

    def _is_ready(self, name, process, path):
        if process.poll() is not None:
            raise Failure(f"{name} ended with {process.returncode}: {self._complaint(name)}")
        return b"ready\n" in path.read_bytes()

    def _complaint(self, name):
        return (self.base / f"{name}.err").read_text(errors="replace")[-800:]

    def said(self, word):
        """How often each job was named after this word."""
        found = collections.Counter()
        for _, _, path in self.members:
            for line in path.read_text().splitlines():
                if line.startswith(word + " "):
                    found[line[len(word) + 1 :]] += 1
        return found

    def stop(self, prefix):
        """SIGTERM to those whose names start with this; all must end by themselves."""
        chosen = [member for member in self.members if member[0].startswith(prefix)]
        for _, process, _ in chosen:
            process.terminate()
        for name, process, _ in chosen:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired as late:
                raise Failure(f"SIGTERM did not end {name} within {STOP_SECONDS} s") from late
            if process.returncode not in (0, -15):
                raise Failure(f"{name} ended with {process.returncode}: {self._complaint(name)}")

    def kill(self):
        for _, process, _ in self.members:
            process.kill()
            process.wait()


class Kind:
    """A library's producers and workers, the keys of its queue, and what its fetch may lose."""

    def __init__(self, crew, lists=(), sorted_sets=(), losses_per_kill=0):
        self.crew, self.lists, self.sorted_sets = crew, lists, sorted_sets
        self.losses_per_kill = losses_per_kill

    def left(self, connection):
        """Sizes of what is not empty."""
        sizes = {key: accept(connection.call("LLEN", key), f"LLEN {key}") for key in self.lists}
        sizes.update((key, accept(connection.call("ZCARD", key), f"ZCARD {key}")) for key in self.sorted_sets)
        return {key: size for key, size in sizes.items() if size}


def bullmq(package):
    queues = ("left", "right")
    environment = {"QUEUES": ",".join(queues), "PACKAGE": package, "CONCURRENCY": "50", "WORK_MS": "5"}

    def crew(start):
        for n in range(2):
            start(f"producer {n}", ["node", HERE / "bullmq_producer.cjs"], NAME=f"p{n}", **environment)
            start(f"worker {n}", ["node", HERE / "bullmq_worker.cjs"], **environment)

    return Kind(crew,
                [f"bull:{queue}:{kind}" for queue in queues for kind in ("wait", "active", "paused")],
                [f"bull:{queue}:{kind}" for queue in queues
                 for kind in ("delayed", "prioritized", "waiting-children", "failed")])  # fmt: skip


SIDEKIQ_THREADS = 20


def sidekiq():
    """Its basic fetch is BRPOP: a job whose reply a kill cuts off is gone, at most one per thread."""

    def crew(start):
        for n in range(2):
            start(f"producer {n}", ["ruby", HERE / "sidekiq_producer.rb"], NAME=f"p{n}")
            command = ["sidekiq", "-r", HERE / "sidekiq_worker.rb", "-c", str(SIDEKIQ_THREADS // 2), "-t", "5"]
            start(f"worker {n}", command)

    return Kind(crew, ["queue:default"], ["retry", "schedule", "dead"], losses_per_kill=SIDEKIQ_THREADS)


def reliable(python):
    workers = 6

    def crew(start):
        for n in range(2):
            start(f"producer {n}", [python, HERE / "reliable.py", "produce", f"p{n}"])
        for n in range(workers):
            start(f"worker {n}", [python, HERE / "reliable.py", "work", f"w{n}"])

    return Kind(crew, ["reliable", *(f"reliable:w{n}" for n in range(workers))])


def run(kind, command, port, base, seed):
    """One life of the server; a line about it."""
    rng = random.Random(seed)
    node = Node(command, base, [("port", port), ("bind", "127.0.0.1"), ("appendfsync", "everysec")])
    crew = Crew(base, {"PORT": str(port)})
    try:
        node.start()
        kind.crew(lambda *arguments, **environment: crew.start(*arguments, **environment))
        crew.await_ready()
        in_flight = [_kill_once(node, kind, rng) for _ in range(KILLS)]
        time.sleep(1)
        crew.stop("producer")
        _await_empty(node, kind)
        crew.stop("worker")
        return _verify(crew, kind, in_flight)
    finally:
        crew.kill()
        node.kill()


def _kill_once(node, kind, rng):
    """What was in the queue when the server came back."""
    time.sleep(rng.uniform(1.0, 2.5))
    node.kill()
    time.sleep(rng.choice((0, 0, 0.5)))
    node.start()
    connection = node.connect()
    left = kind.left(connection)
    connection.close()
    return sum(left.values())


def _await_empty(node, kind):
    """Empty, and still empty a while later: what stalls comes back."""
    connection = node.connect()
    deadline = time.monotonic() + DRAIN_SECONDS
    while left := kind.left(connection):
        if time.monotonic() > deadline:
            raise Failure(f"not processed within {DRAIN_SECONDS} s: {left}")
        time.sleep(0.1)
    connection.close()


def _verify(crew, kind, in_flight):
    acknowledged, done, errors = crew.said("ack"), crew.said("done"), crew.said("error")
    if errors:
        raise Failure(f"a worker complains: {list(errors)[:5]}")
    lost = sorted(job for job in acknowledged if not done[job])
    if len(lost) > kind.losses_per_kill * KILLS:
        raise Failure(f"{len(lost)} of {len(acknowledged)} acknowledged jobs were never processed: {lost[:10]}")
    if len(acknowledged) < ENOUGH_JOBS:
        raise Failure(f"only {len(acknowledged)} jobs in all: the test shows nothing")
    if sum(in_flight) <= kind.losses_per_kill * KILLS:
        raise Failure(f"nearly nothing was in the queue when the server came back: {in_flight}")
    again = sum(count - 1 for count in done.values())
    return (f"{len(acknowledged)} jobs acknowledged, {len(done)} processed, {again} more than once, {len(lost)} lost; "
            f"in the queue after the kills: {in_flight}")  # fmt: skip
