#include <algorithm>

#include "drivers/smartcard/application.h"
#include "drivers/smartcard/card_object.h"
#include "drivers/smartcard/pin_tries.h"
#include "hal/key_file.h"

namespace drivers::smartcard {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Reason;
using base::Result;

constexpr std::uint8_t kVerify = 0x20;

Error blocked() {
  return {Code::Denied,
          "the card's PIN is blocked; unblock it with the card's own tools, or take another card",
          Reason::PinBlocked};
}

Error refused(std::optional<unsigned> tries) {
  if (tries == 0U) return blocked();
  if (!tries)
    return {Code::Denied, "the card refuses the PIN and does not tell how many tries are left",
            Reason::PinWrong};
  return {Code::Denied,
          "the card refuses the PIN; " + (*tries == 1 ? "1 try is" : std::to_string(*tries) + " tries are") +
              " left",
          Reason::PinWrong};
}

// Status words by which cards refuse a PIN: most say 63Cx, some 6982, and of a wrong length 6700 or 6A80.
bool isRefusal(std::uint16_t sw) noexcept {
  return (sw & 0xFF00U) == 0x6300 || sw == kSwDenied || sw == 0x6700 || sw == 0x6A80;
}

Result<base::SecretBuffer> pinBlock(const Profile& profile, BytesView pin) {
  if (pin.size() < profile.pinLeast || pin.size() > profile.pinMost)
    return Error{Code::Denied,
                 "a PIN of a card's " + std::string(profile.title) + " application has " +
                     std::to_string(profile.pinLeast) + " to " + std::to_string(profile.pinMost) +
                     " characters; nothing was given to the card",
                 Reason::PinNeeded};
  auto block = base::SecretBuffer::create(profile.pinPadded ? profile.pinMost : pin.size());
  if (!block) return block;
  std::ranges::fill(block->bytes(), std::byte{0xFF});
  std::ranges::copy(pin, block->bytes().begin());
  return block;
}

Result<void> checkConsent(Content key, Content open, hal::Overwrite consent) {
  if (key == Content::Key && consent != hal::Overwrite::Key)
    return Error{Code::Conflict,
                 "the card holds a key, which would be lost; take another card, or say that the key is to be "
                 "destroyed",
                 Reason::MediumHoldsKey};
  const bool other = key == Content::Other || open == Content::Other;
  if (other && consent == hal::Overwrite::Empty)
    return Error{
        Code::Conflict,
        "the card's object holds other data, which would be lost; take another card, or say that it is to be "
        "formatted",
        Reason::MediumHoldsFiles};
  return {};
}

// Its bytes; none where there is no such object.
Result<base::SecretBuffer> present(Exchange& card, const Shown& shown, const CardTarget& target,
                                   Object object) {
  if (!hasObject(*shown.profile, target, object)) return base::SecretBuffer();
  auto reply = getObject(card, *shown.profile, target, object);
  if (!reply) return std::move(reply).error();
  if (reply->done()) return std::move(reply->data);
  if (absent(reply->sw)) return base::SecretBuffer();
  if (reply->sw == kSwDenied)
    return Error{Code::Denied,
                 "the card does not let its object be read" +
                     std::string(shown.pin ? " with this PIN" : "; name its PIN by the option pin="),
                 shown.pin ? Reason::None : Reason::PinNeeded};
  return Error{Code::Io, "the card did not read its object (" + swText(reply->sw) + "); insert it again"};
}

Result<void> readsBack(Exchange& card, const Shown& shown, const CardTarget& target, Object object,
                       BytesView written) {
  const auto back = present(card, shown, target, object);
  if (!back) return back.error();
  if (base::equalConstantTime(textIn(back->bytes()), written)) return {};
  return Error{Code::Io, "the card does not give back what was written; take another card"};
}

}  // namespace

Result<void> verifyPin(Exchange& card, const Shown& shown, BytesView pin) {
  const auto block = pinBlock(*shown.profile, pin);
  if (!block) return block.error();
  const auto sw = card.once({0, kVerify, 0, shown.pin.value_or(0), block->bytes(), 0});
  if (!sw) {
    Error why = sw.error();
    why.what = "the card was lost while it had the PIN, and a try may be used up: " + why.what;
    return why;
  }
  if (*sw == kSwDone) return {};
  if (*sw == kSwBlocked) return blocked();
  if (!isRefusal(*sw)) return Error{Code::Io, "the card takes no PIN here (" + swText(*sw) + ")"};
  if (const auto tries = triesIn(*sw)) return refused(tries);
  Shown now = shown;
  const auto looked = lookAtTries(card, now);
  return refused(looked && now.pin ? now.tries : std::nullopt);
}

Result<base::SecretBuffer> readKey(Exchange& card, const Shown& shown, const CardTarget& target) {
  const auto object = present(card, shown, target, Object::Key);
  if (!object) return object.error();
  switch (contentOf(object->bytes())) {
    case Content::Key:
      return base::SecretBuffer::copyOf(textIn(object->bytes()));
    case Content::Nothing:
      return Error{Code::NotFound,
                   "the card's " + std::string(shown.profile->title) + " application holds no key",
                   Reason::Blank};
    case Content::Other:
      break;
  }
  return Error{Code::Corrupt, "the card's object holds other data and no key", Reason::NotFat};
}

Result<void> writeKey(Exchange& card, const Shown& shown, const CardTarget& target, BytesView keyFile,
                      hal::Overwrite consent) {
  const Profile& profile = *shown.profile;
  if (!profile.madeWith.empty())
    return Error{Code::Unsupported,
                 "a card's " + std::string(profile.title) +
                     " application is written by its own program: " + std::string(profile.madeWith)};
  const auto text = cardText(keyFile);
  if (!text) return text.error();
  const auto oldKey = present(card, shown, target, Object::Key);
  if (!oldKey) return oldKey.error();
  const auto oldOpen = present(card, shown, target, Object::Open);
  if (!oldOpen) return oldOpen.error();
  Content open = contentOf(oldOpen->bytes());
  if (ownerIn(oldOpen->bytes())) open = Content::Nothing;  // ours, and the key beside it decides
  if (auto good = checkConsent(contentOf(oldKey->bytes()), open, consent); !good) return good;

  const bool tells = hasObject(profile, target, Object::Open);
  // The owner's name goes first and comes last, so that a torn write never names an owner of another key.
  if (tells && ownerIn(oldOpen->bytes())) {
    const auto none = base::asBytes(kNoOwner);
    if (auto done = putObject(card, profile, target, Object::Open, none, oldOpen->size()); !done) return done;
  }
  if (auto done = putObject(card, profile, target, Object::Key, text->bytes(), oldKey->size()); !done)
    return done;
  const std::string lines = openLines(text->bytes());
  if (tells) {
    const auto put = putObject(card, profile, target, Object::Open, base::asBytes(lines), oldOpen->size());
    if (!put) return put.error();
  }
  if (auto same = readsBack(card, shown, target, Object::Key, text->bytes()); !same) return same;
  if (!tells) return {};
  return readsBack(card, shown, target, Object::Open, base::asBytes(lines));
}

}  // namespace drivers::smartcard
