"""Smartcards: pcscd and libccid in the guest, QEMU's emulated reader, and cards that are programs beside it."""
import re

import disks
from cards import OpenPgp, ReaderCard, pin_file, start_pcscd
from rig import expect, needs, scenario
from vsc import Card

INSERTED = r"medium inserted: card:.* \[5010\]$"
PINS = "tries left and PINs given"


def insert_until_seen(rig, card, tries=5):
    """On a busy host the emulated reader can forget to tell of a card: then it is inserted again."""
    for _ in range(tries):
        card.insert()
        if rig.sh("until opensc-tool -a >/dev/null 2>&1; do usleep 50000; done", 20).exit == 0:
            return
        card.pull()
    rig.machine.until("opensc-tool -a", "the card's answer to reset", 20)


@scenario
def card_reader_plumbing(rig):
    """pcscd sees the reader, a card in it, its answer to reset, an APDU; and the reader's and the card's leaving"""
    start_pcscd(rig)
    rig.machine.plug_reader()
    rig.machine.until("opensc-tool -l | grep CCID", "the reader in pcscd's list")
    card = Card(rig.machine.folder / "vsc", lambda apdu: b"\x90\x00" if apdu[1] == 0xA4 else b"\x6D\x00", b"hil")
    rig.helpers.append(card)
    insert_until_seen(rig, card)
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


@needs("card")
@scenario
def card_start_inserted(rig):
    """start with the card in the reader and the PIN in a file"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon = rig.start("card:", more=pin_file(rig))
    daemon.expect_open()
    daemon.await_log(INSERTED)
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 1), f"{PINS}: {card.tries()}")
    slot = daemon.media()[0]
    expect(slot["present"] and slot["driver"] == "card" and slot["label"] == "key", f"kmsctl media shows {slot}")


@needs("card")
@scenario
def card_insert_later(rig):
    """start with no reader and no pcscd; then pcscd, the reader and the card come"""
    daemon = rig.start("card:", more=pin_file(rig))
    daemon.expect("sealed", "awaiting_medium")
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    rig.machine.until("kmsctl media | grep -q CCID", "the reader in kmsctl media")
    mark = daemon.mark()
    began = card.insert()
    ended = daemon.await_log(r"\[5001\]$", mark)
    rig.note_time("card", began, ended)
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(daemon.turns(mark) == 1, f"the state changed {daemon.turns(mark)} times, not once")


@needs("card")
@scenario
def card_removal(rig):
    """pulled and put back under keep, seal and grace; and not back in time"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    token = None
    for policy, turns in (("keep", 0), ("seal", 2), ("grace:20s", 0), ("grace:1s", 2)):
        daemon = rig.start("card:", on_removal=policy, more=pin_file(rig))
        daemon.expect_open()
        token = token or daemon.issue()
        mark = daemon.mark()
        card.take_out(daemon)
        if turns:
            daemon.expect("sealed", "medium_removed", says="was removed; insert it again", logged=r"sealed: .* \[5002\]$", since=mark)
            daemon.expect_tokens_wait(token)
        elif policy != "keep":
            daemon.expect("unsealed", says="seals soon")
        card.insert()
        daemon.await_log({"keep": INSERTED, "grace:20s": "is back; the server stays open"}.get(policy, r"\[5001\]$"), mark)
        daemon.expect_open()
        daemon.expect_tokens_work(token)
        expect(daemon.turns(mark) == turns, f"under {policy} the state changed {daemon.turns(mark)} times, not {turns}")
        daemon.stop()
        rig.daemon = None
    expect(card.tries()[0] == 3, f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_wrong_pin(rig):
    """a wrong PIN costs one try, is told with the tries left and not tried again; the right one opens"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon = rig.start("card:", more=pin_file(rig, "999999"))
    daemon.await_log(r"medium refused: card:.*refuses the PIN; 2 tries are left \[5057\]$")
    daemon.expect("sealed", "pin_needed", says="PIN")
    card.take_out(daemon)
    daemon.expect("sealed", "awaiting_medium")
    mark = daemon.mark()
    card.insert()
    daemon.await_log(r"medium refused: card:.*refused the PIN in /srv/pin before \(2 tries left\)", mark)
    expect(card.tries() == (2, 1), f"{PINS}: {card.tries()}")
    pin_file(rig)
    card.take_out(daemon)
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 2), f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_last_try(rig):
    """the last try is never used by itself, also not after a pull; it is when the operator says so. A blocked card is told of"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.leave(1)
    card.insert()
    daemon = rig.start("card:", more=pin_file(rig))
    daemon.expect("sealed", "pin_needed", says="1 try left, so its PIN is not tried.*--last-try")
    card.take_out(daemon)
    card.insert()
    daemon.expect("sealed", "pin_needed", says="1 try left")
    ran = rig.sh("kmsctl unseal")
    expect(ran.exit == 6 and "--last-try" in ran.out, f"exit {ran.exit}: {ran.out}")
    expect(card.tries() == (1, 0), f"{PINS}: {card.tries()}")
    rig.must("kmsctl unseal --last-try")
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 1), f"{PINS}: {card.tries()}")
    rig.must("kmsctl seal")
    card.leave(0)
    mark = daemon.mark()
    card.take_out(daemon)
    card.insert()
    daemon.expect("sealed", "pin_needed", says="blocked", logged=r"medium refused: card:.*blocked.* \[5057\]$", since=mark)
    expect(card.tries() == (0, 1), f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_foreign(rig):
    """another server's card never gets the PIN, one of another trade and an empty one are told of; then the right one opens,
    beside a diskette of another server"""
    start_pcscd(rig)
    daemon = rig.start("floppy:A:", "card:", more=pin_file(rig))
    for kind, medium, reason, says in (("openpgp", "foreign", "foreign", "belongs to server"),
                                       ("strange", None, None, "no application that can hold a key"),
                                       ("openpgp", None, None, "does not say whose key|no key")):
        card = ReaderCard(rig, kind, medium)
        mark = daemon.mark()
        card.insert()
        daemon.await_log(rf"medium refused: card:.*({says}).* \[5057\]$", mark)
        daemon.expect("sealed", reason, says=says)
        if kind == "openpgp":
            expect(card.tries() == (3, 0), f"{PINS}: {card.tries()}")
        card.take_out(daemon)
        card.close()
    mark = daemon.mark()
    rig.insert("foreign")
    daemon.await_log(r"medium refused: floppy:A:: .*belongs to server.* \[5057\]$", mark)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 1), f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_slow_and_mute(rig):
    """a slow card opens; a mute one costs its deadline, is told of, and a sound one opens then"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.delay = 0.1
    card.insert()
    daemon = rig.start("card:", on_removal="seal", more=pin_file(rig))
    daemon.expect_open()
    token = daemon.issue()
    card.pull()
    daemon.expect("sealed", "medium_removed")
    card.delay = 0.0
    card.mute.set()
    mark = daemon.mark()
    card.insert()
    daemon.await_log(r"medium refused: card:.* \[5057\]$", mark)
    card.mute.clear()
    card.take_out(daemon)
    daemon.expect("sealed")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work(token)
    expect(card.tries()[0] == 3, f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_pulled_while_read(rig):
    """a card is pulled in the middle of an answer, twice, and put back: no refusal, no try lost, and it opens"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    daemon = rig.start("card:", more=pin_file(rig))
    for apdus in (2, 6):
        mark = daemon.mark()
        card.insert_and_pull(daemon, apdus)
        daemon.expect("sealed", "awaiting_medium")
        expect(daemon.count("medium refused", mark) == 0, "a pulled card is told of as refused")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(card.tries()[0] == 3, f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_reader_unplugged(rig):
    """the reader is unplugged with the card in it, under seal, and comes back with it: no restart of anything"""
    start_pcscd(rig)
    card = OpenPgp(rig, "key")
    card.insert()
    daemon = rig.start("card:", on_removal="seal", more=pin_file(rig))
    daemon.expect_open()
    token = daemon.issue()
    mark = daemon.mark()
    card.close()
    rig.machine.unplug_reader()
    daemon.expect("sealed", "medium_removed")
    card = OpenPgp(rig, "key")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work(token)
    expect(daemon.turns(mark) == 2, f"the state changed {daemon.turns(mark)} times, not 2")


@needs("card")
@scenario
def card_piv(rig):
    """a PIV card, which does not say whose key it carries: its PIN is given once by its number, and from then on by itself"""
    start_pcscd(rig)
    card = ReaderCard(rig, "piv", "key")
    card.insert()
    daemon = rig.start("card:", on_removal="seal", more=pin_file(rig))
    status = daemon.expect("sealed", "pin_needed", says="does not say whose key it carries.*kmsctl unseal --pin --card '.*'$")
    expect(card.tries() == (3, 0), f"{PINS}: {card.tries()}")
    rig.must(f"kmsctl unseal --pin-file /srv/pin --card {re.search('--card (.*)$', status['detail'])[1]}")
    daemon.expect_open()
    token = daemon.issue()
    card.take_out(daemon)
    daemon.expect("sealed", "medium_removed")
    card.insert()
    daemon.expect_open()
    daemon.expect_tokens_work(token)
    expect(card.tries() == (3, 2), f"{PINS}: {card.tries()}")


@needs("card")
@scenario
def card_file(rig):
    """a card with plain files (ISO 7816-4): one is written by kmsd with its PIN, and opens"""
    start_pcscd(rig)
    rig.insert("key")
    place = "card:?file=3F00/4B4D/4B01&pin=81&info=3F00/4B4D/2F10"
    blank = ReaderCard(rig, "iso")
    blank.insert()
    ran = rig.sh(f"{CARD_READY}; kmsd medium copy floppy:A: 'card:?file=3F00/4B4D/4B01&pin=81' {pin_file(rig)}")
    expect(ran.exit == 0, f"exit {ran.exit}: {ran.out}")
    text = disks.key_text(rig.media / "key.img")
    expect(disks.without_comments(blank.text()) == disks.without_comments(text),
           f"the card has another text than the diskette: {blank.text()[:12]!r}...{blank.text()[40:]!r}")
    expect(blank.tries()[0] == 3, f"{PINS}: {blank.tries()}")
    blank.pull()
    rig.eject()
    rig.machine.until("! opensc-tool -a", "the card's leaving")
    blank.close()
    card = ReaderCard(rig, "iso", "key")
    card.insert()
    daemon = rig.start(place, more=pin_file(rig))
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(card.tries() == (3, 1), f"{PINS}: {card.tries()}")


CARD_READY = "until opensc-tool -a; do usleep 20000; done >/dev/null 2>&1"
