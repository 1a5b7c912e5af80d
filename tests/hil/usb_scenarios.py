"""USB sticks: xhci, usb-storage and udevd in the guest; sticks come, go, fail and are yanked."""
import disks
from rig import expect, needs, places, scenario

INSERTED = r"medium inserted: \S+ \[5010\]$"
REMOVED = r"medium removed: \S+ \[5011\]$"


@scenario
def usb_start_inserted(rig):
    """start with a stick inserted"""
    rig.plug("key")
    rig.machine.until("[ -b /dev/sda ]", "the stick in the guest")
    daemon = rig.start(*places(rig))
    status = daemon.expect_open()
    daemon.await_log(INSERTED)
    daemon.await_log(rf"unsealed by medium {status['medium']} \[5001\]$")
    daemon.expect_tokens_work()


@scenario
def usb_insert_later(rig):
    """start without a stick, insert one, with a partition as shops sell them"""
    daemon = rig.start(*places(rig))
    daemon.expect("sealed", "awaiting_medium", says="The server waits for its key medium")
    mark = daemon.mark()
    began = rig.plug("parted")
    ended = daemon.await_log(r"\[5001\]$", mark)
    rig.note_time("stick", began, ended)
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(daemon.turns(mark) == 1, "it opened more than once")


@scenario
def usb_two_sticks(rig):
    """another server's stick and the right one beside it"""
    daemon = rig.start(*places(rig))
    rig.plug("foreign")
    daemon.expect("sealed", "foreign", 5057, "belongs to server", logged=r"medium refused: \S+: .*belongs.* \[5057\]$")
    rig.plug("key")
    daemon.expect_open()
    daemon.expect_tokens_work()
    shown = [slot for slot in daemon.media() if slot["present"]]
    expect(len(shown) == 2 and sum(slot["label"] == "key" for slot in shown) == 1, f"two sticks are in: {shown}")
    mark = daemon.mark()
    rig.unplug("foreign")
    daemon.await_log(REMOVED, mark)
    daemon.expect_open()


@scenario
def usb_bad_sticks(rig):
    """sticks that were never formatted, that are empty, and whose key is damaged; then the right one"""
    daemon = rig.start(*places(rig))
    for name, reason, says in (("unformatted", "unformatted", "not formatted"), ("blank", "blank", "no key on it"),
                               ("damaged", "damaged", "damaged")):
        rig.plug(name)
        daemon.expect("sealed", reason, 5057, says, logged=rf"medium refused: \S+: .*{says}.* \[5057\]$")
        rig.unplug(name)
        daemon.expect("sealed", "awaiting_medium")
    rig.plug("key")
    daemon.expect_open()
    daemon.expect_tokens_work()


@scenario
def usb_read_only(rig):
    """a write-protected stick opens and is shown as such"""
    rig.plug("key", read_only=True)
    daemon = rig.start(*places(rig))
    daemon.expect_open()
    daemon.await_media("a protected stick", lambda slot: slot["present"] and slot["write_protected"])
    daemon.expect_tokens_work()


@scenario
def usb_bad_sector(rig):
    """the sector of the key cannot be read: it says so, and a sound copy opens"""
    daemon = rig.start(*places(rig))
    mark = daemon.mark()
    rig.plug("key", bad_sector=disks.sector_of_key(rig.media / "key-stick.img"))
    daemon.await_log(r"medium refused: \S+: ", mark)
    daemon.expect("sealed", says="read|interrupts")
    rig.unplug("key")
    daemon.await_log(REMOVED, mark)
    expect(daemon.count(INSERTED, mark) == 1, "a stick that stayed in was told of as pulled and inserted")
    rig.plug("spare")
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(daemon.turns(mark) == 1, "more than one change of state")


@scenario
def usb_yanked_while_read(rig):
    """a slow stick is yanked in the middle of a read, and put back"""
    daemon = rig.start(*places(rig))
    for _ in range(2):
        mark = daemon.mark()
        rig.plug("key", bytes_a_second=32 * 1024)
        daemon.await_log(INSERTED, mark)
        rig.unplug("key")
        daemon.await_log(REMOVED, mark)
        daemon.expect("sealed", "awaiting_medium")
    mark = daemon.mark()
    rig.plug("key")
    daemon.expect_open()
    expect(daemon.turns(mark) == 1, "more than one change of state")
    daemon.expect_tokens_work()


@scenario
def usb_removal(rig):
    """pulled and put back under keep, seal and grace"""
    rig.plug("key")
    token = None
    for policy, sealed in (("keep", False), ("seal", True), ("grace:30s", False)):
        daemon = rig.start(*places(rig), on_removal=policy)
        daemon.expect_open()
        token = token or daemon.issue()
        mark = daemon.mark()
        rig.unplug("key")
        daemon.await_log(r"removed", mark)
        if sealed:
            daemon.expect("sealed", "medium_removed", says="was removed", logged=r"sealed: .* \[5002\]$")
            daemon.expect_tokens_wait(token)
        else:
            daemon.expect("unsealed")
        rig.plug("key")
        daemon.await_log(r"\[5001\]$|is back|medium inserted", mark)
        daemon.expect_open()
        daemon.expect_tokens_work(token)
        expect(daemon.turns(mark) == (2 if sealed else 0), f"under {policy} the state changed {daemon.turns(mark)} times")
        daemon.stop()
        rig.daemon = None


@needs("usb")
@scenario
def usb_mounted(rig):
    """a mounted stick is left alone, and the mount point is told; unmounted, it opens"""
    rig.plug("key")
    rig.machine.until("[ -b /dev/sda ]", "the stick in the guest")
    rig.must("mkdir -p /mnt && mount -t vfat /dev/sda /mnt")
    daemon = rig.start("usb:")
    daemon.expect("sealed", says="/mnt")
    rig.must("ls /mnt/KMSPWD.INI && umount /mnt")
    daemon.expect_open()
    daemon.expect_tokens_work()
