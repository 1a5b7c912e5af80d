// What leads from an authority to those before it (RFC 4210, section 4.4). All of them have one name, so that
// whoever trusts one of them finds the others by their keys. The links are a chain: each is signed by the key
// before. Programs that build paths go from link to link until they meet what they trust; of several links to
// one key they would try the first alone.
#pragma once

#include <span>

#include "hal/base/clock.h"
#include "kms/pki/authority_row.h"

namespace kms::pki {

// How many rollovers ago an authority may have been made for what is given along to lead there. With the
// server's own certificate and the root that is a chain of 10, the most that Java's TLS takes by default.
inline constexpr std::size_t kGenerationsMost = 8;

// Between an authority and the one before it.
struct Link {
  base::Bytes newWithOld;  // certificates, DER
  base::Bytes oldWithNew;
  base::Bytes newer;  // the two authorities' own
  base::Bytes older;
  base::Time notAfter{};  // when the first of the links ends
};

// From `rows[at]` back, its own link first, at most kGenerationsMost; none where it is linked to nothing.
// REQUIRES: rising numbers. Errors: Corrupt / DatabaseCorrupt.
base::Result<std::vector<Link>> linksBack(std::span<const AuthorityRow> rows, std::size_t at);

// How many of them hold at `now`: behind one that has ended there is no way.
std::size_t holding(const std::vector<Link>& links, base::Time now) noexcept;

}  // namespace kms::pki
