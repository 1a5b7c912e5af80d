// A CMP client that can say what no good client says.
#pragma once

#include "kms/pki/cmp_protection.h"
#include "kms/pki/cmp_reply.h"

namespace tests {

using kms::pki::CmpBody;

// What goes into a message; the defaults are those of a good client.
struct Wire {
  CmpBody type = CmpBody::Ir;
  base::Bytes content;  // of the body
  std::uint64_t version = 2;
  std::string transaction = "0123456789abcdef";
  std::string senderNonce = "fedcba9876543210";
  base::Bytes recipNonce{};
  base::Time time{};
  bool implicitConfirm = false;
  // Under a shared secret,
  std::string user{};
  std::string secret{};
  std::uint64_t iterations = 500;
  // or signed.
  const kms::pki::PrivateKey* key = nullptr;
  base::Bytes certificate{};
  bool bare = false;  // or neither
};
base::Bytes messageOf(const Wire& wire);

// CertReqMessages of one request for this key. `extra`, `before`: further fields of the template, DER, behind
// the key and before the name.
base::Bytes crmfOf(const kms::pki::PrivateKey& key, const std::string& name, base::BytesView extra = {},
                   base::BytesView before = {});
base::Bytes certConfOf(base::BytesView hash, unsigned status = 0);
base::Bytes revocationOf(base::BytesView certificate, kms::pki::RevocationReason reason);
base::Bytes informationOf(const std::vector<std::string_view>& types);

// What came back.
struct Heard {
  base::Bytes raw;
  kms::pki::CmpMessage message;
  bool mac = false;
  std::optional<unsigned> failure{};  // bit of PKIFailureInfo; nothing: not refused
  base::Bytes certificate{};          // of ip, cp, kup
};
Heard hear(base::Bytes raw);
// Whether the answer is protected under the secret, or by the certificate that comes along.
bool isUnder(const Heard& heard, const std::string& secret);
bool isSigned(const Heard& heard);

}  // namespace tests
