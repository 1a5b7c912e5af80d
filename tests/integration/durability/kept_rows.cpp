#include "tests/integration/durability/kept_rows.h"

#include <gtest/gtest.h>

#include "kms/keys/open_keys.h"
#include "kms/keys/vault.h"
#include "kms/store/sqlite_store.h"
#include "tests/support/share_disks.h"

namespace tests {
namespace {

constexpr kms::Table kTables[] = {kms::Table::Users,        kms::Table::Tokens,  kms::Table::Authorities,
                                  kms::Table::Certificates, kms::Table::Archive, kms::Table::Approvals,
                                  kms::Table::Revocations};
constexpr std::int64_t kFirst = 1'000'000;  // behind those of the server's own
constexpr std::int64_t kRows = 20;
constexpr std::uint32_t kRevision = 3;

std::string plainOf(kms::Table table, std::int64_t key) {
  return "row " + std::to_string(key) + " of table " + std::to_string(static_cast<unsigned>(table));
}

// Calls `work` with the store and its open keys.
template <class Work>
void withOpen(const std::filesystem::path& data, const std::filesystem::path& image, Work work) {
  const auto store = kms::openSqliteStore(data / "security/kms.db");
  ASSERT_TRUE(store) << store.error().what;
  hal::KeyFile file = fileOn(image);
  const base::Uuid server = file.identity->server;
  kms::Vault vault(**store, server, base::systemRng());
  const auto opened = vault.unseal(
      {std::move(file.key), kms::MediumRef{server, file.identity->medium}, std::nullopt, "image"});
  ASSERT_TRUE(opened) << opened.error().what;
  const auto keys = vault.hold();
  ASSERT_TRUE(keys) << keys.error().what;
  work(**store, **keys);
}

}  // namespace

void KeptRows::put(const std::filesystem::path& data, const std::filesystem::path& image) {
  withOpen(data, image, [](kms::Store& store, kms::OpenKeys& keys) {
    const auto done = store.writeAndWait([&](kms::Txn& txn) -> base::Result<void> {
      for (const kms::Table table : kTables) {
        for (std::int64_t key = kFirst; key < kFirst + kRows; ++key) {
          const auto row = keys.seal(table, key, kRevision, base::asBytes(plainOf(table, key)));
          if (!row) return base::Error(row.error());
          if (auto put = txn.put(table, *row); !put) return put;
        }
      }
      return {};
    });
    ASSERT_TRUE(done) << done.error().what;
  });
}

void KeptRows::expectAll(const std::filesystem::path& data, const std::filesystem::path& image) {
  withOpen(data, image, [](kms::Store& store, kms::OpenKeys& keys) {
    const auto read = store.read([&](kms::StoreReader& reader) -> base::Result<void> {
      for (const kms::Table table : kTables) {
        for (std::int64_t key = kFirst; key < kFirst + kRows; ++key) {
          const auto row = reader.get(table, key);
          if (!row) return base::Error(row.error());
          EXPECT_TRUE(*row) << plainOf(table, key) << " is lost";
          if (!*row) continue;
          const auto plain = keys.open(table, **row);
          if (!plain) return base::Error(plain.error());
          EXPECT_EQ(base::asText(*plain), plainOf(table, key));
        }
      }
      return {};
    });
    EXPECT_TRUE(read) << read.error().what;
  });
}

}  // namespace tests
