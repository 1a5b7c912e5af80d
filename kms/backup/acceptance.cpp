#include "kms/backup/acceptance.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "hal/base/file.h"
#include "hal/base/rfc3339.h"
#include "kms/audit/audit.h"
#include "kms/backup/restored.h"
#include "kms/keys/audit_note.h"
#include "kms/keys/open_keys.h"
#include "kms/pki/certificate_sequence.h"
#include "kms/pki/crl_publisher.h"
#include "kms/pki/ocsp_stock.h"
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

Error olderThanMedium(const std::optional<base::Time>& noted) {
  const std::string when = noted ? "on " + base::formatTime(*noted) : std::string("later");
  return {
      Code::Denied,
      "the medium was used " + when +
          " with a newer state of this server than this one: the data directory is an older copy. What was "
          "revoked or used since counts again, and what was issued since is not known. Where the newer state "
          "is lost, 'kmsctl unseal --accept-older' goes on: it voids every pending one-time token; revoke "
          "again what was revoked",
      Reason::BackupOlder};
}

Error forged(const std::string& what) {
  return {Code::Corrupt, what + "; restore another backup", Reason::BackupForged};
}

Result<void> stepNumber(Txn& txn, std::string_view name, std::int64_t step) {
  auto stored = txn.number(name);
  if (!stored) return std::move(stored).error();
  return txn.setNumber(name, std::max<std::int64_t>(stored->value_or(1), 1) + step);
}

// Numbers that rise with the time, counted on from where the clock will be in a second: of the lists that the
// lost state published, one may be of this very second.
Result<void> stepByTime(Txn& txn, std::string_view name, base::Time now) {
  auto stored = txn.number(name);
  if (!stored) return std::move(stored).error();
  const std::chrono::milliseconds next = now.time_since_epoch() + std::chrono::seconds(1);
  return txn.setNumber(name, std::max<std::int64_t>(stored->value_or(0), next.count()));
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

Result<std::optional<Acceptance::Marked>> Acceptance::marked(StoreReader& reader, OpenKeys& keys) const {
  Marked state;
  auto made = backupMade(reader);
  if (!made) return std::move(made).error();
  state.made = *made;
  auto note = reader.auditNote();
  if (!note) return std::move(note).error();
  // A log that is damaged is for its own verification to refuse.
  if (const auto checkpoint = notedCheckpoint(store_, audit_); checkpoint && *note) {
    const AuditNote wanted{
        checkpoint->segment, checkpoint->number,
        keys.auditMac(auditNoteMessage(server_, checkpoint->segment, checkpoint->number, checkpoint->hash))};
    if (base::equalConstantTime(markedNote(wanted).mac, (*note)->mac)) state.unmarked = wanted;
  }
  if (state.made || state.unmarked) return std::optional(state);
  return std::optional<Marked>();
}

Result<void> Acceptance::opened(StoreReader& reader, OpenKeys& keys) {
  marked_.reset();
  auto header = restoredHeader();
  if (!header) return std::move(header).error();
  header_ = *std::move(header);
  // Whoever restored one without a MAC has accepted that.
  if (header_ && header_->mac &&
      !base::equalConstantTime(keys.backupMac(signedPart(*header_)), *header_->mac))
    return forged("the backup that this server was restored from was not made by it, or was changed");
  auto state = marked(reader, keys);
  if (!state) return std::move(state).error();
  if (*state && by_.empty()) return older((*state)->made, clock_.now());
  if (!*state) {
    auto later = laterOnMedium(reader, keys);
    if (!later) return std::move(later).error();
    if (*later && by_.empty()) return olderThanMedium((*later)->noted);
    state = std::move(later);
  }
  marked_ = *std::move(state);
  return {};
}

Result<void> Acceptance::tellForged(Txn& txn, const Error& why) const {
  return record(txn, clock_.now(), {Event::DatabaseUnusable, by_, "a row of a user", why.what});
}

Result<bool> Acceptance::voidPage(std::int64_t& after) {
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
      // What does not open lets nobody in, so its token is void as it is; one row that somebody forged must
      // not keep the server shut for all.
      if (!user && user.error().reason == Reason::DatabaseCorrupt) {
        if (auto told = tellForged(txn, user.error()); !told) return told;
        continue;
      }
      if (!user) return std::move(user).error();
      if (user->oneTime == 0) continue;
      auto token = readToken(txn, **keys, user->oneTime);
      if (!token && token.error().reason == Reason::DatabaseCorrupt) {
        if (auto told = tellForged(txn, token.error()); !told) return told;
        continue;
      }
      if (!token) return std::move(token).error();
      if (!*token || (*token)->state != TokenState::Active) continue;
      (*token)->state = TokenState::Voided;
      (*token)->oneTime.clear();
      user->pendingUntil = base::Time{};
      if (auto written = writeToken(txn, **keys, **token); !written) return written;
      if (auto written = writeUser(txn, **keys, *user); !written) return written;
      auto recorded = record(txn, clock_.now(),
                             {Event::TokenVoided, by_, (*keys)->accessor(user->oneTime),
                              "by a restore from a backup", user->user.name});
      if (!recorded) return recorded;
    }
    return {};
  });
  if (!done) return std::move(done).error();
  after = last;
  return more;
}

Result<void> Acceptance::voidOneTimeTokens(const std::function<void()>& meanwhile) {
  for (std::int64_t after = 0;;) {
    auto more = voidPage(after);
    if (!more) return std::move(more).error();
    if (!*more) return {};
    if (meanwhile) meanwhile();
  }
}

Result<void> Acceptance::accept() {
  const base::Time now = clock_.now();
  const std::string when = marked_->byMedium ? "before what the medium has seen"
                           : marked_->made   ? base::formatTime(*marked_->made)
                                             : std::string("an unknown time");
  return store_.writeAndWait([&](Txn& txn) -> Result<void> {
    if (auto set = txn.setNumber(kBackupMade, 0); !set) return set;
    if (marked_->unmarked)
      if (auto set = txn.setAuditNote(*marked_->unmarked); !set) return set;
    if (auto stepped = stepNumber(txn, TokenSequence::kReserved, kTokenStep); !stepped) return stepped;
    if (auto stepped = stepNumber(txn, pki::CertificateSequence::kReserved, kCertificateStep); !stepped)
      return stepped;
    for (const std::string_view name : {pki::CrlPublisher::kNumber, pki::OcspStock::kMark})
      if (auto stepped = stepByTime(txn, name, now); !stepped) return stepped;
    return record(txn, now,
                  {Event::RestoreAccepted, by_, server_.text(),
                   (marked_->byMedium ? "opened a state of " : "opened the state of ") + when +
                       "; what was issued, used or revoked since is not known to it, and every pending "
                       "one-time token was made void"});
  });
}

// The header of the backup is of no more use.
Result<void> Acceptance::forget() {
  const std::string what = "from a " + std::string(kindName(header_->kind)) + " backup of " +
                           base::formatTime(header_->made) + (header_->mac ? "" : ", which is unsigned");
  auto done = store_.writeAndWait([&](Txn& txn) {
    return record(txn, clock_.now(), {Event::ServerRestored, "kmsd", header_->server.text(), what});
  });
  if (!done) return done;
  if (::unlink(file_.c_str()) != 0 && errno != ENOENT)
    return base::systemError("cannot remove " + file_.string(), errno);
  return base::syncDirectory(file_.parent_path());
}

Result<void> Acceptance::settle(const std::function<void()>& meanwhile) {
  if (marked_) {
    if (auto voided = voidOneTimeTokens(meanwhile); !voided) return voided;
    if (auto accepted = accept(); !accepted) return accepted;
    marked_.reset();
  }
  if (!header_) return {};
  auto done = forget();
  header_.reset();
  return done;
}

}  // namespace kms::backup
