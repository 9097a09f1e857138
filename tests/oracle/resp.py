"""RESP2 and RESP3 as exact values, and a blocking connection that speaks them.

The types that RESP tells apart stay apart: `+OK` is not `$2 OK`, a null bulk string is not a null array, a double keeps
its text. A reply is one of

    int                      an integer
    bytes                    a bulk string
    list                     an array
    (type byte, payload)     everything else: simple string, error, nulls, double, boolean, big number, verbatim,
                             map (a flat list of keys and values), set, push
"""

import os
import socket

NULL_BULK = ("$", None)
NULL_ARRAY = ("*", None)
NULL = ("_", None)

_SCALARS = {0x2B: "+", 0x2D: "-", 0x2C: ",", 0x23: "#", 0x28: "("}


class ProtocolError(Exception):
    """The bytes are not RESP."""


class Incomplete(Exception):
    """The reply goes on beyond the bytes at hand."""


def parse(data, at):
    """One reply of `data` from offset `at`: (reply, offset after it)."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    kind = data[at]
    line = data[at + 1 : end]
    after = end + 2
    if kind == 0x3A:
        return int(line), after
    if kind == 0x24:
        return _bulk(data, int(line), after)
    if kind == 0x2A:
        return (NULL_ARRAY, after) if line == b"-1" else _items(data, int(line), after)
    if kind in _SCALARS:
        return (_SCALARS[kind], bytes(line)), after
    if kind == 0x5F:
        return NULL, after
    if kind == 0x3D:
        text, after = _bulk(data, int(line), after)
        return ("=", text), after
    if kind in (0x25, 0x7E, 0x3E):
        items, after = _items(data, int(line) * (2 if kind == 0x25 else 1), after)
        return (chr(kind), items), after
    raise ProtocolError(f"unexpected byte {kind:#04x} at {at}: {bytes(data[at:at + 60])!r}")


def _bulk(data, size, at):
    if size < 0:
        return NULL_BULK, at
    end = at + size
    if len(data) < end + 2:
        raise Incomplete
    return bytes(data[at:end]), end + 2


def _items(data, count, at):
    items = []
    for _ in range(count):
        item, at = parse(data, at)
        items.append(item)
    return items, at


def parse_all(data):
    """Every reply of `data`, which must hold whole replies."""
    replies = []
    at = 0
    while at < len(data):
        reply, at = parse(data, at)
        replies.append(reply)
    return replies


def parse_available(data):
    """The whole replies at the head of `data`."""
    replies, at = [], 0
    try:
        while at < len(data):
            reply, at = parse(data, at)
            replies.append(reply)
    except (Incomplete, ProtocolError, IndexError):
        pass
    return replies


def encode(command):
    """A command (a list of byte strings) as a RESP array of bulk strings."""
    parts = [b"*%d\r\n" % len(command)]
    for argument in command:
        parts.append(b"$%d\r\n%b\r\n" % (len(argument), argument))
    return b"".join(parts)


def is_error(reply):
    return isinstance(reply, tuple) and reply[0] == "-"


class Connection:
    """A blocking connection to a local port, or to the unix socket of a path; every wait is bounded by `timeout_s`."""

    def __init__(self, address, timeout_s=60.0):
        if isinstance(address, int):
            self.socket = socket.create_connection(("127.0.0.1", address), timeout=timeout_s)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout_s)
            self.socket.connect(address)
        self.buffer = bytearray()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _fill(self):
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self.buffer += chunk

    def read(self):
        """The next reply."""
        while True:
            try:
                reply, end = parse(self.buffer, 0)
            except (Incomplete, IndexError):
                self._fill()
                continue
            del self.buffer[:end]
            return reply

    def call(self, *command):
        """Send one command and read its reply; text arguments are encoded."""
        self.send(encode([a if isinstance(a, bytes) else str(a).encode() for a in command]))
        return self.read()

    def send_batch(self, data):
        """Send encoded commands and a sentinel after them; `read_batch` returns what came before its reply."""
        nonce = os.urandom(12).hex().encode()
        self._tail = b"$24\r\n" + nonce + b"\r\n"
        self.send(data + encode([b"ECHO", nonce]))

    def read_batch(self):
        """The raw replies of the batch sent last."""
        while not self.buffer.endswith(self._tail):
            self._fill()
        data = bytes(self.buffer[: -len(self._tail)])
        self.buffer.clear()
        return data


def show(reply, limit=400):
    """A reply as one readable line."""
    text = _show(reply)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _show(reply):
    if isinstance(reply, int):
        return f"(integer) {reply}"
    if isinstance(reply, bytes):
        return quote(reply)
    if isinstance(reply, list):
        return "[" + ", ".join(_show(r) for r in reply) + "]"
    kind, payload = reply
    if payload is None:
        return {"$": "(nil)", "*": "(nil array)", "_": "(null)"}[kind]
    if kind in "%~>":
        return {"%": "map", "~": "set", ">": "push"}[kind] + _show(payload)
    return f"{kind}{quote(payload) if kind == '=' else payload.decode(errors='backslashreplace')}"


def quote(argument):
    """An argument as the case files write it: bare when plain, else in double quotes with escapes."""
    if argument and all(0x21 <= b <= 0x7E and b not in b"\"\\#'" for b in argument):
        return argument.decode()
    out = []
    for b in argument:
        if b in b'"\\':
            out.append("\\" + chr(b))
        elif 0x20 <= b <= 0x7E:
            out.append(chr(b))
        else:
            out.append(f"\\x{b:02x}")
    return '"' + "".join(out) + '"'


def unquote_line(line):
    """The arguments of one line of a case file."""
    arguments, at = [], 0
    while at < len(line):
        if line[at] == " ":
            at += 1
        elif line[at] == '"':
            argument, at = _quoted(line, at + 1)
            arguments.append(argument)
        else:
            end = line.find(" ", at)
            end = len(line) if end < 0 else end
            arguments.append(line[at:end].encode("latin-1"))
            at = end
    return arguments


def _quoted(line, at):
    out = bytearray()
    while line[at] != '"':
        if line[at] == "\\" and line[at + 1] == "x":
            out.append(int(line[at + 2 : at + 4], 16))
            at += 4
            continue
        if line[at] == "\\":
            at += 1
        out += line[at].encode("latin-1")
        at += 1
    return bytes(out), at + 1
