#include "kms/backup/signer.h"

#include "kms/keys/crypto.h"
#include "kms/keys/key_use.h"
#include "kms/keys/slot_choice.h"

namespace kms::backup {
namespace {

[[gnu::noinline]] base::Result<std::shared_ptr<Hmac>> backupHmac(const std::vector<SlotRow>& slots,
                                                                 const base::Uuid& server,
                                                                 const KeyOffer& offer) {
  auto slot = openSlot(slots, server, offer);
  if (!slot) return std::move(slot).error();
  auto key = deriveKey(slot->root.bytes(), {}, KeyUse::Backup, server);
  if (!key) return std::move(key).error();
  auto hmac = Hmac::create(key->bytes());
  if (!hmac) return std::move(hmac).error();
  return std::make_shared<Hmac>(*std::move(hmac));
}

}  // namespace

base::Result<Sign> signerOf(const std::vector<SlotRow>& slots, const base::Uuid& server,
                            const KeyOffer& offer) {
  auto hmac = backupHmac(slots, server, offer);
  wipeStack();
  if (!hmac) return std::move(hmac).error();
  return Sign(
      [hmac = *hmac](base::BytesView message) -> base::Result<Hash> { return hmac->compute(message); });
}

}  // namespace kms::backup
