// The keeper over the real vault and the real reader.
#include "daemon/keeper.h"

namespace kmsd {

std::optional<VaultPort> portOf(kms::Vault* vault) {
  if (vault == nullptr) return std::nullopt;
  return VaultPort{[vault](kms::KeyOffer offer) { return vault->unseal(std::move(offer)); },
                   [vault](const kms::KeyOffer& offer) { return vault->check(offer); },
                   [vault] { vault->seal(); }, [vault] { return vault->sealed(); }};
}

VaultPort portOf(kms::Vault& vault, kms::AuditLog& audit) {
  VaultPort port = *portOf(&vault);
  port.seal = [&vault, &audit] {
    audit.sealing();
    vault.seal();
  };
  port.verifyAudit = [&audit](const std::string& acceptedBy) { return audit.unsealed(acceptedBy); };
  return port;
}

Keeper::Keeper(KeeperOptions options, std::optional<VaultPort> vault, std::optional<base::Error> fault,
               const base::Clock& clock, Events events)
    : Keeper(std::move(options), std::move(vault), ReaderClient::start, std::move(fault), clock,
             std::move(events)) {}

Keeper::Keeper(KeeperOptions options, kms::Vault* vault, std::optional<base::Error> fault,
               const base::Clock& clock, Events events)
    : Keeper(std::move(options), portOf(vault), std::move(fault), clock, std::move(events)) {}

}  // namespace kmsd
