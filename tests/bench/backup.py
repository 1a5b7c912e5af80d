"""The benchmark's part on backups: what one costs those who have tokens issued meanwhile, beside what sqlite3 and cp do."""
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path

from process import Failed, resident, resident_most
from programs import Kmsd
from rounds import say

MB = 1_000_000
WARM_UP = 0.5  # seconds of load before a backup begins
# Name, whether it can run while the server writes. Not sqlite3's .backup, which begins anew with each write of another: a
# server without requests tidies its tokens.
COPIES = {
    "kmsctl backup": True,
    "sqlite3 VACUUM INTO": True,
    "cp": True,
    "sha256sum": False,
}


class FilledKmsd(Kmsd):
    """A server with tokens; where a directory is given the filled one is kept there for the next time."""

    def prepare(self):
        kept = self.plan.filled and self.plan.filled / f"kmsd-{self.tokens}"
        if kept and kept.exists():
            self.copy(kept, self.folder)
            return
        super().prepare()
        if kept:
            making = self.plan.filled / f"kmsd-{self.tokens}.new"
            making.mkdir(parents=True)
            self.copy(self.folder, making)
            making.rename(kept)

    @staticmethod
    def copy(source, target):
        shutil.copy(source / "key.img", target / "key.img")
        shutil.copytree(source / "data", target / "data")

    def copy_command(self, name, out):
        database = self.database()
        return {"kmsctl backup": [self.plan.program("kmsctl"), "--server", f"unix:{self.socket()}", "backup", out],
                "sqlite3 VACUUM INTO": ["sqlite3", "-cmd", ".timeout 60000", database, f"VACUUM INTO '{out}'"],
                "cp": ["cp", database, out],
                "sha256sum": ["sha256sum", database],
                "kmsd backup": [self.plan.program("kmsd"), "backup", out, "--data-dir", self.data, "--medium",
                                f"image:{self.folder}/key.img"]}[name]

    def copy_once(self, name):
        """Runs one copy until it is on the disk; its size, seconds and memory, and the server's."""
        out = self.folder / "copy"
        before = 0
        if self.server:
            Path(f"/proc/{self.server.pid}/clear_refs").write_text("5", encoding="ascii")  # VmHWM begins anew
            before = resident(self.server.pid)
        command = [str(word) for word in self.copy_command(name, out)]
        began = time.monotonic()
        with open(self.folder / "said", "w+", encoding="utf-8") as said:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            own = 0  # what is resident at most; rusage would count this program, which forked it
            while process.poll() is None:
                with contextlib.suppress(Failed, FileNotFoundError, ProcessLookupError):
                    own = resident_most(process.pid)
                time.sleep(0.01)
            if process.returncode != 0:
                raise Failed(f"{name} ended with {process.returncode}: {(self.folder / 'said').read_text(encoding='utf-8')}")
        if name == "sha256sum":
            size = self.database().stat().st_size
        else:
            with open(out, "rb") as file:  # of kmsd's it is there already
                os.fsync(file.fileno())
            size = out.stat().st_size
        seconds = time.monotonic() - began
        out.unlink(missing_ok=True)
        most = resident_most(self.server.pid) if self.server else 0
        return {"rate": size / seconds / MB, "seconds": seconds, "size": size, "own": own / MB, "server": most / MB, "growth": (most - before) / MB}

    def issue(self, connections, seconds, during=None):
        """Has tokens issued, and does something else meanwhile; what both say."""
        command = [self.plan.program("bench_load"), "--json", "--target", f"unix:{self.socket()}", "--connections", connections,
                   "--warm-up", WARM_UP, "--seconds", 3600 if during else seconds, *self.issue_options()]
        load = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            other = None
            if during:
                time.sleep(WARM_UP)
                other = during()
                load.send_signal(signal.SIGTERM)
            out, wrong = load.communicate()
        finally:
            load.kill()
        return self.loaded(load.returncode, out, wrong), other


def wanted(given):
    return [name for name in COPIES if not given.measure or name in given.measure]


def measure_round(given, server, results):
    def keep(name, connections, load, copy):
        results.setdefault((name, connections), []).append((load, copy))
        text = f"  {name:<20} {connections or '':>3} "
        if copy:
            text += f" {copy['rate']:>6.0f} MB/s"
        if load:
            text += f"  {load['rate']:>6.0f} issued/s, p50 {load['p50']:.0f} us, p99 {load['p99']:.0f} us, longest {load['longest'] / 1000:.0f} ms"
        say(text)

    for name in wanted(given):
        os.sync()
        keep(name, 0, None, server.copy_once(name))
    for connections in given.backup_connections:
        keep("nothing", connections, server.issue(connections, given.seconds)[0], None)
        for name in wanted(given):
            if not COPIES[name]:
                continue
            os.sync()
            keep(name, connections, *server.issue(connections, given.seconds, lambda name=name: server.copy_once(name)))


def median_of(rounds, side, field):
    return statistics.median(both[side][field] for both in rounds)


def print_table(results):
    say(f"\n{'meanwhile':<20} {'connections':>11} {'MB/s':>6} {'own MB':>7} {'growth MB':>9} {'issued/s':>9} {'p50 us':>7} "
        f"{'p99 us':>7} {'longest ms':>10}   MB/s of each round")
    for (name, connections), rounds in results.items():
        load, copy = rounds[0]
        text = f"{name:<20} {connections or 'none':>11} "
        text += (f"{median_of(rounds, 1, 'rate'):>6.0f} {median_of(rounds, 1, 'own'):>7.1f} {median_of(rounds, 1, 'growth'):>9.1f} "
                 if copy else f"{'':>25}")
        text += (f"{median_of(rounds, 0, 'rate'):>9.0f} {median_of(rounds, 0, 'p50'):>7.0f} {median_of(rounds, 0, 'p99'):>7.0f} "
                 f"{median_of(rounds, 0, 'longest') / 1000:>10.0f} " if load else f"{'':>37}")
        say(text + ("  " + " ".join(f"{both[1]['rate']:.0f}" for both in rounds) if copy else ""))


def ratios(ours, theirs, side, field):
    return [one[side][field] / other[side][field] for one, other in zip(ours, theirs)]


def print_goals(given, results):
    say(f"\n{'goal: kmsctl backup against':<66} {'median':>6} {'goal':>6}        of each round")

    def line(title, values, goal, at_least):
        median = statistics.median(values)
        met = median >= goal if at_least else median <= goal
        say(f"{title:<66} {median:>6.2f} {goal:>6.2f} {'met' if met else 'NOT MET':>8}  " + " ".join(f"{value:.2f}" for value in values))

    for connections in (0, *given.backup_connections):
        ours = results["kmsctl backup", connections]
        under = f"under {connections} connections" if connections else "idle"
        line(f"MB/s, {under}", [copy["rate"] for _, copy in ours], 250, True)
        for peer in wanted(given):
            if peer != "kmsctl backup" and (peer, connections) in results and peer != "sha256sum":
                line(f"MB/s to those of {peer}, {under}", ratios(ours, results[peer, connections], 1, "rate"), 1 if "sqlite3" in peer else 0.5, True)
        line(f"memory of the server in it, MB, {under}", [copy["server"] for _, copy in ours], 64, False)
        line(f"memory of kmsctl, MB, {under}", [copy["own"] for _, copy in ours], 64, False)
        if not connections:
            continue
        alone = results["nothing", connections]
        line(f"p99 of issuing to that without, {under}", ratios(ours, alone, 0, "p99"), 2, False)
        for peer in wanted(given):
            if COPIES[peer] and peer != "kmsctl backup":
                say(f"  the same in {peer}: {statistics.median(ratios(results[peer, connections], alone, 0, 'p99')):.2f}")
        line(f"longest of a request in it, ms, {under}", [load["longest"] / 1000 for load, _ in ours], 50, False)
        say(f"  longest without: {median_of(alone, 0, 'longest') / 1000:.0f} ms")


def compare(given, plan, stack):
    server = FilledKmsd(plan, "kmsd", tokens=given.start_tokens, apart=0)
    stack.callback(server.stop)
    began = time.monotonic()
    server.prepare()
    say(f"{given.start_tokens} tokens, {server.disk_bytes() / MB:.0f} MB of database, ready after {time.monotonic() - began:.0f} s")
    server.start(tls=False)
    results = {}
    for turn in range(plan.rounds):
        say(f"round {turn + 1} of {plan.rounds}")
        measure_round(given, server, results)
    server.stop()
    for _ in range(plan.rounds):
        os.sync()
        results.setdefault(("kmsd backup", 0), []).append((None, server.copy_once("kmsd backup")))
    print_table(results)
    print_goals(given, results)
