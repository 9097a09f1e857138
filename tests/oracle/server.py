"""Starting and stopping the servers that the tests talk to.

TARTAN_BIN names the server under test (default target/release/tartan), ORACLE_BIN the reference (default redis-server on
PATH). Both take redis-server's flags.
"""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time

from resp import Connection, is_error

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 60


def tartan_command():
    return os.environ.get("TARTAN_BIN", str(ROOT / "target/release/tartan"))


def oracle_command():
    return os.environ.get("ORACLE_BIN", "redis-server")


def is_tartan(command):
    return "tartan" in os.path.basename(command)


def free_port():
    """A port that nobody listens on, and that the system does not give to outgoing connections."""
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", random.SystemRandom().randrange(10000, 20000)))
                return probe.getsockname()[1]
            except OSError:
                continue


def clean_environment():
    """Ours without TARTAN_*: the server under test takes settings from such variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TARTAN_")}


class Server:
    """A running server on a free port, with its files in a directory of its own; use it in a `with`."""

    def __init__(self, command, *flags):
        if shutil.which(command) is None:
            raise SystemExit(f"there is no server at {command}: build it, or set TARTAN_BIN or ORACLE_BIN")
        self.directory = tempfile.mkdtemp(prefix="tartan-test-")
        self.port = free_port()
        self.log = os.path.join(self.directory, "log")
        arguments = [command, "--port", self.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        arguments += ["--dir", self.directory, "--enable-debug-command", "yes"]
        # A blocked client of Redis times out at the next tick: ticks of 2 ms keep waits short.
        arguments += ["--hz", 500]
        arguments += ["--metrics-port", 0] if is_tartan(command) else []
        with open(self.log, "wb") as log:
            command_line = [str(a) for a in [*arguments, *flags]]
            self.process = subprocess.Popen(command_line, stdout=log, stderr=log, env=clean_environment())
        self._wait_until_ready(command)

    def _wait_until_ready(self, command):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                connection = Connection(self.port, 2)
                reply = connection.call("PING")
                connection.close()
                if reply == ("+", b"PONG") or (is_error(reply) and reply[1].startswith(b"NOAUTH")):
                    return
            except OSError:
                time.sleep(0.02)
        log = pathlib.Path(self.log).read_text(errors="replace")
        self.stop()
        raise SystemExit(f"{command} did not answer PING within {READY_SECONDS} seconds; its log:\n{log}")

    def alive(self):
        return self.process.poll() is None

    def log_tail(self, lines=15):
        return "\n".join(pathlib.Path(self.log).read_text(errors="replace").splitlines()[-lines:])

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
