// A new generation of the token keys.
#include "kms/keys/crypto.h"
#include "kms/keys/former_root.h"
#include "kms/keys/keyring.h"
#include "kms/keys/rotation.h"

namespace kms {
namespace {

using base::Error;
using base::Result;

Result<KeyGeneration> newest(Txn& txn, OpenKeys& keys) {
  const auto rows = txn.list(Table::Keyring, 0, KeyGeneration::kMost + 1);
  if (!rows) return Error(rows.error());
  const SealedRow* last = nullptr;
  std::size_t generations = 0;
  for (const SealedRow& row : *rows) {
    if (row.key > FormerRoot::kKeyBase) break;
    last = &row;
    ++generations;
  }
  if (last == nullptr)
    return Error{base::Code::Corrupt, "the database is damaged: its keyring is gone; restore a backup",
                 base::Reason::DatabaseCorrupt};
  if (generations >= KeyGeneration::kMost)
    return Error{base::Code::Conflict, "the token keys were renewed " + std::to_string(generations - 1) +
                                           " times, and cannot be once more"};
  const auto plain = keys.open(Table::Keyring, *last);
  if (!plain) return Error(plain.error());
  return KeyGeneration::parse(*plain);
}

}  // namespace

Result<std::uint32_t> renewTokenKeys(const Vault& vault, Store& store,
                                     const std::function<Result<std::int64_t>(Txn&)>& firstSequence,
                                     const base::Clock& clock, base::Rng& rng, const SlotDesk::Along& along) {
  const auto keys = vault.hold();
  if (!keys) return Error(keys.error());
  std::uint32_t generation = 0;
  auto done = store.writeAndWait([&](Txn& txn) -> Result<void> {
    const auto before = newest(txn, **keys);
    if (!before) return Error(before.error());
    const auto first = firstSequence(txn);
    if (!first) return Error(first.error());
    const auto next = KeyGeneration::next(*before, *first, clock.now(), rng);
    if (!next) return Error(next.error());
    const auto row = (*keys)->seal(Table::Keyring, next->generation(), 1, next->encoded());
    if (!row) return Error(row.error());
    if (auto put = txn.insert(Table::Keyring, *row); !put) return put;
    generation = next->generation();
    return along(txn);
  });
  wipeStack();
  if (!done) return std::move(done).error();
  return generation;
}

}  // namespace kms
