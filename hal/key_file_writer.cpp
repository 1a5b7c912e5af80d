#include <algorithm>
#include <array>
#include <cstdio>

#include "hal/base/rfc3339.h"
#include "hal/base/utf8.h"
#include "hal/key_file.h"
#include "hal/key_file_lines.h"

namespace hal {
namespace {

using base::Code;
using base::Error;
using base::Result;

constexpr std::string_view kPadding = "; This disk is a key: keep it in a safe, and a copy elsewhere. ";

// Appends to locked memory; what does not fit is remembered.
class SecretWriter {
 public:
  explicit SecretWriter(std::span<std::byte> out) noexcept : out_(out) {}
  void add(std::string_view text) noexcept {
    fits_ = fits_ && text.size() <= out_.size() - size_;
    if (!fits_) return;
    std::ranges::copy(base::asBytes(text), out_.subspan(size_).begin());
    size_ += text.size();
  }
  std::size_t size() const noexcept { return size_; }
  bool fits() const noexcept { return fits_; }

 private:
  std::span<std::byte> out_;
  std::size_t size_ = 0;
  bool fits_ = true;
};

// Fills with a comment up to the next multiple of kKeyFileSize.
void pad(SecretWriter& out) {
  std::size_t room = (kKeyFileSize - out.size() % kKeyFileSize) % kKeyFileSize;
  if (room == 1) out.add("\n");
  if (room < 2) return;
  room -= 2;  // for the line's end
  std::string comment(kPadding.substr(0, std::min(room, kPadding.size())));
  comment.append(room - comment.size(), '.');
  out.add(comment);
  out.add("\r\n");
}

Result<void> checkLabel(std::string_view label) {
  if (label.size() > kMaxLabel)
    return Error{Code::Invalid, "the label is longer than " + std::to_string(kMaxLabel) + " bytes of UTF-8"};
  if (!base::validUtf8(label) || base::hasControl(label))
    return Error{Code::Invalid, "the label has control characters or is no UTF-8"};
  if (trimBlanks(label) != label) return Error{Code::Invalid, "the label begins or ends with a blank"};
  return {};
}

// The [medium] lines without the crc, as "name=value".
Result<std::vector<std::string>> mediumLines(const KeyFile& file) {
  const MediumIdentity& identity = *file.identity;
  std::vector<std::string> lines = {"server=" + identity.server.text(), "medium=" + identity.medium.text(),
                                    "label=" + identity.label,
                                    "created=" + base::formatTime(identity.created)};
  if (file.share) lines.push_back("threshold=" + std::to_string(file.share->threshold));
  for (const std::string& line : file.unknown) {
    // Read it as it will be read back: one line, with a name that is none of ours.
    const auto parsed = splitKeyFile(line);
    const bool plain = line.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
    bool ours = parsed.size() != 1;
    for (const std::string_view known : {"server", "medium", "label", "created", "threshold", "crc", "pwd"})
      ours = ours || equalIgnoringCase(parsed.front().name, known);
    if (!plain || ours)
      return Error{Code::Invalid, "a line to be kept in the key file is not of the form name=value"};
    lines.push_back(line);
  }
  return lines;
}

std::string crcOf(const std::vector<std::string>& lines) {
  std::vector<KeyFileLine> parsed;
  for (const std::string& line : lines) parsed.push_back(splitKeyFile(line).front());
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(mediumCrc(std::move(parsed))));
  return text.data();
}

}  // namespace

Result<base::SecretBuffer> formatKeyFile(const KeyFile& file) {
  if (file.share && (file.share->number == 0 || (file.identity && file.share->threshold < 2)))
    return Error{Code::Invalid, "a share is written with its number and how many open together"};
  auto pwd = formatPwd(file.key, file.share ? file.share->number : std::uint8_t{0});
  if (!pwd) return pwd;
  auto text = base::SecretBuffer::create(kMaxKeyFile);
  if (!text) return text;
  SecretWriter out(text->bytes());
  out.add("[config]\r\npwd=");
  out.add(pwd->text());
  out.add("\r\n");
  if (file.identity) {
    if (auto good = checkLabel(file.identity->label); !good) return std::move(good).error();
    const auto lines = mediumLines(file);
    if (!lines) return lines.error();
    out.add("[medium]\r\n");
    for (const std::string& line : *lines) {
      out.add(line);
      out.add("\r\n");
    }
    out.add("crc=" + crcOf(*lines) + "\r\n");
  }
  pad(out);
  if (!out.fits())
    return Error{Code::Invalid,
                 "the key file would be larger than " + std::to_string(kMaxKeyFile) + " bytes"};
  text->shrink(out.size());
  return text;
}

}  // namespace hal
