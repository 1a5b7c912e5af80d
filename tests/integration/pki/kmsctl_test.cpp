// kmsctl's verbs for issuers, with openssl as the judge of what they give.
#include "tests/integration/pki/desk.h"

namespace tests {
namespace {

class Kmsctl : public Pki {};

TEST_F(Kmsctl, IssuesListsShowsHoldsAndRevokes) {
  newKey("bob");
  request("bob", "bob");
  const Ran issued =
      server_.ctl({"cert", "issue", "--user", "bob", "--profile", "client", "--csr", file("bob.req")});
  ASSERT_EQ(issued.exit, 0) << issued.err;
  write("bob.crt", issued.out);
  EXPECT_EQ(verify("bob").exit, 0);
  const std::string serial = serialOf("bob");
  const Ran listed = server_.ctl({"cert", "list", "--user", "bob"});
  EXPECT_NE(listed.out.find("client"), std::string::npos) << listed.out;
  EXPECT_EQ(server_.ctl({"cert", "show", serial}).exit, 0);
  EXPECT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "hold"}).exit, 0);
  EXPECT_EQ(ocsp("bob"), "revoked");
  EXPECT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "release"}).exit, 0);
  EXPECT_EQ(ocsp("bob"), "good");
  EXPECT_EQ(server_.ctl({"cert", "revoke", serial, "--reason", "superseded"}).exit, 0);
  EXPECT_EQ(ocsp("bob"), "revoked");
  EXPECT_EQ(server_.ctl({"cert", "show", "00"}).exit, 1);
  EXPECT_EQ(server_.ctl({"crl", "show"}).exit, 0);
  EXPECT_EQ(server_.ctl({"ca", "init"}).exit, 9) << "there is one";
}

}  // namespace
}  // namespace tests
