// Extensions of certificates and requests (RFC 5280, section 4.2): read, and written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kms/pki/der.h"

namespace kms::pki {

struct Extension {
  base::BytesView id;  // content of its OID; both point into what was read
  base::BytesView value;
  bool critical = false;
};
// Nothing where they are malformed, more than 64, or one comes twice. Pure and bounded, as all that follow.
std::optional<std::vector<Extension>> readExtensions(base::BytesView der);

struct BasicConstraints {
  bool authority = false;
};
std::optional<BasicConstraints> readBasicConstraints(base::BytesView value);
// Bits as in KeyUse.
std::optional<std::uint16_t> readKeyUsage(base::BytesView value);
// Contents of OIDs.
std::optional<std::vector<base::BytesView>> readExtendedUsage(base::BytesView value);

struct AlternativeNames {
  std::vector<std::string> mails;
  std::vector<std::string> dns;
  bool others = false;  // of another kind
};
std::optional<AlternativeNames> readAlternativeNames(base::BytesView value);

// One extension, whose value is what `write` writes.
template <class Write>
void writeExtension(Der& der, std::string_view id, bool critical, Write write) {
  der.sequence([&] {
    der.oid(id);
    if (critical) der.yes();
    der.nest(kOctetString, write);
  });
}

}  // namespace kms::pki
