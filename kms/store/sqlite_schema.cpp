#include "kms/store/sqlite_schema.h"

#include <string>
#include <utility>

namespace kms::sqlite {
namespace {

using base::Code;
using base::Error;
using base::Reason;

// Rows are keyed by rising integers, because scattered inserts are many times slower. AUTOINCREMENT: a number
// of the outbox or of an epoch is never given twice, whatever was erased.
constexpr const char* kFirst = R"sql(
CREATE TABLE keyring(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE users(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE tokens(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE look_up(ix INTEGER NOT NULL, mac BLOB NOT NULL, key INTEGER NOT NULL,
  PRIMARY KEY(ix, mac)) STRICT, WITHOUT ROWID;
CREATE TABLE user_tokens(user INTEGER NOT NULL, token INTEGER NOT NULL,
  PRIMARY KEY(user, token)) STRICT, WITHOUT ROWID;
CREATE TABLE slots(id INTEGER PRIMARY KEY, header BLOB NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE epochs(id INTEGER PRIMARY KEY AUTOINCREMENT, salt BLOB NOT NULL) STRICT;
CREATE TABLE numbers(name TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE outbox(sequence INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL) STRICT;
)sql";

// One row: how far the files of the audit log reach.
constexpr const char* kAuditHead = R"sql(
CREATE TABLE audit_head(one INTEGER PRIMARY KEY CHECK(one=1), segment INTEGER NOT NULL, length INTEGER NOT NULL,
  number INTEGER NOT NULL, hash BLOB NOT NULL) STRICT;
)sql";

// One row: which checkpoint is the last one of the audit log.
constexpr const char* kAuditNote = R"sql(
CREATE TABLE audit_note(one INTEGER PRIMARY KEY CHECK(one=1), segment INTEGER NOT NULL, number INTEGER NOT NULL,
  mac BLOB NOT NULL) STRICT;
)sql";

// What the certificate authority keeps.
constexpr const char* kPki = R"sql(
CREATE TABLE authorities(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE certificates(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE archive(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE approvals(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE revocations(key INTEGER PRIMARY KEY, revision INTEGER NOT NULL, generation INTEGER NOT NULL,
  epoch INTEGER NOT NULL, counter INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
)sql";

constexpr const char* kMigrations[] = {kFirst, kAuditHead, kAuditNote, kPki};

Error damaged(const std::string& why) {
  return Error{Code::Corrupt, "the database is damaged: " + why + "; restore it from a backup",
               Reason::DatabaseCorrupt};
}

base::Result<std::string> schemaText(Connection& db) {
  auto query =
      db.query("SELECT type||' '||name||' '||coalesce(sql,'') FROM sqlite_schema ORDER BY type, name");
  if (!query) return std::move(query).error();
  std::string all;
  for (;;) {
    auto row = query->step();
    if (!row) return std::move(row).error();
    if (!*row) return all;
    all += query->text(0) + "\n";
  }
}

base::Result<void> runScript(Connection& db, const char* script, std::size_t version) {
  auto done = db.script("BEGIN IMMEDIATE");
  if (!done) return done;
  const std::string mark = "PRAGMA user_version=" + std::to_string(version) +
                           ";PRAGMA application_id=" + std::to_string(kApplicationId) + ";COMMIT";
  done = db.script(script);
  if (done) done = db.script(mark.c_str());
  if (!done && db.inTransaction()) {
    auto undone = db.script("ROLLBACK");
    if (!undone) return undone;
  }
  return done;
}

}  // namespace

std::span<const char* const> migrations() { return kMigrations; }

base::Result<void> migrate(Connection& db, std::span<const char* const> scripts) {
  auto version = db.pragma("PRAGMA user_version");
  if (!version) return std::move(version).error();
  if (*version < 0) return damaged("its version is " + std::to_string(*version));
  const auto known = static_cast<std::int64_t>(scripts.size());
  if (*version > known) {
    return Error{Code::Unsupported, "the database has format " + std::to_string(*version) +
                                        " and this program knows up to " + std::to_string(known) +
                                        "; install the newer version of keydisk"};
  }
  for (auto next = static_cast<std::size_t>(*version); next < scripts.size(); ++next) {
    auto done = runScript(db, scripts[next], next + 1);
    if (!done) return done;
  }
  return {};
}

base::Result<void> checkSchema(Connection& db, std::span<const char* const> scripts) {
  auto id = db.pragma("PRAGMA application_id");
  if (!id) return std::move(id).error();
  if (*id != kApplicationId) return damaged("the file is not one of keydisk");
  auto version = db.pragma("PRAGMA user_version");
  if (!version) return std::move(version).error();
  const auto known = static_cast<std::int64_t>(scripts.size());
  if (*version < 1) return damaged("it has no format version");
  if (*version > known) return migrate(db, scripts);  // says Unsupported

  auto model = Connection::openInMemory();
  if (!model) return std::move(model).error();
  auto made = migrate(*model, scripts.first(static_cast<std::size_t>(*version)));
  if (!made) return made;
  auto wanted = schemaText(*model);
  if (!wanted) return std::move(wanted).error();
  auto found = schemaText(db);
  if (!found) return std::move(found).error();
  if (*found != *wanted) return damaged("its tables are not those of format " + std::to_string(*version));
  return {};
}

}  // namespace kms::sqlite
