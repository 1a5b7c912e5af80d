"""Writes cpio archives ("newc") that the kernel unpacks as its first file system. Needs no right to make devices."""
import os
import stat
from pathlib import Path


class Archive:
    """Names are absolute paths in the guest; parents are made as they are needed."""

    def __init__(self):
        self.entries = {}

    def directory(self, name, mode=0o755):
        self._parents(name)
        self.entries[name] = (stat.S_IFDIR | mode, b"", (0, 0))

    def file(self, name, data, mode=0o644):
        self._parents(name)
        self.entries[name] = (stat.S_IFREG | mode, data if isinstance(data, bytes) else data.encode(), (0, 0))

    def link(self, name, target):
        self._parents(name)
        self.entries[name] = (stat.S_IFLNK | 0o777, target.encode(), (0, 0))

    def character_device(self, name, major, minor, mode=0o600):
        self._parents(name)
        self.entries[name] = (stat.S_IFCHR | mode, b"", (major, minor))

    def copy(self, source, name=None):
        """A file of the host, with its mode; what is a link on the host becomes the file it leads to."""
        source = Path(source)
        self.file(name or str(source), source.read_bytes(), source.stat().st_mode & 0o777)

    def tree(self, source, name):
        """A folder of the host with all that is in it; its links stay links."""
        for folder, folders, files in os.walk(source):
            at = Path(folder)
            self.directory(str(Path(name) / at.relative_to(source)))
            for one in sorted(files + [d for d in folders if (at / d).is_symlink()]):
                here, there = at / one, str(Path(name) / at.relative_to(source) / one)
                if here.is_symlink():
                    self.link(there, os.readlink(here))
                else:
                    self.copy(here, there)

    def write(self, path):
        with open(path, "wb") as out:
            for number, (name, (mode, data, device)) in enumerate(self.entries.items(), 1):
                _entry(out, number, name.lstrip("/"), mode, data, device)
            _entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))

    def _parents(self, name):
        for parent in reversed(Path(name).parents):
            if str(parent) not in ("/", ".") and str(parent) not in self.entries:
                self.entries[str(parent)] = (stat.S_IFDIR | 0o755, b"", (0, 0))


def _entry(out, inode, name, mode, data, device):
    text = name.encode() + b"\0"
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(text), 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + text
    out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))
