// Authority: the keys that sign certificates, CRLs, OCSP answers and CMP messages. They lie sealed in the
// database and are in memory only while the vault is open. Safe to use from several threads.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>

#include "kms/keys/open_keys.h"
#include "kms/pki/signer.h"
#include "kms/store/store.h"

namespace kms::pki {

enum class AuthorityState : std::uint8_t {
  Current = 1,  // signs certificates
  Old = 2,      // was rolled over: still signs the CRL of what it issued
  Waiting = 3   // made, its certificate not yet signed by another authority
};

// A sealed row of Table::Authorities; the row's key is the number of the authority, from 1.
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

SecretBytes encodeAuthority(const AuthorityRow& row);
// Pure and bounded. Errors: Corrupt / DatabaseCorrupt.
base::Result<AuthorityRow> decodeAuthority(base::BytesView plain);

// What one authority signs with. Shared: it lives as long as somebody signs.
struct Signers {
  std::int64_t number = 0;
  Issuer authority;
  Issuer ocsp;
  Issuer cmp;
  std::vector<base::Bytes> chain;  // DER, the authority's own first
};

class Authority {
 public:
  // Reads every authority. Nothing is changed where there is none. Errors: Corrupt / DatabaseCorrupt; those
  // of the store.
  base::Result<void> open(StoreReader& reader, OpenKeys& keys);
  // Returns when no key is left in memory: waits for those that sign. For the vault's closing.
  void close() noexcept;

  // A hold on the signers; close() waits for it, so it is short.
  class Hold {
   public:
    const Signers& operator*() const noexcept { return *signers_; }
    const Signers* operator->() const noexcept { return signers_; }

   private:
    friend class Authority;
    Hold(std::shared_lock<std::shared_mutex> lock, const Signers* signers)
        : lock_(std::move(lock)), signers_(signers) {}
    std::shared_lock<std::shared_mutex> lock_;
    const Signers* signers_;
  };
  // The current authority. Errors: Unavailable / Sealed; NotFound (the server has no authority: `kmsctl ca
  // init`).
  base::Result<Hold> current() const;
  // Errors: NotFound also for a number that is none.
  base::Result<Hold> number(std::int64_t number) const;
  std::vector<std::int64_t> numbers() const;

 private:
  mutable std::shared_mutex mutex_;
  std::vector<Signers> all_;  // rising numbers
  std::size_t current_ = 0;
  bool open_ = false;
};

}  // namespace kms::pki
