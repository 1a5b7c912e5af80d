#include "drivers/smartcard/card_medium.h"

#include "drivers/smartcard/connection.h"

namespace drivers::smartcard {
namespace {

using base::Code;
using base::Deadline;
using base::Error;
using base::Result;
using base::SecretBuffer;

constexpr int kRounds = 3;  // with a card that is exchanged or reset again and again

hal::PinQuestion questionFor(const Shown& shown) {
  hal::PinQuestion question;
  question.application = shown.profile->title;
  question.card = shown.card;
  question.triesLeft = shown.tries;
  if (shown.owner) {
    question.server = shown.owner->server;
    question.medium = shown.owner->medium;
  }
  return question;
}

}  // namespace

Result<CardMedium::Seen> CardMedium::identify(PcscSession& session, const Place& place, Deadline by) {
  for (int round = 1;; ++round) {
    const auto look = [&]() -> Result<Seen> {
      const auto connection = CardConnection::open(session, place.reader, by);
      if (!connection) return connection.error();
      auto card = Exchange::create(**connection, by);
      if (!card) return std::move(card).error();
      auto shown = chooseApplication(*card, place.target, place.access);
      if (!shown) return std::move(shown).error();
      return Seen{*std::move(shown), (*connection)->stamp()};
    };
    auto seen = look();
    if (seen || seen.error().code != Code::Conflict || round == kRounds) return seen;
  }
}

Result<CardMedium::Use> CardMedium::use(PcscSession& session, const Place& place, const Seen& seen, Pin* pin,
                                        const Action& action, Deadline by) {
  for (int round = 1;; ++round) {
    const auto act = [&]() -> Result<Use> {
      const auto connection = CardConnection::open(session, place.reader, by);
      if (!connection) return connection.error();
      auto card = Exchange::create(**connection, by);
      if (!card) return std::move(card).error();
      if ((*connection)->stamp() != seen.stamp) return Use{true, {}};
      const auto shown = chooseApplication(*card, place.target, place.access);
      if (!shown) return shown.error();
      if (*shown != seen.shown) return Use{true, {}};
      if (pin != nullptr) {
        pin->given = true;
        const auto verified = verifyPin(*card, *shown, std::as_const(pin->digits).bytes());
        pin->digits.clear();
        if (!verified) return verified.error();
      }
      auto text = action(*card, *shown, place.target);
      if (!text) return std::move(text).error();
      return Use{false, *std::move(text)};
    };
    auto used = act();
    const bool again = !used && used.error().code == Code::Conflict &&
                       used.error().reason == base::Reason::None && round < kRounds &&
                       (pin == nullptr || !pin->given);
    if (!again) return used;
  }
}

Result<void> CardMedium::prepare(Deadline& by) {
  const auto span = by.remaining();
  seen_.reset();
  pin_.reset();
  auto seen = workers_->run<Seen>(
      [place = place_, by](PcscSession& session) { return identify(session, place, by); }, by);
  if (!seen) return std::move(seen).error();
  if (seen->shown.pin) {
    if (seen->shown.tries == 0U)
      return Error{Code::Denied,
                   "the card's PIN is blocked; unblock it with the card's own tools, or take another card",
                   base::Reason::PinBlocked};
    auto digits = ask_.pin(questionFor(seen->shown));
    if (!digits) return std::move(digits).error();
    pin_ = std::make_shared<Pin>();
    pin_->digits = *std::move(digits);
    by = Deadline::in(span);
  }
  seen_ = *std::move(seen);
  return {};
}

Result<std::unique_ptr<hal::Medium>> CardMedium::open(std::shared_ptr<Workers> workers, CardTarget target,
                                                      std::string reader, hal::MediumId id,
                                                      hal::Access access, hal::Ask& ask, Deadline by) {
  std::unique_ptr<CardMedium> made(new CardMedium(
      std::move(workers), {std::move(target), std::move(reader), access}, {std::move(id), 0, false}, ask));
  if (auto ready = made->prepare(by); !ready) return std::move(ready).error();
  return std::unique_ptr<hal::Medium>(std::move(made));
}

Result<SecretBuffer> CardMedium::perform(const Action& action, Deadline by) {
  for (int round = 0; round < kRounds; ++round) {
    if (!seen_) {
      if (auto ready = prepare(by); !ready) return std::move(ready).error();
    }
    const auto pin = std::exchange(pin_, nullptr);
    auto used = workers_->run<Use>(
        [place = place_, seen = *std::exchange(seen_, std::nullopt), pin, action, by](PcscSession& session) {
          return use(session, place, seen, pin.get(), action, by);
        },
        by);
    if (!used) return std::move(used).error();
    if (!used->exchanged) return std::move(used->text);
  }
  return Error{Code::NotFound,
               "the card was exchanged each time before it could be used; leave one in the reader"};
}

Result<SecretBuffer> CardMedium::readKeyFile(Deadline by) {
  return perform([](Exchange& card, const Shown& shown,
                    const CardTarget& target) { return readKey(card, shown, target); },
                 by);
}

Result<void> CardMedium::writeKeyFile(base::BytesView text, hal::Overwrite consent, Deadline by) {
  if (place_.access != hal::Access::Write)
    return Error{Code::Invalid, info_.id.uri() + " was opened for reading only"};
  auto copy = SecretBuffer::copyOf(text);
  if (!copy) return std::move(copy).error();
  const auto held = std::make_shared<SecretBuffer>(*std::move(copy));
  auto done = perform(
      [held, consent](Exchange& card, const Shown& shown, const CardTarget& target) -> Result<SecretBuffer> {
        auto written = writeKey(card, shown, target, std::as_const(*held).bytes(), consent);
        if (!written) return std::move(written).error();
        return SecretBuffer();
      },
      by);
  if (!done) return std::move(done).error();
  return {};
}

}  // namespace drivers::smartcard
