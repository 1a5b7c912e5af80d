#include "kms/pki/authority_row.h"

#include "kms/pki/certificate.h"
#include "kms/pki/row_fields.h"
#include "kms/pki/secret_writer.h"
#include "kms/tokens/user_row.h"

namespace kms::pki {
namespace {

constexpr std::uint8_t kPlain = 1;
constexpr std::uint8_t kLinked = 2;  // has also links or a request
constexpr std::size_t kKeyMost = 64 * 1024;
constexpr std::size_t kChainMost = 16;

base::Bytes takeBytes(base::ByteReader& in) {
  const base::BytesView view = in.field(kMostDer);
  return {view.begin(), view.end()};
}

// An empty one stays empty.
base::Result<void> takeSecret(base::ByteReader& in, base::SecretBuffer& out) {
  const base::BytesView view = in.field(kKeyMost);
  if (view.empty()) return {};
  auto copy = base::SecretBuffer::copyOf(view);
  if (!copy) return std::move(copy).error();
  out = *std::move(copy);
  return {};
}

bool isLinked(const AuthorityRow& row) {
  return !row.newWithOld.empty() || !row.oldWithNew.empty() || !row.request.empty();
}

bool wellFormed(const AuthorityRow& row) {
  if (row.key.empty() || row.chain.size() > kChainMost) return false;
  if (row.newWithOld.empty() != row.oldWithNew.empty()) return false;
  if (row.state == AuthorityState::Waiting)
    return row.certificate.empty() && row.chain.empty() && row.newWithOld.empty() && !row.request.empty();
  if (row.state != AuthorityState::Current && row.state != AuthorityState::Old) return false;
  if (!row.request.empty()) return false;
  return !row.certificate.empty() && !row.ocspCertificate.empty() && !row.ocspKey.empty() &&
         !row.cmpCertificate.empty() && !row.cmpKey.empty();
}

}  // namespace

SecretBytes encodeAuthority(const AuthorityRow& row) {
  std::size_t size = 3 + 9 * 4 + row.certificate.size() + row.key.size() + row.ocspCertificate.size() +
                     row.ocspKey.size() + row.cmpCertificate.size() + row.cmpKey.size() +
                     row.newWithOld.size() + row.oldWithNew.size() + row.request.size();
  for (const base::Bytes& above : row.chain) size += 4 + above.size();
  SecretWriter out(size);
  out.u8(isLinked(row) ? kLinked : kPlain);
  out.u8(static_cast<std::uint8_t>(row.state));
  out.field(row.certificate);
  out.u8(static_cast<std::uint8_t>(row.chain.size()));
  for (const base::Bytes& above : row.chain) out.field(above);
  out.field(row.key.bytes());
  out.field(row.ocspCertificate);
  out.field(row.ocspKey.bytes());
  out.field(row.cmpCertificate);
  out.field(row.cmpKey.bytes());
  if (isLinked(row))
    for (const base::Bytes* more : {&row.newWithOld, &row.oldWithNew, &row.request}) out.field(*more);
  return std::move(out).take();
}

base::Result<AuthorityRow> decodeAuthority(base::BytesView plain) {
  base::ByteReader in(plain);
  AuthorityRow row;
  const auto version = in.u8();
  row.state = static_cast<AuthorityState>(in.u8());
  row.certificate = takeBytes(in);
  const unsigned above = in.u8();
  for (unsigned i = 0; i < above && in.ok(); ++i) row.chain.push_back(takeBytes(in));
  if (auto taken = takeSecret(in, row.key); !taken) return std::move(taken).error();
  row.ocspCertificate = takeBytes(in);
  if (auto taken = takeSecret(in, row.ocspKey); !taken) return std::move(taken).error();
  row.cmpCertificate = takeBytes(in);
  if (auto taken = takeSecret(in, row.cmpKey); !taken) return std::move(taken).error();
  if (version == kLinked)
    for (base::Bytes* more : {&row.newWithOld, &row.oldWithNew, &row.request}) *more = takeBytes(in);
  const bool known = version == kPlain || (version == kLinked && isLinked(row));
  if (!in.atEnd() || !known || !wellFormed(row))
    return corruptRow("an authority's row has not the form that this version writes");
  return row;
}

base::Result<std::vector<AuthorityRow>> readAuthorities(StoreReader& reader, OpenKeys& keys) {
  auto rows = reader.list(Table::Authorities, 0, kAuthoritiesMost + 1);
  if (!rows) return std::move(rows).error();
  if (rows->size() > kAuthoritiesMost) return corruptRow("there are too many certificate authorities");
  std::vector<AuthorityRow> all;
  for (const SealedRow& sealed : *rows) {
    auto plain = keys.open(Table::Authorities, sealed);
    if (!plain) return std::move(plain).error();
    auto row = decodeAuthority(*plain);
    if (!row) return std::move(row).error();
    row->number = sealed.key;
    row->revision = sealed.revision;
    all.push_back(*std::move(row));
  }
  return all;
}

base::Result<void> writeAuthority(Txn& txn, OpenKeys& keys, AuthorityRow& row) {
  auto sealed = keys.seal(Table::Authorities, row.number, ++row.revision, encodeAuthority(row));
  if (!sealed) return std::move(sealed).error();
  return txn.put(Table::Authorities, *sealed);
}

}  // namespace kms::pki
