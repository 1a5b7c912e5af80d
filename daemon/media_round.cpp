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

// True: they opened the slot of the set.
base::Result<bool> MediaRound::joinShares(const kms::ShareSet& set, std::size_t with,
                                          const ShownMedium& last) {
  for (const auto& choice : shares_.choices(set, with)) {
    auto key = shares_.join(choice);
    if (!key) return std::move(key).error();
    ShownMedium whole{last.uri,
                      last.place,
                      last.removable,
                      *std::move(key),
                      kms::MediumRef{server_.header().server, set.id},
                      set.label,
                      {},
                      {}};
    auto taken = take(std::move(whole));
    if (taken) return true;
    if (taken.error().reason != base::Reason::KeyMismatch) return std::move(taken).error();
  }
  return false;
}

base::Result<void> MediaRound::takeShare(ShownMedium shown) {
  if (shown.id && shown.id->server != server_.header().server)
    return base::Error{
        base::Code::NotMine,
        shown.uri + " holds a share of server " + shown.id->server.text() + ", not of this one",
        base::Reason::Foreign};
  auto value = base::MasterKey::fromBytes(shown.key.bytes());
  if (!value) return std::move(value).error();
  const auto set = shown.id ? std::optional(shown.id->medium) : std::nullopt;
  const std::size_t with = shares_.add({*std::move(value), shown.share, set, shown.uri});
  const auto sets = kms::shareSets(server_.store());
  if (!sets) return base::Error(sets.error());
  std::string told;
  for (const kms::ShareSet& one : *sets) {
    if ((set && one.id != *set) || has(one.id)) continue;
    const auto whole = joinShares(one, with, shown);
    if (!whole) return base::Error(whole.error());
    if (*whole) return {};
    told = std::to_string(shares_.count(one)) + " of " + std::to_string(one.threshold) +
           " shares read of \"" + one.label + "\" (" + one.id.text() + "); show another one";
  }
  if (told.empty() && set && has(*set)) return {};
  if (told.empty())
    return base::Error{base::Code::Denied, shown.uri + " holds a share of a key that no slot here is for",
                       base::Reason::KeyMismatch};
  std::cerr << printable(told) << "\n";
  return {};
}

base::Result<void> MediaRound::take(ShownMedium shown) {
  if (shown.share != 0) return takeShare(std::move(shown));
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
  if (shown_.empty())
    return base::Error{base::Code::Denied, "no key is whole yet: more shares must be shown; nothing was done",
                       base::Reason::Forbidden};
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
