#include "tests/unit/pki/cmp_fixture.h"

#include <fstream>

#include "kms/pki/crl.h"

namespace tests {

using namespace kms::pki;

void CmpTest::SetUp() {
  // The clients look at the machine's clock.
  clock.advance(base::systemClock().now() - clock.now());
  TokenTest::SetUp();
  authority = std::make_shared<Authority>();
  vault->seal();
  vault->attach(authority);
  unseal();
  AuthorityPlan plan;
  plan.organisation = "Acme";
  ASSERT_OK(createAuthority(*vault, *store, *authority, clock, policy, base::systemRng(), plan, admin));
  certificates = std::make_unique<CertificateService>(*vault, *store, *authority, *tokens, clock,
                                                      base::systemRng(), policy, pki, Addresses{}, "Acme");
  {
    const auto hold = authority->current();
    ASSERT_OK(hold);
    auto list =
        signCrl((*hold)->authority, CrlEntries{}, {clock.now(), clock.now() + std::chrono::hours(24)}, 1);
    ASSERT_OK(list);
    crl = *std::move(list);
    std::ofstream(file("ca.crt")) << pem("CERTIFICATE", (*hold)->chain.front());
  }
  backend = makeCmpBackend(*certificates, *authority, *users, [this] { return crl; });
  auto made = CmpServer::create(*backend, clock, base::systemRng());
  ASSERT_OK(made);
  server_ = *std::move(made);
  http = std::make_unique<CmpHttp>([this](base::BytesView request) -> HttpAnswer {
    auto answered = post(request);
    if (!answered) return {answered.error().code == base::Code::Invalid ? 400 : 503, {}};
    delayed = answered->delay.count();
    return {200, std::move(answered->message)};
  });
}

void CmpTest::TearDown() {
  http.reset();
  server_.reset();
  backend.reset();
  certificates.reset();
}

base::Result<CmpAnswer> CmpTest::post(base::BytesView request) {
  return await<CmpAnswer>([&](auto reply) { server_->handle(request, reply); });
}

std::string CmpTest::token(const std::string& user) {
  if (!users->show(user)) {
    EXPECT_OK(addUser(user, {.mail = user + "@example.org"}));
  }
  auto issued = issue({.user = user, .kind = kms::TokenKind::Enrol});
  EXPECT_OK(issued);
  return issued ? std::string(base::view(issued->token)) : "";
}

Ran CmpTest::openssl(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{"openssl"};
  for (const auto& argument : arguments)
    command.push_back(argument.starts_with('@') ? file(argument.substr(1)) : argument);
  return run(command);
}

Ran CmpTest::cmp(const std::vector<std::string>& arguments) const {
  std::vector<std::string> command{"cmp",   "-config",         "",          "-server",   http->address(),
                                   "-path", ".well-known/cmp", "-no_proxy", "127.0.0.1", "-batch"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return openssl(command);
}

Ran CmpTest::cmpAs(const std::string& user, const std::string& secret,
                   const std::vector<std::string>& more) const {
  std::vector<std::string> arguments{"-ref", user, "-secret", "pass:" + secret};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return cmp(arguments);
}

void CmpTest::newKey(const std::string& name, const std::string& kind) const {
  std::vector<std::string> command{"genpkey", "-algorithm", kind, "-out", "@" + name};
  if (kind == "EC") command.insert(command.end(), {"-pkeyopt", "ec_paramgen_curve:P-256"});
  const auto ran = openssl(command);
  ASSERT_EQ(ran.exit, 0) << ran.err;
}

void CmpTest::enrol(const std::string& user, const std::string& name, const std::string& secret) const {
  newKey(name + ".key");
  const auto ran = cmpAs(user, secret,
                         {"-cmd", "ir", "-subject", "/CN=" + user, "-newkey", "@" + name + ".key", "-certout",
                          "@" + name + ".crt"});
  ASSERT_EQ(ran.exit, 0) << ran.out << ran.err;
}

base::Bytes CmpTest::certificateIn(const std::string& name) const {
  std::ifstream in(file(name));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto parsed = parsePemCertificates(text);
  EXPECT_OK(parsed);
  return parsed ? parsed->front().der : base::Bytes{};
}

std::vector<CertificateView> CmpTest::certificatesOf(const std::string& user) const {
  const auto page = certificates->list(admin, user, {}, 100);
  EXPECT_OK(page);
  return page ? page->items : std::vector<CertificateView>{};
}

}  // namespace tests
