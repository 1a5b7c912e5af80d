#!/usr/bin/env python3
"""Measures kmsd beside a bare program, PostgreSQL, Redis and nginx, in turn. tests/bench/README.md explains it.

Exit codes: 0 all of it ran (goals are printed, not asserted), 1 something could not run, 2 usage.
"""
import argparse
import contextlib
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import backup
import certificates
import report
from peers import Postgres, Redis
from process import Failed, run
from programs import Bare, Kmsd, Nginx
from rounds import measure, say

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {one.name: one for one in (Kmsd, Bare, Postgres, Redis, Nginx)}
# What is measured, in turn; each by all programs that can do it.
MEASUREMENTS = ([(kind, connections) for kind in ("issue", "verify") for connections in (64, 16, 1)] +
                [("verify hot", 64)] + [("verify TLS", connections) for connections in (64, 16, 1)] + [("revoke", 64)] +
                [(kind, connections) for kind in ("static", "static TLS") for connections in (64, 16, 1)])
MB = 1_000_000
SETTLE = 3  # seconds until a fresh server counts as idle


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="directory of the built programs")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp"), help="a directory on a real disk")
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--only", action="append", choices=PROGRAMS, help="measure this program; may be repeated")
    parser.add_argument("--measure", action="append", metavar="NAME", help="only this measurement, as 'issue' or 'verify TLS'")
    parser.add_argument("--certificates", action="store_true", help="measure the certificate authority instead")
    parser.add_argument("--certificates-count", type=int, default=1_000_000, help="certificates on the list")
    parser.add_argument("--only-certificates", action="append", choices=certificates.PROGRAMS, metavar="PROGRAM",
                        help="with --certificates: measure this program; may be repeated")
    parser.add_argument("--backup", action="store_true", help="measure backups under load instead; fills --start-tokens")
    parser.add_argument("--backup-connections", type=int, action="append", metavar="N",
                        help="with --backup: connections that issue tokens meanwhile; may be repeated; 64 and 16")
    parser.add_argument("--filled", type=Path, metavar="DIR",
                        help="with --backup: the filled server is kept in this directory for the next time")
    parser.add_argument("--start", action="store_true", help="measure start, memory and disk instead; fills --start-tokens")
    parser.add_argument("--start-tokens", type=int, default=10_000_000)
    parser.add_argument("--smoke", action="store_true", help="a few thousand tokens and one short round, to see that it works")
    parser.add_argument("--bare-options", default="", help="passed to bench_bare, as '--shared'")
    parser.add_argument("--json", type=Path, help="also write every result to this file")
    given = parser.parse_args()
    if given.smoke:
        given.tokens, given.users, given.rounds, given.seconds = 2000, 100, 1, 1 if given.certificates else 0.3
        given.certificates_count = 2000
        given.only = given.only or ["kmsd", "bare"]
        given.start_tokens = 2000
    given.only = given.only or list(PROGRAMS)
    given.backup_connections = given.backup_connections or [64, 16]
    return given


class Plan:
    """What the programs must know of this run."""

    def __init__(self, given, scratch):
        self.scratch = scratch
        self.build = given.build
        self.tokens, self.users = given.tokens, given.users
        self.rounds, self.seconds = given.rounds, given.seconds
        self.filled = given.filled
        # To be revoked, each once; more than can be in the time, or half of all where there are few.
        self.apart = min(int(given.rounds * (given.seconds + 0.2) * 60_000), max(given.tokens // 2, 30_000))
        self.certificates = given.certificates_count
        # Revoked at two numbers of connections, each once.
        self.certificates_apart = 2 * max(int(given.rounds * (given.seconds + 0.2) * 20_000), 10_000)
        self.bare_options = given.bare_options.split()
        self.certificate, self.key = scratch / "certificate.pem", scratch / "key.pem"
        run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key,
             "-out", self.certificate])

    def program(self, name):
        for path in (self.build / name, self.build / "tests" / name):
            if path.exists():
                return path
        raise Failed(f"{name} is not in {self.build}; build it, or name another directory with --build")


def prepare(given, plan, stack):
    """Starts and fills all of them; what is not under load sleeps."""
    programs = []
    for name in given.only:
        program = PROGRAMS[name](plan)
        programs.append(program)
        stack.callback(program.stop)
        began = time.monotonic()
        program.prepare()
        program.start()
        if name == "kmsd":
            say(f"kmsd: {plan.tokens + plan.apart} tokens filled in {program.fill_seconds:.1f} s, "
                f"{program.disk_bytes() / (plan.tokens + plan.apart):.1f} bytes a token on disk")
            time.sleep(0 if given.smoke else SETTLE)
            say(f"kmsd: {program.resident() / MB:.1f} MB resident, unsealed and idle")
            program.allow_verifier()
        say(f"{name} is ready after {time.monotonic() - began:.1f} s")
    return programs


def compare(given, plan, stack):
    programs = prepare(given, plan, stack)
    results = measure(given, plan, MEASUREMENTS, programs, PROGRAMS)
    report.print_table(results)
    report.print_ratios(results)
    for program in programs:
        if program.name == "kmsd":
            say(f"\nkmsd: {program.resident() / MB:.1f} MB resident after the load, "
                f"{program.disk_bytes() / MB:.0f} MB of database and write-ahead log")
    if given.json:
        rows = [{"measurement": kind, "connections": connections, "program": name, "rounds": rounds}
                for (kind, connections, name), rounds in results.items()]
        given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def scrypt_alone():
    """Seconds of the one scrypt that opening costs, by the same OpenSSL."""
    began = time.monotonic()
    hashlib.scrypt(b"9 bytes..", salt=bytes(16), n=2**17, r=8, p=1, maxmem=2**28, dklen=32)
    return time.monotonic() - began


def measure_start(given, plan, stack):
    empty = Kmsd(plan, "empty", tokens=0, apart=0)
    full = Kmsd(plan, "full", tokens=given.start_tokens, apart=0)
    for server in (empty, full):
        stack.callback(server.stop)
        server.prepare()
    size = full.disk_bytes()
    say(f"{given.start_tokens} tokens filled in {full.fill_seconds:.1f} s")
    idle, loaded, extra, over = [], [], [], []
    for turn in range(given.rounds):
        scrypt = scrypt_alone()
        starts = []
        for server, resident in ((empty, idle), (full, loaded)):
            starts.append(server.start(tls=False))
            time.sleep(0 if given.smoke else SETTLE)
            resident.append(server.resident() / MB)
            if server is full:
                result = server.measure("verify", 64)
                after = server.resident() / MB
            server.stop()
        extra.append(starts[1] - starts[0])
        over.append(starts[1] - scrypt)
        say(f"round {turn + 1}: scrypt alone {scrypt:.3f} s; start to unsealed {starts[0]:.3f} s empty, {starts[1]:.3f} s "
            f"full; resident {idle[-1]:.1f} MB empty, {loaded[-1]:.1f} MB full, {after:.1f} MB after "
            f"{result['sent']} verifications")
        loaded[-1] = max(loaded[-1], after)
    say(f"\n{'limit':<66} {'median':>6} {'most':>5}")
    report.print_limit(f"start with {given.start_tokens} tokens beyond scrypt alone", statistics.median(over), 0.3, "s")
    report.print_limit(f"start with {given.start_tokens} tokens beyond an empty server's", statistics.median(extra), 0.3, "s")
    report.print_limit("resident memory, idle", statistics.median(idle), 25, "MB")
    report.print_limit(f"resident memory with {given.start_tokens} tokens, verified at random",
                       statistics.median(loaded), 64, "MB")
    report.print_limit("disk for a token, without the audit files", size / given.start_tokens, 200, "bytes")


def ended(signal_number, _frame):
    raise SystemExit(128 + signal_number)


def main():
    given = options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended)
    try:
        if not given.smoke:
            subprocess.run([ROOT / "daemon/dist/install-packages.sh", "run", "bench"], check=True)
        with contextlib.ExitStack() as stack:
            scratch = Path(tempfile.mkdtemp(prefix="keydisk-bench.", dir=given.scratch))
            stack.callback(shutil.rmtree, scratch, ignore_errors=True)
            os.chmod(scratch, 0o711)  # PostgreSQL's own user comes through, and sees nothing else
            plan = Plan(given, scratch)
            if given.certificates or given.backup:
                (certificates if given.certificates else backup).compare(given, plan, stack)
            else:
                (measure_start if given.start else compare)(given, plan, stack)
    except KeyboardInterrupt:
        return 130
    except (Failed, OSError, subprocess.CalledProcessError) as failed:
        print(f"run.py: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
