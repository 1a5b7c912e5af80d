"""The installed service under the real systemd and udevd: started at boot, by its medium, stopped, reloaded, restarted."""
import re

import disks
from cards import OpenPgp
from rig import expect, needs
from systemd_rig import Service, systemd_scenario

KMSD, INSERT = "kmsd.service", "kmsd-insert.service"


def expect_as_the_unit_says(rig, service):
    """Both programs run as the user kms, with no capability, no way to new ones, and under filters."""
    user, group = rig.must("id -u kms; id -g kms").split()
    filters = {}
    for name in ("kmsd", "kmsd-media"):
        facts = service.process(name)
        expect(facts["Uid"].split() == [user] * 4 and facts["Gid"].split() == [group] * 4
               and facts["Groups"].split() == [group], f"{name} runs as another user: {facts}")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            expect(int(facts[kind], 16) == 0, f"{name} has capabilities: {kind} {facts[kind]}")
        expect(facts["NoNewPrivs"] == "1" and facts["Seccomp"] == "2", f"{name} is not confined: {facts}")
        filters[name] = int(facts["Seccomp_filters"])
    expect(filters["kmsd-media"] > filters["kmsd"], f"kmsd-media has no filter of its own: {filters}")
    limits = rig.must("cat /proc/$(pidof kmsd)/limits")
    expect(re.search(r"^Max core file size +0 +0 ", limits, re.M), f"core files: {limits}")
    expect(re.search(r"^Max locked memory +268435456 ", limits, re.M), f"locked memory: {limits}")
    places = ["/usr/bin", "/etc/kms", "/root", "/var/log", "/var/lib/kms"]
    said = rig.sh(f"for at in {' '.join(places)}; do nsenter -t $(pidof kmsd) -m touch $at/hil; done; rm /var/lib/kms/hil").out
    written = [place for place in places if f"{place}/hil: Read-only file system" not in said]
    expect(written == ["/var/lib/kms"], f"the service may write in {written}:\n{said}")
    swap = "/sys/fs/cgroup/system.slice/kmsd.service/memory.swap.max"
    expect(rig.must(f"cat {swap}") == "0\n", "the service's memory may be swapped out")
    said = rig.sh("echo $$ >/sys/fs/cgroup/system.slice/kmsd.service/cgroup.procs; : </dev/ttyS0").out
    expect("Operation not permitted" in said, f"the service may open a serial line: {said}")


@needs("usb")
@systemd_scenario
def systemd_stick_at_boot(rig):
    """boot with the stick in and kmsd-insert.service enabled: udev starts the server, it opens, confined as its unit says"""
    rig.boot(enable=[INSERT], stick="key")
    service = Service(rig)
    rig.until("systemctl is-active kmsd.service", "the server's start by its medium")
    status = service.expect_open()
    service.expect_text(f"unsealed by medium {status['medium']}")
    service.await_log(r"^medium inserted: usb:\S+ \[5010\]$")
    service.await_log(rf"^unsealed by medium {status['medium']} \[5001\]$")
    expect(rig.must("journalctl -q -o cat -p notice -u kmsd.service _COMM=kmsd") == "", "kmsd warns of something")
    service.expect_tokens_work()
    expect_as_the_unit_says(rig, service)
    rig.await_journal(INSERT, "^Finished kmsd-insert.service")
    expect(rig.must("systemctl --no-legend --failed") == "", "a unit has failed")


@needs("usb")
@systemd_scenario
def systemd_enabled_at_boot(rig):
    """boot with kmsd.service enabled and no medium: sealed and active; opens by its stick, not by a foreign one, and by a diskette"""
    rig.boot(enable=[KMSD])
    service = Service(rig)
    expect(service.state() == "active", f"the server is {service.state()} after the boot")
    service.expect("sealed", "awaiting_medium", says="waits for its key medium")
    service.expect_text("sealed: The server waits for its key medium")
    rig.plug("foreign")
    service.expect("sealed", "foreign", 5057, "belongs to server")
    service.expect_text("sealed: .*belongs to server")
    rig.unplug("foreign")
    rig.plug("key")
    service.expect_open()
    token = service.expect_tokens_work()
    rig.must("kmsctl seal")
    service.expect("sealed", "sealed_by_command")
    rig.unplug("key")
    service.expect_tokens_wait(token)
    rig.insert("spare")
    service.expect_open()
    service.expect_tokens_work(token)
    service.expect_text("unsealed by medium")


@systemd_scenario
def systemd_install(rig):
    """as README says: setup by root onto a diskette, enable --now; the service owns its data, opens, and issues tokens"""
    rig.running()
    service = Service(rig)
    rig.must("rm -rf /var/lib/kms/security; chown root:disk /dev/fd0")  # as it is before the rules are there
    rig.must("udevadm control --reload && udevadm trigger --settle --subsystem-match=usb --subsystem-match=block")
    expect(rig.must("stat -c %U:%G:%a /dev/fd0") == "root:kms:660\n", "the rules have not given the drive to kms")
    disks.blank_floppy(rig.media / "new.img")
    rig.insert("new")
    rig.must("kmsd setup --medium floppy:A:")
    rig.must("systemctl enable --now --quiet kmsd.service")
    service.expect_open()
    service.expect_tokens_work()
    strangers = rig.must("find /var/lib/kms ! -user kms -o ! -group kms")
    expect(strangers == "", f"not the service's own: {strangers}")
    rig.eject()
    expect("pwd=" in disks.key_text(rig.media / "new.img"), "the diskette has no key")


@needs("usb")
@systemd_scenario
def systemd_stopped(rig):
    """a stopped server stays stopped when its stick comes; after start, or a signal by hand, the stick starts it again"""
    rig.running(enable=[INSERT])
    service = Service(rig)
    rig.plug("key")
    rig.until("systemctl is-active kmsd.service", "the server's start by its medium")
    service.expect_open()
    rig.must("systemctl stop kmsd.service")
    rig.unplug("key")
    mark = len(rig.journal(INSERT))
    rig.plug("key")
    rig.await_journal(INSERT, "^kmsd.service is not started: an administrator stopped it; 'systemctl start", mark)
    expect(service.state() == "inactive", f"the server is {service.state()} although it was stopped")
    rig.must("systemctl start kmsd.service && ! [ -e /run/kmsd.stopped ]")
    service.expect_open()
    pid = rig.show(KMSD, "MainPID")["MainPID"]
    rig.must("systemctl kill --kill-who=main kmsd.service")
    rig.until(f"[ $(systemctl show -P MainPID kmsd.service) != {pid} ]", "its end by SIGTERM")
    rig.unplug("key")
    rig.must("! [ -e /run/kmsd.stopped ]")
    rig.plug("key")
    rig.until("systemctl is-active kmsd.service", "the server's start by its medium")
    service.expect_open()


@needs("usb")
@systemd_scenario
def systemd_reload(rig):
    """reload reads the configuration anew and keeps the server open; restart opens it by its stick; a wrong option is told"""
    rig.running()
    service = Service(rig)
    rig.plug("key")
    rig.must("systemctl start kmsd.service")
    service.expect_open()
    token, mark, pid = service.issue(), service.mark(), rig.show(KMSD, "MainPID")["MainPID"]
    rig.must("systemctl reload kmsd.service")
    service.await_log("read anew|reloaded", mark)
    expect(rig.show(KMSD, "MainPID")["MainPID"] == pid and service.state() == "active", "the reload has restarted it")
    expect(service.turns(mark) == 0, "the reload has sealed it")
    service.expect_tokens_work(token)
    rig.must("systemctl restart kmsd.service && ! [ -e /run/kmsd.stopped ]")
    service.expect_open()
    service.expect_tokens_work(token)
    mark = service.mark()
    rig.must("echo nonsense=1 >>/etc/kms/kmsd.conf && systemctl reload kmsd.service")
    service.await_log("nonsense", mark)
    service.expect_open()
    mark = service.mark()
    expect(rig.sh("systemctl restart kmsd.service").exit != 0, "it started with an option that there is not")
    service.await_log("nonsense", mark)
    facts = rig.show(KMSD, "ActiveState", "ExecMainStatus", "NRestarts")
    expect(facts == {"ActiveState": "failed", "ExecMainStatus": "2", "NRestarts": "0"}, f"wrong options: {facts}")


@needs("usb")
@systemd_scenario
def systemd_watchdog(rig):
    """a server that hangs is killed and started anew by systemd's watchdog, and opens by itself"""
    rig.running()
    service = Service(rig)
    rig.drop_in("WatchdogSec=20s\nRestartSec=100ms")
    rig.plug("key")
    rig.must("systemctl start kmsd.service")
    service.expect_open()
    token, mark = service.issue(), service.mark()
    pid = rig.show(KMSD, "MainPID")["MainPID"]
    rig.must(f"kill -STOP {pid}")
    rig.until(f"[ $(systemctl show -P NRestarts kmsd.service) = 1 ] && ! [ -e /proc/{pid} ]", "the restart")
    service.expect_open()
    service.await_log("^kmsd.service: Watchdog timeout", mark)
    service.expect_tokens_work(token)
    rig.must("! [ -e /run/kmsd.stopped ]")
    expect(rig.show(KMSD, "NRestarts")["NRestarts"] == "1", "it was restarted more than once")


@needs("usb")
@systemd_scenario
def systemd_no_server(rig):
    """with no server set up a medium starts nothing, and the journal says why; nor where it is not enabled"""
    rig.running()
    service = Service(rig)
    mark = len(rig.journal(INSERT))
    rig.plug("key")
    rig.await_journal(INSERT, "^kmsd.service is not started: kmsd-insert.service is not enabled", mark)
    rig.unplug("key")
    rig.must("rm -rf /var/lib/kms/security; systemctl --quiet enable kmsd-insert.service")
    rig.plug("key")
    rig.await_journal(INSERT, "^kmsd.service is not started: no server is set up in /var/lib/kms/security; ", mark)
    expect(service.state() == "inactive", f"the server is {service.state()} with no data")
    rig.must("systemctl start kmsd.service")  # a condition that does not hold is no failure
    expect(service.state() == "inactive", f"the server is {service.state()} with no data")
    expect(rig.must("systemctl --no-legend --failed") == "", "a unit has failed")


@needs("usb")
@systemd_scenario
def systemd_drop_ins(rig):
    """a drop-in gives kmsd, not kmsd-media, the right to port 80; one that forbids the devices is told of, with DeviceAllow="""
    rig.running()
    service = Service(rig)
    rig.drop_in("AmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nDeviceAllow=")
    rig.must("printf 'listen=http://127.0.0.1:80\nlisten=unix:/run/kms/kms.sock\n' >>/etc/kms/kmsd.conf")
    rig.plug("key")
    rig.until("[ -b /dev/sda ]", "the stick in the guest")
    rig.must("systemctl start kmsd.service")
    service.expect("sealed", "awaiting_medium", says="DeviceAllow=")
    told = {slot["driver"]: slot["error"] for slot in service.media()}
    expect(all("DeviceAllow=" in told[driver] for driver in ("usb", "floppy")), f"the places say {told}")
    expect("503 Service Unavailable" in rig.sh("wget -q -O - http://127.0.0.1:80/v1/health").out, "port 80 is not served")
    for name, capabilities in (("kmsd", 1 << 10), ("kmsd-media", 0)):
        facts = service.process(name)
        expect(int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == capabilities, f"{name} has capabilities: {facts}")


@needs("card")
@systemd_scenario
def systemd_card(rig):
    """the reader starts an enabled server; pcscd comes by its socket, the PIN as a credential; the card opens"""
    rig.running(enable=[INSERT])
    service = Service(rig)
    rig.must("umask 077; printf 123456 >/etc/kms/pin")
    rig.drop_in("LoadCredential=kms-pin:/etc/kms/pin")
    rig.must("systemctl stop pcscd.service")
    card = OpenPgp(rig, "key")  # plugs the reader
    rig.until("systemctl is-active kmsd.service", "the server's start by the reader")
    service.expect("sealed", "awaiting_medium")
    card.insert()
    service.expect_open()
    service.expect_tokens_work()
    expect(rig.show("pcscd.service", "ActiveState", "TriggeredBy") == {"ActiveState": "active", "TriggeredBy": "pcscd.socket"},
           "pcscd was not started by its socket")
    expect(card.tries() == (3, 1), f"tries left and PINs given: {card.tries()}")


@systemd_scenario
def systemd_units(rig):
    """systemd-analyze finds the units without fault, and their exposure low"""
    rig.running()
    said = rig.must(f"systemd-analyze --man=no verify {KMSD} {INSERT}")
    expect(said == "", f"systemd-analyze verify says:\n{said}")
    rig.must(f"systemd-analyze security --no-pager --threshold=20 {KMSD}")
    rig.must(f"systemd-analyze security --no-pager --threshold=20 {INSERT}")
