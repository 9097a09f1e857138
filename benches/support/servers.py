"""Servers under measurement: starting and stopping them, talking to them, and what /proc says about them."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 300
# Of every server. Commands of a millisecond and more are noted, for the pauses.
SETTINGS = {"port": "{port}", "dir": "{dir}", "bind": "127.0.0.1", "save": "", "appendonly": "no",
            "slowlog-log-slower-than": 1000, "slowlog-max-len": 1000}


def redis(program, **settings):
    return Server("redis", [program, *in_flags({**SETTINGS, **settings})])


def tartan(program, workers, **settings):
    settings = {**SETTINGS, "metrics-port": 0, "server-threads": workers, **settings}
    return Server(f"tartan/{workers}", [program, *in_flags(settings)])


def in_flags(settings):
    """`a_b` stands for the setting `a-b`."""
    return [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]


class Server:
    """A server on a free port of the loopback, in a directory of its own. Use it in a `with` statement.

    `files`, from names in the directory to paths, are there when it starts. In values of `environment` and parts of the
    command {dir} and {port} are its own.
    """

    def __init__(self, name, command):
        self.name, self.command, self.environment, self.files = name, command, {}, {}

    def __enter__(self):
        self.port = free_port()
        self.directory = tempfile.mkdtemp(prefix="tartan-bench-")
        for name, path in self.files.items():
            target = os.path.join(self.directory, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.link(path, target)
        own = lambda text: text.format(port=self.port, dir=self.directory)
        environment = {**os.environ, **{name: own(value) for name, value in self.environment.items()}}
        started = time.perf_counter()
        self.process = subprocess.Popen([own(part) for part in self.command], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_ping(started)
        self.start_seconds = time.perf_counter() - started
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def await_ping(self, started):
        """Looks twice in a millisecond, and less often the longer it takes."""
        while (elapsed := time.perf_counter() - started) < START_SECONDS_MAX and self.process.poll() is None:
            try:
                if self.ask("PING") == b"PONG":
                    return
            except (OSError, Loading):
                time.sleep(max(0.0005, elapsed / 300))
        self.__exit__()
        raise SystemExit(f"{self.name} does not answer: {' '.join(self.command)}")

    def connect(self):
        return Connection(socket.create_connection(("127.0.0.1", self.port), 60))

    def ask(self, *arguments):
        with self.connect() as connection:
            return connection.ask(*arguments)

    def cpu_seconds(self):
        """User and system time of the process so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024

    def footprint_bytes(self):
        """Memory of the process and the children it has forked; a page that they share counts once (Pss)."""
        pid = self.process.pid
        return sum(proportional_bytes(member) for member in [pid, *children_of(pid)])

    def info(self, field, section="persistence"):
        page = self.ask("INFO", section).decode()
        return re.search(rf"^{field}:(.*?)\r?$", page, re.MULTILINE)[1]


def children_of(parent):
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == parent:
                    found.append(int(pid))
        except OSError:
            pass  # it has just ended
    return found


def proportional_bytes(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.MULTILINE)[1]) * 1024
    except (OSError, TypeError):
        return 0  # it has just ended


class Loading(Exception):
    """The server does not serve yet."""


class Connection:
    """A blocking connection that can be used request by request or by the pipeline."""

    def __init__(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.reader = sock, sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, pipeline):
        self.socket.sendall(pipeline)

    def ask(self, *arguments):
        self.send(encode(*arguments))
        return self.receive()

    def receive(self):
        """The next reply: bytes, int, None or a list of these."""
        line = self.reader.readline()
        if not line:
            raise ConnectionError("the server has closed the connection")
        kind, text = line[:1], line[1:-2]
        if text.startswith(b"LOADING"):
            raise Loading
        if kind == b"-":
            raise SystemExit(f"the server replied {text.decode()}")
        if kind == b"$":
            return self.reader.read(int(text) + 2)[:-2] if text != b"-1" else None
        if kind == b"*":
            return [self.receive() for _ in range(int(text))]
        return int(text) if kind == b":" else text

    def skip(self, count):
        """Reads `count` replies away."""
        for _ in range(count):
            self.receive()


def encode(*arguments):
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def fill(server, requests, batch=1000):
    """Sends encoded requests, each with a reply of one line (status, integer, bulk) and none longer, in pipelines."""
    with server.connect() as connection:
        pipeline, count = [], 0
        for request in requests:
            pipeline.append(request)
            if len(pipeline) == batch:
                connection.send(b"".join(pipeline))
                count, pipeline = count + batch, []
                connection.skip(batch)
        connection.send(b"".join(pipeline))
        connection.skip(len(pipeline))
        return count + len(pipeline)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
