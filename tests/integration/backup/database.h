// Changes a server's database behind its back, as somebody does who can write the file and has no key.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>

namespace tests {

using OpenDatabase = std::unique_ptr<sqlite3, int (*)(sqlite3*)>;

inline OpenDatabase openDatabase(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  sqlite3_busy_timeout(raw, 10'000);
  return {raw, sqlite3_close};
}

inline void sql(const std::filesystem::path& file, const std::string& script) {
  const auto db = openDatabase(file);
  char* why = nullptr;
  EXPECT_EQ(sqlite3_exec(db.get(), script.c_str(), nullptr, nullptr, &why), SQLITE_OK) << (why ? why : "");
  sqlite3_free(why);
}

inline void eachRow(const std::filesystem::path& file, const std::string& query,
                    const std::function<void(sqlite3_stmt*)>& take) {
  const auto db = openDatabase(file);
  sqlite3_stmt* raw = nullptr;
  ASSERT_EQ(sqlite3_prepare_v2(db.get(), query.c_str(), -1, &raw, nullptr), SQLITE_OK) << query;
  while (sqlite3_step(raw) == SQLITE_ROW) take(raw);
  sqlite3_finalize(raw);
}

// So that a backup takes long enough for something to happen meanwhile: rows that nobody asks for. REQUIRES:
// no server runs.
inline void grow(const std::filesystem::path& file, int megabytes) {
  sql(file, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" +
                std::to_string(megabytes) +
                ") INSERT INTO archive(key,revision,generation,epoch,counter,sealed) "
                "SELECT i+100000,1,1,1,i+100000,zeroblob(1048576) FROM n");
}

// In place, as a disk does it: the first page stays, and all others are something else.
inline void ruinPages(const std::filesystem::path& file) {
  constexpr std::uintmax_t kPage = 4096;
  const auto size = std::filesystem::file_size(file);
  ASSERT_GT(size, kPage);
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(kPage));
  out << std::string(size - kPage, '\x7f');
}

}  // namespace tests
