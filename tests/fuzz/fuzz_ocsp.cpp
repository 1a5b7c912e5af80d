// A stranger's OCSP request, and the file of a revocation list: the parsers stay inside the input, and what
// was understood can be asked again.
#include <cstdint>
#include <cstdlib>

#include "kms/pki/crl_publisher.h"
#include "kms/pki/ocsp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(reinterpret_cast<const std::byte*>(data), size);
  static_cast<void>(kms::pki::readCrlTimes(input));
  const auto query = kms::pki::parseOcspQuery(input);
  if (!query) return 0;
  if (query->questions.empty() || query->questions.size() > kms::pki::kMostOcspQuestions) std::abort();
  if (query->nonce.size() > kms::pki::kMostOcspNonce) std::abort();
  for (const kms::pki::OcspQuestion& question : query->questions)
    if (question.certId.empty() || question.certId.size() > size) std::abort();
  return 0;
}
