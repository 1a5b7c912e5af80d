"""The benchmark's part on certificates: kmsd beside cfssl, OpenSSL and PostgreSQL."""
import shutil
import statistics
import time

import report
from pki_peers import CertificatePostgres, Cfssl, CfsslDatabase, Openssl, raw_speed
from pki_programs import CertificateKmsd, EmptyCertificateKmsd
from rounds import measure, say

MB = 1_000_000
PROGRAMS = {one.name: one for one in (CertificateKmsd, EmptyCertificateKmsd, Cfssl, CfsslDatabase, Openssl,
                                           CertificatePostgres)}
RATES = [("certificate", 64), ("certificate", 16), ("certificate", 1), ("revoke", 64), ("revoke", 16), ("ocsp", 16),
         ("ocsp kept", 64), ("ocsp kept", 16), ("ocsp hot", 64), ("ocsp hot", 16)]
TIMES = ["certificate alone", "list"]
# As report.GOALS; behind the least ratio the peer's measurement, where it is another one.
GOALS = [
    ("certificate from CSR, durable, 16 connections", "certificate", 16, "cfssl", 1.3),
    ("certificate from CSR, durable, 16 connections", "certificate", 16, "cfssl-sqlite", 8.0),
    ("revoke with all on the list, 64 connections", "revoke", 64, "kmsd-none", 0.9),
    ("revoke with all on the list, 16 connections", "revoke", 16, "kmsd-none", 0.9),
    ("revoke with all on the list, 64 connections", "revoke", 64, "postgresql", 3.0),
    ("OCSP about any, a connection each", "ocsp", 16, "openssl", 3.0),
    ("OCSP about any, connections kept", "ocsp kept", 16, "openssl", 3.0, "ocsp"),
    ("OCSP about 10,000 hot ones, connections kept", "ocsp hot", 16, "openssl", 3.0, "ocsp"),
]
P99_MOST = 20  # milliseconds, of a certificate from CSR at 16 connections


def prepare(given, plan, stack):
    programs = []
    for name, kind in PROGRAMS.items():
        if given.smoke and (name == "postgresql" or name.startswith("cfssl") and shutil.which("cfssl") is None):
            continue
        if given.only_certificates and name not in given.only_certificates:
            continue
        began = time.monotonic()
        program = kind(plan)
        programs.append(program)
        stack.callback(program.stop)
        program.prepare()
        program.start()
        say(f"{name} is ready after {time.monotonic() - began:.1f} s")
    return programs


def measure_times(given, plan, programs):
    results = {}
    for _ in range(plan.rounds):
        for kind in TIMES:
            if given.measure and kind not in given.measure:
                continue
            for program in programs:
                if kind in program.kinds:
                    results.setdefault((kind, program.name), []).append(program.measure(kind, 1))
    return results


def print_times(results):
    for (kind, name), rounds in results.items():
        seconds, memory = (statistics.median(one[field] for one in rounds) for field in ("seconds", "memory"))
        say(f"{kind:<18} {name:<12} {seconds:>8.3f} s  {memory / MB:>7.1f} MB at most resident")
    ours, theirs = results.get(("list", "kmsd")), results.get(("list", "openssl"))
    if not ours or not theirs:
        return
    for title, field, part in (("time", "seconds", 13), ("memory", "memory", 3)):
        ratios = [one[field] / other[field] for one, other in zip(ours, theirs)]
        report.print_limit(f"the list of all: part of openssl ca -gencrl's {title}", statistics.median(ratios), 1 / part, "")


def compare(given, plan, stack):
    sign, verify = raw_speed(given.seconds)
    say(f"openssl speed, one core: {sign:.0f} signatures/s, {verify:.0f} verifications/s of ECDSA P-256; one of each "
        f"{1 / (1 / sign + 1 / verify):.0f}/s")
    programs = prepare(given, plan, stack)
    results = measure(given, plan, RATES, programs, PROGRAMS)
    times = measure_times(given, plan, programs)
    report.print_table(results)
    report.print_ratios(results, GOALS)
    ours = results.get(("certificate", 16, "kmsd"))
    if ours:
        report.print_limit("p99 of a certificate from CSR, 16 connections", report.median_of(ours, "p99") / 1000, P99_MOST, "ms")
    print_times(times)
