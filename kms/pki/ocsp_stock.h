// OcspStock: OCSP answers signed ahead, for the time when the server is sealed, also after a restart. A
// thread of its own signs, while the vault is open, one answer for each hash by which the issuer may be named
// about each of the newest certificates that have not ended; anew when a quarter of their life is over, and
// at once where a certificate changes. It works in small batches with rests between them, and keeps them in a
// file that is replaced by rename. Safe to use from several threads.
//
// No key is there to open rows while sealed, so what tells whether a certificate was revoked after its answer
// was signed is a number: the store's last revocation. The file has the number that it was written at, and a
// mark that the store has too, so that no older file and no older database goes for the other. Unless both
// are the store's to the digit, no answer is given.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "kms/pki/authority.h"
#include "kms/pki/certificate_row.h"
#include "kms/pki/ocsp_ready.h"
#include "kms/pki/revocation_row.h"

namespace kms::pki {

struct StockPolicy {
  std::size_t most = 16'384;  // certificates; about 650 bytes of memory each with ECDSA, 3 KB with RSA-4096
  std::chrono::milliseconds look = std::chrono::seconds(10);    // between two looks for what is new or old
  std::chrono::milliseconds spacing = std::chrono::seconds(1);  // between two files after revocations
  std::chrono::milliseconds gather = std::chrono::seconds(30);  // between two files for anything else
};

class OcspStock {
 public:
  static constexpr std::string_view kMark = "ocsp_kept";  // in the store: of the newest file

  // Takes up the file, where there is one. `life`: of answers. `issued`: how many certificates were issued
  // since the start. REQUIRES: all outlive it.
  OcspStock(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
            std::filesystem::path file, std::chrono::seconds life, std::function<std::uint64_t()> issued,
            StockPolicy policy);
  ~OcspStock();

  void opened();           // again is no error
  void closed() noexcept;  // returns when nothing is signed any more
  void changed(const RevocationChange& change) noexcept;

  // To the one question of a request, without its nonce; nothing where none is kept that holds.
  std::optional<ReadyAnswers::Given> answer(const OcspQuery& query);
  // Until when all that is kept holds; nothing where nothing may be given.
  std::optional<base::Time> until();
  // What is wrong with the file; nothing where all is well.
  std::optional<base::Error> fault() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Steady = std::chrono::steady_clock;
  // What is known of a certificate. Without a signer: nothing that could be given.
  struct Entry {
    Serial serial{};
    std::shared_ptr<const KeptSigner> signer{};
    OcspAnswer answer{};
    base::Time made{};
    base::Bytes signatures[2]{};  // by KeptHash
  };
  struct Change {
    std::int64_t key;
    std::int64_t certificate;
  };
  enum class Step : std::uint8_t { Idle, More, Failed };

  void takeUp();
  bool counts(const ReadyAnswers& ready);
  void drop(const std::shared_ptr<const ReadyAnswers>& bad, const base::Error& why);

  void run(const std::stop_token& stop);
  void applyChanges();
  void writeWhereDue(Lock& lock, bool more);
  void write(Lock& lock);
  base::Result<std::int64_t> takeMark(std::int64_t applied);
  KeptAnswers collect() const;

  // Of the thread alone, without the lock; kms/pki/ocsp_stock_fill.cpp.
  Step fill();
  base::Result<void> begin();
  base::Result<bool> discover();
  base::Result<void> note(OpenKeys& keys, const SealedRow& sealed, base::Time now);
  void collectDue();
  base::Result<void> refreshSome();
  void refresh(const CertificateRow& row);
  std::shared_ptr<const KeptSigner> signerOf(const Signers& signers);

  Vault& vault_;
  Store& store_;
  Authority& authority_;
  const base::Clock& clock_;
  const std::filesystem::path file_;
  const std::chrono::seconds life_;
  const std::function<std::uint64_t()> issued_;
  const StockPolicy policy_;

  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::shared_ptr<const ReadyAnswers> ready_;  // what the file has; null: nothing
  std::vector<Change> pending_;                // told, and not applied yet
  bool lost_ = false;                          // some were told that pending_ has not
  std::atomic<bool> open_ = false;             // changed under mutex_
  bool woken_ = false;
  bool busy_ = false;  // the thread may use keys
  std::optional<base::Error> fault_;

  // Of the thread alone.
  std::map<std::int64_t, Entry> entries_;                              // by sequence number
  std::map<std::int64_t, std::shared_ptr<const KeptSigner>> signers_;  // by the authority's number
  std::vector<std::int64_t> due_;                                      // to be signed, the next one last
  std::int64_t applied_ = 0;             // entries_ tell of all up to this revocation
  std::optional<std::int64_t> refused_;  // applied_ when the store knew of a later one
  std::int64_t last_ = 0;                // certificate that was discovered
  std::uint64_t seen_ = 0;               // issued_ when discovering began
  bool loaded_ = false;
  bool searching_ = false;
  bool dirty_ = false;   // entries_ have what the file has not
  bool urgent_ = false;  // the file does not count any more
  bool whole_ = false;   // all was signed once since the opening
  Steady::time_point written_{};
  Steady::duration took_{};  // the last file
  std::jthread thread_;
};

}  // namespace kms::pki
