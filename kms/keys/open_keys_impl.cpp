#include "kms/keys/open_keys_impl.h"

#include <algorithm>

#include "kms/keys/key_use.h"

namespace kms {
namespace {

base::Error corrupt(const std::string& what) {
  return {base::Code::Corrupt, "the database is damaged: " + what + "; restore a backup",
          base::Reason::DatabaseCorrupt};
}

}  // namespace

base::Result<Keyring> openKeyring(Store& store, const base::Uuid& server, base::BytesView root,
                                  std::uint32_t rootGeneration) {
  auto epochs = Epochs::create(root, rootGeneration, server);
  if (!epochs) return std::move(epochs).error();
  std::vector<SealedRow> rows;
  auto read = store.read([&](StoreReader& reader) -> base::Result<void> {
    auto listed = reader.list(Table::Keyring, 0, KeyGeneration::kMost + 1);
    if (!listed) return std::move(listed).error();
    rows = *std::move(listed);
    std::set<std::int64_t> ids;
    for (const SealedRow& row : rows) ids.insert(row.epoch);
    return epochs->load(reader, ids);
  });
  if (!read) return std::move(read).error();
  if (rows.empty()) return corrupt("its keyring is gone");
  if (rows.size() > KeyGeneration::kMost) return corrupt("its keyring has too many rows");

  Keyring keyring;
  RowCipher cipher(*epochs);
  for (const SealedRow& row : rows) {
    auto plain = cipher.open(Table::Keyring, row);
    if (!plain) return std::move(plain).error();
    auto keys = KeyGeneration::parse(*plain);
    if (!keys) return std::move(keys).error();
    if (keys->generation() != static_cast<std::uint64_t>(row.key))
      return corrupt("a keyring row is in another's place");
    keyring.push_back(*std::move(keys));
  }
  return keyring;
}

base::Result<std::unique_ptr<OpenKeys>> OpenKeysImpl::create(Store& store, const base::Uuid& server,
                                                             base::SecretBuffer root,
                                                             std::uint32_t rootGeneration, base::Rng& rng,
                                                             std::shared_ptr<RowCache> cache) {
  auto keyring = openKeyring(store, server, root.bytes(), rootGeneration);
  if (!keyring) return std::move(keyring).error();
  auto epochs = Epochs::create(root.bytes(), rootGeneration, server);
  if (!epochs) return std::move(epochs).error();

  auto auditKey = deriveKey(root.bytes(), {}, KeyUse::Audit, server);
  if (!auditKey) return std::move(auditKey).error();
  auto audit = Hmac::create(auditKey->bytes());
  if (!audit) return std::move(audit).error();

  std::int64_t epoch = 0;
  auto begun = store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    auto id = epochs->begin(txn, rng);
    if (!id) return std::move(id).error();
    epoch = *id;
    return {};
  });
  if (!begun) return std::move(begun).error();
  // Never this one's own salt again: what came from the random generator counts, not what the file says now.
  auto loaded = store.read([&](StoreReader& reader) { return epochs->loadUpTo(reader, epoch - 1); });
  if (!loaded) return std::move(loaded).error();

  std::unique_ptr<OpenKeysImpl> keys(
      new OpenKeysImpl(std::move(root), *std::move(epochs), *std::move(keyring), *std::move(audit), epoch));
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

Mac OpenKeysImpl::indexMac(Index index, base::BytesView value) {
  Shard& mine = shard();
  const std::lock_guard lock(mine.mutex);
  return mine.keyring.indexMac(index, value);
}

Mac OpenKeysImpl::auditMac(base::BytesView message) {
  const std::lock_guard lock(auditMutex_);
  return audit_.compute(message);
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
