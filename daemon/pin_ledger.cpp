#include "daemon/pin_ledger.h"

#include <algorithm>
#include <charconv>

#include "hal/base/file.h"
#include "hal/base/utf8.h"

namespace kmsd {
namespace {

using base::Code;
using base::Error;
using base::Result;
using Kind = PinRecord::Kind;

constexpr std::size_t kMaxFile = 1024 * 1024;  // bytes
constexpr std::size_t kMaxField = 4200;        // bytes
constexpr std::string_view kEnd = "end";

Error damaged() { return {Code::Corrupt, "the list of cards is damaged"}; }

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const auto tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

bool goodField(std::string_view field) {
  return !field.empty() && field.size() <= kMaxField && base::validUtf8(field) && !base::hasControl(field);
}

std::optional<PinRecord> parseLine(std::string_view line) {
  const auto fields = split(line);
  if (!std::ranges::all_of(fields, goodField)) return std::nullopt;
  if (fields.size() == 2 && fields[0] == "known") return PinRecord{Kind::Known, std::string(fields[1]), {}};
  if (fields.size() == 3 && fields[0] == "refused")
    return PinRecord{Kind::Refused, std::string(fields[1]), std::string(fields[2])};
  if (fields.size() != 4 || fields[0] != "trying") return std::nullopt;
  unsigned tries = 0;
  const auto* const end = fields[2].data() + fields[2].size();
  if (const auto [at, error] = std::from_chars(fields[2].data(), end, tries);
      error != std::errc{} || at != end)
    return std::nullopt;
  return PinRecord{Kind::Trying, std::string(fields[1]), std::string(fields[3]), tries};
}

}  // namespace

Result<std::vector<PinRecord>> parsePinRecords(std::string_view text) {
  std::vector<PinRecord> records;
  while (records.size() <= PinLedger::kMost) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return damaged();
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line == kEnd) break;
    auto record = parseLine(line);
    if (!record) return damaged();
    records.push_back(*std::move(record));
  }
  if (!text.empty() || records.size() > PinLedger::kMost) return damaged();
  return records;
}

std::string formatPinRecords(const std::vector<PinRecord>& records) {
  std::string text;
  for (const PinRecord& record : records) {
    if (record.kind == Kind::Known) {
      text += "known\t" + record.card;
    } else if (record.kind == Kind::Trying) {
      text +=
          "trying\t" + record.card + "\t" + std::to_string(record.tries.value_or(0)) + "\t" + record.source;
    } else {
      text += "refused\t" + record.card + "\t" + record.source;
    }
    text += '\n';
  }
  return text.append(kEnd).append("\n");
}

Result<void> PinLedger::load() {
  if (loaded_) return {};
  auto text = base::readSmallFile(file_, kMaxFile);
  if (!text && text.error().code != Code::NotFound) return std::move(text).error();
  if (text) {
    auto records = parsePinRecords(*text);
    if (!records)
      return Error{Code::Corrupt, file_.string() +
                                      " is damaged, so no card is given a PIN; delete it, and type "
                                      "the PIN once with kmsctl unseal --pin"};
    records_ = *std::move(records);
  }
  loaded_ = true;
  return {};
}

const PinRecord* PinLedger::find(Kind kind, std::string_view card, std::string_view source) const {
  const auto at = std::ranges::find_if(records_, [&](const PinRecord& record) {
    return record.kind == kind && record.card == card && record.source == source;
  });
  return at == records_.end() ? nullptr : &*at;
}

bool PinLedger::known(std::string_view card) const { return find(Kind::Known, card, {}) != nullptr; }

bool PinLedger::refused(std::string_view card, std::string_view source) const {
  return find(Kind::Refused, card, source) != nullptr;
}

std::optional<unsigned> PinLedger::trying(std::string_view card, std::string_view source) const {
  const PinRecord* record = find(Kind::Trying, card, source);
  return record == nullptr ? std::nullopt : record->tries;
}

Result<void> PinLedger::know(std::string_view card) {
  if (known(card)) return {};
  auto records = records_;
  records.push_back({Kind::Known, std::string(card), {}});
  return save(std::move(records));
}

Result<void> PinLedger::startTrying(std::string_view card, std::string_view source, unsigned tries) {
  return put({Kind::Trying, std::string(card), std::string(source), tries});
}

Result<void> PinLedger::refuse(std::string_view card, std::string_view source) {
  return put({Kind::Refused, std::string(card), std::string(source)});
}

Result<void> PinLedger::accepted(std::string_view card, std::string_view source) {
  auto records = records_;
  std::erase_if(records, [&](const PinRecord& r) {
    return r.kind != Kind::Known && r.card == card && r.source == source;
  });
  for (PinRecord& r : records)
    if (r.kind == Kind::Trying && r.card == card) r = {Kind::Refused, r.card, r.source};
  return records == records_ ? Result<void>{} : save(std::move(records));
}

Result<void> PinLedger::put(PinRecord record) {
  auto records = records_;
  std::erase_if(records, [&](const PinRecord& r) {
    return r.kind != Kind::Known && r.card == record.card && r.source == record.source;
  });
  records.push_back(std::move(record));
  return save(std::move(records));
}

Result<void> PinLedger::save(std::vector<PinRecord> records) {
  if (!loaded_) return Error{Code::Internal, "the list of cards was not read"};
  if (records.size() > kMost) records.erase(records.begin());
  const std::string text = formatPinRecords(records);
  if (auto kept = base::writeFileDurably(file_, base::asBytes(text), 0600); !kept) return kept;
  records_ = std::move(records);
  return {};
}

}  // namespace kmsd
