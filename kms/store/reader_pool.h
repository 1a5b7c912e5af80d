// Internal to kms/store: the connections that read. A job has one to itself and gives it back. Its view stays
// open behind it and serves the next job too, as long as nothing was committed since: to begin and end one
// costs more than to read a row.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "kms/store/sqlite_connection.h"
#include "kms/store/store.h"

namespace kms::sqlite {

class ReaderPool {
 public:
  static constexpr std::size_t kMost = 8;  // connections; a ninth reader waits

  // `damaged`: as SqliteOptions::damaged.
  ReaderPool(std::filesystem::path file, std::size_t cacheBytes,
             std::function<void(const base::Error& why)> damaged)
      : file_(std::move(file)), cacheBytes_(cacheBytes), damaged_(std::move(damaged)) {
    idle_.reserve(kMost);
  }

  // `asOf`: see StoreReader; taken before this call. It is another after each commit.
  base::Result<void> read(const Store::ReadJob& job, std::uint64_t asOf);
  base::Result<RowView> get(Table table, std::int64_t key, std::uint64_t asOf);

  // Returns when nobody reads, or after this time.
  void waitIdle(std::chrono::milliseconds most);

  // As long as one lives no view stays open behind its job, where it would be in the way of a checkpoint.
  class NoViews {
   public:
    explicit NoViews(ReaderPool& pool);
    ~NoViews();
    NoViews(const NoViews&) = delete;
    NoViews& operator=(const NoViews&) = delete;

   private:
    ReaderPool& pool_;
  };

 private:
  struct Reader {
    base::Result<void> see(std::uint64_t asOf);
    void forget() noexcept;

    Connection db;
    std::uint64_t view = 0;  // asOf() of the open view; 0: none
  };
  base::Result<std::unique_ptr<Reader>> take();
  void giveBack(std::unique_ptr<Reader> reader) noexcept;
  void tell(const std::optional<base::Error>& damage) const;

  const std::filesystem::path file_;
  const std::size_t cacheBytes_;  // of each
  const std::function<void(const base::Error& why)> damaged_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Reader>> idle_;
  std::size_t open_ = 0;
  bool noViews_ = false;
};

}  // namespace kms::sqlite
