#include "kms/keys/epochs.h"

#include <algorithm>

#include "kms/keys/key_use.h"

namespace kms {
namespace {

base::Error corrupt(const std::string& what) {
  return {base::Code::Corrupt, "the database is damaged: " + what + "; restore a backup",
          base::Reason::DatabaseCorrupt};
}

}  // namespace

base::Result<Epochs> Epochs::create(base::BytesView root, std::uint32_t rootGeneration,
                                    const base::Uuid& server) {
  auto key = deriveKey(root, {}, KeyUse::RecordSeal, server);
  if (!key) return std::move(key).error();
  return Epochs(*std::move(key), rootGeneration, server);
}

base::Result<void> Epochs::add(StoreReader& reader, std::int64_t id) {
  const auto row = reader.epoch(id);
  if (!row) return base::Error(row.error());
  if (!*row) return {};
  Salt salt{};
  if ((*row)->salt.size() != salt.size())
    return corrupt("sealing epoch " + std::to_string(id) + " is not of its size");
  std::copy((*row)->salt.begin(), (*row)->salt.end(), salt.begin());
  salts_.insert_or_assign(id, salt);
  return {};
}

base::Result<void> Epochs::load(StoreReader& reader, const std::set<std::int64_t>& ids) {
  for (const std::int64_t id : ids)
    if (auto added = add(reader, id); !added) return added;
  return {};
}

base::Result<void> Epochs::loadUpTo(StoreReader& reader, std::int64_t last) {
  if (last > kMost) return corrupt("it tells of more than a million unsealings");
  for (std::int64_t id = 1; id <= last; ++id)
    if (auto added = add(reader, id); !added) return added;
  return {};
}

base::Result<std::int64_t> Epochs::begin(Txn& txn, base::Rng& rng) {
  Salt salt{};
  rng.fill(salt);
  auto id = txn.addEpoch(salt);
  if (id) salts_.insert_or_assign(*id, salt);
  return id;
}

base::Result<base::SecretBuffer> Epochs::rowKey(std::int64_t id, std::uint32_t rootGeneration) const {
  const auto former = former_.find(rootGeneration);
  if (rootGeneration != rootGeneration_ && former == former_.end())
    return corrupt("a row was sealed under another root key");
  const auto at = salts_.find(id);
  if (at == salts_.end())
    return corrupt("a row names sealing epoch " + std::to_string(id) + ", which is gone");
  const base::SecretBuffer& seal = rootGeneration == rootGeneration_ ? sealKey_ : former->second;
  return deriveKey(seal.bytes(), at->second, KeyUse::Epoch, server_);
}

}  // namespace kms
