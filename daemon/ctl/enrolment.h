// Enrolment: one run of `kmsctl enrol` or `kmsctl recover`, step by step. What a step has got is on the disk
// before the next one begins, so that a run that was broken off is ended by the same command.
#pragma once

#include <optional>

#include "daemon/ctl/bundle_password.h"
#include "daemon/ctl/issued.h"
#include "daemon/ctl/key_directory.h"
#include "daemon/ctl/remote.h"
#include "kms/keys/open_keys.h"

namespace kmsd::ctl {

// What the .p12 has of a pair. There may be hundreds, so that each takes no more locked memory than its key.
struct OldPair {
  kms::SecretBytes key;  // PKCS#8
  base::Bytes certificate;
  std::string until;  // RFC 3339
};

class Enrolment {
 public:
  // `recover`: with a recover token; all pairs that the user ever had are fetched, too.
  Enrolment(const Parsed& parsed, bool recover)
      : parsed_(parsed), recover_(recover), user_(parsed.text("user")), directory_(parsed.text("out")) {}

  Exit run();

 private:
  base::Result<void> prepare();         // the directory, the token, the password
  base::Result<void> meetServer();      // whose it is, before the token is sent
  base::Result<void> getCertificate();  // the signing certificate, and its confirmation
  base::Result<void> getPairs();        // the pair for encryption, and old ones
  base::Result<void> writeBundles();
  base::Result<void> report();

  base::Result<void> readToken();
  bool resume();  // whether a certificate was taken before, and counts
  base::Result<void> enrolAnew();
  base::Result<void> checkSigning(const Issued& issued) const;
  base::Result<void> confirm(const kms::pki::Certificate& certificate, bool accepted);
  base::Result<void> recoverPairs(Remote& remote);  // page by page
  base::Result<void> keepRecovered(const Document& one);
  base::Result<void> getPair(Remote& remote);
  // Adds what a checked answer brings to ca.pem.
  base::Result<void> keepAuthority(const std::vector<kms::pki::Certificate>& chain);
  // An answer that refuses is an error, and kept for the end.
  base::Result<Answer> ask(Remote& remote, const char* path, const Body* body, const Query& query = {});

  const Parsed& parsed_;
  const bool recover_;
  const std::string user_;
  KeyDirectory directory_;
  bool goesOn_ = false;  // with a run that was broken off
  bool clears_ = false;  // the directory of what others have left
  Access access_;
  base::SecretText token_;  // 12 characters
  BundlePassword password_;
  std::vector<kms::pki::Certificate> authorities_;
  std::optional<Remote> remote_;
  std::optional<kms::pki::PrivateKey> key_;
  std::optional<kms::pki::Certificate> certificate_;
  std::optional<IssuedPair> pair_;
  std::vector<OldPair> oldPairs_;  // the newest first
  std::optional<Answer> refusal_;
};

}  // namespace kmsd::ctl
