// A sealed row of Table::Authorities; the row's key is the number of the authority, from 1.
//
// plain := version{1} state{1} certificate chainCount{1} chain... key ocspCertificate ocspKey cmpCertificate
//          cmpKey [newWithOld oldWithNew request]
// All of them u32 length, bytes; certificates DER, keys PKCS#8. Version 1 has not the last three, which are
// empty then.
#pragma once

#include <vector>

#include "hal/base/secret_buffer.h"
#include "kms/keys/open_keys.h"

namespace kms::pki {

enum class AuthorityState : std::uint8_t {
  Current = 1,  // signs certificates
  Old = 2,      // was rolled over: still signs the CRL of what it issued
  Waiting = 3   // made, its certificate not yet signed by another authority; always the highest number
};

inline constexpr std::size_t kAuthoritiesMost = 256;  // of a server, with one that waits

struct AuthorityRow {
  std::int64_t number = 0;
  AuthorityState state = AuthorityState::Current;
  base::Bytes certificate;         // DER; empty while Waiting
  std::vector<base::Bytes> chain;  // those above it, up to the root; none where it signed itself
  base::SecretBuffer key;          // PKCS#8
  base::Bytes ocspCertificate;     // delegated signers, made anew before they end
  base::SecretBuffer ocspKey;
  base::Bytes cmpCertificate;
  base::SecretBuffer cmpKey;
  // Where one that signed itself took the place of another such one (RFC 4210, section 4.4); else empty.
  base::Bytes newWithOld;  // this one's key, signed by the one before
  base::Bytes oldWithNew;  // that one's key, signed by this one
  base::Bytes request;     // PKCS#10, while Waiting
  std::uint32_t revision = 0;
};

// May throw std::bad_alloc where no memory can be locked (see kms/tokens/guarded.h).
SecretBytes encodeAuthority(const AuthorityRow& row);
// Bounded. Errors: Corrupt / DatabaseCorrupt; Unavailable (no locked memory).
base::Result<AuthorityRow> decodeAuthority(base::BytesView plain);

// All, by rising number. Errors of both: Corrupt / DatabaseCorrupt; those of the store.
base::Result<std::vector<AuthorityRow>> readAuthorities(StoreReader& reader, OpenKeys& keys);
base::Result<void> writeAuthority(Txn& txn, OpenKeys& keys, AuthorityRow& row);  // the next revision

}  // namespace kms::pki
