#include "daemon/slot_mirror.h"

#include <utility>

#include "daemon/act_as_owner.h"
#include "daemon/backup_said.h"
#include "hal/base/file.h"
#include "kms/keys/slot.h"
#include "kms/keys/slot_facts.h"

namespace kmsd {

ServerHeader withSlots(ServerHeader header, const std::vector<kms::SlotRow>& slots) {
  header.slots.clear();
  for (const kms::SlotRow& slot : slots)
    if (slot.header.size() == kms::SlotHeader::kSize && header.slots.size() < kMaxSlots)
      header.slots.push_back(slot.header);
  return header;
}

base::Result<void> mirrorSlots(const DataDir& dir, const ServerHeader& header,
                               const std::vector<kms::SlotRow>& slots) {
  const ServerHeader wanted = withSlots(header, slots);
  const ActAsOwner owner(dir.root());
  if (auto acting = owner.check(); !acting) return acting;
  const auto text = formatServerHeader(wanted);
  if (!text) return text.error();
  if (const auto there = base::readSmallFile(dir.headerFile(), text->size()); there && *there == *text)
    return {};
  return dir.writeHeader(wanted);
}

base::Result<void> mirrorSlots(const DataDir& dir, const ServerHeader& header, kms::Store& store) {
  const auto slots = kms::slotRows(store);
  if (!slots) return slots.error();
  return mirrorSlots(dir, header, *slots);
}

std::function<void(const std::vector<kms::SlotRow>&)> slotMirror(
    DataDir dir, ServerHeader header, std::function<void(const std::string& why)> failed) {
  return [dir = std::move(dir), header = std::move(header),
          failed = std::move(failed)](const std::vector<kms::SlotRow>& slots) {
    if (const auto done = mirrorSlots(dir, header, slots); !done)
      failed("the key slots could not be noted in " + dir.headerFile().string() + ": " + done.error().what);
  };
}

std::string mediaNames(const ServerHeader& header) {
  std::vector<kms::SlotRow> slots;
  for (const base::Bytes& slot : header.slots) slots.push_back({0, slot, {}});
  return mediaNames(slots, header.server);
}

}  // namespace kmsd
