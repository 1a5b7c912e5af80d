#include "drivers/smartcard/card_object.h"

#include "drivers/smartcard/card_file.h"
#include "drivers/smartcard/tlv.h"
#include "hal/key_file.h"

namespace drivers::smartcard {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Result;

constexpr std::uint8_t kGetData = 0xCA;
constexpr std::uint8_t kGetDataByTag = 0xCB;
constexpr std::uint8_t kPutData = 0xDA;
constexpr std::uint16_t kNoFile = 0x6A82;
constexpr std::uint32_t kPivValue = 0x53;
constexpr std::uint32_t kPivInner = 0x88;

const FilePath& pathOf(const CardTarget& target, Object object) noexcept {
  return object == Object::Key ? target.file : target.info;
}
std::uint32_t tagOf(const Profile& profile, Object object) noexcept {
  return object == Object::Key ? profile.keyObject : profile.openObject;
}

// What is inside the tags that PIV puts around a value. A writer may put 88 around the text, or nothing.
Result<Reply> unwrapped(Reply reply) {
  const BytesView all = std::as_const(reply.data).bytes();
  BytesView value = findTlv(all, kPivValue).value_or(all);
  if (!value.empty() && value.front() == std::byte{kPivInner})
    value = findTlv(value, kPivInner).value_or(value);
  auto inside = base::SecretBuffer::copyOf(value);
  if (!inside) return std::move(inside).error();
  return Reply{*std::move(inside), reply.sw};
}

}  // namespace

bool absent(std::uint16_t sw) noexcept { return sw == kNoFile || sw == 0x6A83 || sw == 0x6A88; }

bool hasObject(const Profile& profile, const CardTarget& target, Object object) noexcept {
  return profile.via == Via::File ? !pathOf(target, object).empty() : tagOf(profile, object) != 0;
}

Result<Reply> getData(Exchange& card, std::uint32_t tag) {
  return card.run({0,
                   kGetData,
                   static_cast<std::uint8_t>(tag >> 8U & 0xFFU),
                   static_cast<std::uint8_t>(tag & 0xFFU),
                   {},
                   kShortReply});
}

Result<Reply> getPivData(Exchange& card, std::uint32_t tag) {
  const std::byte bytes[] = {static_cast<std::byte>(tag >> 16U & 0xFFU),
                             static_cast<std::byte>(tag >> 8U & 0xFFU), static_cast<std::byte>(tag & 0xFFU)};
  const base::Bytes list = makeTlv(0x5C, bytes);
  auto reply = card.run({0, kGetDataByTag, 0x3F, 0xFF, list, kShortReply});
  if (!reply || !reply->done()) return reply;
  return unwrapped(*std::move(reply));
}

Result<Reply> getObject(Exchange& card, const Profile& profile, const CardTarget& target, Object object) {
  switch (profile.via) {
    case Via::Tag:
      return getData(card, tagOf(profile, object));
    case Via::PivTag:
      return getPivData(card, tagOf(profile, object));
    case Via::File:
      break;
  }
  const auto file = selectFile(card, pathOf(target, object));
  if (!file) return file.error();
  if (!*file) return Reply{{}, kNoFile};
  return readFile(card, **file, hal::kMaxKeyFile + 1);
}

Result<void> putObject(Exchange& card, const Profile& profile, const CardTarget& target, Object object,
                       BytesView content, std::size_t old) {
  if (profile.via == Via::File) {
    const auto file = selectFile(card, pathOf(target, object));
    if (!file) return file.error();
    if (!*file) return Error{Code::NotFound, "the file was on the card and is there no more"};
    return updateFile(card, **file, content, old);
  }
  const std::uint32_t tag = tagOf(profile, object);
  auto reply = card.run({0, kPutData, static_cast<std::uint8_t>(tag >> 8U & 0xFFU),
                         static_cast<std::uint8_t>(tag & 0xFFU), content, 0});
  if (!reply) return std::move(reply).error();
  if (reply->done()) return {};
  if (reply->sw == kSwDenied)
    return Error{Code::Denied, "the card does not let its object be written with this PIN"};
  if (reply->sw == 0x6700 || reply->sw == 0x6A84)
    return Error{Code::Invalid, "the card's object is too small for a key; take another card",
                 base::Reason::MediumTooSmall};
  return Error{Code::Io, "the card did not write its object (" + swText(reply->sw) + ")"};
}

}  // namespace drivers::smartcard
