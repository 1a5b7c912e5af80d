#include "daemon/new_authority.h"

#include <unistd.h>

#include "daemon/pki_services.h"

namespace kmsd {
namespace {

base::Result<kms::KeyOffer> offerOf(const kms::NewSlot& slot, const base::Uuid& server) {
  auto key = base::MasterKey::fromBytes(slot.key->bytes());
  if (!key) return std::move(key).error();
  kms::KeyOffer offer{*std::move(key), kms::MediumRef{server, slot.medium}, std::nullopt, "the new medium"};
  if (slot.passphrase == nullptr) return offer;
  auto passphrase = base::SecretBuffer::copyOf(slot.passphrase->bytes());
  if (!passphrase) return std::move(passphrase).error();
  offer.passphrase = *std::move(passphrase);
  return offer;
}

}  // namespace

base::Result<std::string> makeFirstAuthority(kms::Store& store, const base::Uuid& server,
                                             const kms::NewSlot& slot, const kms::pki::AuthorityPlan& plan,
                                             const std::filesystem::path& directory) {
  auto offer = offerOf(slot, server);
  if (!offer) return std::move(offer).error();
  const base::Clock& clock = base::systemClock();
  const kms::Policy policy;
  kms::Vault vault(store, server, base::systemRng());
  kms::UserService users(vault, store, clock, policy);
  kms::TokenService tokens(vault, store, clock, base::systemRng(), policy);
  PkiOptions options;
  options.organisation = plan.organisation;
  options.directory = directory;
  auto pki =
      PkiServices::create(vault, store, users, tokens, clock, base::systemRng(), policy, std::move(options));
  if (!pki) return std::move(pki).error();
  if (auto opened = vault.unseal(*std::move(offer)); !opened) return std::move(opened).error();
  const kms::Actor by{"uid " + std::to_string(::getuid()), kms::Role::Admin, std::nullopt};
  auto made = (*pki)->init(plan.key, plan.commonName, by);
  const auto fingerprint = (*pki)->fingerprint();
  vault.seal();
  if (!made) return std::move(made).error();
  return base::toHex(fingerprint.value_or(base::Bytes()));
}

}  // namespace kmsd
