// StatusService: tells the world which certificates are revoked, by CRLs and by OCSP, and what the
// authorities' certificates are. What needs no key is served while the server is sealed, too, from the
// directory. Safe to use from several threads.
#pragma once

#include "kms/pki/crl_publisher.h"
#include "kms/pki/ocsp_responder.h"

namespace kms::pki {

// An authority as the world sees it; certificates are DER.
struct PublishedAuthority {
  std::int64_t number = 0;
  base::Bytes certificate;
  std::vector<base::Bytes> above;  // from its issuer to the root; none where it signed itself
  // Links to the authority before (RFC 4210, section 4.4); empty: there are none.
  base::Bytes newWithOld;
  base::Bytes oldWithNew;
  bool operator==(const PublishedAuthority&) const = default;
};

struct StatusPolicy {
  CrlPolicy crl;
  StockPolicy stock;
  std::chrono::seconds answerLife = std::chrono::hours(12);  // nextUpdate of OCSP answers
};

class StatusService final : public RevocationListener, public KeyParty {
 public:
  // `directory`: for N.crl, N.delta.crl and N.crt of authority N, and as PEM N.above.pem and N.links.pem
  // where there are such certificates, and ocsp.kept; made where it is not there. REQUIRES: the others
  // outlive it; it is attached to the vault behind `authority`, and listens to `certificates`.
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
  // Certificates of our own, DER, the current authority's first.
  std::vector<base::Bytes> authorities() const;
  // The same with all that is known of each; and the one with this number.
  std::vector<PublishedAuthority> published() const;
  std::optional<PublishedAuthority> published(std::int64_t number) const;
  // The lists of all authorities, the current one's first; what there is no list of is left out.
  std::vector<std::shared_ptr<const PublishedList>> fullLists() const;
  // An answer to one OCSP request, DER, always. Sealed: what was answered or signed before, else tryLater.
  base::Bytes ocsp(base::BytesView request) { return responder_.answer(request); }
  // Until when all of the OCSP answers hold that are given while sealed; nothing where there are none.
  std::optional<base::Time> ocspUntil() { return stock_.until(); }
  const OcspCounts& ocspCounts() const noexcept { return responder_.counts(); }
  // Called from then on when a list was made, after the authorities' certificates were; as
  // CrlPublisher::onMade.
  void onPublished(std::function<void()> published) { publisher_.onMade(std::move(published)); }
  // What went wrong with the last list or file; nothing where all is well. For logs and metrics.
  std::optional<base::Error> fault() const;

 private:
  void takeUp();
  void writeCertificates();
  base::Result<void> write(const PublishedAuthority& one) const;

  Authority& authority_;
  const std::filesystem::path directory_;
  CrlPublisher publisher_;
  OcspStock stock_;
  OcspResponder responder_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, PublishedAuthority> published_;  // by number; the highest is the current one
  std::optional<base::Error> fault_;
};

// All that follow take the current authority first, as published() gives it, and give nothing twice.
//
// What a program must have to check what any of these has signed: the certificates of each, then those above
// it.
std::vector<base::Bytes> bundleOf(const std::vector<PublishedAuthority>& all);
// The current authority's links to those before it, as newWithOld(const Signers&, base::Time) has them.
std::vector<base::Bytes> newWithOld(const std::vector<PublishedAuthority>& all, base::Time now);
// What has not ended of the bundle, and the links of the newest kGenerationsMost in both directions. The
// current authority always.
std::vector<base::Bytes> bundleWithLinks(const std::vector<PublishedAuthority>& all, base::Time now);

}  // namespace kms::pki
