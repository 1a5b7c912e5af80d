// CertificateService: issues, renews, revokes and shows certificates, whatever protocol asks: JSON, CMP or
// EST. Safe to use from several threads.
#pragma once

#include "kms/pki/authority.h"
#include "kms/pki/certificate_row.h"
#include "kms/pki/request.h"
#include "kms/tokens/token_service.h"

namespace kms::pki {

struct PkiPolicy {
  std::chrono::seconds confirmWindow = std::chrono::hours(1);
  std::chrono::seconds life = std::chrono::hours(24 * 548);  // 18 months, of users' certificates
  std::chrono::seconds renewFrom{0};         // of a certificate's age; earlier renewals are refused
  KeyKind encryptionKey = KeyKind::Rsa3072;  // of the pairs that the server makes
  unsigned recoveryApprovals = 0;            // different administrators before a recover token is issued
  std::chrono::seconds backdate = std::chrono::minutes(5);  // notBefore, for clients whose clocks are behind
};

enum class Confirm : std::uint8_t { Explicit, Implicit };

// An enrolment or recovery by a one-time token. Its first accepted request claims the token for `key`; the
// same key gets the same certificate again while the window is open, another one is refused.
struct EnrolOrder {
  std::string user;
  base::SecretText token;     // empty where `proven`: CMP has checked a MAC under it
  bool proven = false;        // the caller has shown that it knows the pending token `sequence`
  std::int64_t sequence = 0;  // of that token
  CertificateRequest request;
  Confirm confirm = Confirm::Explicit;
};

struct IssuedCertificate {
  base::Bytes certificate;
  Serial serial{};
  std::string user;
  Profile profile = Profile::Signing;
  base::Time notBefore{};
  base::Time notAfter{};
  base::Time confirmBy{};          // the epoch: nothing to confirm
  std::vector<base::Bytes> chain;  // the authority's certificate first
};

// A pair that the server made, or kept.
struct KeyPair {
  IssuedCertificate certificate;
  base::SecretBuffer key;  // PKCS#8
};

struct CertificateView {
  Serial serial{};
  std::string user;
  Profile profile = Profile::Signing;
  CertificateState state = CertificateState::Active;
  base::Time notBefore{};
  base::Time notAfter{};
  std::optional<RevocationReason> reason;
  base::Time revokedAt{};
  base::Bytes certificate;
  bool archived = false;
};

// The pending one-time token of a user, as CMP needs it: the secret that both sides know.
struct SharedSecret {
  base::SecretText plain;  // 12 characters
  std::int64_t sequence =
      0;  // of the token; 0: there is none, and `plain` is random, so that nobody can tell
  TokenKind kind = TokenKind::Enrol;
};

// As TokenService: every method that changes something replies after the disk has it, with an audit entry in
// the same transaction. The caller must hold no Vault::Hold. Errors of all: Unavailable / Sealed; NotFound
// (no authority: NoAuthority); Corrupt / DatabaseCorrupt; those of the store.
class CertificateService {
 public:
  // REQUIRES: all outlive the replies.
  CertificateService(Vault& vault, Store& store, Authority& authority, TokenService& tokens,
                     const base::Clock& clock, base::Rng& rng, const Policy& policy, const PkiPolicy& pki,
                     Addresses addresses, std::string organisation);
  ~CertificateService();

  // By the bearer of a one-time token; nobody else is asked who he is. Errors: Denied / TokenRefused (unknown
  // user, wrong, used, expired token, another key: alike, and counted); Invalid (request); Denied (foreign
  // names); Unavailable / ClockBack.
  void enrol(EnrolOrder order, Reply<IssuedCertificate> reply);
  // The client has taken (or rejected) what it enrolled. Rejected: revoked, and the token may be used again.
  void confirm(const Serial& serial, base::BytesView certificateHash, bool accepted, Reply<void> reply);
  // For the pending token of `user`, in the same time whether there is one. Errors: only those of all.
  base::Result<SharedSecret> sharedSecret(const std::string& user);

  // For administrators and issuers: a certificate of any profile that a user may have.
  void issue(const Actor& by, const std::string& user, Profile profile, CertificateRequest request,
             Reply<IssuedCertificate> reply);
  // By the holder, who has shown the key of the active certificate `old`. A new key gives a new certificate;
  // the old one goes on.
  void renew(const Serial& old, CertificateRequest request, Confirm confirm, Reply<IssuedCertificate> reply);
  // The encryption pair of the user who holds the active signing certificate: the last one that is good for
  // long enough, else a new one.
  void encryptionPair(const Serial& holder, Reply<KeyPair> reply);
  // The pair that belongs to the enrolment which `serial` came from, for the same bearer.
  // Every pair that this user ever had; for the recover token that `serial` was got with.
  void recover(const Serial& holder, Reply<std::vector<KeyPair>> reply);

  // By an issuer, or the holder (an actor that is the user). Hold can be released by Reason RemoveFromCrl.
  // Revoking again is no error. Errors: NotFound; Denied / Forbidden; Conflict (a release of what is not
  // held).
  void revoke(const Actor& by, const Serial& serial, RevocationReason reason, Reply<CertificateView> reply);
  base::Result<CertificateView> show(const Actor& by, const Serial& serial);
  base::Result<Page<CertificateView>> list(const Actor& by, const std::string& user, const std::string& after,
                                           std::size_t limit);
  // Whether a certificate that TLS or a signature has shown counts now: ours, active, of its user. Implicitly
  // confirms it. Errors: Denied / CertificateRefused.
  base::Result<CertificateView> authenticate(base::BytesView certificate, Profile wanted);

  // Of OCSP and the CRL. Good: issued and not revoked.
  base::Result<CertificateState> lookUp(const Serial& serial);
  // Revokes what was not confirmed in time, a bounded batch; true while more is left.
  base::Result<bool> tidy();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace kms::pki
