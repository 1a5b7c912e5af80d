"""cfssl and OpenSSL's own authority and responder, as Debian packages them."""
import json
import os
import re
import shutil
import sqlite3
import time

from pki_programs import make_request, ocsp_template
from process import Failed, Server, free_port, run
from peers import Postgres
from programs import Loaded

YEARS = "43800h"


def make_authority(folder):
    """A self-signed authority on P-256: ca.pem and ca.key."""
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
         "-subj", "/CN=Bench CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature", "-keyout",
         folder / "ca.pkcs8", "-out", folder / "ca.pem"])
    run(["openssl", "ec", "-in", folder / "ca.pkcs8", "-out", folder / "ca.key"])


class Cfssl(Loaded):
    """`cfssl serve` that keeps nothing of what it issues."""

    name = "cfssl"
    kinds = ("certificate",)
    database = False

    def __init__(self, plan):
        super().__init__(plan)
        self.folder = plan.scratch / self.name
        self.folder.mkdir()
        self.port = free_port()
        if shutil.which("cfssl") is None:
            raise Failed("cfssl is not installed")

    def prepare(self):
        make_authority(self.folder)
        signing = {"default": {"expiry": YEARS, "usages": ["digital signature", "client auth"]}}
        (self.folder / "config.json").write_text(json.dumps({"signing": signing}), encoding="ascii")
        self.body = json.dumps({"certificate_request": make_request(self.plan)})
        if not self.database:
            return
        with sqlite3.connect(self.folder / "certificates.db") as db:
            db.execute("CREATE TABLE certificates (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, "
                       "ca_label blob, status blob NOT NULL, reason int, expiry timestamp, revoked_at timestamp, "
                       "pem blob NOT NULL, PRIMARY KEY(serial_number, authority_key_identifier))")
            db.execute("CREATE TABLE ocsp_responses (serial_number blob NOT NULL, authority_key_identifier blob NOT NULL, "
                       "body blob NOT NULL, expiry timestamp, PRIMARY KEY(serial_number, authority_key_identifier))")
        place = {"driver": "sqlite3", "data_source": str(self.folder / "certificates.db")}
        (self.folder / "db.json").write_text(json.dumps(place), encoding="ascii")

    def start(self):
        command = ["cfssl", "serve", "-address", "127.0.0.1", "-port", self.port, "-ca", self.folder / "ca.pem", "-ca-key",
                   self.folder / "ca.key", "-config", self.folder / "config.json", "-loglevel", "4"]
        if self.database:
            command += ["-db-config", self.folder / "db.json"]
        self.server = Server(command, self.folder / "log")
        self.server.wait_ready(self.answers)

    def answers(self):
        try:
            self.load(f"http://127.0.0.1:{self.port}", 1, *self.request(), "--count", 1, "--warm-up", 0)
        except Failed:
            return False
        return True

    def request(self):
        return ["--path", "/api/v1/cfssl/sign", "--body", self.body, "--marker", "BEGIN CERTIFICATE"]

    def measure(self, _kind, connections):
        return self.load(f"http://127.0.0.1:{self.port}", connections, *self.request())


class CfsslDatabase(Cfssl):
    """The same with its certificates in SQLite."""

    name = "cfssl-sqlite"
    database = True


class Openssl(Loaded):
    """`openssl ca` and `openssl ocsp` over an index of revoked certificates."""

    name = "openssl"
    kinds = ("certificate alone", "ocsp", "list")

    def __init__(self, plan):
        super().__init__(plan)
        self.folder = plan.scratch / "openssl"
        self.folder.mkdir()
        self.port = free_port()
        self.template = None

    def prepare(self):
        make_authority(self.folder)
        (self.folder / "request.pem").write_text(make_request(self.plan), encoding="ascii")
        serials = [(1 << 124 | int.from_bytes(os.urandom(15), "big")) for _ in range(self.plan.certificates)]
        with open(self.folder / "index.txt", "w", encoding="ascii") as index, \
                open(self.folder / "serials", "w", encoding="ascii") as lines:
            for serial in serials:
                index.write(f"R\t360101000000Z\t260101000000Z,keyCompromise\t{serial:032X}\tunknown\t/CN=user\n")
                lines.write(f"{serial:032x}\n")
        (self.folder / "crlnumber").write_text("01\n", encoding="ascii")
        (self.folder / "ca.conf").write_text(f"""
[ca]
default_ca = own
[own]
database = {self.folder}/index.txt
new_certs_dir = {self.folder}
certificate = {self.folder}/ca.pem
private_key = {self.folder}/ca.key
crlnumber = {self.folder}/crlnumber
rand_serial = yes
default_md = sha256
default_days = 500
default_crl_days = 7
unique_subject = no
policy = any
x509_extensions = usual
[any]
commonName = optional
[usual]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
""", encoding="ascii")
        self.template = ocsp_template(self.folder / "ca.pem", f"{serials[0]:032x}")

    def start(self):
        self.server = Server(["openssl", "ocsp", "-index", self.folder / "index.txt", "-CA", self.folder / "ca.pem", "-rsigner",
                              self.folder / "ca.pem", "-rkey", self.folder / "ca.key", "-ndays", 1, "-port", self.port],
                             self.folder / "log")
        self.server.wait_ready(lambda: "ACCEPT" in self.server.said() or "waiting" in self.server.said())

    def measure(self, kind, connections):
        conf = ["-config", self.folder / "ca.conf"]
        if kind == "certificate alone":
            return self.timed(["openssl", "ca", *conf, "-batch", "-notext", "-subj", "/CN=user", "-in",
                               self.folder / "request.pem", "-out", self.folder / "out.pem"])
        if kind == "list":
            return self.timed(["openssl", "ca", *conf, "-gencrl", "-out", self.folder / "crl.pem"])
        # It answers one request on each connection.
        return self.load(f"http://127.0.0.1:{self.port}", connections, "--path", "/", "--content-type",
                         "application/ocsp-request", "--hex", "--body", self.template, "--lines", self.folder / "serials",
                         "--reconnect")

    def timed(self, command):
        with open(self.folder / "ca.log", "ab") as log:
            began = time.monotonic()
            pid = os.posix_spawnp(str(command[0]), [str(word) for word in command], os.environ,
                                  file_actions=[(os.POSIX_SPAWN_DUP2, log.fileno(), number) for number in (1, 2)])
            _, status, used = os.wait4(pid, 0)
        if status != 0:
            raise Failed(f"openssl {command[1]} failed: {(self.folder / 'ca.log').read_text()[-500:]}")
        return {"seconds": time.monotonic() - began, "memory": used.ru_maxrss * 1024}


class CertificatePostgres(Postgres):
    """Rows as large as those of certificates."""

    kinds = ("revoke",)
    row = 850


def raw_speed(seconds):
    """ECDSA P-256 of `openssl speed` on one core: signatures and verifications a second."""
    said = run(["openssl", "speed", "-seconds", max(1, round(seconds)), "ecdsap256"])
    found = re.search(r"nistp256\)\s+\S+\s+\S+\s+([0-9.]+)\s+([0-9.]+)", said)
    if not found:
        raise Failed("openssl speed says nothing of P-256")
    return float(found.group(1)), float(found.group(2))
