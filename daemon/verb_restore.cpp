#include "daemon/verb_restore.h"

#include <iostream>

#include "daemon/backup_said.h"
#include "daemon/harden.h"
#include "daemon/offline_server.h"
#include "daemon/restore_server.h"
#include "daemon/stop_flag.h"
#include "hal/base/rfc3339.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;
using kms::backup::Kind;

Exit report(const fs::path& root, const Restored& restored) {
  const auto& header = restored.header;
  std::cout << "Server " << header.server.text() << " is restored in " << root.string() << ".\n";
  if (!restored.aside.empty())
    std::cout << "Nothing was deleted: the server that was there is now " << restored.aside.string() << "\n";
  std::cout << "Start it with:  kmsd run --data-dir " << root.string() << " --medium URI\n";
  if (header.kind != Kind::Final)
    std::cout << "The backup is not a final one: what was revoked, used or issued since "
              << base::formatTime(header.made)
              << " is not in it.\nSo the server opens only when you say so: kmsctl unseal --accept-older\n";
  return Exit::Yes;
}

Exit runRestore(const Parsed& parsed) {
  if (auto hard = harden(); !hard) return fail(hard.error());
  if (parsed.text("data-dir").empty()) return fail(Exit::Usage, "--data-dir needs a directory");
  const fs::path root = rootOf(parsed.text("data-dir"));
  RestoreOptions options{parsed.has("replace"), parsed.has("accept-unsigned"), std::nullopt};
  if (parsed.has("other-server")) {
    options.other = base::Uuid::parse(parsed.text("other-server"));
    if (!options.other) return fail(Exit::Usage, "--other-server takes the id of a server");
    if (!options.replace) return fail(Exit::Usage, "--other-server is of use with --replace only");
  }
  const StopFlag stop;
  const auto file = BackupFile::open(parsed.arguments().front());
  if (!file) return fail(file.error());
  const auto header = file->header();
  if (!header) return fail(header.error());
  std::cout << describeBackup(*header) << std::flush;
  const auto restored = restoreServer(*file, root, options);
  if (!restored) return fail(restored.error());
  return report(root, *restored);
}

constexpr ArgumentSpec kFile[] = {{"FILE", "the backup"}};
constexpr OptionSpec kOptions[] = {
    {"data-dir", "DIR", "where the server is to be: absent, empty, or with --replace a server's",
     kDefaultDataDir},
    {"replace", "", "put the server that is there aside: DIR/security becomes DIR/security.bak-TIME", "",
     false, false, true},
    {"other-server", "ID", "put it aside although it is this other server", "", false, false, true},
    {"accept-unsigned", "", "take a backup although nobody can tell who made it", "", false, false, true},
};

}  // namespace

const VerbSpec kRestoreVerb = {
    "restore",
    "make a server from a backup, which its key medium then opens",
    kFile,
    kOptions,
    "kmsd restore /mnt/safe/kms.kdb                            # into a host without a server\n"
    "kmsd restore /mnt/safe/kms.kdb --data-dir /srv/kms --replace # what is there is put aside\n",
    runRestore};

}  // namespace kmsd
