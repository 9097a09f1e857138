#!/usr/bin/env python3
"""The durability tests: nothing acknowledged is lost, whatever ends the server.

    tests/crash/run.py                                  a short form of all (what `tests/run crash` does)
    tests/crash/run.py kill power --rounds 200          rounds per appendfsync mode, over all scenarios
    tests/crash/run.py kill --modes always --scenarios rotation --rounds 50 --seed 77
    tests/crash/run.py --list                           the tests

TARTAN_BIN names the server under test (default target/release/tartan; redis-server passes as well), ORACLE_BIN the
redis-server and VALKEY_BIN the Valkey that files are exchanged with (without it: none). A failing life keeps
its directory and prints its seed. A seed repeats the commands and the choices, not the moments: repeat it a few times.
"""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracle"))

import both_ways  # noqa: E402
import cut  # noqa: E402
import disk  # noqa: E402
import full_disk  # noqa: E402
import kill  # noqa: E402
from node import Failure  # noqa: E402
from server import is_tartan, oracle_command, tartan_command  # noqa: E402

ROUNDS_PER_LIFE = 10
# Without an AOF: what is there when the server is told to end goes into the dump.
SAVE_AT_EXIT = [("appendonly", "no"), ("save", "3600 1")]
SHORT_ROUNDS = {"kill": 10, "power": 6, "cut": 6}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", metavar="TEST", help=f"of {', '.join(TESTS)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=_environment("CRASH_ROUNDS", int), help="rounds per mode")
    parser.add_argument("--seed", type=int, default=_environment("CRASH_SEED", int), help="repeat a run")
    parser.add_argument("--modes", default=os.environ.get("CRASH_MODES", "always,everysec,no"), help="of appendfsync")
    parser.add_argument("--scenarios", default=",".join(kill.SCENARIOS), help="of the kill test")
    parser.add_argument("--keep", action="store_true", help="keep every directory, not only those of failures")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    options.modes, options.scenarios = options.modes.split(","), options.scenarios.split(",")
    unknown = set(options.tests) - set(TESTS) | set(options.scenarios) - set(kill.SCENARIOS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def _environment(name, convert):
    return convert(os.environ[name]) if os.environ.get(name) else None


class Run:
    """What all tests share: options, the server under test, the shim, and the count of outcomes."""

    def __init__(self, options):
        self.options, self.command = options, tartan_command()
        self.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tartan-crash-"))
        self.shim = disk.build_shim(self.directory)
        self.passed = self.failed = 0

    def rounds(self, test):
        return self.options.rounds or SHORT_ROUNDS[test]

    def case(self, name, body):
        """Run `body(base, seed)` in a directory of its own; count what comes of it."""
        base = self.directory / name.replace(" ", "-")
        base.mkdir()
        started = time.monotonic()
        try:
            note = body(base, f"{self.seed}/{name}")
        except Exception as failure:  # a test that breaks off has failed
            self.fail(name, failure)
            return
        self.passed += 1
        print(f"ok {name}, {time.monotonic() - started:.1f} s{': ' + note if note else ''}", flush=True)
        if not self.options.keep:
            shutil.rmtree(base)

    def fail(self, name, failure):
        self.failed += 1
        print(f"FAILED {name} (seed {self.seed}; files in {self.directory}):\n{_text(failure)}", flush=True)

    def finish(self):
        if not self.failed and not self.options.keep:
            shutil.rmtree(self.directory)
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def _text(failure):
    return str(failure) if isinstance(failure, Failure) else "".join(traceback.format_exception(failure))


def lives(run, test, modes, shim):
    """`rounds` rounds per mode in lives of ROUNDS_PER_LIFE, the scenarios in turn."""
    for mode in modes:
        left, number = run.rounds(test), 0
        while left > 0:
            count = min(left, ROUNDS_PER_LIFE)

            def body(base, seed, mode=mode, count=count):
                return _live(kill.Life(run.command, base, mode, seed, shim), run.options.scenarios, count)

            run.case(f"{test} {mode} {number}", body)
            left, number = left - count, number + 1


def _live(life, scenarios, rounds):
    scenarios = list(scenarios)
    life.rng.shuffle(scenarios)
    try:
        life.begin()
        for at in range(rounds):
            life.round(scenarios[at % len(scenarios)])
    except Failure as failure:
        story = "\n".join(["the rounds before it:", *life.story, f"the server's log:\n{life.node.log_tail()}"])
        raise Failure(f"{failure}\n{story}") from failure
    finally:
        life.node.kill()
    return f"{rounds} rounds, {life.units} units"


def test_kill(run):
    lives(run, "kill", run.options.modes, None)
    if "stop" in run.options.scenarios:
        run.case(
            "kill rdb",
            lambda base, seed: _live(kill.Life(run.command, base, "no", seed, None, SAVE_AT_EXIT), ["stop"], 3),
        )


def test_power(run):
    """`no` promises nothing here."""
    lives(run, "power", [mode for mode in run.options.modes if mode != "no"], run.shim)


def test_cut(run):
    for mode in run.options.modes:
        run.case(f"cut {mode}", lambda base, seed, m=mode: cut.run(run.command, base, m, seed, run.rounds("cut")))


def test_disk(run):
    """Redis ends itself when a write fails with `always`."""
    for mode in run.options.modes:
        if mode != "always" or is_tartan(run.command):
            run.case(
                f"full disk {mode}", lambda base, _, m=mode: full_disk.append_only_file(run.command, base, run.shim, m)
            )
    run.case("full disk BGSAVE", lambda base, _: full_disk.snapshot(run.command, base, run.shim))
    run.case("stalled fsync", lambda base, _: full_disk.stalled_fsync(run.command, base, run.shim))


def test_ways(run):
    """Valkey takes part where VALKEY_BIN names it."""
    commands = [("tested", run.command), ("redis", oracle_command())]
    if os.environ.get("VALKEY_BIN"):
        commands.append(("valkey", os.environ["VALKEY_BIN"]))
    both_ways.run(run, commands)


TESTS = {"kill": test_kill, "power": test_power, "disk": test_disk, "cut": test_cut, "ways": test_ways}


def main():
    options = parse_arguments()
    if options.list:
        print("\n".join(TESTS))
        return 0
    run = Run(options)
    print(f"seed {run.seed}, server under test {run.command}", flush=True)
    for name in options.tests or TESTS:
        try:
            TESTS[name](run)
        except Failure as failure:
            run.fail(name, failure)
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
