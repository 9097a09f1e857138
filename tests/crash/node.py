"""A server whose directory outlives it: started, killed, and started again on what it left.

Clients come over a unix socket: no ports to collide, and the replies that a killed server had handed over stay readable.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "oracle"))
from resp import Connection, is_error  # noqa: E402
from server import clean_environment, is_tartan  # noqa: E402

READY_SECONDS = 60


class Failure(Exception):
    """The server broke a promise."""


class Node:
    """`base` holds the server's directory `data`, its `log` and its `socket`; settings are (name, value) pairs."""

    def __init__(self, command, base, settings=(), environment=None):
        if shutil.which(command) is None:
            raise SystemExit(f"there is no server at {command}: build it, or set TARTAN_BIN")
        self.command, self.base = command, pathlib.Path(base)
        self.data, self.log, self.socket = self.base / "data", self.base / "log", str(self.base / "socket")
        self.settings = dict(settings)
        self.environment = environment or {}
        self.process = None
        self.data.mkdir(parents=True, exist_ok=True)

    def start(self):
        """Start on what is in the directory, and wait until all of it is loaded."""
        settings = {"port": 0, "unixsocket": self.socket, "dir": self.data, "save": "", "appendonly": "yes",
                    "enable-debug-command": "yes", "auto-aof-rewrite-percentage": 0}  # fmt: skip
        if is_tartan(self.command):
            settings["metrics-port"] = 0
        settings.update(self.settings)
        flags = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
        with open(self.log, "ab") as log:
            # A group of its own: what the server has forked dies with it, as in a power cut.
            self.process = subprocess.Popen([self.command, *flags], stdout=log, stderr=log, start_new_session=True,
                                            env={**clean_environment(), **self.environment})  # fmt: skip
        self._wait_until_loaded()
        return self

    def _wait_until_loaded(self):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Failure(f"the server ended at start ({self.process.returncode}); its log:\n{self.log_tail()}")
            try:
                reply = self.call("PING")
                if reply == ("+", b"PONG"):
                    return
                if not reply[1].startswith(b"LOADING"):
                    raise Failure(f"PING while starting: {reply}")
            except OSError:
                pass
            time.sleep(0.01)
        raise Failure(f"not ready within {READY_SECONDS} s; the log:\n{self.log_tail()}")

    def connect(self, timeout_s=20.0):
        return Connection(self.socket, timeout_s)

    def call(self, *command):
        """One command over a connection of its own."""
        connection = self.connect()
        try:
            return connection.call(*command)
        finally:
            connection.close()

    def info(self, section="persistence"):
        """The fields of a section of INFO as text."""
        reply = self.call("INFO", section)
        lines = (line.split(":", 1) for line in reply.decode().splitlines() if ":" in line)
        return {name: value for name, value in lines}

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """SIGKILL to the server and to all that it forked."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def terminate(self):
        """SIGTERM; the exit code must be 0."""
        self.process.terminate()
        try:
            code = self.process.wait(READY_SECONDS)
        except subprocess.TimeoutExpired as late:
            self.kill()
            raise Failure(f"SIGTERM did not end the server within {READY_SECONDS} s") from late
        self.kill()
        if code != 0:
            raise Failure(f"exit code {code} after SIGTERM; the log:\n{self.log_tail()}")

    def log_tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()


def accept(reply, what):
    """The reply, unless it is an error."""
    if is_error(reply):
        raise Failure(f"{what}: {reply[1].decode(errors='replace')}")
    return reply


def wait_for(what, condition, seconds=30.0, pause=0.01):
    """Poll until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(pause)
