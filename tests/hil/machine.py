"""The guest as a running machine: QEMU, commands through the agent, and the devices that are put in and pulled."""
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass

from image import Failed
from qmp import Qmp

# no_timer_check: on a busy host the emulated timer is late, and the kernel would give up at its start.
KERNEL_LINE = "console=ttyS0 quiet panic=-1 mitigations=off cryptomgr.notests nokaslr random.trust_cpu=on no_timer_check"
PATIENCE = 300  # seconds until a wait has failed: a busy host is slow, not wrong


@dataclass
class Ran:
    exit: int
    out: str


class Machine:
    """One boot. Everything of it lies in `folder`: sockets, the kernel's log, the folder shared with the guest.
    `at_power_on(machine)` is called before the kernel looks for devices."""

    def __init__(self, folder, vmlinux, initrd, memory, at_power_on=None):
        self.folder, self.share = folder, folder / "share"
        self.share.mkdir(parents=True)
        self.number = 0
        self.answer = b""
        self.usb = {}
        self.reader = False
        floppy, vsc = "floppy,id=fda,unit=0,drive-type=144", f"socket,id=vsc,path={folder}/vsc,server=on,wait=off"
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-M", "pc",
             # one processor: emulating two that share memory costs a third more, and three guests share the host
             "-accel", "tcg", "-cpu", "Haswell", "-smp", "1", "-m", str(memory),
             "-kernel", str(vmlinux), "-initrd", str(initrd), "-append", KERNEL_LINE,
             "-serial", f"file:{folder}/kernel.log", "-serial", f"unix:{folder}/agent,server=on,wait=off",
             "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
             "-fsdev", f"local,id=share,path={self.share},security_model=none",
             "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
             "-device", floppy, "-device", "qemu-xhci,id=usb,p2=8,p3=8", "-chardev", vsc],
            stdin=subprocess.DEVNULL, stdout=open(folder / "qemu.log", "wb"), stderr=subprocess.STDOUT)
        try:
            self.qmp = Qmp(folder / "qmp")
            if at_power_on is not None:
                at_power_on(self)
            self.agent = socket.socket(socket.AF_UNIX)
            self.agent.connect(str(folder / "agent"))
            self._await_line(b"ready", PATIENCE, "the guest's agent")
        except (Failed, OSError) as failed:
            self.stop()
            raise Failed(f"the guest did not start: {failed}\n{self.kernel_log()}{self._said()}") from failed

    # ---- commands in the guest

    def sh(self, script, seconds=PATIENCE):
        """Runs a script in the guest; what it says to stdout and stderr comes back with its exit status."""
        self.number += 1
        (self.share / f"{self.number}.sh").write_text(script + "\n", encoding="utf-8")
        self.agent.sendall(f"{self.number} {seconds}\n".encode())
        line = self._await_line(f"done {self.number} ".encode(), seconds + 30, f"the end of: {script}")
        out = (self.share / f"{self.number}.out").read_text(encoding="utf-8", errors="replace")
        return Ran(int(line.split()[2]), out)

    def must(self, script, seconds=PATIENCE):
        ran = self.sh(script, seconds)
        if ran.exit != 0:
            raise Failed(f"in the guest, with exit {ran.exit}: {script}\n{ran.out}")
        return ran.out

    def until(self, condition, what, seconds=PATIENCE):
        """Waits in the guest until a command succeeds; gives the time of the guest's clock then."""
        loop = f"until {{ {condition}\n}} >/dev/null 2>&1; do usleep 50000; done; cut -d' ' -f1 /proc/uptime"
        ran = self.sh(loop, seconds)
        if ran.exit != 0:
            raise Failed(f"awaited for {seconds} s: {what}")
        return float(ran.out.split()[-1])

    def uptime(self):
        return float(self.must("cut -d' ' -f1 /proc/uptime"))

    def _await_line(self, begin, seconds, what):
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self.answer:
                line, _, self.answer = self.answer.partition(b"\n")
                if line.strip().startswith(begin.strip()):
                    return line.decode()
            self.agent.settimeout(max(0.01, end - time.monotonic()))
            try:
                got = self.agent.recv(4096)
            except TimeoutError as late:
                raise Failed(f"awaited for {seconds} s: {what}") from late
            if not got:
                raise Failed(f"the guest has ended, while waiting for {what}")
            self.answer += got

    # ---- the diskette drive

    def insert(self, image, read_only=False):
        self.qmp.do("blockdev-change-medium", id="fda", filename=str(image), format="raw",
                    read_only_mode="read-only" if read_only else "read-write")

    def eject(self):
        self.qmp.do("eject", id="fda", force=True)

    # ---- USB

    def plug(self, name, image, read_only=False, bad_sector=None, bytes_a_second=None, serial=None):
        """A stick. `bad_sector`: reading it fails. `bytes_a_second`: it is that slow."""
        file = {"driver": "file", "filename": str(image), "locking": "off"}
        if bad_sector is not None:
            file = {"driver": "blkdebug", "image": file,
                    "inject-error": [{"event": "read_aio", "sector": bad_sector, "errno": 5, "once": False}]}
        node = {"driver": "raw", "node-name": name, "read-only": read_only, "file": file}
        if bytes_a_second is not None:
            self.qmp.do("object-add", qom_type="throttle-group", id=name + "-slow",
                        limits={"bps-total": bytes_a_second, "bps-total-max": bytes_a_second})
            node = {"driver": "throttle", "node-name": name, "throttle-group": name + "-slow", "read-only": read_only,
                    "file": dict(node, **{"node-name": name + "-raw"})}
        self.qmp.do("blockdev-add", **node)
        self.qmp.do("device_add", driver="usb-storage", id="dev-" + name, bus="usb.0", drive=name,
                    serial=serial or name.upper(), removable=True)
        self.usb[name] = bytes_a_second is not None

    def unplug(self, name):
        slow = self.usb.pop(name)
        self.qmp.do("device_del", id="dev-" + name)
        self.qmp.await_event("DEVICE_DELETED", device="dev-" + name)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.qmp.do("blockdev-del", node_name=name)
                break
            except Failed:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)  # a slow read that was under way has yet to end
        if slow:
            self.qmp.do("object-del", id=name + "-slow")

    # ---- the smartcard reader; what is in it is on the socket `folder`/vsc

    def plug_reader(self):
        self.qmp.do("device_add", driver="usb-ccid", id="ccid", bus="usb.0")
        self.qmp.do("device_add", driver="ccid-card-passthru", id="card", chardev="vsc", bus="ccid.0")
        self.reader = True

    def unplug_reader(self):
        self.reader = False
        self.qmp.do("device_del", id="ccid")
        self.qmp.await_event("DEVICE_DELETED", device="ccid")

    # ---- its end

    def kernel_log(self, lines=40):
        log = self.folder / "kernel.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        return "---- the guest's kernel log\n" + "\n".join(text.splitlines()[-lines:]) + "\n"

    def _said(self):
        log = self.folder / "qemu.log"
        return "---- QEMU\n" + (log.read_text(encoding="utf-8", errors="replace") if log.exists() else "")

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)

    def forget(self):
        shutil.rmtree(self.folder, ignore_errors=True)
