// After a seal the key of the certificate that https shows is nowhere in this process, though connections
// that it made stand. That the search can find it is shown first.
#include <algorithm>

#include "tests/unit/http/tls_shown_fixture.h"
#include "tests/unit/keys/memory_search.h"

namespace tests {
namespace {

// Whoever connects and says half of a handshake must not keep a seal waiting, nor the key in memory.
TEST_F(TlsShown, ASealWaitsForNoConnectionAndLeavesNoKey) {
  keep();
  MemorySearch search;
  {
    const auto hold = pki->serverCertificate().hold();
    ASSERT_TRUE(hold);
    const auto encoded = (*hold)->own.key.encode();
    ASSERT_TRUE(encoded);
    constexpr std::byte kBefore[] = {std::byte{2}, std::byte{1}, std::byte{1}, std::byte{4}, std::byte{32}};
    const auto at = std::ranges::search(encoded->bytes(), kBefore);
    ASSERT_FALSE(at.empty());
    search.add(
        "key",
        base::BytesView(encoded->bytes()).subspan(std::size_t(at.end() - encoded->bytes().begin()), 32));
  }
  auto standing = connect();
  ASSERT_TRUE(standing) << standing.error().what;
  EXPECT_TRUE(answers(**standing));
  EXPECT_FALSE(search.found().empty());
  vault->seal();
  EXPECT_TRUE(search.found().empty());
  EXPECT_TRUE(answers(**standing)) << "it has keys of its own";
}

}  // namespace
}  // namespace tests
