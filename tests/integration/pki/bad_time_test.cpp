// Good requests at bad times, by clients that others wrote, against the running server: each is refused in
// the words of its protocol, and nothing is changed by it; what was refused is done once the time is good.
// The tables are the specification; the test prints them again with what it got. The words are those of
// bad_request_test.cpp; 503 for ir and kur is that of HTTP, since a sealed server can sign nothing.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <iomanip>
#include <iostream>

#include "tests/integration/pki/fault_desk.h"

namespace tests {
namespace {

class BadTime : public FaultDesk {
 protected:
  void SetUp() override {
    FaultDesk::SetUp();
    enrol("bob", "spare");
    wish("good");
  }

  // A table of one line: the ways, and what each is told.
  void isRefused(std::string_view table) {
    const auto lines = wordsOf(table);
    ASSERT_EQ(lines.size(), 2U);
    const Words& ways = lines[0];
    const Words& told = lines[1];
    ASSERT_EQ(told.size(), ways.size());
    const std::string before = state();
    for (std::size_t i = 1; i + 2 < ways.size(); ++i) {
      if (told[i] == "-") continue;
      const Told heard = ask(ways[i], "good");
      std::cout << std::left << std::setw(8) << told[0] << std::setw(8) << ways[i] << std::setw(18)
                << heard.word << heard.text << (heard.text.ends_with('\n') ? "" : "\n");
      EXPECT_EQ(heard.word, told[i]) << ways[i] << ": " << heard.text;
      const bool http = ways[i] != "ir" && ways[i] != "kur" && heard.word == "503";
      EXPECT_EQ(heard.code, http ? told[told.size() - 2] : "") << ways[i];
      if (heard.word != "503" || http) {
        EXPECT_NE(heard.text.find(told.back()), std::string::npos) << ways[i] << ": " << heard.text;
      }
      EXPECT_FALSE(has("got.crt")) << ways[i];
      EXPECT_FALSE(has("good/cert.pem")) << ways[i];
    }
    EXPECT_EQ(state(), before);
  }
  // The token, the request and the directory that kmsctl began are as good as ever.
  void isTaken() {
    const Told renewed = ask("renew", "good");
    EXPECT_EQ(renewed.word, "201") << renewed.text;
    const Told enrolled = ask("enrol", "good");
    EXPECT_EQ(enrolled.word, "0") << enrolled.text;
    EXPECT_TRUE(has("good/cert.pem"));
  }
};

TEST_F(BadTime, WhileSealedNothingIsIssued) {
  seal();
  isRefused(R"(
#       ir  kur est reest keygen json renew issue enrol code   says
sealed  503 503 503 503   503    503  503   3     3     sealed sealed)");
  std::string status;
  for (const char* path : {"/ca.pem", "/crl.pem", "/.well-known/est/cacerts"}) {
    curl(https_ + path, {}, {}, &status);
    EXPECT_EQ(status, "200") << path;
  }
  unseal();
  isTaken();
}

// The server has seen a time that is an hour ahead of its clock.
TEST_F(BadTime, WithTheClockBackNothingIsIssued) {
  restart("UPDATE numbers SET value = value + 3600 WHERE name = 'last_time'");
  isRefused(R"(
#       ir               kur              est reest keygen json renew issue enrol code       says
back    timeNotAvailable timeNotAvailable 503 503   503    503  503   8     8     clock_back clock)");
  // Revoking goes on.
  const Ran revoked = server_.ctl({"cert", "revoke", serialOf("spare"), "--reason", "superseded"});
  EXPECT_EQ(revoked.exit, 0) << revoked.err;
  EXPECT_EQ(ocsp("spare"), "revoked");
  restart("UPDATE numbers SET value = value - 3600 WHERE name = 'last_time'");
  isTaken();
}

constexpr std::string_view kParent = R"(
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[own]
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
organizationName = optional
)";

class BadAuthority : public BadTime {
 protected:
  void makeParent() const {
    write("index", "");
    write("serial", "01\n");
    write("parent.cnf", std::string(kParent));
    openssl({"req", "-x509", "-config", file("parent.cnf"), "-extensions", "root", "-newkey", "ec",
             "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "40", "-subj", "/CN=Root", "-keyout",
             file("root.key"), "-out", file("root.crt")});
  }
  static std::string asn1Time(std::time_t time) {
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[16];
    return {text, std::strftime(text, sizeof text, "%y%m%d%H%M%SZ", &parts)};
  }
  // The authority is another one from now on, below a root, until then.
  void install(std::time_t until) {
    ASSERT_EQ(server_.ctl({"ca", "request", "--ca-name", "Users CA", "--out", file("ca.csr")}).exit, 0);
    // The file that openssl ca is told of by its configuration alone.
    write("ca.cnf", std::string(kParent) + "\n[ca]\ndefault_ca = own\n[own]\ndatabase = " + file("index") +
                        "\nserial = " + file("serial") + "\nnew_certs_dir = " + file(".") + "\n");
    openssl({"ca", "-batch", "-config", file("ca.cnf"), "-in", file("ca.csr"), "-cert", file("root.crt"),
             "-keyfile", file("root.key"), "-enddate", asn1Time(until), "-extensions", "sub", "-notext",
             "-out", file("sub.crt")});
    std::filesystem::remove(file("ca.csr"));
    write("chain.pem", read("sub.crt") + read("root.crt"));
    const Ran installed = server_.ctl({"ca", "install", file("chain.pem")});
    ASSERT_EQ(installed.exit, 0) << installed.err;
  }
};

// kur is not asked: the signer of the answer has ended with its authority, so that no client believes it.
TEST_F(BadAuthority, ThatHasEndedIssuesNothing) {
  makeParent();
  const std::time_t end = std::time(nullptr) + 20;
  install(end);
  ASSERT_TRUE(waitUntil([&] { return std::time(nullptr) > end; }, std::chrono::seconds(60)));
  isRefused(R"(
#       ir            kur est reest keygen json renew issue enrol code            says
ended   systemUnavail -   503 503   503    503  503   8     8     authority_ended ended)");
  // Told by the tidier, which comes round after a while.
  EXPECT_TRUE(waitUntil(
      [&] {
        return server_.log().find("the certificate of the certificate authority ended at") !=
               std::string::npos;
      },
      std::chrono::seconds(120)));
  install(std::time(nullptr) + 3600 * 24);
  isTaken();
}

}  // namespace
}  // namespace tests
