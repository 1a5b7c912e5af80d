// Certificates that issuers make, and renewals by their holders.
#include "kms/pki/certificate_core.h"

namespace kms::pki {
namespace {

using base::Result;

Result<void> checkIssuer(const Actor& by, const User& user) {
  if (by.role < Role::Issuer) return forbidden("issuing a certificate needs the role issuer");
  if (user.role > by.role)
    return forbidden("issuing a certificate for a user whose role is above your own needs that role");
  return {};
}

Result<Made<CertificateRow>> fileIssued(CertificateCore& core, Txn& txn, OpenKeys& keys, const Actor& by,
                                        const std::string& name, const Draft& made) {
  auto now = core.tokens.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  auto user = findUser(txn, keys, name);
  if (!user) return std::move(user).error();
  if (!*user) return noSuchUser(name);
  if (auto allowed = checkIssuer(by, (*user)->user); !allowed) return std::move(allowed).error();
  auto row = file(core, txn, keys, made, **user, Filing{.grant = by.role, .actor = by.name}, *now);
  if (!row) return std::move(row).error();
  return Made<CertificateRow>{*std::move(row), {}};
}

// What a renewal starts from.
struct Holder {
  CertificateRow old;
  UserRow user;
  std::optional<CertificateRow> again;  // this key was given a certificate a moment ago
};

Result<Holder> holderOf(const CertificateCore& core, StoreReader& reader, OpenKeys& keys, const Serial& old,
                        const KeyHash& key, base::Time now) {
  auto row = requireCounting(reader, keys, old, now);
  if (!row) return std::move(row).error();
  if (row->user == 0) return certificateRefused();
  auto user = readUser(reader, keys, row->user);
  if (!user) return std::move(user).error();
  Holder out{*std::move(row), *std::move(user), {}};
  auto newest = readCertificate(reader, keys, out.user.newest);
  if (!newest) return std::move(newest).error();
  if (!*newest) return corruptRow("a user's newest certificate is missing");
  const CertificateRow& last = **newest;
  const CertificateState state = stateOf(last, now);
  if (last.key == key && last.profile == out.old.profile && last.sequence != out.old.sequence &&
      now < last.issued + core.pki.confirmWindow && state != CertificateState::Revoked &&
      state != CertificateState::Held)
    out.again = *std::move(newest);
  if (out.again) return out;
  if (now < out.old.issued + core.pki.renewFrom)
    return base::Error{base::Code::Denied, "it is too early to renew this certificate"};
  if (auto sound = requireSound(reader, keys, out.user, key); !sound) return std::move(sound).error();
  return out;
}

Result<Made<CertificateRow>> fileRenewed(CertificateCore& core, Txn& txn, OpenKeys& keys, const Serial& old,
                                         const Draft& made, Confirm confirm) {
  auto now = core.tokens.clock.advanceToGrant(txn);
  if (!now) return std::move(now).error();
  auto holder = holderOf(core, txn, keys, old, made.key, *now);
  if (!holder) return std::move(holder).error();
  if (holder->again) return Made<CertificateRow>{*std::move(holder->again), {}};
  if (auto used = useRow(txn, keys, holder->old, *now); !used) return std::move(used).error();
  auto user = readUser(txn, keys, holder->old.user);
  if (!user) return std::move(user).error();
  const Filing how{.line = holder->old.line,
                   .grant = holder->old.grant,
                   .confirm = confirm,
                   .actor = "user " + user->user.name,
                   .detail = " in place of " + serialText(old)};
  auto row = file(core, txn, keys, made, *user, how, *now);
  if (!row) return std::move(row).error();
  return Made<CertificateRow>{*std::move(row), {}};
}

Reply<CertificateRow> asIssued(const CertificateCore& core, std::string user,
                               Reply<IssuedCertificate> reply) {
  return [&core, user = std::move(user), reply = std::move(reply)](Result<CertificateRow> row) {
    if (!row) return reply(std::move(row).error());
    reply(issuedOf(core, *row, user));
  };
}

}  // namespace

void CertificateService::issue(const Actor& by, const std::string& user, Profile profile,
                               CertificateRequest request, Reply<IssuedCertificate> reply) {
  CertificateCore& core = *core_;
  if (by.role < Role::Issuer) return reply(forbidden("issuing a certificate needs the role issuer"));
  if (!row(profile).forUsers)
    return reply(base::Error{base::Code::Invalid, "certificates of this profile are not issued to users"});
  auto found = lookNow<User>(core, [&](StoreReader& reader, OpenKeys& keys, base::Time) -> Result<User> {
    auto known = findUser(reader, keys, user);
    if (!known) return std::move(known).error();
    if (!*known) return noSuchUser(user);
    if (auto allowed = checkIssuer(by, (*known)->user); !allowed) return std::move(allowed).error();
    auto sound = requireSound(reader, keys, **known, request.key.hash());
    if (!sound) return std::move(sound).error();
    return std::move((*known)->user);
  });
  if (!found) return reply(std::move(found).error());
  Subject subject = subjectOf(core, *found);
  if (auto own = checkNames(request, subject); !own) return reply(std::move(own).error());
  auto made = draft(core, profile, std::move(subject), request.key);
  if (!made) return reply(std::move(made).error());
  submitMade<CertificateRow>(
      core,
      [&core, by, user, made = *std::move(made)](Txn& txn, OpenKeys& keys) {
        return fileIssued(core, txn, keys, by, user, made);
      },
      asIssued(core, user, std::move(reply)));
}

void CertificateService::renew(const Serial& old, CertificateRequest request, Confirm confirm,
                               Reply<IssuedCertificate> reply) {
  CertificateCore& core = *core_;
  auto holder =
      lookNow<Holder>(core, [&](StoreReader& reader, OpenKeys& keys, base::Time now) -> Result<Holder> {
        return holderOf(core, reader, keys, old, request.key.hash(), now);
      });
  if (!holder) return reply(std::move(holder).error());
  const std::string user = holder->user.user.name;
  if (holder->again) return reply(issuedOf(core, *holder->again, user));
  Subject subject = subjectOf(core, holder->user.user);
  if (auto own = checkNames(request, subject); !own) return reply(std::move(own).error());
  auto made = draft(core, holder->old.profile, std::move(subject), request.key);
  if (!made) return reply(std::move(made).error());
  submitMade<CertificateRow>(
      core,
      [&core, old, made = *std::move(made), confirm](Txn& txn, OpenKeys& keys) {
        return fileRenewed(core, txn, keys, old, made, confirm);
      },
      asIssued(core, user, std::move(reply)));
}

}  // namespace kms::pki
