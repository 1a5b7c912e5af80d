// OcspResponder: answers to OCSP requests, signed by the delegated signer of the authority that is asked
// about. Answers to requests without a nonce are kept and given again for half their life, or until the
// certificate changes. While sealed, what is not among them is answered from the stock, also where a nonce
// was sent: then the answer has none. Safe to use from several threads.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <unordered_map>

#include "kms/pki/certificate_service.h"
#include "kms/pki/counts.h"
#include "kms/pki/ocsp_stock.h"

namespace kms::pki {

class OcspResponder {
 public:
  static constexpr std::size_t kMostKept = 50'000;  // answers, about 1.2 KB each

  OcspResponder(Authority& authority, CertificateService& certificates, const base::Clock& clock,
                std::chrono::seconds life, OcspStock& stock)
      : authority_(authority), certificates_(certificates), clock_(clock), life_(life), stock_(stock) {}

  // DER, always.
  base::Bytes answer(base::BytesView request);
  // The certificate was revoked, held or released.
  void changed(const Serial& serial) noexcept;
  // Since the start.
  const OcspCounts& counts() const noexcept { return counts_; }

 private:
  struct Kept {
    base::Bytes certId;
    base::Bytes answer;
    OcspState state{};
    base::Time until{};
  };
  std::optional<base::Bytes> kept(const OcspQuery& query);
  void keep(const OcspQuery& query, const base::Bytes& answer, OcspState state, base::Time until,
            std::uint64_t asOf);
  base::Bytes refuse(OcspRefusal why);
  base::Result<base::Bytes> made(const OcspQuery& query);
  base::Result<OcspAnswer> stateOf(const OcspQuestion& question, const Signers& signers);

  Authority& authority_;
  CertificateService& certificates_;
  const base::Clock& clock_;
  const std::chrono::seconds life_;
  OcspStock& stock_;
  OcspCounts counts_;
  std::mutex mutex_;
  std::uint64_t changes_ = 0;                                // under mutex_
  std::size_t size_ = 0;                                     // of all of kept_
  std::unordered_map<std::string, std::vector<Kept>> kept_;  // by serial number
};

}  // namespace kms::pki
