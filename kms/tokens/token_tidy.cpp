#include <algorithm>

#include "kms/tokens/approval_jobs.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/token_core.h"
#include "kms/tokens/token_filing.h"

namespace kms {
namespace {

base::Result<std::vector<SealedRow>> batchAfter(TokenCore& core, Txn& txn, std::string_view mark) {
  auto after = txn.number(mark);
  if (!after) return std::move(after).error();
  return txn.list(Table::Tokens, after->value_or(0), core.policy.tidyBatch);
}

// Rows are committed in the order of their numbers, so whatever comes later lies behind the mark. A row that
// does not open stops the filing: it must not be passed over in silence.
base::Result<std::size_t> fileBatch(TokenCore& core, Txn& txn, OpenKeys& keys) {
  auto rows = batchAfter(core, txn, kTokensFiled);
  if (!rows) return std::move(rows).error();
  if (rows->empty()) return std::size_t{0};
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
  pairs.reserve(rows->size());
  for (const auto& sealed : *rows) {
    auto row = openToken(keys, sealed);
    if (!row) return std::move(row).error();
    pairs.emplace_back(row->user, row->sequence);
  }
  std::sort(pairs.begin(), pairs.end());
  if (auto filed = txn.fileTokens(std::move(pairs)); !filed) return std::move(filed).error();
  if (auto marked = txn.setNumber(kTokensFiled, rows->back().key); !marked) return std::move(marked).error();
  return rows->size();
}

// Goes round all rows, a batch at a time; true while this round is not at its end.
base::Result<bool> dropBatch(TokenCore& core, Txn& txn, OpenKeys& keys) {
  auto now = core.clock.now(txn);
  if (!now) return std::move(now).error();
  if (auto dropped = dropApprovals(txn, keys, *now); !dropped) return std::move(dropped).error();
  auto rows = batchAfter(core, txn, kTokensTidied);
  if (!rows) return std::move(rows).error();
  for (const auto& sealed : *rows) {
    auto row = openToken(keys, sealed);
    if (!row) return std::move(row).error();
    if (*now < row->expires + core.policy.expiredKept) continue;
    if (auto gone = txn.unfileToken(row->user, row->sequence); !gone) return std::move(gone).error();
    if (auto gone = txn.erase(Table::Tokens, row->sequence); !gone) return std::move(gone).error();
  }
  const bool more = rows->size() == core.policy.tidyBatch;
  auto marked = txn.setNumber(kTokensTidied, more ? rows->back().key : 0);
  if (!marked) return std::move(marked).error();
  return more;
}

base::Result<bool> tidyBatch(TokenCore& core, Txn& txn, OpenKeys& keys) {
  auto filed = fileBatch(core, txn, keys);
  if (!filed) return std::move(filed).error();
  if (*filed > 0) return true;
  return dropBatch(core, txn, keys);
}

}  // namespace

base::Result<bool> TokenService::tidy() {
  bool more = false;
  auto done = core_->store.writeAndWait([&](Txn& txn) -> base::Result<void> {
    auto tidied = guarded(
        [&] { return withKeys(*core_, [&](OpenKeys& keys) { return tidyBatch(*core_, txn, keys); }); });
    if (!tidied) return std::move(tidied).error();
    more = *tidied;
    return {};
  });
  if (!done) return std::move(done).error();
  return more;
}

}  // namespace kms
