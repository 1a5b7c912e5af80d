// Whatever is typed as a token: the parsers stay inside it, and what they take they give back unchanged.
#include <cstdint>
#include <cstdlib>

#include "kms/tokens/token_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view typed(reinterpret_cast<const char*>(data), size);
  if (auto accessor = kms::accessorIn(typed)) {
    if (typed.size() != kms::kAccessLength || accessor->size() != 26) std::abort();
  }
  if (auto plain = kms::parseOneTimeToken(typed)) {
    auto shown = kms::showOneTimeToken(base::view(*plain));
    if (!shown) return 0;
    auto again = kms::parseOneTimeToken(base::view(*shown));
    if (!again || *again != *plain) std::abort();
  }
  return 0;
}
