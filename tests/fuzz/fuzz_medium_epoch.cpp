// Fuzzes what is noted on a medium: two sectors that a stranger may have written. The MAC is one that the
// fuzzer can make: each byte of it is that of a sum over what it is over.
#include <algorithm>
#include <cstdint>

#include "kms/backup/medium_epoch.h"

namespace {

using namespace kms::backup;

std::array<std::byte, 32> macOver(base::BytesView message) {
  unsigned sum = 0;
  for (const std::byte b : message) sum += std::to_integer<unsigned>(b);
  std::array<std::byte, 32> mac;
  mac.fill(static_cast<std::byte>(sum & 3U));
  return mac;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto given = std::as_bytes(std::span(data, size));
  const auto one = parseSector(given.first(std::min(size, kMediumSector)));
  // There is one form of each record.
  if (one && *one && !std::ranges::equal(encodeSector(**one), given.first(kMediumSector))) __builtin_trap();
  const auto server = base::Uuid::parse("0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0");
  const auto view = viewMedium(given, *server, 1, macOver);
  if (bool(view) != (size == kMediumSectors * kMediumSector)) __builtin_trap();
  if (!view) return 0;
  if (view->next.empty() || view->next.size() > kMediumSectors) __builtin_trap();
  for (const unsigned which : view->next)
    if (which >= kMediumSectors) __builtin_trap();
  if (view->newest && (view->newest->server != *server || view->newest->rootGeneration != 1))
    __builtin_trap();
  if (view->next.size() == 2 && !view->later) __builtin_trap();
  return 0;
}
