// Root works on a server of the service's user AS that user: whatever that user may have put in the way, a
// link for instance, then leads nowhere where that user could not go anyway.
#pragma once

#include <filesystem>

#include "hal/base/result.h"

namespace kmsd {

class ActAsOwner {
 public:
  // Of the directory `root`. Does nothing where we are not root, or root's is the directory.
  explicit ActAsOwner(const std::filesystem::path& root);
  ~ActAsOwner();
  ActAsOwner(const ActAsOwner&) = delete;
  ActAsOwner& operator=(const ActAsOwner&) = delete;

  // Errors: Denied.
  base::Result<void> check() const;

 private:
  bool acting_ = false;
  bool ok_ = true;
};

}  // namespace kmsd
