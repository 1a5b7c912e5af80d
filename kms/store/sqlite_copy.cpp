#include "kms/store/sqlite_copy.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <future>

#include "hal/base/fd.h"
#include "hal/base/file.h"

namespace kms::sqlite {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Result;

constexpr std::size_t kPiece = 1U << 20U;               // bytes of the file, then `stop` is looked at
constexpr int kStepPages = 512;                         // 2 MB, then `stop` is looked at
constexpr std::size_t kCacheBytes = 2U << 20U;          // of either connection
constexpr std::uintmax_t kWalLeast = 1ULL << 30U;       // the WAL may grow so far, or as far as the database
constexpr std::uintmax_t kSpare = 64ULL * 1024 * 1024;  // bytes that a copy leaves free

std::uintmax_t sizeOf(const fs::path& file) {
  std::error_code failed;
  const auto size = fs::file_size(file, failed);
  return failed ? 0 : size;
}

fs::path walOf(const fs::path& file) { return file.string() + "-wal"; }

Result<void> checkSpace(const fs::path& from, const fs::path& to) {
  struct statvfs disk {};
  if (::statvfs(to.parent_path().c_str(), &disk) != 0)
    return base::systemError(to.parent_path().string(), errno);
  const std::uintmax_t free = std::uintmax_t{disk.f_bavail} * disk.f_frsize;
  const std::uintmax_t needed = sizeOf(from) + sizeOf(walOf(from)) + kSpare;
  if (free >= needed) return {};
  return Error{Code::Unavailable,
               "not enough space in " + to.parent_path().string() +
                   " for a copy of the database: " + std::to_string(needed >> 20U) + " MB are needed and " +
                   std::to_string(free >> 20U) + " MB are free",
               base::Reason::NoSpace};
}

Result<std::int64_t> one(Connection& db, const char* sql) {
  auto query = db.query(sql);
  if (!query) return std::move(query).error();
  auto row = query->step();
  if (!row) return std::move(row).error();
  return *row ? query->integer(0) : 0;
}

Result<CopyFacts> factsOf(Connection& db) {
  CopyFacts facts;
  struct Wanted {
    std::int64_t CopyFacts::*into;
    const char* sql;
  };
  constexpr Wanted kWanted[] = {{&CopyFacts::schema, "PRAGMA user_version"},
                                {&CopyFacts::epoch, "SELECT coalesce(max(id),0) FROM epochs"},
                                {&CopyFacts::users, "SELECT count(*) FROM users"},
                                {&CopyFacts::tokens, "SELECT count(*) FROM tokens"},
                                {&CopyFacts::certificates, "SELECT count(*) FROM certificates"}};
  for (const Wanted& wanted : kWanted) {
    auto value = one(db, wanted.sql);
    if (!value) return std::move(value).error();
    facts.*wanted.into = *value;
  }
  return facts;
}

// An empty file of ours, because SQLite would make one with another mode.
Result<void> makeEmpty(const fs::path& file) {
  const base::Fd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return base::systemError("cannot create " + file.string(), errno);
  return {};
}

Error noSpaceLeft() {
  return Error{Code::Unavailable, "no space is left for the copy of the database; free some and try again",
               base::Reason::NoSpace};
}

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const noexcept { sqlite3_backup_finish(backup); }
};

}  // namespace

Result<void> Connection::copyPages(Connection& to, const std::function<Result<void>()>& goOn) {
  const std::unique_ptr<sqlite3_backup, FinishBackup> backup(
      sqlite3_backup_init(to.db_.get(), "main", db_.get(), "main"));
  int code = backup ? SQLITE_OK : sqlite3_extended_errcode(to.db_.get());
  while (code == SQLITE_OK) {
    if (auto may = goOn(); !may) return may;
    code = sqlite3_backup_step(backup.get(), kStepPages);
  }
  if (code == SQLITE_DONE) return {};
  if ((code & 0xff) == SQLITE_FULL) return noSpaceLeft();
  return Error{(code & 0xff) == SQLITE_CORRUPT ? Code::Corrupt : Code::Io,
               std::string("the database cannot be copied (") + sqlite3_errstr(code) + ")",
               (code & 0xff) == SQLITE_CORRUPT ? base::Reason::DatabaseCorrupt : base::Reason::None};
}

namespace {

// Of the file, as the view shows it.
Result<std::uint64_t> bytesOf(Connection& view) {
  auto pages = one(view, "PRAGMA page_count");
  auto pageSize = one(view, "PRAGMA page_size");
  if (!pages || !pageSize) return pages ? std::move(pageSize).error() : std::move(pages).error();
  return static_cast<std::uint64_t>(*pages) * static_cast<std::uint64_t>(*pageSize);
}

// The file itself, while a view of all of it keeps it from being changed. Nothing of it is synced: the copy
// is of use only when it is whole.
Result<void> copyFile(Connection& source, std::uint64_t size, const fs::path& to,
                      const std::function<Result<void>()>& goOn) {
  const base::Fd fd(::open(to.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return base::systemError("cannot write " + to.string(), errno);
  base::Bytes piece(kPiece);
  for (std::uint64_t offset = 0; offset < size; offset += kPiece) {
    if (auto may = goOn(); !may) return may;
    const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - offset));
    if (auto read = source.readFile(offset, std::span(piece).first(length)); !read) return read;
    for (std::size_t put = 0; put < length;) {
      const ssize_t done =
          ::pwrite(fd.get(), piece.data() + put, length - put, static_cast<off_t>(offset + put));
      if (done < 0 && errno == EINTR) continue;
      if (done < 0 && (errno == ENOSPC || errno == EDQUOT)) return noSpaceLeft();
      if (done < 0) return base::systemError("cannot write " + to.string(), errno);
      put += static_cast<std::size_t>(done);
    }
  }
  return {};
}

// The file, and what is in it: to count the rows takes a while, so the view counts while another connection
// reads.
Result<CopyFacts> copyAtRest(Connection& view, const fs::path& from, const fs::path& to,
                             const std::function<Result<void>()>& goOn) {
  auto plain = Connection::open(from, Access::Read, kCacheBytes);
  if (!plain) return std::move(plain).error();
  const auto size = bytesOf(view);
  if (!size) return size.error();
  auto counting = std::async(std::launch::async | std::launch::deferred, [&view] { return factsOf(view); });
  auto copied = copyFile(*plain, *size, to, goOn);
  auto facts = counting.get();
  if (!copied) return std::move(copied).error();
  return facts;
}

Result<CopyFacts> copyPaged(Connection& source, const fs::path& to,
                            const std::function<Result<void>()>& goOn) {
  auto target = Connection::open(to, Access::Write, kCacheBytes);
  if (!target) return std::move(target).error();
  // The copy is of use only when it is whole, so nothing of it is journaled or synced.
  if (auto set = target->script("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA secure_delete=OFF");
      !set)
    return std::move(set).error();
  if (auto copied = source.copyPages(*target, goOn); !copied) return std::move(copied).error();
  return factsOf(source);
}

}  // namespace

Result<CopyFacts> copyDatabase(const fs::path& from, const fs::path& to, const std::atomic<bool>& stop,
                               const AtRest& atRest) {
  if (auto fits = checkSpace(from, to); !fits) return std::move(fits).error();
  auto source = Connection::open(from, Access::Read, kCacheBytes);
  if (!source) return std::move(source).error();
  // Most of what is in the WAL is moved here, so that little is left for when writers wait.
  if (auto moved = source->checkpoint(false); !moved) return std::move(moved).error();
  // The first reading begins the view that the copy shows.
  const auto begin = [&]() -> Result<void> {
    if (!source->inTransaction())
      if (auto begun = source->script("BEGIN"); !begun) return begun;
    auto first = one(*source, "PRAGMA user_version");
    return first ? Result<void>() : std::move(first).error();
  };
  const bool rest = atRest(begin);
  if (!rest)
    if (auto begun = begin(); !begun) return std::move(begun).error();
  if (auto made = makeEmpty(to); !made) return std::move(made).error();
  const std::uintmax_t walMost = std::max(kWalLeast, sizeOf(from));
  const auto goOn = [&]() -> Result<void> {
    if (stop) return Error{Code::Unavailable, "the server is stopping"};
    if (sizeOf(walOf(from)) <= walMost) return {};
    return Error{Code::Unavailable, "more is written to the database than can be copied; try again later"};
  };
  auto facts = rest ? copyAtRest(*source, from, to, goOn) : copyPaged(*source, to, goOn);
  if (!facts) return facts;
  if (auto ended = source->script("COMMIT"); !ended) return std::move(ended).error();
  // What gathered in the WAL is moved here, so that no writer stands still for it later.
  if (auto moved = source->checkpoint(false); !moved) return std::move(moved).error();
  return facts;
}

}  // namespace kms::sqlite
