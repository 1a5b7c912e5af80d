// Putting another authority in the place of none or of the current one: signed by a parent authority, for a
// key that is made and kept here; or, where it signed itself, with a new key. The one before is kept: it
// signs the CRL and has the OCSP answers signed for what it issued, until its certificate ends.
//
// Thread rule of all: the caller must hold no Vault::Hold and no Authority::Hold. They wait for the disk;
// what they return is durable, with an audit entry in the same transaction. Errors of all: Denied / Forbidden
// (admins only); Unavailable / Sealed, ClockBack; Corrupt / DatabaseCorrupt; those of the store.
//
// Taking the place of a current authority is what several administrators agree to. They are asked when
// everything that the caller brings is in order, and what they have agreed to is used up in the transaction
// that does it. Errors: also as ApprovalService::ask and spend.
#pragma once

#include "kms/pki/authority_make.h"
#include "kms/tokens/approval_service.h"

namespace kms::pki {

// All outlive the call.
struct AuthorityTools {
  Vault& vault;
  Store& store;
  Authority& authority;
  const base::Clock& clock;
  const Policy& policy;
  base::Rng& rng;
  ApprovalService& approvals;
};

// Makes a key, keeps it sealed, and gives the PKCS#10 (DER) with which another authority can sign it. At most
// one such key waits. Of the plan: key, organisation, commonName. Errors: Invalid (the names); Conflict (one
// waits, and not `replace`).
base::Result<base::Bytes> requestSubordinate(const AuthorityTools& tools, const AuthorityPlan& plan,
                                             bool replace, const Actor& by);
// The same PKCS#10 again. Errors: NotFound (none waits).
base::Result<base::Bytes> pendingRequest(const AuthorityTools& tools, const Actor& by);
// Takes the certificate for the key that waits, with those above it, as the current authority: `given` as
// checkAuthorityChain has it. Of the plan: organisation, addresses. Gives its number. Errors: NotFound (none
// waits); as checkAuthorityChain; Conflict (the request was replaced meanwhile; the configured addresses have
// no place for the number, and there is an authority already).
base::Result<std::int64_t> installSubordinate(const AuthorityTools& tools,
                                              const std::vector<Certificate>& given,
                                              const AuthorityPlan& plan, const Actor& by);

// A new key of this kind (none: as the one before), which signs itself under the same name, and link
// certificates between both. Of the plan: organisation, life, addresses. Gives its number. Errors: NotFound /
// NoAuthority; Conflict (the current one stands under another authority; the current one was changed
// meanwhile; the addresses, as above).
base::Result<std::int64_t> rolloverAuthority(const AuthorityTools& tools, std::optional<KeyKind> key,
                                             const AuthorityPlan& plan, const Actor& by);

}  // namespace kms::pki
