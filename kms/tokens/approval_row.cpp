#include "kms/tokens/approval_row.h"

#include <array>

#include "hal/base/base32.h"
#include "kms/tokens/user_row.h"

namespace kms {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kIdBytes = 7;
constexpr std::size_t kPage = 256;

void putNumber(base::ByteWriter& out, std::int64_t v) { out.u64(static_cast<std::uint64_t>(v)); }
void putTime(base::ByteWriter& out, base::Time t) { putNumber(out, t.time_since_epoch().count()); }
std::int64_t takeNumber(base::ByteReader& in) { return static_cast<std::int64_t>(in.u64()); }
// Bounded, so that sums of it with any span of ours stay in range.
base::Time takeTime(base::ByteReader& in) {
  return base::Time(std::chrono::seconds(static_cast<std::int64_t>(in.u64() & 0xFFFFFFFFFFU)));
}

bool wellFormed(const ApprovalRow& row) {
  return row.subject.kind >= ApprovalKind::RecoverToken && row.subject.kind <= ApprovalKind::UserExport &&
         row.state >= ApprovalRow::State::Open && row.state <= ApprovalRow::State::Cancelled &&
         !row.votes.empty();
}

}  // namespace

base::Bytes encodeApproval(const ApprovalRow& row) {
  base::ByteWriter out;
  out.u8(kVersion);
  out.u8(static_cast<std::uint8_t>(row.subject.kind));
  out.u8(static_cast<std::uint8_t>(row.state));
  putNumber(out, row.subject.user);
  putTime(out, row.asked);
  putTime(out, row.expires);
  out.field(row.subject.detail);
  out.u8(static_cast<std::uint8_t>(row.votes.size()));
  for (const ApprovalRow::Vote& vote : row.votes) {
    putNumber(out, vote.who);
    putTime(out, vote.at);
  }
  return std::move(out).take();
}

base::Result<ApprovalRow> decodeApproval(base::BytesView plain) {
  base::ByteReader in(plain);
  ApprovalRow row;
  const auto version = in.u8();
  row.subject.kind = static_cast<ApprovalKind>(in.u8());
  row.state = static_cast<ApprovalRow::State>(in.u8());
  row.subject.user = takeNumber(in);
  row.asked = takeTime(in);
  row.expires = takeTime(in);
  row.subject.detail = in.text(ApprovalRow::kDetailMost);
  const auto votes = in.u8();
  for (unsigned i = 0; i < votes && in.ok(); ++i) {
    const std::int64_t who = takeNumber(in);
    row.votes.push_back({who, takeTime(in)});
  }
  if (!in.atEnd() || version != kVersion || votes > ApprovalRow::kVotesMost || !wellFormed(row))
    return corruptRow("a request for approval has not the form that this version writes");
  return row;
}

std::string approvalId(std::int64_t key) {
  std::array<std::byte, kIdBytes> bytes{};
  for (std::size_t i = 0; i < kIdBytes; ++i)
    bytes[i] = static_cast<std::byte>(static_cast<std::uint64_t>(key) >> (8 * (kIdBytes - 1 - i)));
  return base::encodeBase32(bytes);
}

std::optional<std::int64_t> parseApprovalId(std::string_view id) noexcept {
  std::array<std::byte, kIdBytes> bytes{};
  if (!base::decodeBase32(id, bytes, base::Base32Mode::Forgiving)) return std::nullopt;
  std::int64_t key = 0;
  for (const std::byte byte : bytes) key = key * 256 + std::to_integer<std::int64_t>(byte);
  return key;
}

base::Result<ApprovalRow> openApproval(OpenKeys& keys, const SealedRow& sealed) {
  auto plain = keys.open(Table::Approvals, sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeApproval(*plain);
  if (!row) return row;
  row->key = sealed.key;
  row->revision = sealed.revision;
  return row;
}

base::Result<std::optional<ApprovalRow>> readApproval(StoreReader& reader, OpenKeys& keys, std::int64_t key) {
  auto sealed = reader.get(Table::Approvals, key);
  if (!sealed) return std::move(sealed).error();
  if (!*sealed) return std::optional<ApprovalRow>();
  if ((*sealed)->key != key) return corruptRow("a request for approval is another one");
  auto row = openApproval(keys, **sealed);
  if (!row) return std::move(row).error();
  return std::optional<ApprovalRow>(*std::move(row));
}

base::Result<std::vector<ApprovalRow>> readApprovals(StoreReader& reader, OpenKeys& keys) {
  std::vector<ApprovalRow> all;
  for (std::int64_t after = 0;;) {
    auto rows = reader.list(Table::Approvals, after, kPage);
    if (!rows) return std::move(rows).error();
    for (const SealedRow& sealed : *rows) {
      auto row = openApproval(keys, sealed);
      if (!row) return std::move(row).error();
      all.push_back(*std::move(row));
    }
    if (rows->size() < kPage) return all;
    after = rows->back().key;
  }
}

base::Result<void> writeApproval(Txn& txn, OpenKeys& keys, ApprovalRow& row) {
  auto sealed = keys.seal(Table::Approvals, row.key, ++row.revision, encodeApproval(row));
  if (!sealed) return std::move(sealed).error();
  return txn.put(Table::Approvals, *sealed);
}

}  // namespace kms
