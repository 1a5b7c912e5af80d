"""Seeds of what moves users to another server."""
import os
import struct

from seed_tools import tool


def user_packages(folder):
    """A document, a package of it that is signed by an authority of OpenSSL's, and a receipt (kms/FORMATS.md, section 19)."""
    def field(content):
        return struct.pack("<I", len(content)) + content

    key, certificate = os.path.join(folder, "move.key"), os.path.join(folder, "move.der")
    tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
         "-subj", "/CN=Acme CA", "-keyout", key, "-outform", "DER", "-out", certificate)
    with open(certificate, "rb") as file:
        authority = file.read()
    held = struct.pack("<BBBQQ", 3, 1, 0, 1769904000, 0) + field(authority) + field(b"\x30\x03\x02\x01\x00")
    user = b"".join(field(text) for text in (b"alice", b"alice@example.org", b""))
    document = (b"KDMOVE\0\1" + bytes(range(16)) + bytes(160) + b"\1\1" + user + b"\1" + field(b"www.example.org") +
                struct.pack("<H", 1) + held)
    head = b"KDUSER\0\1" + bytes(range(16)) + bytes(32) + field(authority) + field(b"\x30\x00")
    signed, signature = os.path.join(folder, "move.txt"), os.path.join(folder, "move.sig")
    with open(signed, "wb") as file:
        file.write(b"keydisk/1/user-package\n" + head)
    tool("openssl", "dgst", "-sha256", "-sign", key, "-out", signature, signed)
    with open(signature, "rb") as file:
        made = file.read()
    yield "document", document
    yield "package", head + field(bytes.fromhex("300a06082a8648ce3d040302")) + field(made)
    yield "receipt", b"KDTAKEN\1" + bytes(48) + field(b"alice") + bytes(32)
