// What making and changing authorities share, one file a verb: authority_make, authority_request,
// authority_rollover; authority_signers. Inside kms/pki only. What takes a Txn runs inside a job.
#pragma once

#include "kms/pki/authority.h"
#include "kms/tokens/approval_service.h"

namespace kms::pki {

inline constexpr std::chrono::seconds kBackdate = std::chrono::minutes(5);  // for clients with slow clocks

// Keys of an authority's delegated signers. With RSA they take seconds to make: before the job.
struct SignerKeys {
  PrivateKey ocsp;
  PrivateKey cmp;
};
base::Result<SignerKeys> makeSignerKeys(KeyKind kind);

// How a signer's certificate is made.
struct SignerOrder {
  const std::string& organisation;
  const Addresses& addresses;
  base::Time now;
  base::Rng& rng;
};
// Certificates for both, each with a row of its own, and all of it into the authority's row.
base::Result<void> fillSigners(Txn& txn, OpenKeys& keys, AuthorityRow& into, const Issuer& authority,
                               const SignerKeys& signers, const SignerOrder& order);

// The number for `fresh`, behind all that sign; what waits for its certificate moves on by one, in `rows`
// too. Errors: Conflict (there are too many).
base::Result<void> makeRoom(Txn& txn, OpenKeys& keys, std::vector<AuthorityRow>& rows, AuthorityRow& fresh);

// The one in that state; null: there is none.
AuthorityRow* inState(std::vector<AuthorityRow>& rows, AuthorityState state) noexcept;

// Errors: Denied / Forbidden.
base::Result<void> checkAdmin(const Actor& by);

// That a second authority would share addresses with the first (see lacksNumber).
base::Error addressesWithoutNumber();

// Has `authority` read what is durable now. A seal that came in between is no error: opening reads it.
base::Result<void> takeUp(const Vault& vault, Store& store, Authority& authority);

// What is approved: another authority in the place of the current one, the one that `what` tells of, in the
// same words each time.
inline ApprovalSubject replacement(std::string what) {
  return {ApprovalKind::AuthorityRollover, 0, std::move(what)};
}

inline std::string numberText(std::int64_t number) { return "authority " + std::to_string(number); }

}  // namespace kms::pki
