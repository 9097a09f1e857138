"""Servers under measurement: starting and stopping them, talking to them, and what /proc says about them."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 20


class Server:
    """A server on a free port of the loopback, in a directory of its own. Use it in a `with` statement."""

    def __init__(self, name, command):
        self.name, self.command = name, command

    def __enter__(self):
        self.port = free_port()
        self.directory = tempfile.mkdtemp(prefix="tartan-bench-")
        arguments = [part.format(port=self.port, dir=self.directory) for part in self.command]
        started = time.perf_counter()
        self.process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_ping(started)
        self.start_seconds = time.perf_counter() - started
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def await_ping(self, started):
        while time.perf_counter() - started < START_SECONDS_MAX and self.process.poll() is None:
            try:
                if self.ask("PING") == b"PONG":
                    return
            except OSError:
                time.sleep(0.0005)
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
