#include "daemon/restore_server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "daemon/act_as_owner.h"
#include "daemon/new_file.h"
#include "daemon/new_server.h"
#include "daemon/slot_mirror.h"
#include "hal/base/file.h"
#include "kms/audit/audit_files.h"
#include "kms/backup/acceptance.h"
#include "kms/keys/slot.h"
#include "kms/keys/slot_facts.h"
#include "kms/store/sqlite_store.h"

namespace kmsd {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using kms::backup::ChunkHead;
using kms::backup::Header;
using kms::backup::Part;

constexpr std::uint64_t kSpare = 16ULL * 1024 * 1024;  // for what the database needs to open

Result<void> makeDirectory(const fs::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return base::systemError(path.string(), errno);
  return {};
}

// The parts of a backup, written file by file.
class PartsWriter {
 public:
  explicit PartsWriter(fs::path stage) : stage_(std::move(stage)) {}

  Result<void> put(const ChunkHead& head, base::BytesView data) {
    if (!fd_ || head.part != part_ || head.segment != segment_)
      if (auto begun = begin(head); !begun) return begun;
    while (!data.empty()) {
      const ssize_t done = ::write(fd_.get(), data.data(), data.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0 && (errno == ENOSPC || errno == EDQUOT))
        return Error{Code::Unavailable, "no space is left in " + stage_.string(), Reason::NoSpace};
      if (done < 0) return base::systemError("cannot write " + file_.string(), errno);
      data = data.subspan(static_cast<std::size_t>(done));
    }
    return {};
  }

  Result<void> end() {
    if (fd_ && ::fsync(fd_.get()) != 0) return base::systemError("cannot sync " + file_.string(), errno);
    fd_.reset();
    return {};
  }

 private:
  Result<void> begin(const ChunkHead& head) {
    if (auto ended = end(); !ended) return ended;
    part_ = head.part;
    segment_ = head.segment;
    constexpr std::uint64_t kSegmentMost = 1'000'000'000;
    if (segment_ > kSegmentMost) return Error{Code::Corrupt, "the backup has a file of an impossible number"};
    file_ = part_ == Part::Database
                ? stage_ / "kms.db"
                : stage_ / "audit" / kms::segmentName(static_cast<std::int64_t>(segment_));
    fd_.reset(::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd_) return base::systemError("cannot create " + file_.string(), errno);
    return {};
  }

  const fs::path stage_;
  fs::path file_;
  base::Fd fd_;
  Part part_{};
  std::uint64_t segment_ = 0;
};

Error noDatabase(const std::string& why) {
  return {Code::Corrupt, "what the backup holds is no database of this server: " + why,
          Reason::BackupDamaged};
}

// That it opens, brings an older format up to date, and is the server's that the header names. Gives its
// slots.
Result<std::vector<kms::SlotRow>> proveDatabase(const fs::path& file, const Header& header) {
  auto store = kms::openSqliteStore(file);
  if (!store && store.error().code == Code::Corrupt) return noDatabase(store.error().what);
  if (!store) return std::move(store).error();
  auto slots = kms::slotRows(**store);
  if (!slots) return slots;
  if (slots->empty()) return noDatabase("it has no key slot");
  for (const kms::SlotRow& slot : *slots) {
    const auto parsed = kms::parseSlotHeader(slot.header);
    if (parsed && parsed->server != header.server)
      return noDatabase("it is one of server " + parsed->server.text());
  }
  return slots;
}

Result<Header> fillStage(const BackupFile& file, const fs::path& stage, const Header& expected) {
  for (const char* name : {"audit", "public"})
    if (auto made = makeDirectory(stage / name); !made) return std::move(made).error();
  PartsWriter parts(stage);
  std::optional<Header> header;
  auto read = file.read({[&](const Header& found) -> Result<void> {
                           header = found;
                           // All of it: what was judged is what is taken, wherever the file may lie.
                           const auto judged = kms::backup::encodeHeader(expected);
                           const auto there = kms::backup::encodeHeader(found);
                           if (judged && there && *judged == *there) return {};
                           return Error{Code::Conflict, file.path().string() + " was changed meanwhile"};
                         },
                         [&](const ChunkHead& head, base::BytesView data) { return parts.put(head, data); }});
  if (read) read = parts.end();
  if (!read) return std::move(read).error();
  const auto slots = proveDatabase(stage / "kms.db", *header);
  if (!slots) return slots.error();
  const auto marked = kms::backup::encodeHeader(*header);
  if (!marked) return marked.error();
  const auto text =
      formatServerHeader(withSlots({header->server, header->organisation, header->created}, *slots));
  if (!text) return text.error();
  auto written = base::writeFileDurably(stage / kms::backup::kRestoredFile, *marked, 0600);
  if (written) written = base::writeFileDurably(stage / "header", base::asBytes(*text), 0600);
  for (const fs::path& directory : {stage / "audit", stage})
    if (written) written = base::syncDirectory(directory);
  if (!written) return std::move(written).error();
  return *header;
}

// A directory that goes again unless it is released.
class Stage {
 public:
  static Result<Stage> make(fs::path path) {
    std::error_code failed;
    fs::remove_all(path, failed);  // what an interrupted one left
    if (failed) return base::systemError(path.string(), failed.value());
    if (auto made = makeDirectory(path); !made) return std::move(made).error();
    return Stage(std::move(path));
  }
  Stage(Stage&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Stage& operator=(Stage&&) = delete;
  ~Stage() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const fs::path& path() const noexcept { return path_; }
  void moved(fs::path path) noexcept { path_ = std::move(path); }
  void release() noexcept { path_.clear(); }

 private:
  explicit Stage(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// A data directory that we made goes again while it is empty.
struct MadeRoot {
  fs::path path;
  bool made = false;
  ~MadeRoot() {
    if (made) ::rmdir(path.c_str());
  }
};

// Puts it in the place of what is there, if anything is: one rename decides. Gives the new name of that.
Result<fs::path> become(Stage& stage, const DataDir& dir, base::Time now) {
  const fs::path target = dir.security();
  if (::renameat2(AT_FDCWD, stage.path().c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) == 0) {
    stage.release();
    if (auto synced = base::syncDirectory(dir.root()); !synced) return std::move(synced).error();
    return fs::path();
  }
  if (errno != EEXIST) return base::systemError(target.string(), errno);
  // Under its later name first, so that nothing takes the old state for what an interrupted restore left.
  const std::string name = "security.bak-" + stampOf(now);
  for (int number = 0;; ++number) {
    fs::path aside = dir.root() / (name + (number == 0 ? std::string() : "." + std::to_string(number)));
    if (::renameat2(AT_FDCWD, stage.path().c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) != 0) {
      if (errno == EEXIST) continue;
      return base::systemError(aside.string(), errno);
    }
    stage.moved(aside);  // where it cannot change places it goes: it is not what its name says
    if (::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0)
      return base::systemError(target.string(), errno);
    stage.release();
    if (auto synced = base::syncDirectory(dir.root()); !synced) return std::move(synced).error();
    return aside;
  }
}

}  // namespace

Result<void> checkRestore(const Header& header, const fs::path& root, const RestoreOptions& options) {
  if (header.schema > kms::storeSchema())
    return Error{Code::Unsupported, "the backup has database format " + std::to_string(header.schema) +
                                        " and this program knows up to " +
                                        std::to_string(kms::storeSchema()) +
                                        "; install the newer version of keydisk"};
  if (!header.mac && !options.acceptUnsigned)
    return Error{Code::Denied,
                 "the backup is unsigned, so nobody can tell who made it; where you know that, give "
                 "--accept-unsigned",
                 Reason::BackupUnsigned};
  const DataDir dir(root);
  if (!dir.holdsServer()) return checkGround(root);
  if (!options.replace)
    return Error{Code::Conflict,
                 root.string() + " already holds a server; --replace puts it aside and takes the backup",
                 Reason::ServerExists};
  const auto there = dir.header();
  if (!there && there.error().reason == Reason::DataDirectoryUnsafe) return there.error();
  if (!there || there->server == header.server) return {};
  if (options.other == there->server) return {};
  return Error{Code::Denied, "the server in " + root.string() + " is another one, " + there->server.text() +
                                 "; to put it aside all the same give its id: --other-server " +
                                 there->server.text()};
}

Result<Restored> restoreServer(const BackupFile& file, const fs::path& root, const RestoreOptions& options) {
  auto header = file.header();
  if (!header) return std::move(header).error();
  if (auto fit = checkRestore(*header, root, options); !fit) return std::move(fit).error();
  const MadeRoot ours{root, ::mkdir(root.c_str(), 0700) == 0};
  if (!ours.made && errno != EEXIST) return base::systemError(root.string(), errno);
  if (ours.made)
    if (auto synced = base::syncDirectory(root.parent_path()); !synced) return std::move(synced).error();
  auto outer = lockRoot(root);
  if (!outer) return std::move(outer).error();
  if (auto fit = checkRestore(*header, root, options); !fit) return std::move(fit).error();
  const ActAsOwner owner(root);
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  const DataDir dir(root);
  base::Fd inner;
  if (dir.holdsServer()) {
    auto lock = dir.lock();
    if (!lock) return std::move(lock).error();
    inner = *std::move(lock);
  }
  if (auto fits = checkSpace(root, header->bytes + kSpare); !fits) return std::move(fits).error();
  auto stage = Stage::make(root / "security.new");
  if (!stage) return std::move(stage).error();
  auto filled = fillStage(file, stage->path(), *header);
  if (!filled) return std::move(filled).error();
  auto aside = become(*stage, dir, base::systemClock().now());
  if (!aside) return std::move(aside).error();
  return Restored{*std::move(filled), *std::move(aside)};
}

}  // namespace kmsd
