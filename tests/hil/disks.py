"""Diskettes and sticks as image files, made with mtools and dosfstools; also those that are wrong."""
import os
import random

from image import run

FLOPPY = 1440 * 1024
STICK = 16 * 1024 * 1024
KEY_NAME = "::KMSPWD.INI"


def blank_floppy(path):
    run(["mformat", "-C", "-f", "1440", "-v", "EMPTY", "-i", path, "::"])
    return path


def key_floppy(path, key_file):
    run(["mformat", "-C", "-f", "1440", "-v", "KMSKEY", "-i", path, "::"])
    run(["mcopy", "-i", path, key_file, KEY_NAME])
    return path


def zeros(path, size=FLOPPY):
    path.write_bytes(b"")
    os.truncate(path, size)
    return path


def noise(path, size=FLOPPY):
    path.write_bytes(random.Random(1).randbytes(size))
    return path


def damaged(path, key_file):
    """A key disk with one character of the key changed: its check character finds it."""
    text = bytearray(key_file.read_bytes())
    at = text.index(b"pwd=") + 4
    text[at] = ord("B") if text[at] == ord("A") else ord("A")
    changed = path.with_suffix(".ini")
    changed.write_bytes(text)
    return key_floppy(path, changed)


def key_stick(path, key_file, size=STICK):
    zeros(path, size)
    run(["mkfs.fat", "-n", "KMSKEY", path])
    if key_file:
        run(["mcopy", "-i", path, key_file, KEY_NAME])
    return path


def partitioned_stick(path, key_file, size=STICK):
    """As shops sell them: one FAT partition that begins at 1 MiB."""
    start = 1024 * 1024
    zeros(path, size)
    run(["sfdisk", "-q", path], input=f"{start // 512},,c\n")
    run(["mkfs.fat", "-n", "KMSKEY", "--offset", start // 512, path, (size - start) // 1024])
    run(["mcopy", "-i", f"{path}@@{start}", key_file, KEY_NAME])
    return path


def sector_of_key(path):
    """The number of the sector that begins with the key file; made media have it at a sector's begin."""
    at = path.read_bytes().index(b"[config]")
    return at // 512


def without_comments(text):
    """The lines of a key file that say something, with one kind of line end."""
    return [line for line in text.splitlines() if line and line[0] not in "#;"]


def key_text(path):
    return run(["mtype", "-t", "-i", path, KEY_NAME])
