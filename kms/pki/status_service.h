// StatusService: tells the world which certificates are revoked, by CRLs and by OCSP, and what the
// authorities' certificates are. What needs no key is served while the server is sealed, too, from the
// directory. Safe to use from several threads.
#pragma once

#include "kms/pki/crl_publisher.h"
#include "kms/pki/ocsp_responder.h"

namespace kms::pki {

struct StatusPolicy {
  CrlPolicy crl;
  std::chrono::seconds answerLife = std::chrono::hours(12);  // nextUpdate of OCSP answers
};

class StatusService final : public RevocationListener, public KeyParty {
 public:
  // `directory`: for N.crl, N.delta.crl and N.crt of authority N; made where it is not there.
  // REQUIRES: the others outlive it; it is attached to the vault behind `authority`, and listens to
  // `certificates`.
  StatusService(Vault& vault, Store& store, Authority& authority, CertificateService& certificates,
                const base::Clock& clock, std::filesystem::path directory, StatusPolicy policy = {});

  base::Result<void> opened(StoreReader& reader, OpenKeys& keys) override;
  void closing() noexcept override;
  void changed(const RevocationChange& change) noexcept override;
  // An authority was made or changed.
  void refresh();

  // Of the current authority where `number` is 0. Null: none was made yet.
  std::shared_ptr<const PublishedList> full(std::int64_t number = 0) const;
  std::shared_ptr<const PublishedList> delta(std::int64_t number = 0) const;
  // Certificates, DER, the current authority's first.
  std::vector<base::Bytes> authorities() const;
  // An answer to one OCSP request, DER, always. Sealed: what was answered before, else tryLater.
  base::Bytes ocsp(base::BytesView request) { return responder_.answer(request); }
  const OcspCounts& ocspCounts() const noexcept { return responder_.counts(); }
  // Called from then on when a list was made, after the authorities' certificates were; as
  // CrlPublisher::onMade.
  void onPublished(std::function<void()> published) { publisher_.onMade(std::move(published)); }
  // What went wrong with the last list or file; nothing where all is well. For logs and metrics.
  std::optional<base::Error> fault() const;

 private:
  void takeUp();
  void writeCertificates();

  Authority& authority_;
  const std::filesystem::path directory_;
  CrlPublisher publisher_;
  OcspResponder responder_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, base::Bytes> certificates_;  // by number
  std::optional<base::Error> fault_;
};

}  // namespace kms::pki
