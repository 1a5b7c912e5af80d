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

Result<void> readOn(Connection& db, const Store::ReadJob& job, std::uint64_t asOf) {
  auto begun = runCached(db, "BEGIN");
  if (!begun) return begun;
  Result<void> outcome;
  try {
    Session session(db, asOf);
    outcome = job(session);
  } catch (const std::exception& thrown) {
    outcome = Error{Code::Internal, std::string("a query threw: ") + thrown.what()};
  } catch (...) {
    outcome = Error{Code::Internal, "a query threw"};
  }
  if (!db.inTransaction()) return outcome;
  auto ended = runCached(db, "COMMIT");
  return outcome ? ended : outcome;
}

}  // namespace

Result<void> ReaderPool::read(const Store::ReadJob& job, std::uint64_t asOf) {
  auto connection = take();
  if (!connection) return std::move(connection).error();
  auto outcome = readOn(**connection, job, asOf);
  const bool fit = !(*connection)->inTransaction();
  giveBack(fit ? *std::move(connection) : nullptr);
  return outcome;
}

// One statement is a view of its own, without a word to begin or end it.
Result<RowView> ReaderPool::get(Table table, std::int64_t key, std::uint64_t asOf) {
  auto connection = take();
  if (!connection) return std::move(connection).error();
  auto row = Session(**connection).get(table, key);
  giveBack(*std::move(connection));
  if (!row) return std::move(row).error();
  return RowView{*std::move(row), asOf};
}

Result<std::unique_ptr<Connection>> ReaderPool::take() {
  {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !idle_.empty() || open_ < kMost; });
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    ++open_;
  }
  auto opened = Connection::open(file_, Access::Read, cacheBytes_);
  if (!opened) {
    giveBack(nullptr);
    return std::move(opened).error();
  }
  return std::make_unique<Connection>(*std::move(opened));
}

void ReaderPool::giveBack(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    if (connection) {
      idle_.push_back(std::move(connection));
    } else {
      --open_;
    }
  }
  freed_.notify_one();
}

}  // namespace kms::sqlite
