#include "kms/tokens/user_row.h"

#include <algorithm>

#include "hal/base/utf8.h"
#include "kms/keys/row_cache.h"

namespace kms {
namespace {

constexpr std::uint8_t kPlain = 1;
constexpr std::uint8_t kCertified = 2;  // the version of a row that leads to certificates
constexpr std::uint8_t kImported = 3;   // of a user who came from another server
constexpr std::size_t kTextMost = 1024;

std::uint64_t unsignedOf(std::int64_t v) { return static_cast<std::uint64_t>(v); }
std::int64_t signedOf(std::uint64_t v) { return static_cast<std::int64_t>(v); }
std::uint64_t secondsOf(base::Time t) { return unsignedOf(t.time_since_epoch().count()); }
base::Time timeOf(std::uint64_t seconds) { return base::Time(std::chrono::seconds(signedOf(seconds))); }

std::array<std::byte, 4> uidBytes(std::uint32_t uid) {
  std::array<std::byte, 4> out{};
  base::storeLe32(out, uid);
  return out;
}

}  // namespace

base::Result<RowView> rowOf(StoreReader& from, Table table, std::int64_t key) {
  auto row = from.get(table, key);
  if (!row) return std::move(row).error();
  return RowView{*std::move(row), from.asOf()};
}

base::Error corruptRow(const char* what) {
  return {base::Code::Corrupt, std::string("the database is damaged: ") + what + "; restore a backup",
          base::Reason::DatabaseCorrupt};
}

base::Error noSuchUser(std::string_view name) {
  const bool shown = base::validUtf8(name) && !base::hasControl(name);  // it is echoed to terminals and logs
  return {base::Code::NotFound, shown ? "there is no user " + std::string(name) : "there is no such user"};
}

base::Bytes encodeUser(const UserRow& row) {
  base::ByteWriter out;
  const std::uint8_t version = row.origin ? kImported : row.newest != 0 ? kCertified : kPlain;
  out.u8(version);
  out.u8(static_cast<std::uint8_t>(row.user.role));
  out.u64(secondsOf(row.user.createdAt));
  out.u8(row.user.uid ? 1 : 0);
  out.u32(row.user.uid.value_or(0));
  out.u64(unsignedOf(row.oneTime));
  out.u64(secondsOf(row.pendingUntil));
  out.u64(unsignedOf(row.revokedBefore));
  out.field(row.user.name);
  out.field(row.user.mail);
  out.field(row.user.commonName);
  out.u8(static_cast<std::uint8_t>(row.user.dns.size()));
  for (const auto& name : row.user.dns) out.field(name);
  if (version != kPlain) out.u64(unsignedOf(row.newest));
  if (row.origin) out.raw(*row.origin);
  return std::move(out).take();
}

base::Result<UserRow> decodeUser(base::BytesView plain) {
  base::ByteReader in(plain);
  UserRow row;
  const auto version = in.u8();
  const auto role = in.u8();
  row.user.role = static_cast<Role>(role);
  row.user.createdAt = timeOf(in.u64());
  const auto hasUid = in.u8();
  const auto uid = in.u32();
  if (hasUid == 1) row.user.uid = uid;
  row.oneTime = signedOf(in.u64());
  row.pendingUntil = timeOf(in.u64());
  row.revokedBefore = signedOf(in.u64());
  row.user.name = in.text(kTextMost);
  row.user.mail = in.text(kTextMost);
  row.user.commonName = in.text(kTextMost);
  const auto dns = in.u8();
  for (unsigned i = 0; i < dns && in.ok(); ++i) row.user.dns.push_back(in.text(kTextMost));
  if (version != kPlain) row.newest = signedOf(in.u64());
  if (version == kImported) {
    const auto origin = in.raw(std::tuple_size_v<UserOrigin>);
    if (in.ok()) std::ranges::copy(origin, row.origin.emplace().begin());
  }
  if (!in.atEnd() || version < kPlain || version > kImported ||
      role < static_cast<std::uint8_t>(Role::User) || role > static_cast<std::uint8_t>(Role::Admin) ||
      hasUid > 1)
    return corruptRow("a user's row has not the form that this version writes");
  return row;
}

base::Result<UserRow> openUser(OpenKeys& keys, const SealedRow& sealed) {
  auto plain = keys.open(Table::Users, sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeUser(*plain);
  if (!row) return std::move(row).error();
  row->user.id = sealed.key;
  row->revision = sealed.revision;
  return row;
}

namespace {

// `From` is a reader, or a store, whose rows are each a view of their own.
template <class From>
base::Result<std::optional<UserRow>> readFrom(From& from, OpenKeys& keys, std::int64_t id) {
  RowCache* const cache = keys.cache();
  if (cache != nullptr) {
    if (const auto kept = cache->find(Table::Users, id)) {
      auto row = decodeUser(kept->plain());
      if (!row) return std::move(row).error();
      row->user.id = id;
      row->revision = kept->revision;
      return std::optional<UserRow>(*std::move(row));
    }
  }
  auto seen = rowOf(from, Table::Users, id);
  if (!seen) return std::move(seen).error();
  const auto& sealed = seen->row;
  if (!sealed) return std::optional<UserRow>();
  if (sealed->key != id) return corruptRow("a user's row is missing");
  auto plain = keys.open(Table::Users, *sealed);
  if (!plain) return std::move(plain).error();
  auto row = decodeUser(*plain);
  if (!row) return std::move(row).error();
  row->user.id = id;
  row->revision = sealed->revision;
  if (cache != nullptr) cache->insert(Table::Users, id, row->revision, *plain, seen->asOf);
  return std::optional<UserRow>(*std::move(row));
}

base::Result<UserRow> mustBe(base::Result<std::optional<UserRow>> row) {
  if (!row) return std::move(row).error();
  if (!*row) return corruptRow("a user's row is missing");
  return **std::move(row);
}

// By the index, or without it where this value led to a user before that still answers to it.
template <class Fits>
base::Result<std::optional<UserRow>> findBy(StoreReader& reader, OpenKeys& keys, Index index,
                                            base::BytesView value, Fits fits, const char* otherwise) {
  RowCache* const cache = keys.cache();
  const auto hint = cache != nullptr ? cache->hint(index, value) : std::nullopt;
  if (hint) {
    auto row = readFrom(reader, keys, *hint);
    if (!row || (*row && fits((*row)->user))) return row;
  }
  auto id = reader.find(index, keys.indexMac(index, value));
  if (!id) return std::move(id).error();
  if (!*id) return std::optional<UserRow>();
  auto row = mustBe(readFrom(reader, keys, **id));
  if (!row) return std::move(row).error();
  if (!fits(row->user)) return corruptRow(otherwise);
  if (cache != nullptr) cache->leaveHint(index, value, **id);
  return std::optional<UserRow>(*std::move(row));
}

}  // namespace

base::Result<UserRow> readUser(StoreReader& reader, OpenKeys& keys, std::int64_t id) {
  return mustBe(readFrom(reader, keys, id));
}

base::Result<UserRow> readUser(Store& store, OpenKeys& keys, std::int64_t id) {
  return mustBe(readFrom(store, keys, id));
}

base::Result<std::optional<UserRow>> findUser(StoreReader& reader, OpenKeys& keys, std::string_view name) {
  return findBy(
      reader, keys, Index::UserName, base::asBytes(name), [&](const User& user) { return user.name == name; },
      "the index of users leads to another user");
}

base::Result<std::optional<UserRow>> findUser(StoreReader& reader, OpenKeys& keys, std::uint32_t uid) {
  return findBy(
      reader, keys, Index::UserUid, uidBytes(uid), [&](const User& user) { return user.uid == uid; },
      "the index of uids leads to another user");
}

base::Result<void> writeUser(Txn& txn, OpenKeys& keys, UserRow& row) {
  auto sealed = keys.seal(Table::Users, row.user.id, ++row.revision, encodeUser(row));
  if (!sealed) return std::move(sealed).error();
  return txn.put(Table::Users, *sealed);
}

User shownUser(const UserRow& row, base::Time now) {
  User user = row.user;
  user.pending = row.oneTime >= row.revokedBefore && now < row.pendingUntil;
  return user;
}

}  // namespace kms
