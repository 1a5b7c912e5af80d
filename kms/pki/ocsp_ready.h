// ReadyAnswers: OCSP answers that were signed ahead, as they are given without a key. Safe to use from
// several threads: it never changes.
#pragma once

#include <memory>

#include "kms/pki/ocsp_kept.h"

namespace kms::pki {

class ReadyAnswers {
 public:
  // Errors: Corrupt: a signer's certificate cannot be read, or is not its authority's.
  static base::Result<std::shared_ptr<const ReadyAnswers>> make(KeptAnswers kept);

  struct Given {
    base::Bytes answer;  // DER
    OcspState state{};
  };
  // Nothing where there is none that holds at `now`. Its signature is checked each time, since nothing else
  // shows that the file has what the signer has signed. Errors: Corrupt: it has not.
  base::Result<std::optional<Given>> answer(const OcspQuestion& question, base::Time now) const;

  const KeptAnswers& kept() const noexcept { return kept_; }
  // When the first of them runs out; nothing where there are none.
  std::optional<base::Time> until() const noexcept { return until_; }

 private:
  struct Signer {
    Certificate authority;
    PublicKey authorityKey;
    Certificate own;
    PublicKey key;
  };
  static base::Result<Signer> read(const KeptSigner& kept);

  KeptAnswers kept_;
  std::vector<Signer> signers_;  // as kept_.signers
  std::optional<base::Time> until_;
};

}  // namespace kms::pki
