// Loops a failure over every call of a job: whichever fails, all or nothing of the job is there.
#include "tests/support/faulty_store.h"

#include <gtest/gtest.h>

#include "kms/store/sqlite_store.h"
#include "tests/support/scratch.h"
#include "tests/support/store_rows.h"

namespace tests {
namespace {

using base::Code;
using base::Result;

Result<void> addUser(kms::Txn& txn) {
  auto found = txn.find(kms::Index::UserName, bytesOf("mac"));
  if (!found) return std::move(found).error();
  auto done = txn.bind(kms::Index::UserName, bytesOf("mac"), 1);
  if (done) done = txn.put(kms::Table::Users, rowOf(1));
  if (done) done = txn.appendAudit(bytesOf("added"));
  return done;
}

TEST(FaultyStore, EachCallInTurnUndoesTheWhole) {
  const Scratch scratch;
  auto inner = kms::createSqliteStore(scratch / "kms.db");
  ASSERT_TRUE(inner);
  FaultyStore store(**inner);
  constexpr std::uint64_t kCalls = 6;  // write, find, bind, put, appendAudit, commit
  for (std::uint64_t n = 1; n <= kCalls; ++n) {
    SCOPED_TRACE(n);
    store.failAt(n);
    auto failed = store.writeAndWait(addUser);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::Io);
    EXPECT_EQ(store.calls(), n);
    store.failAt(0);
    EXPECT_TRUE(store.read([](kms::StoreReader& reader) -> Result<void> {
      auto user = reader.get(kms::Table::Users, 1);
      auto name = reader.find(kms::Index::UserName, bytesOf("mac"));
      auto entries = reader.outbox(9);
      EXPECT_TRUE(user && !*user && name && !*name && entries && entries->empty());
      return {};
    }));
  }
  store.failAt(kCalls + 1);
  EXPECT_TRUE(store.writeAndWait(addUser));
  EXPECT_FALSE(store.read([](kms::StoreReader&) { return Result<void>(); }));  // call kCalls + 1
}

}  // namespace
}  // namespace tests
