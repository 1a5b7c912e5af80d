#include "daemon/ctl/backup_directory.h"

#include <algorithm>

#include "hal/base/file.h"
#include "hal/base/rfc3339.h"

namespace kmsd::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnd = ".kdb";

std::string beginning(const base::Uuid& server) { return "kms-" + server.text().substr(0, 8) + "-"; }

// 20260131T235959Z, and nothing else.
bool isStamp(std::string_view text) {
  constexpr std::string_view kForm = "00000000T000000Z";
  return text.size() == kForm.size() &&
         std::equal(text.begin(), text.end(), kForm.begin(),
                    [](char c, char f) { return f == '0' ? c >= '0' && c <= '9' : c == f; });
}

}  // namespace

std::string backupName(const base::Uuid& server, base::Time made) {
  std::string stamp = base::formatTime(made);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return beginning(server) + stamp + std::string(kEnd);
}

base::Result<std::vector<fs::path>> backupsIn(const fs::path& directory, const base::Uuid& server) {
  const std::string begin = beginning(server);
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (name.size() <= begin.size() + kEnd.size() || !name.starts_with(begin) || !name.ends_with(kEnd))
      continue;
    const auto stamp = std::string_view(name).substr(begin.size(), name.size() - begin.size() - kEnd.size());
    std::error_code gone;
    if (isStamp(stamp) && fs::is_regular_file(at->symlink_status(gone))) found.push_back(at->path());
  }
  if (failed) return base::systemError(directory.string(), failed.value());
  std::ranges::sort(found);  // their names begin alike and end with the time
  return found;
}

base::Result<std::size_t> dropOldBackups(const fs::path& made, const base::Uuid& server, std::size_t keep) {
  auto all = backupsIn(made.parent_path(), server);
  if (!all) return std::move(all).error();
  std::erase_if(*all, [&made](const fs::path& one) { return one.filename() == made.filename(); });
  const std::size_t drop = all->size() - std::min(all->size(), keep - 1);
  for (std::size_t i = 0; i < drop; ++i) {
    std::error_code failed;
    fs::remove((*all)[i], failed);
    if (failed) return base::systemError("cannot delete " + (*all)[i].string(), failed.value());
  }
  return drop;
}

}  // namespace kmsd::ctl
