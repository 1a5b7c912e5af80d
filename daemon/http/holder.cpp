#include "daemon/http/holder.h"

#include "daemon/http/proof.h"
#include "daemon/pki_services.h"

namespace kmsd::http {

base::Result<kms::pki::CertificateView> holderOf(const Call& call) {
  const auto& shown = call.request.certificate;
  if (call.request.transport == Transport::Https && shown && shown->own)
    return call.api.pki->desk().authenticate(shown->der);
  if (showsProof(call.request)) {
    const auto certificate = provenCertificate(call.request, call.api.clock.now());
    return certificate ? call.api.pki->desk().authenticate(*certificate) : certificate.error();
  }
  return base::Error{base::Code::Denied,
                     "this is for the holder of a certificate of this server: show it over https, or prove "
                     "its key on the Unix socket",
                     base::Reason::CertificateRefused};
}

}  // namespace kmsd::http
