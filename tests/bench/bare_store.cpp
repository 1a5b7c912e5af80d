#include "tests/bench/bare_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <random>
#include <stdexcept>

namespace tests::bench {
namespace {

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS tokens(key INTEGER PRIMARY KEY, row BLOB NOT NULL)";
constexpr const char* kInsert = "INSERT INTO tokens(row) VALUES(?1)";
constexpr const char* kFind = "SELECT row FROM tokens WHERE key=?1";
constexpr std::size_t kSecret = 19;  // bytes of the row that stand in its token
constexpr std::size_t kKeyDigits = 16;
constexpr const char* kPrefix = "kms_";
constexpr std::size_t kPrefixLength = 4;
constexpr std::size_t kTokenLength = kPrefixLength + kKeyDigits + 2 * kSecret;

[[noreturn]] void fail(sqlite3* db) {
  throw std::runtime_error(std::string("SQLite: ") + ::sqlite3_errmsg(db));
}

// Throws where it cannot: the benchmark's disk has failed.
void expect(sqlite3* db, int code, int wanted) {
  if (code != wanted) fail(db);
}

}  // namespace

BareConnection::BareConnection(const std::string& file, const char* statement) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  expect(db_, ::sqlite3_open_v2(file.c_str(), &db_, flags, nullptr), SQLITE_OK);
  run("PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA cache_size=-16384;"
      "PRAGMA wal_autocheckpoint=4096;PRAGMA mmap_size=4294967296");
  run(kTable);
  const int prepared =
      ::sqlite3_prepare_v3(db_, statement, -1, SQLITE_PREPARE_PERSISTENT, &statement_, nullptr);
  expect(db_, prepared, SQLITE_OK);
}

BareConnection::~BareConnection() {
  ::sqlite3_finalize(statement_);
  ::sqlite3_close(db_);
}

void BareConnection::run(const char* script) {
  expect(db_, ::sqlite3_exec(db_, script, nullptr, nullptr, nullptr), SQLITE_OK);
}

std::int64_t BareConnection::insert(const BareRow& row) {
  ::sqlite3_bind_blob(statement_, 1, row.data(), static_cast<int>(row.size()), SQLITE_STATIC);
  expect(db_, ::sqlite3_step(statement_), SQLITE_DONE);
  ::sqlite3_reset(statement_);
  return ::sqlite3_last_insert_rowid(db_);
}

std::optional<BareRow> BareConnection::find(std::int64_t key) {
  ::sqlite3_bind_int64(statement_, 1, key);
  const int code = ::sqlite3_step(statement_);
  std::optional<BareRow> row;
  if (code == SQLITE_ROW && ::sqlite3_column_bytes(statement_, 0) == static_cast<int>(BareRow().size()))
    std::memcpy(row.emplace().data(), ::sqlite3_column_blob(statement_, 0), BareRow().size());
  else if (code != SQLITE_DONE)
    fail(db_);
  ::sqlite3_reset(statement_);
  return row;
}

BareStore::BareStore(std::string file, std::function<void(std::vector<Insert>)> done)
    : file_(std::move(file)), done_(std::move(done)), writer_(file_, kInsert) {
  thread_ = std::thread([this] { write(); });
}

BareStore::~BareStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void BareStore::insert(const BareRow& row, std::shared_ptr<Waiter> waiter) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = waiting_.empty();
    waiting_.push_back({row, std::move(waiter), 0});
  }
  if (first) wake_.notify_one();
}

std::optional<BareRow> BareStore::find(std::int64_t key) const {
  thread_local BareConnection reader(file_, kFind);  // there is one store in the program
  return reader.find(key);
}

void BareStore::write() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::vector<Insert> batch;
    batch.swap(waiting_);
    lock.unlock();
    writer_.run("BEGIN IMMEDIATE");
    for (Insert& insert : batch) insert.key = writer_.insert(insert.row);
    writer_.run("COMMIT");
    done_(std::move(batch));
    lock.lock();
  }
}

BareRow randomRow() {
  thread_local std::mt19937_64 generator{std::random_device()()};
  BareRow row;
  for (std::size_t at = 0; at < row.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = generator();
    std::memcpy(row.data() + at, &word, std::min(sizeof word, row.size() - at));
  }
  return row;
}

std::string tokenOf(std::int64_t key, const BareRow& row) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string token(kTokenLength, '0');
  std::memcpy(token.data(), kPrefix, kPrefixLength);
  auto rest = static_cast<std::uint64_t>(key);
  for (std::size_t i = kKeyDigits; i-- > 0; rest >>= 4) token[kPrefixLength + i] = kDigits[rest & 15];
  std::size_t at = kPrefixLength + kKeyDigits;
  for (std::size_t i = 0; i < kSecret; ++i) {
    token[at++] = kDigits[row[i] >> 4];
    token[at++] = kDigits[row[i] & 15];
  }
  return token;
}

std::optional<std::int64_t> keyIn(const std::string& token) {
  if (token.size() != kTokenLength || !token.starts_with(kPrefix)) return std::nullopt;
  std::int64_t key = 0;
  const char* end = token.data() + kPrefixLength + kKeyDigits;
  const auto [stop, wrong] = std::from_chars(token.data() + kPrefixLength, end, key, 16);
  return wrong == std::errc{} && stop == end ? std::optional(key) : std::nullopt;
}

void fillBare(const std::string& file, std::uint64_t count, const std::string& tokens) {
  constexpr std::uint64_t kBatch = 50000;
  BareConnection db(file, kInsert);
  std::FILE* out = std::fopen(tokens.c_str(), "wxe");
  if (out == nullptr) throw std::runtime_error("cannot create " + tokens);
  for (std::uint64_t done = 0; done < count;) {
    db.run("BEGIN IMMEDIATE");
    for (const std::uint64_t until = std::min(count, done + kBatch); done < until; ++done) {
      const BareRow row = randomRow();
      std::fprintf(out, "%s\n", tokenOf(db.insert(row), row).c_str());
    }
    db.run("COMMIT");
  }
  if (std::fclose(out) != 0) throw std::runtime_error("cannot write " + tokens);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

}  // namespace tests::bench
