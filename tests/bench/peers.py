"""PostgreSQL under pgbench and Redis under redis-benchmark, each private and as durable as kmsd."""
import csv
import glob
import math
import os
import re
import shutil
import signal
from pathlib import Path

from process import Failed, Server, as_user, run

ROW = 105  # bytes, as a sealed token row
HOT = 100_000


def quantile(sorted_values, percent):
    if not sorted_values:  # of so few transactions none was sampled
        return math.nan
    return sorted_values[(len(sorted_values) - 1) * percent // 100]


class Postgres:
    name = "postgresql"
    kinds = ("issue", "verify", "revoke")
    row = ROW
    scripts = {
        "issue": "INSERT INTO tokens(row) VALUES ('\\x{blob}');\n",
        "verify": "\\set key random(1, {tokens})\nSELECT row FROM tokens WHERE key = :key;\n",
        "revoke": "\\set key random(1, {tokens})\nUPDATE tokens SET state = 2 WHERE key = :key;\n",
    }
    settings = {
        "listen_addresses": "''", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
        "shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "15min", "max_connections": "100",
    }

    def __init__(self, plan):
        self.plan = plan
        self.server = None
        self.folder = plan.scratch / "postgresql"
        self.folder.mkdir(0o755)
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
        if not found:
            raise Failed("PostgreSQL is not installed")
        self.programs = Path(found[-1])

    def prepare(self):
        data = self.folder / "data"
        data.mkdir(0o700)
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            shutil.chown(data, "postgres")
        run(as_user("postgres", [self.programs / "initdb", "-D", data, "-U", "bench", "-A", "trust", "--locale=C",
                                 "-E", "UTF8"]), cwd=self.folder)
        with open(data / "postgresql.conf", "a", encoding="ascii") as conf:
            for name, value in self.settings.items():
                conf.write(f"{name} = {value}\n")
            conf.write(f"unix_socket_directories = '{self.folder}'\n")
        blob = os.urandom(self.row).hex()
        for kind, text in self.scripts.items():
            (self.folder / f"{kind}.sql").write_text(text.format(blob=blob, tokens=self.plan.tokens))

    def sql(self, text):
        run(["psql", "-X", "-q", "-h", self.folder, "-U", "bench", "-v", "ON_ERROR_STOP=1", "-c", text, "postgres"])

    def start(self):
        command = as_user("postgres", [self.programs / "postgres", "-D", self.folder / "data"])
        self.server = Server(command, self.folder / "log", stop_signal=signal.SIGTERM)
        ready = ["pg_isready", "-q", "-h", str(self.folder), "-U", "bench"]
        self.server.wait_ready(lambda: os.spawnvp(os.P_WAIT, ready[0], ready) == 0)
        row = f"repeat(md5('0' || key), {-(-self.row // 16)})"
        self.sql("CREATE TABLE tokens(key bigserial PRIMARY KEY, state smallint NOT NULL DEFAULT 1, row bytea NOT NULL)")
        self.sql(f"INSERT INTO tokens(row) SELECT substring(decode({row}, 'hex'), 1, {self.row}) "
                 f"FROM generate_series(1, {self.plan.tokens}) AS key")
        self.sql("VACUUM ANALYZE tokens")
        self.sql("CHECKPOINT")

    def measure(self, kind, connections):
        logs = self.folder / "times"
        logs.mkdir()
        before = self.server.cpu()
        said = run(["pgbench", "-h", self.folder, "-U", "bench", "-n", "-M", "prepared", "-c", connections, "-j",
                    min(connections, os.cpu_count()), "-T", max(1, round(self.plan.seconds)), "-f",
                    self.folder / f"{kind}.sql", "-l", "--sampling-rate", "0.2", "postgres"], cwd=logs)
        times = sorted(int(line.split()[2]) for file in logs.iterdir() for line in file.read_text().splitlines())
        shutil.rmtree(logs)
        rate = float(re.search(r"tps = ([0-9.]+)", said).group(1))
        done = int(re.search(r"actually processed: ([0-9]+)", said).group(1))
        failed = int(re.search(r"failed transactions: ([0-9]+)", said).group(1))
        if failed:
            raise Failed(f"pgbench: {failed} transactions failed")
        return {"rate": rate, "p50": quantile(times, 50), "p99": quantile(times, 99),
                "cpu": (self.server.cpu() - before) / done * 1e6}

    def stop(self):
        if self.server:
            self.server.stop()
        self.server = None


class Redis:
    name = "redis"
    kinds = ("issue", "verify hot")

    def __init__(self, plan):
        self.plan = plan
        self.server = None
        self.folder = plan.scratch / "redis"
        self.folder.mkdir()
        self.rates = {}

    def prepare(self):
        pass

    def start(self):
        self.server = Server(["redis-server", "--port", "0", "--unixsocket", self.folder / "sock", "--dir", self.folder,
                              "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                              "--auto-aof-rewrite-percentage", "0", "--daemonize", "no"], self.folder / "log")
        self.server.wait_ready((self.folder / "sock").exists)
        script = ("for i = ARGV[1], ARGV[2] do redis.call('SET', string.format('key:%012d', i), "
                  "string.rep('x', tonumber(ARGV[3]))) end")
        step = 50_000
        for first in range(0, self.plan.tokens, step):
            run(["redis-cli", "-s", self.folder / "sock", "EVAL", script, "0", first,
                 min(first + step, self.plan.tokens) - 1, ROW])

    def benchmark(self, kind, connections, count):
        test, keys = ("set", self.plan.tokens) if kind == "issue" else ("get", min(HOT, self.plan.tokens))
        said = run(["redis-benchmark", "-s", self.folder / "sock", "-t", test, "-r", keys, "-d", ROW, "-c", connections,
                    "-n", count, "--csv"])
        rows = list(csv.DictReader(said.splitlines()))
        if len(rows) != 1:
            raise Failed(f"redis-benchmark said: {said}")
        return rows[0]

    def measure(self, kind, connections):
        # redis-benchmark takes a number, not a time: a short run tells the rate.
        if (kind, connections) not in self.rates:
            self.rates[kind, connections] = float(self.benchmark(kind, connections, 100 * connections)["rps"])
        count = max(connections * 10, int(self.rates[kind, connections] * self.plan.seconds))
        before = self.server.cpu()
        row = self.benchmark(kind, connections, count)
        rate = float(row["rps"])
        self.rates[kind, connections] = rate
        return {"rate": rate, "p50": float(row["p50_latency_ms"]) * 1000, "p99": float(row["p99_latency_ms"]) * 1000,
                "cpu": (self.server.cpu() - before) / count * 1e6}

    def stop(self):
        if self.server:
            self.server.stop()
        self.server = None
