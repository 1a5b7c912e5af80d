#include "kms/keys/share_desk.h"

#include <algorithm>
#include <bitset>

#include "kms/keys/slot.h"

namespace kms {
base::Result<std::vector<ShareSet>> shareSets(Store& store) {
  std::vector<ShareSet> sets;
  auto read = store.read([&sets](StoreReader& reader) -> base::Result<void> {
    const auto rows = reader.slots();
    if (!rows) return base::Error(rows.error());
    sets.clear();
    for (const SlotRow& row : *rows) {
      auto header = parseSlotHeader(row.header);
      if (!header || !header->share.split()) continue;
      sets.push_back({header->medium, header->share.threshold, header->share.total, header->label});
    }
    return {};
  });
  if (!read) return std::move(read).error();
  return sets;
}

std::size_t ShareDesk::add(ReadShare share) {
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    Kept& known = shares_[i];
    const bool same =
        known.number == share.number && base::equalConstantTime(known.value.bytes(), share.value.bytes());
    if (!same || (known.set && share.set && *known.set != *share.set)) continue;
    if (share.set) known.set = share.set;
    std::erase(known.places, share.where);
    known.places.push_back(std::move(share.where));
    return i;
  }
  if (full()) shares_.erase(shares_.begin());
  shares_.push_back({std::move(share.value), share.number, share.set, {std::move(share.where)}});
  return shares_.size() - 1;
}

void ShareDesk::forget(const std::string& where) {
  for (Kept& share : shares_) std::erase(share.places, where);
  std::erase_if(shares_, [](const Kept& share) { return share.places.empty(); });
}

bool ShareDesk::holds(const std::string& where) const {
  return std::ranges::any_of(shares_, [&](const Kept& share) {
    return std::ranges::find(share.places, where) != share.places.end();
  });
}

std::vector<base::SharePoint> ShareDesk::points(const std::vector<std::size_t>& choice) const {
  std::vector<base::SharePoint> all;
  for (const std::size_t at : choice) all.push_back({shares_[at].number, shares_[at].value.bytes()});
  return all;
}

unsigned ShareDesk::count(const ShareSet& set) const {
  std::bitset<base::kMaxShareNumber + 1> numbers;
  for (const Kept& share : shares_)
    if (share.fits(set)) numbers.set(share.number);
  return static_cast<unsigned>(numbers.count());
}

std::vector<std::vector<std::size_t>> ShareDesk::choices(const ShareSet& set,
                                                         std::optional<std::size_t> with) const {
  std::vector<std::size_t> order;  // the one that must be in it, then the newest
  if (with) order.push_back(*with);
  for (std::size_t i = shares_.size(); i-- > 0;)
    if (shares_[i].fits(set) && with != i) order.push_back(i);
  std::vector<std::vector<std::size_t>> found;
  std::vector<std::size_t> chosen;
  // Depth first; `from` is the next in the order that may be taken.
  const auto grow = [&](const auto& self, std::size_t from) -> void {
    if (chosen.size() == set.threshold) return found.push_back(chosen);
    for (std::size_t i = from; i < order.size() && found.size() < kTries; ++i) {
      const bool taken = std::ranges::any_of(
          chosen, [&](std::size_t at) { return shares_[at].number == shares_[order[i]].number; });
      if (taken) continue;
      chosen.push_back(order[i]);
      self(self, i + 1);
      chosen.pop_back();
      if (with && chosen.empty()) return;
    }
  };
  grow(grow, 0);
  return found;
}

base::Result<base::MasterKey> ShareDesk::join(const std::vector<std::size_t>& choice) const {
  auto joined = base::joinShares(points(choice));
  if (!joined) return std::move(joined).error();
  return base::MasterKey::fromBytes(std::as_const(*joined).bytes().first<base::MasterKey::kSize>());
}

std::vector<ShareDesk::Named> ShareDesk::named(const std::vector<std::size_t>& choice) const {
  std::vector<Named> places;
  for (const std::size_t at : choice) places.push_back(shares_[at].named());
  return places;
}

base::Result<std::vector<ShareDesk::Named>> ShareDesk::wrong(const ShareSet& set,
                                                             const std::vector<std::size_t>& choice) const {
  const auto right = points(choice);
  std::vector<Named> bad;
  for (const Kept& share : shares_) {
    if (share.set != set.id) continue;
    const auto expected = base::joinShares(right, share.number);
    if (!expected) return base::Error(expected.error());
    if (!base::equalConstantTime(expected->bytes(), share.value.bytes())) bad.push_back(share.named());
  }
  return bad;
}

}  // namespace kms
