"""Two hosts with a drive A: each: the one that a server leaves, and the one that it comes to; and what is carried over."""
import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from daemon import Daemon
from image import Failed, run
from rig import expect

A = "floppy:A:"
DATA = "/srv/kms"
# The records of a server as its commands tell them; certificates and keys of users lie in files.
RECORDS = ("user list", "token list", "cert list", "ca show")
# A pair for encryption of RSA costs an emulated machine seconds.
RUN = "--encryption-key ecdsa-p256"


class Host:
    """A machine with no server, and the commands that an administrator gives on it. Its data directory is /srv/kms."""

    def __init__(self, rig, machine, name):
        self.rig, self.machine = rig, machine
        self.sh, self.must = machine.sh, machine.must
        self.must(f"hostname {name}")

    # ---- files

    def carry(self, path, name=None):
        """Brings a file or directory of ours to /srv/NAME, as root's own."""
        path = Path(path)
        name = name or path.name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, self.machine.share / name)
        self.must(f"rm -rf /srv/{name} && cp -r /share/{name} /srv/{name} && chown -R root:root /srv/{name} && "
                  f"chmod go= /srv/{name} && rm -rf /share/{name}")

    def fetch(self, place):
        """Gives a file or directory of the host as one of ours, which lasts as long as the machine."""
        name = Path(place).name
        self.must(f"rm -rf /share/{name} && cp -r {place} /share/{name} && chmod -R a+rX /share/{name}")
        return self.machine.share / name

    # ---- the server

    def holds(self, *names):
        """Whether the data directory holds these names, and no other."""
        there = self.must(f"ls {DATA} 2>/dev/null || :").split()
        return len(there) == len(names) and all(re.fullmatch(name, one) for name, one in zip(sorted(names), sorted(there)))

    def start(self, more=""):
        self.rig.daemon = Daemon(self.machine, DATA, [A], more=f"{RUN} {more}")
        return self.rig.daemon

    def stop(self):
        daemon, self.rig.daemon = self.rig.daemon, None
        daemon.stop()

    def ends(self, command, exit_code, *says):
        """Runs a command that must end so and say this."""
        ran = self.sh(command)
        expect(ran.exit == exit_code, f"'{command}' ended with {ran.exit}, not {exit_code}: {ran.out}")
        for what in says:
            expect(what in ran.out, f"'{command}' does not say '{what}': {ran.out}")
        return ran.out

    def records(self):
        """What the open server knows of users, tokens, certificates and its authority."""
        said = self.must(" && ".join(f"kmsctl --json {what}" for what in RECORDS)).splitlines()
        known = {what: json.loads(text) for what, text in zip(RECORDS, said, strict=True)}
        known["ca show"].pop("crl", None)  # its times
        return known

    def crl(self):
        """The list that lies on the disk: its number, and the serials on it."""
        return read_crl(self.fetch(f"{DATA}/security/public"))

    def await_crl(self, revoked, above):
        """Waits until there is a list with these serials and a higher number."""
        place, crl = f"{DATA}/security/public/1.crl", None
        for _ in range(5):
            before = self.sh(f"md5sum {place}").out.strip()
            if before.endswith(place):
                crl = self.crl()
                if crl.serials == set(revoked) and crl.number > above:
                    return crl
            self.machine.until(f'[ "$(md5sum {place} 2>&1)" != "{before}" ]', f"another CRL than {crl}, with {revoked}")
        raise Failed(f"a CRL with {revoked} and a number above {above} was expected; it is {crl}")


class MachineOfHost:
    """Switches a machine off after a scenario, also one that has failed."""

    def __init__(self, rig, machine):
        self.rig, self.machine = rig, machine
        rig.helpers.append(self)

    def close(self):
        if self in self.rig.helpers:
            self.rig.helpers.remove(self)
        if self.rig.daemon is not None and self.rig.daemon.machine is self.machine:
            self.rig.daemon = None
        self.machine.stop()


@dataclass
class Crl:
    number: int
    serials: set


def read_crl(public):
    text = run(["openssl", "crl", "-inform", "DER", "-noout", "-crlnumber", "-text", "-in", public / "1.crl"])
    number = re.search(r"crlNumber=(?:0x)?([0-9A-Fa-f]+)", text)
    return Crl(int(number[1], 16), {f"{int(one, 16):032x}" for one in re.findall(r"Serial Number: ([0-9A-F]+)", text)})


@dataclass
class Left:
    """What the old host leaves: two backups, and what its users and administrators have at hand."""
    server: str = ""
    medium: str = ""
    records: dict = field(default_factory=dict)
    crl: Crl | None = None
    tokens: dict = field(default_factory=dict)  # by what has become of them
    revoked: str = ""  # a certificate's serial
    files: Path | None = None  # live.kdb, final.kdb, and the folder of alice's keys
