// `kmsd move plan`: the steps of a move to another host, with this server's own names.
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/backup_said.h"
#include "daemon/data_dir.h"
#include "daemon/server_names.h"
#include "daemon/verb_restore.h"
#include "hal/base/rfc3339.h"
#include "kms/keys/slot.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;

// Also of a server that runs: reading is all that is done. Nothing where the database cannot be read.
std::vector<kms::SlotRow> slotsOf(const DataDir& dir) {
  const ActAsOwner owner(dir.root());
  std::vector<kms::SlotRow> slots;
  if (!owner.check()) return slots;
  auto store = kms::openSqliteStore(dir.database());
  if (!store) return slots;
  const auto read = (*store)->read([&slots](kms::StoreReader& reader) -> base::Result<void> {
    auto found = reader.slots();
    if (!found) return std::move(found).error();
    slots = *std::move(found);
    return {};
  });
  if (!read) slots.clear();
  return slots;
}

Exit runPlan(const Parsed& parsed) {
  const fs::path root = fs::absolute(parsed.text("data-dir")).lexically_normal();
  const DataDir dir(root);
  const auto header = dir.header();
  if (!header) return fail(header.error());
  const std::string data = root == fs::path(kDefaultDataDir) ? std::string() : " --data-dir " + root.string();
  const std::string file = "kms-" + header->server.text().substr(0, 8) + ".kdb";
  const std::string host = hostName().empty() ? "this host" : hostName();
  std::cout << "Moving server " << header->server.text()
            << (header->organisation.empty() ? "" : " of " + printable(header->organisation)) << " from "
            << host << " to another host\n\n"
            << "You need its ORIGINAL medium, or an exact copy; a medium that a setup makes on the new host "
               "does not open it:\n  "
            << mediaNames(slotsOf(dir), header->server) << "\n\n"
            << "On " << host << ":\n"
            << "  1. systemctl disable --now kmsd\n"
            << "  2. kmsd backup " << file << data << " --final --medium floppy:A:\n"
            << "     It signs the backup with the disk, and marks this server as moved: it starts no more.\n"
            << "  3. kmsd backup check " << file << " floppy:A:\n"
            << "  4. kmsd setup --remove-all" << data << "\n"
            << "     Nothing is deleted: " << dir.security().string() << " becomes security.bak.\n\n"
            << "On the new host, without any setup before:\n"
            << "  5. Copy " << file << " and /etc/kms/kmsd.conf there; the backup may travel by any way.\n"
            << "  6. kmsd restore " << file << data << "\n"
            << "  7. Put the ORIGINAL medium into the drive, and: systemctl enable --now kmsd\n"
            << "  8. kmsctl status          # unsealed, server " << header->server.text() << "\n"
            << "  9. Tell clients the new address; tokens and certificates stay what they are.\n\n"
            << "When all works, keep the medium and the backup apart, and " << file << " and security.bak on "
            << host << " until\nyou are sure.\n";
  return Exit::Yes;
}

constexpr OptionSpec kOptions[] = {{"data-dir", "DIR", "the server's data directory", kDefaultDataDir}};

}  // namespace

const VerbSpec kMovePlanVerb = {
    "move plan", "print the steps of a move to another host, with this server's names",      {},
    kOptions,    "kmsd move plan                          # a checklist; changes nothing\n", runPlan};

}  // namespace kmsd
