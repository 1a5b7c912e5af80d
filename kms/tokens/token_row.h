// A token's row: what it holds, its bytes, and how it is read and written.
//
// plain := version{1} kind{1} state{1} issuer{1} user{8} issued{8} ttl{4} expiresAfter{4} lifeAfter{4}
// uses{4} mac{32}
//          scopeCount{1} (length{1} scope)... oneTimeLength{1} oneTime
//          version 2, where there is a claim: key{32} certificate{8} until{8} implicit{1}
// Integers are little-endian, times in seconds.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kms/keys/open_keys.h"
#include "kms/store/store.h"
#include "kms/tokens/token_service.h"

namespace kms {

enum class TokenState : std::uint8_t { Active = 1, Revoked = 2, Used = 3, Voided = 4 };

// A one-time token that an enrolment has claimed: it is bound to the public key that came first.
struct TokenClaim {
  std::array<std::byte, 32> key{};  // SHA-256 of the SubjectPublicKeyInfo
  std::int64_t certificate = 0;     // sequence number of the certificate that was issued for it
  base::Time until{};               // not confirmed by then: it counts as confirmed, or as never claimed
  bool implicit = false;            // the former

  bool open(base::Time now) const noexcept { return now < until; }
};

struct TokenRow {
  std::int64_t sequence = 0;
  TokenKind kind = TokenKind::Access;
  TokenState state = TokenState::Active;
  Role issuer = Role::None;  // the issuer's role when it was issued
  std::int64_t user = 0;
  base::Time issued{};
  std::chrono::seconds ttl{0};
  base::Time expires{};
  base::Time lifeEnd{};    // renewals never pass it
  std::uint32_t uses = 0;  // left; 0: no limit
  Mac mac{};
  std::vector<std::string> scopes;
  base::SecretText oneTime;  // the text of a one-time token until it is used
  std::optional<TokenClaim> claim;
  std::uint32_t revision = 0;
};

// May throw std::bad_alloc where no memory can be locked (see guarded.h).
SecretBytes encodeToken(const TokenRow& row);
// Pure and bounded. Errors: Corrupt / DatabaseCorrupt.
base::Result<TokenRow> decodeToken(base::BytesView plain);

// Errors of all that follow: Corrupt / DatabaseCorrupt where a row was altered or moved; those of the store.
base::Result<TokenRow> openToken(OpenKeys& keys, const SealedRow& row);
// Nothing where there is no such row (any more). A row may be newer than the reader's view, never older.
base::Result<std::optional<TokenRow>> readToken(StoreReader& reader, OpenKeys& keys, std::int64_t sequence);
base::Result<std::optional<TokenRow>> readToken(Store& store, OpenKeys& keys, std::int64_t sequence);
// Writes the next revision.
base::Result<void> writeToken(Txn& txn, OpenKeys& keys, TokenRow& row);
// Writes a row that must not be there yet. Errors: Corrupt / DatabaseCorrupt where it is.
base::Result<void> insertToken(Txn& txn, OpenKeys& keys, TokenRow& row);

}  // namespace kms
