"""Several kinds of media at once: swapped while requests run, and copied from one to the next."""
import disks
from cards import OpenPgp, pin_file, start_pcscd
from daemon import Traffic
from rig import expect, needs, places, scenario


@needs("usb")
@scenario
def swap_floppy_and_stick(rig):
    """diskette and stick are swapped under seal while requests run: each removal seals, each insertion opens"""
    rig.insert("key")
    daemon = rig.start("floppy:A:", *places(rig), on_removal="seal")
    daemon.expect_open()
    token = daemon.issue()
    traffic = Traffic(daemon, token)
    mark = daemon.mark()
    rig.eject()
    daemon.expect("sealed", "medium_removed")
    traffic.await_more()
    rig.plug("spare")
    daemon.expect_open()
    traffic.await_more()
    rig.unplug("spare")
    daemon.expect("sealed", "medium_removed")
    rig.insert("key")
    daemon.expect_open()
    traffic.await_more()
    traffic.stop(allowed=("0", "3"))
    expect(daemon.turns(mark) == 4, f"the state changed {daemon.turns(mark)} times, not 4")
    daemon.expect_tokens_work(token)


@needs("card", "usb")
@scenario
def swap_all_three(rig):
    """diskette, then stick, then a card with its reader, under seal while requests run; kmsctl media shows each"""
    start_pcscd(rig)
    rig.insert("key")
    daemon = rig.start("floppy:A:", "usb:", "card:", on_removal="seal", more=pin_file(rig))
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
    shown = {slot["driver"]: slot for slot in daemon.media()}
    expect(shown["card"]["label"] == "key" and not shown["floppy"]["present"], f"kmsctl media shows {shown}")
    card.take_out(daemon)
    daemon.expect("sealed", "medium_removed")
    rig.insert("key")
    daemon.expect_open()
    traffic.stop(allowed=("0", "3"))
    expect(daemon.turns(mark) == 6, f"the state changed {daemon.turns(mark)} times, not 6")
    daemon.expect_tokens_work(token)


@needs("usb")
@scenario
def swap_copy_in_another_drive(rig):
    """under grace a copy of the pulled diskette on a stick keeps the server open; under keep all may go"""
    rig.insert("key")
    daemon = rig.start("floppy:A:", *places(rig), on_removal="grace:30s")
    daemon.expect_open()
    token = daemon.issue()
    mark = daemon.mark()
    rig.eject()
    daemon.await_log("was removed; the server seals in", mark)
    rig.plug("key")
    daemon.await_log("is back; the server stays open", mark)
    daemon.expect_open()
    expect(daemon.turns(mark) == 0, "it was sealed although a copy came in time")
    daemon.expect_tokens_work(token)


@needs("card", "usb")
@scenario
def copy_to_card_and_stick(rig):
    """kmsd medium copy: diskette to card, card to stick, each with the same text; a protected stick is refused; the stick opens"""
    start_pcscd(rig)
    rig.insert("key")
    card = OpenPgp(rig)
    card.insert()
    pin = pin_file(rig)
    rig.machine.until("opensc-tool -a", "the card in the reader")
    rig.must(f"kmsd medium copy floppy:A: card: {pin}")
    text = disks.key_text(rig.media / "key.img")
    expect(disks.without_comments(card.text()) == disks.without_comments(text), "the card has another text than the diskette")
    rig.eject()
    rig.plug("unformatted", read_only=True)
    rig.machine.until("[ -b /dev/sda ]", "the stick in the guest")
    ran = rig.sh(f"kmsd medium copy card: usb: {pin}")
    expect(ran.exit == 6 and "write-protected" in ran.out, f"exit {ran.exit}: {ran.out}")
    rig.unplug("unformatted")
    rig.plug("unformatted")
    rig.machine.until("[ -b /dev/sda ]", "the stick in the guest")
    rig.must(f"kmsd medium copy card: usb: {pin}")
    rig.machine.until("[ -b /dev/sda ]", "the stick back with the kernel")
    daemon = rig.start("usb:")
    daemon.expect_open()
    daemon.expect_tokens_work()
    rig.unplug("unformatted")
    copied = disks.key_text(rig.media / "unformatted-stick.img")
    expect(disks.without_comments(copied) == disks.without_comments(text), "the stick has another text than the diskette")
    disks.zeros(rig.media / "unformatted-stick.img", disks.STICK)
    expect(card.tries()[0] == 3, f"tries left and PINs given: {card.tries()}")
