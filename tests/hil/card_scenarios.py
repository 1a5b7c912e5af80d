"""Smartcards: pcscd and libccid in the guest, QEMU's emulated reader, and cards that are programs beside it."""
import subprocess
import threading
import time

from daemon import Traffic
from rig import expect, needs, scenario
from vsc import Card


def start_pcscd(rig):
    rig.must("rm -f /run/pcscd/*; setsid pcscd -f >/srv/pcscd.log 2>&1 &")
    rig.machine.until("[ -S /run/pcscd/pcscd.comm ]", "pcscd's socket")


@scenario
def card_reader_plumbing(rig):
    """pcscd sees the reader, a card in it, its answer to reset, an APDU; and the reader's and the card's leaving"""
    start_pcscd(rig)
    rig.machine.plug_reader()
    rig.machine.until("opensc-tool -l | grep CCID", "the reader in pcscd's list")
    card = Card(rig.machine.folder / "vsc", lambda apdu: b"\x90\x00" if apdu[1] == 0xA4 else b"\x6D\x00", b"hil")
    rig.helpers.append(card)
    card.insert()
    rig.machine.until("opensc-tool -a", "the card's answer to reset")
    out = rig.must("opensc-tool -a")
    expect("3b:63:00:00:68:69:6c" in out.lower(), f"another answer to reset: {out}")
    out = rig.must("opensc-tool -c default -s 00:A4:04:00:05:D2:76:00:01:24")
    expect("SW1=0x90, SW2=0x00" in out, f"another answer: {out}")
    expect(any(apdu.startswith(bytes.fromhex("00A4040005D276000124")) for apdu in card.seen), "the card saw no SELECT")
    card.pull()
    rig.machine.until("! opensc-tool -a", "the card's leaving")
    rig.machine.unplug_reader()
    rig.machine.until("! opensc-tool -l | grep CCID", "the reader's leaving")
    rig.machine.plug_reader()
    rig.machine.until("opensc-tool -l | grep CCID", "the reader that came back")


class OpenPgp:
    """A virtual OpenPGP card in the reader, with a medium's key on it. `mute`: it does not answer; `delay`: so many seconds late."""

    def __init__(self, rig, medium, pin="123456"):
        fields = [line for line in rig.key_file(medium).read_text().splitlines() if line and line[0] not in "#;"]
        private, public = rig.media / "private", rig.media / "public"
        private.write_bytes("".join(line + "\n" for line in fields).encode())
        public.write_bytes("".join(line + "\n" for line in fields if line.startswith(("server=", "medium="))).encode())
        self.lock = threading.Lock()
        self.process = subprocess.Popen([rig.build / "tests/hil_card", pin, private, public], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.mute, self.delay = threading.Event(), 0.0
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
        said = self.ask(apdu.hex())
        return None if said == "mute" else bytes.fromhex(said)

    def insert(self):
        self.ask("reset")
        self.card.insert()
        return time.monotonic()

    def pull(self):
        self.card.pull()
        self.ask("reset")

    def tries(self):
        """Tries left, and PINs given so far."""
        left, given = self.ask("tries").split()
        return int(left), int(given)

    def close(self):
        self.card.close()
        self.process.stdin.close()
        self.process.wait(10)


def pin_file(rig, pin):
    rig.must(f"umask 077; echo {pin} >/srv/pin")
    return "--pin-file /srv/pin"


@needs("card")
@scenario
def card_start_inserted(rig):
    """start with the card in the reader and the PIN in a file"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon = rig.start("card:", more=pin_file(rig, "123456"))
    daemon.expect_open()
    daemon.await_log(r"medium inserted: card:.* \[5010\]$")
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 1), f"tries left and PINs given: {card.tries()}")


@needs("card")
@scenario
def card_insert_later(rig):
    """start with no reader and no pcscd; then pcscd, the reader and the card come; pulled under seal and back"""
    daemon = rig.start("card:", on_removal="seal", more=pin_file(rig, "123456"))
    daemon.expect("sealed", "awaiting_medium")
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    rig.machine.until("kmsctl media | grep -q CCID", "the reader in kmsctl media")
    mark = daemon.mark()
    began = card.insert()
    ended = daemon.await_log(r"\[5001\]$", mark)
    rig.note_time("card", began, ended)
    daemon.expect_open()
    token = daemon.expect_tokens_work()
    card.pull()
    daemon.expect("sealed", "medium_removed", says="was removed", logged=r"sealed: .* \[5002\]$")
    daemon.expect_tokens_wait(token)
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work(token)
    expect(daemon.turns(mark) == 3, f"the state changed {daemon.turns(mark)} times, not 3")


@needs("card")
@scenario
def card_wrong_pin(rig):
    """a wrong PIN costs one try, is told with the tries left and not tried again; the right one opens"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon = rig.start("card:", more=pin_file(rig, "999999"))
    daemon.await_log("medium refused: card:.*2 ")
    daemon.expect("sealed", says="PIN")
    mark = daemon.mark()
    card.pull()
    daemon.await_log("medium removed: card:", mark)
    card.insert()
    daemon.await_log("medium refused: card:", mark)
    expect(card.tries() == (2, 1), f"tries left and PINs given: {card.tries()}")
    pin_file(rig, "123456")
    card.pull()
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 2), f"tries left and PINs given: {card.tries()}")


@needs("card")
@scenario
def card_foreign(rig):
    """another server's card never gets the PIN; the right card beside a diskette of another server opens"""
    start_pcscd(rig)
    card = OpenPgp(rig, "foreign")
    card.insert()
    daemon = rig.start("card:", more=pin_file(rig, "123456"))
    daemon.expect("sealed", "foreign", 5057, "server", logged=r"medium refused: card:.* \[5057\]$")
    expect(card.tries() == (3, 0), f"tries left and PINs given: {card.tries()}")
    rig.helpers.remove(card)
    card.close()
    card = OpenPgp(rig, "key")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work()


@needs("card")
@scenario
def card_slow_and_mute(rig):
    """a slow card opens; a mute one costs its deadline, is told of, and a sound one opens then"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.delay = 0.3
    card.insert()
    daemon = rig.start("card:", on_removal="seal", more=pin_file(rig, "123456"))
    daemon.expect_open()
    token = daemon.issue()
    card.pull()
    daemon.expect("sealed", "medium_removed")
    card.delay = 0.0
    card.mute.set()
    mark = daemon.mark()
    card.insert()
    daemon.await_log("medium refused: card:|was lost", mark)
    card.mute.clear()
    card.pull()
    daemon.expect("sealed")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work(token)


@needs("card")
@scenario
def card_reader_unplugged(rig):
    """the reader is unplugged with the card in it, under seal, and comes back: no restart of anything"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon = rig.start("card:", on_removal="seal", more=pin_file(rig, "123456"))
    daemon.expect_open()
    token = daemon.issue()
    rig.helpers.remove(card)
    rig.machine.unplug_reader()
    card.close()
    daemon.expect("sealed", "medium_removed")
    card = OpenPgp(rig, "key")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work(token)


@needs("card", "usb")
@scenario
def swap_all_three(rig):
    """diskette, then stick, then card under seal while requests run"""
    start_pcscd(rig)
    rig.insert("key")
    daemon = rig.start("floppy:A:", "usb:", "card:", on_removal="seal", more=pin_file(rig, "123456"))
    daemon.expect_open()
    token = daemon.issue()
    traffic = Traffic(daemon, token)
    mark = daemon.mark()
    rig.eject()
    daemon.expect("sealed", "medium_removed")
    rig.plug("spare")
    daemon.expect_open()
    traffic.await_more()
    rig.unplug("spare")
    daemon.expect("sealed", "medium_removed")
    card = OpenPgp(rig, "key")
    card.insert()
    daemon.expect_open()
    traffic.await_more()
    card.pull()
    daemon.expect("sealed", "medium_removed")
    rig.insert("key")
    daemon.expect_open()
    traffic.stop(allowed=("0", "3"))
    expect(daemon.turns(mark) == 6, f"the state changed {daemon.turns(mark)} times, not 6")
    daemon.expect_tokens_work(token)
