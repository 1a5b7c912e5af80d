// CertificateService: issues, renews, revokes and shows certificates, whatever protocol asks: JSON, CMP or
// EST. Safe to use from several threads.
#pragma once

#include "kms/pki/authority.h"
#include "kms/pki/certificate_row.h"
#include "kms/pki/request.h"
#include "kms/pki/revocation_row.h"
#include "kms/tokens/token_service.h"

namespace kms::pki {

class CertificateCore;     // kms/pki/certificate_core.h
struct CertificateCounts;  // kms/pki/counts.h

struct PkiPolicy {
  std::chrono::seconds confirmWindow = std::chrono::hours(1);
  std::chrono::seconds life = std::chrono::hours(24 * 548);  // 18 months, of users' certificates
  std::chrono::seconds renewFrom{0};         // of a certificate's age; earlier renewals are refused
  KeyKind encryptionKey = KeyKind::Rsa3072;  // of the pairs that the server makes
  std::chrono::seconds backdate = std::chrono::minutes(5);  // notBefore, for clients whose clocks are behind
};

enum class Confirm : std::uint8_t { Explicit, Implicit };

// An enrolment or recovery by a one-time token: a certificate of profile Signing. Its first accepted request
// claims the token for its key; the same key gets the same certificate again while the window is open,
// another one is refused.
struct EnrolOrder {
  std::string user;
  base::SecretText token{};   // empty where `proven`: CMP has checked a MAC under it
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
  std::vector<base::Bytes> chain;  // the authority's certificate first, then up to the root
  std::vector<base::Bytes> links;  // see newWithOld()
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
  std::int64_t authority = 0;  // number of the one that signed
  Role grant = Role::None;     // most that it lets its holder do, however high the user stands now
};

// What a user had that was revoked.
struct RevokedUser {
  unsigned certificates = 0;
  unsigned tokens = 0;
};

// What must still be so of a user when he is ended: it reads, and may put on record, in the same transaction.
// It may be run again from its start.
using EndCheck = std::function<base::Result<void>(Txn&, OpenKeys&, const UserRow&, base::Time now)>;

// The pending one-time token of a user, as CMP needs it: the secret that both sides know.
struct SharedSecret {
  base::SecretText plain;     // 12 characters
  std::int64_t sequence = 0;  // of the token; 0: there is none, and `plain` is random: nobody can tell
  TokenKind kind = TokenKind::Enrol;
};

// As TokenService: every method that changes something replies after the disk has it, with an audit entry in
// the same transaction. The caller must hold no Vault::Hold and must not be inside a reply: now and then a
// call waits for a write of its own. Errors of all: Unavailable / Sealed; NotFound / NoAuthority; Corrupt /
// DatabaseCorrupt; those of the store.
class CertificateService {
 public:
  // REQUIRES: all outlive the replies; `authority` is attached to the vault.
  CertificateService(Vault& vault, Store& store, Authority& authority, TokenService& tokens,
                     const base::Clock& clock, base::Rng& rng, const Policy& policy, const PkiPolicy& pki,
                     Addresses addresses, std::string organisation);
  ~CertificateService();

  // Hears of every revocation and release from now on, as long as it lives. Before the first request.
  void listen(std::weak_ptr<RevocationListener> listener);

  // By the bearer of a one-time token; nobody else is asked who he is. Errors: Denied / TokenRefused (unknown
  // user, wrong, used, expired token, another key: alike, and counted; see holdBack); Invalid (no token's
  // form, a user whose name is no common name, a key that was reported as compromised); Denied (foreign
  // names); Conflict (the user was changed meanwhile); Unavailable / ClockBack, AuthorityEnded.
  void enrol(EnrolOrder order, Reply<IssuedCertificate> reply);
  // The client has taken (or rejected) what it enrolled; the protocol has made sure that it is the one.
  // Rejected: revoked, and the token may be used again. Confirming again is no error. `certificateHash`:
  // SHA-256, SHA-384 or SHA-512 of the certificate. Errors: NotFound; Invalid (another hash); Denied /
  // CertificateRefused (too late, or the token was revoked meanwhile); Conflict (a rejection of what was
  // confirmed).
  void confirm(const Serial& serial, base::BytesView certificateHash, bool accepted, Reply<void> reply);
  // For the pending token of `user`, in the same time whether there is one. Errors: only those of all.
  base::Result<SharedSecret> sharedSecret(const std::string& user);
  // A MAC under the shared secret was wrong: counted as a wrong token is. `then` gets how long the answer
  // must be held back.
  void refuse(const std::string& user, std::function<void(std::chrono::seconds)> then);
  // How long an answer TokenRefused for this user must be held back.
  std::chrono::seconds holdBack(const std::string& user) const;

  // For administrators and issuers: a certificate of any profile that a user may have, for users not above
  // them. Errors: as enrol, without TokenRefused; NotFound (user); Denied / Forbidden; Invalid (profile).
  void issue(const Actor& by, const std::string& user, Profile profile, CertificateRequest request,
             Reply<IssuedCertificate> reply);
  // By the holder, who has shown the key of the active certificate `old`, which goes on. The same key gets
  // the same certificate again for as long as a token's claim lasts. Errors: Denied / CertificateRefused;
  // Denied (foreign names, or before PkiPolicy::renewFrom); Invalid (a key that was reported as compromised);
  // Conflict; Unavailable / ClockBack, AuthorityEnded.
  void renew(const Serial& old, CertificateRequest request, Confirm confirm, Reply<IssuedCertificate> reply);
  // The encryption pair of the user who holds the active signing certificate: the last one of its line (it,
  // or one that it renewed, was given it before) that has a third of its life left, else a new one, which
  // takes as long as making a key. Pairs of other lines are for recover() alone. Errors: Denied /
  // CertificateRefused; Conflict; Unavailable / ClockBack.
  void encryptionPair(const Serial& holder, Reply<KeyPair> reply);
  // Every pair that this user ever had, the newest first, for the active signing certificate that was got
  // with a recover token, and no longer than a claim lasts. A page has as many of `limit` pairs as fit one
  // answer; it may be empty and not the last. `after`: what `next` said, or empty; asking for a page again is
  // no error. Errors: Denied / CertificateRefused; Invalid.
  void recover(const Serial& holder, const std::string& after, std::size_t limit, Reply<Page<KeyPair>> reply);

  // By an issuer, or the holder (an actor that is the user); the server's own by an admin. What is held can
  // be released by an issuer with the reason RemoveFromCrl. Revoking again is no error. One that was not yet
  // confirmed sets its token free. Errors: NotFound; Denied / Forbidden; Invalid (reason); Conflict (a
  // release of what is not held, a hold of what is not confirmed).
  void revoke(const Actor& by, const Serial& serial, RevocationReason reason, Reply<CertificateView> reply);
  // For issuers: every certificate of 1 to policy.bulkBatch users that has not ended, for ever, and the enrol
  // tokens that wait for them; several transactions, each of which holds nobody else up for long. A user
  // whose name is wrong or unknown fails alone; whatever else goes wrong ends it, and then those before may
  // be done: again is no error. Errors: Invalid (no user, or too many; a reason that is not for ever); Denied
  // / Forbidden.
  void revokeUsers(const Actor& by, std::vector<std::string> users, RevocationReason reason,
                   Reply<Outcomes<RevokedUser>> reply);
  // For administrators: every certificate of this user that has not ended, for ever, and all tokens that he
  // has, in one transaction with `check`, so that nothing comes between what that saw and what is revoked.
  // Errors: what `check` gives, and then nothing is changed; NotFound; Invalid (no user's name; a reason that
  // is not for ever); Denied / Forbidden.
  void endUser(const Actor& by, const std::string& user, RevocationReason reason, EndCheck check,
               Reply<RevokedUser> reply);
  // By an issuer or the holder. Errors: NotFound; Denied / Forbidden.
  base::Result<CertificateView> show(const Actor& by, const Serial& serial);
  // What anybody may know of it, so without its user's name, which would have to be looked up. Errors:
  // NotFound.
  base::Result<CertificateView> status(const Serial& serial);
  // Those of `user`, the newest first; for issuers with no user: all, the oldest first. `after`: what `next`
  // said, or empty. Errors: NotFound (user); Denied / Forbidden; Invalid.
  base::Result<Page<CertificateView>> list(const Actor& by, const std::string& user, const std::string& after,
                                           std::size_t limit);
  // Whether a certificate that TLS or a signature has shown counts now: ours to the byte, of that profile,
  // active and in its time. Its first use confirms it where that was implicit. Errors: Denied /
  // CertificateRefused.
  base::Result<CertificateView> authenticate(base::BytesView certificate, Profile wanted);

  // Since the start.
  const CertificateCounts& counts() const noexcept;
  // Revokes what was not confirmed in time, drops the revocations of what has long ended, a bounded batch,
  // and renews the authority's delegated signers; true while more is left.
  base::Result<bool> tidy();

 private:
  std::unique_ptr<CertificateCore> core_;
};

}  // namespace kms::pki
