#!/usr/bin/env python3
"""make_seeds.py DIRECTORY: fills DIRECTORY/NAME for each fuzz target.

Disks are made by the tools that others use and cut down to their sectors that are not zero (tests/fuzz/sparse_disk.h
tells the form); texts come from the worked examples of hal/FORMATS.md and from the files in seeds/.
"""

import os
import re
import struct
import sys
import tempfile

from certificate_seeds import cmp_messages, kept_answers, ocsp_requests, requests
from move_seeds import user_packages
from seed_tools import HERE, example, formats, tool

SECTOR = 512
PIECE_MOST = 4096
PIECES_MOST = 64


class Disk:
    """An image file, and where on it the volume is that the next step speaks of."""

    def __init__(self, folder, kib):
        self.path = os.path.join(folder, "disk.img")
        with open(self.path, "wb") as file:
            file.truncate(kib * 1024)

    def mkfs(self, *options, sector=0, kib=None):
        tool("mkfs.fat", "--offset", str(sector), *options, self.path, *([str(kib)] if kib else []))
        return self

    def put(self, name, text, sector=0):
        with tempfile.NamedTemporaryFile("w", newline="") as file:
            file.write(text)
            file.flush()
            tool("mcopy", "-i", f"{self.path}@@{sector * SECTOR}", "-o", file.name, "::" + name)
        return self

    def table(self, script):
        tool("sfdisk", "--no-reread", "--no-tell-kernel", self.path, text=script)
        return self

    def run(self, *command):
        tool(*command, self.path)
        return self

    def write(self, offset, content):
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(content)
        return self

    def pieces(self):
        """(sector, bytes) of all that is not zero, neighbours joined."""
        found = []
        with open(self.path, "rb") as file:
            number = 0
            while content := file.read(SECTOR):
                used = content.rstrip(b"\0")
                last = found[-1] if found else None
                if used and last and last[0] * SECTOR + len(last[1]) > (number - 1) * SECTOR and \
                        (number - last[0]) * SECTOR + len(used) <= PIECE_MOST and number - last[0] < 3:
                    found[-1] = (last[0], last[1].ljust((number - last[0]) * SECTOR, b"\0") + used)
                elif used:
                    found.append((number, used))
                number += 1
        return number, found[:PIECES_MOST]

    def seed(self, mode):
        sectors, pieces = self.pieces()
        out = struct.pack("<IB", sectors, mode)
        return out + b"".join(struct.pack("<IH", at, len(content)) + content for at, content in pieces)


def disks(folder):
    key = example("key-file")
    fresh = lambda kib: Disk(folder, kib)
    yield "floppy", fresh(1440).mkfs("-F", "12").put("KMSPWD.INI", key)
    yield "floppy_typed", fresh(720).mkfs("-F", "12").put("kmspwd.ini", example("typed"))
    yield "empty", fresh(1440).mkfs("-F", "12", "-n", "KMSKEY")
    yield "other_files", fresh(1440).mkfs("-F", "12").put("A long name of a file.txt", "x").put("READ.ME", "y" * 2000)
    yield "long_chain", fresh(1440).mkfs("-F", "12", "-s", "1").put("KMSPWD.INI", key.ljust(4000, "."))
    yield "fat16", fresh(16384).mkfs("-F", "16").put("KMSPWD.INI", key)
    yield "fat16_4k", fresh(65536).mkfs("-F", "16", "-S", "4096").put("KMSPWD.INI", key)
    yield "fat32", fresh(40960).mkfs("-F", "32", "-s", "1").put("KMSPWD.INI", key)
    yield "mbr", fresh(4096).table("label: dos\nstart=64,size=2048,type=c\nstart=4096,type=83\n").mkfs(
        "-F", "12", sector=64, kib=1024).put("KMSPWD.INI", key, sector=64)
    yield "logical", fresh(8192).table(
        "label: dos\nstart=64,size=1000,type=83\nstart=2048,type=5\nstart=2112,size=2000,type=c\n"
        "start=6208,size=4000,type=c\n").mkfs("-F", "12", sector=6208, kib=2000).put("KMSPWD.INI", key, sector=6208)
    yield "gpt", fresh(8192).table("label: gpt\nstart=2048,size=2048\nstart=4096,size=8192\n").mkfs(
        "-F", "12", sector=4096, kib=4096).put("KMSPWD.INI", key, sector=4096)
    backup = fresh(8192).table("label: gpt\nstart=2048,size=8192\n").mkfs("-F", "12", sector=2048, kib=4096)
    yield "gpt_backup", backup.put("KMSPWD.INI", key, sector=2048).write(SECTOR, b"\0" * SECTOR)
    yield "ext2", fresh(2048).run("mkfs.ext2", "-q", "-F")
    yield "ntfs", fresh(1440).write(0, b"\xeb\x52\x90NTFS    ")
    yield "iso", fresh(1440).write(16 * 2048, b"\1CD001\1")
    yield "zeros", fresh(1440)
    yield "unformatted", fresh(1440).write(0, b"\xf6" * 4096)


def frames():
    """The example frames of hal/FORMATS.md, and one of each other type."""
    for name, hexes in re.findall(r"^    (Open|Slots|Read|Failed|Ping|Pong) +((?:[0-9a-f]{2} ?)+)$", formats("hal"), re.M):
        yield name, bytes.fromhex(hexes)
    text = lambda value: struct.pack("<I", len(value)) + value
    slot = text(b"image") + text(b"/srv/keys/a.img")
    bodies = {
        "scan": (2, struct.pack("<I", 5000)),
        "write": (4, slot + b"\2" + struct.pack("<I", 60000) + text(example("typed").encode())),
        "answer": (5, struct.pack("<IB", 1, 1) + text(b"123456")),
        "ready": (16, struct.pack("<HH", 1, 1) + text(b"floppy") + text(b"diskettes") + text(b"floppy:A:") +
                  struct.pack("<IB", 7, 1) + text(b"floppy:A:")),
        "refused": (17, b"\0\0" + text(b"no such driver")),
        "error_slot": (18, struct.pack("<H", 1) + slot + b"\1\0" + text(b"7") + b"\1\7\3" + text(b"damaged")),
        "key_text": (19, text(example("key-file").encode())),
        "written": (20, b""),
        "read_epoch": (7, slot + struct.pack("<I", 5000)),
        "write_epoch": (8, slot + struct.pack("<IB", 5000, 1) + medium_record()),
        "epoch": (24, medium_record() + bytes(512)),
        "question": (22, struct.pack("<IB", 1, 1) + text(b"PIN of the card")),
    }
    for name, (kind, body) in bodies.items():
        yield name, struct.pack("<IBI", 5 + len(body), kind, 1) + body


def lines(name):
    with open(os.path.join(HERE, "seeds", name + ".txt"), "rb") as file:
        return ((f"{number:03}", line) for number, line in enumerate(file.read().splitlines()))


def key_files():
    typed, written = example("typed"), example("key-file")
    yield "typed", typed.encode()
    yield "written", written.encode()
    yield "crlf", written.replace("\n", "\r\n").encode()
    yield "bom", b"\xef\xbb\xbf" + typed.encode()
    yield "forgiven", "; key\n [Config] \nPWD = o4hm-asw9n-f6yy4\n[other]\npwd=1\n[MEDIUM]\nnext=1\n".encode()
    yield "share", example("share-file").encode()
    yield "typed_share", example("typed-share").encode()
    yield "bad_crc", re.sub("crc=.*", "crc=00000000", written).encode()


def audit_lines():
    """The lines and entries of kms/FORMATS.md; there a line goes on behind two blanks."""
    found = re.findall(r"^(?:line|\w+ entry): (\{.*(?:\n  .*)*)", formats("kms"), re.M)
    assert len(found) >= 5, "kms/FORMATS.md has lost its example of the audit log"
    return ((f"{number:03}", text.replace("\n  ", "").encode()) for number, text in enumerate(found))


def medium_record():
    """The sector of the worked example in kms/FORMATS.md."""
    text = re.search("```example medium record\n(.*?)```", formats("kms"), re.S).group(1).replace("\n  ", "")
    record = bytes.fromhex(dict(line.split(": ", 1) for line in text.strip().split("\n"))["record"])
    return record + bytes(512 - len(record))


def medium_epochs():
    """Two sectors; the MAC is as in fuzz_medium_epoch.cpp."""
    old = medium_record()[:112]
    one = old + bytes([sum(old) & 3]) * 32 + bytes(512 - 144)
    yield "torn", one + one[:60] + bytes(452)
    yield "later", one[:12] + b"\2" + one[13:] + one


def backups():
    """The worked example of kms/FORMATS.md, alone and with more chunks; the first byte is the fuzzer's own."""
    text = re.search("```example backup\n(.*?)```", formats("kms"), re.S).group(1).replace("\n  ", "")
    fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
    header, chunk = bytes.fromhex(fields["header"]), bytes.fromhex(fields["chunk"])
    data = fields["data"].encode()

    def head(number, part, segment, length):
        return b"KDCK" + struct.pack("<QBQI", number, part, segment, length) + bytes(32)

    def told(chunks, size):
        return header[:108] + struct.pack("<QQ", chunks, size) + header[124:]

    more = b"".join(head(number, 2, number - 1, 40) + bytes(40) for number in range(2, 5))
    size = len(header) + len(chunk) + len(data)
    yield "example", b"\x20" + header + chunk + data
    yield "repaired", b"\x21" + header + chunk + data
    yield "several", b"\x41" + told(4, size + len(more)) + chunk + data + more
    yield "header", b"\x10" + header


def stick(folder, sector, mode):
    """What a sound stick answers while its key is read; fuzz_usb.cpp tells the form. Block 0 comes first."""
    disk = Disk(folder, 1440).mkfs("-F", "12").put("KMSPWD.INI", example("key-file"))
    with open(disk.path, "rb") as file:
        image = file.read()
    gives = lambda content: struct.pack("<BH", 1, len(content)) + content
    passed, failed = struct.pack("<BHB", 5, 0, 0), struct.pack("<BHB", 6, 0, 0)
    sense = bytes([0x70, 0, 6, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x28, 0, 0, 0, 0, 0])
    start = [gives(bytes([0, 0x80, 4, 2, 31]) + b" " * 31), passed, failed, gives(sense), passed, passed,
             gives(struct.pack(">II", len(image) // sector - 1, sector)), passed, gives(bytes([3, 0, 0, 0])), passed]
    # The boot sector, tables, root directory and the file, in pieces that fit what is asked for there.
    reads = [gives(image[at * 512:(at + count) * 512]) + passed
             for at, count in [(0, 1), (0, 8), (1, 9), (19, 14), (33, 1), (33, 1)]]
    return bytes([mode, 0]) + b"".join(start + reads)


def sticks(folder):
    for mode in range(2):
        for sector in (512, 4096):
            yield f"stick_{sector}_{mode}", stick(folder, sector, mode)
    yield "stalls", bytes([0, 0]) + b"\0\0\0" * 40
    yield "empties", bytes([0, 0]) + b"\1\0\0" * 40


def tlv(tag, *values):
    """A BER-TLV object."""
    value = b"".join(values)
    length = bytes([len(value)]) if len(value) < 128 else b"\x82" + struct.pack(">H", len(value))
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big") + length + value


def cards():
    """What cards answer to a reading and to a writing (tests/fuzz/fuzz_card.cpp tells the form)."""
    text = example("card-text").replace("\n", "\r\n").encode()
    owner = example("card-open").replace("\n", "\r\n").encode()
    done, absent, tries = b"\x90\x00", b"\x6a\x82", b"\x63\xc3"
    number = bytes.fromhex("d276000124010304000612345678") + bytes(2)
    status = tlv(0xC4, bytes.fromhex("007f7f7f030003"))
    data = tlv(0x6E, tlv(0x4F, number), tlv(0x5F52, bytes.fromhex("00730000c0059000")),
               tlv(0x73, tlv(0xC0, b"\x7d" + bytes(9)), status)) + done
    piv = [absent, done, tlv(0x53, tlv(0x34, b"0123456789abcdef")) + done, b"\x69\x82", done, tries, done]
    file_info = tlv(0x62, tlv(0x80, b"\x02\x00")) + done
    open_file = [absent, absent, file_info, absent, file_info]
    key = text + bytes(256 - len(text)) + done

    def seed(mode, target, answers):
        packed = b"".join(struct.pack("<H", len(answer)) + answer for answer in answers)
        return bytes([mode, len(target)]) + target.encode() + packed

    yield "openpgp", seed(0, "", [done, data, owner + done, data, done, text + done])
    yield "openpgp_wrong", seed(1, "", [done, data, owner + done, data, b"\x69\x82", data])
    yield "openpgp_write", seed(6, "", [done, data, done, data, done, text + done, owner + done] + [done] * 9)
    yield "piv", seed(0, "", piv + [tlv(0x53, text) + done])
    yield "piv_parts", seed(1, "?app=piv", piv[1:] + [b"\x61\x40", text[:64] + b"\x61\x10", text[64:80] + done])
    yield "file", seed(0, "?file=4B4D/4B01", open_file + [file_info, key])
    yield "file_pin", seed(2, "?file=4B4D/4B01&pin=81", open_file + [tries, done, file_info, key] + [done] * 9)


def uevents():
    """Events of a stick, as the kernel tells them and as udevd passes them on (systemd's device-monitor.c)."""
    disk = {"ACTION": "add", "DEVPATH": "/devices/pci0000:00/usb1/1-1/1-1:1.0/host2/block/sdb", "SUBSYSTEM": "block",
            "MAJOR": "8", "MINOR": "16", "DEVNAME": "sdb", "DEVTYPE": "disk", "SEQNUM": "3456"}
    events = {
        "disk": disk,
        "change": {**disk, "ACTION": "change", "DISK_MEDIA_CHANGE": "1"},
        "device": {"ACTION": "remove", "DEVPATH": "/devices/pci0000:00/usb1/1-1", "SUBSYSTEM": "usb", "SEQNUM": "7",
                   "DEVNAME": "bus/usb/001/002", "DEVTYPE": "usb_device", "MAJOR": "189", "MINOR": "1"},
        "card_reader": {"ACTION": "bind", "DEVPATH": "/devices/pci0000:00/usb1/1-2", "SUBSYSTEM": "usb",
                        "ID_USB_INTERFACES": ":0b0000:", "TAGS": ":systemd:", "SYSTEMD_WANTS": "kmsd-insert.service"},
        "no_node": {"ACTION": "offline", "DEVPATH": "/d"},
    }
    for name, event in events.items():
        properties = b"".join(f"{key}={value}".encode() + b"\0" for key, value in event.items())
        yield name, f"{event['ACTION']}@{event['DEVPATH']}".encode() + b"\0" + properties
        header = b"libudev\0" + struct.pack(">I", 0xFEEDCAFE) + struct.pack("=III", 40, 40, len(properties))
        yield name + "_udev", header + bytes(16) + properties


def main():
    out = sys.argv[1]

    def save(target, name, content):
        os.makedirs(os.path.join(out, target), exist_ok=True)
        with open(os.path.join(out, target, name), "wb") as file:
            file.write(content)

    with tempfile.TemporaryDirectory() as folder:
        for name, disk in disks(folder):
            save("fat", name, disk.seed(0))
            for mode in range(3):
                save("key_disk_write", f"{name}_{mode}", disk.seed(mode))
        for name, content in sticks(folder):
            save("usb", name, content)
        for name, content in requests(folder):
            save("csr", name, content)
        for name, content in cmp_messages(folder):
            save("cmp", name, content)
        for name, content in ocsp_requests(folder):
            save("ocsp", name, content)
        for name, content in kept_answers(folder):
            save("ocsp_kept", name, content)
        for name, content in user_packages(folder):
            save("user_package", name, content)
    for target, seeds in [("key_file", key_files()), ("reader", frames()), ("token_text", lines("token_text")),
                          ("http", lines("http")), ("audit_line", audit_lines()), ("backup", backups()), ("medium_epoch", medium_epochs()),
                          ("uevent", uevents()), ("card", cards())]:
        for name, content in seeds:
            save(target, name, content)


if __name__ == "__main__":
    main()
