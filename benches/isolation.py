#!/usr/bin/env python3
"""What a client notices of others' slow commands: latency of GETs while somebody else runs scripts, KEYS or SUNION.

The scripts take 5 ms each, build their key names (so the server cannot know them beforehand) and come from two clients in a
closed loop; the number of turns that takes 5 ms is measured on each server. Several clients send the GETs: some land on the
worker of a slow client. "idle" is the control. redis-server runs beside, alone as well. See benches/README.md.
"""

import argparse
import multiprocessing
import os
import random
import statistics
import time
from pathlib import Path

from support.probes import Loops
from support.servers import SETTINGS, Server, encode, fill, in_flags, redis, tartan
from support.tables import header, row, verdict

ROOT = Path(__file__).resolve().parent.parent
PROBES, THINK_SECONDS = 6, 0.0005
SLOW_CLIENTS = 2
SCRIPT_MS = 5
P99_MS_MAX = 2.0
PONG = b"+PONG\r\n"
BURN = """
local key = "held:" .. ARGV[1]
redis.call("INCR", key)
local sum = 0
for turn = 1, tonumber(ARGV[2]) do
  sum = (sum + turn * turn) % 1000003
end
redis.call("SET", key .. ":sum", sum)
return sum
"""


def main():
    options = parse_arguments()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f}, {options.keys} keys, {options.rounds} rounds of "
          f"{options.seconds} s, {PROBES} clients that GET", flush=True)
    header("beside", "server", "slow calls/s", "GETs", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "goal: p99", "verdict")
    servers, rows = servers_of(options), {}
    for _ in range(options.rounds):
        for server in servers:
            with server:
                prepare(server, options.keys)
                for name in chosen_loads(options):
                    rows.setdefault((name, server.name), []).append(measure(server, LOADS[name], options.seconds))
    for name in chosen_loads(options):
        for server in servers:
            show(name, server, rows[name, server.name])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tartan", default=str(ROOT / "target/release/tartan"), help="- for none")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--valkey", help="a valkey-server to compare with as well")
    parser.add_argument("--loads", help=f"of {', '.join(LOADS)}, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="everything tiny: shows that it works, measures nothing")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.keys = 1, 0.5, 10_000
    if unknown := set((options.loads or "idle").split(",")) - set(LOADS):
        parser.error(f"unknown: {', '.join(unknown)}")
    return options


def servers_of(options):
    found = [redis(options.redis)]
    if options.valkey:
        found.append(Server("valkey", [options.valkey, *in_flags(SETTINGS)]))
    return found + ([tartan(options.tartan, 2)] if options.tartan != "-" else [])


def chosen_loads(options):
    return options.loads.split(",") if options.loads else list(LOADS)


def prepare(server, keys):
    """`keys` strings, and two sets of half as many members that share a half."""
    fill(server, (encode("SET", f"key:{number:012}", "x" * 32) for number in range(keys)))
    for name, first in (("left", 0), ("right", keys // 4)):
        members = range(first, first + keys // 2)
        fill(server, (encode("SADD", name, *(f"member:{n}" for n in members[at : at + 100]))
                      for at in range(0, len(members), 100)))
    server.turns = turns_for(server, SCRIPT_MS)
    server.keys = keys


def turns_for(server, milliseconds):
    """How many turns of the script's loop take this long here, at best."""
    turns, sample = 100_000, []
    with server.connect() as connection:
        for _ in range(7):
            started = time.perf_counter()
            connection.ask("EVAL", BURN, 0, "measure", turns)
            sample.append(time.perf_counter() - started)
    return max(1, int(turns * milliseconds / 1000 / min(sample)))


# --- the slow clients ----------------------------------------------------------------------------------------------


def scripts(server, number):
    return encode("EVAL", BURN, 0, number, server.turns)


def keys(_server, _number):
    return encode("KEYS", "*")


def union(_server, _number):
    return encode("SUNION", "left", "right")


def hammer(_server, number):
    """Reads what a script holds."""
    return encode("GET", f"held:{number}")


# Name of a load: request by (server, number of the client) of each slow client, and of others that are not counted.
LOADS = {
    "idle": ([], []),
    "scripts": ([scripts] * SLOW_CLIENTS, []),
    "scripts and their key hammered": ([scripts] * SLOW_CLIENTS, [hammer]),
    "KEYS": ([keys], []),
    "SUNION": ([union], []),
}


class Slow:
    """Clients that send one request each in a closed loop, in processes of their own, while the `with` block runs."""

    def __init__(self, server, requests):
        self.stop, self.calls = multiprocessing.Event(), multiprocessing.Value("q", 0)
        self.processes = [multiprocessing.Process(target=self.run, args=(server, request(server, number)), daemon=True)
                          for number, request in enumerate(requests)]

    def __enter__(self):
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for process in self.processes:
            process.join()

    def run(self, server, request):
        """A PING after the request marks the end of its reply, which is not looked at."""
        with server.connect() as connection:
            while not self.stop.is_set():
                connection.send(request + encode("PING"))
                tail = b""
                while not tail.endswith(PONG):
                    chunk = connection.socket.recv(1 << 20)
                    if not chunk or (not tail and chunk.startswith(b"-")):
                        raise SystemExit(f"{server.name} replied {chunk[:200]!r}")
                    tail = (tail + chunk)[-len(PONG):]
                with self.calls.get_lock():
                    self.calls.value += 1


def measure(server, load, seconds):
    """Slow calls per second, and what the GETs saw."""
    slow, others = load

    def gets(rng: random.Random):
        while True:
            yield "get", encode("GET", f"key:{rng.randrange(server.keys):012}")

    with Slow(server, slow) as disturbers, Slow(server, others):
        time.sleep(seconds / 5)
        before, started = disturbers.calls.value, time.perf_counter()
        with Loops(server, gets, PROBES, THINK_SECONDS) as probes:
            time.sleep(seconds)
        rate = (disturbers.calls.value - before) / (time.perf_counter() - started)
    if slow and rate == 0:
        raise SystemExit(f"{server.name}: not one slow call came through in {seconds} s")
    return (rate, *probes.shown())


def show(name, server, rounds):
    rate, count, *latencies = (statistics.median(figures) for figures in zip(*rounds))
    tested = server.name.startswith("tartan")
    row(name, server.name, f"{rate:.1f}", int(count), *(f"{figure:.2f}" for figure in latencies), f"{P99_MS_MAX:.1f} ms",
        verdict(latencies[1] < P99_MS_MAX) if tested else "")


if __name__ == "__main__":
    main()
