// Fuzzes the readers of what moves users. What is taken is written as it was.
#include <algorithm>
#include <cstdint>

#include "kms/pki/user_package.h"
#include "kms/tokens/guarded.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kms::pki;
  const base::BytesView bytes = base::asBytes({reinterpret_cast<const char*>(data), size});
  const auto same = [&](const auto& again) {
    if (!std::ranges::equal(again, bytes)) __builtin_trap();
  };
  if (const auto package = decodePackage(bytes)) {
    same(encodePackage(*package));
    // Nobody who fuzzes has the key of an authority that he names, unless a seed was signed.
    (void)verifyPackage(*package);
  }
  if (const auto receipt = decodeReceipt(bytes)) same(encodeReceipt(*receipt));
  const auto document = kms::guarded([&] { return decodeDocument(bytes); });
  if (!document) return 0;
  for (const MovedCertificate& one : document->certificates)
    if (one.der.empty() || one.profile == Profile::Authority) __builtin_trap();
  const auto again = kms::guarded([&] { return encodeDocument(*document); });
  if (again) same(*again);
  return 0;
}
