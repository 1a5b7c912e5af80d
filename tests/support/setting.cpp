#include "tests/support/setting.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace tests {

std::uint64_t setting(const char* name, std::uint64_t plain, std::uint64_t sanitized) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::uint64_t value = sanitized;
  static_cast<void>(plain);
#else
  std::uint64_t value = plain;
  static_cast<void>(sanitized);
#endif
  const char* text = std::getenv(name);
  if (text == nullptr) return value;
  const std::string_view digits(text);
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (wrong != std::errc() || end != digits.data() + digits.size()) std::abort();  // run.sh's mistake
  return value;
}

}  // namespace tests
