"""The guest's kernel and file systems, made from Debian's packages and kept in a cache directory.

Three things, from slow to quick: the kernel with the modules that are used (kept for each version of its package), the
system around the programs under test (kept until a package or this file changes), and the programs with their libraries
(made for each run). The kernel unpacks the last two one after the other into its first file system.
"""
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

from cpio import Archive

HERE = Path(__file__).resolve().parent
MODULES = ["floppy", "vfat", "nls_cp437", "nls_ascii", "xhci-pci", "usb-storage", "sd_mod", "virtio_pci", "9p",
           "9pnet_virtio"]
BUSYBOX = "/bin/busybox"
CCID_BUNDLE = "/usr/lib/pcsc/drivers/ifd-ccid.bundle"
CCID = CCID_BUNDLE + "/Contents/Linux/libccid.so"
# Programs of the host that the guest runs; the last two are opened by name at run time.
PROGRAMS = ["/usr/bin/udevadm", "/usr/sbin/pcscd", "/usr/bin/opensc-tool", "/usr/bin/openssl"]
LIBRARIES = [CCID, "/usr/lib/x86_64-linux-gnu/libpcsclite.so.1"]
RULES = ["50-udev-default", "60-block", "60-persistent-storage", "92-libccid"]
PACKAGES = ["busybox-static", "udev", "pcscd", "libccid", "opensc", "openssl", "libc6"]
UNDER_TEST = ["kmsd", "kmsctl", "kmsd-media"]
TESTERS = "/usr/libexec/keydisk"


class Failed(Exception):
    """The rig cannot be made or has broken; the text says what, and what to do."""


def run(arguments, **more):
    done = subprocess.run([str(one) for one in arguments], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise Failed(f"{' '.join(str(one) for one in arguments)} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def libraries(program):
    """The shared libraries that a program loads, under the names by which the loader looks for them."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if "not found" in done.stdout:
        raise Failed(f"{program} needs a library that is not here:\n{done.stdout}")
    return sorted(set(re.findall(r"(/\S+) \(0x", done.stdout)))


def add_program(archive, source, name=None):
    archive.copy(source, name)
    for library in libraries(source):
        if library not in archive.entries:
            archive.copy(library)


# ---- the kernel

def kernel_package():
    """Debian's current kernel, as package and version; nothing where apt knows of none."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=False)
    found = re.search(r"Depends: (linux-image-\S+)", depends.stdout)
    if not found:
        return None
    shown = run(["apt-cache", "show", "--no-all-versions", found[1]])
    return found[1], re.search(r"^Version: (\S+)", shown, re.M)[1]


def unpacked(vmlinuz):
    """The ELF kernel inside a bzImage, which QEMU boots at once by its PVH note. Source: Linux x86 boot protocol."""
    image = vmlinuz.read_bytes()
    start = (image[0x1F1] + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    packed = image[start + offset:start + offset + length]
    if not packed.startswith(b"\xfd7zXZ\0"):
        raise Failed(f"{vmlinuz} is not packed with XZ; teach tests/hil/image.py its packing")
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(packed)


def fetch(package, into):
    for attempt in (1, 2):
        try:
            run(["apt-get", "-q", "download", package], cwd=into)
            break
        except Failed:
            if attempt == 2:
                raise
            as_root = [] if os.getuid() == 0 else ["sudo"]
            run(as_root + ["apt-get", "-q", "update"])  # the lists name a version that is no more
    return next(into.glob("*.deb"))


def make_kernel(package, into):
    """Fills `into` with vmlinux and with the modules that are used, and their index."""
    work = into.with_suffix(".new")
    shutil.rmtree(work, ignore_errors=True)
    (work / "all").mkdir(parents=True)
    run(["dpkg-deb", "-x", fetch(package, work), work / "all"])
    (work / "vmlinux").write_bytes(unpacked(next((work / "all/boot").glob("vmlinuz-*"))))
    release = next((work / "all/lib/modules").iterdir()).name
    run(["/sbin/depmod", "-b", work / "all", release])
    kept = work / "modules/lib/modules" / release
    for module in MODULES:
        needed = run(["/sbin/modprobe", "-d", work / "all", "-S", release, "--show-depends", module])
        for path in re.findall(r"^insmod (\S+)", needed, re.M):
            target = kept / Path(path).relative_to(work / "all/lib/modules" / release)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for index in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        shutil.copy(work / "all/lib/modules" / release / index, kept)
    run(["/sbin/depmod", "-b", work / "modules", release])
    shutil.rmtree(work / "all")
    for package_file in work.glob("*.deb"):
        package_file.unlink()
    work.rename(into)


def kernel(cache):
    """The directory of the newest kernel that is to be had; one in the cache serves where apt knows of none."""
    latest = kernel_package()
    kept = sorted((p for p in cache.glob("linux-image-*") if (p / "vmlinux").exists() and p.suffix != ".new"),
                  key=lambda path: path.stat().st_mtime)
    if latest is None:
        if not kept:
            raise Failed("apt knows no linux-image-amd64; run apt-get update, with Debian's main archive in sources.list")
        return kept[-1]
    digest = hashlib.sha256("".join(MODULES).encode()).hexdigest()[:8]
    directory = cache / f"{latest[0]}_{latest[1]}_{digest}"
    if not directory.exists():
        make_kernel(latest[0], directory)
    return directory


# ---- the system around the programs

def make_system(modules, into):
    archive = Archive()
    for name in ("dev", "proc", "sys", "run", "tmp", "srv", "root", "var/lib", "var/log", "share"):
        archive.directory("/" + name)
    archive.character_device("/dev/console", 5, 1)
    archive.copy(BUSYBOX)
    applets = run([BUSYBOX, "--list"]).split()
    for applet in applets:
        if applet not in ("busybox", "udevadm"):
            archive.link("/bin/" + applet, "busybox")
    archive.link("/sbin", "bin")
    archive.tree(modules, "/")
    for program in PROGRAMS:
        add_program(archive, program)
    for library in LIBRARIES:
        add_program(archive, library)
    archive.link("/lib/systemd/systemd-udevd", "/usr/bin/udevadm")
    for rule in RULES:
        archive.copy(f"/lib/udev/rules.d/{rule}.rules")
    archive.copy(CCID_BUNDLE + "/Contents/Info.plist")
    archive.copy("/etc/opensc/opensc.conf")
    for path in sorted((HERE / "guest").iterdir()):
        archive.file("/etc/" + path.name if path.name in ("passwd", "group") else "/" + path.name, path.read_bytes(),
                     0o644 if path.name in ("passwd", "group") else 0o755)
    temporary = into.with_suffix(".new")
    archive.write(temporary)
    temporary.rename(into)


def system(cache, kernel_directory):
    versions = run(["dpkg-query", "-W", *PACKAGES])
    sources = b"".join(path.read_bytes() for path in [Path(__file__), HERE / "cpio.py", *sorted((HERE / "guest").iterdir())])
    key = hashlib.sha256(versions.encode() + sources + kernel_directory.name.encode()).hexdigest()[:16]
    path = cache / f"system-{key}.cpio"
    if not path.exists():
        for old in cache.glob("system-*.cpio"):
            old.unlink()
        make_system(kernel_directory / "modules", path)
    return path


# ---- the programs under test

def programs(build, into, rules=()):
    """kmsd and its two companions with all that they load, sanitizers' libraries too; and udev rules of the project."""
    archive = Archive()
    for name in UNDER_TEST:
        if not (build / name).exists():
            raise Failed(f"{build / name} is not there; build it, or name another directory with --build")
        add_program(archive, build / name, "/usr/bin/" + name)
    for rule in rules:
        archive.copy(rule, "/lib/udev/rules.d/" + rule.name)
    archive.write(into)
    return into


def join(parts, into):
    """One file of several archives; the kernel unpacks them in turn. Each begins at a multiple of four bytes."""
    with open(into, "wb") as out:
        for part in parts:
            data = Path(part).read_bytes()
            out.write(data + b"\0" * (-len(data) % 512))
    return into
