// The one table of events.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "kms/audit/audit.h"

namespace kms {
namespace {

constexpr std::array kEvents = {
    EventRow{Event::Unsealed, "unsealed", "The server was opened with a key."},
    EventRow{Event::Sealed, "sealed", "The server wiped its keys from memory."},
    EventRow{Event::MediumInserted, "medium_inserted", "A medium was put into a slot."},
    EventRow{Event::MediumRemoved, "medium_removed", "A medium was taken out of a slot."},
    EventRow{Event::MediumRefused, "medium_refused", "A medium or a typed key is wrong or damaged."},
    EventRow{Event::DataDirectoryDamaged, "data_directory_damaged",
             "The data directory or its audit log is damaged."},
    EventRow{Event::DatabaseUnusable, "database_unusable", "The database is missing or damaged."},
    EventRow{Event::ServerFounded, "server_founded", "The server was made, with its first key media."},
    EventRow{Event::UserAdded, "user_added", "A user was added."},
    EventRow{Event::UserChanged, "user_changed", "A user's role, uid or names were changed."},
    EventRow{Event::TokenIssued, "token_issued", "A token was issued to a user."},
    EventRow{Event::TokenRenewed, "token_renewed", "A token's time was counted anew."},
    EventRow{Event::TokenRevoked, "token_revoked", "A token was revoked."},
    EventRow{Event::TokenUsed, "token_used", "A token's last use was taken."},
    EventRow{Event::TokenVoided, "token_voided", "A one-time token was ended by a newer one."},
    EventRow{Event::UserTokensRevoked, "user_tokens_revoked",
             "Every token that a user had so far was revoked."},
    EventRow{Event::TokenGuessed, "token_guessed", "Wrong one-time tokens were shown again and again."},
    EventRow{Event::AuditUnwritable, "audit_unwritable",
             "The audit log could not be written, so changes were refused."},
    EventRow{Event::AuditWritable, "audit_writable", "The audit log was written again; changes were taken."},
    EventRow{Event::AuditAccepted, "audit_accepted",
             "An administrator went on with a new file after the audit log was found broken."},
    EventRow{Event::CertificateIssued, "certificate_issued", "A certificate was issued."},
    EventRow{Event::CertificateConfirmed, "certificate_confirmed",
             "A new certificate was taken by its client, and the token it was got with is used up."},
    EventRow{Event::CertificateRevoked, "certificate_revoked", "A certificate was revoked for good."},
    EventRow{Event::CertificateHeld, "certificate_held", "A certificate was revoked until it is released."},
    EventRow{Event::CertificateReleased, "certificate_released", "A certificate that was held counts again."},
    EventRow{Event::CertificateImported, "certificate_imported",
             "A certificate of another server came with its user; it does not count here."},
    EventRow{Event::KeyArchived, "key_archived",
             "A user's private encryption key was made by the server and put into the archive."},
    EventRow{Event::KeysRecovered, "keys_recovered",
             "Private encryption keys of a user were handed out from the archive, all or a part of them."},
    EventRow{Event::AuthorityCreated, "authority_created", "A certificate authority was made."},
    EventRow{Event::AuthoritySignersRenewed, "authority_signers_renewed",
             "An authority's delegated signers, for OCSP and CMP, were made anew."},
    EventRow{Event::AuthorityRequested, "authority_requested",
             "A key was made that waits for another authority's signature."},
    EventRow{Event::AuthorityInstalled, "authority_installed",
             "A certificate authority that another one has signed became the current one."},
    EventRow{Event::AuthorityRolledOver, "authority_rolled_over",
             "A new key of the certificate authority took the place of the one before."},
    EventRow{Event::ApprovalAsked, "approval_asked",
             "An administrator asked for what several must agree to, and was refused until they do."},
    EventRow{Event::ApprovalGiven, "approval_given", "Another administrator agreed to such a request."},
    EventRow{Event::ApprovalUsed, "approval_used",
             "Enough had agreed, and what was asked for was done; the request is used up."},
    EventRow{Event::ApprovalCancelled, "approval_cancelled", "An administrator cancelled such a request."},
    EventRow{Event::ApprovalExpired, "approval_expired", "Such a request ended by its time."},
    EventRow{Event::MediumAdded, "medium_added", "A further key medium got a key slot."},
    EventRow{Event::MediumRetired, "medium_retired", "A key medium lost its key slot."},
    EventRow{Event::MediumRekeyed, "medium_rekeyed",
             "A key medium got a new master key, and its old one opens nothing any more."},
    EventRow{Event::RootRenewed, "root_renewed",
             "A new root key took the place of the old one, for the media that stayed."},
    EventRow{Event::RootRenewalEnded, "root_renewal_ended",
             "Every row is sealed under the new root key; the old one opens none any more."},
    EventRow{Event::TokenKeysRenewed, "token_keys_renewed", "A new generation of the token keys began."},
    EventRow{Event::BackupMade, "backup_made", "A backup was made."},
    EventRow{Event::ServerRestored, "server_restored",
             "The server was opened after it was restored from a backup."},
    EventRow{
        Event::RestoreAccepted, "restore_accepted",
        "An administrator went on with the older state of a backup; all pending one-time tokens are void."},
    EventRow{Event::ServerMoved, "server_moved",
             "A final backup was made, and the server marked as moved; or the mark was taken off."},
    EventRow{Event::UserExported, "user_exported",
             "A user and his encryption keys were sealed to another server's certificate."},
    EventRow{Event::UserImported, "user_imported",
             "A user came from another server, with his encryption keys."},
    EventRow{Event::UserMovedAway, "user_moved_away",
             "Another server has confirmed that it took a user, and what he had here is revoked."},
};

constexpr bool rising() {
  for (std::size_t i = 1; i < kEvents.size(); ++i) {
    if (kEvents[i - 1].event >= kEvents[i].event) return false;
  }
  return true;
}
static_assert(rising(), "events stand in the order of their ids, so that they are found by halving");

}  // namespace

std::span<const EventRow> eventTable() noexcept { return kEvents; }

std::string_view eventName(Event event) noexcept {
  const auto row = std::lower_bound(kEvents.begin(), kEvents.end(), event,
                                    [](const EventRow& a, Event b) { return a.event < b; });
  if (row == kEvents.end() || row->event != event) std::abort();  // not an event
  return row->name;
}

}  // namespace kms
