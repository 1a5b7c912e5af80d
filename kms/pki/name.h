// Names of certificates (RFC 5280, section 4.1.2.4), read and written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kms/pki/der.h"
#include "kms/pki/subject.h"

namespace kms::pki {

struct NameAttribute {
  base::BytesView type;             // content of its OID; points into the name
  base::BytesView raw;              // its value, DER
  std::optional<std::string> text;  // UTF-8; nothing where the value is no text
  bool joined = false;              // belongs to the same RelativeDistinguishedName as the one before
};

// In the order of the name; nothing where it is malformed or has more than 64 attributes. Pure and bounded.
std::optional<std::vector<NameAttribute>> readName(base::BytesView der);
// The text of a string: UTF-8, BMP, or one of those that hold ASCII only. Nothing where it is of another kind
// or holds what it must not; control characters count as such, and NUL above all.
std::optional<std::string> readText(base::BytesView element);

// O, then CN, as UTF8Strings. REQUIRES: checkSubject(subject).
void writeName(Der& der, const Subject& subject);

}  // namespace kms::pki
