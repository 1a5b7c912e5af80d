"""The rig of the guest with systemd: boots it as a scenario asks, and shows kmsd.service as systemd and the journal tell."""
import itertools
import json
import re
import shutil
import time
from pathlib import Path

import disks
from daemon import Daemon
from image import Failed, run
from machine import PATIENCE, Machine
from rig import scenario

CONFIGURATION = "medium=usb:\nmedium=floppy:A:\nmedium=card:\n"
PUT_BACK = """
systemctl stop kmsd-insert.service kmsd.service
rm -f /etc/systemd/system/multi-user.target.wants/kmsd.service /etc/systemd/system/kmsd-on-insertion.service
rm -rf /run/kmsd.stopped /etc/systemd/system/kmsd.service.d /etc/kms/pin /var/lib/kms/*
cp -r /share/data/security /var/lib/kms/
cp /share/kmsd.conf /etc/kms/
chown -R kms:kms /var/lib/kms
systemctl daemon-reload
systemctl reset-failed
"""


def systemd_scenario(function):
    """Lists a function as a scenario of this rig; its docstring is its title."""
    scenario(function)
    function.rig = SystemdRig
    return function


class SystemdRig:
    """One server with the media "key" and "spare", in /var/lib/kms of the guest; "foreign" is another server's medium."""

    def __init__(self, folder, build, kernel, initrd, memory):
        self.folder, self.build = Path(folder), build
        self.kernel, self.initrd, self.memory = kernel, initrd, memory
        self.media = self.folder / "media"
        self.media.mkdir(parents=True)
        self.boots = itertools.count(1)
        self.machine = None
        self.helpers = []  # closed after the scenario
        self.times = {}
        self.boot_seconds = []
        self.in_drive = False
        run([build / "tests/hil_server", self.folder / "ours", "key", "spare"])
        run([build / "tests/hil_server", self.folder / "foreign", "foreign"])
        disks.key_floppy(self.media / "spare.img", self.key_file("spare"))
        disks.key_stick(self.media / "key-stick.img", self.key_file("key"))
        disks.key_stick(self.media / "foreign-stick.img", self.key_file("foreign"))
        self.listed = run([build / "kmsd", "medium", "list"])

    def has(self, driver):
        return f"\n  {driver}:" in self.listed

    def key_file(self, name):
        return self.folder / ("foreign" if name == "foreign" else "ours") / f"{name}.ini"

    # ---- boots

    def boot(self, enable=(), stick=None, server=True, before=""):
        """Boots anew, with nothing kept of the boot before. `enable`: units; `stick`: is in from power on; `before`: what else
        an administrator did before."""
        self.power_off()
        folder = self.folder / f"machine-{next(self.boots)}"
        script = ["systemd-sysusers", "systemd-tmpfiles --create kms.conf", "mkdir -p /etc/kms",
                  "cp /share/kmsd.conf /etc/kms/"]
        if server:
            script.append("cp -r /share/data/security /var/lib/kms/ && chown -R kms:kms /var/lib/kms")
        script += [f"systemctl --root=/ --quiet enable {unit}" for unit in enable] + [before]

        def power_on(machine):
            shutil.copytree(self.folder / "ours/data", machine.share / "data")
            (machine.share / "kmsd.conf").write_text(CONFIGURATION, encoding="utf-8")
            (machine.share / "before-boot").write_text("\n".join(script) + "\n", encoding="utf-8")
            if stick:
                machine.plug(stick, self.media / f"{stick}-stick.img")

        began = time.monotonic()
        self.machine = Machine(folder, self.kernel / "vmlinux", self.initrd, self.memory, power_on)
        self.sh, self.must, self.until = self.machine.sh, self.machine.must, self.machine.until
        if self.shared("before-boot.exit").strip() != "0":
            raise Failed(f"what was to be done before the boot has failed:\n{self.shared('before-boot.out')}")
        self.until("systemctl is-active multi-user.target", "multi-user.target")
        self.boot_seconds.append(time.monotonic() - began)

    def power_off(self):
        if self.machine is not None:
            self.machine.stop()
            self.machine = None
        self.in_drive = False

    def running(self, enable=()):
        """A booted machine with nothing plugged in and nothing running, and these units enabled; a boot only where there is
        none: after a scenario the machine is put back so."""
        if self.machine is None:
            self.boot(enable)
            self.must("udevadm settle")
        elif enable:
            self.must(f"systemctl --quiet enable {' '.join(enable)}")

    def shared(self, name):
        return (self.machine.share / name).read_text(encoding="utf-8", errors="replace")

    # ---- media

    def insert(self, name):
        self.machine.insert(self.media / f"{name}.img")
        self.in_drive = True
        return time.monotonic()

    def eject(self):
        self.machine.eject()
        self.in_drive = False

    def plug(self, name, **more):
        self.machine.plug(name, self.media / f"{name}-stick.img", **more)
        return time.monotonic()

    def unplug(self, name):
        self.machine.unplug(name)

    # ---- units

    def show(self, unit, *properties):
        """Properties as systemd tells them, as a dictionary."""
        options = " ".join(f"--property={one}" for one in properties)
        return dict(line.split("=", 1) for line in self.must(f"systemctl show {options} {unit}").splitlines() if line)

    def drop_in(self, text):
        """Lines for kmsd.service, as `systemctl edit` would put them in place; gone after the scenario."""
        self.must("mkdir -p /etc/systemd/system/kmsd.service.d && cat >/etc/systemd/system/kmsd.service.d/hil.conf <<'END'\n"
                  f"[Service]\n{text}\nEND\nsystemctl daemon-reload")

    def journal(self, unit):
        return self.must(f"journalctl --no-pager -q -o cat -u {unit}")

    def await_journal(self, unit, pattern, since=0, seconds=PATIENCE):
        """Waits until a line fits that is behind `since` characters of the unit's journal."""
        end = time.monotonic() + seconds
        while not re.search(pattern, text := self.journal(unit)[since:], re.M):
            if time.monotonic() > end:
                raise Failed(f"awaited for {seconds} s in the journal of {unit}: {pattern}\nIt says:\n{text}")

    # ---- after a scenario

    def clean(self):
        while self.helpers:
            self.helpers.pop().close()
        if self.machine is None:
            return
        try:
            self.must(PUT_BACK)
            if self.in_drive:
                self.eject()
            for name in list(self.machine.usb):
                self.machine.unplug(name)
            if self.machine.reader:
                self.machine.unplug_reader()
        except Failed:
            self.power_off()  # the next scenario boots anew
            raise

    def report(self):
        if self.machine is None:
            return ""
        try:
            log = self.sh("systemctl --no-pager list-jobs; systemctl --no-pager --failed; "
                          "journalctl --no-pager -b -o short-monotonic | grep -v kernel: | tail -n 100").out
        except Failed as why:
            log = str(why)
        return "---- the journal\n" + log + self.machine.kernel_log()

    def stop(self):
        self.power_off()
        shutil.rmtree(self.folder, ignore_errors=True)


class Service(Daemon):
    """kmsd.service; its log is the journal."""

    def __init__(self, rig):  # it is systemd's to start  # pylint: disable=super-init-not-called
        self.rig, self.machine = rig, rig.machine

    def log(self):
        return self.rig.journal("kmsd.service")

    def status(self):
        """Of a service that may be about to start; asked in the guest until it answers."""
        return json.loads(self.machine.must("until kmsctl --json status 2>/dev/null; do usleep 50000; done"))

    def await_more_log(self, since, seconds):
        """Nothing: to ask the journal costs more than to ask the server."""

    def state(self):
        return self.rig.show("kmsd.service", "ActiveState")["ActiveState"]

    def expect_text(self, pattern):
        """What `systemctl status` shows as Status."""
        self.machine.until(f"systemctl status kmsd.service | grep -Eq '^ +Status: \"{pattern}'", f"the status '{pattern}'")

    def process(self, name):
        """/proc/PID/status of a program of the service, as a dictionary."""
        text = self.machine.must(f"cat /proc/$(pidof {name})/status")
        return {key: value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
