#!/usr/bin/env python3
"""What commands beside the plain ones cost, and what it costs to be watched: server CPU per request, beside redis-server.

`families` sends pipelines of 16 over one connection, so that the server's part is what counts. `attended` has redis-benchmark
run GET and SET on a server that nobody watches, and on one where a user with rules of its own sends them and where somebody
tracks keys, listens to key-space events and has latencies noted: bystanders hear of other keys than those written, listeners of
every one. Rounds are interleaved, figures are medians. See benches/README.md.
"""

import argparse
import contextlib
import csv
import os
import random
import statistics
import subprocess
import sys
import threading
from pathlib import Path

from support.servers import encode, fill, redis, tartan
from support.tables import header, ratio, row, verdict

ROOT = Path(__file__).resolve().parent.parent
DEPTH = 16
FAMILY_GOAL = 1.00
ATTENDED_GOAL = 1.10
ATTENDED_REQUESTS = 800_000
PASSWORD = "a password"
GROUP = ("bench-stream", "bench-group")


def main():
    options = parse_arguments()
    print(f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}, {options.rounds} rounds", flush=True)
    for name in COMMANDS if options.command == "all" else [options.command]:
        COMMANDS[name](options)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*COMMANDS, "all"])
    parser.add_argument("--tartan", default=str(ROOT / "target/release/tartan"))
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="that many times the requests")
    parser.add_argument("--quick", action="store_true", help="everything tiny: shows that it works, measures nothing")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(rounds=1, scale=0.005)
    return options


# --- families ------------------------------------------------------------------------------------------------------


class Family:
    """So many requests of a kind: `data` is there before, request `number` is what is measured. Replies are read whole."""

    def __init__(self, count, data, request):
        self.count, self.data, self.request = count, data, request


def places(count):
    rng = random.Random(1)
    for number in range(count):
        yield encode("GEOADD", "geo", rng.uniform(12, 18), rng.uniform(36, 40), f"place:{number}")


def lists():
    rng = random.Random(2)
    yield encode("RPUSH", "numbers", *(rng.randrange(100_000) for _ in range(100)))
    for number in range(100):
        yield encode("RPUSH", "names", f"name:{number}")
        yield encode("SET", f"weight:name:{number}", rng.randrange(100_000))


def dense_counts():
    for name in ("one", "two"):
        for first in range(0, 100_000, 500):
            yield encode("PFADD", name, *(f"{name}:{number}" for number in range(first, first + 500)))


def stream(count):
    yield encode("XGROUP", "CREATE", *GROUP, "$", "MKSTREAM")
    for number in range(1, count + 1):
        yield encode("XADD", GROUP[0], f"{number}-0", "field", "value")


def read_and_acknowledge(number):
    """By turns; the entries come in the order of their numbers."""
    if number % 2 == 0:
        return encode("XREADGROUP", "GROUP", GROUP[1], "consumer", "COUNT", 1, "STREAMS", GROUP[0], ">")
    return encode("XACK", *GROUP, f"{number // 2 + 1}-0")


FAMILIES = {
    "GEOSEARCH, 10 of some hundreds within 100 km": Family(
        2000, lambda count: places(20_000),
        lambda number: encode("GEOSEARCH", "geo", "FROMLONLAT", 15, 38, "BYRADIUS", 100, "km", "ASC", "COUNT", 10)),
    "PFADD to many": Family(
        400_000, lambda count: (), lambda number: encode("PFADD", f"few:{number % 10_000}", f"element:{number}")),
    "PFADD to a dense one": Family(
        400_000, lambda count: dense_counts(), lambda number: encode("PFADD", "one", f"new:{number}")),
    "PFCOUNT of a dense one that changes": Family(
        200_000, lambda count: dense_counts(),
        lambda number: encode("PFCOUNT", "one") if number % 2 else encode("PFADD", "one", f"new:{number * 7919}")),
    "PFCOUNT of two": Family(8000, lambda count: dense_counts(), lambda number: encode("PFCOUNT", "one", "two")),
    "BITCOUNT of 100 KB": Family(
        30_000, lambda count: (encode("SETRANGE", "bits", place, random.Random(place).randbytes(10_000))
                               for place in range(0, 100_000, 10_000)),
        lambda number: encode("BITCOUNT", "bits")),
    "SORT of 100 numbers": Family(30_000, lambda count: lists(), lambda number: encode("SORT", "numbers")),
    "SORT of 100 BY others, GET": Family(
        10_000, lambda count: lists(),
        lambda number: encode("SORT", "names", "BY", "weight:*", "GET", "#", "GET", "weight:*")),
    "XREADGROUP and XACK": Family(200_000, stream, read_and_acknowledge),
}


def families(options):
    servers = [redis(options.redis), tartan(options.tartan, 1), tartan(options.tartan, 2)]
    runs = {}
    for _ in range(options.rounds):
        for name, family in FAMILIES.items():
            count = max(DEPTH, int(family.count * options.scale))
            for server in servers:
                with server:
                    fill(server, family.data(count))
                    before = server.cpu_seconds()
                    fill(server, (family.request(number) for number in range(count)), batch=DEPTH)
                    runs.setdefault((name, server.name), []).append((server.cpu_seconds() - before) / count * 1e6)
    header("requests", *(f"{server.name} us" for server in servers), *(f"{server.name}/redis" for server in servers[1:]),
           "goal", "verdict")
    for name in FAMILIES:
        cpu = [statistics.median(runs[name, server.name]) for server in servers]
        ratios = [ratio(figure, cpu[0]) for figure in cpu[1:]]
        row(name, *(f"{figure:.2f}" for figure in cpu), *(f"{share:.2f}" for share in ratios), f"{FAMILY_GOAL:.2f}",
            verdict(max(ratios) <= FAMILY_GOAL))


# --- attended ------------------------------------------------------------------------------------------------------


REQUESTS = {"get": ["GET", "key:__rand_int__"], "set": ["SET", "key:__rand_int__", "x" * 32]}


def attended(options):
    """One worker: what others do to it shows best."""
    works = {"nobody": unattended, "bystanders": lambda server: attend(server, "other:", "__keyevent@0__:expired"),
             "listeners": lambda server: attend(server, "key:", "__key*__:*")}
    servers = [redis(options.redis), tartan(options.tartan, 1)]
    runs = {}
    for _ in range(options.rounds):
        for server in servers:
            for watchers, watch in works.items():
                with server:
                    fill(server, (encode("SET", "key:%012d" % number, "x" * 32) for number in range(100_000)))
                    with watch(server) as flags:
                        for name, request in REQUESTS.items():
                            cpu = benchmark(server, int(ATTENDED_REQUESTS * options.scale), flags, request)
                            runs.setdefault((server.name, watchers, name), []).append(cpu)
    header("server", "request", *(f"{watchers} us" for watchers in works), "bystanders/nobody", "goal", "verdict",
           "listeners/nobody")
    for server in servers:
        for name in REQUESTS:
            cpu = [statistics.median(runs[server.name, watchers, name]) for watchers in works]
            shares = [ratio(figure, cpu[0]) for figure in cpu[1:]]
            says = verdict(shares[0] <= ATTENDED_GOAL) if server.name.startswith("tartan") else ""
            row(server.name, f"{name}@{DEPTH}", *(f"{figure:.2f}" for figure in cpu), f"{shares[0]:.2f}",
                f"{ATTENDED_GOAL:.2f}", says, f"{shares[1]:.2f}")


@contextlib.contextmanager
def unattended(_server):
    yield []


@contextlib.contextmanager
def attend(server, prefix, channels):
    """Everything switched on: a user with rules, a client that tracks keys with this prefix, one that listens to `channels`."""
    server.ask("ACL", "SETUSER", "bench", "on", f">{PASSWORD}", "~key:*", "+@string", "+info", "+config|get")
    server.ask("CONFIG", "SET", "notify-keyspace-events", "KEA", "latency-tracking", "yes", "latency-monitor-threshold", 100)
    with server.connect() as tracker, server.connect() as listener:
        tracker.send(encode("HELLO", 3) + encode("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", prefix))
        listener.send(encode("PSUBSCRIBE", channels))
        for connection in (tracker, listener):
            threading.Thread(target=drain, args=(connection,), daemon=True).start()
        yield ["--user", "bench", "-a", PASSWORD]


def drain(connection):
    with contextlib.suppress(OSError):
        while connection.socket.recv(1 << 20):
            pass


def benchmark(server, count, flags, request):
    command = ["redis-benchmark", "-p", server.port, "-c", 50, "-P", DEPTH, "-n", count, "-r", 100_000, "--csv", *flags]
    before = server.cpu_seconds()
    done = subprocess.run([str(part) for part in command] + request, capture_output=True, text=True, check=False)
    cpu = server.cpu_seconds() - before
    if not any(line for line in csv.reader(done.stdout.splitlines()) if len(line) > 5):
        sys.exit(f"redis-benchmark gave no figures: {done.stdout}{done.stderr}")
    return cpu / count * 1e6


COMMANDS = {"families": families, "attended": attended}

if __name__ == "__main__":
    main()
