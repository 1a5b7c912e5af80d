// Rows of former root keys are sealed anew.
#include <algorithm>
#include <array>
#include <limits>

#include "kms/keys/former_root.h"
#include "kms/keys/open_keys.h"
#include "kms/keys/rotation.h"

namespace kms {
namespace {

using base::Error;
using base::Result;

struct Work {
  Table table;
  const char* mark;   // a number of the store: the key of the last row that is done
  std::size_t limit;  // rows of a batch, by how large they may be
};
constexpr std::array kWork = {
    Work{Table::Users, "reseal_users", 1024},
    Work{Table::Tokens, "reseal_tokens", 2048},
    Work{Table::Authorities, "reseal_authorities", 16},
    Work{Table::Certificates, "reseal_certificates", 512},
    Work{Table::Archive, "reseal_archive", 128},
    Work{Table::Approvals, "reseal_approvals", 128},
    Work{Table::Revocations, "reseal_revocations", 1024},
};
constexpr std::string_view kDue = "reseal_due";      // 1: rows are left
constexpr std::string_view kTable = "reseal_table";  // how many of them are done
constexpr std::int64_t kBegin = std::numeric_limits<std::int64_t>::min();

Result<std::int64_t> numberOf(StoreReader& reader, std::string_view name, std::int64_t otherwise) {
  const auto number = reader.number(name);
  if (!number) return Error(number.error());
  return number->value_or(otherwise);
}

}  // namespace

Result<void> beginReseal(Txn& txn) {
  for (const Work& work : kWork)
    if (auto set = txn.setNumber(work.mark, kBegin); !set) return set;
  if (auto set = txn.setNumber(kTable, 0); !set) return set;
  return txn.setNumber(kDue, 1);
}

Result<bool> Resealer::due(StoreReader& reader) {
  const auto due = numberOf(reader, kDue, 0);
  if (!due) return Error(due.error());
  return *due != 0;
}

Result<bool> Resealer::due(Store& store) {
  bool left = false;
  auto read = store.read([&](StoreReader& reader) -> Result<void> {
    const auto found = due(reader);
    if (!found) return Error(found.error());
    left = *found;
    return {};
  });
  if (!read) return std::move(read).error();
  return left;
}

// False: the table has no further row.
Result<bool> Resealer::stepTable(Txn& txn, OpenKeys& keys, std::size_t which, std::uint64_t& looked) const {
  const Work& work = kWork[which];
  const auto after = numberOf(txn, work.mark, kBegin);
  if (!after) return Error(after.error());
  const auto rows = txn.list(work.table, *after, std::max<std::size_t>(1, work.limit / part_));
  if (!rows) return Error(rows.error());
  if (rows->empty()) return false;
  for (const SealedRow& row : *rows) {
    if (row.generation == keys.rootGeneration()) continue;
    const auto plain = keys.open(work.table, row);
    if (!plain) return Error(plain.error());
    const auto sealed = keys.seal(work.table, row.key, row.revision, *plain);
    if (!sealed) return Error(sealed.error());
    if (auto put = txn.put(work.table, *sealed); !put) return std::move(put).error();
  }
  looked = rows->size();
  if (auto set = txn.setNumber(work.mark, rows->back().key); !set) return std::move(set).error();
  return true;
}

// No row needs them any more: the old record-seal keys go.
Result<void> Resealer::finish(Txn& txn, OpenKeys& keys) const {
  const auto rows = txn.list(Table::Keyring, FormerRoot::kKeyBase, FormerRoot::kMost + 1);
  if (!rows) return Error(rows.error());
  for (const SealedRow& row : *rows) {
    const auto plain = keys.open(Table::Keyring, row);
    if (!plain) return Error(plain.error());
    auto old = FormerRoot::parse(*plain);
    if (!old) return std::move(old).error();
    if (old->seal.empty()) continue;
    old->seal.clear();
    const auto encoded = old->encode();
    if (!encoded) return Error(encoded.error());
    const auto sealed = keys.seal(Table::Keyring, row.key, row.revision + 1, encoded->bytes());
    if (!sealed) return Error(sealed.error());
    if (auto put = txn.put(Table::Keyring, *sealed); !put) return put;
  }
  if (auto set = txn.setNumber(kDue, 0); !set) return set;
  return atEnd_ ? atEnd_(txn) : Result<void>();
}

Result<bool> Resealer::step() {
  const auto keys = vault_.hold();
  if (!keys) return Error(keys.error());
  bool left = false;
  std::uint64_t looked = 0;
  auto done = store_.writeAndWait([&](Txn& txn) -> Result<void> {
    left = false;
    looked = 0;
    const auto isDue = due(txn);
    if (!isDue) return Error(isDue.error());
    if (!*isDue) return {};
    left = true;
    const auto table = numberOf(txn, kTable, 0);
    if (!table) return Error(table.error());
    if (*table < 0 || *table >= static_cast<std::int64_t>(kWork.size())) {
      left = false;
      return finish(txn, **keys);
    }
    const auto more = stepTable(txn, **keys, static_cast<std::size_t>(*table), looked);
    if (!more) return Error(more.error());
    return *more ? Result<void>() : txn.setNumber(kTable, *table + 1);
  });
  if (!done) return std::move(done).error();
  rows_ += looked;
  return left;
}

}  // namespace kms
