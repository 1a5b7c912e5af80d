// What the parts of CertificateService share, one file a verb. Those that take a Txn run inside a job, with
// open keys; a job takes its own Vault::Hold.
//
// A certificate is signed ahead of the job that files it, on its caller's thread: else the one writer would
// do all signatures. The job decides, and checks that what was signed is still right.
#pragma once

#include "kms/pki/certificate_sequence.h"
#include "kms/pki/certificate_service.h"
#include "kms/pki/counts.h"
#include "kms/tokens/submit.h"
#include "kms/tokens/token_core.h"

namespace kms::pki {

class CertificateCore {
 public:
  CertificateCore(Vault& v, Store& s, Authority& a, TokenCore& t, const base::Clock& c, base::Rng& r,
                  const PkiPolicy& p, Addresses where, std::string of)
      : vault(v),
        store(s),
        authority(a),
        tokens(t),
        clock(c),
        rng(r),
        pki(p),
        addresses(std::move(where)),
        organisation(std::move(of)) {}

  void tell(const std::vector<RevocationChange>& changes) const noexcept;

  Vault& vault;
  Store& store;
  Authority& authority;
  TokenCore& tokens;  // its clock, throttle and policy
  const base::Clock& clock;
  base::Rng& rng;
  const PkiPolicy& pki;
  const Addresses addresses;
  const std::string organisation;
  CertificateSequence sequence;
  std::vector<std::weak_ptr<RevocationListener>> listeners;
  mutable CertificateCounts counts;
  std::vector<Profile> filed;  // by the job that runs now; for jobs only, of which one runs at a time
};

// A certificate that was signed and is not yet filed.
struct Draft {
  std::int64_t sequence = 0;
  Profile profile = Profile::Signing;
  Subject subject;
  Serial serial{};
  std::int64_t authority = 0;
  base::Time issued{};
  base::Time notBefore{};
  base::Time notAfter{};
  KeyHash key{};
  base::Bytes der;
};

// What a job gives: the answer, and what listeners must hear before it.
template <class T>
struct Made {
  T value{};
  std::vector<RevocationChange> changes{};
  std::vector<Profile> filed{};  // what is to be counted; submitMade() fills it in
};

// The names that this user's certificates have.
Subject subjectOf(const CertificateCore& core, const User& user);
// Signs on this thread. REQUIRES: no Vault::Hold. Errors: Invalid (checkSubject, the key); Unavailable /
// Sealed, AuthorityEnded; NotFound / NoAuthority.
base::Result<Draft> draft(CertificateCore& core, Profile profile, Subject subject, const PublicKey& key);

// How a draft is filed.
struct Filing {
  std::int64_t token = 0;
  std::int64_t archived = 0;
  std::int64_t line = 0;  // 0: it begins one
  Role grant = Role::None;
  std::optional<Confirm> confirm{};  // none: it counts at once
  std::string actor{};
  std::string detail{};  // for the audit log
};
// Files the draft as the user's newest certificate and writes both rows. Errors: Conflict where the user's
// names have changed since; Unavailable where the draft is too old.
base::Result<CertificateRow> file(CertificateCore& core, Txn& txn, OpenKeys& keys, const Draft& draft,
                                  UserRow& user, const Filing& how, base::Time now);

// The rules of what counts as confirmed, revoked and held; each writes the rows and the audit entries.
// An unconfirmed one is taken for good, and its token is used up.
base::Result<void> confirmRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now,
                              const std::string& how);
// Revoked for good, or held. The token of one that was not confirmed is set free.
base::Result<RevocationChange> endRow(Txn& txn, OpenKeys& keys, CertificateRow& row, RevocationReason reason,
                                      base::Time now, const std::string& actor, const std::string& detail);
// A reason to end a user's certificate for ever; anything outside the enumeration is none.
bool isFinal(RevocationReason reason) noexcept;
// REQUIRES: held.
base::Result<RevocationChange> releaseRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now,
                                          const std::string& actor);
// What time has decided for an unconfirmed one, if it has.
base::Result<void> settleRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now,
                             std::vector<RevocationChange>& changes);
// Confirms at the first use.
base::Result<void> useRow(Txn& txn, OpenKeys& keys, CertificateRow& row, base::Time now);

// Errors: Invalid where one of the user's latest certificates of this key was revoked for its compromise.
base::Result<void> requireSound(StoreReader& reader, OpenKeys& keys, const UserRow& user, const KeyHash& key);

// Whether it proves now who its holder is.
bool counts(const CertificateRow& row, base::Time now) noexcept;
// The row of one that counts. Errors: Denied / CertificateRefused.
base::Result<CertificateRow> requireCounting(StoreReader& reader, OpenKeys& keys, const Serial& serial,
                                             base::Time now);
// The token that this unconfirmed certificate has claimed; nothing where it is no longer its own.
base::Result<std::optional<TokenRow>> claimedToken(StoreReader& reader, OpenKeys& keys,
                                                   const CertificateRow& row);

base::Result<IssuedCertificate> issuedOf(const CertificateCore& core, const CertificateRow& row,
                                         const std::string& user);
CertificateView viewOf(const CertificateRow& row, const std::string& user, base::Time now);
// Empty for the server's own.
base::Result<std::string> userNameOf(StoreReader& reader, OpenKeys& keys, const CertificateRow& row);

// Whether `hash` is the SHA-256, -384 or -512 of `data`, as its length says.
bool isHashOf(base::BytesView hash, base::BytesView data);

base::Error tokenRefused();
base::Error certificateRefused();
base::Error authorityEnded();
base::Error noSuchCertificate();

// Runs `job(txn, keys)`, which gives a Made<T>, and tells the listeners before it replies.
template <class T, class Job>
void submitMade(CertificateCore& core, Job job, Reply<T> reply) {
  submit<Made<T>>(
      core.store,
      [&core, job = std::move(job)](Txn& txn) -> base::Result<Made<T>> {
        core.filed.clear();
        auto made =
            withKeys(core.tokens, [&](OpenKeys& keys) -> base::Result<Made<T>> { return job(txn, keys); });
        if (made) made->filed = std::exchange(core.filed, {});
        return made;
      },
      [&core, reply = std::move(reply)](base::Result<Made<T>> made) {
        if (!made) return reply(std::move(made).error());
        for (const Profile profile : made->filed) core.counts.issued.add(profile);
        core.tell(made->changes);
        reply(std::move(made->value));
      });
}

// Runs `look(reader, keys, now)` on this thread, in one view; both are let go before it returns.
template <class T, class Look>
base::Result<T> lookNow(CertificateCore& core, Look look) {
  return guarded([&]() -> base::Result<T> {
    return withKeys(core.tokens, [&](OpenKeys& keys) -> base::Result<T> {
      std::optional<T> seen;
      auto done = core.store.read([&](StoreReader& reader) -> base::Result<void> {
        auto now = core.tokens.clock.now(reader);
        if (!now) return std::move(now).error();
        auto value = look(reader, keys, *now);
        if (!value) return std::move(value).error();
        seen.emplace(*std::move(value));
        return {};
      });
      if (!done) return std::move(done).error();
      return *std::move(seen);
    });
  });
}

}  // namespace kms::pki
