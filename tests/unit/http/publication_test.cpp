// Files for a web server: there when the authority and its lists are, and again when the directory is.
#include "daemon/publication.h"

#include <fstream>

#include "tests/support/server.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::Publication;
using std::chrono::milliseconds;

class Published : public Api {
 protected:
  std::filesystem::path web() { return scratch / "web"; }
  std::string text(const std::string& name) {
    std::ifstream in(web() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static std::string list(const std::shared_ptr<const kms::pki::PublishedList>& list) {
    return list ? std::string(base::asText(list->der)) : "none";
  }
};

TEST_F(Published, FollowsTheAuthorityAndItsLists) {
  const Publication publication(pki->status(), web());
  makeAuthority();
  ASSERT_TRUE(waitUntil([&] { return text("crl.der") == list(pki->status().full()); }));
  EXPECT_EQ(text("ca.crt"), base::asText(pki->status().authorities().front()));
  EXPECT_NE(text("ca.pem").find("-----BEGIN CERTIFICATE-----"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(web() / "delta-crl.der"));
  const std::string serial = certificateOf("alice");
  ASSERT_EQ(as(0, "POST", "/v1/certificates/" + serial + "/revoke").status, 200);
  EXPECT_TRUE(waitUntil([&] { return text("delta-crl.der") == list(pki->status().delta()); }));
  EXPECT_TRUE(waitUntil([&] { return text("crl.der") == list(pki->status().full()); }));
  EXPECT_TRUE(waitUntil([&] {
    return run({"openssl", "crl", "-in", web() / "crl.pem", "-noout", "-text"}).out.find("Serial Number") !=
           std::string::npos;
  }));
  EXPECT_FALSE(publication.fault());
}

TEST_F(Published, ADirectoryThatCannotBeWrittenIsTriedAgain) {
  makeAuthority();
  std::ofstream(web()) << "a file";
  const Publication publication(pki->status(), web(), milliseconds(5));
  ASSERT_TRUE(waitUntil([&] { return publication.fault().has_value(); }));
  std::filesystem::remove(web());
  EXPECT_TRUE(waitUntil([&] { return !publication.fault(); }));
  EXPECT_EQ(text("crl.der"), list(pki->status().full()));
}

TEST_F(Published, ADeltaListOfAnEarlierRunIsTakenAway) {
  std::filesystem::create_directory(web());
  std::ofstream(web() / "delta-crl.der") << "old";
  makeAuthority();
  const Publication publication(pki->status(), web());
  EXPECT_TRUE(waitUntil([&] { return !std::filesystem::exists(web() / "delta-crl.der"); }));
}

}  // namespace
}  // namespace tests
