"""The move to another host, step by step as the original's administrators did it, and the traps on the way."""
import shutil

from hosts import A, DATA, Host, Left, MachineOfHost
from image import run
from rig import expect, scenario

AT = f"--data-dir {DATA}"


# ---- the old host

def work(rig, old):
    """Users, tokens, certificates and an archived key; gives the tokens by what will become of them."""
    run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
         rig.folder / "bob.key", "-subj", "/CN=bob", "-out", rig.folder / "bob.csr"])
    old.carry(rig.folder / "bob.csr")
    said = old.must("""cd /srv
        issue() { kmsctl token issue --user "$@"; }
        { kmsctl ca init >/srv/ca && kmsctl user add alice bob >/srv/users &&
          issue alice && issue bob && issue bob --kind enrol && issue alice --kind enrol >used &&
          kmsctl enrol --user alice --token-file used --out alice --no-pkcs12 >/srv/enrolled &&
          kmsctl cert issue --user bob --profile client --csr bob.csr >bob.crt && cat used
        } 2>said || { cat said; false; }""")
    return dict(zip(("kept", "revoked", "pending", "used"), said.split(), strict=True))


def revoke(old, left):
    """What a backup of before does not know."""
    bob = [one["serial"] for one in old.records()["cert list"]["items"] if one["user"] == "bob"]
    expect(len(bob) == 1, f"bob has the certificates {bob}")
    left.revoked = bob[0]
    old.must(f"echo {left.tokens['revoked']} | kmsctl token revoke - && kmsctl cert revoke {left.revoked}")


def final_backup(rig, old, left):
    """With no disk, with another server's, and with one that is pulled meanwhile, nothing is marked as moved."""
    backup = f"kmsd backup /srv/final.kdb {AT} --final --medium {A}"
    nothing = f"[ ! -e /srv/final.kdb ] && [ ! -e {DATA}/security/moved ]"
    old.ends(backup, 6, "already runs on")
    old.stop()
    old.machine.eject()
    old.ends(backup, 5)
    old.must(nothing)
    old.machine.insert(rig.media / "foreign.img")
    old.ends(backup, 4, "belongs to server")
    old.must(nothing)
    old.machine.insert(rig.media / "key.img")
    old.must(f"rm -f /srv/ended; {{ {backup.replace('final.kdb', 'pulled.kdb')}; echo $? >/srv/ended; }} >/srv/said 2>&1 &")
    old.machine.until("ls -l /proc/[0-9]*/fd | grep -q /dev/fd0", "the drive in use")
    old.machine.eject()
    old.machine.until("[ -s /srv/ended ]", "the end of a backup whose disk was pulled")
    old.must(f"if [ $(cat /srv/ended) = 0 ]; then [ -e /srv/pulled.kdb ]; else {nothing} && [ ! -e /srv/pulled.kdb ]; fi")
    old.machine.insert(rig.media / "key.img")
    old.ends(backup, 0, f"A final backup of server {left.server}", "signed", "marked as moved")


def put_aside(old):
    """The server that was moved stays down, and is put aside under a name that nothing has."""
    run_it = f"kmsd run {AT} --medium {A} --listen unix:/run/kms/kms.sock"
    old.ends(run_it, 6, "was moved to another host", "--unmove")
    remove = f"kmsd setup --remove-all {AT}"
    old.ends(remove, 0, "Nothing was deleted", f"{DATA}/security.bak\n")
    old.ends(remove, 8, "holds no server")
    old.must(f"cp -a {DATA}/security.bak {DATA}/security; touch {DATA}/security.bak/mine")
    old.ends(run_it, 6, "--unmove")
    old.ends(remove, 0, f"{DATA}/security.bak.1\n")
    expect(old.holds("security.bak", "security.bak.1"), "a server that was put aside is not there")
    old.must(f"[ -e {DATA}/security.bak/mine ] && [ -e {DATA}/security.bak/kms.db ] && [ -e {DATA}/security.bak.1/kms.db ]")


def leave(rig):
    """The old host's part, done once for all scenarios: what it has left. It is switched off then."""
    if rig.moving is not None:
        return rig.moving
    left = Left(files=rig.folder / "left")
    left.files.mkdir()
    old = Host(rig, rig.other_machine("old-host"), "oldhost")
    machine = MachineOfHost(rig, old.machine)
    old.carry(rig.machine.share / "ours/data", "kms")
    old.machine.insert(rig.media / "key.img")
    daemon = old.start()
    status = daemon.expect_open()
    left.server, left.medium = status["server"], status["medium"]
    left.tokens = work(rig, old)
    before = old.await_crl([], above=0)
    old.must("kmsctl backup /srv/live.kdb")
    revoke(old, left)
    left.crl = old.await_crl([left.revoked], above=before.number)
    left.records = old.records()
    old.ends(f"kmsd move plan {AT}", 0, f"Moving server {left.server} of hil from oldhost", "ORIGINAL",
             f'medium {left.medium} "key"', f"kmsd setup --remove-all {AT}", "kmsd restore kms-")
    final_backup(rig, old, left)
    put_aside(old)
    for name in ("live.kdb", "final.kdb", "alice"):
        found = old.fetch(f"/srv/{name}")
        (shutil.copytree if found.is_dir() else shutil.copy)(found, left.files / name)
    machine.close()
    rig.moving = left
    return left


# ---- the new host

def arrive(rig):
    """A host with no server, and what the old one has left."""
    left = leave(rig)
    rig.after.append(f"rm -rf {DATA} /srv/*.kdb /srv/alice /srv/bob; hostname hil")
    return Host(rig, rig.machine, "newhost"), left


def verify(host, token, user=""):
    return host.sh(f"echo {token} | kmsctl token verify {user} -").exit


def expect_all_there(host, left):
    """Each user, token and certificate is what it was, and the tokens themselves are."""
    now = host.records()
    for what, before in left.records.items():
        expect(now[what] == before, f"kmsctl {what} says\n{now[what]}\nand said before\n{before}")
    found = [verify(host, left.tokens["kept"]), verify(host, left.tokens["revoked"]),
             verify(host, left.tokens["used"], "--user alice")]
    expect(found == [0, 1, 1], f"the tokens that are good, revoked and used are verified with exits {found}")
    crl = host.await_crl([left.revoked], above=left.crl.number)
    return crl


def expect_work_goes_on(host, left, crl):
    """The token that was pending enrols, a new one is good, the archived key comes back, and a revocation is published."""
    host.must(f"""cd /srv
        {{ echo {left.tokens['pending']} >pending && kmsctl token issue --user bob >fresh && kmsctl token verify - <fresh &&
          kmsctl enrol --user bob --token-file pending --out bob --no-pkcs12 --no-encryption &&
          kmsctl token issue --user alice --kind recover >recover &&
          kmsctl recover --user alice --token-file recover --out alice --no-pkcs12; }} 2>&1""")
    again = host.fetch("/srv/alice")
    kept = (left.files / "alice/encryption-key.pem").read_bytes()
    found = [path.name for path in again.rglob("*encryption-key.pem") if path.read_bytes() == kept]
    expect(found, "the archived key has not come back")
    expect(verify(host, left.tokens["pending"], "--user bob") == 1, "a token for one use was used and is good still")
    mine = run(["openssl", "x509", "-noout", "-serial", "-in", host.fetch("/srv/bob") / "cert.pem"]).strip().split("=")[1]
    serial = f"{int(mine, 16):032x}"
    expect(serial not in str(left.records["cert list"]), "a serial number was given twice")
    host.must(f"kmsctl cert revoke {serial}")
    revoked = [one["serial"] for one in host.records()["cert list"]["items"] if one["status"] == "revoked"]
    expect({left.revoked, serial} <= set(revoked), f"{revoked} are revoked")
    host.await_crl(revoked, above=crl.number)


@scenario
def move_to_another_host(rig):
    """moved with its original diskette, step by step: tokens, certificates, revocations and keys are what they were"""
    new, left = arrive(rig)
    new.carry(left.files / "final.kdb")
    key = f'{left.medium} "key"'
    new.ends("kmsd backup check /srv/final.kdb", 0, f"A final backup of server {left.server} of hil", key, "It is whole")
    rig.insert("foreign")
    new.ends(f"kmsd backup check /srv/final.kdb {A}", 4, "belongs to server")
    rig.insert("key")
    new.ends(f"kmsd backup check /srv/final.kdb {A}", 0, "its server made it, and the medium opens it")
    rig.eject()
    said = new.ends(f"kmsd restore /srv/final.kdb {AT}", 0, "opened by any of these key media", key,
                    f"Server {left.server} is restored")
    expect("--accept-older" not in said, f"a final backup counts as an older one: {said}")
    daemon = new.start()
    daemon.expect("sealed", "awaiting_medium", says=r"insert it \(floppy:A:\)")
    rig.insert("foreign")
    daemon.expect_refused("foreign", "belongs to server", A)
    rig.insert("key")
    rig.eject()  # pulled while it is read, or before
    rig.insert("key")
    status = daemon.expect_open()
    expect((status["server"], status["medium"]) == (left.server, left.medium), f"another one has opened: {status}")
    crl = expect_all_there(new, left)
    expect_work_goes_on(new, left, crl)
    new.must(f"kmsctl audit verify --store && grep -q server_moved {DATA}/security/audit/*.jsonl && "
             f"grep -q server_restored {DATA}/security/audit/*.jsonl && kmsctl user show bob")


@scenario
def move_with_a_new_disk(rig):
    """a setup on the new host made a new diskette: it does not open what was restored, and the server says what does"""
    new, left = arrive(rig)
    said = run([rig.build / "kmsd", "setup", "--data-dir", rig.folder / "made", "--medium",
                f"image:{rig.media / 'made.img'}", "--no-ca"])
    other = said.split()[1]
    new.carry(rig.folder / "made", "kms")
    new.carry(left.files / "final.kdb")
    restore = f"kmsd restore /srv/final.kdb {AT}"
    daemon = new.start()
    new.ends(f"{restore} --replace --other-server {other}", 6, "already runs on")
    new.stop()
    new.ends(restore, 9, "--replace")
    new.ends(f"{restore} --replace", 6, other, "--other-server")
    new.ends(f"{restore} --replace --other-server {left.server}", 6, other)
    expect(new.holds("security"), "a restore that was refused has left something")
    new.ends(f"{restore} --replace --other-server {other}", 0, f'{left.medium} "key"', "Nothing was deleted")
    expect(new.holds("security", r"security\.bak-\d{8}T\d{6}Z"), "the other server is not put aside")

    rig.insert("made")
    daemon = new.start()
    lost = f"all users need new tokens: 'kmsd setup --abandon {left.server}'"
    says = f'belongs to server {other}, not to {left.server}; insert its original, .*medium {left.medium} "key".*{lost}'
    daemon.expect_refused("foreign", says, A)
    new.machine.until("kmsctl unseal; [ $? = 4 ]", "the refusal of the new disk")
    daemon.expect_tokens_wait(left.tokens["kept"])
    abandon = f"kmsd setup --abandon {left.server} {AT}"
    new.ends(abandon, 6, "already runs on")
    rig.insert("key")
    daemon.expect_open()
    expect_all_there(new, left)
    new.stop()

    new.ends(abandon.replace(left.server, other), 6, left.server)
    new.ends(abandon, 0, "Nothing was deleted", "security.bak-abandoned-", "all users new tokens")
    aside = r"security\.bak-abandoned-\d{8}T\d{6}Z"
    expect(new.holds(r"security\.bak-\d{8}T\d{6}Z", aside), "what was abandoned is not put aside")
    new.must(f"cd {DATA}/security.bak-abandoned-* && ls kms.db header audit/000001.jsonl")


@scenario
def move_older_backup(rig):
    """a server whose database is gone opens by itself what was restored; of a live backup only when somebody accepts it"""
    new, left = arrive(rig)
    new.carry(left.files / "live.kdb")
    restore = f"kmsd restore /srv/live.kdb {AT}"
    new.ends(restore, 0, f"A live backup of server {left.server}", "not a final one", "kmsctl unseal --accept-older")
    new.must(f"rm {DATA}/security/kms.db")
    rig.insert("key")
    daemon = new.start()
    daemon.expect("sealed", "database_missing", 5085)
    new.ends(restore, 9, "--replace")
    mark = daemon.mark()
    new.ends(f"{restore} --replace", 0, "Nothing was deleted")
    daemon.await_log("the data directory was restored; opening it", mark)
    daemon.await_log("listening on unix:", mark)
    daemon.expect("sealed", "backup_older", says="What was revoked or used in the .* since counts again.*--accept-older")
    daemon.expect_tokens_wait(left.tokens["kept"])
    new.ends("kmsctl unseal", 6, "counts again")
    new.must("kmsctl unseal --accept-older")
    daemon.expect_open()
    found = [verify(new, left.tokens["kept"]), verify(new, left.tokens["revoked"]),
             verify(new, left.tokens["pending"], "--user bob")]
    expect(found == [0, 0, 1], f"tokens that are good, risen again and void are verified with exits {found}")
    crl = new.await_crl([], above=left.crl.number)
    new.must(f"kmsctl cert revoke {left.revoked}")
    new.await_crl([left.revoked], above=crl.number)
    daemon.expect_tokens_work(left.tokens["kept"])
    new.must(f"kmsctl audit verify --store && grep -q restore_accepted {DATA}/security/audit/*.jsonl")
