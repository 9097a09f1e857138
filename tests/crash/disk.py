"""The disk as a power cut leaves it, by means of shim.c.

Model: of a file's bytes, those behind the last fsync may be there in part (any prefix of them); directory entries that
were made, renamed or removed since the last fsync of their directory are there up to some point in time, as in a file
system with a journal of its metadata. A directory that was made is there. Bytes that a truncation took are gone at once.
"""

import errno
import os
import pathlib
import shutil
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CONTROL = struct.Struct("=iiiiq")
UNLIMITED = 1 << 60


def build_shim(directory):
    """Compile the shim; its path."""
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if compiler is None:
        raise SystemExit("a C compiler (cc, gcc or clang) is needed for tests/crash/shim.c and is not on PATH")
    library = pathlib.Path(directory) / "shim.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, HERE / "shim.c", "-ldl"], check=True)
    return library


class Disk:
    """Watches `data` of a node's directory `base`."""

    def __init__(self, library, base):
        self.base = pathlib.Path(base)
        self.data = self.base / "data"
        self.record, self.keep, self.control = self.base / "record", self.base / "keep", self.base / "control"
        self.data.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "LD_PRELOAD": str(library), "SHIM_DIR": str(self.data), "SHIM_RECORD": str(self.record),
            "SHIM_KEEP": str(self.keep), "SHIM_CONTROL": str(self.control),
        }  # fmt: skip
        self.set_faults()
        self.forget()

    def set_faults(self, write_errno=0, write_room=0, fsync_errno=0, fsync_ms=0):
        """Let writes fail once `write_room` bytes have passed, fsyncs fail, or fsyncs last."""
        with open(self.control, "r+b" if self.control.exists() else "wb") as file:
            file.write(CONTROL.pack(write_errno, fsync_errno, fsync_ms, 0, write_room if write_errno else UNLIMITED))

    def fill(self, room=0):
        self.set_faults(write_errno=errno.ENOSPC, write_room=room)

    def forget(self):
        """What is in the directory now is on the disk: the start of a new record."""
        shutil.rmtree(self.keep, ignore_errors=True)
        self.keep.mkdir()
        self.durable = {}
        for path in self._files():
            status = path.stat()
            self.durable[str(path)] = status.st_ino
            os.link(path, self.keep / str(status.st_ino))
        self.synced = {ino: (self.keep / str(ino)).stat().st_size for ino in self.durable.values()}
        self.record.write_bytes(b"")

    def cut_power(self, rng):
        """Rebuild the directory after the server was killed; what was lost, as text."""
        operations, names = self._replay(), dict(self.durable)
        pending = [at for at, (durable, _) in enumerate(operations) if not durable]
        done_until = rng.choice([0, len(operations), rng.choice([0, *pending])])
        for at, (durable, operation) in enumerate(operations):
            if durable or at < done_until:
                operation(names)
        lost_bytes = self._rebuild(names, rng)
        undone = sum(1 for at in pending if at >= done_until)
        self.forget()
        return f"{lost_bytes} bytes and {undone} of {len(pending)} unsynced directory changes lost"

    def _replay(self):
        """[(durable, operation on {path: inode})] of the record's directory changes; fills `synced`."""
        operations = []
        for line in self.record.read_text().splitlines():
            kind, *rest = line.split("\t")
            if kind == "S":
                self.synced[int(rest[0])] = max(self.synced.get(int(rest[0]), 0), int(rest[1]))
            elif kind == "T":
                self.synced[int(rest[0])] = min(self.synced.get(int(rest[0]), 0), int(rest[1]))
            elif kind == "D":
                operations = [(done or parent == rest[0], parent, change) for done, parent, change in operations]
            else:
                changed, change = _change(kind, rest)
                operations.append((False, os.path.dirname(changed), change))
        return [(done, change) for done, _, change in operations]

    def _rebuild(self, names, rng):
        for path in self._files():
            path.unlink()
        lost = 0
        for path, ino in names.items():
            content = (self.keep / str(ino)).read_bytes()
            synced = min(self.synced.get(ino, 0), len(content))
            length = rng.choice([synced, rng.randint(synced, len(content))])
            lost += len(content) - length
            pathlib.Path(path).write_bytes(content[:length])
        return lost

    def _files(self):
        return [path for path in self.data.rglob("*") if path.is_file()]


def _change(kind, rest):
    """(the path whose directory must be synced, the change)."""
    if kind == "C":
        return rest[1], lambda names: names.__setitem__(rest[1], int(rest[0]))
    if kind == "U":
        return rest[0], lambda names: names.pop(rest[0], None)
    if kind == "R":
        return rest[2], lambda names: _rename(names, *rest)
    raise ValueError(f"the record holds a line of kind {kind}")


def _rename(names, ino, old, new):
    if names.get(old) == int(ino):
        del names[old]
    names[new] = int(ino)
