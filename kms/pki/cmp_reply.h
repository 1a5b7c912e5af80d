// The bodies of our answers (RFC 4210, section 5.3), DER.
#pragma once

#include <functional>
#include <vector>

#include "kms/pki/cmp_crmf.h"
#include "kms/pki/cmp_message.h"

namespace kms::pki {

struct CertReply {
  CmpBody type = CmpBody::Ip;  // Ip, Cp or Kup
  base::BytesView id;          // content of certReqId
  CmpStatus status = CmpStatus::Accepted;
  base::BytesView certificate;
  std::vector<base::BytesView> authorities;  // caPubs
};
base::Bytes certReplyBody(const CertReply& reply);
base::Bytes certRefusalBody(CmpBody type, base::BytesView id, const CmpRefusal& refusal);

base::Bytes revocationBody(const CertId& certificate);
base::Bytes revocationRefusalBody(const CmpRefusal& refusal);
base::Bytes confirmBody();  // pkiconf
base::Bytes errorBody(const CmpRefusal& refusal);

// What took the place of a root (RFC 9480, section 2.14: RootCaKeyUpdateContent).
struct RootUpdate {
  base::BytesView before;  // empty: any that is not known
  base::BytesView newWithNew;
  base::BytesView newWithOld;  // the links, or both empty
  base::BytesView oldWithNew;
};

// What genm may ask for. `chain`: with the links; `root`: self-signed; `updates`: the one of any root last;
// `crl`: gives the last one, where it is asked for; empty: there is none, or it is too long.
struct CmpInformation {
  std::vector<base::BytesView> chain;
  base::BytesView root;
  std::vector<RootUpdate> updates;
  std::function<base::Bytes()> crl;
};
// genp; information that is not known or not there is answered without a value; the same is asked for only
// once. Pure but for `crl`, and bounded.
std::optional<base::Bytes> informationBody(base::BytesView content, const CmpInformation& known,
                                           CmpRefusal& why);

}  // namespace kms::pki
