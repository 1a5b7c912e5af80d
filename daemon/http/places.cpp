#include "daemon/http/places.h"

#include <netinet/in.h>

#include <algorithm>
#include <cassert>
#include <cstring>

namespace kmsd::http {

Holder holderOf(uid_t user) noexcept { return {Holder::Kind::User, user}; }

Holder holderOf(const sockaddr_storage& address) noexcept {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return {Holder::Kind::V4, v4.sin_addr.s_addr};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  Holder holder{Holder::Kind::V6, 0};
  std::memcpy(&holder.id, v6.sin6_addr.s6_addr, sizeof holder.id);
  return holder;
}

bool Places::take(const Holder& holder) {
  const std::size_t kept =
      holder.root() ? 0 : std::min(options_.connectionsForRoot, options_.connectionsMost);
  if (taken_ >= options_.connectionsMost - kept) return false;
  const bool user = holder.kind == Holder::Kind::User;
  if (!user && overTcp_ >= options_.connectionsOverTcp) return false;
  const std::size_t share = user ? options_.connectionsOfOneUser : options_.connectionsOfOneAddress;
  const auto of = of_.find(holder);
  if (!holder.root() && (of != of_.end() ? of->second : 0) >= share) return false;
  if (of != of_.end()) {
    ++of->second;
  } else {
    of_.emplace(holder, 1);
  }
  ++taken_;
  if (!user) ++overTcp_;
  return true;
}

void Places::give(const Holder& holder) noexcept {
  const auto of = of_.find(holder);
  assert(of != of_.end() && of->second != 0);
  --taken_;
  if (holder.kind != Holder::Kind::User) --overTcp_;
  if (--of->second == 0) of_.erase(of);
}

}  // namespace kmsd::http
