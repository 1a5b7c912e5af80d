#include "daemon/http/places.h"

#include <algorithm>
#include <cassert>

namespace kmsd::http {

bool Places::take(uid_t user) {
  const bool root = user == 0;
  const std::size_t kept = root ? 0 : std::min(options_.connectionsForRoot, options_.connectionsMost);
  if (taken_ >= options_.connectionsMost - kept) return false;
  const auto of = ofUser_.try_emplace(user, 0).first;
  if (!root && of->second >= options_.connectionsOfOneUser) return false;
  ++of->second;
  ++taken_;
  return true;
}

void Places::give(uid_t user) noexcept {
  const auto of = ofUser_.find(user);
  assert(of != ofUser_.end() && of->second != 0);
  --taken_;
  if (--of->second == 0) ofUser_.erase(of);
}

}  // namespace kmsd::http
