// A stranger's request, as the API and EST take it, and certificates: the parsers stay inside the input and
// take nothing that they could not write again.
#include <cstdint>
#include <cstdlib>

#include "kms/pki/base64.h"
#include "kms/pki/certificate.h"
#include "kms/pki/est.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const std::byte*>(data), size);
  const kms::pki::Subject user{"Alice", "Acme", "alice@example.org", {"a.example.org"}};
  const auto look = [&](const base::Result<kms::pki::CertificateRequest>& request) {
    if (!request) return;
    const auto spki = request->key.spki();
    const auto again = kms::pki::PublicKey::parse(spki);
    if (!again || again->hash() != request->key.hash()) std::abort();
    if (kms::pki::shownName(request->subject).starts_with('#')) std::abort();
    if (auto named = kms::pki::checkNames(*request, user); !named && named.error().what.empty()) std::abort();
  };
  look(kms::pki::parseRequestText(input));
  look(kms::pki::parseEstRequest(input));
  // As an EST client sends it: the mutations of DER would seldom be base64 again.
  const bool wrapped = bool(kms::pki::parseEstRequest(base::asBytes(kms::pki::toBase64(input))));
  if (wrapped != bool(kms::pki::parseRequest(input))) std::abort();

  if (const auto key = kms::pki::PublicKey::parse(input); key && key->spki().size() != size) std::abort();
  kms::pki::shownName(input);
  auto certificates = kms::pki::parsePemCertificates(base::asText(input));
  if (auto one = kms::pki::parseCertificate(input)) {
    if (one->der.size() != size) std::abort();
    const auto text = kms::pki::pem("CERTIFICATE", one->der);
    certificates = kms::pki::parsePemCertificates(text);
    if (!certificates || certificates->size() != 1 || certificates->front().der != one->der) std::abort();
  }
  return 0;
}
