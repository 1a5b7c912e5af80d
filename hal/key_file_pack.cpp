#include "hal/key_file_pack.h"

#include <algorithm>

#include "hal/key_file_lines.h"

namespace hal {

base::Result<base::SecretBuffer> packKeyFile(base::BytesView text) {
  auto packed = base::SecretBuffer::create(text.size());
  if (!packed) return packed;
  std::size_t size = 0;
  for (std::string_view rest = base::asText(text); !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view whole = rest.substr(0, end == std::string_view::npos ? end : end + 1);
    rest.remove_prefix(whole.size());
    std::string_view line = whole;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    line = trimBlanks(line);
    if (line.empty() || line.front() == ';' || line.front() == '#') continue;
    std::ranges::copy(base::asBytes(whole), packed->bytes().subspan(size).begin());
    size += whole.size();
  }
  packed->shrink(size);
  return packed;
}

}  // namespace hal
