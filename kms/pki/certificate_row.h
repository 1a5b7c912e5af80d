// A certificate's row: what it holds, its bytes, and how it is found, read and written.
//
// The row's key is a sequence number that rises with each certificate. A serial number is one AES-256 block
// of that number and 8 random bytes under a key of the keyring (OpenKeys::serial), so that 16 random bytes
// find the row without an index whose scattered inserts would slow issuing down; the row has the whole
// serial, which is compared. A user's certificates are a chain from the newest on, which begins in the user's
// row.
//
// plain := version{1}=1 state{1} profile{1} reason{1} implicit{1} grant{1} serial{16} user{8} authority{8}
//          previous{8} token{8} archived{8} revocation{8} line{8} issued{8} notBefore{8} notAfter{8}
//          confirmBy{8} revokedAt{8} key{32} der
//          der: u32 length, bytes; integers little-endian, times in seconds
#pragma once

#include "kms/pki/certificate.h"
#include "kms/pki/crl.h"
#include "kms/pki/profile.h"
#include "kms/tokens/user_row.h"

namespace kms::pki {

enum class CertificateState : std::uint8_t {
  Active = 1,
  Unconfirmed = 2,  // until confirmBy; then as `implicit` says
  Revoked = 3,
  Held = 4
};

struct CertificateRow {
  std::int64_t sequence = 0;
  CertificateState state = CertificateState::Active;
  Profile profile = Profile::Signing;
  Serial serial{};
  std::int64_t user = 0;       // 0: the server's own
  std::int64_t authority = 0;  // number of the one that signed
  std::int64_t previous = 0;   // the same user's one before; 0: none
  std::int64_t token = 0;      // sequence number of the one-time token it was got with; 0: none
  std::int64_t archived = 0;   // row of Table::Archive with its private key; 0: the key was never here
  base::Time issued{};
  base::Time notBefore{};
  base::Time notAfter{};
  base::Time confirmBy{};  // while Unconfirmed
  bool implicit =
      false;  // counts as confirmed at its first use or when confirmBy has passed; else it is revoked then
  base::Time revokedAt{};
  RevocationReason reason = RevocationReason::Unspecified;
  std::int64_t revocation = 0;  // row of Table::Revocations; 0: none
  // The certificate that this line began with: by a token, or by an issuer. Renewals and encryption pairs are
  // of the line of the one they were got with, so that nobody gets a pair by a line that he began himself.
  std::int64_t line = 0;
  Role grant = Role::Admin;  // most that it lets its holder do: the role of whoever granted the line
  KeyHash key{};
  base::Bytes der;
  std::uint32_t revision = 0;
};

base::Bytes encodeCertificate(const CertificateRow& row);
// Pure and bounded. Errors: Corrupt / DatabaseCorrupt.
base::Result<CertificateRow> decodeCertificate(base::BytesView plain);

// Errors of all that follow: Corrupt / DatabaseCorrupt where a row was altered, moved or lost; those of the
// store.
base::Result<std::optional<CertificateRow>> readCertificate(StoreReader& reader, OpenKeys& keys,
                                                            std::int64_t sequence);
base::Result<CertificateRow> openCertificate(OpenKeys& keys, const SealedRow& sealed);
// Nothing where no certificate of ours has this serial.
base::Result<std::optional<CertificateRow>> findCertificate(StoreReader& reader, OpenKeys& keys,
                                                            const Serial& serial);
base::Result<void> writeCertificate(Txn& txn, OpenKeys& keys, CertificateRow& row);   // the next revision
base::Result<void> insertCertificate(Txn& txn, OpenKeys& keys, CertificateRow& row);  // must not be there yet

// What it is now, where time decides: an unconfirmed one whose time has passed is Active (implicit) or
// Revoked.
CertificateState stateOf(const CertificateRow& row, base::Time now) noexcept;

}  // namespace kms::pki
