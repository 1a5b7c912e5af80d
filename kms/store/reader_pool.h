// Internal to kms/store: the connections that read. A job has one to itself and gives it back.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "kms/store/sqlite_connection.h"
#include "kms/store/store.h"

namespace kms::sqlite {

class ReaderPool {
 public:
  static constexpr std::size_t kMost = 8;  // connections; a ninth reader waits

  ReaderPool(std::filesystem::path file, std::size_t cacheBytes)
      : file_(std::move(file)), cacheBytes_(cacheBytes) {}

  // `asOf`: see StoreReader; taken before this call.
  base::Result<void> read(const Store::ReadJob& job, std::uint64_t asOf);
  base::Result<RowView> get(Table table, std::int64_t key, std::uint64_t asOf);

 private:
  base::Result<std::unique_ptr<Connection>> take();
  void giveBack(std::unique_ptr<Connection> connection);  // null where it is not fit for more

  const std::filesystem::path file_;
  const std::size_t cacheBytes_;  // of each
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t open_ = 0;
};

}  // namespace kms::sqlite
