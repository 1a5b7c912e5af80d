"""kmsd in the guest: started, asked, and held to what it must say."""
import json
import re
import time

from image import Failed
from machine import PATIENCE

SOCKET = "/run/kms/kms.sock"


class Daemon:
    """One `kmsd run`. Its log lies in the folder that the guest shares, so that it outlives the guest."""

    number = 0

    def __init__(self, machine, data, media, on_removal="keep", user="root", more=""):
        Daemon.number += 1
        self.machine = machine
        self.log_path = machine.share / f"kmsd-{Daemon.number}.log"
        self.log_path.write_text("", encoding="utf-8")
        self.log_path.chmod(0o666)
        uris = " ".join(f'--medium "{uri}"' for uri in media)
        command = (f"ulimit -l 262144 2>/dev/null; exec kmsd run --data-dir {data} {uris} --listen unix:{SOCKET} "
                   f"--on-removal {on_removal} {more}")
        log = f"/share/{self.log_path.name}"
        if user == "root":
            script = f"setsid sh -c '{command}' >{log} 2>&1 & echo $!"
        else:
            script = f"setsid su -s /bin/sh {user} -c '{command}' >{log} 2>&1 & echo $!"
        out = self.machine.must(f"rm -f {SOCKET}; mkdir -p /run/kms; chown {user} /run/kms {data}; cd /srv; {script}")
        self.pid = int(out.split()[-1])  # each of them becomes the next by exec
        self.await_log("listening on unix:")

    # ---- what it says

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def mark(self):
        """Where the log ends now; what comes later is new."""
        return len(self.log())

    def await_log(self, pattern, since=0, seconds=PATIENCE):
        """Waits until a line of the log fits; gives the time of the host's clock then."""
        end = time.monotonic() + seconds
        while not re.search(pattern, self.log()[since:], re.M):
            if time.monotonic() > end:
                raise Failed(f"awaited for {seconds} s in kmsd's log: {pattern}")
            time.sleep(0.01)
        return time.monotonic()

    def await_more_log(self, since, seconds):
        """Waits until the log has grown, or for so long."""
        end = time.monotonic() + seconds
        while self.mark() <= since and time.monotonic() < end:
            time.sleep(0.01)

    def count(self, pattern, since=0):
        return len(re.findall(pattern, self.log()[since:], re.M))

    def turns(self, since=0):
        """How often it was sealed or unsealed since then."""
        return self.count(r"\[(5001|5002)\]$", since)

    def status(self):
        return json.loads(self.machine.must("kmsctl --json status"))

    def media(self):
        return json.loads(self.machine.must("kmsctl --json media"))["items"]

    def await_media(self, what, fits, seconds=PATIENCE):
        """Waits until kmsctl media shows a slot that fits."""
        end = time.monotonic() + seconds
        while True:
            shown = self.media()
            if any(fits(slot) for slot in shown):
                return
            if time.monotonic() > end:
                raise Failed(f"awaited for {seconds} s in kmsctl media: {what}; it shows {shown}")

    # ---- what it must come to

    def expect(self, state, reason=None, event=None, says="", since=None, logged=None, seconds=PATIENCE):
        """Waits for a state with its reason; then the event, the sentence and the log's line must be there."""
        end = time.monotonic() + seconds
        while True:
            mark = self.mark()
            status = self.status()
            if (status["state"] == state and (reason is None or status["reason"] == reason)
                    and re.search(says, status["detail"])):
                break
            if time.monotonic() > end:
                raise Failed(f"awaited for {seconds} s: {state} ({reason or 'any'}) saying '{says}'; it is {status}")
            # Each change of the state is logged; to ask all the while would keep the guest busy.
            self.await_more_log(mark, 1.0)
        if event is not None and status["event"] != event:
            raise Failed(f"event {event} was expected; it is {status}")
        if logged is not None:
            self.await_log(logged, since or 0)
        return status

    def expect_open(self, seconds=PATIENCE):
        return self.expect("unsealed", seconds=seconds, says="is open")

    def expect_refused(self, reason, says, uri, since=0):
        """Sealed because of the medium: reason, event 5057, sentence, and a line in the log that names the medium."""
        status = self.expect("sealed", reason, 5057, says)
        self.await_log(rf"medium refused: {re.escape(uri)}: .*{says}.* \[5057\]$", since)
        return status

    # ---- tokens

    def issue(self, user="alice"):
        issue = f"kmsctl token issue --user {user} --ttl 8h 2>/dev/null"
        return self.machine.must(f"{issue} || {{ kmsctl user add {user} >&2 && {issue}; }}").split()[-1]

    def verify(self, token):
        """kmsctl's exit code: 0 active, 1 not, 3 the server is sealed."""
        return self.machine.sh(f"echo '{token}' | kmsctl token verify -").exit

    def expect_tokens_work(self, *known):
        """One is issued and verified, and those known from before still are good."""
        fresh = self.issue()
        for token in (fresh, *known):
            if self.verify(token) != 0:
                raise Failed(f"a token is not good: {token[:8]}...")
        return fresh

    def expect_tokens_wait(self, token):
        if (exit_code := self.verify(token)) != 3:
            raise Failed(f"a sealed server was asked for a token, and kmsctl ended with {exit_code}, not 3")

    # ---- its end

    def reader(self):
        return int(self.machine.must("pidof kmsd-media").split()[0])

    def stop(self):
        """Ends it, and tells of sanitizers' findings and of an end that was not clean."""
        ran = self.machine.sh(f"kill -TERM {self.pid}; while kill -0 {self.pid}; do usleep 10000; done 2>/dev/null")
        text = self.log()
        if ran.exit != 0:
            self.machine.sh(f"kill -KILL {self.pid}")
            raise Failed(f"kmsd did not end within {PATIENCE} s of SIGTERM")
        if found := re.search(r"(AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:).*", text):
            raise Failed(f"a sanitizer has found something: {found[0]}")


class Traffic:
    """Requests that run on: a token is verified over and over, each time by a kmsctl of its own."""

    def __init__(self, daemon, token):
        self.machine = daemon.machine
        self.machine.must("rm -f /srv/traffic.*; touch /srv/traffic.on")
        loop = ("while [ -e /srv/traffic.on ]; do "
                f"echo {token} | kmsctl token verify - >/dev/null 2>>/srv/traffic.err; echo $? >>/srv/traffic.log; done; "
                "touch /srv/traffic.done")
        self.machine.must(f"setsid sh -c '{loop}' >/dev/null 2>&1 &")

    def exits(self):
        return self.machine.sh("cat /srv/traffic.log").out.split()

    def await_more(self, count=2):
        """Waits for so many further answers."""
        goal = len(self.exits()) + count
        self.machine.until(f"[ $(wc -l </srv/traffic.log) -ge {goal} ]", f"{count} more answers to requests")

    def stop(self, allowed=("0",)):
        self.machine.must("rm -f /srv/traffic.on")
        self.machine.until("[ -e /srv/traffic.done ]", "the end of the requests")
        exits = self.exits()
        wrong = [one for one in exits if one not in allowed]
        if wrong or len(exits) < 2:
            raise Failed(f"of {len(exits)} requests {len(wrong)} had a wrong answer: exit codes {sorted(set(exits))}, "
                         f"allowed {allowed}\n" + self.machine.sh("tail -n 5 /srv/traffic.err").out)
        return len(exits)
