#include "kms/keys/vault.h"

#include "kms/keys/crypto.h"
#include "kms/keys/open_keys_impl.h"
#include "kms/keys/row_cache.h"
#include "kms/keys/slot_choice.h"

namespace kms {
namespace {

base::Error sealedError() {
  return {base::Code::Unavailable, "the server is sealed; insert its key medium", base::Reason::Sealed};
}

base::Error alreadyOpen() { return {base::Code::Conflict, "the server is unsealed already"}; }

[[gnu::noinline]] base::Result<base::Uuid> checkKey(Store& store, const base::Uuid& server,
                                                    const KeyOffer& offer) {
  auto slot = openSlot(store, server, offer);
  if (!slot) return std::move(slot).error();
  auto keyring = openKeyring(store, server, slot->root.bytes(), slot->rootGeneration);
  if (!keyring) return std::move(keyring).error();
  return slot->medium;
}

}  // namespace

Vault::Vault(Store& store, const base::Uuid& server, base::Rng& rng, const base::Clock& clock)
    : store_(store), server_(server), rng_(rng), clock_(clock) {
  auto cache = std::make_shared<RowCache>();
  if (store.watch(cache)) cache_ = std::move(cache);
}

Vault::~Vault() { seal(); }

void Vault::attach(std::weak_ptr<KeyParty> party) { parties_.push_back(std::move(party)); }

// A frame of its own, so that all which held keys is gone when the caller wipes the stack below it.
[[gnu::noinline]] base::Result<std::unique_ptr<OpenKeys>> Vault::open(KeyOffer offer, base::Uuid& medium) {
  auto slot = openSlot(store_, server_, offer);
  if (!slot) return std::move(slot).error();
  medium = slot->medium;
  auto keys = OpenKeysImpl::create(store_, server_, *std::move(slot), rng_, clock_.now(), cache_);
  if (!keys) return keys;
  if (auto told = tellOpened(**keys); !told) {
    tellClosing();
    return std::move(told).error();
  }
  return keys;
}

base::Result<void> Vault::tellOpened(OpenKeys& keys) {
  if (parties_.empty()) return {};
  return store_.read([&](StoreReader& reader) -> base::Result<void> {
    for (const auto& weak : parties_)
      if (const auto party = weak.lock())
        if (auto told = party->opened(reader, keys); !told) return told;
    return {};
  });
}

void Vault::tellClosing() noexcept {
  for (auto weak = parties_.rbegin(); weak != parties_.rend(); ++weak)
    if (const auto party = weak->lock()) party->closing();
}

base::Result<base::Uuid> Vault::unseal(KeyOffer offer) {
  const std::uint64_t sealsBefore = seals_.load();
  const std::lock_guard one(opening_);
  if (!sealed()) return alreadyOpen();
  base::Uuid medium;
  auto keys = open(std::move(offer), medium);
  wipeStack();
  if (!keys) return std::move(keys).error();
  {
    const std::unique_lock lock(mutex_);
    if (seals_.load() == sealsBefore) {
      keys_ = *std::move(keys);
      return medium;
    }
  }
  tellClosing();
  return base::Error{base::Code::Unavailable, "the server was sealed while the key was tried; unseal again",
                     base::Reason::SealedByCommand};
}

base::Result<base::Uuid> Vault::check(const KeyOffer& offer) const {
  const std::lock_guard one(opening_);
  auto medium = checkKey(store_, server_, offer);
  wipeStack();
  return medium;
}

void Vault::seal() noexcept {
  seals_.fetch_add(1);
  sealing_.fetch_add(1);
  {
    const std::unique_lock lock(mutex_);
    keys_.reset();
  }
  sealing_.fetch_sub(1);
  // An unsealing under way sees seals_ and gives up; wait until its keys are gone too. Not under mutex_: who
  // has a hold on a party's secrets may be asking for the keys. One that began after this call may have
  // opened anew: what the parties hold then is its own.
  const std::lock_guard waited(opening_);
  if (sealed()) tellClosing();
  wipeStack();
}

bool Vault::sealed() const {
  const std::shared_lock lock(mutex_);
  return keys_ == nullptr;
}

base::Result<Vault::Hold> Vault::hold() const {
  // Readers would be let past a waiting seal() for ever; so none begins while one waits.
  if (sealing_.load() != 0) return sealedError();
  std::shared_lock lock(mutex_);
  if (keys_ == nullptr) return sealedError();
  return Hold(std::move(lock), keys_.get());
}

}  // namespace kms
