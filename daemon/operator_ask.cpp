#include "daemon/operator_ask.h"

#include "daemon/pin_file.h"
#include "daemon/terminal.h"

namespace kmsd {
namespace {

using base::Result;
using base::SecretBuffer;

std::string stateOf(const hal::PinQuestion& question) {
  if (!question.triesLeft) return " (" + question.application + ", it does not tell how many tries are left)";
  return " (" + question.application + ", " + std::to_string(*question.triesLeft) +
         (*question.triesLeft == 1 ? " try left)" : " tries left)");
}

std::string cardOf(const hal::PinQuestion& question) {
  return (question.card.empty() ? "the card" : "the card " + question.card) + stateOf(question);
}

}  // namespace

Result<SecretBuffer> OperatorAsk::fresh(const hal::PinQuestion& question) {
  if (question.triesLeft == 0U)
    return base::Error{base::Code::Denied, cardOf(question) + " is blocked; unblock it with its own tools",
                       base::Reason::PinBlocked};
  const bool last = question.triesLeft.value_or(1) == 1;
  if (pinFile_.empty() || (last && canAsk()))
    return askLine("PIN of " + cardOf(question) + ":", kMaxPin, false);
  if (last)
    return base::Error{
        base::Code::Denied,
        "a wrong PIN might block " + cardOf(question) + ", so the file's is not tried; type it at a terminal",
        base::Reason::PinWithheld};
  auto file = readPinFile(pinFile_);
  if (!file) return std::move(file).error();
  return std::move(file->pin);
}

// A card that took the PIN shows no fewer tries than before; one that did not is asked about again.
Result<SecretBuffer> OperatorAsk::pin(const hal::PinQuestion& question) {
  const bool again = kept_ && !question.card.empty() && kept_->card == question.card && question.triesLeft &&
                     *question.triesLeft >= kept_->triesLeft;
  if (again) return SecretBuffer::copyOf(std::as_const(kept_->pin).bytes());
  kept_.reset();
  auto pin = fresh(question);
  if (!pin || !question.triesLeft) return pin;
  auto copy = SecretBuffer::copyOf(std::as_const(*pin).bytes());
  if (!copy) return copy;
  kept_ = Kept{question.card, *question.triesLeft, *std::move(copy)};
  return pin;
}

Result<bool> OperatorAsk::confirm(const std::string& question) { return askYes(question); }

std::string asksForPin(const hal::PinQuestion& question) { return "it asks for its PIN" + stateOf(question); }

Result<SecretBuffer> PinSight::pin(const hal::PinQuestion& question) {
  seen_ = question;
  return base::Error{base::Code::Denied, asksForPin(question), base::Reason::PinNeeded};
}

Result<bool> PinSight::confirm(const std::string&) {
  return base::Error{base::Code::Unavailable, "nobody is asked"};
}

}  // namespace kmsd
