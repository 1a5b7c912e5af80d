#include "kms/keys/row_cipher.h"

#include <algorithm>
#include <new>

namespace kms {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kAad = 18;  // bytes
using Aad = std::array<std::byte, kAad>;
using Nonce = std::array<std::byte, Gcm::kNonce>;

// version 1 | table 1 | key 8 | revision 4 | root generation 4; what a row is and where, so that none passes
// for another.
Aad aadOf(Table table, const SealedRow& row) {
  Aad aad{};
  aad[0] = std::byte{kVersion};
  aad[1] = static_cast<std::byte>(table);
  base::storeLe64(std::span(aad).subspan(2), static_cast<std::uint64_t>(row.key));
  base::storeLe32(std::span(aad).subspan(10), row.revision);
  base::storeLe32(std::span(aad).subspan(14), row.generation);
  return aad;
}

Nonce nonceOf(std::uint64_t counter) {
  Nonce nonce{};
  base::storeLe64(nonce, counter);
  return nonce;
}

base::Error corrupt(Table table, const SealedRow& row, const std::string& why) {
  return {base::Code::Corrupt,
          "the database is damaged: row " + std::to_string(row.key) + " of table " +
              std::to_string(static_cast<unsigned>(table)) + " " + why + "; restore a backup",
          base::Reason::DatabaseCorrupt};
}

}  // namespace

base::Result<Gcm*> RowCipher::cipherOf(std::int64_t epoch, std::uint32_t rootGeneration) {
  const auto at = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.epoch == epoch && kept.rootGeneration == rootGeneration;
  });
  if (at != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, at);
    return &kept_.front().cipher;
  }
  auto key = epochs_.rowKey(epoch, rootGeneration);
  if (!key) return std::move(key).error();
  auto cipher = Gcm::create(key->bytes());
  if (!cipher) return std::move(cipher).error();
  if (kept_.size() >= kKept) kept_.pop_back();
  kept_.push_front(Kept{epoch, rootGeneration, *std::move(cipher)});
  return &kept_.front().cipher;
}

base::Result<SealedRow> RowCipher::seal(std::int64_t epoch, std::uint64_t counter, Table table,
                                        std::int64_t key, std::uint32_t revision, base::BytesView plain) {
  if (plain.size() > kMostPlain) return base::Error{base::Code::Invalid, "a record is at most 256 KiB"};
  auto cipher = cipherOf(epoch, epochs_.rootGeneration());
  if (!cipher) return std::move(cipher).error();
  SealedRow row;
  row.key = key;
  row.revision = revision;
  row.generation = epochs_.rootGeneration();
  row.epoch = epoch;
  row.counter = counter;
  row.sealed.resize(plain.size() + Gcm::kTag);
  if (!(*cipher)->seal(nonceOf(counter), aadOf(table, row), plain, row.sealed))
    return base::Error{base::Code::Internal, "cannot seal a row"};
  return row;
}

base::Result<SecretBytes> RowCipher::open(Table table, const SealedRow& row) try {
  if (!epochs_.opens(row.generation)) return corrupt(table, row, "was sealed under another root key");
  if (row.sealed.size() < Gcm::kTag || row.sealed.size() > kMostPlain + Gcm::kTag)
    return corrupt(table, row, "is not of a row's size");
  auto cipher = cipherOf(row.epoch, row.generation);
  if (!cipher) return std::move(cipher).error();
  SecretBytes plain(row.sealed.size() - Gcm::kTag);
  if (!(*cipher)->open(nonceOf(row.counter), aadOf(table, row), row.sealed, plain))
    return corrupt(table, row, "was altered or moved");
  return plain;
} catch (const std::bad_alloc&) {
  return base::Error{base::Code::Unavailable,
                     "no locked memory to open a row; raise the limit: LimitMEMLOCK= in the unit"};
}

}  // namespace kms
