// A founded database with rows in every table, and what must hold of it at every moment of a renewal.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "kms/keys/open_keys_impl.h"
#include "kms/keys/rotation.h"
#include "kms/keys/vault.h"
#include "tests/unit/keys/fixture.h"

namespace tests {

inline constexpr kms::Table kSealedTables[] = {
    kms::Table::Users,   kms::Table::Tokens,    kms::Table::Authorities, kms::Table::Certificates,
    kms::Table::Archive, kms::Table::Approvals, kms::Table::Revocations};
inline const kms::SlotDesk::Along kNothingAlong = [](kms::Txn&) { return base::Result<void>(); };

// What a row says: its table and key.
inline std::string plainOf(kms::Table table, std::int64_t key) {
  return "row " + std::to_string(key) + " of table " + std::to_string(static_cast<unsigned>(table));
}

inline std::vector<kms::SealedRow> rowsOf(kms::Store& store, kms::Table table) {
  std::vector<kms::SealedRow> rows;
  const auto read = store.read([&](kms::StoreReader& reader) -> base::Result<void> {
    auto listed = reader.list(table, std::numeric_limits<std::int64_t>::min(), 100'000);
    if (!listed) return std::move(listed).error();
    rows = *std::move(listed);
    return {};
  });
  EXPECT_TRUE(read);
  return rows;
}

// Fills every table.
inline void fill(Founded& f, std::int64_t rows) {
  kms::Vault vault(*f.store, f.server, base::systemRng());
  ASSERT_TRUE(vault.unseal(f.offer(Founded::kFirst, Founded::kFirst)));
  const auto keys = vault.hold();
  ASSERT_TRUE(keys);
  f.write([&](kms::Txn& txn) -> base::Result<void> {
    for (const kms::Table table : kSealedTables) {
      for (std::int64_t key = 1; key <= rows; ++key) {
        const auto row = (*keys)->seal(table, key, 3, base::asBytes(plainOf(table, key)));
        if (!row) return base::Error(row.error());
        if (auto put = txn.put(table, *row); !put) return put;
      }
    }
    return {};
  });
}

// This medium opens the server, and every row is there and says what it said.
inline void expectWhole(kms::Store& store, const Founded& f, unsigned medium, std::int64_t rows) {
  kms::Vault vault(store, f.server, base::systemRng());
  const auto opened = vault.unseal(f.offer(medium, medium));
  ASSERT_TRUE(opened) << opened.error().what;
  const auto keys = vault.hold();
  for (const kms::Table table : kSealedTables) {
    const auto found = rowsOf(store, table);
    EXPECT_EQ(found.size(), static_cast<std::size_t>(rows));
    for (const kms::SealedRow& row : found) {
      const auto plain = (*keys)->open(table, row);
      ASSERT_TRUE(plain) << plain.error().what;
      EXPECT_EQ(base::asText(*plain), plainOf(table, row.key));
      EXPECT_EQ(row.revision, 3U);
    }
  }
}

inline base::Result<kms::SlotDesk> deskOf(kms::Store& store, const Founded& f,
                                          unsigned medium = Founded::kFirst) {
  return kms::SlotDesk::open(store, f.server, f.offer(medium, medium), f.clock, base::systemRng());
}

// A new root key for these media.
inline base::Result<void> renew(kms::Store& store, const Founded& f, const std::vector<unsigned>& media) {
  auto desk = deskOf(store, f, media.front());
  if (!desk) return std::move(desk).error();
  std::vector<base::MasterKey> keys;
  for (const unsigned medium : media) keys.push_back(masterKey(medium));
  std::vector<kms::StayingSlot> stay;
  for (std::size_t i = 0; i < media.size(); ++i) stay.push_back({uuid(media[i]), &keys[i], nullptr});
  return kms::renewRoot(*desk, stay, {}, kCheap, kNothingAlong);
}

inline base::Result<void> resealAll(kms::Store& store, const Founded& f, unsigned medium) {
  kms::Vault vault(store, f.server, base::systemRng());
  if (auto opened = vault.unseal(f.offer(medium, medium)); !opened) return std::move(opened).error();
  kms::Resealer resealer(vault, store);
  for (;;) {
    const auto left = resealer.step();
    if (!left) return base::Error(left.error());
    if (!*left) return {};
  }
}

}  // namespace tests
