// Internal to kms/store: SQLite's handles, owned. One connection is used by one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kms::sqlite {

struct CloseDatabase {
  void operator()(sqlite3* db) const noexcept;
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept;
};

// One use of a prepared statement; it is reset and its bindings are dropped at the end. What is bound must
// outlive it.
class Query {
 public:
  // `damage` outlives it: where to keep the error that says that the file is damaged.
  Query(sqlite3_stmt* statement, std::optional<base::Error>& damage) noexcept
      : statement_(statement), damage_(damage) {}
  Query(Query&& other) noexcept
      : statement_(other.statement_), damage_(other.damage_), next_(other.next_), bound_(other.bound_) {
    other.statement_ = nullptr;
  }
  Query& operator=(Query&&) = delete;
  ~Query();

  // Bind the next parameter, from the first on.
  Query& bind(std::int64_t value) noexcept;
  Query& bind(base::BytesView value) noexcept;
  Query& bind(std::string_view value) noexcept;

  // True: there is a row, read it; false: the end.
  base::Result<bool> step();
  // To the end, whatever rows there are.
  base::Result<void> run();

  std::int64_t integer(int column) const noexcept;
  base::Bytes bytes(int column) const;
  std::string text(int column) const;

 private:
  sqlite3_stmt* statement_;
  std::optional<base::Error>& damage_;
  int next_ = 1;
  int bound_ = 0;  // first error of a bind
};

enum class Access : std::uint8_t { Read, Write };

class Connection {
 public:
  // Opens an existing file. Errors: as failure(); Denied where it cannot be written.
  static base::Result<Connection> open(const std::filesystem::path& file, Access access,
                                       std::size_t cacheBytes);
  // A database of its own in memory.
  static base::Result<Connection> openInMemory();

  // Prepared once a connection. REQUIRES: `sql` has static storage; it is known by its address.
  base::Result<Query> query(const char* sql);
  // Runs the statements of a script that give no rows.
  base::Result<void> script(const char* sql);
  base::Result<std::int64_t> pragma(const char* sql);

  bool inTransaction() const noexcept;
  // What SQLite last reported here, with its extended bits.
  int lastCode() const noexcept;
  // Rows changed by the last statement.
  std::int64_t changes() const noexcept;

  // What SQLite said where it found the file damaged since this was asked last; none: it did not.
  std::optional<base::Error> takeDamage() noexcept { return std::exchange(*damage_, std::nullopt); }

  // Moves WAL pages into the file; `truncate` waits for readers and empties the WAL. False: a reader was in
  // the way, and a part is left.
  base::Result<bool> checkpoint(bool truncate);
  // As checkpoint(false); true where nothing is left, so that the file itself is the database.
  base::Result<bool> moveAll();
  // Reads bytes of the file itself, past pages and WAL, by the descriptor that SQLite has: to close another
  // one would drop the locks of all. Errors: Io, as where there are fewer.
  base::Result<void> readFile(std::uint64_t offset, std::span<std::byte> out);
  // Copies every page of the database, in the view that this connection has, and asks before each few
  // whether to go on. Errors: those of `goOn`; Unavailable (no space); Io; Corrupt / DatabaseCorrupt.
  // REQUIRES: a transaction here, none at `to`.
  base::Result<void> copyPages(Connection& to, const std::function<base::Result<void>()>& goOn);
  // Pages in the WAL after the last commit here.
  int walPages() const noexcept { return *walPages_; }
  // The WAL stays as it is when this connection closes.
  void leaveWalOnClose() noexcept;

 private:
  struct Cached {
    const char* sql;
    std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement;
  };
  explicit Connection(sqlite3* db)
      : db_(db),
        walPages_(std::make_unique<int>(0)),
        damage_(std::make_unique<std::optional<base::Error>>()) {}
  static base::Result<Connection> openAt(const char* name, int flags);

  std::unique_ptr<sqlite3, CloseDatabase> db_;
  std::unique_ptr<int> walPages_;                       // SQLite holds its address
  std::unique_ptr<std::optional<base::Error>> damage_;  // queries hold its address
  std::vector<Cached> cache_;                           // finalized before db_ closes
};

// True where the disk failed in a way that leaves open what of a transaction reached it.
bool diskFailed(int code) noexcept;

}  // namespace kms::sqlite
