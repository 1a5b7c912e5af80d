// OCSP answers that were signed ahead, and are given while the server is sealed and after a restart.
#include "kms/pki/ocsp_stock.h"

#include <fstream>

#include "hal/base/file.h"
#include "kms/pki/status_service.h"
#include "tests/support/run.h"
#include "tests/support/server.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

const base::Bytes kTryLater = pki::ocspRefusal(pki::OcspRefusal::TryLater);

class OcspStockTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
    startStatus();
    status->refresh();
  }
  void TearDown() override {
    status.reset();
    ServiceTest::TearDown();
  }
  void startStatus() {
    pki::StatusPolicy with;
    with.crl.spacing = std::chrono::milliseconds(1);
    with.stock = {most, std::chrono::milliseconds(5), std::chrono::milliseconds(1),
                  std::chrono::milliseconds(1)};
    status = std::make_shared<pki::StatusService>(*vault, *store, *authority, *service, clock,
                                                  scratch / "public", with);
    service->listen(status);
  }
  // As after a restart without the medium.
  void restartSealed() {
    seal();
    status.reset();
    startStatus();
  }
  void seal() {
    vault->seal();
    status->closing();
  }
  std::filesystem::path keptFile() { return scratch / "public" / "ocsp.kept"; }
  std::string file(const std::string& name) { return (scratch / name).string(); }
  std::optional<pki::KeptAnswers> kept() {
    const auto text = base::readSmallFile(keptFile(), pki::kMostKeptFile);
    auto parsed = text ? pki::parseKept(base::asBytes(*text)) : base::Result<pki::KeptAnswers>(text.error());
    return parsed ? std::optional(*std::move(parsed)) : std::nullopt;
  }
  void replace(const pki::KeptAnswers& with) {
    std::ofstream(keptFile(), std::ios::binary) << base::asText(pki::encodeKept(with));
  }
  std::optional<pki::OcspState> keptState(const pki::Serial& serial) {
    const auto all = kept();
    const auto* const one = all ? all->find(serial, pki::KeptHash::Sha1) : nullptr;
    return one ? std::optional(one->answer.state) : std::nullopt;
  }
  bool waitFor(const pki::Serial& serial, pki::OcspState state) {
    return waitUntil([&] { return keptState(serial) == state && status->ocspUntil(); });
  }
  // What the server answers, as openssl asks.
  base::Bytes ask(const base::Bytes& certificate, const std::string& nonce = "-no_nonce",
                  const std::string& hash = "-sha1") {
    std::ofstream(file("ca.pem")) << pki::pem("CERTIFICATE", status->authorities().front());
    std::ofstream(file("one.pem")) << pki::pem("CERTIFICATE", certificate);
    const Ran ran = run({"openssl", "ocsp", "-issuer", file("ca.pem"), hash, "-cert", file("one.pem"), nonce,
                         "-reqout", file("request")});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    const auto text = base::readSmallFile(file("request"), 65'536);
    EXPECT_OK(text);
    return status->ocsp(base::asBytes(*text));
  }
  // What openssl reads in it, which it has verified.
  std::string said(const base::Bytes& certificate, const std::string& nonce = "-no_nonce",
                   const std::string& hash = "-sha1") {
    const auto answer = ask(certificate, nonce, hash);
    std::ofstream(file("answer"), std::ios::binary) << base::asText(answer);
    const Ran ran = run({"openssl", "ocsp", "-respin", file("answer"), "-reqin", file("request"), "-CAfile",
                         file("ca.pem"), "-resp_text", "-attime",
                         std::to_string(clock.now().time_since_epoch().count())});
    EXPECT_NE(ran.err.find("Response verify OK"), std::string::npos) << ran.out << ran.err;
    EXPECT_NE(ran.out.find("Hash Algorithm: " + hash.substr(1)), std::string::npos) << ran.out;
    return ran.out;
  }

  std::size_t most = 16'384;
  std::shared_ptr<pki::StatusService> status;
};

constexpr const char* kGood = "Cert Status: good";

TEST_F(OcspStockTest, AnswersAreGivenAfterARestartWhileSealed) {
  const auto issued = enrolled("alice", newKey());
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  EXPECT_EQ(std::filesystem::status(keptFile()).permissions(), std::filesystem::perms(0644));
  restartSealed();
  EXPECT_NE(said(issued.certificate).find(kGood), std::string::npos);
  EXPECT_NE(said(issued.certificate, "-nonce").find(kGood), std::string::npos) << "without its nonce";
  EXPECT_NE(said(issued.certificate, "-no_nonce", "-sha256").find(kGood), std::string::npos);
  ASSERT_TRUE(status->ocspUntil());
  EXPECT_GT(*status->ocspUntil(), clock.now() + std::chrono::hours(8));
  EXPECT_LE(*status->ocspUntil(), clock.now() + std::chrono::hours(12));
  EXPECT_FALSE(status->fault());
  EXPECT_EQ(status->ocspCounts().answers.of(pki::OcspState::Good), 3U);
  clock.advance(std::chrono::hours(11));
  EXPECT_NE(ask(issued.certificate), kTryLater);
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(ask(issued.certificate), kTryLater) << "it has run out";
  clock.advance(-std::chrono::hours(13));
  EXPECT_EQ(ask(issued.certificate), kTryLater) << "it is not made yet";
}

TEST_F(OcspStockTest, OneWhoIsRevokedIsNeverGood) {
  const auto issued = enrolled("alice", newKey());
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  const auto before = kept();
  ASSERT_TRUE(before);
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::KeyCompromise));
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Revoked));
  const auto after = kept();
  restartSealed();
  const std::string now = said(issued.certificate);
  EXPECT_NE(now.find("Cert Status: revoked"), std::string::npos) << now;
  EXPECT_NE(now.find("keyCompromise"), std::string::npos) << now;
  replace(*before);
  restartSealed();
  EXPECT_EQ(ask(issued.certificate), kTryLater) << "as after a crash before the file was replaced";
  EXPECT_FALSE(status->ocspUntil());
  EXPECT_FALSE(status->fault()) << "it is no damage";
  auto forged = *before;
  forged.revocation = after->revocation;
  replace(forged);
  restartSealed();
  EXPECT_EQ(ask(issued.certificate), kTryLater) << "of another time, with the number of now";
  forged = *after;
  for (auto& one : forged.answers)
    if (one.serial == issued.serial)
      one.answer = {pki::OcspState::Good, {}, pki::RevocationReason::Unspecified};
  replace(forged);
  restartSealed();
  EXPECT_EQ(ask(issued.certificate), kTryLater) << "nobody has signed that";
  ASSERT_TRUE(status->fault());
  EXPECT_NE(status->fault()->what.find("ocsp.kept"), std::string::npos);
}

TEST_F(OcspStockTest, AHoldThatEndsIsGoodAgain) {
  const auto issued = enrolled("alice", newKey());
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::Hold));
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Revoked));
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::RemoveFromCrl));
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  restartSealed();
  EXPECT_NE(said(issued.certificate).find(kGood), std::string::npos);
}

// Without a restart what was asked before is known too, but only for half its life.
TEST_F(OcspStockTest, ASealWithoutARestartGoesOnUntilTheEnd) {
  const auto issued = enrolled("alice", newKey());
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  EXPECT_NE(said(issued.certificate).find(kGood), std::string::npos);
  seal();
  for (int hour = 0; hour < 11; ++hour, clock.advance(std::chrono::hours(1)))
    EXPECT_NE(ask(issued.certificate), kTryLater) << hour;
}

TEST_F(OcspStockTest, ADamagedFileIsToldOfAndMadeAnewWhenOpened) {
  const auto issued = enrolled("alice", newKey());
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  seal();
  status.reset();
  std::filesystem::resize_file(keptFile(), std::filesystem::file_size(keptFile()) - 1);
  startStatus();
  EXPECT_EQ(ask(issued.certificate), kTryLater);
  ASSERT_TRUE(status->fault());
  EXPECT_NE(status->fault()->what.find("ocsp.kept"), std::string::npos) << status->fault()->what;
  unseal();
  status->refresh();
  EXPECT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  EXPECT_TRUE(waitUntil([&] { return !status->fault(); }));
}

TEST_F(OcspStockTest, WhatIsNotConfirmedHasNoAnswer) {
  const auto open = enrol("alice", enrolToken("alice"), newKey());
  ASSERT_OK(open);
  ASSERT_OK(addUser("bob"));
  const auto later = enrolled("bob", newKey());
  ASSERT_TRUE(waitFor(later.serial, pki::OcspState::Good));
  EXPECT_FALSE(keptState(open->serial)) << "it may end by time alone";
  ASSERT_OK(confirm(*open));
  EXPECT_TRUE(waitFor(open->serial, pki::OcspState::Good));
}

TEST_F(OcspStockTest, TheNewestAreKeptWhereThereAreTooMany) {
  status.reset();
  most = 3;
  startStatus();
  status->refresh();
  std::vector<pki::IssuedCertificate> all;
  for (int i = 0; i < 5; ++i) {
    auto one = issue(admin, "alice", pki::Profile::Client, newKey());
    ASSERT_OK(one);
    all.push_back(*std::move(one));
  }
  const auto has = [&] {
    std::vector<bool> out;
    for (const auto& one : all) out.push_back(keptState(one.serial).has_value());
    return out;
  };
  EXPECT_TRUE(waitUntil([&] { return has() == std::vector{false, false, true, true, true}; }));
  EXPECT_EQ(kept()->answers.size(), 6U);
}

TEST_F(OcspStockTest, AnswersAreRenewedInTime) {
  const auto issued = enrolled("alice", newKey());
  ASSERT_TRUE(waitFor(issued.serial, pki::OcspState::Good));
  const auto made = kept()->find(issued.serial, pki::KeptHash::Sha1)->made;
  clock.advance(std::chrono::hours(3) + std::chrono::minutes(1));
  EXPECT_TRUE(waitUntil([&] {
    const auto now = kept();
    const auto* const one = now ? now->find(issued.serial, pki::KeptHash::Sha1) : nullptr;
    return one != nullptr && one->made > made;
  }));
}

}  // namespace
}  // namespace tests
