#include "tests/integration/pki/desk.h"

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tests {

void Pki::SetUp() {
  constexpr auto overwrite = std::filesystem::copy_options::overwrite_existing;
  server_.setUp();
  openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
           "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
           file("tls.key"), "-out", file("tls.crt")});
  std::filesystem::permissions(file("tls.key"), std::filesystem::perms::owner_read);
  server_.insert("key.img");
  std::vector<std::string> all = {"--listen", "https://127.0.0.1:0", "--listen", "http://127.0.0.1:0"};
  if (!showsOwn())
    all.insert(all.end(), {"--tls-certificate", file("tls.crt"), "--tls-key", file("tls.key")});
  const auto more = options();
  all.insert(all.end(), more.begin(), more.end());
  server_.start(all);
  server_.expectState("unsealed", "");
  const auto port = [log = server_.log()](const std::string& scheme) {
    const std::string before = "listening on " + scheme + "127.0.0.1:";
    const std::size_t at = log.find(before);
    if (at == log.npos) return std::string();
    return log.substr(at + before.size(), log.find_first_of(" \n", at + before.size()) - at - before.size());
  };
  http_ = "127.0.0.1:" + port("http://");
  https_ = "https://localhost:" + port("https://");
  for (const char* user : {"alice", "bob"})
    ASSERT_EQ(server_.ctl({"user", "add", user, "--mail", std::string(user) + "@example.org"}).exit, 0);
  // The first CRL is made as soon as the server is open.
  ASSERT_TRUE(waitUntil([&] {
    std::string status;
    curl("http://" + http_ + "/crl.der", {}, {}, &status);
    return status == "200";
  }));
  write("ca.pem", curl("http://" + http_ + "/ca.pem"));
  if (showsOwn()) std::filesystem::copy_file(file("ca.pem"), file("tls.crt"), overwrite);
}

std::string Pki::read(const std::string& name) const {
  std::ifstream in(file(name), std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void Pki::write(const std::string& name, const std::string& text) const {
  std::ofstream(file(name), std::ios::binary) << text;
}

bool Pki::has(const std::string& name) const { return std::filesystem::exists(file(name)); }

std::string Pki::openssl(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), "openssl");
  const Ran ran = run(arguments, input);
  EXPECT_EQ(ran.exit, 0) << arguments[1] << ": " << ran.err;
  return ran.out;
}

Ran Pki::tryOpenssl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), "openssl");
  return run(arguments);
}

std::string Pki::curl(const std::string& url, std::vector<std::string> more, const std::string& holder,
                      std::string* status) const {
  std::vector<std::string> all = {"curl",           "-sS", "-m", "30", "--cacert", file("tls.crt"), "-w",
                                  "\n%{http_code}", url};
  if (!holder.empty())
    all.insert(all.end(), {"--cert", file(holder + ".crt"), "--key", file(holder + ".key")});
  all.insert(all.end(), more.begin(), more.end());
  const Ran ran = run(all);
  EXPECT_EQ(ran.exit, 0) << ran.err;
  const std::size_t end = std::min(ran.out.rfind('\n'), ran.out.size());
  if (status != nullptr) *status = ran.out.substr(std::min(end + 1, ran.out.size()));
  return ran.out.substr(0, end);
}

Ran Pki::cmp(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"cmp", "-config", "", "-server", http_, "-path", ".well-known/cmp"});
  return tryOpenssl(arguments);
}

std::vector<std::string> Pki::enrolment(const std::string& user, const std::string& token,
                                        const std::string& name) const {
  return {"-cmd",     "ir",
          "-ref",     user,
          "-secret",  "pass:" + token,
          "-newkey",  file(name + ".key"),
          "-subject", "/CN=" + user,
          "-certout", file(name + ".crt")};
}

std::string Pki::token(const std::string& user, const std::string& kind) {
  const Ran ran = server_.ctl({"token", "issue", "--user", user, "--kind", kind});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  return ran.out.substr(0, ran.out.find('\n'));
}

std::string Pki::tokenFile(const std::string& user, const std::string& kind) {
  write(kind + ".token", token(user, kind) + "\n");
  return file(kind + ".token");
}

Ran Pki::overTls(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(),
                   {server_.program("kmsctl"), "--server", https_, "--ca", file("tls.crt")});
  return run(arguments);
}

void Pki::newKey(const std::string& name) const {
  openssl(
      {"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file(name + ".key")});
}

void Pki::request(const std::string& name, const std::string& subject) const {
  openssl({"req", "-new", "-key", file(name + ".key"), "-subj", "/CN=" + subject, "-outform", "DER", "-out",
           file(name + ".req")});
  openssl({"base64", "-in", file(name + ".req"), "-out", file(name + ".b64")});
}

void Pki::enrol(const std::string& user, const std::string& name) {
  newKey(name);
  const Ran ran = cmp(enrolment(user, token(user), name));
  ASSERT_EQ(ran.exit, 0) << ran.err;
}

std::string Pki::serialOf(const std::string& name) const {
  const std::string out = openssl({"x509", "-noout", "-serial", "-in", file(name + ".crt")});
  return out.substr(out.find('=') + 1, 32);
}

std::string Pki::ocsp(const std::string& name) const {
  const Ran ran = tryOpenssl({"ocsp", "-issuer", file("ca.pem"), "-cert", file(name + ".crt"), "-url",
                              "http://" + http_ + "/ocsp", "-CAfile", file("ca.pem")});
  EXPECT_NE(ran.err.find("Response verify OK"), std::string::npos) << ran.err;
  const std::size_t at = ran.out.find(": ");
  return at == ran.out.npos ? ran.out : ran.out.substr(at + 2, ran.out.find('\n') - at - 2);
}

Ran Pki::verify(const std::string& name) const {
  write("crl.pem", curl("http://" + http_ + "/crl.pem"));
  return tryOpenssl({"verify", "-x509_strict", "-crl_check", "-CRLfile", file("crl.pem"), "-CAfile",
                     file("ca.pem"), file(name + ".crt")});
}

}  // namespace tests
