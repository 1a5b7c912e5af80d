// What every Store keeps to, whatever it stands on: rows and look-ups.
#include <limits>

#include "tests/contract/stores/store_contract.h"

namespace tests {
namespace {

using base::Code;
using kms::Index;
using kms::StoreReader;
using kms::Table;
using kms::Txn;

TEST_P(StoreContract, KeepsEveryFieldOfARowInItsTable) {
  constexpr Table kTables[] = {Table::Keyring,      Table::Users,   Table::Tokens,    Table::Authorities,
                               Table::Certificates, Table::Archive, Table::Approvals, Table::Revocations};
  for (const Table table : kTables) {
    change([&](Txn& txn) {
      kms::SealedRow row{7, std::numeric_limits<std::uint32_t>::max(), 3,
                         4, std::numeric_limits<std::uint64_t>::max(), bytesOf(std::string("a\0b", 3))};
      row.generation += static_cast<std::uint32_t>(table);
      EXPECT_TRUE(txn.put(table, row));
    });
  }
  reopen();
  look([&](StoreReader& reader) {
    for (const Table table : kTables) {
      auto row = reader.get(table, 7);
      ASSERT_TRUE(row && *row);
      EXPECT_EQ((*row)->key, 7);
      EXPECT_EQ((*row)->revision, std::numeric_limits<std::uint32_t>::max());
      EXPECT_EQ((*row)->generation, 3 + static_cast<std::uint32_t>(table));
      EXPECT_EQ((*row)->epoch, 4);
      EXPECT_EQ((*row)->counter, std::numeric_limits<std::uint64_t>::max());
      EXPECT_EQ((*row)->sealed, bytesOf(std::string("a\0b", 3)));
      auto none = reader.get(table, 8);
      EXPECT_TRUE(none && !*none);
    }
  });
}

TEST_P(StoreContract, ReplacesErasesAndListsByKey) {
  change([](Txn& txn) {
    for (const std::int64_t key : {5, 1, 9, 3}) EXPECT_TRUE(txn.put(Table::Tokens, rowOf(key)));
    EXPECT_TRUE(txn.put(Table::Tokens, rowOf(5, "again")));
    EXPECT_TRUE(txn.erase(Table::Tokens, 9));
    EXPECT_TRUE(txn.erase(Table::Tokens, 1000));
  });
  look([](StoreReader& reader) {
    auto page = reader.list(Table::Tokens, 1, 5);
    ASSERT_TRUE(page);
    ASSERT_EQ(page->size(), 2U);
    EXPECT_EQ((*page)[0].key, 3);
    EXPECT_EQ((*page)[1].key, 5);
    EXPECT_EQ((*page)[1].sealed, bytesOf("again"));
    auto one = reader.list(Table::Tokens, 0, 1);
    ASSERT_TRUE(one && one->size() == 1);
    EXPECT_EQ((*one)[0].key, 1);
    auto users = reader.list(Table::Users, 0, 5);
    EXPECT_TRUE(users && users->empty());
  });
}

TEST_P(StoreContract, BindsAMacOnceAnIndex) {
  const auto mac = bytesOf("0123456789abcdef0123456789abcdef");
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.bind(Index::UserName, mac, 11));
    EXPECT_TRUE(txn.bind(Index::UserUid, mac, 12));
    auto again = txn.bind(Index::UserName, mac, 13);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Code::Conflict);
  });
  change([&](Txn& txn) { EXPECT_TRUE(txn.unbind(Index::UserUid, mac)); });
  look([&](StoreReader& reader) {
    auto name = reader.find(Index::UserName, mac);
    ASSERT_TRUE(name && *name);
    EXPECT_EQ(**name, 11);
    auto uid = reader.find(Index::UserUid, mac);
    EXPECT_TRUE(uid && !*uid);
  });
}

TEST_P(StoreContract, FilesTokensByUser) {
  change([](Txn& txn) {
    EXPECT_TRUE(txn.fileTokens({{2, 30}, {1, 20}, {2, 10}, {2, 20}}));
    EXPECT_TRUE(txn.fileTokens({{2, 10}, {2, 40}}));
    EXPECT_TRUE(txn.unfileToken(2, 30));
  });
  look([](StoreReader& reader) {
    auto tokens = reader.tokensOf(2, 10, 10);
    ASSERT_TRUE(tokens);
    EXPECT_EQ(*tokens, (std::vector<std::int64_t>{20, 40}));
    auto first = reader.tokensOf(2, 0, 1);
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, (std::vector<std::int64_t>{10}));
  });
}

TEST_P(StoreContract, KeepsSlotsEpochsAndNumbers) {
  std::int64_t first = 0;
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.addSlot({2, bytesOf("h2"), bytesOf("w2")}));
    EXPECT_TRUE(txn.addSlot({1, bytesOf("h1"), bytesOf("w1")}));
    auto twice = txn.addSlot({1, bytesOf("x"), bytesOf("y")});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Code::Conflict);
    auto id = txn.addEpoch(bytesOf("salt"));
    ASSERT_TRUE(id);
    first = *id;
    EXPECT_TRUE(txn.setNumber("next", 5));
    EXPECT_TRUE(txn.setNumber("next", -6));
  });
  reopen();
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.removeSlot(2));
    auto id = txn.addEpoch(bytesOf("pepper"));
    ASSERT_TRUE(id);
    EXPECT_GT(*id, first);
  });
  look([&](StoreReader& reader) {
    auto slots = reader.slots();
    ASSERT_TRUE(slots && slots->size() == 1);
    EXPECT_EQ((*slots)[0].header, bytesOf("h1"));
    EXPECT_EQ((*slots)[0].wrapped, bytesOf("w1"));
    auto epoch = reader.epoch(first);
    ASSERT_TRUE(epoch && *epoch);
    EXPECT_EQ((*epoch)->salt, bytesOf("salt"));
    auto next = reader.number("next");
    ASSERT_TRUE(next && *next);
    EXPECT_EQ(**next, -6);
    auto other = reader.number("other");
    EXPECT_TRUE(other && !*other);
  });
}

TEST_P(StoreContract, NeverGivesAnOutboxNumberTwice) {
  for (const char* entry : {"a", "b", "c"})
    change([&](Txn& txn) { EXPECT_TRUE(txn.appendAudit(bytesOf(entry))); });
  std::int64_t last = 0;
  look([&](StoreReader& reader) {
    auto two = reader.outbox(2);
    ASSERT_TRUE(two && two->size() == 2);
    EXPECT_EQ((*two)[0].entry, bytesOf("a"));
    auto all = reader.outbox(10);
    ASSERT_TRUE(all && all->size() == 3);
    EXPECT_LT((*all)[1].sequence, (*all)[2].sequence);
    last = (*all)[2].sequence;
  });
  change([&](Txn& txn) { EXPECT_TRUE(txn.dropAudit(last)); });
  reopen();
  change([](Txn& txn) { EXPECT_TRUE(txn.appendAudit(bytesOf("d"))); });
  look([&](StoreReader& reader) {
    auto all = reader.outbox(10);
    ASSERT_TRUE(all && all->size() == 1);
    EXPECT_GT((*all)[0].sequence, last);
  });
}

TEST_P(StoreContract, KeepsTheLastHeadAndNoteOfTheAuditLog) {
  look([](StoreReader& reader) {
    auto none = reader.auditNote();
    EXPECT_TRUE(none && !*none);
  });
  kms::AuditNote note{1, 2, {}};
  kms::AuditHead head{3, 4, 5, {}};
  note.mac.fill(std::byte{6});
  head.hash.fill(std::byte{7});
  change([&](Txn& txn) {
    EXPECT_TRUE(txn.setAuditNote({8, 9, {}}));
    EXPECT_TRUE(txn.setAuditNote(note));
    EXPECT_TRUE(txn.setAuditHead(head));
  });
  reopen();
  look([&](StoreReader& reader) {
    auto noted = reader.auditNote();
    ASSERT_TRUE(noted && *noted);
    EXPECT_EQ((*noted)->segment, 1);
    EXPECT_EQ((*noted)->number, 2);
    EXPECT_EQ((*noted)->mac, note.mac);
    auto known = reader.auditHead();
    ASSERT_TRUE(known);
    EXPECT_EQ(known->number, 5);
    EXPECT_EQ(known->hash, head.hash);
  });
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, ::testing::ValuesIn(storeFixtures()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace tests
