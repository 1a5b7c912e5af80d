// https with the certificate of the server's own authority: shown while the server is open, and new at once.
#include "tests/unit/http/tls_shown_fixture.h"

namespace tests {
namespace {

TEST_F(TlsShown, EveryKindOfHandshakeGetsIt) {
  keep();
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"-tls1_3"}, {"-tls1_2"}, {"-tls1_3", "-groups", "P-521:P-256"}}) {
    const std::string said = sClient(options);
    EXPECT_NE(said.find("Verify return code: 0 (ok)"), std::string::npos) << said;
    EXPECT_NE(said.find("CN = localhost"), std::string::npos) << said;
  }
  auto client = connect();
  ASSERT_TRUE(client) << client.error().what;
  EXPECT_TRUE(answers(**client));
}

TEST_F(TlsShown, WithoutOneAHandshakeIsRefusedAndTold) {
  EXPECT_FALSE(connect());
  EXPECT_TRUE(waitUntil([&] { return refused == 1; }));
  keep();
  EXPECT_TRUE(connect());
  vault->seal();
  EXPECT_FALSE(connect());
  EXPECT_TRUE(waitUntil([&] { return refused == 2; }));
  open();
  EXPECT_TRUE(connect());
  EXPECT_EQ(refused, 2);
}

TEST_F(TlsShown, ANewOneIsShownFromTheNextConnectionOn) {
  keep();
  auto before = connect();
  ASSERT_TRUE(before);
  const std::string first = shownSerial();
  EXPECT_EQ(shownSerial(), first);
  keep({"localhost", "127.0.0.1", "kms.example.org"});
  EXPECT_NE(shownSerial(), first);
  EXPECT_TRUE(answers(**before)) << "a connection that stands goes on";
}

}  // namespace
}  // namespace tests
