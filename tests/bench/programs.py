"""kmsd, the bare program and nginx: what bench_load puts under load."""
import json
import os
import subprocess
import time

from process import Failed, Server, UnixHttp, free_port, resident, run

USER = "user-00042"
ISSUE = json.dumps({"user": USER, "kind": "access", "ttl": 86400, "scopes": ["mail:read"]})
# As long as kmsd's answer to a verification.
STATIC = ('{"active":true,"user":"user-00042","kind":"access","scopes":["mail:read"],"accessor":'
          '"KZPGQ28WNTK74ZC2TQ14FX1X0M","issued_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-02T00:00:00Z"}')
HOT = 100_000


class Loaded:
    """What all three share: one run of bench_load."""

    def __init__(self, plan):
        self.plan = plan
        self.server = None

    def load(self, target, connections, *options):
        before = self.server.cpu()
        command = [self.plan.program("bench_load"), "--json", "--target", target, "--connections", connections,
                   "--seconds", self.plan.seconds, *options]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        result = self.loaded(done.returncode, done.stdout, done.stderr)
        result["cpu"] = (self.server.cpu() - before) / result["sent"] * 1e6
        return result

    def loaded(self, code, out, wrong):
        """What bench_load has printed."""
        if code != 0:
            raise Failed(f"{self.name} under load: {wrong.decode().strip()} {out.decode().strip()}")
        return json.loads(out)

    def stop(self):
        if self.server:
            self.server.stop()
        self.server = None


class Kmsd(Loaded):
    name = "kmsd"
    kinds = ("issue", "verify", "verify hot", "verify TLS", "revoke")

    def __init__(self, plan, folder="kmsd", tokens=None, apart=None):
        super().__init__(plan)
        self.folder = plan.scratch / folder
        self.folder.mkdir()
        self.data = self.folder / "data"
        self.tokens = plan.tokens if tokens is None else tokens
        self.apart = plan.apart if apart is None else apart
        self.revoked = 0
        self.port = free_port()
        self.fill_seconds = 0.0

    def prepare(self):
        run([self.plan.program("kmsd"), "setup", "--data-dir", self.data, "--medium", f"image:{self.folder}/key.img",
             "--organisation", "Bench"])
        if self.tokens == 0:
            return
        began = time.monotonic()
        key = subprocess.run(["mtype", "-i", f"{self.folder}/key.img", "::KMSPWD.INI"], stdout=subprocess.PIPE,
                             check=True).stdout
        run([self.plan.program("bench_fill"), "--database", self.database(), "--users", self.plan.users,
             "--tokens", self.tokens, "--tokens-file", self.folder / "tokens", "--apart", self.apart,
             "--apart-file", self.folder / "apart"], input=key)
        self.fill_seconds = time.monotonic() - began

    def database(self):
        return self.data / "security" / "kms.db"

    def disk_bytes(self):
        """Of the database and its write-ahead log, without the audit files."""
        return sum(size.stat().st_size for size in self.database().parent.glob("kms.db*"))

    def socket(self):
        return self.folder / "kms.sock"

    def command(self, tls):
        command = [self.plan.program("kmsd"), "run", "--data-dir", self.data, "--medium", f"image:{self.folder}/key.img",
                   "--listen", f"unix:{self.socket()}"]
        if tls:
            command += ["--listen", f"https://127.0.0.1:{self.port}", "--tls-certificate", self.plan.certificate,
                        "--tls-key", self.plan.key]
        return command

    def start(self, tls=True):
        """Seconds from the start of the process until it says unsealed."""
        began = time.monotonic()
        self.server = Server(self.command(tls), self.folder / "log")
        self.server.wait_ready(self.unsealed)
        return time.monotonic() - began

    def unsealed(self):
        try:
            return UnixHttp(self.socket()).ask("GET", "/v1/status")[1]["state"] == "unsealed"
        except OSError:
            return False

    def ask(self, path, body):
        status, answer = UnixHttp(self.socket()).ask("POST", path, body)
        if status not in (200, 201):
            raise Failed(f"kmsd answers {path} with {status}: {answer}")
        return answer

    def allow_verifier(self):
        """A bearer for TLS, as a service has one that verifies its callers' tokens."""
        self.ask("/v1/users", {"name": "gateway", "role": "verifier"})
        token = self.ask("/v1/tokens", {"user": "gateway", "kind": "access", "scopes": ["kms:verifier"]})["token"]
        bearer = self.folder / "bearer"
        bearer.touch(0o600)
        bearer.write_text(token)

    @staticmethod
    def issue_options():
        return ["--path", "/v1/tokens", "--body", ISSUE, "--status", 201, "--marker", '"token":"kms_']

    def measure(self, kind, connections):
        unix = f"unix:{self.socket()}"
        active = ["--marker", '"active":true', "--tokens", self.folder / "tokens"]
        if kind == "issue":
            return self.load(unix, connections, *self.issue_options())
        if kind == "verify":
            return self.load(unix, connections, *active)
        if kind == "verify hot":
            return self.load(unix, connections, *active, "--draw", "hot", "--hot", min(HOT, self.tokens))
        if kind == "verify TLS":
            return self.load(f"https://127.0.0.1:{self.port}", connections, *active, "--bearer-file",
                             self.folder / "bearer")
        result = self.load(unix, connections, "--path", "/v1/tokens/revoke", "--tokens", self.folder / "apart",
                           "--draw", "once", "--first", self.revoked, "--count", self.apart // self.plan.rounds,
                           "--marker", '"active":false')
        self.revoked += result["sent"]
        return result

    def resident(self):
        return resident(self.server.pid)


class Bare(Loaded):
    name = "bare"
    kinds = ("issue", "verify", "verify TLS")

    def __init__(self, plan):
        super().__init__(plan)
        self.folder = plan.scratch / "bare"
        self.folder.mkdir()
        self.port = free_port()

    def prepare(self):
        run([self.plan.program("bench_bare"), "--database", self.folder / "db", "--fill",
             self.plan.tokens + self.plan.apart, "--tokens", self.folder / "tokens"])

    def start(self):
        self.server = Server([self.plan.program("bench_bare"), "--database", self.folder / "db", "--unix",
                              self.folder / "sock", "--tls", self.port, "--tls-certificate", self.plan.certificate,
                              "--tls-key", self.plan.key, *self.plan.bare_options], self.folder / "log")
        self.server.wait_ready(lambda: "ready" in self.server.said())

    def measure(self, kind, connections):
        unix = f"unix:{self.folder}/sock"
        if kind == "issue":
            return self.load(unix, connections, "--path", "/issue", "--body", ISSUE, "--status", 201, "--marker",
                             '"token":"kms_')
        target = f"https://127.0.0.1:{self.port}" if kind == "verify TLS" else unix
        return self.load(target, connections, "--path", "/verify", "--marker", '"active":true', "--tokens",
                         self.folder / "tokens")


class Nginx(Loaded):
    """A static reply, with one worker: a second one would take the processor from the load generator."""

    name = "nginx"
    kinds = ("static", "static TLS")

    def __init__(self, plan):
        super().__init__(plan)
        self.folder = plan.scratch / "nginx"
        self.folder.mkdir(0o755)
        self.port = free_port()

    def prepare(self):
        temps = "".join(f"{kind}_temp_path {self.folder}/{kind};\n"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
worker_processes 1;
pid {self.folder}/pid;
error_log {self.folder}/error;
events {{ worker_connections 1024; }}
http {{
  {temps}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  default_type application/json;
  server {{
    listen unix:{self.folder}/sock;
    listen 127.0.0.1:{self.port} ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate {self.plan.certificate};
    ssl_certificate_key {self.plan.key};
    location / {{ return 200 '{STATIC}'; }}
  }}
}}
""", encoding="ascii")

    def start(self):
        self.server = Server(["nginx", "-c", self.folder / "conf", "-e", self.folder / "error"], self.folder / "log")
        self.server.wait_ready(lambda: (self.folder / "sock").exists())

    def measure(self, kind, connections):
        target = f"https://127.0.0.1:{self.port}" if kind == "static TLS" else f"unix:{self.folder}/sock"
        return self.load(target, connections, "--method", "GET", "--path", "/", "--marker", '"active":true')
