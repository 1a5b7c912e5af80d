#include "tests/unit/pki/change_fixture.h"

#include <fstream>
#include <iterator>

namespace tests {
namespace {

constexpr std::string_view kConfig = R"(
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[narrow]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = 0102030405060708
authorityKeyIdentifier = keyid
[middle]
basicConstraints = critical,CA:TRUE,pathlen:1
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[user]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
[useless]
basicConstraints = critical,CA:TRUE
[nolist]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
)";

}  // namespace

void ChangeTest::put(const std::string& name, std::string_view text) const {
  std::ofstream(scratch / name, std::ios::binary) << text;
}

std::string ChangeTest::get(const std::string& name) const {
  std::ifstream in(scratch / name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Ran ChangeTest::tryOpenssl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "openssl");
  return run(arguments);
}

void ChangeTest::openssl(std::vector<std::string> arguments) const {
  const Ran ran = tryOpenssl(arguments);
  ASSERT_EQ(ran.exit, 0) << arguments.front() << ": " << ran.err;
}

void ChangeTest::parent(const std::string& name, const std::string& section) const {
  put("config", kConfig);
  openssl({"req", "-x509", "-config", file("config"), "-extensions", section, "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-384", "-nodes", "-days", "7000", "-subj", "/O=Parent/CN=" + name, "-keyout",
           file(name + ".key"), "-out", file(name + ".crt")});
}

std::string ChangeTest::sign(const base::Bytes& csr, const std::string& name, const std::string& section,
                             const std::string& subject, const std::string& days) const {
  put("request", pki::pem("CERTIFICATE REQUEST", csr));
  std::vector<std::string> all = {"x509",
                                  "-req",
                                  "-in",
                                  file("request"),
                                  "-CA",
                                  file(name + ".crt"),
                                  "-CAkey",
                                  file(name + ".key"),
                                  "-CAcreateserial",
                                  "-days",
                                  days,
                                  "-extfile",
                                  file("config"),
                                  "-extensions",
                                  section,
                                  "-out",
                                  file("signed.crt")};
  if (!subject.empty()) {
    // openssl x509 cannot rename; the key stands in the request.
    openssl({"req", "-in", file("request"), "-pubkey", "-noout", "-out", file("public")});
    all = {"x509",  "-new", "-force_pubkey",     file("public"), "-subj",
           subject, "-CA",  file(name + ".crt"), "-CAkey",       file(name + ".key"),
           "-days", days,   "-extfile",          file("config"), "-extensions",
           section, "-out", file("signed.crt")};
  }
  openssl(all);
  return get("signed.crt");
}

Ran ChangeTest::verify(const std::string& trusted, const std::string& untrusted,
                       const std::string& leaf) const {
  std::vector<std::string> all = {"verify",  "-x509_strict",
                                  "-attime", std::to_string(clock.now().time_since_epoch().count()),
                                  "-CAfile", file(trusted)};
  if (!untrusted.empty()) all.insert(all.end(), {"-untrusted", file(untrusted)});
  all.push_back(file(leaf));
  return tryOpenssl(all);
}

ChangeTest::Seen ChangeTest::signers(std::int64_t number) {
  auto hold = authority->number(number);
  EXPECT_OK(hold);
  if (!hold) return {};
  const auto one = [](const pki::Issuer& from) { return Seen::One{from.certificate, from.key.kind()}; };
  return {one((*hold)->authority), one((*hold)->ocsp),  one((*hold)->cmp),
          (*hold)->chain,          (*hold)->newWithOld, (*hold)->oldWithNew};
}

}  // namespace tests
