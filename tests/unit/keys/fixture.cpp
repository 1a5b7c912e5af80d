#include "tests/unit/keys/fixture.h"

#include <gtest/gtest.h>

namespace tests {

base::MasterKey masterKey(unsigned seed) {
  std::array<std::byte, base::MasterKey::kSize> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(seed * 17 + i * 29);
  return *base::MasterKey::fromBytes(bytes);
}

base::Uuid uuid(unsigned seed) {
  std::array<std::byte, base::Uuid::kSize> bytes{};
  bytes.fill(static_cast<std::byte>(seed));
  return *base::Uuid::fromBytes(bytes);
}

base::SecretBuffer secret(std::string_view text) { return *base::SecretBuffer::copyOf(base::asBytes(text)); }

base::Bytes fromHex(std::string_view hex) {
  base::Bytes bytes;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<std::byte>(std::stoul(std::string(hex.substr(at, 2)), nullptr, 16)));
  return bytes;
}

Founded::Founded() {
  store = *kms::createSqliteStore(scratch / "kms.db");
  const auto first = masterKey(kFirst);
  const auto second = masterKey(kSecond);
  const std::vector<kms::NewSlot> media{{&first, uuid(kFirst), "first"}, {&second, uuid(kSecond), "second"}};
  const auto done = kms::found(*store, server, media, clock, base::systemRng(), kCheap);
  if (!done) ADD_FAILURE() << done.error().what;
}

kms::KeyOffer Founded::offer(unsigned medium, unsigned key) const {
  return {masterKey(key), kms::MediumRef{server, uuid(medium)}, std::nullopt, "image:a.img"};
}

kms::KeyOffer Founded::typed(unsigned key) const {
  return {masterKey(key), std::nullopt, std::nullopt, "prompt:"};
}

std::vector<kms::SlotRow> Founded::slots() const {
  std::vector<kms::SlotRow> rows;
  const auto read = store->read([&](kms::StoreReader& reader) -> base::Result<void> {
    rows = *reader.slots();
    return {};
  });
  EXPECT_TRUE(read);
  return rows;
}

void Founded::write(const kms::Store::WriteJob& job) const {
  const auto done = store->writeAndWait(job);
  ASSERT_TRUE(done) << done.error().what;
}

void Founded::reopen() {
  store.reset();
  store = *kms::openSqliteStore(scratch / "kms.db");
}

}  // namespace tests
