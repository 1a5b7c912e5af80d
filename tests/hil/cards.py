"""Virtual cards in QEMU's reader: tests/hil/card_main.cpp is the card, vsc.py puts it into the reader."""
import subprocess
import threading
import time

from image import Failed
from machine import PATIENCE
from vsc import Card


class ReaderCard:
    """A card of one kind (openpgp, piv, iso, strange) with a medium's key on it, or none. `mute`: it does not answer;
    `delay`: so many seconds late."""

    def __init__(self, rig, kind, medium=None, pin="123456"):
        fields = [line for line in rig.key_file(medium).read_text().splitlines() if line and line[0] not in "#;"] if medium else []
        private, public = rig.media / "private", rig.media / "public"
        self.packed = "".join(line + "\n" for line in fields)
        private.write_text(self.packed)
        public.write_text("".join(line + "\n" for line in fields if line.startswith(("server=", "medium="))))
        self.rig, self.lock = rig, threading.Lock()
        self.process = subprocess.Popen([rig.build / "tests/hil_card", kind, pin, private, public], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.mute, self.delay = threading.Event(), 0.0
        self.pull_in, self.pulled = 0, threading.Event()
        rig.helpers.append(self)
        if not rig.machine.reader:
            rig.machine.plug_reader()
        self.card = Card(rig.machine.folder / "vsc", self.answer, b"hil")

    def ask(self, line):
        with self.lock:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline().strip()

    def answer(self, apdu):
        if self.mute.is_set():
            return None
        if self.delay:
            self.mute.wait(self.delay)
        if self.pull_in > 0:
            self.pull_in -= 1
            if self.pull_in == 0:
                # The emulated reader forgets to end an APDU whose answer the guest does not wait for yet.
                self.mute.wait(0.3)
                self.card.pull()
                self.pulled.set()
                return None
        said = self.ask(apdu.hex())
        return None if said == "mute" else bytes.fromhex(said)

    def insert(self):
        self.ask("reset")
        self.card.insert()
        return time.monotonic()

    def pull(self):
        self.card.pull()
        self.ask("reset")

    def take_out(self, daemon):
        """Pulls it and waits until that was seen: the emulated reader and pcscd do not notice a pull that is undone at once."""
        mark = daemon.mark()
        self.pull()
        daemon.await_log(r"medium removed: card:.* \[5011\]$", mark)

    def insert_and_pull(self, daemon, apdus, seconds=PATIENCE):
        """Inserts it, and pulls it in the middle of the APDU of that number."""
        mark = daemon.mark()
        self.pulled.clear()
        self.pull_in = apdus
        self.insert()
        if not self.pulled.wait(seconds):
            raise Failed(f"awaited for {seconds} s: {apdus} APDUs; the card has seen {len(self.card.seen)}")
        daemon.await_log(r"medium removed: card:.* \[5011\]$", mark)
        self.ask("reset")

    def tries(self):
        """Tries left, and PINs given so far."""
        left, given = self.ask("tries").split()
        return int(left), int(given)

    def leave(self, tries):
        """From now on the card has so many tries left."""
        self.ask(f"left {tries}")

    def text(self):
        """The key's text on the card."""
        return bytes.fromhex(self.ask("text")).rstrip(b"\x00\xff").decode()

    def close(self):
        if self in self.rig.helpers:
            self.rig.helpers.remove(self)
        self.card.close()
        self.process.stdin.close()
        self.process.wait(10)


class OpenPgp(ReaderCard):
    def __init__(self, rig, medium=None, pin="123456"):
        super().__init__(rig, "openpgp", medium, pin)


def start_pcscd(rig):
    rig.must("rm -f /run/pcscd/*; setsid pcscd -f >/srv/pcscd.log 2>&1 &")
    rig.machine.until("[ -S /run/pcscd/pcscd.comm ]", "pcscd's socket")


def pin_file(rig, pin="123456"):
    rig.must(f"umask 077; echo {pin} >/srv/pin.new; mv /srv/pin.new /srv/pin")
    return "--pin-file /srv/pin"
