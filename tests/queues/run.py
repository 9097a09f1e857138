#!/usr/bin/env python3
"""The queue tests: real BullMQ, Sidekiq and others work on the server, and lose nothing when it is killed.

    tests/run queues                                   installs the packages and runs everything
    tests/queues/run.py bullmq sidekiq-kill            some of the suites (needs target/queues)
    tests/queues/run.py --server redis-server          checks the tests themselves
    tests/queues/run.py bullmq-kill --rounds 20 --seed 7
    tests/queues/run.py --list                         the suites

Every suite has a server of its own, started with --appendonly yes. A failing one keeps its directory. The seed repeats the
choices, not the moments.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "crash"))
import sigkill  # noqa: E402
from node import Failure, Node  # noqa: E402
from server import free_port, tartan_command  # noqa: E402

INSTALLED = pathlib.Path(os.environ.get("QUEUES_PACKAGES", ROOT / "target/queues"))
PYTHON = INSTALLED / "venv/bin/python"
LIMIT_SECONDS = 600
# The longest first: `--jobs` at once.
TOURS = {
    "sidekiq": (["ruby", HERE / "sidekiq.rb"], {}),
    "bullmq": (["node", HERE / "bullmq.cjs"], {}),
    "bullmq-node-redis": (["node", HERE / "bullmq.cjs"], {"DRIVER": "node-redis"}),
    "bullmq-5": (["node", HERE / "bullmq.cjs"], {"PACKAGE": "bullmq5"}),
    "commands": ([PYTHON, HERE / "commands.py"], {}),
    "bull": (["node", HERE / "bull.cjs"], {}),
    "python": ([PYTHON, HERE / "python_queues.py"], {}),
    "resque": (["ruby", HERE / "resque.rb"], {}),
}
KILLS = {
    "bullmq-kill": lambda: sigkill.bullmq("bullmq"),
    "bullmq-5-kill": lambda: sigkill.bullmq("bullmq5"),
    "sidekiq-kill": sigkill.sidekiq,
    "reliable-kill": lambda: sigkill.reliable(PYTHON),
}
SUITES = [*TOURS, *KILLS]


def main():
    options = parse_arguments()
    if options.list:
        print("\n".join(SUITES))
        return 0
    os.environ["NODE_PATH"] = str(INSTALLED / "node_modules")
    print(f"seed {options.seed}, server {options.server}", flush=True)
    run = Run(options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(run.suite, name) for name in options.suites or SUITES]:
            future.result()
    return run.finish()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    parser.add_argument("--server", default=tartan_command(), help="default: TARTAN_BIN or target/release/tartan")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--rounds", type=int, default=1, help="of the kill tests")
    parser.add_argument("--jobs", type=int, default=3, help="suites at once; most of their time is waiting")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.suites) - set(SUITES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; suites: {', '.join(SUITES)}")
    return options


class Run:
    """What the suites share, and the count of outcomes."""

    def __init__(self, options):
        self.options, self.lock = options, threading.Lock()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tartan-queues-"))
        self.passed = self.failed = 0

    def suite(self, name):
        if name in TOURS:
            return self.outcome(name, lambda base: self.tour(*TOURS[name], base))
        for at in range(self.options.rounds):
            seed = f"{self.options.seed}/{name}/{at}"
            self.outcome(f"{name}-{at}", lambda base, seed=seed: self.kill(KILLS[name](), base, seed))

    def outcome(self, name, body):
        """`body(base)` is (passed, failed, text); an exception is a failure."""
        base = self.directory / name
        base.mkdir()
        started = time.monotonic()
        try:
            passed, failed, text = body(base)
        except Exception as failure:  # a suite that breaks off has failed
            passed, failed, text = 0, 1, f"FAILED {name} (seed {self.options.seed}): {type(failure).__name__}: {failure}"
        with self.lock:
            self.passed, self.failed = self.passed + passed, self.failed + failed
            print(f"--- {name}: {passed} passed, {failed} failed, {time.monotonic() - started:.1f} s", flush=True)
            print("".join(f"{line}\n" for line in text.splitlines()), end="", flush=True)
        if not failed:
            shutil.rmtree(base)

    def tour(self, command, environment, base):
        port = free_port()
        node = Node(self.options.server, base, [("port", port), ("bind", "127.0.0.1")])
        with node:
            done = subprocess.run(command, env={**os.environ, **environment, "PORT": str(port)}, timeout=LIMIT_SECONDS,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)  # fmt: skip
            alive = node.alive()
        lines = [line for line in done.stdout.splitlines() if not re.match(r"ok |\d+ passed, \d+ failed$", line)]
        summary = re.findall(r"^(\d+) passed, (\d+) failed$", done.stdout, re.M)
        passed, failed = map(int, summary[-1]) if summary else (0, 0)
        if not alive:
            lines.append(f"the server died; its log:\n{node.log_tail()}")
        if not alive or not summary or (done.returncode != 0 and failed == 0):
            lines.append(f"the tour broke off: exit {done.returncode}")
            failed += 1
        return passed, failed, "\n".join(lines)

    def kill(self, kind, base, seed):
        try:
            return 1, 0, sigkill.run(kind, self.options.server, free_port(), base, seed)
        except Failure as failure:
            return 0, 1, f"FAILED (seed {self.options.seed}; files in {base}): {failure}"

    def finish(self):
        if self.failed:
            print(f"files of what failed: {self.directory}")
        else:
            shutil.rmtree(self.directory)
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


if __name__ == "__main__":
    sys.exit(main())
