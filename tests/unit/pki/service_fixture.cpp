#include "tests/unit/pki/service_fixture.h"

#include "kms/pki/digest.h"

namespace tests {

using base::Result;

void ServiceTest::SetUp() {
  TokenTest::SetUp();
  restartAll();
  makeAuthority();
}

void ServiceTest::TearDown() {
  service.reset();
  tokens.reset();
}

void ServiceTest::serveOver(kms::Store& over) {
  service.reset();
  tokens = std::make_unique<kms::TokenService>(*vault, over, clock, base::systemRng(), policy);
  service =
      std::make_unique<pki::CertificateService>(*vault, over, *authority, *tokens, clock, base::systemRng(),
                                                policy, pkiPolicy, pki::Addresses{}, "Acme");
  service->listen(listening);
}

void ServiceTest::restartAll() {
  service.reset();
  TokenTest::restart();
  vault->seal();
  authority = std::make_shared<pki::Authority>();
  vault->attach(authority);
  unseal();
  serveOver(*store);
}

void ServiceTest::makeAuthority() {
  pki::AuthorityPlan plan;
  plan.organisation = "Acme";
  auto made = pki::createAuthority(*vault, *store, *authority, clock, policy, base::systemRng(), plan, admin);
  ASSERT_OK(made);
}

pki::PrivateKey ServiceTest::newKey(pki::KeyKind kind) {
  auto key = pki::PrivateKey::generate(kind);
  EXPECT_OK(key);
  return *std::move(key);
}

std::string ServiceTest::enrolToken(const std::string& user, kms::TokenKind kind) {
  auto token = TokenTest::issue({.user = user, .kind = kind});
  EXPECT_OK(token);
  return token ? std::string(base::view(token->token)) : "";
}

Result<pki::IssuedCertificate> ServiceTest::enrol(pki::EnrolOrder order) {
  return await<pki::IssuedCertificate>([&](auto reply) { service->enrol(std::move(order), reply); });
}

Result<pki::IssuedCertificate> ServiceTest::enrol(const std::string& user, const std::string& token,
                                                  const pki::PrivateKey& own, pki::Confirm confirm) {
  return enrol(
      {.user = user, .token = base::secretText(token), .request = requestFor(own), .confirm = confirm});
}

Result<void> ServiceTest::confirm(const pki::IssuedCertificate& certificate, bool accepted) {
  const auto hash = pki::sha256(certificate.certificate);
  return await<void>([&](auto reply) { service->confirm(certificate.serial, hash, accepted, reply); });
}

pki::IssuedCertificate ServiceTest::enrolled(const std::string& user, const pki::PrivateKey& own) {
  auto issued = enrol(user, enrolToken(user), own);
  EXPECT_OK(issued);
  if (!issued) return {};
  EXPECT_OK(confirm(*issued));
  return *std::move(issued);
}

Result<pki::IssuedCertificate> ServiceTest::issue(const kms::Actor& by, const std::string& user,
                                                  pki::Profile profile, const pki::PrivateKey& own) {
  return await<pki::IssuedCertificate>(
      [&](auto reply) { service->issue(by, user, profile, requestFor(own), reply); });
}

Result<pki::IssuedCertificate> ServiceTest::renew(const pki::Serial& old, const pki::PrivateKey& own,
                                                  pki::Confirm confirm) {
  return await<pki::IssuedCertificate>(
      [&](auto reply) { service->renew(old, requestFor(own), confirm, reply); });
}

Result<pki::CertificateView> ServiceTest::revoke(const kms::Actor& by, const pki::Serial& serial,
                                                 pki::RevocationReason reason) {
  return await<pki::CertificateView>([&](auto reply) { service->revoke(by, serial, reason, reply); });
}

Result<pki::KeyPair> ServiceTest::encryptionPair(const pki::Serial& holder) {
  return await<pki::KeyPair>([&](auto reply) { service->encryptionPair(holder, reply); });
}

Result<kms::Page<pki::KeyPair>> ServiceTest::recover(const pki::Serial& holder, const std::string& after,
                                                     std::size_t limit) {
  return await<kms::Page<pki::KeyPair>>([&](auto reply) { service->recover(holder, after, limit, reply); });
}

void ServiceTest::tidyCertificates() {
  for (int round = 0; round < 10'000; ++round) {
    auto more = service->tidy();
    ASSERT_OK(more);
    if (!*more) return;
  }
  FAIL() << "tidying has no end";
}

pki::CertificateState ServiceTest::state(const pki::Serial& serial) {
  auto found = service->status(serial);
  EXPECT_OK(found);
  return found ? found->state : pki::CertificateState{};
}

bool ServiceTest::authenticates(const pki::IssuedCertificate& certificate) {
  auto view = service->authenticate(certificate.certificate, certificate.profile);
  if (view) return true;
  EXPECT_EQ(view.error().reason, base::Reason::CertificateRefused) << view.error().what;
  return false;
}

kms::Actor ServiceTest::actorOf(const std::string& user, kms::Role role) {
  auto shown = users->show(user);
  EXPECT_OK(shown);
  return {"user " + user, role, shown ? std::optional(shown->id) : std::nullopt};
}

std::vector<pki::RevocationRow> ServiceTest::revocations() {
  std::vector<pki::RevocationRow> all;
  auto keys = vault->hold();
  EXPECT_OK(keys);
  EXPECT_OK(store->read([&](kms::StoreReader& reader) {
    return pki::loadRevocations(reader, **keys, [&](const pki::RevocationRow& row) { all.push_back(row); });
  }));
  return all;
}

std::size_t ServiceTest::rowsIn(kms::Table table) {
  std::size_t count = 0;
  EXPECT_OK(store->read([&](kms::StoreReader& reader) -> Result<void> {
    auto rows = reader.list(table, 0, 1'000'000);
    if (!rows) return std::move(rows).error();
    count = rows->size();
    return {};
  }));
  return count;
}

}  // namespace tests
