#include "kms/keys/open_keys_impl.h"

#include <algorithm>

#include "kms/keys/key_use.h"
#include "kms/keys/slot_facts.h"

namespace kms {
namespace {

base::Error corrupt(const std::string& what) {
  return {base::Code::Corrupt, "the database is damaged: " + what + "; restore a backup",
          base::Reason::DatabaseCorrupt};
}

// The current one, then those of the former root keys, the newest first.
base::Result<std::vector<Hmac>> auditKeys(base::BytesView root, const base::Uuid& server,
                                          const std::vector<FormerRoot>& former) {
  auto key = deriveKey(root, {}, KeyUse::Audit, server);
  if (!key) return std::move(key).error();
  std::vector<Hmac> all;
  auto current = Hmac::create(key->bytes());
  if (!current) return std::move(current).error();
  all.push_back(*std::move(current));
  for (auto old = former.rbegin(); old != former.rend(); ++old) {
    auto hmac = Hmac::create(old->audit.bytes());
    if (!hmac) return std::move(hmac).error();
    all.push_back(*std::move(hmac));
  }
  return all;
}

base::Result<Hmac> hmacFor(base::BytesView root, const base::Uuid& server, KeyUse use) {
  auto key = deriveKey(root, {}, use, server);
  if (!key) return std::move(key).error();
  return Hmac::create(key->bytes());
}

}  // namespace

base::Result<Keyring> openKeyring(Store& store, const base::Uuid& server, base::BytesView root,
                                  std::uint32_t rootGeneration, std::vector<FormerRoot>* former) {
  auto epochs = Epochs::create(root, rootGeneration, server);
  if (!epochs) return std::move(epochs).error();
  std::vector<SealedRow> rows;
  auto read = store.read([&](StoreReader& reader) -> base::Result<void> {
    auto listed = reader.list(Table::Keyring, 0, KeyGeneration::kMost + FormerRoot::kMost + 1);
    if (!listed) return std::move(listed).error();
    rows = *std::move(listed);
    std::set<std::int64_t> ids;
    for (const SealedRow& row : rows) ids.insert(row.epoch);
    return epochs->load(reader, ids);
  });
  if (!read) return std::move(read).error();

  Keyring keyring;
  RowCipher cipher(*epochs);
  for (const SealedRow& row : rows) {
    auto plain = cipher.open(Table::Keyring, row);
    if (!plain) return std::move(plain).error();
    if (row.key > FormerRoot::kKeyBase) {
      auto old = FormerRoot::parse(*plain);
      if (!old) return std::move(old).error();
      if (FormerRoot::rowKey(old->generation) != row.key || old->generation >= rootGeneration)
        return corrupt("a row of a former root key is in another's place");
      if (former != nullptr) former->push_back(*std::move(old));
      continue;
    }
    auto keys = KeyGeneration::parse(*plain);
    if (!keys) return std::move(keys).error();
    if (keys->generation() != static_cast<std::uint64_t>(row.key))
      return corrupt("a keyring row is in another's place");
    keyring.push_back(*std::move(keys));
  }
  if (keyring.empty()) return corrupt("its keyring is gone");
  if (keyring.size() > KeyGeneration::kMost || rows.size() - keyring.size() > FormerRoot::kMost)
    return corrupt("its keyring has too many rows");
  return keyring;
}

base::Result<std::unique_ptr<OpenKeys>> OpenKeysImpl::create(Store& store, const base::Uuid& server,
                                                             OpenedSlot slot, base::Rng& rng, base::Time now,
                                                             std::shared_ptr<RowCache> cache) {
  std::vector<FormerRoot> former;
  auto keyring = openKeyring(store, server, slot.root.bytes(), slot.rootGeneration, &former);
  if (!keyring) return std::move(keyring).error();
  auto epochs = Epochs::create(slot.root.bytes(), slot.rootGeneration, server);
  if (!epochs) return std::move(epochs).error();
  auto audit = auditKeys(slot.root.bytes(), server, former);
  if (!audit) return std::move(audit).error();
  for (FormerRoot& old : former)
    if (!old.seal.empty()) epochs->addFormer(old.generation, std::move(old.seal));
  auto backup = hmacFor(slot.root.bytes(), server, KeyUse::Backup);
  if (!backup) return std::move(backup).error();
  auto medium = hmacFor(slot.root.bytes(), server, KeyUse::Medium);
  if (!medium) return std::move(medium).error();

  std::int64_t epoch = 0;
  auto begun = store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    auto id = epochs->begin(txn, rng);
    if (!id) return std::move(id).error();
    epoch = *id;
    return noteSlotUsed(txn, slot.id, now);
  });
  if (!begun) return std::move(begun).error();
  // Never this one's own salt again: what came from the random generator counts, not what the file says now.
  auto loaded = store.read([&](StoreReader& reader) { return epochs->loadUpTo(reader, epoch - 1); });
  if (!loaded) return std::move(loaded).error();

  std::unique_ptr<OpenKeysImpl> keys(new OpenKeysImpl(std::move(slot.root), *std::move(epochs),
                                                      *std::move(keyring), *std::move(audit),
                                                      *std::move(backup), *std::move(medium), epoch));
  for (auto& shard : keys->shards_) {
    auto cipher = KeyringCipher::create(keys->keyring_);
    if (!cipher) return std::move(cipher).error();
    shard = std::make_unique<Shard>(keys->epochs_, *std::move(cipher));
  }
  keys->cache_ = std::move(cache);
  if (keys->cache_) keys->cache_->open();
  return std::unique_ptr<OpenKeys>(std::move(keys));
}

OpenKeysImpl::~OpenKeysImpl() {
  if (cache_) cache_->close();
}

OpenKeysImpl::Shard& OpenKeysImpl::shard() noexcept {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine = threads.fetch_add(1, std::memory_order_relaxed);
  return *shards_[mine % kShards];
}

base::Result<SealedRow> OpenKeysImpl::seal(Table table, std::int64_t key, std::uint32_t revision,
                                           base::BytesView plain) {
  const std::uint64_t counter = counter_.fetch_add(1, std::memory_order_relaxed);
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.rows.seal(epoch_, counter, table, key, revision, plain);
}

base::Result<SecretBytes> OpenKeysImpl::open(Table table, const SealedRow& row) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.rows.open(table, row);
}

Mac OpenKeysImpl::tokenMac(base::BytesView token) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.tokenMac(token);
}

Mac OpenKeysImpl::tokenMacOf(std::int64_t sequence, base::BytesView token) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.tokenMacOf(sequence, token);
}

Mac OpenKeysImpl::indexMac(Index index, base::BytesView value) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.indexMac(index, value);
}

Mac OpenKeysImpl::auditMac(base::BytesView message) {
  const std::lock_guard lock(macMutex_);
  return audit_.front().compute(message);
}

std::vector<Mac> OpenKeysImpl::formerAuditMacs(base::BytesView message) {
  const std::lock_guard lock(macMutex_);
  std::vector<Mac> all;
  for (std::size_t i = 1; i < audit_.size(); ++i) all.push_back(audit_[i].compute(message));
  return all;
}

Mac OpenKeysImpl::backupMac(base::BytesView message) {
  const std::lock_guard lock(macMutex_);
  return backup_.compute(message);
}

Mac OpenKeysImpl::mediumMac(base::BytesView message) {
  const std::lock_guard lock(macMutex_);
  return medium_.compute(message);
}

std::string OpenKeysImpl::accessor(std::int64_t sequence) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.accessor(sequence);
}

std::optional<std::int64_t> OpenKeysImpl::sequenceOf(std::string_view accessor) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.sequenceOf(accessor);
}

SerialNumber OpenKeysImpl::serial(std::int64_t sequence, base::Rng& rng) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.serial(sequence, rng);
}

std::vector<std::int64_t> OpenKeysImpl::sequencesOf(const SerialNumber& serial) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.sequencesOf(serial);
}

}  // namespace kms
