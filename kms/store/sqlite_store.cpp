#include "kms/store/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <future>
#include <string>
#include <utility>

#include "hal/base/fd.h"
#include "hal/base/file.h"
#include "kms/store/reader_pool.h"
#include "kms/store/sqlite_copy.h"
#include "kms/store/sqlite_schema.h"
#include "kms/store/sqlite_writer.h"

namespace kms {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using sqlite::Access;
using sqlite::Connection;

constexpr int kRestTries = 50;
constexpr std::chrono::milliseconds kRestPause{10};

class SqliteStore final : public Store, private Committer {
 public:
  SqliteStore(Connection db, const fs::path& file, const SqliteOptions& options)
      : file_(file),
        writer_(std::move(db), options),
        readers_(file, options.cacheBytes / 4, options.damaged),
        queue_(*this, options.maxBatch) {}

  Result<void> read(const ReadJob& job) override { return readers_.read(job, writer_.changes()); }
  Result<RowView> get(Table table, std::int64_t key) override {
    return readers_.get(table, key, writer_.changes());
  }
  bool watch(std::weak_ptr<RowWatcher> watcher) override {
    writer_.session().watch(std::move(watcher));
    return true;
  }
  void write(WriteJob job, Done done) override { queue_.push(std::move(job), std::move(done)); }
  Result<CopyFacts> copyTo(const fs::path& file, const std::atomic<bool>& stop) override {
    copying_ = true;
    const std::unique_ptr<std::atomic<bool>, void (*)(std::atomic<bool>*)> until(
        &copying_, [](std::atomic<bool>* copying) { *copying = false; });
    return sqlite::copyDatabase(
        file_, file, stop, [&](const std::function<Result<void>()>& begin) { return atRest(begin, stop); });
  }

 private:
  void commit(std::span<WriteRequest> batch) noexcept override { writer_.commit(batch); }
  bool tidyDue() const noexcept override { return writer_.tidyDue() || resting_; }
  void tidy() noexcept override {
    const sqlite::ReaderPool::NoViews checkpoint(readers_);
    if (resting_) return rest();
    writer_.tidy(!copying_);
  }

  // On the thread that writes, between two commits: so what is moved now is all that there is.
  void rest() noexcept {
    const auto rested = rested_;
    const bool begun = writer_.moveAll() && bool((*begin_)());
    resting_ = false;
    rested->set_value(begun);
  }
  // Readers of an earlier state are in the way for as long as they read.
  bool atRest(const std::function<Result<void>()>& begin, const std::atomic<bool>& stop) {
    begin_ = &begin;
    for (int tries = 0; tries < kRestTries && !stop && !writer_.closed(); ++tries) {
      rested_ = std::make_shared<std::promise<bool>>();
      auto rested = rested_->get_future();
      resting_ = true;
      // Nothing is written; it only wakes the writer.
      queue_.push([](Txn&) -> Result<void> { return {}; }, [](const Result<void>&) {});
      if (rested.get()) return true;
      readers_.waitIdle(kRestPause);
    }
    return false;
  }

  const fs::path file_;
  std::atomic<bool> resting_ = false;  // rest() is wanted
  const std::function<Result<void>()>* begin_ = nullptr;
  std::shared_ptr<std::promise<bool>> rested_;
  std::atomic<bool> copying_ = false;
  // They end in reverse order: the writes that wait, the readers, then the last connection, which moves the
  // WAL into the file and removes it.
  sqlite::Writer writer_;
  sqlite::ReaderPool readers_;
  WriteQueue queue_;
};

Result<void> useWal(Connection& db) {
  auto query = db.query("PRAGMA journal_mode=WAL");
  if (!query) return std::move(query).error();
  auto row = query->step();
  if (!row) return std::move(row).error();
  if (!*row || query->text(0) != "wal") {
    return Error{Code::Unsupported,
                 "the file system of the database cannot hold a write-ahead log; move it to a local disk"};
  }
  return {};
}

// What is there at all, before SQLite sees it: it would take an empty file for a new database. The file is
// not opened here, because closing a descriptor drops the locks of every other one of this process.
Result<void> checkFile(const fs::path& file) {
  struct stat info {};
  if (::lstat(file.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return Error{Code::NotFound, "there is no database " + file.string() + "; restore it from a backup",
                   Reason::DatabaseMissing};
    }
    return base::systemError("cannot look at " + file.string(), errno);
  }
  if (!S_ISREG(info.st_mode) || info.st_size == 0) {
    const std::string what = S_ISREG(info.st_mode) ? " is empty" : " is not a file";
    return Error{Code::Corrupt, file.string() + what + "; restore it from a backup", Reason::DatabaseCorrupt};
  }
  return {};
}

Result<std::unique_ptr<Store>> openChecked(const fs::path& file, const SqliteOptions& options) {
  auto there = checkFile(file);
  if (!there) return std::move(there).error();
  auto db = Connection::open(file, Access::Write, options.cacheBytes);
  if (!db) return std::move(db).error();
  auto good = sqlite::checkSchema(*db, sqlite::migrations());
  if (good) good = useWal(*db);
  if (good) good = sqlite::migrate(*db, sqlite::migrations());
  if (!good) return std::move(good).error();
  if (options.unsynced)
    if (auto set = db->script("PRAGMA synchronous=OFF"); !set) return std::move(set).error();
  auto slots = sqlite::Session(*db).slots();  // nothing opens without them
  if (!slots) return std::move(slots).error();
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(*std::move(db), file, options));
}

bool present(const fs::path& file) {
  struct stat info {};
  return ::lstat(file.c_str(), &info) == 0;
}

fs::path with(const fs::path& file, const char* suffix) { return file.string() + suffix; }

void removeWithCompanions(const fs::path& file) {
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink(with(file, suffix).c_str());
}

// Makes the tables in a new file, closes it and brings it to the disk.
Result<void> build(const fs::path& file, const SqliteOptions& options) {
  const base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return base::systemError("cannot create " + file.string(), errno);
  // SQLite gives its -wal and -shm files the mode of this one, whatever the umask.
  if (::fchmod(fd.get(), 0600) != 0)
    return base::systemError("cannot set the mode of " + file.string(), errno);
  {
    auto db = Connection::open(file, Access::Write, options.cacheBytes);
    if (!db) return std::move(db).error();
    auto made = useWal(*db);
    if (made) made = sqlite::migrate(*db, sqlite::migrations());
    if (!made) return made;
    // Closing would do it too, but tell nobody of a failure; then the tables were left in a log of another
    // name.
    auto moved = db->checkpoint(true);
    if (!moved) return std::move(moved).error();
    if (!*moved) return Error{Code::Unavailable, file.string() + " is in use by another program"};
  }
  if (::fsync(fd.get()) != 0) return base::systemError("cannot sync " + file.string(), errno);
  return {};
}

Result<void> create(const fs::path& file, const SqliteOptions& options) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    // A log left behind would be played into the new file.
    if (present(with(file, suffix))) {
      return Error{Code::Conflict, with(file, suffix).string() + " is there already; move it away first"};
    }
  }
  // Under another name until it is whole: a crash in between leaves no half database.
  const fs::path making = with(file, ".new");
  removeWithCompanions(making);
  auto built = build(making, options);
  if (built && ::renameat2(AT_FDCWD, making.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0) {
    built = errno == EEXIST ? Error{Code::Conflict, file.string() + " is there already; move it away first"}
                            : base::systemError("cannot create " + file.string(), errno);
  }
  if (!built) {
    removeWithCompanions(making);
    return built;
  }
  return base::syncDirectory(file.parent_path());
}

Error threw(const std::exception& thrown) {
  return Error{Code::Unavailable, std::string("cannot start the database: ") + thrown.what()};
}

}  // namespace

std::uint32_t storeSchema() noexcept { return static_cast<std::uint32_t>(sqlite::migrations().size()); }

Result<std::unique_ptr<Store>> createSqliteStore(const fs::path& file, SqliteOptions options) {
  try {
    auto made = create(file, options);
    if (!made) return std::move(made).error();
    return openChecked(file, options);
  } catch (const std::exception& thrown) {
    return threw(thrown);
  }
}

Result<std::unique_ptr<Store>> openSqliteStore(const fs::path& file, SqliteOptions options) {
  try {
    return openChecked(file, options);
  } catch (const std::exception& thrown) {
    return threw(thrown);
  }
}

}  // namespace kms
