// Work that time brings: certificates that nobody confirmed, revocations of what has long ended, and the
// authority's delegated signers.
#include <future>

#include "kms/pki/authority_make.h"
#include "kms/pki/certificate_core.h"

namespace kms::pki {
namespace {

using base::Result;

constexpr std::string_view kSettled = "certificates_settled";   // all up to this one need no look any more
constexpr std::string_view kDropped = "revocations_tidied";     // where dropping goes on
constexpr std::string_view kRound = "revocations_round";        // when the last round ended
constexpr std::chrono::seconds kEvery = std::chrono::hours(6);  // a round through all revocations
// Numbers are drawn ahead of the jobs that file the rows: among young ones a lower number may still come.
constexpr std::chrono::seconds kYoung = std::chrono::minutes(10);

// Settles what is due among those behind the mark, and moves the mark over those that are done with.
Result<bool> settleBatch(CertificateCore& core, Txn& txn, OpenKeys& keys, base::Time now,
                         std::vector<RevocationChange>& changes) {
  const std::size_t most = core.tokens.policy.tidyBatch;
  auto mark = txn.number(kSettled);
  if (!mark) return std::move(mark).error();
  auto rows = txn.list(Table::Certificates, mark->value_or(0), most);
  if (!rows) return std::move(rows).error();
  std::int64_t done = mark->value_or(0);
  bool moving = true;
  for (const SealedRow& sealed : *rows) {
    auto row = openCertificate(keys, sealed);
    if (!row) return std::move(row).error();
    if (auto settled = settleRow(txn, keys, *row, now, changes); !settled) return std::move(settled).error();
    moving = moving && row->state != CertificateState::Unconfirmed && now >= row->issued + kYoung;
    if (moving) done = row->sequence;
  }
  if (done == mark->value_or(0)) return false;
  if (auto set = txn.setNumber(kSettled, done); !set) return std::move(set).error();
  return moving && rows->size() == most;
}

// Goes round all rows now and then, a batch at a time; true while this round is not at its end.
Result<bool> dropBatch(CertificateCore& core, Txn& txn, OpenKeys& keys, base::Time now) {
  const std::size_t most = core.tokens.policy.tidyBatch;
  auto mark = txn.number(kDropped);
  if (!mark) return std::move(mark).error();
  const std::int64_t after = mark->value_or(0);
  auto ended = txn.number(kRound);
  if (!ended) return std::move(ended).error();
  if (after == 0 && *ended && now < base::Time(std::chrono::seconds(**ended)) + kEvery) return false;
  auto rows = txn.list(Table::Revocations, after, most);
  if (!rows) return std::move(rows).error();
  for (const SealedRow& sealed : *rows) {
    auto row = openRevocation(keys, sealed);
    if (!row) return std::move(row).error();
    if (now < row->revocation.expires + core.tokens.policy.expiredKept) continue;
    if (auto gone = txn.erase(Table::Revocations, sealed.key); !gone) return std::move(gone).error();
  }
  const bool more = rows->size() == most;
  const std::int64_t next = more ? rows->back().key : 0;
  if (next != after)
    if (auto set = txn.setNumber(kDropped, next); !set) return std::move(set).error();
  if (!more && !rows->empty())
    if (auto set = txn.setNumber(kRound, now.time_since_epoch().count()); !set) return std::move(set).error();
  return more;
}

Result<Made<bool>> tidyBatch(CertificateCore& core, Txn& txn, OpenKeys& keys) {
  auto now = core.tokens.clock.now(txn);
  if (!now) return std::move(now).error();
  Made<bool> out;
  auto settled = settleBatch(core, txn, keys, *now, out.changes);
  if (!settled) return std::move(settled).error();
  auto dropped = dropBatch(core, txn, keys, *now);
  if (!dropped) return std::move(dropped).error();
  out.value = *settled || *dropped;
  return out;
}

}  // namespace

base::Result<bool> CertificateService::tidy() {
  CertificateCore& core = *core_;
  auto now = core.tokens.clock.now(core.store);
  if (!now) return std::move(now).error();
  if (signersDue(core.authority, *now)) {
    auto renewed = renewSigners(core.vault, core.store, core.authority, core.clock, core.tokens.policy,
                                core.rng, core.organisation, core.addresses);
    if (!renewed) return std::move(renewed).error();
  }
  auto outcome = std::make_shared<std::promise<Result<bool>>>();
  auto future = outcome->get_future();
  submitMade<bool>(
      core, [&core](Txn& txn, OpenKeys& keys) { return tidyBatch(core, txn, keys); },
      [outcome](Result<bool> done) { outcome->set_value(std::move(done)); });
  return future.get();
}

}  // namespace kms::pki
