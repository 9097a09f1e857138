"""A full disk: writes are refused with Redis's words, reads go on, nothing acknowledged is lost, service heals by itself.

The disk is a small tmpfs. Where mounting is not allowed, the shim lets writes fail with ENOSPC instead, and says so.
Redis promises less with `always`: it ends itself when a write fails, so it is not asked.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import threading
import time

from disk import Disk
from node import Failure, Node, accept, wait_for
from resp import encode, is_error
from server import is_tartan

SIZE_MB = 64
ROOM = 2_000_001
WRITERS = 4
PIPELINE = 16
HEAL_SECONDS = 15.0
AOF_REFUSAL = b"MISCONF Errors writing to the AOF file: No space left on device"
RDB_REFUSAL = (
    b"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may "
    b"modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    b"snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error."
)


class Volume:
    """The directory `base`/data on a disk that can be filled up and freed."""

    def __init__(self, base, shim):
        self.data = base / "data"
        self.data.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tartan-crash", str(self.data)]
        self.mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
        self.disk = None if self.mounted else Disk(shim, base)
        self.environment = {} if self.mounted else self.disk.environment
        self.note = "" if self.mounted else "no mount here: ENOSPC by the shim"
        self.filler = self.data / "filler"

    def fill(self, room):
        """Leave `room` bytes to the server."""
        if self.disk:
            return self.disk.fill(room)
        free = os.statvfs(self.data)
        self.filler.write_bytes(bytes(free.f_bavail * free.f_bsize - room))

    def free(self):
        if self.disk:
            self.disk.set_faults()
        else:
            self.filler.unlink()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.data)], check=True)


class Writer(threading.Thread):
    """Pipelines of SETs of fresh keys; what was acknowledged, and what was refused."""

    def __init__(self, node, name):
        super().__init__(daemon=True)
        self.node, self.name_ = node, name
        self.acknowledged, self.refusals, self.problem = {}, [], None
        self.last_refused = False
        self.ending = threading.Event()

    def run(self):
        connection = self.node.connect()
        number = 0
        try:
            while not self.ending.is_set():
                batch = []
                for _ in range(PIPELINE):
                    number += 1
                    batch.append((b"%b:%d" % (self.name_, number), (b"%d" % number) * 100))
                connection.send(b"".join(encode([b"SET", *pair]) for pair in batch))
                for key, value in batch:
                    reply = connection.read()
                    self.last_refused = is_error(reply)
                    if self.last_refused:
                        self.refusals.append(reply[1])
                    else:
                        self.acknowledged[key] = value
                time.sleep(0.005)  # a load that the freed room lasts for
        except OSError as error:
            self.problem = error
        finally:
            connection.close()


def append_only_file(command, base, shim, mode):
    """Fill the disk under a write load, free it, kill the server: every acknowledged write is there."""
    with Volume(base, shim) as volume, Node(command, base, [("appendfsync", mode)], volume.environment) as node:
        writers = [Writer(node, b"w%d" % at) for at in range(WRITERS)]
        volume.fill(ROOM)
        for writer in writers:
            writer.start()
        wait_for("a refused write", lambda: all(w.refusals for w in writers))
        _check_refused(node, writers)
        # While the disk is full, and again after it was freed.
        _check_held(node, writers)
        time.sleep(1.5)
        _check_refused(node, writers)
        volume.free()
        wait_for(
            "service without help once there is room", lambda: not any(w.last_refused for w in writers), HEAL_SECONDS
        )
        wait_for("aof_last_write_status:ok", lambda: node.info()["aof_last_write_status"] == "ok", HEAL_SECONDS)
        time.sleep(0.3)
        node.kill()
        for writer in writers:
            writer.ending.set()
            writer.join()
        _check_files(command, node)
        node.start()
        _check_held(node, writers)
        return f"{sum(len(w.acknowledged) for w in writers)} writes kept, {sum(len(w.refusals) for w in writers)} refused. {volume.note}"


def _check_refused(node, writers):
    for writer in writers:
        if writer.problem or not node.alive():
            raise Failure(f"a writer was cut off: {writer.problem}; the log:\n{node.log_tail()}")
        other = set(writer.refusals) - {AOF_REFUSAL}
        if other:
            raise Failure(f"refused with other words: {other.pop()!r}")
    if node.info()["aof_last_write_status"] != "err":
        raise Failure("aof_last_write_status is ok on a full disk")
    reply = node.call("PING")
    if reply != ("-", AOF_REFUSAL):
        raise Failure(f"PING on a full disk: {reply}")


def _check_held(node, writers):
    connection = node.connect()
    for writer in writers:
        acknowledged = list(writer.acknowledged.items())
        for first in range(0, len(acknowledged), 500):
            some = acknowledged[first : first + 500]
            connection.send(encode([b"MGET", *(key for key, _ in some)]))
            held = accept(connection.read(), "MGET")
            lost = [key for (key, value), now in zip(some, held) if now != value]
            if lost:
                raise Failure(f"{len(lost)} acknowledged writes are gone, such as {lost[0]!r} ({first} came before)")
    connection.close()


def _check_files(command, node):
    """No half record with whole ones behind it: what the checkers would cut off may only be a tail of no worth."""
    folder = node.data / "appendonlydir"
    # Redis's own checker, of 7.0 where Debian 12 is: it reads commands of every version, but not a newer RDB base.
    checkers = [["redis-check-aof", str(path)] for path in sorted(folder.glob("*.incr.aof"))]
    if is_tartan(command):
        checkers.append([command, "check-aof", str(next(folder.glob("*.manifest")))])
    for checker in checkers:
        done = subprocess.run(
            checker, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise Failure(f"{' '.join(checker)} ended with {done.returncode}:\n{done.stdout[-1500:]}")


def snapshot(command, base, shim):
    """BGSAVE on a full disk keeps the old dump, says so, and refuses writes until a BGSAVE succeeds."""
    settings = [("appendonly", "no"), ("save", "3600 1"), ("rdbcompression", "no")]
    with Volume(base, shim) as volume, Node(command, base, settings, volume.environment) as node:
        if volume.disk and not is_tartan(command):
            return "not tested: the shim cannot fail Redis's buffered writes of a dump, and there is no mount here"
        accept(node.call("SET", "old", "x" * 100_000), "SET")
        accept(node.call("SAVE"), "SAVE")
        before = hashlib.sha256((node.data / "dump.rdb").read_bytes()).digest()
        for at in range(40):
            accept(node.call("SET", f"new:{at}", os.urandom(50_000)), "SET")
        volume.fill(room=300_001)
        _background_save(node, "err")
        if hashlib.sha256((node.data / "dump.rdb").read_bytes()).digest() != before:
            raise Failure("the old dump has changed")
        leftovers = [path.name for path in node.data.glob("temp-*")]
        if leftovers:
            raise Failure(f"a failed BGSAVE left {leftovers}")
        for write in (("SET", "more", "x"), ("LPUSH", "list", "x")):
            reply = node.call(*write)
            if reply != ("-", RDB_REFUSAL):
                raise Failure(f"{write} after a failed BGSAVE: {reply}")
        if node.call("STRLEN", "old") != 100_000:
            raise Failure("reads do not go on")
        volume.free()
        _background_save(node, "ok")
        accept(node.call("SET", "more", "x"), "SET after a BGSAVE that succeeded")
        node.kill()
        node.start()
        if node.call("DBSIZE") != 41:
            raise Failure(f"{node.call('DBSIZE')} keys after a restart from the dump, expected 41")
        return volume.note


def _background_save(node, expected):
    accept(node.call("BGSAVE"), "BGSAVE")
    wait_for("BGSAVE to end", lambda: node.info()["rdb_bgsave_in_progress"] == "0")
    wait_for(f"rdb_last_bgsave_status:{expected}", lambda: node.info()["rdb_last_bgsave_status"] == expected, 5)


def stalled_fsync(command, base, shim):
    """Slow fsyncs lose nothing; one that fails is told, and service resumes (Redis refuses on: not asked)."""
    disk = Disk(shim, base)
    with Node(command, base, [("appendfsync", "everysec")], disk.environment) as node:
        writers = [Writer(node, b"w%d" % at) for at in range(WRITERS)]
        for writer in writers:
            writer.start()
        disk.set_faults(fsync_ms=300)
        time.sleep(1.5)
        if is_tartan(command):
            disk.set_faults(fsync_errno=errno.EIO)
            wait_for("a failed fsync to be told", lambda: node.info()["aof_last_write_status"] == "err", 10)
        _check_held(node, writers)
        disk.set_faults()
        wait_for("service once fsync works", lambda: not any(w.last_refused for w in writers), HEAL_SECONDS)
        for writer in writers:
            writer.ending.set()
            writer.join()
        if not is_tartan(command):
            # Redis answers, and holds the write(2) back, for up to two seconds while an fsync runs.
            time.sleep(2.5)
        node.kill()
        node.start()
        _check_held(node, writers)
        return f"{sum(len(w.acknowledged) for w in writers)} writes kept"
