"""A card in QEMU's emulated reader: this program is the card. Protocol: VSC of libcacard, vscard_common.h."""
import socket
import struct
import threading

from image import Failed

INIT, ERROR, READER_ADD, READER_REMOVE, ATR, CARD_REMOVE, APDU = 1, 2, 3, 4, 5, 6, 7
READER = 0
UNDEFINED = 0xFFFFFFFF


def atr(historical):
    """The reader speaks T=0 only, so the answer to reset offers nothing else."""
    return bytes([0x3B, 0x60 | len(historical), 0, 0]) + historical


class Card:
    """`answer(apdu)` gives data and status word; None: the card is mute. It is in the reader from insert() to pull()."""

    def __init__(self, path, answer, historical=b"hil"):
        self.answer, self.atr = answer, atr(historical)
        self.lock = threading.Lock()
        self.insertions, self.inside = 0, False
        self.seen = []  # APDUs
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        self._send(INIT, b"VSCD" + struct.pack(">II", 2, 0), UNDEFINED)
        self._send(READER_ADD, b"hil\0", UNDEFINED)
        self.failure = None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.socket.settimeout(None)
        self.thread.start()

    def insert(self):
        with self.lock:
            self.insertions, self.inside = self.insertions + 1, True
            self._send(ATR, self.atr)

    def pull(self):
        with self.lock:
            self.inside = False
            self._send(CARD_REMOVE, b"")

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.socket.close()
        if self.failure:
            raise Failed(f"the card stub: {self.failure}")

    def _send(self, kind, data, reader=READER):
        self.socket.sendall(struct.pack(">III", kind, reader, len(data)) + data)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            got = self.socket.recv(size - len(data))
            if not got:
                raise EOFError
            data += got
        return data

    def _serve(self):
        try:
            while True:
                kind, _, length = struct.unpack(">III", self._exactly(12))
                data = self._exactly(length)
                if kind == APDU:
                    insertion = self.insertions
                    self.seen.append(data)
                    reply = self.answer(data)
                    with self.lock:  # what was pulled meanwhile says nothing more
                        if reply is not None and self.inside and self.insertions == insertion:
                            self._send(APDU, reply)
                elif kind == ERROR and data != b"\0\0\0\0":
                    self.failure = f"QEMU says error {data.hex()}"
        except (EOFError, OSError):
            pass
