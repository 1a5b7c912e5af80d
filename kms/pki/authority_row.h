// A sealed row of Table::Authorities; the row's key is the number of the authority, from 1.
//
// plain := version{1}=1 state{1} certificate chainCount{1} chain... key ocspCertificate ocspKey
// cmpCertificate
//          cmpKey          all of them u32 length, bytes; certificates DER, keys PKCS#8
#pragma once

#include <vector>

#include "hal/base/secret_buffer.h"
#include "kms/keys/open_keys.h"

namespace kms::pki {

enum class AuthorityState : std::uint8_t {
  Current = 1,  // signs certificates
  Old = 2,      // was rolled over: still signs the CRL of what it issued
  Waiting = 3   // made, its certificate not yet signed by another authority
};

struct AuthorityRow {
  std::int64_t number = 0;
  AuthorityState state = AuthorityState::Current;
  base::Bytes certificate;         // DER; empty while Waiting
  std::vector<base::Bytes> chain;  // those above it, without the root's if that is not known
  base::SecretBuffer key;          // PKCS#8
  base::Bytes ocspCertificate;     // delegated signers, made anew before they end
  base::SecretBuffer ocspKey;
  base::Bytes cmpCertificate;
  base::SecretBuffer cmpKey;
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
