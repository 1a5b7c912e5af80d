// The keeper over the real vault and the real reader.
#include "daemon/keeper.h"

#include "daemon/backup_said.h"
#include "kms/keys/slot_facts.h"

namespace kmsd {

std::optional<VaultPort> portOf(kms::Vault* vault) {
  if (vault == nullptr) return std::nullopt;
  VaultPort port{[vault](kms::KeyOffer offer) { return vault->unseal(std::move(offer)); },
                 [vault](const kms::KeyOffer& offer) { return vault->check(offer); },
                 [vault] { vault->seal(); }, [vault] { return vault->sealed(); }};
  port.shareSets = [vault] { return vault->shareSets(); };
  return port;
}

VaultPort portOf(kms::Vault& vault, kms::AuditLog& audit) {
  VaultPort port = *portOf(&vault);
  port.seal = [&vault, &audit] {
    audit.sealing();
    vault.seal();
  };
  // Opening commits a sealing epoch. Where the disk takes nothing, the medium is not to blame.
  port.unseal = [&vault, &audit](kms::KeyOffer offer) -> base::Result<base::Uuid> {
    auto medium = vault.unseal(std::move(offer));
    if (medium || medium.error().reason != base::Reason::None) return medium;
    if (auto writes = audit.probe(); !writes) return std::move(writes).error();
    return medium;
  };
  port.verifyAudit = [&audit](const std::string& acceptedBy, const std::function<void()>& meanwhile) {
    return audit.unsealed(acceptedBy, meanwhile);
  };
  port.brokenAudit = [&audit] { return audit.broken(); };
  return port;
}

VaultPort portOf(kms::Vault& vault, kms::AuditLog& audit, kms::backup::Acceptance& acceptance,
                 kms::Store& store, const base::Uuid& server) {
  VaultPort port = portOf(vault, audit);
  port.acceptOlder = [&acceptance](const std::string& by) { acceptance.acceptOlder(by); };
  port.settleRestored = [&acceptance](const std::function<void()>& meanwhile) {
    return acceptance.settle(meanwhile);
  };
  port.mediumSays = [&acceptance](base::Bytes sectors) { acceptance.mediumSays(std::move(sectors)); };
  port.mediumWrites = [&acceptance](base::BytesView sectors, const base::Uuid& medium) {
    return acceptance.mediumWrites(sectors, medium);
  };
  port.originals = [&store, server] {
    const auto slots = kms::slotRows(store);
    return mediaNames(slots ? *slots : std::vector<kms::SlotRow>(), server);
  };
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
