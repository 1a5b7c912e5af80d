#include "daemon/keeper_delays.h"

#include <algorithm>

namespace kmsd {

void RefusalDelays::refused(const std::string& who, Moment now) {
  tidy(now);
  const auto [at, fresh] = entries_.try_emplace(who, Entry{first_, now});
  at->second.until = now + at->second.next;
  at->second.next = std::min(at->second.next * 2, most_);
}

RefusalDelays::Moment RefusalDelays::notBefore(const std::string& who) const {
  const auto at = entries_.find(who);
  return at == entries_.end() ? Moment{} : at->second.until;
}

void RefusalDelays::tidy(Moment now) {
  constexpr std::size_t kMost = 1024;
  std::erase_if(entries_, [&](const auto& entry) { return now - entry.second.until > most_; });
  if (entries_.size() < kMost) return;
  entries_.erase(std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
    return a.second.until < b.second.until;
  }));
}

}  // namespace kmsd
