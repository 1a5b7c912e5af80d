// A backup that was changed, cut off or put together from two is refused, and where it is wrong is said.
#include <gtest/gtest.h>

#include "tests/unit/backup/made_backup.h"

namespace {

using namespace kms::backup;
using tests::check;
using tests::makeBackup;
using tests::pattern;

class BackupCheck : public ::testing::Test {
 protected:
  tests::Scratch scratch;
};

TEST_F(BackupCheck, GivesBackWhatWentIn) {
  const auto database = pattern(2 * kChunkMost + 5, 1);
  const auto log = pattern(300, 2);
  const auto made = makeBackup(scratch, database, log, 1);
  EXPECT_EQ(made.header.chunks, 4U);
  base::Bytes both = database;
  both.insert(both.end(), log.begin(), log.end());
  for (const std::size_t piece : {std::size_t{1} << 24U, std::size_t{4096}, std::size_t{977}}) {
    const auto out = check(made.bytes, piece);
    ASSERT_TRUE(out.result) << out.result.error().what;
    EXPECT_EQ(out.data, both);
  }
}

TEST_F(BackupCheck, AnyByteChangedIsFoundWhereItIs) {
  const auto made = makeBackup(scratch, pattern(500, 1), pattern(40, 2), 1);
  const std::size_t head = *headerLength(base::BytesView(made.bytes).first(kHeaderPrefix));
  const std::size_t second = head + kChunkHead + 500;
  for (std::size_t at = 0; at < made.bytes.size(); ++at) {
    for (const unsigned bit : {0x01U, 0x80U}) {  // also of the MAC, which is not for this check to judge
      base::Bytes bad = made.bytes;
      bad[at] ^= static_cast<std::byte>(bit);
      const auto out = check(bad);
      ASSERT_FALSE(out.result) << "byte " << at;
      const std::string& what = out.result.error().what;
      if (at < head) {
        EXPECT_TRUE(what.find("header") != what.npos || what.find("format") != what.npos ||
                    what.find("not a backup") != what.npos)
            << what;
      } else {
        const bool inFirst = at < second;
        const std::string where = "chunk " + std::string(inFirst ? "1" : "2") + " of 2, at byte " +
                                  std::to_string(inFirst ? head : second);
        // A length that grew takes the end of the file with it.
        const bool cut = what.find("cut off behind byte") != what.npos;
        EXPECT_TRUE(what.find(where) != what.npos || cut) << at << ": " << what;
      }
    }
  }
}

TEST_F(BackupCheck, CutAnywhereIsRefused) {
  const auto made = makeBackup(scratch, pattern(500, 1), pattern(40, 2), 1);
  for (std::size_t length = 0; length < made.bytes.size(); ++length) {
    const auto out = check(base::BytesView(made.bytes).first(length));
    ASSERT_FALSE(out.result) << length;
    EXPECT_NE(out.result.error().what.find("cut off"), std::string::npos) << out.result.error().what;
  }
  base::Bytes longer = made.bytes;
  for (const std::size_t more : {std::size_t{1}, 3 * kChunkHead}) {
    longer.resize(made.bytes.size() + more);
    const auto out = check(longer);
    ASSERT_FALSE(out.result);
    EXPECT_NE(out.result.error().what.find("goes on behind its end, from byte " +
                                           std::to_string(made.bytes.size())),
              std::string::npos)
        << out.result.error().what;
  }
}

TEST_F(BackupCheck, MixedFromTwoIsRefused) {
  const auto log = pattern(40, 2);
  const auto one = makeBackup(scratch, pattern(500, 1), log, 1);
  const auto other = makeBackup(scratch, pattern(500, 3), log, 2);
  ASSERT_EQ(one.bytes.size(), other.bytes.size());
  const std::size_t head = *headerLength(base::BytesView(one.bytes).first(kHeaderPrefix));
  // Both logs are the same bytes, and still each belongs to its own backup.
  for (const std::size_t from : {head, head + kChunkHead + 500}) {
    base::Bytes mixed(one.bytes.begin(), one.bytes.begin() + static_cast<std::ptrdiff_t>(from));
    mixed.insert(mixed.end(), other.bytes.begin() + static_cast<std::ptrdiff_t>(from), other.bytes.end());
    const auto out = check(mixed);
    ASSERT_FALSE(out.result);
    EXPECT_NE(out.result.error().what.find("at byte " + std::to_string(from)), std::string::npos)
        << out.result.error().what;
  }
}

TEST_F(BackupCheck, ChunksMadeUpForAnotherHeaderAreRefused) {
  // Somebody who knows the format makes the second chunk's hash fit; the header's root hash does not.
  auto made = makeBackup(scratch, pattern(500, 1), pattern(40, 2), 1);
  const std::size_t at = *headerLength(base::BytesView(made.bytes).first(kHeaderPrefix)) + kChunkHead + 500;
  auto head = parseChunkHead(base::BytesView(made.bytes).subspan(at, kChunkHead));
  ASSERT_TRUE(head);
  const auto data = pattern(40, 9);
  head->hash = chunkHash(made.header.id, *head, data);
  const auto encoded = encodeChunkHead(*head);
  std::copy(encoded.begin(), encoded.end(), made.bytes.begin() + static_cast<std::ptrdiff_t>(at));
  std::copy(data.begin(), data.end(), made.bytes.begin() + static_cast<std::ptrdiff_t>(at + kChunkHead));
  const auto out = check(made.bytes);
  ASSERT_FALSE(out.result);
  EXPECT_NE(out.result.error().what.find("vouches"), std::string::npos);
}

TEST_F(BackupCheck, MemoryIsBoundedByAChunk) {
  const auto made = makeBackup(scratch, pattern(100, 1), pattern(40, 2), 1);
  auto head = parseChunkHead(
      base::BytesView(made.bytes)
          .subspan(*headerLength(base::BytesView(made.bytes).first(kHeaderPrefix)), kChunkHead));
  head->length = kChunkMost + 1;
  EXPECT_FALSE(parseChunkHead(encodeChunkHead(*head)));
  base::Bytes prefix(made.bytes.begin(), made.bytes.begin() + kHeaderPrefix);
  base::storeLe32(std::span(prefix).subspan(12), 1U << 20U);
  EXPECT_FALSE(headerLength(prefix));
}

TEST_F(BackupCheck, LaterFormatsAreUnsupported) {
  auto made = makeBackup(scratch, pattern(100, 1), pattern(40, 2), 1);
  made.bytes[8] = std::byte{2};
  const auto out = check(made.bytes);
  ASSERT_FALSE(out.result);
  EXPECT_EQ(out.result.error().code, base::Code::Unsupported);
}

TEST_F(BackupCheck, UnsignedHasNoMac) {
  const auto made = makeBackup(scratch, pattern(100, 1), pattern(40, 2), 1, false);
  EXPECT_TRUE(check(made.bytes).result);
  EXPECT_FALSE(made.header.mac);
  const std::size_t head = *headerLength(base::BytesView(made.bytes).first(kHeaderPrefix));
  auto parsed = parseHeader(base::BytesView(made.bytes).first(head));
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->mac);
}

}  // namespace
