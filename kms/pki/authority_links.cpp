#include "kms/pki/authority_links.h"

#include <algorithm>

#include "kms/pki/certificate.h"
#include "kms/tokens/user_row.h"

namespace kms::pki {

base::Result<std::vector<Link>> linksBack(std::span<const AuthorityRow> rows, std::size_t at) {
  std::vector<Link> links;
  for (; at > 0 && links.size() < kGenerationsMost; --at) {
    const AuthorityRow& newer = rows[at];
    const AuthorityRow& older = rows[at - 1];
    if (newer.newWithOld.empty()) break;
    const auto forth = parseCertificate(newer.newWithOld);
    const auto back = parseCertificate(newer.oldWithNew);
    const auto own = parseCertificate(older.certificate);
    if (!forth || !back || !own || back->key != own->key)
      return corruptRow("the links of an authority do not lead to the one before it");
    links.push_back({newer.newWithOld, newer.oldWithNew, newer.certificate, older.certificate,
                     std::min(forth->notAfter, back->notAfter)});
  }
  return links;
}

std::size_t holding(const std::vector<Link>& links, base::Time now) noexcept {
  const auto ended = std::ranges::find_if(links, [now](const Link& link) { return link.notAfter <= now; });
  return static_cast<std::size_t>(ended - links.begin());
}

}  // namespace kms::pki
