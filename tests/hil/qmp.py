"""QMP, the protocol by which QEMU is told to change disks, plug and unplug. One command at a time; events are kept."""
import json
import socket
import time

from image import Failed


class Qmp:
    def __init__(self, path, seconds=30):
        self.socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + seconds
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.buffer = b""
        self.events = []
        self._line(seconds)  # the greeting
        self.do("qmp_capabilities")

    def _line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                got = self.socket.recv(65536)
            except TimeoutError as late:
                raise Failed(f"QEMU said nothing for {seconds} s") from late
            if not got:
                raise Failed("QEMU has ended")
            self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def do(self, command, **arguments):
        """Returns what the command gives. Names have hyphens where Python has underscores."""
        request = {"execute": command, "arguments": _hyphens(arguments)}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._line(60)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise Failed(f"QEMU refuses {command} {arguments}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def await_event(self, name, seconds=300, **data):
        """Waits for an event that has these data; takes it away with all that came before it."""
        end = time.monotonic() + seconds
        while True:
            for at, event in enumerate(self.events):
                if event["event"] == name and all(event.get("data", {}).get(key) == value for key, value in data.items()):
                    del self.events[:at + 1]
                    return event
            left = end - time.monotonic()
            if left <= 0:
                raise Failed(f"QEMU did not say {name} {data} within {seconds} s")
            got = self._line(left)
            if "event" in got:
                self.events.append(got)

    def close(self):
        self.socket.close()


def _hyphens(value):
    if isinstance(value, dict):
        return {key.replace("_", "-"): _hyphens(one) for key, one in value.items()}
    return value
