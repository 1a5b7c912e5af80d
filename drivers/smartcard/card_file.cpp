#include "drivers/smartcard/card_file.h"

#include <algorithm>
#include <array>

#include "drivers/smartcard/tlv.h"
#include "hal/key_file.h"

namespace drivers::smartcard {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Result;

constexpr std::uint8_t kSelect = 0xA4;
constexpr std::uint8_t kReadBinary = 0xB0;
constexpr std::uint8_t kUpdateBinary = 0xD6;
constexpr std::uint8_t kByPath = 0x08;   // P1: from the master file
constexpr std::uint8_t kGiveFcp = 0x04;  // P2: answer with the file control parameters
constexpr std::uint8_t kNoAnswer = 0x0C;
constexpr std::uint16_t kEndOfFile = 0x6282;  // with what there was
constexpr std::uint16_t kWrongOffset = 0x6B00;
constexpr std::uint16_t kMasterFile = 0x3F00;
constexpr std::size_t kPiece = 128;  // bytes of one UPDATE BINARY: every card takes that many

std::array<std::byte, 2> bigEndian(std::size_t v) noexcept {
  return {static_cast<std::byte>(v >> 8U & 0xFFU), static_cast<std::byte>(v & 0xFFU)};
}

SelectedFile parseFcp(BytesView answer) {
  auto parameters = findTlv(answer, 0x62);
  if (!parameters) parameters = findTlv(answer, 0x6F);
  if (!parameters) return {};
  const auto size = findTlv(*parameters, 0x80);
  if (!size || size->empty() || size->size() > 4) return {};
  std::size_t bytes = 0;
  for (const std::byte b : *size) bytes = bytes << 8U | std::to_integer<std::size_t>(b);
  return {bytes};
}

Result<Reply> selectOne(Exchange& card, std::uint8_t how, BytesView ids) {
  auto reply = card.run({0, kSelect, how, kGiveFcp, ids, kShortReply});
  if (!reply || reply->done() || reply->sw == 0x6A82) return reply;
  reply = card.run({0, kSelect, how, 0, ids, kShortReply});
  if (!reply || reply->done() || reply->sw == 0x6A82) return reply;
  return card.run({0, kSelect, how, kNoAnswer, ids, 0});
}

Result<void> updatePiece(Exchange& card, std::size_t offset, BytesView piece) {
  const auto at = bigEndian(offset);
  auto reply = card.run({0, kUpdateBinary, std::to_integer<std::uint8_t>(at[0]),
                         std::to_integer<std::uint8_t>(at[1]), piece, 0});
  if (!reply) return std::move(reply).error();
  if (reply->done()) return {};
  if (reply->sw == kSwDenied)
    return Error{Code::Denied, "the card does not let the file be written; its PIN is another one"};
  if (reply->sw == kWrongOffset || reply->sw == 0x6A84 || reply->sw == 0x6700)
    return Error{Code::Invalid, "the file on the card is too small for a key; make one of 256 bytes",
                 base::Reason::MediumTooSmall};
  return Error{Code::Io, "the card did not write the file (" + swText(reply->sw) + ")"};
}

}  // namespace

Result<std::optional<SelectedFile>> selectFile(Exchange& card, const FilePath& path) {
  base::Bytes ids;
  for (const std::uint16_t id : path) {
    for (const std::byte b : bigEndian(id)) ids.push_back(b);
  }
  auto reply = selectOne(card, kByPath, ids);
  if (!reply) return std::move(reply).error();
  if (reply->done()) return std::optional(parseFcp(reply->data.bytes()));
  if (reply->sw == 0x6A82) return std::optional<SelectedFile>();
  // Not every card knows paths: one by one from the master file.
  const auto master = bigEndian(kMasterFile);
  reply = selectOne(card, 0, master);
  if (!reply) return std::move(reply).error();
  for (std::size_t at = 0; at < ids.size() && reply->done(); at += 2) {
    reply = selectOne(card, 0, BytesView(ids).subspan(at, 2));
    if (!reply) return std::move(reply).error();
  }
  if (!reply->done()) return std::optional<SelectedFile>();
  return std::optional(parseFcp(reply->data.bytes()));
}

Result<Reply> readFile(Exchange& card, const SelectedFile& file, std::size_t most) {
  const std::size_t end = std::min(most, file.size.value_or(most));
  auto all = base::SecretBuffer::create(end);
  if (!all) return std::move(all).error();
  std::size_t size = 0;
  while (size < end) {
    const auto at = bigEndian(size);
    auto reply = card.run({0,
                           kReadBinary,
                           std::to_integer<std::uint8_t>(at[0]),
                           std::to_integer<std::uint8_t>(at[1]),
                           {},
                           std::min(end - size, kShortReply)});
    if (!reply) return std::move(reply).error();
    if (reply->sw == kWrongOffset && size > 0) break;
    if (!reply->done() && reply->sw != kEndOfFile) return Reply{{}, reply->sw};
    const BytesView got = std::as_const(reply->data).bytes();
    const std::size_t part = std::min(got.size(), end - size);
    std::ranges::copy(got.first(part), all->bytes().subspan(size).begin());
    size += part;
    const auto fill = [](std::byte b) { return b == std::byte{0} || b == std::byte{0xFF}; };
    if (part == 0 || reply->sw == kEndOfFile || std::ranges::any_of(got, fill)) break;
  }
  all->shrink(size);
  return Reply{*std::move(all), kSwDone};
}

Result<void> updateFile(Exchange& card, const SelectedFile& file, BytesView text, std::size_t old) {
  if (file.size && *file.size < text.size())
    return Error{Code::Invalid,
                 "the file on the card has " + std::to_string(*file.size) + " bytes and the key takes " +
                     std::to_string(text.size()) + "; make a file of 256 bytes",
                 base::Reason::MediumTooSmall};
  // Where the card tells no size, a zero behind the text may already be too much.
  const std::size_t end = std::max(
      text.size(), file.size ? std::min(*file.size, hal::kMaxKeyFile) : std::min(old, hal::kMaxKeyFile));
  auto whole = base::SecretBuffer::create(end);
  if (!whole) return std::move(whole).error();
  const std::size_t first = std::min(kPiece, end);
  const BytesView bytes = std::as_const(*whole).bytes();
  if (auto done = updatePiece(card, 0, bytes.first(first)); !done) return done;
  std::ranges::copy(text, whole->bytes().begin());
  for (std::size_t at = first; at < end; at += kPiece) {
    if (auto done = updatePiece(card, at, bytes.subspan(at, std::min(kPiece, end - at))); !done) return done;
  }
  return updatePiece(card, 0, bytes.first(first));
}

}  // namespace drivers::smartcard
