"""kmsd as a certificate authority, with a million certificates on its list or with none."""
import json
import os
import subprocess
import time

from process import Failed, UnixHttp, free_port, resident_most, run, wait_until
from programs import Kmsd

HOT = 10_000


def make_request(plan):
    """A certification request for an ECDSA key, PEM."""
    key = plan.scratch / "client.key"
    if not key.exists():
        run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key])
    return run(["openssl", "req", "-new", "-key", key, "-subj", "/"])


def ocsp_template(authority, serial):
    """An OCSP request about `serial` as hexadecimal digits, with {line} in its place."""
    out = authority.with_suffix(".ocsp")
    run(["openssl", "ocsp", "-issuer", authority, "-serial", f"0x{serial}", "-no_nonce", "-reqout", out])
    text = out.read_bytes().hex()
    if text.count(serial.lower()) != 1:
        raise Failed("an OCSP request has not its serial number in it")
    return text.replace(serial.lower(), "{line}")


class CertificateKmsd(Kmsd):
    """`revoked`: whether the certificates that it is filled with stand on its list."""

    name = "kmsd"
    kinds = ("certificate", "revoke", "ocsp", "ocsp kept", "ocsp hot", "list")
    revoked_ones = True

    def __init__(self, plan):
        super().__init__(plan, self.name, tokens=0, apart=0)
        self.http = free_port()
        self.template = None

    def prepare(self):
        super().prepare()
        began = time.monotonic()
        key = subprocess.run(["mtype", "-i", f"{self.folder}/key.img", "::KMSPWD.INI"], stdout=subprocess.PIPE,
                             check=True).stdout
        run([self.plan.program("bench_fill"), "--database", self.database(), "--users", self.plan.users, "--tokens", 0,
             "--certificates", self.plan.certificates, "--certificates-file", self.folder / "serials",
             "--certificates-apart", self.plan.certificates_apart, "--certificates-apart-file", self.folder / "apart",
             *(["--revoked"] if self.revoked_ones else [])], input=key)
        self.fill_seconds = time.monotonic() - began
        users = (f"user-{number:05d}\n" for number in range(self.plan.users))
        (self.folder / "users").write_text("".join(users), encoding="ascii")
        self.body = json.dumps({"user": "{line}", "csr": make_request(self.plan)})

    def command(self, tls):
        return super().command(tls) + ["--listen", f"http://127.0.0.1:{self.http}"]

    def start(self, tls=False):
        seconds = super().start(tls)
        wait_until(self.list_bytes, 60, "kmsd has made no list")
        authority = self.folder / "ca.pem"
        authority.write_bytes(UnixHttp(self.socket()).fetch("/ca.pem"))
        with open(self.folder / "serials", encoding="ascii") as serials:
            self.template = ocsp_template(authority, serials.readline().strip())
        return seconds

    def list_bytes(self):
        """Size of the list that is published; 0: none yet."""
        made = UnixHttp(self.socket()).ask("GET", "/v1/ca")[1].get("crl")
        return made["bytes"] if made else 0

    def measure(self, kind, connections):
        unix = f"unix:{self.socket()}"
        if kind == "certificate":
            return self.load(unix, connections, "--path", "/v1/certificates", "--body", self.body, "--lines",
                             self.folder / "users", "--status", 201, "--marker", "BEGIN CERTIFICATE")
        if kind == "revoke":
            result = self.load(unix, connections, "--path", "/v1/certificates/{line}/revoke", "--lines",
                               self.folder / "apart", "--draw", "once", "--first", self.revoked, "--count",
                               self.plan.certificates_apart // (2 * self.plan.rounds), "--marker", '"status":"revoked"')
            self.revoked += result["sent"]
            return result
        if kind == "list":
            return self.make_list()
        more = {"ocsp": ["--reconnect"], "ocsp kept": [],
                "ocsp hot": ["--draw", "hot", "--hot", min(HOT, self.plan.certificates)]}[kind]
        return self.load(f"http://127.0.0.1:{self.http}", connections, "--path", "/ocsp", "--content-type",
                         "application/ocsp-request", "--hex", "--body", self.template, "--lines",
                         self.folder / "serials", *more)

    def make_list(self):
        """From being open until the list of all is published: the rows are read, and the list written and signed."""
        self.stop()
        (self.data / "security" / "public" / "1.crl").unlink()
        Kmsd.start(self, tls=False)
        began = time.monotonic()
        with open(f"/proc/{self.server.pid}/clear_refs", "w", encoding="ascii") as refs:
            refs.write("5")  # the most that was resident counts from here: scrypt's memory is given back
        wait_until(self.list_bytes, 60, "kmsd has made no list", every=0.002)
        return {"seconds": time.monotonic() - began, "memory": resident_most(self.server.pid),
                "bytes": self.list_bytes()}


class EmptyCertificateKmsd(CertificateKmsd):
    name = "kmsd-none"
    kinds = ("revoke",)
    revoked_ones = False
