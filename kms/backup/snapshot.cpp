#include "kms/backup/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hal/base/fd.h"
#include "hal/base/rng.h"
#include "kms/audit/audit_files.h"
#include "kms/backup/restored.h"
#include "kms/store/sqlite_store.h"

namespace kms::backup {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::Error;
using base::Result;

constexpr off_t kFreed = 16 * 1024 * 1024;  // bytes at once
constexpr const char* kCompanions[] = {"", "-wal", "-shm", "-journal"};

// What the copy itself tells.
struct Told {
  std::vector<SlotRow> slots;
  AuditHead head;
};

Result<Told> readCopy(const fs::path& spool, Kind kind, base::Time now) {
  SqliteOptions small;
  small.cacheBytes = 1U << 20U;
  small.unsynced = true;
  auto copy = openSqliteStore(spool, small);
  if (!copy) return std::move(copy).error();
  if (kind != Kind::Final)
    if (auto marked = markCopy(**copy, now); !marked) return std::move(marked).error();
  Told told;
  auto read = (*copy)->read([&told](StoreReader& reader) -> Result<void> {
    auto slots = reader.slots();
    if (!slots) return std::move(slots).error();
    told.slots = *std::move(slots);
    auto head = reader.auditHead();
    if (!head) return std::move(head).error();
    told.head = *head;
    return {};
  });
  if (!read) return std::move(read).error();
  return told;
}

// The files of the log up to its end as the copy knows it. Errors: those that are missing are for the
// restored server to tell.
Result<std::vector<PartFile>> partsOf(const fs::path& spool, const fs::path& audit, const AuditHead& head) {
  std::error_code failed;
  const auto size = fs::file_size(spool, failed);
  if (failed || fs::exists(spool.string() + "-wal", failed))
    return Error{Code::Io, "the copy of the database " + spool.string() + " is not whole; check the disk"};
  std::vector<PartFile> parts{{Part::Database, 0, spool, size}};
  auto segments = listSegments(audit);
  if (!segments) return std::move(segments).error();
  for (const std::int64_t segment : *segments) {
    if (segment > head.segment) break;
    const fs::path file = audit / segmentName(segment);
    auto length = segmentSize(file);
    if (!length) return std::move(length).error();
    const std::int64_t end = segment == head.segment ? std::min(*length, head.length) : *length;
    parts.push_back(
        {Part::Audit, static_cast<std::uint64_t>(segment), file, static_cast<std::uint64_t>(end)});
  }
  return parts;
}

}  // namespace

// In steps: while a large file is freed at once, all who write to the same disk stand still.
void clearSpool(const fs::path& spool) noexcept {
  const base::Fd fd(::open(spool.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  for (const char* suffix : kCompanions) ::unlink((spool.string() + suffix).c_str());
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) return;
  for (off_t left = info.st_size; left > kFreed; left -= kFreed)
    if (::ftruncate(fd.get(), left - kFreed) != 0) return;
}

Snapshot::~Snapshot() {
  source_.reset();
  clearSpool(spool_);
}

Result<std::unique_ptr<Snapshot>> Snapshot::take(Store& store, const Subject& subject, Kind kind,
                                                 base::Time now, const Sign& sign,
                                                 const std::atomic<bool>& stop) {
  clearSpool(subject.spool);
  std::unique_ptr<Snapshot> snapshot(new Snapshot(subject.spool));
  auto facts = store.copyTo(subject.spool, stop);
  if (!facts) return std::move(facts).error();
  auto told = readCopy(subject.spool, kind, now);
  if (!told) return std::move(told).error();
  auto parts = partsOf(subject.spool, subject.audit, told->head);
  if (!parts) return std::move(parts).error();
  Header header;
  header.kind = kind;
  header.server = subject.server;
  header.id = base::Uuid::generate(base::systemRng());
  header.made = now;
  header.created = subject.created;
  header.organisation = subject.organisation;
  header.schema = static_cast<std::uint32_t>(facts->schema);
  header.epoch = static_cast<std::uint64_t>(facts->epoch);
  header.users = static_cast<std::uint64_t>(facts->users);
  header.tokens = static_cast<std::uint64_t>(facts->tokens);
  header.certificates = static_cast<std::uint64_t>(facts->certificates);
  header.entries = static_cast<std::uint64_t>(told->head.number);
  header.slots = std::move(told->slots);
  auto source = Source::create(std::move(header), *std::move(parts), sign, stop);
  if (!source) return std::move(source).error();
  snapshot->source_ = *std::move(source);
  return snapshot;
}

}  // namespace kms::backup
