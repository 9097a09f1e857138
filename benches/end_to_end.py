#!/usr/bin/env python3
"""Measures tartan beside redis-server and, when --valkey names one, valkey-server.

Every server runs alone, on the loopback; rounds are interleaved (A B C A B C ...) and figures are medians, so that what else
happens on the machine meets all alike. CPU is the server process's user and system time: unlike requests per second it is
not changed by a neighbour that takes the processor away. redis-benchmark must be on PATH. See benches/README.md.
"""

import argparse
import csv
import gc
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from support.servers import SETTINGS, Server, encode, fill, in_flags, redis, tartan
from support.tables import header, percentile, ratio, row, verdict

ROOT = Path(__file__).resolve().parent.parent
ANY = "__rand_int__"
VALUE = b"x" * 32

# redis-benchmark's arguments of a request each; keys are spread.
REQUESTS = {
    "get": ["GET", f"key:{ANY}"],
    "set": ["SET", f"key:{ANY}", VALUE.decode()],
    "lpush": ["LPUSH", f"l:{ANY}", "xxx"],
    "hset": ["HSET", f"h:{ANY}", "field", "xxx"],
    "sadd": ["SADD", f"s:{ANY}", f"m:{ANY}"],
    "zadd": ["ZADD", f"z:{ANY}", "1.5", f"m:{ANY}"],
    "incr": ["INCR", f"n:{ANY}"],
    "xadd": ["XADD", f"x:{ANY}", "*", "f", "xxx"],
    "mget": ["MGET"] + [f"key:{ANY}"] * 5,
    "mset": ["MSET"] + [f"key:{ANY}", "xxx"] * 5,
    "lrange_100": ["LRANGE", "hot-list", "0", "99"],
}
# Work, pipeline depth, and the most of redis-server's CPU per request that it may cost.
SPEED = (
    [(work, depth, goal) for depth, goal in ((1, 0.90), (16, 0.60), (64, 0.50)) for work in ("get", "set")]
    + [(work, 16, 0.70) for work in REQUESTS if work not in ("get", "set")])
WORKERS_RISE_MAX = 1.15
SMALL_BOX_RISE_MAX = 1.20
BYTES_PER_KEY_GOALS = {3: 0.62, 32: 0.70, 100: 0.77}
PAUSE_MS_MAX = 5.0


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
    parser.add_argument("--valkey", help="a valkey-server to compare with as well")
    parser.add_argument("--works", help="of speed and workers: names such as get or get@16, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=150_000, help="per run at depth 1; 4 or 8 times that when deeper")
    parser.add_argument("--keys", type=int, default=1_000_000, help="of speed")
    parser.add_argument("--memory-keys", type=int, default=5_000_000)
    parser.add_argument("--collections", type=int, default=1_000_000)
    parser.add_argument("--pause-keys", type=int, default=10_000_000)
    parser.add_argument("--idle-seconds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="everything tiny: shows that it works, measures nothing")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(rounds=1, requests=2000, keys=1000, memory_keys=20_000, collections=2000,
                             pause_keys=20_000, idle_seconds=1)
    if not shutil.which("redis-benchmark"):
        sys.exit("redis-benchmark is not on PATH (package redis-tools)")
    return options


def others(options):
    found = [redis(options.redis)]
    if options.valkey:
        found.append(Server("valkey", [options.valkey, *in_flags(SETTINGS)]))
    return found


# --- speed ---------------------------------------------------------------------------------------------------------


def speed(options):
    """CPU per request of one and two workers against redis-server."""
    servers = [*others(options), tartan(options.tartan, 1), tartan(options.tartan, 2)]
    works = chosen_works(options)
    figures = measure_rounds(options, servers, works)
    header("work", *(f"{server.name} us" for server in servers),
           *(f"{server.name}/redis" for server in servers[1:]), "two/one workers", "goal", "verdict")
    for work, depth, goal in works:
        cpu = [figures[server.name, work, depth] for server in servers]
        ratios = [ratio(figure, cpu[0]) for figure in cpu[1:]]
        rise = ratio(cpu[-1], cpu[-2])
        met = ratios[-2] <= goal and ratios[-1] <= goal and (rise <= WORKERS_RISE_MAX or work == "lrange_100")
        row(f"{work}@{depth}", *(f"{figure:.2f}" for figure in cpu), *(f"{share:.2f}" for share in ratios),
            f"{rise:.2f}", f"{goal:.2f}", verdict(met))


def workers(options):
    """CPU per request with eight workers against two, on however few cores there are."""
    servers = [tartan(options.tartan, 2), tartan(options.tartan, 8)]
    works = [work for work in chosen_works(options) if work[0] in ("get", "set")]
    figures = measure_rounds(options, servers, works)
    header("work", "2 workers us", "8 workers us", "ratio", "goal", "verdict")
    for work, depth, _ in works:
        two, eight = (figures[server.name, work, depth] for server in servers)
        row(f"{work}@{depth}", f"{two:.2f}", f"{eight:.2f}", f"{ratio(eight, two):.2f}", f"{SMALL_BOX_RISE_MAX:.2f}",
            verdict(ratio(eight, two) <= SMALL_BOX_RISE_MAX))


def chosen_works(options):
    if not options.works:
        return SPEED
    wanted = options.works.split(",")
    return [work for work in SPEED if work[0] in wanted or f"{work[0]}@{work[1]}" in wanted]


def measure_rounds(options, servers, works):
    """Microseconds of CPU per request by (server, work, depth): medians of interleaved rounds."""
    runs = {}
    for _ in range(options.rounds):
        for server in servers:
            with server:
                fill(server, (encode("SET", "key:%012d" % number, VALUE) for number in range(options.keys)))
                fill(server, [encode("RPUSH", "hot-list", *["xxx"] * 100)])
                for work, depth, _ in works:
                    runs.setdefault((server.name, work, depth), []).append(cpu_per_request(options, server, work, depth))
    return {key: statistics.median(values) for key, values in runs.items()}


def cpu_per_request(options, server, work, depth):
    count = options.requests * (1 if depth == 1 else 4 if depth < 32 else 8)
    server.ask(*(part.replace(ANY, "0" * 12) for part in REQUESTS[work]))  # redis-benchmark keeps errors to itself
    command = ["redis-benchmark", "-p", server.port, "-c", 50, "-P", depth, "-n", count, "-r", options.keys, "--csv"]
    before = server.cpu_seconds()
    done = subprocess.run([str(part) for part in command] + REQUESTS[work], capture_output=True, text=True, check=False)
    cpu = server.cpu_seconds() - before
    if not any(line for line in csv.reader(done.stdout.splitlines()) if len(line) > 5):
        sys.exit(f"redis-benchmark gave no figures for {work}: {done.stdout}{done.stderr}")
    return cpu / count * 1e6


# --- memory --------------------------------------------------------------------------------------------------------


def memory(options):
    """Bytes per key: growth of the resident set while keys of 16 bytes are added."""
    servers = [*others(options), tartan(options.tartan, 2)]
    header("value bytes", *(f"{server.name} B/key" for server in servers),
           *(f"tartan/{server.name}" for server in servers[:-1]), "goal", "verdict")
    for size, goal in BYTES_PER_KEY_GOALS.items():
        value = b"x" * size
        requests = lambda: (b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%s\r\n" % (number, size, value)
                            for number in range(options.memory_keys))
        sizes = [resident(server, requests()) for server in servers]
        grown = [(after - before) / options.memory_keys for before, after in sizes]
        ratios = [grown[-1] / other for other in grown[:-1]]
        met = ratios[0] <= goal and all(share <= 1 for share in ratios)
        row(size, *(f"{figure:.1f}" for figure in grown), *(f"{share:.2f}" for share in ratios), f"{goal:.2f}",
            verdict(met))


# Of item `number`, a request that makes a small collection (or the next entry of one stream).
COLLECTIONS = {
    "hashes": lambda number: ("HSET", f"h:{number}", *pairs("field", "value", number)),
    "lists": lambda number: ("RPUSH", f"l:{number}", *(f"element:{number + place}" for place in range(5))),
    "sets": lambda number: ("SADD", f"s:{number}", *(f"member:{number + place}" for place in range(5))),
    "sets of integers": lambda number: ("SADD", f"i:{number}", *(number * 10 + place for place in range(5))),
    "zsets": lambda number: ("ZADD", f"z:{number}", *(text for place in range(5) for text in (place, f"member:{number + place}"))),
    "stream entries": lambda number: ("XADD", "x", f"{1_700_000_000_000 + number}-0", *pairs("field", "value", number)[:4]),
}


def pairs(name, value, number):
    return [text for place in range(5) for text in (f"{name}:{place}", f"{value}:{number + place}")]


def collections(options):
    """Bytes per small collection, and per entry of one long stream; the empty server is counted in."""
    servers = [*others(options), tartan(options.tartan, 2)]
    header("a million of", *(f"{server.name} B" for server in servers),
           *(f"tartan/{server.name}" for server in servers[:-1]), "goal", "verdict")
    for name, request in COLLECTIONS.items():
        grown = [resident(server, (encode(*request(number)) for number in range(options.collections)))[1]
                 / options.collections for server in servers]
        ratios = [grown[-1] / other for other in grown[:-1]]
        row(name, *(f"{figure:.1f}" for figure in grown), *(f"{share:.2f}" for share in ratios), "1.00",
            verdict(ratios[0] <= 1))


def resident(server, requests):
    """Resident bytes of a fresh server before and after it has been filled."""
    with server:
        before = server.resident_bytes()
        fill(server, requests)
        time.sleep(1)
        return before, server.resident_bytes()


# --- pauses --------------------------------------------------------------------------------------------------------


def pauses(options):
    """Latency of a GET while keys are inserted by pipelines, with two controls.

    "idle" is the probe alone; "reads" is the same load as "inserts" with GETs of one key: what it shows beyond "idle" is the
    scheduler's. The slow log tells what the server itself saw: commands that took longer than a millisecond.
    """
    header("server", "load", "samples", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "over 5 ms", "slow log: over 1 ms",
           "slowest ms", "verdict")
    loads = {"idle": idle, "reads": reads, "inserts": inserts}
    for server in [*others(options)[:1], tartan(options.tartan, 2)]:
        for name, load in loads.items():
            pause_row(options, server, name, load)
    pause_row(options, tartan(options.tartan, 1), "a pipeline of a million", one_long_pipeline)


def pause_row(options, server, name, load):
    with server:
        server.ask("SET", "probe", "x")
        latencies = probe_during(server, lambda: load(options, server))
        slow = server.ask("SLOWLOG", "GET", "-1")
    slowest = max((entry[2] / 1000 for entry in slow), default=0.0)
    shown = [percentile(latencies, share) for share in (0.5, 0.99, 0.999, 1)]
    row(server.name, name, len(latencies), *(f"{figure:.2f}" for figure in shown),
        sum(latency > PAUSE_MS_MAX for latency in latencies), len(slow), f"{slowest:.2f}",
        verdict(shown[-1] <= PAUSE_MS_MAX) if server.name.startswith("tartan") else "")


def probe_during(server, load):
    """Milliseconds of each GET that a process of its own sends while `load` runs."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    stop = multiprocessing.Event()
    process = multiprocessing.Process(target=probe, args=(server, sender, stop))
    process.start()
    receiver.recv()
    load()
    stop.set()
    latencies = receiver.recv()
    process.join()
    return latencies


def probe(server, sender, stop):
    gc.disable()
    try:
        os.nice(-15)  # the probe's own delays are not the server's; only root may
    except PermissionError:
        pass
    request, latencies = encode("GET", "probe"), []
    with server.connect() as connection:
        connection.ask("GET", "probe")
        sender.send("ready")
        while not stop.is_set():
            started = time.perf_counter_ns()
            connection.send(request)
            connection.receive()
            latencies.append((time.perf_counter_ns() - started) / 1e6)
            time.sleep(0.0005)
    sender.send(latencies)


def idle(options, _):
    time.sleep(min(10, options.pause_keys / 20_000))


def reads(options, server):
    fill(server, (encode("GET", "probe") for _ in range(options.pause_keys // 4)), batch=100)


def inserts(options, server):
    fill(server, (b"*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$1\r\nx\r\n" % number for number in range(options.pause_keys)),
         batch=100)


def one_long_pipeline(options, server):
    """A million requests at once; the replies are read meanwhile, or the server would have to stop."""
    count = options.pause_keys // 10
    with server.connect() as connection:
        reader = threading.Thread(target=lambda: read_bytes(connection.socket, count * len(b"$1\r\nx\r\n")))
        reader.start()
        connection.send(encode("GET", "probe") * count)
        reader.join()


def read_bytes(sock, count):
    while count > 0:
        count -= len(sock.recv(1 << 16)) or count


# --- small boxes ---------------------------------------------------------------------------------------------------


def rest(options):
    """What an idle server costs: time to the first PING answered, resident bytes, CPU."""
    header("server", "start ms", "RSS MB", f"CPU ms in {options.idle_seconds} s", "goal", "verdict")
    for server in [*others(options), tartan(options.tartan, 2), tartan(options.tartan, 8)]:
        starts = []
        for _ in range(options.rounds):
            with server:
                starts.append(server.start_seconds * 1000)
        with server:
            time.sleep(1)
            before = server.cpu_seconds()
            time.sleep(options.idle_seconds)
            cpu_ms = (server.cpu_seconds() - before) * 1000
            resident = server.resident_bytes() / (1 << 20)
        start = statistics.median(starts)
        met = start <= 100 and resident <= 12 and cpu_ms <= options.idle_seconds
        row(server.name, f"{start:.1f}", f"{resident:.1f}", f"{cpu_ms:.0f}", "100 ms, 12 MB, 0.1%",
            verdict(met) if server.name.startswith("tartan") else "")


COMMANDS = {"speed": speed, "workers": workers, "memory": memory, "collections": collections, "pauses": pauses, "rest": rest}

if __name__ == "__main__":
    main()
