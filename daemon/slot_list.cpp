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

// Of the medium whose rekey was interrupted, so that two keys count.
std::string replacedBy(const kms::SlotFacts& slot, const std::vector<kms::SlotFacts>& all) {
  for (const kms::SlotFacts& other : all)
    if (slot.replaces == other.id && other.header) return other.header->medium.text();
  return {};
}

json::object toJson(const kms::SlotFacts& slot, const std::vector<kms::SlotFacts>& all) {
  json::object one{{"slot", slot.id}};
  one["medium"] = slot.header ? json::value(slot.header->medium.text()) : json::value();
  one["label"] = slot.header ? slot.header->label : "";
  one["kind"] = slot.header ? json::value(kindOf(*slot.header)) : json::value();
  one["created"] = slot.header ? json::value(base::formatTime(slot.header->created)) : json::value();
  one["last_used"] = slot.lastUsed ? json::value(base::formatTime(*slot.lastUsed)) : json::value();
  one["root_generation"] = slot.header ? json::value(slot.header->rootGeneration) : json::value();
  const std::string old = replacedBy(slot, all);
  one["in_place_of"] = old.empty() ? json::value() : json::value(old);
  one["error"] = slot.header ? json::value() : json::value(slot.fault);
  return one;
}

std::string toLine(const kms::SlotFacts& slot, const std::vector<kms::SlotFacts>& all) {
  if (!slot.header) return "slot " + std::to_string(slot.id) + ": " + slot.fault;
  const std::string old = replacedBy(slot, all);
  return slot.header->medium.text() + "  \"" + slot.header->label + "\"  " + kindOf(*slot.header) +
         "  made " + base::formatTime(slot.header->created) + "  last used " +
         (slot.lastUsed ? base::formatTime(*slot.lastUsed) : std::string("never")) +
         (old.empty() ? ""
                      : "  NOT ENDED: in the place of " + old + "; run 'kmsd rekey' with its medium again");
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
    for (const kms::SlotFacts& slot : *slots) items.emplace_back(toJson(slot, *slots));
    std::cout << json::serialize(json::object{{"items", items}, {"next", nullptr}}) << "\n";
    return Exit::Yes;
  }
  for (const kms::SlotFacts& slot : *slots) std::cout << printable(toLine(slot, *slots)) << "\n";
  return Exit::Yes;
}

}  // namespace kmsd
