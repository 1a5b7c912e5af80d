#include "kms/keys/former_root.h"

#include <algorithm>

#include "kms/keys/crypto.h"

namespace kms {
namespace {

constexpr std::byte kVersion{1};
constexpr std::byte kNoSeal{0};
constexpr std::byte kHasSeal{1};
constexpr std::size_t kAuditAt = 5;
constexpr std::size_t kFlagAt = kAuditAt + kKeySize;
constexpr std::size_t kSealAt = kFlagAt + 1;
static_assert(kSealAt + kKeySize == FormerRoot::kEncoded);

base::Error corrupt() {
  return {base::Code::Corrupt,
          "the database is damaged: a row of a former root key is not of its form; restore a backup",
          base::Reason::DatabaseCorrupt};
}

}  // namespace

base::Result<base::SecretBuffer> FormerRoot::encode() const {
  auto out = base::SecretBuffer::create(kEncoded);
  if (!out) return out;
  const std::span<std::byte> bytes = out->bytes();
  bytes[0] = kVersion;
  base::storeLe32(bytes.subspan(1), generation);
  std::ranges::copy(audit.bytes(), bytes.begin() + kAuditAt);
  bytes[kFlagAt] = seal.empty() ? kNoSeal : kHasSeal;
  std::ranges::copy(seal.bytes(), bytes.begin() + kSealAt);
  return out;
}

base::Result<FormerRoot> FormerRoot::parse(base::BytesView plain) {
  if (!plain.empty() && plain[0] != kVersion)
    return base::Error{base::Code::Unsupported, "the keyring was made by a newer version; use a newer kmsd"};
  if (plain.size() != kEncoded || (plain[kFlagAt] != kNoSeal && plain[kFlagAt] != kHasSeal)) return corrupt();
  FormerRoot root;
  root.generation = base::loadLe32(plain.subspan(1));
  auto audit = base::SecretBuffer::copyOf(plain.subspan(kAuditAt, kKeySize));
  if (!audit) return std::move(audit).error();
  root.audit = *std::move(audit);
  if (plain[kFlagAt] == kNoSeal) return root;
  auto seal = base::SecretBuffer::copyOf(plain.subspan(kSealAt, kKeySize));
  if (!seal) return std::move(seal).error();
  root.seal = *std::move(seal);
  return root;
}

}  // namespace kms
