"""kmsd-media, which reads the media, is killed and stopped: at most one change of state, and it heals."""
import random

from daemon import Traffic
from rig import expect, scenario

A = "floppy:A:"


@scenario
def reader_killed(rig):
    """kmsd-media is killed at any moment: the server stays open, and a new one takes over"""
    rig.insert("key")
    daemon = rig.start(A, on_removal="seal")
    daemon.expect_open()
    token = daemon.issue()
    traffic = Traffic(daemon, token)
    mark = daemon.mark()
    for _ in range(3):
        old = daemon.reader()
        rig.must(f"kill -KILL {old}")
        rig.machine.until(f"pidof kmsd-media && ! pidof kmsd-media | grep -qw {old}", "a new kmsd-media")
        traffic.await_more()
    daemon.expect_open()
    traffic.stop(allowed=("0", "3"))
    expect(daemon.turns(mark) == 0, "a killed kmsd-media has sealed the server although the disk is in the drive")
    daemon.expect_tokens_work(token)
    rig.eject()
    daemon.expect("sealed", "medium_removed", says="was removed")
    rig.insert("key")
    daemon.expect_open()


@scenario
def reader_killed_while_opening(rig):
    """kmsd-media is killed while the disk comes in: it opens all the same, once"""
    daemon = rig.start(A)
    steps = random.Random(7)
    for _ in range(3):
        rig.insert("key")
        rig.must(f"usleep {steps.randrange(0, 600_000)}; kill -KILL $(pidof kmsd-media)")
        daemon.expect_open()
        mark = daemon.mark()
        rig.must("kmsctl seal")
        rig.eject()
        daemon.await_log("medium removed", mark)
        expect(daemon.turns(mark) == 1, "more than the commanded seal has happened")
    rig.insert("key")
    daemon.expect_open()
    daemon.expect_tokens_work()


@scenario
def reader_stopped(rig):
    """kmsd-media hangs (SIGSTOP): requests are answered, it is replaced, and one change of state at most"""
    rig.insert("key")
    daemon = rig.start(A, on_removal="seal")
    daemon.expect_open()
    token = daemon.issue()
    traffic = Traffic(daemon, token)
    mark = daemon.mark()
    old = daemon.reader()
    rig.must(f"kill -STOP {old}")
    rig.machine.until(f"pidof kmsd-media && ! pidof kmsd-media | grep -qw {old}", "a new kmsd-media")
    traffic.await_more()
    daemon.expect_open()
    traffic.stop(allowed=("0", "3"))
    expect(daemon.turns(mark) <= 2, "a hanging kmsd-media has cost more than one seal and one unseal")
    daemon.expect_tokens_work(token)
