#!/usr/bin/env python3
"""Measures what persistence costs, in tartan and beside it in redis-server: snapshots under load, the log, loading.

Servers that are compared run in turns, round by round; figures are medians of the rounds, ratios medians of the rounds'
ratios. Latencies are taken by closed loops in processes of their own (support/probes.py). redis-benchmark must be on PATH, and
a C compiler for the slow disk (tests/crash/shim.c). TMPDIR names the disk. See benches/README.md.
"""

import argparse
import base64
import contextlib
import csv
import itertools
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.probes import Loops
from support.servers import encode, fill, redis, tartan
from support.tables import header, ratio, row, verdict

ROOT = Path(__file__).resolve().parent.parent
ANY = "__rand_int__"
VALUE = b"x" * 100
# Of stored keys, by turns: text that RDB's compression tries in vain.
VALUES = [base64.b64encode(random.Random(seed).randbytes(75)) for seed in range(1000)]

SNAPSHOT_P999_MAX = 1.5
SNAPSHOT_STALL_MS_MAX = 1.0
SNAPSHOT_MEMORY_MAX = 0.10
GROUP_COMMIT_GOALS = {50: 1.0, 500: 1.15}
SLOW_FSYNC_MS = 5
SLOW_FSYNC_GET_MS_MAX = 2.0
EVERY_SECOND_MIN = 0.90
LOAD_GOAL = 1.4


def main():
    options = parse_arguments()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f}, {options.keys} keys, {options.rounds} rounds", flush=True)
    for name in COMMANDS if options.command == "all" else [options.command]:
        COMMANDS[name](options)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*COMMANDS, "all"])
    parser.add_argument("--tartan", default=str(ROOT / "target/release/tartan"))
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--workers", type=int, default=2, help="tartan's threads")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=3_000_000, help="of snapshot and load")
    parser.add_argument("--connections", type=int, default=4, help="closed loops beside a snapshot")
    parser.add_argument("--think-us", type=int, default=200, help="a loop's pause after a reply")
    parser.add_argument("--members", type=int, default=5_000_000, help="of snapshot's sorted set")
    parser.add_argument("--string-mb", type=int, default=500, help="of snapshot's string")
    parser.add_argument("--data", choices=["small", "big"], help="snapshot with one kind of data only")
    parser.add_argument("--requests", type=int, default=100_000, help="of fsync, per run; 4 times that at depth 16")
    parser.add_argument("--seconds", type=int, default=8, help="of a run on the slow disk")
    parser.add_argument("--part", choices=["always", "slow", "everysec"], help="of fsync")
    parser.add_argument("--quick", action="store_true", help="everything tiny: shows that it works, measures nothing")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(rounds=1, keys=20_000, members=20_000, string_mb=5, requests=2000, seconds=1)
    if not shutil.which("redis-benchmark"):
        sys.exit("redis-benchmark is not on PATH (package redis-tools)")
    return options


def both(options, **settings):
    return [redis(options.redis, **settings), tartan(options.tartan, options.workers, **settings)]


# --- snapshot ------------------------------------------------------------------------------------------------------


def snapshot(options):
    """Closed loops of reads and writes beside BGSAVE, each time followed by as long a stretch without it."""
    if options.data != "big":
        snapshot_of(options, f"{options.keys} keys", small_data, small_requests)
    if options.data != "small":
        title = f"also a sorted set of {options.members} members and a string of {options.string_mb} MB"
        snapshot_of(options, title, big_data, big_requests)


def small_data(options):
    for number in range(options.keys):
        yield b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$100\r\n%s\r\n" % (number, VALUES[number % 1000])


def small_requests(options):
    def requests(rng):
        while True:
            yield "GET", b"*2\r\n$3\r\nGET\r\n$16\r\nkey:%012d\r\n" % rng.randrange(options.keys)
            yield "SET", b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$100\r\n%s\r\n" % (rng.randrange(options.keys), rng.choice(VALUES))
    return requests


def big_data(options):
    yield from small_data(options)
    for first in range(0, options.members, 500):
        members = range(first, min(first + 500, options.members))
        yield encode("ZADD", "big-zset", *(text for number in members for text in (number, f"member:{number}")))
    piece = bytes(1 << 20)
    for number in range(options.string_mb):
        yield encode("SETRANGE", "big-string", number << 20, piece)


def big_requests(options):
    small = small_requests(options)

    def requests(rng):
        others = small(rng)
        while True:
            yield next(others)
            yield "ZINCRBY", encode("ZINCRBY", "big-zset", 1, f"member:{rng.randrange(options.members)}")
            yield next(others)
            place = rng.randrange((options.string_mb << 20) - len(VALUE))
            yield "SETRANGE", encode("SETRANGE", "big-string", place, VALUE)
    return requests


def snapshot_of(options, title, data, requests):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(server) for server in both(options)]
        for server in servers:
            fill(server, data(options), batch=500)
        runs = {server: [] for server in servers}
        idle_bytes = {server: server.footprint_bytes() for server in servers}
        for _ in range(options.rounds):
            for server in servers:
                runs[server].append(SnapshotRun(options, server, requests(options), idle_bytes[server]))
    print(f"\n{title}, {options.connections} closed loops, {options.think_us} us between requests")
    header("server", "load", "samples", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "slowest in the slow log, ms")
    for server in servers:
        for load in ("idle", "BGSAVE"):
            shown = [statistics.median(figures) for figures in zip(*(run.latencies[load] for run in runs[server]))]
            slowest = statistics.median(run.slowest_ms[load] for run in runs[server])
            row(server.name, load, int(shown[0]), *(f"{figure:.2f}" for figure in shown[1:]), f"{slowest:.2f}")
    header("server", "save s", "p99.9 / idle", "goal", "verdict", "max over idle ms", "goal", "verdict", "memory grows by %",
           "goal", "verdict", "slowest by command, ms")
    for server in servers:
        snapshot_verdicts(server, runs[server])


def snapshot_verdicts(server, runs):
    median = statistics.median
    tail = median(run.latencies["BGSAVE"][3] / run.latencies["idle"][3] for run in runs)
    stall_ms = median(run.latencies["BGSAVE"][4] - run.latencies["idle"][4] for run in runs)
    growth = median(run.growth for run in runs)
    says = lambda met: verdict(met) if server.name.startswith("tartan") else ""
    slowest = " ".join(f"{name} {median(run.by_command[name] for run in runs):.1f}" for name in runs[0].by_command)
    row(server.name, f"{median(run.seconds for run in runs):.1f}",
        f"{tail:.2f}", SNAPSHOT_P999_MAX, says(tail <= SNAPSHOT_P999_MAX),
        f"{stall_ms:.2f}", SNAPSHOT_STALL_MS_MAX, says(stall_ms <= SNAPSHOT_STALL_MS_MAX),
        f"{growth * 100:.1f}", f"{SNAPSHOT_MEMORY_MAX * 100:.0f}", says(growth <= SNAPSHOT_MEMORY_MAX), slowest)


class SnapshotRun:
    """One BGSAVE under load with latencies taken, as long a stretch without one, and one BGSAVE with memory watched.

    Memory is looked at apart from latency, since reading it walks the server's page tables, and is compared with
    `idle_bytes`, from before the first BGSAVE.
    """

    def __init__(self, options, server, requests, idle_bytes):
        self.latencies, self.slowest_ms = {}, {}
        self.loops = lambda: Loops(server, requests, options.connections, options.think_us / 1e6)
        save = self.measure(server, "BGSAVE", lambda: run_save(server))
        self.by_command = {name: max(figures) for name, figures in save.latencies.items()}
        self.measure(server, "idle", lambda: watch_idle(server, self.seconds))
        footprints = [server.footprint_bytes()]
        with self.loops():
            run_save(server, lambda: footprints.append(server.footprint_bytes()))
        self.growth = max(footprints) / idle_bytes - 1

    def measure(self, server, name, work):
        server.ask("SLOWLOG", "RESET")
        with self.loops() as loops:
            time.sleep(0.2)
            started = time.perf_counter()
            work()
            if name == "BGSAVE":
                self.seconds = time.perf_counter() - started
        self.latencies[name] = loops.shown()
        self.slowest_ms[name] = max((entry[2] / 1000 for entry in server.ask("SLOWLOG", "GET", "-1")), default=0.0)
        return loops


def run_save(server, meanwhile=lambda: None):
    server.ask("BGSAVE")
    while server.info("rdb_bgsave_in_progress") != "0":
        meanwhile()
        time.sleep(0.05)
    if server.info("rdb_last_bgsave_status") != "ok":
        sys.exit(f"{server.name}: BGSAVE has failed")


def watch_idle(server, seconds):
    """Asks as often as `run_save` does."""
    ended = time.perf_counter() + seconds
    while time.perf_counter() < ended:
        server.info("rdb_bgsave_in_progress")
        time.sleep(0.05)


# --- fsync ---------------------------------------------------------------------------------------------------------


def fsync(options):
    """What the log costs."""
    with tempfile.TemporaryDirectory(prefix="tartan-bench-") as directory:
        shim = build_shim(directory)
        if options.part in (None, "always"):
            group_commit(options, shim)
        if options.part in (None, "slow"):
            slow_fsync(options, shim)
    if options.part in (None, "everysec"):
        every_second(options)


def build_shim(directory):
    library = Path(directory) / "shim.so"
    source = ROOT / "tests/crash/shim.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return str(library)


def logging(options, policy):
    return both(options, appendonly="yes", appendfsync=policy, auto_aof_rewrite_percentage=0)


def group_commit(options, shim):
    """SETs per second with an fsync before each reply, and, in runs of their own, how many one fsync covers.

    redis-benchmark with one thread is what limits 500 connections, whichever server they go to.
    """
    header("appendfsync always, clients", "threads they have", "redis SET/s", "tartan SET/s", "tartan/redis", "goal", "verdict",
           "redis fsyncs/s", "tartan fsyncs/s", "redis SETs per fsync", "tartan SETs per fsync",
           "redis CPU us", "tartan CPU us")
    for (clients, goal), threads in itertools.product(GROUP_COMMIT_GOALS.items(), (1, 2)):
        rounds = []
        for _ in range(options.rounds):
            for server in logging(options, "always"):
                with server:
                    rounds.append(Benchmark(server, options.requests, clients, 1, threads))
        ours, theirs = rounds[1::2], rounds[::2]
        share = statistics.median(our.rate / their.rate for our, their in zip(ours, theirs))
        per_fsync = [sets_per_fsync(server, shim, options.requests, clients, threads)
                     for server in logging(options, "always")]
        rates = [median_of("rate", runs) for runs in (theirs, ours)]
        row(clients, threads, *(f"{rate:.0f}" for rate in rates), f"{share:.2f}", f"{goal:.2f}", verdict(share >= goal),
            *(f"{rate / sets:.0f}" for rate, sets in zip(rates, per_fsync)), *(f"{sets:.1f}" for sets in per_fsync),
            *(f"{median_of('cpu_us', runs):.1f}" for runs in (theirs, ours)))


def sets_per_fsync(server, shim, requests, clients, threads):
    """The shim writes a line for each fsync of a file."""
    with tempfile.NamedTemporaryFile() as record:
        server.environment = {"LD_PRELOAD": shim, "SHIM_DIR": "{dir}", "SHIM_RECORD": record.name}
        with server:
            before = record.read().count(b"\nS\t")
            Benchmark(server, requests, clients, 1, threads)
            return requests / max(1, record.read().count(b"\nS\t") - before)


def slow_fsync(options, shim):
    """GETs of keys that nobody writes to, while 50 clients write to others and every fsync takes 5 ms more."""
    header(f"fsync takes {SLOW_FSYNC_MS} ms more", "GETs", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "SET/s", "goal p99 ms", "verdict")
    shown = {}
    for _ in range(options.rounds):
        for server in logging(options, "always"):
            server.environment = {"LD_PRELOAD": shim, "SHIM_FSYNC_MS": str(SLOW_FSYNC_MS)}
            with server:
                shown.setdefault(server.name, []).append(reads_beside_writes(options, server))
    for name, runs in shown.items():
        samples, *latencies, rate = [statistics.median(figures) for figures in zip(*runs)]
        met = latencies[1] < SLOW_FSYNC_GET_MS_MAX
        row(name, int(samples), *(f"{figure:.2f}" for figure in latencies), f"{rate:.0f}", SLOW_FSYNC_GET_MS_MAX,
            verdict(met) if name != "redis" else "")


def reads_beside_writes(options, server):
    fill(server, (encode("SET", f"read:{number}", VALUE) for number in range(10_000)))

    def requests(rng):
        while True:
            yield "GET", encode("GET", f"read:{rng.randrange(10_000)}")

    writer = subprocess.Popen(
        ["redis-benchmark", "-p", str(server.port), "-c", "50", "-n", "100000000", "-r", "100000", "-q",
         "SET", f"write:{ANY}", VALUE.decode()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    written = lambda: int(server.info("total_commands_processed", "stats"))
    with Loops(server, requests, 2, options.think_us / 1e6) as loops:
        before = written()
        time.sleep(options.seconds)
        count = written() - before
    writer.kill()
    writer.wait()
    shown = loops.shown()
    return (*shown, (count - shown[0]) / options.seconds)


def every_second(options):
    """SETs with `appendfsync everysec` against no log at all."""
    header("everysec", "server", "no log SET/s", "everysec SET/s", "ratio", "goal", "verdict", "no log CPU us",
           "everysec CPU us", "ratio")
    for depth in (1, 16):
        runs = {}
        for _ in range(options.rounds):
            for make in (lambda **settings: redis(options.redis, **settings),
                         lambda **settings: tartan(options.tartan, 1, **settings),
                         lambda **settings: tartan(options.tartan, 2, **settings)):
                for settings in ({}, {"appendonly": "yes", "auto_aof_rewrite_percentage": 0}):
                    with make(**settings) as server:
                        run = Benchmark(server, options.requests * (1 if depth == 1 else 4), 50, depth)
                        runs.setdefault(server.name, []).append(run)
        for name, found in runs.items():
            pairs = list(zip(found[::2], found[1::2]))
            share = statistics.median(ratio(log.rate, none.rate) for none, log in pairs)
            cpu = statistics.median(ratio(log.cpu_us, none.cpu_us) for none, log in pairs)
            row(f"depth {depth}", name, *(f"{median_of('rate', side):.0f}" for side in zip(*pairs)), f"{share:.2f}",
                f"{EVERY_SECOND_MIN:.2f}", verdict(share >= EVERY_SECOND_MIN) if name != "redis" else "",
                *(f"{median_of('cpu_us', side):.2f}" for side in zip(*pairs)), f"{cpu:.2f}")


class Benchmark:
    """SETs of 100 bytes by redis-benchmark: requests per second, and the server's CPU per request in microseconds."""

    def __init__(self, server, count, clients, depth, threads=1):
        command = ["redis-benchmark", "-p", server.port, "-c", clients, "-P", depth, "-n", count, "-r", 1_000_000, "--csv",
                   "--threads", threads, "SET", f"key:{ANY}", VALUE.decode()]
        server.ask("SET", "key:" + "0" * 12, VALUE)  # redis-benchmark keeps errors to itself
        before = server.cpu_seconds()
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        self.cpu_us = (server.cpu_seconds() - before) / count * 1e6
        figures = [line for line in csv.reader(done.stdout.splitlines()) if len(line) > 5]
        if not figures:
            sys.exit(f"redis-benchmark gave no figures: {done.stdout}{done.stderr}")
        self.rate = float(figures[-1][1])


def median_of(name, runs):
    return statistics.median(getattr(run, name) for run in runs)


# --- load ----------------------------------------------------------------------------------------------------------


def load(options):
    """Keys per second from the start of the process to its first PONG, less the start of an empty server."""
    header("file", "MB", "redis keys/s", "tartan/1 keys/s", f"tartan/{options.workers} keys/s", "tartan/1 / redis",
           f"tartan/{options.workers} / redis", "goal", "verdict", "CPU us per key")
    with tempfile.TemporaryDirectory(prefix="tartan-bench-") as directory:
        for title, make in (("RDB, strings", small_data), ("RDB, mixed", mixed_data)):
            path = os.path.join(directory, "dump.rdb")
            write_snapshot(options, make(options), path)
            load_row(options, title, path, {"dump.rdb": path}, {})
        log, manifest = os.path.join(directory, "log"), os.path.join(directory, "manifest")
        write_log(options, log, manifest)
        files = {"appendonlydir/appendonly.aof.1.incr.aof": log, "appendonlydir/appendonly.aof.manifest": manifest}
        load_row(options, "AOF, SETs", log, files, {"appendonly": "yes"})


def mixed_data(options):
    """Hashes, lists and sorted sets of five elements by turns, one in a thousand of a thousand."""
    for number in range(options.keys):
        size = 1000 if number % 1000 < 3 else 5
        elements = [f"element:{number + place}" for place in range(size)]
        if number % 3 == 0:
            yield encode("HSET", f"h:{number}", *(text for element in elements for text in (element, "value")))
        elif number % 3 == 1:
            yield encode("RPUSH", f"l:{number}", *elements)
        else:
            yield encode("ZADD", f"z:{number}", *(text for place, element in enumerate(elements) for text in (place, element)))


def write_snapshot(options, requests, path):
    """Has redis-server write the file."""
    with redis(options.redis) as server:
        fill(server, requests)
        server.ask("SAVE")
        os.replace(os.path.join(server.directory, "dump.rdb"), path)


def write_log(options, log, manifest):
    with open(log, "wb", buffering=1 << 20) as file:
        file.write(encode("SELECT", 0))
        file.writelines(small_data(options))
    Path(manifest).write_text("file appendonly.aof.1.incr.aof seq 1 type i\n", encoding="ascii")


def load_row(options, title, path, files, settings):
    makes = (lambda: redis(options.redis, **settings), lambda: tartan(options.tartan, 1, **settings),
             lambda: tartan(options.tartan, options.workers, **settings))
    runs = [[load_once(options, make(), files) for make in makes] for _ in range(options.rounds)]
    rates, cpu = zip(*(zip(*column) for column in zip(*runs)))
    shares = [statistics.median(our / their for our, their in zip(column, rates[0])) for column in rates[1:]]
    row(title, f"{os.path.getsize(path) / (1 << 20):.0f}", *(f"{statistics.median(column):.0f}" for column in rates),
        *(f"{share:.2f}" for share in shares), LOAD_GOAL, verdict(shares[-1] >= LOAD_GOAL),
        " ".join(f"{statistics.median(column):.2f}" for column in cpu))


def load_once(options, server, files):
    """Keys per second, and microseconds of CPU per key."""
    with server:
        empty_seconds = server.start_seconds
    server.files = files
    with server:
        if server.ask("DBSIZE") != options.keys:
            sys.exit(f"{server.name} has not loaded the file")
        seconds = max(server.start_seconds - empty_seconds, 1e-3)
        return options.keys / seconds, server.cpu_seconds() / options.keys * 1e6


COMMANDS = {"snapshot": snapshot, "fsync": fsync, "load": load}

if __name__ == "__main__":
    main()
