"""What scenarios stand on: one boot, two servers with their media, and the place where scenarios are listed."""
import shutil
import time
from pathlib import Path

import disks
from daemon import Daemon
from image import Failed, run
from machine import Machine

SCENARIOS = []


def scenario(function):
    """Lists a function as a scenario; its docstring is its title."""
    function.needs = ()
    SCENARIOS.append(function)
    return function


def needs(*drivers):
    """Above @scenario: it runs only where the build has these drivers."""
    def note(function):
        function.needs = drivers
        return function
    return note


def places(rig):
    """Where sticks are looked for: the driver for sticks, or, in a build without it, the kernel's block devices."""
    return ["usb:"] if rig.has("usb") else ["floppy:/dev/sda", "floppy:/dev/sdb"]


class Rig:
    """`ours` is the server under test, with the media "key" and "spare"; "foreign" is another server's medium."""

    ours = "/srv/ours"

    def __init__(self, folder, build, kernel, initrd, memory):
        self.folder, self.build = Path(folder), build
        self.media = self.folder / "media"
        self.media.mkdir(parents=True)
        self.booting = (kernel / "vmlinux", initrd, memory)
        self.machine = Machine(self.folder / "machine", *self.booting)
        self.sh, self.must = self.machine.sh, self.machine.must
        self.daemon = None
        self.helpers = []  # closed after the scenario
        self.after = []  # scripts that put the guest back, run after the scenario
        self.times = {}
        self.in_drive = False
        self.moving = None  # what a server that moves has left on another host; see hosts.py
        try:
            self.make_servers()
            self.make_disks()
            self.scrypt = self.measure_scrypt()
            self.listed = self.must("kmsd medium list")
        except BaseException:
            self.machine.stop()
            raise

    def has(self, driver):
        return f"\n  {driver}:" in self.listed

    def make_servers(self):
        for name, media in (("ours", ["key", "spare"]), ("foreign", ["foreign"])):
            run([self.build / "tests/hil_server", self.machine.share / name, *media])
        self.must("cp -a /share/ours/data /srv/ours && chown -R root:root /srv/ours && chmod 700 /srv/ours")

    def key_file(self, name):
        return self.machine.share / ("foreign" if name == "foreign" else "ours") / f"{name}.ini"

    def make_disks(self):
        for name in ("key", "spare", "foreign"):
            disks.key_floppy(self.media / f"{name}.img", self.key_file(name))
        disks.blank_floppy(self.media / "blank.img")
        disks.zeros(self.media / "unformatted.img")
        disks.noise(self.media / "noise.img")
        disks.damaged(self.media / "damaged.img", self.key_file("key"))
        for name in ("key", "spare", "foreign"):
            disks.key_stick(self.media / f"{name}-stick.img", self.key_file(name))
        disks.key_stick(self.media / "damaged-stick.img", self.media / "damaged.ini")
        disks.key_stick(self.media / "blank-stick.img", None)
        disks.partitioned_stick(self.media / "parted-stick.img", self.key_file("key"))
        disks.zeros(self.media / "unformatted-stick.img", disks.STICK)

    def measure_scrypt(self):
        """Seconds of one scrypt of the least cost in this guest, by the same OpenSSL."""
        options = " ".join(f"-kdfopt {one}" for one in ("pass:x", "hexsalt:00", "n:16384", "r:8", "p:1",
                                                        "maxmem_bytes:100000000"))
        began = time.monotonic()
        self.must("openssl version")
        between = time.monotonic()
        self.must(f"openssl kdf -keylen 32 {options} SCRYPT")
        return max(0.0, (time.monotonic() - between) - (between - began))

    def other_machine(self, name):
        """A second machine with the same system; who asks for it ends it."""
        return Machine(self.folder / name, *self.booting)

    # ---- the daemon

    def start(self, *media, on_removal="keep", **more):
        self.daemon = Daemon(self.machine, self.ours, media, on_removal, **more)
        return self.daemon

    def note_time(self, what, began, ended):
        """From insertion to unsealed, less scrypt's own time."""
        self.times[what] = (ended - began, ended - began - self.scrypt)

    # ---- media

    def insert(self, name, read_only=False):
        self.machine.insert(self.media / f"{name}.img", read_only)
        self.in_drive = True
        return time.monotonic()

    def plug(self, name, **more):
        self.machine.plug(name, self.media / f"{name}-stick.img", **more)
        return time.monotonic()

    def unplug(self, name):
        self.machine.unplug(name)

    def eject(self):
        self.machine.eject()
        self.in_drive = False

    def clean(self):
        """Back to an empty machine after a scenario, failed or not."""
        while self.helpers:
            self.helpers.pop().close()
        daemon, self.daemon = self.daemon, None
        try:
            if daemon is not None:
                daemon.stop()
        finally:
            self.sh("rm -f /srv/traffic.on; killall -KILL kmsctl kmsd kmsd-media pcscd; umount /mnt")
            while self.after:
                self.must(self.after.pop())
            if self.in_drive:
                self.eject()
            for name in list(self.machine.usb):
                self.machine.unplug(name)
            if self.machine.reader:
                self.machine.unplug_reader()

    def report(self):
        """What is to be seen when a scenario fails."""
        log = self.daemon.log() if self.daemon else ""
        return "---- kmsd's log\n" + "\n".join(log.splitlines()[-60:]) + "\n" + self.machine.kernel_log()

    def stop(self):
        for helper in self.helpers:
            helper.close()
        self.machine.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def expect(condition, what):
    if not condition:
        raise Failed(what)
