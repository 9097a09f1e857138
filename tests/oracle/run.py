#!/usr/bin/env python3
"""The oracle test: random commands against a real redis-server and the server under test, which must not be told apart.

    tests/oracle/run.py                             200,000 commands of all families with a fresh seed
    tests/oracle/run.py --family list --count 1000000 --jobs 2
    tests/oracle/run.py --commands ZADD,ZRANGE,DEL --protocol 3
    tests/oracle/run.py --seed 77                   the same commands again
    tests/oracle/run.py --case tests/oracle/cases/x.txt

TARTAN_BIN names the server under test, ORACLE_BIN the reference (redis-server on PATH; a 7.2 server knows more and is
compared more strictly). On a difference the sequence is shrunk and printed as a case that can be stored under cases/,
where every run replays it first. Exit code 1 on a difference or an unimplemented command that not_yet.txt doesn't name.
"""

import argparse
import collections
import multiprocessing
import pathlib
import random
import sys
import time

import generator
import pools
from compare import command_name
from pair import Difference, Pair
from resp import ProtocolError, encode, is_error, parse_all, quote, unquote_line
from server import Server, oracle_command, tartan_command

HERE = pathlib.Path(__file__).resolve().parent
ROWS = HERE.parent / "assets" / "commands.json"
LENGTH = 500
SHRINK_SECONDS = 45


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=pools.FAMILIES, help="draw mostly from one family")
    parser.add_argument("--commands", help="draw from these commands only (comma separated)")
    parser.add_argument("--seed", type=int, help="repeat a run")
    parser.add_argument("--count", type=int, default=200_000, help="commands in all")
    parser.add_argument("--protocol", choices=("2", "3", "both"), default="both")
    parser.add_argument("--jobs", type=int, default=1, help="pairs of servers side by side")
    parser.add_argument("--stop-after", type=int, default=1, metavar="N", help="differences to collect before stopping")
    parser.add_argument("--case", action="append", help="replay these files and nothing else")
    parser.add_argument("--coverage", action="store_true", help="print how many replies of each command were errors")
    parser.add_argument("--server-threads", type=int, help="workers of the server under test")
    return parser.parse_args()


def main():
    options = parse_arguments()
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {options.seed}, server under test {tartan_command()}, reference {oracle_command()}", flush=True)
    if options.case or options.jobs == 1:
        outcome = job(options, 0)
    else:
        with multiprocessing.Pool(options.jobs) as pool:
            outcomes = pool.starmap(job, [(options, at) for at in range(options.jobs)])
        outcome = merge(outcomes)
    sys.exit(report(options, outcome))


def merge(outcomes):
    total = outcomes[0]
    for other in outcomes[1:]:
        total["commands"] += other["commands"]
        total["differences"] += other["differences"]
        total["seconds"] = max(total["seconds"], other["seconds"])
        total["coverage"].update(other["coverage"])
        total["settings"] |= other["settings"]
    return total


def job(options, at):
    """Run every `jobs`-th sequence on a pair of servers of its own."""
    flags = ["--server-threads", options.server_threads] if options.server_threads else []
    with Server(oracle_command()) as reference, Server(tartan_command(), *flags) as tested:
        pair = Pair(reference, tested)
        rows = generator.load_rows(ROWS)
        outcome = {"differences": [], "coverage": collections.Counter(), "version": pair.version, "digests": pair.digests}
        replay_cases(pair, options, outcome, at)
        names, outcome["missing"] = usable_commands(pair, rows, options)
        started = time.monotonic()
        if not options.case:
            run_sequences(pair, generator.Generator(rows, names, pair.version, options.family), options, at, outcome)
        outcome.update(seconds=time.monotonic() - started, commands=pair.commands_run, settings=pair.missing_settings)
        return outcome


def usable_commands(pair, rows, options):
    names = generator.candidates(rows)
    missing, unknown = pair.unimplemented(names)
    names = [n for n in names if n not in missing and n not in unknown]
    if options.commands:
        wanted = {n.strip().upper() for n in options.commands.split(",")}
        names, missing = [n for n in names if n in wanted], [n for n in missing if n in wanted]
        if not names:
            raise SystemExit(f"none of {', '.join(sorted(wanted))} can be drawn")
    return names, missing


def replay_cases(pair, options, outcome, at):
    files = [pathlib.Path(c) for c in options.case] if options.case else sorted((HERE / "cases").glob("*.txt"))
    for file in files if at == 0 else []:
        for protocol, settings, commands in load_case(file, generator.version_tuple(pair.version)):
            found = attempt(pair, settings, commands, protocol, slowly=True)
            if found:
                outcome["differences"].append((f"stored case {file.name}, RESP{protocol}", protocol, settings, commands, str(found)))


def run_sequences(pair, source, options, at, outcome):
    protocols = {"2": (2,), "3": (3,), "both": (2, 3)}[options.protocol]
    number = at
    while pair.commands_run < options.count // options.jobs:
        protocol = protocols[number // options.jobs % len(protocols)]
        settings, commands = source.sequence(f"{options.seed}/{number}", LENGTH)
        found = attempt(pair, settings, commands, protocol)
        if found:
            title = f"seed {options.seed}, sequence {number}, RESP{protocol}"
            shrunk, found = shrink(pair, settings, commands, protocol, found)
            outcome["differences"].append((title, protocol, settings, shrunk, str(found)))
            if len(outcome["differences"]) >= options.stop_after or not all(s.alive() for s in pair.servers):
                return
        elif options.coverage:
            count_coverage(pair, commands, outcome["coverage"])
        number += options.jobs


def attempt(pair, settings, commands, protocol, slowly=False):
    """The Difference that a sequence shows from a clean start, or None."""
    try:
        pair.reset(settings, protocol)
        (pair.run_slowly if slowly else pair.run)(commands)
        return None
    except (Difference, ProtocolError, OSError) as error:
        try:
            pair.reconnect()
        except OSError:
            pass
        return error if isinstance(error, Difference) else Difference(len(commands), repr(error))


def count_coverage(pair, commands, coverage):
    """Replay on the reference alone, for the share of commands that get beyond their checks."""
    pair.reset([], 3)
    connection = pair.connections[0]
    connection.send_batch(b"".join(map(encode, commands)))
    for command, reply in zip(commands, parse_all(connection.read_batch())):
        coverage[(command_name(command), "error" if is_error(reply) else "ok")] += 1


def shrink(pair, settings, commands, protocol, found):
    """A shorter sequence that still shows a difference: drop runs of commands of halving size, then single arguments."""
    deadline = time.monotonic() + SHRINK_SECONDS
    best = commands[: found.index + 1]

    def still(candidate):
        return attempt(pair, settings, candidate, protocol, slowly=True)

    first = still(best)
    if not first:
        first = still(commands)
        best = commands if first else best
    if not first:
        return commands, Difference(found.index, f"{found} (not repeated when run one command at a time)")
    found = first
    best = best[: found.index + 1]
    size = max(1, len(best) // 2)
    while time.monotonic() < deadline:
        at, shorter = 0, False
        while at < len(best) and time.monotonic() < deadline:
            candidate = best[:at] + best[at + size :]
            difference = still(candidate) if candidate else None
            if difference:
                best, found, shorter = candidate[: difference.index + 1], difference, True
            else:
                at += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return drop_arguments(best, found, still, deadline)


def drop_arguments(best, found, still, deadline):
    for row in range(len(best)):
        at = len(best[row]) - 1
        while at > 0 and time.monotonic() < deadline:
            candidate = [*best[:row], best[row][:at] + best[row][at + 1 :], *best[row + 1 :]]
            difference = still(candidate)
            if difference and difference.index == found.index:
                best, found = candidate, difference
            at -= 1
    return best, found


def show_case(title, protocol, settings, commands, found):
    lines = [f"# {title}", *(f"# {line}" for line in found.splitlines()), f"protocol {protocol}"]
    lines += [f"setting {name} {value}" for name, value in settings]
    lines += [" ".join(quote(argument) for argument in command) for command in commands]
    return "\n".join(lines)


def load_case(file, version):
    """[(protocol, settings, commands)] of a case file: both protocols without a `protocol` line, none if the reference is older
    than its `since` line."""
    protocols, settings, commands = [2, 3], [], []
    for line in file.read_text(encoding="latin-1").splitlines():
        if line.startswith("protocol "):
            protocols = [int(line.split()[1])]
        elif line.startswith("since ") and version < generator.version_tuple(line.split()[1]):
            return []
        elif line.startswith("setting "):
            settings.append(tuple(line.split()[1:3]))
        elif line.strip() and not line.startswith(("#", "since ")):
            commands.append(unquote_line(line))
    return [(protocol, settings, commands) for protocol in protocols]


def not_yet():
    """{command: reason} of not_yet.txt."""
    rows = {}
    for line in (HERE / "not_yet.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            names, reason = line.split(":", 1)
            rows.update((name.strip(), reason.strip()) for name in names.split(","))
    return rows


def report(options, outcome):
    """Print what was found; the exit code."""
    for difference in outcome["differences"]:
        print("\nDIFFERENCE; to replay it, store these lines as a file of tests/oracle/cases:\n" + show_case(*difference))
    excused = not_yet()
    missing = [n for n in outcome["missing"] if n not in excused]
    if outcome["missing"]:
        print(f"not implemented: {', '.join(n + (' (known)' if n in excused else '') for n in outcome['missing'])}")
    done = [n for n in excused if n not in outcome["missing"]] if not options.commands and outcome["missing"] else []
    if done:
        print(f"not_yet.txt names what is implemented by now: {', '.join(done)}")
    for setting in sorted(outcome["settings"]):
        print(f"setting refused by the server under test: {setting}")
    if options.coverage:
        print_coverage(outcome["coverage"])
    count, seconds = outcome["commands"], max(outcome["seconds"], 0.001)
    data = "DEBUG DIGEST" if outcome["digests"] else "dumps of every key"
    print(f"{count} commands in {seconds:.0f} s ({count / seconds:.0f} per second), reference {outcome['version']}, data compared by {data}")
    failed = len(outcome["differences"]) + len(missing) + len(outcome["settings"])
    print(f"{1 if not failed else 0} passed, {failed} failed")
    return 1 if failed else 0


def print_coverage(coverage):
    for name in sorted({name for name, _ in coverage}):
        ok, error = coverage[(name, "ok")], coverage[(name, "error")]
        print(f"  {name:22} {ok:7} ok {error:7} errors")


if __name__ == "__main__":
    main()
