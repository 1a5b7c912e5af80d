#include "daemon/help/prose.h"

namespace kmsd::help {
namespace {

constexpr std::string_view kUris =
    "A key medium is named by a URI; what follows the driver's name says where to look.";

constexpr ProseItem kUriForms[] = {
    {"image:FILE, image:DIRECTORY",
     "A disk image. A directory is a drive: each *.img file in it is an inserted disk, and a removed file is "
     "a "
     "pulled disk."},
    {"floppy:A:, floppy:B:, floppy:/dev/NAME",
     "The disk in a diskette drive, or any other block device with a FAT volume."},
    {"usb:, usb:VVVV:PPPP, usb:VVVV:PPPP/SERIAL, usb:VVVV:PPPP@BUS-PORT",
     "USB sticks and card readers for memory cards: all of them, those of one vendor and product as lsusb(8) "
     "shows them, one stick, or what is in one port. With #N at its end the slot N of a card reader. A "
     "mounted "
     "stick is left alone."},
    {"card:, card:READER, card:READER?file=3F00/4B4D/4B01&pin=81",
     "A smartcard in any reader that pcscd(8) knows, or in those whose name begins with READER. Behind a ?, "
     "with & between them: app=openpgp, app=piv or app=iso uses one application of the card; file=PATH is a "
     "transparent file with the key, pin=81 the reference of its PIN, info=PATH a file that tells without a "
     "PIN whose key it is."},
    {"prompt:", "No medium: the 14 characters of the key, or shares one after another, are typed."},
};

constexpr ProseItem kKmsdFiles[] = {
    {"/etc/kms/kmsd.conf", "Options, as kmsd.conf(5) tells. Need not be there."},
    {"/var/lib/kms",
     "The data directory, where --data-dir names no other. All is in its folder security, which only "
     "the server may enter: the database kms.db, the header with the server's id, the lock, and "
     "the audit log in audit."},
    {"/run/kms/kms.sock", "The Unix socket, where --listen names no other address."},
    {"/var/backups/kms", "Where kmsd-backup.timer puts its backups, once it is enabled."},
    {"/etc/kms/pin", "A usual place for --pin-file: one line, mode 0600, owned by the user of the server."},
    {"KMSPWD.INI", "On the key medium, in the root directory of its FAT volume: a text file with the key."},
};

constexpr ProseItem kKmsdSignals[] = {
    {"SIGTERM, SIGINT", "End the server: requests that run are answered, all keys are wiped."},
    {"SIGHUP",
     "The server reads its configuration file and the files of TLS anew. Those of TLS count for new "
     "connections from "
     "then on; for other options the log says which need a restart. Where anything is wrong, nothing "
     "changes: so a CRL for client certificates that has run out does not take the place of one that holds."},
};

constexpr ProseSection kKmsdMore[] = {
    {"MEDIUM URIS", kUris, kUriForms},
    {"PINS",
     "The PIN of a smartcard comes from the file that --pin-file names, from systemd's credential kms-pin, "
     "or is "
     "typed at *kmsctl unseal --pin*. A card gets it only if it says without a PIN that it carries this "
     "server's "
     "key, if it opened this server before, or if *--card* names it. A PIN that was refused is not tried "
     "again "
     "until its file changes or somebody types another; with one try left none is tried but with "
     "*--last-try*.",
     {}},
    {"SHARES",
     "*kmsd setup --shares 2/3* splits the key over three media, any two of which open the server; fewer "
     "tell nothing of it. *kmsd medium add --shares* makes a further key in shares. Each says its number and "
     "the id of its set. Shares are not rekeyed one by one: make another set, then retire the old one. They "
     "are inserted "
     "together, or one after another in one drive: *kmsctl status* says how many were read. They are "
     "forgotten after ten minutes without another one. Whether a share is right shows only when enough of "
     "them are there; with one more than needed the wrong one is named.\n\n"
     "With *--on-removal seal* all that are needed must be inserted at once, and the server seals when any "
     "of them is pulled. With *grace* the last one that was read must stay or come back.",
     {}},
    {"PASSPHRASES",
     "A key that was made with *--passphrase* opens only together with it: the server waits sealed until "
     "*kmsctl unseal* has asked for it. It is kept nowhere, so it is asked for after each start. "
     "*kmsd medium copy* makes a copy that opens with the same passphrase, and *kmsd rekey* keeps it unless "
     "it is given another one. Letters "
     "count the same however the keyboard composes them; blanks and capitals count as they are.",
     {}},
    {"HTTPS",
     "Without *--tls-certificate* the server shows a certificate of its own authority. Clients trust it by "
     "the "
     "authority's certificate: *kmsctl ca show*, */ca.pem* on http, or ca.pem of *--publish-dir*. It names "
     "the "
     "hosts of *--listen*, this host, and what *--tls-name* adds; its key is never in a file. The server "
     "makes "
     "a new one when a third of its life is left, when its names or the authority have changed, and when it "
     "was revoked; new connections get it at once. While the server is sealed, or has no authority yet, "
     "https "
     "is refused, and the log says so: what is public is still served on http and on the Unix socket. With "
     "*--tls-certificate* and *--tls-key* https is there while the server is sealed, too.",
     {}},
    {"BACKUPS AND MOVES",
     "*kmsctl backup* backs up a server that works, *kmsd backup* one that is stopped. A backup is one file, "
     "of no "
     "use without a key medium, so it may lie anywhere; *kmsd backup check* tells whether it is whole, and "
     "with "
     "*--medium* whether its server made it.\n\n"
     "A restored server needs a medium that opened it when the backup was made; *kmsd restore* names them. "
     "What "
     "was revoked, used or issued since is not in the backup, so the server stays sealed (backup_older) "
     "until an "
     "administrator goes on with *--accept-older*. A final backup, which *kmsd backup --final* makes for a "
     "move, "
     "opens unasked; the server it was made of starts no more. *kmsd move plan* prints the steps of a "
     "move.\n\n"
     "A copy of the data directory, file by file, has no such mark. With *--medium-epoch* the server notes "
     "on "
     "the key medium, at each unsealing, which state it has seen, and then refuses an older copy in the same "
     "way. Only two sectors that *kmsd setup* or *kmsd medium* set aside when they made the disk are "
     "written; "
     "cards, shares and disks without them are not. Only the medium that was written last knows the last "
     "state, and whoever can "
     "write to "
     "it can wind that back. *kmsctl status* names it.\n\n"
     "A disk that a setup made on the new host does not open what is restored there: the ORIGINAL one does.",
     {}},
    {"SIGNALS", "", kKmsdSignals},
    {"FILES", "", kKmsdFiles},
    {"SECURITY",
     "The key on the medium and the database open everything together and nothing apart: keep them apart. "
     "Who finds "
     "a medium needs the database as well; who copies the database needs a medium.\n\n"
     "kmsd takes no secret as an argument or from the environment. It refuses core dumps and debuggers, and "
     "holds "
     "keys in locked memory; *ulimit -l* must allow some. Switch swap off or encrypt it: the work space of "
     "scrypt "
     "is wiped, but not locked.\n\n"
     "On the Unix socket root, the user of the server and members of the group kms-admin are administrators. "
     "Everybody else of this host may ask for the state and present a token.",
     {}},
    {"EXAMPLES",
     "A server to try, with a directory as its drive:\n\n"
     "    mkdir drive safe\n"
     "    kmsd setup --data-dir data --medium image:safe/key.img --backup-medium image:safe/backup.img\n"
     "    kmsd run --data-dir data --medium image:drive --listen unix:kms.sock &\n"
     "    cp safe/key.img drive/\n"
     "    kmsctl --server unix:kms.sock status\n\n"
     "A server with a diskette drive, as a service:\n\n"
     "    kmsd setup --medium floppy:A: --backup-medium image:/media/usb/backup.img\n"
     "    systemctl enable --now kmsd",
     {}},
};

constexpr ProseItem kKmsctlFiles[] = {
    {"/run/kms/kms.sock", "The Unix socket, where --server names no other address."},
    {"DIR/key.pem, DIR/cert.pem", "In the directory of *kmsctl enrol*: the signing key and its certificate."},
    {"DIR/encryption-key.pem, DIR/encryption-cert.pem", "The pair that mail is encrypted to."},
    {"DIR/ca.pem", "The authority's certificate, those above it, and those that it took the place of."},
    {"DIR/links.pem",
     "Where the authority has changed its key: what leads from it to the keys before. Send it along with "
     "DIR/cert.pem, as the .p12 files do, and whoever trusts an earlier certificate of the authority can "
     "check yours."},
    {"DIR/signing.p12, DIR/encryption.p12", "The same as PKCS#12, for mail programs."},
    {"DIR/old/SERIAL-NAME",
     "What stood under NAME before it was renewed, and the recovered keys. Mail that was encrypted to an old "
     "pair is read with these."},
};

constexpr ProseItem kKmsctlCertificates[] = {
    {"Whose the server is",
     "is found out before a token is sent. With *--ca-sha256* the server must have this authority, or one "
     "that took its place by up to eight changes of the key, each vouched for by the key before. Without it "
     "the server is asked by CMP who the authority is, and must answer under a MAC that only who knows the "
     "token can make. On https a server whose TLS certificate is the authority's own needs no *--ca*."},
    {"What is got",
     "is checked before it is kept: that the key fits, that the chain leads to this authority, the user, the "
     "times, and what it may be used for. Only then is the certificate confirmed; one that is never "
     "confirmed "
     "is revoked after an hour, and the token can be used again until it expires."},
    {"A run that was broken off",
     "is ended by the same command with the same DIR: the token is bound to the key in it. What is in DIR is "
     "never overwritten; *--force* moves it to DIR/old."},
    {"Renewal",
     "is due when two thirds of a certificate's life are over. *kmsctl renew* then replaces the file in one "
     "step, with the same signing key unless *--new-key* asks for another, and a new pair for encryption. It "
     "is made for cron(8): earlier it only says when."},
};

constexpr ProseSection kKmsctlMore[] = {
    {"CERTIFICATES", "", kKmsctlCertificates},
    {"FILES", "", kKmsctlFiles},
    {"SECURITY",
     "A token that is given as an argument can be seen by every user of this host while the command runs. "
     "Give it on "
     "standard input, with *-*, or in a file that only you can read.\n\n"
     "A printed token goes to standard output alone, and what is known of it to standard error, so that a "
     "shell can "
     "catch it. It is shown this once; the server keeps no access token in clear.",
     {}},
    {"EXAMPLES",
     "Add a user, issue a token, and ask whether it is active:\n\n"
     "    kmsctl user add alice --mail alice@example.org\n"
     "    TOKEN=$(kmsctl token issue --user alice --ttl 8h --scope mail:read)\n"
     "    kmsctl token verify - <<<\"$TOKEN\" && echo active\n\n"
     "Seal the server now, and open it again with the inserted medium:\n\n"
     "    kmsctl seal\n"
     "    kmsctl unseal\n\n"
     "Get certificates with a one-time token, and renew them each night from then on:\n\n"
     "    kmsctl --server https://kms:8443 enrol --user alice --out alice\n"
     "    kmsctl --server https://kms:8443 renew --dir alice",
     {}},
};

constexpr ProseSection kConfMore[] = {
    {"EXAMPLES",
     "    # The disk in drive A: or, where that is none, an image\n"
     "    medium=floppy:A:\n"
     "    medium=image:/srv/keys\n"
     "    on-removal=grace:30s",
     {}},
};

constexpr Prose kProse[] = {
    {"kmsd", 8, "System administration",
     "kmsd is a key management server. Its 64-bit master key lies on a key medium, such as a diskette or a "
     "disk "
     "image, and nowhere else. With the medium inserted, kmsd decrypts its database and issues, verifies and "
     "revokes "
     "tokens. Without it, kmsd runs *sealed*: it holds no key, answers only what is public, says what it "
     "waits for, "
     "and opens by itself when the medium comes.\n\n"
     "*kmsd setup* makes a server and its key media, *kmsd run* is the server, and the *kmsd medium* "
     "commands look "
     "after media. They all work on this host's data and devices. kmsctl(1) talks to a running server.\n\n"
     "Options may also stand in the file that kmsd.conf(5) tells of; the command line wins.",
     kKmsdMore, "kmsctl(1), kmsd.conf(5), mtools(1), systemctl(1)"},
    {"kmsctl", 1, "User commands",
     "kmsctl asks a running kmsd(8) to do something. On the server's Unix socket the kernel tells the server "
     "who "
     "asks; a user of the server can also show an access token, with *--token-file*.\n\n"
     "Answers are made for people. With *--json* one JSON document is printed, and nothing else, which is "
     "the answer "
     "of the server's HTTP interface.",
     kKmsctlMore, "kmsd(8), kmsd.conf(5)"},
    {"kmsd.conf", 5, "File formats",
     "The file holds options of kmsd(8), one a line, as *name=value* with the names of the command line. An "
     "option "
     "that may be given several times has a line each. A switch is *yes* or *no*. What is given on the "
     "command line "
     "takes the place of all lines of that name. Empty lines, and lines that begin with # or ; say nothing. "
     "The only "
     "section there may be is *[kmsd]*. A line that is none of these is an error, and so is a name that no "
     "command "
     "knows.\n\n"
     "*--config* names another file. Options whose effect must be meant each time, such as those that let "
     "data be "
     "lost, are taken from the command line only.",
     kConfMore, "kmsd(8), kmsctl(1)"},
};

}  // namespace

const Prose& proseOf(std::string_view program) noexcept {
  for (const Prose& prose : kProse)
    if (prose.program == program) return prose;
  return kProse[0];
}

}  // namespace kmsd::help
