"""A second guest, in which Debian's systemd is the first process and the project is installed as its README says.

It has the same kernel. Units, rules, sysusers and programs are those of the host's packages; of systemd's units only those
that a boot needs, so that it takes seconds.
"""
import hashlib
import os
import shutil
from pathlib import Path

import image
from cpio import Archive
from image import Failed, add_program, run

GUEST = Path(__file__).resolve().parent / "guest_systemd"
MERGED = ("bin", "sbin", "lib", "lib64")
UNITS = [
    "basic.target", "default.target", "emergency.target", "final.target", "local-fs-pre.target", "local-fs.target",
    "modprobe@.service", "multi-user.target", "network.target", "paths.target", "pcscd.service", "pcscd.socket",
    "reboot.target", "shutdown.target", "slices.target", "smartcard.target", "sockets.target", "swap.target",
    "sysinit.target", "systemd-journald-dev-log.socket", "systemd-journald.service", "systemd-journald.socket",
    "systemd-reboot.service", "systemd-sysusers.service", "systemd-tmpfiles-setup-dev.service",
    "systemd-tmpfiles-setup.service", "systemd-udev-trigger.service", "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket", "systemd-udevd.service", "timers.target", "umount.target"]
WANTS = ["sockets.target.wants", "sysinit.target.wants"]
SYSTEMD = ["systemd", "systemd-cgroups-agent", "systemd-executor", "systemd-journald", "systemd-shutdown"]
PROGRAMS = [
    "/bin/journalctl", "/bin/systemctl", "/bin/systemd-sysusers", "/bin/systemd-tmpfiles",
    "/bin/udevadm", "/usr/bin/systemd-analyze", "/usr/sbin/pcscd", "/bin/dash", "/bin/kill", "/bin/rm", "/bin/sed",
    "/usr/bin/flock", "/usr/bin/touch"]
PACKAGES = ["busybox-static", "udev", "systemd", "pcscd", "libccid", "libc6", "dash", "sed", "procps", "util-linux",
            "coreutils"]
FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "/etc/group": "root:x:0:\ninput:x:101:\nsgx:x:102:\nkvm:x:103:\nrender:x:104:\n",  # as udev's package makes them
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\n",
    "/etc/os-release": "ID=debian\nPRETTY_NAME=keydisk-hil\n",
    "/etc/machine-id": "6b657964697374657374206d61636869\n",
    "/etc/hostname": "hil\n",
    "/etc/fstab": "",
    "/etc/modprobe.d/hil.conf": "options usb-storage delay_use=0\n",  # sticks of QEMU need no second to settle
}


class MergedArchive(Archive):
    """/bin, /sbin, /lib and /lib64 are links into /usr, as on Debian."""

    def __init__(self):
        super().__init__()
        for name in MERGED:
            super().directory("/usr/" + name)
            super().link("/" + name, "usr/" + name)

    def directory(self, name, mode=0o755):
        if name != "/":
            super().directory(_merged(name), mode)

    def file(self, name, data, mode=0o644):
        super().file(_merged(name), data, mode)

    def link(self, name, target):
        super().link(_merged(name), target)


def _merged(name):
    return "/usr" + name if name.split("/")[1] in MERGED else name


def make_system(modules, into):
    archive = MergedArchive()
    for name in ("dev", "proc", "sys", "run", "tmp", "mnt", "srv", "root", "share", "var/lib", "var/log"):
        archive.directory("/" + name)
    archive.character_device("/dev/console", 5, 1)
    for name, text in FILES.items():
        archive.file(name, text)
    archive.copy(image.BUSYBOX)
    for applet in run([image.BUSYBOX, "--list"]).split():
        if applet not in ("busybox", "init", "poweroff", "reboot", "halt"):
            archive.link("/bin/" + applet, "busybox")
    for applet in ("modprobe", "insmod"):
        archive.link("/sbin/" + applet, "../bin/busybox")  # where the kernel looks for it
    archive.tree(modules, "/")
    add_systemd(archive)
    for library in image.LIBRARIES:
        add_program(archive, library)
    archive.copy(image.CCID_BUNDLE + "/Contents/Info.plist")
    archive.file("/init", (GUEST / "init").read_bytes(), 0o755)
    archive.copy(GUEST.parent / "guest/agent", "/usr/libexec/keydisk/agent")
    archive.entries["/usr/libexec/keydisk/agent"] = (0o100755, *archive.entries["/usr/libexec/keydisk/agent"][1:])
    archive.copy(GUEST / "agent.service", "/etc/systemd/system/agent.service")
    archive.link("/etc/systemd/system/sysinit.target.wants/agent.service", "../agent.service")
    temporary = into.with_suffix(".new")
    archive.write(temporary)
    temporary.rename(into)


def add_systemd(archive):
    system = Path("/lib/systemd/system")
    for unit in UNITS:
        if not (system / unit).exists():
            raise Failed(f"{system / unit} is not there; daemon/dist/packages names the packages")
        archive.copy(system / unit)
    archive.entries.pop("/usr/lib/systemd/system/default.target")
    archive.link("/lib/systemd/system/default.target", "multi-user.target")
    for folder in WANTS:
        for want in sorted((system / folder).iterdir()):
            if want.name in UNITS:
                archive.link(str(want), "../" + want.name)
    archive.link("/etc/systemd/system/sockets.target.wants/pcscd.socket", "/lib/systemd/system/pcscd.socket")
    for name in SYSTEMD:
        if (program := Path("/lib/systemd") / name).exists():  # later versions have more parts
            add_program(archive, program)
    for program in PROGRAMS:
        add_program(archive, program)
    archive.link("/lib/systemd/systemd-udevd", "/usr/bin/udevadm")
    archive.link("/bin/sh", "dash")
    for helper in ("ata_id", "scsi_id"):
        add_program(archive, f"/lib/udev/{helper}")
    for rule in sorted(Path("/lib/udev/rules.d").glob("*.rules")):
        if rule.name != "85-hwclock.rules":
            archive.copy(rule)
    for path in ("sysusers.d/basic.conf", "sysusers.d/systemd-journal.conf", "tmpfiles.d/systemd.conf",
                 "tmpfiles.d/static-nodes-permissions.conf", "tmpfiles.d/var.conf"):
        archive.copy("/usr/lib/" + path)


def system(cache, kernel_directory):
    versions = run(["dpkg-query", "-W", *PACKAGES])
    sources = [Path(__file__), Path(image.__file__), GUEST.parent / "cpio.py", GUEST.parent / "guest/agent",
               *sorted(GUEST.iterdir())]
    text = versions.encode() + b"".join(path.read_bytes() for path in sources) + kernel_directory.name.encode()
    path = cache / f"systemd-{hashlib.sha256(text).hexdigest()[:16]}.cpio"
    if not path.exists():
        for old in cache.glob("systemd-*.cpio"):
            old.unlink()
        make_system(kernel_directory / "modules", path)
    return path


def installed(build, folder):
    """What `cmake --install` puts in place, with the libraries that it loads, as an archive for this guest."""
    root = folder / "installed"
    for name in image.UNDER_TEST:
        if not (build / name).exists():
            raise Failed(f"{build / name} is not there; build it, or name another directory with --build")
    run(["cmake", "--install", build, "--strip", "--prefix", "/usr"], env=dict(os.environ, DESTDIR=str(root)))
    archive = MergedArchive()
    for folder_name, _, files in os.walk(root):
        for name in sorted(files):
            source = Path(folder_name) / name
            target = "/" + str(source.relative_to(root))
            if not target.startswith(("/usr/share", "/usr/include")):
                archive.copy(source, target)
                if source.read_bytes()[:4] == b"\x7fELF":
                    add_program(archive, source, target)
    into = folder / "installed.cpio"
    archive.write(into)
    shutil.rmtree(root)
    return into
