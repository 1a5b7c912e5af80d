#include "daemon/verb_backup.h"

#include <iostream>
#include <optional>

#include "daemon/act_as_owner.h"
#include "daemon/backup_said.h"
#include "daemon/driver_dir.h"
#include "daemon/harden.h"
#include "daemon/interrupt.h"
#include "daemon/new_file.h"
#include "daemon/operator_ask.h"
#include "daemon/passphrase.h"
#include "daemon/pin_file.h"
#include "daemon/server_moved.h"
#include "daemon/shown_medium.h"
#include "daemon/stop_flag.h"
#include "daemon/terminal.h"
#include "kms/backup/signer.h"
#include "kms/backup/snapshot.h"
#include "kms/keys/slot_facts.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::Result;
using kms::backup::Kind;
using kms::backup::Sign;

constexpr std::size_t kPiece = 256U * 1024U;  // bytes written at once

}  // namespace

// Also asks for a passphrase, where the slot wants one and somebody can be asked.
Result<Sign> signerOfMedium(const std::string& uri, const Parsed& parsed,
                            const std::vector<kms::SlotRow>& slots, const base::Uuid& server) {
  const InterruptWatch watch;
  OperatorAsk ask(parsed.text(kPinFileOption.name));
  auto shown = readShown(uri, ask, driverDirOf(parsed));
  if (!shown) return std::move(shown).error();
  if (shown->share != 0)
    return Error{base::Code::Invalid,
                 shown->uri +
                     " holds one share of a key, which alone neither opens a backup nor signs one; give a "
                     "whole key, or have the open server make the backup: kmsctl backup"};
  auto offer = shown->offer();
  if (!offer) return std::move(offer).error();
  auto signer = kms::backup::signerOf(slots, server, *offer);
  if (signer || signer.error().reason != base::Reason::PassphraseNeeded || !canAsk()) return signer;
  auto words = askPassphrase("Passphrase of the key:");
  if (!words) return std::move(words).error();
  offer->passphrase = *std::move(words);
  return kms::backup::signerOf(slots, server, *offer);
}

namespace {

Result<void> record(const OfflineServer& server, kms::Event event, std::string object, std::string detail) {
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return acting;
  return server.store().writeAndWait(server.records(event, std::move(object), std::move(detail)));
}

Result<std::unique_ptr<kms::backup::Snapshot>> snapshotOf(const OfflineServer& server, Kind kind,
                                                          const Sign& sign) {
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  const kms::backup::Subject subject{server.header().server, server.header().organisation,
                                     server.header().created, server.dir().audit(), server.dir().spool()};
  return kms::backup::Snapshot::take(server.store(), subject, kind, base::systemClock().now(), sign,
                                     StopFlag::raised());
}

Result<void> pour(kms::backup::Source& source, NewFile& file) {
  base::Bytes buffer(kPiece);
  for (;;) {
    if (StopFlag::raised())
      return Error{base::Code::Unavailable, "interrupted; nothing was written", base::Reason::Interrupted};
    auto got = source.read(buffer);
    if (!got) return std::move(got).error();
    if (*got == 0) return {};
    if (auto written = file.write(base::BytesView(buffer).first(*got)); !written) return written;
  }
}

Result<kms::backup::Header> makeBackup(const OfflineServer& server, const fs::path& path, Kind kind,
                                       const Sign& sign) {
  const StopFlag stop;
  const std::string what = std::string(kms::backup::kindName(kind)) + (sign ? "" : ", unsigned");
  auto recorded = record(server, kms::Event::BackupMade, path.filename().string(), what);
  if (recorded && kind == Kind::Final)
    recorded = record(server, kms::Event::ServerMoved, server.header().server.text(), "by a final backup");
  if (!recorded) return std::move(recorded).error();
  auto snapshot = snapshotOf(server, kind, sign);
  if (!snapshot && StopFlag::raised())
    return Error{base::Code::Unavailable, "interrupted; nothing was written", base::Reason::Interrupted};
  if (!snapshot) return std::move(snapshot).error();
  kms::backup::Source& source = (*snapshot)->source();
  auto file = NewFile::create(path, source.size());
  if (!file) return std::move(file).error();
  if (auto poured = pour(source, *file); !poured) return std::move(poured).error();
  if (auto synced = file->sync(); !synced) return std::move(synced).error();
  // First the mark: at no moment is there a final backup of a server that may still be started.
  if (kind == Kind::Final)
    if (auto marked = markMoved(server.dir(), source.header().made); !marked)
      return std::move(marked).error();
  if (auto named = file->commit(); !named) {
    Error why = std::move(named).error();
    if (kind == Kind::Final)
      why.what +=
          ". The server is marked as moved all the same: make the backup again, or 'kmsd run --unmove' "
          "takes that back";
    return why;
  }
  return source.header();
}

// With the first medium that is there and opens the server; none where none is named, or none is wanted.
Result<Sign> signerFor(const OfflineServer& server, const Parsed& parsed) {
  if (parsed.has("unsigned") || parsed.texts("medium").empty()) return Sign{};
  // Or a backup that somebody made up would get a MAC by being restored and backed up again.
  if (auto opened = server.checkOpenedOnce(); !opened) return std::move(opened).error();
  const auto slots = kms::slotRows(server.store());
  if (!slots) return slots.error();
  Result<Sign> signer = Sign{};
  for (const std::string& uri : parsed.texts("medium")) {
    signer = signerOfMedium(uri, parsed, *slots, server.header().server);
    if (signer) break;
  }
  return signer;
}

Exit runBackup(const Parsed& parsed) {
  if (auto hard = harden(); !hard) return fail(hard.error());
  const fs::path path = parsed.arguments().front();
  if (path == "-")
    return fail(Exit::Usage,
                "a server that is stopped is backed up into a file; name one, not standard output");
  auto server = OfflineServer::open(parsed.text("data-dir"));
  if (!server) return fail(server.error());
  auto sign = signerFor(*server, parsed);
  if (!sign) return fail(sign.error());
  const Kind kind = parsed.has("final") ? Kind::Final : Kind::Stopped;
  const auto header = makeBackup(*server, path, kind, *sign);
  if (!header) return fail(header.error());
  std::cout << describeBackup(*header) << "It is in " << path.string() << ".\n";
  if (!header->mac)
    std::cout << "It is unsigned, so 'kmsd restore' takes it only with --accept-unsigned; --medium URI signs "
                 "one.\n";
  if (kind == Kind::Final)
    std::cout << "This server is marked as moved and does not start any more. 'kmsd run --unmove' takes that "
                 "back, where the\nbackup will not be restored.\n";
  return Exit::Yes;
}

constexpr ArgumentSpec kFile[] = {{"FILE", "the backup"}};
constexpr OptionSpec kBackupOptions[] = {
    {"data-dir", "DIR", "the server's data directory", kDefaultDataDir},
    {"medium", "URI",
     "sign the backup with this key medium; several are tried in turn; without any it is unsigned", "", true},
    {"unsigned", "", "do not sign it, although the configuration file names a medium", "", false, false,
     true},
    {"final", "", "mark this server as moved: it starts no more, and the backup counts as its newest state",
     "", false, false, true},
    kPinFileOption,
    kDriverDirOption,
};

}  // namespace

const VerbSpec kBackupVerb = {
    "backup",
    "back up a server that is stopped",
    kFile,
    kBackupOptions,
    "kmsd backup /mnt/safe/kms.kdb --medium floppy:A:      # the server is stopped; the disk signs it\n"
    "kmsd backup /mnt/usb/kms.kdb --final --medium floppy:A: # the move to another host\n",
    runBackup};

}  // namespace kmsd
