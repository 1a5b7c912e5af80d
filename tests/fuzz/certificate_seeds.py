"""Seeds of what clients and authorities send: requests, CMP messages, OCSP."""
import base64
import hashlib
import os
import re
import struct
import subprocess

from seed_tools import formats, tool


def requests(folder):
    """Certification requests of openssl in each form that a client sends, and a certificate."""
    path = os.path.join(folder, "request")
    every = ["-addext", "subjectAltName=email:alice@example.org,DNS:a.example.org,IP:127.0.0.1,URI:x:y",
             "-addext", "basicConstraints=critical,CA:FALSE,pathlen:3", "-addext", "keyUsage=critical,digitalSignature",
             "-addext", "extendedKeyUsage=clientAuth,emailProtection"]
    curve = lambda name: ["-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{name}"]

    def made(*options, subject="/C=CH/O=Acme/CN=Alice", form="DER"):
        tool("openssl", "req", "-new", "-nodes", "-keyout", os.devnull, "-subj", subject, "-outform", form, "-out", path,
             *options)
        with open(path, "rb") as file:
            return file.read()

    yield "p256", made(*curve("P-256"), subject="/")
    yield "p384", made(*curve("P-384"), *every)
    yield "p521", made(*curve("P-521"), subject="/CN=a/CN=b+UID=c/emailAddress=alice@example.org")
    yield "ed25519", made("-newkey", "ed25519", *every)
    yield "rsa", made("-newkey", "rsa:2048", *every)
    yield "rsa_pem", made("-newkey", "rsa:2048", form="PEM")
    yield "new_pem", made(*curve("P-256"), "-newhdr", form="PEM")
    yield "est", base64.encodebytes(made("-newkey", "ed25519"))
    yield "authority", made(*curve("P-256"), "-addext", "basicConstraints=CA:TRUE")
    yield "explicit", made(*curve("P-256"), "-pkeyopt", "ec_param_enc:explicit")
    yield "certificate", made("-x509", *curve("P-256"), *every)
    yield "certificate_pem", made("-x509", "-newkey", "ed25519", form="PEM")


def der(content):
    """(tag, value, rest) of the first element."""
    size, head = content[1], 2
    if size >= 0x80:
        head += size & 0x7F
        size = int.from_bytes(content[2:head], "big")
    return content[0], content[head:head + size], content[head + size:]


def cmp_messages(folder):
    """What `openssl cmp` sends: as it is, and its bodies by themselves."""
    path = lambda name: os.path.join(folder, name)
    for name, options in [("new", ["-algorithm", "ED25519"]),
                          ("old", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])]:
        tool("openssl", "genpkey", *options, "-out", path(name + ".key"))
    tool("openssl", "req", "-new", "-key", path("new.key"), "-subj", "/CN=alice", "-out", path("new.csr"))
    tool("openssl", "req", "-x509", "-key", path("old.key"), "-subj", "/CN=alice", "-out", path("old.crt"))
    secret = ["-ref", "alice", "-secret", "pass:ABCD-EFGH-JKMN"]
    signed = ["-cert", path("old.crt"), "-key", path("old.key"), "-trusted", path("old.crt")]
    new = ["-newkey", path("new.key"), "-certout", path("new.crt")]
    names = ["-subject", "/CN=alice/emailAddress=alice@example.org", "-sans", "alice.example.org", "-days", "9"]
    for name, body, options in [
            ("ir", 0, [*secret, *new, *names]), ("cr", 2, [*secret, *new, "-subject", "/CN=alice", "-implicit_confirm"]),
            ("p10cr", 4, [*secret, "-csr", path("new.csr"), "-certout", path("new.crt")]),
            ("kur", 7, [*signed, *new]), ("rr", 11, [*signed, "-oldcert", path("old.crt"), "-revreason", "6"]),
            ("genm", 21, [*secret, "-infotype", "caCerts"])]:
        sent = path(name + ".der")
        # There is no answer to read, so it fails once it has written what it would send.
        subprocess.run(["openssl", "cmp", "-config", "", "-cmd", name, "-server", "127.0.0.1:1", *options, "-reqout", sent,
                        "-rspin", path("none")], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(sent, "rb") as file:
            message = file.read()
        yield name, b"M" + message
        content = der(der(der(message)[1])[2])[1]
        for how in b"BS":
            yield f"{name}_{chr(how)}", bytes([how, body]) + content
    hashed = bytes.fromhex("0420") + bytes(32) + bytes.fromhex("020100")
    status = bytes.fromhex("300c020102300703020640") + b"\x05\x00"
    for name, rest in [("plain", b""), ("status", status), ("digest", bytes.fromhex("a00f300d06096086480165030402010500"))]:
        one = b"\x30" + bytes([len(hashed + rest)]) + hashed + rest
        yield "conf_" + name, b"S\x18\x30" + bytes([len(one)]) + one


def ocsp_requests(folder):
    """What `openssl ocsp` asks, and the beginning of a revocation list."""
    path = lambda name: os.path.join(folder, name)
    tool("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", path("ca.key"), "-subj", "/CN=ca", "-out", path("ca.crt"))
    for name, options in [("plain", ["-no_nonce"]), ("nonce", ["-nonce"]), ("sha256", ["-sha256", "-no_nonce"]),
                          ("two", ["-no_nonce", "-serial", "0x11223344556677881122334455667788"])]:
        hashed = options if options[0].startswith("-sha") else ["-sha1", *options]
        tool("openssl", "ocsp", "-issuer", path("ca.crt"), hashed[0], "-cert", path("ca.crt"), *hashed[1:], "-reqout", path("ocsp.der"))
        with open(path("ocsp.der"), "rb") as file:
            yield name, file.read()
    algorithm, name = bytes.fromhex("300506032b6570"), bytes.fromhex("300d310b300906035504030c026361")
    times = b"".join(b"\x17\x0d" + text for text in (b"261122000000Z", b"261129000000Z"))
    fields = b"\x02\x01\x01" + algorithm + name + times
    listed = b"\x30" + bytes([len(fields)]) + fields
    yield "list", b"\x30" + bytes([len(listed)]) + listed


def kept_answers(folder):
    """The worked example of kms/FORMATS.md, one without answers, and one of an authority that openssl makes."""
    text = re.search("```example kept answers\n(.*?)```", formats("kms"), re.S).group(1)
    yield "example", bytes.fromhex("".join(text[text.index("\nfile:") + 6:].split()))
    summed = lambda content: content + hashlib.sha256(content).digest()
    yield "none", summed(b"kd-ocsp\x01" + bytes(22))
    path = lambda name: os.path.join(folder, name)
    tool("openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", path("kept.key"), "-subj", "/CN=kept",
         "-outform", "DER", "-out", path("kept.der"))
    with open(path("kept.der"), "rb") as file:
        own = file.read()
    fields = [own, own, bytes.fromhex("300506032b6570")]
    signer = b"".join(struct.pack("<I", len(field)) + field for field in fields)
    one = struct.pack("<16sBHBQBQIH", b"\x11" * 16, 1, 0, 0, 0, 0, 1_790_000_000, 43_200, 64) + b"\x22" * 64
    yield "self_signed", summed(b"kd-ocsp\x01" + struct.pack("<QQH", 5, 6, 1) + signer + struct.pack("<I", 1) + one)
