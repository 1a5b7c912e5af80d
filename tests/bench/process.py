"""Processes of the benchmark: started, measured, and stopped whatever happens."""
import http.client
import json
import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """Something could not run; the text says what."""


def wait_until(condition, seconds, what, every=0.005):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what} within {seconds} s")
        time.sleep(every)


def run(command, **options):
    """Runs to the end and gives stdout. Raises Failed with what the program said."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).decode(errors="replace").strip()[-2000:]
        raise Failed(f"{os.path.basename(str(command[0]))} ended with {done.returncode}: {said}")
    return done.stdout.decode()


def as_user(user, command):
    """The command as an unprivileged user, where this is root; some servers refuse to run as root."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command] if os.geteuid() == 0 else command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stat_of(pid):
    """Fields of /proc/PID/stat from the third on, or nothing where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def memory_of(pid, field):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    raise Failed(f"process {pid} has ended")


def resident(pid):
    """Resident memory in bytes."""
    return memory_of(pid, "VmRSS:")


def resident_most(pid):
    """The most that it ever was, or since that was set back."""
    return memory_of(pid, "VmHWM:")


class Server:
    """A server process with all its children; Ctrl-C at the terminal does not reach it."""

    def __init__(self, command, log, stop_signal=signal.SIGTERM, env=None):
        self.name = os.path.basename(str(command[0]))
        self.log = log
        self.stop_signal = stop_signal
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=out, start_new_session=True, env=env)

    @property
    def pid(self):
        return self.process.pid

    def wait_ready(self, ready, seconds=60):
        def done():
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.said()}")
            return ready()
        wait_until(done, seconds, f"{self.name} is not ready")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:].strip()

    def pids(self):
        """The process and all its descendants."""
        children = {}
        for entry in os.listdir("/proc"):
            fields = stat_of(entry) if entry.isdigit() else None
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
        found = [self.pid]
        for pid in found:  # grows while it is walked
            found += children.get(pid, [])
        return found

    def cpu(self):
        """Seconds of processor time that it and its children have used, those that have ended included."""
        ticks = 0
        for pid in self.pids():
            fields = stat_of(pid)
            if fields:
                ticks += sum(int(field) for field in fields[11:13])
                ticks += sum(int(field) for field in fields[13:15]) if pid == self.pid else 0
        return ticks / TICKS

    def stop(self):
        family = self.pids()
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                pass
        for pid in family[1:] if self.process.poll() is not None else family:  # what it left
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


class UnixHttp(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self.path))

    def ask(self, method, path, body=None):
        """Status and JSON of one request."""
        text = None if body is None else json.dumps(body)
        self.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())

    def fetch(self, path):
        """The body of a GET that is answered with 200."""
        self.request("GET", path)
        answer = self.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise Failed(f"GET {path} is answered with {answer.status}")
        return body
