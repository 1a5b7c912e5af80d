#include "kms/store/reader_pool.h"

#include <exception>
#include <utility>

#include "kms/store/sqlite_session.h"

namespace kms::sqlite {
namespace {

using base::Code;
using base::Error;
using base::Result;

Result<void> runCached(Connection& db, const char* sql) {
  auto query = db.query(sql);
  if (!query) return std::move(query).error();
  return query->run();
}

Result<void> guarded(const Store::ReadJob& job, StoreReader& reader) {
  try {
    return job(reader);
  } catch (const std::exception& thrown) {
    return Error{Code::Internal, std::string("a query threw: ") + thrown.what()};
  } catch (...) {
    return Error{Code::Internal, "a query threw"};
  }
}

}  // namespace

// From here on the connection sees what was committed at `asOf`, or later.
Result<void> ReaderPool::Reader::see(std::uint64_t asOf) {
  if (view == asOf && view != 0) return {};
  forget();
  if (auto begun = runCached(db, "BEGIN"); !begun) return begun;
  view = asOf;
  return {};
}

void ReaderPool::Reader::forget() noexcept {
  view = 0;
  // Where it fails the connection is closed instead, see giveBack().
  if (db.inTransaction()) static_cast<void>(bool(runCached(db, "COMMIT")));
}

Result<void> ReaderPool::read(const Store::ReadJob& job, std::uint64_t asOf) {
  auto reader = take();
  if (!reader) return std::move(reader).error();
  auto outcome = (*reader)->see(asOf);
  if (outcome) {
    Session session((*reader)->db, asOf);
    outcome = guarded(job, session);
  }
  if (!outcome) (*reader)->forget();
  const auto damage = (*reader)->db.takeDamage();
  giveBack(*std::move(reader));
  tell(damage);
  return outcome;
}

Result<RowView> ReaderPool::get(Table table, std::int64_t key, std::uint64_t asOf) {
  auto reader = take();
  if (!reader) return std::move(reader).error();
  Result<std::optional<SealedRow>> row = std::optional<SealedRow>();
  if (auto seen = (*reader)->see(asOf); seen) {
    row = Session((*reader)->db).get(table, key);
  } else {
    row = std::move(seen).error();
  }
  if (!row) (*reader)->forget();
  const auto damage = (*reader)->db.takeDamage();
  giveBack(*std::move(reader));
  tell(damage);
  if (!row) return std::move(row).error();
  return RowView{*std::move(row), asOf};
}

Result<std::unique_ptr<ReaderPool::Reader>> ReaderPool::take() {
  {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !idle_.empty() || open_ < kMost; });
    if (!idle_.empty()) {
      auto reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
    ++open_;
  }
  auto opened = Connection::open(file_, Access::Read, cacheBytes_);
  if (!opened) {
    giveBack(nullptr);
    if (opened.error().reason == base::Reason::DatabaseCorrupt) tell(opened.error());
    return std::move(opened).error();
  }
  return std::make_unique<Reader>(Reader{*std::move(opened)});
}

void ReaderPool::tell(const std::optional<base::Error>& damage) const {
  if (damage && damaged_) damaged_(*damage);
}

// Null, or one that does not come out of its transaction, goes.
void ReaderPool::giveBack(std::unique_ptr<Reader> reader) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (reader && noViews_) reader->forget();
    if (reader && reader->db.inTransaction() == (reader->view != 0)) {
      idle_.push_back(std::move(reader));
    } else {
      --open_;
    }
  }
  freed_.notify_all();
}

void ReaderPool::waitIdle(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  freed_.wait_for(lock, most, [this] { return idle_.size() == open_; });
}

ReaderPool::NoViews::NoViews(ReaderPool& pool) : pool_(pool) {
  const std::lock_guard lock(pool_.mutex_);
  pool_.noViews_ = true;
  for (const auto& reader : pool_.idle_) reader->forget();
}

ReaderPool::NoViews::~NoViews() {
  const std::lock_guard lock(pool_.mutex_);
  pool_.noViews_ = false;
}

}  // namespace kms::sqlite
