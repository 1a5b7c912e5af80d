// PKIStatusInfo (RFC 4210, section 5.2.3): what became of a request, and why not more.
#pragma once

#include <cstdint>
#include <string>

#include "hal/base/result.h"
#include "kms/pki/der.h"

namespace kms::pki {

enum class CmpStatus : std::uint8_t { Accepted = 0, GrantedWithMods = 1, Rejection = 2 };

// Bits of PKIFailureInfo.
enum class CmpFailure : std::uint8_t {
  BadAlg = 0,
  BadMessageCheck = 1,
  BadRequest = 2,
  BadTime = 3,
  BadCertId = 4,
  BadDataFormat = 5,
  BadPop = 9,
  CertConfirmed = 11,
  BadRecipientNonce = 13,
  TimeNotAvailable = 14,
  BadSenderNonce = 18,
  BadCertTemplate = 19,
  SignerNotTrusted = 20,
  UnsupportedVersion = 22,
  NotAuthorized = 23,
  SystemUnavail = 24,
  SystemFailure = 25
};

struct CmpRefusal {
  CmpFailure failure = CmpFailure::BadRequest;
  std::string text;  // for people; holds no secret
};

// Of what the services say of a request that is verified. What is our own trouble keeps its details to
// itself.
CmpRefusal refusalOf(const base::Error& error);

void writeStatus(Der& der, CmpStatus status);
void writeStatus(Der& der, const CmpRefusal& refusal);

}  // namespace kms::pki
