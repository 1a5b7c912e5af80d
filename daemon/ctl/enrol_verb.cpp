#include <array>
#include <iostream>

#include "daemon/ctl/certificate_check.h"
#include "daemon/ctl/enrol_files.h"
#include "daemon/ctl/output.h"
#include "daemon/ctl/remote.h"
#include "daemon/ctl/verbs.h"
#include "daemon/terminal.h"
#include "hal/base/file.h"
#include "hal/base/rng.h"
#include "kms/pki/bundle.h"
#include "kms/pki/digest.h"
#include "kms/pki/signer.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;
using kms::pki::PrivateKey;

constexpr std::size_t kTokenMost = 64;      // bytes
constexpr std::size_t kPasswordMost = 256;  // bytes
constexpr std::size_t kPasswordBytes = 15;  // 24 characters of base32

struct Enrolment {
  std::string user;
  base::SecretBuffer token;
  PrivateKey key;
};

struct Issued {
  std::string serial;
  std::string certificate;  // PEM
  std::string chain;        // PEM
  base::Bytes der;
  std::vector<base::Bytes> above;
};

base::Result<base::SecretBuffer> readToken(const Parsed& parsed) {
  auto token =
      parsed.has("token-file")
          ? base::readSecretFile(parsed.text("token-file"), kTokenMost)
          : askLine("The one-time token of " + printable(parsed.text("user")) + ":", kTokenMost, false);
  if (token && token->text().empty()) return Error{Code::Invalid, "there is no token"};
  return token;
}

std::string lower(std::string text) {
  std::erase(text, ':');
  for (char& c : text)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

// Whose authority this is, before the token is sent. Over the Unix socket the kernel says whose server it is.
base::Result<void> checkAuthority(const Parsed& parsed, Remote& remote) {
  const bool local = parsed.text("server").starts_with("unix:");
  if (!parsed.has("ca-sha256") && local) return {};
  if (!parsed.has("ca-sha256"))
    return Error{Code::Invalid,
                 "give --ca-sha256: 'kmsctl ca show' tells it on the server, and so does the answer with the "
                 "token"};
  auto answer = remote.call("GET", "/v1/ca");
  if (!answer) return std::move(answer).error();
  const auto shown = kms::pki::parsePemCertificates(answer->document.text("certificate"));
  if (!answer->good() || !shown || shown->empty())
    return Error{Code::NotFound, "the server has no certificate authority", base::Reason::NoAuthority};
  if (base::toHex(kms::pki::sha256(shown->front().der)) == lower(parsed.text("ca-sha256"))) return {};
  return Error{Code::Denied,
               "this server's authority is not the one of --ca-sha256; the token was not sent to it",
               base::Reason::Forbidden};
}

base::Result<Issued> readIssued(const Document& answer) {
  Issued issued;
  issued.serial = answer.text("serial");
  issued.certificate = answer.text("certificate");
  for (const std::string& one : answer.texts("chain")) issued.chain += one;
  auto own = kms::pki::parsePemCertificates(issued.certificate);
  if (!own) return std::move(own).error();
  issued.der = own->front().der;
  auto above = kms::pki::parsePemCertificates(issued.chain);
  if (!above) return std::move(above).error();
  for (const auto& one : *above) issued.above.push_back(one.der);
  return issued;
}

base::Result<void> check(const Parsed& parsed, const Issued& issued, const Enrolment& who) {
  const auto above = kms::pki::parsePemCertificates(issued.chain);
  if (!above) return above.error();
  if (parsed.has("ca-sha256") &&
      base::toHex(kms::pki::sha256(above->front().der)) != lower(parsed.text("ca-sha256")))
    return Error{Code::Denied, "another authority than that of --ca-sha256 signed the certificate"};
  return checkIssued(issued.der, *above, who.key.publicKey());
}

Exit confirm(const Parsed& parsed, Remote& remote, const Enrolment& who, const Issued& issued,
             bool accepted) {
  Body body;
  body.text("user", who.user).text("token", who.token.text()).text("serial", issued.serial);
  body.text("certificate_sha256", base::toHex(kms::pki::sha256(issued.der))).truth("accepted", accepted);
  const auto answer = remote.call("POST", "/v1/enrol/confirm", &body);
  if (!answer) return fail(answer.error());
  return answer->good() ? Exit::Yes : refused(parsed, *answer);
}

// The password of the bundle, never the token; a random one is printed.
base::Result<base::SecretText> bundlePassword(const Parsed& parsed) {
  if (parsed.has("password-file")) {
    auto read = base::readSecretFile(parsed.text("password-file"), kPasswordMost);
    if (!read) return std::move(read).error();
    return base::secretText(read->text());
  }
  auto random = base::SecretBuffer::create(kPasswordBytes);
  if (!random) return std::move(random).error();
  base::systemRng().fill(random->bytes());
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  base::SecretText text;
  unsigned held = 0;
  unsigned bits = 0;
  for (const std::byte one : random->bytes()) {
    bits = bits << 8U | std::to_integer<unsigned>(one);
    for (held += 8; held >= 5; held -= 5) text.push_back(kDigits[bits >> (held - 5) & 31U]);
    bits &= (1U << held) - 1;
  }
  return text;
}

base::Result<void> writeBundle(const Parsed& parsed, const EnrolFiles& files, const Enrolment& who,
                               const Issued& issued) {
  auto password = bundlePassword(parsed);
  if (!password) return std::move(password).error();
  auto key = who.key.encode();
  if (!key) return std::move(key).error();
  auto bundle =
      kms::pki::makeBundle({{key->bytes(), issued.der, who.user}}, issued.above, base::view(*password));
  if (!bundle) return std::move(bundle).error();
  if (auto kept = files.writeBundle(bundle->bytes()); !kept) return kept;
  if (parsed.has("password-file")) return {};
  std::cerr << "the password of bundle.p12, shown this once:\n";
  return printSecretLine(*password) == Exit::Yes
             ? base::Result<void>()
             : Error{Code::Io, "the password of the bundle could not be printed"};
}

// From the answer on: what does not hold is rejected, what does is kept, and only then confirmed.
Exit finish(const Parsed& parsed, Remote& remote, const EnrolFiles& files, const Enrolment& who,
            const Document& answer) {
  auto issued = readIssued(answer);
  if (!issued) return fail(issued.error());
  if (auto sound = check(parsed, *issued, who); !sound) {
    static_cast<void>(confirm(parsed, remote, who, *issued, false));
    return fail(sound.error());
  }
  if (auto kept = files.writeCertificates(issued->certificate, issued->chain); !kept)
    return fail(kept.error());
  if (parsed.has("pkcs12"))
    if (auto kept = writeBundle(parsed, files, who, *issued); !kept) return fail(kept.error());
  if (const Exit exit = confirm(parsed, remote, who, *issued, true); exit != Exit::Yes) return exit;
  if (parsed.has("json")) return printSecretLine(answer.json());
  std::cerr << formatFields({{"enrolled", who.user},
                             {"serial", issued->serial},
                             {"until", answer.text("not_after")},
                             {"files", files.file("").string()}});
  return Exit::Yes;
}

Exit runEnrol(const Parsed& parsed) {
  const auto kind = kms::pki::parseKeyKind(parsed.text("kind"));
  if (!kind) return fail(Exit::Usage, "--kind names no kind of key");
  const EnrolFiles files(parsed.text("out"));
  if (auto ready = files.prepare(parsed.has("force")); !ready) return fail(ready.error());
  auto remote = Remote::openAnonymous(parsed);
  if (!remote) return fail(remote.error());
  if (auto known = checkAuthority(parsed, *remote); !known) return fail(known.error());
  auto token = readToken(parsed);
  if (!token) return fail(token.error());
  auto key = files.key(*kind, parsed.has("new-key"));
  if (!key) return fail(key.error());
  const Enrolment who{parsed.text("user"), *std::move(token), *std::move(key)};
  const auto request = kms::pki::requestCertificate(who.key);
  if (!request) return fail(request.error());
  Body body;
  body.text("user", who.user).text("token", who.token.text());
  body.text("csr", kms::pki::pem("CERTIFICATE REQUEST", *request));
  const auto answer = remote->call("POST", "/v1/enrol", &body);
  if (!answer) return fail(answer.error());
  if (!answer->good()) return refused(parsed, *answer);
  return finish(parsed, *remote, files, who, answer->document);
}

constexpr std::array kOptions = {
    OptionSpec{"user", "U", "whose token it is", {}, false, true},
    OptionSpec{"out", "DIR", "where key.pem, certificate.pem and chain.pem go", {}, false, true},
    OptionSpec{
        "ca-sha256", "HEX",
        "the fingerprint of the server's authority, checked before the token is sent; needed over https"},
    OptionSpec{"kind", "K", "the key to make", "ecdsa-p256", false, false, false,
               "ecdsa-p256 ecdsa-p384 rsa-3072 rsa-4096 ed25519"},
    OptionSpec{"pkcs12", "", "write bundle.p12 too, with a random password that is printed"},
    OptionSpec{"password-file", "F", "take the password of bundle.p12 from this file; - reads stdin"},
    OptionSpec{"force", "", "overwrite certificates that are there; a key that is there is used again"},
    OptionSpec{"new-key", "", "overwrite a key that is there, too"},
};

constexpr std::array kVerbs = {
    VerbSpec{"enrol",
             "gets a certificate for a new key with a one-time token (--token-file, or typed)",
             {},
             kOptions,
             "kmsctl enrol --user alice --out alice    # asks for the token\n"
             "kmsctl enrol --user alice --token-file token --out alice --pkcs12 # for mail programs, too\n"
             "kmsctl --server https://kms:8443 enrol --user web1 --ca-sha256 \"$HEX\" --out /etc/web1",
             runEnrol},
};

}  // namespace

std::span<const VerbSpec> enrolVerbs() noexcept { return kVerbs; }

}  // namespace kmsd::ctl
