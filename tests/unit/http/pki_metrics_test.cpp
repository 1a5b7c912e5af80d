// What the metrics tell of certificates, over real services; and nothing of whom they are.
#include "daemon/pki_gauges.h"

#include <fstream>

#include "kms/pki/base64.h"
#include "tests/support/exposition.h"
#include "tests/unit/http/api_fixture.h"

namespace tests {
namespace {

class PkiMetrics : public Api {
 protected:
  void SetUp() override {
    Api::SetUp();
    kmsd::addPkiGauges(metrics, *pki, [this] { return shownEnd; });
  }
  Exposition look() {
    Exposition text(metrics.text());
    EXPECT_EQ(text.problems(), "");
    return text;
  }
  double issued(const std::string& profile) {
    return look().value("kms_certificates_issued_total", "profile=\"" + profile + "\"");
  }
  double revoked(const std::string& reason) {
    return look().value("kms_certificates_revoked_total", "reason=\"" + reason + "\"");
  }
  double answered(const std::string& status) {
    return look().value("kms_ocsp_answers_total", "status=\"" + status + "\"");
  }
  void revoke(const std::string& serial, const std::string& reason) {
    const Response done =
        as(0, "POST", "/v1/certificates/" + serial + "/revoke", R"({"reason":")" + reason + "\"}");
    EXPECT_EQ(done.status, 200) << base::view(done.body);
  }
  // By `openssl ocsp`'s request for this serial number.
  void askOcsp(const std::string& serial) {
    std::ofstream(scratch / "ca.pem") << kms::pki::pem("CERTIFICATE", pki->status().authorities().front());
    const Ran made = run({"openssl", "ocsp", "-issuer", scratch / "ca.pem", "-serial", "0x" + serial,
                          "-no_nonce", "-reqout", scratch / "request"});
    ASSERT_EQ(made.exit, 0) << made.err;
    std::ifstream in(scratch / "request", std::ios::binary);
    const std::string request{std::istreambuf_iterator<char>(in), {}};
    pki->status().ocsp(base::asBytes(request));
  }
  std::optional<base::Time> shownEnd;
};

TEST_F(PkiMetrics, WithoutAnAuthorityTellNothing) {
  EXPECT_EQ(issued("user-signing"), 0);
  EXPECT_FALSE(look().has("kms_crl_next_update_timestamp_seconds"));
  EXPECT_FALSE(look().has("kms_certificate_expiry_timestamp_seconds"));
}

TEST_F(PkiMetrics, CountCertificatesListsAndAnswers) {
  makeAuthority();
  const std::string alice = certificateOf("alice");
  const std::string vera = certificateOf("vera");
  EXPECT_EQ(issued("user-signing"), 2);
  EXPECT_EQ(issued("client"), 0);
  EXPECT_EQ(issued("ocsp"), -1) << "the server's own signers are no users'";
  revoke(alice, "key-compromise");
  revoke(vera, "hold");
  EXPECT_EQ(revoked("key-compromise"), 1);
  EXPECT_EQ(revoked("hold"), 1);
  revoke(vera, "release");
  EXPECT_EQ(revoked("release"), 1);

  askOcsp(vera);
  askOcsp(vera);  // from memory
  askOcsp(alice);
  askOcsp("11111111111111111111111111111111");
  pki->status().ocsp({});
  EXPECT_EQ(answered("good"), 2);
  EXPECT_EQ(answered("revoked"), 1);
  EXPECT_EQ(answered("unknown"), 1);
  EXPECT_EQ(answered("malformed"), 1);

  const auto by = base::Deadline::in(std::chrono::seconds(30));
  while (look().value("kms_crl_entries") != 1 && !by.expired()) std::this_thread::yield();
  const auto now = static_cast<double>(base::systemClock().now().time_since_epoch().count());
  const Exposition text = look();
  EXPECT_EQ(text.value("kms_crl_entries"), 1);
  EXPECT_GT(text.value("kms_crl_number"), now * 1000 - 1e6);
  EXPECT_GT(text.value("kms_crl_size_bytes"), 100);
  EXPECT_LE(text.value("kms_crl_this_update_timestamp_seconds"), now);
  EXPECT_GT(text.value("kms_crl_next_update_timestamp_seconds"), now);
  EXPECT_EQ(text.value("kms_crl_fault"), 0);
  EXPECT_GT(text.value("kms_certificate_expiry_timestamp_seconds", R"(certificate="authority")"), now);
  EXPECT_EQ(text.value("kms_certificate_expiry_timestamp_seconds", R"(certificate="https")"), -1);
  for (const std::string& secret : {std::string("alice"), std::string("vera"), alice})
    EXPECT_EQ(text.allLabels().find(secret), std::string::npos) << secret;
}

TEST_F(PkiMetrics, CountRefusedEnrolmentsAndShowTheEndOfWhatHttpsShows) {
  makeAuthority();
  const boost::json::object wish{
      {"user", "alice"}, {"token", "0000-0000-0000"}, {"csr", requestFor("alice")}};
  EXPECT_NE(as(kStranger, "POST", "/v1/enrol", boost::json::serialize(wish)).status, 201);
  EXPECT_EQ(look().value("kms_enrolments_refused_total"), 1);
  shownEnd = base::Time(std::chrono::seconds(1'900'000'000));
  EXPECT_EQ(look().value("kms_certificate_expiry_timestamp_seconds", R"(certificate="https")"), 1.9e9);
}

}  // namespace
}  // namespace tests
