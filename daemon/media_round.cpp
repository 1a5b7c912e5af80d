#include "daemon/media_round.h"

#include <algorithm>
#include <iostream>

#include "daemon/cli.h"
#include "daemon/terminal.h"

namespace kmsd {
namespace {

constexpr std::size_t kMaxTyped = 1024;  // bytes: a path may be long

}  // namespace

std::string nameOf(const kms::SlotFacts& slot) {
  if (!slot.header) return "slot " + std::to_string(slot.id) + " (" + slot.fault + ")";
  return "\"" + slot.header->label + "\" (" + slot.header->medium.text() + ")";
}

base::Result<void> MediaRound::take(ShownMedium shown) {
  auto desk = openDesk(server_, shown);
  if (!desk) return std::move(desk).error();
  if (has(shown.medium)) return {};  // a copy of one that was shown
  shown_.push_back(std::move(shown));
  if (!desk_) desk_ = *std::move(desk);
  return {};
}

base::Result<void> MediaRound::show(const std::vector<std::string>& uris) {
  if (uris.empty())
    return base::Error{base::Code::Invalid, "--medium URI is missing: a key medium of this server opens it"};
  for (const std::string& uri : uris) {
    auto shown = readShown(uri, ask_, driverDir_);
    if (!shown) return std::move(shown).error();
    if (auto taken = take(*std::move(shown)); !taken) return taken;
  }
  return {};
}

base::Result<bool> MediaRound::askForOthers(const std::vector<base::Uuid>& leaving) {
  std::string uri;
  for (const ShownMedium& shown : shown_)
    if (shown.removable && shown.uri != kPromptUri) uri = shown.uri;
  const std::string question =
      (uri.empty() ? std::string() : "Put one of them into " + uri + " and press Enter. Or type") +
      (uri.empty() ? "Type" : "") +
      " the URI of one; or 'drop', and they open nothing any more, nor does any copy of them:";
  for (;;) {
    auto left = missing();
    if (!left) return std::move(left).error();
    std::erase_if(*left, [&](const kms::SlotFacts& slot) {
      return slot.header && std::ranges::find(leaving, slot.header->medium) != leaving.end();
    });
    if (left->empty() || !canAsk()) return false;
    std::cerr << "Not yet shown:\n";
    for (const kms::SlotFacts& slot : *left) std::cerr << "  " << printable(nameOf(slot)) << "\n";
    auto answer = askLine(question, kMaxTyped, true);
    if (!answer) return std::move(answer).error();
    const std::string typed(answer->text());
    if (typed == "drop") return true;
    if (typed.empty() && uri.empty()) continue;
    if (auto done = show({typed.empty() ? uri : typed}); !done) {
      if (done.error().reason == base::Reason::Interrupted) return std::move(done).error();
      std::cerr << printable(done.error().what) << "\n";
    }
  }
}

base::Result<std::vector<kms::SlotFacts>> MediaRound::missing() const {
  auto all = kms::slotFacts(server_.store());
  if (all)
    std::erase_if(*all,
                  [this](const kms::SlotFacts& slot) { return slot.header && has(slot.header->medium); });
  return all;
}

bool MediaRound::has(const base::Uuid& medium) const {
  return std::ranges::any_of(shown_, [&](const ShownMedium& shown) { return shown.medium == medium; });
}

base::Result<void> MediaRound::reopen() {
  auto desk = openDesk(server_, shown_.front());
  if (!desk) return std::move(desk).error();
  desk_ = *std::move(desk);
  return {};
}

std::vector<kms::StayingSlot> MediaRound::staying(const std::vector<base::Uuid>& leaving) const {
  std::vector<kms::StayingSlot> stay;
  for (const ShownMedium& shown : shown_)
    if (std::ranges::find(leaving, shown.medium) == leaving.end())
      stay.push_back({shown.medium, &shown.key, shown.phrase()});
  return stay;
}

void MediaRound::drop(const base::Uuid& medium) {
  std::erase_if(shown_, [&](const ShownMedium& shown) { return shown.medium == medium; });
}

}  // namespace kmsd
