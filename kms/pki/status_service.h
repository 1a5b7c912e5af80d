// StatusService: tells the world which certificates are revoked, by CRLs and by OCSP. Lists are made on a
// thread of its own: at once after a revocation, but never so often that making them takes more than a small
// part of the time, and before the last one runs out. They also lie in a directory, from where they are
// served while the server is sealed. Safe to use from several threads.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "kms/pki/certificate_service.h"
#include "kms/pki/crl.h"
#include "kms/pki/ocsp.h"

namespace kms::pki {

struct StatusPolicy {
  std::chrono::seconds listLife = std::chrono::hours(24 * 7);  // nextUpdate of full lists
  std::chrono::seconds renewBefore =
      std::chrono::hours(24 * 3);  // a new full list is made this long before its end
  std::chrono::seconds deltaLife = std::chrono::hours(24);
  std::chrono::seconds fullEvery =
      std::chrono::seconds(30);  // while revocations come: a new full list no more often
  std::chrono::seconds answerLife = std::chrono::hours(12);  // nextUpdate of OCSP answers
};

struct PublishedList {
  base::Bytes der;
  std::int64_t number = 0;
  CrlTimes times;
};

class StatusService final : public RevocationListener {
 public:
  // `directory`: for the files N.crl, N.delta.crl and N.crt of authority N; made if it is not there, with
  // mode 0755. REQUIRES: the others outlive it.
  StatusService(Vault& vault, Store& store, Authority& authority, CertificateService& certificates,
                const base::Clock& clock, std::filesystem::path directory, StatusPolicy policy = {});
  ~StatusService() override;

  // The vault was opened: reads the revocations (a thread of its own; until that is done the lists from the
  // directory are given), and makes new lists where that is due.
  void opened();
  // The vault closes.
  void closed() noexcept;
  void changed(const RevocationChange& change) noexcept override;

  // Of the current authority where `number` is 0. Null: none was made yet.
  std::shared_ptr<const PublishedList> full(std::int64_t number = 0) const;
  std::shared_ptr<const PublishedList> delta(std::int64_t number = 0) const;
  // Its certificates, DER, the current one first. Also while sealed.
  std::vector<base::Bytes> authorities() const;

  // An answer to one OCSP request, DER, always. Sealed: tryLater.
  base::Bytes ocsp(base::BytesView request);

  // What went wrong with the last list or its file; nothing where all is well. For logs and metrics.
  std::optional<base::Error> fault() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kms::pki
