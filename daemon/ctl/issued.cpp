#include "daemon/ctl/issued.h"

#include <algorithm>

#include "daemon/ctl/holder_key.h"

namespace kmsd::ctl {
namespace {

using base::Code;
using base::Error;

Error strange(const std::string& what) {
  return Error{Code::Corrupt, "the server's answer is not that of a kmsd: " + what};
}

base::Result<Issued> readAny(const Document& answer) {
  auto own = kms::pki::parsePemCertificates(answer.text("certificate"));
  if (!own) return strange(own.error().what);
  auto chain = certificatesIn(answer.texts("chain"));
  if (!chain) return std::move(chain).error();
  auto links = certificatesIn(answer.texts("links"));
  if (!links) return std::move(links).error();
  Issued issued{answer.text("serial"),
                answer.text("user"),
                answer.text("profile"),
                answer.text("not_after"),
                kms::pki::pem("CERTIFICATE", own->front().der),
                std::move(own->front()),
                *std::move(chain),
                *std::move(links)};
  // The number names files.
  if (issued.serial != base::toHex(issued.certificate.serial)) return strange("two serial numbers");
  return issued;
}

base::Result<IssuedPair> withKey(base::Result<Issued> issued, const Document& answer) {
  if (!issued) return std::move(issued).error();
  base::SecretText text = answer.secret("key");
  auto key = parseKeyPem(base::view(text), "the key that the server sent");
  if (!key) return std::move(key).error();
  return IssuedPair{*std::move(issued), std::move(text), *std::move(key)};
}

}  // namespace

base::Result<Issued> readIssued(const Document& answer) {
  auto issued = readAny(answer);
  if (issued && issued->chain.empty()) return strange("no certificate of the authority");
  return issued;
}

base::Result<IssuedPair> readPair(const Document& answer) { return withKey(readIssued(answer), answer); }
base::Result<IssuedPair> readOldPair(const Document& answer) { return withKey(readAny(answer), answer); }

base::Result<std::vector<kms::pki::Certificate>> certificatesIn(const std::vector<std::string>& texts) {
  if (texts.empty()) return std::vector<kms::pki::Certificate>();
  std::string all;
  for (const std::string& one : texts) all += one;
  auto parsed = kms::pki::parsePemCertificates(all);
  if (!parsed) return strange(parsed.error().what);
  return parsed;
}

std::vector<kms::pki::Certificate> between(const Issued& issued) {
  auto all = issued.links;
  all.insert(all.end(), issued.chain.begin(), issued.chain.end());
  return all;
}

std::string pemOf(const std::vector<kms::pki::Certificate>& certificates) {
  std::string text;
  for (const auto& one : certificates) text += kms::pki::pem("CERTIFICATE", one.der);
  return text;
}

bool contains(const std::vector<kms::pki::Certificate>& certificates, const kms::pki::Certificate& one) {
  return std::ranges::any_of(certificates, [&](const auto& known) { return known.der == one.der; });
}

}  // namespace kmsd::ctl
