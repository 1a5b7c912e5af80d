// PKIMessage (RFC 4210, section 5.1; RFC 9480): a stranger's bytes, and our answers.
//
//   PKIMessage := SEQUENCE { header, body [n], protection [0] BIT STRING, extraCerts [1] SEQUENCE OF }
#pragma once

#include <optional>
#include <vector>

#include "hal/base/result.h"
#include "kms/pki/der.h"

namespace kms::pki {

inline constexpr std::size_t kMostExtraCerts = 16;

// Tags of PKIBody.
enum class CmpBody : std::uint8_t {
  Ir = 0,
  Ip = 1,
  Cr = 2,
  Cp = 3,
  P10cr = 4,
  Kur = 7,
  Kup = 8,
  Rr = 11,
  Rp = 12,
  PkiConf = 19,
  Genm = 21,
  Genp = 22,
  Error = 23,
  CertConf = 24
};

// All views point into what was read.
struct CmpMessage {
  base::BytesView header;  // these two as elements: what the protection covers
  base::BytesView body;
  std::uint64_t version = 0;
  base::BytesView sender;  // GeneralName
  std::optional<base::Time> time;
  base::BytesView algorithm;  // AlgorithmIdentifier of the protection; empty: none
  base::BytesView senderKid;  // a user's name, or the key identifier of a certificate
  base::BytesView transaction;
  base::BytesView senderNonce;
  base::BytesView recipNonce;
  bool implicitConfirm = false;
  CmpBody type{};           // may be another number than those above
  base::BytesView content;  // of the body
  base::BytesView protection;
  std::vector<base::BytesView> extraCerts;
};

// Only the form is checked. Pure and bounded. Errors: Invalid: no PKIMessage, trailing bytes, over kMostDer.
base::Result<CmpMessage> parseCmpMessage(base::BytesView der);

// SEQUENCE { header, body }: what the protection covers.
base::Bytes cmpProtectedPart(base::BytesView header, base::BytesView body);

struct CmpAnswerHeader {
  std::uint64_t version = 2;
  base::BytesView sender;     // Name
  base::BytesView recipient;  // GeneralName
  base::Time time{};
  base::BytesView algorithm;
  base::BytesView senderKid;
  base::BytesView transaction;
  base::BytesView senderNonce;
  base::BytesView recipNonce;
  bool implicitConfirm = false;
};
base::Bytes writeCmpHeader(const CmpAnswerHeader& header);
base::Bytes writeCmpMessage(base::BytesView header, base::BytesView body, base::BytesView protection,
                            const std::vector<base::BytesView>& extraCerts);

}  // namespace kms::pki
