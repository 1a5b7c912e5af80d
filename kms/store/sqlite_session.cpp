#include "kms/store/sqlite_session.h"

#include <algorithm>
#include <limits>
#include <string>

namespace kms::sqlite {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Reason;
using base::Result;

struct TableSql {
  const char* get;
  const char* list;
  const char* put;
  const char* insert;
  const char* erase;
};

#define KEYDISK_TABLE_SQL(name)                                                                              \
  TableSql {                                                                                                 \
    "SELECT key,revision,generation,epoch,counter,sealed FROM " name " WHERE key=?",                         \
        "SELECT key,revision,generation,epoch,counter,sealed FROM " name                                     \
        " WHERE key>? ORDER BY key LIMIT ?",                                                                 \
        "INSERT OR REPLACE INTO " name "(key,revision,generation,epoch,counter,sealed) VALUES(?,?,?,?,?,?)", \
        "INSERT INTO " name "(key,revision,generation,epoch,counter,sealed) VALUES(?,?,?,?,?,?)",            \
        "DELETE FROM " name " WHERE key=?"                                                                   \
  }
constexpr TableSql kKeyring = KEYDISK_TABLE_SQL("keyring");
constexpr TableSql kUsers = KEYDISK_TABLE_SQL("users");
constexpr TableSql kTokens = KEYDISK_TABLE_SQL("tokens");
constexpr TableSql kAuthorities = KEYDISK_TABLE_SQL("authorities");
constexpr TableSql kCertificates = KEYDISK_TABLE_SQL("certificates");
constexpr TableSql kArchive = KEYDISK_TABLE_SQL("archive");
constexpr TableSql kApprovals = KEYDISK_TABLE_SQL("approvals");
constexpr TableSql kRevocations = KEYDISK_TABLE_SQL("revocations");
#undef KEYDISK_TABLE_SQL

const TableSql& sqlOf(Table table) {
  switch (table) {
    case Table::Keyring:
      return kKeyring;
    case Table::Users:
      return kUsers;
    case Table::Tokens:
      break;
    case Table::Authorities:
      return kAuthorities;
    case Table::Certificates:
      return kCertificates;
    case Table::Archive:
      return kArchive;
    case Table::Approvals:
      return kApprovals;
    case Table::Revocations:
      return kRevocations;
  }
  return kTokens;
}

std::int64_t bounded(std::size_t limit) {
  constexpr auto kMost = std::size_t{std::numeric_limits<std::int64_t>::max()};
  return static_cast<std::int64_t>(std::min(limit, kMost));
}

Result<SealedRow> sealedRow(const Query& query) {
  const auto revision = query.integer(1);
  const auto generation = query.integer(2);
  constexpr auto kMost = std::int64_t{std::numeric_limits<std::uint32_t>::max()};
  if (revision < 0 || revision > kMost || generation < 0 || generation > kMost) {
    return Error{Code::Corrupt,
                 "the database is damaged: a row has numbers out of range; restore it from a backup",
                 Reason::DatabaseCorrupt};
  }
  SealedRow row;
  row.key = query.integer(0);
  row.revision = static_cast<std::uint32_t>(revision);
  row.generation = static_cast<std::uint32_t>(generation);
  row.epoch = query.integer(3);
  row.counter = static_cast<std::uint64_t>(query.integer(4));
  row.sealed = query.bytes(5);
  return row;
}

// Prepares, lets `bind` bind, and runs to the end.
template <class Bind>
Result<void> change(Connection& db, const char* sql, Bind bind) {
  auto query = db.query(sql);
  if (!query) return std::move(query).error();
  bind(*query);
  return query->run();
}

// Every row through `make`, which gives a Result.
template <class T, class Bind, class Make>
Result<std::vector<T>> rows(Connection& db, const char* sql, Bind bind, Make make) {
  auto query = db.query(sql);
  if (!query) return std::move(query).error();
  bind(*query);
  std::vector<T> all;
  for (;;) {
    auto row = query->step();
    if (!row) return std::move(row).error();
    if (!*row) return all;
    Result<T> made = make(*query);
    if (!made) return std::move(made).error();
    all.push_back(*std::move(made));
  }
}

// The first row, if there is one.
template <class T, class Bind, class Make>
Result<std::optional<T>> first(Connection& db, const char* sql, Bind bind, Make make) {
  auto query = db.query(sql);
  if (!query) return std::move(query).error();
  bind(*query);
  auto row = query->step();
  if (!row) return std::move(row).error();
  if (!*row) return std::optional<T>();
  Result<T> made = make(*query);
  if (!made) return std::move(made).error();
  return std::optional<T>(*std::move(made));
}

void bindRow(Query& query, const SealedRow& row) {
  query.bind(row.key).bind(std::int64_t{row.revision}).bind(std::int64_t{row.generation}).bind(row.epoch);
  query.bind(static_cast<std::int64_t>(row.counter)).bind(BytesView(row.sealed));
}

Result<std::int64_t> firstColumn(const Query& query) { return query.integer(0); }

}  // namespace

Result<std::optional<SealedRow>> Session::get(Table table, std::int64_t key) {
  return first<SealedRow>(
      db_, sqlOf(table).get, [&](Query& q) { q.bind(key); }, sealedRow);
}

Result<std::vector<SealedRow>> Session::list(Table table, std::int64_t after, std::size_t limit) {
  return rows<SealedRow>(
      db_, sqlOf(table).list, [&](Query& q) { q.bind(after).bind(bounded(limit)); }, sealedRow);
}

Result<std::optional<std::int64_t>> Session::find(Index index, BytesView mac) {
  return first<std::int64_t>(
      db_, "SELECT key FROM look_up WHERE ix=? AND mac=?",
      [&](Query& q) { q.bind(static_cast<std::int64_t>(index)).bind(mac); }, firstColumn);
}

Result<std::vector<std::int64_t>> Session::tokensOf(std::int64_t user, std::int64_t after,
                                                    std::size_t limit) {
  return rows<std::int64_t>(
      db_, "SELECT token FROM user_tokens WHERE user=? AND token>? ORDER BY token LIMIT ?",
      [&](Query& q) { q.bind(user).bind(after).bind(bounded(limit)); }, firstColumn);
}

Result<std::vector<SlotRow>> Session::slots() {
  return rows<SlotRow>(
      db_, "SELECT id,header,wrapped FROM slots ORDER BY id", [](Query&) {},
      [](const Query& q) {
        return Result<SlotRow>(SlotRow{q.integer(0), q.bytes(1), q.bytes(2)});
      });
}

Result<std::optional<EpochRow>> Session::epoch(std::int64_t id) {
  return first<EpochRow>(
      db_, "SELECT id,salt FROM epochs WHERE id=?", [&](Query& q) { q.bind(id); },
      [](const Query& q) {
        return Result<EpochRow>(EpochRow{q.integer(0), q.bytes(1)});
      });
}

Result<std::optional<std::int64_t>> Session::number(std::string_view name) {
  return first<std::int64_t>(
      db_, "SELECT value FROM numbers WHERE name=?", [&](Query& q) { q.bind(name); }, firstColumn);
}

Result<std::vector<AuditRow>> Session::outbox(std::size_t limit) {
  return rows<AuditRow>(
      db_, "SELECT sequence,entry FROM outbox ORDER BY sequence LIMIT ?",
      [&](Query& q) { q.bind(bounded(limit)); },
      [](const Query& q) {
        return Result<AuditRow>(AuditRow{q.integer(0), q.bytes(1)});
      });
}

Result<AuditHead> Session::auditHead() {
  auto head = first<AuditHead>(
      db_, "SELECT segment,length,number,hash FROM audit_head", [](Query&) {},
      [](const Query& q) -> Result<AuditHead> {
        AuditHead out{q.integer(0), q.integer(1), q.integer(2), {}};
        const base::Bytes hash = q.bytes(3);
        if (hash.size() != out.hash.size()) {
          return Error{Code::Corrupt, "the database is damaged: the hash of the audit log has a wrong size",
                       base::Reason::DatabaseCorrupt};
        }
        std::copy(hash.begin(), hash.end(), out.hash.begin());
        return out;
      });
  if (!head) return std::move(head).error();
  return head->value_or(AuditHead{});
}

Result<std::optional<AuditNote>> Session::auditNote() {
  return first<AuditNote>(
      db_, "SELECT segment,number,mac FROM audit_note", [](Query&) {},
      [](const Query& q) -> Result<AuditNote> {
        AuditNote out{q.integer(0), q.integer(1), {}};
        const base::Bytes mac = q.bytes(2);
        if (mac.size() != out.mac.size()) {
          return Error{Code::Corrupt,
                       "the database is damaged: the note of the last checkpoint has a wrong size",
                       base::Reason::DatabaseCorrupt};
        }
        std::copy(mac.begin(), mac.end(), out.mac.begin());
        return out;
      });
}

Result<void> Session::put(Table table, const SealedRow& row) {
  return change(db_, sqlOf(table).put, [&](Query& q) { bindRow(q, row); });
}

Result<void> Session::insert(Table table, const SealedRow& row) {
  auto done = change(db_, sqlOf(table).insert, [&](Query& q) { bindRow(q, row); });
  if (!done && done.error().code == Code::Conflict)
    return Error{Code::Conflict, "there is a row with this number already"};
  return done;
}

Result<void> Session::erase(Table table, std::int64_t key) {
  return change(db_, sqlOf(table).erase, [&](Query& q) { q.bind(key); });
}

Result<void> Session::bind(Index index, BytesView mac, std::int64_t key) {
  auto done = change(db_, "INSERT INTO look_up(ix,mac,key) VALUES(?,?,?)",
                     [&](Query& q) { q.bind(static_cast<std::int64_t>(index)).bind(mac).bind(key); });
  if (!done && done.error().code == Code::Conflict) return Error{Code::Conflict, "this name or uid is taken"};
  return done;
}

Result<void> Session::unbind(Index index, BytesView mac) {
  return change(db_, "DELETE FROM look_up WHERE ix=? AND mac=?",
                [&](Query& q) { q.bind(static_cast<std::int64_t>(index)).bind(mac); });
}

Result<void> Session::fileTokens(std::vector<std::pair<std::int64_t, std::int64_t>> userAndToken) {
  std::sort(userAndToken.begin(), userAndToken.end());
  for (const auto& pair : userAndToken) {
    auto done = change(db_, "INSERT OR IGNORE INTO user_tokens(user,token) VALUES(?,?)",
                       [&](Query& q) { q.bind(pair.first).bind(pair.second); });
    if (!done) return done;
  }
  return {};
}

Result<void> Session::unfileToken(std::int64_t user, std::int64_t token) {
  return change(db_, "DELETE FROM user_tokens WHERE user=? AND token=?",
                [&](Query& q) { q.bind(user).bind(token); });
}

Result<void> Session::addSlot(const SlotRow& slot) {
  auto done = change(db_, "INSERT INTO slots(id,header,wrapped) VALUES(?,?,?)", [&](Query& q) {
    q.bind(slot.id).bind(BytesView(slot.header)).bind(BytesView(slot.wrapped));
  });
  if (!done && done.error().code == Code::Conflict) {
    return Error{Code::Conflict, "there is a key slot " + std::to_string(slot.id) + " already"};
  }
  return done;
}

Result<void> Session::removeSlot(std::int64_t id) {
  return change(db_, "DELETE FROM slots WHERE id=?", [&](Query& q) { q.bind(id); });
}

Result<std::int64_t> Session::addEpoch(BytesView salt) {
  auto id = first<std::int64_t>(
      db_, "INSERT INTO epochs(salt) VALUES(?) RETURNING id", [&](Query& q) { q.bind(salt); }, firstColumn);
  if (!id) return std::move(id).error();
  if (!*id) return Error{Code::Internal, "the database gave a new epoch no number"};
  return **id;
}

Result<void> Session::setNumber(std::string_view name, std::int64_t value) {
  return change(db_, "INSERT OR REPLACE INTO numbers(name,value) VALUES(?,?)",
                [&](Query& q) { q.bind(name).bind(value); });
}

Result<void> Session::appendAudit(BytesView entry) {
  return change(db_, "INSERT INTO outbox(entry) VALUES(?)", [&](Query& q) { q.bind(entry); });
}

Result<void> Session::dropAudit(std::int64_t through) {
  return change(db_, "DELETE FROM outbox WHERE sequence<=?", [&](Query& q) { q.bind(through); });
}

Result<void> Session::setAuditHead(const AuditHead& head) {
  return change(
      db_, "INSERT OR REPLACE INTO audit_head(one,segment,length,number,hash) VALUES(1,?,?,?,?)",
      [&](Query& q) { q.bind(head.segment).bind(head.length).bind(head.number).bind(BytesView(head.hash)); });
}

Result<void> Session::setAuditNote(const AuditNote& note) {
  return change(db_, "INSERT OR REPLACE INTO audit_note(one,segment,number,mac) VALUES(1,?,?,?)",
                [&](Query& q) { q.bind(note.segment).bind(note.number).bind(BytesView(note.mac)); });
}

}  // namespace kms::sqlite
