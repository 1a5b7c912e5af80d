// What the server's answers bring: certificates, and pairs with their keys.
#pragma once

#include "daemon/ctl/document.h"
#include "kms/pki/bundle.h"
#include "kms/pki/certificate.h"
#include "kms/pki/profile.h"

namespace kmsd::ctl {

struct Issued {
  std::string serial;
  std::string user;
  std::string profile;
  std::string until;  // RFC 3339
  std::string text;   // PEM
  kms::pki::Certificate certificate;
  std::vector<kms::pki::Certificate> chain;  // the authority's first; not empty
};
// Errors: Corrupt (not the answer of a kmsd).
base::Result<Issued> readIssued(const Document& answer);

struct IssuedPair {
  Issued issued;
  base::SecretText keyText;  // PEM
  kms::pki::PrivateKey key;
};
base::Result<IssuedPair> readPair(const Document& answer);

std::string pemOf(const std::vector<kms::pki::Certificate>& certificates);
bool contains(const std::vector<kms::pki::Certificate>& certificates, const kms::pki::Certificate& one);

}  // namespace kmsd::ctl
