#include "daemon/server_moved.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/act_as_owner.h"
#include "hal/base/file.h"
#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"

namespace kmsd {

base::Result<void> markMoved(const DataDir& dir, base::Time at) {
  const ActAsOwner owner(dir.root());
  if (auto acting = owner.check(); !acting) return acting;
  return base::writeFileDurably(dir.moved(), base::asBytes(base::formatTime(at) + "\n"), 0600);
}

base::Result<void> checkNotMoved(const DataDir& dir) {
  struct stat found {};
  if (::lstat(dir.moved().c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return base::systemError(dir.moved().string(), errno);
  }
  const auto text = base::readSmallFile(dir.moved(), 64);
  const auto at = text ? base::parseTime(text->substr(0, text->find('\n'))) : std::nullopt;
  return base::Error{base::Code::Denied,
                     "this server was moved to another host" +
                         (at ? " with the final backup of " + base::formatTime(*at) : std::string()) +
                         ", and two that go on from one state would give out the same numbers twice; where "
                         "that backup was not restored, 'kmsd run --unmove' goes on here",
                     base::Reason::ServerMoved};
}

base::Result<bool> unmarkMoved(const DataDir& dir, const base::Uuid& server, kms::Store& store) {
  const auto moved = checkNotMoved(dir);
  if (moved) return false;
  if (moved.error().reason != base::Reason::ServerMoved) return moved.error();
  auto recorded = store.writeAndWait([&server](kms::Txn& txn) {
    return kms::record(txn, base::systemClock().now(),
                       {kms::Event::ServerMoved, "kmsd", server.text(),
                        "the mark of the move was taken off (--unmove); the server goes on here"});
  });
  if (!recorded) return std::move(recorded).error();
  const ActAsOwner owner(dir.root());
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  if (::unlink(dir.moved().c_str()) != 0) {
    if (errno == ENOENT) return false;
    return base::systemError(dir.moved().string(), errno);
  }
  if (auto synced = base::syncDirectory(dir.security()); !synced) return std::move(synced).error();
  return true;
}

}  // namespace kmsd
