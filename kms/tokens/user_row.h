// A user's row: what it holds, its bytes, and how it is found, read and written.
//
// plain := version{1} role{1} created{8} hasUid{1} uid{4} oneTime{8} pendingUntil{8} revokedBefore{8}
//          name mail commonName dnsCount{1} dns...        texts: u32 length, bytes; integers little-endian
//          version 2, where the user has a certificate: newest{8}
//          version 3, where the user came from another server: newest{8} origin{32}
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "kms/keys/open_keys.h"
#include "kms/store/store.h"
#include "kms/tokens/user_service.h"

namespace kms {

// What another server, and only that, knows one of its users by.
using UserOrigin = std::array<std::byte, 32>;

struct UserRow {
  User user;                       // `pending` is worked out when it is shown
  std::int64_t oneTime = 0;        // sequence number of the last one-time token; 0: none yet
  base::Time pendingUntil{};       // when that one expires; the epoch: it was used, revoked or voided
  std::int64_t revokedBefore = 0;  // tokens with a lower sequence number are revoked
  std::int64_t newest = 0;         // sequence number of the newest certificate; 0: none yet
  std::optional<UserOrigin> origin;
  std::uint32_t revision = 0;
};

// One row of a reader, or of a store, whose rows are each a view of their own.
inline base::Result<RowView> rowOf(Store& from, Table table, std::int64_t key) {
  return from.get(table, key);
}
base::Result<RowView> rowOf(StoreReader& from, Table table, std::int64_t key);

base::Bytes encodeUser(const UserRow& row);
// Pure and bounded. Errors: Corrupt / DatabaseCorrupt.
base::Result<UserRow> decodeUser(base::BytesView plain);

// Errors of all that follow: Corrupt / DatabaseCorrupt where a row was altered, moved or lost; those of the
// store. A row may be newer than the reader's view, never older.
base::Result<UserRow> openUser(OpenKeys& keys, const SealedRow& row);
base::Result<UserRow> readUser(StoreReader& reader, OpenKeys& keys, std::int64_t id);
base::Result<UserRow> readUser(Store& store, OpenKeys& keys, std::int64_t id);
// Nothing where there is no such user.
base::Result<std::optional<UserRow>> findUser(StoreReader& reader, OpenKeys& keys, std::string_view name);
base::Result<std::optional<UserRow>> findUser(StoreReader& reader, OpenKeys& keys, std::uint32_t uid);
// Writes the next revision.
base::Result<void> writeUser(Txn& txn, OpenKeys& keys, UserRow& row);

// As outsiders see it.
User shownUser(const UserRow& row, base::Time now);
// Errors: NotFound.
base::Error noSuchUser(std::string_view name);
base::Error corruptRow(const char* what);

}  // namespace kms
