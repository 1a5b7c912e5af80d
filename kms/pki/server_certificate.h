// ServerCertificate: the certificate, signed by this server's own authority, that it shows to TLS clients,
// and its key. Both lie sealed in the database, as a certificate of user 0 whose key is in the archive, and
// nowhere else; the key is in memory only while the vault is open (Vault::attach). Safe to use from several
// threads.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kms/pki/authority.h"
#include "kms/tokens/durable_clock.h"

namespace kms::pki {

// What is shown.
struct ServerIdentity {
  Issuer own;                      // certificate and key; it signs handshakes only
  std::int64_t authority = 0;      // number of the one that signed
  std::int64_t names = 0;          // a mark of those it was made for
  std::vector<base::Bytes> chain;  // DER, as alongWith() has it
};

class ServerCertificate final : public KeyParty {
 public:
  static constexpr std::string_view kNumber = "https_certificate";  // its sequence number, in the store
  static constexpr std::string_view kNames = "https_names";         // the mark of its names

  // REQUIRES: all outlive it; it is attached to the vault behind `authority`.
  ServerCertificate(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
                    base::Rng& rng, const Policy& policy, Addresses addresses, std::string organisation);
  ~ServerCertificate() override;

  // Reads what was made before; a server without one is no error. Errors: Corrupt / DatabaseCorrupt;
  // Unavailable (no locked memory); those of the store.
  base::Result<void> opened(StoreReader& reader, OpenKeys& keys) override;
  // Returns when the key is no longer in memory: waits for the holds, and gives no new ones.
  void closing() noexcept override;

  // A hold on what is shown; closing() waits for it, so it is as short as a part of a handshake.
  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();
    const ServerIdentity& operator*() const noexcept { return *identity_; }
    const ServerIdentity* operator->() const noexcept { return identity_.get(); }

   private:
    friend class ServerCertificate;
    Hold(const ServerCertificate& home, std::shared_ptr<const ServerIdentity> identity) noexcept
        : home_(&home), identity_(std::move(identity)) {}
    const ServerCertificate* home_;
    std::shared_ptr<const ServerIdentity> identity_;
  };
  // Nothing: sealed, or none was made yet.
  std::optional<Hold> hold() const;
  // Of what was shown last, also while sealed; nothing where none was since the start.
  std::optional<base::Time> until() const;

  // Makes one, with a key of its own, where there is none for these names (DNS names and addresses) that the
  // current authority signed, where it was revoked, or where less than a third of its life is left and a new
  // one would last longer. Waits for the disk. False: nothing was due, or there is no authority yet. The
  // caller holds no Vault::Hold, is in no job and not inside a reply. Errors: Unavailable / Sealed,
  // ClockBack; Invalid (a name that is none); Corrupt / DatabaseCorrupt; those of the store.
  base::Result<bool> keep(const std::vector<std::string>& names);

 private:
  base::Result<bool> due(const std::vector<std::string>& names, base::Time now);
  base::Result<void> make(const std::vector<std::string>& names);
  base::Result<void> readAgain();

  Vault& vault_;
  Store& store_;
  Authority& authority_;
  base::Rng& rng_;
  const Addresses addresses_;
  const std::string organisation_;
  const base::Clock& real_;
  DurableClock clock_;
  std::mutex keeping_;  // one keep() at a time
  mutable std::mutex mutex_;
  mutable std::condition_variable released_;
  mutable std::size_t holds_ = 0;
  std::shared_ptr<const ServerIdentity> identity_;  // null while sealed, or where there is none
  std::optional<base::Time> until_;
};

}  // namespace kms::pki
