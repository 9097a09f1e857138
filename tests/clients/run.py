#!/usr/bin/env python3
"""The client tours: real client packages use every family of commands through their own interfaces.

    tests/run clients                      installs the packages and runs everything
    tests/clients/run.py redis_py 3        one client, one protocol (needs target/venv and target/node)

Each tour gets a server of its own and prints `N passed, N failed`; so does this, for all of them.
"""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "oracle"))
from server import Server, tartan_command  # noqa: E402

TOURS = {
    "redis_py": [str(ROOT / "target/venv/bin/python"), str(HERE / "redis_py.py")],
    "ioredis": ["node", str(HERE / "ioredis.cjs")],
    "node_redis": ["node", str(HERE / "node_redis.cjs")],
}
PROTOCOLS = ("2", "3")
LIMIT_SECONDS = 900


def tour(name, protocol):
    """(passed, failed) of one tour; one that breaks off counts as a failure."""
    print(f"--- {name}, RESP{protocol}", flush=True)
    with Server(tartan_command(), "--requirepass", "secret", "--maxclients", "4000") as server:
        environment = dict(os.environ, PORT=str(server.port), PROTOCOL=protocol, PASSWORD="secret")
        environment["NODE_PATH"] = str(ROOT / "target/node/node_modules")
        try:
            done = subprocess.run(TOURS[name], env=environment, timeout=LIMIT_SECONDS, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
            output, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            output, code = (error.stdout or b"").decode(errors="replace"), f"not within {LIMIT_SECONDS} s"
        alive = server.alive()
        log = "" if alive else server.log_tail()
    summary = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.M)
    print("\n".join(line for line in output.splitlines() if not line.startswith("ok ") and " passed, " not in line))
    passed, failed = map(int, summary[-1]) if summary else (0, 0)
    if not alive:
        print(f"the server died; its log:\n{log}")
    if (code != 0 and failed == 0) or not alive:
        print(f"the tour broke off: exit {code}")
        failed += 1
    return passed, failed


def main():
    names = [sys.argv[1]] if len(sys.argv) > 1 else list(TOURS)
    protocols = [sys.argv[2]] if len(sys.argv) > 2 else PROTOCOLS
    passed = failed = 0
    for name in names:
        for protocol in protocols:
            good, bad = tour(name, protocol)
            passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
