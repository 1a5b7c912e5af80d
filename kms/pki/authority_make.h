// Making certificate authorities, and renewing the delegated signers that each of them has.
#pragma once

#include "kms/pki/authority_parts.h"
#include "kms/tokens/policy.h"

namespace kms::pki {

struct AuthorityPlan {
  KeyKind key = KeyKind::EcdsaP256;  // of the authority and of its signers
  std::string organisation;
  std::string commonName = "keydisk CA";
  std::chrono::seconds life = std::chrono::hours(24 * 3653);
  Addresses addresses;  // for the signers' certificates
};

// Keys and a self-signed certificate; an RSA key takes seconds.
struct NewAuthority {
  Issuer authority;
  SignerKeys signers;
};
// Errors: Invalid (a name over 64 characters, a life that is none); Unavailable (no locked memory).
base::Result<NewAuthority> makeAuthority(const AuthorityPlan& plan, base::Time now, base::Rng& rng);
// The number of the authority. Errors: Conflict where the server has a current one; those of the store.
base::Result<std::int64_t> insertAuthority(Txn& txn, OpenKeys& keys, const NewAuthority& made,
                                           const AuthorityPlan& plan, base::Time now, base::Rng& rng,
                                           const Actor& by);
// Both, for setup and `ca init`: waits for the disk, then `authority` has it. The caller must hold no
// Vault::Hold. Errors: those; Denied / Forbidden (admins only); Unavailable / Sealed, ClockBack.
base::Result<std::int64_t> createAuthority(Vault& vault, Store& store, Authority& authority,
                                           const base::Clock& clock, const Policy& policy, base::Rng& rng,
                                           const AuthorityPlan& plan, const Actor& by);

// Whether a delegated signer of any authority has less than a third of its life left.
bool signersDue(const Authority& authority, base::Time now);
// New keys and certificates for all signers of the authorities where signersDue(). As createAuthority.
base::Result<void> renewSigners(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
                                const Policy& policy, base::Rng& rng, const std::string& organisation,
                                const Addresses& addresses);

}  // namespace kms::pki
