// The worked example of a backup in kms/FORMATS.md, byte for byte.
#include <gtest/gtest.h>

#include "hal/base/rfc3339.h"
#include "kms/backup/backup_format.h"
#include "kms/backup/restored.h"
#include "kms/backup/sha256.h"
#include "kms/keys/crypto.h"
#include "kms/keys/key_use.h"
#include "tests/unit/keys/fixture.h"
#include "tests/unit/keys/worked_examples.h"

namespace {

using namespace kms::backup;
using base::toHex;
using tests::fromHex;
using tests::workedExample;

base::Uuid uuidOf(const std::string& hex) { return *base::Uuid::fromBytes(fromHex(hex)); }

Hash hashFrom(const std::string& hex) {
  Hash out{};
  const auto bytes = fromHex(hex);
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

TEST(BackupFormat, WorkedExample) {
  auto x = workedExample("backup");
  Header header;
  header.kind = Kind::Stopped;
  header.server = uuidOf(x["server"]);
  header.id = uuidOf(x["id"]);
  header.made = *base::parseTime(x["made"]);
  header.created = *base::parseTime(x["created"]);
  header.organisation = x["organisation"];
  header.schema = 4;
  header.epoch = 3;
  header.users = 2;
  header.tokens = 5;
  header.entries = 9;
  header.slots.push_back({1, fromHex(x["slot header"]), fromHex(x["slot wrapped"])});
  const auto data = base::asBytes(x["data"]);
  ChunkHead chunk{1, Part::Database, 0, static_cast<std::uint32_t>(data.size()), {}};
  chunk.hash = chunkHash(header.id, chunk, data);
  EXPECT_EQ(toHex(chunk.hash), x["hash"]);
  EXPECT_EQ(toHex(encodeChunkHead(chunk)), x["chunk"]);
  header.chunks = 1;
  header.root = Sha256().add(chunk.hash).take();
  EXPECT_EQ(toHex(header.root), x["root hash"]);
  header.mac = Hash{};
  header.bytes = encodeHeader(header)->size() + kChunkHead + data.size();
  const auto key = kms::deriveKey(fromHex(x["root"]), {}, kms::KeyUse::Backup, header.server);
  EXPECT_EQ(toHex(key->bytes()), x["backup key"]);
  header.mac = kms::Hmac::create(key->bytes())->compute(signedPart(header));
  EXPECT_EQ(toHex(*header.mac), x["mac"]);
  const auto bytes = encodeHeader(header);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(toHex(*bytes), x["header"]);
  const auto parsed = parseHeader(*bytes);
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(*encodeHeader(*parsed), *bytes);
  EXPECT_EQ(parsed->slots.at(0).wrapped, header.slots[0].wrapped);
}

TEST(BackupFormat, MarkOfACopy) {
  auto x = workedExample("backup note");
  const kms::AuditNote note{2, 17, hashFrom(x["mac"])};
  EXPECT_EQ(toHex(markedNote(note).mac), x["marked"]);
}

}  // namespace
