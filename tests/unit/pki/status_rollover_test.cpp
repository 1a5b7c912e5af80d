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
  void restartStatus() {
    status->closing();
    status.reset();
    startStatus();
  }
  void rollOver() {
    ASSERT_OK(rollover());
    status->refresh();
    const auto newest = authority->numbers().back();
    ASSERT_TRUE(waitUntil([&] { return status->full(1) && status->full(newest); }));
  }
  // What openssl says of the certificate with these lists and no others; empty: it counts.
  std::string complaint(const base::Bytes& certificate, std::int64_t trusted, const base::Bytes& between,
                        std::vector<std::int64_t> lists, const char* how = "-crl_check") {
    putPem("trusted.crt", status->published(trusted)->certificate);
    putPem("between.crt", between);
    putPem("leaf.crt", certificate);
    std::string all;
    for (const std::int64_t number : lists) all += pki::pem("X509 CRL", status->full(number)->der);
    put("lists.pem", all);
    const Ran ran =
        tryOpenssl({"verify", "-x509_strict", how, "-attime",
                    std::to_string(clock.now().time_since_epoch().count()), "-CAfile", file("trusted.crt"),
                    "-untrusted", file("between.crt"), "-CRLfile", file("lists.pem"), file("leaf.crt")});
    return ran.exit == 0 ? "" : ran.err;
  }
  bool tellsOf(std::int64_t number, const pki::IssuedCertificate& one) {
    return waitUntil([&] { return has(list(number), serialIn(one)); });
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
  ASSERT_TRUE(tellsOf(1, before));
  ASSERT_OK(revoke(admin, after->serial));
  ASSERT_TRUE(tellsOf(2, *after));
  EXPECT_EQ(status->full(), status->full(2));
  EXPECT_EQ(status->fullLists().size(), 2U);
}

// Their name is the same, so a program that comes from the one to the other by a link takes the list that it
// has for both.
TEST_F(TwoAuthorities, TheListOfEachTellsOfAll) {
  const auto before = enrolled("alice", newKey());
  rollOver();
  const auto after = issue(admin, "alice", pki::Profile::Signing, newKey());
  const auto good = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(after);
  ASSERT_OK(good);
  const Seen now = signers(2);
  EXPECT_EQ(complaint(after->certificate, 1, now.newWithOld, {1}), "");
  ASSERT_OK(revoke(admin, before.serial));
  ASSERT_OK(revoke(admin, after->serial));
  for (const std::int64_t number : {1, 2}) {
    ASSERT_TRUE(tellsOf(number, before));
    ASSERT_TRUE(tellsOf(number, *after));
    EXPECT_TRUE(has(complaint(after->certificate, 1, now.newWithOld, {number}), "revoked")) << number;
    EXPECT_TRUE(has(complaint(before.certificate, 2, now.oldWithNew, {number}), "revoked")) << number;
    EXPECT_EQ(complaint(good->certificate, 1, now.newWithOld, {number}), "");
  }
  EXPECT_EQ(complaint(good->certificate, 1, now.newWithOld, {1, 2}, "-crl_check_all"), "");
  // A third one's tells of what was revoked before there was one; and after a start the same is told.
  rollOver();
  EXPECT_TRUE(tellsOf(3, before));
  EXPECT_TRUE(tellsOf(3, *after));
  restartStatus();
  EXPECT_TRUE(tellsOf(1, *after));
  EXPECT_TRUE(tellsOf(3, before));
}

TEST_F(TwoAuthorities, AHoldIsTakenOffEachList) {
  const auto before = enrolled("alice", newKey());
  rollOver();
  ASSERT_OK(revoke(admin, before.serial, pki::RevocationReason::Hold));
  for (const std::int64_t number : {1, 2}) ASSERT_TRUE(tellsOf(number, before));
  ASSERT_OK(revoke(admin, before.serial, pki::RevocationReason::RemoveFromCrl));
  for (const std::int64_t number : {1, 2})
    EXPECT_TRUE(waitUntil([&] { return !has(list(number), serialIn(before)); })) << number;
}

TEST_F(TwoAuthorities, AnotherNameIsAnotherIssuer) {
  parent("root");
  const auto before = enrolled("alice", newKey());
  ASSERT_OK(install(sign(*request()) + get("root.crt")));
  status->refresh();
  ASSERT_TRUE(waitUntil([&] { return status->full(1) && status->full(2); }));
  const auto after = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(after);
  ASSERT_OK(revoke(admin, before.serial));
  ASSERT_OK(revoke(admin, after->serial));
  ASSERT_TRUE(tellsOf(1, before));
  ASSERT_TRUE(tellsOf(2, *after));
  EXPECT_FALSE(has(list(1), serialIn(*after)));
  EXPECT_FALSE(has(list(2), serialIn(before)));
}

// RFC 5280, section 3.3: until a list of each key was made after the certificate's end.
TEST_F(TwoAuthorities, WhatHasEndedLeavesAllLists) {
  const auto before = enrolled("alice", newKey());
  rollOver();
  ASSERT_OK(revoke(admin, before.serial));
  for (const std::int64_t number : {1, 2}) ASSERT_TRUE(tellsOf(number, before));
  const auto renewed = [&](std::int64_t number) {
    return status->full(number)->times.thisUpdate == clock.now();
  };
  clock.advance(before.notAfter - clock.now() + std::chrono::hours(1));
  status->refresh();
  ASSERT_TRUE(waitUntil([&] { return renewed(1) && renewed(2); }));
  for (const std::int64_t number : {1, 2}) EXPECT_TRUE(has(list(number), serialIn(before))) << number;
  clock.advance(std::chrono::hours(1));
  const auto other = issue(admin, "alice", pki::Profile::Signing, newKey());
  ASSERT_OK(revoke(admin, other->serial));
  for (const std::int64_t number : {1, 2})
    EXPECT_TRUE(waitUntil([&] { return !has(list(number), serialIn(before)); })) << number;
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
  EXPECT_EQ(pki::bundleOf(all).size(), 4U);
  EXPECT_EQ(pki::bundleWithLinks(all, clock.now()).size(), 6U);
  EXPECT_EQ(pki::bundleWithLinks({all[0], all[0]}, clock.now()).size(), 2U) << "none twice";
  EXPECT_TRUE(pki::newWithOld(all, clock.now()).empty()) << "a parent has signed the current one";
  EXPECT_EQ(pki::newWithOld({all[1], all[2]}, clock.now()), std::vector<base::Bytes>{all[1].newWithOld});
  const base::Time end = signers(1).authority.certificate.notAfter;
  EXPECT_TRUE(pki::newWithOld({all[1], all[2]}, end).empty());
  EXPECT_EQ(pki::bundleWithLinks({all[1], all[2]}, end).size(), 1U) << "what has ended is left out";
  EXPECT_EQ(status->authorities().size(), 3U) << "only our own";
  EXPECT_FALSE(status->published(4));
  vault->seal();
  restartStatus();
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
