// CrlPublisher: the CRLs of every authority. Authorities of one name are one CRL issuer with several keys: a
// program that has the list of one of them takes it for certificates of all, so each of their lists tells of
// what any of them has signed (RFC 5280, section 5: a list without issuingDistributionPoint is of all that
// its issuer signed). A thread of its own makes new ones: after a revocation as soon as it may (a list takes
// at most a fiftieth of the time), and before the last one runs out. Each is written to a file by rename,
// from where it is given while the server is sealed. Safe to use from several threads.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "kms/pki/authority.h"
#include "kms/pki/revocation_row.h"

namespace kms::pki {

struct CrlPolicy {
  std::chrono::seconds life = std::chrono::hours(24 * 7);         // nextUpdate of a full list
  std::chrono::seconds renewBefore = std::chrono::hours(24 * 3);  // its end, a new one is made
  std::chrono::seconds deltaLife = std::chrono::hours(24);
  std::chrono::milliseconds spacing = std::chrono::seconds(1);  // between two lists, at least
  std::size_t deltaMost = 100'000;                              // entries; above, only full lists are made
};

struct PublishedList {
  base::Bytes der;
  CrlTimes times;
  std::int64_t number = 0;  // 0: not known, because it was made before the start
  std::size_t entries = 0;
};

class CrlPublisher {
 public:
  static constexpr std::string_view kNumber = "crl_number";  // the last number given, in the store

  // `directory` is made where it is not there. Takes up the lists that lie in it. REQUIRES: the others
  // outlive it.
  CrlPublisher(Vault& vault, Store& store, Authority& authority, const base::Clock& clock,
               std::filesystem::path directory, CrlPolicy policy);
  ~CrlPublisher();

  void opened();                                          // the vault is open: reads the revocations
  void closed() noexcept;                                 // returns when nothing is signed any more
  void changed(const RevocationChange& change) noexcept;  // after it is durable

  // Called from then on when a list was made; empty: nobody is. Returns when nobody is being called. It must
  // not call this.
  void onMade(std::function<void()> made);

  // Of authority `number`; null: none was made yet.
  std::shared_ptr<const PublishedList> full(std::int64_t number) const;
  std::shared_ptr<const PublishedList> delta(std::int64_t number) const;
  // What went wrong with the last list; nothing where all is well.
  std::optional<base::Error> fault() const;

 private:
  struct Lists {
    std::int64_t issuer = 0;  // the first authority of this name: its number
    CrlEntries changes;       // since the last full list, for delta lists
    std::int64_t fullNumber = 0;
    bool changed = true;                           // since the last full list
    base::Time end = base::Time::max();            // of the authority: then all that it signed has ended
    std::chrono::steady_clock::time_point next{};  // not before this
    std::shared_ptr<const PublishedList> full;
    std::shared_ptr<const PublishedList> delta;
  };
  using Lock = std::unique_lock<std::mutex>;

  void takeUp();
  void run(const std::stop_token& stop);
  void load(Lock& lock);
  void takeAuthorities();  // which there are, and which of them have one name
  std::map<std::int64_t, std::int64_t> issuers() const;
  bool hasEnded(const Lists& lists) const;
  void dropExpired(std::int64_t issuer);
  std::int64_t issuerOf(std::int64_t authority);
  void apply(const RevocationChange& change);
  // The authority whose list is due, and how long until the next may be.
  std::optional<std::int64_t> due(std::chrono::milliseconds& wait);
  void make(Lock& lock, std::int64_t number);
  base::Result<std::int64_t> takeNumber();
  base::Result<base::Bytes> sign(std::int64_t number, const CrlEntries& entries, CrlTimes times,
                                 std::int64_t listNumber, std::optional<std::int64_t> full);
  std::filesystem::path fileOf(std::int64_t number, const char* kind) const;

  Vault& vault_;
  Store& store_;
  Authority& authority_;
  const base::Clock& clock_;
  const std::filesystem::path directory_;
  const CrlPolicy policy_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::map<std::int64_t, Lists> lists_;         // by authority
  std::map<std::int64_t, CrlEntries> entries_;  // by Lists::issuer
  std::vector<RevocationChange> early_;         // came while the rows were being read
  std::int64_t lastKey_ = 0;
  std::size_t openings_ = 0;
  bool open_ = false;
  bool loaded_ = false;
  bool signing_ = false;
  std::optional<base::Error> fault_;
  std::mutex madeMutex_;
  std::function<void()> made_;
  std::jthread thread_;
};

// When a list was made and when it runs out, from its first bytes. Errors: Invalid.
base::Result<CrlTimes> readCrlTimes(base::BytesView der);

}  // namespace kms::pki
