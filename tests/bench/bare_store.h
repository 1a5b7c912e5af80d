// What the ceiling program keeps: one SQLite table with a rising integer key and an opaque row, WAL,
// synchronous=FULL. One writer thread takes all inserts that wait, commits once, and hands them back
// together; reads run where they are called, each thread on a connection of its own.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace tests::bench {

using BareRow = std::array<unsigned char, 105>;  // as long as a sealed token row of kmsd

// Who waits for an insert.
class Waiter {
 public:
  virtual ~Waiter() = default;
};

struct Insert {
  BareRow row;
  std::shared_ptr<Waiter> waiter;
  std::int64_t key = 0;  // set when it is done
};

// A connection with one prepared statement. Throws std::runtime_error where SQLite fails.
class BareConnection {
 public:
  BareConnection(const std::string& file, const char* statement);
  ~BareConnection();
  BareConnection(const BareConnection&) = delete;
  BareConnection& operator=(const BareConnection&) = delete;

  void run(const char* script);
  std::int64_t insert(const BareRow& row);
  std::optional<BareRow> find(std::int64_t key);

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

class BareStore {
 public:
  // `done` gets what one commit has brought to the disk; it runs on the writer's thread.
  BareStore(std::string file, std::function<void(std::vector<Insert>)> done);
  ~BareStore();
  BareStore(const BareStore&) = delete;
  BareStore& operator=(const BareStore&) = delete;

  void insert(const BareRow& row, std::shared_ptr<Waiter> waiter);
  std::optional<BareRow> find(std::int64_t key) const;

 private:
  void write();

  const std::string file_;
  const std::function<void(std::vector<Insert>)> done_;
  BareConnection writer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Insert> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

BareRow randomRow();
// 58 characters, as kmsd's tokens: "kms_", the key in 16 hexadecimal digits, 19 bytes of the row in 38.
std::string tokenOf(std::int64_t key, const BareRow& row);
std::optional<std::int64_t> keyIn(const std::string& token);
// Adds `count` rows and writes their tokens to a new file, one a line.
void fillBare(const std::string& file, std::uint64_t count, const std::string& tokens);

}  // namespace tests::bench
