// What the world is told of two authorities of one server.
#include "kms/pki/status_service.h"
#include "tests/support/server.h"
#include "tests/unit/pki/change_fixture.h"

namespace tests {
namespace {

class TwoAuthorities : public ChangeTest {
 protected:
  void SetUp() override {
    ChangeTest::SetUp();
    startStatus();
  }
  void TearDown() override {
    status.reset();
    ChangeTest::TearDown();
  }
  void startStatus() {
    pki::StatusPolicy how;
    how.crl.spacing = std::chrono::milliseconds(1);
    status = std::make_shared<pki::StatusService>(*vault, *store, *authority, *service, clock,
                                                  scratch / "public", how);
    service->listen(status);
    status->refresh();
  }
  void rollOver() {
    ASSERT_OK(rollover());
    status->refresh();
    ASSERT_TRUE(waitUntil([&] { return status->full(1) && status->full(2); }));
  }
  // What openssl reads in this authority's list, which has its signature.
  std::string list(std::int64_t number) {
    putPem("by.crt", status->published(number)->certificate);
    put("list", base::asText(status->full(number)->der));
    const Ran ran = tryOpenssl(
        {"crl", "-inform", "DER", "-in", file("list"), "-noout", "-text", "-CAfile", file("by.crt")});
    EXPECT_NE(ran.err.find("verify OK"), std::string::npos) << ran.err;
    return ran.out;
  }
  // What the answer says about the certificate as one of authority `number`.
  std::string said(const base::Bytes& certificate, std::int64_t number) {
    putPem("by.crt", status->published(number)->certificate);
    putPem("one.crt", certificate);
    openssl({"ocsp", "-issuer", file("by.crt"), "-cert", file("one.crt"), "-reqout", file("query")});
    const std::string query = get("query");
    put("answer", base::asText(status->ocsp(base::asBytes(query))));
    const Ran ran =
        tryOpenssl({"ocsp", "-respin", file("answer"), "-reqin", file("query"), "-CAfile", file("by.crt"),
                    "-resp_text", "-attime", std::to_string(clock.now().time_since_epoch().count())});
    const bool verified = ran.err.find("Response verify OK") != std::string::npos;
    return verified ? ran.out : ran.out + ran.err;
  }
  static bool has(const std::string& text, std::string_view words) { return text.find(words) != text.npos; }
  static std::string serialIn(const pki::IssuedCertificate& one) {
    std::string text = pki::serialText(one.serial);
    for (char& c : text)
      if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    return text;
  }

  std::shared_ptr<pki::StatusService> status;
};

TEST_F(TwoAuthorities, EachHasItsListAndItsAnswers) {
  const auto before = enrolled("alice", newKey());
  rollOver();
  const auto after = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(after);
  EXPECT_TRUE(has(said(before.certificate, 1), "Cert Status: good"));
  EXPECT_TRUE(has(said(after->certificate, 2), "Cert Status: good"));
  EXPECT_TRUE(has(said(before.certificate, 2), "Cert Status: unknown")) << "that one has not signed it";
  ASSERT_OK(revoke(admin, before.serial));
  EXPECT_TRUE(has(said(before.certificate, 1), "Cert Status: revoked"));
  ASSERT_TRUE(waitUntil([&] { return has(list(1), serialIn(before)); }));
  EXPECT_FALSE(has(list(2), serialIn(before)));
  ASSERT_OK(revoke(admin, after->serial));
  ASSERT_TRUE(waitUntil([&] { return has(list(2), serialIn(*after)); }));
  EXPECT_EQ(status->full(), status->full(2));
  EXPECT_EQ(status->fullLists().size(), 2U);
}

TEST_F(TwoAuthorities, CertificatesAndLinksAreThereWhileSealed) {
  parent("root");
  rollOver();
  ASSERT_OK(install(sign(*request()) + get("root.crt")));
  status->refresh();
  const auto all = status->published();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].number, 3);
  EXPECT_EQ(all[0].above.size(), 1U);
  EXPECT_TRUE(all[0].newWithOld.empty());
  EXPECT_EQ(all[1].newWithOld, signers(2).newWithOld);
  EXPECT_EQ(all[1].oldWithNew, signers(2).oldWithNew);
  EXPECT_EQ(pki::bundleOf(all, false).size(), 4U);
  EXPECT_EQ(pki::bundleOf(all, true).size(), 6U);
  EXPECT_EQ(pki::bundleOf({all[0], all[0]}, true).size(), 2U) << "none twice";
  EXPECT_EQ(status->authorities().size(), 3U) << "only our own";
  EXPECT_FALSE(status->published(4));
  vault->seal();
  status->closing();
  status.reset();
  startStatus();
  EXPECT_EQ(status->published(), all);
}

TEST_F(TwoAuthorities, WhatHasEndedIsNotSignedForAnyMore) {
  const auto before = enrolled("alice", newKey());
  rollOver();
  clock.advance(signers(1).authority.certificate.notAfter - std::chrono::hours(1) - clock.now());
  // The new one is to live on, so it is rolled over once more.
  ASSERT_OK(rollover());
  status->refresh();
  ASSERT_TRUE(waitUntil([&] { return status->full(1)->times.thisUpdate == clock.now(); }));
  clock.advance(std::chrono::hours(2));
  status->refresh();
  ASSERT_TRUE(waitUntil([&] { return status->full(3) && status->full(3)->times.thisUpdate == clock.now(); }));
  EXPECT_LT(status->full(1)->times.thisUpdate, clock.now());
  EXPECT_TRUE(has(said(before.certificate, 1), "unauthorized")) << said(before.certificate, 1);
}

}  // namespace
}  // namespace tests
