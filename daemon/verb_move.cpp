// `kmsd move plan`: the steps of a move to another host, with this server's own names.
#include <algorithm>
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/backup_said.h"
#include "daemon/data_dir.h"
#include "daemon/offline_server.h"
#include "daemon/server_names.h"
#include "daemon/verb_restore.h"
#include "hal/base/rfc3339.h"
#include "kms/keys/slot.h"
#include "kms/keys/slot_facts.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;

// Also of a server that runs: reading is all that is done. Nothing where the database cannot be read.
std::vector<kms::SlotRow> slotsOf(const DataDir& dir) {
  const ActAsOwner owner(dir.root());
  if (!owner.check()) return {};
  auto store = kms::openSqliteStore(dir.database());
  if (!store) return {};
  auto slots = kms::slotRows(**store);
  return slots ? *std::move(slots) : std::vector<kms::SlotRow>();
}

// Whether one medium opens alone, so that it can sign. Shares do so only in the server that they opened.
bool oneOpens(const std::vector<kms::SlotRow>& slots) {
  if (slots.empty()) return true;  // not known
  return std::ranges::any_of(slots, [](const kms::SlotRow& slot) {
    const auto header = kms::parseSlotHeader(slot.header);
    return !header || !header->share.split();
  });
}

struct Plan {
  std::string server;
  std::string organisation;
  std::string host;
  std::string media;  // which open it
  std::string drive;  // the URI where they are put in
  bool signs = true;
  std::string data;  // the option; empty: the default
  std::string security;
};

// What is to be done where the server is now.
void printLeaving(const Plan& plan, const std::string& file) {
  std::cout << "On " << plan.host << ":\n"
            << "  1. systemctl disable --now kmsd\n"
            << "  2. kmsd backup " << file << plan.data << " --final"
            << (plan.signs ? " --medium " + plan.drive : std::string(" --unsigned")) << "\n"
            << (plan.signs ? "     It signs the backup with the medium, and marks this server as moved"
                           : "     Shares cannot sign it. It marks this server as moved")
            << ": it starts no more.\n"
            << "  3. kmsd backup check " << file << (plan.signs ? " " + plan.drive : std::string()) << "\n"
            << "  4. kmsd setup --remove-all" << plan.data << "\n"
            << "     Nothing is deleted: " << plan.security << " becomes security.bak.\n\n";
}

void printArriving(const Plan& plan, const std::string& file) {
  std::cout << "On the new host, without any setup before:\n"
            << "  5. Copy " << file << " and /etc/kms/kmsd.conf there; the backup may travel by any way"
            << (plan.signs ? ".\n" : ",\n     but nobody can tell who made it: compare its SHA-256.\n")
            << "  6. kmsd restore " << file << plan.data << (plan.signs ? "" : " --accept-unsigned") << "\n"
            << "  7. Put the ORIGINAL medium into the drive, and: systemctl enable --now kmsd\n"
            << "  8. kmsctl status          # unsealed, server " << plan.server << "\n"
            << "  9. Tell clients the new address; tokens and certificates stay what they are.\n\n";
}

Exit runPlan(const Parsed& parsed) {
  const fs::path root = rootOf(parsed.text("data-dir"));
  const DataDir dir(root);
  const auto header = dir.header();
  if (!header) return fail(header.error());
  const auto slots = slotsOf(dir);
  Plan plan;
  plan.server = header->server.text();
  plan.organisation = printable(header->organisation);
  plan.host = hostName().empty() ? "this host" : hostName();
  plan.media = mediaNames(slots, header->server);
  plan.drive = parsed.has("medium") ? parsed.texts("medium").front() : "floppy:A:";
  plan.signs = oneOpens(slots);
  plan.data = root == fs::path(kDefaultDataDir) ? std::string() : " --data-dir " + root.string();
  plan.security = dir.security().string();
  const std::string file = "kms-" + plan.server.substr(0, 8) + ".kdb";
  std::cout << "Moving server " << plan.server
            << (plan.organisation.empty() ? "" : " of " + plan.organisation) << " from " << plan.host
            << " to another host\n\n"
            << "You need its ORIGINAL medium, or an exact copy; a medium that a setup makes on the new host "
               "does not open it:\n  "
            << plan.media << "\n\n";
  printLeaving(plan, file);
  printArriving(plan, file);
  std::cout << "When all works, keep the medium and the backup apart, and " << file << " and security.bak on "
            << plan.host << " until\nyou are sure.\n";
  return Exit::Yes;
}

constexpr OptionSpec kOptions[] = {
    {"data-dir", "DIR", "the server's data directory", kDefaultDataDir},
    {"medium", "URI", "where its medium is put in; the plan names the first; without it: floppy:A:", "",
     true},
};

}  // namespace

const VerbSpec kMovePlanVerb = {
    "move plan",
    "print the steps of a move to another host, with this server's names",
    {},
    kOptions,
    "kmsd move plan                          # a checklist; changes nothing\n"
    "kmsd move plan --medium usb:            # of a server whose medium is a stick\n",
    runPlan};

}  // namespace kmsd
