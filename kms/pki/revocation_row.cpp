#include "kms/pki/revocation_row.h"

#include <algorithm>
#include <future>

#include "kms/pki/row_fields.h"
#include "kms/tokens/user_row.h"

namespace kms::pki {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kLast = "last_revocation";  // the highest number that was given
constexpr std::size_t kBatch = 8192;                   // rows

bool isReason(RevocationReason reason) {
  return reason <= RevocationReason::PrivilegeWithdrawn && static_cast<std::uint8_t>(reason) != 7;
}

}  // namespace

base::Bytes encodeRevocation(const RevocationRow& row) {
  base::ByteWriter out;
  out.u8(kVersion);
  out.raw(row.revocation.serial);
  putTime(out, row.revocation.at);
  out.u8(static_cast<std::uint8_t>(row.revocation.reason));
  putTime(out, row.revocation.expires);
  putNumber(out, row.authority);
  putNumber(out, row.certificate);
  return std::move(out).take();
}

base::Result<RevocationRow> decodeRevocation(base::BytesView plain) {
  base::ByteReader in(plain);
  RevocationRow row;
  const auto version = in.u8();
  const auto serial = in.raw(row.revocation.serial.size());
  std::copy(serial.begin(), serial.end(), row.revocation.serial.begin());
  row.revocation.at = takeTime(in);
  row.revocation.reason = static_cast<RevocationReason>(in.u8());
  row.revocation.expires = takeTime(in);
  row.authority = takeNumber(in);
  row.certificate = takeNumber(in);
  if (!in.atEnd() || version != kVersion || !isReason(row.revocation.reason))
    return corruptRow("a revocation's row has not the form that this version writes");
  return row;
}

base::Result<RevocationRow> openRevocation(OpenKeys& keys, const SealedRow& sealed) {
  auto plain = keys.open(Table::Revocations, sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeRevocation(*plain);
  if (row) row->revocation.key = sealed.key;
  return row;
}

base::Result<std::int64_t> lastRevocationNumber(StoreReader& reader) {
  auto last = reader.number(kLast);
  if (!last) return std::move(last).error();
  return last->value_or(0);
}

base::Result<std::int64_t> takeRevocationNumber(Txn& txn) {
  auto last = lastRevocationNumber(txn);
  if (!last) return last;
  const std::int64_t number = *last + 1;
  if (auto set = txn.setNumber(kLast, number); !set) return std::move(set).error();
  return number;
}

base::Result<void> insertRevocation(Txn& txn, OpenKeys& keys, const RevocationRow& row) {
  auto sealed = keys.seal(Table::Revocations, row.revocation.key, 1, encodeRevocation(row));
  if (!sealed) return std::move(sealed).error();
  auto done = txn.insert(Table::Revocations, *sealed);
  if (!done && done.error().code == base::Code::Conflict)
    return corruptRow("the counter of revocations was set back");
  return done;
}

// One batch is opened while the next is read: a list of all is waited for, and the two take about the same
// time.
base::Result<void> loadRevocations(StoreReader& reader, OpenKeys& keys,
                                   const std::function<void(const RevocationRow&)>& each) {
  const auto openAll = [&](const std::vector<SealedRow>& rows) -> base::Result<void> {
    for (const SealedRow& sealed : rows) {
      auto row = openRevocation(keys, sealed);
      if (!row) return std::move(row).error();
      each(*row);
    }
    return {};
  };
  std::future<base::Result<void>> before;
  for (std::int64_t after = 0;;) {
    auto rows = reader.list(Table::Revocations, after, kBatch);
    if (before.valid())
      if (auto done = before.get(); !done) return done;
    if (!rows) return std::move(rows).error();
    if (rows->empty()) return {};
    after = rows->back().key;
    // Its destructor waits, so nothing that it uses goes before it. Where there is no thread, get() does it.
    before = std::async([&openAll, batch = *std::move(rows)] { return openAll(batch); });
  }
}

}  // namespace kms::pki
