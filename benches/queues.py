#!/usr/bin/env python3
"""Job queues on tartan beside redis-server and, when --valkey names one, valkey-server: BullMQ and Sidekiq as they are.

One client process uses more CPU per job than the server, so several work at once, and what counts is the server's CPU per
job (user plus system time of its process, all threads); jobs per second are also those of the clients and of the cores they
leave. Rounds are interleaved, figures are medians, appendfsync is everysec. The packages are those of the tests:
`tests/run queues` installs them under target/queues. See benches/README.md.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from support.servers import SETTINGS, Server, in_flags, redis, tartan
from support.tables import header, ratio, row, verdict

ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "benches/support"
PACKAGES = ROOT / "target/queues/node_modules"
PERSISTENCE = {"appendonly": "yes", "appendfsync": "everysec", "auto_aof_rewrite_percentage": 0}
CONCURRENCY = 50
PRODUCERS, WORKERS = 2, 4
SIDEKIQ_FACTOR = 5  # its jobs are cheaper: more of them, for the processor's ticks
CACHE_CLIENTS, CACHE_BATCH, CACHE_KEYS = 10, 10_000, 100_000
LIMIT_SECONDS = 600
# The most of redis-server's CPU per job; the least of its jobs and cache requests when both are at work.
CPU_RATIO_MAX = 1.0
MIXED_RATIO_MIN = 1.0


def main():
    options = parse_arguments()
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f}, {options.jobs} jobs a queue, {options.rounds} rounds", flush=True)
    for name in COMMANDS if options.command == "all" else [options.command]:
        COMMANDS[name](options)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*COMMANDS, "all"])
    parser.add_argument("--tartan", default=str(ROOT / "target/release/tartan"), help="- for none")
    parser.add_argument("--redis", default="redis-server")
    parser.add_argument("--valkey", help="a valkey-server to compare with as well")
    parser.add_argument("--workers", default="1,2", help="of tartan: numbers of threads, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=20_000, help=f"of BullMQ, a queue and run; {SIDEKIQ_FACTOR} times that of Sidekiq")
    parser.add_argument("--quick", action="store_true", help="everything tiny: shows that it works, measures nothing")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.jobs = 1, 1000
    for program, package in (("node", "nodejs"), ("sidekiq", "ruby-sidekiq"), ("redis-benchmark", "redis-tools")):
        if not shutil.which(program):
            sys.exit(f"{program} is not on PATH (package {package})")
    if not (PACKAGES / "bullmq").is_dir():
        sys.exit("BullMQ is not under target/queues: tests/run queues installs it")
    return options


def servers_of(options):
    found = [redis(options.redis, **PERSISTENCE)]
    if options.valkey:
        settings = {**SETTINGS, **{name.replace("_", "-"): value for name, value in PERSISTENCE.items()}}
        found.append(Server("valkey", [options.valkey, *in_flags(settings)]))
    if options.tartan != "-":
        found += [tartan(options.tartan, int(count), **PERSISTENCE) for count in options.workers.split(",")]
    return found


# --- the client processes ------------------------------------------------------------------------------------------


class Clients:
    """Processes that say `ready`, begin at a line on their standard input, and are gone when the `with` block ends."""

    def __init__(self, server, commands, **environment):
        environment = {**os.environ, "NODE_PATH": str(PACKAGES), "PORT": str(server.port), **environment}
        self.processes = [subprocess.Popen([str(part) for part in command], env=environment, stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for command in commands]

    def __enter__(self):
        for process in self.processes:
            while (line := process.stdout.readline()) != b"ready\n":
                if not line:
                    self.__exit__()
                    sys.exit(f"a client broke off: {process.args}")
        return self

    def go(self):
        for process in self.processes:
            process.stdin.write(b"go\n")
            process.stdin.flush()

    def await_end(self):
        for process in self.processes:
            if process.wait(LIMIT_SECONDS) != 0:
                sys.exit(f"a client ended with {process.returncode}: {process.args}")

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


class Measured:
    """Seconds that a `with` block took and the server's CPU meanwhile."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.cpu, self.seconds = self.server.cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.seconds
        self.cpu = self.server.cpu_seconds() - self.cpu

    def per_job(self, jobs):
        """Microseconds of the server's CPU per job, and jobs per second."""
        return self.cpu / jobs * 1e6, jobs / self.seconds


def await_empty(server, lists):
    """Polls seldom enough to cost nothing."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with server.connect() as connection:
        while any([connection.ask("LLEN", key) for key in lists]):
            if time.monotonic() > deadline:
                sys.exit(f"{server.name}: jobs are left after {LIMIT_SECONDS} s")
            time.sleep(0.02)


# --- BullMQ --------------------------------------------------------------------------------------------------------


def bullmq_run(server, jobs, queues, beside=None):
    """Figures of adding and of processing; `beside` runs while jobs are processed."""
    names = [f"bench{number}" for number in range(queues)]
    program, environment = ["node", SUPPORT / "bullmq.cjs"], {"QUEUES": ",".join(names)}
    with Clients(server, [[*program, "add"]] * PRODUCERS, JOBS=str(jobs // PRODUCERS), **environment) as clients:
        with Measured(server) as adding:
            clients.go()
            clients.await_end()
    concurrency = str(max(1, CONCURRENCY // WORKERS))
    with Clients(server, [[*program, "process"]] * WORKERS, CONCURRENCY=concurrency, **environment) as clients:
        with beside or Nothing(), Measured(server) as processing:
            clients.go()
            await_empty(server, [f"bull:{name}:{kind}" for name in names for kind in ("wait", "active")])
    return {"add": adding.per_job(jobs * queues), "process": processing.per_job(jobs * queues)}


class Nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def bullmq(options):
    """Bulk add, then processing at concurrency 50."""
    compare(options, "BullMQ", bullmq_run)


# --- Sidekiq -------------------------------------------------------------------------------------------------------


def sidekiq_run(server, jobs, queues, beside=None):
    """The jobs are pushed to lists under other names, and renamed when all fetchers wait."""
    jobs *= SIDEKIQ_FACTOR
    names = [f"bench{number}" for number in range(queues)]
    producer = ["ruby", SUPPORT / "sidekiq_jobs.rb"]
    with Clients(server, [producer] * PRODUCERS, JOBS=str(jobs // PRODUCERS), QUEUES=",".join(names)) as clients:
        with Measured(server) as adding:
            clients.go()
            clients.await_end()
    flags = [text for name in names for text in ("-q", f"{name},1")]
    worker = ["sidekiq", "-r", SUPPORT / "sidekiq_jobs.rb", "-c", str(max(1, CONCURRENCY // WORKERS)), *flags]
    with Clients(server, [worker] * WORKERS):
        with beside or Nothing(), Measured(server) as processing:
            for name in names:
                server.ask("RENAME", f"queue:held:{name}", f"queue:{name}")
            await_empty(server, [f"queue:{name}" for name in names])
    return {"add": adding.per_job(jobs * queues), "process": processing.per_job(jobs * queues)}


def sidekiq(options):
    """Bulk push, then processing by four processes of twelve threads."""
    compare(options, "Sidekiq", sidekiq_run)


# --- tables --------------------------------------------------------------------------------------------------------


def compare(options, library, run):
    """CPU per job and jobs per second of one queue and two."""
    servers, runs = servers_of(options), {}
    for _ in range(options.rounds):
        for server in servers:
            for queues in (1, 2):
                with server:
                    for phase, figures in run(server, options.jobs, queues).items():
                        runs.setdefault((server.name, queues, phase), []).append(figures)
    medians = {key: [statistics.median(values) for values in zip(*figures)] for key, figures in runs.items()}
    header(library, "queues", *(f"{server.name} us" for server in servers),
           *(f"{server.name}/redis" for server in servers[1:]), *(f"{server.name} jobs/s" for server in servers),
           "goal", "verdict")
    for phase in ("add", "process"):
        for queues in (1, 2):
            figures = [medians[server.name, queues, phase] for server in servers]
            cpu = [figure[0] for figure in figures]
            ratios = [ratio(figure, cpu[0]) for figure in cpu[1:]]
            row(phase, queues, *(f"{figure:.1f}" for figure in cpu), *(f"{share:.2f}" for share in ratios),
                *(f"{figure[1]:.0f}" for figure in figures), f"{CPU_RATIO_MAX:.2f}",
                verdict(ratios[-1] <= CPU_RATIO_MAX) if options.tartan != "-" else "")


class Cache:
    """GETs and SETs of spread keys by redis-benchmark in a closed loop, in short batches, beside something else."""

    def __init__(self, server):
        self.server, self.stopping, self.spans, self.process = server, False, [], None

    def __enter__(self):
        self.thread = threading.Thread(target=self.loop)
        self.thread.start()
        return self

    def loop(self):
        requests = [["SET", "cache:__rand_int__", "x" * 100], ["GET", "cache:__rand_int__"]]
        while not self.stopping:
            request = requests[len(self.spans) % 2]
            command = ["redis-benchmark", "-p", self.server.port, "-c", CACHE_CLIENTS, "-n", CACHE_BATCH,
                       "-r", CACHE_KEYS, "-q", *request]
            started = time.perf_counter()
            subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, check=True)
            self.spans.append(time.perf_counter() - started)

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()

    def per_second(self):
        """The last batch has run on alone for a while: it does not count unless there is no other."""
        spans = self.spans[:-1] or self.spans
        return len(spans) * CACHE_BATCH / sum(spans)


def mixed(options):
    """Jobs and cache requests together, against redis-server's."""
    servers, runs = servers_of(options), {}
    for _ in range(options.rounds):
        for server in servers:
            for library, run in (("BullMQ", bullmq_run), ("Sidekiq", sidekiq_run)):
                with server:
                    cache = Cache(server)
                    _, jobs = run(server, options.jobs, 1, cache)["process"]
                    runs.setdefault((server.name, library), []).append((jobs, cache.per_second()))
    medians = {key: [statistics.median(values) for values in zip(*figures)] for key, figures in runs.items()}
    header("process beside GET and SET", "server", "jobs/s", "cache requests/s", "jobs/redis", "cache/redis", "goal",
           "verdict")
    for library in ("BullMQ", "Sidekiq"):
        base = medians[servers[0].name, library]
        for server in servers:
            figures = medians[server.name, library]
            shares = [ratio(figure, other) for figure, other in zip(figures, base)]
            row(library, server.name, *(f"{figure:.0f}" for figure in figures), *(f"{share:.2f}" for share in shares),
                f"{MIXED_RATIO_MIN:.2f}",
                verdict(min(shares) >= MIXED_RATIO_MIN) if server.name.startswith("tartan") else "")


COMMANDS = {"bullmq": bullmq, "sidekiq": sidekiq, "mixed": mixed}

if __name__ == "__main__":
    main()
