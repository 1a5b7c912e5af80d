// The proof of a certificate's key on the Unix socket: what it opens, and what it does not.
#include <fstream>
#include <sstream>

#include "daemon/http/proof.h"
#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

using kmsd::http::Transport;

class Proof : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    makeAuthority();
    serial_ = certificateOf("alice");
    auto shown = json(as(0, "GET", "/v1/certificates/" + serial_));
    const auto parsed = kms::pki::parsePemCertificates(shown["certificate"].as_string().c_str());
    ASSERT_TRUE(parsed);
    certificate_ = parsed->front().der;
  }

  kms::pki::PrivateKey keyOf(const std::string& name) {
    std::ifstream in(scratch / (name + ".key"));
    std::ostringstream text;
    text << in.rdbuf();
    return *kms::pki::PrivateKey::parse(kms::pki::pemBlocks(text.str(), {"PRIVATE KEY"}, 1)->front());
  }
  // As from a process of this uid, with the proof of a process of `signer`.
  Request proven(std::string path, uid_t uid = kStranger, uid_t signer = kStranger,
                 std::chrono::seconds shift = {}, const std::string& name = "alice") {
    Request request = make("POST", std::move(path));
    request.contentType.clear();
    request.peer = kmsd::http::Peer{uid, {5}};
    auto proof =
        kmsd::http::proofFor(request, certificate_, keyOf(name), base::systemClock().now() + shift, signer);
    EXPECT_TRUE(proof);
    request.authorization = *std::move(proof);
    return request;
  }
  int status(Request request) { return ask(std::move(request)).status; }

  std::string serial_;
  base::Bytes certificate_;
};

TEST_F(Proof, TheHolderGetsHisPairWhoeverHeIsForTheKernel) {
  const Response pair = ask(proven("/v1/encryption"));
  ASSERT_EQ(pair.status, 200) << base::view(pair.body);
  EXPECT_EQ(json(pair)["user"], "alice");
  EXPECT_EQ(as(kAlice, "POST", "/v1/encryption").status, 401) << "the uid alone is not the key";
  Request own = proven("/v1/certificates/" + serial_ + "/revoke");
  EXPECT_EQ(status(std::move(own)), 200) << "it is the user, wherever a user is asked for";
  EXPECT_EQ(status(proven("/v1/encryption")), 401) << "revoked, from the moment of the answer";
}

TEST_F(Proof, CountsForOneRequestOneUidAndTheseMinutes) {
  EXPECT_EQ(status(proven("/v1/encryption", kVera, kStranger)), 401) << "relayed by another user's process";
  EXPECT_EQ(status(proven("/v1/encryption", 0, kStranger)), 401) << "by root's";
  EXPECT_EQ(status(proven("/v1/encryption", kStranger, kStranger, std::chrono::minutes(-3))), 401);
  EXPECT_EQ(status(proven("/v1/encryption", kStranger, kStranger, std::chrono::minutes(3))), 401);
  EXPECT_EQ(status(proven("/v1/encryption", kStranger, kStranger, std::chrono::minutes(-1))), 200);
  Request other = proven("/v1/encryption");
  other.path = "/v1/encryption/recover";
  EXPECT_EQ(code(ask(std::move(other))), "unauthenticated");
  Request body = proven("/v1/encryption");
  body.body = base::secretText("{}");
  body.contentType = "application/json";
  EXPECT_EQ(status(std::move(body)), 401);
  Request query = proven("/v1/encryption");
  query.query["a"] = "b";
  EXPECT_EQ(status(std::move(query)), 401);
}

TEST_F(Proof, NeedsTheKeyOfACertificateOfThisServer) {
  requestFor("thief");
  EXPECT_EQ(status(proven("/v1/encryption", kStranger, kStranger, {}, "thief")), 401);
  const Ran made = run({"openssl", "req", "-x509", "-new", "-key", scratch / "thief.key", "-subj",
                        "/CN=alice", "-outform", "DER", "-out", scratch / "thief.der"});
  ASSERT_EQ(made.exit, 0) << made.err;
  std::ifstream in(scratch / "thief.der", std::ios::binary);
  std::ostringstream der;
  der << in.rdbuf();
  const auto bytes = base::asBytes(der.view());
  certificate_.assign(bytes.begin(), bytes.end());
  EXPECT_EQ(status(proven("/v1/encryption", kStranger, kStranger, {}, "thief")), 401)
      << "a certificate that the thief has signed himself";
}

TEST_F(Proof, CountsOnTheUnixSocketOnly) {
  for (const Transport transport : {Transport::Https, Transport::Http}) {
    Request request = proven("/v1/encryption");
    request.transport = transport;
    EXPECT_NE(status(std::move(request)), 200);
  }
  Request nobody = proven("/v1/encryption");
  nobody.peer.reset();
  EXPECT_EQ(status(std::move(nobody)), 401);
}

TEST_F(Proof, TornTextsAreRefused) {
  const Request whole = proven("/v1/encryption");
  const std::string text(base::view(whole.authorization));
  ASSERT_EQ(status(whole), 200);
  for (std::size_t size = std::string("Keydisk-Proof ").size(); size < text.size(); size += 17) {
    Request torn = whole;
    torn.authorization = base::secretText(text.substr(0, size));
    EXPECT_EQ(status(std::move(torn)), 401) << size;
  }
  Request more = whole;
  more.authorization = base::secretText(text + " x");
  EXPECT_EQ(status(std::move(more)), 401);
}

}  // namespace
}  // namespace tests
