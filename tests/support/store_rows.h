// Rows for tests of stores.
#pragma once

#include "kms/store/store.h"

namespace tests {

inline base::Bytes bytesOf(std::string_view text) {
  const auto view = base::asBytes(text);
  return {view.begin(), view.end()};
}

inline kms::SealedRow rowOf(std::int64_t key, std::string_view sealed = "sealed") {
  return {key, 1, 1, 1, static_cast<std::uint64_t>(key), bytesOf(sealed)};
}

inline kms::Store::WriteJob putJob(std::int64_t key, std::string sealed = "sealed") {
  return [key, sealed = std::move(sealed)](kms::Txn& txn) {
    return txn.put(kms::Table::Tokens, rowOf(key, sealed));
  };
}

// Keys of all tokens, rising.
inline std::vector<std::int64_t> tokenKeys(kms::Store& store) {
  std::vector<std::int64_t> keys;
  auto done = store.read([&](kms::StoreReader& reader) -> base::Result<void> {
    auto rows = reader.list(kms::Table::Tokens, -1, 1'000'000);
    if (!rows) return std::move(rows).error();
    for (const auto& row : *rows) keys.push_back(row.key);
    return {};
  });
  if (!done) keys.assign(1, -1);  // no test expects this
  return keys;
}

// The audit entries that wait, in their order.
inline std::vector<std::string> auditLines(kms::Store& store) {
  std::vector<std::string> lines;
  auto done = store.read([&](kms::StoreReader& reader) -> base::Result<void> {
    auto rows = reader.outbox(1'000'000);
    if (!rows) return std::move(rows).error();
    for (const auto& row : *rows) {
      std::string_view rest = base::asText(row.entry);
      for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
        lines.emplace_back(rest.substr(0, end));
        rest.remove_prefix(end + 1);
      }
      lines.emplace_back(rest);
    }
    return {};
  });
  if (!done) lines.assign(1, "the outbox cannot be read");
  return lines;
}

}  // namespace tests
