#include "daemon/http/holder.h"

#include "daemon/pki_services.h"

namespace kmsd::http {

base::Result<kms::pki::CertificateView> holderOf(const Call& call) {
  const auto& shown = call.request.certificate;
  if (call.request.transport == Transport::Https && shown && shown->own)
    return call.api.pki->desk().authenticate(shown->der);
  return base::Error{base::Code::Denied,
                     "this is for the holder of a certificate of this server: show it over https",
                     base::Reason::CertificateRefused};
}

}  // namespace kmsd::http
