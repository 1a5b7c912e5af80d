#include "daemon/key_pem.h"

#include <algorithm>

#include "kms/pki/base64.h"

namespace kmsd {

base::SecretText keyPem(base::BytesView pkcs8) {
  constexpr std::size_t kLine = 48;  // bytes in 64 characters
  base::SecretText text = base::secretText("-----BEGIN PRIVATE KEY-----\n");
  for (base::BytesView rest = pkcs8; !rest.empty();) {
    const base::BytesView part = rest.first(std::min(kLine, rest.size()));
    kms::pki::appendBase64(part, text);
    text.push_back('\n');
    rest = rest.subspan(part.size());
  }
  const std::string_view end = "-----END PRIVATE KEY-----\n";
  text.insert(text.end(), end.begin(), end.end());
  return text;
}

}  // namespace kmsd
