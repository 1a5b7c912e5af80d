#include "kms/audit/audit.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"

namespace kms {
namespace {

// The longest start of `text` of at most `most` bytes that splits no character. REQUIRES: validUtf8(text).
std::string_view cutAt(std::string_view text, std::size_t most) {
  const auto inside = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  while (most > 0 && inside(text[most])) --most;
  return text.substr(0, most);
}

std::string bounded(std::string_view text) {
  // Twice the bound is all that can matter, and bounds the work on what a stranger sent.
  std::string clean(text.substr(0, 2 * kAuditText));
  const bool whole = clean.size() == text.size();
  if (!base::validUtf8(whole ? std::string_view(clean) : cutAt(clean, clean.size() - 1)))
    std::replace_if(
        clean.begin(), clean.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80U; }, '?');
  if (whole && clean.size() <= kAuditText) return clean;
  return std::string(cutAt(clean, kAuditText)) + std::string(kAuditCut);
}

}  // namespace

std::string_view eventName(Event event) noexcept {
  switch (event) {
    case Event::Unsealed:
      return "unsealed";
    case Event::Sealed:
      return "sealed";
    case Event::MediumInserted:
      return "medium_inserted";
    case Event::MediumRemoved:
      return "medium_removed";
    case Event::MediumRefused:
      return "medium_refused";
    case Event::DataDirectoryDamaged:
      return "data_directory_damaged";
    case Event::DatabaseUnusable:
      return "database_unusable";
    case Event::ServerFounded:
      return "server_founded";
    case Event::UserAdded:
      return "user_added";
    case Event::UserChanged:
      return "user_changed";
    case Event::TokenIssued:
      return "token_issued";
    case Event::TokenRenewed:
      return "token_renewed";
    case Event::TokenRevoked:
      return "token_revoked";
    case Event::TokenUsed:
      return "token_used";
    case Event::TokenVoided:
      return "token_voided";
    case Event::UserTokensRevoked:
      return "user_tokens_revoked";
    case Event::TokenGuessed:
      return "token_guessed";
  }
  std::abort();  // not an event
}

base::Result<void> record(Txn& txn, base::Time at, const AuditEntry& entry) {
  boost::json::object line{{"event", static_cast<unsigned>(entry.event)},
                           {"name", eventName(entry.event)},
                           {"actor", bounded(entry.actor)},
                           {"object", bounded(entry.object)}};
  if (!entry.user.empty()) line["user"] = bounded(entry.user);
  if (entry.until) line["until"] = base::formatTime(*entry.until);
  line["detail"] = bounded(entry.detail);
  line["at"] = base::formatTime(at);
  return txn.appendAudit(base::asBytes(boost::json::serialize(line)));
}

}  // namespace kms
