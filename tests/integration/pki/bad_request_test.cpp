// Bad requests for certificates, by clients that others wrote, against the running server: each is refused in
// the words of its protocol, and nothing is changed by it. The table is the specification; the test prints it
// again with what it got. Everybody asks as alice, who has a token and a certificate. `kmsctl enrol` and
// `kmsctl renew` make their requests themselves, so they cannot ask for any of this.
//
// Of ir, p10cr and kur it is the bit of PKIFailureInfo, of EST and JSON the status and the code of the
// problem document, of kmsctl the exit code. -: the client cannot say that.
#include <iomanip>
#include <iostream>

#include "tests/integration/pki/fault_desk.h"

namespace tests {
namespace {

constexpr std::string_view kMatrix = R"(
#          ir              p10cr           kur             | est reest keygen json renew code            | issue says
cut        -               -               -               | 400 400   400    400  400   invalid_request | 2     malformed
longer     -               -               -               | 400 400   400    400  400   invalid_request | 2     malformed
text       -               -               -               | 400 400   400    400  400   invalid_request | 2     PKCS#10
empty      -               -               -               | 400 400   400    400  400   invalid_request | 2     empty
forged     -               badPOP          -               | 400 400   400    400  400   invalid_request | 2     signed
sha1       -               badPOP          -               | 400 400   400    400  400   invalid_request | 2     SHA-256
rsa-1024   badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     2048
rsa-2047   badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     2048
secp256k1  badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     curve
brainpool  badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     curve
explicit   badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     curve
ed448      badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     kind
rsa-pss    badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     kind
ca         badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     CA:TRUE
certsign   badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     certificates
crlsign    badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     CRLs
ocsp       badCertTemplate badCertTemplate badCertTemplate | 400 400   400    400  400   invalid_request | 2     OCSP
bob        notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     bob
organised  notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     Another
uid        notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     kind
dns        notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     b.example.org
address    notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     address
uri        notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     URI
mail       notAuthorized   notAuthorized   notAuthorized   | 403 403   -      403  403   denied          | 6     bob@example.org
stolen     badCertTemplate badCertTemplate badCertTemplate | 400 400   -      400  400   invalid_request | 2     compromised
)";

struct Wish {
  std::vector<std::string> key;  // of openssl genpkey; empty: P-256
  std::string extension{};       // NAME=VALUE, as in openssl.cnf
  std::string subject = "/CN=alice";
  std::vector<std::string> more{};  // of openssl req
};

const std::map<std::string, Wish, std::less<>> kWishes = {
    {"rsa-1024", {{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"}}},
    {"rsa-2047", {{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2047"}}},
    {"secp256k1", {{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"}}},
    {"brainpool", {{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"}}},
    {"explicit",
     {{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"}}},
    {"ed448", {{"-algorithm", "ED448"}}},
    {"rsa-pss", {{"-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}}},
    {"sha1", {{}, {}, "/CN=alice", {"-sha1"}}},
    {"ca", {{}, "basicConstraints=critical,CA:TRUE"}},
    {"certsign", {{}, "keyUsage=digitalSignature,keyCertSign"}},
    {"crlsign", {{}, "keyUsage=cRLSign"}},
    {"ocsp", {{}, "extendedKeyUsage=OCSPSigning"}},
    {"bob", {{}, {}, "/CN=bob"}},
    {"organised", {{}, {}, "/O=Another/CN=alice"}},
    {"uid", {{}, {}, "/CN=alice/UID=0"}},
    {"dns", {{}, "subjectAltName=DNS:b.example.org"}},
    {"address", {{}, "subjectAltName=IP:127.0.0.1"}},
    {"uri", {{}, "subjectAltName=URI:https://example.org"}},
    {"mail", {{}, "subjectAltName=email:bob@example.org"}}};

class BadRequest : public FaultDesk {
 protected:
  // NAME.key, .csr, .req and .b64, and what openssl cmp takes for the same.
  void make(const std::string& name) {
    const auto found = kWishes.find(name);
    const Wish wish = found != kWishes.end() ? found->second : Wish{};
    auto key = wish.key;
    if (key.empty()) key = {"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"};
    key.insert(key.begin(), {"genpkey", "-out", file(name + ".key")});
    if (!has(name + ".key")) openssl(key);
    std::vector<std::string> req = {"req",   "-new",       "-key", file(name + ".key"),
                                    "-subj", wish.subject, "-out", file(name + ".csr")};
    req.insert(req.end(), wish.more.begin(), wish.more.end());
    subject_ = wish.subject;
    cmpMore_.clear();
    if (!wish.extension.empty()) {
      req.insert(req.end(), {"-addext", wish.extension});
      write("wish.cnf", "[wish]\n" + wish.extension + "\n");
      cmpMore_ = {"-config", file("wish.cnf"), "-reqexts", "wish"};
    }
    openssl(req);
    openssl({"req", "-in", file(name + ".csr"), "-outform", "DER", "-out", file(name + ".req")});
    damage(name);
    openssl({"base64", "-in", file(name + ".req"), "-out", file(name + ".b64")});
  }
  void damage(const std::string& name) {
    std::string der = read(name + ".req");
    if (name == "cut") {
      der.resize(der.size() / 2);
    } else if (name == "longer") {
      der += "more";
    } else if (name == "text") {
      der = "Dear server, please make me a certificate.\n";
    } else if (name == "empty") {
      der.clear();
    } else if (name == "forged") {
      der.back() = static_cast<char>(der.back() ^ 1);
    } else {
      return;
    }
    write(name + ".req", der);
    openssl({"base64", "-in", file(name + ".req"), "-out", file("body.b64")});
    const std::string label = " CERTIFICATE REQUEST-----\n";
    write(name + ".csr", name == "text" || name == "empty"
                             ? der
                             : "-----BEGIN" + label + read("body.b64") + "-----END" + label);
  }
};

TEST_F(BadRequest, IsRefusedInTheWordsOfEachProtocolAndChangesNothing) {
  enrol("alice", "stolen");
  ASSERT_EQ(server_.ctl({"cert", "revoke", serialOf("stolen"), "--reason", "key-compromise"}).exit, 0);
  token_ = token("alice");
  const auto lines = wordsOf(kMatrix);
  const Words& ways = lines.front();
  for (const Words& line : lines) {
    ASSERT_EQ(line.size(), ways.size()) << line.front();
    std::cout << std::left << std::setw(11) << line.front();
    const std::string& says = line.back();
    if (&line != &ways) make(line.front());
    const std::string before = state();
    for (std::size_t i = 1; i < line.size(); ++i) {
      std::string shown = line[i];
      if (&line != &ways && ways[i] != "code" && ways[i] != "says" && line[i] != "-") {
        const Told told = ask(ways[i], line.front());
        const std::string where = line.front() + " by " + ways[i];
        EXPECT_EQ(told.word, line[i]) << where << ": " << told.text;
        EXPECT_NE(told.text.find(says), std::string::npos) << where << ": " << told.text;
        if (!told.code.empty()) {
          EXPECT_EQ(told.code, *(std::ranges::find(ways, "code") - ways.begin() + line.begin())) << where;
        }
        EXPECT_FALSE(has("got.crt")) << where;
        shown = told.word + (told.word == line[i] ? "" : "!");
      }
      std::cout << std::setw(i <= 3 || ways[i] == "code" ? 17 : 7) << shown;
    }
    std::cout << "\n";
    EXPECT_EQ(state(), before) << line.front();
  }
  // The token is as good as before, and the next certificate is one more.
  newKey("good");
  const Ran good = cmp(enrolment("alice", token_, "good"));
  EXPECT_EQ(good.exit, 0) << good.err;
  EXPECT_EQ(server_.ctlJson({"cert", "list", "--user", "alice"}).at("items").as_array().size(), 3U);
}

}  // namespace
}  // namespace tests
