#include "kms/pki/base64.h"

#include <algorithm>
#include <array>

#include "kms/pki/certificate.h"

namespace kms::pki {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kLine = 64;  // characters
constexpr std::uint8_t kNone = 64;
constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> out{};
  out.fill(kNone);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return out;
}();

bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

std::string toBase64(base::BytesView bytes) {
  std::string out;
  out.reserve(base64Length(bytes.size()));
  appendBase64(bytes, out);
  return out;
}

std::optional<base::Bytes> fromBase64(std::string_view text) {
  base::Bytes out;
  out.reserve(text.size() / 4 * 3);
  unsigned held = 0;
  unsigned digits = 0;
  unsigned pads = 0;
  for (const char c : text) {
    if (isBlank(c)) continue;
    if (c == '=') {
      ++pads;
      continue;
    }
    const unsigned value = kValues[static_cast<unsigned char>(c)];
    if (value == kNone || pads > 0) return std::nullopt;
    held = (held << 6U | value) & 0xFFFFFFU;
    if (++digits % 4 != 0) continue;
    for (const unsigned shift : {16U, 8U, 0U}) out.push_back(static_cast<std::byte>(held >> shift));
  }
  const unsigned left = digits % 4;
  if (left == 1 || pads != (4 - left) % 4) return std::nullopt;
  if (left == 2) {
    if ((held & 0xFU) != 0) return std::nullopt;
    out.push_back(static_cast<std::byte>(held >> 4U));
  } else if (left == 3) {
    if ((held & 3U) != 0) return std::nullopt;
    out.push_back(static_cast<std::byte>(held >> 10U));
    out.push_back(static_cast<std::byte>(held >> 2U));
  }
  return out;
}

std::string pem(std::string_view label, base::BytesView der) {
  const std::string body = toBase64(der);
  std::string out = "-----BEGIN " + std::string(label) + "-----\n";
  for (std::size_t i = 0; i < body.size(); i += kLine) out.append(body, i, kLine) += '\n';
  return out + "-----END " + std::string(label) + "-----\n";
}

std::optional<std::vector<base::Bytes>> pemBlocks(std::string_view text,
                                                  std::initializer_list<std::string_view> labels,
                                                  std::size_t most) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kDashes = "-----";
  std::vector<base::Bytes> blocks;
  while (true) {
    const std::size_t begin = text.find(kBegin);
    if (begin == std::string_view::npos) return blocks;
    text.remove_prefix(begin + kBegin.size());
    const std::size_t stop = text.find(kDashes);
    if (stop == std::string_view::npos) return std::nullopt;
    const std::string_view label = text.substr(0, stop);
    text.remove_prefix(stop + kDashes.size());
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) continue;
    const std::size_t end = text.find(kDashes);
    if (end == std::string_view::npos || blocks.size() == most) return std::nullopt;
    auto content = fromBase64(text.substr(0, end));
    text.remove_prefix(end);
    const std::string tail = "-----END " + std::string(label) + "-----";
    if (!content || !text.starts_with(tail)) return std::nullopt;
    text.remove_prefix(tail.size());
    blocks.push_back(*std::move(content));
  }
}

}  // namespace kms::pki
