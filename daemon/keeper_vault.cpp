// The keeper over the real vault and the real reader.
#include "daemon/keeper.h"

namespace kmsd {
namespace {

std::optional<VaultPort> portOf(kms::Vault* vault) {
  if (vault == nullptr) return std::nullopt;
  return VaultPort{[vault](kms::KeyOffer offer) { return vault->unseal(std::move(offer)); },
                   [vault](const kms::KeyOffer& offer) { return vault->check(offer); },
                   [vault] { vault->seal(); }, [vault] { return vault->sealed(); }};
}

}  // namespace

Keeper::Keeper(KeeperOptions options, kms::Vault* vault, std::optional<base::Error> fault,
               const base::Clock& clock, Events events)
    : Keeper(std::move(options), portOf(vault), ReaderClient::start, std::move(fault), clock,
             std::move(events)) {}

}  // namespace kmsd
