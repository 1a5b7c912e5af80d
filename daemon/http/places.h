// Places: how many connections there may be, of whom. Inside daemon/http only. Not thread-safe.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>

#include "daemon/http/server.h"

namespace kmsd::http {

// Who holds a connection, as far as can be told before a word is said: a user of this host, or a network
// address. Of IPv6 it is the first 64 bits, because the rest is the other end's to choose.
struct Holder {
  enum class Kind : std::uint8_t { User, V4, V6 };
  Kind kind = Kind::User;
  std::uint64_t id = 0;

  auto operator<=>(const Holder&) const = default;
  bool root() const noexcept { return kind == Kind::User && id == 0; }
};

Holder holderOf(uid_t user) noexcept;
// REQUIRES: an AF_INET or AF_INET6 address.
Holder holderOf(const sockaddr_storage& address) noexcept;

class Places {
 public:
  explicit Places(const ServerOptions& options) noexcept : options_(options) {}

  // Takes a place for a connection of this holder. False where there is none: none but root may have more
  // than his share, nor those that are kept for root.
  bool take(const Holder& holder);
  // REQUIRES: take(holder) was true once more than this was called.
  void give(const Holder& holder) noexcept;

 private:
  const ServerOptions& options_;
  std::size_t taken_ = 0;
  std::size_t overTcp_ = 0;  // of these
  std::map<Holder, std::size_t> of_;
};

}  // namespace kmsd::http
