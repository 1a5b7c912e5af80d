#include "kms/backup/acceptance.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "hal/base/file.h"
#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"
#include "kms/backup/restored.h"
#include "kms/pki/certificate_sequence.h"
#include "kms/tokens/token_row.h"
#include "kms/tokens/token_sequence.h"
#include "kms/tokens/user_row.h"

namespace kms::backup {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::size_t kPage = 200;  // users in one transaction

Error older(const std::optional<base::Time>& made, base::Time now) {
  const std::string when = made ? "of " + base::formatTime(*made) : std::string("of an unknown time");
  const std::string span =
      made && *made < now ? "in the " + spanText(now - *made) + " since" : std::string("since");
  return {Code::Denied,
          "this server was restored from a backup " + when + ". What was revoked or used " + span +
              " counts again, and what was issued since is not known. Where the newer state is lost, "
              "'kmsctl unseal --accept-older' goes on: it voids every pending one-time token; revoke "
              "again what was revoked",
          Reason::BackupOlder};
}

Error forged(const std::string& what) {
  return {Code::Corrupt,
          what +
              "; take another backup, or give --accept-unsigned to 'kmsd restore' where you know who made "
              "this one",
          Reason::BackupForged};
}

Result<void> stepNumber(Txn& txn, std::string_view name, std::int64_t step) {
  auto stored = txn.number(name);
  if (!stored) return std::move(stored).error();
  return txn.setNumber(name, std::max<std::int64_t>(stored->value_or(1), 1) + step);
}

}  // namespace

std::string spanText(std::chrono::seconds span) {
  const auto minutes = std::max<std::int64_t>(span.count() / 60, 1);
  if (minutes < 120) return std::to_string(minutes) + " min";
  if (minutes < 48 * 60) return std::to_string(minutes / 60) + " h";
  return std::to_string(minutes / (24 * 60)) + " days";
}

Result<std::optional<Header>> Acceptance::restoredHeader() const {
  auto text = base::readSmallFile(file_, kHeaderMost);
  if (!text && text.error().code == Code::NotFound) return std::optional<Header>();
  if (!text) return std::move(text).error();
  auto header = parseHeader(base::asBytes(*text));
  if (!header) return forged(file_.string() + " is damaged, which tells what this server was restored from");
  return std::optional(*std::move(header));
}

Result<void> Acceptance::checkMac(const Header& header) const {
  if (!header.mac) return {};  // whoever restored it has accepted that
  auto keys = vault_.hold();
  if (!keys) return std::move(keys).error();
  if (base::equalConstantTime((*keys)->backupMac(signedPart(header)), *header.mac)) return {};
  return forged("the backup that this server was restored from was not made by it, or was changed");
}

Result<std::optional<Acceptance::Marked>> Acceptance::marked() const {
  Marked state;
  std::optional<AuditNote> note;
  auto read = store_.read([&](StoreReader& reader) -> Result<void> {
    auto made = backupMade(reader);
    if (!made) return std::move(made).error();
    state.made = *made;
    auto found = reader.auditNote();
    if (!found) return std::move(found).error();
    note = *found;
    return {};
  });
  if (!read) return std::move(read).error();
  // A log that is damaged is for its own verification to refuse.
  if (const auto checkpoint = notedCheckpoint(store_, audit_.directory); checkpoint && note)
    if (const auto wanted = noteOf(mac_, audit_.server, *checkpoint);
        wanted && base::equalConstantTime(markedNote(*wanted).mac, note->mac))
      state.unmarked = wanted;
  if (state.made || state.unmarked) return std::optional(state);
  return std::optional<Marked>();
}

Result<bool> Acceptance::voidPage(std::int64_t& after, const std::string& by) {
  bool more = false;
  std::int64_t last = after;
  auto done = store_.writeAndWait([&](Txn& txn) -> Result<void> {
    auto keys = vault_.hold();
    if (!keys) return std::move(keys).error();
    auto rows = txn.list(Table::Users, after, kPage);
    if (!rows) return std::move(rows).error();
    more = rows->size() == kPage;
    for (const SealedRow& sealed : *rows) {
      last = sealed.key;
      auto user = openUser(**keys, sealed);
      if (!user) return std::move(user).error();
      if (user->oneTime == 0) continue;
      auto token = readToken(txn, **keys, user->oneTime);
      if (!token) return std::move(token).error();
      if (!*token || (*token)->state != TokenState::Active) continue;
      (*token)->state = TokenState::Voided;
      (*token)->oneTime.clear();
      user->pendingUntil = base::Time{};
      if (auto written = writeToken(txn, **keys, **token); !written) return written;
      if (auto written = writeUser(txn, **keys, *user); !written) return written;
      auto recorded = record(txn, clock_.now(),
                             {Event::TokenVoided, by, (*keys)->accessor(user->oneTime),
                              "by a restore from a backup", user->user.name});
      if (!recorded) return recorded;
    }
    return {};
  });
  if (!done) return std::move(done).error();
  after = last;
  return more;
}

Result<void> Acceptance::voidOneTimeTokens(const std::string& by, const std::function<void()>& meanwhile) {
  for (std::int64_t after = 0;;) {
    auto more = voidPage(after, by);
    if (!more) return std::move(more).error();
    if (!*more) return {};
    if (meanwhile) meanwhile();
  }
}

Result<void> Acceptance::accept(const Marked& state, const std::string& by) {
  const base::Time now = clock_.now();
  const std::string when = state.made ? base::formatTime(*state.made) : std::string("an unknown time");
  return store_.writeAndWait([&](Txn& txn) -> Result<void> {
    if (auto set = txn.setNumber(kBackupMade, 0); !set) return set;
    if (state.unmarked)
      if (auto set = txn.setAuditNote(*state.unmarked); !set) return set;
    if (auto stepped = stepNumber(txn, TokenSequence::kReserved, kTokenStep); !stepped) return stepped;
    if (auto stepped = stepNumber(txn, pki::CertificateSequence::kReserved, kCertificateStep); !stepped)
      return stepped;
    return record(txn, now,
                  {Event::RestoreAccepted, by, audit_.server.text(),
                   "opened the state of " + when +
                       "; what was issued, used or revoked since is not known to it, and every pending "
                       "one-time token was made void"});
  });
}

// Whatever was restored is open from now on.
Result<void> Acceptance::settle(const Header* header) {
  if (header == nullptr) return {};
  const std::string what = "from a " + std::string(kindName(header->kind)) + " backup of " +
                           base::formatTime(header->made) + (header->mac ? "" : ", which is unsigned");
  auto done = store_.writeAndWait([&](Txn& txn) {
    return record(txn, clock_.now(), {Event::ServerRestored, "kmsd", header->server.text(), what});
  });
  if (!done) return done;
  if (::unlink(file_.c_str()) != 0 && errno != ENOENT)
    return base::systemError("cannot remove " + file_.string(), errno);
  return base::syncDirectory(file_.parent_path());
}

Result<void> Acceptance::opened(const std::string& by, const std::function<void()>& meanwhile) {
  auto header = restoredHeader();
  if (!header) return std::move(header).error();
  if (*header)
    if (auto sound = checkMac(**header); !sound) return sound;
  auto state = marked();
  if (!state) return std::move(state).error();
  if (*state) {
    if (by.empty()) return older((*state)->made, clock_.now());
    if (auto voided = voidOneTimeTokens(by, meanwhile); !voided) return voided;
    if (auto accepted = accept(**state, by); !accepted) return accepted;
  }
  return settle(*header ? &**header : nullptr);
}

}  // namespace kms::backup
