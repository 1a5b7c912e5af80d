#include "daemon/backup_said.h"

#include <cstdio>

#include "daemon/cli.h"
#include "hal/base/rfc3339.h"
#include "kms/keys/slot.h"

namespace kmsd {
namespace {

std::string slotLine(const kms::SlotRow& slot) {
  const auto header = kms::parseSlotHeader(slot.header);
  if (!header) return "one that this version does not know";
  std::string line = header->medium.text() + " \"" + printable(header->label) + "\", made " +
                     base::formatTime(header->created);
  if (header->passphrase) line += ", with its passphrase";
  if (header->share.threshold > 0)
    line += ", a share: any " + std::to_string(header->share.threshold) + " of " +
            std::to_string(header->share.total);
  return line;
}

}  // namespace

std::string sizeText(std::uint64_t bytes) {
  if (bytes < 1'000'000) return std::to_string((bytes + 999) / 1000) + " kB";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f MB", static_cast<double>(bytes) / 1e6);
  return std::string(text.data());
}

std::string mediaNames(const std::vector<kms::SlotRow>& slots, const base::Uuid& server) {
  std::string names;
  for (const kms::SlotRow& slot : slots) {
    const auto header = kms::parseSlotHeader(slot.header);
    if (!header || header->server != server) continue;
    if (!names.empty()) names += " or ";
    if (header->share.split())
      names += "any " + std::to_string(header->share.threshold) + " of the " +
               std::to_string(header->share.total) + " shares of set ";
    else
      names += "medium ";
    names += header->medium.text() + " \"" + printable(header->label) + "\"";
    if (header->passphrase) names += " with its passphrase";
  }
  return names.empty() ? "a key medium of server " + server.text() : names;
}

std::string describeBackup(const kms::backup::Header& header) {
  std::string text =
      "A " + std::string(kms::backup::kindName(header.kind)) + " backup of server " + header.server.text();
  if (!header.organisation.empty()) text += " of " + printable(header.organisation);
  text += "\n  made " + base::formatTime(header.made) + ", " +
          (header.mac ? "signed" : "UNSIGNED: nobody can tell who made it") + "\n  " +
          std::to_string(header.users) + " users, " + std::to_string(header.tokens) + " tokens, " +
          std::to_string(header.certificates) + " certificates, " + std::to_string(header.entries) +
          " entries of the audit log\n  " + sizeText(header.bytes) + " in " + std::to_string(header.chunks) +
          (header.chunks == 1 ? " chunk" : " chunks") + ", database format " + std::to_string(header.schema) +
          ", sealing epoch " + std::to_string(header.epoch) + "\n";
  text += header.slots.size() == 1 ? "It is opened by this key medium, or an exact copy of it:\n"
                                   : "It is opened by any of these key media, or an exact copy of one:\n";
  for (const kms::SlotRow& slot : header.slots) text += "  " + slotLine(slot) + "\n";
  return text;
}

}  // namespace kmsd
