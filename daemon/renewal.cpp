#include "daemon/renewal.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "daemon/act_as_owner.h"
#include "daemon/cli.h"
#include "daemon/interrupt.h"
#include "daemon/slot_cost.h"
#include "daemon/terminal.h"
#include "hal/base/rng.h"
#include "kms/audit/audit_writer.h"
#include "kms/keys/vault.h"
#include "kms/tokens/token_sequence.h"

namespace kmsd {
namespace {

using base::Result;

// Opened with the first medium that was shown, as the daemon does.
Result<void> unseal(kms::Vault& vault, const MediaRound& round) {
  auto offer = round.first().offer();
  if (!offer) return std::move(offer).error();
  auto opened = vault.unseal(*std::move(offer));
  if (!opened) return std::move(opened).error();
  return {};
}

std::vector<kms::SlotFacts> unnamed(std::vector<kms::SlotFacts> missing,
                                    const std::vector<base::Uuid>& leaving) {
  std::erase_if(missing, [&](const kms::SlotFacts& slot) {
    return slot.header && std::ranges::find(leaving, slot.header->medium) != leaving.end();
  });
  return missing;
}

// Media that were not shown, and nobody said that they may go.
base::Error notShown(const std::vector<kms::SlotFacts>& missing) {
  std::string names;
  for (const kms::SlotFacts& slot : missing) names += (names.empty() ? "" : ", ") + nameOf(slot);
  return {base::Code::Denied,
          "not shown, and would open nothing any more: " + names +
              "; name each that stays with --medium, and each that goes with --drop; nothing was done",
          base::Reason::Forbidden};
}

Result<void> reseal(const OfflineServer& server, const MediaRound& round) {
  kms::Vault vault(server.store(), server.header().server, base::systemRng());
  if (auto opened = unseal(vault, round); !opened) return opened;
  kms::Resealer resealer(vault, server.store(),
                         server.records(kms::Event::RootRenewalEnded, server.header().server.text(), ""));
  const bool shows = ::isatty(STDERR_FILENO) == 1;
  for (;;) {
    const auto left = resealer.step();
    if (shows) std::cerr << "\r" << resealer.rows() << " rows sealed anew\x1b[K" << std::flush;
    if (!left || !*left) {
      if (shows) std::cerr << "\r\x1b[K" << std::flush;
      if (!left) return base::Error(left.error());
      break;
    }
  }
  InterruptWatch::changing("the root key is new, and nothing is left under the old one");
  std::cout << resealer.rows() << " rows were sealed anew; nothing is left under the old root key.\n";
  return {};
}

}  // namespace

std::string_view unfinishedRenewal() noexcept {
  return "a renewal of the root key was interrupted: the server ends it when it is opened, or 'kmsd rotate' "
         "does";
}

Result<void> checkAllNamed(const MediaRound& round, const std::vector<base::Uuid>& leaving) {
  if (canAsk()) return {};
  const auto missing = round.missing();
  if (!missing) return base::Error(missing.error());
  const auto others = unnamed(*missing, leaving);
  return others.empty() ? Result<void>() : notShown(others);
}

Result<bool> finishRenewal(const OfflineServer& server, const MediaRound& round) {
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return std::move(acting).error();
  const auto due = kms::Resealer::due(server.store());
  if (!due || !*due) return due;
  std::cout << "A renewal of the root key was interrupted; it is ended now.\n";
  InterruptWatch::changing(std::string(unfinishedRenewal()));
  if (auto done = reseal(server, round); !done) return std::move(done).error();
  return true;
}

Result<void> renewRootKey(const OfflineServer& server, MediaRound& round,
                          const std::vector<base::Uuid>& leaving, const kms::SlotDesk::Along& also) {
  const auto agreed = round.askForOthers(leaving);
  if (!agreed) return base::Error(agreed.error());
  const auto missing = round.missing();
  if (!missing) return base::Error(missing.error());
  if (const auto others = unnamed(*missing, leaving); !others.empty() && !*agreed) return notShown(others);

  const auto stay = round.staying(leaving);
  std::string names;
  for (const kms::StayingSlot& slot : stay) names += (names.empty() ? "" : " ") + slot.medium.text();
  InterruptWatch::changing("the root key may be new already; " + std::string(unfinishedRenewal()));
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return acting;
  const auto checkpoint = kms::notedCheckpoint(server.store(), server.dir().audit());
  if (!checkpoint) return base::Error(checkpoint.error());
  const auto recorded =
      server.records(kms::Event::RootRenewed, server.header().server.text(), "media that stay: " + names);
  auto renewed =
      kms::renewRoot(round.desk(), stay, *checkpoint, slotCost(), [&](kms::Txn& txn) -> Result<void> {
        if (auto done = recorded(txn); !done) return done;
        return also ? also(txn) : Result<void>();
      });
  if (!renewed) return renewed;
  for (const base::Uuid& gone : leaving) round.drop(gone);
  std::cout << "The root key is new. These media open the server:\n";
  for (const ShownMedium& shown : round.shown())
    std::cout << "  " << shown.medium.text() << "  \"" << printable(shown.label) << "\"\n";
  return reseal(server, round);
}

Result<void> renewTokenKeys(const OfflineServer& server, const MediaRound& round) {
  const ActAsOwner owner(server.dir().root());
  if (auto acting = owner.check(); !acting) return acting;
  kms::Vault vault(server.store(), server.header().server, base::systemRng());
  if (auto opened = unseal(vault, round); !opened) return opened;
  InterruptWatch::changing("the root key is new; run the command again for new token keys");
  const auto first = [](kms::Txn& txn) { return kms::TokenSequence().mark(txn); };
  const auto generation =
      kms::renewTokenKeys(vault, server.store(), first, base::systemClock(), base::systemRng(),
                          server.records(kms::Event::TokenKeysRenewed, server.header().server.text(), ""));
  if (!generation) return base::Error(generation.error());
  InterruptWatch::changing("the root key and the token keys are new");
  std::cout << "Generation " << *generation
            << " of the token keys makes new tokens; those of before count until they expire.\n";
  return {};
}

}  // namespace kmsd
