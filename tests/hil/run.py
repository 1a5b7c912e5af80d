#!/usr/bin/env python3
"""Runs the built kmsd, kmsctl and kmsd-media on real kernel drivers inside QEMU. tests/hil/README.md explains it.

Exit codes: 0 all scenarios passed, 1 one failed or the rig could not run, 2 usage.
"""
import argparse
import fnmatch
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import image
import systemd_image
from image import Failed
from rig import SCENARIOS, Rig
from systemd_rig import SystemdRig
import floppy_scenarios  # noqa: F401  (each lists its scenarios)
import reader_scenarios  # noqa: F401
import usb_scenarios  # noqa: F401
import card_scenarios  # noqa: F401
import swap_scenarios  # noqa: F401
import move_scenarios  # noqa: F401
import systemd_scenarios  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
PLAIN_MEMORY, SANITIZED_MEMORY = 512, 2048  # megabytes


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenario", nargs="*", help="only these, as 'floppy_*'; default: all")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="directory of the built programs")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/hil-cache", help="where kernel and system are kept")
    parser.add_argument("--runs", type=int, default=1, help="so many boots in a row; stops at the first failure")
    parser.add_argument("--busy", type=int, default=0, metavar="N", help="keep N busy loops beside it")
    parser.add_argument("--list", action="store_true", help="show the scenarios")
    parser.add_argument("--one-guest", action="store_true", help="all scenarios but systemd's in one guest; default: in two")
    parser.add_argument("--shell", action="store_true", help="after the scenarios, take commands for the guest from stdin")
    given = parser.parse_args()
    patterns = given.scenario or ["*"]
    given.chosen = [one for one in SCENARIOS if any(fnmatch.fnmatch(one.__name__, pattern) for pattern in patterns)]
    if not given.chosen and not given.shell:
        parser.error("no scenario has such a name; --list shows them")
    return given


def say(text):
    print(text, flush=True)


def sanitized(build):
    return any("san.so" in library for library in image.libraries(build / "kmsd"))


def shell(rig):
    say("Commands for the guest, one a line; end with Ctrl-D.")
    for line in sys.stdin:
        ran = rig.sh(line, 600)
        print(ran.out, end="")
        say(f"[exit {ran.exit}]")


def run_scenarios(chosen, rig):
    failed = 0
    for one in chosen:
        began = time.monotonic()
        if missing := [driver for driver in one.needs if not rig.has(driver)]:
            say(f"  skipped          {one.__name__}: this build has no driver {', '.join(missing)}")
            continue
        try:
            one(rig)
            rig.clean()
            say(f"  ok      {time.monotonic() - began:5.1f} s  {one.__name__}: {one.__doc__}")
        except Failed as why:
            failed += 1
            say(f"  FAILED  {time.monotonic() - began:5.1f} s  {one.__name__}: {one.__doc__}\n{why}\n{rig.report()}")
            try:
                rig.clean()
            except Failed as later:
                say(f"  and after it: {later}")
    return failed


def plain_rig(given, kernel, folder):
    programs = image.programs(given.build, folder / "programs.cpio", sorted((ROOT / "udev").glob("*.rules")))
    initrd = image.join([image.system(given.cache, kernel), programs], folder / "initrd")
    began = time.monotonic()
    rig = Rig(folder / "rig", given.build, kernel, initrd, SANITIZED_MEMORY if sanitized(given.build) else PLAIN_MEMORY)
    say(f"  booted  {time.monotonic() - began:5.1f} s  one scrypt of the least cost takes {rig.scrypt:.2f} s in the guest")
    return rig


def systemd_rig(given, kernel, folder):
    """Its scenarios boot it as they need it."""
    initrd = image.join([systemd_image.system(given.cache, kernel), systemd_image.installed(given.build, folder)],
                        folder / "initrd")
    return SystemdRig(folder / "rig", given.build, kernel, initrd, PLAIN_MEMORY)


def boot_and_run(given, chosen, make, kernel):
    folder = Path(tempfile.mkdtemp(prefix="keydisk-hil."))
    rig = None
    try:
        rig = make(given, kernel, folder)
        failed = run_scenarios(chosen, rig)
        for medium, (all_of_it, beyond) in rig.times.items():
            say(f"  {medium}: from insertion to unsealed {all_of_it:.2f} s, beyond scrypt {beyond:.2f} s (goal: under 2 s)")
        if given.shell:
            shell(rig)
        return failed
    finally:
        if rig is not None:
            rig.stop()
        shutil.rmtree(folder, ignore_errors=True)


def beside(given, chosen):
    """Runs these in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, "--one-guest", "--build", given.build, "--cache", given.cache,
                             *(one.__name__ for one in chosen)])


def shares(given):
    """The scenarios of each guest: much of a scenario is waiting for a device, so that guests fit beside one another."""
    under_systemd = [one for one in given.chosen if getattr(one, "rig", Rig) is SystemdRig]
    plain = [one for one in given.chosen if one not in under_systemd]
    if under_systemd and sanitized(given.build):
        say(f"  skipped          {len(under_systemd)} scenarios of systemd: a sanitizer cannot live in the service's sandbox")
        under_systemd = []
    if given.one_guest or given.shell:
        return [plain, under_systemd]
    drives = [one for one in plain if one.__name__.startswith(("floppy_", "reader_", "move_"))]
    return [drives, [one for one in plain if one not in drives], under_systemd]


def run_all(given, kernel):
    """Each guest with its scenarios, one beside the other; gives how many guests had a failure."""
    began = time.monotonic()
    mine, *others = [share for share in shares(given) if share] or [[]]
    image.system(given.cache, kernel)  # before several would make it
    processes = [beside(given, share) for share in others]
    try:
        make = systemd_rig if mine and getattr(mine[0], "rig", Rig) is SystemdRig else plain_rig
        failed = boot_and_run(given, mine, make, kernel)
        say(f"{len(mine) - failed} passed, {failed} failed, {time.monotonic() - began:.0f} s")
        return bool(failed) + sum(process.wait() != 0 for process in processes)
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
                process.wait()


def ended(signal_number, _frame):
    raise SystemExit(128 + signal_number)


def main():
    given = options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    if given.list:
        for one in SCENARIOS:
            say(f"{one.__name__:<30} {one.__doc__}")
        return 0
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(given.busy)]
    try:
        given.cache.mkdir(parents=True, exist_ok=True)
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        kernel = image.kernel(given.cache)
        for number in range(1, given.runs + 1):
            if given.runs > 1:
                say(f"run {number} of {given.runs}")
            if run_all(given, kernel):
                return 1
    except KeyboardInterrupt:
        return 130
    except (Failed, OSError) as failed:
        print(f"run.py: {failed}", file=sys.stderr)
        return 1
    finally:
        for one in busy:
            one.kill()
            one.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
