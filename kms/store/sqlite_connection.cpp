#include "kms/store/sqlite_connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "hal/base/file.h"

namespace kms::sqlite {
namespace {

using base::Code;
using base::Error;
using base::Reason;

constexpr int kBusyMilliseconds = 5000;

// trusted_schema and the switches of harden(): a stranger may have written the file. secure_delete: a retired
// slot must be gone from it. mmap off: an I/O error must be an error code and not a signal.
constexpr const char* kPragmas =
    "PRAGMA foreign_keys=OFF; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
    "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON; PRAGMA synchronous=FULL;";

Error failure(sqlite3* db, int code) {
  const char* name = db != nullptr ? sqlite3_db_filename(db, "main") : nullptr;
  const std::string file = name != nullptr && *name != '\0' ? name : "the database";
  const std::string why =
      std::string(" (") + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code)) + ")";
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error{Code::Corrupt, file + " is damaged" + why + "; restore it from a backup",
                   Reason::DatabaseCorrupt};
    case SQLITE_FULL:
      return Error{Code::Unavailable, "no space is left for " + file + "; free some and try again"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error{Code::Unavailable, file + " is in use by another program; end it and try again"};
    case SQLITE_IOERR:
      return Error{Code::Io, file + " cannot be read or written" + why + "; check the disk"};
    case SQLITE_CANTOPEN:
      if (const int error = db != nullptr ? sqlite3_system_errno(db) : 0; error != 0) {
        return base::systemError("cannot open " + file, error);
      }
      return Error{Code::Io, file + " cannot be opened" + why};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Error{Code::Denied, file + " may not be written; check its owner and mode"};
    case SQLITE_NOMEM:
      return Error{Code::Unavailable, "out of memory while using " + file};
    case SQLITE_TOOBIG:
      return Error{Code::Invalid, "a row is too large for " + file};
    case SQLITE_CONSTRAINT:
      return Error{Code::Conflict, "an entry is in the database already"};
    default:
      return Error{Code::Internal, "using " + file + " failed" + why};
  }
}

// The same, and kept where it says that the file is damaged.
Error noted(sqlite3* db, int code, std::optional<Error>& damage) {
  Error error = failure(db, code);
  if (error.reason == Reason::DatabaseCorrupt) damage = error;
  return error;
}

void harden(sqlite3* db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
}

int noteWalPages(void* pages, sqlite3*, const char*, int count) {
  *static_cast<int*>(pages) = count;
  return SQLITE_OK;
}

}  // namespace

void CloseDatabase::operator()(sqlite3* db) const noexcept { sqlite3_close_v2(db); }
void FinalizeStatement::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

bool diskFailed(int code) noexcept { return (code & 0xff) == SQLITE_IOERR && code != SQLITE_IOERR_NOMEM; }

Query::~Query() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::int64_t value) noexcept {
  if (const int code = sqlite3_bind_int64(statement_, next_++, value); bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

Query& Query::bind(base::BytesView value) noexcept {
  // A null pointer would bind NULL.
  const void* data = value.empty() ? static_cast<const void*>("") : value.data();
  const int code = sqlite3_bind_blob64(statement_, next_++, data, value.size(), SQLITE_STATIC);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

Query& Query::bind(std::string_view value) noexcept {
  const char* data = value.empty() ? "" : value.data();
  const int code = sqlite3_bind_text64(statement_, next_++, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (bound_ == SQLITE_OK) bound_ = code;
  return *this;
}

base::Result<bool> Query::step() {
  if (bound_ != SQLITE_OK) return failure(sqlite3_db_handle(statement_), bound_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return noted(sqlite3_db_handle(statement_), code, damage_);
}

base::Result<void> Query::run() {
  for (;;) {
    auto row = step();
    if (!row) return std::move(row).error();
    if (!*row) return {};
  }
}

std::int64_t Query::integer(int column) const noexcept { return sqlite3_column_int64(statement_, column); }

base::Bytes Query::bytes(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? base::Bytes{} : base::Bytes(data, data + size);
}

std::string Query::text(int column) const { return std::string(base::asText(bytes(column))); }

base::Result<Connection> Connection::openAt(const char* name, int flags) {
  // The process-wide memory statistics cost a global lock at each allocation. Refused, and not needed, where
  // SQLite is in use already.
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });

  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(
      name, &raw, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Connection connection(raw);
  if (code != SQLITE_OK) return failure(raw, code);
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  harden(raw);
  auto set = connection.script(kPragmas);
  if (!set) return std::move(set).error();
  sqlite3_wal_hook(raw, noteWalPages,
                   connection.walPages_.get());  // takes the place of automatic checkpoints
  return connection;
}

base::Result<Connection> Connection::open(const std::filesystem::path& file, Access access,
                                          std::size_t cacheBytes) {
  auto connection = openAt(std::filesystem::absolute(file).c_str(), 0);
  if (!connection) return connection;
  // Where writing is not allowed, SQLite opens for reading without a word.
  if (sqlite3_db_readonly(connection->db_.get(), "main") != 0) {
    return failure(connection->db_.get(), SQLITE_READONLY);
  }
  const std::string cache = "PRAGMA cache_size=-" + std::to_string(cacheBytes / 1024);
  auto set = connection->script(cache.c_str());
  if (set && access == Access::Read) set = connection->script("PRAGMA query_only=ON");
  if (!set) return std::move(set).error();
  return connection;
}

base::Result<Connection> Connection::openInMemory() {
  return openAt(":memory:", SQLITE_OPEN_MEMORY | SQLITE_OPEN_CREATE);
}

base::Result<Query> Connection::query(const char* sql) {
  for (auto& cached : cache_) {
    if (cached.sql == sql) return Query(cached.statement.get(), *damage_);
  }
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return noted(db_.get(), code, *damage_);
  cache_.push_back({sql, std::unique_ptr<sqlite3_stmt, FinalizeStatement>(raw)});
  return Query(raw, *damage_);
}

base::Result<void> Connection::script(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return noted(db_.get(), code, *damage_);
  return {};
}

base::Result<std::int64_t> Connection::pragma(const char* sql) {
  auto asked = query(sql);
  if (!asked) return std::move(asked).error();
  auto row = asked->step();
  if (!row) return std::move(row).error();
  return *row ? asked->integer(0) : 0;
}

bool Connection::inTransaction() const noexcept { return sqlite3_get_autocommit(db_.get()) == 0; }
int Connection::lastCode() const noexcept { return sqlite3_extended_errcode(db_.get()); }
std::int64_t Connection::changes() const noexcept { return sqlite3_changes64(db_.get()); }

base::Result<bool> Connection::checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), "main", mode, nullptr, nullptr);
  *walPages_ = 0;  // counted anew with the next commit
  if ((code & 0xff) == SQLITE_BUSY) return false;
  if (code != SQLITE_OK) return noted(db_.get(), code, *damage_);
  return true;
}

base::Result<bool> Connection::moveAll() {
  int inWal = -1;
  int moved = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_.get(), "main", SQLITE_CHECKPOINT_PASSIVE, &inWal, &moved);
  *walPages_ = 0;
  if ((code & 0xff) == SQLITE_BUSY) return false;
  if (code != SQLITE_OK) return failure(db_.get(), code);
  return inWal >= 0 && inWal == moved;
}

base::Result<void> Connection::readFile(std::uint64_t offset, std::span<std::byte> out) {
  sqlite3_file* file = nullptr;
  int code = sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code == SQLITE_OK && (file == nullptr || file->pMethods == nullptr)) code = SQLITE_MISUSE;
  if (code == SQLITE_OK)
    code = file->pMethods->xRead(file, out.data(), static_cast<int>(out.size()),
                                 static_cast<sqlite3_int64>(offset));
  if (code == SQLITE_OK) return {};
  return Error{Code::Io, std::string("the database cannot be read (") + sqlite3_errstr(code) + ")"};
}

void Connection::leaveWalOnClose() noexcept {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

}  // namespace kms::sqlite
