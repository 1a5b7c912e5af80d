// `kmsd medium list --slots`.
#include <boost/json.hpp>
#include <iostream>

#include "daemon/data_dir.h"
#include "daemon/verb_slots.h"
#include "hal/base/rfc3339.h"
#include "kms/keys/slot_facts.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

namespace json = boost::json;

std::string kindOf(const kms::SlotHeader& header) {
  std::string kind = "key";
  if (header.share != kms::Share{})
    kind = "shares, " + std::to_string(header.share.threshold) + " open together";
  return header.passphrase ? kind + " and passphrase" : kind;
}

json::object toJson(const kms::SlotFacts& slot) {
  json::object one{{"slot", slot.id}};
  one["medium"] = slot.header ? json::value(slot.header->medium.text()) : json::value();
  one["label"] = slot.header ? slot.header->label : "";
  one["kind"] = slot.header ? json::value(kindOf(*slot.header)) : json::value();
  one["created"] = slot.header ? json::value(base::formatTime(slot.header->created)) : json::value();
  one["last_used"] = slot.lastUsed ? json::value(base::formatTime(*slot.lastUsed)) : json::value();
  one["root_generation"] = slot.header ? json::value(slot.header->rootGeneration) : json::value();
  one["error"] = slot.header ? json::value() : json::value(slot.fault);
  return one;
}

std::string toLine(const kms::SlotFacts& slot) {
  if (!slot.header) return "slot " + std::to_string(slot.id) + ": " + slot.fault;
  return slot.header->medium.text() + "  \"" + slot.header->label + "\"  " + kindOf(*slot.header) +
         "  made " + base::formatTime(slot.header->created) + "  last used " +
         (slot.lastUsed ? base::formatTime(*slot.lastUsed) : std::string("never"));
}

base::Result<std::vector<kms::SlotFacts>> readSlots(const DataDir& dir) {
  if (auto header = dir.header(); !header) return std::move(header).error();
  auto store = kms::openSqliteStore(dir.database());
  if (!store) return std::move(store).error();
  return kms::slotFacts(**store);
}

}  // namespace

Exit listSlots(const Parsed& parsed) {
  const auto slots = readSlots(DataDir(parsed.text(kDataDirOption.name)));
  if (!slots) return fail(slots.error());
  if (parsed.has("json")) {
    json::array items;
    for (const kms::SlotFacts& slot : *slots) items.emplace_back(toJson(slot));
    std::cout << json::serialize(json::object{{"items", items}, {"next", nullptr}}) << "\n";
    return Exit::Yes;
  }
  for (const kms::SlotFacts& slot : *slots) std::cout << printable(toLine(slot)) << "\n";
  return Exit::Yes;
}

}  // namespace kmsd
