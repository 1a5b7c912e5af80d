// Whom a certificate names: fields, never a text with commas that would have to be parsed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hal/base/bytes.h"
#include "hal/base/result.h"

namespace kms::pki {

struct Subject {
  std::string commonName;                // 1 to 64 characters of UTF-8 (ub-common-name of RFC 5280)
  std::string organisation;              // at most 64; may be empty
  std::string mail;                      // rfc822Name of the subject alternative name; may be empty
  std::vector<std::string> dns;          // dNSName
  std::vector<std::string> addresses{};  // iPAddress, as texts: of servers only
};

// Errors: Invalid, naming the field: empty or over 64 characters, control characters, a mail address or DNS
// name that is none (RFC 5321 local part and domain in ASCII; RFC 1123 labels, a leading "*." only).
base::Result<void> checkSubject(const Subject& subject);

// 4 or 16 bytes of an IPv4 or IPv6 address; nothing where it is none.
std::optional<base::Bytes> addressBytes(const std::string& text);

// "CN=Alice,O=Acme" of RFC 4514, for people; every character that could mean something is escaped.
std::string shownName(base::BytesView nameDer);

}  // namespace kms::pki
