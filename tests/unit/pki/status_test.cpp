// CRLs and OCSP answers of a server: right after a revocation, over restarts, and while sealed.
#include "kms/pki/status_service.h"

#include <array>
#include <fstream>

#include "kms/pki/der.h"
#include "kms/pki/ocsp.h"
#include "tests/support/run.h"
#include "tests/support/server.h"
#include "tests/unit/pki/service_fixture.h"

namespace tests {
namespace {

class StatusTest : public ServiceTest {
 protected:
  void SetUp() override {
    ServiceTest::SetUp();
    ASSERT_OK(addUser("alice"));
    startStatus();
  }
  void TearDown() override {
    status.reset();
    ServiceTest::TearDown();
  }
  void startStatus() {
    pki::StatusPolicy statusPolicy;
    statusPolicy.crl.spacing = std::chrono::milliseconds(1);
    status = std::make_shared<pki::StatusService>(*vault, *store, *authority, *service, clock, directory(),
                                                  statusPolicy);
    service->listen(status);
    status->refresh();
  }
  std::filesystem::path directory() { return scratch / "public"; }
  std::string file(const std::string& name) { return (scratch / name).string(); }
  void put(const std::string& name, base::BytesView content) {
    std::ofstream(scratch / name, std::ios::binary) << base::asText(content);
  }
  base::Bytes get(const std::string& name) {
    std::ifstream in(scratch / name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return {base::asBytes(text).begin(), base::asBytes(text).end()};
  }
  Ran openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    return run(arguments);
  }
  // Writes the request for this certificate, as openssl asks.
  base::Bytes request(const base::Bytes& certificate, bool nonce, const std::string& hash = "-sha1") {
    put("ca.pem", base::asBytes(pki::pem("CERTIFICATE", status->authorities().front())));
    put("one.pem", base::asBytes(pki::pem("CERTIFICATE", certificate)));
    const Ran ran = openssl({"ocsp", "-issuer", file("ca.pem"), hash, "-cert", file("one.pem"),
                             nonce ? "-nonce" : "-no_nonce", "-reqout", file("request")});
    EXPECT_EQ(ran.exit, 0) << ran.err;
    return get("request");
  }
  // What openssl reads in the answer to it, which it has verified.
  std::string said(const base::Bytes& certificate, bool nonce = true) {
    const auto asked = request(certificate, nonce);
    put("answer", status->ocsp(asked));
    const Ran ran =
        openssl({"ocsp", "-respin", file("answer"), "-reqin", file("request"), "-CAfile", file("ca.pem"),
                 "-resp_text", "-attime", std::to_string(clock.now().time_since_epoch().count())});
    EXPECT_NE(ran.err.find("Response verify OK"), std::string::npos) << ran.out << ran.err;
    EXPECT_TRUE(!nonce || ran.err.find("WARNING: no nonce") == std::string::npos) << ran.err;
    return ran.out;
  }
  // Waits until a list that was made after `before` is there, and gives openssl's words on it.
  std::string list(const std::shared_ptr<const pki::PublishedList>& before = nullptr) {
    std::shared_ptr<const pki::PublishedList> now;
    EXPECT_TRUE(waitUntil([&] {
      now = status->full();
      return now != nullptr && now != before;
    }));
    if (!now) return {};
    put("list", now->der);
    return openssl({"crl", "-inform", "DER", "-in", file("list"), "-noout", "-text"}).out;
  }
  // Until the list has the words.
  bool listHas(const std::string& words) {
    return waitUntil([&] { return list().find(words) != std::string::npos; });
  }

  std::shared_ptr<pki::StatusService> status;
};

TEST_F(StatusTest, ARevocationIsInTheAnswerAtOnceAndInTheListSoon) {
  const auto own = newKey();
  const auto issued = enrolled("alice", own);
  EXPECT_NE(said(issued.certificate).find("Cert Status: good"), std::string::npos);
  EXPECT_NE(said(issued.certificate, false).find("Cert Status: good"), std::string::npos);
  EXPECT_NE(list().find("No Revoked Certificates"), std::string::npos);
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::KeyCompromise));
  const std::string now = said(issued.certificate, false);
  EXPECT_NE(now.find("Cert Status: revoked"), std::string::npos) << now;
  EXPECT_NE(now.find("keyCompromise"), std::string::npos) << now;
  EXPECT_TRUE(listHas("Key Compromise"));
}

TEST_F(StatusTest, AHoldComesAndGoes) {
  const auto own = newKey();
  const auto issued = enrolled("alice", own);
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::Hold));
  EXPECT_NE(said(issued.certificate).find("certificateHold"), std::string::npos);
  EXPECT_TRUE(listHas("Certificate Hold"));
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::RemoveFromCrl));
  EXPECT_NE(said(issued.certificate).find("Cert Status: good"), std::string::npos);
  EXPECT_TRUE(listHas("No Revoked Certificates"));
  ASSERT_TRUE(waitUntil([&] { return status->delta() != nullptr; }));
  put("delta", status->delta()->der);
  const Ran delta = openssl({"crl", "-inform", "DER", "-in", file("delta"), "-noout", "-text"});
  EXPECT_NE(delta.out.find("Delta CRL Indicator"), std::string::npos) << delta.out << delta.err;
}

// It would be repeated in the answer, and kept with it: of any size, and as often as it differs.
TEST_F(StatusTest, AStrangerPutsNothingOfHisOwnIntoTheAnswer) {
  const auto issued = enrolled("alice", newKey());
  const auto good = request(issued.certificate, false);
  ASSERT_TRUE(pki::parseOcspQuery(good));
  const auto id = pki::parseOcspQuery(good)->questions.front().certId;
  pki::DerReader outer(id);
  pki::DerReader fields = outer.enter(pki::kSequence);
  const auto algorithm = pki::DerReader(fields.value(pki::kSequence)).value(pki::kOid);
  const auto rest = std::array{fields.any(), fields.any(), fields.any()};
  const auto with = [&](base::BytesView parameters) {
    pki::Der der;
    der.sequence([&] {
      der.sequence([&] {
        der.sequence([&] {
          der.sequence([&] {
            der.sequence([&] {
              der.sequence([&] {
                der.element(pki::kOid, algorithm);
                der.raw(parameters);
              });
              for (const auto field : rest) der.raw(field);
            });
          });
        });
      });
    });
    return bool(pki::parseOcspQuery(der.view()));
  };
  pki::Der long_;
  long_.element(pki::kOctetString, base::Bytes(50'000));
  pki::Der null;
  null.null();
  EXPECT_TRUE(with({}));
  EXPECT_TRUE(with(null.view()));
  EXPECT_FALSE(with(long_.view()));
  EXPECT_FALSE(with(base::asBytes(std::string_view("\x05\x01\x00", 3))));
}

TEST_F(StatusTest, WhatWasNeverIssuedIsUnknown) {
  const auto own = newKey();
  auto order = pki::CertificateOrder{};
  order.subject.commonName = "Eve";
  const auto made = own.publicKey();
  order.key = &made;
  order.serial.fill(std::byte{0x22});
  order.notBefore = clock.now();
  order.notAfter = clock.now() + std::chrono::hours(1);
  auto signers = authority->current();
  ASSERT_OK(signers);
  const auto forged = pki::signCertificate((*signers)->authority, order, {});
  ASSERT_OK(forged);
  EXPECT_NE(said(*forged).find("Cert Status: unknown"), std::string::npos);
}

TEST_F(StatusTest, ListsAreThereAfterARestartAndWhileSealed) {
  const auto own = newKey();
  const auto issued = enrolled("alice", own);
  ASSERT_OK(revoke(admin, issued.serial, pki::RevocationReason::Superseded));
  ASSERT_TRUE(listHas("Superseded"));
  const auto asked = request(issued.certificate, false);
  const auto before = status->ocsp(asked);
  const auto last = status->full();
  vault->seal();
  status->closing();
  EXPECT_EQ(status->full(), last);
  EXPECT_EQ(status->ocsp(asked), before) << "what was answered before is still good";
  status = std::make_shared<pki::StatusService>(*vault, *store, *authority, *service, clock, directory(),
                                                pki::StatusPolicy{});
  ASSERT_TRUE(status->full());
  EXPECT_EQ(status->full()->der, last->der);
  EXPECT_EQ(status->full()->times.nextUpdate, last->times.nextUpdate);
  EXPECT_EQ(status->authorities().size(), 1U);
  status.reset();
  restartAll();
  startStatus();
  EXPECT_TRUE(listHas("Superseded")) << "read from the rows again";
  EXPECT_FALSE(status->fault());
}

TEST_F(StatusTest, ADirectoryThatCannotBeWrittenIsAFaultAndTheListIsGivenAllTheSame) {
  status.reset();
  std::filesystem::remove_all(directory());
  std::ofstream(directory()) << "a file";
  startStatus();
  EXPECT_NE(list().find("No Revoked"), std::string::npos);
  EXPECT_TRUE(waitUntil([&] { return status->fault().has_value(); }));
}

TEST_F(StatusTest, RubbishIsMalformedAndForeignRequestsAreRefused) {
  const auto malformed = pki::ocspRefusal(pki::OcspRefusal::Malformed);
  EXPECT_EQ(status->ocsp({}), malformed);
  const auto own = newKey();
  const auto issued = enrolled("alice", own);
  auto good = request(issued.certificate, true);
  for (std::size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_EQ(status->ocsp(base::BytesView(good).subspan(0, cut)), malformed) << cut;
  good.push_back(std::byte{0});
  EXPECT_EQ(status->ocsp(good), malformed);
  auto foreign = request(issued.certificate, false, "-sha256");
  const auto parsed = pki::parseOcspQuery(foreign);
  ASSERT_OK(parsed);
  const auto at = std::ranges::search(foreign, parsed->questions.front().issuerKey);
  at.front() ^= std::byte{1};
  EXPECT_EQ(status->ocsp(foreign), pki::ocspRefusal(pki::OcspRefusal::Unauthorized));
}

}  // namespace
}  // namespace tests
