// Authority: the keys that sign certificates, CRLs, OCSP answers and CMP messages. They lie sealed in the
// database and are in memory only while the vault is open (Vault::attach). Safe to use from several threads.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "kms/keys/vault.h"
#include "kms/pki/authority_links.h"
#include "kms/pki/signer.h"

namespace kms::pki {

// What one authority signs with.
struct Signers {
  std::int64_t number = 0;
  Issuer authority;
  Issuer ocsp;
  Issuer cmp;
  std::vector<base::Bytes> chain;  // DER, the authority's own first, the root last
  base::Bytes newWithOld;          // links to the authority before; empty: there are none (see AuthorityRow)
  base::Bytes oldWithNew;
  std::vector<Link> links;  // the same, and those behind it: see linksBack()
};

// For programs that trust an authority before this one: its key signed by the one before, that one's signed
// by the one before it, and so on, as far as they hold at `now`.
std::vector<base::Bytes> newWithOld(const Signers& signers, base::Time now);
// What goes along with what they sign. The links stand first: programs take the first issuer that fits, and
// must not meet the new root, which they do not trust.
std::vector<base::Bytes> alongWith(const Signers& signers, base::Time now);

class Authority final : public KeyParty {
 public:
  Authority() = default;
  ~Authority() override;
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // Reads every authority, in place of those it has. A server without any is no error. Errors: Corrupt /
  // DatabaseCorrupt; Unavailable (no locked memory); those of the store.
  base::Result<void> opened(StoreReader& reader, OpenKeys& keys) override;
  // Returns when no key is left in memory: waits for the holds, and new ones are refused from the start.
  // REQUIRES: this thread has no Hold.
  void closing() noexcept override;
  // Reads them anew, after one was made or changed. Errors: Unavailable / Sealed; as opened().
  base::Result<void> refresh(const Vault& vault, Store& store);

 private:
  struct Set {
    std::vector<Signers> all;  // rising numbers
    const Signers* current = nullptr;
  };

 public:
  // A hold on the signers; closing() waits for it, so it is short. A thread may have several.
  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();
    const Signers& operator*() const noexcept { return *signers_; }
    const Signers* operator->() const noexcept { return signers_; }

   private:
    friend class Authority;
    Hold(const Authority& home, std::shared_ptr<const Set> set, const Signers* signers) noexcept
        : home_(&home), set_(std::move(set)), signers_(signers) {}
    const Authority* home_;
    std::shared_ptr<const Set> set_;
    const Signers* signers_;
  };
  // The current authority. Errors: Unavailable / Sealed; NotFound / NoAuthority.
  base::Result<Hold> current() const;
  // Errors: NotFound also for a number that is none.
  base::Result<Hold> number(std::int64_t number) const;
  // Rising; none while sealed.
  std::vector<std::int64_t> numbers() const;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable released_;
  mutable std::size_t holds_ = 0;   // of any set
  std::shared_ptr<const Set> set_;  // null while sealed
};

base::Error noAuthority();

}  // namespace kms::pki
