#include "kms/pki/archive_row.h"

#include "kms/pki/row_fields.h"
#include "kms/pki/secret_writer.h"
#include "kms/tokens/user_row.h"

namespace kms::pki {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kFixed = 21;  // bytes of a row without its key
constexpr std::size_t kKeyMost = 64 * 1024;

}  // namespace

SecretBytes encodeArchived(const ArchiveRow& row) {
  SecretWriter out(kFixed + row.key.size());
  out.u8(kVersion);
  out.i64(row.user);
  out.i64(row.certificate);
  out.field(row.key.bytes());
  return std::move(out).take();
}

base::Result<ArchiveRow> decodeArchived(base::BytesView plain) {
  base::ByteReader in(plain);
  ArchiveRow row;
  const auto version = in.u8();
  row.user = takeNumber(in);
  row.certificate = takeNumber(in);
  const base::BytesView key = in.field(kKeyMost);
  if (!in.atEnd() || version != kVersion || key.empty())
    return corruptRow("an archived key's row has not the form that this version writes");
  auto copy = base::SecretBuffer::copyOf(key);
  if (!copy) return std::move(copy).error();
  row.key = *std::move(copy);
  return row;
}

base::Result<ArchiveRow> readArchived(StoreReader& reader, OpenKeys& keys, std::int64_t number,
                                      std::int64_t user) {
  auto sealed = reader.get(Table::Archive, number);
  if (!sealed) return std::move(sealed).error();
  if (!*sealed) return corruptRow("an archived key is missing");
  auto plain = keys.open(Table::Archive, **sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeArchived(*plain);
  if (!row) return row;
  if ((*sealed)->key != number || row->certificate != number || row->user != user)
    return corruptRow("an archived key is another's");
  return row;
}

base::Result<void> insertArchived(Txn& txn, OpenKeys& keys, const ArchiveRow& row) {
  auto sealed = keys.seal(Table::Archive, row.certificate, 1, encodeArchived(row));
  if (!sealed) return std::move(sealed).error();
  auto done = txn.insert(Table::Archive, *sealed);
  if (!done && done.error().code == base::Code::Conflict)
    return corruptRow("the counter of certificates was set back");
  return done;
}

}  // namespace kms::pki
