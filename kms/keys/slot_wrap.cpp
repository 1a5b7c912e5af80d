// Wrapping and unwrapping: the one place where a master key is used.
#include <algorithm>

#include "kms/keys/crypto.h"
#include "kms/keys/slot.h"

namespace kms {
namespace {

constexpr std::size_t kMaxPassphrase = 1024;  // bytes
constexpr std::byte kKeyAlone{0x00};
constexpr std::byte kKeyAndPassphrase{0x01};

// scrypt(key || 0x00) or scrypt(key || 0x01 || passphrase): neither can be taken for the other.
base::Result<base::SecretBuffer> slotKey(const SlotHeader& header, const base::MasterKey& key,
                                         const base::SecretBuffer* passphrase) {
  const base::BytesView phrase =
      header.passphrase && passphrase != nullptr ? passphrase->bytes() : base::BytesView{};
  if (header.passphrase && phrase.empty())
    return base::Error{base::Code::Denied, "this key opens only together with its passphrase; enter it",
                       base::Reason::PassphraseNeeded};
  if (phrase.size() > kMaxPassphrase)
    return base::Error{base::Code::Invalid, "a passphrase is at most 1024 bytes"};
  auto password = base::SecretBuffer::create(base::MasterKey::kSize + 1 + phrase.size());
  if (!password) return std::move(password).error();
  auto at = std::copy(key.bytes().begin(), key.bytes().end(), password->bytes().begin());
  *at++ = header.passphrase ? kKeyAndPassphrase : kKeyAlone;
  std::copy(phrase.begin(), phrase.end(), at);
  return scrypt(password->bytes(), header.salt, header.cost.logN, header.cost.r, header.cost.p);
}

}  // namespace

base::Result<SlotRow> wrapRoot(SlotHeader header, const base::MasterKey& key,
                               const base::SecretBuffer* passphrase, base::BytesView root, base::Rng& rng) {
  rng.fill(header.salt);
  auto bytes = encodeSlotHeader(header);
  if (!bytes) return std::move(bytes).error();
  auto secret = slotKey(header, key, passphrase);
  if (!secret) return std::move(secret).error();
  auto cipher = Gcm::create(secret->bytes());
  if (!cipher) return std::move(cipher).error();

  SlotRow row;
  row.header = *std::move(bytes);
  row.wrapped.resize(SlotHeader::kWrapped);
  const std::span<std::byte> nonce = std::span(row.wrapped).first(Gcm::kNonce);
  rng.fill(nonce);
  if (root.size() != kKeySize ||
      !cipher->seal(nonce, row.header, root, std::span(row.wrapped).subspan(Gcm::kNonce)))
    return base::Error{base::Code::Internal, "cannot wrap the root key"};
  return row;
}

base::Result<base::SecretBuffer> unwrapRoot(const SlotRow& row, const base::MasterKey& key,
                                            const base::SecretBuffer* passphrase) {
  const auto header = parseSlotHeader(row.header);
  if (!header) return base::Error(header.error());
  if (row.wrapped.size() != SlotHeader::kWrapped)
    return base::Error{base::Code::Corrupt, "a key slot of the database is damaged: its wrapped key is cut",
                       base::Reason::DatabaseCorrupt};
  auto secret = slotKey(*header, key, passphrase);
  if (!secret) return std::move(secret).error();
  auto cipher = Gcm::create(secret->bytes());
  if (!cipher) return std::move(cipher).error();
  auto root = base::SecretBuffer::create(kKeySize);
  if (!root) return std::move(root).error();
  const base::BytesView wrapped = row.wrapped;
  if (!cipher->open(wrapped.first(Gcm::kNonce), row.header, wrapped.subspan(Gcm::kNonce), root->bytes()))
    return base::Error{base::Code::Denied, "the key (or its passphrase) does not open this slot",
                       base::Reason::KeyMismatch};
  return root;
}

}  // namespace kms
