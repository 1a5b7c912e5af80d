#include "daemon/act_as_owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

namespace kmsd {

ActAsOwner::ActAsOwner(const std::filesystem::path& root) {
  struct stat owner {};
  if (::geteuid() != 0 || ::lstat(root.c_str(), &owner) != 0 || owner.st_uid == 0) return;
  acting_ = true;
  ok_ = ::setegid(owner.st_gid) == 0 && ::seteuid(owner.st_uid) == 0;
}

ActAsOwner::~ActAsOwner() {
  // Back to root, or nowhere: to go on with the wrong rights would be worse.
  if (acting_ && (::seteuid(0) != 0 || ::setegid(0) != 0)) std::abort();
}

base::Result<void> ActAsOwner::check() const {
  if (ok_) return {};
  return base::Error{base::Code::Denied, "cannot act as the owner of the data directory"};
}

}  // namespace kmsd
