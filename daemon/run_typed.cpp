#include "daemon/run_typed.h"

#include "daemon/log.h"
#include "daemon/passphrase.h"
#include "daemon/reasons.h"
#include "daemon/terminal.h"

namespace kmsd {
namespace {

using base::Reason;
using base::Result;

constexpr std::size_t kMaxTyped = 64;  // bytes

// Errors: as askLine and normalPassphrase.
Result<UnsealRequest> askMore(const base::Error& why, const base::SecretBuffer& pwd) {
  UnsealRequest more;
  if (why.reason != Reason::PassphraseNeeded) {
    const char* const what = why.reason == Reason::Damaged ? ". Type it again" : ". Type it";
    auto typed = askLine(why.what + what + " (nothing is shown):", kMaxTyped, false);
    if (!typed) return std::move(typed).error();
    more.pwd = *std::move(typed);
    return more;
  }
  auto words = askPassphrase("Passphrase of the key (nothing is shown):");
  if (!words) return std::move(words).error();
  more.passphrase = *std::move(words);
  auto copy = base::SecretBuffer::copyOf(pwd.bytes());
  if (!copy) return std::move(copy).error();
  more.pwd = *std::move(copy);
  return more;
}

}  // namespace

Result<UnsealRequest> askKey(const RunOptions& options) {
  UnsealRequest typed;
  if (!options.prompt) return typed;
  if (!canAsk())
    return base::Error{base::Code::Unavailable,
                       "prompt: needs a terminal; start without it and use 'kmsctl unseal'"};
  auto pwd = askLine("Type the 14 characters of the key (nothing is shown):", kMaxTyped, false);
  if (!pwd) return std::move(pwd).error();
  typed.pwd = *std::move(pwd);
  return typed;
}

void offerTyped(Keeper& keeper, UnsealRequest typed) {
  for (;;) {
    const auto pwd = base::SecretBuffer::copyOf(std::as_const(*typed.pwd).bytes());
    auto opened = pwd ? keeper.unseal(std::move(typed)) : Result<void>(pwd.error());
    if (opened) return;
    const Reason reason = opened.error().reason;
    const bool more =
        reason == Reason::SharesNeeded || reason == Reason::PassphraseNeeded || reason == Reason::Damaged;
    if (!more || !canAsk())
      return log::warning("the typed key was refused: " + opened.error().what, rowOf(reason).event);
    auto next = askMore(opened.error(), *pwd);
    if (!next && next.error().reason == Reason::Interrupted)
      return log::warning("no more was typed; the server stays sealed until 'kmsctl unseal --type' opens it");
    if (!next) return log::warning("no more was typed: " + next.error().what);
    typed = *std::move(next);
  }
}

}  // namespace kmsd
