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
  std::vector<kms::pki::Certificate> chain;  // the authority's first; empty only in old pairs
  std::vector<kms::pki::Certificate>
      links;  // from the authority to those before it, for who knows only those
};
// Errors: Corrupt (not the answer of a kmsd).
base::Result<Issued> readIssued(const Document& answer);

struct IssuedPair {
  Issued issued;
  base::SecretText keyText;  // PEM
  kms::pki::PrivateKey key;
};
base::Result<IssuedPair> readPair(const Document& answer);
// One of those before, which may have come with the user from another server, whose authority is not told.
base::Result<IssuedPair> readOldPair(const Document& answer);

// The certificates of a list of PEM texts, which may be empty. Errors: Corrupt.
base::Result<std::vector<kms::pki::Certificate>> certificatesIn(const std::vector<std::string>& texts);
// Both, as what stands between a certificate and those that are trusted.
std::vector<kms::pki::Certificate> between(const Issued& issued);
std::string pemOf(const std::vector<kms::pki::Certificate>& certificates);
bool contains(const std::vector<kms::pki::Certificate>& certificates, const kms::pki::Certificate& one);

}  // namespace kmsd::ctl
