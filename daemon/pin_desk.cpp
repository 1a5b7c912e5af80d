#include "daemon/pin_desk.h"

#include "daemon/pin_file.h"

namespace kmsd {
namespace {

using base::Code;
using base::Error;
using base::Reason;
using base::Result;
using base::SecretBuffer;

Error withheld(std::string what) { return {Code::Denied, std::move(what), Reason::PinWithheld}; }

std::string tries(const hal::PinQuestion& question) {
  if (!question.triesLeft) return "it does not tell how many tries are left";
  return std::to_string(*question.triesLeft) + (*question.triesLeft == 1 ? " try left" : " tries left");
}

std::string name(const hal::PinQuestion& question) {
  return question.card.empty() ? "the card (" + question.application + ")" : "card " + question.card;
}

}  // namespace

void PinDesk::begin(PinOrder* order) {
  order_ = order;
  given_ = false;
  card_.clear();
  source_.clear();
  refusal_.reset();
}

Result<bool> PinDesk::confirm(const std::string&) { return Error{Code::Unavailable, "nobody can be asked"}; }

Result<SecretBuffer> PinDesk::pin(const hal::PinQuestion& question) {
  auto pin = decide(question);
  if (!pin) refusal_ = pin.error();
  return pin;
}

// A strange card never gets the PIN; nor does any, where the next wrong one would block it.
Result<void> PinDesk::mayHave(const hal::PinQuestion& question) const {
  if (question.server && *question.server != server_)
    return Error{Code::Denied,
                 "this card belongs to server " + question.server->text() + ", not to " + server_.text(),
                 Reason::Foreign};
  if (question.triesLeft == 0U)
    return Error{Code::Denied, name(question) + " is blocked: no try is left; unblock it with its own tools",
                 Reason::PinBlocked};
  if (order_ != nullptr && !order_->card.empty() && order_->card != question.card)
    return withheld(name(question) + " is not the card " + order_->card + ", for which the PIN is");
  const bool named = order_ != nullptr && !question.card.empty() && order_->card == question.card;
  if (!question.server && !named && !ledger_.known(question.card)) {
    if (question.card.empty())
      return withheld("the card (" + question.application +
                      ") tells neither a server nor a number, so it gets no PIN");
    return withheld(name(question) +
                    " does not say whose key it carries; if it is this server's, type: kmsctl unseal "
                    "--pin --card '" +
                    question.card + "'");
  }
  if (question.triesLeft.value_or(1) <= 1 && !(order_ != nullptr && order_->lastTry))
    return withheld(name(question) + ": " + tries(question) +
                    ", so its PIN is not tried; if you are sure of it, type: kmsctl unseal --pin --last-try");
  return {};
}

Result<SecretBuffer> PinDesk::fromFile(const hal::PinQuestion& question) {
  auto file = readPinFile(pinFile_);
  if (!file) return withheld(name(question) + " asks for its PIN, and " + file.error().what);
  const bool spent = question.triesLeft && ledger_.trying(question.card, file->source) > question.triesLeft;
  if (spent)  // it was given before, its answer was lost, and it cost a try
    if (auto kept = ledger_.refuse(question.card, file->source); !kept) return std::move(kept).error();
  if (order_ == nullptr && ledger_.refused(question.card, file->source))
    return withheld(name(question) + " refused the PIN in " + pinFile_.string() + " before (" +
                    tries(question) + "); write the right one into it and type: kmsctl unseal");
  // Before it is given, so that no crash makes it look untried.
  if (auto kept = ledger_.startTrying(question.card, file->source, question.triesLeft.value_or(0)); !kept)
    return withheld("the PIN cannot be given, because that cannot be recorded: " + kept.error().what);
  source_ = file->source;
  return std::move(file->pin);
}

Result<SecretBuffer> PinDesk::decide(const hal::PinQuestion& question) {
  const bool typed = order_ != nullptr && order_->pin;
  if (given_) return withheld(name(question) + " asked a second time; it gets one PIN a reading");
  if (order_ != nullptr && order_->given)
    return withheld(name(question) + " asks for its PIN too; what was typed went to another card");
  if (auto loaded = ledger_.load(); !loaded) return withheld(loaded.error().what);
  if (auto may = mayHave(question); !may) return std::move(may).error();
  if (!typed && pinFile_.empty())
    return Error{Code::Unavailable,
                 name(question) + " asks for its PIN (" + tries(question) + "); type: kmsctl unseal --pin",
                 Reason::PinNeeded};
  if (!typed && question.card.empty())  // nothing that could be remembered of it
    return withheld(name(question) + " tells no number, so its PIN is typed: kmsctl unseal --pin");
  auto pin = typed ? Result<SecretBuffer>(*std::exchange(order_->pin, std::nullopt)) : fromFile(question);
  if (!pin) return pin;
  given_ = true;
  card_ = question.card;
  if (order_ != nullptr) order_->given = true;
  return pin;
}

Result<void> PinDesk::end(const Error* failure) {
  order_ = nullptr;
  if (card_.empty()) return {};
  if (failure == nullptr) return ledger_.accepted(card_, source_);
  const bool refused = failure->reason == Reason::PinWrong || failure->reason == Reason::PinBlocked;
  if (refused && !source_.empty()) return ledger_.refuse(card_, source_);
  return {};
}

Result<void> PinDesk::opened() {
  if (card_.empty()) return {};
  return ledger_.know(std::exchange(card_, {}));
}

}  // namespace kmsd
