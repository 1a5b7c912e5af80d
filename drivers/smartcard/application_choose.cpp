#include <algorithm>

#include "drivers/smartcard/application.h"
#include "drivers/smartcard/atr.h"
#include "drivers/smartcard/card_file.h"
#include "drivers/smartcard/card_object.h"
#include "drivers/smartcard/pin_tries.h"
#include "drivers/smartcard/tlv.h"

namespace drivers::smartcard {
namespace {

using base::BytesView;
using base::Code;
using base::Error;
using base::Result;

constexpr std::uint8_t kSelect = 0xA4;
constexpr std::uint8_t kByAid = 0x04;
constexpr std::size_t kMostSerial = 32;  // bytes of a card's number

enum class Holds : std::uint8_t { Nothing, Perhaps, Surely };

struct Candidate {
  Shown shown;
  Holds holds = Holds::Nothing;
};

// A number that tells cards apart: not empty, not all zero.
std::string numbered(const Profile& profile, BytesView number) {
  if (std::ranges::all_of(number, [](std::byte b) { return b == std::byte{0}; })) return {};
  return std::string(profile.title) + " " + base::toHex(number.first(std::min(number.size(), kMostSerial)));
}

Result<bool> select(Exchange& card, const Profile& profile, const CardTarget& target) {
  if (profile.via == Via::File) {
    auto file = selectFile(card, target.file);
    if (!file) return std::move(file).error();
    return file->has_value();
  }
  const BytesView aid = std::as_bytes(profile.aid);
  auto reply = card.run({0, kSelect, kByAid, 0, aid, kShortReply});
  if (!reply) return std::move(reply).error();
  return reply->done();
}

Result<std::optional<Owner>> openOwner(Exchange& card, const Profile& profile, const CardTarget& target) {
  if (!hasObject(profile, target, Object::Open)) return std::optional<Owner>();
  auto reply = getObject(card, profile, target, Object::Open);
  if (!reply) return std::move(reply).error();
  return reply->done() ? ownerIn(std::as_const(reply->data).bytes()) : std::nullopt;
}

// Application related data (6E) has all in one: number, capabilities, lengths.
Result<Candidate> lookOpenPgp(Exchange& card, const Profile& profile, const CardTarget& target) {
  Candidate found{{&profile, {}, {}, profile.pin, {}}, Holds::Perhaps};
  auto reply = getData(card, 0x6E);
  if (!reply) return std::move(reply).error();
  const BytesView all = std::as_const(reply->data).bytes();
  const BytesView data = findTlv(all, 0x6E).value_or(all);
  const auto aid = findTlv(data, 0x4F);
  if (aid && aid->size() == 16) found.shown.card = numbered(profile, aid->subspan(8, 6));
  BytesView abilities = findTlv(data, {0x73, 0xC0}).value_or(BytesView{});
  if (abilities.empty()) abilities = findTlv(data, 0xC0).value_or(BytesView{});
  constexpr unsigned kPrivateObjects = 0x08;
  if (!abilities.empty() && (std::to_integer<unsigned>(abilities[0]) & kPrivateObjects) == 0)
    found.holds = Holds::Nothing;
  const bool extended = cardCapabilities(findTlv(data, 0x5F52).value_or(BytesView{})).extended ||
                        findTlv(data, 0x7F66).has_value() || findTlv(data, {0x73, 0x7F66}).has_value();
  if (extended) card.allowExtended(true);
  auto owner = openOwner(card, profile, target);
  if (!owner) return std::move(owner).error();
  found.shown.owner = *owner;
  if (found.shown.owner) found.holds = Holds::Surely;
  return found;
}

Result<Candidate> lookPiv(Exchange& card, const Profile& profile, const CardTarget& target,
                          hal::Access access) {
  Candidate found{{&profile, {}, {}, profile.pin, {}}, Holds::Nothing};
  const auto chuid = getPivData(card, 0x5FC102);
  if (!chuid) return chuid.error();
  const auto guid = findTlv(chuid->data.bytes(), 0x34);
  if (chuid->done() && guid && guid->size() == base::Uuid::kSize) found.shown.card = numbered(profile, *guid);
  const auto key = getObject(card, profile, target, Object::Key);
  if (!key) return key.error();
  if (key->done() && contentOf(key->data.bytes()) == Content::Key) {
    found.holds = Holds::Surely;
    found.shown.pin.reset();  // it is open to all
  } else if (key->sw == kSwDenied || access == hal::Access::Write) {
    found.holds = Holds::Perhaps;
  }
  return found;
}

Result<Candidate> lookFile(Exchange& card, const Profile& profile, const CardTarget& target) {
  Candidate found{{&profile, {}, {}, target.pin, {}}, Holds::Surely};
  constexpr std::uint16_t kSerialFile = 0x2F02;
  const auto serial = selectFile(card, {kSerialFile});
  if (!serial) return serial.error();
  if (*serial) {
    const auto reply = readFile(card, **serial, kMostSerial * 4);
    if (!reply) return reply.error();
    const auto number = findTlv(reply->data.bytes(), 0x5A);
    if (reply->done() && number) found.shown.card = numbered(profile, *number);
  }
  auto owner = openOwner(card, profile, target);
  if (!owner) return std::move(owner).error();
  found.shown.owner = *owner;
  return found;
}

Result<Candidate> look(Exchange& card, const Profile& profile, const CardTarget& target, hal::Access access) {
  switch (profile.application) {
    case Application::OpenPgp:
      return lookOpenPgp(card, profile, target);
    case Application::Piv:
      return lookPiv(card, profile, target, access);
    case Application::Iso:
      break;
  }
  return lookFile(card, profile, target);
}

Error nothingHere(const CardTarget& target, const std::optional<Candidate>& best) {
  if (best)
    return {Code::NotFound,
            "the card's " + std::string(best->shown.profile->title) + " application holds no key",
            base::Reason::Blank};
  return {
      Code::Unsupported,
      target.file.empty()
          ? "the card has no application that can hold a key (OpenPGP, PIV); a file on it is named by ?file="
          : "the card has no OpenPGP or PIV application and not the file that was named",
      base::Reason::Blank};
}

}  // namespace

Result<Shown> chooseApplication(Exchange& card, const CardTarget& target, hal::Access access) {
  std::optional<Candidate> best;
  const Profile* selected = nullptr;
  for (const Profile& profile : profiles()) {
    if (target.only.value_or(profile.application) != profile.application) continue;
    if (profile.via == Via::File && target.file.empty()) continue;
    const auto here = select(card, profile, target);
    if (!here) return here.error();
    // What is selected after a failure is the card's secret: a search by ids leaves the master file, say.
    selected = *here ? &profile : nullptr;
    if (!*here) continue;
    auto found = look(card, profile, target, access);
    if (!found) return std::move(found).error();
    if (!best || found->holds > best->holds) best = *std::move(found);
    if (best->holds == Holds::Surely) break;
  }
  if (!best || best->holds == Holds::Nothing) return nothingHere(target, best);
  const Profile& profile = *best->shown.profile;
  if (selected != &profile || profile.via == Via::File) {
    const auto again = select(card, profile, target);
    if (!again) return again.error();
    if (!*again)
      return Error{Code::Corrupt, "the card has its application and has it not; take another card"};
  }
  if (auto tries = lookAtTries(card, best->shown); !tries) return std::move(tries).error();
  return best->shown;
}

}  // namespace drivers::smartcard
