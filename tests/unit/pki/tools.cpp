#include "tests/unit/pki/tools.h"

#include <fstream>
#include <iterator>

namespace tests {

using namespace kms::pki;

std::vector<std::string> Tools::command(const std::string& tool,
                                        const std::vector<std::string>& arguments) const {
  std::vector<std::string> all{tool};
  for (const auto& argument : arguments)
    all.push_back(argument.starts_with('@') ? (scratch_ / argument.substr(1)).string() : argument);
  return all;
}

Ran Tools::tryOpenssl(const std::vector<std::string>& arguments) const {
  return run(command("openssl", arguments));
}

Ran Tools::tryCerttool(const std::vector<std::string>& arguments) const {
  return run(command("certtool", arguments));
}

std::string Tools::openssl(const std::vector<std::string>& arguments) const {
  const auto ran = tryOpenssl(arguments);
  EXPECT_EQ(ran.exit, 0) << "openssl " << arguments.front() << ": " << ran.out << ran.err;
  return ran.out;
}

std::string Tools::certtool(const std::vector<std::string>& arguments) const {
  const auto ran = tryCerttool(arguments);
  EXPECT_EQ(ran.exit, 0) << "certtool " << arguments.front() << ": " << ran.out << ran.err;
  return ran.out;
}

void Tools::put(const std::string& name, base::BytesView content) const {
  std::ofstream(scratch_ / name, std::ios::binary) << base::asText(content);
}

base::Bytes Tools::get(const std::string& name) const {
  const std::string text = getText(name);
  const auto view = base::asBytes(text);
  return {view.begin(), view.end()};
}

std::string Tools::getText(const std::string& name) const {
  std::ifstream in(scratch_ / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Tools::putCertificate(const std::string& name, base::BytesView der) const {
  put(name, pem("CERTIFICATE", der));
}

std::string kindOf(const ::testing::TestParamInfo<KeyKind>& test) {
  std::string name(keyKindName(test.param));
  std::erase(name, '-');
  return name;
}

Issuer makeAuthority(KeyKind kind) {
  auto key = PrivateKey::generate(kind);
  const auto der = signAuthority(*key, {"Test authority", "Acme", "", {}}, newSerial(base::systemRng()),
                                 now() - std::chrono::minutes(5), row(Profile::Authority).life);
  auto certificate = parseCertificate(*der);
  return {*std::move(certificate), *std::move(key)};
}

CertificateOrder orderFor(const PublicKey& key, Profile profile) {
  CertificateOrder order;
  order.profile = profile;
  order.subject = {"Alice Smith", "Acme", "alice@example.org", {"alice.example.org"}};
  order.key = &key;
  order.serial = newSerial(base::systemRng());
  order.notBefore = now() - std::chrono::minutes(5);
  order.notAfter = now() + row(profile).life;
  return order;
}

}  // namespace tests
