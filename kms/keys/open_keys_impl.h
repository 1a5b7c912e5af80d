// What the vault holds while it is open: the root key, the epochs, the keyring and their ciphers. The ciphers
// stand in shards, each with a lock, so that threads seldom wait for one another and none makes a context for
// a call. Destroying it leaves no key behind.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>

#include "hal/base/uuid.h"
#include "kms/keys/crypto.h"
#include "kms/keys/former_root.h"
#include "kms/keys/keyring.h"
#include "kms/keys/medium_keys.h"
#include "kms/keys/row_cache.h"
#include "kms/keys/row_cipher.h"
#include "kms/keys/slot_choice.h"

namespace kms {

// Opens every keyring row, without changing anything: whether this root key opens this database. `former`,
// where it is not null, gets what is kept of the root keys before, by rising generation. Errors: Corrupt /
// DatabaseCorrupt; Unsupported; Unavailable; as the store's.
base::Result<Keyring> openKeyring(Store& store, const base::Uuid& server, base::BytesView root,
                                  std::uint32_t rootGeneration, std::vector<FormerRoot>* former = nullptr);

class OpenKeysImpl final : public OpenKeys, public MediumKeys {
 public:
  // Opens the keyring and commits a new sealing epoch, and that the slot was used now; then opens the cache,
  // which may be null and watches the store already. Errors: as openKeyring.
  static base::Result<std::unique_ptr<OpenKeys>> create(Store& store, const base::Uuid& server,
                                                        OpenedSlot slot, base::Rng& rng, base::Time now,
                                                        std::shared_ptr<RowCache> cache);
  ~OpenKeysImpl() override;

  base::Result<SealedRow> seal(Table table, std::int64_t key, std::uint32_t revision,
                               base::BytesView plain) override;
  base::Result<SecretBytes> open(Table table, const SealedRow& row) override;
  Mac tokenMac(base::BytesView token) override;
  Mac tokenMacOf(std::int64_t sequence, base::BytesView token) override;
  Mac indexMac(Index index, base::BytesView value) override;
  Mac auditMac(base::BytesView message) override;
  Mac backupMac(base::BytesView message) override;
  Mac mediumMac(base::BytesView message) override;
  std::int64_t epoch() const noexcept override { return epoch_; }
  std::vector<Mac> formerAuditMacs(base::BytesView message) override;
  std::uint32_t rootGeneration() const noexcept override { return epochs_.rootGeneration(); }
  std::string accessor(std::int64_t sequence) override;
  std::optional<std::int64_t> sequenceOf(std::string_view accessor) override;
  SerialNumber serial(std::int64_t sequence, base::Rng& rng) override;
  std::vector<std::int64_t> sequencesOf(const SerialNumber& serial) override;
  RowCache* cache() noexcept override { return cache_.get(); }

 private:
  static constexpr std::size_t kShards = 4;

  struct Shard {
    Shard(const Epochs& epochs, KeyringCipher cipher) : rows(epochs), keyring(std::move(cipher)) {}
    std::mutex mutex;
    RowCipher rows;
    KeyringCipher keyring;
  };

  OpenKeysImpl(base::SecretBuffer root, Epochs epochs, Keyring keyring, std::vector<Hmac> audit, Hmac backup,
               Hmac medium, std::int64_t epoch)
      : root_(std::move(root)),
        epochs_(std::move(epochs)),
        keyring_(std::move(keyring)),
        audit_(std::move(audit)),
        backup_(std::move(backup)),
        medium_(std::move(medium)),
        epoch_(epoch) {}
  Shard& shard() noexcept;  // this thread's

  const base::SecretBuffer root_;
  const Epochs epochs_;
  const Keyring keyring_;
  std::mutex macMutex_;
  std::vector<Hmac> audit_;  // the current one, then the former; seldom used: one each will do
  Hmac backup_;
  Hmac medium_;
  const std::int64_t epoch_;               // of this unsealing
  std::atomic<std::uint64_t> counter_{0};  // the next nonce
  std::array<std::unique_ptr<Shard>, kShards> shards_;
  std::shared_ptr<RowCache> cache_;  // closed with this
};

}  // namespace kms
