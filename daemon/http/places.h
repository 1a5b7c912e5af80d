// Places: how many connections there may be, of whom. Inside daemon/http only. Not thread-safe.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <unordered_map>

#include "daemon/http/server.h"

namespace kmsd::http {

class Places {
 public:
  explicit Places(const ServerOptions& options) noexcept : options_(options) {}

  // Takes a place for a connection of this user. False where there is none: no user but root may have all,
  // nor those that are kept for root.
  bool take(uid_t user);
  // REQUIRES: take(user) was true once more than this was called.
  void give(uid_t user) noexcept;

 private:
  const ServerOptions& options_;
  std::size_t taken_ = 0;
  std::unordered_map<uid_t, std::size_t> ofUser_;
};

}  // namespace kmsd::http
