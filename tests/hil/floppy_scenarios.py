"""Diskettes: the floppy controller, its kernel driver, and every disk that people put into a drive."""
import re
import shutil

import disks
from daemon import Traffic
from rig import expect, scenario

A = "floppy:A:"


@scenario
def floppy_start_inserted(rig):
    """start with the diskette inserted"""
    rig.insert("key")
    daemon = rig.start(A)
    status = daemon.expect_open()
    expect("floppy:A:" in status["detail"], f"the sentence names no drive: {status}")
    daemon.await_log(r"medium inserted: floppy:A: \[5010\]$")
    daemon.await_log(rf"unsealed by medium {status['medium']} \[5001\]$")
    daemon.expect_tokens_work()
    slot = daemon.media()[0]
    expect(slot["present"] and slot["medium"] == status["medium"] and not slot["write_protected"], f"{slot}")


@scenario
def floppy_insert_later(rig):
    """start with an empty drive, then insert"""
    daemon = rig.start(A)
    daemon.expect("sealed", "awaiting_medium", says=r"insert it \(floppy:A:\)")
    mark = daemon.mark()
    began = rig.insert("key")
    ended = daemon.await_log(r"\[5001\]$", mark)
    rig.note_time("floppy", began, ended)
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(daemon.turns(mark) == 1, "it opened more than once")


@scenario
def floppy_wrong_then_right(rig):
    """another server's diskette, then the right one"""
    daemon = rig.start(A)
    rig.insert("foreign")
    status = daemon.expect_refused("foreign", "belongs to server", A)
    rig.insert("key")
    daemon.expect_open()
    daemon.expect_tokens_work()
    expect(status["server"] in status["detail"], f"the sentence does not name this server: {status}")


@scenario
def floppy_bad_disks(rig):
    """blank, unformatted, damaged and noisy diskettes, then the right one"""
    for name, reason, says in (("blank", "blank", "no key on it"), ("unformatted", "unformatted", "not formatted"),
                               ("damaged", "damaged", "damaged"), ("noise", "not_fat", "no FAT volume")):
        rig.insert(name)  # each with a server of its own: refusals one after the other are slowed down
        daemon = rig.start(A)
        daemon.expect_refused(reason, says, A)
        if name != "noise":
            daemon.stop()
    rig.eject()
    daemon.expect("sealed", "awaiting_medium", says="insert it")
    rig.insert("key")
    daemon.expect_open()
    daemon.expect_tokens_work()


@scenario
def floppy_write_protected(rig):
    """a write-protected diskette opens, is shown as such, and is not written"""
    rig.insert("key", read_only=True)
    daemon = rig.start(A)
    daemon.expect_open()
    expect(daemon.media()[0]["write_protected"], f"the write protection is not seen: {daemon.media()}")
    daemon.expect_tokens_work()
    ran = rig.sh(f"kmsd setup --data-dir /srv/refused --medium {A} --destroy-key unnamed")
    expect(ran.exit in (2, 6) and "[5" not in ran.out, f"exit {ran.exit}: {ran.out}")
    rig.insert("blank", read_only=True)
    ran = rig.sh(f"kmsd setup --data-dir /srv/refused --medium {A}")
    expect(ran.exit == 6 and "write-protected" in ran.out, f"exit {ran.exit}: {ran.out}")
    rig.must("[ ! -e /srv/refused ]")


@scenario
def floppy_removal_keep(rig):
    """pulled under keep: stays open; and the disk may come and go"""
    rig.insert("key")
    daemon = rig.start(A)
    daemon.expect_open()
    token = daemon.issue()
    mark = daemon.mark()
    for _ in range(2):
        rig.eject()
        daemon.await_log(r"medium removed: floppy:A: \[5011\]$", mark)
        daemon.expect_open()
        mark_in = daemon.mark()
        rig.insert("key")
        daemon.await_log(r"medium inserted: floppy:A: \[5010\]$", mark_in)
        mark = daemon.mark()
    expect(daemon.turns() == 1, "it was sealed or opened anew")
    daemon.expect_tokens_work(token)


@scenario
def floppy_removal_seal(rig):
    """pulled under seal: sealed at once; back in: open again"""
    rig.insert("key")
    daemon = rig.start(A, on_removal="seal")
    daemon.expect_open()
    token = daemon.issue()
    mark = daemon.mark()
    rig.eject()
    daemon.expect("sealed", "medium_removed", says="was removed; insert it again", since=mark,
                  logged=r"sealed: .* \[5002\]$")
    daemon.expect_tokens_wait(token)
    rig.insert("key")
    daemon.expect_open()
    daemon.expect_tokens_work(token)
    expect(daemon.turns(mark) == 2, "it was sealed or opened more often than the disk came and went")


@scenario
def floppy_removal_grace(rig):
    """pulled under grace: back in time stays open; not back in time seals"""
    rig.insert("key")
    daemon = rig.start(A, on_removal="grace:20s")
    daemon.expect_open()
    token = daemon.issue()
    mark = daemon.mark()
    rig.eject()
    daemon.await_log("was removed; the server seals in", mark)
    daemon.expect("unsealed", says="seals soon")
    rig.insert("key")
    daemon.await_log("is back; the server stays open", mark)
    daemon.expect_open()
    expect(daemon.turns(mark) == 0, "it was sealed although the disk came back in time")
    daemon.expect_tokens_work(token)
    daemon.stop()
    daemon = rig.start(A, on_removal="grace:1s")
    daemon.expect_open()
    rig.eject()
    daemon.expect("sealed", "medium_removed", says="was removed")
    daemon.expect_tokens_wait(token)
    rig.insert("spare")
    daemon.expect_open()
    daemon.expect_tokens_work(token)


@scenario
def floppy_swapped_under_load(rig):
    """diskettes are swapped while requests run: each is answered"""
    rig.insert("key")
    daemon = rig.start(A)
    daemon.expect_open()
    traffic = Traffic(daemon, daemon.issue())
    for name in ("foreign", "blank", "spare", "key"):
        mark = daemon.mark()
        rig.insert(name)
        daemon.await_log(r"medium inserted: floppy:A: \[5010\]$", mark)
        traffic.await_more()
    rig.eject()
    traffic.await_more()
    daemon.expect_open()
    expect(daemon.turns() == 1, "a swapped disk has sealed or opened it")
    traffic.stop()


@scenario
def floppy_seal_by_command(rig):
    """sealed by command: the disk in the drive does not open it, a new insertion does"""
    rig.insert("key")
    daemon = rig.start(A)
    daemon.expect_open()
    token = daemon.issue()
    rig.must("kmsctl seal")
    daemon.expect("sealed", "sealed_by_command", says="sealed by command", logged=r"\[5002\]$")
    mark = daemon.mark()
    rig.eject()
    daemon.await_log(r"medium removed", mark)
    expect(daemon.turns(mark) == 0, "it opened with the disk that was in the drive")
    rig.insert("key")
    daemon.expect_open()
    daemon.expect_tokens_work(token)


@scenario
def floppy_setup_and_copy(rig):
    """a server is set up on a diskette of the drive, which is formatted and written; then copied and checked"""
    disks.zeros(rig.media / "new.img")
    rig.insert("new")
    rig.must("rm -rf /srv/new /srv/copy.img")
    out = rig.must(f"kmsd setup --data-dir /srv/new --medium {A} --organisation Hil --no-ca")
    medium = re.search(r"key medium +floppy:A: +(\S+)", out)
    expect(medium, f"setup says no medium: {out}")
    ran = rig.sh(f"kmsd medium check {A} --data-dir /srv/new")
    expect(ran.exit == 0 and medium[1] in ran.out, f"exit {ran.exit}: {ran.out}")
    ran = rig.sh(f"kmsd setup --data-dir /srv/second --medium {A}")
    expect(ran.exit == 6 and "--destroy-key" in ran.out, f"a key was not kept: exit {ran.exit}: {ran.out}")
    rig.must(f"kmsd medium copy {A} image:/srv/copy.img; cp /srv/copy.img /share/copy.img")
    rig.eject()
    text = disks.key_text(rig.media / "new.img")
    expect(text.startswith("[config]") and medium[1] in text, f"mtools reads something else: {text[9:]}")
    expect(disks.key_text(rig.machine.share / "copy.img") == text, "the copy has another text")
    shutil.copy(rig.media / "blank.img", rig.media / "written.img")
    rig.insert("written")
    rig.must(f"kmsd medium copy image:/srv/copy.img {A}")
    rig.eject()
    expect(disks.key_text(rig.media / "written.img") == text, "the diskette has another text than its source")
    rig.must("rm -f /srv/copy.img /share/copy.img")


@scenario
def floppy_pulled_while_read(rig):
    """pulled at once after insertion, again and again: one state in the end, and it heals"""
    daemon = rig.start(A)
    for _ in range(4):
        rig.insert("key")
        rig.eject()
    daemon.expect("sealed", says="")
    mark = daemon.mark()
    rig.insert("key")
    daemon.expect_open()
    expect(daemon.turns(mark) <= 1, "it opened more than once")
    daemon.expect_tokens_work()


@scenario
def floppy_as_user(rig):
    """as a user of its own: with no right to the drive it says what to do, and opens when it gets the right"""
    rig.insert("key")
    rig.must("chown -R kms:kms /srv/ours; chgrp root /dev/fd0")
    rig.after.append("chown -R root:root /srv/ours /run/kms; chgrp disk /dev/fd0")
    daemon = rig.start(A, user="kms")
    daemon.expect("sealed", "awaiting_medium", says="may not be opened by this user; the udev rules")
    rig.must("chgrp floppy /dev/fd0")
    daemon.expect_open()
    daemon.expect_tokens_work()
