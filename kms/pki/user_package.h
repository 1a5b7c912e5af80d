// What moves a user to another server, and what comes back: the plain document that is sealed, the file
// around it, and the receipt. Pure and bounded; whoever reads a package has checked its signature before.
//
// document := "KDMOVE\0\1" id{16} recipient{32} source{32} claim{32} origin{32} after{32} last{1} role{1}
//             name mail commonName dnsCount{1} dns... count{2} item...             oldest certificate first
// item     := profile{1} state{1} reason{1} issued{8} revokedAt{8} certificate key
// package  := "KDUSER\0\1" id{16} recipient{32} source envelope algorithm signature
// receipt  := "KDTAKEN\1" id{16} recipient{32} name mac{32}
//             fields: u32 length, bytes; integers little-endian, times in seconds
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "kms/keys/open_keys.h"
#include "kms/pki/certificate_row.h"

namespace kms::pki {

using MoveId = std::array<std::byte, 16>;      // random, of one package
using Thumbprint = std::array<std::byte, 32>;  // SHA-256 of a certificate
using MoveClaim = std::array<std::byte, 32>;   // known to the source, and to who has opened the package

inline constexpr std::size_t kPackageMost = 60 * 1024;   // bytes of a package, as a request takes them
inline constexpr std::size_t kDocumentMost = 52 * 1024;  // bytes
inline constexpr std::size_t kMovedMost = 512;           // certificates in a package
inline constexpr std::size_t kReceiptMost = 1024;        // bytes

struct MovedCertificate {
  Profile profile = Profile::Encryption;
  CertificateState state = CertificateState::Active;
  RevocationReason reason = RevocationReason::Unspecified;
  base::Time issued{};
  base::Time revokedAt{};
  base::Bytes der;
  base::SecretBuffer key;  // PKCS#8; empty: the server never had it
};

// What a user has goes in as many documents as it takes, the oldest certificates first. A document tells the
// certificate that the one before ended with, and counts only where that one was taken.
struct MoveDocument {
  MoveId id{};
  Thumbprint recipient{};
  Thumbprint source{};  // of the authority's certificate
  MoveClaim claim{};    // of the last one; zeros in those before
  UserOrigin origin{};  // the same in all exports of this user
  Thumbprint after{};   // of a certificate; zeros in the first one
  bool last = true;
  User user;  // role, name, mail, common name and DNS names of it
  std::vector<MovedCertificate> certificates;
};

// Bytes that it takes, or a little more.
std::size_t documentSize(const MoveDocument& document);
std::size_t itemSize(const MovedCertificate& one);  // as part of it
// Errors: Invalid (more than kDocumentMost or kMovedMost). May throw std::bad_alloc where no memory can be
// locked.
base::Result<SecretBytes> encodeDocument(const MoveDocument& document);
// Errors: Invalid; Unavailable (no locked memory).
base::Result<MoveDocument> decodeDocument(base::BytesView plain);

struct UserPackage {
  MoveId id{};
  Thumbprint recipient{};
  base::Bytes source;     // certificate of the authority that signed, DER
  base::Bytes envelope;   // CMS AuthEnvelopedData, DER
  base::Bytes algorithm;  // AlgorithmIdentifier, DER
  base::Bytes signature;  // over signedPart()
};

base::Bytes encodePackage(const UserPackage& package);
// Whether it is whole; not whether the signature is good. Errors: Invalid.
base::Result<UserPackage> decodePackage(base::BytesView file);
// Signs all that stands before `algorithm`. Errors: as PrivateKey::sign.
base::Result<void> signPackage(UserPackage& package, const PrivateKey& key);
// Whether the authority that it names has signed it. Errors: Invalid.
base::Result<void> verifyPackage(const UserPackage& package);

struct MoveReceipt {
  MoveId id{};
  Thumbprint recipient{};
  std::string name;
  std::array<std::byte, 32> mac{};
};
base::Bytes encodeReceipt(const MoveReceipt& receipt);
// Errors: Invalid.
base::Result<MoveReceipt> decodeReceipt(base::BytesView bytes);
// The MAC that shows that the package was opened. Errors: Unavailable.
base::Result<std::array<std::byte, 32>> receiptMac(const MoveReceipt& receipt, const MoveClaim& claim);

}  // namespace kms::pki
