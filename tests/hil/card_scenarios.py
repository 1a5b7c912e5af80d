"""Smartcards: pcscd and libccid in the guest, QEMU's emulated reader, and cards that are programs beside it."""
from rig import expect, scenario
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
